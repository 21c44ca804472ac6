/* Attention in bf16 by AMX, the matrix unit of some x86 processors: ATTENTION of kernels.c, its products by tiles.

   A tile is 16 rows of 64 bytes. _tile_dpbf16ps multiplies 16 rows of 32 bf16 with 32 x 16 whose rows stand in pairs (a
   word holds an element of row 2 t and the one below it), and adds to 16 x 16 floats. So scores, sums and statistics
   are fp32; weights and the gradients of scores are rounded to bf16 for their products. Products cost little then: what
   counts is the element-wise work between them, which is written for vectors of 16, and the way to memory.

   Keys, queries and heads are filled up to multiples of SIDE with zeros, in memory of the thread. */

#if defined(__linux__) && defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BF16__) \
    && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIDE 32
#define QUERIES 64 /* at a time: each adds to the gradients of all keys and values, which are larger than the cache */
#define SCORED 16  /* of them, whose scores are computed at a time: these stay in the cache */
#define BARRIER __asm__ volatile("" ::: "memory") /* GCC does not know that tiles are loaded from memory */

/* Linux saves the tiles of a process only if asked to: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA. */
static int tiles_allowed(void) {
    static int allowed = -1;
    if (allowed < 0) allowed = syscall(SYS_arch_prctl, 0x1023, 18) == 0;
    return allowed;
}

static void tiles_begin(void) {
    struct { uint8_t palette, start, none[14]; uint16_t bytes[16]; uint8_t rows[16]; } about = {.palette = 1};
    for (int t = 0; t < 8; t++) about.bytes[t] = 64, about.rows[t] = 16;
    BARRIER;
    _tile_loadconfig(&about);
}

static inline int64_t sides(int64_t n) { return (n + SIDE - 1) / SIDE * SIDE; }

/* C (m, n) = A B, or C += A B: A is (m, k) by rows of lda, B is k / 2 rows of ldb pairs; n and k multiples of SIDE, m
   of half of it. */
static void tile_product(float *C, int64_t ldc, const bf16 *A, int64_t lda, const uint32_t *B, int64_t ldb, int64_t m,
                         int64_t n, int64_t k, int add) {
    BARRIER;
    for (int64_t i = 0; i < m; i += SIDE)
        for (int64_t j = 0; j < n; j += SIDE) {
            float *c = C + i * ldc + j, *below = c + 16 * ldc;
            int two = m - i > 16;
            if (add) {
                _tile_loadd(0, c, ldc * 4);
                _tile_loadd(1, c + 16, ldc * 4);
                if (two) _tile_loadd(2, below, ldc * 4);
                if (two) _tile_loadd(3, below + 16, ldc * 4);
            } else {
                _tile_zero(0);
                _tile_zero(1);
                _tile_zero(2);
                _tile_zero(3);
            }
            for (int64_t t = 0; t < k; t += SIDE) {
                const bf16 *a = A + i * lda + t;
                const uint32_t *b = B + t / 2 * ldb + j;
                _tile_loadd(4, a, lda * 2);
                _tile_loadd(6, b, ldb * 4);
                _tile_loadd(7, b + 16, ldb * 4);
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
                if (two) {
                    _tile_loadd(5, a + 16 * lda, lda * 2);
                    _tile_dpbf16ps(2, 5, 6);
                    _tile_dpbf16ps(3, 5, 7);
                }
            }
            _tile_stored(0, c, ldc * 4);
            _tile_stored(1, c + 16, ldc * 4);
            if (two) _tile_stored(2, below, ldc * 4);
            if (two) _tile_stored(3, below + 16, ldc * 4);
        }
    BARRIER;
}

/* -- layouts ------------------------------------------------------------------------------------------------------ */

/* The first n lanes as a mask. */
static inline uint32_t lanes(int64_t n) { return n >= 32 ? ~0u : n > 0 ? (1u << n) - 1 : 0; }

/* n rows of d elements, `step` apart, as `all` rows of `wide`; 0 beyond them. */
static void take(bf16 *to, int64_t wide, int64_t all, const bf16 *from, int64_t step, int64_t n, int64_t d) {
    for (int64_t i = 0; i < all; i++)
        for (int64_t c = 0; c < wide; c += SIDE)
            _mm512_storeu_si512(to + i * wide + c,
                                _mm512_maskz_loadu_epi16(i < n ? lanes(d - c) : 0, from + i * step + c));
}

/* d floats times `by`, as bf16. */
static void put(bf16 *to, const float *from, int64_t d, float by) {
    for (int64_t c = 0; c < d; c += LANES)
        _mm256_mask_storeu_epi16(to + c, (__mmask16)lanes(d - c),
                                 (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + c) * by));
}

/* Rows 2 t and 2 t + 1 as one of pairs. */
static void pair(uint32_t *to, const bf16 *from, int64_t wide, int64_t n) {
    for (int64_t t = 0; t < n / 2; t++)
        for (int64_t c = 0; c < wide; c += LANES) {
            const bf16 *a = from + 2 * t * wide + c;
            __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)a));
            __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(a + wide)));
            _mm512_storeu_si512(to + t * wide + c, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
}

/* 16 x 16 words turned, a bit of row's and lane's numbers a step: what differs in it changes places. */
static void turn_tile(void *to, int64_t ldt, const void *from, int64_t ldf) {
    __m512i rows[16], lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) rows[r] = _mm512_loadu_si512((const uint32_t *)from + r * ldf);
#pragma GCC unroll 4
    for (int s = 1; s < 16; s *= 2) {
        __m512i other = _mm512_xor_si512(lane, _mm512_set1_epi32(s)), second = _mm512_set1_epi32(16);
        __mmask16 has = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(s));
        __m512i low = _mm512_mask_add_epi32(lane, has, other, second);
        __m512i high = _mm512_mask_add_epi32(other, has, lane, second);
#pragma GCC unroll 16
        for (int r = 0; r < 16; r++)
            if (!(r & s)) {
                __m512i a = rows[r], b = rows[r | s];
                rows[r] = _mm512_permutex2var_epi32(a, low, b);
                rows[r | s] = _mm512_permutex2var_epi32(a, high, b);
            }
    }
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) _mm512_storeu_si512((uint32_t *)to + r * ldt, rows[r]);
}

/* n rows of m words as m rows of n, both multiples of 16. */
static void turn(void *to, const void *from, int64_t n, int64_t m) {
    for (int64_t i = 0; i < n; i += 16)
        for (int64_t j = 0; j < m; j += 16)
            turn_tile((uint32_t *)to + j * n + i, n, (const uint32_t *)from + i * m + j, m);
}

/* -- element-wise ------------------------------------------------------------------------------------------------- */

typedef struct { /* what attend and attend_back are told, in their words */
    const bf16 *q, *k, *v, *g;
    const float *bias;
    const int64_t *q_from, *k_from;
    int64_t R, h, d, q_step, kv_step, far, causal;
    uint32_t seed, drop;
    float scale;
} Plan;

typedef struct { /* one head of one row of the batch: where its queries and keys begin, how many there are */
    int64_t head, first, Q, origin, K;
    const bf16 *q, *k, *v, *g;
} Row;

static Row row_of(const Plan *plan, int64_t r, int64_t head) { /* beyond the last row: nothing */
    if (r >= plan->R) return (Row){0};
    int64_t first = plan->q_from[r], origin = plan->k_from[r], d = plan->d, keys = origin * plan->kv_step + head * d;
    const bf16 *g = plan->g ? plan->g + (first * plan->h + head) * d : 0;
    return (Row){head, first, plan->q_from[r + 1] - first, origin, plan->k_from[r + 1] - origin,
                 plan->q + first * plan->q_step + head * d, plan->k + keys, plan->v + keys, g};
}

typedef struct { /* one query: how many keys it sees, their bias, the place of its first weight in the dropout */
    int64_t seen;
    const float *add;
    uint32_t place;
} Query;

static inline Query query(const Plan *plan, Row row, int64_t at) {
    return (Query){plan->causal && at + 1 < row.K ? at + 1 : row.K,
                   plan->bias ? plan->bias + row.head * (2 * plan->far - 1) + plan->far - 1 - at : 0,
                   (uint32_t)((row.head * plan->q_from[plan->R] + row.first + at) * plan->far)};
}

#define LOG2E 1.44269504f

/* 2^(x log2(e) - less) in the lanes of `in`, 0 in the others; within 3e-6 of it, a NaN stays one. */
static inline __m512 exp_lanes(__mmask16 in, __m512 x, __m512 less) {
    __m512 y = _mm512_fmsub_ps(x, _mm512_set1_ps(LOG2E), less);
    y = _mm512_max_ps(_mm512_set1_ps(-126.0f), y); /* of a NaN and another it takes the second */
    __m512 n = _mm512_roundscale_ps(y, 0), r = y - n;
    __m512 z = r * 9.5700966624e-3f + 5.5917859907e-2f;
    z = z * r + 2.4024744957e-1f;
    z = z * r + 6.9312181481e-1f;
    z = z * r + 9.9999926141e-1f;
    return _mm512_maskz_scalef_ps(in, z, n);
}

/* kept of LANES elements from `place` on. */
static inline __mmask16 kept_lanes(const Plan *plan, uint32_t place) {
    __m512i x = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    x = _mm512_xor_si512(_mm512_add_epi32(x, _mm512_set1_epi32((int)place)), _mm512_set1_epi32((int)plan->seed));
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
    x = _mm512_mullo_epi32(x, _mm512_set1_epi32(0x7feb352d));
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 15));
    x = _mm512_mullo_epi32(x, _mm512_set1_epi32((int)0x846ca68bu));
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
    return _mm512_cmpge_epu32_mask(x, _mm512_set1_epi32((int)plan->drop));
}

/* Of n <= SCORED queries from `at` on, whose scores x are rows of `step`: p = dropout(exp(x + bias - top)) but for its
   factor, by rows of `wide`, 0 beyond the last key seen. Gives their tops, and the sums of the weights before dropout:
   of all queries at once, by turning the 16 lanes of each. */
static void weigh(bf16 *p, int64_t Kp, float *x, int64_t step, int64_t wide, const Plan *plan, Row row, int64_t at,
                  int64_t n, __m512 *tops, __m512 *sums) {
    float lanes_of[16 * 16] __attribute__((aligned(64))), top[16] __attribute__((aligned(64)));
    memset(lanes_of + 16 * n, 0, (size_t)(16 - n) * 64);
    for (int64_t i = 0; i < n; i++) {
        Query of = query(plan, row, at + i);
        __m512 most = _mm512_set1_ps(-INFINITY);
        for (int64_t j = 0; j < of.seen; j += LANES) {
            __mmask16 in = (__mmask16)lanes(of.seen - j);
            __m512 a = _mm512_loadu_ps(x + i * step + j);
            if (of.add) a += _mm512_maskz_loadu_ps(in, of.add + j);
            _mm512_storeu_ps(x + i * step + j, a);
            most = _mm512_mask_max_ps(most, in, most, a);
        }
        _mm512_store_ps(lanes_of + 16 * i, most);
    }
    turn_tile(lanes_of, 16, lanes_of, 16);
    __m512 highest = _mm512_load_ps(lanes_of);
    for (int i = 1; i < 16; i++) highest = _mm512_max_ps(highest, _mm512_load_ps(lanes_of + 16 * i));
    _mm512_store_ps(top, highest);
    for (int64_t i = 0; i < n; i++) {
        Query of = query(plan, row, at + i);
        __m512 less = _mm512_set1_ps(top[i] * LOG2E), sum = _mm512_setzero_ps();
        for (int64_t j = 0; j < wide; j += LANES) {
            __m512 y = _mm512_setzero_ps();
            if (j < of.seen) {
                y = exp_lanes((__mmask16)lanes(of.seen - j), _mm512_loadu_ps(x + i * step + j), less);
                sum += y;
                if (plan->drop) y = _mm512_maskz_mov_ps(kept_lanes(plan, of.place + (uint32_t)j), y);
            }
            _mm256_storeu_si256((__m256i *)(p + i * Kp + j), (__m256i)_mm512_cvtneps_pbh(y));
        }
        _mm512_store_ps(lanes_of + 16 * i, sum);
    }
    turn_tile(lanes_of, 16, lanes_of, 16);
    __m512 all = _mm512_load_ps(lanes_of);
    for (int i = 1; i < 16; i++) all += _mm512_load_ps(lanes_of + 16 * i);
    *tops = highest, *sums = all;
}

/* Two rows of floats as bf16: by rows (unless NULL), and as one row of pairs. */
static inline void put_pair(bf16 *first, bf16 *second, uint32_t *pairs, __m512 a, __m512 b) {
    static const uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);
    if (first) {
        _mm256_storeu_si256((__m256i *)first, _mm512_castsi512_si256(both));
        _mm256_storeu_si256((__m256i *)second, _mm512_extracti64x4_epi64(both, 1));
    }
    _mm512_storeu_si512(pairs, _mm512_permutexvar_epi16(_mm512_loadu_si512(order), both));
}

/* Of two queries, from their scores x and the gradients u of their weights, rows of `step`: the weights p as pairs; the
   gradients of the scores by rows, as pairs, and in u. `less` is their log-sum-exp. */
static void weigh_back(uint32_t *p, bf16 *ds, uint32_t *ds_pairs, int64_t Kp, float *x, float *u, int64_t step,
                       int64_t wide, const Plan *plan, const Query of[2], const float less[2]) {
    __m512 dots[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()}, y[2];
    int64_t most = of[0].seen > of[1].seen ? of[0].seen : of[1].seen, full = whole(most);
    for (int64_t j = 0; j < most; j += LANES) {
#pragma GCC unroll 2
        for (int e = 0; e < 2; e++) {
            __mmask16 in = (__mmask16)lanes(of[e].seen - j);
            float *at = x + e * step + j, *up = u + e * step + j;
            __m512 a = _mm512_loadu_ps(at), grad = _mm512_maskz_loadu_ps(in, up);
            if (of[e].add) a += _mm512_maskz_loadu_ps(in, of[e].add + j);
            __m512 bare = exp_lanes(in, a, _mm512_set1_ps(less[e] * LOG2E));
            y[e] = bare;
            if (plan->drop) {
                __mmask16 keep = kept_lanes(plan, of[e].place + (uint32_t)j);
                y[e] = _mm512_maskz_mul_ps(keep, bare, _mm512_set1_ps(plan->scale));
                grad = _mm512_maskz_mul_ps(keep, grad, _mm512_set1_ps(plan->scale));
            }
            dots[e] += bare * grad;
            _mm512_storeu_ps(at, bare);
            _mm512_storeu_ps(up, grad);
        }
        put_pair(0, 0, p + j, y[0], y[1]);
    }
    float dot[2] = {_mm512_reduce_add_ps(dots[0]), _mm512_reduce_add_ps(dots[1])};
    for (int64_t j = 0; j < most; j += LANES) {
#pragma GCC unroll 2
        for (int e = 0; e < 2; e++) {
            float *up = u + e * step + j;
            y[e] = _mm512_maskz_mul_ps((__mmask16)lanes(of[e].seen - j), _mm512_loadu_ps(x + e * step + j),
                                       _mm512_loadu_ps(up) - dot[e]);
            _mm512_storeu_ps(up, y[e]);
        }
        put_pair(ds + j, ds + Kp + j, ds_pairs + j, y[0], y[1]);
    }
    for (int64_t j = full; j < wide; j += LANES) {
        put_pair(0, 0, p + j, _mm512_setzero_ps(), _mm512_setzero_ps());
        put_pair(ds + j, ds + Kp + j, ds_pairs + j, _mm512_setzero_ps(), _mm512_setzero_ps());
        for (int e = 0; e < 2; e++) _mm512_storeu_ps(u + e * step + j, _mm512_setzero_ps());
    }
}

/* sum[c] += the sum over n rows i of u[i][c + i], for c from 1 - n to K - 1; beyond `wide` u is made 0. */
static void sum_diagonals(float *sum, float *u, int64_t step, int64_t wide, int64_t n, int64_t K) {
    for (int64_t i = -1; i < n; i++)
        for (int64_t c = i < 0 ? step - SIDE : wide; c < step; c += LANES)
            _mm512_storeu_ps(u + i * step + c, _mm512_setzero_ps());
    for (int64_t c = 1 - n; c < K; c += LANES) {
        __mmask16 in = (__mmask16)lanes(K - c);
        __m512 total = _mm512_maskz_loadu_ps(in, sum + c);
        for (int64_t i = 0; i < n; i++) total += _mm512_loadu_ps(u + i * (step + 1) + c);
        _mm512_mask_storeu_ps(sum + c, in, total);
    }
}

/* -- attention ---------------------------------------------------------------------------------------------------- */

/* The keys that a block of queries up to `end` may see, filled up. */
static inline int64_t width(const Plan *plan, int64_t end, int64_t K) {
    return sides(plan->causal && end < K ? end : K);
}

/* Position i of a row, if there is one, is read or written soon. Positions stand far apart, and the processor does not
   foresee them. */
static inline void soon_read(const bf16 *from, int64_t step, int64_t i, int64_t n, int64_t d) {
    if (i < n)
        for (int64_t c = 0; c < d; c += 32) __builtin_prefetch(from + i * step + c, 0, 2);
}

static inline void soon_written(bf16 *to, int64_t step, int64_t i, int64_t n, int64_t d) {
    if (i < n)
        for (int64_t c = 0; c < d; c += 32) __builtin_prefetch(to + i * step + c, 1);
}

static inline void soon(const Plan *plan, Row next, int64_t i) {
    soon_read(next.q, plan->q_step, i, next.Q, plan->d);
    soon_read(next.k, plan->kv_step, i, next.K, plan->d);
    soon_read(next.v, plan->kv_step, i, next.K, plan->d);
    if (next.g) soon_read(next.g, plan->h * plan->d, i, next.Q, plan->d);
}

/* One head of one row; the next one is fetched meanwhile. */
static void tiled_row(const Plan *plan, Row row, Row next, bf16 *out, float *sums) {
    int64_t d = plan->d, dp = sides(d), Kp = sides(row.K), step = Kp + SIDE, out_step = plan->h * d;
    size_t size = (size_t)(SCORED * step + QUERIES * dp) * 4     /* floats */
                  + (size_t)(2 * Kp * dp) * 2                    /* pairs */
                  + (size_t)(Kp * dp + QUERIES * (dp + Kp)) * 2; /* bf16 */
    float *x = aligned_alloc(64, size);
    float *os = x + SCORED * step;
    uint32_t *kt = (uint32_t *)(os + QUERIES * dp), *vs = kt + Kp * dp / 2;
    bf16 *rows = (bf16 *)(vs + Kp * dp / 2), *qs = rows + Kp * dp, *p = qs + QUERIES * dp;
    take(rows, dp, Kp, row.k, plan->kv_step, row.K, d);
    turn(kt, rows, Kp, dp / 2);
    take(rows, dp, Kp, row.v, plan->kv_step, row.K, d);
    pair(vs, rows, dp, Kp);
    out += row.first * out_step + row.head * d;
    if (sums) sums += row.head * plan->q_from[plan->R] + row.first;
    for (int64_t start = 0; start < row.Q; start += QUERIES) {
        int64_t n = row.Q - start < QUERIES ? row.Q - start : QUERIES, wide = width(plan, start + n, row.K);
        float inv[QUERIES];
        take(qs, dp, sides(n), row.q + start * plan->q_step, plan->q_step, n, d);
        for (int64_t i = 0; i < n; i += SCORED) {
            int64_t m = n - i < SCORED ? n - i : SCORED;
            __m512 tops, totals;
            tile_product(x, step, qs + i * dp, dp, kt, Kp, SCORED, wide, dp, 0);
            for (int64_t e = i; e < i + m; e++) {
                soon(plan, next, start + e);
                soon_written(out, out_step, start + e, row.Q, d);
            }
            weigh(p + i * Kp, Kp, x, step, wide, plan, row, start + i, m, &tops, &totals);
            _mm512_storeu_ps(inv + i, _mm512_set1_ps(plan->drop ? plan->scale : 1.0f) / totals);
            if (sums) {
                float top[16], total[16];
                _mm512_storeu_ps(top, tops);
                _mm512_storeu_ps(total, totals);
                for (int64_t e = 0; e < m; e++) sums[start + i + e] = top[e] + logf(total[e]);
            }
        }
        tile_product(os, dp, p, Kp, vs, dp, whole(n), dp, wide, 0);
        for (int64_t i = 0; i < n; i++) put(out + (start + i) * out_step, os + i * dp, d, inv[i]);
    }
    free(x);
}

/* The same backward; dbias is that of the head, from the distance 1 - far on. */
static void tiled_row_back(const Plan *plan, Row row, Row next, bf16 *dq, bf16 *dk, bf16 *dv, const float *sums,
                           float *dbias) {
    int64_t d = plan->d, dp = sides(d), K = row.K, Kp = sides(K), step = Kp + SIDE;
    int64_t q_step = plan->q_step, kv_step = plan->kv_step, g_step = plan->h * d;
    size_t size = (size_t)(2 * SCORED * step + 2 * SIDE + 2 * Kp * dp + QUERIES * dp) * 4 /* floats */
                  + (size_t)(3 * Kp * dp + QUERIES * dp + 2 * QUERIES * Kp) * 2           /* pairs */
                  + (size_t)(Kp * dp + 4 * QUERIES * dp + QUERIES * Kp) * 2;              /* bf16 */
    float *x = aligned_alloc(64, size), *u = x + SCORED * step + SIDE, *dkt = u + SCORED * step + SIDE;
    float *dvt = dkt + Kp * dp, *dqs = dvt + Kp * dp;
    uint32_t *kt = (uint32_t *)(dqs + QUERIES * dp), *vt = kt + Kp * dp / 2, *ks = vt + Kp * dp / 2;
    uint32_t *pairs = ks + Kp * dp / 2, *p = pairs + QUERIES * dp / 2, *ds_pairs = p + QUERIES * Kp / 2;
    bf16 *rows = (bf16 *)(ds_pairs + QUERIES * Kp / 2), *qs = rows + Kp * dp, *gs = qs + QUERIES * dp;
    bf16 *qt = gs + QUERIES * dp, *gt = qt + QUERIES * dp, *ds = gt + QUERIES * dp;
    take(rows, dp, Kp, row.v, kv_step, K, d);
    turn(vt, rows, Kp, dp / 2);
    take(rows, dp, Kp, row.k, kv_step, K, d);
    turn(kt, rows, Kp, dp / 2);
    pair(ks, rows, dp, Kp);
    dq += row.first * q_step + row.head * d;
    dk += row.origin * kv_step + row.head * d;
    dv += row.origin * kv_step + row.head * d;
    sums += row.head * plan->q_from[plan->R] + row.first;
    if (plan->causal) memset(dkt, 0, (size_t)(2 * Kp * dp) * 4); /* later queries see keys that the first do not */
    for (int64_t start = 0; start < row.Q; start += QUERIES) {
        int64_t n = row.Q - start < QUERIES ? row.Q - start : QUERIES, high = sides(n);
        int64_t wide = width(plan, start + n, K);
        int add = start > 0 || plan->causal;
        take(qs, dp, high, row.q + start * q_step, q_step, n, d);
        take(gs, dp, high, row.g + start * g_step, g_step, n, d);
        for (int64_t s = 0; s < n; s += SCORED) {
            tile_product(x, step, qs + s * dp, dp, kt, Kp, SCORED, wide, dp, 0);
            tile_product(u, step, gs + s * dp, dp, vt, Kp, SCORED, wide, dp, 0);
            for (int64_t i = s; i < s + SCORED; i += 2) {
                Query of[2] = {{0}};
                float less[2] = {0};
                for (int64_t e = 0; e < 2 && i + e < n; e++) {
                    int64_t at = start + i + e;
                    of[e] = query(plan, row, at);
                    less[e] = sums[at];
                    soon(plan, next, at);
                    soon_written(dq, q_step, at, row.Q, d);
                    soon_written(dk, kv_step, at, K, d);
                    soon_written(dv, kv_step, at, K, d);
                }
                weigh_back(p + i / 2 * Kp, ds + i * Kp, ds_pairs + i / 2 * Kp, Kp, x + (i - s) * step,
                           u + (i - s) * step, step, wide, plan, of, less);
            }
            int64_t m = n - s < SCORED ? n - s : SCORED;
            if (dbias)
                sum_diagonals(dbias + plan->far - 1 - start - s, u, step, wide, m,
                              plan->causal && start + s + m < K ? start + s + m : K);
        }
        if (whole(n) < high) { /* queries that are not there, of whom nothing was computed */
            memset(p + whole(n) / 2 * Kp, 0, (size_t)(LANES / 2 * Kp) * 4);
            memset(ds_pairs + whole(n) / 2 * Kp, 0, (size_t)(LANES / 2 * Kp) * 4);
        }
        pair(pairs, gs, dp, high);
        turn(gt, pairs, high / 2, dp);
        tile_product(dvt, Kp, gt, high, p, Kp, dp, wide, high, add);
        pair(pairs, qs, dp, high);
        turn(qt, pairs, high / 2, dp);
        tile_product(dkt, Kp, qt, high, ds_pairs, Kp, dp, wide, high, add);
        tile_product(dqs, dp, ds, Kp, ks, dp, whole(n), dp, wide, 0);
        for (int64_t i = 0; i < n; i++) put(dq + (start + i) * q_step, dqs + i * dp, d, 1.0f);
    }
    for (int64_t j = 0; j < K; j += 16) { /* dqs has room for both */
        float *dvs = dqs + 16 * dp;
        for (int64_t c = 0; c < dp; c += 16) {
            turn_tile(dqs + c, dp, dkt + c * Kp + j, Kp);
            turn_tile(dvs + c, dp, dvt + c * Kp + j, Kp);
        }
        for (int64_t i = 0; i < 16 && j + i < K; i++) {
            put(dk + (j + i) * kv_step, dqs + i * dp, d, 1.0f);
            put(dv + (j + i) * kv_step, dvs + i * dp, d, 1.0f);
        }
    }
    free(x);
}

static void tiled(const Plan *plan, bf16 *out, float *sums) {
    int64_t h = plan->h;
    _Pragma("omp parallel") {
        tiles_begin();
        _Pragma("omp for schedule(dynamic, 4)") for (int64_t task = 0; task < plan->R * h; task++)
            tiled_row(plan, row_of(plan, task / h, task % h), row_of(plan, (task + 1) / h, (task + 1) % h), out, sums);
        _tile_release();
    }
}

static void tiled_back(const Plan *plan, int64_t parts, bf16 *dq, bf16 *dk, bf16 *dv, const float *sums, float *dbias) {
    int64_t h = plan->h, R = plan->R, distances = 2 * plan->far - 1;
    _Pragma("omp parallel") {
        tiles_begin();
        _Pragma("omp for schedule(dynamic)") for (int64_t task = 0; task < parts * h; task++) {
            int64_t part = task / h, head = task % h;
            for (int64_t r = part * R / parts; r < (part + 1) * R / parts; r++)
                tiled_row_back(plan, row_of(plan, r, head), row_of(plan, r + 1, head), dq, dk, dv, sums,
                               plan->bias ? dbias + (part * h + head) * distances : 0);
        }
        _tile_release();
    }
}

/* By their names in ATTENTION. */
#define PLAN(G)                                                                                                        \
    &(Plan) {                                                                                                          \
        q, k, v, G, bias, q_from, k_from, R, h, d, q_step, kv_step, far, causal, (uint32_t)seed, (uint32_t)drop, scale \
    }
#define TILED_bf16(...) (tiles_allowed() && (__VA_ARGS__, 1))
#else
#define TILED_bf16(...) 0
#endif
#define TILED_float(...) 0

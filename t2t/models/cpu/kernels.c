/* The element-wise parts of a T5 layer in one pass over memory each: what PyTorch does in three to six, with a slow
   random generator, on a CPU. Compiled by kernels.py, called by ops.py, held to PyTorch's own by tests/test_ops.py.

   Every function is there for float and for bfloat16 (kept as uint16_t, computed in float, rounded to nearest even).
   Dropout is a counter-based hash of (seed, index): nothing is stored, the backward pass hashes again. An element is
   kept where its hash is at least `drop`, the share to drop times 2^32; what is kept is multiplied by `scale`. */

#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("prefer-vector-width=512") /* it prefers 256 bits where heavy use of 512 once lowered the clock */
#endif

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint16_t bf16;

static inline float f32_of_float(float x) { return x; }
static inline float float_of_f32(float x) { return x; }

static inline float f32_of_bf16(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

static inline bf16 bf16_of_f32(float x) { /* a NaN stays one: the loop must see it */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (bf16)(x == x ? rounded : 0x7fc0u);
}

/* lowbias32 of C. Wellons' hash prospector: a bijection of 32 bits with low bias (nullprogram.com, 2018). */
#define MIX(x) ((x) ^= (x) >> 16, (x) *= 0x7feb352du, (x) ^= (x) >> 15, (x) *= 0x846ca68bu, (x) ^= (x) >> 16)

/* The factor of an element: 0 where it is dropped. Beyond 2^32 elements the index wraps around. */
static inline float kept(uint32_t i, uint32_t seed, uint32_t drop, float scale) {
    uint32_t x = i ^ seed;
    return MIX(x) >= drop ? scale : 0.0f;
}

static inline float exp_of(float x) { /* x <= 0: softmax's. Cephes' polynomial, error below 2 ulp */
    x = x < -87.0f ? -87.0f : x;
    float n = floorf(x * 1.44269504f + 0.5f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float two;
    memcpy(&two, &bits, 4);
    return p * two;
}

static inline float sigmoid(float x) { /* of 2u = tanh's argument; the sign is folded so that exp_of sees x <= 0 */
    float e = exp_of(x < 0.0f ? x : -x);
    float s = 1.0f / (1.0f + e);
    return x < 0.0f ? 1.0f - s : s;
}

/* gelu_new: 0.5 a (1 + tanh(u)) = a sigmoid(2u), u = sqrt(2/pi) (a + 0.044715 a^3) */
static inline float gelu(float a) { return a * sigmoid(1.5957691216f * (a + 0.044715f * a * a * a)); }

static inline float gelu_slope(float a) {
    float s = sigmoid(1.5957691216f * (a + 0.044715f * a * a * a));
    return s + a * s * (1.0f - s) * 1.5957691216f * (1.0f + 0.134145f * a * a);
}

/* Memory AHEAD of `from` is read soon: the processor foresees a stream only to the end of a page. */
#define AHEAD 2048 /* bytes */
static inline void soon_from(const void *from, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch((const char *)from + AHEAD + at, 0, 2);
}

#define FOR_ROWS(n) _Pragma("omp parallel for schedule(static)") for (int64_t r = 0; r < (n); r++)

#define OF_TYPE(T, LOAD, STORE, NAME)                                                                                  \
                                                                                                                       \
    /* x = base + dropout(x), or dropout(x) without base (NULL); y = x / rms(x) * w by rows of d. Keeps 1 / rms. */    \
    void add_norm_##NAME(const T *base, T *x, const float *w, T *y, float *inverse, int64_t n, int64_t d, float eps,   \
                         int64_t seed, int64_t drop, float scale) {                                                    \
        FOR_ROWS(n) {                                                                                                  \
            int64_t at = r * d;                                                                                        \
            float sum = 0.0f;                                                                                          \
            soon_from(x + at, d * sizeof(T));                                                                          \
            if (base) soon_from(base + at, d * sizeof(T));                                                             \
            if (base)                                                                                                  \
                for (int64_t i = at; i < at + d; i++)                                                                  \
                    x[i] = STORE(LOAD(base[i]) + LOAD(x[i]) * kept(i, seed, drop, scale));                             \
            else                                                                                                       \
                for (int64_t i = at; i < at + d; i++) x[i] = STORE(LOAD(x[i]) * kept(i, seed, drop, scale));           \
            _Pragma("omp simd reduction(+ : sum)") for (int64_t i = at; i < at + d; i++) sum +=                        \
                LOAD(x[i]) * LOAD(x[i]);                                                                               \
            float inv = 1.0f / sqrtf(sum / (float)d + eps);                                                            \
            inverse[r] = inv;                                                                                          \
            for (int64_t i = 0; i < d; i++) y[at + i] = STORE(LOAD(x[at + i]) * inv * w[i]);                           \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* From the gradients g of that x and gy of its norm y: the gradient of base, in the place of x, and dx, what      \
       dropout lets through of it; dw summed over the rows of each of `parts` stretches (parts, d), so that the order  \
       is fixed. */                                                                                                    \
    void add_norm_back_##NAME(const T *g, const T *gy, T *x, const float *w, const float *inverse, T *dx, float *dw,   \
                              int64_t n, int64_t d, int64_t parts, int64_t seed, int64_t drop, float scale) {          \
        FOR_ROWS(parts) {                                                                                              \
            float *sums = dw + r * d;                                                                                  \
            memset(sums, 0, (size_t)d * sizeof(float));                                                                \
            for (int64_t row = r * n / parts; row < (r + 1) * n / parts; row++) {                                      \
                int64_t at = row * d;                                                                                  \
                float inv = inverse[row], dot = 0.0f;                                                                  \
                soon_from(x + at, d * sizeof(T));                                                                      \
                soon_from(g + at, d * sizeof(T));                                                                      \
                soon_from(gy + at, d * sizeof(T));                                                                     \
                _Pragma("omp simd reduction(+ : dot)") for (int64_t i = 0; i < d; i++) dot +=                          \
                    LOAD(gy[at + i]) * w[i] * LOAD(x[at + i]);                                                         \
                float along = dot * inv * inv * inv / (float)d;                                                        \
                for (int64_t i = 0; i < d; i++) {                                                                      \
                    float up = LOAD(gy[at + i]), a = LOAD(x[at + i]);                                                  \
                    sums[i] += up * a * inv;                                                                           \
                    x[at + i] = STORE(LOAD(g[at + i]) + up * w[i] * inv - a * along);                                  \
                }                                                                                                      \
                for (int64_t i = at; i < at + d; i++) dx[i] = STORE(LOAD(x[i]) * kept(i, seed, drop, scale));          \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    /* y = h + dropout(x), n rows of d; without h (NULL) dropout(x) alone, which is its own backward pass too. */      \
    void dropped_##NAME(const T *h, const T *x, T *y, int64_t n, int64_t d, int64_t seed, int64_t drop,                \
                        float scale) {                                                                                 \
        FOR_ROWS(n) {                                                                                                  \
            int64_t at = r * d;                                                                                        \
            soon_from(h ? h + at : x + at, d * sizeof(T));                                                             \
            if (h)                                                                                                     \
                for (int64_t i = at; i < at + d; i++)                                                                  \
                    y[i] = STORE(LOAD(h[i]) + LOAD(x[i]) * kept(i, seed, drop, scale));                                \
            else                                                                                                       \
                for (int64_t i = at; i < at + d; i++) y[i] = STORE(LOAD(x[i]) * kept(i, seed, drop, scale));           \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* dropout(relu(x)) in the place of x. */                                                                          \
    void relu_##NAME(T *x, int64_t n, int64_t d, int64_t seed, int64_t drop, float scale) {                            \
        FOR_ROWS(n) {                                                                                                  \
            soon_from(x + r * d, d * sizeof(T));                                                                       \
            for (int64_t i = r * d; i < (r + 1) * d; i++) {                                                            \
                float a = LOAD(x[i]);                                                                                  \
                x[i] = STORE((a < 0.0f ? 0.0f : a) * kept(i, seed, drop, scale));                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* Its gradient in the place of what came out: what is above 0 was kept and let through. */                        \
    void relu_back_##NAME(const T *g, T *y, int64_t n, int64_t d, float scale) {                                       \
        FOR_ROWS(n) {                                                                                                  \
            soon_from(y + r * d, d * sizeof(T));                                                                       \
            soon_from(g + r * d, d * sizeof(T));                                                                       \
            for (int64_t i = r * d; i < (r + 1) * d; i++) y[i] = STORE(LOAD(y[i]) > 0.0f ? LOAD(g[i]) * scale : 0.0f); \
        }                                                                                                              \
    }                                                                                                                  \
    /* y = dropout(gelu_new(a) * b), a and b the halves of x's rows of 2 d. */                                         \
    void gated_##NAME(const T *x, T *y, int64_t n, int64_t d, int64_t seed, int64_t drop, float scale) {               \
        FOR_ROWS(n) {                                                                                                  \
            const T *a = x + 2 * r * d, *b = a + d;                                                                    \
            for (int64_t i = 0; i < d; i++)                                                                            \
                y[r * d + i] = STORE(gelu(LOAD(a[i])) * LOAD(b[i]) * kept(r * d + i, seed, drop, scale));              \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    void gated_back_##NAME(const T *g, const T *x, T *dx, int64_t n, int64_t d, int64_t seed, int64_t drop,            \
                           float scale) {                                                                              \
        FOR_ROWS(n) {                                                                                                  \
            const T *a = x + 2 * r * d, *b = a + d;                                                                    \
            soon_from(a, 2 * d * sizeof(T));                                                                           \
            T *da = dx + 2 * r * d, *db = da + d;                                                                      \
            for (int64_t i = 0; i < d; i++) {                                                                          \
                float u = LOAD(g[r * d + i]) * kept(r * d + i, seed, drop, scale);                                     \
                da[i] = STORE(u * LOAD(b[i]) * gelu_slope(LOAD(a[i])));                                                \
                db[i] = STORE(u * gelu(LOAD(a[i])));                                                                   \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* n rows of d numbers in another type, and back. */                                                               \
    void cast_##NAME(const float *x, T *y, int64_t n, int64_t d) {                                                     \
        FOR_ROWS(n) {                                                                                                  \
            soon_from(x + r * d, d * sizeof(float));                                                                   \
            for (int64_t i = r * d; i < (r + 1) * d; i++) y[i] = STORE(x[i]);                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    void cast_back_##NAME(const T *x, float *y, int64_t n, int64_t d) {                                                \
        FOR_ROWS(n) {                                                                                                  \
            soon_from(x + r * d, d * sizeof(T));                                                                       \
            for (int64_t i = r * d; i < (r + 1) * d; i++) y[i] = LOAD(x[i]);                                           \
        }                                                                                                              \
    }                                                                                                                  \
    /* table[ids[r]] += g[r], rows of d in their order: threads share the columns. */                                  \
    void add_rows_##NAME(const T *g, const int64_t *ids, float *table, int64_t n, int64_t d) {                         \
        _Pragma("omp parallel for schedule(static)") for (int64_t from = 0; from < d; from += 64) {                    \
            int64_t to = from + 64 < d ? from + 64 : d;                                                                \
            for (int64_t r = 0; r < n; r++)                                                                            \
                for (int64_t i = from; i < to; i++) table[ids[r] * d + i] += LOAD(g[r * d + i]);                       \
        }                                                                                                              \
    }                                                                                                                  \
    /* Cross-entropy of n rows of v logits: log-sum-exp - (1 - smooth) x[target] - smooth mean(x), which is 0 where a  \
       target is below 0. Keeps the log-sum-exp. */                                                                    \
    void cross_entropy_##NAME(const T *x, const int64_t *target, float *nats, float *sums, int64_t n, int64_t v,       \
                              float smooth) {                                                                          \
        FOR_ROWS(n) {                                                                                                  \
            const T *a = x + r * v;                                                                                    \
            float top = -INFINITY, all = 0.0f, sum = 0.0f;                                                             \
            nats[r] = 0.0f;                                                                                            \
            if (target[r] < 0) continue;                                                                               \
            _Pragma("omp simd reduction(max : top) reduction(+ : all)") for (int64_t i = 0; i < v; i++) {              \
                float b = LOAD(a[i]);                                                                                  \
                top = b > top ? b : top;                                                                               \
                all += b;                                                                                              \
            }                                                                                                          \
            _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < v; i++) sum += exp_of(LOAD(a[i]) - top);    \
            sums[r] = top + logf(sum);                                                                                 \
            nats[r] = sums[r] - (1.0f - smooth) * LOAD(a[target[r]]) - smooth * (all / (float)v);                      \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* Their gradient, in their place. */                                                                              \
    void cross_entropy_back_##NAME(const float *g, T *x, const int64_t *target, const float *sums, int64_t n,          \
                                   int64_t v, float smooth) {                                                          \
        FOR_ROWS(n) {                                                                                                  \
            T *a = x + r * v;                                                                                          \
            if (target[r] < 0) {                                                                                       \
                memset(a, 0, (size_t)v * sizeof(T));                                                                   \
                continue;                                                                                              \
            }                                                                                                          \
            float by = g[r], lse = sums[r], each = smooth / (float)v;                                                  \
            float right = exp_of(LOAD(a[target[r]]) - lse) - each - (1.0f - smooth);                                   \
            for (int64_t i = 0; i < v; i++) a[i] = STORE((exp_of(LOAD(a[i]) - lse) - each) * by);                      \
            a[target[r]] = STORE(right * by);                                                                          \
        }                                                                                                              \
    }                                                                                                                  \

/* As many floats as a register holds, and as many rows as leave registers for what is multiplied: 8 x 32 on AVX-512,
   6 x 16 on AVX2. A vector wider than a register is taken apart by the compiler, at ten times the cost. */
#if defined(__AVX512F__)
#define LANES 16
#define TALL 8
#elif defined(__AVX__)
#define LANES 8
#define TALL 6
#else
#define LANES 4
#define TALL 6
#endif
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* C (m, n) = A B, or C += A B: A's element (i, t) stands at A[i * row + t * column], B is (k, n) by rows of ldb floats,
   n a multiple of LANES. Tiles of TALL or fewer rows by 2 or 1 vectors stay in registers. */
static inline __attribute__((always_inline)) void tile(const int R, const int W, float *C, int64_t ldc, const float *A,
                                                       int64_t row, int64_t column, const float *B, int64_t ldb,
                                                       int64_t k, int add) {
    vector sums[TALL][2];
    for (int r = 0; r < R; r++)
        for (int w = 0; w < W; w++)
            sums[r][w] = add ? *(const vector *)(C + r * ldc + w * LANES) : (vector){0};
    for (int64_t t = 0; t < k; t++) {
        vector b[2];
        for (int w = 0; w < W; w++) b[w] = *(const vector *)(B + t * ldb + w * LANES);
        for (int r = 0; r < R; r++) {
            vector a = A[r * row + t * column] - (vector){0}; /* in all lanes, once: else each b is read R times */
            for (int w = 0; w < W; w++) sums[r][w] += a * b[w];
        }
    }
    for (int r = 0; r < R; r++)
        for (int w = 0; w < W; w++) *(vector *)(C + r * ldc + w * LANES) = sums[r][w];
}

static void product(float *C, int64_t ldc, const float *A, int64_t row, int64_t column, const float *B, int64_t ldb,
                    int64_t m, int64_t n, int64_t k, int add) {
    for (int64_t j = 0; j < n; j += 2 * LANES) {
        int two = n - j > LANES;
        int64_t i = 0;
#define TILES(R)                                                                                                       \
    for (; m - i >= R; i += R)                                                                                         \
        if (two)                                                                                                       \
            tile(R, 2, C + i * ldc + j, ldc, A + i * row, row, column, B + j, ldb, k, add);                            \
        else                                                                                                           \
            tile(R, 1, C + i * ldc + j, ldc, A + i * row, row, column, B + j, ldb, k, add);
        TILES(TALL)
        TILES(4)
        TILES(2)
        TILES(1)
    }
}

static inline int64_t whole(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

/* How far apart rows of n stand: an odd number of vectors, else their elements share a few sets of the cache. */
static inline int64_t apart(int64_t n) { return whole(n) | LANES; }

#define ROWS_AHEAD 8
/* n rows of d elements, `step` apart, as floats by rows of `wide`, of which whole(d) are written: 0 beyond d. The rows
   stand too far apart for the processor to foresee them. */
#define LOADS(T, LOAD, NAME)                                                                                           \
    static void load_##NAME(float *to, int64_t wide, const T *from, int64_t step, int64_t n, int64_t d) {              \
        for (int64_t i = 0; i < n; i++, from += step, to += wide) {                                                    \
            for (int64_t c = 0; c < d; c += 64 / sizeof(T)) __builtin_prefetch(from + ROWS_AHEAD * step + c, 0, 2);    \
            for (int64_t c = 0; c < d; c++) to[c] = LOAD(from[c]);                                                     \
            for (int64_t c = d; c < whole(d); c++) to[c] = 0.0f;                                                       \
        }                                                                                                              \
    }

/* n rows of d floats as d rows of whole(n): 0 beyond n. */
static void turned(float *to, int64_t wide, const float *from, int64_t step, int64_t n, int64_t d) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < d; c++) to[c * wide + i] = from[i * step + c];
    for (int64_t c = 0; c < d; c++)
        for (int64_t i = n; i < whole(n); i++) to[c * wide + i] = 0.0f;
}

/* Softmax, LANES scores at once: loops of unknown length would end in single elements. */
typedef int32_t numbers __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t hashes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

typedef struct { /* dropout */
    uint32_t seed, drop;
    float scale;
} Drop;

static inline vector higher(vector a, vector b) {
    numbers first = a > b;
    return (vector)((first & (numbers)a) | (~first & (numbers)b));
}

static inline vector exps(vector x) { /* exp_of; a NaN stays one */
    vector a = higher((vector){0} - 87.0f, x);
    numbers whole = __builtin_convertvector(a * 1.44269504f - 0.5f, numbers); /* towards 0, and a <= 0 */
    vector r = a - __builtin_convertvector(whole, vector) * 0.693359375f;
    r += __builtin_convertvector(whole, vector) * 2.12194440e-4f;
    vector y = 1.9875691500e-4f * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    return (y * r * r + r + 1.0f) * (vector)((whole + 127) << 23);
}

static inline vector keeps(uint32_t place, Drop how) { /* kept, from `place` on */
    hashes x = {0};
    for (int l = 0; l < LANES; l++) x[l] = l;
    x = (x + place) ^ how.seed;
    return (vector)((numbers)(MIX(x) >= how.drop) & (numbers)((vector){0} + how.scale));
}

static inline float total(vector of) {
    float sum = 0.0f;
    for (int l = 0; l < LANES; l++) sum += of[l];
    return sum;
}

static float top_of(const float *x, int64_t n) {
    vector tops = *(const vector *)x;
    for (int64_t j = LANES; j < n; j += LANES) tops = higher(tops, *(const vector *)(x + j));
    float top = tops[0];
    for (int l = 1; l < LANES; l++) top = tops[l] > top ? tops[l] : top;
    return top;
}

/* The scores of a query with their bias, if any; those that it does not see become -inf: e^-87, lost in a sum. */
static inline void biased(float *row, const float *add, int64_t seen) {
    if (add)
        for (int64_t j = 0; j < seen; j++) row[j] += add[j];
    for (int64_t j = seen; j < whole(seen); j++) row[j] = -INFINITY;
}

/* The scores of a query as dropout(exp(score - top)), 0 from `seen` on. Gives top, and the sum before dropout. */
static float soften(float *row, const float *add, int64_t seen, int64_t wide, uint32_t place, Drop how, float *sum) {
    biased(row, add, seen);
    float top = top_of(row, whole(seen));
    vector sums = {0};
    for (int64_t j = 0; j < seen; j += LANES) {
        vector *at = (vector *)(row + j), y = exps(*at - top);
        sums += y;
        if (how.drop) y *= keeps(place + (uint32_t)j, how);
        *at = y;
    }
    for (int64_t j = seen; j < wide; j++) row[j] = 0.0f;
    *sum = total(sums);
    return top;
}

/* The scores of a query as dropout(softmax), and the gradient `up` of that as the scores' own; both 0 from `seen` on.
   `less` is the log-sum-exp, `bare` room for a row. */
static void soften_back(float *row, float *up, float *bare, const float *add, int64_t seen, int64_t wide, float less,
                        uint32_t place, Drop how) {
    biased(row, add, seen);
    vector dots = {0};
    for (int64_t j = 0; j < seen; j += LANES) {
        vector y = exps(*(vector *)(row + j) - less), keep = (vector){0} + 1.0f;
        if (how.drop) keep = keeps(place + (uint32_t)j, how);
        *(vector *)(bare + j) = y;
        *(vector *)(row + j) = y * keep;
        *(vector *)(up + j) *= keep;
        dots += y * *(vector *)(up + j);
    }
    float dot = total(dots);
    for (int64_t j = 0; j < seen; j += LANES) *(vector *)(up + j) = *(vector *)(bare + j) * (*(vector *)(up + j) - dot);
    for (int64_t j = seen; j < wide; j++) row[j] = up[j] = 0.0f;
}

#define BLOCK 48 /* queries at a time, a multiple of tiles' rows: their scores stay in the cache */

#include "tiles.h" /* TILED_float, TILED_bf16: true where attention was done by tiles */

/* Attention over rows of unlike lengths that lie one after the other: out = dropout(softmax(q k^T + bias)) v.

   q, k, v have a row a position, of q_step and kv_step elements, in which h heads of d stand side by side; out is
   (M, h d). Row r of the batch has queries q_from[r] .. q_from[r + 1] and keys k_from[r] .. k_from[r + 1]. bias is
   (h, 2 far - 1), or NULL: the one of query i and key j is at far - 1 + j - i. `sums` (h, M) keeps each query's
   log-sum-exp (unless NULL), from which the backward pass makes the weights again: nothing quadratic is stored. */
#define DROP ((Drop){(uint32_t)seed, (uint32_t)drop, scale})
#define ATTENTION(T, LOAD, STORE, NAME)                                                                                \
    void attend_##NAME(const T *q, const T *k, const T *v, T *out, float *sums, const float *bias,                     \
                       const int64_t *q_from, const int64_t *k_from, int64_t R, int64_t h, int64_t d, int64_t q_step,  \
                       int64_t kv_step, int64_t far, int64_t causal, int64_t seed, int64_t drop, float scale) {        \
        if (TILED_##NAME(tiled(PLAN(0), out, sums))) return;                                                           \
        int64_t M = q_from[R], dw = whole(d), dp = apart(d);                                                           \
        _Pragma("omp parallel for schedule(dynamic)") for (int64_t task = 0; task < R * h; task++) {                   \
            int64_t r = task / h, head = task % h, first = q_from[r], Q = q_from[r + 1] - first;                       \
            int64_t origin = k_from[r], K = k_from[r + 1] - origin, Kp = apart(K), keys = origin * kv_step + head * d; \
            float *memory = malloc((size_t)(Kp * d + 2 * K * dp + BLOCK * (2 * dp + Kp)) * sizeof(float));             \
            float *kt = memory, *ks = kt + Kp * d, *vs = ks + K * dp, *qs = vs + K * dp, *os = qs + BLOCK * dp;        \
            float *p = os + BLOCK * dp, inv[BLOCK];                                                                    \
            load_##NAME(ks, dp, k + keys, kv_step, K, d);                                                              \
            load_##NAME(vs, dp, v + keys, kv_step, K, d);                                                              \
            turned(kt, Kp, ks, dp, K, d);                                                                              \
            for (int64_t start = 0; start < Q; start += BLOCK) {                                                       \
                int64_t n = Q - start < BLOCK ? Q - start : BLOCK;                                                     \
                int64_t most = causal && start + n < K ? start + n : K, wide = whole(most);                            \
                load_##NAME(qs, dp, q + (first + start) * q_step + head * d, q_step, n, d);                            \
                product(p, Kp, qs, dp, 1, kt, Kp, n, wide, d, 0);                                                      \
                for (int64_t i = 0; i < n; i++) {                                                                      \
                    int64_t at = start + i, seen = causal && at + 1 < K ? at + 1 : K;                                  \
                    const float *add = bias ? bias + head * (2 * far - 1) + far - 1 - at : 0;                          \
                    uint32_t place = (uint32_t)((head * M + first + at) * far);                                        \
                    float sum, top = soften(p + i * Kp, add, seen, most, place, DROP, &sum);                           \
                    inv[i] = 1.0f / sum;                                                                               \
                    if (sums) sums[head * M + first + at] = top + logf(sum);                                           \
                }                                                                                                      \
                product(os, dp, p, Kp, 1, vs, dp, n, dw, most, 0);                                                     \
                for (int64_t i = 0; i < n; i++)                                                                        \
                    for (int64_t c = 0; c < d; c++)                                                                    \
                        out[(first + start + i) * h * d + head * d + c] = STORE(os[i * dp + c] * inv[i]);              \
            }                                                                                                          \
            free(memory);                                                                                              \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* dq, dk, dv are laid out as q, k, v; dbias (parts, h, 2 far - 1) is summed over the rows of each of `parts`      \
       stretches, so that the order of the sum is fixed. */                                                            \
    void attend_back_##NAME(const T *g, const T *q, const T *k, const T *v, T *dq, T *dk, T *dv, const float *sums,    \
                            const float *bias, float *dbias, const int64_t *q_from, const int64_t *k_from, int64_t R,  \
                            int64_t h, int64_t d, int64_t q_step, int64_t kv_step, int64_t far, int64_t causal,        \
                            int64_t parts, int64_t seed, int64_t drop, float scale) {                                  \
        if (TILED_##NAME(tiled_back(PLAN(g), parts, dq, dk, dv, sums, dbias))) return;                                 \
        int64_t M = q_from[R], dw = whole(d), dp = apart(d), distances = 2 * far - 1;                                  \
        _Pragma("omp parallel for schedule(dynamic)") for (int64_t task = 0; task < parts * h; task++) {               \
            int64_t part = task / h, head = task % h;                                                                  \
            for (int64_t r = part * R / parts; r < (part + 1) * R / parts; r++) {                                      \
                int64_t first = q_from[r], Q = q_from[r + 1] - first, origin = k_from[r], K = k_from[r + 1] - origin;  \
                int64_t Kp = apart(K), keys = origin * kv_step + head * d;                                             \
                size_t size = (size_t)(2 * Kp * d + 4 * K * dp + BLOCK * (3 * dp + 2 * Kp) + Kp) * sizeof(float);      \
                float *memory = malloc(size), *kt = memory, *vt = kt + Kp * d, *ks = vt + Kp * d, *vs = ks + K * dp;   \
                float *dks = vs + K * dp, *dvs = dks + K * dp, *qs = dvs + K * dp, *gs = qs + BLOCK * dp;              \
                float *dqs = gs + BLOCK * dp, *p = dqs + BLOCK * dp, *u = p + BLOCK * Kp, *bare = u + BLOCK * Kp;      \
                load_##NAME(ks, dp, k + keys, kv_step, K, d);                                                          \
                load_##NAME(vs, dp, v + keys, kv_step, K, d);                                                          \
                turned(kt, Kp, ks, dp, K, d);                                                                          \
                turned(vt, Kp, vs, dp, K, d);                                                                          \
                memset(dks, 0, (size_t)(2 * K * dp) * sizeof(float));                                                  \
                for (int64_t start = 0; start < Q; start += BLOCK) {                                                   \
                    int64_t n = Q - start < BLOCK ? Q - start : BLOCK;                                                 \
                    int64_t most = causal && start + n < K ? start + n : K, wide = whole(most);                        \
                    load_##NAME(qs, dp, q + (first + start) * q_step + head * d, q_step, n, d);                        \
                    load_##NAME(gs, dp, g + (first + start) * h * d + head * d, h * d, n, d);                          \
                    product(p, Kp, qs, dp, 1, kt, Kp, n, wide, d, 0);                                                  \
                    product(u, Kp, gs, dp, 1, vt, Kp, n, wide, d, 0);                                                  \
                    for (int64_t i = 0; i < n; i++) {                                                                  \
                        int64_t at = start + i, seen = causal && at + 1 < K ? at + 1 : K;                              \
                        const float *add = bias ? bias + head * distances + far - 1 - at : 0;                          \
                        uint32_t place = (uint32_t)((head * M + first + at) * far);                                    \
                        float *up = u + i * Kp, less = sums[head * M + first + at];                                    \
                        soften_back(p + i * Kp, up, bare, add, seen, most, less, place, DROP);                         \
                        if (add) {                                                                                     \
                            float *sum = dbias + (part * h + head) * distances + far - 1 - at;                         \
                            for (int64_t j = 0; j < seen; j++) sum[j] += up[j];                                        \
                        }                                                                                              \
                    }                                                                                                  \
                    product(dvs, dp, p, 1, Kp, gs, dp, most, dw, n, 1);                                                \
                    product(dks, dp, u, 1, Kp, qs, dp, most, dw, n, 1);                                                \
                    product(dqs, dp, u, Kp, 1, ks, dp, n, dw, most, 0);                                                \
                    for (int64_t i = 0; i < n; i++)                                                                    \
                        for (int64_t c = 0; c < d; c++)                                                                \
                            dq[(first + start + i) * q_step + head * d + c] = STORE(dqs[i * dp + c]);                  \
                }                                                                                                      \
                for (int64_t j = 0; j < K; j++)                                                                        \
                    for (int64_t c = 0; c < d; c++) {                                                                  \
                        dk[(origin + j) * kv_step + head * d + c] = STORE(dks[j * dp + c]);                            \
                        dv[(origin + j) * kv_step + head * d + c] = STORE(dvs[j * dp + c]);                            \
                    }                                                                                                  \
                free(memory);                                                                                          \
            }                                                                                                          \
        }                                                                                                              \
    }

/* What answers need beyond the passes of training. */
#define ANSWERS(T, LOAD, STORE, NAME)                                                                                  \
                                                                                                                       \
    /* x += y, where there is one, then out = x / rms(x): the residual stays float. */                                 \
    void level_##NAME(float *x, const T *y, T *out, int64_t n, int64_t d, float eps) {                                 \
        FOR_ROWS(n) {                                                                                                  \
            float *a = x + r * d, sum = 0.0f;                                                                          \
            if (y)                                                                                                     \
                for (int64_t i = 0; i < d; i++) a[i] += LOAD(y[r * d + i]);                                            \
            _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < d; i++) sum += a[i] * a[i];                 \
            float inv = 1.0f / sqrtf(sum / (float)d + eps);                                                            \
            for (int64_t i = 0; i < d; i++) out[r * d + i] = STORE(a[i] * inv);                                        \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* Whole numbers from -127 to 127, and the scale they are to be multiplied by. */                                  \
    void quantise_##NAME(const T *x, int8_t *out, float *scale, int64_t n, int64_t d) {                                \
        float top = 1e-12f;                                                                                            \
        _Pragma("omp parallel for simd reduction(max : top)") for (int64_t i = 0; i < n * d; i++) {                    \
            float a = fabsf(LOAD(x[i]));                                                                               \
            top = a > top ? a : top;                                                                                   \
        }                                                                                                              \
        *scale = top / 127.0f;                                                                                         \
        float by = 127.0f / top;                                                                                       \
        FOR_ROWS(n) {                                                                                                  \
            for (int64_t i = r * d; i < (r + 1) * d; i++) out[i] = (int8_t)(int32_t)rintf(LOAD(x[i]) * by);            \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* out = softmax(q k^T) v of a few queries an input, W each, over its keys from[r] .. from[r] + length[r], which   \
       are read where they stand: to turn or copy them costs more than the products. */                                \
    void few_##NAME(const T *q, const T *k, const T *v, T *out, const int64_t *from, const int64_t *length, int64_t B, \
                    int64_t W, int64_t h, int64_t d, int64_t kv_step) {                                                \
        _Pragma("omp parallel for schedule(static)") for (int64_t r = 0; r < B; r++) {                                 \
            int64_t K = length[r], dp = whole(d);                                                                      \
            float *p = malloc((size_t)(K + 2 * dp) * sizeof(float)), *qs = p + K, *os = qs + dp;                       \
            for (int64_t task = 0; task < W * h; task++) {                                                             \
                int64_t at = (r * W + task / h) * h * d + task % h * d, first = from[r] * kv_step + task % h * d;      \
                float top = -INFINITY, sum = 0.0f;                                                                     \
                load_##NAME(qs, dp, q + at, 0, 1, d);                                                                  \
                memset(os, 0, (size_t)dp * sizeof(float));                                                             \
                for (int64_t j = 0; j < K; j++) {                                                                      \
                    const T *key = k + first + j * kv_step;                                                            \
                    float dot = 0.0f;                                                                                  \
                    _Pragma("omp simd reduction(+ : dot)") for (int64_t c = 0; c < d; c++) dot +=                      \
                        qs[c] * LOAD(key[c]);                                                                          \
                    p[j] = dot;                                                                                        \
                    top = dot > top ? dot : top;                                                                       \
                }                                                                                                      \
                _Pragma("omp simd reduction(+ : sum)") for (int64_t j = 0; j < K; j++) {                               \
                    p[j] = exp_of(p[j] - top);                                                                         \
                    sum += p[j];                                                                                       \
                }                                                                                                      \
                for (int64_t j = 0; j < K; j++) {                                                                      \
                    const T *value = v + first + j * kv_step;                                                          \
                    for (int64_t c = 0; c < d; c++) os[c] += p[j] * LOAD(value[c]);                                    \
                }                                                                                                      \
                for (int64_t c = 0; c < d; c++) out[at + c] = STORE(os[c] / sum);                                      \
            }                                                                                                          \
            free(p);                                                                                                   \
        }                                                                                                              \
    }

#define ALL(T, LOAD, STORE, NAME)                                                                                      \
    OF_TYPE(T, LOAD, STORE, NAME)                                                                                      \
    LOADS(T, LOAD, NAME)                                                                                               \
    ATTENTION(T, LOAD, STORE, NAME)                                                                                    \
    ANSWERS(T, LOAD, STORE, NAME)

ALL(float, f32_of_float, float_of_f32, float)
ALL(bf16, f32_of_bf16, bf16_of_f32, bf16)

/* The sums of the squares of `parts` stretches of floats. */
void squares_float(const int64_t *address, const int64_t *length, double *sums, int64_t parts) {
    _Pragma("omp parallel for schedule(dynamic)") for (int64_t part = 0; part < parts; part++) {
        const float *x = (const float *)(intptr_t)address[part];
        double all = 0.0;
        for (int64_t from = 0; from < length[part]; from += 1024) {
            int64_t to = from + 1024 < length[part] ? from + 1024 : length[part];
            float sum = 0.0f;
            soon_from(x + from, (size_t)(to - from) * sizeof(float));
            _Pragma("omp simd reduction(+ : sum)") for (int64_t i = from; i < to; i++) sum += x[i] * x[i];
            all += sum;
        }
        sums[part] = all;
    }
}

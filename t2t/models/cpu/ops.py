"""The element-wise parts of a transformer layer, attention over rows of unlike lengths, the loss; with their gradients.

Floor 4. They call `kernels.c`, on the CPU, in fp32 or bf16; statistics, sums and attention's scores are fp32 in both.

Shapes: N and M positions, D features, F features of a hidden layer, R rows, h heads, I = h times the size of a head,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.nn.functional import embedding

from t2t.models.cpu.kernels import call

__all__ = [
    "Drop", "Noise", "Spans", "add_dropped", "add_norm", "attend", "cross_entropy", "dropped", "gated",
    "joined", "looked_up", "rectified", "self_attend",
]  # fmt: skip

STRETCHES = 16  # in which gradients of weights are summed: fixed, so that the number of threads does not change a sum
PARTS = 4  # the same of attention's bias, of which each head sums on its own


class Drop(NamedTuple):
    """Dropout at one place of one step: the share dropped, and the seed of the hash that decides."""

    share: float = 0.0
    seed: int = 0

    @property
    def how(self) -> tuple[int, int, float]:
        """What a kernel takes: the seed, the hash below which an element is dropped, the factor on what is kept."""
        return self.seed, int(self.share * 2**32), 1.0 / (1.0 - self.share)


@dataclass
class Noise:
    """The dropout of one forward pass: a seed drawn from PyTorch's generator, and another one for each place."""

    share: float
    seed: int = 0

    @classmethod
    def of(cls, share: float, training: bool) -> Noise:
        """Return the noise of a pass, none outside training; the generator is drawn from only where it is needed."""
        share = share if training else 0.0
        return cls(share, int(torch.randint(2**31, ())) if share else 0)

    def next(self) -> Drop:
        """Return the dropout of the next place."""
        self.seed = (self.seed * 1664525 + 1013904223) % 2**32  # Numerical Recipes' generator: full period
        return Drop(self.share, self.seed) if self.share else Drop()


# -- weights ---------------------------------------------------------------------------------------------------------


def joined(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """Return weights (F, D), fp32, one below the other in ``dtype``; their gradients are fp32."""
    if len(weights) == 1 and weights[0].dtype == dtype:
        return weights[0]
    return _Joined.apply(dtype, *weights)  # type: ignore[no-untyped-call]


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *weights: torch.Tensor) -> torch.Tensor:
        ctx.rows = [len(weight) for weight in weights]
        out_FD = torch.empty(sum(ctx.rows), weights[0].shape[1], dtype=dtype)
        for weight, part in zip(weights, torch.split(out_FD, ctx.rows), strict=True):
            call("cast", dtype, weight.contiguous(), part, *part.shape)
        return out_FD

    @staticmethod
    def backward(ctx: Any, grad_FD: torch.Tensor) -> Any:  # type: ignore[override]
        return None, *map(_in_fp32, torch.split(grad_FD.contiguous(), ctx.rows))


def _in_fp32(x_ND: torch.Tensor) -> torch.Tensor:
    """Return a copy."""
    out_ND = torch.empty(x_ND.shape)
    call("cast_back", x_ND.dtype, x_ND, out_ND, *x_ND.shape)
    return out_ND


# -- embedding -------------------------------------------------------------------------------------------------------


def looked_up(
    table_VD: torch.Tensor, ids: Sequence[torch.Tensor], dtype: torch.dtype
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the table in ``dtype``, and its rows (N, D) of each ``ids`` (N,), of which all have one gradient."""
    table, *rows = _LookedUp.apply(table_VD, dtype, *ids)  # type: ignore[no-untyped-call]
    return table, rows


class _LookedUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table_VD: torch.Tensor, dtype: torch.dtype, *ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(*ids)
        words_VD = torch.empty(table_VD.shape, dtype=dtype)
        call("cast", dtype, table_VD.contiguous(), words_VD, *table_VD.shape)
        return words_VD, *(embedding(ids_N, words_VD) for ids_N in ids)

    @staticmethod
    def backward(ctx: Any, grad_VD: torch.Tensor, *grads: torch.Tensor) -> Any:  # type: ignore[override]
        sum_VD = _in_fp32(grad_VD.contiguous())
        for ids_N, grad_ND in zip(ctx.saved_tensors, grads, strict=True):
            call("add_rows", grad_ND.dtype, grad_ND.contiguous(), ids_N, sum_VD, *grad_ND.shape)
        return sum_VD, None, *[None] * len(grads)


# -- norm ------------------------------------------------------------------------------------------------------------


def add_norm(
    base_ND: torch.Tensor | None, x_ND: torch.Tensor, weight_D: torch.Tensor, eps: float, drop: Drop
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sum = base + dropout(x) and its norm, sum / rms(sum) * weight (Zhang and Sennrich 2019, equation 4).

    The sum is written over ``x_ND``, which is contiguous, and its gradient over the sum: nothing else may need them,
    and the backward pass runs once. Without ``base_ND`` the sum is dropout(x).
    """
    found: tuple[torch.Tensor, torch.Tensor] = _AddNorm.apply(base_ND, x_ND, weight_D, eps, drop)  # type: ignore[no-untyped-call]
    return found


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, base_ND: torch.Tensor | None, x_ND: torch.Tensor, weight_D: torch.Tensor, eps: float, drop: Drop
    ) -> tuple[torch.Tensor, torch.Tensor]:
        assert x_ND.is_contiguous()
        w_D, y_ND, inverse_N = weight_D.float().contiguous(), torch.empty_like(x_ND), torch.empty(len(x_ND))
        base_ND = None if base_ND is None else base_ND.contiguous()
        call("add_norm", x_ND.dtype, base_ND, x_ND, w_D, y_ND, inverse_N, *x_ND.shape, eps, *drop.how)
        ctx.mark_dirty(x_ND)
        ctx.save_for_backward(x_ND, w_D, inverse_N)
        ctx.drop = drop
        return x_ND, y_ND

    @staticmethod
    def backward(ctx: Any, grad_ND: torch.Tensor, grad_y_ND: torch.Tensor) -> Any:  # type: ignore[override]
        sum_ND, w_D, inverse_N = ctx.saved_tensors
        dx_ND, dw_SD = torch.empty_like(sum_ND), torch.empty(STRETCHES, len(w_D))
        grads = grad_ND.contiguous(), grad_y_ND.contiguous()
        call(
            "add_norm_back", sum_ND.dtype, *grads, sum_ND, w_D, inverse_N, dx_ND, dw_SD, *sum_ND.shape, STRETCHES,
            *ctx.drop.how,
        )  # fmt: skip
        _used(sum_ND)
        return sum_ND if ctx.needs_input_grad[0] else None, dx_ND, dw_SD.sum(0), None, None


def _used(x: torch.Tensor) -> None:
    """Let PyTorch refuse a second pass over what is gone."""
    torch.autograd.graph.increment_version(x)


# -- dropout ---------------------------------------------------------------------------------------------------------


def dropped(x: torch.Tensor, drop: Drop) -> torch.Tensor:
    """Return dropout(x)."""
    return _Dropped.apply(x, drop) if drop.share else x  # type: ignore[no-untyped-call]


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, drop: Drop) -> torch.Tensor:
        ctx.drop = drop
        return _masked(x, drop)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        return _masked(grad, ctx.drop), None


def add_dropped(base: torch.Tensor, x: torch.Tensor, drop: Drop) -> torch.Tensor:
    """Return base + dropout(x)."""
    return _AddDropped.apply(base, x, drop) if drop.share else base + x  # type: ignore[no-untyped-call]


class _AddDropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, base: torch.Tensor, x: torch.Tensor, drop: Drop) -> torch.Tensor:
        ctx.drop = drop
        return _masked(x, drop, base.contiguous())

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        return grad, _masked(grad, ctx.drop), None


def _masked(x: torch.Tensor, drop: Drop, base: torch.Tensor | None = None) -> torch.Tensor:
    """Return dropout(x), added to ``base`` where there is one."""
    x = x.contiguous()
    y, columns = torch.empty_like(x), x.shape[-1]
    call("dropped", x.dtype, base, x, y, x.numel() // columns, columns, *drop.how)
    return y


# -- feed-forward ----------------------------------------------------------------------------------------------------


def rectified(x_NF: torch.Tensor, drop: Drop) -> torch.Tensor:
    """Return dropout(relu(x)), written over ``x_NF``, which is contiguous, and its gradient over that in turn.

    Nothing else may need them, but a product behind it, and the backward pass runs once.
    """
    return _Rectified.apply(x_NF, drop)  # type: ignore[no-untyped-call]


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NF: torch.Tensor, drop: Drop) -> torch.Tensor:
        assert x_NF.is_contiguous()
        call("relu", x_NF.dtype, x_NF, *x_NF.shape, *drop.how)
        ctx.scale = drop.how[-1]
        ctx.mark_dirty(x_NF)
        ctx.save_for_backward(x_NF)
        return x_NF

    @staticmethod
    def backward(ctx: Any, grad_NF: torch.Tensor) -> Any:  # type: ignore[override]
        (y_NF,) = ctx.saved_tensors
        call("relu_back", y_NF.dtype, grad_NF.contiguous(), y_NF, *y_NF.shape, ctx.scale)
        _used(y_NF)
        return y_NF, None


def gated(x_NG: torch.Tensor, drop: Drop) -> torch.Tensor:
    """Return dropout(gelu_new(a) * b), (N, F), where a and b are the halves of each row (Shazeer 2020, GEGLU)."""
    return _Gated.apply(x_NG, drop)  # type: ignore[no-untyped-call]


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NG: torch.Tensor, drop: Drop) -> torch.Tensor:
        x_NG = x_NG.contiguous()
        y_NF = x_NG.new_empty(len(x_NG), x_NG.shape[1] // 2)
        call("gated", x_NG.dtype, x_NG, y_NF, *y_NF.shape, *drop.how)
        ctx.drop = drop
        ctx.save_for_backward(x_NG)
        return y_NF

    @staticmethod
    def backward(ctx: Any, grad_NF: torch.Tensor) -> Any:  # type: ignore[override]
        (x_NG,) = ctx.saved_tensors
        dx_NG = torch.empty_like(x_NG)
        call("gated_back", x_NG.dtype, grad_NF.contiguous(), x_NG, dx_NG, *grad_NF.shape, *ctx.drop.how)
        return dx_NG, None


# -- attention -------------------------------------------------------------------------------------------------------


class Spans(NamedTuple):
    """Where the rows of a flat batch begin, (R + 1), and the length of the longest."""

    starts: torch.Tensor
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Spans:
        """Return the spans of rows that lie one after the other."""
        return cls(torch.tensor([0, *lengths]).cumsum(0), max(lengths))


def self_attend(
    qkv_NJ: torch.Tensor, bias_hW: torch.Tensor | None, spans: Spans, *, heads: int, causal: bool, drop: Drop
) -> torch.Tensor:
    """Return dropout(softmax(q k^T + bias)) v, (N, I), within each row; J = 3 I: q, k and v side by side.

    ``bias_hW`` has W = 2 longest - 1 distances: that of query i and key j is at longest - 1 + j - i. The positions
    after the last row get 0.
    """
    return _Attention.apply(qkv_NJ, None, bias_hW, spans, spans, heads, causal, drop)  # type: ignore[no-untyped-call]


def attend(
    q_MI: torch.Tensor, kv_NJ: torch.Tensor, queries: Spans, keys: Spans, *, heads: int, drop: Drop
) -> torch.Tensor:
    """Return dropout(softmax(q k^T)) v, (M, I), of each row's queries over its keys; J = 2 I: k and v side by side."""
    return _Attention.apply(q_MI, kv_NJ, None, queries, keys, heads, False, drop)  # type: ignore[no-untyped-call]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, kv_NJ: torch.Tensor | None, bias_hW: torch.Tensor | None, queries: Spans,
        keys: Spans, heads: int, causal: bool, drop: Drop,
    ) -> torch.Tensor:  # fmt: skip
        x, kv_NJ = x.contiguous(), None if kv_NJ is None else kv_NJ.contiguous()
        inner = x.shape[1] // (3 if kv_NJ is None else 1)
        bias_hW = None if bias_hW is None else bias_hW.float().contiguous()
        end = int(queries.starts[-1])
        out_MI = x.new_empty(len(x), inner)
        out_MI[end:] = 0
        sums_hM = torch.empty(heads, end) if any(ctx.needs_input_grad) else None
        ctx.about = queries, keys, heads, inner, causal, drop
        parts, steps = _split(x, kv_NJ)
        call("attend", x.dtype, *parts, out_MI, sums_hM, bias_hW, *_sizes(ctx.about, steps), int(causal), *drop.how)
        ctx.save_for_backward(x, kv_NJ, bias_hW, sums_hM)
        return out_MI

    @staticmethod
    def backward(ctx: Any, grad_MI: torch.Tensor) -> Any:  # type: ignore[override]
        x, kv_NJ, bias_hW, sums_hM = ctx.saved_tensors
        queries, keys, *_, causal, drop = ctx.about
        dx, dkv_NJ = _room(x, queries), None if kv_NJ is None else _room(kv_NJ, keys)
        dbias_PhW = None if bias_hW is None else torch.zeros(PARTS, *bias_hW.shape)
        parts, steps = _split(x, kv_NJ)
        grads, _ = _split(dx, dkv_NJ)
        call(
            "attend_back", x.dtype, grad_MI.contiguous(), *parts, *grads, sums_hM, bias_hW, dbias_PhW,
            *_sizes(ctx.about, steps), int(causal), PARTS, *drop.how,
        )  # fmt: skip
        return dx, dkv_NJ, None if dbias_PhW is None else dbias_PhW.sum(0), *[None] * 5


def _room(x: torch.Tensor, spans: Spans) -> torch.Tensor:
    """Return room for what is shaped as ``x``; positions after the last row get 0."""
    made = torch.empty_like(x)
    made[int(spans.starts[-1]) :] = 0
    return made


def _split(
    x: torch.Tensor, kv_NJ: torch.Tensor | None
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], tuple[int, int]]:
    """Return q, k and v as views, and the elements from one position to the next of q, and of k and v."""
    q, k, v = x.tensor_split(3, 1) if kv_NJ is None else (x, *kv_NJ.tensor_split(2, 1))
    return (q, k, v), (q.stride(0), k.stride(0))


def _sizes(about: tuple[Any, ...], steps: tuple[int, int]) -> tuple[torch.Tensor | int, ...]:
    """Return what attention's kernels take of the layout."""
    queries, keys, heads, inner, *_ = about
    longest = max(queries.longest, keys.longest)
    return (queries.starts, keys.starts, len(queries.starts) - 1, heads, inner // heads, *steps, longest)


# -- loss ------------------------------------------------------------------------------------------------------------


def cross_entropy(logits_NV: torch.Tensor, target_N: torch.Tensor, *, label_smoothing: float = 0.0) -> torch.Tensor:
    """Return the cross-entropy of each row in nats, (N,) in fp32; 0 where a target is below 0.

    The backward pass writes the gradient over ``logits_NV``: nothing else may need them, and it runs once. Raise
    ``IndexError`` where a target is beyond the vocabulary.
    """
    if (target_N >= logits_NV.shape[1]).any():
        raise IndexError(f"target {int(target_N.max())} of a vocabulary of {logits_NV.shape[1]}")
    return _CrossEntropy.apply(logits_NV, target_N, float(label_smoothing))  # type: ignore[no-untyped-call]


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits_NV: torch.Tensor, target_N: torch.Tensor, smoothing: float) -> torch.Tensor:
        logits_NV, target_N = logits_NV.contiguous(), target_N.contiguous()
        nats_N, sums_N = torch.empty(len(logits_NV)), torch.empty(len(logits_NV))
        call("cross_entropy", logits_NV.dtype, logits_NV, target_N, nats_N, sums_N, *logits_NV.shape, smoothing)
        ctx.smoothing = smoothing
        ctx.save_for_backward(logits_NV, target_N, sums_N)
        return nats_N

    @staticmethod
    def backward(ctx: Any, grad_N: torch.Tensor) -> Any:  # type: ignore[override]
        x_NV, target_N, sums_N = ctx.saved_tensors
        call("cross_entropy_back", x_NV.dtype, grad_N.contiguous(), x_NV, target_N, sums_N, *x_NV.shape, ctx.smoothing)
        _used(x_NV)
        return x_NV, None, None

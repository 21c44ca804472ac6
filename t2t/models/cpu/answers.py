"""The parts of a T5 that answers: by the compiled kernels, or by PyTorch where there are none.

Floor 4. They take and give fp32 or bf16; statistics, sums and attention's scores are fp32 in both. Nothing is
differentiated.

Shapes: N flat rows, H features, J features of keys and values, B inputs, A heads, D their width, I = A * D,
W distances, P positions of the longest row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import scaled_dot_product_attention

from t2t.models.cpu.kernels import call, compiled
from t2t.models.cpu.ops import Drop, Spans, self_attend

__all__ = ["attend_few", "attend_rows", "level", "quantise"]


def level(x_NH: torch.Tensor, add_NH: torch.Tensor | None, eps: float, dtype: torch.dtype) -> torch.Tensor:
    """Add to ``x_NH`` (fp32) in place; return its rows with mean square 1."""
    if compiled() is None:
        x_NH = x_NH if add_NH is None else x_NH.add_(add_NH)
        return (x_NH * x_NH.square().mean(-1, keepdim=True).add_(eps).rsqrt_()).to(dtype)
    out_NH = torch.empty(x_NH.shape, dtype=dtype)
    call("level", dtype, x_NH, add_NH, out_NH, *x_NH.shape, eps)
    return out_NH


def quantise(x_NH: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return whole numbers of 8 bits and their scale."""
    out_NH, scale = torch.empty(x_NH.shape, dtype=torch.int8), torch.empty(1)
    call("quantise", x_NH.dtype, x_NH, out_NH, scale, *x_NH.shape)
    return out_NH, float(scale)


def attend_rows(qkv_NJ: torch.Tensor, bias_AW: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    """Return softmax(q k^T + bias) v (N, I) within rows that lie one after the other; 0 after the last.

    ``bias_AW`` has the 2 P - 1 distances of the longest row: that of query i and key j is at P - 1 + j - i.
    """
    spans, heads = Spans.of(lengths), len(bias_AW)
    if compiled() is not None:
        return self_attend(qkv_NJ, bias_AW, spans, heads=heads, causal=False, drop=Drop())
    at_BP, real_BP = _positions(spans.starts[:-1], spans.starts.diff())
    q, k, v = qkv_NJ[at_BP].view(*at_BP.shape, 3, heads, -1).permute(2, 0, 3, 1, 4)
    places_P = torch.arange(spans.longest)
    bias_APP = bias_AW[:, spans.longest - 1 + places_P[None] - places_P[:, None]]
    mask = bias_APP.masked_fill(~real_BP[:, None, None], -torch.inf).to(qkv_NJ.dtype)
    mixed_BAPD = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
    out_NI = qkv_NJ.new_zeros(len(qkv_NJ), qkv_NJ.shape[1] // 3)
    out_NI[at_BP[real_BP]] = mixed_BAPD.transpose(1, 2).flatten(2)[real_BP]
    return out_NI


def attend_few(
    q_NI: torch.Tensor, kv_NJ: torch.Tensor, starts_B: torch.Tensor, lengths_B: torch.Tensor, *, each: int, heads: int
) -> torch.Tensor:
    """Return softmax(q k^T) v (N, I) of ``each`` queries an input over its keys; 0 after the last.

    ``kv_NJ`` may be columns of something wider: k and v side by side, J = 2 I.
    """
    out_NI, count = torch.zeros_like(q_NI), len(starts_B) * each
    k_NI, v_NI = kv_NJ.tensor_split(2, 1)
    if compiled() is not None:
        sizes = len(starts_B), each, heads, q_NI.shape[1] // heads, kv_NJ.stride(0)
        call("few", q_NI.dtype, q_NI.contiguous(), k_NI, v_NI, out_NI, starts_B, lengths_B, *sizes)
        return out_NI
    at_BP, real_BP = _positions(starts_B, lengths_B)
    rows = q_NI[:count].view(len(starts_B), each, -1), k_NI[at_BP], v_NI[at_BP]
    q, k, v = (x.view(*x.shape[:2], heads, -1).transpose(1, 2) for x in rows)
    mixed = scaled_dot_product_attention(q, k, v, attn_mask=real_BP[:, None, None], scale=1.0)
    out_NI[:count] = mixed.transpose(1, 2).reshape(count, -1)
    return out_NI


def _positions(starts_B: torch.Tensor, lengths_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where the positions (B, P) of rows stand, and whether there are such."""
    places_P = torch.arange(int(lengths_B.max()))
    real_BP = places_P < lengths_B[:, None]
    return torch.where(real_BP, starts_B[:, None] + places_P, 0), real_BP

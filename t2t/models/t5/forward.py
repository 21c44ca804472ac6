"""The forward pass of training: transformers' T5 weights, nothing computed on padding, dropout by a hash.

Floor 4. Raffel et al. 2020, section 2.1; the gated layers of v1.1 and mT5: Shazeer 2020. Weights stay fp32 and are cast
where they are used, so that gradients and the optimiser's state are fp32 too.

Shapes: N source and M target positions of R rows laid out flat (`t2t.models.t5.rows`), D model, I = h heads times the
size of each, V vocabulary, W distances between two positions.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.functional import embedding, linear
from transformers.models.t5.modeling_t5 import T5Attention

from t2t.models.cpu.ops import (
    Noise,
    Spans,
    add_norm,
    attend,
    cross_entropy,
    dropped,
    gated,
    joined,
    looked_up,
    rectified,
    self_attend,
)
from t2t.models.t5 import scale

__all__ = ["distances", "flat_loss"]


def flat_loss(
    net: Any, tensors: Mapping[str, torch.Tensor], *, dtype: torch.dtype, label_smoothing: float
) -> torch.Tensor:
    """Return the cross-entropy in nats of a batch laid out flat, summed over real target positions."""
    sources, targets = (Spans.of(lengths) for lengths in tensors["lengths_2R"].tolist())
    noise = Noise.of(net.encoder.dropout.p, net.training)
    ids = tensors["source_N"], tensors["shifted_M"]
    if net.lm_head.weight is net.shared.weight:
        words_VD, (source_ND, target_MD) = looked_up(net.shared.weight, ids, dtype)
    else:
        source_ND, target_MD = (embedding(some, net.shared.weight).to(dtype) for some in ids)
        words_VD = joined([net.lm_head.weight], dtype)
    encoded_ND = _encode(net.encoder, source_ND, sources, noise)
    hidden_MD = _decode(net.decoder, target_MD, encoded_ND, targets, sources, noise)
    logits_MV = linear(hidden_MD * scale(net.config), words_VD)
    return cross_entropy(logits_MV, tensors["target_M"], label_smoothing=label_smoothing).sum()


def _encode(stack: Any, add_ND: torch.Tensor, spans: Spans, noise: Noise) -> torch.Tensor:
    """Return what the encoder makes of embedded sources, (N, D).

    In a stack ``x_ND`` is the residual, and ``add_ND`` what is to be added to it, by the norm that comes next.
    """
    x_ND, bias_hW = None, None
    for block in stack.block:
        attention, feed = block.layer
        bias_hW = _bias(attention.SelfAttention, spans, bias_hW)
        x_ND, y_ND = _normed(attention.layer_norm, x_ND, add_ND, noise)
        add_ND = _self_attention(attention.SelfAttention, y_ND, spans, bias_hW, noise)
        x_ND, y_ND = _normed(feed.layer_norm, x_ND, add_ND, noise)
        add_ND = _feed_forward(feed.DenseReluDense, y_ND, noise)
    return _last(stack, x_ND, add_ND, noise)


def _decode(
    stack: Any, add_MD: torch.Tensor, encoded_ND: torch.Tensor, spans: Spans, sources: Spans, noise: Noise
) -> torch.Tensor:
    """Return what the decoder makes of embedded, shifted targets, (M, D)."""
    x_MD, bias_hW = None, None
    for block in stack.block:
        attention, cross, feed = block.layer
        bias_hW = _bias(attention.SelfAttention, spans, bias_hW)
        x_MD, y_MD = _normed(attention.layer_norm, x_MD, add_MD, noise)
        add_MD = _self_attention(attention.SelfAttention, y_MD, spans, bias_hW, noise)
        x_MD, y_MD = _normed(cross.layer_norm, x_MD, add_MD, noise)
        add_MD = _cross_attention(cross.EncDecAttention, y_MD, encoded_ND, spans, sources, noise)
        x_MD, y_MD = _normed(feed.layer_norm, x_MD, add_MD, noise)
        add_MD = _feed_forward(feed.DenseReluDense, y_MD, noise)
    return _last(stack, x_MD, add_MD, noise)


def _last(stack: Any, x_ND: torch.Tensor | None, add_ND: torch.Tensor, noise: Noise) -> torch.Tensor:
    """Return what a stack gives, (N, D)."""
    _, y_ND = _normed(stack.final_layer_norm, x_ND, add_ND, noise)
    return dropped(y_ND, noise.next())


def _normed(
    layer: Any, x_ND: torch.Tensor | None, add_ND: torch.Tensor, noise: Noise
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the residual with what is to be added to it, dropout on that, and the norm of the sum."""
    return add_norm(x_ND, add_ND, layer.weight, layer.variance_epsilon, noise.next())


def _self_attention(
    own: Any, y_ND: torch.Tensor, spans: Spans, bias_hW: torch.Tensor | None, noise: Noise
) -> torch.Tensor:
    qkv_NJ = _project(y_ND, own.q, own.k, own.v)
    mixed_NI = self_attend(qkv_NJ, bias_hW, spans, heads=own.n_heads, causal=bool(own.is_decoder), drop=noise.next())
    return _project(mixed_NI, own.o)


def _cross_attention(
    across: Any, y_MD: torch.Tensor, encoded_ND: torch.Tensor, spans: Spans, sources: Spans, noise: Noise
) -> torch.Tensor:
    q_MI, kv_NJ = _project(y_MD, across.q), _project(encoded_ND, across.k, across.v)
    mixed_MI = attend(q_MI, kv_NJ, spans, sources, heads=across.n_heads, drop=noise.next())
    return _project(mixed_MI, across.o)


def _feed_forward(feed: Any, y_ND: torch.Tensor, noise: Noise) -> torch.Tensor:
    if hasattr(feed, "wi_0"):
        inner = gated(_project(y_ND, feed.wi_0, feed.wi_1), noise.next())
    else:
        inner = rectified(_project(y_ND, feed.wi), noise.next())
    return _project(inner, feed.wo)


def _project(x_ND: torch.Tensor, *layers: Any) -> torch.Tensor:
    """Return what several layers make of the same input, side by side, in one product."""
    return linear(x_ND, joined([layer.weight for layer in layers], x_ND.dtype))


def _bias(attention: Any, spans: Spans, before: torch.Tensor | None) -> torch.Tensor | None:
    """Return the position bias by distance, (h, W): that of the layer before where a layer has no table of its own."""
    return distances(attention, spans.longest) if attention.has_relative_attention_bias else before


def distances(attention: Any, longest: int) -> torch.Tensor:
    """Return the position bias by distance, (h, W): that of query i and key j is at ``longest - 1 + j - i``."""
    buckets_W = _buckets(
        longest, both_ways=not attention.is_decoder, count=attention.relative_attention_num_buckets,
        farthest=attention.relative_attention_max_distance,
    )  # fmt: skip
    bias_hW: torch.Tensor = attention.relative_attention_bias.weight[buckets_W].t()
    return bias_hW


@functools.lru_cache(1024)
def _buckets(longest: int, *, both_ways: bool, count: int, farthest: int) -> torch.Tensor:
    """Return the bucket of each distance from ``1 - longest`` to ``longest - 1`` of a key from a query.

    What is remembered is for training too, even if an answer asked for it first.
    """
    with torch.inference_mode(False):
        buckets_W: torch.Tensor = T5Attention._relative_position_bucket(
            torch.arange(1 - longest, longest), bidirectional=both_ways, num_buckets=count, max_distance=farthest
        )
        return buckets_W

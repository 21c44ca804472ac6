"""Useful work: the floating-point operations that a model's matrix products need for tokens that are not padding.

Floor 6. One product of (a, b) and (b, c) takes 2abc operations. Forward, with d the width, i = heads × width of a
head, f the products of a feed-forward layer (2, or 3 where it is gated) times d × d_ff, V the vocabulary, for an input
of S and a target of T tokens:

    encoder layer       S · 2(4di + f) + 4S²i             q, k, v, o and the feed-forward; scores and their sums
    decoder layer       T · 2(6di + f) + S · 2(2di)       the same, cross-attention's q, o of T and its k, v of S
                        + 4T²i + 4TSi
    logits              T · 2dV                           of target tokens alone

Training takes three times that: backward makes two products of each. Looking embeddings up, norms, softmax, dropout
and the optimiser count nothing, nor do positions that causality hides count less: T² is the whole square. So padding,
logits of padding, and an encoder run again for every choice are waste, and lower a contestant's share of the peak.

>>> shape = Shape(width=4, inner=4, feed=2 * 4 * 8, encoder=1, decoder=0, vocabulary=0)
>>> forward(shape, 3, []) == 3 * 2 * (4 * 16 + 64) + 4 * 9 * 4
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Shape", "forward", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the products of a Transformer are the size of; ``encoder`` and ``decoder`` are numbers of layers."""

    width: int
    inner: int
    feed: int
    encoder: int
    decoder: int
    vocabulary: int


def shape_of(config: Any) -> Shape:
    """Return the shape of a transformers configuration: T5's, or an encoder's such as BERT's."""
    if config.model_type in ("t5", "mt5", "umt5"):
        d, f = config.d_model, (3 if config.is_gated_act else 2) * config.d_model * config.d_ff
        inner = config.num_heads * config.d_kv
        return Shape(d, inner, f, config.num_layers, config.num_decoder_layers, config.vocab_size)
    d = config.hidden_size
    return Shape(d, d, 2 * d * config.intermediate_size, config.num_hidden_layers, 0, 0)


def forward(shape: Shape, source: int, targets: Sequence[int]) -> int:
    """Return the operations of one forward pass over an input of ``source`` tokens, encoded once, and its targets.

    Several targets are choices that are ranked, or beams.
    """
    d, i = shape.width, shape.inner
    total = shape.encoder * (source * 2 * (4 * d * i + shape.feed) + 4 * source**2 * i)
    total += shape.decoder * source * 4 * d * i if targets else 0
    for target in targets:
        layer = target * 2 * (6 * d * i + shape.feed) + 4 * target**2 * i + 4 * target * source * i
        total += shape.decoder * layer + target * 2 * d * shape.vocabulary
    return total

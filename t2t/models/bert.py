"""BERT, RoBERTa, XLM-R, CamemBERT and ELECTRA over transformers' own weights, with nothing computed on padding.

Floor 4, below the encoders. `supports` says for which bodies; everything else, and ``plain``, takes transformers' own
forward pass, to which the tests hold this one. Devlin et al. 2019, section 3; weights are cast where they are used.

Shapes: R rows of S positions, of which N are real, laid out flat; H hidden, I = heads times the size of each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import layer_norm, linear, pad

from t2t.models.cpu.kernels import compiled
from t2t.models.cpu.ops import Drop, Noise, Spans, add_dropped, joined, self_attend
from t2t.models.cpu.rows import rounded
from t2t.models.cpu.swap import RoundedLinear

__all__ = ["encode", "supports"]

TYPES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
LINEAR = (torch.nn.Linear, RoundedLinear)


def supports(body: Any) -> bool:
    """Whether a body is one of these as transformers builds it, without an adapter in it, on a CPU with kernels."""
    return (
        body.config.model_type in TYPES
        and not body.config.is_decoder
        and body.device.type == "cpu"
        and all(type(module) in LINEAR for module in body.modules() if hasattr(module, "in_features"))
        and type(body.get_input_embeddings()) is torch.nn.Embedding  # virtual tokens would go before the inputs
        and compiled() is not None
    )


def encode(
    body: Any, source_RS: torch.Tensor, mask_RS: torch.Tensor, kinds_RS: torch.Tensor | None, dtype: torch.dtype
) -> torch.Tensor:
    """Return the last hidden states (R, S, H), computed in ``dtype``; those of padding are of no meaning.

    ``mask_RS`` is 1 at the first positions of each row, those of its tokens, and 0 at its padding.
    """
    real_RS, lengths = mask_RS.bool(), mask_RS.sum(1)
    position_RS = torch.arange(mask_RS.shape[1]).expand_as(mask_RS) + _first(body)
    kinds_RS = torch.zeros_like(source_RS) if kinds_RS is None else kinds_RS
    rows = int(lengths.sum())
    ids, kinds, positions = (
        pad(x_RS[real_RS], (0, rounded(rows) - rows))[None] for x_RS in (source_RS, kinds_RS, position_RS)
    )
    x_NH = body.embeddings(input_ids=ids, token_type_ids=kinds, position_ids=positions)[0]
    if hasattr(body, "embeddings_project"):
        x_NH = body.embeddings_project(x_NH)
    x_NH, spans = x_NH.to(dtype), Spans.of(lengths.tolist())
    noise = Noise.of(1.0, body.training)
    for layer in body.encoder.layer:
        x_NH = _attention(layer.attention, x_NH, spans, noise)
        y_NF = layer.intermediate.intermediate_act_fn(_project(x_NH, layer.intermediate.dense))
        x_NH = _joined(layer.output, x_NH, y_NF, noise)
    place_RS = (real_RS.flatten().cumsum(0) - 1).clamp(min=0).view_as(mask_RS)
    return x_NH.float()[place_RS]


def _first(body: Any) -> int:
    """Return the number of the first position: RoBERTa's count from the padding token's id."""
    padding: int | None = body.embeddings.position_embeddings.padding_idx
    return 0 if padding is None else padding + 1


def _attention(attention: Any, x_NH: torch.Tensor, spans: Spans, noise: Noise) -> torch.Tensor:
    own = attention.self
    parts = (own.query, own.key, own.value)
    weight_JH, bias_J = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])
    scale_J = torch.ones_like(bias_J)
    scale_J[: own.query.out_features] = own.scaling  # of the scores, taken into the queries
    qkv_NJ = linear(x_NH, (weight_JH * scale_J[:, None]).to(x_NH.dtype), (bias_J * scale_J).to(x_NH.dtype))
    mixed_NI = self_attend(
        qkv_NJ, None, spans, heads=own.num_attention_heads, causal=False, drop=_drop(own.dropout, noise)
    )
    return _joined(attention.output, x_NH, mixed_NI, noise)


def _joined(output: Any, x_NH: torch.Tensor, y: torch.Tensor, noise: Noise) -> torch.Tensor:
    """Return the norm of the sum of what a part of a layer was given and what it makes of it."""
    sum_NH = add_dropped(x_NH, _project(y, output.dense), _drop(output.dropout, noise))
    norm = output.LayerNorm
    return layer_norm(sum_NH, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _project(x: torch.Tensor, layer: Any) -> torch.Tensor:
    return linear(x, joined([layer.weight], x.dtype), layer.bias.to(x.dtype))


def _drop(module: torch.nn.Dropout, noise: Noise) -> Drop:
    """Return the dropout of one place: none where the module is frozen."""
    return noise.next()._replace(share=module.p) if module.training else Drop()

"""T5, v1.1, mT5 and UMT5 over transformers' own weights, written out so that nothing is computed on padding.

Floor 4, below the text-to-text family. `supports` says for which networks; everything else, and ``plain``, takes
transformers' forward pass, to which the tests hold this one.
"""

from __future__ import annotations

from typing import Any

import torch

from t2t.models.cpu.kernels import compiled
from t2t.models.cpu.swap import RoundedLinear

__all__ = ["scaled", "supports"]

TYPES = ("t5", "mt5", "umt5")
LINEAR = (torch.nn.Linear, RoundedLinear)


def supports(net: Any) -> bool:
    """Whether a network is one of these: its layers as they were made (no adapters), ReLU or gated GELU, on a
    CPU for which the kernels could be compiled."""
    if getattr(net.config, "model_type", "") not in TYPES:
        return False
    gelu = net.config.is_gated_act and net.config.dense_act_fn == "gelu_new"
    relu = not net.config.is_gated_act and net.config.dense_act_fn == "relu"
    if type(net.encoder.embed_tokens) is not torch.nn.Embedding:  # virtual tokens go before the inputs
        return False
    plain = all(type(layer) in LINEAR for layer in net.modules() if hasattr(layer, "in_features"))
    return (gelu or relu) and plain and net.device.type == "cpu" and compiled() is not None


def scaled(config: Any) -> bool:
    """Whether the decoder's output is multiplied by 1 / sqrt(D) before the logits, as each architecture has it."""
    ties = {"t5": getattr(config, "scale_decoder_outputs", False), "umt5": config.tie_word_embeddings}
    return bool(ties.get(config.model_type, False))

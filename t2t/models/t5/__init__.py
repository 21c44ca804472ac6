"""T5, v1.1, mT5 and UMT5 written by hand: the weights of transformers' own modules, computed with less work.

Floor 4, below the text-to-text family. Training computes nothing on padding (`forward`); answers come from packed
weights (`inference`, `decode`). `supports` and `trains` say for which networks; all else, and ``plain``, takes
transformers' own ways, to which the tests hold these.
"""

from __future__ import annotations

from typing import Any

import torch

from t2t.models.cpu.kernels import compiled

__all__ = ["scale", "supports", "trains"]

BUILT = ("T5ForConditionalGeneration", "MT5ForConditionalGeneration", "UMT5ForConditionalGeneration")


def supports(net: Any) -> bool:
    """Whether a module is one of these architectures as transformers builds it, on a CPU, without an adapter in it."""
    return (
        type(net).__name__ in BUILT
        and net.shared.weight.device.type == "cpu"
        and all(type(words) is torch.nn.Embedding for words in (net.shared, net.encoder.embed_tokens))
        and not any(hasattr(module, "get_base_layer") for module in net.modules())
    )


def trains(net: Any) -> bool:
    """Whether it is trained so, too: with ReLU or gated GELU, where the kernels could be compiled."""
    if not supports(net):
        return False
    inner = (net.config.is_gated_act, net.config.dense_act_fn)
    return inner in ((True, "gelu_new"), (False, "relu")) and compiled() is not None


def scale(config: Any) -> float:
    """Return what the decoder's last vectors are multiplied by: each architecture says it in its own way."""
    tied = {"t5": "scale_decoder_outputs", "umt5": "tie_word_embeddings"}.get(config.model_type)
    return config.d_model**-0.5 if tied and getattr(config, tied) else 1.0

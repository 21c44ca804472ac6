"""T5, mT5 and UMT5 written by hand: the weights of a Hugging Face module, computed with less work.

Floor 4, below the families.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["supports"]

BUILT = ("T5ForConditionalGeneration", "MT5ForConditionalGeneration", "UMT5ForConditionalGeneration")


def supports(net: Any) -> bool:
    """Whether a module is one of these architectures as transformers builds it, on a CPU, without an adapter in it."""
    return (
        type(net).__name__ in BUILT
        and net.shared.weight.device.type == "cpu"
        and all(type(words) is torch.nn.Embedding for words in (net.shared, net.encoder.embed_tokens))
        and not any(hasattr(module, "get_base_layer") for module in net.modules())
    )

"""What the families compute in, and how much they drop.

Floor 4, below the families.
"""

from __future__ import annotations

import torch

from t2t.errors import UsageError
from t2t.models.cpu.kernels import compiled

__all__ = ["autocast", "dtype_of", "multiplies_bf16", "precision", "said", "set_dropout"]


def multiplies_bf16(device: torch.device) -> bool:
    """Return whether the hardware multiplies in bf16: where it does not, such products are a hundred times slower."""
    return bool(torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported())


def precision(name: str, device: torch.device) -> str:
    """Return fp32 or bf16; ``auto`` takes bf16 where the hardware multiplies in it."""
    if name == "auto":
        return "bf16" if multiplies_bf16(device) else "fp32"
    return name


def said(name: str, device: torch.device, *, plain: bool) -> list[str]:
    """Return notes on what a run computes in, and on what makes it slow."""
    chosen = precision(name, device)
    able = multiplies_bf16(device)
    why = "as asked"
    if name == "auto":
        why = "the hardware multiplies in it" if able else "the hardware does not multiply in bf16"
    elif chosen == "bf16" and not able:
        why = "as asked, though the hardware does not multiply in it and fp32 is many times faster"
    notes = [f"products in {chosen}: {why}"]
    if device.type == "cpu" and not plain and compiled() is None:
        notes.append("no C compiler was found: transformers' own layers are used, several times slower")
    return notes


def dtype_of(name: str, net: torch.nn.Module) -> torch.dtype:
    """Return what a network's products are computed in under a precision: fp32, bf16 or auto."""
    if name == "int8":
        raise UsageError("int8 is for answers of T5, mT5 and UMT5", where="precision", fix="Take bf16 or fp32.")
    return torch.bfloat16 if precision(name, next(net.parameters()).device) == "bf16" else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return the autocast context of a precision; off for fp32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def set_dropout(net: torch.nn.Module, share: float) -> None:
    """Set the share of every dropout layer, and of those that an architecture keeps as a number."""
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        for name in ("dropout", "activation_dropout", "attention_dropout", "dropout_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, share)

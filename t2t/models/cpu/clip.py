"""Clipping gradients by their common norm.

Floor 4. PyTorch's reads tensor after tensor at a third of the memory's speed; without the compiled kernels, and
elsewhere than on the CPU, it is that one.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn.utils import clip_grad_norm_

from t2t.models.cpu.kernels import call, compiled

__all__ = ["clip"]

STRETCH = 2**18  # numbers whose squares one thread sums: fixed, so that the number of threads does not change a sum


def clip(parameters: Iterable[torch.nn.Parameter], most: float) -> torch.Tensor:
    """Scale the gradients to a norm of at most ``most``; return the norm that they had, NaN or infinite included."""
    parameters = [p for p in parameters if p.grad is not None]
    gradients = [p.grad for p in parameters if p.grad is not None]
    if compiled() is None or not gradients or any(_foreign(gradient) for gradient in gradients):
        return clip_grad_norm_(parameters, most)
    norm = _norm(gradients)
    if norm > most:
        torch._foreach_mul_(gradients, float(most / (norm + 1e-6)))  # as PyTorch's
    return norm


def _foreign(gradient: torch.Tensor) -> bool:
    """Whether the kernel cannot read a gradient as one stretch of fp32."""
    dense = gradient.layout == torch.strided and gradient.is_contiguous()
    return not dense or gradient.dtype != torch.float32 or gradient.device.type != "cpu"


def _norm(gradients: list[torch.Tensor]) -> torch.Tensor:
    """Return the root of the sum of all squares."""
    flat = [(gradient.data_ptr(), gradient.numel()) for gradient in gradients]
    parts = [(at + 4 * i, min(STRETCH, size - i)) for at, size in flat for i in range(0, size, STRETCH)]
    about_2P, sums_P = torch.tensor(parts).t().contiguous(), torch.empty(len(parts), dtype=torch.float64)
    call("squares", torch.float32, *about_2P, sums_P, len(parts))
    return sums_P.sum().sqrt().float()

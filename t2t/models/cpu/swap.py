"""Layers of transformers' networks in their faster forms for a CPU, over the same weights: for every family.

Floor 4. A layer changes its class and nothing else: names, weights, what is saved and what adapters find stay.

Shapes: N positions, F and G features.
"""

from __future__ import annotations

import torch
from torch.nn.functional import linear, pad

from t2t.models.cpu.kernels import SUFFIXES, compiled
from t2t.models.cpu.memory import keep_freed
from t2t.models.cpu.ops import Drop, dropped
from t2t.models.cpu.rows import rounded

__all__ = ["HashedDropout", "RoundedLinear", "quicken"]


class RoundedLinear(torch.nn.Linear):
    """A linear layer that sees few different numbers of rows in bf16, for which oneDNN compiles each anew."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the layer makes of ``x``, (…, F) to (…, G)."""
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        x_NF = x.reshape(-1, x.shape[-1])
        rows = len(x_NF)
        y_NG = linear(pad(x_NF, (0, 0, 0, rounded(rows) - rows)), self.weight, self.bias)[:rows]
        return y_NG.view(*x.shape[:-1], y_NG.shape[-1])


class HashedDropout(torch.nn.Dropout):
    """Dropout by a hash of the position: PyTorch's own generator takes a third of a step on a CPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return dropout(x); the seed is drawn from PyTorch's generator."""
        if not self.training or not 0 < self.p < 1 or x.dtype not in SUFFIXES:
            return super().forward(x)
        return dropped(x, Drop(self.p, int(torch.randint(2**32, ()))))


FASTER: dict[type, type] = {torch.nn.Linear: RoundedLinear, torch.nn.Dropout: HashedDropout}


def quicken(net: torch.nn.Module) -> None:
    """Give the layers of a network on the CPU their faster classes, where the kernels could be compiled."""
    if any(p.device.type != "cpu" for p in net.parameters()):
        return
    keep_freed()
    if compiled() is None:
        return
    for module in net.modules():
        module.__class__ = FASTER.get(type(module), type(module))

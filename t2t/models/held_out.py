"""How well stretches of text that were held out are restored: the measure of pretraining.

Floor 4. Nats a target token tell how training goes under one vocabulary and one objective. Bits a byte divide by the
bytes of the text that the targets spell (`Objective.hidden`), sentinels and end tokens paid for, so that vocabularies
can be compared; objectives cannot, for they ask other things.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch

from t2t.batches import steps
from t2t.stretches import Stretches

__all__ = ["HeldOut", "measure"]


class HeldOut(NamedTuple):
    """The loss of held-out stretches: summed nats, target tokens, and the bytes of text that these spell."""

    nats: float
    tokens: int
    bytes: float

    @property
    def nats_per_token(self) -> float:
        """Nats a target token."""
        return self.nats / self.tokens

    @property
    def bits_per_byte(self) -> float:
        """Bits a byte of the text that was hidden."""
        return self.nats / math.log(2) / self.bytes

    def __str__(self) -> str:
        return f"{self.nats_per_token:.4f} nats a token, {self.bits_per_byte:.4f} bits a byte"


def measure(model: Any, egs: Stretches, *, budget: int) -> HeldOut:
    """Return the loss of all stretches at their first visit, without dropout; ``budget`` tokens at a time."""
    every = egs[:]
    sizes = np.array(model.sizes(every)).sum(1)
    was, nats, units = model.net.training, 0.0, 0
    model.net.eval()
    try:
        with torch.no_grad():
            for part in steps(sizes, budget=budget):
                loss = model.loss(model.batch([every[i] for i in part]))
                nats, units = nats + float(loss.nats), units + loss.units
    finally:
        model.net.train(was)
    return HeldOut(nats, units, int(egs.corrupt(every).hidden.sum()) * egs.bytes_a_token)

"""How well stretches of text are restored that a model has not seen: the measure of pretraining.

Floor 4. Nats a target token tell how training goes under one vocabulary and one objective. Bits a byte divide by the
bytes of the text that the targets spell (`Objective.hidden`), sentinels and end tokens paid for, so that vocabularies
can be compared; objectives cannot, for they ask other things.

Shape: N parts that were measured, a stretch or several in each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from t2t.batches import steps
from t2t.metrics import Table, bootstrap
from t2t.stretches import Stretches

__all__ = ["HeldOut", "measure"]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The loss of stretches, part by part (N): nats, target tokens, and the bytes of text that these spell.

    ``signature`` says what was measured, under which objective and vocabulary.
    """

    objective: str
    signature: str
    nats: np.ndarray
    tokens: np.ndarray
    bytes: np.ndarray

    @property
    def nats_per_token(self) -> float:
        """Nats a target token."""
        return float(self.nats.sum() / self.tokens.sum())

    @property
    def bits_per_byte(self) -> float:
        """Bits a byte of the text that was hidden."""
        return float(self.nats.sum() / math.log(2) / self.bytes.sum())

    def __str__(self) -> str:
        return f"{self.nats_per_token:.4f} nats a token, {self.bits_per_byte:.4f} bits a byte"

    def asdict(self) -> dict[str, Any]:
        """Return both figures, under `lm` the perplexity too, and what they are of.

        Intervals (95 %) are over stretches: each must be a part by itself.
        """
        nats = _figure("nats_per_token", self.nats, self.tokens)
        bits = _figure("bits_per_byte", self.nats / math.log(2), self.bytes)
        return {**nats, **bits, **(_perplexity(nats) if self.objective == "lm" else {}),
                "stretches": len(self.nats), "tokens": int(self.tokens.sum()), "signature": self.signature}  # fmt: skip


def _figure(name: str, above: np.ndarray, below: np.ndarray) -> dict[str, Any]:
    """Return a ratio of sums over stretches, and its interval."""
    value, *bounds = bootstrap(Table(np.stack([above, below], axis=1), lambda sums: sums[:, 0] / sums[:, 1]))
    return {name: round(value, 5), f"{name}_interval": [round(bound, 5) for bound in bounds]}


def _perplexity(nats: dict[str, Any]) -> dict[str, Any]:
    """Return e to the nats a token, and its interval."""
    value, *bounds = (
        round(math.exp(min(x, 700)), 3) for x in (nats["nats_per_token"], *nats["nats_per_token_interval"])
    )
    return {"perplexity": value, "perplexity_interval": bounds}


def measure(model: Any, egs: Stretches, *, budget: int = 1, tick: Callable[[int], None] = lambda done: None) -> HeldOut:
    """Return the loss of all stretches at their first visit, without dropout.

    ``budget`` tokens are read at a time; with 1 each stretch is a part by itself, as intervals need it, and no batch
    matters. Small models take 2.5 times as long then.
    """
    every = egs[:]
    parts = steps(np.array(model.sizes(every)).sum(1), budget=budget)
    was, found = model.net.training, []
    model.net.eval()
    try:
        with torch.no_grad():
            for part in parts:
                some = [every[i] for i in part]
                loss = model.loss(model.batch(some))
                found.append((float(loss.nats), loss.units, int(egs.corrupt(some).hidden.sum()) * egs.bytes_a_token))
                tick(len(part))
    finally:
        model.net.train(was)
    return HeldOut(egs.how.name, egs.signature, *np.array(found).T)

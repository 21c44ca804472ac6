"""Calibration: whether a model is right as often as the probabilities of its choices say.

Floor 1. Log-likelihoods of choices become probabilities by a softmax over the choices; the confidence of an answer is
the largest. Only sums are kept, so that any number of rows can be added.

>>> one = Calibration()
>>> one.add([-0.1, -2.4], gold=0)
>>> one.add([-0.1, -2.4], gold=1)
>>> round(one.brier, 3), round(one.ece, 1), [count for count, _, _ in one.curve()]
(0.834, 40.9, [2])
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BINS", "Calibration", "probabilities"]

BINS = 10
_EDGES = [edge / BINS for edge in range(1, BINS)]  # a confidence on an edge counts below it, as in scikit-learn


def probabilities(nats: Sequence[float]) -> list[float]:
    """Return the softmax of log-likelihoods over the choices."""
    most = max(nats)
    weights = [math.exp(one - most) for one in nats]
    return [weight / sum(weights) for weight in weights]


@dataclass
class Calibration:
    """Sums over rows: per bin of confidence the rows, their confidences and how many were right; the Brier score's."""

    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    confidences: list[float] = field(default_factory=lambda: [0.0] * BINS)
    right: list[int] = field(default_factory=lambda: [0] * BINS)
    squares: float = 0.0

    def add(self, nats: Sequence[float], gold: int) -> None:
        """Count one row in: the log-likelihood of each choice, and which is the gold answer."""
        chances = probabilities(nats)
        confidence = max(chances)
        at = bisect_left(_EDGES, confidence)
        self.counts[at] += 1
        self.confidences[at] += confidence
        self.right[at] += chances.index(confidence) == gold
        self.squares += sum((chance - (i == gold)) ** 2 for i, chance in enumerate(chances))

    @property
    def n(self) -> int:
        """How many rows were counted in."""
        return sum(self.counts)

    @property
    def brier(self) -> float:
        """The mean over rows of the squared error summed over choices, from 0 to 2 (Brier 1950)."""
        return self.squares / max(self.n, 1)

    @property
    def ece(self) -> float:
        """The expected calibration error in percent: |confidence - share right| by rows (Naeini et al. 2015)."""
        gaps = (abs(sum_ - right) for sum_, right in zip(self.confidences, self.right, strict=True))
        return 100 * sum(gaps) / max(self.n, 1)

    def curve(self) -> list[tuple[int, float, float]]:
        """Return rows, mean confidence and share right of every bin that has rows."""
        bins = zip(self.counts, self.confidences, self.right, strict=True)
        return [(count, sum_ / count, right / count) for count, sum_, right in bins if count]

    def asdict(self) -> dict[str, Any]:
        """Return what report.json has of it."""
        return {"n": self.n, "ece": self.ece, "brier": self.brier, "curve": [list(one) for one in self.curve()]}

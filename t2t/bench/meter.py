"""The stopwatch over a stretch of work: what was done in it, at what speed, and how much of it was useful.

Floor 6. Warming up does not count: products are compiled, caches filled and memory claimed in the first steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t2t.bench.flops import Shape, forward
from t2t.bench.machine import Clock

__all__ = ["Meter", "Sizes", "speeds"]

Sizes = Sequence[tuple[int, Sequence[int]]]  # of each example: tokens of its input, and of each of its targets
WARM_SECONDS, WARM_STEPS, LEAST_STEPS = 1.0, 3, 3
BACKWARD = 2  # products of the backward pass for each of the forward pass


class Meter:
    """Counts the steps of training between the end of warming up and the end of the measurement."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.clock = seconds, Clock()
        self.warm, self.steps = False, 0
        self.sizes: list[tuple[int, Sequence[int]]] = []

    def step(self, sizes: Sequence[tuple[int, int]]) -> bool:
        """Count a step that was taken on examples of these (input, target) tokens; return whether it was the last."""
        self.steps += 1
        if not self.warm:
            if self.steps >= WARM_STEPS and self.clock.seconds >= WARM_SECONDS:
                self.warm, self.steps = True, 0
                self.clock.restart()
            return False
        self.sizes += [(source, (target,)) for source, target in sizes]
        return self.steps >= LEAST_STEPS and self.clock.seconds >= self.seconds

    def result(self, shape: Shape, dtype: str) -> dict[str, Any]:
        """Return the speeds of what was counted."""
        return {"steps": self.steps, **speeds(self.sizes, self.clock, shape, dtype, passes=1 + BACKWARD)}


def speeds(sizes: Sizes, clock: Clock, shape: Shape, dtype: str, *, passes: int) -> dict[str, Any]:
    """Return tokens, examples and useful GFLOP a second since the clock was started, and who else was at work.

    ``passes`` is how often the products of a forward pass were needed: once to answer, three times to train. An
    encoder without a decoder reads no target.
    """
    seconds, others = clock.seconds, clock.others()
    targets = sum(sum(some) for _, some in sizes) if shape.decoder else 0
    sources = sum(source for source, _ in sizes)
    operations = passes * sum(forward(shape, source, some if shape.decoder else ()) for source, some in sizes)
    return {
        "seconds": seconds,
        "examples": len(sizes),
        "input_tokens": sources,
        "target_tokens": targets,
        "tokens_per_second": (sources + targets) / seconds,
        "examples_per_second": len(sizes) / seconds,
        "gflops": operations / seconds / 1e9,
        "dtype": dtype,
        "others": others,
    }

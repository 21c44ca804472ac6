"""Span corruption alone, without a model: rows of text made into inputs and targets, all on one CPU.

Floor 6. The tokens counted are those of inputs and targets, as in the other cases; there are no products to count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from t2t.bench.cases import Ask
from t2t.bench.machine import Clock
from t2t.objectives import OBJECTIVES, Draws, Vocabulary, keys

__all__ = ["loop", "t2t"]

ROWS, LENGTH, WORDS = 128, 568, 32_000
VOCABULARY = Vocabulary(sentinels=np.arange(32_099, 31_999, -1), eos=1, words=np.arange(2, WORDS))
WARM = 3  # batches

Rows = list[np.ndarray]


def t2t(ask: Ask) -> dict[str, Any]:
    """Corrupt whole batches."""

    def corrupt(tokens_BL: np.ndarray, visit: int) -> tuple[Rows, Rows]:
        draws = Draws(keys(0, np.full(ROWS, visit), np.arange(ROWS)))
        found = OBJECTIVES["span_corruption"](tokens_BL, draws, VOCABULARY)
        return found.inputs, found.targets

    return _timed(ask, corrupt)


def loop(ask: Ask) -> dict[str, Any]:
    """Corrupt the rows one after another with the same algorithm, each with a handful of numpy's functions."""
    rng = np.random.default_rng(0)

    def corrupt(tokens_BL: np.ndarray, visit: int) -> tuple[Rows, Rows]:
        masks = [_mask(LENGTH, rng) for _ in tokens_BL]
        inputs = [_folded(row, mask) for row, mask in zip(tokens_BL, masks, strict=True)]
        return inputs, [_folded(row, ~mask) for row, mask in zip(tokens_BL, masks, strict=True)]

    return _timed(ask, corrupt)


def _mask(length: int, rng: np.random.Generator) -> np.ndarray:
    """Return T5's noise mask of one text."""
    noise = round(length * 0.15)
    spans = round(noise / 3)
    lengths = np.stack([_segments(length - noise, spans, rng), _segments(noise, spans, rng)], axis=1).reshape(-1)
    return np.repeat(np.arange(2 * spans) % 2 == 1, lengths)


def _segments(items: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    cuts = np.sort(rng.choice(items - 1, parts - 1, replace=False, shuffle=False)) + 1
    return np.diff(cuts, prepend=0, append=items)


def _folded(row: np.ndarray, hide: np.ndarray) -> np.ndarray:
    """Return a row with a sentinel in place of each run that is hidden, and its end."""
    first = hide.copy()
    first[1:] &= ~hide[:-1]
    out = row.copy()
    out[first] = VOCABULARY.sentinels[: first.sum()]
    return np.append(out[first | ~hide], VOCABULARY.eos)


def _timed(ask: Ask, corrupt: Callable[[np.ndarray, int], tuple[Rows, Rows]]) -> dict[str, Any]:
    """Return how many tokens a second come out of batches of random ids."""
    tokens_BL = np.random.default_rng(0).integers(2, WORDS, (ROWS, LENGTH), dtype=np.int32)
    for visit in range(WARM):
        inputs, targets = corrupt(tokens_BL, visit)
    clock, batches = Clock(), 0
    while not batches or clock.seconds < ask.seconds:
        inputs, targets = corrupt(tokens_BL, WARM + batches)
        batches += 1
    seconds, others = clock.seconds, clock.others()
    counts = [batches * sum(map(len, side)) for side in (inputs, targets)]
    return {
        "seconds": seconds,
        "examples": batches * ROWS,
        "input_tokens": counts[0],
        "target_tokens": counts[1],
        "tokens_per_second": sum(counts) / seconds,
        "examples_per_second": batches * ROWS / seconds,
        "gflops": 0.0,
        "dtype": "fp32",
        "others": others,
    }

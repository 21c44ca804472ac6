"""Batches by token budget: which examples go together, and how they are laid out.

Floor 3, but needs no torch: ids and lengths are numpy. `steps` cuts the stream into optimiser steps; `plan` cuts
examples into batches of similar lengths; `pack` puts several short examples into one row; `pad` makes a rectangle.

>>> [batch.tolist() for batch in plan(np.array([3, 9, 3, 8]), np.array([1, 1, 1, 1]), budget=20)]
[[0, 2], [3, 1]]
>>> [batch.tolist() for batch in steps(np.array([4, 10, 4, 9]), budget=18)]
[[0, 1, 2], [3]]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["pack", "pad", "plan", "steps"]

ENOUGH = 1024  # tokens of a batch below which padding does not matter


def steps(lengths: np.ndarray, *, budget: int) -> list[np.ndarray]:
    """Cut examples, in their order, into stretches of at most ``budget`` tokens; return their indices.

    ``lengths`` are tokens of input and target together. A stretch of the stream has the mixture's shares, which a
    batch of like lengths has not: tasks of short texts would fill few steps and lend them little weight.
    """
    cuts: list[int] = []
    tokens = 0
    for i, length in enumerate(lengths):
        tokens += int(length)
        if tokens > budget and i > (cuts[-1] if cuts else 0):
            cuts.append(i)
            tokens = int(length)
    return [part for part in np.split(np.arange(len(lengths)), cuts) if len(part)]


def plan(
    sources: np.ndarray, targets: np.ndarray, *, budget: int, most_padding: float | None = None
) -> list[np.ndarray]:
    """Cut examples into batches of at most ``budget`` tokens (inputs and targets together); return their indices.

    Examples are sorted by input and target length, so that rows of one batch are alike and padding is little; padding
    counts towards the budget. With ``most_padding`` a batch ends before its padding is more than that share of its
    tokens. An example over the budget is a batch of its own.
    """
    order = np.lexsort((targets, sources))
    batches: list[np.ndarray] = []
    start = widest_in = widest_out = tokens = 0
    for at, i in enumerate(order):
        size = int(sources[i] + targets[i])
        widest_in, widest_out = max(widest_in, sources[i]), max(widest_out, targets[i])
        cost = (at - start + 1) * (widest_in + widest_out)
        loose = most_padding is not None and tokens >= ENOUGH and cost > (1 + most_padding) * (tokens + size)
        if (cost > budget or loose) and at > start:
            batches.append(order[start:at])
            start, widest_in, widest_out, tokens = at, sources[i], targets[i], 0
        tokens += size
    if len(order) > start:
        batches.append(order[start:])
    return batches


def pack(sources: Sequence[int], targets: Sequence[int], *, source_limit: int, target_limit: int) -> list[list[int]]:
    """Put examples into rows first-fit, longest first; return the indices in each row.

    A row holds at most ``source_limit`` input and ``target_limit`` target tokens; an example over a limit has a row to
    itself.
    """
    rows: list[list[int]] = []
    room: list[list[int]] = []
    for i in sorted(range(len(sources)), key=lambda i: (-sources[i], -targets[i], i)):
        fits = (r for r, (a, b) in enumerate(room) if sources[i] <= a and targets[i] <= b)
        r = next(fits, None)
        if r is None:
            rows.append([])
            room.append([source_limit, target_limit])
            r = len(rows) - 1
        rows[r].append(i)
        room[r] = [room[r][0] - sources[i], room[r][1] - targets[i]]
    return rows


def pad(rows: Sequence[np.ndarray], value: int) -> np.ndarray:
    """Return rows of ids as one rectangle (B, L) of int64, filled up with ``value``."""
    out = np.full((len(rows), max((len(row) for row in rows), default=0)), value, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out

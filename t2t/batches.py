"""Batches by token budget: which examples go together, and how they are laid out.

Floor 3, but needs no torch: ids and lengths are numpy. `plan` cuts a window of the stream into batches of similar
lengths; `pack` puts several short examples into one row; `pad` makes a rectangle.

>>> [batch.tolist() for batch in plan(np.array([3, 9, 3, 8]), np.array([1, 1, 1, 1]), budget=20)]
[[0, 2], [3, 1]]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["pack", "pad", "plan"]


def plan(
    sources: np.ndarray,
    targets: np.ndarray,
    *,
    budget: int,
    packed: bool = False,
    rng: np.random.Generator | None = None,
) -> list[np.ndarray]:
    """Cut examples into batches of at most ``budget`` tokens (inputs and targets together); return their indices.

    Examples are sorted by input and target length, so that rows of one batch are alike and padding is little; padding
    counts towards the budget. With ``packed`` the order is kept and only real tokens count. With ``rng`` the batches
    are shuffled. An example over the budget is a batch of its own.
    """
    order = np.arange(len(sources)) if packed else np.lexsort((targets, sources))
    batches: list[np.ndarray] = []
    start = widest_in = widest_out = tokens = 0
    for at, i in enumerate(order):
        widest_in, widest_out = max(widest_in, sources[i]), max(widest_out, targets[i])
        tokens += int(sources[i] + targets[i])
        cost = tokens if packed else (at - start + 1) * (widest_in + widest_out)
        if cost > budget and at > start:
            batches.append(order[start:at])
            start, widest_in, widest_out, tokens = at, sources[i], targets[i], int(sources[i] + targets[i])
    if len(order) > start:
        batches.append(order[start:])
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
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

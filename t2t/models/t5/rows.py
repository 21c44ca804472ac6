"""How examples of unlike lengths are laid out without padding: one after the other.

Floor 4. Products with weights take all positions at once, attention knows where each row begins. The number of
positions is rounded up (`t2t.models.cpu.rows`): only what is computed on is, never what is learned from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t2t.models.cpu.rows import rounded
from t2t.tokens import Encoded

__all__ = ["IGNORED", "lay_out"]

IGNORED = -100


def lay_out(encoded: Sequence[Encoded], *, start: int, padding: int) -> dict[str, np.ndarray]:
    """Return the flat ids of a batch.

    ``source_N``, ``shifted_M`` (the decoder's input) and ``target_M`` hold the R examples one after the other, then
    padding (`IGNORED` for targets) up to a rounded size; ``lengths_2R`` are their tokens of source and target.
    """
    shifted = [np.concatenate([[start], e.target[:-1]]) for e in encoded]
    return {
        "source_N": _flat([e.source for e in encoded], padding),
        "shifted_M": _flat(shifted, padding),
        "target_M": _flat([e.target for e in encoded], IGNORED),
        "lengths_2R": np.array([[len(e.source) for e in encoded], [len(e.target) for e in encoded]]),
    }


def _flat(rows: Sequence[np.ndarray], value: int) -> np.ndarray:
    """Return the rows one after the other, int64, filled up to a rounded size."""
    size = sum(map(len, rows))
    return np.concatenate([*rows, np.full(rounded(size) - size, value)]).astype(np.int64)

"""How examples of unlike lengths are laid out without padding: one after the other.

Floor 4. Products with weights take all positions at once, attention knows where each row begins. The number of
positions is rounded up, because oneDNN compiles a product in bf16 anew for each number of rows (17 ms against 2 ms to
compute it, docs/fast.md): only what is computed on is rounded, never what is learned from.

>>> rounded(4001), rounded(130), rounded(3)
(4096, 144, 64)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t2t.tokens import Encoded

__all__ = ["IGNORED", "lay_out", "rounded"]

IGNORED = -100


def rounded(n: int) -> int:
    """Return ``n`` rounded up to one of eight sizes between powers of two, at least 64."""
    step = max(64, 2 ** max((n - 1).bit_length() - 1, 0)) // 8
    return max(64, -(-n // step) * step)


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

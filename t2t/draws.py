"""Random numbers that belong to a row: a function of its key and of how many were drawn before, of nothing else.

Floor 1, on numpy alone. What is hidden in a row of text must not depend on which other rows stand in its batch, on
their order, or on how many machines share them; so each row has a key of its own, and its numbers are splitmix64
(Steele, Lea and Flood 2014) of the key and a counter, computed for all rows at once.

Shapes: B rows.

>>> draws = Draws(keys(seed=0, visits=np.zeros(3, int), places=np.arange(3)))
>>> draws.random(2).shape
(3, 2)
>>> alone = Draws(keys(seed=0, visits=np.zeros(1, int), places=np.array([2])))
>>> bool((alone.random(2) == Draws(keys(0, np.zeros(3, int), np.arange(3))).random(2)[2]).all())
True
"""

from __future__ import annotations

import numpy as np

__all__ = ["Draws", "keys"]

_STEP = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's odd step, 2 ** 64 / the golden ratio
_BRANCH = np.uint64(0xD1342543DE82EF95)  # another odd number, for the draws of some rows


def _mix(z: np.ndarray) -> np.ndarray:
    """Return splitmix64's mix of each number (uint64), written over ``z``: one to one, every bit depends on all."""
    shifted = z >> np.uint64(30)
    z ^= shifted
    z *= np.uint64(0xBF58476D1CE4E5B9)
    np.right_shift(z, np.uint64(27), out=shifted)
    z ^= shifted
    z *= np.uint64(0x94D049BB133111EB)
    np.right_shift(z, np.uint64(31), out=shifted)
    z ^= shifted
    return z


def keys(seed: int, visits: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return one key (B,) uint64 a row: a function of the seed, the row's visit and its place.

    Two rows of one seed and visit never have the same key; others only as often as random numbers of 64 bits do.
    """
    key = _mix(np.array([seed % 2**64], np.uint64) + _STEP)
    key = _mix(key + np.asarray(visits).astype(np.uint64) * _STEP)
    return _mix(key + np.asarray(places).astype(np.uint64) * _STEP)


class Draws:
    """The random numbers of rows with these keys (B,), in the order they are asked for."""

    __slots__ = ("_keys", "_drawn")

    def __init__(self, keys_B: np.ndarray) -> None:
        self._keys = np.asarray(keys_B, np.uint64)
        self._drawn = 0

    def __len__(self) -> int:
        return len(self._keys)

    def bits(self, columns: int) -> np.ndarray:
        """Return random bits, (B, columns) uint64."""
        counter = np.arange(self._drawn + 1, self._drawn + 1 + columns, dtype=np.uint64) * _STEP
        self._drawn += columns
        return _mix(self._keys[:, None] + counter)

    def random(self, columns: int) -> np.ndarray:
        """Return numbers (B, columns) in [0, 1), float64 with 53 random bits."""
        return (self.bits(columns) >> np.uint64(11)) * 2.0**-53

    def integers(self, low: int | np.ndarray, high: int | np.ndarray) -> np.ndarray:
        """Return whole numbers (B,) from ``low`` to below ``high``, each bound a number or one a row."""
        return low + np.floor(self.random(1)[:, 0] * (np.asarray(high) - low)).astype(np.int64)

    def rows(self, where: np.ndarray) -> Draws:
        """Return the draws of some rows (a mask or indices): a branch, whose numbers are never drawn here.

        It depends on the row and on what was drawn before, so it may be asked for or not; what is asked for twice
        with nothing drawn in between is the same.
        """
        return Draws(_mix(self._keys[where] + np.array([self._drawn + 1], np.uint64) * _BRANCH))

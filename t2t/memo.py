"""What was made of examples, remembered up to a number of bytes.

Floor 0. A run asks for the same examples again and again: a small set stays whole in the memo, of a large one what was
made last. What is made a second time, because it was dropped, is known to be: it must not be counted twice.

>>> memo = Memo[str, bytes](lambda made: len(made), limit=2000)
>>> memo.get(["a", "b"], lambda keys, again: [key.encode() for key in keys])
[b'a', b'b']
>>> len(memo)
2
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

__all__ = ["LIMIT", "Memo"]

LIMIT = 256 << 20  # bytes
ENTRY = 700  # bytes of a key and of the objects around a few arrays

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """A bounded memo; ``weigh`` gives the bytes of what was made, beside those of the objects around it."""

    def __init__(self, weigh: Callable[[V], int], *, limit: int = LIMIT) -> None:
        self._weigh, self._limit, self._bytes = weigh, limit, 0
        self._made: dict[K, V] = {}
        self._dropped = np.zeros(0, np.int64)  # the hashes of keys, sorted

    def __len__(self) -> int:
        return len(self._made)

    def get(self, keys: Sequence[K], make: Callable[[list[K], list[bool]], Sequence[V]]) -> list[V]:
        """Return what was made for ``keys``; ``make`` gets those that are not there, and which it has made before."""
        new = list(dict.fromkeys(key for key in keys if key not in self._made))
        if not new:
            return [self._made[key] for key in keys]
        for key, made in zip(new, make(new, self._again(new)), strict=True):
            self._made[key] = made
            self._bytes += ENTRY + self._weigh(made)
        found = [self._made[key] for key in keys]
        while self._bytes > self._limit:
            self._drop()
        return found

    def clear(self) -> None:
        """Drop everything, and forget that it was made."""
        self._made.clear()
        self._bytes, self._dropped = 0, self._dropped[:0]

    def _again(self, keys: Sequence[K]) -> list[bool]:
        """Tell which keys were dropped. Two of ten million are taken for one with a chance of one in 300,000."""
        if not len(self._dropped):
            return [False] * len(keys)
        hashes = np.fromiter(map(hash, keys), np.int64, len(keys))
        at = np.searchsorted(self._dropped, hashes).clip(max=len(self._dropped) - 1)
        return [bool(same) for same in self._dropped[at] == hashes]

    def _drop(self) -> None:
        """Drop the older half: now and then, for a dict is slow to lose its first items one by one."""
        old = list(itertools.islice(self._made, (len(self._made) + 1) // 2))
        for key in old:
            self._bytes -= ENTRY + self._weigh(self._made.pop(key))
        new = [hash(key) for key, seen in zip(old, self._again(old), strict=True) if not seen]
        self._dropped = np.concatenate([self._dropped, np.array(new, np.int64)])
        self._dropped.sort(kind="stable")  # in place, and quick where most of it is sorted

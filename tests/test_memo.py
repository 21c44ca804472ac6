"""The memo stays within its limit and knows what it made before."""

from __future__ import annotations

import numpy as np

from t2t.memo import ENTRY, Memo


def asked(memo: Memo[int, np.ndarray], keys: list[int], made: dict[int, list[bool]]) -> list[int]:
    """Ask for ``keys``; note in ``made`` what is made, and whether it is said to be made again."""

    def make(new: list[int], again: list[bool]) -> list[np.ndarray]:
        for key, seen in zip(new, again, strict=True):
            made.setdefault(key, []).append(seen)
        return [np.full(25, key, np.int32) for key in new]

    return [int(one[0]) for one in memo.get(keys, make)]


def test_it_is_bounded_and_gives_everything() -> None:
    memo, made = Memo[int, np.ndarray](lambda one: one.nbytes, limit=10 * (ENTRY + 100)), {}
    for key in range(100):
        assert asked(memo, [key], made) == [key]
        assert 0 < len(memo) <= 10
    assert asked(memo, list(range(40)), made) == list(range(40)), "more at once than it keeps"
    assert len(memo) <= 10


def test_what_is_made_again_is_known() -> None:
    memo, made = Memo[int, np.ndarray](lambda one: one.nbytes, limit=10 * (ENTRY + 100)), {}
    for _ in range(3):
        for key in range(30):
            asked(memo, [key, key], made)
    assert all(not seen[0] and all(seen[1:]) for seen in made.values())
    assert max(map(len, made.values())) == 3
    memo.clear()
    made.clear()
    asked(memo, [1], made)
    assert made == {1: [False]}


def test_nothing_is_made_twice_within_the_limit() -> None:
    memo, made = Memo[int, np.ndarray](lambda one: one.nbytes), {}
    for _ in range(3):
        asked(memo, [1, 2, 1], made)
    assert made == {1: [False], 2: [False]}

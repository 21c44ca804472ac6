"""Random numbers of rows: uniform, independent of each other, and of nothing but the row's key."""

from __future__ import annotations

import numpy as np
import pytest

from t2t.draws import Draws, keys

ROWS, COLUMNS = 2000, 100


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return Draws(keys(0, np.zeros(ROWS, int), np.arange(ROWS))).random(COLUMNS)


def test_numbers_are_uniform(drawn: np.ndarray) -> None:
    assert drawn.min() >= 0 and drawn.max() < 1
    assert abs(drawn.mean() - 1 / 2) < 5 * (1 / 12 / drawn.size) ** 0.5
    assert abs(drawn.var() - 1 / 12) < 5 * (1 / 180 / drawn.size) ** 0.5
    counts = np.bincount((drawn.ravel() * 100).astype(int))
    assert ((counts - ROWS) ** 2 / ROWS).sum() < 99 + 5 * (2 * 99) ** 0.5
    assert np.abs(drawn.mean(axis=0) - 1 / 2).max() < 5 * (1 / 12 / ROWS) ** 0.5


@pytest.mark.parametrize("axis", [0, 1])
def test_neighbours_are_not_correlated(drawn: np.ndarray, axis: int) -> None:
    one, other = (np.take(drawn, np.arange(drawn.shape[axis] - 1) + k, axis=axis).ravel() for k in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / one.size**0.5


@pytest.mark.parametrize("what", ["seed", "visit"])
def test_seeds_and_visits_next_to_each_other_are_not_correlated(drawn: np.ndarray, what: str) -> None:
    visits = np.full(ROWS, int(what == "visit"))
    other = Draws(keys(int(what == "seed"), visits, np.arange(ROWS))).random(COLUMNS)
    assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 5 / drawn.size**0.5


def test_half_of_the_bits_of_a_key_change_with_its_place() -> None:
    row_keys = keys(3, np.zeros(ROWS, int), np.arange(ROWS))
    changed = np.unpackbits((row_keys[1:] ^ row_keys[:-1]).view(np.uint8)).reshape(ROWS - 1, 64)
    assert np.abs(changed.mean(axis=0) - 0.5).max() < 5 * 0.5 / ROWS**0.5


def test_keys_differ_and_are_those_of_their_rows() -> None:
    visits, places = (grid.ravel() for grid in np.meshgrid(np.arange(40), np.arange(500)))
    row_keys = np.concatenate([keys(seed, visits, places) for seed in (0, 1, -1, 2**64 + 2)])
    assert row_keys.dtype == np.uint64 and len(np.unique(row_keys)) == len(row_keys)
    assert keys(1, visits[7:8], places[7:8])[0] == keys(1, visits, places)[7]


def test_known_values_stay() -> None:
    assert keys(0, np.array([0, 1]), np.array([0, 5])).tolist() == [3746585686858627171, 12133697816988068991]
    assert Draws(np.zeros(1, np.uint64)).bits(2).tolist() == [[0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]]  # splitmix64's


def test_one_after_another_are_as_all_at_once() -> None:
    parts, whole = Draws(np.arange(5)), Draws(np.arange(5)).random(7)
    assert (np.concatenate([parts.random(3), parts.random(0), parts.random(4)], axis=1) == whole).all()


def test_whole_numbers_are_within_their_bounds() -> None:
    draws = Draws(np.arange(6000))
    numbers, counts = np.unique(draws.integers(2, 5), return_counts=True)
    assert numbers.tolist() == [2, 3, 4] and np.abs(counts - 2000).max() < 200
    high = np.arange(6000) % 7 + 1
    found = draws.integers(0, high)
    assert found.dtype == np.int64 and (found >= 0).all() and (found < high).all() and found.max() == 6


def test_some_rows_are_a_branch() -> None:
    draws = Draws(np.arange(6))
    branch, where = draws.rows(np.array([4, 1])), np.arange(6) > 3
    assert (branch.random(3) == Draws(np.arange(6)).rows(np.arange(6)).random(3)[[4, 1]]).all()
    assert (draws.rows(where).random(2)[0] == draws.rows(np.array([4])).random(2)[0]).all()
    assert (draws.random(3) == Draws(np.arange(6)).random(3)).all()
    assert (draws.rows(where).random(3) != Draws(np.arange(6)).rows(where).random(3)).all()

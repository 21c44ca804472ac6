"""Batches: every example once, within the budget, alike in length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.batches import pack, pad, plan, steps

pairs = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20)), max_size=40)


def columns(lengths: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(lengths, int).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@given(pairs, st.integers(1, 300))
def test_a_plan_has_every_example_once_and_keeps_the_budget(lengths: list[tuple[int, int]], budget: int) -> None:
    sources, targets = columns(lengths)
    batches = plan(sources, targets, budget=budget)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        cost = len(batch) * int(sources[batch].max() + targets[batch].max())
        assert cost <= budget or len(batch) == 1


@given(pairs, st.integers(1, 300))
def test_steps_keep_the_order_and_the_budget_and_are_full(lengths: list[tuple[int, int]], budget: int) -> None:
    tokens = np.array([a + b for a, b in lengths], dtype=int)
    parts = steps(tokens, budget=budget)
    assert [i for part in parts for i in part.tolist()] == list(range(len(lengths)))
    assert all(tokens[part].sum() <= budget or len(part) == 1 for part in parts)
    for part, after in zip(parts, parts[1:], strict=False):
        assert tokens[part].sum() + tokens[after[0]] > budget


def test_the_budget_is_kept_to_the_token() -> None:
    sources, targets = np.array([2, 2, 2]), np.array([1, 1, 1])
    assert [len(plan(sources, targets, budget=b)) for b in (2, 5, 6, 8, 9)] == [3, 3, 2, 2, 1]
    assert [len(steps(sources + targets, budget=b)) for b in (2, 5, 6, 8, 9)] == [3, 3, 2, 2, 1]


@given(pairs, st.integers(1, 300))
def test_a_batch_is_closed_only_when_it_is_full(lengths: list[tuple[int, int]], budget: int) -> None:
    sources, targets = columns(lengths)
    batches = plan(sources, targets, budget=budget)
    for batch, after in zip(batches, batches[1:], strict=False):
        both = np.append(batch, after[0])
        assert len(both) * int(sources[both].max() + targets[both].max()) > budget


def test_a_plan_sorts_by_length() -> None:
    sources, targets = np.array([5, 1, 5, 1]), np.array([1, 1, 1, 1])
    assert [b.tolist() for b in plan(sources, targets, budget=12)] == [[1, 3], [0, 2]]


def test_padding_is_bounded_where_a_batch_is_large_enough() -> None:
    sources = np.array([20] * 100 + [200] * 20)
    targets = np.ones(120, int)

    def padding(most: float | None) -> list[float]:
        batches = plan(sources, targets, budget=10**6, most_padding=most)
        real = [int((sources[b] + targets[b]).sum()) for b in batches]
        return [len(b) * int((sources[b] + targets[b]).max()) / r - 1 for b, r in zip(batches, real, strict=True)]

    assert len(padding(None)) == 1 and padding(None)[0] > 2
    assert len(padding(0.5)) == 2 and max(padding(0.5)) <= 0.5


@given(pairs, st.integers(1, 70), st.integers(1, 25))
def test_packing_has_every_example_once_and_keeps_the_limits(
    lengths: list[tuple[int, int]], source_limit: int, target_limit: int
) -> None:
    sources, targets = ([pair[i] for pair in lengths] for i in (0, 1))
    rows = pack(sources, targets, source_limit=source_limit, target_limit=target_limit)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    for row in rows:
        fits = sum(sources[i] for i in row) <= source_limit and sum(targets[i] for i in row) <= target_limit
        assert fits or len(row) == 1


def test_packing_fills_rows_first_fit() -> None:
    assert pack([3, 5, 2, 4], [1, 1, 1, 1], source_limit=7, target_limit=9) == [[1, 2], [3, 0]]
    assert pack([], [], source_limit=7, target_limit=9) == []


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_padding_makes_a_rectangle(dtype: type) -> None:
    out = pad([np.array([1, 2, 3], dtype), np.array([], dtype), np.array([4], dtype)], 0)
    assert out.tolist() == [[1, 2, 3], [0, 0, 0], [4, 0, 0]] and out.dtype == np.int64
    assert pad([], 0).shape == (0, 0)
    assert pad([np.array([5]), np.array([6, 7])], -100).tolist() == [[5, -100], [6, 7]]

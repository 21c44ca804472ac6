"""Whether two lists of answers to the same rows differ by more than chance: paired tests, and their correction.

Floor 1. What makes a row hard is the same for both, so it cancels out where rows are taken together (Koehn 2004). Where
each row is right or wrong, McNemar's exact test counts those that one list alone has right; else approximate
randomisation exchanges the two answers of a row at random and looks how often that makes as great a difference.

>>> mcnemar(first_only=1, second_only=9)
0.021484375
>>> holm([0.01, 0.04, 0.03])
[0.03, 0.06, 0.06]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from t2t.metrics import Table, blocks, draw, metric, table_of

__all__ = ["RESAMPLES", "Paired", "exchanged", "holm", "mcnemar", "paired"]

RESAMPLES = 2000
RIGHT_OR_WRONG = ("accuracy", "group_exact", "exact", "squad_em")  # each row, or each group, is one or the other
DETECTABLE = 1.959964 + 0.841621  # standard errors: a two-sided test at 5 % finds it with a power of 80 %


@dataclass(frozen=True, slots=True)
class Paired:
    """Second minus first, in the metric's unit, with a 95 % interval and a two-sided p of the test named.

    ``detectable`` is the least true difference that such a test would find with a power of 80 %; None where the two
    differ in nothing that would tell.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    test: str
    detectable: float | None


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the two-sided p of McNemar's exact test (1947) from the rows that one list alone has right.

    Were the two equally good, each such row would be either's with probability 1/2.
    """
    from scipy.stats import binomtest

    disagreeing = first_only + second_only
    return float(binomtest(second_only, disagreeing, 0.5).pvalue) if disagreeing else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by Holm's step-down procedure (1979), in the order given.

    Whichever are at most 5 % may be called differences: the chance that any of them is none is at most 5 %.
    """
    out, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        out[i] = worst
    return out


def paired(
    name: str,
    golds: Sequence[Any],
    first: Sequence[Any],
    second: Sequence[Any],
    *,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two lists of answers by a metric.

    The interval is of a paired bootstrap over rows, or over ``groups`` of rows. Where every row (or group) is right or
    wrong p is McNemar's, else that of approximate randomisation (`exchanged`). The detectable difference is (z(.975) +
    z(.80)) = 2.80 standard errors of the difference, these from the bootstrap (Bloom 1995; for models of language Card
    et al. 2020).
    """
    one, two = together = _tables(name, golds, first, second, groups)
    # Ranks of each list alone are what is scored; ranks among both lists are what may be exchanged.
    alone = [table_of(name, golds, preds, groups) for preds in (first, second)] if metric(name).ranked else together
    rng = np.random.Generator(np.random.Philox(seed))
    n, of = len(one.rows), one.of
    draws = (draw(rng, n, size) for size in blocks(resamples, n))
    drawn = np.concatenate([alone[1].of(some @ alone[1].rows) - alone[0].of(some @ alone[0].rows) for some in draws])
    values = [float(table.of(table.rows.sum(0, keepdims=True))[0]) for table in alone]
    low, high = np.percentile(drawn, [2.5, 97.5])
    only = _right_alone(name, one, two)
    p = exchanged(one.rows, two.rows, of, resamples=resamples, rng=rng) if only is None else mcnemar(*only)
    error = float(drawn.std(ddof=1))
    return Paired(
        first=values[0], second=values[1], difference=values[1] - values[0], low=float(low), high=float(high), p=p,
        test="approximate randomisation" if only is None else "McNemar",
        detectable=DETECTABLE * error if error > 1e-9 else None,
    )  # fmt: skip


def exchanged(
    one_NK: np.ndarray,
    two_NK: np.ndarray,
    of: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int,
    rng: np.random.Generator,
) -> float:
    """Return the two-sided p of approximate randomisation from the statistics of two lists (N, K) and their value.

    Were the two lists of one kind, each row's answers could be either's (Noreen 1989; Riezler and Maxwell 2005). The
    answers as they are count as one of the exchanges, so p is never 0 and never too small.
    """
    n, both_K = len(one_NK), (one_NK + two_NK).sum(0)

    def differences(first_RK: np.ndarray) -> np.ndarray:
        return np.abs(of(both_K - first_RK) - of(first_RK))

    seen = float(differences(one_NK.sum(0, keepdims=True))[0])
    as_great = 0
    for size in blocks(resamples, n):
        first_RK = two_NK.sum(0) + rng.integers(2, size=(size, n)).astype(float) @ (one_NK - two_NK)
        as_great += int((differences(first_RK) >= seen - 1e-9 * max(1.0, seen)).sum())
    return (as_great + 1) / (resamples + 1)


def _tables(
    name: str, golds: Sequence[Any], first: Sequence[Any], second: Sequence[Any], groups: Sequence[str] | None
) -> tuple[Table, Table]:
    """Return the tables of two lists, made as one: rows of the first may stand among those of the second."""
    twice = None if groups is None else [f"{side}{group}" for side in "12" for group in groups]
    table = table_of(name, [*golds, *golds], [*first, *second], twice)
    half = len(table.rows) // 2
    return replace(table, rows=table.rows[:half]), replace(table, rows=table.rows[half:])


def _right_alone(name: str, one: Table, two: Table) -> tuple[int, int] | None:
    """Return how many rows (or groups) the first alone and the second alone has right; None if that is no question."""
    if name not in RIGHT_OR_WRONG or (one.rows[:, 1] != 1).any():  # groups of several rows may be right in part
        return None
    a, b = one.rows[:, 0] > 0.5, two.rows[:, 0] > 0.5
    return int((a & ~b).sum()), int((b & ~a).sum())

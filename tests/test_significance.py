"""Paired tests: against explicit ones and other libraries', and on answers that differ by chance alone."""

from __future__ import annotations

import itertools
import math
import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest
from scipy import stats

from t2t.metrics import metric
from t2t.significance import exchanged, holm, mcnemar, paired


def answers(seed: int, n: int, good: float) -> tuple[list[int], list[int]]:
    rng = random.Random(seed)
    golds = [rng.randint(0, 1) for _ in range(n)]
    return golds, [gold if rng.random() < good else 1 - gold for gold in golds]


def test_the_interval_is_that_of_resampling_rows_together() -> None:
    golds, first = answers(0, 200, 0.6)
    second = [gold if random.Random(i).random() < 0.75 else 1 - gold for i, gold in enumerate(golds)]
    found = paired("macro_f1", golds, first, second)
    right = np.array([(a == g, b == g) for g, a, b in zip(golds, first, second, strict=True)], float)
    rng = np.random.default_rng(1)
    slow = [100 * np.diff(right[rng.integers(0, 200, 200)].mean(0))[0] for _ in range(4000)]
    accuracy = paired("accuracy", golds, first, second)
    assert accuracy.difference == pytest.approx(100 * np.diff(right.mean(0))[0])
    assert [accuracy.low, accuracy.high] == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=1.0)
    assert accuracy.detectable == pytest.approx(2.80 * np.std(slow), rel=0.05)
    assert found.test == "approximate randomisation" and 0 < found.p < 0.05


def test_equal_answers_differ_by_nothing() -> None:
    golds, preds = answers(0, 50, 0.7)
    found = paired("f1", golds, preds, preds)
    assert found.first == found.second
    assert (found.difference, found.low, found.high, found.p, found.detectable) == (0, 0, 0, 1, None)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 5), (6, 0), (2, 9), (4, 4), (30, 51)])
def test_mcnemar_is_the_binomial_test_of_the_rows_that_disagree(b: int, c: int) -> None:
    tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
    assert mcnemar(b, c) == pytest.approx(min(1.0, 2 * tail))


def test_right_or_wrong_is_tested_by_mcnemar() -> None:
    golds = [0] * 20
    first, second = [1] * 8 + [0] * 12, [0] * 7 + [1] + [0] * 11 + [None]
    found = paired("accuracy", golds, first, second)
    assert found.test == "McNemar" and found.p == mcnemar(1, 7)
    assert (found.first, found.second) == (60, 90)


def test_mcnemar_does_not_take_rows_of_one_group_for_independent() -> None:
    golds, groups = [1] * 40, [str(i // 4) for i in range(40)]
    first, second = [0] * 40, [1] * 4 + [0] * 36
    rows = paired("accuracy", golds, first, second)
    grouped = paired("accuracy", golds, first, second, groups=groups)
    assert (rows.test, grouped.test) == ("McNemar", "approximate randomisation")
    whole = paired("group_exact", golds, first, second, groups=groups)
    assert whole.test == "McNemar" and whole.p == mcnemar(0, 1) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0] and holm([]) == [] and holm([0.2]) == [0.2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_rejects_what_testing_every_intersection_by_bonferroni_rejects(p: list[float]) -> None:
    """The closed test: p of a hypothesis is the worst Bonferroni p of any set of hypotheses that it is in."""
    sets = [s for size in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), size)]
    closed = [max(min(1.0, len(s) * min(p[i] for i in s)) for s in sets if at in s) for at in range(len(p))]
    assert holm(p) == pytest.approx(closed)


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter_and_that_of_runs_turns_the_sign(
    rows: list[tuple[int, int, int]], rng: random.Random
) -> None:
    golds, first, second = zip(*rows, strict=True)
    one, back = paired("accuracy", golds, first, second), paired("accuracy", golds, second, first)
    assert back.p == pytest.approx(one.p) and back.difference == pytest.approx(-one.difference)
    assert (back.low, back.high) == pytest.approx((-one.high, -one.low))
    golds, first, second = zip(*rng.sample(rows, len(rows)), strict=True)
    mixed = paired("accuracy", golds, first, second)
    assert mixed.p == pytest.approx(one.p) and mixed.difference == pytest.approx(one.difference)


def test_groups_are_drawn_whole() -> None:
    golds, groups = [1] * 40, [str(i // 10) for i in range(40)]
    first, second = [0] * 40, [1] * 10 + [0] * 30  # right in one group of four
    found = paired("accuracy", golds, first, second, groups=groups)
    assert (found.first, found.second, found.difference) == (0, 25, 25)
    assert (found.low, found.high) == (0, 75)  # one group drawn none to three times of four, not rows around a quarter


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    """Where the true difference is the detectable one, tests of new rows find it with the power that is said."""
    rng, n, base = np.random.default_rng(0), 400, 0.2  # a fifth of the rows has one of the two alone right

    def drawn(more: float) -> tuple[list[int], list[int]]:
        kind = rng.choice(3, n, p=[1 - base, (base - more) / 2, (base + more) / 2])
        return [int(k != 1) for k in kind], [int(k != 2) for k in kind]  # worse, better

    said = paired("accuracy", [1] * n, *drawn(0.06)).detectable
    assert said == pytest.approx(280 * math.sqrt(base / n), rel=0.15)
    p = [paired("accuracy", [1] * n, *drawn(said / 100), resamples=2).p for _ in range(300)]
    assert 0.7 < np.mean(np.array(p) < 0.05) < 0.9


def test_holm_is_statsmodels_on_its_own_worked_case() -> None:
    """``multipletests([...], method="holm")`` of statsmodels 0.15 gives these."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    expected = [0.0010, 0.0036, 0.0152, 0.0665, 0.1206, 0.1390, 0.1390, 0.1390, 0.1390, 0.3240]
    assert holm(p) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("b", "c", "p"), [(1, 9, 0.0214844), (2, 9, 0.0654297), (6, 0, 0.03125), (30, 51, 0.0256544),
                                           (121, 59, 4.43445e-6)])  # fmt: skip
def test_mcnemar_is_statsmodels_exact_one(b: int, c: int, p: float) -> None:
    """``mcnemar([[10, b], [c, 10]], exact=True)`` of statsmodels 0.15 gives these."""
    assert mcnemar(b, c) == pytest.approx(p, rel=1e-5)


# -- approximate randomisation -----------------------------------------------------------------------------------------


def every_exchange(rows: Any, of: Any) -> float:
    """The exact p: the share of all 2^n exchanges of rows that make as great a difference."""
    one, two = rows
    seen = abs(float(of(one.sum(0)[None])[0] - of(two.sum(0)[None])[0]))
    found = []
    for swap in itertools.product([0, 1], repeat=len(one)):
        mask = np.array(swap)[:, None]
        a, b = np.where(mask, two, one).sum(0), np.where(mask, one, two).sum(0)
        found.append(abs(float(of(a[None])[0] - of(b[None])[0])) >= seen - 1e-9)
    return float(np.mean(found))


@pytest.mark.parametrize("name", ["f1", "matthews", "macro_f1"])
def test_randomisation_is_the_exact_permutation_test_in_the_limit(name: str) -> None:
    golds = [0, 1, 1, 0, 1, 0, 1, 1, 0, 1]
    first, second = [0, 1, 0, 0, 0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0, 1, 1, 1, 1]
    table = metric(name).table([*golds, *golds], [*first, *second])
    exact = every_exchange((table.rows[:10], table.rows[10:]), table.of)
    found = paired(name, golds, first, second, resamples=20_000)
    assert found.test == "approximate randomisation" and found.p == pytest.approx(exact, abs=0.015)


def test_randomisation_of_means_is_scipys_permutation_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 11))
    b += 0.5
    wanted = stats.permutation_test((a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis),
                                    permutation_type="samples", vectorized=True).pvalue  # fmt: skip
    rows = [np.stack([x, np.ones(11)], 1) for x in (a, b)]
    found = exchanged(*rows, lambda s: s[:, 0] / s[:, 1], resamples=20_000, rng=np.random.default_rng(1))
    assert found == pytest.approx(float(wanted), abs=0.015)


def test_randomisation_of_bleu_is_sacrebleus() -> None:
    rng = random.Random(3)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "it", "was", "very", "old", "but", "not", "so", "the", "dog"]
    golds = [" ".join(rng.choices(words, k=12)) for _ in range(60)]

    def worse(share: float) -> list[str]:
        return [" ".join(w if rng.random() > share else rng.choice(words) for w in gold.split()) for gold in golds]

    first, second = worse(0.33), worse(0.33)
    ours = paired("bleu", [(gold,) for gold in golds], first, second, resamples=1000)
    theirs = PairedTest(
        [("a", first), ("b", second)], {"BLEU": BLEU(tokenize="intl", references=[golds])}, None,
        test_type="ar", n_samples=4000,
    )()[1]["BLEU"]  # fmt: skip
    assert [ours.first, ours.second] == pytest.approx([theirs[0].score, theirs[1].score], abs=0.01)
    assert 0.05 < ours.p < 0.95 and ours.p == pytest.approx(theirs[1].p_value, abs=0.05)


def test_ranks_are_of_each_list_alone_but_for_the_exchange() -> None:
    rng = np.random.default_rng(0)
    golds = rng.normal(size=50)
    first, second = golds + rng.normal(size=50), golds**3 + 0.3 * rng.normal(size=50)
    found = paired("spearman", golds.tolist(), first.tolist(), second.tolist())
    assert found.first == pytest.approx(100 * stats.spearmanr(golds, first).statistic)
    assert found.second == pytest.approx(100 * stats.spearmanr(golds, second).statistic)


def test_lists_that_name_different_classes_are_exchanged_in_one_table() -> None:
    golds, first = [0, 1, 2, 0, 1, 2] * 3, [0, 1, 2, 0, 1, 1] * 3
    found = paired("matthews", golds, first, [0, 1, 5, 0, 1, 2] * 3)  # a class that no other answer has
    assert found.first == pytest.approx(paired("matthews", golds, first, first).first) and found.p <= 1


# -- answers that differ by chance alone -------------------------------------------------------------------------------

TRIALS = 1500
CHANCE = stats.binom(TRIALS, 0.05)  # of rejections, were each test at its nominal 5 %


def hard_rows(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold answers and two lists of answers of one kind: both have trouble with the same rows."""
    golds, good = rng.integers(0, 2, (TRIALS, n)), 0.4 + 0.55 * rng.random((TRIALS, n))
    first, second = (np.where(rng.random((TRIALS, n)) < good, golds, 1 - golds) for _ in range(2))
    return golds, first, second


def rejected(p: Any) -> int:
    return int((np.array(p) <= 0.05).sum())


def test_mcnemar_rejects_answers_of_one_kind_no_more_often_than_it_says() -> None:
    golds, first, second = hard_rows(np.random.default_rng(0), 600)
    first, second = first == golds, second == golds
    test = cache(mcnemar)
    p = [test(int(b), int(c)) for b, c in zip((first & ~second).sum(1), (second & ~first).sum(1), strict=True)]
    assert 0.6 * CHANCE.mean() < rejected(p) <= CHANCE.ppf(0.999)  # an exact test of counts is below its level


@pytest.mark.parametrize("n", [20, 60])
@pytest.mark.parametrize("name", ["f1", "matthews"])
def test_randomisation_rejects_answers_of_one_kind_as_often_as_it_says(name: str, n: int) -> None:
    rng, p = np.random.default_rng(1), []
    for golds, first, second in zip(*hard_rows(rng, n), strict=True):
        table = metric(name).table([*golds, *golds], [*first, *second])
        p.append(exchanged(table.rows[:n], table.rows[n:], table.of, resamples=99, rng=rng))
    least = CHANCE.ppf(0.0005) if n > 20 else 0  # of few rows many exchanges make the same difference
    assert least <= rejected(p) <= CHANCE.ppf(0.9995)


def test_rows_of_one_question_are_tested_whole_and_would_reject_too_often_alone() -> None:
    """Negative control: the same answers, with and without what says which rows go together."""
    rng, questions, each = np.random.default_rng(2), 40, 5
    good = np.repeat(rng.random((TRIALS, 2, questions)) < 0.7, each, axis=2)  # all of a question right, or none
    first, second = (np.where(rng.random(good.shape[::2]) < 0.02, ~side, side) for side in good.swapaxes(0, 1))
    test = cache(mcnemar)
    alone = [test(int(b), int(c)) for b, c in zip((first & ~second).sum(1), (second & ~first).sum(1), strict=True)]
    whole = []
    for a, b in zip(first, second, strict=True):
        sides = (np.stack([side.reshape(-1, each).sum(1), np.full(questions, each)], 1) for side in (a, b))
        whole.append(exchanged(*sides, lambda s: s[:, 0] / s[:, 1], resamples=99, rng=rng))
    assert CHANCE.ppf(0.0005) <= rejected(whole) <= CHANCE.ppf(0.9995)
    assert rejected(alone) > 3 * CHANCE.mean()


def test_a_difference_that_is_there_is_found_by_rows_and_missed_by_totals() -> None:
    """Negative control: a test that forgets which answers are to one row loses its power where rows are alike hard."""
    rng, n = np.random.default_rng(3), 300
    easy = rng.random((400, n)) < 0.6
    first = easy ^ (rng.random((400, n)) < 0.01)
    second = first | (rng.random((400, n)) < 0.08)
    paired_ = [mcnemar(int(b), int(c)) for b, c in zip((first & ~second).sum(1), (second & ~first).sum(1), strict=True)]
    share = (first.mean(1) + second.mean(1)) / 2
    z = (second.mean(1) - first.mean(1)) / np.sqrt(share * (1 - share) * 2 / n)
    assert rejected(paired_) > 350 and rejected(2 * stats.norm.sf(abs(z))) < 200

"""Calibration is scikit-learn's, whatever the number of choices."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from t2t.calibration import Calibration, probabilities


def drawn(choices: int, rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(choices)
    return rng.normal(scale=2.0, size=(rows, choices)) - 300.0, rng.integers(choices, size=rows)


@pytest.mark.parametrize("choices", [2, 3, 7])
def test_curve_and_brier_score_are_scikit_learns(choices: int) -> None:
    nats, golds = drawn(choices)
    one = Calibration()
    for row, gold in zip(nats.tolist(), golds.tolist(), strict=True):
        one.add(row, gold)
    chances = np.array([probabilities(row) for row in nats.tolist()])
    assert chances.sum(1) == pytest.approx(np.ones(len(nats)))
    right = chances.argmax(1) == golds
    shares, confidences = calibration_curve(right, chances.max(1), n_bins=10)
    counts, mine, said = zip(*one.curve(), strict=True)
    assert mine == pytest.approx(confidences) and said == pytest.approx(shares) and sum(counts) == one.n == 500
    wanted = brier_score_loss(golds, chances, labels=list(range(choices)), scale_by_half=False)
    assert one.brier == pytest.approx(wanted)
    assert one.ece == pytest.approx(100 * sum(abs(shares - confidences) * counts) / 500)


def test_a_confidence_on_an_edge_counts_where_scikit_learn_counts_it() -> None:
    one = Calibration()
    one.add([0.0, 0.0], 0)  # .5
    one.add([0.0, -1.0], 0)
    shares, _ = calibration_curve([1, 1], [0.5, probabilities([0.0, -1.0])[0]], n_bins=10)
    assert len(one.curve()) == len(shares) == 2
    assert one.counts[4] == 1


def test_nothing_was_ranked() -> None:
    assert Calibration().asdict() == {"n": 0, "ece": 0.0, "brier": 0.0, "curve": []}

"""Plots: lines, bars and dots stand where their numbers say, inside their box."""

from __future__ import annotations

import re

import pytest

from t2t import plots


def path(found: dict[str, object]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", str(found["path"]))]


def test_a_line_goes_from_corner_to_corner() -> None:
    found = plots.line([(0, 0.0), (50, 5.0), (100, 10.0)])
    assert path(found) == [(46.0, 168.0), (315.0, 88.0), (584.0, 8.0)]
    assert found["x"][0] == (46, "0") and found["x"][-1] == (584, "100") and found["y"][-1] == (8, "10")
    assert found["said"] == "from 0 (step 0) to 10 (step 100)"


def test_on_a_logarithmic_axis_equal_factors_are_equally_far() -> None:
    found = plots.line([(0, 0.1), (1, 1.0), (2, 10.0)], log=True)
    (_, a), (_, b), (_, c) = path(found)
    assert a - b == pytest.approx(b - c, abs=0.11) and a > b > c
    assert [said for _, said in found["y"]] == ["0.1", "0.2", "0.5", "1", "2", "5", "10"]


@pytest.mark.parametrize("values", [[0.0, 0.0], [3.0, 3.0], [1e-12, 5.0], [-4.0, 9.0]])
@pytest.mark.parametrize("log", [False, True])
def test_any_values_stay_in_the_box(values: list[float], log: bool) -> None:
    found = plots.line([*enumerate(values)], log=log)
    assert all(40 <= x <= 600 and 0 <= y <= 190 for x, y in [*path(found), *((46, y) for y, _ in found["y"])])


def test_bars_stand_on_the_foot_and_the_limit_where_it_is() -> None:
    found = plots.histogram({"edges": [0.0, 10.0, 20.0, 30.0], "counts": [4, 0, 2], "limit": 15})
    (a, b), foot = found["bars"], found["foot"]
    assert a[3] == 2 * b[3] and a[1] + a[3] == b[1] + b[3] == foot and a[0] < found["limit"] < b[0]
    assert plots.histogram({"edges": [0.0, 10.0], "counts": [4], "limit": 15})["limit"] is None


def test_perfect_calibration_is_on_the_diagonal() -> None:
    found = plots.reliability([(10, 0.0, 0.0), (40, 0.5, 0.5), (10, 1.0, 1.0)])
    assert [dot[:2] for dot in found["dots"]] == [(46, 208), (130.0, 108.0), (214, 8)]
    assert found["dots"][1][2] > found["dots"][0][2]

"""Mixes: rates as published, and a stream that is exact, seeded and needs no replay."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t import mixtures
from t2t.errors import UsageError
from t2t.mixtures import Mix, Stream, mix, mixes, mixture, of_tasks, rates
from t2t.tasks import _files, task, tasks

GLUE = {
    "cola": 8_551,
    "sst2": 67_349,
    "mrpc": 3_668,
    "qqp": 363_849,
    "stsb": 5_749,
    "mnli": 392_702,
    "qnli": 104_743,
    "rte": 2_490,
}
SUPERGLUE = {
    "dpr": 1_322,
    "wsc": 259,
    "boolq": 9_427,
    "cb": 250,
    "copa": 400,
    "multirc": 27_243,
    "record": 138_854,
    "rte": 2_490,
    "wic": 5_428,
}
SHARES = [
    ({}, [0.90, 7.10, 0.39, 38.34, 0.61, 41.38, 11.04, 0.26]),
    ({"temperature": 2.0, "cap": 2**21}, [4.42, 12.41, 2.90, 28.84, 3.62, 29.96, 15.47, 2.39]),
    ({"cap": 2**16}, [3.03, 23.19, 1.30, 23.19, 2.03, 23.19, 23.19, 0.88]),
]
SIZES, RATES = {"a": 3, "b": 10, "c": 100}, {"a": 1.0, "b": 2.0, "c": 7.0}

PINNED = (
    [2, 2, 2, 2, 2, 1, 0, 0, 0, 0, 2, 2],
    [89, 87, 91, 4, 0, 7, 0, 2, 1, 1, 5, 59],
)  # another stream would make old runs impossible to resume


def percent(given: dict[str, float]) -> list[float]:
    return [round(100 * rate / sum(given.values()), 2) for rate in given.values()]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Write a user's own mixes."""
    monkeypatch.setenv("T2T_TASKS", str(tmp_path))

    def write(text: str) -> None:
        (tmp_path / "mixes.yaml").write_text(text, encoding="utf-8")
        for cached in (mixtures._mixes, _files, task):
            cached.cache_clear()

    write("")
    (tmp_path / "mixes.yaml").unlink()
    yield write
    for cached in (mixtures._mixes, _files, task):
        cached.cache_clear()


# Rates


@pytest.mark.parametrize(("options", "shares"), SHARES)
def test_the_shares_of_glue_are_the_published_ones(options: dict[str, Any], shares: list[float]) -> None:
    assert percent(rates(list(GLUE), GLUE, policy="temperature", **options)) == shares


@pytest.mark.parametrize(("options", "shares"), SHARES)
def test_a_mix_of_glue_gives_the_same_shares(options: dict[str, Any], shares: list[float]) -> None:
    made = Mix("m", "", "temperature", {f"glue/{name}": 1.0 for name in GLUE}, **options)
    assert percent(dict(mixture(made, {f"glue/{name}": n for name, n in GLUE.items()}).rates)) == shares


def test_record_is_three_quarters_of_superglue() -> None:
    got = rates(list(SUPERGLUE), SUPERGLUE, policy="proportional")
    assert sum(got.values()) == 185_673 and round(100 * got["record"] / sum(got.values()), 1) == 74.8


def test_equal_rates_and_explicit_rates() -> None:
    assert rates("ab", {}, policy="equal") == {"a": 1.0, "b": 1.0}
    assert rates("ab", {}, policy="explicit", explicit={"a": 3.0, "b": 0.0}) == {"a": 3.0, "b": 0.0}


def test_the_shares_do_not_depend_on_the_scale_of_the_counts() -> None:
    double = {name: 2 * n for name, n in GLUE.items()}
    few, many = (rates(list(GLUE), counts, policy="temperature", temperature=2.0) for counts in (GLUE, double))
    assert percent(few) == percent(many)


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "temperature", "temperature": 0.0},
        {"policy": "temperature", "temperature": -1.0},
        {"policy": "temperature", "temperature": float("nan")},
        {"policy": "temperature", "temperature": 0.001},  # 5 ** 1000
        {"policy": "temperature", "temperature": 1e-320},
        {"policy": "temperature", "temperature": 10**400},
        {"policy": "explicit", "explicit": {"a": 10**400}},
        {"policy": "proportional", "cap": 0},
        {"policy": "proportional", "cap": -5},
        {"policy": "explicit", "explicit": {"a": -1.0}},
        {"policy": "explicit", "explicit": {"a": float("nan")}},
        {"policy": "explicit", "explicit": {"a": float("inf")}},
        {"policy": "explicit", "explicit": {}},
        {"policy": "by-hand"},
    ],
)
def test_rates_that_cannot_be_are_errors(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        rates(["a"], {"a": 5}, **options)


def nested(own: Callable[[str], None], text: str, counts: dict[str, int], name: str = "outer") -> dict[str, float]:
    own(text)
    return dict(mixture(mix(name), counts).rates)


def test_nested_mixes_share_their_rate_out_as_seqio_does(own: Callable[[str], None]) -> None:
    text = "inner: {tasks: {s/a: 1, s/b: 3}}\nouter: {tasks: {inner: 2, s/a: 1, s/c: 1}}\n"
    got = nested(own, text, {"s/a": 5, "s/b": 5, "s/c": 5})
    assert got == pytest.approx({"s/a": 1 + 2 * 1 / 4, "s/b": 2 * 3 / 4, "s/c": 1.0})


def test_a_nested_mix_counts_as_the_sum_of_its_rates(own: Callable[[str], None]) -> None:
    text = "inner: {cap: 50, tasks: [s/a, s/b]}\nouter: {tasks: [inner, s/c]}\n"
    assert nested(own, text, {"s/a": 500, "s/b": 20, "s/c": 30}) == {"s/a": 50.0, "s/b": 20.0, "s/c": 30.0}


def test_tasks_to_be_scored_only_have_rate_zero(own: Callable[[str], None]) -> None:
    text = "inner: {tasks: {s/a: 1, s/z: 0}, evaluate: [s/y]}\nouter: {rates: equal, tasks: [inner], evaluate: [s/x]}\n"
    got = nested(own, text, {"s/a": 5})
    assert got == {"s/a": 1.0, "s/z": 0.0, "s/y": 0.0, "s/x": 0.0}
    assert mixture(mix("outer"), {"s/a": 5}).trained == ("s/a",)


@pytest.mark.parametrize("policy", ["proportional", "equal", "temperature"])
def test_a_task_without_examples_is_an_error_by_every_policy(policy: str) -> None:
    with pytest.raises(UsageError, match="s/b has no examples") as caught:
        mixture(Mix("m", "", policy, {"s/a": 1.0, "s/b": 1.0}), {"s/a": 5, "s/b": 0})
    assert caught.value.code == "C05"


def test_explicit_rates_need_examples_only_where_they_are_not_zero() -> None:
    made = Mix("m", "", "explicit", {"s/a": 1.0, "s/b": 0.0})
    assert mixture(made, {"s/a": 5}).rates == {"s/a": 1.0, "s/b": 0.0}
    with pytest.raises(UsageError, match="no examples"):
        mixture(made, {"s/b": 5})
    with pytest.raises(UsageError, match="no task of the mix m has a rate above 0"):
        mixture(Mix("m", "", "explicit", {"s/a": 0.0}), {"s/a": 5})


# Files of mixes


def test_every_mix_there_is_names_tasks_there_are() -> None:
    for name in mixes():
        made = mix(name)
        assert made.title and made.source
        assert {*made.tasks, *made.evaluate, *(n for group in made.together for n in group)} <= set(tasks())
        counts = dict.fromkeys(made.tasks, 10)
        assert set(mixture(made, counts).trained) == set(made.tasks)


def test_glue_is_trained_without_wnli_and_scored_with_both_mnlis() -> None:
    glue = mix("glue")
    assert glue.tasks == tuple(f"glue/{name}" for name in GLUE) and glue.cap == 2**21
    assert glue.evaluate == ("glue/mnli_mismatched", "glue/ax")
    assert glue.together == (("glue/mnli", "glue/mnli_mismatched"),)
    assert mix("glue-with-wnli").tasks == (*glue.tasks, "glue/wnli")


def test_an_unknown_mix_is_met_with_the_closest() -> None:
    with pytest.raises(UsageError, match='Did you mean "glue"'):
        mix("gleu")


def test_a_users_own_mix_comes_first(own: Callable[[str], None]) -> None:
    own("glue: {title: mine, tasks: [glue/rte]}\n")
    assert mix("glue").tasks == ("glue/rte",)
    assert mix("glue-with-wnli").tasks == ("glue/rte", "glue/wnli")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- a\n", None, "mixes by name"),
        ("m: [s/a]\n", 1, "keys and values"),
        ("m: {}\n", 1, "needs tasks"),
        ("m: {tasks: []}\n", 1, "needs tasks"),
        ("m: {tasks: s/a}\n", 1, "needs tasks"),
        ("m:\n  tasks: [s/a]\n  rate: equal\n", 3, 'Did you mean "rates"'),
        ("m:\n  tasks: [s/a]\n  rates: equl\n", 3, 'Did you mean "equal"'),
        ("m: {tasks: [s/a], rates: explicit}\n", 1, "explicit rates"),
        ("m: {tasks: {s/a: 1}, rates: equal}\n", 1, "explicit rates"),
        ("m:\n  tasks:\n    s/a: 1\n    s/b: -1\n", 4, "not a rate"),
        ("m: {tasks: {s/a: .nan}}\n", 1, "not a rate"),
        ("m: {tasks: {s/a: .inf}}\n", 1, "not a rate"),
        ("m: {tasks: {s/a: true}}\n", 1, "not a rate"),
        ("m: {tasks: {s/a: many}}\n", 1, "not a rate"),
        ("m: {tasks: [s/a, s/a]}\n", 1, "stands twice"),
        ("m: {tasks: [5]}\n", 1, "list of names"),
        ("m:\n  tasks: [s/a]\n  cap: 0\n", 3, "above 0"),
        ("m: {tasks: [s/a], cap: 1.5}\n", 1, "above 0"),
        ("m: {tasks: [s/a], cap: lots}\n", 1, "above 0"),
        ("m: {tasks: [s/a], temperature: 0}\n", 1, "above 0"),
        ("m: {tasks: [s/a], temperature: .nan}\n", 1, "above 0"),
        ("m: {tasks: [s/a], temperature: hot}\n", 1, "above 0"),
        ("m: {tasks: [s/a], evaluate: s/b}\n", 1, "list of names"),
        ("m: {tasks: [s/a], evaluate: [glue]}\n", 1, "no task"),
        ("m: {tasks: [s/a], together: s/a}\n", 1, "list of lists"),
        ("m: {tasks: [s/a], together: [s/a]}\n", 1, "list of names"),
        ("../m: {tasks: [s/a]}\n", 1, "not a valid name"),
        ("m: {tasks: [s/a]}\nn: {tasks: [glu]}\n", 2, 'Did you mean "glue"'),
        ("m: {tasks: [m]}\n", 1, "contains itself: m > m"),
        ("m: {tasks: [n]}\nn: {tasks: [o]}\no: {tasks: [m, s/a]}\n", 3, "contains itself: m > n > o > m"),
        ("m: {tasks: [s/a]}\nm: {tasks: [s/b]}\n", 2, "stands twice"),
    ],
)
def test_a_fault_in_a_file_of_mixes_is_an_error(
    text: str, line: int | None, said: str, own: Callable[[str], None], tmp_path: Path
) -> None:
    own(text)
    with pytest.raises(UsageError) as caught:
        mix("m")
    file = str(tmp_path / "mixes.yaml")
    assert caught.value.where == (file if line is None else f"{file}:{line}")
    assert said in str(caught.value)


def test_a_mix_may_be_reached_by_two_ways(own: Callable[[str], None]) -> None:
    own("a: {tasks: [s/a]}\nb: {tasks: [a, s/b]}\nm: {tasks: [a, b]}\n")
    assert mix("m").tasks == ("s/a", "s/b")


def test_what_is_left_out_of_a_mix_is_left_out_of_those_in_it(own: Callable[[str], None]) -> None:
    own("inner:\n  tasks: [s/a, s/b]\n  evaluate: [s/d]\nlone:\n  tasks: [s/b]\n"
        "m:\n  tasks: [inner, lone, s/c]\n  evaluate: [s/b]\n")  # fmt: skip
    left = replace(mix("m"), without=("s/b",))
    assert (left.tasks, left.scored) == (("s/a", "s/c"), ("s/a", "s/c", "s/d"))
    assert mixture(left, {"s/a": 3, "s/c": 5}).rates == {"s/a": 3.0, "s/c": 5.0, "s/d": 0.0}
    with pytest.raises(UsageError, match="no task of the mix"):
        mixture(replace(left, without=("s/a", "s/b", "s/c")), {})


def test_tasks_alone_make_a_mix(tmp_path: Path) -> None:
    made = of_tasks(["glue/rte", "glue/cola"])
    assert made.tasks == ("glue/rte", "glue/cola")
    assert mixture(made, {"glue/rte": 2, "glue/cola": 6}).rates == {"glue/rte": 2.0, "glue/cola": 6.0}
    with pytest.raises(UsageError, match="no task"):
        of_tasks(["glue/rte", "glue/nothing"])


def test_a_task_file_in_this_folder_is_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rte = Path(task("glue/rte").file).read_text(encoding="utf-8")
    (tmp_path / "rte.yaml").write_text(rte, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = of_tasks(["rte.yaml"])
    assert made.tasks == ("rte.yaml",) and mixture(made, {"rte.yaml": 3}).rates == {"rte.yaml": 3.0}


# The stream


def walk(stream: Stream, windows: int, size: int) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return all draws of the first windows, and the cursors after them."""
    cursors = (0,) * len(stream.names)
    found = []
    for number in range(windows):
        window = stream.window(number, cursors, size)
        found.append((window.tasks, window.examples))
        cursors = window.cursors
    return np.concatenate([t for t, _ in found]), np.concatenate([e for _, e in found]), cursors


def test_a_window_is_a_pure_function() -> None:
    first = Stream(SIZES, RATES, seed=1)
    walk(first, 5, 64)
    again, other = first.window(9, (5, 6, 7), 64), Stream(SIZES, RATES, seed=1).window(9, (5, 6, 7), 64)
    assert (again.tasks == other.tasks).all() and (again.examples == other.examples).all()
    assert again.cursors == other.cursors and sum(again.cursors) == 5 + 6 + 7 + 64


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_a_window_is_the_same_in_another_process(hash_seed: str) -> None:
    code = (
        f"from t2t.mixtures import Stream; w = Stream({SIZES}, {RATES}, 7).window(3, (4, 5, 6), 32);"
        "print(w.tasks.tolist(), w.examples.tolist(), w.cursors)"
    )
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    here = Stream(SIZES, RATES, 7).window(3, (4, 5, 6), 32)
    assert out.strip() == f"{here.tasks.tolist()} {here.examples.tolist()} {here.cursors}"


def test_the_stream_is_what_it_was() -> None:
    window = Stream(SIZES, RATES, seed=42).window(0, (0, 0, 0), 12)
    assert (window.tasks.tolist(), window.examples.tolist()) == PINNED


def test_seeking_equals_replaying() -> None:
    played = Stream(SIZES, RATES, seed=3)
    _, _, cursors = walk(played, 6, 50)
    left, right = played.window(6, cursors, 50), Stream(SIZES, RATES, seed=3).window(6, cursors, 50)
    assert (left.tasks == right.tasks).all() and (left.examples == right.examples).all()


@settings(max_examples=25)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_every_example_comes_once_in_each_epoch(sizes: list[int], size: int, seed: int) -> None:
    names = [f"t{i}" for i in range(len(sizes))]
    stream = Stream(dict(zip(names, sizes, strict=True)), dict.fromkeys(names, 1.0), seed)
    drawn, examples, cursors = walk(stream, 9, size)
    for which, length in enumerate(sizes):
        given_ = examples[drawn == which]
        assert len(given_) == cursors[which]
        for start in range(0, len(given_), length):
            epoch = given_[start : start + length].tolist()
            assert len(set(epoch)) == len(epoch) and set(epoch) <= set(range(length))


def test_epochs_and_tasks_have_orders_of_their_own() -> None:
    stream = Stream({"a": 50, "b": 50}, {"a": 1.0, "b": 1.0}, seed=0)
    orders = {tuple(stream._order(which, epoch)) for which in (0, 1) for epoch in range(4)}
    assert len(orders) == 8


def test_different_seeds_and_windows_differ() -> None:
    draws = {tuple(Stream(SIZES, RATES, seed).window(w, (0, 0, 0), 40).tasks) for seed in range(4) for w in range(4)}
    assert len(draws) == 16


def test_tasks_are_drawn_by_their_rates_in_the_long_run() -> None:
    stream = Stream(SIZES, RATES | {"z": 0.0}, seed=5)
    tasks_, _, cursors = walk(stream, 20, 5000)
    assert stream.names == ("a", "b", "c")
    expected = np.array([0.1, 0.2, 0.7]) * len(tasks_)
    seen = np.bincount(tasks_, minlength=3)
    assert seen.tolist() == list(cursors)
    assert ((seen - expected) ** 2 / expected).sum() < 13.8  # chi-square, 2 degrees of freedom, one in a thousand
    lags = np.corrcoef(tasks_[:-1], tasks_[1:])[0, 1]
    assert abs(lags) < 0.015


@pytest.mark.parametrize("given_", [{"a": 0.0}, {}, {"a": -1.0}, {"a": float("nan")}, {"a": 1.0, "empty": 1.0}])
def test_a_stream_that_cannot_be_drawn_from_is_an_error(given_: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Stream({"a": 3, "empty": 0}, given_, seed=0)

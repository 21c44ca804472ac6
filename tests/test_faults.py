"""Faults: each kind that was planted is said, the gravest first, and a sound report has none."""

from __future__ import annotations

from typing import Any

import pytest

from t2t.faults import faults, not_looked_for

ROW = {"task": "a/b", "metric": "accuracy", "value": 80.0, "n": 200, "unparsed": 0.0, "by": "write", "prompt": "t5"}
ANSWERED = {"set": "a/b", "by": "write", "n": 200, "unparsed": 0, "repaired": 0, "labels": ["no", "yes"],
            "confusion": [[80, 20, 0], [20, 80, 0]]}  # fmt: skip
SOUND: dict[str, Any] = {
    "source": "hub", "rows": [ROW], "baselines": [{"task": "a/b", "metric": "accuracy", "value": 50.0}],
    "answered": [ANSWERED], "texts": {"a/b": {"examples": 400, "targets_cut": 0}}, "leaked": {"a/b": [0, 200]},
    "labels": {"a/b": {"no": 10, "yes": 10}},
}  # fmt: skip
PLANTED = {
    "sample": ({"source": "sample"}, "SAMPLE DATA", "say nothing about the data sets", True),
    "unparsed": ({"rows": [{**ROW, "unparsed": 1.5}]}, "Answers that could not be read",
                 "a/b (write, t5): 3 of 200 (1.5 %)", True),
    "few unparsed": ({"rows": [{**ROW, "unparsed": 0.5}]}, "Answers that could not be read", "1 of 200", False),
    "leaked": ({"leaked": {"a/b": [7, 200]}}, "Rows to score that are training rows too", "a/b: 7 of 200", True),
    "label": ({"labels": {"a/b": {"no": 10, "yes": 0}}}, "Choices that no training row has", "a/b: yes", True),
    "never": ({"answered": [{**ANSWERED, "confusion": [[100, 0, 0], [100, 0, 0]]}]}, "Choices that are never answered",
              "a/b (write): yes, the gold answer of 100 of 200 (50.0 %)", True),
    "no gold": ({"answered": [{**ANSWERED, "confusion": [[0, 0, 0], [20, 180, 0]]}]},
                "Choices that no row to score has", "a/b (write): no", False),
    "targets": ({"texts": {"a/b": {"examples": 400, "targets_cut": 4}}}, "Training targets cut to the limit",
                "a/b: 4 of 400 (1.0 %)", True),
    "inputs": ({"texts": {"a/b": {"examples": 400, "inputs_cut": 4}}}, "Inputs shortened to the limit", "4 of 400",
               False),
    "unknown": ({"texts": {"a/b": {"examples": 400, "unknown_target_tokens": 1234}}}, "Unknown tokens in targets",
                "a/b: 1,234", True),
    "repaired": ({"answered": [{**ANSWERED, "repaired": 20}]}, "Answers that were repaired to be read",
                 "a/b (write): 20 of 200 (10.0 %)", False),
    "ways": ({"ways": [{"set": "a/b", "first": "write", "second": "rank", "n": 200, "differ": 30, "first_only": 4,
                        "second_only": 20, "p": 0.0015, "holm": 0.003}]},
             "Ways of answering that are not equally good", "a/b: rank alone right in 20 rows, write in 4 of 200",
             False),
    "majority": ({"rows": [{**ROW, "value": 50.0}]}, "No better than always giving the most frequent answer",
                 "accuracy 50.0, majority 50.0", False),
}  # fmt: skip


def test_a_sound_report_has_no_fault() -> None:
    assert faults(SOUND) == [] and not_looked_for(SOUND) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_what_was_planted_is_found(kind: str) -> None:
    change, title, place, grave = PLANTED[kind]
    (fault,) = faults({**SOUND, **change})
    assert fault.title == title and len(fault.places) == 1 and place in fault.places[0] and fault.grave == grave
    assert fault.places[0].count("a/b") <= 1


def test_ways_that_may_differ_by_chance_are_no_fault() -> None:
    row = {"set": "a/b", "first": "write", "second": "rank", "n": 200, "differ": 9, "first_only": 3, "second_only": 6}
    assert faults({**SOUND, "ways": [{**row, "p": 0.02, "holm": 0.06}, row]}) == []


def test_the_gravest_come_first_and_a_kind_once() -> None:
    texts = {name: {"examples": 10, "inputs_cut": 1, "unknown_target_tokens": 2} for name in ("a/b", "a/c")}
    one, two = faults({**SOUND, "texts": texts})
    assert one.grave and not two.grave and two.places == ("a/b: 1 of 10 (10.0 %)", "a/c: 1 of 10 (10.0 %)")


def test_what_is_grave_in_one_place_is_grave_and_that_place_comes_first() -> None:
    rows = [{**ROW, "unparsed": 0.5}, {**ROW, "task": "a/c", "unparsed": 90.0}]
    (fault,) = faults({**SOUND, "rows": rows})
    assert fault.grave and [place.partition(" ")[0] for place in fault.places] == ["a/c", "a/b"]


def test_where_nothing_could_be_read_no_choice_is_said_to_be_missing() -> None:
    none = {**ANSWERED, "unparsed": 200, "confusion": [[0, 0, 100], [0, 0, 100]]}
    assert faults({**SOUND, "answered": [none]}) == []


def test_what_a_report_cannot_know_is_said() -> None:
    old = {name: value for name, value in SOUND.items() if name not in ("leaked", "labels", "answered")}
    assert faults(old) == [] and len(not_looked_for(old)) == 3

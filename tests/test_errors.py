"""The error tree: one line each, and the exit code the command line returns."""

from __future__ import annotations

import pytest

from t2t import errors
from t2t.errors import HubError, Stopped, T2TError, UsageError, did_you_mean, visible

CODES = {
    "T2TError": 1,
    "UsageError": 2,
    "DataError": 3,
    "ModelError": 4,
    "DiskError": 5,
    "CheckpointError": 5,
    "NonFiniteError": 6,
    "RunInUseError": 7,
    "HubError": 8,
    "MemoryLimitError": 9,
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_error_has_its_exit_code(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_every_error_is_listed_and_of_the_tree() -> None:
    found = {n for n, o in vars(errors).items() if isinstance(o, type) and issubclass(o, Exception)}
    assert found == {*CODES, "Stopped"}
    assert all(issubclass(getattr(errors, name), T2TError) for name in found)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143), (13, 141)])
def test_a_signal_gives_128_and_its_number(number: int, code: int) -> None:
    assert Stopped("stopped", signal_number=number).exit_code == code


def test_the_hub_says_what_kind_of_failure_it_was() -> None:
    assert HubError("gone", kind="not_found", where="a/b").kind == "not_found"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (T2TError("wrong"), "wrong"),
        (T2TError("wrong", where="a.yaml:3"), "a.yaml:3: wrong"),
        (T2TError("wrong", where="a.yaml:3", fix="Mend it."), "a.yaml:3: wrong. Mend it."),
        (T2TError("Is it?", fix="No."), "Is it? No."),
        (UsageError("wrong.", fix="Mend it."), "wrong. Mend it."),
    ],
)
def test_the_line_says_where_what_and_what_to_do(error: T2TError, line: str) -> None:
    assert str(error) == line


def test_the_nearest_name_is_suggested_and_none_that_is_far() -> None:
    assert did_you_mean("glue/rt", ["glue/rte", "glue/cola"]) == ' Did you mean "glue/rte"?'
    assert did_you_mean("xyz", ["glue/rte"]) == did_you_mean("xyz", []) == ""


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\r", "\n", "\x9b", "\u202e", "\u2066", "\u200f", "\u2028", "\ud800"])
def test_control_and_bidirectional_characters_are_shown(char: str) -> None:
    shown = visible(f"a{char}b")
    assert char not in shown and "\\" in shown
    assert shown.isascii() and shown.isprintable()


def test_long_text_is_cut_and_plain_text_is_left_alone() -> None:
    assert visible("x" * 500) == "x" * 200 + "…"
    assert visible("x" * 200) == "x" * 200
    assert visible("naïve 中文 a b") == "naïve 中文 a b"
    assert visible(None) == "None"

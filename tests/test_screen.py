"""What is drawn: nothing where it should be quiet, no control characters, plain tables without a terminal."""

from __future__ import annotations

import json

import pytest

from t2t.screen import Screen, show, show_json


def test_notices_go_to_stderr_and_are_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().notice("a \x1b[31mred\u202e [bold]word[/bold]")
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == "a \\x1b[31mred\\u202e [bold]word[/bold]\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(quiet=True)
    screen.notice("SAMPLE DATA: nothing")
    with screen.task("work", 3) as tick:
        tick(3)
    assert capsys.readouterr() == ("", "")


def test_no_progress_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen().task("work", 3) as tick:
        tick(3)
    assert capsys.readouterr().err.strip() == ""


def test_a_table_is_wide_and_without_colour_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    show("t", [{"name": "x" * 120, "what": "[red]y[/red]\x1b[0m"}])
    out = capsys.readouterr().out
    assert "x" * 120 in out and "[red]y[/red]" in out and "\x1b" not in out
    show("t", [])
    assert "nothing to show" in capsys.readouterr().out


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_json([{"ü": 1}])
    out = capsys.readouterr().out
    assert json.loads(out) == [{"ü": 1}] and "ü" in out

"""What is drawn: nothing where it should be quiet, no control characters, plain tables without a terminal."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

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


def test_scores_on_the_way_are_a_table_below_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    screen, run = Screen(), SimpleNamespace(state=SimpleNamespace(step=0))
    screen.scored(run, {"a/b accuracy": 1.5})  # type: ignore[arg-type]
    assert capsys.readouterr().err == "step 0: a/b accuracy 1.50\n"
    screen = Screen()
    screen.console = Console(file=io.StringIO(), force_terminal=True, width=100)
    for step in range(10, 70, 10):
        run.state.step = step
        screen.scored(run, {"a/b accuracy": step / 2, "a/[c] f1": 1.0})  # type: ignore[arg-type]
    with screen.task("training", 3) as advance:
        advance(1)
        assert screen._progress is not None
        screen.console.print(*screen._progress.get_renderables())
    shown = screen.console.file.getvalue()  # type: ignore[attr-defined]
    assert "step 60" in shown and "30.00" in shown and "a/[c] f1" in shown and "step 10 " not in shown


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

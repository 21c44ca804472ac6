"""Completion as a shell asks for it, and the examples of help pages, which must parse."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from t2t.cli import cli
from tests.test_cli import Run, t2t

FIXTURES = (t2t,)


def completed(*words: str) -> list[str]:
    """Return what stands behind the last word at a tab."""
    asked = ShellComplete(cli, {}, "t2t", "_T2T_COMPLETE")
    return [item.value for item in asked.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("com",), ["compare", "completion"]),
        (("train", "--task", "glue/c"), ["glue/cola"]),
        (("train", "--task", "glue/rte,glue/sst"), ["glue/rte,glue/sst2"]),
        (("train", "--model", "t2t-"), ["t2t-mini"]),
        (("eval", "--mix", "glue-with"), ["glue-with-wnli"]),
        (("prompt", "show", "glue/q"), ["glue/qnli", "glue/qqp"]),
        (("train", "--prompt", "flan-"), ["flan-2"]),
        (("train", "--learning-r",), ["--learning-rate"]),
    ],
)  # fmt: skip
def test_names_are_completed(words: tuple[str, ...], wanted: list[str]) -> None:
    assert completed(*words) == wanted


def test_runs_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("glue-1", "glue-2", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in ("glue-1", "glue-2"):
        (tmp_path / "runs" / name / "run.yaml").write_text("")
    for command in ("resume", "report", "compare", "eval", "serve", "check"):
        assert completed(command, "runs/") == ["runs/glue-1", "runs/glue-2"], command
    assert completed("compare", "runs/glue-1", "runs/glue-2") == ["runs/glue-2"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(t2t: Run, shell: str) -> None:
    done = t2t("completion", shell)
    assert done.code == 0 and f"_T2T_COMPLETE={shell}_complete" in done.out
    assert t2t("completion", "csh").code == 2


def leaves(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that is no group, with the words that name it."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from leaves(below, *path, name)
    else:
        yield path, command


EVERY = dict(leaves(cli))


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_an_example_that_parses(path: tuple[str, ...]) -> None:
    command = EVERY[path]
    _, found, rest = (command.help or "").partition("Example: ")
    words = shlex.split(" ".join(rest.split("\n\n")[0].split()), comments=True)
    words = words[words.index("|") + 1 :] if "|" in words else words
    words = words[: words.index(">>")] if ">>" in words else words
    assert found and tuple(words[: len(path) + 1]) == ("t2t", *path)
    context = command.make_context(path[-1], words[len(path) + 1 :])
    assert context.params is not None

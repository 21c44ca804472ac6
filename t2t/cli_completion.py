"""The command `t2t completion`: tab completion for a shell, of commands, options, and names of tasks, mixes and runs.

Floor 7. The script that it prints asks ``t2t`` itself at each tab (click's protocol), so it never goes stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

__all__ = ["complete_values", "completion"]

Names = Callable[[], Iterable[str]]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes t2t's commands, options, tasks, mixes and runs at a tab.

    Example: t2t completion bash >> ~/.bashrc
    """
    made = get_completion_class(shell)
    assert made is not None  # click has these three
    click.echo(made(context.find_root().command, {}, "t2t", "_T2T_COMPLETE").source())


def complete_values(command: click.Command) -> None:
    """Let the values of every option and argument of a command, and of those below it, be completed by their names."""
    for below in getattr(command, "commands", {}).values():
        complete_values(below)
    for param in command.params:
        if names := VALUES.get(param.name or ""):
            setattr(param, "shell_complete", _completer(names))  # noqa: B010 (a method of click's, for this one alone)


def _completer(names: Names) -> Callable[[click.Context, str], list[CompletionItem]]:
    """Return what completes the last of a list of names that are separated by commas."""

    def complete(_: click.Context, typed: str) -> list[CompletionItem]:
        before, comma, last = typed.rpartition(",")
        return [CompletionItem(before + comma + name) for name in sorted(set(names())) if name.startswith(last)]

    return complete


def _tasks() -> Iterable[str]:
    from t2t.tasks import tasks

    return tasks()


def _mixes() -> Iterable[str]:
    from t2t.mixtures import mixes

    return mixes()


def _prompts() -> Iterator[str]:
    from t2t.tasks import task, tasks

    return (name for one in map(task, tasks()) for name in one.prompts)


def _runs() -> Iterator[str]:
    """Yield the runs in ``runs/``, where a run is put that was not given a place."""
    return (str(path.parent) for path in Path("runs").glob("*/run.yaml"))


def _models() -> Iterator[str]:
    from t2t.models import bundled_models

    yield from bundled_models()
    yield from _runs()


def _checked() -> Iterator[str]:
    for names in (_tasks, _mixes, _runs):
        yield from names()


VALUES: dict[str, Any] = {
    "task": _tasks, "task_": _tasks, "mix": _mixes, "prompt": _prompts, "run": _runs, "runs": _runs, "model": _models,
    "models": _models, "teacher": _models, "student": _models, "what": _checked,
}  # fmt: skip

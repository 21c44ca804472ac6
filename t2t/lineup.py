"""A line-up: several models or families trained on one mix with one seed and one budget, and set side by side.

Floor 6. Each is trained in a process of its own, so that its peak memory and seconds are its own and the fault of one
does not lose the others. A line-up that is begun again on its folder keeps what is finished and resumes the rest.

>>> [one.name for one in members(["t2t-mini"], ["seq2seq", "encoder"])]
['seq2seq', 'encoder']
>>> [(one.name, one.family) for one in members(["a/x", "b/y"], [])]
[('x', None), ('y', None)]
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from t2t import runs
from t2t.compare import Comparison, compare, difference_rows, run_rows, score_blocks
from t2t.errors import UsageError
from t2t.report import markdown_table

__all__ = ["Member", "folder_of", "markdown", "members", "side_by_side", "train_all"]

STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


class Member(NamedTuple):
    """One of a line-up: its name, which is that of its folder, and what it is."""

    name: str
    model: str
    family: str | None


def members(models: Sequence[str], families: Sequence[str]) -> list[Member]:
    """Return who is in a line-up: one model under each family, each model, or model and family in pairs.

    Raise ``UsageError`` if the numbers of models and families do not go together.
    """
    if len(models) > 1 and len(families) > 1 and len(models) != len(families):
        raise UsageError(f"{len(models)} models and {len(families)} families do not go together",
                         fix="Give one of either, or as many of both, which are taken in pairs.")  # fmt: skip
    count = max(len(models), len(families), 1)
    pairs = [(models[i if len(models) > 1 else 0], (families[i if len(families) > 1 else 0] if families else None))
             for i in range(count)]  # fmt: skip
    names = [_plain(model) if len(models) > 1 else str(family) for model, family in pairs]
    return [Member(name, model, family) for name, (model, family) in zip(_numbered(names), pairs, strict=True)]


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the names, those that stand there several times with a number that makes them no other's."""
    found: list[str] = []
    for name in names:
        free = (f"{name}-{n}" for n in itertools.count(1))
        found.append(name if names.count(name) == 1 else next(one for one in free if one not in {*names, *found}))
    return found


def _plain(model: str) -> str:
    """Return a short name for a model: the last part of its path or id."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "model"


def folder_of(settings: Mapping[str, Any]) -> Path:
    """Return the folder of a line-up: the one asked for, or a new one below runs/."""
    if settings.get("out"):
        folder = Path(settings["out"])
        if (folder / "run.yaml").exists():
            raise UsageError("this folder holds a run, not a line-up", where=str(folder), fix="Give another --out.")
        return folder
    tasks = settings.get("task") or ()
    what = settings.get("mix") or "+".join([tasks] if isinstance(tasks, str) else tasks)
    return runs.new_folder(None, f"lineup-{what}")


def train_all(
    who: Sequence[Member], settings: Mapping[str, Any], folder: Path, *, notice: Callable[[str], None], quiet: bool
) -> dict[str, int]:
    """Train each of a line-up with ``settings`` in ``FOLDER/NAME``; return the exit code of each by name.

    A fault of one is said by its own process and the others go on; a signal ends the line-up. Raise ``UsageError`` if a
    folder was begun with other settings, ``DiskError`` if it cannot be written.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("a line-up trains one after another, each on one rank", fix="Start each with torchrun.")
    codes: dict[str, int] = {}
    for number, one in enumerate(who, 1):
        own = folder / one.name
        said = {**settings, "model": one.model, "family": one.family, "out": str(own)}
        config = folder / f"{one.name}.yaml"
        text = yaml.safe_dump({k: v for k, v in said.items() if v is not None}, sort_keys=True, allow_unicode=True)
        if config.is_file() and config.read_text(encoding="utf-8") != text:
            raise UsageError("this line-up was begun with other settings", where=str(config),
                             fix="Give the same ones, or another --out.")  # fmt: skip
        if (own / "report.json").is_file():
            notice(f"{one.name}: finished before")
            codes[one.name] = 0
            continue
        runs.write_text(config, text)
        notice(f"{one.name} ({number} of {len(who)})")
        what = ["resume", str(own)] if (own / "run.yaml").is_file() else ["train", "--config", str(config)]
        codes[one.name] = _run([sys.executable, "-m", "t2t.cli", *(["--quiet"] if quiet else []), *what])
        if codes[one.name] in STOPPED:
            break
    return codes


def _run(command: Sequence[str]) -> int:
    """Run a command to its end and return its exit code; SIGINT and SIGTERM are handed on, so that it saves its state.

    It has a session of its own: a terminal's Ctrl-C would reach it twice, and the second one stops at once.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as child:
        before = {number: signal.signal(number, lambda n, frame: child.send_signal(n))
                  for number in (signal.SIGINT, signal.SIGTERM)}  # fmt: skip
        try:
            code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 128 - code if code < 0 else code


def side_by_side(folder: Path, names: Sequence[str], *, split: str) -> Comparison:
    """Compare the members of a line-up that have finished; write lineup.json and lineup.md. Return the comparison."""
    found = compare([folder / name for name in names], split=split)
    runs.write_json(folder / "lineup.json", asdict(found))
    runs.write_text(folder / "lineup.md", markdown(found))
    return found


def markdown(found: Comparison) -> str:
    """Return a comparison as a page: what each costs and scores, and how each differs from the first."""
    tables = [("Cost", run_rows(found)),
              *(("Scores, percent with 95 % intervals", block) for block in score_blocks(found, width=200)),
              (f"Differences to {found.runs[0].run}, percent points", difference_rows(found))]  # fmt: skip
    lines = ["# Line-up", "", *(f"{note}\n" for note in found.notes)]
    for title, rows in tables:
        lines += [f"## {title}", "", *markdown_table(rows), ""]
    lines.append(
        "\\* ranked, not written. p: McNemar's exact test where rows are right or wrong, else randomisation. "
        "Holm: corrected for all tests here. MDE: what so many rows would show four times in five."
    )
    return "\n".join(lines) + "\n"

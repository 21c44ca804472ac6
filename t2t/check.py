"""Looking before training: task files, every row rendered and encoded, every choice audited, stored files whole.

Floor 5. What `t2t check` does; a fault of a row is an error that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2t import checkpoint, mixtures
from t2t.errors import T2TError
from t2t.paths import models_folder
from t2t.sets import examples
from t2t.sources import SplitMissing, splits, verify
from t2t.tasks import task as task_of
from t2t.tasks import tasks as all_tasks
from t2t.tokens import Tally, Tokens, load_tokenizer
from t2t.types import Task

__all__ = ["check_data", "check_files", "check_stored", "is_stored", "missing", "named"]

STRETCH = 1024  # rows that are rendered and encoded at a time


def check_files() -> tuple[int, int]:
    """Read every task file and mix; return how many of each there are. Raise ``UsageError`` for the first bad one."""
    for name in all_tasks():
        task_of(name)
    for name in mixtures.mixes():
        named([name])
    return len(all_tasks()), len(mixtures.mixes())


def named(names: Sequence[str]) -> list[Task]:
    """Return the tasks of tasks, task files and mixes, each once."""
    parts = [(name,) if "/" in name or name.endswith(".yaml") else mixtures.mix(name).scored for name in names]
    return [task_of(name) for name in dict.fromkeys(name for part in parts for name in part)]


def is_stored(name: str) -> bool:
    """Whether ``name`` is a run folder or a fetched directory."""
    return any((Path(name) / file).is_file() for file in ("run.yaml", "manifest.json"))


def check_stored(folder: Path) -> list[dict[str, Any]]:
    """Check the checkpoints of a run, or the files of a fetched directory, against their sha256 sums."""
    if (folder / "run.yaml").is_file():
        found = checkpoint.latest(folder / "checkpoints")
        return [{"file": str(path), "said": str(error or "sound")} for path, error in found]
    try:
        return [{"file": str(folder / name), "said": "sound"} for name in verify(folder)]
    except T2TError as error:
        return [{"file": str(folder), "said": str(error)}]


def check_data(
    tasks: Sequence[Task], *, source: str, model: str, max_input: int, max_target: int, watch: Any
) -> list[dict[str, Any]]:
    """Read every row of every split of ``tasks`` with a model's vocabulary; return one line a split.

    Lengths are tokens. Raise ``DataError`` for the first row that is not as its task file says.
    """
    folder = models_folder() / model
    tokens = Tokens(
        load_tokenizer(str(folder if folder.is_dir() else model)), max_input=max_input, max_target=max_target
    )
    lines = []
    for task in tasks:
        asked = [prompt for prompt in task.prompts.values() if prompt.input]
        warnings = [line for prompt in asked for line in tokens.audit(task.name, prompt)]
        for split in task.source.splits or splits(task, source):
            try:
                egs = examples(task, split, source, labelled=split != "test")
            except SplitMissing as error:
                lines.append(_line(task.name, split, Tally(), [str(error)]))
                continue
            tokens.tallies.pop(task.name, None)
            with watch.task(f"{task.name} {split}", len(egs)) as tick:
                for start in range(0, len(egs), STRETCH):
                    part = egs[start : start + STRETCH]
                    tokens.encode(part)
                    tokens.forget()  # no row comes twice
                    tick(len(part))
            tally = tokens.tallies[task.name]
            origin = egs.rows.origin.kind  # type: ignore[attr-defined]
            notes = ["SAMPLE DATA"] if origin == "sample" else []
            lines.append(_line(task.name, split, tally, [*notes, *warnings, *tally.warnings(task.name)]))
    return lines


def missing(task: Task) -> list[str]:
    """Return what a task file lacks to be told about, trained on and scored: nothing of it is an error."""
    splits = task.source.splits or task.source.files
    said = [
        (not task.provenance.get("licence"), "no licence (provenance)"),
        (not task.provenance.get("paper") and not task.provenance.get("homepage"), "no paper or homepage (provenance)"),
        (not task.about, "no about: t2t prompt find has less to go by"),
        (bool(splits) and "validation" not in splits, "no validation split: --split names another to score"),
        (not task.source.sample, "no sample"),
        (any(not p.source for p in task.prompts.values()), "a prompt without a source"),
        (any(c.isdigit() for c in task.prompt.choices), "choices that are mere numbers: a model reads words better"),
    ]
    return [line for lacks, line in said if lacks]


def _line(task: str, split: str, tally: Tally, said: Sequence[str]) -> dict[str, Any]:
    return {
        "task": task,
        "split": split,
        "examples": tally.examples,
        "longest_input": tally.longest_input,
        "longest_target": tally.longest_target,
        "inputs_cut": tally.inputs_cut,
        "unknown": tally.unknown_input_tokens + tally.unknown_target_tokens,
        "said": "; ".join(said),
    }

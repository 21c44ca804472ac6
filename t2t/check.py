"""Looking before training: every row rendered and encoded, labels counted, rows found that stand in two sets.

Floor 5. What `t2t check` does; a fault of a row is an error that names it. Splits are read from the last to the first,
so that what is scored is indexed (see `t2t.overlap`) and what is trained on passes by. Kept of every row are 16 bytes
(24 of a number), and about 550 more of one that is scored.
"""

from __future__ import annotations

import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from t2t import checkpoint, mixtures
from t2t.errors import T2TError
from t2t.examples import Examples
from t2t.overlap import Index, Overlap, Stretch, columns, repeats
from t2t.paths import models_folder
from t2t.sets import examples
from t2t.sources import SplitMissing, declared, open_rows, splits, verify
from t2t.tasks import task as task_of
from t2t.tasks import tasks as all_tasks
from t2t.template import parse
from t2t.tokens import Tally, Tokens, load_tokenizer
from t2t.types import Example, Task

__all__ = ["check_data", "check_files", "check_stored", "is_stored", "leaks", "missing", "named"]

STRETCH = 1024  # rows that are rendered and encoded at a time
UNLABELLED = "unlabelled"  # what the rows without labels are called, beside the splits
POOLS = ("train", UNLABELLED)  # what training may use: read last and not indexed, as what is in both is no leak


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
    tasks: Sequence[Task],
    *,
    source: str,
    model: str,
    max_input: int,
    max_target: int,
    watch: Any,
    unlabelled: str | None = None,
) -> list[dict[str, Any]]:
    """Read every row of every split of ``tasks`` with a model's vocabulary; return one line a split.

    Lengths are tokens. ``unlabelled`` is a file of rows without labels, which training may use. Raise ``DataError`` for
    the first row that is not as its task file says.
    """
    folder = models_folder() / model
    tokens = Tokens(
        load_tokenizer(str(folder if folder.is_dir() else model)), max_input=max_input, max_target=max_target
    )
    return [line for task in tasks for line in _check_task(task, source, tokens, watch, unlabelled)]


def leaks(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Return what `check_data` found to be in two sets, in words."""
    return [
        f"{line['task']} {line['split']} with {found['with']}: {found['same'] + found['near']:,} of "
        f"{line['examples']:,} rows"
        for line in lines
        for found in line["overlaps"]
        if found["same"] + found["near"]
    ]


def _check_task(task: Task, source: str, tokens: Tokens, watch: Any, unlabelled: str | None) -> list[dict[str, Any]]:
    """Return a line for each split of a task, in their order; the rows without labels are the last."""
    asked = [prompt for prompt in task.prompts.values() if prompt.input]
    warnings = [line for prompt in asked for line in tokens.audit(task.name, prompt)]
    there = declared(task, source) or splits(task, source)
    # One file for any split is read once, as what it is to training; as several splits it would leak into itself.
    listed = [*("train" if split == "*" else split for split in there), *([UNLABELLED] if unlabelled else [])]
    scored = [split for split in listed if split not in POOLS]
    lines: dict[str, dict[str, Any]] = {}
    indexed: list[tuple[dict[str, Any], Index]] = []
    for split in [*reversed(scored), *(split for split in listed if split in POOLS)]:
        try:
            if split == UNLABELLED and unlabelled:
                egs = _unlabelled(task, unlabelled)
            else:
                egs = examples(task, split, source, labelled=split != "test")
        except SplitMissing as error:
            lines[split] = _Seen(task).line(split, Tally(), [error.message])
            continue
        seen = _Seen(task)
        overlaps = [(line, Overlap(index)) for line, index in indexed]
        tokens.tallies.pop(task.name, None)
        signatures = []
        with watch.task(f"{task.name} {split}", len(egs)) as tick:
            for start in range(0, len(egs), STRETCH):
                part = egs[start : start + STRETCH]
                tokens.encode(part)
                tokens.forget()  # no row comes twice
                some = Stretch([columns(eg.pieces) for eg in part], [eg.uid for eg in part])
                seen.add(part, some)
                for _, overlap in overlaps:
                    overlap.add(some)
                if split in scored:
                    signatures.append(some.signatures)
                tick(len(part))
        for line, overlap in overlaps:
            line["overlaps"].append(overlap.asdict(split))
        tally = tokens.tallies[task.name]
        origin = egs.rows.origin.kind  # type: ignore[attr-defined]
        notes = [*(["SAMPLE DATA"] if origin == "sample" else []), *warnings, *tally.warnings(task.name)]
        lines[split] = seen.line(split, tally, [*notes, *seen.warnings(egs)])
        if split in scored:
            indexed.append((lines[split], Index(seen.keys, np.concatenate(signatures), _asking(egs))))
    return [lines[split] for split in listed]


def _unlabelled(task: Task, file: str) -> Examples:
    """Return the rows of a file that need no label."""
    asked = parse(task.prompt.input or task.prompt.cloze or "").columns
    answer = {*parse(task.prompt.target).columns, *filter(None, [task.prompt.gold])} - set(asked)
    rows = open_rows(task, UNLABELLED, f"{UNLABELLED}={file}", optional=answer)
    return Examples(task, rows, split=UNLABELLED, labelled=False)


def _asking(egs: Examples) -> Any:
    """Return what says of a row its uid and its columns."""

    def row(i: int) -> tuple[str, tuple[str, ...]]:
        return egs[i].uid, columns(egs[i].pieces)

    return row


@dataclass
class _Seen:
    """What is kept of the rows of a split: hashes of what they ask and answer, and the labels counted."""

    task: Task
    keys_: array.array[int] = field(default_factory=lambda: array.array("q"))
    answers: array.array[int] = field(default_factory=lambda: array.array("q"))
    numbers: array.array[float] = field(default_factory=lambda: array.array("d"))
    classes: Counter[int] = field(default_factory=Counter)

    @property
    def keys(self) -> np.ndarray:
        """The hashes (N,) of what the rows ask."""
        return np.array(self.keys_, np.int64)

    @property
    def choices(self) -> tuple[str, ...]:
        """The names of the labels; those of each row are told by their place."""
        prompt = self.task.prompt
        names = prompt.choices
        return tuple(f"choice {i}" for i in range(1, len(names) + 1)) if prompt.per_row else names

    def add(self, part: Sequence[Example], some: Stretch) -> None:
        """Take in a stretch of rows."""
        self.keys_.frombytes(some.keys.tobytes())
        self.answers.extend(hash(eg.target) for eg in part)  # 0 where there is none
        golds = [eg.gold for eg in part if eg.gold is not None]
        if self.task.answer == "number":
            self.numbers.extend(golds)
        elif self.task.answer == "choice" and self.task.prompt.format != "referent":
            self.classes.update(golds)

    @property
    def labels(self) -> dict[str, Any]:
        """How often each choice is the answer, or the five-number summary of numbers; empty for other answers."""
        if len(self.numbers):
            names = ("lowest", "first quartile", "median", "third quartile", "highest")
            return dict(zip(names, np.percentile(self.numbers, [0, 25, 50, 75, 100]).tolist(), strict=True))
        return {name: self.classes[i] for i, name in enumerate(self.choices)} if self.classes else {}

    def warnings(self, egs: Examples) -> list[str]:
        """Return what a user should know of labels and of rows that stand twice."""
        said, lacking = [], [name for name in self.labels if self.classes and not self.labels[name]]
        if lacking and len(self.classes) == 1:
            said.append(f"every row is {self.choices[next(iter(self.classes))]}")
        elif lacking:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            said.append(f"no row is {', '.join(lacking[:5])}{more}")
        repeated, torn, pair = self._repeats
        if repeated:
            said.append(f"{repeated:,} rows repeat the input of another")
        if pair:
            one, two = (egs[i].uid for i in pair)
            said.append(f"{torn:,} rows have an input that is answered in several ways, such as {one} and {two}")
        return said

    @property
    def _repeats(self) -> tuple[int, int, tuple[int, int] | None]:
        repeated, torn, pair = repeats(self.keys, np.array(self.answers, np.int64))
        # A text may be translated or summed up in many ways.
        return (repeated, torn, pair) if self.task.answer != "text" else (repeated, 0, None)

    def line(self, split: str, tally: Tally, said: Sequence[str]) -> dict[str, Any]:
        """Return all that is told of a split."""
        repeated, torn, _ = self._repeats
        return {
            "task": self.task.name,
            "split": split,
            "examples": tally.examples,
            "longest_input": tally.longest_input,
            "longest_target": tally.longest_target,
            "inputs_cut": tally.inputs_cut,
            "unknown": tally.unknown_input_tokens + tally.unknown_target_tokens,
            "repeated": repeated,
            "contradictory": torn,
            "labels": self.labels,
            "overlaps": [],
            "warnings": list(said),
            "said": "; ".join(said),
        }


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

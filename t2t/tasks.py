"""Tasks as data: read from YAML files, checked in full, and turned into examples.

Floor 2. A task file (``task_prompts/SET/NAME.yaml``) names columns, source, prompts and metrics; everything in it is
checked when it is read, without any data. `Examples` renders rows as they are asked for.

>>> rte = task("glue/rte")
>>> rows = [{"sentence1": "It rained.", "sentence2": "It was dry.", "label": 1}]
>>> eg = Examples(rte, rows, split="validation")[0]
>>> eg.input, eg.target, eg.gold
('rte sentence1: It rained. sentence2: It was dry.', 'not_entailment', 1)
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from t2t import strict_yaml
from t2t.answers import form
from t2t.errors import DataError, UsageError, did_you_mean, visible
from t2t.metrics import metric
from t2t.names import check_name, check_task_name
from t2t.paths import task_folders
from t2t.strict_yaml import Document
from t2t.template import MASK, parse
from t2t.types import Example, Prompt, Source, Task

__all__ = ["Examples", "prompt", "read_task", "task", "tasks"]

KINDS = ("text", "class", "number", "tags", "list")
_KEYS = ("task", "title", "answer", "columns", "source", "prompts", "metrics", "range", "words", "provenance")
_SOURCE_KEYS = ("hub", "config", "revision", "splits", "sample", "files")
_PROMPT_KEYS = ("input", "target", "choices", "cloze", "source")


@functools.cache
def _files() -> Mapping[str, Path]:
    """Return the file of every task by name; a user's own folder comes before the bundled one."""
    found: dict[str, Path] = {}
    for folder in task_folders():
        for path in sorted(folder.glob("*/*.yaml")):
            found.setdefault(f"{path.parent.name}/{path.stem}", path)
    return found


def tasks() -> list[str]:
    """Return the names of all tasks, sorted."""
    return sorted(_files())


@functools.cache
def task(name: str) -> Task:
    """Return the task called ``name`` (``glue/rte``), or that of a task file (a path ending in ``.yaml``).

    Raise ``UsageError`` if there is none or if its file is wrong.
    """
    if name.endswith(".yaml"):
        return read_task(Path(name))
    if name not in _files():
        raise UsageError(
            f'there is no task "{visible(name)}"',
            fix=f"See `t2t ls tasks`.{did_you_mean(name, _files())}",
            code="C01",
        )
    return read_task(_files()[name])


def prompt(task: Task, name: str | None) -> Prompt:
    """Return the prompt of ``task`` called ``name``, or its default prompt."""
    if name is None:
        return task.prompt
    if name not in task.prompts:
        raise UsageError(
            f'{task.name} has no prompt "{visible(name)}"',
            fix=f"It has {', '.join(task.prompts)}.{did_you_mean(name, task.prompts)}",
        )
    return task.prompts[name]


def read_task(path: Path) -> Task:
    """Read and check one task file. Every fault is a ``UsageError`` with file, line and remedy."""
    doc = strict_yaml.read(path)
    data = doc.check_keys((), doc.data, _KEYS)
    for key in ("task", "title", "answer", "columns", "source", "prompts", "metrics"):
        if key not in data:
            raise UsageError(f'the key "{key}" is missing', where=doc.file, code="C01")
    found = Task(
        name=check_task_name(str(data["task"]), where=doc.where("task")),
        title=str(data["title"]),
        answer=str(data["answer"]),
        columns=_columns(doc, data),
        source=_source(doc, data),
        prompts={},
        metrics=tuple(map(str, data["metrics"])),
        provenance=dict(data.get("provenance") or {}),
        range=_range(doc, data),
        words=data.get("words"),
        file=doc.file,
    )
    if len(path.parent.parts) and found.name.split("/")[1] != path.stem:
        raise UsageError(f'the task is "{found.name}" but the file is {path.name}', where=doc.where("task"))
    valid = form(found).metrics
    for name in found.metrics:
        metric(name, where=doc.where("metrics"))
        if name not in valid:
            raise UsageError(
                f'the metric "{name}" is not for {found.answer} answers',
                where=doc.where("metrics"),
                fix=f"Those are: {', '.join(valid)}.",
            )
    _words(doc, found)
    if not isinstance(data["prompts"], dict) or not data["prompts"]:
        raise UsageError("at least one prompt is needed", where=doc.where("prompts"), code="C01")
    prompts = {name: _prompt(doc, found, str(name)) for name in data["prompts"]}
    return Task(**{**{f: getattr(found, f) for f in Task.__slots__}, "prompts": prompts})


def _columns(doc: Document, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns with their kinds."""
    columns = doc.check_keys(("columns",), data["columns"], tuple(data["columns"] or ()))
    for name, kind in columns.items():
        if kind not in KINDS:
            raise UsageError(
                f'"{visible(kind)}" is not a kind of column',
                where=doc.where("columns", str(name)),
                fix=f"Kinds: {', '.join(KINDS)}.{did_you_mean(str(kind), KINDS)}",
                code="C01",
            )
    return {str(name): str(kind) for name, kind in columns.items()}


def _source(doc: Document, data: Mapping[str, Any]) -> Source:
    """Return where the rows come from; paths of a user's own files are taken from the task file's folder."""
    raw = dict(doc.check_keys(("source",), data["source"], _SOURCE_KEYS))
    for key in ("splits", "files"):
        raw[key] = {str(k): str(v) for k, v in (raw.get(key) or {}).items()}
    folder = Path(doc.file).parent
    raw["files"] = {split: str(folder / name) for split, name in raw["files"].items()}
    raw["revision"] = None if raw.get("revision") is None else str(raw["revision"])
    if not raw.get("hub") and not raw["files"] and not raw.get("sample"):
        raise UsageError("a source needs hub, files or sample", where=doc.where("source"), code="C01")
    return Source(**raw)


def _range(doc: Document, data: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the range of a number task, which must be given for that answer form and for no other."""
    given = data.get("range")
    if (data["answer"] == "number") != (given is not None):
        raise UsageError("range: [low, high] belongs to number answers, and only to them", where=doc.where("range"))
    if given is None:
        return None
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        raise UsageError("a range is [low, high]", where=doc.where("range")) from None
    return low, high


def _words(doc: Document, task: Task) -> None:
    """Check that tagging tasks, and only they, name the column of their words."""
    if (task.answer in ("spans", "tags")) != (task.words is not None):
        raise UsageError("words: COLUMN belongs to spans and tags answers, and only to them", where=doc.where("words"))
    if task.words is not None and task.columns.get(task.words) != "list":
        raise UsageError(f'words: "{task.words}" is not a column of kind list', where=doc.where("words"))


def _prompt(doc: Document, task: Task, name: str) -> Prompt:
    """Check one prompt against the columns and the answer form."""
    path = ("prompts", name)
    where = doc.where(*path)
    raw = doc.check_keys(path, doc.data["prompts"][name], _PROMPT_KEYS)
    check_name(name, what="prompt", where=where)
    if ("input" in raw) == ("cloze" in raw) or "target" not in raw:
        raise UsageError("a prompt has a target and either an input or a cloze", where=where, code="C01")
    pattern = str(raw.get("input", raw.get("cloze")))
    for key, text in (("input" if "input" in raw else "cloze", pattern), ("target", str(raw["target"]))):
        for column in parse(text, doc.where(*path, key)).columns:
            if column not in task.columns:
                raise UsageError(
                    f'the template names "{column}", which is no column',
                    where=doc.where(*path, key),
                    fix=f"Columns: {', '.join(task.columns)}.{did_you_mean(column, task.columns)}",
                    code="P01",
                )
    if (MASK in pattern) != ("cloze" in raw):
        raise UsageError(f"{MASK} belongs in a cloze, once, and nowhere else", where=where, code="P01")
    if not parse(str(raw["target"])).columns:
        raise UsageError("the target names no column", where=doc.where(*path, "target"), code="P01")
    choices = _choices(doc, path, raw, task)
    what = [raw.get("input"), raw.get("cloze"), raw["target"], list(choices)]
    digest = hashlib.sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()[:12]
    return Prompt(
        name, str(raw["target"]), raw.get("input"), raw.get("cloze"), choices, str(raw.get("source", "")), digest
    )


def _choices(doc: Document, path: tuple[str, ...], raw: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """Check the choices: texts, at least two for a choice task, all different."""
    choices = raw.get("choices") or []
    where = doc.where(*path, "choices")
    if not isinstance(choices, list) or not all(isinstance(c, str) and c for c in choices):
        raise UsageError("choices are a list of texts", where=where, fix='Quote words such as "yes" and "no".')
    if len(set(choices)) != len(choices):
        raise UsageError("two choices are the same text", where=where, code="P03")
    if task.answer == "choice" and len(choices) < 2:
        raise UsageError("a choice task needs at least two choices", where=where, code="P03")
    return tuple(choices)


class Examples(Sequence[Example]):
    """The examples of one split under one prompt, rendered when asked for.

    ``rows`` is any sequence of mappings; one with a method ``where(i)`` names its rows in errors. ``picked`` are the
    rows taken (all, unless given); uids keep the rows' own numbers. With ``labelled=False`` a missing or hidden label
    gives an empty target and a gold of None, else it is a ``DataError``.
    """

    def __init__(
        self,
        task: Task,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str,
        prompt: Prompt | None = None,
        picked: Sequence[int] | None = None,
        labelled: bool = True,
    ) -> None:
        self.task, self.rows, self.split, self.labelled = task, rows, split, labelled
        self.picked: Sequence[int] = range(len(rows)) if picked is None else picked
        self.prompt = prompt or task.prompt
        self._input = parse(self.prompt.input or self.prompt.cloze or "")
        self._target = parse(self.prompt.target)
        self._form = form(task)
        self._where: Callable[[int], str] = getattr(rows, "where", lambda i: f"row {i + 1}")

    def __len__(self) -> int:
        return len(self.picked)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = self.picked[index]
        row, where, task = dict(self.rows[index]), self._where(index), self.task
        column = self._target.columns[0]
        value = row.get(column)
        words = tuple(map(str, row.get(task.words, ()))) if task.words else ()
        if task.words and value is not None:
            if len(value) != len(words):
                raise DataError(f"{len(value)} tags for {len(words)} words", where=f'{where} field "{column}"')
            assert self._form.write is not None  # true of the two forms that have words
            row[column] = self._form.write(value, words)
        target, gold = "", None
        if self.labelled or not (value is None or value == -1):
            target = "".join(piece.text for piece in self._target.render(row, choices=self.prompt.choices, where=where))
            gold = self._form.gold(value, target, self.prompt)
            if not target.strip():
                raise DataError("the target is empty", where=where, fix="Mend or drop the row.", code="P02")
        pieces = self._input.render(row, choices=self.prompt.choices, where=where)
        if not any(piece.text.strip() for piece in pieces):
            raise DataError("the input is empty", where=where, fix="Mend or drop the row.", code="P02")
        return Example(
            uid=f"{task.name}:{self.split}:{index}",
            task=task.name,
            prompt=self.prompt.name,
            pieces=pieces,
            target=target,
            choices=self.prompt.choices,
            gold=gold,
            range=task.range,
            words=words,
        )

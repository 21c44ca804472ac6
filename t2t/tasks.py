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
import math
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
    found = read_task(_files()[name])
    if found.name != name:
        raise UsageError(f'the task is "{found.name}" but its file stands at {name}.yaml', where=found.file, code="C01")
    return found


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
        title=_text(doc, data, "title"),
        answer=_text(doc, data, "answer"),
        columns=_columns(doc, data),
        source=_source(doc, data),
        prompts={},
        metrics=_metrics(doc, data),
        provenance=dict(_mapping(doc, data, "provenance")),
        range=_range(doc, data),
        words=_text(doc, data, "words") if "words" in data else None,
        file=doc.file,
    )
    if found.name.split("/")[1] != path.stem:
        raise UsageError(f'the task is "{found.name}" but the file is {path.name}', where=doc.where("task"), code="C01")
    valid = form(found).metrics
    for name in found.metrics:
        metric(name, where=doc.where("metrics"))
        if name not in valid:
            raise UsageError(
                f'the metric "{name}" is not for {found.answer} answers',
                where=doc.where("metrics"),
                fix=f"Those are: {', '.join(valid)}.",
                code="C01",
            )
    _words(doc, found)
    if not isinstance(data["prompts"], dict) or not data["prompts"]:
        raise UsageError("at least one prompt is needed", where=doc.where("prompts"), code="C01")
    prompts = {str(name): _prompt(doc, found, str(name), raw) for name, raw in data["prompts"].items()}
    return Task(**{**{f: getattr(found, f) for f in Task.__slots__}, "prompts": prompts})


def _text(doc: Document, data: Mapping[str, Any], key: str, path: tuple[str, ...] = ()) -> str:
    """Return a value that must be a text; a bare number or date is one."""
    value = data[key]
    if value is None or isinstance(value, (bool, list, dict)):
        raise UsageError(f"{key}: expected a text, got {visible(value)}", where=doc.where(*path, key), code="C01")
    return str(value)


def _mapping(doc: Document, data: Mapping[str, Any], key: str, path: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Return a value that must be keys and values, or is not there."""
    value = data.get(key) or {}
    return doc.check_keys((*path, key), value, tuple(value) if isinstance(value, dict) else ())


def _metrics(doc: Document, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the metrics."""
    names = data["metrics"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"metrics are a list of names, got {visible(names)}", where=doc.where("metrics"), code="C01")
    return tuple(dict.fromkeys(names))


def _columns(doc: Document, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns with their kinds."""
    columns = _mapping(doc, data, "columns")
    if not columns:
        raise UsageError("a task needs columns", where=doc.where("columns"), code="C01")
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
        given = _mapping(doc, raw, key, ("source",))
        raw[key] = {str(k): _text(doc, given, k, ("source", key)) for k in given}
    for key in ("hub", "config", "revision", "sample"):
        raw[key] = None if raw.get(key) is None else _text(doc, raw, key, ("source",))
    folder = Path(doc.file).parent
    raw["files"] = {split: str(folder / name) for split, name in raw["files"].items()}
    if not raw.get("hub") and not raw["files"] and not raw.get("sample"):
        raise UsageError("a source needs hub, files or sample", where=doc.where("source"), code="C01")
    return Source(**raw)


def _range(doc: Document, data: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the range of a number task, which must be given for that answer form and for no other."""
    given = data.get("range")
    if (data["answer"] == "number") != (given is not None):
        raise UsageError(
            "range: [low, high] belongs to number answers, and only to them", where=doc.where("range"), code="C01"
        )
    if given is None:
        return None
    numbers = [x for x in given if type(x) in (int, float)] if isinstance(given, list) else []
    if not (len(numbers) == 2 == len(given) and -math.inf < numbers[0] < numbers[1] < math.inf):
        raise UsageError("a range is [low, high], low below high", where=doc.where("range"), code="C01")
    return float(numbers[0]), float(numbers[1])


def _words(doc: Document, task: Task) -> None:
    """Check that tagging tasks, and only they, name the column of their words."""
    if (task.answer in ("spans", "tags")) != (task.words is not None):
        raise UsageError(
            "words: COLUMN belongs to spans and tags answers, and only to them", where=doc.where("words"), code="C01"
        )
    if task.words is not None and task.columns.get(task.words) != "list":
        raise UsageError(
            f'words: "{visible(task.words)}" is not a column of kind list', where=doc.where("words"), code="C01"
        )


def _prompt(doc: Document, task: Task, name: str, given: Any) -> Prompt:
    """Check one prompt against the columns and the answer form."""
    path = ("prompts", name)
    where = doc.where(*path)
    raw = doc.check_keys(path, given, _PROMPT_KEYS)
    check_name(name, what="prompt", where=where)
    if ("input" in raw) == ("cloze" in raw) or "target" not in raw:
        raise UsageError("a prompt has a target and either an input or a cloze", where=where, code="C01")
    kind = "input" if "input" in raw else "cloze"
    pattern, target = _text(doc, raw, kind, path), _text(doc, raw, "target", path)
    for key, text in ((kind, pattern), ("target", target)):
        for column in parse(text, doc.where(*path, key)).columns:
            if column not in task.columns:
                raise UsageError(
                    f'the template names "{column}", which is no column',
                    where=doc.where(*path, key),
                    fix=f"Columns: {', '.join(task.columns)}.{did_you_mean(column, task.columns)}",
                    code="P01",
                )
    if pattern.count(MASK) != ("cloze" in raw) or MASK in target:
        raise UsageError(f"{MASK} belongs in a cloze, once, and nowhere else", where=where, code="P01")
    choices = _choices(doc, path, raw, task)
    _target(doc.where(*path, "target"), target, choices, task)
    shown = {kind: pattern}
    what = [shown.get("input"), shown.get("cloze"), target, list(choices)]
    digest = hashlib.sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()[:12]
    return Prompt(name, target, shown.get("input"), shown.get("cloze"), choices, str(raw.get("source", "")), digest)


def _target(where: str, target: str, choices: tuple[str, ...], task: Task) -> None:
    """Check that what the target writes can be read back by the answer form."""
    template = parse(target, where)
    if not template.columns:
        raise UsageError("the target names no column", where=where, code="P01")
    if task.answer != "text" and len(template.parts) > 1:
        raise UsageError(
            f"the target of a {task.answer} answer is one column and nothing else",
            where=where,
            fix="Put the words around it into the input.",
            code="P01",
        )
    column = template.columns[0]
    if task.answer == "choice":
        values = range(len(choices)) if task.columns[column] == "class" else choices
        try:
            said = ["".join(p.text for p in template.render({column: v}, choices=choices)) for v in values]
        except DataError as error:
            raise UsageError(error.message, where=where, code="P01") from None
        if said != list(choices):
            raise UsageError(
                "the target does not write the choices", where=where, fix=f'Write "{{{column}|choice}}".', code="P01"
            )


def _choices(doc: Document, path: tuple[str, ...], raw: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """Check the choices: texts, at least two for a choice task, all different."""
    choices = raw.get("choices") or []
    where = doc.where(*path, "choices")
    if not isinstance(choices, list) or not all(isinstance(c, str) and c.strip() for c in choices):
        raise UsageError(
            "choices are a list of texts", where=where, fix='Quote words such as "yes" and "no".', code="C01"
        )
    if any(c != c.strip() for c in choices):
        raise UsageError("a choice begins or ends with white space", where=where, code="P04")
    if len(set(choices)) != len(choices):
        raise UsageError("two choices are the same text", where=where, code="P03")
    if task.answer == "choice" and len(choices) < 2:
        raise UsageError("a choice task needs at least two choices", where=where, code="P03")
    if "f1" in task.metrics and len(choices) != 2:
        raise UsageError("f1 is of class 1 of two", where=where, fix="Use accuracy or matthews.", code="C01")
    if task.answer == "spans" and (not choices or any(c in kind for kind in choices for c in ":;#")):
        raise UsageError("the choices of spans are their types, without : ; #", where=where, code="P03")
    if task.answer == "tags" and any(tag.split() != [tag] for tag in choices):
        raise UsageError("a tag is one word", where=where, code="P03")
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
        words = self._list(row, task.words, where) if task.words else ()
        target, gold = "", None
        if self.labelled or not self._hidden(row):
            target, gold = self._answer(row, words, where)
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

    def _hidden(self, row: Mapping[str, Any]) -> bool:
        """Whether the row has no label: none at all, or -1 where that is no answer."""
        value = row.get(self._target.columns[0])
        low, high = self.task.range or (0, 0)
        return value is None or (self.task.answer in ("choice", "number") and value == -1 and not low <= -1 <= high)

    def _answer(self, row: Mapping[str, Any], words: tuple[str, ...], where: str) -> tuple[str, Any]:
        """Return target and gold of a row. Raise ``DataError`` naming the field where the value is no answer."""
        column, task = self._target.columns[0], self.task
        place = f'{where} field "{column}"'
        value, shown = row.get(column), row
        if task.answer == "number" and self._hidden(row) and value is not None:
            message = "-1 is a hidden test label: this split can be predicted, not trained on or scored"
            raise DataError(message, where=place, code="D03")
        if self._form.write is not None and value is not None:
            value = self._list(row, column, where)
            if len(value) != len(words):
                raise DataError(f"{len(value)} tags for {len(words)} words", where=place, code="D05")
            shown = {**row, column: self._form.write(value, words)}
        pieces = self._target.render(shown, choices=self.prompt.choices, where=where)
        target = "".join(piece.text for piece in pieces)
        if not target.strip():
            raise DataError("the target is empty", where=place, fix="Mend or drop the row.", code="P02")
        try:
            gold = self._form.gold(value, target, self.prompt)
        except (TypeError, ValueError) as error:
            raise DataError(str(error), where=place, fix="Mend the row.", code="D03") from None
        if task.range and not task.range[0] <= gold <= task.range[1]:
            low, high = task.range
            message = f"{visible(value)} is outside the range from {low:g} to {high:g}"
            raise DataError(message, where=place, fix="Mend the row.", code="D03")
        return target, gold

    def _list(self, row: Mapping[str, Any], column: str, where: str) -> tuple[str, ...]:
        """Return a column of texts as a tuple."""
        value = row.get(column)
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise DataError(
                f"expected a list of texts, got {visible(value)}", where=f'{where} field "{column}"', code="D05"
            )
        return tuple(value)

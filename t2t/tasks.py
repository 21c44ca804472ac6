"""Tasks as data: read from YAML files and checked in full.

Floor 2. A task file (``task_prompts/SET/NAME.yaml``) names columns, source, prompts and metrics; everything in it is
checked when it is read, without any data. `t2t.examples` turns rows into examples.

>>> task("glue/rte").prompt.input
'rte sentence1: {sentence1} sentence2: {sentence2}'
>>> task("translation/pairs:fr:en").prompt.input
'translate French to English: {source}'
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from t2t import strict_yaml
from t2t.answers import form
from t2t.errors import DataError, UsageError, did_you_mean, visible
from t2t.languages import language
from t2t.masking import ENCODER_OBJECTIVES
from t2t.metrics import metric
from t2t.names import check_name, check_task_name
from t2t.objectives import OBJECTIVES
from t2t.paths import task_folders
from t2t.strict_yaml import Document
from t2t.template import CHOICES, MASK, parse
from t2t.types import Column, Prompt, Source, Task

__all__ = ["prompts", "read_task", "task", "tasks"]

KINDS = ("text", "class", "number", "tags", "list")
_KEYS = (
    "task", "title", "about", "answer", "parameters", "columns", "source", "group", "keep", "expand", "range", "words",
    "objective", "prompts", "metrics", "provenance",
)  # fmt: skip
_SOURCE_KEYS = ("hub", "config", "revision", "splits", "sample", "files")
_LAYOUT_KEYS = ("format", "gold", "intro", "shot", "between")
_PROMPT_KEYS = ("input", "target", "choices", "cloze", "source", *_LAYOUT_KEYS)
_PARAMETER = re.compile(r"\$\{(\w+)(?:\|(\w+))?\}")


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

    Values of the task's parameters follow after colons: ``translation/pairs:de:en``. Raise ``UsageError`` if there is
    no such task or if its file is wrong.
    """
    bare, *values = _split(name)
    if bare.endswith(".yaml"):
        return read_task(Path(bare), values)
    if bare not in _files():
        raise UsageError(
            f'there is no task "{visible(name)}"',
            fix=f"See `t2t ls tasks`.{did_you_mean(bare, _files())}",
            code="C01",
        )
    found = read_task(_files()[bare], values)
    if _split(found.name)[0] != bare:
        raise UsageError(f'the task is "{found.name}" but its file stands at {bare}.yaml', where=found.file, code="C01")
    return found


def _split(name: str) -> list[str]:
    """Return a task's bare name, or its file, and the values of its parameters."""
    file, dot, rest = name.partition(".yaml")
    return [file + dot, *rest.split(":")[1:]] if dot else name.split(":")


def prompts(task: Task, wanted: str | None = None, preferred: Sequence[str] = ()) -> tuple[Prompt, ...]:
    """Return the prompts of ``task`` that ``wanted`` names: one, several (``t5,plain``), or ``all`` that have an input.

    None is the first of those ``preferred`` that there is, else the task's default.
    """
    if wanted is None:
        return (next((task.prompts[name] for name in preferred if name in task.prompts), task.prompt),)
    if wanted == "all":
        return tuple(p for p in task.prompts.values() if p.input) or (task.prompt,)
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if name not in task.prompts:
            raise UsageError(
                f'{task.name} has no prompt "{visible(name)}"',
                fix=f"It has {', '.join(task.prompts)}.{did_you_mean(name, task.prompts)}",
            )
    return tuple(task.prompts[name] for name in dict.fromkeys(names))


def read_task(path: Path, values: Sequence[str] = ()) -> Task:
    """Read and check one task file. Every fault is a ``UsageError`` with file, line and remedy.

    ``values`` are those of the task's parameters, in their order; the rest are the defaults.
    """
    doc = strict_yaml.read(path)
    doc = _with_parameters(doc, doc.check_keys((), doc.data, _KEYS), values)
    data = doc.data
    for key in ("task", "title", "answer", "columns", "source", "prompts", "metrics"):
        if key not in data:
            raise UsageError(f'the key "{key}" is missing', where=doc.file, code="C01")
    name = check_task_name(str(data["task"]), where=doc.where("task"))
    columns, source = _columns(doc, data), _source(doc, data)
    for key in ("keep", "expand"):
        _check_splits(doc, data, key, source)
    found = Task(
        name=":".join([name, *values]),
        title=_text(doc, data, "title"),
        answer=_text(doc, data, "answer"),
        columns=columns,
        source=source,
        prompts={},
        metrics=_metrics(doc, data),
        provenance=dict(_mapping(doc, data, "provenance")),
        range=_range(doc, data),
        words=_text(doc, data, "words") if "words" in data else None,
        group=_group(doc, data, columns),
        keep=_keep(doc, data, columns),
        expand=_expand(doc, data, columns),
        objective=_objective(doc, data),
        about=_text(doc, data, "about") if "about" in data else "",
        file=doc.file,
    )
    if name.split("/")[1] != path.stem:
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
        if metric(name).grouped and name == "group_exact" and not found.group:
            raise UsageError(
                "group_exact needs to know which rows are one question", where=doc.where("metrics"),
                fix="Name the columns that say it: group: [COLUMN].", code="C01",
            )  # fmt: skip
    _words(doc, found)
    if not isinstance(data["prompts"], dict) or not data["prompts"]:
        raise UsageError("at least one prompt is needed", where=doc.where("prompts"), code="C01")
    return replace(found, prompts={str(n): _prompt(doc, found, str(n), raw) for n, raw in data["prompts"].items()})


def _with_parameters(doc: Document, data: Mapping[str, Any], values: Sequence[str]) -> Document:
    """Return the document with ``${name}`` replaced by the parameter's value, ``${name|language}`` by its language."""
    declared = _mapping(doc, data, "parameters")
    names = list(map(str, declared))
    if len(values) > len(names):
        known = f"Its parameters: {', '.join(names)}." if names else "It has none."
        raise UsageError(f"{len(values)} values for the task's parameters", where=doc.where("parameters"), fix=known)
    for value in values:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", value) or ".." in value:
            raise UsageError(f'"{visible(value)}" is not a value of a parameter', where=doc.file, code="C03")
    defaults = [_text(doc, declared, name, ("parameters",)) for name in names]
    given = dict(zip(names, [*values, *defaults[len(values) :]], strict=True))

    def one(match: re.Match[str]) -> str:
        name, how = match.groups()
        if name not in given or how not in (None, "language"):
            raise UsageError(f'"{match.group()}" is no parameter', where=doc.where("parameters"),
                             fix="Write ${name} or ${name|language}.", code="P01")  # fmt: skip
        return language(given[name]) if how else given[name]

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return _PARAMETER.sub(one, value)
        if isinstance(value, list):
            return [filled(item) for item in value]
        return {key: filled(item) for key, item in value.items()} if isinstance(value, dict) else value

    return replace(doc, data=filled(dict(data)))


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


def _objective(doc: Document, data: Mapping[str, Any]) -> str:
    """Return what the texts are pretrained on, if they are: there are no answers then, and nothing to score."""
    if "objective" not in data:
        return ""
    name, where = _text(doc, data, "objective"), doc.where("objective")
    every = [*ENCODER_OBJECTIVES, *OBJECTIVES]
    if name not in every:
        known = f"Objectives: {', '.join(every)}.{did_you_mean(name, every)}"
        raise UsageError(f'"{visible(name)}" is not an objective of a task', where=where, fix=known, code="C01")
    if data["answer"] != "text" or data["metrics"]:
        raise UsageError("a task with an objective has no answers to score", where=where,
                         fix="Write answer: text and metrics: [].", code="C01")  # fmt: skip
    return name


def _metrics(doc: Document, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the metrics."""
    names = data["metrics"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"metrics are a list of names, got {visible(names)}", where=doc.where("metrics"), code="C01")
    return tuple(dict.fromkeys(names))


def _columns(doc: Document, data: Mapping[str, Any]) -> dict[str, Column]:
    """Return the columns: a kind, or kind, from and names."""
    columns = _mapping(doc, data, "columns")
    if not columns:
        raise UsageError("a task needs columns", where=doc.where("columns"), code="C01")
    found = {str(name): _column(doc, ("columns", str(name)), given) for name, given in columns.items()}
    kinds: dict[str, str] = {}
    for name, column in found.items():
        if kinds.setdefault(column.origin or name, column.kind) != column.kind:
            raise UsageError(f'two columns read "{column.origin or name}" as different kinds',
                             where=doc.where("columns", name), code="C01")  # fmt: skip
    if CHOICES in found:
        raise UsageError('a column cannot be called "choices": templates use that name', where=doc.where("columns"),
                         fix="Give it another name: {kind: …, from: choices}.", code="C01")  # fmt: skip
    return found


def _column(doc: Document, path: tuple[str, ...], given: Any) -> Column:
    """Return one column."""
    raw = {"kind": given} if not isinstance(given, dict) else doc.check_keys(path, given, ("kind", "from", "names"))
    kind, names = raw.get("kind"), raw.get("names") or []
    if kind not in KINDS:
        raise UsageError(
            f'"{visible(kind)}" is not a kind of column',
            where=doc.where(*path),
            fix=f"Kinds: {', '.join(KINDS)}.{did_you_mean(str(kind), KINDS)}",
            code="C01",
        )
    if names and (kind != "tags" or not isinstance(names, list) or not all(isinstance(n, str) and n for n in names)):
        raise UsageError("names: a list of texts, for a column of kind tags", where=doc.where(*path), code="C01")
    return Column(str(kind), _text(doc, raw, "from", path) if "from" in raw else "", tuple(names))


def _group(doc: Document, data: Mapping[str, Any], columns: Mapping[str, Column]) -> tuple[str, ...]:
    """Return the columns whose values name a row's question."""
    given = data.get("group") or []
    if not isinstance(given, list) or not all(name in columns for name in given):
        raise UsageError(f"group: expected a list of columns, got {visible(given)}", where=doc.where("group"),
                         fix=f"Columns: {', '.join(columns)}.", code="C01")  # fmt: skip
    return tuple(given)


def _check_splits(doc: Document, data: Mapping[str, Any], key: str, source: Source) -> None:
    """Raise if ``key`` names a split that the source has not, as far as it names any: it would be passed over."""
    known = dict.fromkeys([*source.files, *source.splits])
    for split in map(str, _mapping(doc, data, key) if known else ()):
        if split != "*" and split not in known:
            raise UsageError(f'{key}: the source has no split "{visible(split)}"', where=doc.where(key, split),
                             fix=f"Splits: {', '.join(known)}, or * for all.{did_you_mean(split, known)}",
                             code="C01")  # fmt: skip


def _keep(
    doc: Document, data: Mapping[str, Any], columns: Mapping[str, Column]
) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Return by split the values of columns that rows must have to be taken."""
    kept: dict[str, dict[str, tuple[Any, ...]]] = {}
    for split, wanted in _mapping(doc, data, "keep").items():
        kept[str(split)] = {}
        for column, values in _mapping(doc, {"keep": wanted}, "keep").items():
            if column not in columns or not isinstance(values, list) or not values:
                raise UsageError(f"keep: {visible(column)}: expected a column and a list of its values",
                                 where=doc.where("keep", str(split)), code="C01")  # fmt: skip
            kept[str(split)][str(column)] = tuple(values)
    return kept


def _expand(doc: Document, data: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, str]:
    """Return by split the list of which each item gives one example."""
    given = {str(split): str(column) for split, column in _mapping(doc, data, "expand").items()}
    for split, column in given.items():
        if column not in columns or columns[column].kind != "list":
            raise UsageError(f'expand: "{visible(column)}" is not a column of kind list',
                             where=doc.where("expand", split), code="C01")  # fmt: skip
    return given


def _source(doc: Document, data: Mapping[str, Any]) -> Source:
    """Return where the rows come from; paths of a user's own files are taken from the task file's folder."""
    raw = dict(doc.check_keys(("source",), data["source"], _SOURCE_KEYS))
    for key in ("splits", "files"):
        given = _mapping(doc, raw, key, ("source",))
        raw[key] = {str(k): _text(doc, given, k, ("source", key)) for k in given}
    for key in ("hub", "revision"):
        raw[key] = None if raw.get(key) is None else _text(doc, raw, key, ("source",))
    for key in ("config", "sample"):
        value = raw.get(key)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        raw[key] = tuple(_text(doc, {key: one}, key, ("source",)) for one in listed)
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
    if task.words is not None and (task.words not in task.columns or task.columns[task.words].kind != "list"):
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
    texts = {key: _text(doc, raw, key, path) for key in (kind, "target", "shot", "intro", "between") if key in raw}
    choices = _choices(doc, path, raw, task)
    templates = {**texts, **{f"choices {i}": choice for i, choice in enumerate(choices) if "{" in choice}}
    for key, text in templates.items():
        if key not in ("intro", "between"):
            _check_columns(text, doc.where(*path, key.split()[0]), task)
    if texts[kind].count(MASK) != ("cloze" in raw) or MASK in texts["target"]:
        raise UsageError(f"{MASK} belongs in a cloze, once, and nowhere else", where=where, code="P01")
    layout = {key: _text(doc, raw, key, path) for key in _LAYOUT_KEYS if key in raw}
    format_ = _format(doc, path, layout.get("format"), layout.get("gold"), choices, task)
    if format_ != "referent":
        _target(doc.where(*path, "target"), texts["target"], choices, task)
    what: list[Any] = [texts.get("input"), texts.get("cloze"), texts["target"], list(choices)]
    if layout:
        what.append(layout)
    digest = hashlib.sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()[:12]
    return Prompt(
        name=name, target=texts["target"], input=texts.get("input"), cloze=texts.get("cloze"), choices=choices,
        source=str(raw.get("source", "")), hash=digest, **{**layout, "format": format_},
    )  # fmt: skip


def _check_columns(text: str, where: str, task: Task) -> None:
    """Raise if a template names what is no column."""
    for column in parse(text, where).columns:
        if column not in task.columns:
            raise UsageError(
                f'the template names "{column}", which is no column',
                where=where,
                fix=f"Columns: {', '.join(task.columns)}.{did_you_mean(column, task.columns)}",
                code="P01",
            )


def _format(
    doc: Document, path: tuple[str, ...], given: str | None, gold: str | None, choices: Sequence[str], task: Task
) -> str:
    """Return how the prompt has its answers written; only a referent has its gold in another column."""
    formats, where = form(task).formats, doc.where(*path, "format")
    if given is not None and given not in formats:
        known = ", ".join(filter(None, formats)) or "none"
        raise UsageError(f'"{visible(given)}" is not a format of {task.answer} answers', where=where,
                         fix=f"Formats: {known}.{did_you_mean(given, formats)}", code="P01")  # fmt: skip
    if (given == "referent") != (gold is not None) or (gold is not None and gold not in task.columns):
        raise UsageError("gold: COLUMN belongs to the format referent, and only to it", where=where, code="P01")
    if given == "referent" and len(choices) != 2:
        raise UsageError("a referent is right or not: two choices", where=where, code="P03")
    return given or formats[0]


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
        values = range(len(choices)) if task.columns[column].kind == "class" else choices
        try:
            said = ["".join(p.text for p in template.render({column: v}, choices=choices)) for v in values]
        except DataError as error:
            raise UsageError(error.message, where=where, code="P01") from None
        if said != list(choices):
            raise UsageError(
                "the target does not write the choices", where=where, fix=f'Write "{{{column}|choice}}".', code="P01"
            )


def _choices(doc: Document, path: tuple[str, ...], raw: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """Check the choices: texts (or templates, for a choice task), at least two for a choice task, all different."""
    choices = raw.get("choices") or []
    where = doc.where(*path, "choices")
    if not isinstance(choices, list) or not all(isinstance(c, str) and c.strip() for c in choices):
        raise UsageError(
            "choices are a list of texts", where=where, fix='Quote words such as "yes" and "no".', code="C01"
        )
    if any(c != c.strip() for c in choices):
        raise UsageError("a choice begins or ends with white space", where=where, code="P04")
    if len(set(choices)) != len(choices):
        raise UsageError("two choices are the same text", where=where, fix="Give each a text of its own.", code="P03")
    if task.answer == "choice" and len(choices) < 2:
        raise UsageError("a choice task needs at least two choices", where=where, code="P03")
    if "f1" in task.metrics and len(choices) != 2:
        raise UsageError("f1 is of class 1 of two", where=where, fix="Use macro_f1 or accuracy.", code="C01")
    if task.answer == "spans" and (not choices or any(c in kind for kind in choices for c in ":;#")):
        raise UsageError("the choices of spans are their types, without : ; #", where=where, code="P03")
    if task.answer == "tags" and any(tag.split() != [tag] for tag in choices):
        raise UsageError("a tag is one word", where=where, code="P03")
    return tuple(choices)

"""A task file out of a file of rows: `t2t new-task`.

Floor 2. The rows are read whole; what each column holds, which one is the answer and how it is written are guessed
(or told), and stand in a commented YAML file to be edited. Before it is written, `read_task` has read it, every row has
been opened and the first one rendered. With ``start`` the file begins as a copy of another task's.

>>> label = DataColumn("label", "label", ("no", "yes", "no", "yes"))
>>> found = guess_answer(label, [label])
>>> found.form, found.target, found.choices
('choice', '{label|choice}', ('no', 'yes'))
>>> print(yaml_text("entailment"), yaml_text("no"), yaml_text("a: b"), yaml_text("1"))
entailment "no" "a: b" "1"
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
import math
import os
import re
import shlex
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from t2t import files
from t2t.answers import ANSWERS
from t2t.errors import DataError, UsageError, did_you_mean, visible
from t2t.examples import Examples
from t2t.names import check_task_name
from t2t.paths import bundled
from t2t.runs import write_text
from t2t.sources import open_rows
from t2t.tasks import read_task, task
from t2t.types import Example, Task

__all__ = ["Answer", "DataColumn", "Made", "guess_answer", "new_task", "yaml_text"]

MOST_CLASSES = 50  # more different texts than this are no classes, unless they are said to be
ANSWER_NAMES = (
    "label", "labels", "target", "targets", "output", "answer", "answers", "class", "category", "intent", "sentiment",
    "score", "rating", "similarity", "ner_tags", "pos_tags", "chunk_tags", "tags", "summary", "highlights",
    "translation", "response", "completion", "reference", "references", "label_text",
)  # fmt: skip
CLASS_NAMES = ("label", "class", "category", "intent", "sentiment")
RESERVED = ("mask", "choices")  # words of the template language

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_ID = re.compile(r"|idx|index|unnamed: \d+|([a-z0-9]+_)*(id|ids|uid|uuid|guid)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class DataColumn:
    """A column of the data: its ``place`` there (a dot leads into a struct), its ``name`` in templates, its values.

    ``typed`` is False for CSV, where every value is text. ``where(i)`` names the place of a value's row; ``classes``
    are the names of classes where the file states them.
    """

    place: str
    name: str
    values: Sequence[Any]
    typed: bool = True
    where: Callable[[int], str] = lambda i: f"row {i + 1}"
    classes: tuple[str, ...] = ()

    @functools.cached_property
    def lists(self) -> list[list[Any]] | None:
        """The values as lists, or None if they are none."""
        found = []
        for value in self.values:
            value = _json(value) if not self.typed and isinstance(value, str) else value
            if not isinstance(value, list):
                return None
            found.append(value)
        return found

    @functools.cached_property
    def numbers(self) -> list[float] | None:
        """The values as numbers, or None if they are none."""
        if self.typed:
            good = all(_family(value) == "a number" for value in self.values)
        else:
            good = all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in self.values)
        return list(map(float, self.values)) if good else None

    @functools.cached_property
    def integers(self) -> list[int] | None:
        """The values as integers written in the usual way, or None if they are none."""
        if self.numbers is None or any(str(value) != str(int(float(value))) for value in self.values):
            return None
        return list(map(int, self.values))

    def kind(self) -> str:
        """Return the kind of column that the values are of. Raise ``DataError`` naming the first that fits none."""
        first = _family(self.values[0])
        for i, value in enumerate(self.values):
            if value is None:
                raise self.fault(i, "there is no value here")
            family = _family(value)
            if not family:
                raise self.fault(i, f"{visible(json.dumps(value, default=str), 60)} is no text, number or list",
                                 'Write texts or numbers; "yes" and "no", or 1 and 0, for true and false.')  # fmt: skip
            if family != first:
                raise self.fault(i, f"{family}, and {first} in the rows before", "Write every row in the same way.")
        if self.lists is not None:
            return "list"
        if first == "a text":
            return "text"
        return "class" if self.integers is not None else "number"

    def fault(self, index: int, message: str, fix: str = "Mend or drop the row.") -> DataError:
        """Return the error that names one value."""
        return DataError(message, where=f'{self.where(index)} field "{visible(self.place, 60)}"', fix=fix, code="D05")


def _family(value: Any) -> str:
    """Return what a value is, or the empty string where that is nothing a column can hold."""
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return "a number"
    return "a list" if isinstance(value, list) else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a column is answered: the answer form, the column's kind, the target, and what the form needs besides."""

    form: str
    kind: str
    target: str
    metrics: tuple[str, ...]
    choices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    words: DataColumn | None = None
    note: str = ""
    spent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the file, the task in it, its first example, and what its owner should know.

    ``setting`` is the ``T2T_TASKS=…`` under which the task is found by its name; empty where that is so already.
    """

    path: Path
    task: Task
    example: Example | None
    notes: tuple[str, ...]
    setting: str


def new_task(
    name: str,
    *,
    data: str = "",
    start: str = "",
    answer: str = "",
    target: str = "",
    inputs: Sequence[str] = (),
    dest: str = "",
    force: bool = False,
) -> Made:
    """Write the task file of ``name`` below ``dest`` (the first folder of ``T2T_TASKS``, or ``task_prompts``).

    ``data`` is FILE or FILE,SPLIT=FILE; the first file is the training split. ``answer``, ``target`` and ``inputs`` say
    what would be guessed: the form, and columns of the data. ``start`` names a task to copy. Raise ``UsageError`` for
    what cannot be, ``DataError`` for data that cannot be read; then nothing is written.
    """
    check_task_name(name)
    folder = Path(dest or next(iter(_own_folders()), "task_prompts"))
    path = folder / f"{name}.yaml"
    _check_free(name, path, force)
    given = _files(data)
    if start and (answer or target or inputs):
        raise UsageError("--answer, --target and --input are those of the task that --from names",
                         fix="Leave them out, or leave out --from.")  # fmt: skip
    if not start and not given:
        raise UsageError("say what to make a task of: --data FILE or --from SET/NAME")
    notes: list[str] = []
    if start:
        compose = _copy(name, start, bool(given))
        given = given or dict(task(start).source.files)
    else:
        columns = _read(given)
        chosen = _choose(columns, answer, target)
        shown = _inputs(columns, chosen[0], chosen[1], inputs)
        compose, notes = _compose(name, given, columns, shown, *chosen)
    if given and "validation" not in given:
        notes.append("without a validation file nothing is scored: give --data FILE,validation=FILE, or name one in "
                     "the task file")  # fmt: skip
    example = _prove(name, compose({split: str(Path(file).resolve()) for split, file in given.items()}), given)
    text = compose({split: _from(folder / name.split("/")[0], file) for split, file in given.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return Made(path, read_task(path), example, tuple(notes), _setting(folder))


def _own_folders() -> list[str]:
    """Return the folders of ``T2T_TASKS``, there or not."""
    return [folder for folder in os.environ.get("T2T_TASKS", "").split(os.pathsep) if folder]


def _setting(folder: Path) -> str:
    """Return the ``T2T_TASKS=…`` that a folder of tasks needs, if any."""
    known = [*map(Path, _own_folders()), bundled("task_prompts")]
    if folder.resolve() in [path.resolve() for path in known]:
        return ""
    return f"T2T_TASKS={shlex.quote(os.pathsep.join([str(folder), *_own_folders()]))}"


def _check_free(name: str, path: Path, force: bool) -> None:
    """Raise if there is such a task already."""
    for there in (path, *(Path(folder) / f"{name}.yaml" for folder in (*_own_folders(), str(bundled("task_prompts"))))):
        if there.is_file() and not force:
            raise UsageError(f"there is a task {name}", where=str(there),
                             fix="Take another name, or give --force to write it anew.")  # fmt: skip


def _files(data: str) -> dict[str, str]:
    """Return the files that ``--data`` names, by split."""
    if not data:
        return {}
    parts = [data] if os.path.isfile(data) else data.split(",")
    found: dict[str, str] = {}
    for part in parts:
        named = None if os.path.isfile(part) else re.fullmatch(r"(\w[\w.-]*)=(.+)", part, re.DOTALL)
        found[named.group(1) if named else "train"] = named.group(2) if named else part
    if "train" not in found or len(found) < len(parts):
        raise UsageError(f'"{visible(data)}" is not FILE, or FILE,validation=FILE', where="--data",
                         fix="Name one file to train on, and one file a split.")  # fmt: skip
    for file in found.values():
        if not os.path.isfile(file):
            raise UsageError("there is no such file", where=file, fix="Check the path.", code="D05")
    return found


def _from(folder: Path, file: str) -> str:
    """Return the way to a file from the folder of the task file; the whole path if it leads out of the project."""
    whole = Path(file).resolve()
    near = whole.is_relative_to(folder.resolve().parents[1])
    return Path(os.path.relpath(whole, folder.resolve())).as_posix() if near else str(whole)


# --- reading --------------------------------------------------------------------------------------------------------


def _read(given: Mapping[str, str]) -> list[DataColumn]:
    """Return the columns of the training file, with the values of every file that has them, test splits left out."""
    labelled = {split: file for split, file in given.items() if not split.startswith("test")}
    typed = {Path(file).suffix.lower() not in (".csv", ".tsv") for file in labelled.values()}
    if len(typed) > 1:
        raise UsageError("the files are of two kinds", where=", ".join(labelled.values()),
                         fix="Give all of them as CSV, or none.")  # fmt: skip
    parts = {split: _columns(Path(file)) for split, file in labelled.items()}
    columns: list[DataColumn] = []
    names = _names(parts["train"])
    for place in parts["train"]:
        held = [part[place] for part in parts.values() if place in part]
        values = [value for one in held for value in one.values]
        where = [(one.where, i) for one in held for i in range(len(one.values))]
        columns.append(replace(held[0], name=names[place], values=values, where=_places(where)))
    return columns


def _places(where: Sequence[tuple[Callable[[int], str], int]]) -> Callable[[int], str]:
    return lambda index: where[index][0](where[index][1])


def _columns(path: Path) -> dict[str, DataColumn]:
    """Return the columns of one file by their places. The file is read strictly first: its faults are errors here."""
    part = files.read(path, {})
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet(path)
    text = path.read_text(encoding="utf-8-sig")
    if suffix in (".csv", ".tsv"):
        header = next(
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=",\t"[suffix == ".tsv"]) if row
        )
        part = files.read(path, dict.fromkeys(header, "text"))
        return {name: DataColumn(name, name, list(part.column(name)), False, part.where) for name in header}
    array = suffix == ".json" and text.lstrip().startswith("[")
    rows = json.loads(text) if array else [json.loads(line) for line in text.split("\n") if line.strip()]
    rows = [dict(_flat(row)) for row in rows]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: DataColumn(name, name, [row.get(name) for row in rows], where=part.where) for name in names}


def _parquet(path: Path) -> dict[str, DataColumn]:
    """Return the columns of a parquet file, with the names of classes that the ``datasets`` library states."""
    import pyarrow.parquet as pq

    rows = [dict(_flat(row)) for row in pq.ParquetFile(path).read().to_pylist()]
    if not rows:
        raise DataError("there are no rows", where=str(path), fix="Give a file with rows.", code="D04")
    names = dict.fromkeys(name for row in rows for name in row)
    found = {}
    for name in names:
        values = [row.get(name) for row in rows]
        column = DataColumn(name, name, values, where=lambda i: f"{path} row {i + 1} (1-based)")
        tags = column.lists is not None and all(type(item) is int for value in column.lists for item in value)
        if tags or column.integers is not None:
            stated = files.read(path, {name: "tags" if tags else "class"}).class_names
            column = replace(column, classes=stated.get(name, ()))
        found[name] = column
    return found


def _flat(row: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Yield the values of a row; those of a struct under dotted names."""
    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _names(places: Iterable[str]) -> dict[str, str]:
    """Return a name for templates for each column: its own where that can be one, else what is left of it.

    >>> _names(["text-a", "text_a", "2nd"])
    {'text_a': 'text_a', 'text-a': 'text_a_2', '2nd': 'column_2nd'}
    """
    found: dict[str, str] = {}
    for place in sorted(places, key=lambda place: _name(place) != place):
        bare = _name(place)
        taken = (f"{bare}_{number}" if number > 1 else bare for number in itertools.count(1))
        found[place] = next(name for name in taken if name not in found.values())
    return found


def _name(place: str) -> str:
    """Return the letters, digits and _ of a column's name, as a name that templates can hold."""
    plain = unicodedata.normalize("NFKD", place).encode("ascii", "ignore").decode()
    bare = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_") or "column"
    return f"column_{bare}" if bare[0].isdigit() or bare in RESERVED else bare


def _json(text: str) -> Any:
    """Return the JSON list that a field of CSV holds, or None."""
    try:
        return json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None


# --- guessing -------------------------------------------------------------------------------------------------------


def _choose(columns: Sequence[DataColumn], form: str, wanted: str) -> tuple[DataColumn, Answer]:
    """Return the column of the answer and how it is answered."""
    if form and form not in ANSWERS:
        raise UsageError(f'there is no answer form "{visible(form)}"', where="--answer",
                         fix=f"Forms: {', '.join(ANSWERS)}.{did_you_mean(form, ANSWERS)}")  # fmt: skip
    column = _named(columns, wanted, "--target") if wanted else _guess_target(columns)
    return column, guess_answer(column, columns, form)


def _named(columns: Sequence[DataColumn], name: str, option: str) -> DataColumn:
    """Return the column that an option names, by its name in the data or in templates."""
    found = [column for column in columns if name == column.place] or [c for c in columns if name == c.name]
    if found:
        return found[0]
    known = [column.place for column in columns]
    raise UsageError(f'the data has no column "{visible(name)}"', where=option,
                     fix=f"It has {visible(', '.join(known), 500)}.{did_you_mean(name, known)}")  # fmt: skip


def _guess_target(columns: Sequence[DataColumn]) -> DataColumn:
    """Return the column whose name is usual for answers."""
    for name in ANSWER_NAMES:
        for column in columns:
            if column.place.lower() in (name, f"{name}.text"):
                return column
    known = visible(", ".join(column.place for column in columns), 500)
    raise UsageError("no column has a name that is usual for answers", where="--target",
                     fix=f"Say which of these is the answer: {known}.")  # fmt: skip


def guess_answer(column: DataColumn, columns: Sequence[DataColumn], form: str = "") -> Answer:
    """Return how ``column`` is answered, in the given form or in the one that its values look like.

    ``columns`` are all of the data: one of them may hold the words that tags stand for, or the names of classes.
    """
    kind = column.kind()
    for i, value in enumerate(column.values):
        if isinstance(value, str) and not value.strip():
            raise column.fault(i, "the answer is empty")
    guessed = _guess_form(column, columns, kind)
    if (form or guessed) in ("spans", "tags"):
        return _tagging(column, columns, form)
    return {"choice": _choice, "number": _number, "text": _text}[form or guessed](column, columns)


def _guess_form(column: DataColumn, columns: Sequence[DataColumn], kind: str) -> str:
    """Return the answer form that a column looks like."""
    if kind == "list":
        return "tags" if _words(column, columns) else "text"
    different, many = len(set(column.values)), len(column.values)
    if column.numbers is not None:
        return "choice" if column.integers is not None and different <= MOST_CLASSES else "number"
    labelled = column.place.lower() in CLASS_NAMES
    short = max(map(len, column.values)) <= 80
    few = different <= MOST_CLASSES and (different < many if labelled else 2 * different <= many)
    return "choice" if few and short else "text"


def _choice(column: DataColumn, columns: Sequence[DataColumn]) -> Answer:
    """Return how a column of classes is answered: integers from 0 by their names, all else by its text."""
    if column.lists is not None:
        raise _not(column, "choice", "a list is no class")
    numbers, made = column.integers, Answer("choice", "text", f"{{{column.name}|choice}}", ("accuracy", "macro_f1"))
    if numbers is not None and set(numbers) == set(range(len(set(numbers)))) or column.classes:
        names, note, spent = _class_names(column, columns, max(numbers or [0]) + 1)
        made = replace(made, kind="class", choices=names, note=note, spent=spent)
    elif column.typed and not isinstance(column.values[0], str):
        shown = ", ".join(map(str, sorted(set(column.values))[:6]))
        raise _not(column, "choice", f"its values are {shown}: classes count from 0", 'Write them as texts ("1").')
    else:
        texts = sorted({value.strip() for value in column.values})
        padded = any(value != value.strip() for value in column.values)
        made = replace(made, choices=tuple(texts), note="The texts of the answer, in the order of the alphabet.",
                       target=f"{{{column.name}|{'strip|' if padded else ''}choice}}")  # fmt: skip
    if not 2 <= len(made.choices) <= 1000:
        raise _not(column, "choice", f"it has {len(made.choices)} different values, and 2 to 1000 can be told apart")
    return replace(made, choices=tuple(choice.replace("{", "{{").replace("}", "}}") for choice in made.choices))


def _class_names(
    column: DataColumn, columns: Sequence[DataColumn], many: int
) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return the names of the classes 0 to many - 1, where they are from, and the column that is used up by it."""
    if len(column.classes) >= many:
        return column.classes, "The names of the classes 0, 1 …, as the file states them.", ()
    for other in columns:
        if other.place in (f"{column.place}_text", f"{column.place}_name"):
            pairs = {(int(value), str(text).strip()) for value, text in zip(column.values, other.values, strict=False)}
            names = tuple(text for _, text in sorted(pairs))
            if len(names) == many == len({name for name in names if name}):
                return (
                    names,
                    f"The names of the classes 0, 1 …, from the column {visible(other.place, 60)}.",
                    (other.place,),
                )
    return tuple(map(str, range(many))), "Name the classes 0, 1 … here: a model answers with these texts.", ()


def _number(column: DataColumn, columns: Sequence[DataColumn]) -> Answer:
    """Return how a column of numbers is answered, within whole numbers around those of the data."""
    numbers = column.numbers
    if numbers is None:
        raise _not(column, "number", "not all of its values are numbers")
    for i, number in enumerate(numbers):
        if not _NUMBER.fullmatch(str(number)):
            raise column.fault(i, f"{number} is written with an exponent, which is not read back", "Scale the column.")
    low, high = math.floor(min(numbers)), math.ceil(max(numbers))
    if low == high:
        raise _not(column, "number", f"it is always {low}")
    note = f"The lowest and the highest answer that counts; the data has {min(numbers):g} to {max(numbers):g}."
    return Answer("number", "number", f"{{{column.name}}}", ("pearson", "spearman"), range=(low, high), note=note)


def _text(column: DataColumn, columns: Sequence[DataColumn]) -> Answer:
    """Return how a column of texts is answered; a list holds several references, the first is trained on."""
    lists = column.lists
    for i, value in enumerate(lists or ()):
        if not value or not all(isinstance(item, str) and item.strip() for item in value):
            raise column.fault(i, "expected a list of at least one text")
    texts = [value[0] for value in lists] if lists is not None else list(map(str, column.values))
    words = sum(len(text.split()) for text in texts) / len(texts)
    metrics = ("exact", "squad_f1") if words <= 5 else ("rougeLsum", "chrf")
    target = f"{{{column.name}|first}}" if lists is not None else f"{{{column.name}}}"
    return Answer("text", column.kind(), target, metrics)


def _tagging(column: DataColumn, columns: Sequence[DataColumn], form: str) -> Answer:
    """Return how a column of tags is answered: as spans where the tags are IOB2 and types can be written."""
    lists, words = column.lists, _words(column, columns)
    if lists is None:
        raise _not(column, form, "its values are not lists of tags")
    if words is None:
        raise _not(column, form, "no other column has a list of as many words in every row")
    numbers = bool(lists) and all(type(tag) is int for tags in lists for tag in tags)
    most = max((tag for tags in lists for tag in tags if numbers), default=0) + 1
    names = column.classes or tuple(map(str, range(most))) if numbers else ()
    tags = list(names) if numbers else sorted({str(tag) for tags in lists for tag in tags})
    if bad := next((tag for tag in tags if tag.split() != [tag]), None):
        raise _not(column, form, f'the tag "{visible(bad)}" is not one word')
    types = sorted({tag[2:] for tag in tags if tag[:2] in ("B-", "I-")})
    iob = bool(types) and all(tag == "O" or (tag[:2] in ("B-", "I-") and tag[2:]) for tag in tags)
    spans = form == "spans" or (not form and iob and not any(c in kind for kind in types for c in ":;#"))
    if spans and not iob:
        raise _not(column, form, "its tags are not O, B-TYPE and I-TYPE", "Give --answer tags.")
    stated = "The names of the tags 0, 1 …" + ("" if column.classes else ": write the real ones here, and below")
    made = Answer("tags", "tags", f"{{{column.name}}}", ("tag_accuracy",), tuple(tags), names, words=words)
    made = replace(made, note=f"{stated}." if numbers else "Every tag there is.")
    return made if not spans else replace(made, form="spans", metrics=("span_f1",), choices=tuple(types),
                                          note=f"{stated}." if numbers else "Every type of span there is.")  # fmt: skip


def _words(column: DataColumn, columns: Sequence[DataColumn]) -> DataColumn | None:
    """Return the column of lists of texts that are as long as the tags in every row."""
    lengths = [len(value) for value in column.lists or ()]
    for other in sorted(columns, key=lambda other: other.place.lower() not in ("tokens", "words")):
        lists = other.lists if other.place != column.place else None
        texts = lists is not None and all(isinstance(word, str) for value in lists for word in value)
        if lists is not None and texts and [len(value) for value in lists] == lengths:
            return other
    return None


def _not(column: DataColumn, form: str, why: str, fix: str = "") -> DataError:
    """Return the error that a column cannot be answered in a form."""
    return DataError(f'the column "{visible(column.place, 60)}" cannot be a {form} answer: {why}',
                     fix=fix or "Give another --answer or --target, or mend the data.", code="D16")  # fmt: skip


def _inputs(
    columns: Sequence[DataColumn], target: DataColumn, answer: Answer, wanted: Sequence[str]
) -> list[DataColumn]:
    """Return the columns of the input: those asked for, else the words, else all text that is neither id nor answer."""
    if wanted:
        found = [_named(columns, name, "--input") for name in wanted]
        for column in found:
            column.kind()
            if column.place == target.place:
                raise UsageError(f'"{visible(column.place)}" is the answer', where="--input", fix="Leave it out.")
        return list(dict.fromkeys(found))
    if answer.words is not None:
        return [answer.words]
    struct = target.place.rpartition(".")[0]
    others = [
        column for column in columns
        if column.place not in (target.place, *answer.spent) and not _ID.fullmatch(column.place)
        and _usable(column) and not (struct and column.place.startswith(f"{struct}."))
    ]  # fmt: skip
    found = [column for column in others if column.numbers is None] or others
    if not found:
        raise UsageError("no column is left for the input", where="--input",
                         fix=f"The data has {visible(', '.join(c.place for c in columns), 500)}.")  # fmt: skip
    return found


def _usable(column: DataColumn) -> bool:
    """Whether every row has a value of one kind, and no list of anything but texts."""
    try:
        column.kind()
    except DataError:
        return False
    return all(isinstance(item, str) for value in column.lists or () for item in value)


# --- writing --------------------------------------------------------------------------------------------------------

Compose = Callable[[Mapping[str, str]], str]


def _compose(
    name: str,
    given: Mapping[str, str],
    columns: Sequence[DataColumn],
    inputs: Sequence[DataColumn],
    target: DataColumn,
    answer: Answer,
) -> tuple[Compose, list[str]]:
    """Return the function from the files by split to the text of the task file, and notes."""
    used = list(dict.fromkeys([*inputs, *([answer.words] if answer.words else []), target]))
    unused = [column.place for column in columns if column not in used]
    notes = [f'"{c.place}" is called {c.name} in the prompts' for c in used if c.place != c.name]
    notes += [f"not read: {', '.join(unused)}"] if unused else []
    head = [
        f"# Written by t2t new-task from {visible(Path(given['train']).name, 80)}. Edit it freely; docs/tasks.md has "
        "the language.",
        f"task: {name}",
        "# Say in one line what is asked.",
        f"title: {yaml_text(f'What is the {visible(target.place, 60)}?')}",
        f"answer: {answer.form}",
        "columns:",
        *(_column_line(column, answer if column is target else None) for column in used),
        *([f"  # Not read: {visible(', '.join(unused), 90)}."] if unused else []),
    ]
    if answer.range:
        head += [f"# {answer.note}", "range: [{:g}, {:g}]".format(*answer.range)]
    if answer.words:
        head += ["# The column of the words that the tags stand for.", f"words: {yaml_text(answer.words.name)}"]
    fields = " ".join(f"{column.name}: {{{column.name}}}" for column in inputs)
    plain = fields if len(inputs) > 1 else f"{{{inputs[0].name}}}"
    below = [
        "prompts:",
        *_prompt_lines("t5", f"{name.split('/')[1]} {fields}", answer, "# The first prompt is the default."),
        *_prompt_lines("plain", plain, answer),
        f"metrics: [{', '.join(answer.metrics)}]",
        "# provenance: {paper: ..., licence: ..., homepage: ...}",
    ]
    return lambda paths: "\n".join([*head, *_source_lines(paths), *below]) + "\n", notes


def _column_line(column: DataColumn, answer: Answer | None) -> str:
    """Return a column's line: its kind, and where it has another name in the data."""
    kind = answer.kind if answer else column.kind()
    parts = [f"kind: {kind}"]
    parts += [f"from: {yaml_text(column.place, listed=True)}"] if column.place != column.name else []
    parts += [f"names: [{', '.join(map(yaml_text, answer.names))}]"] if answer and answer.names else []
    return f"  {yaml_text(column.name)}: {kind if len(parts) == 1 else '{' + ', '.join(parts) + '}'}"


def _source_lines(paths: Mapping[str, str]) -> list[str]:
    """Return the source: files by split."""
    lines = ["source:", "  files:", *(f"    {yaml_text(split)}: {yaml_text(path)}" for split, path in paths.items())]
    return lines + ([] if "validation" in paths else ["    # Nothing is scored without: validation: FILE"])


def _prompt_lines(name: str, pattern: str, answer: Answer, comment: str = "") -> list[str]:
    """Return the lines of one prompt."""
    note = [f"    # {answer.note}"] if answer.choices and comment else []
    return [
        *([f"  {comment}"] if comment else []),
        f"  {name}:",
        f"    input: {_quoted(pattern)}",
        f"    target: {_quoted(answer.target)}",
        *note,
        *(_list_lines("    choices", answer.choices) if answer.choices else []),
        "    source: t2t",
    ]


def _list_lines(key: str, items: Sequence[str]) -> list[str]:
    """Return a list in one line, or an item a line where that is too long."""
    line = f"{key}: [{', '.join(yaml_text(item, listed=True) for item in items)}]"
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    return [line] if len(line) <= 120 else [f"{key}:", *(f"{indent}- {yaml_text(item)}" for item in items)]


def yaml_text(text: str, *, listed: bool = False) -> str:
    """Return a text as YAML reads it back: bare where that is safe, else in double quotes.

    ``listed``: it stands in brackets, where less is safe ("A?").
    """
    bare = re.fullmatch(r"[A-Za-z_./]([A-Za-z0-9_./ -]*[A-Za-z0-9_./?-])?", text)
    if bare and text.lower() not in ("y", "n") and len(text) <= 100:
        try:
            if yaml.safe_load(f"[{text}]" if listed else text) == ([text] if listed else text):
                return text
        except yaml.YAMLError:
            pass
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return a text in double quotes; what YAML does not print, or breaks lines at, is escaped."""
    return "".join(
        c if c in (" ", "\u3000") or (ord(c) > 126 and unicodedata.category(c)[0] not in "CZ")
        else f"\\U{ord(c):08x}" if ord(c) > 126
        else json.dumps(c)[1:-1] if c != "\x7f" else "\\x7f"
        for c in text
    ).join('""')  # fmt: skip


# --- copying --------------------------------------------------------------------------------------------------------


def _copy(name: str, start: str, other_data: bool) -> Compose:
    """Return the function from the files by split to a copy of another task's file under a new name.

    With data of one's own the source is replaced, and what the file says of the data's origin is left out.
    """
    found = task(start)
    lines = Path(found.file).read_text(encoding="utf-8").rstrip("\n").split("\n")
    blocks = _blocks(lines)
    if not {"task", "source"} <= set(blocks):
        raise UsageError("is not laid out like the bundled task files", where=found.file, fix="Copy it by hand.")

    def compose(paths: Mapping[str, str]) -> str:
        new = {"task": [f"task: {name}"]}
        if paths:
            new["source"] = _source_lines(paths)
        if other_data:
            new["provenance"] = []
        kept, end = [f"# Begun as a copy of {found.name} by t2t new-task."], 0
        for key, (first, last) in blocks.items():
            kept += [*lines[end:first], *new.get(key, lines[first:last])]
            end = last
        return "\n".join([*kept, *lines[end:]]) + "\n"

    return compose


def _blocks(lines: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the stretch of lines of each top-level key; comments between them belong to none."""
    found: dict[str, tuple[int, int]] = {}
    for i, line in enumerate(lines):
        if match := re.match(r"([A-Za-z_]+):", line):
            end = next((j for j in range(i + 1, len(lines)) if lines[j][:1] not in (" ", "")), len(lines))
            found[match.group(1)] = (i, end)
    return found


# --- proving --------------------------------------------------------------------------------------------------------


def _prove(name: str, text: str, given: Mapping[str, str]) -> Example | None:
    """Read the text as a task file, open every row of its files, and return the first example of the training split."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name.split('/')[1]}.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            found = read_task(path)
        except UsageError as error:
            raise UsageError(f"its file would not be sound: {error.message}", where=name, fix=error.fix) from None
        example = None
        for split in given:
            tests = [found.prompt.gold or _target_column(found)] if split.startswith("test") else []
            rows = open_rows(found, split, optional=tests)
            if split == "train":
                example = Examples(found, rows, split=split)[0]
        return example


def _target_column(found: Task) -> str:
    """Return the column that the default prompt's target names first."""
    from t2t.template import parse

    return parse(found.prompt.target).columns[0]

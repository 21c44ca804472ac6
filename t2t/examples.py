"""Rows as examples: selected, expanded, and put into the words of one prompt or several.

Floor 2. An example is rendered when it is asked for. ``keep`` and ``expand`` of the task say which rows are taken and
which give several examples; with several prompts each row stands under each of them, or under one drawn for it; with
``shots`` every input is preceded by examples of another set.

>>> from t2t.tasks import task
>>> rows = [{"sentence1": "It rained.", "sentence2": "It was dry.", "label": 1}]
>>> eg = Examples(task("glue/rte"), rows, split="validation")[0]
>>> eg.input, eg.target, eg.gold
('rte sentence1: It rained. sentence2: It was dry.', 'not_entailment', 1)
"""

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from t2t.answers import form
from t2t.demonstrations import Pool, choose, drawing
from t2t.errors import DataError, visible
from t2t.sources import Origin
from t2t.tagging import FORMATS
from t2t.template import Field, Template, parse
from t2t.types import Example, Piece, Prompt, Task

__all__ = ["Examples"]

MOST_CHARACTERS = 1 << 22  # of an input and its target: encoding takes some 160 bytes of memory for each


@dataclass
class _Layout:
    """A prompt with its templates parsed."""

    prompt: Prompt
    input: Template = field(init=False)
    target: Template = field(init=False)
    choices: tuple[Template, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.input = parse(self.prompt.input or self.prompt.cloze or "")
        self.target = parse(self.prompt.target)
        self.choices = tuple(map(parse, self.prompt.choices)) if self.prompt.per_row else ()

    @property
    def gold(self) -> str:
        """The column of the gold answer."""
        return self.prompt.gold or self.target.columns[0]

    @property
    def references(self) -> Field | None:
        """The field whose list holds several references, without its filter ``first``."""
        part = self.target.parts[0]
        several = isinstance(part, Field) and part.filters and part.filters[0].name == "first"
        return Field(part.column, part.filters[1:]) if several and isinstance(part, Field) else None


class Examples(Sequence[Example]):
    """The examples of one split of a task.

    ``rows`` is any sequence of mappings; one with a method ``where(i)`` names its rows in errors. Under several
    ``prompts`` there is an example for each row and prompt, or with ``sample`` (a seed) one for each row, under a
    prompt drawn for it. With ``labelled=False`` a missing or hidden label gives an empty target and a gold of None,
    else it is a ``DataError``. ``shots`` examples of ``demos`` (of the same prompts) stand before each input, chosen
    ``shots_by`` chance, class or likeness (see `t2t.demonstrations`), never the row itself or one all but equal to it;
    ``seed`` draws them. ``first`` is the number of the first row in uids, where others went before.
    """

    def __init__(
        self,
        task: Task,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str,
        prompts: Sequence[Prompt] = (),
        sample: int | None = None,
        labelled: bool = True,
        demos: Examples | None = None,
        shots: int = 0,
        shots_by: str = "random",
        seed: int = 0,
        first: int = 0,
    ) -> None:
        self.task, self.rows, self.split, self.labelled = task, rows, split, labelled
        self.prompts, self.sample = tuple(prompts) or (task.prompt,), sample
        self.demos, self.shots, self.shots_by, self.seed = demos, shots, shots_by, seed
        self._first = first
        self._layouts = [_Layout(prompt) for prompt in self.prompts]
        self._pools: dict[str, Pool] = {}
        self._golds: Sequence[Any] | None = None
        self._taught: Sequence[tuple[float, ...]] = ()
        self._form = form(task)
        self._expand = task.expand.get(split) or task.expand.get("*")
        stated = getattr(rows, "class_names", {})
        tags = {name: column.names for name, column in task.columns.items() if column.kind == "tags"}
        self._names = {name: named for name, names in tags.items() if (named := names or stated.get(name))}
        self._where: Callable[[int], str] = getattr(rows, "where", lambda i: f"{task.name} {split} row {i + 1}")
        self._taken = self._take()
        if not len(self._taken):
            raise DataError(f"none of the {len(rows)} rows of {split} is taken", where=task.name,
                            fix="See keep and expand in its task file.", code="D04")  # fmt: skip

    # -- which ---------------------------------------------------------------------------------------------------

    def _take(self) -> np.ndarray | range:
        """Return the rows taken, or (row, item) where a row gives several examples."""
        keep = {**self.task.keep.get("*", {}), **self.task.keep.get(self.split, {})}
        if not keep and not self._expand:
            return range(len(self.rows))
        good = np.ones(len(self.rows), bool)
        for name, values in keep.items():
            good &= np.fromiter((value in values for value in self._column(name)), bool, len(self.rows))
        taken = np.flatnonzero(good)
        if not self._expand:
            return taken
        counts = np.fromiter((len(value or ()) for value in self._column(self._expand)), int, len(self.rows))[taken]
        items = np.concatenate([np.arange(count) for count in counts]) if len(counts) else counts
        return np.stack([np.repeat(taken, counts), items], axis=1)

    def _column(self, name: str) -> Any:
        """Return the values of a column of all rows."""
        column = getattr(self.rows, "column", None)
        return column(name) if column else (row.get(name) for row in self.rows)

    def limited(self, limit: int, seed: int) -> Examples:
        """Return a seeded sample of at most ``limit`` of the rows taken, in their order."""
        if limit >= len(self._taken):
            return self
        rng = np.random.Generator(np.random.Philox(key=[seed, 0x6C696D]))
        return self.at(np.sort(rng.choice(len(self._taken), limit, replace=False)).tolist())

    def at(
        self,
        places: Sequence[int],
        *,
        golds: Sequence[Any] | None = None,
        taught: Sequence[tuple[float, ...]] = (),
    ) -> Examples:
        """Return the rows at ``places``, in that order, under the same prompts.

        ``golds`` are answers in place of the rows' own labels (None: hidden): indices of choices, numbers, tags, or one
        text. ``taught`` are a teacher's scores of the choices.
        """
        some = copy.copy(self)
        some._pools, some._golds, some._taught = {}, golds, taught
        some._taken = np.asarray(self._taken)[list(places)]
        return some

    def under(self, prompt: Prompt) -> Examples:
        """Return the same rows under one prompt."""
        one = copy.copy(self)
        one.prompts, one.sample, one._layouts = (prompt,), None, [_Layout(prompt)]
        return one

    @property
    def size(self) -> int:
        """How many rows (or items of rows) are taken, whatever the number of prompts."""
        return len(self._taken)

    @property
    def hidden(self) -> bool:
        """Whether no row has a label that may be seen, as in test splits whose answers are kept back."""
        layout = self._layouts[0]
        return all(self._hidden({layout.gold: value}, layout) for value in self._column(layout.gold))

    def unlabelled(self) -> Examples:
        """Return the same examples, to be answered and not scored."""
        one = copy.copy(self)
        one.labelled = False
        return one

    @property
    def fingerprint(self) -> str:
        """What stands for the rows, where they come from files: their sha256."""
        origin = self.origin
        return origin.fingerprint if origin else ""

    @property
    def prompt_name(self) -> str:
        """The name of the prompt, or of all of them."""
        names = "+".join(prompt.name for prompt in self.prompts)
        return f"sample:{names}" if self.sample is not None and len(self.prompts) > 1 else names

    @property
    def prompt_hash(self) -> str:
        """The hash of the prompt, or of all of them."""
        hashes = [prompt.hash for prompt in self.prompts]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("+".join(hashes).encode()).hexdigest()[:12]

    @property
    def ranked(self) -> bool:
        """Whether answers can be ranked: the answer is one of the choices, as they stand."""
        return self.task.answer == "choice" and all(prompt.format != "referent" for prompt in self.prompts)

    @property
    def origin(self) -> Origin | None:
        """Where the rows came from, where they were loaded from somewhere."""
        return getattr(self.rows, "origin", None)

    def __len__(self) -> int:
        return len(self._taken) * (1 if self.sample is not None else len(self.prompts))

    # -- rendering -----------------------------------------------------------------------------------------------

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._one(range(len(self))[index])

    def _one(self, index: int) -> Example:
        """Return the example at an index from 0 on."""
        if self.sample is None:
            place, which = divmod(index, len(self._layouts))
        else:
            drawn = zlib.crc32(f"{self.sample}:{self.task.name}:{self._taken[index]}".encode())
            place, which = index, drawn % len(self._layouts)
        return self._example(place, self._layouts[which])

    def _example(self, place: int, layout: _Layout) -> Example:
        """Return the example at a place under a prompt."""
        row, uid, where = self._row(place)
        task, prompt = self.task, layout.prompt
        words = self._words(row, where)
        choices = self._choices(row, layout, where)
        target, gold = "", None
        if self._golds is not None:
            target, gold = self._given(self._golds[place], row, words, choices, layout, where)
        elif self.labelled or not self._hidden(row, layout):
            target, gold = self._answer(row, words, choices, layout, where)
        pieces = layout.input.render(row, choices=choices, where=where)
        if not any(piece.text.strip() for piece in pieces):
            raise DataError("the input is empty", where=where, fix="Mend or drop the row.", code="P02")
        if (length := sum(len(piece.text) for piece in pieces) + len(target)) > MOST_CHARACTERS:
            raise DataError(f"the example has {length:,} characters, the limit is {MOST_CHARACTERS:,}", where=where,
                            fix="Split or drop the row.", code="D17")  # fmt: skip
        return Example(
            uid=uid,
            task=task.name,
            prompt=prompt.name,
            pieces=(*self._before(place, layout, pieces), *pieces),
            target=target,
            choices=() if prompt.format == "referent" else choices,
            gold=gold,
            range=task.range,
            words=words,
            format=prompt.format,
            spans=task.answer == "spans",
            group=json.dumps([row.get(column) for column in task.group], default=str) if task.group else "",
            row="" if self.split == "train" else _digest(row),  # rows to train on are rendered often, and not compared
            taught=self._taught[place] if self._taught else (),
            file=where,
        )

    def said(self, place: int) -> str:
        """Return what the columns of a row say under the first prompt, without its wording."""
        return _said(self._asked(place, self._layouts[0]))

    def _row(self, place: int) -> tuple[dict[str, Any], str, str]:
        """Return the row at a place, tags as texts and the expanded list as its one item; its uid; where it stands."""
        index, *item = np.atleast_1d(self._taken[place]).tolist()
        row = dict(self.rows[index])
        for column, names in self._names.items():
            if isinstance(row.get(column), (list, tuple)):
                row[column] = [self._name(tag, column, names, index) for tag in row[column]]
        if item and self._expand:
            row[self._expand] = [row[self._expand][item[0]]]
        number = ".".join(map(str, (self._first + index, *item)))
        return row, f"{self.task.name}:{self.split}:{number}", self._where(index)

    def _name(self, tag: Any, column: str, names: Sequence[str], index: int) -> Any:
        """Return the name that an integer stands for; texts are names already."""
        if not isinstance(tag, int):
            return tag
        if not 0 <= tag < len(names):
            place = f'{self._where(index)} field "{column}"'
            raise DataError(f"{tag} is not a tag from 0 to {len(names) - 1}", where=place, fix="Mend the row.",
                            code="D03")  # fmt: skip
        return names[tag]

    def _words(self, row: Mapping[str, Any], where: str) -> tuple[str, ...]:
        """Return the words that tags stand for."""
        return self._texts(row, self.task.words, where) if self.task.words else ()

    def _choices(self, row: Mapping[str, Any], layout: _Layout, where: str) -> tuple[str, ...]:
        """Return the choices, filled in where they are templates."""
        if not layout.choices:
            return layout.prompt.choices
        choices = tuple("".join(p.text for p in choice.render(row, where=where)) for choice in layout.choices)
        if len(set(choices)) < len(choices):
            raise DataError(f"two choices are the same text: {visible(' | '.join(choices))}", where=where,
                            fix="Mend or drop the row.", code="P03")  # fmt: skip
        return choices

    def _hidden(self, row: Mapping[str, Any], layout: _Layout) -> bool:
        """Whether the row has no label: none at all, no reference, or -1 where that is no answer."""
        value = row.get(layout.gold)
        low, high = self.task.range or (0, 0)
        minus = self.task.answer in ("choice", "number") and value == -1 and not low <= -1 <= high
        return value is None or minus or (layout.references is not None and not value)

    def _answer(
        self, row: Mapping[str, Any], words: tuple[str, ...], choices: tuple[str, ...], layout: _Layout, where: str
    ) -> tuple[str, Any]:
        """Return target and gold of a row. Raise ``DataError`` naming the field where the value is no answer."""
        column, task = layout.gold, self.task
        place = f'{where} field "{column}"'
        value, shown = row.get(column), row
        if task.answer == "number" and self._hidden(row, layout) and value is not None:
            message = "-1 is a hidden test label: this split can be predicted, not trained on or scored"
            raise DataError(message, where=place, code="D03")
        if task.words and value is not None:
            value = self._texts(row, column, where)
            if len(value) != len(words):
                raise DataError(f"{len(value)} tags for {len(words)} words", where=place, code="D05")
        try:
            if task.words and value is not None:
                tags = self._form.gold(value, "", choices)
                shown = {**row, column: FORMATS[layout.prompt.format].write(tags, words, task.answer == "spans")}
            pieces = layout.target.render(shown, choices=choices, where=where)
            target = "".join(piece.text for piece in pieces)
            if layout.references and isinstance(value, (list, tuple)):
                value = tuple(layout.references.through(one, row, choices, where) for one in value)
            gold = self._form.gold(value, str(value) if layout.prompt.gold else target, choices)
        except (TypeError, ValueError) as error:
            raise DataError(str(error), where=place, fix="Mend the row.", code="D03") from None
        if not target.strip():
            raise DataError("the target is empty", where=place, fix="Mend or drop the row.", code="P02")
        if task.range and not task.range[0] <= gold <= task.range[1]:
            low, high = task.range
            message = f"{visible(value)} is outside the range from {low:g} to {high:g}"
            raise DataError(message, where=place, fix="Mend the row.", code="D03")
        return target, gold

    def _given(
        self,
        said: Any,
        row: Mapping[str, Any],
        words: tuple[str, ...],
        choices: tuple[str, ...],
        layout: _Layout,
        where: str,
    ) -> tuple[str, Any]:
        """Return target and gold of an answer that stands in place of the row's own."""
        if said is None:
            return "", None
        if self.task.answer == "choice":
            if not 0 <= said < len(choices):
                raise DataError(f"the answer given is choice {said + 1} of {len(choices)}", where=where, code="D03")
            return choices[said], said
        return self._answer({**row, layout.gold: [said] if layout.references else said}, words, choices, layout, where)

    def _texts(self, row: Mapping[str, Any], column: str, where: str) -> tuple[str, ...]:
        """Return a column of texts as a tuple."""
        value = row.get(column)
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise DataError(
                f"expected a list of texts, got {visible(value)}", where=f'{where} field "{column}"', code="D05"
            )
        return tuple(value)

    # -- shots ---------------------------------------------------------------------------------------------------

    def _before(self, place: int, layout: _Layout, pieces: tuple[Piece, ...]) -> list[Piece]:
        """Return what stands before the input: the intro and the shots, each followed by what stands between."""
        prompt, before = layout.prompt, []
        shots: list[tuple[Piece, ...]] = [(Piece(prompt.intro),)] if prompt.intro else []
        if self.demos is not None and self.shots:
            rng = drawing(seed=self.seed, place=place)
            pool = self.demos._pool(layout)
            picked = choose(self.shots_by, _said(pieces), pool, self.shots, rng, where=self.task.name)
            shots += [self.demos._shot(at, layout) for at in picked]
        for shot in shots:
            before += [*shot, Piece(prompt.between)]
        return before

    def _pool(self, layout: _Layout) -> Pool:
        """Return the rows as those that may be shown."""
        if layout.prompt.name not in self._pools:
            choices = self.task.answer == "choice"
            classes = [str(value) for value in self._column(layout.gold)] if choices else None
            rows = np.asarray(self._taken).reshape(self.size, -1)[:, 0]
            self._pools[layout.prompt.name] = Pool(
                self.size,
                lambda at: _said(self._asked(at, layout)),
                [classes[row] for row in rows] if classes else None,
            )
        return self._pools[layout.prompt.name]

    def _asked(self, place: int, layout: _Layout) -> tuple[Piece, ...]:
        """Return the input of a row, without what stands before it."""
        row, _, where = self._row(place)
        return layout.input.render(row, choices=self._choices(row, layout, where), where=where)

    def _shot(self, place: int, layout: _Layout) -> tuple[Piece, ...]:
        """Return a row as a shot: by the prompt's own layout, or its input, a space and its target."""
        row, _, where = self._row(place)
        words, choices = self._words(row, where), self._choices(row, layout, where)
        target, _ = self._answer(row, words, choices, layout, where)
        if layout.prompt.shot:
            if self.task.words:
                row[layout.gold] = target
            return parse(layout.prompt.shot).render(row, choices=choices, where=where)
        pieces = layout.input.render(row, choices=choices, where=where)
        return (*pieces, Piece(" "), Piece(target, layout.gold))


def _digest(row: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits that stand for what is in a row's columns."""
    said = json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _said(pieces: Sequence[Piece]) -> str:
    """Return what the columns of an input say, without the wording."""
    return "\n".join(piece.text for piece in pieces if piece.column is not None)

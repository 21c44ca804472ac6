"""A model that is served: what is asked of it becomes examples, and what it says becomes JSON.

Floor 7. `Served.rows` and `Served.texts` make examples and may be called anywhere; `Served.sizes` and `Served.answers`
touch the model and its tokenizer, and belong to the one thread of its line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from t2t import models, runs
from t2t.apply import as_it_is, examples_of, options, settings_of, texts_as_they_are
from t2t.errors import UsageError, did_you_mean, visible
from t2t.examples import Examples
from t2t.models import Model, Place
from t2t.predict import check_way, predict
from t2t.tasks import prompts, task, tasks
from t2t.types import Example, Prediction, Prompt, Task

__all__ = ["WAYS", "Asked", "Served", "known_task", "load"]

WAYS = ("write", "rank", "constrained", "both")
MOST_ROWS = 1000  # of a request
MOST_NAMES = 1000  # of tasks with parameters: each that was asked for is kept


class Asked(NamedTuple):
    """How examples are to be answered: those that agree in it may be answered together.

    ``task`` is the name that was asked for, empty for texts as they are; ``by`` may be "tokens".
    """

    task: str
    prompt: str
    by: str


class Read(NamedTuple):
    """What a model reads of an example: rows of ids (of words, where it has no ids), and whether the input was cut."""

    rows: Sequence[Any]
    cut: bool = False

    @property
    def tokens(self) -> int:
        """How many tokens that is."""
        return sum(map(len, self.rows))


@dataclass(eq=False)
class Served:
    """A loaded model under the name that it is asked for by; ``trained`` are its prompts' hashes by task and name."""

    name: str
    place: Place
    model: Model
    trained: Mapping[str, Mapping[str, str]]

    def about(self) -> dict[str, Any]:
        """Return what /api/models says of it."""
        return {
            "name": self.name,
            "family": self.place.family,
            "parameters": sum(p.numel() for p in self.model.net.parameters()),
            "ways": [way for way in WAYS if self._can(way)],
            "trained": self.trained,
        }

    def _can(self, way: str) -> bool:
        try:
            check_way(self.model, "rank" if way == "both" else way)
        except UsageError:
            return False
        return True

    def prompt(self, task_: Task, wanted: str | None) -> Prompt:
        """Return the prompt that is wanted, else the one that the model was trained on, else its family's."""
        own = self.trained.get(task_.name, {})
        learned = [name for name, prompt in task_.prompts.items() if own.get(name) == prompt.hash]
        found = prompts(task_, wanted, [*learned, *models.PREFERRED.get(self.place.family, ())])
        if len(found) > 1:
            raise UsageError("rows are answered under one prompt", fix=f"One of {', '.join(p.name for p in found)}.")
        return found[0]

    def rows(self, name: str, wanted: str | None, rows: Sequence[Mapping[str, Any]], by: str) -> tuple[Asked, Examples]:
        """Return what is asked, and the examples of rows under a prompt of a known task."""
        _check_count("rows", len(rows))
        task_ = task(name)
        if by != "tokens":
            check_way(self.model, "rank" if by == "both" else by)
        prompt = self.prompt(task_, wanted)
        # A row has the task's own columns, whatever they are called in the data set.
        columns = {name: replace(column, origin="") for name, column in task_.columns.items()}
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        egs = examples_of(replace(task_, columns=columns), data, "rows.jsonl", prompt)
        egs[:]  # a row that cannot be put into words is said now
        return Asked(name, prompt.name, self._ways(egs, by)), egs

    def texts(self, texts: Sequence[str], by: str) -> tuple[Asked, list[Example]]:
        """Return what is asked, and the examples of texts as they are."""
        _check_count("texts", len(texts))
        if by not in ("write", "tokens"):
            raise UsageError("texts without a task are written", where="by", fix="Leave it out.")
        if by == "write" and not self.model.generates:
            raise UsageError(f"the family {self.place.family} answers the rows of a task, not texts as they are",
                             where="texts", fix="Give rows, and their task.")  # fmt: skip
        for i, text in enumerate(texts):
            if any("\ud800" <= c <= "\udfff" for c in text):
                raise UsageError("holds half of a surrogate pair, which is no character", where=f"texts[{i}]")
        return Asked("", "as-is", by), list(texts_as_they_are(texts))

    def _ways(self, egs: Examples, by: str) -> str:
        """Return how examples are answered: what has no choices is written, who does not write ranks."""
        if by == "tokens":
            return by
        if not egs.ranked:
            return "write"
        return by if self.model.generates else "rank"

    # -- in the thread of the model ------------------------------------------------------------------------------

    def sizes(self, asked: Asked, egs: Sequence[Example]) -> list[int]:
        """Return how many tokens the model reads of each example. Raise ``UsageError`` for a task it cannot answer."""
        if isinstance(egs, Examples):
            self.model.prepare({asked.task: egs}, training=False)
        return [one.tokens for one in self._read(egs[:])]

    def answers(self, asked: Asked, egs: Sequence[Example]) -> list[dict[str, Any]]:
        """Return what is said to each example as JSON; by tokens: what the model reads of it."""
        try:
            read = self._read(egs)
            if asked.by == "tokens":
                return [self._tokens(eg, one) for eg, one in zip(egs, read, strict=True)]
            preds = self._predictions(asked, egs)
        finally:
            self.model.tokens.forget()  # nothing of a request stays behind
        return [_said(*one) for one in zip(egs, preds, read, strict=True)]

    def _predictions(self, asked: Asked, egs: Sequence[Example]) -> list[Prediction]:
        if not asked.task:
            return [as_it_is(eg, text) for eg, text in zip(egs, self.model.write(egs), strict=True)]
        of = task(asked.task)
        if asked.by != "both":
            return predict(self.model, egs, of=of, by=asked.by)
        written, ranked = (predict(self.model, egs, of=of, by=by) for by in ("write", "rank"))
        return [replace(a, choice_nats=b.choice_nats) for a, b in zip(written, ranked, strict=True)]

    def _read(self, egs: Sequence[Example]) -> list[Read]:
        """Return what the model reads of each example."""
        tokens: Any = self.model.tokens
        if hasattr(tokens, "fill"):  # a cloze: a row for each number of masks
            return [Read(blank.laid.rows, blank.laid.cut) for blank in tokens.fill(egs)]
        if hasattr(self.model, "lay_out"):  # an encoder: a row, or one a choice or a text
            return [Read(laid.rows, laid.cut) for laid in self.model.lay_out(egs)]
        if tokens.tokenizer is None:  # a baseline reads words
            return [Read([eg.input.split()]) for eg in egs]
        return [Read([encoded.source], encoded.cut) for encoded in tokens.encode(egs)]

    def _tokens(self, eg: Example, read: Read) -> dict[str, Any]:
        """Return an example as it is put into words, and as the ids and pieces that the model reads."""
        tokenizer = self.model.tokens.tokenizer
        ids = [[] if tokenizer is None else row.tolist() for row in read.rows]
        pieces = [
            list(row) if tokenizer is None else tokenizer.convert_ids_to_tokens(row.tolist()) for row in read.rows
        ]
        return {
            "uid": eg.uid,
            "input": eg.input,
            "pieces": [{"text": piece.text, "column": piece.column} for piece in eg.pieces],
            "target": eg.target,
            "choices": list(eg.choices),
            "tokens": [{"ids": a, "pieces": b} for a, b in zip(ids, pieces, strict=True)],
            "cut": read.cut,
        }


def _said(eg: Example, pred: Prediction, read: Read) -> dict[str, Any]:
    """Return an answer as JSON; ``choices`` have nats and probabilities where they were ranked."""
    nats = pred.choice_nats
    most = max(nats or (0.0,))
    odds = [math.exp(one - most) for one in nats or ()]
    return {
        "uid": pred.uid,
        "input": pred.input,
        "text": pred.text,
        "answer": pred.answer,
        "unparsed": pred.unparsed,
        "choices": [
            {"text": text, "nats": one, "probability": odd / sum(odds)}
            for text, one, odd in zip(eg.choices, nats, odds, strict=True)
        ]
        if nats
        else [],
        "tokens": read.tokens,
        "cut": read.cut,
    }


def _check_count(what: str, count: int) -> None:
    if not 1 <= count <= MOST_ROWS:
        raise UsageError(f"expected 1 to {MOST_ROWS:,}, got {count:,}", where=what)


def load(name: str, family: str | None, settings: Mapping[str, Any]) -> tuple[Served, tuple[str, ...]]:
    """Load a run or a model; return it, and the tasks that its configuration names. Raise as `t2t.models.load` does."""
    config = settings_of(name, {**({"family": family} if family else {}), **settings})
    place = models.find(config.model, config.family)
    own = runs.read_config(Path(name)).task if (Path(name) / "run.yaml").is_file() else ()
    return Served(name, place, models.build(place, options(config)), runs.read_prompts(Path(name))), own


def known_task(name: str, own: set[str]) -> Task:
    """Return a task by its name. ``own`` are those that may be task files: a request opens no other file.

    It also collects the names with parameters, for every task that was asked for is kept in memory.
    """
    if name not in own and name not in tasks():
        bare = name.partition(":")[0]
        if bare not in tasks() or len(own) >= MOST_NAMES:
            raise UsageError(f'there is no task "{visible(name)}"', code="C01",
                             fix=f"See /api/tasks.{did_you_mean(bare, tasks())}")  # fmt: skip
        try:
            found = task(name)
        except UsageError as error:  # who asks is not told where the task's file is
            raise UsageError(error.message, where="task", fix=error.fix, code=error.code) from None
        own.add(name)
        return found
    return task(name)

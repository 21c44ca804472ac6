"""The five ways to read an answer back from text: choice, number, spans, tags, text.

Floor 1. The answer form decides how a target is written, how an answer is parsed and which metrics are valid; nothing
else in the house knows about kinds of task. What cannot be read is `Reading(None)`: unparsed, counted, scored as
wrong and never mapped to some label or number.

>>> eg = Example("t:v:0", "t", "p", (), "yes", choices=("no", "yes"))
>>> CHOICE.read("yes", eg), CHOICE.read(" Yes.", eg), CHOICE.read("perhaps", eg).answer
(Reading(answer=1, repairs=0), Reading(answer=1, repairs=1), None)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.errors import UsageError, did_you_mean
from t2t.types import Example, Prompt, Task

__all__ = ["ANSWERS", "CHOICE", "NUMBER", "SPANS", "TAGS", "TEXT", "Form", "Reading", "form", "spans_of"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the answer (None: unparsed) and how many repairs it took."""

    answer: Any
    repairs: int = 0

    @property
    def unparsed(self) -> bool:
        """Whether nothing could be read."""
        return self.answer is None


@dataclass(frozen=True, slots=True)
class Form:
    """An answer form: how gold is taken from a row and how text is read back.

    ``gold(value, target, prompt)`` takes the value of the target's column and the rendered target; ``read(text, eg)``
    reads an answer; ``metrics`` are those valid for it. ``write(value, words)`` puts tags into text before the
    template sees them.
    """

    name: str
    gold: Callable[[Any, str, Prompt], Any]
    read: Callable[[str, Example], Reading]
    metrics: tuple[str, ...]
    write: Callable[[Sequence[str], Sequence[str]], str] | None = None


def _fold(text: str) -> str:
    """Normalise for the second try: case, outer white space and punctuation, inner white space."""
    return re.sub(r"\s+", " ", text).strip().strip(" .!?,;:'\"`*()[]").casefold()


def _read_choice(text: str, eg: Example) -> Reading:
    """Match exactly, then normalised; two choices that fold alike are told apart only exactly."""
    if text in eg.choices:
        return Reading(eg.choices.index(text))
    hits = [i for i, choice in enumerate(eg.choices) if _fold(choice) == _fold(text)]
    return Reading(hits[0], repairs=1) if len(hits) == 1 else Reading(None)


_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*")


def _read_number(text: str, eg: Example) -> Reading:
    """Read a decimal number; exponents, words, infinities and what is out of ``eg.range`` are unparsed."""
    if not _NUMBER.fullmatch(text):
        return Reading(None)
    value = float(text)
    low, high = eg.range or (-math.inf, math.inf)
    return Reading(value) if low <= value <= high else Reading(None)


def spans_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return the (type, start, end) spans of IOB2 tags; an I without a B opens a span (conlleval's rule).

    >>> spans_of(["B-PER", "I-PER", "O", "B-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4)]
    """
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(tags):
        head, _, kind = tag.partition("-")
        if head == "I" and found and found[-1][2] == i and found[-1][0] == kind and tags[i - 1] != "O":
            found[-1] = (kind, found[-1][1], i + 1)
        elif head in ("B", "I"):
            found.append((kind, i, i + 1))
    return found


def _read_spans(text: str, eg: Example) -> Reading:
    """Read ``PER: John Smith; LOC: Paris`` and align each span to the words, left to right.

    A span of an unknown type, or one whose words are not there, is dropped and counted as a repair. The empty text
    and "none" mean: no spans.
    """
    tags, repairs, start = ["O"] * len(eg.words), 0, 0
    for item in filter(None, (part.strip() for part in text.split(";"))):
        kind, colon, phrase = item.partition(":")
        words = phrase.split()
        if item.casefold() == "none":
            continue
        at = _find(eg.words, words, tags, start) if colon and words and kind.strip() in eg.choices else None
        if at is None:
            repairs += 1
            continue
        tags[at : at + len(words)] = [f"B-{kind.strip()}"] + [f"I-{kind.strip()}"] * (len(words) - 1)
        start = at + len(words)
    return Reading(tuple(tags), repairs)


def _find(words: Sequence[str], phrase: Sequence[str], tags: Sequence[str], start: int) -> int | None:
    """Return where ``phrase`` stands in ``words`` on untagged words: from ``start``, else from the front."""
    n = len(phrase)
    places = [*range(start, len(words) - n + 1), *range(min(start, len(words) - n + 1))]
    fits = (i for i in places if list(words[i : i + n]) == list(phrase) and set(tags[i : i + n]) == {"O"})
    return next(fits, None)


def _read_tags(text: str, eg: Example) -> Reading:
    """Read one tag a word, separated by white space. Another number of tags than words is unparsed."""
    tags = tuple(text.split())
    if len(tags) != len(eg.words) or (eg.choices and not set(tags) <= set(eg.choices)):
        return Reading(None)
    return Reading(tags)


def _gold_texts(value: Any, target: str, prompt: Prompt) -> tuple[str, ...]:
    """Return every reference: the list in the column, or the rendered target alone."""
    return tuple(value) if isinstance(value, (list, tuple)) else (target,)


def _write_spans(tags: Sequence[str], words: Sequence[str]) -> str:
    """Write the spans in order as ``PER: John Smith; LOC: Paris``, or "none"."""
    return "; ".join(f"{kind}: {' '.join(words[a:b])}" for kind, a, b in spans_of(tags)) or "none"


def _write_tags(tags: Sequence[str], words: Sequence[str]) -> str:
    """Write one tag a word, separated by spaces."""
    return " ".join(tags)


CHOICE = Form(
    "choice",
    lambda value, target, prompt: prompt.choices.index(target),
    _read_choice,
    ("accuracy", "f1", "matthews"),
)
NUMBER = Form("number", lambda value, target, prompt: float(value), _read_number, ("pearson", "spearman"))
SPANS = Form("spans", lambda value, target, prompt: tuple(value), _read_spans, ("span_f1",), _write_spans)
TAGS = Form("tags", lambda value, target, prompt: tuple(value), _read_tags, ("tag_accuracy",), _write_tags)
TEXT = Form(
    "text",
    _gold_texts,
    lambda text, eg: Reading(text),
    ("bleu", "chrf", "rouge1", "rouge2", "rougeLsum", "exact", "squad_em", "squad_f1"),
)

ANSWERS = {f.name: f for f in (CHOICE, NUMBER, SPANS, TAGS, TEXT)}


def form(task: Task) -> Form:
    """Return the answer form of ``task``."""
    try:
        return ANSWERS[task.answer]
    except KeyError:
        raise UsageError(
            f'there is no answer form "{task.answer}"',
            where=task.file,
            fix=f"Forms: {', '.join(ANSWERS)}.{did_you_mean(task.answer, ANSWERS)}",
        ) from None

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

from t2t.errors import UsageError, did_you_mean, visible
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
    template sees them. ``gold`` raises ``ValueError`` for a value that is no answer.
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
    folded = _fold(text)
    hits = [i for i, choice in enumerate(eg.choices) if folded and _fold(choice) == folded]
    return Reading(hits[0], repairs=1) if len(hits) == 1 else Reading(None)


_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*")


def _read_number(text: str, eg: Example) -> Reading:
    """Read a decimal number; exponents, words, infinities and what is out of ``eg.range`` are unparsed."""
    if not _NUMBER.fullmatch(text):
        return Reading(None)
    value = float(text)
    low, high = eg.range or (-math.inf, math.inf)
    return Reading(value) if low <= value <= high and math.isfinite(value) else Reading(None)


def spans_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return the (type, start, end) spans of IOB2 tags, read strictly (as seqeval's strict mode).

    An I that does not follow a B or an I of its own type belongs to no span.

    >>> spans_of(["B-PER", "I-PER", "O", "B-LOC", "I-PER", "O", "I-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4)]
    """
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(tags):
        head, _, kind = tag.partition("-")
        if head == "I" and found and found[-1][2] == i and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1], i + 1)
        elif head == "B":
            found.append((kind, i, i + 1))
    return found


_ITEM = re.compile(r"(?:;;|[^;])+")  # a doubled semicolon is a word's own, a single one ends a span


def _read_spans(text: str, eg: Example) -> Reading:
    """Read ``PER: John Smith; LOC: Paris`` and align each span to the words, left to right.

    ``PER#2: John`` is the second John after the span before. A span of an unknown type, or one whose words are not
    there, is dropped and counted as a repair; so is one found only before the last. The empty text and "none" mean: no
    spans; where no item has the form ``TYPE: words`` with a known type, the text is unparsed.
    """
    tags, repairs, start = ["O"] * len(eg.words), 0, 0
    items = [item.replace(";;", ";").strip() for item in _ITEM.findall(text)]
    items = [item for item in items if item and item.casefold() != "none"]
    known = 0
    for item in items:
        head, _, phrase = item.partition(":")
        kind, _, number = (part.strip() for part in head.partition("#"))
        known += kind in eg.choices and bool(phrase.strip())
        place, repaired = _find(eg.words, phrase, tags, start, number) if kind in eg.choices else (None, True)
        repairs += repaired
        if place:
            tags[slice(*place)] = [f"B-{kind}"] + [f"I-{kind}"] * (place[1] - place[0] - 1)
            start = place[1]
    return Reading(tuple(tags), repairs) if known or not items else Reading(None)


def _find(
    words: Sequence[str], phrase: str, tags: Sequence[str], start: int, number: str
) -> tuple[tuple[int, int] | None, bool]:
    """Return the ``number``-th untagged place of ``phrase`` from ``start``, else its first; and if that is a repair."""
    places = [(a, b) for a, b in _places(words, phrase) if set(tags[a:b]) == {"O"}]
    after = [place for place in places if place[0] >= start]
    nth = int(number) if re.fullmatch("[1-9][0-9]{0,3}", number) else 1
    if nth <= len(after) and (number == "" or number == str(nth)):
        return after[nth - 1], False
    return next(iter(after or places), None), True


def _places(words: Sequence[str], phrase: str) -> list[tuple[int, int]]:
    """Return every (start, end) at which the words spell ``phrase``, white space left aside."""
    wanted = "".join(phrase.split())
    bare = ["".join(word.split()) for word in words]
    found = []
    for a in range(len(bare)):
        said, b = "", a
        while wanted and b < len(bare) and len(said) < len(wanted) and wanted.startswith(said):
            said, b = said + bare[b], b + 1
        if wanted and said == wanted:
            found.append((a, b))
    return found


def _read_tags(text: str, eg: Example) -> Reading:
    """Read one tag a word, separated by white space. Another number of tags than words is unparsed."""
    tags = tuple(text.split())
    if len(tags) != len(eg.words) or (eg.choices and not set(tags) <= set(eg.choices)):
        return Reading(None)
    return Reading(tags)


def _gold_choice(value: Any, target: str, prompt: Prompt) -> int:
    """Return the index of the choice that is the target."""
    if target not in prompt.choices:
        raise ValueError(f'"{visible(target)}" is not one of {" | ".join(prompt.choices)}')
    return prompt.choices.index(target)


def _gold_number(value: Any, target: str, prompt: Prompt) -> float:
    """Return the number itself, before any rounding of the target."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'"{visible(value)}" is not a finite number')
    return number


def _gold_spans(value: Any, target: str, prompt: Prompt) -> tuple[str, ...]:
    """Return the tags, each O or B or I of a known type."""
    for tag in value:
        head, _, kind = tag.partition("-")
        if tag != "O" and (head not in ("B", "I") or kind not in prompt.choices):
            raise ValueError(f'"{visible(tag)}" is not O, B-TYPE or I-TYPE of {" | ".join(prompt.choices)}')
    return tuple(value)


def _gold_tags(value: Any, target: str, prompt: Prompt) -> tuple[str, ...]:
    """Return the tags, each one word and of the choices, if there are any."""
    for tag in value:
        if tag.split() != [tag] or (prompt.choices and tag not in prompt.choices):
            raise ValueError(
                f'"{visible(tag)}" is not one of {" | ".join(prompt.choices) or "the tags: one word each"}'
            )
    return tuple(value)


def _gold_texts(value: Any, target: str, prompt: Prompt) -> tuple[str, ...]:
    """Return every reference: the list in the column, or the rendered target alone."""
    return tuple(value) if isinstance(value, (list, tuple)) else (target,)


def _write_spans(tags: Sequence[str], words: Sequence[str]) -> str:
    """Write the spans in order as ``PER: John Smith; LOC: Paris``, or "none".

    Where the same words stand untagged in between, the place is numbered: ``PER#2: John``.
    """
    items, start = [], 0
    for kind, a, b in spans_of(tags):
        phrase = " ".join(words[a:b])
        number = sum(start <= at <= a for at, _ in _places(words, phrase))
        items.append(f"{kind}{f'#{number}' if number > 1 else ''}: {phrase}".replace(";", ";;"))
        start = b
    return "; ".join(items) or "none"


def _write_tags(tags: Sequence[str], words: Sequence[str]) -> str:
    """Write one tag a word, separated by spaces."""
    return " ".join(tags)


CHOICE = Form(
    "choice",
    _gold_choice,
    _read_choice,
    ("accuracy", "f1", "matthews"),
)
NUMBER = Form("number", _gold_number, _read_number, ("pearson", "spearman"))
SPANS = Form("spans", _gold_spans, _read_spans, ("span_f1",), _write_spans)
TAGS = Form("tags", _gold_tags, _read_tags, ("tag_accuracy",), _write_tags)
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

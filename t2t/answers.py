"""The five ways to read an answer back from text: choice, number, spans, tags, text.

Floor 1. The answer form decides how a target is written, how an answer is parsed and which metrics are valid; nothing
else in the house knows about kinds of task. What cannot be read is `Reading(None)`: unparsed, counted, scored as
wrong and never mapped to some label or number.

>>> eg = Example("t:v:0", "t", "p", (), "yes", choices=("no", "yes"))
>>> CHOICE.read("yes", eg).answer, CHOICE.read(" Yes.", eg), CHOICE.read("perhaps", eg).answer
(1, Reading(answer=1, repairs={'spelling': 1}), None)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.errors import UsageError, did_you_mean, visible
from t2t.filters import FILTERS
from t2t.tagging import FORMATS
from t2t.types import Example, Reading, Task

__all__ = ["ANSWERS", "CHOICE", "NUMBER", "SPANS", "TAGS", "TEXT", "Form", "form"]


@dataclass(frozen=True, slots=True)
class Form:
    """An answer form: how gold is taken from a row and how text is read back.

    ``gold(value, target, choices)`` takes the value of the gold column and the rendered target; ``read(text, eg)``
    reads an answer; ``metrics`` are those valid for it; ``formats`` are the ways a prompt may have it written, the
    usual one first. ``gold`` raises ``ValueError`` for a value that is no answer.
    """

    name: str
    gold: Callable[[Any, str, Sequence[str]], Any]
    read: Callable[[str, Example], Reading]
    metrics: tuple[str, ...]
    formats: tuple[str, ...] = ("",)


def _fold(text: str) -> str:
    """Normalise for the second try: case, outer white space and punctuation, inner white space."""
    return re.sub(r"\s+", " ", text).strip().strip(" .!?,;:'\"`*()[]").casefold()


def _read_choice(text: str, eg: Example) -> Reading:
    """Match exactly, then normalised; two choices that fold alike are told apart only exactly."""
    if eg.format == "referent":
        return _read_referent(text, eg)
    if text in eg.choices:
        return Reading(eg.choices.index(text))
    folded = _fold(text)
    hits = [i for i, choice in enumerate(eg.choices) if folded and _fold(choice) == folded]
    return Reading(hits[0], {"spelling": 1}) if len(hits) == 1 else Reading(None)


_DETERMINERS = frozenset((
    "a", "an", "few", "her", "his", "each", "every", "many", "much", "my", "our", "some", "that", "the", "their",
    "these", "this", "those", "which", "whose", "your",
))  # fmt: skip


def _read_referent(text: str, eg: Example) -> Reading:
    """Return 1 if ``text`` names the target's referent, else 0; unparsed if nothing but determiners is left of it.

    T5's rule for WSC: without determiners the words of one are among those of the other, and an apostrophe is in both
    or in neither ("Ann's" is not "Ann").
    """
    said, meant = ([w for w in t.lower().split() if w not in _DETERMINERS] for t in (text, eg.target))
    if not said:
        return Reading(None)
    alike = set(said) <= set(meant) or set(meant) <= set(said)
    return Reading(int(alike and any("'" in w for w in said) == any("'" in w for w in meant)))


_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*")


def _read_number(text: str, eg: Example) -> Reading:
    """Read a decimal number; exponents, words, infinities and what is out of ``eg.range`` are unparsed."""
    if not _NUMBER.fullmatch(text):
        return Reading(None)
    value = float(text.strip())  # float takes no separators (U+001C to U+001F) for space
    low, high = eg.range or (-math.inf, math.inf)
    return Reading(value) if low <= value <= high and math.isfinite(value) else Reading(None)


def _gold_choice(value: Any, target: str, choices: Sequence[str]) -> int:
    """Return the index of the class: ``value`` itself, or the place of the target among the choices."""
    if isinstance(value, int):
        return choices.index(FILTERS["choice"].of(value, choices))
    if target not in choices:
        raise ValueError(f'"{visible(target)}" is not one of {" | ".join(choices)}')
    return choices.index(target)


def _gold_number(value: Any, target: str, choices: Sequence[str]) -> float:
    """Return the number itself, before any rounding of the target."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'"{visible(value)}" is not a finite number')
    return number


def _gold_spans(value: Any, target: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the tags, each O or B or I of a known type."""
    for tag in value:
        head, _, kind = tag.partition("-")
        if tag != "O" and (head not in ("B", "I") or kind not in choices):
            raise ValueError(f'"{visible(tag)}" is not O, B-TYPE or I-TYPE of {" | ".join(choices)}')
    return tuple(value)


def _gold_tags(value: Any, target: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the tags, each one word and of the choices, if there are any."""
    for tag in value:
        if tag.split() != [tag] or (choices and tag not in choices):
            raise ValueError(f'"{visible(tag)}" is not one of {" | ".join(choices) or "the tags: one word each"}')
    return tuple(value)


def _gold_texts(value: Any, target: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return every reference: those given, or the rendered target alone."""
    return value if isinstance(value, tuple) else (target,)


def _read_tagging(text: str, eg: Example) -> Reading:
    """Read tags back by the example's format, aligned to its words."""
    return FORMATS[eg.format].read(text, eg.words, eg.choices, eg.spans)


CHOICE = Form("choice", _gold_choice, _read_choice, ("accuracy", "f1", "macro_f1", "matthews", "group_exact"),
              formats=("label", "referent"))  # fmt: skip
NUMBER = Form("number", _gold_number, _read_number, ("pearson", "spearman"))
SPANS = Form("spans", _gold_spans, _read_tagging, ("span_f1", "span_f1_strict"), formats=tuple(FORMATS))
TAGS = Form("tags", _gold_tags, _read_tagging, ("tag_accuracy", "tag_accuracy_strict"),
            formats=("tags", *(name for name in FORMATS if name != "tags")))  # fmt: skip
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

"""The template language: ``{column|filter}`` and nothing else.

Floor 1. A template is wording with columns in it. There is no logic and no evaluation, a value is never expanded
again, and ``{{`` and ``}}`` stand for literal braces. Rendering keeps wording and column text apart (`Piece`), because
only column text may ever be shortened: never the wording, the choices or ``{mask}``.

>>> t = parse("rte sentence1: {sentence1} sentence2: {sentence2}")
>>> t.columns
('sentence1', 'sentence2')
>>> "".join(p.text for p in t.render({"sentence1": "It {rained}.", "sentence2": "It was dry."}))
'rte sentence1: It {rained}. sentence2: It was dry.'
>>> parse("{label|choice}").render({"label": 1}, choices=("no", "yes"))[0].text
'yes'
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.errors import DataError, UsageError, did_you_mean, visible
from t2t.types import Piece

__all__ = ["FILTERS", "MASK", "Field", "Template", "allot", "parse"]

MASK = "{mask}"

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def _choice(value: Any, choices: Sequence[str]) -> str:
    """Return the text of a class: ``value`` is its index, or already its text."""
    if isinstance(value, str):
        if value in choices:
            return value
        raise ValueError(f'"{visible(value)}" is not one of {" | ".join(choices)}')
    if value == -1:
        raise ValueError("-1 is a hidden test label: this split can be predicted, not trained on or scored")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(choices):
        raise ValueError(f"{visible(value)} is not a class from 0 to {len(choices) - 1} ({' | '.join(choices)})")
    return choices[value]


def _nearest_fifth(value: Any, choices: Sequence[str]) -> str:
    """Return a number rounded to the nearest 0.2 with one decimal, ties to even (Raffel et al. 2020, 2.4)."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{visible(value)} is not a finite number")
    return f"{round(number * 5) / 5:.1f}"


def _text(value: Any, choices: Sequence[str]) -> str:
    """Return the value as text; a list of words is joined by spaces."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value)


FILTERS: dict[str, Callable[[Any, Sequence[str]], str]] = {
    "choice": _choice,
    "nearest_fifth": _nearest_fifth,
    "strip": lambda value, choices: _text(value, choices).strip(),
    "lower": lambda value, choices: _text(value, choices).lower(),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column and the filters its value goes through, left to right."""

    column: str
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal stretches and fields in turn."""

    parts: tuple[str | Field, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns named, in order of first use."""
        return tuple(dict.fromkeys(part.column for part in self.parts if isinstance(part, Field)))

    def render(self, row: Mapping[str, Any], *, choices: Sequence[str] = (), where: str = "") -> tuple[Piece, ...]:
        """Fill in ``row``. Raise ``DataError`` naming row and field where a value does not fit."""
        return tuple(
            Piece(part) if isinstance(part, str) else Piece(_value(part, row, choices, where), part.column)
            for part in self.parts
        )


def _value(field: Field, row: Mapping[str, Any], choices: Sequence[str], where: str) -> str:
    """Return the text of one field of ``row``."""
    place = f'{where} field "{field.column}"'
    try:
        value = row[field.column]
    except KeyError:
        raise DataError("the row has no such field", where=place, fix=f"It has {', '.join(row)}.", code="D05") from None
    if value is None:
        raise DataError("the row has no value here", where=place, fix="Mend or drop the row.", code="D05")
    try:
        for name in field.filters:
            value = FILTERS[name](value, choices)
    except (TypeError, ValueError) as error:
        raise DataError(str(error), where=place, fix="Mend the row.", code="D03") from None
    return _text(value, choices)


@functools.lru_cache(maxsize=4096)
def parse(text: str, where: str = "") -> Template:
    """Parse a template. Raise ``UsageError`` on a stray brace, an empty field or an unknown filter."""
    parts: list[str | Field] = []
    literal: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        literal.append(text[end : match.start()])
        end = match.end()
        token = match.group()
        if token in ("{{", "}}"):
            literal.append(token[0])
        elif token == MASK:
            literal.append(MASK)
        elif match.group(1) is None:
            raise UsageError(f'stray "{token}" at character {match.start() + 1} of "{visible(text)}"', where=where,
                             fix="Write {{ or }} for a literal brace.", code="P01")  # fmt: skip
        else:
            parts += ["".join(literal), _field(match.group(1), where)]
            literal = []
    parts.append("".join(literal) + text[end:])
    return Template(tuple(part for part in parts if part != ""))


def _field(inside: str, where: str) -> Field:
    """Parse what stands between the braces: ``column|filter|filter``."""
    column, *filters = inside.split("|")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column):
        raise UsageError(f'"{{{visible(inside)}}}" is not a field', where=where,
                         fix="A field is {column} or {column|filter}.", code="P01")  # fmt: skip
    for name in filters:
        if name not in FILTERS:
            raise UsageError(
                f'there is no filter "{visible(name)}"',
                where=where,
                fix=f"Filters: {', '.join(FILTERS)}.{did_you_mean(name, FILTERS)}",
                code="P01",
            )
    return Field(column, tuple(filters))


def allot(lengths: Sequence[int], budget: int) -> list[int]:
    """Share ``budget`` units over texts of ``lengths`` so that the longest are cut first.

    Every text shorter than the level is kept whole; the others are cut to the level, the first ones taking what is
    left over. The sum is ``min(budget, sum(lengths))``.

    >>> allot([10, 3, 8], 15)
    [6, 3, 6]
    >>> allot([10, 3], 2)
    [1, 1]
    """
    shares = [0] * len(lengths)
    left, order = max(budget, 0), sorted(range(len(lengths)), key=lambda i: (lengths[i], -i))
    for rank, i in enumerate(order):
        shares[i] = min(lengths[i], left // (len(order) - rank))
        left -= shares[i]
    return shares

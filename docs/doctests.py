"""An extension of griffe: the worked examples of docstrings are blocks of Python, not quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!\s*$).+\n?)*\n?)+", re.M)


class Doctests(griffe.Extension):
    """Put a fence around every doctest."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(lambda m: f"\n```pycon\n{m[0].rstrip()}\n```\n\n", obj.docstring.value)

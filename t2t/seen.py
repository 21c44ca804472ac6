"""What training has seen of what is scored: rows that are in both, and how often each label is a target.

Floor 3. Rows are the same where their columns say the same, whatever the wording of the prompt around them and
whatever their labels. Only digests of the rows to score are kept.

>>> from t2t.types import Piece
>>> egs = [Example(f"a/b:v:{i}", "a/b", "p", (Piece("say: "), Piece(text, "text")), "no", gold=0)
...        for i, text in enumerate(["one", "two", "one"])]
>>> seen = Seen({"a/b": egs})
>>> seen.add("a/b", egs[1:2], ("no", "yes"))
>>> seen.note(), seen.labels
('rows to score that are training rows too: a/b: 1 of 3', {'a/b': {'no': 1, 'yes': 0}})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from t2t.types import Example

__all__ = ["Seen"]

STRETCH = 1024  # examples that are rendered at a time


@dataclass
class Seen:
    """Sets to score by name, and what the training rows that were added have of them.

    ``labels`` are how often each choice is a training target, by task.
    """

    sets: Mapping[str, Sequence[Example]]
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    _rows: dict[str, Counter[int]] = field(init=False)
    _found: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rows = {name: Counter() for name in self.sets}
        for name, egs in self.sets.items():
            for start in range(0, len(egs), STRETCH):
                self._rows[name].update(map(_said, egs[start : start + STRETCH]))
        self._every = set().union(*self._rows.values())

    def add(self, name: str, egs: Sequence[Example], labels: Sequence[str] = ()) -> None:
        """Note some training rows of a task, and their answers where these are choices (``labels``) and known."""
        self._found |= self._every.intersection(map(_said, egs))
        known = [eg.gold for eg in egs if eg.gold is not None] if labels else []
        if known:
            counts = self.labels.setdefault(name, dict.fromkeys(labels, 0))
            for gold in known:
                counts[labels[gold]] += 1

    def note(self) -> str:
        """Return a line on the rows to score that are training rows too; empty where there are none."""
        found = [f"{name}: {count:,} of {n:,}" for name, (count, n) in self.leaked().items() if count]
        return f"rows to score that are training rows too: {', '.join(found)}" if found else ""

    def leaked(self) -> dict[str, list[int]]:
        """Return for each set how many of its rows are training rows too, and how many it has."""
        return {name: [sum(rows[one] for one in rows.keys() & self._found), rows.total()]
                for name, rows in self._rows.items()}  # fmt: skip


def _said(eg: Example) -> int:
    """Return a digest of what an example's columns say, in whatever order."""
    return hash(tuple(sorted(piece.text for piece in eg.pieces if piece.column is not None)))

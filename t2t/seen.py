"""What training has seen of what is scored: rows that are in both, and how often each label is a target.

Floor 3. Rows are the same where their columns say the same (`t2t.overlap`), in whatever order and wording a prompt puts
them, as that of another task may, and whatever their labels. Only hashes of the rows to score are kept.

>>> from t2t.types import Piece
>>> egs = [Example(f"a/b:v:{i}", "a/b", "p", (Piece("say: "), Piece(text, "text")), "no", gold=0)
...        for i, text in enumerate(["one", "Two", "one"])]
>>> seen = Seen({"a/b": egs})
>>> seen.add("a/b", [Example("a/b:train:0", "a/b", "q", (Piece("two ", "text"),), "no", gold=0)], ("no", "yes"))
>>> seen.note(), seen.labels
('rows to score that are training rows too: a/b: 1 of 3', {'a/b': {'no': 1, 'yes': 0}})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from t2t.overlap import columns, keys
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
                self._rows[name].update(_keys(egs[start : start + STRETCH]))
        self._every = set().union(*self._rows.values())

    def add(self, name: str, egs: Sequence[Example], labels: Sequence[str] = ()) -> None:
        """Note some training rows of a task, and their answers where these are choices (``labels``) and known."""
        self._found |= self._every.intersection(_keys(egs))
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


def _keys(egs: Sequence[Example]) -> list[int]:
    """Return a hash of what the columns of each example say."""
    return keys([columns(eg.pieces) for eg in egs], ordered=False).tolist()

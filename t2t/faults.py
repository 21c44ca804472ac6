"""What is wrong with a run, or with what it was made from: what a report says first.

Floor 6. One fault of a kind, with every task that has it; all from report.json. What was not looked for is said too.

>>> texts = {"a/b": {"examples": 40, "targets_cut": 3, "inputs_cut": 0}}
>>> for fault in faults({"source": "dir", "rows": [], "texts": texts, "leaked": {"a/b": [2, 40]}}):
...     print(fault)
Fault(title='Rows to score that are training rows too', places=('a/b: 2 of 40 (5.0 %)',), grave=True)
Fault(title='Training targets cut to the limit', places=('a/b: 3 of 40 (7.5 %)',), grave=True)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Fault", "faults", "not_looked_for"]

TEXTS = {  # kinds of what happens to texts, in report.json's words: what it is called, and whether it is grave
    "targets_cut": ("Training targets cut to the limit", True),
    "inputs_cut": ("Inputs shortened to the limit", False),
    "answers_unfinished": ("Answers that had not ended at the limit", False),
    "unknown_target_tokens": ("Unknown tokens in targets", True),
    "unknown_input_tokens": ("Unknown tokens in inputs", False),
    "control_strings": ("Control strings in texts, read as plain text", False),
    "empty_columns": ("Empty column texts", False),
}
SHARES = {"targets_cut", "inputs_cut"}  # of the examples; the others count tokens, columns or answers


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault, the places that have it, and whether scores cannot be believed before it is looked into."""

    title: str
    places: tuple[str, ...]
    grave: bool = False


def faults(report: Mapping[str, Any]) -> list[Fault]:
    """Return the faults of a report, the gravest first; one that is grave anywhere is grave, and said there first."""
    found: dict[str, dict[str, bool]] = {}
    for title, place, grave in _found(report):
        found.setdefault(title, {})[place] = grave
    every = [Fault(title, tuple(sorted(places, key=lambda place: not places[place])), any(places.values()))
             for title, places in found.items()]  # fmt: skip
    return sorted(every, key=lambda fault: not fault.grave)


def not_looked_for(report: Mapping[str, Any]) -> list[str]:
    """Return the kinds of faults that this report cannot know of."""
    kinds = {"leaked": "rows to score that are training rows too", "labels": "choices that no training row has",
             "answered": "choices that are never answered"}  # fmt: skip
    return [said for key, said in kinds.items() if key not in report]


def _found(report: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield title, place and gravity of each fault."""
    if report["source"] == "sample":
        place = "scores on the small bundled sample say nothing about the data sets it stands in for"
        yield "SAMPLE DATA", place, True
    for row in report["rows"]:
        if row["unparsed"]:
            place = f"{_name(row)}: {_of(round(row['unparsed'] * row['n'] / 100), row['n'])}"
            yield "Answers that could not be read", place, row["unparsed"] >= 1
    for name, (count, n) in report.get("leaked", {}).items():
        if count:
            yield "Rows to score that are training rows too", f"{name}: {_of(count, n)}", True
    for name, counts in report.get("labels", {}).items():
        for label in (label for label, count in counts.items() if not count):
            yield "Choices that no training row has", f"{name}: {label}", True
    yield from _one_sided(report)
    for kind, (title, grave) in TEXTS.items():
        for name, counts in report.get("texts", {}).items():
            if count := counts.get(kind, 0):
                said = _of(count, counts["examples"]) if kind in SHARES else f"{count:,}"
                yield title, f"{name}: {said}", grave
    yield from _no_better(report)
    for one in report.get("ways", ()):
        if one.get("holm", 1.0) <= 0.05:
            ways = one["first"], one["second"]
            better, worse = ways if one["first_only"] > one["second_only"] else ways[::-1]
            counts = sorted((one["first_only"], one["second_only"]), reverse=True)
            said = f"{better} alone right in {counts[0]:,} rows, {worse} in {counts[1]:,} of {one['n']:,}"
            yield "Ways of answering that are not equally good", f"{one['set']}: {said}", False
    for one in report.get("answered", ()):
        if one["repaired"]:
            place = f"{one['set']} ({one['by']}): {_of(one['repaired'], one['n'])}"
            yield "Answers that were repaired to be read", place, False


def _one_sided(report: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield choices that are gold answers and are never answered, and those that no row to score has."""
    for one in report.get("answered", ()):
        if one["unparsed"] == one["n"]:
            continue  # that is said already
        for i, label in enumerate(one.get("labels", ())):
            gold, said = sum(one["confusion"][i]), sum(line[i] for line in one["confusion"])
            place = f"{one['set']} ({one['by']}): {label}"
            if gold and not said:
                yield "Choices that are never answered", f"{place}, the gold answer of {_of(gold, one['n'])}", True
            if not gold:
                yield "Choices that no row to score has", place, False


def _no_better(report: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield the scores that are not above that of the most frequent answer."""
    base = {(one["task"], one["metric"]): one["value"] for one in report.get("baselines", ())}
    for row in report["rows"]:
        majority = base.get((row["task"], row["metric"]))
        if majority is not None and row["value"] <= majority:
            place = f"{_name(row)}: {row['metric']} {row['value']:.1f}, majority {majority:.1f}"
            yield "No better than always giving the most frequent answer", place, False


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['task']} ({row['by']}, {row['prompt']})"


def _of(count: int, n: int) -> str:
    """Return a count as a share.

    >>> _of(3, 1200), _of(1, 12000)
    ('3 of 1,200 (0.2 %)', '1 of 12,000 (0.0083 %)')
    """
    share = 100 * count / max(n, 1)
    return f"{count:,} of {n:,} ({share:.1f} %)" if share >= 0.1 else f"{count:,} of {n:,} ({share:.2g} %)"

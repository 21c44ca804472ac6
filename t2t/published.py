"""Scores that others published, to stand beside those of a report for orientation.

Floor 2. They stand in ``task_prompts/published.yaml`` with the split they are on and where they are from, and are never
compared by a test: other rows, budgets and evaluations made them.

>>> [one.model for one in published({("glue/rte", "accuracy")}) if one.split == "test"]
['T5-Small, 60 M', 'T5-Base, 220 M']
"""

from __future__ import annotations

import functools
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from t2t import strict_yaml
from t2t.errors import UsageError
from t2t.paths import bundled

__all__ = ["Published", "published"]


@dataclass(frozen=True, slots=True)
class Published:
    """What a source says of a model on a split: percent by task and metric."""

    model: str
    split: str
    source: str
    scores: dict[tuple[str, str], float]


def published(wanted: Set[tuple[str, str]]) -> list[Published]:
    """Return who published one of the wanted scores (task, metric), with those of its scores that are wanted."""
    found = [Published(one.model, one.split, one.source, {k: v for k, v in one.scores.items() if k in wanted})
             for one in _read(bundled("task_prompts") / "published.yaml")]  # fmt: skip
    return [one for one in found if one.scores]


@functools.cache
def _read(path: Path) -> tuple[Published, ...]:
    doc = strict_yaml.read(path)
    found = []
    for i, raw in enumerate(doc.check_keys((), doc.data, ("figures",))["figures"]):
        one = doc.check_keys(("figures", str(i)), raw, ("model", "split", "source", "scores"))
        scores = {(task, metric): float(value) for task, by in one["scores"].items() for metric, value in by.items()}
        if not all(-100 <= value <= 100 for value in scores.values()):
            raise UsageError(f"scores of {one['model']} are not percent", where=doc.file, code="C01")
        found.append(Published(one["model"], one["split"], one["source"], scores))
    return tuple(found)

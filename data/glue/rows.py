"""Collecting rows into splits: quotas per label, no repeats, nothing shared between splits.

A task gives a function ``make(rng, label)`` that returns the text columns and the label value of
one fresh row.  ``collect`` calls it until every split has its quota of every label.  Worked
example: ``collect(rng, {"validation": {0: 60, 1: 60}}, make)`` gives 120 rows in random order,
whose sentences occur in no other split of the task.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from random import Random

Value = int | float
Made = tuple[tuple[str, ...], Value]
Make = Callable[[Random, Hashable], Made]
Split = list[Made]

PATIENCE = 2000  # tries for one row before the grammar is declared too small for its quota


def folded(text: str) -> str:
    """The form in which texts are compared: case folded, white space collapsed."""
    return " ".join(text.casefold().split())


def balanced(labels: tuple[Hashable, ...], count: int) -> dict[Hashable, int]:
    """Equal quotas."""
    return {label: count // len(labels) for label in labels}


def collect(
    rng: Random,
    quotas: Mapping[str, Mapping[Hashable, int]],
    make: Make | Mapping[str, Make],
) -> dict[str, Split]:
    """Fill the splits in the order given, each with a shuffled run of its labels.

    ``make`` may be one function or one per split.  A row is dropped when it repeats a row of its
    split, or when one of its sentences stands in another split.
    """
    owner: dict[str, str] = {}
    splits: dict[str, Split] = {}
    for split, quota in quotas.items():
        maker = make[split] if isinstance(make, Mapping) else make
        labels = [label for label, count in quota.items() for _ in range(count)]
        rng.shuffle(labels)
        seen: set[tuple[str, ...]] = set()
        splits[split] = []
        for label in labels:
            texts, value = fresh(rng, maker, label, split, owner, seen)
            seen.add(tuple(map(folded, texts)))
            owner.update((folded(text), split) for text in texts)
            splits[split].append((texts, value))
    return splits


def fresh(
    rng: Random,
    make: Make,
    label: Hashable,
    split: str,
    owner: Mapping[str, str],
    seen: set[tuple[str, ...]],
) -> Made:
    """One row that is new to its split and whose sentences belong to no other."""
    for _ in range(PATIENCE):
        texts, value = make(rng, label)
        keys = tuple(map(folded, texts))
        strangers = any(owner.get(key, split) != split for key in keys)
        if keys not in seen and len(set(keys)) == len(keys) and not strangers:
            return texts, value
    raise RuntimeError(f"no fresh row for {split} with label {label!r} in {PATIENCE} tries")

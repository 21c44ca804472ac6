"""How scores spread over seeds: runs whose settings are the same but for the seed, taken together.

Floor 6. An interval of a score says what other rows might have given; this says what another seed gave (Reimers and
Gurevych 2017, "Reporting Score Distributions Makes a Difference"): a difference between two runs that is no larger than
the spread of either says little, whatever the test of their rows.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from t2t.config import Config
from t2t.runs import read_config

__all__ = ["OverSeeds", "over_seeds", "same_but_for_the_seed"]

Scored = tuple[str, str, str, str, float]  # run, task, metric, how the answers were given, percent


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """A score of ``runs``, one a seed: percent; ``sd`` is the sample standard deviation."""

    runs: tuple[str, ...]
    task: str
    metric: str
    by: str
    mean: float
    low: float
    high: float
    sd: float


def same_but_for_the_seed(folders: Mapping[str, Path]) -> list[tuple[str, ...]]:
    """Return the runs, by name, that differ in their seed alone, two or more together; a seed counts once.

    What decides nothing of a score (its folder, when it is logged and saved) may differ, too.
    """
    alike: dict[Config, dict[int, str]] = {}
    for name, folder in folders.items():
        if (folder / "run.yaml").is_file():
            config = read_config(folder)
            settings = replace(config, seed=0, out=None, track=(), log_every=1, save_every=0, keep=1)
            alike.setdefault(settings, {}).setdefault(config.seed, name)
    return [tuple(names.values()) for names in alike.values() if len(names) > 1]


def over_seeds(groups: Sequence[tuple[str, ...]], scores: Iterable[Scored]) -> list[OverSeeds]:
    """Return the spread of each score that every run of a group has, a group after the other."""
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    for run, task, metric, by, value in scores:
        values.setdefault((task, metric, by), {})[run] = value
    found = []
    for runs in groups:
        for (task, metric, by), scored in values.items():
            if scored.keys() >= set(runs):
                mine = [scored[run] for run in runs]
                mean, sd = statistics.fmean(mine), statistics.stdev(mine)
                found.append(OverSeeds(runs, task, metric, by, mean, min(mine), max(mine), sd))
    return found

"""What it takes to score every pair of n texts: a model that reads two texts at once, and one that reads each alone.

Floor 5. A cross-encoder has n (n − 1) / 2 pairs to read, a bi-encoder n texts, and the cosines of all pairs. Speeds are
measured on rows of the evaluation, from text to answer; the seconds for n follow from them.

>>> {n: round(seconds) for n, seconds in seconds_for(pairs=100.0).items()}
{'100': 50, '1000': 4995, '10000': 499950}
>>> {n: round(seconds) for n, seconds in seconds_for(texts=100.0, cosines=1e6).items()}
{'100': 1, '1000': 10, '10000': 150}
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from t2t.examples import Examples
from t2t.models import Model
from t2t.models.layout import column_texts
from t2t.sets import Sets
from t2t.types import Example

__all__ = ["pair_costs", "seconds_for"]

FAMILIES = ("encoder", "bi_encoder")  # whose users choose between the two
COUNTS = (100, 1_000, 10_000)
ROWS = 100  # of a task that are timed
BLOCK = 1_000  # vectors whose cosines are timed


def pair_costs(model: Model, sets: Sets) -> list[dict[str, Any]]:
    """Return for each task over two texts how fast they are read, and the seconds that all pairs of n texts take.

    ``reads`` is ``each alone`` (``per_second`` are texts) or ``both at once`` (pairs). Only encoders are timed.
    """
    found = {egs.task.name: egs for egs in sets.score.values() if model.family in FAMILIES and _compares(egs)}
    return [_cost(model, egs) for egs in found.values()]


def _compares(egs: Examples) -> bool:
    """Whether a task asks one question of two texts."""
    asks = egs.task.answer in ("choice", "number") and not egs.prompts[0].per_row
    return asks and len(column_texts(egs[0])) == 2


def _cost(model: Model, egs: Examples) -> dict[str, Any]:
    # Under other names, so that nothing that is remembered of these rows is taken for the work itself.
    some = [replace(eg, uid=f"{eg.uid} timed") for eg in egs[:: -(-len(egs) // ROWS)]]
    embed: Callable[[list[Example]], list[np.ndarray]] | None = getattr(model, "embed", None)
    started = time.perf_counter()
    if embed is None:
        model.write(some)
        speed = len(some) / (time.perf_counter() - started)
        return {"task": egs.task.name, "reads": "both at once", "per_second": speed, "rows": len(some),
                "seconds": seconds_for(pairs=speed)}  # fmt: skip
    vectors = embed(some)
    speed = 2 * len(some) / (time.perf_counter() - started)
    return {"task": egs.task.name, "reads": "each alone", "per_second": speed, "rows": len(some),
            "seconds": seconds_for(texts=speed, cosines=_cosines_a_second(vectors[0].shape[-1]))}  # fmt: skip


def _cosines_a_second(size: int) -> float:
    """Return how many cosines of vectors of a size are computed a second, in fp32 and in blocks."""
    vectors_BH = np.random.default_rng(0).standard_normal((BLOCK, size), dtype=np.float32)
    vectors_BH /= np.linalg.norm(vectors_BH, axis=1, keepdims=True)
    started = time.perf_counter()
    vectors_BH @ vectors_BH.T
    return BLOCK**2 / (time.perf_counter() - started)


def seconds_for(*, pairs: float = 0.0, texts: float = 0.0, cosines: float = 0.0) -> dict[str, float]:
    """Return the seconds that all pairs of n texts take, by n: at so many pairs, or texts and cosines, a second."""
    every = {n: n * (n - 1) / 2 for n in COUNTS}
    return {str(n): both / pairs if pairs else n / texts + both / cosines for n, both in every.items()}

"""A metric of Hugging Face's ``evaluate`` from a file of the user's own, over answers that were given before.

Floor 6. Such a metric is code. So it is run only where its file is named on the command line, never by a name that is
looked up on the hub and never by a task file, and ``evaluate`` is kept from fetching anything.

It is given texts, numbers of choices, numbers or tags, as its ``features`` ask for; rows are resampled for the interval
by computing it anew, so that any function of all rows has one.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from t2t.errors import UsageError, visible
from t2t.predict import prediction_files, read_predictions, way_of
from t2t.runs import read_json, write_json
from t2t.types import Prediction

__all__ = ["add"]

PREFIX = "evaluate:"
RESAMPLES = 100
KINDS = {"string": "str", "int": "int", "uint": "int", "float": "float"}
UNREAD = -1  # the number of a choice that could not be read: that of no choice


def add(folder: Path, spec: str, *, seed: int = 0) -> list[dict[str, Any]]:
    """Measure the answers of a run or an evaluation by ``evaluate:FILE`` and note it under ``evaluate`` in report.json.

    Return a row for each set and figure: task, by, metric, value, low, high, n, unparsed (percent). Values are on the
    metric's own scale. Raise ``UsageError`` for what is no metric's file, or answers that it does not take.
    """
    metric, report = _load(spec), read_json(folder / "report.json")
    rows = []
    for path in prediction_files(folder, str(report.get("split"))):
        preds = [pred for pred in read_predictions(path) if pred.gold is not None]
        if preds:
            rows += _measured(metric, spec, way_of(path)[1], preds, seed)
    if not rows:
        raise UsageError("there are no scored answers", where=str(folder), fix="`t2t eval` it first.")
    others = [row for row in report.get("evaluate", ()) if row["metric"].rpartition("/")[0] != spec]
    write_json(folder / "report.json", {**report, "evaluate": [*others, *rows]})
    return rows


def _load(spec: str) -> Any:
    """Return the metric of a file that the user named."""
    path = Path(spec.removeprefix(PREFIX))
    if not spec.startswith(PREFIX) or path.suffix != ".py" or not path.is_file():
        raise UsageError(
            f"{visible(spec)} is not {PREFIX}FILE.py", where="--metric",
            fix="What `t2t ls metrics` lists is scored anyway. A metric of github.com/huggingface/evaluate is code: "
            "copy its file, look at it, and name the copy.",
        )  # fmt: skip
    os.environ["HF_EVALUATE_OFFLINE"] = "1"
    with contextlib.redirect_stdout(io.StringIO()), _bearing(spec):
        import evaluate

        return evaluate.load(str(path), keep_in_memory=True)


@contextlib.contextmanager
def _bearing(spec: str) -> Iterator[None]:
    """Raise whatever a metric raises as a ``UsageError`` that names it: its code is the user's."""
    try:
        yield
    except Exception as error:
        raise UsageError(f"the metric failed: {type(error).__name__}: {visible(error)}", where=spec,
                         fix="Mend its file, or give one for answers of this kind.") from None  # fmt: skip


def _measured(metric: Any, spec: str, by: str, preds: Sequence[Prediction], seed: int) -> list[dict[str, Any]]:
    """Return the figures of one set, each with a bootstrap interval over rows, or over the groups of rows.

    A draw for which a figure is no finite number is left out of its interval.
    """
    said, golds = _taken(metric, preds)

    def of(rows: Sequence[int]) -> dict[str, float]:
        with _bearing(spec):
            found = metric.compute(predictions=[said[i] for i in rows], references=[golds[i] for i in rows])
            numbers = {
                name: float(value) for name, value in found.items() if isinstance(value, (int, float, np.number))
            }
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    whole = of(range(len(preds)))
    if not whole:
        raise UsageError(f"it gives no finite number for {preds[0].task}", where=spec,
                         fix="A metric returns numbers by name.")  # fmt: skip
    order = sorted(range(len(preds)), key=lambda i: preds[i].group)
    units = [list(some) for _, some in groupby(order, key=lambda i: preds[i].group or i)]
    rng = np.random.Generator(np.random.Philox(seed))
    drawn = (rng.integers(len(units), size=len(units)) for _ in range(RESAMPLES))
    draws = [of([i for unit in some for i in units[unit]]) for some in drawn]
    bounds = {name: np.percentile([draw[name] for draw in draws if name in draw] or value, [2.5, 97.5])
              for name, value in whole.items()}  # fmt: skip
    unread = 100 * sum(pred.unparsed for pred in preds) / len(preds)
    return [
        {"task": preds[0].task, "by": by, "prompt": preds[0].prompt, "metric": f"{spec}/{figure}", "value": value,
         "low": min(value, float(bounds[figure][0])), "high": max(value, float(bounds[figure][1])), "n": len(preds),
         "unparsed": unread}
        for figure, value in whole.items()
    ]  # fmt: skip


def _taken(metric: Any, preds: Sequence[Prediction]) -> tuple[list[Any], list[Any]]:
    """Return answers and gold answers as a metric takes them. Raise ``UsageError`` where it takes others."""
    kinds = metric.features if isinstance(metric.features, list) else [metric.features]
    for kind in kinds:
        if {"predictions", "references"} <= set(kind):
            asked = tuple(_asked(kind[name]) for name in ("predictions", "references"))
            if found := _as(asked, preds):
                return found
    wanted = visible(" or ".join(str({k: _asked(v) for k, v in kind.items()}) for kind in kinds), 300)
    raise UsageError(f"{metric.name} takes {wanted}, and the answers to {preds[0].task} are none such, or some "
                     "could not be read", where="--metric", fix="Give a metric for answers of this kind.")  # fmt: skip


def _asked(feature: Any) -> str:
    """Return what one column of a metric holds: str, int, float, or several of these."""
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return f"{_asked(inner)}s"
    dtype = str(getattr(feature, "dtype", ""))
    return next((kind for name, kind in KINDS.items() if dtype.startswith(name)), dtype)


def _as(asked: tuple[str, ...], preds: Sequence[Prediction]) -> tuple[list[Any], list[Any]] | None:
    """Return answers and gold answers as these two kinds; None where they are not of them."""
    gold = preds[0].gold
    read = not any(pred.unparsed for pred in preds)
    if asked == ("strs", "strs") and preds[0].words and read:
        return [list(pred.answer) for pred in preds], [list(pred.gold) for pred in preds]
    several = isinstance(gold, (list, tuple)) and not preds[0].words
    if asked == ("str", "strs"):
        return [pred.text for pred in preds], [list(pred.gold) if several else [pred.target] for pred in preds]
    if asked == ("str", "str") and not (several and any(len(pred.gold) > 1 for pred in preds)):
        return [pred.text for pred in preds], [pred.gold[0] if several else pred.target for pred in preds]
    if asked[0] == asked[1] and asked[0] in ("int", "float") and isinstance(gold, int):
        return [UNREAD if pred.answer is None else pred.answer for pred in preds], [pred.gold for pred in preds]
    if asked == ("float", "float") and isinstance(gold, float) and read:
        return [pred.answer for pred in preds], [pred.gold for pred in preds]
    return None

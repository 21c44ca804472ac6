"""The page of a comparison: what each run costs and scores, how they differ, and the rows on which they disagree.

Floor 6. ``compare.html`` needs no other file and no network, as report.html (`t2t.page`); ``compare.md`` has the same
tables, ``compare.json`` every number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from t2t import plots
from t2t.compare import (
    Comparison,
    Disagreement,
    average_rows,
    compared,
    difference_rows,
    disagreements,
    margin,
    opened,
    run_rows,
    score_blocks,
    seed_rows,
    text_rows,
)
from t2t.errors import visible
from t2t.page import MOST_CHARS, MOST_ROWS, rendered, row_of
from t2t.report import escaped, markdown_table
from t2t.runs import write_text

__all__ = ["write"]

WIDE = 10_000  # characters: a page scrolls where a terminal would begin a new block
COSTS = {"parameters": "parameters", "train_tokens": "tokens trained on", "train_seconds": "seconds of training",
         "examples_per_second": "examples answered a second", "peak_memory_mb": "peak memory in MB"}  # fmt: skip


def write(runs: Sequence[str | Path], folder: Path, *, split: str = "validation") -> tuple[Comparison, list[Path]]:
    """Compare runs and write compare.html, compare.md and compare.json to ``folder``; return what was written."""
    read = opened(runs, split=split)
    found = compared(read, split=split)
    tables = [(title, cells) for title, cells in _tables(found) if cells]
    blocks = _blocks(disagreements(read))
    pages = {
        "compare.html": rendered("compare.html.jinja", blocks, c=found, tables=tables, forest=_forest(found),
                                 trades=_trades(found)),
        "compare.md": _markdown(found, tables),
        "compare.json": json.dumps(asdict(found), indent=1) + "\n",
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        write_text(folder / name, text)
    return found, [folder / name for name in pages]


def _tables(found: Comparison) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the tables of a comparison with their titles."""
    first = found.runs[0].run
    yield "Runs: what each costs and scores", run_rows(found)
    yield f"Averages, against that of {first}", average_rows(found)
    for block in score_blocks(found, width=WIDE):
        yield "Scores by run, with 95 % intervals", block
    yield "Spread over seeds: runs that differ in nothing else", seed_rows(found)
    yield "Loss on plain text by run", text_rows(found)
    yield f"Differences to {first}, row by row", difference_rows(found)


def _markdown(found: Comparison, tables: Sequence[tuple[str, list[dict[str, str]]]]) -> str:
    """Return compare.md."""
    lines = [f"# {' / '.join(escaped(run.run) for run in found.runs)}", "", f"Split {escaped(found.split)}."]
    lines += ["", *(f"- {escaped(note)}" for note in found.notes)] if found.notes else []
    for title, cells in tables:
        lines += ["", f"## {escaped(title)}", "", *markdown_table(cells)]
    return "\n".join(lines) + "\n"


def _trades(found: Comparison) -> list[tuple[str, dict[str, Any]]]:
    """Return a plot of the averages against each cost that differs; none where averages are over different tasks."""
    if len({run.averaged for run in found.runs if run.average is not None}) != 1:
        return []
    plotted = []
    for cost, said in COSTS.items():
        points = [
            (float(value), run.average, margin(found, run), str(number))
            for number, run in enumerate(found.runs, 1)
            if (value := getattr(run, cost)) and run.average is not None
        ]
        if len({x for x, *_ in points}) > 1:
            plotted.append((said, plots.scatter(points)))
    return plotted


def _forest(found: Comparison) -> list[dict[str, Any]]:
    """Return the differences as bars about the middle of a box that is 100 wide; ``sure``: beyond chance after Holm."""
    far = max([1.0, *(max(abs(one.low), abs(one.high)) for one in found.differences)])
    place: Callable[[float], float] = lambda value: round(50 + 48 * value / far, 2)  # noqa: E731
    return [
        {"at": place(one.difference), "low": place(one.low), "width": round(place(one.high) - place(one.low), 2),
         "sure": one.holm < 0.05, "cells": cells}
        for one, cells in zip(found.differences, difference_rows(found), strict=True)
    ]  # fmt: skip


def _blocks(found: Iterator[Disagreement]) -> list[dict[str, Any]]:
    """Return for each task the rows on which runs disagree, as the browser's script takes them."""
    blocks, left = [], MOST_CHARS
    for one in found:
        rows: list[list[Any]] = []
        for preds in one.rows[:MOST_ROWS]:
            row, *others = map(row_of, preds)
            rows.append([*row[:8], [], None, [[text, flags] for _, _, text, _, _, flags, *_ in others]])
            left -= sum(len(cell) for cell in row[:4])
            if left < 0:
                break
        more = f" The first {len(rows):,} of them are here." if len(rows) < len(one.rows) else ""
        share = f"The runs disagree on {len(one.rows):,} of {one.n:,} rows.{more}"
        blocks.append({"set": visible(one.task), "by": one.by, "kind": "runs", "kinds": [], "bounds": share,
                       "runs": [visible(run) for run in one.runs], "rows": rows})  # fmt: skip
    return [block for block in blocks if block["rows"]]

"""The tables: medians over rounds, ratios with their spread, and what was wrong with a measurement.

Floor 6. A ratio is taken within a round, between measurements of the same minutes, and only then are rounds summed up.

>>> ratios([2.0, 3.0, 8.0], [1.0, 1.0, 2.0])
(3.0, 2.0, 4.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from t2t.bench.machine import DISTURBED

__all__ = ["markdown", "ratios", "rows", "title"]

Rounds = Sequence[Mapping[str, Any]]


def ratios(values: Sequence[float], first: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the least and the greatest of the ratios of ``values`` to ``first``, round by round."""
    found = [a / b for a, b in zip(values, first, strict=False)]
    return median(found), min(found), max(found)


def rows(case: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return one row a contestant of a case, as texts."""
    first: Rounds = next(iter(case["contestants"].values()))["rounds"]
    return [_row(name, entry, first, case["by"]) for name, entry in case["contestants"].items()]


def _row(name: str, entry: Mapping[str, Any], first: Rounds, by: str) -> dict[str, str]:
    rounds: Rounds = entry["rounds"]
    if not rounds:
        return {"contestant": name} | dict.fromkeys(_columns(by), "–") | {"note": entry["missing"]}
    cells = {column: cell(rounds) for column, cell in _columns(by).items()}
    if first:
        middle, low, high = ratios([one[by] for one in rounds], [one[by] for one in first])
        cells["ratio"] = f"{middle:.2f} ({low:.2f}–{high:.2f})"
    notes = [entry["missing"], _same(rounds, first), _disturbed(rounds)]
    return {"contestant": name, **cells, "note": "; ".join(filter(None, notes))}


def _columns(by: str) -> dict[str, Any]:
    """Return what makes each cell of a row from its rounds, by column."""
    if by == "seconds":
        speeds = {"seconds": lambda rounds: f"{_median(rounds, 'seconds'):.3f}", "ratio": lambda rounds: "–"}
    else:
        speeds = {
            "tok/s": lambda rounds: f"{_median(rounds, 'tokens_per_second'):,.0f}",
            "ex/s": lambda rounds: f"{_median(rounds, 'examples_per_second'):,.1f}",
            "ratio": lambda rounds: "–",
            "GFLOP/s": lambda rounds: f"{_median(rounds, 'gflops'):,.1f}" if rounds[0]["gflops"] else "–",
            "of its peak": lambda rounds: _share(rounds, None),
            "of bf16's": lambda rounds: _share(rounds, "bf16"),
        }
    return {**speeds, "MB": lambda rounds: f"{_median(rounds, 'memory_mb'):,.0f}" if rounds[0]["memory_mb"] else "–"}


def _median(rounds: Rounds, key: str) -> float:
    return median(one[key] for one in rounds)


def _share(rounds: Rounds, dtype: str | None) -> str:
    """Return the useful work as a share of the peak measured around it, of its own dtype or another."""
    dtype = dtype or rounds[0]["dtype"]
    if not rounds[0]["gflops"] or dtype not in rounds[0]["peaks"]:
        return "–"
    return f"{100 * median(one['gflops'] / one['peaks'][dtype] for one in rounds):.1f} %"


def _same(rounds: Rounds, first: Rounds) -> str:
    """Return how many answers are those of the first contestant, and how many different ones there are."""
    if not (first and "answers" in rounds[0] and "answers" in first[0]):
        return ""
    said, wanted = rounds[0]["answers"], first[0]["answers"]
    same = sum(a == b for a, b in zip(said, wanted, strict=True))
    return f"{same} of {len(wanted)} answers the same, {len(set(said))} different ones"


def _disturbed(rounds: Rounds) -> str:
    """Return which rounds (from 1) others took time from, and at most how much."""
    taken = {i: one["others"] for i, one in enumerate(rounds, start=1) if (one["others"] or 0) > DISTURBED}
    if not taken:
        return ""
    numbers = ", ".join(map(str, taken))
    return f"DISTURBED in round {numbers}: others took up to {100 * max(taken.values()):.0f} % of the CPUs"


def markdown(found: Mapping[str, Any]) -> str:
    """Return everything as Markdown: the machine, how it was measured, a table a case."""
    machine, how = found["machine"], found["options"]
    packages = ", ".join(f"{name} {machine['packages'][name]}" for name in ("torch", "transformers"))
    lines = [
        f"{machine['cpu']} ({', '.join(machine['flags'])}), {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"device {machine['device']}; t2t {machine['t2t']} at {machine['git_commit']}, {packages}.",
        f"Rounds: {how['rounds']} of {how['seconds']:g} s in turn, source {how['source']}; medians, ratios as median "
        f"(lowest–highest). {_peaks(found)}",
    ]
    for name, case in found["cases"].items():
        lines += ["", f"## {title(name, case)}", "", *_table(rows(case)), *_shares(case)]
    return "\n".join(lines) + "\n"


def title(name: str, case: Mapping[str, Any]) -> str:
    """Return what a case is, and the model it is measured with."""
    return f"{name}: {case['about']}" + (f", model {case['model']}" if case["model"] else "")


def _table(cells: Sequence[Mapping[str, str]]) -> list[str]:
    head = list(cells[0])
    ruler = ["---" if name in ("contestant", "note") else "---:" for name in head]
    lines = (head, ruler, *([value.replace("|", "\\|") for value in row.values()] for row in cells))
    return [f"| {' | '.join(line)} |" for line in lines]


def _shares(case: Mapping[str, Any]) -> list[str]:
    """Return a line on how long the rows were."""
    seen = [one for entry in case["contestants"].values() for one in entry["rounds"] if "examples" in one]
    if not seen:
        return []
    examples = sum(one["examples"] for one in seen)
    inputs, targets = (sum(one[key] for one in seen) / examples for key in ("input_tokens", "target_tokens"))
    return ["", f"Tokens an example: {inputs:.1f} in, {targets:.1f} out."]


def _peaks(found: Mapping[str, Any]) -> str:
    """Return the range of the matrix-product peaks measured in the run."""
    measured = [
        one
        for case in found["cases"].values()
        for entry in case["contestants"].values()
        for one in entry["rounds"]
    ]  # fmt: skip
    said = []
    for dtype in measured[0]["peaks"] if measured else ():
        values = [one[when][dtype] for one in measured for when in ("peaks_before", "peaks_after")]
        said.append(f"{dtype} {median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})")
    return f"Matrix-product peak in GFLOP/s: {', '.join(said)}." if said else ""

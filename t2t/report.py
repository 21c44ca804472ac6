"""Reports a person reads: report.md and one self-contained report.html, made from a run folder's files.

Floor 6. Nothing is computed here that is not in report.json or metrics.jsonl; everything a model or a data set wrote
is escaped, and the page loads nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from t2t.errors import UsageError, visible
from t2t.predict import read_predictions
from t2t.runs import write_text

__all__ = [
    "held_out_table",
    "markdown_table",
    "model_card",
    "pair_table",
    "prompt_table",
    "read",
    "render",
    "repair_table",
    "signatures",
    "table",
]

WRONG_SHOWN = 12


def read(folder: Path) -> dict[str, Any]:
    """Return report.json of a run. Raise ``UsageError`` if there is none yet."""
    path = folder / "report.json"
    if not path.is_file():
        raise UsageError(
            "there is no report.json", where=str(folder), fix="Finish the run with `t2t resume`, or `t2t eval` it."
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def render(folder: Path) -> list[Path]:
    """Write report.md, report.html and, beside a model, its card README.md. Return their paths."""
    report = read(folder)
    pages = {
        "report.md": markdown(report),
        "report.html": html(report, _curve(folder), _wrong(folder, report["split"])),
    }
    if (folder / "model").is_dir():
        pages["README.md"] = model_card(report)
    for name, text in pages.items():
        write_text(folder / name, text)
    return [folder / name for name in pages]


def table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return the score table as text cells, one row a score."""
    base = {(b["task"], b["metric"]): b["value"] for b in report.get("baselines", ())}
    rows = []
    for row in report["rows"]:
        majority = base.get((row["task"], row["metric"]))
        rows.append(
            {
                "task": row["task"],
                "metric": row["metric"],
                "by": row["by"],
                "value": f"{row['value']:.2f}",
                "interval": f"[{row['low']:.1f}, {row['high']:.1f}]",
                "majority": "–" if majority is None else f"{majority:.2f}",
                "n": f"{row['n']:,}",
                "unparsed": f"{row['unparsed']:.1f} %",
                "prompt": f"{row['prompt']}@{row['prompt_hash']}",
            }
        )
    return rows


def prompt_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return how scores differ between prompts, one row a task and metric, as text cells."""
    return [
        {
            "task": one["task"],
            "metric": one["metric"],
            "by": one["by"],
            "prompts": str(one["prompts"]),
            "mean": f"{one['mean']:.2f}",
            "lowest": f"{one['low']:.2f}",
            "highest": f"{one['high']:.2f}",
            "sd": f"{one['sd']:.2f}",
        }
        for one in report.get("spread", ())
    ]


def repair_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return how many repairs of each kind the answers took, one row a task and kind, as text cells."""
    return [
        {"task": task, "repair": kind, "count": f"{count:,}"}
        for task, counts in report.get("repairs", {}).items()
        for kind, count in counts.items()
    ]


def held_out_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return how well plain text is restored, one row a corpus, as text cells; perplexity where it was asked for."""
    found = report.get("held_out", {})
    figures = [("nats a token", "nats_per_token", 4), ("bits a byte", "bits_per_byte", 4)]
    if any("perplexity" in one for one in found.values()):
        figures.append(("perplexity", "perplexity", 2))
    return [
        {
            "text": name,
            **{title: _figure(one, key, digits) for title, key, digits in figures},
            "stretches": _counted(one.get("stretches")),
            "tokens": _counted(one.get("tokens")),
        }
        for name, one in found.items()
    ]


def _figure(one: Mapping[str, Any], key: str, digits: int) -> str:
    """Return a figure with its interval; reports of old have none."""
    if key not in one:
        return "–"
    bounds = one.get(f"{key}_interval")
    return f"{one[key]:.{digits}f}" + (f" [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]" if bounds else "")


def _counted(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def signatures(report: dict[str, Any]) -> list[str]:
    """Return how each figure of a report was made: those of scores, then those of plain text."""
    texts = (one.get("signature") for one in report.get("held_out", {}).values())
    return [*(row["signature"] for row in report["rows"]), *filter(None, texts)]


def pair_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return what it takes to score every pair of n texts, one row a task, as text cells."""
    return [
        {
            "task": one["task"],
            "texts are read": one["reads"],
            "a second": f"{one['per_second']:,.0f} {'texts' if one['reads'] == 'each alone' else 'pairs'}",
            **{f"n = {int(n):,}": _duration(seconds) for n, seconds in one["seconds"].items()},
        }
        for one in report.get("pairs", ())
    ]


def _duration(seconds: float) -> str:
    """Return a time to two figures, or to the unit.

    >>> _duration(0.0341), _duration(4000), _duration(1e7)
    ('0.034 s', '67 min', '2,778 h')
    """
    unit, size = ("s", 1) if seconds < 100 else ("min", 60) if seconds < 6000 else ("h", 3600)
    value = seconds / size
    return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"


def _cell(text: str) -> str:
    """Escape a Markdown table cell: neither markup nor HTML is left."""
    for mark in "\\`*_[]|!#":
        text = text.replace(mark, f"\\{mark}")
    return visible(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), 2000)


def markdown_table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return rows of text cells as the lines of a Markdown table, everything in them escaped."""
    head = [f"| {' | '.join(map(_cell, rows[0]))} |", f"|{'---|' * len(rows[0])}"]
    return [*head, *(f"| {' | '.join(map(_cell, row.values()))} |" for row in rows)]


def markdown(report: dict[str, Any]) -> str:
    """Return report.md."""
    names = ["task", "metric", "by", "value", "interval", "majority", "n", "unparsed", "prompt"]
    lines = [f"# {_cell(report['run'])}", ""]
    if report["source"] == "sample":
        lines += ["**SAMPLE DATA**: scores on the bundled sample say nothing about the data sets.", ""]
    rows = table(report)
    lines += markdown_table([{name: row[name] for name in names} for row in rows]) if rows else ["Nothing was scored."]
    if report["average"]:
        lines += ["", f"Average: **{report['average']['value']:.2f}** over {len(report['average']['tasks'])} tasks."]
    lines += [
        "",
        "Values are percent; intervals are 95 % bootstrap over rows (or groups of rows); majority is the score of",
    ]
    lines += ["always giving the most frequent gold answer.", "", "## Cost", ""]
    lines += [f"- {_cell(name.replace('_', ' '))}: {value:,}" for name, value in report["cost"].items()]
    for title, rows in _more(report):
        if rows:
            lines += ["", f"## {title}", "", *markdown_table(rows)]
    if report.get("mixture"):
        lines += ["", "## Mixture", "", "| task | examples | drawn | share | epochs |", "|---|---|---|---|---|"]
        lines += [
            f"| {_cell(name)} | {m['examples']:,} | {m['drawn']:,} | {m['share_percent']:.1f} % | {m['epochs']:.2f} |"
            for name, m in report["mixture"].items()
        ]
    lines += ["", "## Notes", "", *(f"- {_cell(note)}" for note in report["notes"])]
    lines += ["", "## Signatures", "", f"- run: `{report['signature']}`"]
    lines += [f"- `{signature}`" for signature in signatures(report)]
    return "\n".join(lines) + "\n"


def _more(report: dict[str, Any]) -> list[tuple[str, list[dict[str, str]]]]:
    """Return the tables that stand below the scores, with their titles; those without rows are not shown."""
    return [
        ("Loss on plain text", held_out_table(report)),
        ("Spread over prompts", prompt_table(report)),
        ("Repaired answers", repair_table(report)),
        ("Scoring every pair of n texts", pair_table(report)),
    ]


def model_card(report: dict[str, Any]) -> str:
    """Return the model card with the hub's metadata, by huggingface_hub's own classes."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text2text-generation",
            dataset_type=row["task"],
            dataset_name=row["task"],
            dataset_split=report["split"],
            metric_type=row["metric"],
            metric_value=round(row["value"], 2),
        )
        for row in report["rows"]
    ]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text2text-generation",
        tags=["t2t"],
        model_name=report["run"],
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{markdown(report)}"


def _curve(folder: Path) -> list[tuple[int, float]]:
    """Return (step, loss) from metrics.jsonl, at most 400 points."""
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return []
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    points = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    return [*points[: -1 : max(1, len(points) // 400)], *points[-1:]]


def _wrong(folder: Path, split: str) -> dict[str, list[dict[str, str]]]:
    """Return the first wrong answers of each task; a report of a later evaluation stands beside its predictions."""
    found = {}
    beside = folder.glob("*.predictions.jsonl")
    for path in sorted([*beside, *(folder / "eval" / split).glob("*.predictions.jsonl")]):
        preds = list(islice((p for p in read_predictions(path) if p.answer != p.gold), WRONG_SHOWN))
        if preds:
            found[path.name.removesuffix(".predictions.jsonl")] = [
                {
                    "input": visible(p.input, 400),
                    "text": visible(p.text) + (" (unparsed)" if p.unparsed else ""),
                    "target": visible(p.target),
                }
                for p in preds
            ]
    return found


def html(report: dict[str, Any], curve: list[tuple[int, float]], wrong: dict[str, list[dict[str, str]]]) -> str:
    """Return report.html: every value is escaped, the content-security policy allows no script and no request."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("t2t", "."),
        autoescape=True,
        finalize=lambda value: visible(value, len(value)) if isinstance(value, str) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.jinja")
    more = _more(report)
    return page.render(
        r=report, rows=table(report), bars=_bars(report), path=_path(curve), curve=curve, wrong=wrong, more=more,
        signatures=signatures(report),
    )  # fmt: skip


def _bars(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores as positions in percent of the bar's width, negative values at 0."""
    base = {(b["task"], b["metric"]): b["value"] for b in report.get("baselines", ())}

    def place(value: float) -> float:
        return round(min(max(value, 0.0), 100.0), 2)

    bars = []
    for row in report["rows"]:
        low, high = place(row["low"]), place(row["high"])
        majority = base.get((row["task"], row["metric"]))
        mark = None if majority is None else place(majority)
        bars.append({"value": place(row["value"]), "low": low, "width": round(high - low, 2), "mark": mark})
    return bars


def _path(curve: list[tuple[int, float]]) -> str:
    """Return the loss curve, the loss on a logarithmic scale, as an SVG path in a box of 600 x 160."""
    if len(curve) < 2:
        return ""
    steps, losses = [s for s, _ in curve], [math.log(max(v, 1e-6)) for _, v in curve]
    wide, low = max(steps[-1] - steps[0], 1), min(losses)
    high = max(max(losses) - low, 1e-9)
    points = [
        f"{600 * (s - steps[0]) / wide:.1f},{155 - 145 * (v - low) / high:.1f}"
        for s, v in zip(steps, losses, strict=True)
    ]
    return "M" + " L".join(points)

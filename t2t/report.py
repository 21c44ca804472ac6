"""Reports a person reads: report.md and one self-contained report.html, made from a run folder's files.

Floor 6. Nothing is computed here that is not in report.json; everything a model or a data set wrote is escaped. The
page itself is made by `t2t.page`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t2t.card import model_card
from t2t.errors import UsageError, visible
from t2t.faults import faults
from t2t.page import html
from t2t.published import Published, published
from t2t.runs import read_json, write_text

__all__ = [
    "escaped",
    "held_out_table",
    "markdown_table",
    "mixture_table",
    "pair_table",
    "prompt_table",
    "published_table",
    "read",
    "render",
    "repair_table",
    "signatures",
    "table",
    "text_table",
    "way_table",
]


def read(folder: Path) -> dict[str, Any]:
    """Return report.json of a run. Raise ``UsageError`` if there is none yet."""
    path = folder / "report.json"
    if not path.is_file():
        raise UsageError(
            "there is no report.json", where=str(folder), fix="Finish the run with `t2t resume`, or `t2t eval` it."
        )
    found: dict[str, Any] = read_json(path)
    return found


def render(folder: Path) -> list[Path]:
    """Write report.md, report.html and, beside a model, its card README.md. Return their paths."""
    report = read(folder)
    tables = {"rows": table(report), "more": _more(report), "signatures": signatures(report)}
    pages = {"report.md": markdown(report), "report.html": html(report, folder, tables)}
    if (folder / "model").is_dir():
        pages["README.md"] = model_card(report, folder, pages["report.md"])
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


def published_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return the scores that others published beside the report's own, a row a model; none beside sample data."""
    rows = {(row["task"], row["metric"]): row["value"] for row in reversed(report["rows"])}
    others = [] if report["source"] == "sample" else published(rows.keys())
    mine = Published("this run", report["split"], "", rows)
    known = [one for one in reversed(rows) if any(one in other.scores for other in others)]
    return [
        {
            "model": one.model,
            "split": one.split,
            **{f"{task.rpartition('/')[2]} {metric}": f"{one.scores[task, metric]:.1f}" if (task, metric) in one.scores
               else "–" for task, metric in known},
            "source": one.source,
        }
        for one in ([mine, *others] if others else [])
    ]  # fmt: skip


def own_metric_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return the figures of metrics that the user brought, a row a task and figure, as text cells."""
    return [
        {"task": one["task"], "metric": one["metric"], "by": one["by"], "value": f"{one['value']:.4g}",
         "interval": f"[{one['low']:.4g}, {one['high']:.4g}]", "n": f"{one['n']:,}",
         "unparsed": f"{one['unparsed']:.1f} %", "prompt": one["prompt"]}
        for one in report.get("evaluate", ())
    ]  # fmt: skip


def repair_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return how many repairs of each kind the answers took, one row a task and kind, as text cells."""
    return [
        {"task": task, "repair": kind, "count": f"{count:,}"}
        for task, counts in report.get("repairs", {}).items()
        for kind, count in counts.items()
    ]


def way_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return where ways of answering differ, one row a set and pair of ways, as text cells."""
    return [
        {
            "set": one["set"],
            "ways": f"{one['first']}, {one['second']}",
            "n": f"{one['n']:,}",
            "answered differently": f"{one['differ']:,}",
            "only the first right": _counted(one.get("first_only")),
            "only the second right": _counted(one.get("second_only")),
            "p": _chance(one.get("p")),
            "Holm": _chance(one.get("holm")),
        }
        for one in report.get("ways", ())
    ]


def _chance(p: float | None) -> str:
    """Return a p value; none is 0."""
    return "–" if p is None else "<.001" if p < 0.001 else f"{p:.3f}"


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


def mixture_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return what each task had of the training, as text cells; tokens where they were counted by task."""
    return [
        {
            "task": name,
            "examples": f"{one['examples']:,}",
            "drawn": f"{one['drawn']:,}",
            "share": f"{one['share_percent']:.1f} %",
            "input tokens": _counted(one.get("input_tokens")),
            "target tokens": _counted(one.get("target_tokens")),
            "epochs": f"{one['epochs']:.2f}",
        }
        for name, one in report.get("mixture", {}).items()
    ]


def text_table(report: dict[str, Any]) -> list[dict[str, str]]:
    """Return what was encoded of each task and what went wrong, as text cells; lengths are tokens."""
    kinds = ("longest_input", "inputs_cut", "longest_target", "targets_cut", "answers_unfinished", "empty_columns",
             "unknown_input_tokens", "unknown_target_tokens", "control_strings")  # fmt: skip
    return [
        {"task": name, "examples": _counted(one["examples"]),
         **{kind.replace("_", " "): _counted(one.get(kind)) for kind in kinds}}
        for name, one in report.get("texts", {}).items()
    ]  # fmt: skip


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


def escaped(text: str) -> str:
    """Escape a Markdown table cell: neither markup nor HTML is left."""
    for mark in "\\`*_[]|!#":
        text = text.replace(mark, f"\\{mark}")
    return visible(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), 2000)


def markdown_table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return rows of text cells as the lines of a Markdown table, everything in them escaped."""
    head = [f"| {' | '.join(map(escaped, rows[0]))} |", f"|{'---|' * len(rows[0])}"]
    return [*head, *(f"| {' | '.join(map(escaped, row.values()))} |" for row in rows)]


def markdown(report: dict[str, Any]) -> str:
    """Return report.md."""
    names = ["task", "metric", "by", "value", "interval", "majority", "n", "unparsed", "prompt"]
    lines = [f"# {escaped(report['run'])}", ""]
    if report["source"] == "sample":
        lines += ["**SAMPLE DATA**: scores on the bundled sample say nothing about the data sets.", ""]
    if found := faults(report):
        lines += ["## What to look at first", ""]
        lines += [f"- **{fault.title}**: {escaped('; '.join(fault.places))}" for fault in found]
        lines += ["", "## Scores", ""]
    rows = table(report)
    lines += markdown_table([{name: row[name] for name in names} for row in rows]) if rows else ["Nothing was scored."]
    if report["average"]:
        lines += ["", f"Average: **{report['average']['value']:.2f}** over {len(report['average']['tasks'])} tasks."]
    lines += [
        "",
        "Values are percent; intervals are 95 % bootstrap over rows (or groups of rows); majority is the score of",
    ]
    lines += ["always giving the most frequent gold answer.", "", "## Cost", ""]
    lines += [f"- {escaped(name.replace('_', ' '))}: {value:,}" for name, value in report["cost"].items()]
    for title, rows in _more(report):
        if rows:
            lines += ["", f"## {title}", "", *markdown_table(rows)]
    lines += ["", "## Notes", "", *(f"- {escaped(note)}" for note in report["notes"])]
    lines += ["", "## Signatures", "", f"- run: `{report['signature']}`"]
    lines += [f"- `{signature}`" for signature in signatures(report)]
    return "\n".join(lines) + "\n"


def _more(report: dict[str, Any]) -> list[tuple[str, list[dict[str, str]]]]:
    """Return the tables that stand below the scores, with their titles; those without rows are not shown."""
    return [
        ("Beside published figures, which others measured in their own ways", published_table(report)),
        ("By metrics of evaluate, on their own scales", own_metric_table(report)),
        ("Loss on plain text", held_out_table(report)),
        ("What was trained on", mixture_table(report)),
        ("Where ways of answering differ", way_table(report)),
        ("Spread over prompts", prompt_table(report)),
        ("Repaired answers", repair_table(report)),
        ("Texts, trained on and scored", text_table(report)),
        ("Scoring every pair of n texts", pair_table(report)),
    ]

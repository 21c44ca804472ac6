"""What commands print of runs: the tables of a report, and those of a comparison.

Floor 7.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from t2t.errors import visible
from t2t.screen import show

__all__ = ["show_check", "show_comparison", "show_report", "show_run"]


def show_run(obj: Any, folder: Path, *, push_to: str | None = None) -> None:
    """Write the pages of a finished run (main rank only), print its score table and put it on the hub where asked."""
    if int(os.environ.get("RANK", "0")):
        return
    from t2t.report import render

    render(folder)
    show_report(folder)
    obj["screen"].notice(f"report: {folder / 'report.html'}")
    if push_to:
        from t2t.publish import push

        obj["screen"].notice(f"pushed: {push(folder, push_to)}")


def show_report(folder: Path) -> None:
    from t2t.report import held_out_table, pair_table, prompt_table, read, repair_table, signatures, table, way_table

    report = read(folder)
    title = f"{report['run']} · {report['split']}" + (" · SAMPLE DATA" if report["source"] == "sample" else "")
    several = prompt_table(report)
    rows = [row | {"prompt": row["prompt"].partition("@")[0]} for row in table(report)]
    if not several:
        rows = [{k: v for k, v in row.items() if k != "prompt"} for row in rows]
    if rows:
        show(title, rows, right=("value", "majority", "n", "unparsed"))
    elif not report.get("held_out"):
        click.echo(f"{report['run']}: nothing was scored; the notes of the report say why")
    if held := held_out_table(report):
        show(f"{report['run']} · loss on plain text, with 95 % intervals", held, right=("stretches", "tokens"))
    if not rows:
        for signature in signatures(report):
            click.echo(visible(signature, 1000))
    if several:
        show("spread over prompts", several, right=("prompts", "mean", "lowest", "highest", "sd"))
    if ways := way_table(report):
        show("where ways of answering differ", ways, right=tuple(ways[0])[2:])
    if repairs := repair_table(report):
        show("repaired answers", repairs, right=("count",))
    if pairs := pair_table(report):
        show("what it takes to score every pair of n texts", pairs, right=tuple(pairs[0])[2:])
    if report["average"]:
        click.echo(f"average {report['average']['value']:.2f} over {len(report['average']['tasks'])} tasks")


def show_check(name: str, lines: Sequence[dict[str, Any]], lacks: Sequence[str]) -> None:
    """Print what was found in the splits of a task: a table of counts, then what is to be said in words."""
    counts = {"rows": "examples", "input": "longest_input", "target": "longest_target", "cut": "inputs_cut",
              "unknown": "unknown", "repeated": "repeated", "contradictory": "contradictory"}  # fmt: skip
    table = [{"split": line["split"]} | {name: f"{line[key]:,}" for name, key in counts.items()} for line in lines]
    show(name, table, right=tuple(counts))
    said = [("labels", line["split"], _balance(line["labels"])) for line in lines if line["labels"]]
    for line in lines:
        for found in line["overlaps"]:
            share = 100 * (found["same"] + found["near"]) / line["examples"]
            such = "".join(f"; {mine} in {theirs}" for mine, theirs in found["pairs"][:1])
            text = f"with {found['with']}: {found['same']:,} the same, {found['near']:,} near ({share:.1f} %){such}"
            said.append(("overlap", line["split"], text))
    said += [("note", line["split"], text) for line in lines for text in line["warnings"]]
    said += [("lacks", "", text) for text in lacks]
    show("", [dict(zip(("about", "split", "what was found"), row, strict=True)) for row in said] or [{"": "sound"}])
    click.echo()


def _balance(labels: dict[str, Any]) -> str:
    """Return labels with their counts and shares, the most frequent first; numbers as they are."""
    if "median" in labels and "lowest" in labels:
        return ", ".join(f"{name} {value:g}" for name, value in labels.items())
    total, often = sum(labels.values()), sorted(labels.items(), key=lambda item: -item[1])
    more = f" and {len(often) - 12} more" if len(often) > 12 else ""
    return ", ".join(f"{name} {count:,} ({100 * count / total:.1f} %)" for name, count in often[:12]) + more


def show_comparison(found: Any) -> None:
    """Print a comparison as tables."""
    from t2t.compare import average_rows, difference_rows, run_rows, score_blocks, seed_rows, text_rows

    for note in found.notes:
        click.echo(visible(note, 1000))
    show("", run_rows(found), right=("#", "average", "parameters", "train s", "tokens", "ex/s", "MB"))
    for block in score_blocks(found):
        click.echo()
        show("scores by run, percent with 95 % intervals", block, right=("n",))
    if seeds := seed_rows(found):
        click.echo()
        show("spread over seeds: runs that differ in nothing else", seeds, right=("mean", "lowest", "highest", "sd"))
    if texts := text_rows(found):
        click.echo()
        show("loss on plain text by run, with 95 % intervals", texts, right=("stretches", "tokens"))
    if not found.differences:
        return
    click.echo()
    show(f"differences to {found.runs[0].run}, percent points", difference_rows(found),
         right=("difference", "p", "Holm", "MDE", "disagree"))  # fmt: skip
    if overall := average_rows(found):
        click.echo()
        show(f"averages, against that of {found.runs[0].run}", overall,
             right=("over tasks", "difference"))  # fmt: skip
    click.echo("*: ranked, not written. p: McNemar's exact test where rows are right or wrong, else randomisation.")
    click.echo("Holm: p corrected for all these tests. MDE: what a test of so many rows finds four times in five.")

"""Objectives side by side, as T5's paper compares them (Raffel et al. 2020, tables 4 to 7), at a small scale.

Each system is pretrained from the same random weights on the same corpora for the same number of tokens (inputs and
targets together) and fine-tuned on seven tasks of GLUE, each as often as the others and with at most 10,000 rows; the
control is fine-tuned without. What is done is kept in ``--folder`` and not done again, a run that was stopped goes on:
the systems may be run one by one. Prints a Markdown table and writes ``results.json``.

    python -m tests.bench_objectives --shape DIR [--systems span-3,none] [--tokens 5000000] [--finetune-tokens 3000000]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from t2t.metrics import average_margin
from tests.bench_pretraining import done, measure_all

SYSTEMS: dict[str, dict[str, Any]] = {
    "none": {},
    "span-2": {"objective": "span_corruption", "mean_span": 2.0},
    "span-3": {"objective": "span_corruption", "mean_span": 3.0},
    "span-5": {"objective": "span_corruption", "mean_span": 5.0},
    "span-10": {"objective": "span_corruption", "mean_span": 10.0},
    "iid": {"objective": "iid"},
    "prefix-lm": {"objective": "prefix_lm"},
    "deshuffling": {"objective": "deshuffling"},
}
TASKS = ("glue/cola", "glue/sst2", "glue/mrpc", "glue/stsb", "glue/rte", "glue/qnli", "glue/mnli")
ROWS = 10_000  # of a task in fine-tuning


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Pretrain and fine-tune one system; return what came out and what it cost."""
    model, row = options.shape, {"system": name, "tokens": 0, "bits a byte": None}
    usual = {"batch_tokens": options.batch_tokens, "source": options.source, "seed": options.seed, "max_input": 512}
    if SYSTEMS[name]:
        report = done(
            options.folder / f"{name}-pretrained", corpus=tuple(options.corpus.split(",")), model=model, fresh=True,
            steps=max(1, options.tokens // options.batch_tokens), optimizer=options.optimizer,
            learning_rate=options.learning_rate, **SYSTEMS[name],
            **{**usual, "max_input": options.length},
        )  # fmt: skip
        held = list(report["held_out"].values())
        row |= {"tokens": report["cost"]["train_tokens"],
                "bits a byte": sum(one["bits_per_byte"] for one in held) / len(held)}  # fmt: skip
        model = str(options.folder / f"{name}-pretrained" / "model")
    best: dict[str, Any] | None = None
    for rate in map(float, options.rates.split(",")):
        report = done(
            options.folder / f"{name}-tuned-{rate:g}", task=TASKS, model=model, fresh=not SYSTEMS[name],
            rates="equal", train_limit=ROWS, optimizer="rms_adamw", learning_rate=rate,
            steps=max(1, options.finetune_tokens // options.finetune_batch),
            **{**usual, "batch_tokens": options.finetune_batch},
        )  # fmt: skip
        found = {"rate": rate, "seconds": report["cost"]["train_seconds"], "average": report["average"],
                 "scores": {f"{one['task'].removeprefix('glue/')} {one['metric']}":
                            [one["value"], one["low"], one["high"]] for one in report["rows"]}}  # fmt: skip
        if best is None or found["average"]["value"] > best["average"]["value"]:
            best = found
    assert best is not None
    return {**row, **best}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as a Markdown table; scores are percent."""
    names = list(rows[0]["scores"])
    head = ["system", "pretraining tokens", "held out, bits a byte", "rate", *names, "average"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        bits = "–" if row["bits a byte"] is None else f"{row['bits a byte']:.3f}"
        mean = row["average"]
        margin = average_margin((name.split()[0], low, high) for name, (_, low, high) in row["scores"].items())
        cells = [row["system"], f"{row['tokens']:,}", bits, f"{row['rate']:g}"]
        cells += [f"{row['scores'][name][0]:.1f}" for name in names]
        cells.append(f"{mean['value']:.2f} ± {margin:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the systems asked for; print those that are done so far after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", required=True, help="the directory of a T5 shape with its vocabulary")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--tokens", type=int, default=5_000_000)
    parser.add_argument("--finetune-tokens", type=int, default=3_000_000)
    parser.add_argument("--batch-tokens", type=int, default=1024, help="of a step of pretraining")
    parser.add_argument("--optimizer", default="rms_adamw", help="of pretraining")
    parser.add_argument("--learning-rate", type=float, default=3e-2, help="of pretraining")
    parser.add_argument("--finetune-batch", type=int, default=1024)
    parser.add_argument("--rates", default="1e-2", help="of fine-tuning, for rms_adamw; the best average counts")
    parser.add_argument("--length", type=int, default=256, help="tokens of an input in pretraining")
    parser.add_argument("--corpus", default="corpora/wiki_en,corpora/standardebooks")
    parser.add_argument("--source", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("bench_objectives"))
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    measure_all(options, SYSTEMS, lambda name: measured(name, options), table)


if __name__ == "__main__":
    main()

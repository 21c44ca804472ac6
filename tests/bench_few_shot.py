"""Learning from a few labelled rows: PET, iPET, fine-tuning, SetFit's way, in-context learning, and the majority.

Every method has the same labelled rows of the training split (``--ns``, drawn at random from each of ``--seeds`` seeds;
more rows are the same and more) and is scored on the same rows. PET and iPET alone see rows without labels besides, and
no method sees a row that is all but equal to a scored one. Prints a table of mean ± standard deviation over the seeds
with seconds of training and answering, and JSON. What the JSON file has already is not measured again.

    python tests/bench_few_shot.py --task glue/sst2 --mlm DIR [--encoder DIR] [--bi DIR] [--causal DIR]
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import transformers

from t2t import models, sets
from t2t.apply import options as model_options
from t2t.config import Config
from t2t.errors import T2TError
from t2t.pet import Drawn, Plan, draw, pet
from t2t.predict import evaluate
from t2t.runs import read_json, write_json
from t2t.sets import Sets
from t2t.train import train

SETTINGS = (  # what cells must agree in to stand in one table
    "task", "mlm", "encoder", "bi", "causal", "source", "limit", "unlabelled", "patterns", "pet_seeds", "steps",
    "pet_steps", "classifier_steps", "bi_steps", "batch_tokens", "shots", "generations", "max_input", "precision",
    "pet_learning_rate", "learning_rate", "mlm_weight",
)  # fmt: skip


def config(o: Any, seed: int, **more: Any) -> Config:
    """Return what the runs of a seed have in common."""
    own = {"task": (o.task,), "source": o.source, "eval_limit": o.limit, "seed": seed, "max_input": o.max_input,
           "precision": o.precision, "steps": o.steps, "batch_tokens": o.batch_tokens}  # fmt: skip
    return Config(**{**own, **more})


def rows(o: Any, n: int, seed: int, family: str, **more: Any) -> tuple[Config, Sets, Drawn]:
    """Return the labelled rows of a seed, and those to score, under a family's own prompt."""
    asked = config(o, seed, family=None if family == "baseline" else family, **more)
    plain = sets.load(asked, preferred=models.PREFERRED["encoder"])
    drawn = draw(plain.train[o.task], plain.score.values(), labelled=n, unlabelled=o.unlabelled, seed=seed)
    found = sets.load(asked, preferred=models.PREFERRED.get(family, ()))
    return asked, replace(found, train={o.task: found.train[o.task].at(drawn.labelled)}), drawn


def trained(family: str, model: str, **more: str) -> Callable[[Any, int, int], float | None]:
    """Return what trains a family on the labelled rows alone; ``more`` are configuration fields by option."""

    def run(o: Any, n: int, seed: int) -> float | None:
        if not n:
            return None
        named = getattr(o, model, model)
        settings = {name: getattr(o, option) for name, option in more.items()}
        asked, found, _ = rows(o, n, seed, family, model=named, **settings)
        with tempfile.TemporaryDirectory() as folder:
            return train(replace(asked, out=f"{folder}/run"), given=found).rows[0].value

    return run


@functools.cache
def loaded(name: str, options: models.Options) -> models.Model:
    """Return a causal model, which no cell changes: the first one pays for loading it."""
    return models.build(models.find(name, "causal"), options)


def shown(o: Any, n: int, seed: int) -> float:
    """Score a causal model that is shown some of the labelled rows before each input."""
    asked, found, _ = rows(o, n or 1, seed, "causal", model=o.causal)
    egs = copy.copy(found.score[o.task])
    egs.demos, egs.shots, egs.seed = found.train[o.task], min(n, o.shots), seed
    model = loaded(o.causal, replace(model_options(asked), seed=0))
    model.prepare({o.task: egs}, training=False)
    return evaluate(model, egs, by="rank")[1][0].value


def taught(generations: str | None) -> Callable[[Any, int, int], float | None]:
    """Return what runs PET, or iPET with the generations of an option."""

    def run(o: Any, n: int, seed: int) -> float | None:
        with tempfile.TemporaryDirectory() as folder:
            plan = Plan(
                task=o.task, model=o.mlm, labelled=n, unlabelled=o.unlabelled, patterns=o.patterns, seeds=o.pet_seeds,
                generations=getattr(o, generations) if generations else 0, steps=o.pet_steps,
                classifier_steps=o.classifier_steps, learning_rate=o.pet_learning_rate, max_input=o.max_input,
                classifier_learning_rate=o.learning_rate, precision=o.precision, source=o.source, eval_limit=o.limit,
                mlm_weight=o.mlm_weight, seed=seed, out=f"{folder}/run",
            )  # fmt: skip
            return pet(plan).rows[0].value

    return run


METHODS: dict[str, Callable[[Any, int, int], float | None]] = {
    "majority": trained("baseline", "baseline:majority"),
    "fine-tuned": trained("encoder", "encoder", learning_rate="learning_rate"),
    "setfit": trained("bi_encoder", "bi", steps="bi_steps"),
    "in-context": shown,
    "pet": taught(None),
    "ipet": taught("generations"),
}
NEEDS = {"fine-tuned": "encoder", "setfit": "bi", "in-context": "causal", "pet": "mlm", "ipet": "mlm"}


def table(cells: list[dict[str, Any]], ns: list[int], methods: list[str]) -> str:
    """Return the results in Markdown: percent, mean ± standard deviation over the seeds, and mean seconds."""
    lines = [f"| method | {' | '.join(f'{n} labelled' for n in ns)} |", "|---" * (len(ns) + 1) + "|"]
    for method in methods:
        said = []
        for n in ns:
            some = [c for c in cells if (c["method"], c["n"]) == (method, n) and c["value"] is not None]
            values = [cell["value"] for cell in some]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            seconds = statistics.mean(cell["seconds"] for cell in some) if some else 0.0
            said.append(f"{statistics.mean(values):.1f}{spread} ({seconds:.0f} s)" if values else "–")
        lines.append(f"| {method} | {' | '.join(said)} |")
    return "\n".join(lines)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def arguments() -> Any:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="glue/sst2")
    parser.add_argument("--mlm", help="a masked language model, for PET")
    parser.add_argument("--encoder", help="the body that is fine-tuned (default: that of --mlm)")
    parser.add_argument("--bi", help="the bi-encoder")
    parser.add_argument("--causal", help="the causal model")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--ns", type=numbers, default=[0, 10, 50, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, help="score a sample of so many rows, drawn by the seed")
    parser.add_argument("--source", default="auto")
    parser.add_argument("--unlabelled", type=int, default=1000)
    parser.add_argument("--patterns", default="", help="prompts, with commas (default: all with a cloze)")
    parser.add_argument("--pet-seeds", type=int, default=3)
    parser.add_argument("--pet-steps", type=int, default=250)
    parser.add_argument("--pet-learning-rate", type=float, default=1e-5)
    parser.add_argument("--mlm-weight", type=float, default=1e-4, help="0 halves the time of PET's models")
    parser.add_argument("--classifier-steps", type=int, default=500)
    parser.add_argument("--generations", type=int, default=-1, help="of iPET; -1: up to a thousand examples")
    parser.add_argument("--steps", type=int, default=250, help="of the fine-tuned encoder")
    parser.add_argument("--learning-rate", type=float, help="of the encoder and the classifier (default: 5e-5)")
    parser.add_argument("--bi-steps", type=int, default=250)
    parser.add_argument("--batch-tokens", type=int, default=512)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--max-input", type=int, default=128)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path, default=Path("few_shot.json"))
    o = parser.parse_args()
    o.encoder = o.encoder or o.mlm
    o.patterns = tuple(filter(None, o.patterns.split(",")))
    return o


def main() -> None:
    """Measure every cell that is missing, keeping each as soon as it is there, and print the table."""
    o = arguments()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    settings = json.loads(json.dumps({name: getattr(o, name) for name in SETTINGS}))
    kept = read_json(o.json) or {"settings": settings, "cells": []}
    if kept["settings"] != settings:
        odd = [name for name in SETTINGS if kept["settings"].get(name) != settings[name]]
        sys.exit(f"{o.json} was measured with other settings: {', '.join(odd)}. Give another --json.")
    cells, done = kept["cells"], {(c["method"], c["n"], c["seed"]) for c in kept["cells"]}
    methods = [name for name in o.methods.split(",") if name not in NEEDS or getattr(o, NEEDS[name])]
    for seed in range(1, o.seeds + 1):
        for n in o.ns:
            for method in methods:
                if (method, n, seed) in done:
                    continue
                started = time.monotonic()
                try:
                    value = METHODS[method](o, n, seed)
                except T2TError as error:
                    print(f"{method}, {n} labelled, seed {seed}: {error}", file=sys.stderr)
                    continue
                seconds = round(time.monotonic() - started, 1)
                cells.append({"method": method, "n": n, "seed": seed, "value": value, "seconds": seconds})
                write_json(o.json, kept)
                print(f"{method}, {n} labelled, seed {seed}: {value} ({seconds} s)", file=sys.stderr)
    print(f"{o.task}, {o.seeds} seeds, percent (mean ± standard deviation), seconds a run\n")
    print(table(cells, o.ns, methods))
    print(f"\n{json.dumps(kept, ensure_ascii=False)}")


if __name__ == "__main__":
    main()

"""t2t beside its peers: the same model, rows and machine in one run, contestants in turn.

Floor 6. Each measurement is a process of its own (`t2t.bench.child`), between two measurements of the machine's
matrix-product peak. Every round has all contestants, so that a machine that gets slower does so for all of them.

A case is a line in `t2t.bench.cases`; docs/bench.md says what each one is.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.bench.cases import Ask, Case, Contestant, chosen
from t2t.bench.machine import cpus, describe, has_bf16
from t2t.bench.shapes import directory
from t2t.config import from_mapping
from t2t.errors import T2TError, UsageError, visible
from t2t.models import find

__all__ = ["Plan", "bench"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure and for how long: ``seconds`` a contestant and round, after warming up.

    ``model`` is a trained model to answer with and ``encoder`` one to train, in place of the bench's own; ``shape``
    takes the place of every case's shape. Where answers count, a model without weights learns for ``teach`` seconds.
    """

    case: str | None = None
    rounds: int = 5
    seconds: float = 15
    threads: int = 0  # 0: as many as there are CPUs
    source: str = "auto"
    model: str | None = None
    encoder: str | None = None
    shape: str | None = None
    rows: int = 400
    teach: float = 60
    folder: str = "runs/bench"

    def __post_init__(self) -> None:
        lowest = {"rounds": 1, "seconds": 0, "threads": 0, "rows": 1, "teach": 0}
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise UsageError(f"{name}: expected at least {low}, got {getattr(self, name)}", code="C01")


def bench(plan: Plan, *, watch: Any) -> dict[str, Any]:
    """Measure the cases of a plan; return the machine, and what each round of each contestant found.

    A contestant that this version has no settings for, or whose process failed, says why in place of its rounds.
    """
    cases, threads = chosen(plan.case), plan.threads or len(cpus())
    models = {name: _model(name, case, plan, threads, watch) for name, case in cases.items()}
    out: dict[str, Any] = {
        name: {"about": case.about, "by": case.by, "model": models[name], "contestants": {}}
        for name, case in cases.items()
    }
    missing = {(name, one.name): _missing(case, one) for name, case in cases.items() for one in case.contestants}
    with watch.task("measuring", plan.rounds * sum(len(case.contestants) for case in cases.values())) as tick:
        for _ in range(plan.rounds):
            for name, case in cases.items():
                for one in case.contestants:
                    entry = out[name]["contestants"].setdefault(one.name, {"missing": "", "rounds": []})
                    entry["missing"] = entry["missing"] or missing[name, one.name]
                    if not entry["missing"]:
                        _measure(_ask(case, one, models[name], plan, threads), entry, f"{name}: {one.name}", watch)
                    tick(1)
    how = {name: getattr(plan, name) for name in ("rounds", "seconds", "source", "rows", "teach")}
    return {"machine": describe(threads), "options": how, "cases": out}


def _missing(case: Case, one: Contestant) -> str:
    """Return why this version of t2t, or this machine, cannot take part as ``one``; nothing where it can."""
    try:
        config = from_mapping({**case.settings, **one.settings})
        if config.engine != "own":
            importlib.import_module("t2t.models.engine").installed()
    except UsageError as error:
        return f"not available: {error.message}"
    if config.precision == "bf16" and not has_bf16():
        return "not available: the hardware does not multiply in bf16"
    return ""


def _ask(case: Case, one: Contestant, model: str, plan: Plan, threads: int) -> Ask:
    return Ask(
        do=one.do, settings={**case.settings, **one.settings}, how={**case.how, **one.how}, model=model,
        seconds=plan.seconds, rows=plan.rows, threads=threads, source=plan.source, folder=plan.folder,
    )  # fmt: skip


def _measure(ask: Ask, entry: dict[str, Any], name: str, watch: Any) -> None:
    """Add a round to what is known of a contestant; one that fails takes no further part."""
    try:
        entry["rounds"].append(_child(ask))
    except T2TError as error:
        entry["missing"] = f"failed: {error.message}"
        watch.notice(f"{name} {entry['missing']}")


def _child(ask: Ask) -> dict[str, Any]:
    """Return what a process of its own measured."""
    words = {name: getattr(ask, name) for name in ask.__slots__}
    done = subprocess.run(
        [sys.executable, "-m", "t2t.bench.child", json.dumps(words)], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": str(ask.threads), "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise T2TError(visible(said[-1]))
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _model(name: str, case: Case, plan: Plan, threads: int, watch: Any) -> str:
    """Return the directory of the model of a case; where answers count, of one that has learned."""
    given = plan.encoder if case.shape == "minilm" else plan.model
    if given and (case.taught or case.shape == "minilm"):
        return find(given).folder
    if not case.shape:
        return ""
    shape = case.shape if case.shape == "minilm" else plan.shape or case.shape
    fresh = directory(shape, Path(plan.folder) / "models")
    return _taught(case, fresh, plan, threads, watch) if case.taught else str(fresh)


def _taught(case: Case, fresh: Path, plan: Plan, threads: int, watch: Any) -> str:
    """Return the directory of a model that has learned the tasks of a case, trained where it is not there yet."""
    what = "+".join(name.replace("/", "-") for name in case.taught)
    out = fresh.with_name(f"{fresh.name}-{what}-{plan.source.replace('/', '-')}-{plan.teach:g}s")
    if not (out / "model" / "model.safetensors").is_file():
        watch.notice(f"training a model to answer with, {plan.teach:g} seconds: {out}")
        teach = Contestant("", "training:teach", how={"out": str(out), "seconds": plan.teach})
        _child(_ask(case, teach, str(fresh), plan, threads))
    return str(out / "model")

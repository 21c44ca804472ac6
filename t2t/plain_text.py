"""Measuring a model on plain text: how well it restores, or goes on with, stretches of corpora.

Floor 5. What `t2t eval --corpus` does. The stretches and what is hidden in each depend on the text, the objective, the
lengths, the seed and the vocabulary alone: models that agree in these are asked the same, whatever they learned.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from t2t import models, runs, stretches
from t2t.apply import options, settings_of
from t2t.config import Config
from t2t.errors import NonFiniteError, UsageError
from t2t.models.held_out import measure
from t2t.predict import Answered, build_report, cost, report_json, run_signature
from t2t.sets import Sets, chosen_mix, own_tasks
from t2t.stretches import Stretches

__all__ = ["evaluate_text"]

FAMILIES = ("seq2seq", "causal")  # that are pretrained on the objectives of `t2t.objectives`
OF_TASKS = ("mix", "task", "prompt", "shots", "shots_by", "by", "engine", "beams")
USUAL = Config()


def evaluate_text(model: str, settings: Mapping[str, Any], *, watch: Any) -> Path:
    """Measure a run or a model on the corpora of ``settings``; write report.json. Return the folder it is in.

    That is ``settings["out"]`` or a new ``runs/eval-MODEL-N``. Raise ``UsageError`` for a family that has no such loss,
    and for settings that mean nothing here.
    """
    config = _config(model, settings)
    place = models.find(config.model, config.family)
    if place.family not in FAMILIES:
        raise UsageError(f"models of the family {place.family} are not measured on plain text", where=model,
                         fix="Give a text-to-text or a causal model.")  # fmt: skip
    config = replace(config, **_way(model, settings, place.family))
    loaded = models.build(place, options(config))
    found = Sets(chosen_mix(config), corpora=own_tasks(config))
    found = stretches.spaced(found, loaded.tokens, config, alone=place.family == "causal", watch=watch)
    held = {name: egs for name, egs in found.held.items() if isinstance(egs, Stretches)}
    loaded.tokens.stretches = {f"{egs.task.name}:{egs.split}": egs for egs in held.values()}
    notes = [*found.notes, f"weights from {loaded.origin}", *_known(model, held)]
    for note in notes:
        watch.notice(note)
    folder = runs.new_folder(settings.get("out"), f"eval-{Path(model).name}")
    started, count = time.monotonic(), sum(map(len, held.values()))
    with watch.task("measuring", count) as tick:
        measured = {name: measure(loaded, egs, tick=tick) for name, egs in held.items()}
    seconds = time.monotonic() - started
    for name, one in measured.items():
        if not np.isfinite(one.nats).all():
            raise NonFiniteError("the model's loss is not finite", where=name, fix="Use --precision fp32.", code="K10")
    nothing: Answered = {USUAL.by: ([], {})}  # was answered
    report = build_report(
        Path(model).name or model,
        found,
        config.split,
        nothing,
        signature=run_signature(model, loaded.family, config),
        cost=cost(loaded, count, seconds),
        notes=notes,
    )
    said = {name: one.asdict() for name, one in measured.items()}
    runs.write_json(folder / "report.json", {**report_json(report, found, nothing, {}), "held_out": said})
    return folder


def _config(model: str, settings: Mapping[str, Any]) -> Config:
    """Return the configuration of a run or model without what is of its own text and draws: all are asked the same."""
    odd = [name for name in OF_TASKS if settings.get(name, getattr(USUAL, name)) != getattr(USUAL, name)]
    if odd:
        raise UsageError(f"plain text has no {', '.join(odd)}", fix="Evaluate on tasks apart, without --corpus.",
                         code="C01")  # fmt: skip
    same = {name: getattr(USUAL, name) for name in ("mix", "seed", "column", "label_smoothing", "engine", "beams")}
    config = settings_of(model, {**same, "task": [], **settings})
    if config.precision == "int8":
        raise UsageError("int8 is for answering, not for a loss", where="precision", fix="Give --precision fp32.")
    return config


def _way(model: str, settings: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Return objective, noise density and mean span: as given, else those the run was pretrained on, else the usual."""
    own = runs.read_config(Path(model)) if (Path(model) / "run.yaml").is_file() else USUAL
    usual = own.objective if own.corpus else "lm" if family == "causal" else USUAL.objective
    name = settings.get("objective", usual)
    way = own if own.corpus and name == own.objective else USUAL
    density, span = (settings.get(key, getattr(way, key)) for key in ("noise_density", "mean_span"))
    return {"objective": name, "noise_density": density, "mean_span": span}


def _known(model: str, held: Mapping[str, Stretches]) -> list[str]:
    """Return a note on each corpus that a run was trained on."""
    data = runs.read_json(Path(model) / "env.json").get("data", {})
    digests = {said.partition(":")[0] for said in data.values()}
    return [f"{name}: the run was trained on this very text: the figure is too good" for name, egs in held.items()
            if egs.file.digest in digests]  # fmt: skip

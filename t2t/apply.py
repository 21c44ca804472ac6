"""Using a model that is there: scoring it on sets of tasks, and answering rows or lines of text.

Floor 5. What `t2t eval` and `t2t predict` do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from t2t import files, models, runs, sets
from t2t.answers import TEXT
from t2t.config import Config, from_mapping
from t2t.errors import DataError, UsageError
from t2t.models import Model, Options
from t2t.predict import as_json, baselines, build_report, check_limit, evaluate_sets, predict
from t2t.tasks import Examples, prompt, task
from t2t.types import Example, Piece, Prediction, Task
from t2t.version import VERSION

__all__ = ["evaluate_model", "options", "predict_rows", "settings_of"]


def options(config: Config) -> Options:
    """Return the part of a configuration that a family needs to load a model."""
    return Options(**{field.name: getattr(config, field.name) for field in fields(Options)})


def settings_of(model: str, settings: Mapping[str, Any]) -> Config:
    """Return a run's configuration with ``settings`` in place of its own, or a new one for a model that is no run."""
    if (Path(model) / "run.yaml").is_file():
        own = runs.read_config(Path(model)).as_dict() | {"model": model, "dropout": None}
        if settings.get("mix") or settings.get("task"):
            own |= {"mix": None, "task": []}
        return from_mapping({**own, **settings})
    return from_mapping({"model": model, **settings})


def evaluate_model(model: str, settings: Mapping[str, Any], *, watch: Any) -> Path:
    """Score a run or a model; write predictions and report.json. Return the folder the report is in.

    A run scored in full has them in ``RUN/eval/SPLIT``; else they are in ``settings["out"]`` or a new
    ``runs/eval-MODEL-N``, so that a sample of rows never takes the place of all.
    """
    config = settings_of(model, settings)
    if bool(config.mix) == bool(config.task):
        raise UsageError("say what to evaluate on: --mix NAME or --task NAME[,NAME]", fix="See `t2t ls mixes`.")
    found = sets.load(config, training=False)
    for note in found.notes:
        watch.notice(note)
    loaded = models.load(config.model, family=config.family, options=options(config))
    warnings = []
    for name, egs in found.score.items():
        warnings += loaded.tokens.audit(name, egs.prompt)
        check_limit(loaded, egs)
    folder, report_folder = _folders(model, settings.get("out"), config)
    started = time.monotonic()
    ways = ("write", "rank") if config.by == "both" else (config.by,)
    answered = {by: evaluate_sets(loaded, found, by=by, watch=watch, folder=folder) for by in ways}
    seconds = time.monotonic() - started
    answers = answered[ways[0]][1]
    tallies = {name: tally for name, tally in loaded.tokens.tallies.items() if name in found.score}
    report = build_report(
        Path(model).name or model,
        found,
        config.split,
        answered,
        signature=f"model:{model}|seed:{config.seed}|t2t:{VERSION}",
        cost={
            "parameters": sum(p.numel() for p in loaded.net.parameters()),
            "eval_seconds": round(seconds, 1),
            "examples_per_second": round(len(ways) * sum(map(len, answers.values())) / max(seconds, 1e-9), 1),
            "peak_memory_mb": runs.peak_memory_mb(),
        },
        notes=[*found.notes, *warnings, *(line for name, tally in tallies.items() for line in tally.warnings(name))],
    )
    fixed = asdict(report)
    del fixed["folder"]
    texts = {name: tally.asdict() for name, tally in tallies.items()}
    runs.write_json(
        report_folder / "report.json",
        {"t2t": VERSION, **fixed, "baselines": baselines(answers), "texts": texts},
    )
    return report_folder


def _folders(model: str, out: str | None, config: Config) -> tuple[Path, Path]:
    """Return the folders of ``eval/SPLIT/*.predictions.jsonl`` and of the report."""
    if (Path(model) / "run.yaml").is_file() and not out and config.eval_limit is None:
        return Path(model), Path(model) / "eval" / config.split
    folder = runs.new_folder(out, f"eval-{Path(model).name}")
    return folder, folder


def predict_rows(
    model: str, task_name: str | None, source: str, *, prompt: str | None = None, by: str = "write", watch: Any
) -> list[dict[str, Any]]:
    """Answer the rows of a file (or of stdin, "-") under a task, or without a task each line of text as it is.

    Return one JSON object a row. Rows need no label.
    """
    config = settings_of(model, {"by": by})
    data, name = _read(source)
    egs = _lines(data, name) if task_name is None else _rows(task(task_name), data, name, prompt)
    loaded: Model = models.load(config.model, family=config.family, options=options(config))
    with watch.task("answering", len(egs)) as tick:
        if task_name is None:
            preds = [_as_is(eg, text) for eg, text in zip(egs, loaded.write(egs), strict=True)]
            tick(len(egs))
        else:
            preds = predict(loaded, egs, by=by, tick=tick)
    return [as_json(pred) for pred in preds]


def _read(source: str) -> tuple[bytes, str]:
    """Return the bytes and the name of a file or of stdin."""
    if source == "-":
        return sys.stdin.buffer.read(), "stdin.jsonl"
    try:
        return Path(source).read_bytes(), Path(source).name
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=source) from None


def _lines(data: bytes, name: str) -> list[Example]:
    """Return one example a line of text."""
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError("not UTF-8", where=f"{name}:{line}", code="D02") from None
    if not lines:
        raise DataError("no lines to answer", where=name, code="D04")
    return [Example(f"text:input:{i}", "text", "as-is", (Piece(line, "text"),), "") for i, line in enumerate(lines)]


def _as_is(eg: Example, text: str) -> Prediction:
    return Prediction(eg.uid, eg.input, "", text, TEXT.read(text, eg).answer, False)


def _rows(task_: Task, data: bytes, name: str, prompt_name: str | None) -> Sequence[Example]:
    """Return the examples of a file of rows; the label's column may be missing."""
    chosen = prompt(task_, prompt_name)
    labels = ("class", "number", "tags")
    columns = {column: f"{kind}?" if kind in labels else kind for column, kind in task_.columns.items()}
    rows = files.read_bytes(data, name, columns)
    return Examples(task_, rows, split="input", prompt=chosen, labelled=False)[:]

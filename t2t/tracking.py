"""A run followed elsewhere: the numbers of metrics.jsonl, given on by Accelerate's trackers as they are written.

Floor 5. metrics.jsonl is written whoever follows. What it had when a run was stopped or killed was given on then: a
resumed run, which makes the lines after its checkpoint anew, gives no step twice.

>>> dict(numbers({"step": 3, "loss": 0.5, "order": "ab", "scores": {"glue/rte.accuracy": 61.0}}))
{'loss': 0.5, 'scores/glue/rte.accuracy': 61.0}
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from t2t.config import Config
from t2t.errors import UsageError, visible
from t2t.runs import Metrics, line_key, read_json, write_json

__all__ = ["followed", "numbers"]

PROJECT = "t2t"
STATE = "tracking.json"  # what a tracker called the run, where it chose the name


def numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a line by name, those within others as OUTER/INNER; the step is none of them."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and prefix + name != "step":
            yield prefix + name, value


@contextlib.contextmanager
def followed(metrics: Metrics, folder: Path, config: Config, notice: Callable[[str], None]) -> Iterator[None]:
    """Give every new line of ``metrics`` to the trackers of ``config`` for a while; the settings go first, once.

    Raise ``UsageError`` for a tracker that cannot begin. One that fails later is left out with a notice: the run is
    worth more.
    """
    trackers: dict[str, Any] = {}

    def call(name: str, method: str, *what: Any, **how: Any) -> None:
        try:
            getattr(trackers[name], method)(*what, **how)
        except Exception as error:  # each has its own kinds
            notice(f"{name} is left out: {_line(error)}")
            del trackers[name]

    given: set[tuple[str, int]] = set()  # what has two lines of a step, as its seconds, goes once

    def give(values: Mapping[str, Any]) -> None:
        step = values["step"]
        new = {name: value for name, value in numbers(values) if (name, step) not in given}
        if line_key(values) not in metrics.had:
            for name in list(trackers):
                call(name, "log", new, step=step)
        given.clear()
        given.update((name, step) for name, _ in numbers(values))

    for name in config.track:
        try:
            trackers[name] = _started(name, folder)
            if not metrics.had:
                trackers[name].store_init_configuration(_settings(config))
        except Exception as error:
            raise UsageError(f"{name} cannot begin: {_line(error)}", where="track", fix="Set it up, or leave it out.",
                             code="C01") from None  # fmt: skip
    metrics.also = give
    try:
        yield
    finally:
        for name in list(trackers):
            call(name, "finish")


def _started(name: str, folder: Path) -> Any:
    """Return a tracker that has begun, or has gone on with what it has of this run."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    said = f"{folder.resolve()} {read_json(folder / 'env.json').get('started')}"
    own = hashlib.sha256(said.encode()).hexdigest()[:12]
    known = read_json(folder / STATE)
    project, how = {
        "tensorboard": ("tensorboard", {"logging_dir": str(folder)}),  # FOLDER/tensorboard
        "wandb": (PROJECT, {"name": folder.name, "dir": str(folder), "id": own, "resume": "allow"}),
        "trackio": (PROJECT, {"name": f"{folder.name}-{own}", "resume": "allow"}),
        "mlflow": (PROJECT, {"run_name": folder.name, "run_id": known.get("mlflow")}),
    }[name]
    tracker = LOGGER_TYPE_TO_CLASS[name](project, **how)
    tracker.start()
    if name == "mlflow" and name not in known:
        write_json(folder / STATE, {name: tracker.tracker.info.run_id})
    return tracker


def _settings(config: Config) -> dict[str, Any]:
    """Return the settings that are set, as every tracker takes them."""
    given = {name: value for name, value in config.as_dict().items() if value is not None}
    return {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}


def _line(error: Exception) -> str:
    return visible(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")

"""The command `t2t ls`: tasks, mixes, prompts, models, families, metrics, objectives.

Floor 7.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from t2t.cli_options import JSON
from t2t.screen import show, show_json

__all__ = ["ls"]


@click.command()
@click.argument("what", type=click.Choice(["tasks", "mixes", "prompts", "models", "families", "metrics", "objectives"]))
@JSON
def ls(what: str, as_json: bool) -> None:
    """List tasks, mixes, prompts, models, families, metrics or objectives.

    Example: t2t ls tasks
    """
    rows = _LISTS[what]()
    if as_json:
        show_json(rows)
    else:
        show("", [{k: ", ".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows])


def _ls_tasks() -> list[dict[str, Any]]:
    from t2t.tasks import task, tasks

    return [
        {"task": t.name, "answer": t.answer, "metrics": list(t.metrics), "prompts": list(t.prompts), "title": t.title}
        for t in map(task, tasks())
    ]


def _ls_mixes() -> list[dict[str, Any]]:
    from t2t.mixtures import mix, mixes

    return [
        {"mix": m.name, "rates": m.policy, "tasks": list(m.tasks), "evaluate": list(m.evaluate), "title": m.title}
        for m in map(mix, mixes())
    ]


def _ls_prompts() -> list[dict[str, Any]]:
    from t2t.tasks import task, tasks

    return [
        {"task": t.name, "prompt": p.name, "hash": p.hash, "input": p.input or p.cloze, "target": p.target}
        for t in map(task, tasks())
        for p in t.prompts.values()
    ]


def _ls_models() -> list[dict[str, Any]]:
    from t2t.models import bundled_models, family_of
    from t2t.paths import models_folder

    rows = []
    for name in bundled_models():
        folder = models_folder() / name
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        row = {"model": name, "family": family_of(config), "type": config["model_type"], "weights": _weights(folder)}
        rows.append(row | {"what": _first_paragraph(folder / "README.md")})
    return rows


def _weights(folder: Path) -> str:
    """Return what the weights file of a bundled model holds, by its header."""
    file = folder / "model.safetensors"
    if not file.is_file():
        return "random, drawn from the seed"
    with file.open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    tensors = [about for name, about in header.items() if name != "__metadata__"]
    count = sum(math.prod(about["shape"]) for about in tensors)
    kinds = ", ".join(sorted({about["dtype"] for about in tensors}))
    return f"{count:,} parameters, {kinds}, {file.stat().st_size / 1e6:.1f} MB"


def _first_paragraph(card: Path) -> str:
    """Return the paragraph under the title of a model card."""
    return " ".join(card.read_text(encoding="utf-8").partition("\n# ")[2].split("\n\n")[1].split())


def _ls_families() -> list[dict[str, Any]]:
    from t2t.models import FAMILIES

    return [{"family": name} for name in FAMILIES]


def _ls_metrics() -> list[dict[str, Any]]:
    from t2t.answers import ANSWERS
    from t2t.metrics import METRICS

    return [
        {
            "metric": name,
            "unit": m.unit,
            "answers": [f.name for f in ANSWERS.values() if name in f.metrics],
            "what": (m.table.__doc__ or "").splitlines()[0],
        }
        for name, m in METRICS.items()
    ]


def _ls_objectives() -> list[dict[str, Any]]:
    from t2t.masking import ENCODER_OBJECTIVES
    from t2t.objectives import OBJECTIVES

    rows = [{"objective": name, "what": what, "source": ""} for name, what in ENCODER_OBJECTIVES.items()]
    return rows + [{"objective": name, "what": one.about, "source": one.source} for name, one in OBJECTIVES.items()]


_LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "tasks": _ls_tasks,
    "mixes": _ls_mixes,
    "prompts": _ls_prompts,
    "models": _ls_models,
    "families": _ls_families,
    "metrics": _ls_metrics,
    "objectives": _ls_objectives,
}

"""Options that several commands have.

Floor 7.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from t2t.errors import UsageError

__all__ = ["COLUMN", "FRESH", "JSON", "MEAN_SPAN", "NOISE_DENSITY", "PLAIN", "PUSH", "SOURCE",
           "config_options", "joined_settings"]  # fmt: skip

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
PLAIN = click.option("--plain", is_flag=True, default=None, help="Without what is hand-written for speed.")
PUSH = click.option(
    "--push-to-hub", "push_to", metavar="OWNER/NAME", help="Put the finished run on the hub, as `t2t push` does."
)
FRESH = click.option("--fresh", is_flag=True, default=None, help="Leave trained weights out: begin from random ones.")
COLUMN = click.option("--column", help="The column, or key, of the text.  [default: text]")
NOISE_DENSITY = click.option(
    "--noise-density", type=float, help="The share of noise tokens (default: the objective's)."
)
MEAN_SPAN = click.option(
    "--mean-span", type=float, help="Tokens of a noise span, on average (default: the objective's)."
)
SOURCE = click.option(
    "--source", default="auto", show_default=True, metavar="WHERE",
    help="auto | hub | sample | DIR | FILE | SPLIT=FILE[,SPLIT=FILE].",
)  # fmt: skip

HELP = {
    "mix": "A mix of tasks, see `t2t ls mixes`.",
    "task": "One or more tasks, separated by commas.",
    "prompt": "The prompt, several (t5,plain) or all: each row under each; sample:t5,plain draws one a row "
    "(default: each task's first).",
    "shots": "Rows of the training split to show before each input.",
    "shots_by": "How they are chosen: random | balanced | nearest.",
    "source": "auto | hub | sample | DIR | FILE | SPLIT=FILE[,SPLIT=FILE].",
    "model": "A bundled name, a directory or a hub id; given several times, a line-up is trained.",
    "family": "Force a model family; several (a,b) train a line-up.",
    "out": "The run folder (default: runs/MIX-N).",
    "steps": "Train for this many steps …",
    "epochs": "… or until this many times the examples of all tasks have been drawn …",
    "minutes": "… or for this many minutes of training.",
    "batch_tokens": "Tokens a step: inputs and targets, over all ranks.",
    "accumulate": "Split each step into at least this many backward passes (saves memory, changes nothing else).",
    "learning_rate": "The peak learning rate (default: what suits the optimizer).",
    "schedule": "constant | linear | cosine | inverse_sqrt (default: what suits the optimizer).",
    "warmup_steps": "Steps of linear warm-up.",
    "optimizer": "adafactor | adamw | rms_adamw | muon (auto: rms_adamw if random or small, else adafactor).",
    "precision": "fp32 | bf16 | auto (bf16 where the hardware multiplies in it); int8 in eval and predict.",
    "max_input": "Most tokens of an input; longer column text is cut and counted.",
    "max_target": "Most tokens of a target or an answer.",
    "eval_every": "Evaluate every N steps and keep the best model (0: only at the end).",
    "save_every": "Write a checkpoint every N steps (0: only at the end).",
    "by": "How choices are answered in the final evaluation: write | rank | both | constrained | all.",
    "track": "Who follows the run beside metrics.jsonl: tensorboard, wandb, mlflow, trackio, separated by commas.",
    "seed": "Seed of the stream, dropout and fresh weights.",
}


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the main configuration fields as options, with the types and defaults of `Config`."""
    from dataclasses import fields

    from t2t.config import Config

    by_name = {field.name: field for field in fields(Config)}
    for name in reversed(HELP):
        field = by_name[name]
        kind = next((k for word, k in (("int", int), ("float", float)) if str(field.type).startswith(word)), str)
        plain = field.default not in (None, ()) and field.default != 0
        shown = f"{HELP[name]}  [default: {field.default}]" if plain else HELP[name]
        how: dict[str, Any] = {"multiple": True} if name == "model" else {"default": None}
        function = click.option(f"--{name.replace('_', '-')}", name, type=kind, help=shown, **how)(function)
    return function


def joined_settings(
    options: dict[str, Any], config_file: str | None, given: tuple[str, ...]
) -> tuple[dict[str, Any], Callable[[str], str]]:
    """Join a configuration file, ``--set`` and options; the later ones win.

    Return the settings, and what says where in the file one stands (nowhere: empty).
    """
    from t2t import strict_yaml
    from t2t.config import parse_setting

    document = strict_yaml.read(Path(config_file)) if config_file else strict_yaml.Document({}, "", {})
    if not isinstance(document.data, dict):
        raise UsageError("expected settings by name", where=document.file, code="C01")
    typed = dict(map(parse_setting, given)) | {name: value for name, value in options.items() if value is not None}

    def place(name: str) -> str:
        return "" if name in typed else document.where(name)

    return document.data | typed, place

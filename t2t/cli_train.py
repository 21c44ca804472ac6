"""The commands that train: train, pretrain, distill, pet, resume.

Floor 7.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from t2t.cli_options import COLUMN, FRESH, MEAN_SPAN, NOISE_DENSITY, PLAIN, PUSH, config_options, joined_settings
from t2t.cli_show import show_comparison, show_run
from t2t.errors import UsageError, visible
from t2t.screen import show

if TYPE_CHECKING:
    from t2t.config import Config
    from t2t.train import Run

__all__ = ["distill_", "pet", "pretrain", "resume", "train"]

DEFAULT_CORPUS = "corpora/wiki_en"


def _training(
    options: dict[str, Any], config_file: str | None, given: tuple[str, ...]
) -> tuple[dict[str, Any], Callable[[str], str]]:
    """Return the settings of a run that trains, and where each stands; one epoch unless they say for how long."""
    settings, place = joined_settings(options, config_file, given)
    if not any(settings.get(k) for k in ("mix", "task")):
        raise UsageError("say what to train on: --mix NAME or --task NAME[,NAME]", fix="See `t2t ls mixes`.")
    if not any(settings.get(k) for k in ("steps", "epochs", "minutes")):
        settings["epochs"] = 1.0
    return settings, place


@click.command()
@config_options
@click.option("--pack", is_flag=True, default=None, help="Put several examples into one row (exact for T5 shapes).")
@FRESH
@PLAIN
@click.option("--long-targets", default=None, help="error | cut: a training target over --max-target.")
@click.option("--config", "config_file", type=str, help="A YAML file of settings; options win over it.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Any setting by name; repeatable.")
@click.option("--dry-run", is_flag=True, help="Take one real step; print shapes, steps and memory; keep nothing.")
@PUSH
@click.pass_obj
def train(
    obj: Any, /, config_file: str | None, given: tuple[str, ...], dry_run: bool, push_to: str | None, **options: Any
) -> None:
    """Train on a mix or on tasks, evaluate, and write the run folder; several models or families are set side by side.

    Example: t2t train --mix glue --steps 200
    """
    from t2t.config import from_mapping

    models = options.pop("model")
    options["model"] = models[0] if len(models) == 1 else None
    settings, place = _training(options, config_file, given)
    families = [name.strip() for name in str(settings.get("family") or "").split(",") if name.strip()]
    if len(models) > 1 or len(families) > 1:
        if push_to:
            raise UsageError("one run is pushed at a time", fix="Leave out --push-to-hub; then `t2t push` the best.")
        _train_line_up(obj, models or [settings.get("model", "t2t-mini")], families, settings, dry_run)
        return
    _start(obj, from_mapping(settings, place=place), dry_run, push_to=push_to)


def _start(obj: Any, config: Config, dry_run: bool, *, push_to: str | None, work: bool = False) -> None:
    """Train, or take one step; with ``work`` progress says how much of the machine's limit is used."""
    from t2t.train import dry_run as try_one
    from t2t.train import train as start

    config.check_trainable()
    if dry_run:
        show("", [{"what": name, "is": value} for name, value in try_one(config, watch=obj["screen"]).items()])
        return
    _check_push(push_to)
    if work:
        obj["screen"].more = Work(config.precision)
    report = start(config, watch=obj["screen"])
    show_run(obj, Path(report.folder), push_to=push_to)


def _check_push(repo: str | None) -> None:
    """Refuse, before anything is trained, a repository that cannot be pushed to."""
    if repo:
        from t2t.publish import check_repo

        check_repo(repo)


class Work:
    """Says of a step how much useful work it did, as a share of the matrix products the machine can do a second."""

    def __init__(self, precision: str) -> None:
        self.precision, self.peak = precision, 0.0

    def __call__(self, run: Run, values: dict[str, Any]) -> str:
        """Return the share, where the model's shape is known; the limit is measured at the first step."""
        from t2t.bench.flops import forward, shape_of
        from t2t.bench.machine import matmul_peak
        from t2t.models.precision import precision

        net: Any = run.model.net
        if run.model.family != "seq2seq" or net.config.model_type not in ("t5", "mt5", "umt5"):
            return ""
        if not self.peak:
            self.peak = matmul_peak("bf16" if "bf" in str(precision(self.precision, net.device)) else "fp32")
        lengths = [egs.lengths for egs in run.sets.train.values() if hasattr(egs, "lengths")]
        if not lengths:
            return ""
        source, target = lengths[0]
        operations = 3 * forward(shape_of(net.config), source, [target]) / (source + target)
        speed = operations * values["tokens_per_second"] / 1e9
        return f" · {speed:,.0f} GFLOP/s, {speed / self.peak:.0%} of the limit"


def _train_line_up(
    obj: Any, models: Sequence[str], families: Sequence[str], settings: dict[str, Any], dry_run: bool
) -> None:
    """Train several models on the same mix and print their comparison; exit with the code of the first fault."""
    from t2t.config import from_mapping
    from t2t.lineup import folder_of, members, side_by_side, train_all

    if dry_run:
        raise UsageError("a dry run is of one model", fix="Give one --model and --family.")
    who = members(models, families)
    configs = [from_mapping({**settings, "model": one.model, "family": one.family}) for one in who]
    config = [config.check_trainable() for config in configs][0]
    folder = folder_of(settings)
    notice = obj["screen"].notice
    codes = train_all(who, settings, folder, notice=notice, quiet=obj["screen"].quiet)
    done = [name for name, code in codes.items() if code == 0]
    if len(done) > 1:
        show_comparison(side_by_side(folder, done, split=config.split))
        notice(f"line-up: {folder / 'lineup.md'}")
    for name, code in codes.items():
        if code:
            notice(f"{name} ended with exit code {code}")
    sys.exit(next((code for code in codes.values() if code), 0))


@click.command()
@click.option(
    "--corpus",
    multiple=True,
    metavar="CORPUS[=RATE]",
    help="Plain text to learn from: a file, a directory, a glob or a hub id; repeatable, mixed by rate "
    "(default: by size).  [default: corpora/wiki_en]",
)
@click.option("--objective", help="What is learned of it: see `t2t ls objectives`.  [default: span_corruption]")
@NOISE_DENSITY
@MEAN_SPAN
@COLUMN
@click.option("--validation", metavar="CORPUS", help="What the loss is measured on (default: some of the corpus).")
@FRESH
@config_options
@PLAIN
@click.option("--config", "config_file", type=str, help="A YAML file of settings; options win over it.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Any setting by name; repeatable.")
@click.option("--dry-run", is_flag=True, help="Take one real step; print shapes, steps and memory; keep nothing.")
@PUSH
@click.pass_obj
def pretrain(
    obj: Any, /, config_file: str | None, given: tuple[str, ...], dry_run: bool, push_to: str | None, **options: Any
) -> None:
    """Pretrain a model on plain text, alone or mixed with tasks (--mix, --task), or go on with its pretraining.

    Example: t2t pretrain --corpus books/ --corpus news.jsonl.gz=0.5 --fresh --minutes 60
    """
    from t2t.config import from_mapping
    from t2t.masking import ENCODER_OBJECTIVES

    models = options.pop("model")
    if len(models) > 1:
        raise UsageError("one model is pretrained at a time", fix="Give one --model.")
    options |= {"model": models[0] if models else None, "corpus": list(options["corpus"]) or None}
    settings, place = joined_settings(options, config_file, given)
    if settings.get("objective") in ENCODER_OBJECTIVES:
        settings = _of_encoder(settings)
    elif not settings.get("corpus"):
        settings["corpus"] = [DEFAULT_CORPUS]
    if not any(settings.get(k) for k in ("steps", "epochs", "minutes")):
        settings["epochs"] = 1.0
    _start(obj, from_mapping(settings, place=place), dry_run, push_to=push_to, work=True)


def _of_encoder(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an encoder's objective: a task of that name whose rows are the corpus.

    Raise ``UsageError`` for what such a task cannot have.
    """
    name, given = settings.pop("objective"), settings.pop("corpus", None) or [DEFAULT_CORPUS]
    if len(given) > 1 or settings.get("mix") or settings.get("task"):
        raise UsageError(f"{name} is learned from one corpus alone", fix="Give one --corpus, and neither mix nor task.")
    if odd := [key for key in ("noise_density", "mean_span") if settings.get(key) is not None]:
        raise UsageError(f"the objective {name} has no {odd[0]}", fix="Leave it out.", code="C01")
    corpus, column, held = given[0], settings.pop("column", "text"), settings.pop("validation", None)
    path = Path(corpus).expanduser()
    if path.is_dir() or glob.has_magic(corpus):
        raise UsageError(f"{name} is learned from the rows of one file", where=corpus, code="C01",
                         fix="Join the files to one of JSON lines.")  # fmt: skip
    if not path.exists():
        if held:
            raise UsageError("a data set is measured on its own split validation", where="validation",
                             fix="Leave it out.", code="C01")  # fmt: skip
        return {**settings, "task": [f"pretraining/{name}:{corpus}:{column}"]}
    files = f"train={path}" + (f",validation={held}" if held else "")
    return {**settings, "task": [f"pretraining/{name}:{DEFAULT_CORPUS}:{column}"], "source": files}


@click.command("distill")
@click.option("--teacher", required=True, metavar="RUN|MODEL", help="What answers the training rows.")
@click.option("--student", required=True, metavar="MODEL", help="What learns: as --model of train.")
@config_options
@click.option("--config", "config_file", type=str, help="A YAML file of settings; options win over it.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Any setting by name, as soft_temperature.")
@PUSH
@click.pass_obj
def distill_(
    obj: Any, /, teacher: str, student: str, config_file: str | None, given: tuple[str, ...], push_to: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Train a student on what a teacher says of the training rows, in place of their labels.

    Example: t2t distill --teacher runs/large --student t2t-mini --task glue/rte --epochs 3
    """
    from t2t.config import from_mapping
    from t2t.distill import distill

    if options["model"]:
        raise UsageError("the model that is trained is the student", fix="Leave --model out.")
    settings, place = _training({**options, "model": student}, config_file, given)
    _check_push(push_to)
    report = distill(teacher, from_mapping(settings, place=place), watch=obj["screen"])
    show_run(obj, Path(report.folder), push_to=push_to)


@click.command()
@click.argument("run", type=str)
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="A setting that may change, such as steps.")
@click.pass_obj
def resume(obj: Any, run: str, given: tuple[str, ...]) -> None:
    """Go on with a run that was stopped or killed, from its newest sound checkpoint.

    Example: t2t resume runs/glue-1
    """
    from t2t.config import parse_setting
    from t2t.runs import read_config
    from t2t.train import resume as go_on

    folder = Path(run)
    config = read_config(folder)
    if config.corpus:
        obj["screen"].more = Work(config.precision)
    go_on(folder, changes=dict(parse_setting(text) for text in given), watch=obj["screen"])
    show_run(obj, folder)


@click.command()
@click.option("--task", required=True, help="A task with choices, and prompts with a cloze.")
@click.option("--model", required=True, help="A masked language model: a directory or a hub id.")
@click.option("--labelled", type=int, help="Labelled rows, drawn at random (0: none).  [default: 10]")
@click.option("--unlabelled", type=int, help="Rows whose labels are not looked at.  [default: 1000]")
@click.option("--patterns", help="Prompts with a cloze, separated by commas (default: all of the task).")
@click.option("--prompt", help="The classifier's prompt (default: plain).")
@click.option("--seeds", type=int, help="Models a pattern.  [default: 3]")
@click.option("--generations", help="Of iPET: a number, or auto, which grows to a thousand examples.  [default: 0]")
@click.option("--steps", type=int, help="Steps of each cloze model.  [default: 250]")
@click.option("--classifier-steps", type=int, help="Steps of the classifier.  [default: 500]")
@click.option("--learning-rate", type=float, help="Of the cloze models.  [default: 1e-5]")
@click.option("--classifier-learning-rate", type=float, help="Of the classifier (default: an encoder's).")
@click.option(
    "--mlm-weight", type=float, help="Share of the language model's own loss; 0 halves the time.  [default: 1e-4]"
)
@click.option("--batch", type=int, help="Examples a step.  [default: 16]")
@click.option("--max-input", type=int, help="Most tokens of an input.  [default: 256]")
@click.option("--precision", help="fp32 | bf16 | auto.")
@click.option("--source", help="As for train.")
@click.option("--split", help="What is scored.  [default: validation]")
@click.option("--eval-limit", type=int, help="Score a fixed sample of this many rows.")
@click.option("--out", help="The run folder (default: runs/pet-TASK-N).")
@click.option("--seed", type=int, help="Seed of the draws and of training.  [default: 42]")
@click.pass_obj
def pet(obj: Any, /, **options: Any) -> None:
    """Teach a classifier with few labelled rows, many without labels, and patterns (PET, iPET).

    Example: t2t pet --task glue/rte --model MLM --labelled 10 --unlabelled 1000
    """
    from t2t.pet import Plan
    from t2t.pet import pet as start

    given = {name: value for name, value in options.items() if value is not None}
    if "patterns" in given:
        given["patterns"] = tuple(name.strip() for name in given["patterns"].split(","))
    if "generations" in given:
        given["generations"] = _generations(given["generations"])
    show_run(obj, Path(start(Plan(**given), watch=obj["screen"]).folder))


def _generations(text: str) -> int:
    """Return a number of generations, -1 for auto."""
    if text != "auto" and not text.isdecimal():
        raise UsageError(f'generations: expected a number or auto, got "{visible(text)}"', code="C01")
    return -1 if text == "auto" else int(text)

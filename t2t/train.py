"""The loop: one, visible from top to bottom, for every family and every mix.

Floor 5. The batch of step s is a pure function of the seed, the mixture and the cursors, the same for any number of
ranks: each rank takes its slice. The loss is summed nats over the target tokens of the whole step, so accumulation
and ranks change nothing. A run that is killed at any instant and resumed ends as one that never was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from t2t import checkpoint, mixtures, models, runs, sets, stretches, teacher
from t2t.apply import answerable, options
from t2t.batches import plan, steps
from t2t.checkpoint import State
from t2t.config import CHANGEABLE, Config
from t2t.errors import (
    CheckpointError,
    MemoryLimitError,
    NonFiniteError,
    Stopped,
    T2TError,
    UsageError,
    is_out_of_memory,
)
from t2t.mixtures import Stream
from t2t.models import Model, adapters, sums
from t2t.models.cpu.clip import clip
from t2t.models.held_out import HeldOut, measure
from t2t.models.precision import said
from t2t.objectives import OBJECTIVES
from t2t.optim import optimizer as make_optimizer
from t2t.optim import rate, settle
from t2t.pairs import pair_costs
from t2t.predict import (
    SEVERAL,
    Answered,
    Gather,
    answer_sets,
    average,
    build_report,
    check_limit,
    check_way,
    count,
    evaluate_sets,
    labels_of,
    report_json,
    run_signature,
)
from t2t.seen import Seen
from t2t.sets import Sets
from t2t.stretches import Stretches
from t2t.tasks import task
from t2t.tracking import followed
from t2t.types import Example, Mixture, Report, Score

__all__ = ["Run", "Watch", "dry_run", "learn", "prepare", "resume", "train"]

PRETRAINING = "pretraining"  # the family of tasks with an objective
MOST_PADDING = 0.5  # of the tokens of one backward pass: less costs more passes than it saves (docs/results.md)


class Watch:
    """What a run tells whoever watches it. This one is silent; the command line draws."""

    def notice(self, text: str) -> None:
        """Something the user should know."""

    def step(self, run: Run, values: dict[str, Any]) -> None:
        """A line of metrics.jsonl was written."""

    def scored(self, run: Run, values: dict[str, float]) -> None:
        """The validation sets were scored on the way: percent by task and metric."""

    @contextlib.contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Work of ``total`` parts (None: nobody knows) begins; yield what is called with the number of parts done."""
        yield lambda done: None

    @contextlib.contextmanager
    def training(self, run: Run) -> Iterator[None]:
        """The loop begins and ends."""
        yield


@dataclass
class Run:
    """Everything a run works with."""

    config: Config
    folder: Path
    sets: Sets
    model: Model
    mixture: Mixture
    stream: Stream
    sizes: dict[str, np.ndarray]  # (N, 2) input and target tokens of each training example
    optimizer: Any  # None where the model learns at once
    accelerator: Any
    state: State
    watch: Watch
    notes: list[str]
    seen: Seen  # what the training examples have of those to score
    saved: int = 0  # the step of the checkpoint that this process wrote or read last
    stopped: Callable[[], int | None] = lambda: None  # the signal that came while training

    @property
    def main(self) -> bool:
        """Whether this is the rank that writes."""
        return bool(self.accelerator.is_main_process)

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.folder / "checkpoints"

    @property
    def progress(self) -> float:
        """The share of the run that is done, from 0 to 1."""
        return self.share(self.state.step, self.state.examples)

    def share(self, step: int, examples: int) -> float:
        """Return the share of the run that is done after so many steps and examples."""
        config = self.config
        if config.steps is not None:
            return step / config.steps
        if config.epochs is not None:
            return examples / (config.epochs * sum(len(egs) for egs in self.sets.train.values()))
        assert config.minutes is not None  # check_trainable has seen to it
        return self.state.seconds / (60 * config.minutes)

    @property
    def done(self) -> bool:
        """Whether every step was taken, or evaluation has not improved for ``patience`` times."""
        patience = self.config.patience
        return self.progress >= 1 or bool(patience and self.state.evaluations_since_best >= patience)


# -- starting --------------------------------------------------------------------------------------------------------


def train(
    config: Config, *, model: Model | None = None, given: Sets | None = None, watch: Watch | None = None
) -> Report:
    """Train from the start, evaluate, and fill the run folder. Return the report.

    ``given`` are the examples, where these are not simply those that ``config`` names; such a run cannot be resumed.
    Raise a ``T2TError`` for every fault of data, prompts, model or configuration before the first step.
    """
    config.check_trainable()
    accelerator = _accelerator()
    folder = runs.new_folder(config.out, sets.chosen_mix(config).name) if accelerator.is_main_process else None
    folder = Path(_agree(accelerator, str(folder)))
    config = replace(config, out=str(folder))
    with runs.lock(folder) if accelerator.is_main_process else contextlib.nullcontext():
        try:
            run = prepare(config, folder, accelerator, model=model, given=given, watch=watch)
        except BaseException:
            runs.remove_empty(folder)
            raise
        if run.main:
            _write_environment(run, given=given is not None)
            runs.write_config(folder, run.config)  # last: what has it is a run
        return _train(run)


def learn(config: Config, given: Sets, *, model: Model) -> Run:
    """Train a model in memory on examples that are there, and keep nothing else: one that is a means to an end."""
    run = prepare(config.check_trainable(), Path(), _accelerator(), model=model, given=given)
    for egs in _batches(run):
        started = time.monotonic()
        _step(run, egs)
        run.state.seconds += time.monotonic() - started
        if run.done:
            break
    model.net.eval()
    return run


def resume(folder: Path, *, changes: dict[str, Any] | None = None, watch: Watch | None = None) -> Report:
    """Go on from the newest sound checkpoint of a run (from the start if there is none) and finish it.

    ``changes`` may set only what does not change what is learned; run.yaml has them from then on. Raise
    ``CheckpointError`` if the data, the mix or the vocabulary are not what they were, or if no checkpoint is sound.
    """
    config = runs.read_config(folder)
    odd = [name for name in changes or {} if name not in CHANGEABLE]
    if odd:
        raise UsageError(
            f"{', '.join(odd)} cannot change in a run that has begun",
            where=str(folder), fix=f"These can: {', '.join(CHANGEABLE)}.", code="C04",
        )  # fmt: skip
    config = replace(config, **(changes or {})).check_trainable()
    made = runs.read_json(folder / "env.json")
    if made.get("given"):
        raise UsageError("its examples were made by another command than train", where=str(folder),
                         fix="Run that command again; env.json has it.")  # fmt: skip
    accelerator = _accelerator()
    with runs.lock(folder) if accelerator.is_main_process else contextlib.nullcontext():
        run = prepare(config, folder, accelerator, watch=watch)
        if run.model.fits and made.get("data") != run.sets.fingerprint:
            raise CheckpointError("the training data are not what they were", where=str(folder),
                                  fix="Give the same --source, or train anew.", code="D18")  # fmt: skip
        if run.main:
            checkpoint.remove_stale(run.checkpoints)
        with _together(accelerator) as same:
            _go_back(run)
            same["checkpoint"] = [run.state.step, run.state.order]
        if run.main and changes:
            runs.write_config(folder, run.config)
        if run.main and (ranks := accelerator.num_processes) != made.get("ranks", ranks):
            runs.write_json(folder / "env.json", {**made, "ranks": ranks, "ranks_before": made["ranks"]})
            run.notes.append(f"{ranks} ranks from step {run.state.step} on, {made['ranks']} before")
        return _train(run)


def _go_back(run: Run) -> None:
    """Load the newest sound checkpoint, if there is any. Raise ``CheckpointError`` if all of them are damaged."""
    first = None
    for path, error in checkpoint.latest(run.checkpoints):
        if error is None:
            run.state = checkpoint.load(path, run.model.net, run.optimizer, fingerprint=_fingerprint(run))
            run.saved = run.state.step
            if run.main and run.state.best_step is not None:  # a kill may have come between the two
                checkpoint.set_best(run.checkpoints, run.state.best_step)
            run.watch.notice(f"resuming {run.folder} at step {run.state.step}")
            return
        if error.code == "M07":  # sound, and not to be written over
            raise error
        run.notes.append(f"checkpoint left out: {error}")
        run.watch.notice(run.notes[-1])
        first = first or error
    if first:
        raise CheckpointError(f"no checkpoint is sound ({first})", where=str(run.checkpoints), code="K05",
                              fix="Restore one, or remove them all to begin anew.")  # fmt: skip


def dry_run(config: Config, *, watch: Watch | None = None) -> dict[str, Any]:
    """Do everything up to and with one step, keep nothing, and return its shapes, seconds and memory."""
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(config.check_trainable(), Path(folder), _accelerator(), watch=watch)
        if run.model.fits:
            raise UsageError("the model learns at once: there is no step to try", fix="Leave out --dry-run.")
        egs = next(_batches(run))
        shapes = {name: tuple(t.shape) for name, t in run.model.batch(egs).tensors.items() if "segment" not in name}
        values = _step(run, egs)
        started = time.monotonic()
        _step(run, egs)
        seconds = time.monotonic() - started
    return {
        "training examples": sum(map(len, run.sets.train.values())),
        "parameters": sum(p.numel() for p in run.model.net.parameters()),
        **{f"shape of {name}": shape for name, shape in shapes.items()},
        "examples in the step": len(egs),
        "loss in nats a token": round(values["loss"], 4),
        "seconds a step": round(seconds, 3),
        "steps": config.steps or "until --epochs or --minutes are over",
        "peak memory in MB": runs.peak_memory_mb(),
    }


def prepare(
    config: Config,
    folder: Path,
    accelerator: Any,
    *,
    model: Model | None = None,
    given: Sets | None = None,
    watch: Watch | None = None,
) -> Run:
    """Load data and model, encode every training example, and check what can be checked before the first step."""
    with _together(accelerator) as same:
        run = _alone(config, folder, accelerator, model, given, watch or Watch())
        if accelerator.num_processes > 1:
            same.update(config=run.config.as_dict(), **_fingerprint(run))
    if accelerator.num_processes > 1:
        run.model.module = accelerator.prepare_model(run.model.module)
    return run


def _alone(
    config: Config, folder: Path, accelerator: Any, model: Model | None, given: Sets | None, watch: Watch
) -> Run:
    """Do all of ``prepare`` that a rank does without the others."""
    family = _family(config)
    place = models.Place("", {}, model.family) if model else models.find(config.model, family)
    if family == PRETRAINING != place.family:
        raise UsageError(f"{place.family} models are not pretrained on an encoder's objective", fix="Give an encoder.")
    found = given or sets.load(config, preferred=models.PREFERRED.get(place.family, ()))
    torch.manual_seed(config.seed)
    model = model or models.build(place, options(config))
    found = answerable(model, found, config)
    if found.corpora:
        found = stretches.cut(found, model.tokens, config, alone=place.family == "causal", watch=watch)
        model.tokens.stretches = {f"{egs.task.name}:{egs.split}": egs for egs in _stretches(found)}
    if config.teacher:
        found = teacher.taught(found, config, folder, model)
    for note in found.notes:
        watch.notice(note)
    check_way(model, config.by)
    model.prepare({**found.score, **found.train}, training=True)
    model.module.to(accelerator.device)
    notes = [*found.notes, f"weights from {model.origin}", *check(model, found, config)]
    seen = Seen({} if config.shots else found.score)  # with shots before them rows cannot be told apart
    sizes = _sizes(model, found, seen, watch)
    notes += [line] if (line := seen.note()) else []
    config = settle(config, fresh=model.fresh, family=model.recipe, steps=config.steps or _expected(config, sizes))
    notes += models.idle(model, config)
    notes += [line] if (line := adapters.note(model.net, config)) else []
    notes += [] if model.fits else said(config.precision, accelerator.device, plain=config.plain)
    mixture = mixtures.mixture(found.mix, {name: egs.size for name, egs in found.train.items()})
    stream = Stream({name: len(egs) for name, egs in found.train.items()}, mixture.rates, config.seed)
    optimizer = None if model.fits else make_optimizer(
        config.optimizer, model.net.named_parameters(), lr=config.learning_rate or 0.0, decay=config.weight_decay,
        scales=model.scales(),
    )  # fmt: skip
    if accelerator.num_processes > 1 and config.unfreeze_every:
        raise UsageError("gradual unfreezing is for one rank", where="unfreeze_every", fix="Use --set freeze=…")
    state = State(cursors=(0,) * len(stream.names), drawn=dict.fromkeys(stream.names, 0))
    run = Run(config, folder, found, model, mixture, stream, sizes, optimizer, accelerator, state, watch, notes, seen)
    for note in notes[len(found.notes) :]:
        watch.notice(note)
    return run


def _stretches(found: Sets) -> list[Stretches]:
    """Return the sets that are stretches of corpora."""
    every = [*found.train.values(), *found.held.values()]
    return [egs for egs in every if isinstance(egs, Stretches)]


def _family(config: Config) -> str | None:
    """Return the family asked for; where the tasks have an encoder's objective, the one that is pretrained.

    Raise ``UsageError`` where tasks with an encoder's objective and others, or of several, are mixed.
    """
    named = sets.own_tasks(config)
    names = sets.chosen_mix(config).tasks
    objectives = {(named.get(name) or task(name)).objective for name in names}
    if objectives <= {"", *OBJECTIVES}:
        return config.family
    if len(objectives) > 1:
        said = ", ".join(f"{name}: {(named.get(name) or task(name)).objective or 'none'}" for name in names)
        raise UsageError(f"tasks of one objective, or of none, are trained together ({said})",
                         fix="Pretrain first, then train the model that was saved.", code="C05")  # fmt: skip
    if config.family not in (None, PRETRAINING):
        raise UsageError(f"a task with an objective is for the family {PRETRAINING}", where="family",
                         fix="Leave out --family.", code="C05")  # fmt: skip
    return PRETRAINING


def check(model: Model, found: Sets, config: Config) -> list[str]:
    """Audit the vocabulary against every prompt, and answer limits against every reference. Return warnings."""
    warnings = []
    for egs in {**found.score, **found.train}.values():
        for prompt in egs.prompts:
            alone = egs.under(prompt)
            some = [alone[i].target for i in range(0, len(alone), max(1, len(alone) // 500))]
            warnings += model.tokens.audit(egs.task.name, prompt, sorted(set(some)))
    for egs in found.score.values():
        if egs.shots:  # without them `Seen` renders every row: none that is wrong may end an evaluation half-way
            deque(egs, maxlen=0)
        check_limit(model, egs)
    if config.schedule != "auto":
        rate(config.schedule, step=1, progress=0.0, warmup=config.warmup_steps or 0)
    if config.eval_every and found.score:
        tasks = [egs.task for egs in found.score.values()]
        _chosen(config.best_metric, 0.0, {f"{task.name}.{name}": 0.0 for task in tasks for name in task.metrics})
    return warnings


def _sizes(model: Model, found: Sets, seen: Seen, watch: Watch) -> dict[str, np.ndarray]:
    """Encode every training example, and note it in ``seen``; a row that cannot be trained on is an error here."""
    text = {name: egs for name, egs in found.train.items() if isinstance(egs, Stretches)}
    out = {name: np.broadcast_to(np.array(egs.lengths, np.int32), (len(egs), 2)) for name, egs in text.items()}
    rows = {name: egs for name, egs in found.train.items() if name not in text}
    with watch.task("reading and encoding", sum(map(len, rows.values()))) as tick:
        for name, egs in rows.items():
            out[name] = np.empty((len(egs), 2), np.int32)
            labels = labels_of(egs)
            for start in range(0, len(egs), 1024):
                part = egs[start : start + 1024]
                out[name][start : start + len(part)] = model.sizes(part)
                seen.add(name, part, labels)
                tick(len(part))
    return out


def _expected(config: Config, sizes: Mapping[str, np.ndarray]) -> int | None:
    """Return about how many steps the epochs asked for take; None where none are."""
    if config.epochs is None:
        return None
    return math.ceil(config.epochs * sum(int(each.sum()) for each in sizes.values()) / config.batch_tokens)


def _accelerator() -> Any:
    """Return Accelerate's view of the devices and ranks; autocast and schedules are ours."""
    from accelerate import Accelerator

    return Accelerator(mixed_precision="no")


def _agree(accelerator: Any, value: str) -> str:
    """Return the main rank's value on every rank."""
    from accelerate.utils import broadcast_object_list

    box = [value]
    if accelerator.num_processes > 1:
        broadcast_object_list(box)
    return box[0]


@contextlib.contextmanager
def _together(accelerator: Any) -> Iterator[dict[str, Any]]:
    """Have every rank do something by itself: a fault of one ends all of them, with its words and its exit code.

    What is put into the yielded mapping must be the same on every rank, else raise ``UsageError``.
    """
    same: dict[str, Any] = {}
    if accelerator.num_processes == 1:
        yield same
        return
    from accelerate.utils import gather_object

    fault: Exception | None = None
    try:
        yield same
    except Exception as error:
        fault = error
    said = {"text": str(fault), "code": getattr(fault, "exit_code", 1)} if fault else None
    every = gather_object([(said, same)])
    if fault:
        raise fault
    for rank, (other, _) in enumerate(every):
        if other:
            theirs_too = T2TError(f"rank {rank}: {other['text']}")
            theirs_too.exit_code = other["code"]
            raise theirs_too
    for rank, (_, theirs) in enumerate(every):
        if odd := [name for name, value in every[0][1].items() if theirs[name] != value]:
            raise UsageError(f"{', '.join(odd)}: not the same on rank {rank} as on rank 0", code="N05",
                             fix="Give every rank the same files, settings and versions.")  # fmt: skip


def _fingerprint(run: Run) -> dict[str, Any]:
    """Return what must not change between a checkpoint and its resumption."""
    vocabulary = json.dumps(sorted(run.model.tokens.tokenizer.get_vocab().items()))
    return {
        "data": run.sets.fingerprint,
        "prompts": run.sets.prompts,
        "rates": dict(run.mixture.rates),
        "vocabulary": hashlib.sha256(vocabulary.encode()).hexdigest(),
        **({"teacher": teacher.digest(run.folder)} if run.config.teacher else {}),
    }


def _write_environment(run: Run, *, given: bool) -> None:
    runs.write_json(
        run.folder / "env.json",
        runs.environment(
            {
                "device": str(run.accelerator.device),
                "ranks": run.accelerator.num_processes,
                "threads": torch.get_num_threads(),
                "source": run.sets.source,
                "data": run.sets.fingerprint,
                "prompts": run.sets.prompts,
                "given": given,
            }
        ),
    )


# -- the loop --------------------------------------------------------------------------------------------------------


def _train(run: Run) -> Report:
    """Take every step that is left, then evaluate and write the report; the main rank writes and is followed."""
    if run.model.fits:
        _fit(run)
    if not run.main:
        return _loop(run, None)
    metrics = runs.Metrics(run.folder, upto_step=run.state.step, evaluated=run.state.evaluated)
    with followed(metrics, run.folder, run.config, run.watch.notice):
        return _loop(run, metrics)


def _loop(run: Run, metrics: runs.Metrics | None) -> Report:
    """Take every step that is left, then finish."""
    config, state = run.config, run.state
    with _signals() as run.stopped, run.watch.training(run):
        if _halted_while_evaluating(run, metrics):  # the run was stopped before it
            _stop(run)
        for egs in () if run.model.fits else _batches(run):
            started = time.monotonic()
            with _memory(run, egs):
                values = _step(run, egs)
            state.seconds += _mean(run, time.monotonic() - started)
            halted = _any(run, run.stopped()) and not run.done
            if metrics and (state.step % config.log_every == 0 or state.step == 1 or halted or run.done):
                metrics.write(step=state.step, seconds=round(state.seconds, 3), **values)
                run.watch.step(run, values)
            halted = halted or _halted_while_evaluating(run, metrics)
            if halted or run.done or (config.save_every and state.step % config.save_every == 0):
                _save(run)
            if halted:
                _stop(run)
            if run.done:
                break
    run.stopped = lambda: None  # from here on a signal ends the process: everything learned is saved
    return _finish(run, metrics)


def _stop(run: Run) -> NoReturn:
    """End a run whose state was saved with the signal that came."""
    number = run.stopped() or int(signal.SIGTERM)
    raise Stopped(
        f"stopped by {signal.Signals(number).name} at step {run.state.step}; the state is saved",
        signal_number=number, fix=f"Go on with `t2t resume {run.folder}`.",
    )  # fmt: skip


@contextlib.contextmanager
def _memory(run: Run, egs: Sequence[Example]) -> Iterator[None]:
    """Say of a step for which memory does not suffice how large it is. Raise ``MemoryLimitError``."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        longest = max(map(sum, run.model.sizes(egs)))
        raise MemoryLimitError(
            f"memory ran out at step {run.state.step}, of {len(egs)} examples with up to {longest} tokens each",
            fix="Lower --batch-tokens, or raise --set accumulate. The last checkpoint is sound.", code="K09",
        ) from None  # fmt: skip


def _fit(run: Run) -> None:
    """Have the model learn from every training example at once."""
    started = time.monotonic()
    run.model.fit(run.sets.train)
    run.state.seconds = time.monotonic() - started
    run.state.examples = sum(map(len, run.sets.train.values()))
    for name in run.stream.names:
        run.state.count(name, *run.sizes[name].sum(0, dtype=np.int64).tolist(), examples=len(run.sets.train[name]))


def _batches(run: Run) -> Iterator[list[Example]]:
    """Yield the examples of each step from where the state stands, and keep the state in step."""
    config, state, stream = run.config, run.state, run.stream
    while not run.done:
        window = stream.window(state.window, state.cursors, config.window)
        sizes = np.stack([run.sizes[stream.names[t]][i] for t, i in zip(window.tasks, window.examples, strict=True)])
        planned = steps(sizes.sum(1), budget=config.batch_tokens)
        while state.at < len(planned):
            picked = planned[state.at]
            state.at += 1
            state.step += 1
            state.examples += len(picked)
            names = [stream.names[t] for t in window.tasks[picked]]
            egs = [run.sets.train[name][int(i)] for name, i in zip(names, window.examples[picked], strict=True)]
            egs = [replace(eg, visit=state.step) if eg.task in run.sets.corpora else eg for eg in egs]
            # Rows have the sizes they had; what an objective makes of text may differ from visit to visit.
            tokens = np.array(run.model.sizes(egs)) if run.sets.corpora else sizes[picked]
            for name, (read, written) in zip(names, tokens.tolist(), strict=True):
                state.count(name, read, written)
            uids = "\n".join(eg.uid for eg in egs)
            state.order = hashlib.sha256((state.order + uids).encode()).hexdigest()
            yield egs
        state.window, state.cursors, state.at = state.window + 1, window.cursors, 0


def _step(run: Run, egs: Sequence[Example]) -> dict[str, Any]:
    """Take one optimiser step on ``egs``. Return what is logged.

    Raise ``NonFiniteError`` before the weights are touched if the loss or the gradient is not finite.
    """
    config, state, model, accelerator = run.config, run.state, run.model, run.accelerator
    world, rank = accelerator.num_processes, accelerator.process_index
    progress = min(run.share(state.step - 1, state.examples - len(egs)), 1.0)
    factor = rate(config.schedule, step=state.step, progress=progress, warmup=config.warmup_steps or 0)
    lr = (config.learning_rate or 0.0) * factor
    for group in run.optimizer.param_groups:
        group["lr"] = lr * group["scale"]
    started = time.monotonic()
    units = sum(target for _, target in model.sizes(egs))
    model.thaw(state.step)
    model.module.train()
    torch.manual_seed(int(run.stream.rng(3, state.step, rank).integers(2**62)))
    nats = torch.zeros((), device=accelerator.device)
    mine = egs[rank::world]
    parts = _parts(config, model, mine, world)
    for at, part in enumerate(parts):
        wait = world > 1 and at < len(parts) - 1
        with accelerator.no_sync(model.module) if wait else contextlib.nullcontext():
            loss = model.loss(model.batch(part)).nats
            # DDP averages gradients over ranks; the step's loss is a sum over all of them.
            (loss * (world / units)).backward()
        nats += loss.detach()
    if not parts:  # fewer examples than ranks: take part in the exchange, with nothing of one's own
        torch.autograd.backward(model.loss(model.batch(egs[:1])).nats * 0.0)
    norm = (clip_grad_norm_ if config.plain else clip)(model.net.parameters(), config.clip_norm or math.inf)
    loss_value = float(accelerator.reduce(nats, "sum")) / units
    if not (math.isfinite(float(norm)) and math.isfinite(loss_value)):
        raise NonFiniteError(
            f"loss {loss_value} and gradient norm {float(norm)} at step {state.step}; "
            f"the batch: {', '.join(eg.uid for eg in egs[:8])}{' …' if len(egs) > 8 else ''}",
            fix="Lower --learning-rate or use --precision fp32. The last checkpoint is sound.", code="K10",
        )  # fmt: skip
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    tokens = sum(map(sum, model.sizes(egs)))
    return {
        "loss": loss_value,
        "lr": lr,
        "grad_norm": float(norm),
        "tokens_per_second": round(tokens / (time.monotonic() - started), 1),
        "examples": state.examples,
        "tokens": state.input_tokens + state.target_tokens,
        "order": state.order[:12],
    }


def _parts(config: Config, model: Model, egs: Sequence[Example], world: int) -> list[list[Example]]:
    """Cut a rank's examples of a step into backward passes: in their order where padding costs nothing, else of similar
    lengths.
    """
    if model.unpadded and config.accumulate * world == 1:
        return [list(egs)] if egs else []
    budget = max(1, config.batch_tokens // (config.accumulate * world))
    sizes = np.array(model.sizes(egs), dtype=np.int64).reshape(-1, 2)
    if config.pack or model.unpadded:
        parts = steps(sizes.sum(1), budget=budget)
    else:
        parts = plan(sizes[:, 0], sizes[:, 1], budget=budget, most_padding=MOST_PADDING)
    return [[egs[i] for i in part] for part in parts]


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], int | None]]:
    """Note SIGTERM and SIGINT instead of dying; the second one stops at once. Yield what returns the first."""
    seen: list[int] = []

    def note(number: int, frame: Any) -> None:
        if seen:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        seen.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: whoever owns it handles signals
        before = {}
    try:
        yield lambda: seen[0] if seen else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _mean(run: Run, mine: float) -> float:
    """Return the mean over ranks: where the clock decides, they must not differ on when to end or how fast to learn."""
    if run.accelerator.num_processes == 1:
        return mine
    return float(run.accelerator.reduce(torch.tensor(mine, device=run.accelerator.device), "mean"))


def _any(run: Run, mine: int | None) -> bool:
    """Whether any rank has been told to stop."""
    if run.accelerator.num_processes == 1:
        return mine is not None
    flag = torch.tensor(float(mine is not None), device=run.accelerator.device)
    return float(run.accelerator.reduce(flag, "sum")) > 0


# -- evaluating and ending -------------------------------------------------------------------------------------------


class _Interrupted(Exception):
    """A signal came while evaluating."""


def _halted_while_evaluating(run: Run, metrics: runs.Metrics | None) -> bool:
    """Score the validation sets if it is time and no signal has come; whether one came meanwhile."""
    if not _due(run) or _any(run, run.stopped()):
        return False
    try:
        _evaluate_and_note(run, metrics)
    except _Interrupted:
        return True
    return False


def _evaluate_and_note(run: Run, metrics: runs.Metrics | None) -> None:
    """Score the validation sets, write a line, and keep the checkpoint if it is the best so far.

    Where there is nothing to score, what was held out is measured, and the last checkpoint is the one that counts.
    """
    state, config = run.state, run.config
    held = _held_out(run, budget=config.eval_tokens)
    if not run.sets.score:
        state.evaluated = state.step
        if held and metrics:
            metrics.write(step=state.step, seconds=round(state.seconds, 3), held_out=_as_json(held))
        return
    scores, _ = evaluate_sets(run.model, run.sets, by=_by(config), watch=run.watch, gather=_gather(run))
    mean = average(scores, run.sets.mix)
    values = _by_name(scores)
    value = _chosen(config.best_metric, mean.get("value", 0.0), values)
    if state.best_value is None or value > state.best_value:
        state.best_value, state.best_step, state.evaluations_since_best = value, state.step, 0
    else:
        state.evaluations_since_best += 1
    state.evaluated = state.step
    if metrics:
        more = {"held_out": _as_json(held)} if held else {}
        metrics.write(
            step=state.step, seconds=round(state.seconds, 3), average=mean.get("value"), scores=values, **more
        )
        run.watch.scored(run, values)
        said = f"step {state.step}: average {mean.get('value', 0.0):.2f}"
        run.watch.notice(said + (" (best)" if _is_best(state) else ""))
    _save(run)
    if run.main and _is_best(state):
        checkpoint.set_best(run.checkpoints, state.step)


def _held_out(run: Run, *, budget: int) -> dict[str, HeldOut]:
    """Measure the stretches that were held out, and say it. Every rank measures the same."""
    found = {
        name: measure(run.model, egs, budget=budget)
        for name, egs in run.sets.held.items()
        if isinstance(egs, Stretches)
    }
    for name, held in found.items():
        run.watch.notice(f"step {run.state.step}: {name}: held out {held}")
    return found


def _as_json(held: dict[str, HeldOut]) -> dict[str, dict[str, float]]:
    """Return the figures of a line of metrics.jsonl."""
    return {
        name: {"nats_per_token": round(one.nats_per_token, 5), "bits_per_byte": round(one.bits_per_byte, 5)}
        for name, one in held.items()
    }


def _by_name(scores: Sequence[Score]) -> dict[str, float]:
    """Return the scores as TASK.METRIC, the mean over prompts where there are several."""
    found: dict[str, list[float]] = {}
    for score in scores:
        found.setdefault(f"{score.task}.{score.metric}", []).append(score.value)
    return {name: round(sum(values) / len(values), 4) for name, values in found.items()}


def _due(run: Run) -> bool:
    """Whether the step is one to score at and was not yet; the last one is scored when the run ends."""
    every, state = run.config.eval_every, run.state
    return bool(every and state.step and state.step % every == 0 and state.evaluated != state.step and not run.done)


def _is_best(state: State) -> bool:
    return state.best_step == state.step


def _by(config: Config) -> str:
    return "write" if config.by in SEVERAL else config.by


def _chosen(name: str, mean: float, values: dict[str, float]) -> float:
    """Return the score that decides which checkpoint is best: the average, or TASK.METRIC."""
    if name == "average":
        return mean
    if name not in values:
        raise UsageError(f'best_metric: there is no score "{name}"', fix=f"One of average, {', '.join(values)}.")
    return values[name]


def _gather(run: Run) -> Gather:
    """Return how answers of all ranks come together: every rank answers its share, each example once."""
    accelerator = run.accelerator

    def gather(part: list[Any]) -> list[Any]:
        if _any(run, run.stopped()):
            raise _Interrupted
        if accelerator.num_processes == 1:
            return part
        from accelerate.utils import gather_object

        return list(gather_object(part))

    return Gather(accelerator.process_index, accelerator.num_processes, gather)


def _save(run: Run) -> None:
    """Publish a checkpoint, the lines of the log before it; ranks other than the main one wait."""
    with _together(run.accelerator):
        if run.main and run.saved != run.state.step:
            runs.sync_metrics(run.folder)
            checkpoint.save(
                run.checkpoints, run.state, run.model.net, run.optimizer,
                keep=run.config.keep, fingerprint=_fingerprint(run),
            )  # fmt: skip
    run.saved = run.state.step


def _finish(run: Run, metrics: runs.Metrics | None) -> Report:
    """Take the best weights if evaluation chose among some, save the model, evaluate in full, write report.json."""
    if run.config.eval_every and run.sets.score and not run.model.fits:
        if run.state.evaluated != run.state.step:
            _evaluate_and_note(run, metrics)
        if run.state.best_step not in (None, run.state.step):
            path = run.checkpoints / f"step-{run.state.best_step:06d}"
            checkpoint.verify(path)
            checkpoint.load(path, run.model.net)
            run.notes.append(f"the model is that of step {run.state.best_step}, the best of those evaluated")
    held = {} if run.model.fits else _held_out(run, budget=1)
    run.notes += [f"{name}: held out {one}" for name, one in held.items()]
    with _together(run.accelerator):
        if run.main:
            _save_model(run)
    if run.main:
        for line in () if run.sets.corpora else run.model.held_out(run.sets.held):
            run.notes.append(line)
            run.watch.notice(line)
    started = time.monotonic()
    folder = run.folder if run.main else None
    answered = answer_sets(run.model, run.sets, by=run.config.by, watch=run.watch, gather=_gather(run), folder=folder)
    seconds = time.monotonic() - started
    report = build_report(
        run.folder.name,
        run.sets,
        run.config.split,
        answered,
        signature=run_signature(run.config.model, run.model.family, run.config, steps=run.state.step),
        cost=_cost(run, seconds, count(answered)),
        notes=run.notes + _tally_notes(run),
        folder=str(run.folder),
    )
    if run.main:
        more = {"held_out": {name: one.asdict() for name, one in held.items()}} if held else {}
        runs.write_json(run.folder / "report.json", {**_report_json(report, run, answered), **more})
    return report


def _save_model(run: Run) -> None:
    """Publish model/, whole or not at all. Raise ``DiskError``."""
    need = sum(p.nbytes for p in run.model.net.parameters())
    with checkpoint.whole(run.folder / "model", need=need) as folder:
        run.model.save(folder)
        sums.write(folder)
        runs.write_prompts(folder, run.sets.prompts)


def _tally_notes(run: Run) -> list[str]:
    return [line for name, tally in run.model.tokens.tallies.items() for line in tally.warnings(name)]


def _cost(run: Run, eval_seconds: float, answered: int) -> dict[str, Any]:
    """Return what the run cost: parameters, seconds, tokens, peak memory in MB."""
    return {
        "parameters": sum(p.numel() for p in run.model.net.parameters()),
        "trainable_parameters": adapters.trainable(run.model.net),
        **({"teacher_seconds": teacher.seconds(run.folder)} if run.config.teacher else {}),
        "train_seconds": round(run.state.seconds, 1),
        "train_tokens": run.state.input_tokens + run.state.target_tokens,
        "eval_seconds": round(eval_seconds, 1),
        "examples_per_second": round(answered / eval_seconds, 1) if eval_seconds else 0.0,
        "peak_memory_mb": runs.peak_memory_mb(),
    }


def _report_json(report: Report, run: Run, answered: Answered) -> dict[str, Any]:
    """Return report.json of a run: that of its scores, and what was drawn in training."""
    drawn = run.state.drawn
    total = max(sum(drawn.values()), 1)
    mixture = {
        name: {
            "rate": run.mixture.rates[name],
            "examples": len(run.sets.train[name]),
            "drawn": drawn[name],
            "share_percent": 100 * drawn[name] / total,
            "epochs": drawn[name] / len(run.sets.train[name]),
            **_tokens(run.state, name),
        }
        for name in run.stream.names
    }
    return {
        **report_json(report, run.sets, answered, run.model.tokens.tallies),
        "family": run.model.family,
        "pairs": pair_costs(run.model, run.sets),
        "mixture": mixture,
        **({} if run.config.shots else {"leaked": run.seen.leaked()}),
        "labels": run.seen.labels,
        "lengths": {name: _lengths(sizes[:, 0], run.config.max_input) for name, sizes in run.sizes.items()},
        "steps": run.state.step,
        "order": run.state.order,
    }


def _tokens(state: State, name: str) -> dict[str, int]:
    """Return the tokens drawn of a task; nothing where the run began before these were counted by task."""
    if sum(map(sum, state.tokens.values())) < state.input_tokens + state.target_tokens:
        return {}
    read, written = state.tokens.get(name, (0, 0))
    return {"input_tokens": read, "target_tokens": written}


def _lengths(tokens: np.ndarray, limit: int) -> dict[str, Any]:
    """Return a histogram of the input tokens of examples as they are trained on: edges, counts, and the limit."""
    counts, edges = np.histogram(tokens, bins=min(40, int(tokens.max()) + 1), range=(0, int(tokens.max()) + 1))
    return {"edges": [round(float(edge), 2) for edge in edges], "counts": counts.tolist(), "limit": limit}

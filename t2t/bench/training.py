"""Training an encoder-decoder: t2t's own loop and the Hugging Face Trainer, on the same rows.

Floor 6. Both take AdamW and draw rows from the same stream of the mix. Neither evaluates, logs or saves meanwhile.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    DataCollatorForSeq2Seq,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from t2t.bench.cases import Ask
from t2t.bench.flops import shape_of
from t2t.bench.machine import has_bf16
from t2t.bench.meter import Meter
from t2t.config import Config
from t2t.train import Run, _accelerator, _batches, _step, prepare, train
from t2t.types import Example

__all__ = ["Timed", "arguments", "drawn", "fit", "loop", "prepared", "settings", "t2t", "teach", "trainer"]

ROWS = 4000  # that the Trainer is given: more than a measurement sees
WITHOUT_END = 10**6  # steps


def settings(ask: Ask, **more: Any) -> Config:
    """Return t2t's configuration for what is asked; only the optimiser is not its own choice."""
    usual = {
        "model": ask.model, "source": ask.source, "steps": WITHOUT_END, "log_every": WITHOUT_END, "optimizer": "adamw",
        "long_targets": "cut", "eval_limit": 1,
    }  # fmt: skip
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in ask.settings.items()}
    return Config(**{**usual, **given, **more})


def prepared(ask: Ask, **more: Any) -> Run:
    """Return a run that is ready for its first step."""
    return prepare(settings(ask, **more), Path(), _accelerator())


def drawn(run: Run) -> list[Example]:
    """Return the first examples of the stream, so that others train on the same shares of the tasks."""
    count = min(ROWS, sum(map(len, run.sets.train.values())))
    window = run.stream.window(0, run.state.cursors, count)
    names = [run.stream.names[task] for task in window.tasks]
    return [run.sets.train[name][int(i)] for name, i in zip(names, window.examples, strict=True)]


# -- t2t -------------------------------------------------------------------------------------------------------------


def t2t(ask: Ask) -> dict[str, Any]:
    """Train with t2t's loop."""
    run = prepared(ask)
    return loop(run, ask, run.model.net.config)


def loop(run: Run, ask: Ask, config: Any) -> dict[str, Any]:
    """Take steps until the time is over; ``config`` is the network's."""
    meter = Meter(ask.seconds)
    for egs in _batches(run):
        _step(run, egs)
        if meter.step(run.model.sizes(egs)):
            break
    dtype = getattr(run.model, "dtype", None) or run.model.net.dtype
    return meter.result(shape_of(config), "bf16" if dtype == torch.bfloat16 else "fp32")


def teach(ask: Ask) -> dict[str, Any]:
    """Train a model that answers are asked of, from its start to its end, into ``ask.how["out"]``."""
    usual = {"log_every": 100, "optimizer": "auto", "steps": None, "minutes": ask.how["seconds"] / 60}
    report = train(settings(ask, out=ask.how["out"], **usual))
    return {"scores": [[row.task, row.metric, row.value] for row in report.rows]}


# -- the Trainer -----------------------------------------------------------------------------------------------------


class Over(Exception):
    """The measurement is over."""


class Timed(Seq2SeqTrainer):  # type: ignore[misc]
    """The Trainer with a meter, and its length-grouped batches in random order.

    As it is, it takes each stretch of 50 batches from the longest to the shortest: a short measurement would see the
    long ones alone.
    """

    def __init__(self, meter: Meter, **how: Any) -> None:
        super().__init__(**how)
        self.meter, self.sizes = meter, list[tuple[int, int]]()

    def training_step(self, model: Any, inputs: Any, *rest: Any) -> torch.Tensor:
        """Count the step before this one, which has ended with its optimiser's, and begin this one."""
        if self.sizes and self.meter.step(self.sizes):
            raise Over
        sources = inputs["attention_mask"].sum(1).tolist()
        real = (inputs["labels"] != -100).reshape(len(sources), -1).sum(1).tolist()
        self.sizes = list(zip(sources, real, strict=True))
        return super().training_step(model, inputs, *rest)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        inner = super()._get_train_sampler(train_dataset)
        if self.args.train_sampling_strategy != "group_by_length":
            return inner
        return _Shuffled(inner, self.args.per_device_train_batch_size)

    def until_over(self) -> None:
        """Train until the meter has what it wants."""
        try:
            self.train()
        except Over:
            return


class _Shuffled(torch.utils.data.Sampler[int]):
    """Whole batches of another sampler, in random order."""

    def __init__(self, inner: Any, size: int) -> None:
        self.inner, self.size = inner, size

    def __len__(self) -> int:
        return len(self.inner) // self.size * self.size

    def __iter__(self) -> Iterator[int]:
        order = list(self.inner)
        for at in torch.randperm(len(self) // self.size).tolist():
            yield from order[at * self.size : (at + 1) * self.size]


def trainer(ask: Ask) -> dict[str, Any]:
    """Train with the Seq2SeqTrainer."""
    run = prepared(ask, precision="fp32", plain=True)
    encoded = run.model.tokens.encode(drawn(run), cut_targets=True)
    rows = [
        {"input_ids": e.source.tolist(), "labels": e.target.tolist(), "attention_mask": [1] * len(e.source)}
        for e in encoded
    ]
    tokens = [len(e.source) + len(e.target) for e in encoded]
    net = AutoModelForSeq2SeqLM.from_config(AutoConfig.from_pretrained(ask.model, trust_remote_code=False))
    collator = DataCollatorForSeq2Seq(run.model.tokens.tokenizer, model=net)
    return fit(net, rows, collator, arguments(ask, tokens, run.config.batch_tokens), Meter(ask.seconds))


def arguments(ask: Ask, tokens: Sequence[int], a_step: int) -> dict[str, Any]:
    """Return the Trainer's arguments: as it comes, or at its best.

    That is batches of like lengths, bf16 where the hardware multiplies in it, and as many rows as make ``a_step``
    tokens on average unless rows are said.
    """
    equal = max(1, round(a_step * len(tokens) / sum(tokens)))
    given: dict[str, Any] = {"per_device_train_batch_size": ask.how.get("batch") or equal}
    if ask.how.get("best"):
        given |= {"bf16": has_bf16(), "train_sampling_strategy": "group_by_length"}
    return given


def fit(
    net: Any, rows: list[dict[str, Any]], collator: Callable[..., Any], given: dict[str, Any], meter: Meter
) -> dict[str, Any]:
    """Train ``net`` on ``rows`` with the Trainer until the meter is over; return the speeds."""
    with tempfile.TemporaryDirectory() as folder:
        how = Seq2SeqTrainingArguments(
            output_dir=folder, max_steps=WITHOUT_END, save_strategy="no", logging_strategy="no", report_to="none",
            disable_tqdm=True, use_cpu=not torch.cuda.is_available(), **given,
        )  # fmt: skip
        Timed(meter, model=net, args=how, train_dataset=rows, data_collator=collator).until_over()
    found = meter.result(shape_of(net.config), "bf16" if given.get("bf16") else "fp32")
    return {**found, "batch": given["per_device_train_batch_size"]}

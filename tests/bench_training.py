"""Training throughput: t2t and the Hugging Face Seq2SeqTrainer side by side in one process.

Same model, same encoded examples, rounds in turn, so that a busy machine slows all of them alike. Speed is real tokens
(inputs and targets, no padding) a second. Prints each contestant's median, its spread and its ratio to the first.

    python tests/bench_training.py [--rounds 3] [--seconds 15] [--source sample]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.state import AcceleratorState
from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

from t2t.config import Config
from t2t.train import _accelerator, _batches, _step, prepare


def matmul_peak(dtype: torch.dtype) -> float:
    """Return GFLOP/s of a large matrix product, the machine's limit in this very run."""
    a, b = torch.randn(1024, 1024, dtype=dtype), torch.randn(1024, 1024, dtype=dtype)
    started, rounds = time.perf_counter(), 0
    while time.perf_counter() - started < 1:
        a @ b
        rounds += 1
    return rounds * 2 * 1024**3 / (time.perf_counter() - started) / 1e9


def t2t_round(source: str, seconds: float, **settings: Any) -> float:
    """Train with t2t's loop for some seconds; return tokens a second after one second of warming up."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(mix="glue", source=source, steps=10**6, optimizer="adamw", log_every=10**6, **settings)
        run = prepare(config, Path(folder), _accelerator())
        tokens, started = 0, None
        begun = time.perf_counter()
        for egs in _batches(run):
            _step(run, egs)
            now = time.perf_counter()
            if started is None:
                if now - begun > 1:
                    started = now
                continue
            tokens += sum(map(sum, run.model.sizes(egs)))
            if now - started > seconds:
                return tokens / (now - started)
    raise AssertionError("the stream is endless")


class Until(TrainerCallback):  # type: ignore[misc]
    """Stop the Trainer after some seconds; the first one does not count."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.tokens, self.mark, self.begun = seconds, 0, 0, 0.0
        self.started: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.perf_counter()
        if self.started is None and now - self.begun > 1:
            self.started, self.mark = now, self.tokens
        elif self.started is not None and now - self.started > self.seconds:
            control.should_training_stop = True
            self.ended = now


def trainer_round(source: str, seconds: float, **arguments: Any) -> float:
    """Train with the Hugging Face Trainer for some seconds; return tokens a second."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(mix="glue", source=source, steps=1, precision="fp32")
        run = prepare(config, Path(folder), _accelerator())
        egs = [eg for task in run.sets.train.values() for eg in task]
        rows = [
            {"input_ids": e.source.tolist(), "labels": e.target.tolist(), "attention_mask": [1] * len(e.source)}
            for e in run.model.tokens.encode(egs, cut_targets=False)
        ]
        until = Until(seconds)
        inner = DataCollatorForSeq2Seq(run.model.tokens.tokenizer, model=run.model.net)

        def collate(batch: list[dict[str, list[int]]]) -> Any:
            until.tokens += sum(len(row["input_ids"]) + len(row["labels"]) for row in batch)
            return inner(batch)

        trainer = Seq2SeqTrainer(
            model=run.model.net,
            args=Seq2SeqTrainingArguments(
                output_dir=folder, max_steps=10**6, per_device_train_batch_size=32, save_strategy="no",
                logging_strategy="no", report_to="none", disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
                **arguments,
            ),
            train_dataset=rows, data_collator=collate, callbacks=[until],
        )  # fmt: skip
        trainer.train()
        assert until.started is not None
        return (until.tokens - until.mark) / (until.ended - until.started)


CONTESTANTS: dict[str, Callable[[str, float], float]] = {
    "HF Seq2SeqTrainer, default (batch 32, fp32)": lambda source, s: trainer_round(source, s),
    "HF Seq2SeqTrainer, length-grouped, bf16": lambda source, s: trainer_round(
        source, s, bf16=True, train_sampling_strategy="group_by_length"
    ),
    "t2t, fp32": lambda source, s: t2t_round(source, s, precision="fp32"),
    "t2t, default (bf16 where the hardware has it)": lambda source, s: t2t_round(source, s),
    "t2t, packed rows": lambda source, s: t2t_round(source, s, pack=True),
}


def main() -> None:
    """Run the rounds in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--source", default="sample")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    speeds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    peaks = []
    for _ in range(options.rounds):
        peaks.append((matmul_peak(torch.float32), matmul_peak(torch.bfloat16)))
        for name, contestant in CONTESTANTS.items():
            AcceleratorState._reset_state(reset_partial_state=True)  # the Trainer leaves its precision behind
            speeds[name].append(contestant(options.source, options.seconds))
    first = statistics.median(next(iter(speeds.values())))
    print(
        f"model t2t-mini, mix glue, source {options.source}, {options.rounds} rounds of {options.seconds:g} s in turn"
    )
    print(f"matmul peak, GFLOP/s, fp32 and bf16: {', '.join(f'{a:.0f} and {b:.0f}' for a, b in peaks)}")
    for name, values in speeds.items():
        middle = statistics.median(values)
        spread = f"{min(values):,.0f}–{max(values):,.0f}"
        print(f"{name:48} {middle:9,.0f} tok/s  ({spread})  {middle / first:5.2f}×")


if __name__ == "__main__":
    main()

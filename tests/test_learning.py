"""Learning: a small T5 learns to copy and to reverse from nothing, through the whole of `train`.

A loop that only looks right (a shifted target, a mask that leaks, a rate that is not applied) does not get there.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from t2t.train import train
from tests.toy import config, known, steps, write_model, write_tasks

LETTERS = "abcgms"  # each one token of the bundled vocabulary


def learned(folder: Path, seed: int) -> dict[str, float]:
    """Train on 2,500 texts a task and return how many of 150 unseen ones a task come out right, in percent."""
    with known(write_tasks(folder / "tasks", train=2500, score=150, longest=5, letters=LETTERS)):
        shape = {"d_model": 64, "d_ff": 128, "d_kv": 16, "num_heads": 4, "num_layers": 2, "num_decoder_layers": 2}
        model = write_model(folder / "model", dropout=0.0, seed=seed, **shape)
        report = train(
            config(
                folder / "run", model=str(model), task=("toy/copy", "toy/reverse"), steps=600, batch_tokens=1024,
                window=1024, optimizer="rms_adamw", learning_rate=3e-2, schedule="cosine", warmup_steps=50, seed=seed,
                log_every=50,
            )
        )  # fmt: skip
    print({row.task: row.value for row in report.rows}, f"{steps_seconds(folder)} s")
    return {row.task: row.value for row in report.rows if row.metric == "exact"}


def steps_seconds(folder: Path) -> float:
    return json.loads((folder / "run" / "report.json").read_text())["cost"]["train_seconds"]


def test_copying_and_reversing_are_learned(tmp_path: Path) -> None:
    found = learned(tmp_path, seed=1)
    assert found.keys() == {"toy/copy", "toy/reverse"} and min(found.values()) >= 98.0, found
    losses = [line["loss"] for line in steps(tmp_path / "run")]
    assert losses[0] > 5 and losses[-1] < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_it_is_learned_from_other_seeds(seed: int, tmp_path: Path) -> None:
    found = learned(tmp_path, seed)
    assert min(found.values()) >= 98.0, found

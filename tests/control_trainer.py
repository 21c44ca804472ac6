"""A control for the promises: the same kills for the Hugging Face Trainer and for t2t, run by hand.

Each run of a tiny T5 (60 steps, a save every 5, two kept) is killed once by SIGKILL at an instant drawn evenly from the
time a whole run takes, then resumed to its end and its weights compared with those of a run that was never killed.

    python -m tests.control_trainer 60
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from t2t.train import resume, train
from tests.toy import build, config, known, write_model, write_tasks

STEPS, EVERY = 60, 5


class Rows(torch.utils.data.Dataset):
    """Random token ids, the same in every run."""

    def __len__(self) -> int:
        return 128

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.randint(2, 500, (2, 12), generator=torch.Generator().manual_seed(index))
        return {"input_ids": ids[0], "labels": ids[1]}


def trainer(folder: Path, model: Path) -> None:
    """Train, or go on, as its documentation says."""
    args = TrainingArguments(
        output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=4, save_steps=EVERY, save_total_limit=2,
        report_to=[], use_cpu=True, disable_tqdm=True, seed=1, learning_rate=1e-3, logging_steps=1,
    )  # fmt: skip
    found = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    Trainer(model=build(), args=args, train_dataset=Rows()).train(resume_from_checkpoint=found)


def ours(folder: Path, model: Path) -> None:
    """Train, or go on."""
    if (folder / "run.yaml").exists():
        resume(folder)
    else:
        train(config(folder, model=str(model), steps=STEPS, save_every=EVERY, keep=2, eval_limit=1))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the last checkpoint of either."""
    for name in (f"checkpoint-{STEPS}/model.safetensors", f"checkpoints/step-{STEPS:06d}/weights.safetensors"):
        if (folder / name).exists():
            return load_file(folder / name)
    return {}


def start(run: Callable[[Path, Path], None], folder: Path, model: Path) -> int:
    """Fork a run; what it prints goes to FOLDER.txt."""
    child = os.fork()
    if not child:
        code = 1
        try:
            with open(folder.with_suffix(".txt"), "a") as said:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
            run(folder, model)
            code = 0
        except BaseException as error:
            os.write(2, f"\n{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kills(name: str, run: Callable[[Path, Path], None], top: Path, times: int) -> Counter[str]:
    """Kill ``times`` runs once each; return how they went on."""
    model, whole = top / "model", top / f"{name}-whole"
    took = []
    for _ in range(2):  # the second one is warm
        shutil.rmtree(whole, ignore_errors=True)
        began = time.monotonic()
        assert ended(start(run, whole, model)) == 0, whole.with_suffix(".txt").read_text()
        took.append(time.monotonic() - began)
    wanted, rng, found, number = weights(whole), random.Random(0), Counter[str](), 0
    assert wanted
    while sum(found.values()) < times:
        number += 1
        folder = top / f"{name}-{number}"
        child = start(run, folder, model)
        time.sleep(rng.uniform(0, took[-1]))
        os.kill(child, signal.SIGKILL)
        if ended(child) == 0:
            continue  # it was over before the kill
        saved = bool(list(folder.glob("checkpoint-*")) or list(folder.glob("checkpoints/step-*")))
        code = ended(start(run, folder, model))
        got = weights(folder)
        same = got.keys() == wanted.keys() and all(torch.equal(got[k], wanted[k]) for k in wanted)
        how = "cannot resume" if code else "bitwise equal" if same else "other weights"
        found[f"{how}, {'with' if saved else 'without'} a checkpoint"] += 1
        if code:
            print(f"  {name} {number}: {folder.with_suffix('.txt').read_text().strip().splitlines()[-1][:160]}")
        shutil.rmtree(folder, ignore_errors=True)
    return found


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, known(write_tasks(Path(folder) / "tasks", train=12, score=5)):
        top = Path(folder)
        write_model(top / "model")
        for name, run in (("Trainer", trainer), ("t2t", ours)):
            found = kills(name, run, top, times)
            print(
                f"{name}: {times} kills: " + "; ".join(f"{n} {what}" for what, n in sorted(found.items())), flush=True
            )


if __name__ == "__main__":
    main()

"""Distillation: a student learns what a teacher says of the rows, in place of their labels.

Floor 6. The teacher answers every training row, then the student trains as any run does (`t2t.train`); what the teacher
said is kept in the run folder (`t2t.teacher`), so that ``t2t resume`` goes on as with any other run.

A teacher of any family can teach a student of any other, say ``distill("runs/large", Config(model="t2t-mini",
task=("glue/rte",), epochs=3))``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace

from t2t import models, runs
from t2t.config import Config
from t2t.errors import UsageError
from t2t.teacher import FOLDER, ask
from t2t.train import Watch, train
from t2t.types import Report

__all__ = ["distill"]


def distill(teacher: str, config: Config, *, watch: Watch | None = None) -> Report:
    """Have ``teacher`` (a run or a model) answer the training rows of ``config``, and train its model on the answers.

    Raise ``UsageError`` for tasks that the teacher cannot answer, and as `t2t.train.train` does.
    """
    config.check_trainable()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("a teacher is asked in one process", fix="Start it without torchrun.")
    models.find(config.model, config.family)  # a student that is not there is no reason to ask anyone
    folder = runs.new_folder(config.out, f"distill-{config.mix or '+'.join(config.task)}")
    try:
        ask(teacher, config, folder, watch=watch or Watch())
        return train(replace(config, teacher=teacher, out=str(folder)), watch=watch)
    finally:
        if not (folder / "run.yaml").exists():  # nothing was begun
            shutil.rmtree(folder / FOLDER, ignore_errors=True)
            runs.remove_empty(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()

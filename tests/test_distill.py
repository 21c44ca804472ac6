"""Distillation: what a student learns of a teacher, across families, and that a run which is resumed ends the same."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from t2t import models
from t2t.apply import options
from t2t.config import Config
from t2t.distill import distill
from t2t.errors import CheckpointError, Stopped, UsageError
from t2t.models import seq2seq
from t2t.sets import load
from t2t.teacher import taught
from t2t.train import Watch, resume, train
from tests.test_encoder import write_model as write_bert
from tests.toy import config, known, lines, write_rows

# A word each of two kinds: what a tiny encoder learns in seconds.
YES, NO = ("cat", "dog", "anna", "bob"), ("rained", "sat", "met", "paris")
FILL = ("it", "the", "is", "in", "and")
TASK = """task: toy/kind
title: kind
answer: choice
columns: {text: text, label: class}
source: {files: {train: kind.train.jsonl, validation: kind.validation.jsonl}}
prompts:
  t5:
    input: 'kind: {text}'
    target: '{label|choice}'
    choices: ["no", "yes"]
  plain:
    input: '{text}'
    target: '{label|choice}'
    choices: [thing, being]
metrics: [accuracy]
"""


def rows(flip: bool = False) -> list[dict[str, Any]]:
    """Return every pair of a telling word and another; with ``flip`` the labels are the wrong way round."""
    some = [(word, int(word in YES)) for word in (*YES, *NO)]
    return [{"text": f"{fill} {word}", "label": label ^ flip} for word, label in some for fill in FILL]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A task whose training rows are labelled rightly, and another with the labels turned round."""
    folder = tmp_path_factory.mktemp("tasks")
    for name, flip in (("kind", False), ("turned", True)):
        (folder / "toy").mkdir(exist_ok=True)
        (folder / "toy" / f"{name}.yaml").write_text(TASK.replace("kind", name))
        write_rows(folder / "toy" / f"{name}.train.jsonl", rows(flip))
        write_rows(folder / "toy" / f"{name}.validation.jsonl", rows())
    with known(folder):
        yield folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_bert(tmp_path_factory.mktemp("models") / "bert"))


def toy(folder: Path, **settings: Any) -> Config:
    own = {"task": ("toy/kind",), "steps": 40, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "constant",
           "dropout": 0.0}  # fmt: skip
    return config(folder, **{**own, **settings})


@pytest.fixture(scope="module")
def teacher(tasks: Path, bert: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of an encoder that answers the task rightly."""
    folder = tmp_path_factory.mktemp("runs") / "teacher"
    assert train(toy(folder, model=bert)).rows[0].value == 100
    return folder


def told(folder: Path, name: str = "toy-kind") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "teacher" / f"{name}.jsonl").read_text().splitlines()]


# -- choices ---------------------------------------------------------------------------------------------------------


def test_an_encoder_learns_the_scores_of_another_whatever_the_labels_say(
    teacher: Path, tmp_path: Path, tasks: Path
) -> None:
    student = write_bert(tmp_path / "small", num_hidden_layers=1, seed=5)
    wrong = tmp_path / "wrong.jsonl"
    write_rows(wrong, rows(flip=True))
    source = f"train={wrong},validation={tasks / 'toy' / 'kind.validation.jsonl'}"
    report = distill(str(teacher), toy(tmp_path / "run", model=str(student), source=source, steps=60))
    assert report.rows[0].value == 100
    assert len(told(tmp_path / "run")) == 40
    assert all(math.isclose(sum(map(math.exp, one["nats"])), 1, rel_tol=1e-4) for one in told(tmp_path / "run"))
    assert any(f"taught by {teacher} (accuracy 0 on these rows): scores of 40 rows" in n for n in report.notes)
    assert report.cost["teacher_seconds"] >= 0 and "teacher_seconds" in report.cost


def test_the_label_has_the_share_that_the_teacher_has_not(teacher: Path, bert: str, tmp_path: Path) -> None:
    """The first loss of a run is that of the scores and that of the labels, each by its share."""
    first = {}
    for share in (0.0, 0.5, 1.0):
        folder = tmp_path / str(share)
        distill(str(teacher), toy(folder, model=bert, steps=1, soft_weight=share, soft_temperature=0.5))
        first[share] = lines(folder)[0]["loss"]
    assert first[0.5] == pytest.approx((first[0.0] + first[1.0]) / 2, rel=1e-3)
    assert first[0.0] != pytest.approx(first[1.0], rel=1e-2)


def test_a_text_model_learns_an_encoders_choices_in_its_own_words(teacher: Path, tiny: Path, tmp_path: Path) -> None:
    report = distill(str(teacher), toy(tmp_path / "run", model=str(tiny), steps=1))
    assert any("answers to 40 rows" in note for note in report.notes)
    found = _prepared(tmp_path / "run")
    assert {(eg.target, eg.gold) for eg in found} == {("no", 0), ("yes", 1)}
    assert [eg.gold for eg in found] == [one["answer"] for one in told(tmp_path / "run")]
    assert not any(eg.taught for eg in found)


def _prepared(folder: Path) -> Any:
    """Return the training examples of a run, as it learns them."""
    from t2t import runs

    own = runs.read_config(folder)
    place = models.find(own.model, own.family)
    found = load(own, preferred=models.PREFERRED.get(place.family, ()))
    (egs,) = taught(found, own, folder, models.build(place, options(own))).train.values()
    return egs


def test_an_encoder_learns_from_a_text_models_ranking(
    tasks: Path, tiny: Path, bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = {row["text"]: row["label"] for row in rows()}

    def rank(self: Any, egs: Any) -> list[list[float]]:
        assert [eg.choices for eg in egs] == [("no", "yes")] * len(egs)
        return [[-3.0, -0.5] if right[eg.input.removeprefix("kind: ")] else [-0.5, -3.0] for eg in egs]

    monkeypatch.setattr(seq2seq.Seq2Seq, "rank", rank)
    report = distill(str(tiny), toy(tmp_path / "run", model=bert))
    assert report.rows[0].value == 100
    assert {eg.taught for eg in _prepared(tmp_path / "run")} == {(-3.0, -0.5), (-0.5, -3.0)}


# -- other answers ---------------------------------------------------------------------------------------------------


def test_texts_are_learned_as_written_and_what_cannot_be_read_is_left_out(
    toys: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: Any, egs: Any) -> list[str]:
        said = {
            "toy/copy": lambda i: " " if i < 4 else f"text {i}",
            "toy/count": lambda i: "many" if i < 3 else str(i % 20),
        }
        return [said[eg.task](int(eg.uid.rsplit(":", 1)[1])) for eg in egs]

    monkeypatch.setattr(seq2seq.Seq2Seq, "write", write)
    how = {"model": str(tiny), "task": ("toy/copy", "toy/count"), "steps": 1}
    report = distill(str(tiny), config(tmp_path / "run", **how))
    assert any("toy/copy" in n and "answers to 36 rows; 4 left out" in n for n in report.notes)
    assert any("toy/count" in n and "answers to 37 rows; 3 left out" in n for n in report.notes)
    from t2t import runs

    own = runs.read_config(tmp_path / "run")
    train_ = taught(load(own), own, tmp_path / "run", models.build(models.find(own.model), options(own))).train
    assert [eg.target for eg in train_["toy/copy"]] == [f"text {i}" for i in range(4, 40)]
    assert [(eg.target, eg.gold) for eg in train_["toy/count"]] == [(str(i % 20), i % 20) for i in range(3, 40)]
    assert json.loads((tmp_path / "run" / "report.json").read_text())["mixture"]["toy/copy"]["examples"] == 36


def test_a_teacher_none_of_whose_answers_can_be_read_is_an_error(
    toys: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seq2seq.Seq2Seq, "write", lambda self, egs: ["?"] * len(egs))
    with pytest.raises(UsageError, match="none of the teacher's answers"):
        distill(str(tiny), config(tmp_path / "run", model=str(tiny), task=("toy/count",), steps=1))
    assert not (tmp_path / "run").exists()


# -- resuming and refusing -------------------------------------------------------------------------------------------


class StopAt(Watch):
    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, run: Any, values: dict[str, Any]) -> None:
        if run.state.step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_run_that_is_resumed_asks_nobody_and_ends_the_same(
    teacher: Path, bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"model": bert, "steps": 4, "dropout": 0.1, "save_every": 2}
    distill(str(teacher), toy(tmp_path / "whole", **how))
    with pytest.raises(Stopped):
        distill(str(teacher), toy(tmp_path / "cut", **how), watch=StopAt(2))
    monkeypatch.setattr("t2t.teacher.ask", None)
    report = resume(tmp_path / "cut")
    files = [tmp_path / name / "checkpoints" / "step-000004" / "weights.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert any("taught by" in note for note in report.notes)


def test_a_run_whose_teachers_answers_were_changed_is_not_resumed(teacher: Path, bert: str, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        distill(str(teacher), toy(tmp_path / "cut", model=bert, steps=4), watch=StopAt(2))
    path = tmp_path / "cut" / "teacher" / "toy-kind.jsonl"
    said = told(tmp_path / "cut")
    write_rows(path, [{**said[0], "nats": said[0]["nats"][::-1]}, *said[1:]])
    with pytest.raises(CheckpointError, match="teacher"):
        resume(tmp_path / "cut")
    write_rows(path, said[1:])
    with pytest.raises(CheckpointError, match="answered other rows"):
        resume(tmp_path / "cut")


def test_of_a_mix_what_the_teacher_cannot_answer_is_left_out(toys: Path, tiny: Path, bert: str, tmp_path: Path) -> None:
    train(config(tmp_path / "teacher", model=bert, task=("toy/vowel",), steps=1))
    report = distill(str(tmp_path / "teacher"), config(tmp_path / "run", model=str(tiny), steps=1))
    assert {row.task for row in report.rows} == {"toy/vowel"}
    assert "toy/copy is left out: there is nothing of a teacher to learn" in report.notes
    with pytest.raises(UsageError, match="toy/copy: an encoder cannot write text"):
        distill(str(tmp_path / "teacher"), config(tmp_path / "two", model=str(tiny), task=("toy/copy",), steps=1))
    assert not (tmp_path / "two").exists()


def test_a_teacher_is_asked_by_distill_alone(teacher: Path, bert: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="t2t distill"):
        train(toy(tmp_path / "run", model=bert, teacher=str(teacher)))


def test_a_referent_cannot_be_told(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="referent"):
        distill(str(tiny), Config(model=str(tiny), task=("superglue/wsc",), prompt="t5", source="sample", steps=1,
                                  out=str(tmp_path / "run")))  # fmt: skip


def test_an_answer_that_is_no_choice_of_the_student_is_an_error(tasks: Path) -> None:
    from t2t.errors import DataError

    egs = load(Config(task=("toy/kind",), steps=1)).train["toy/kind"]
    with pytest.raises(DataError, match="choice 3 of 2"):
        egs.at([0], golds=[2])[0]

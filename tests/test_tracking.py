"""Who follows a run is given what metrics.jsonl has: every number with its step, once, also over a kill."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking as accelerates

from t2t import config as configs
from t2t import runs
from t2t.config import Config, from_mapping
from t2t.errors import Stopped, UsageError
from t2t.tracking import followed, numbers
from t2t.train import resume, train
from tests.test_cli import TINY, Run, t2t
from tests.test_train import Crash, CrashAt, StopAt
from tests.toy import config, lines

FIXTURES = (t2t,)


class Recorder:
    """A tracker that keeps what it is given; ``fails`` names the method that does not work."""

    fails = ""
    made: list[Recorder] = []

    def __init__(self, project: str, **how: Any) -> None:
        self.how, self.settings, self.logged, self.ended = how, list[dict[str, Any]](), list[Any](), False
        Recorder.made.append(self)

    def start(self) -> None:
        self.work("start")

    def work(self, method: str) -> None:
        if method == Recorder.fails:
            raise ConnectionError(f"{method}: no network\nmore")

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings.append(values)

    def log(self, values: dict[str, Any], step: int) -> None:
        self.work("log")
        self.logged.append((step, values))

    def finish(self) -> None:
        self.ended = True


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    """Take the place of wandb and trackio, which need not be installed."""
    monkeypatch.setattr(Recorder, "made", [])
    monkeypatch.setattr(Recorder, "fails", "")
    for name in ("wandb", "trackio"):
        monkeypatch.setitem(accelerates.LOGGER_TYPE_TO_CLASS, name, Recorder)
    monkeypatch.setattr(configs, "find_spec", lambda name: name)
    return Recorder


def scalars(folder: Path) -> Counter[tuple[str, int, float]]:
    """Return (name, step, value) of everything in the event files of a run, each as often as it is there."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    found: Counter[tuple[str, int, float]] = Counter()
    for path in (folder / "tensorboard").glob("events.*"):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found[value.tag, event.step, round(float(tensor_util.make_ndarray(value.tensor)), 4)] += 1
    return found


def written(folder: Path) -> Counter[tuple[str, int, float]]:
    """Return the same of metrics.jsonl."""
    return Counter((name, line["step"], value) for line in lines(folder) for name, value in numbers(line))


def named(found: Counter[tuple[str, int, float]]) -> Counter[tuple[str, int]]:
    return Counter((name, step) for name, step, _ in found.elements())


def test_tensorboard_has_every_number_of_every_line_once(toys: Path, still: Path, tmp_path: Path) -> None:
    how = {"model": str(still), "steps": 6, "eval_every": 3, "track": ("tensorboard",)}
    with pytest.raises(Crash):  # steps 4 and 5 are made again: the last checkpoint is that of the evaluation
        train(config(tmp_path / "a", **how), watch=CrashAt(5))
    resume(tmp_path / "a")
    found = scalars(tmp_path / "a")
    assert set(named(found)) == set(named(written(tmp_path / "a"))) and set(named(found).values()) == {1}
    assert {step for name, step, _ in found if name == "loss"} == {1, 2, 3, 4, 5, 6}
    assert {name for name, _, _ in found} >= {"loss", "lr", "seconds", "average", "scores/toy/vowel.accuracy"}
    losses = {step: value for name, step, value in found if name == "loss"}
    assert losses == {line["step"]: round(line["loss"], 4) for line in lines(tmp_path / "a") if "loss" in line}
    assert len(list((tmp_path / "a" / "tensorboard").rglob("hparams.yml"))) == 1


def test_a_resumed_run_goes_on_under_its_name(
    recorder: type[Recorder], toys: Path, still: Path, tmp_path: Path
) -> None:
    how = {"model": str(still), "track": ("wandb", "trackio")}
    with pytest.raises(Stopped):
        train(config(tmp_path / "a", **how), watch=StopAt(2))
    resume(tmp_path / "a")
    first, _, second, other = recorder.made
    assert first.how == second.how and first.how["id"] in other.how["name"]
    assert [step for step, _ in first.logged] == [1, 2, 3] and [step for step, _ in second.logged] == [4]
    assert first.settings[0]["track"] == "wandb,trackio" and first.settings[0]["steps"] == 4 and not second.settings
    assert "family" not in first.settings[0] and all(one.ended for one in recorder.made)


def test_one_that_cannot_begin_is_an_error_and_one_that_fails_later_is_left_out(
    recorder: type[Recorder], tmp_path: Path
) -> None:
    notices: list[str] = []

    def follow() -> runs.Metrics:
        metrics = runs.Metrics(tmp_path, upto_step=0)
        with followed(metrics, tmp_path, Config(track=("wandb",)), notices.append):
            metrics.write(step=1, loss=1.0)
            metrics.write(step=2, loss=1.0)
        return metrics

    recorder.fails = "start"
    with pytest.raises(UsageError, match=r"wandb cannot begin: ConnectionError: start: no network\. Set it up"):
        follow()
    recorder.fails = "log"
    follow()
    assert len(notices) == 1 and "wandb is left out: ConnectionError: log: no network" in notices[0]
    assert [line["step"] for line in map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())] == [1, 2]


@pytest.mark.parametrize(
    ("track", "said"),
    [("wandb", "wandb is not installed. pip install wandb"), ("tensorbord", 'Did you mean "tensorboard"?')],
)
def test_one_that_is_not_there_is_said_before_anything_is_made(
    t2t: Run, toys: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, track: str, said: str
) -> None:
    monkeypatch.setattr(configs, "find_spec", lambda name: None if name == "wandb" else name)
    done = t2t("train", "--mix", "toy", "--model", str(tiny), "--steps", "1", "--track", track, *TINY)
    assert (done.code, len(done.err.splitlines())) == (2, 1) and said in done.err, done.err
    assert not Path("runs").exists()


def test_several_are_named_with_commas() -> None:
    assert from_mapping({"track": "tensorboard, wandb"}).track == ("tensorboard", "wandb")

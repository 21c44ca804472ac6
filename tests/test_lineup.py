"""Line-ups: who is in one, each in a process of its own, one fault loses nothing, begun again it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UsageError
from t2t.lineup import Member, members, train_all
from tests.test_encoder import write_model as write_encoder

QUICK = {"task": "glue/sst2", "source": "sample", "steps": 3, "batch_tokens": 200, "eval_limit": 10, "train_limit": 40,
         "precision": "fp32"}  # fmt: skip


def t2t(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "t2t.cli", "-q", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("models", "families", "who"),
    [
        (["m"], ["encoder", "cloze"], [("encoder", "m", "encoder"), ("cloze", "m", "cloze")]),
        (["a/x", "y/"], [], [("x", "a/x", None), ("y", "y/", None)]),
        (["a/x", "b/x"], ["encoder"], [("x-1", "a/x", "encoder"), ("x-2", "b/x", "encoder")]),
        (["a/x", "x-1", "b/x"], [], [("x-2", "a/x", None), ("x-1", "x-1", None), ("x-3", "b/x", None)]),
        (["x", "y"], ["encoder", "cloze"], [("x", "x", "encoder"), ("y", "y", "cloze")]),
        (["baseline:tfidf", "x"], [], [("baseline-tfidf", "baseline:tfidf", None), ("x", "x", None)]),
    ],
)
def test_who_is_in_it(models: list[str], families: list[str], who: list[tuple[str, str, str | None]]) -> None:
    assert members(models, families) == [Member(*one) for one in who]


def test_numbers_that_do_not_go_together_are_an_error() -> None:
    with pytest.raises(UsageError, match="2 models and 3 families"):
        members(["x", "y"], ["a", "b", "c"])


def test_one_fault_loses_nothing_and_what_is_finished_is_kept(tmp_path: Path) -> None:
    bert, out = write_encoder(tmp_path / "bert"), tmp_path / "line"
    words = [f"--{key.replace('_', '-')}={value}" for key, value in QUICK.items() if not key.endswith("_limit")]
    words += ["--set", "eval_limit=10", "--set", "train_limit=40", "--out", str(out)]
    models = ["--model", "baseline:majority", "--model", str(tmp_path / "none"), "--model", str(bert)]
    done = t2t("train", *words, *models)
    assert done.returncode == 4 and "there is no such model directory" in done.stderr
    assert "McNemar" in done.stdout and "baseline-majority" in done.stdout
    found = json.loads((out / "lineup.json").read_text())
    assert [run["run"] for run in found["runs"]] == ["baseline-majority", "bert"]
    assert found["runs"][1]["train_tokens"] > 0 and found["runs"][1]["parameters"] > found["runs"][0]["parameters"]
    assert found["runs"][0]["peak_memory_mb"] and len(found["differences"]) == 1
    assert "| bert |" in (out / "lineup.md").read_text()
    before = (out / "bert" / "report.json").stat().st_mtime_ns
    assert t2t("train", *words, *models).returncode == 4
    assert (out / "bert" / "report.json").stat().st_mtime_ns == before
    changed = t2t("train", *words, "--seed", "7", *models)
    assert changed.returncode == 2 and "begun with other settings" in changed.stderr


def test_a_signal_saves_the_member_that_trains_and_the_line_up_goes_on_from_there(tmp_path: Path) -> None:
    bert, out = write_encoder(tmp_path / "bert"), tmp_path / "line"
    words = ["--task", "glue/sst2", "--source", "sample", "--batch-tokens", "60", "--precision", "fp32"]
    words += ["--steps", "60", "--model", str(bert), "--model", "baseline:majority", "--out", str(out)]
    command = [sys.executable, "-m", "t2t.cli", "-q", "train", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as line:
        until = time.monotonic() + 120
        while not (out / "bert" / "metrics.jsonl").is_file() and time.monotonic() < until:
            time.sleep(0.05)
        line.send_signal(signal.SIGTERM)
        said = line.communicate()[1]
    assert line.returncode == 143 and "the state is saved" in said
    assert not (out / "baseline-majority").exists()
    assert t2t("train", *words).returncode == 0
    report: dict[str, Any] = json.loads((out / "bert" / "report.json").read_text())
    assert report["steps"] == 60


def test_a_line_up_is_not_for_several_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one rank"):
        train_all([Member("a", "a", None)], {}, tmp_path, notice=print, quiet=True)

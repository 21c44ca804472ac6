"""Pushing a run: what goes, what never does, and how each fault of the hub ends, against a server on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, constants
from huggingface_hub.utils import _http

from t2t import hub, runs
from t2t.config import Config
from tests.fake_hub import FakeHub
from tests.test_cli import TINY, Run, t2t
from tests.test_report import write

FIXTURES = (t2t,)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub without repositories, and a token that may write."""
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGINGFACE_", "TRANSFORMERS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    server = FakeHub({})
    server.token = "hf_writer"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", server.token)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its storage has a protocol of its own
    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)  # between tries
    hub.forget()
    with server.running():
        yield server
    hub.forget()


@pytest.fixture
def online(t2t: Run, fake: FakeHub, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a finished run, and a network that may be used."""
    monkeypatch.delenv("T2T_OFFLINE")
    folder = write(Path("one").resolve())
    shutil.copytree(tiny, folder / "model", dirs_exist_ok=True)
    runs.write_config(folder, Config(task=("glue/rte",)))
    (folder / "checkpoints" / "step-000001").mkdir(parents=True)
    (folder / "checkpoints" / "step-000001" / "weights.safetensors").write_bytes(b"weights")
    return folder


def test_a_run_is_there_with_its_card_and_without_its_checkpoints(t2t: Run, online: Path, fake: FakeHub) -> None:
    done = t2t("push", "one", "me/mine", "--private")
    assert done.code == 0 and done.out.startswith(f"{fake.url}/me/mine/commit/"), done.err
    held = fake.repos["me/mine"].revisions["main"]
    model = {path.name for path in (online / "model").iterdir()}
    assert set(held) == {*model, "README.md", "report.json", "report.md", "report.html", "run.yaml"}
    assert held["model.safetensors"] == (online / "model" / "model.safetensors").read_bytes()
    assert ModelCard(held["README.md"].decode()).data.model_name == "r"
    assert fake.visibility == {"me/mine": "private"} and fake.messages == ["Put one here with t2t"]


def test_predictions_go_where_they_are_asked_for_and_a_second_time_is_a_second_commit(
    t2t: Run, online: Path, fake: FakeHub
) -> None:
    assert t2t("push", "one", "me/mine").code == 0 and fake.visibility == {"me/mine": None}
    assert t2t("push", "one", "me/mine", "--predictions").code == 0
    held = fake.repos["me/mine"].revisions["main"]
    assert "eval/validation/glue-rte.predictions.jsonl" in held and not any("checkpoints" in name for name in held)
    assert len(fake.messages) == 2


def test_a_run_is_pushed_when_it_is_finished(t2t: Run, online: Path, fake: FakeHub, toys: Path, tiny: Path) -> None:
    how = ("train", "--task", "toy/vowel", "--model", str(tiny), "--steps", "1", *TINY)
    done = t2t(*how, "--out", "two", "--push-to-hub", "me/two")
    assert done.code == 0 and "model.safetensors" in fake.repos["me/two"].revisions["main"], done.err
    done = t2t(*how, "--out", "three", "--push-to-hub", "three")
    assert (done.code, Path("three").exists()) == (2, False) and "OWNER/NAME" in done.err
    done = t2t(*how, "--model", "t2t-mini", "--push-to-hub", "me/both")
    assert done.code == 2 and "one run is pushed" in done.err


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling.py", "optimizer.pt", "model/weights.pkl"])
def test_a_file_that_could_run_code_stops_it_all(t2t: Run, online: Path, fake: FakeHub, name: str) -> None:
    path = online / "model" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x80\x04")
    done = t2t("push", "one", "me/mine")
    assert done.code == 2 and name in done.err and not fake.repos, done.err


@pytest.mark.parametrize("name", ["model/secret.json", "report.md", "model/more"])
def test_a_link_to_somewhere_else_stops_it_all(
    t2t: Run, online: Path, fake: FakeHub, name: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.json").write_text("{}")
    target = tmp_path / "elsewhere" / ("secret.json" if "." in name else "")
    if name == "report.md":  # the pages are written anew: a link is replaced by the page
        (online / "run.yaml").rename(tmp_path / "elsewhere" / "run.yaml")
        name, target = "run.yaml", tmp_path / "elsewhere" / "run.yaml"
    (online / name).symlink_to(target)
    done = t2t("push", "one", "me/mine")
    assert done.code == 2 and "leads out" in done.err and not fake.repos, done.err


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("/api/repos/create", {"status": 403}, "403"),
        ("/preupload/", {"status": 401}, "hf auth login"),
        ("/lfs/", {"status": 503}, "pushing failed"),
        ("/commit/", {"status": 500}, "500"),
        ("/api/repos/create", {"act": "html"}, "pushing failed"),
        ("/commit/", {"act": "truncate"}, "pushing failed"),
    ],
)
def test_a_fault_of_the_hub_is_one_line(
    t2t: Run, online: Path, fake: FakeHub, path: str, fault: dict[str, Any], said: str
) -> None:
    fake.fail(path, **fault)
    done = t2t("push", "one", "me/mine")
    lines = [line for line in done.err.splitlines() if line.startswith("t2t: error")]
    assert (done.code, len(lines), done.out) == (8, 1, "") and said in lines[0], done.err
    assert "hf_writer" not in done.err and (not fake.messages or "act" in fault)


def test_without_a_token_or_a_network_it_is_said(
    t2t: Run, online: Path, fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    done = t2t("push", "one", "me/mine")
    assert done.code == 8 and "hf auth login" in done.err
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    hub.forget()
    done = t2t("push", "one", "me/mine")
    assert done.code == 8 and "127.0.0.1:9" in done.err
    monkeypatch.setenv("T2T_OFFLINE", "1")
    done = t2t("push", "one", "me/mine")
    assert done.code == 8 and "T2T_OFFLINE is set" in done.err


def test_what_is_no_run_or_no_repository(t2t: Run, online: Path, fake: FakeHub) -> None:
    assert t2t("push", "nowhere", "me/mine").code == 2
    for repo in ("mine", "a/b/c", "../etc", "me/mi ne"):
        assert t2t("push", "one", repo).code == 2, repo
    (online / "model" / "config.json").unlink()
    done = t2t("push", "one", "me/mine")
    assert done.code == 2 and "no model here" in done.err and not fake.repos

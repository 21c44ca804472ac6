"""The wheel holds everything that is needed: tasks, sample, model and page, used from outside the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, copy = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source") / "t2t"
    # Building leaves files beside setup.cfg: build a copy of what git would hold.
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(copy)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_tasks_sample_model_and_page(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "t2t/task_prompts/mixes.yaml",
        "t2t/task_prompts/glue/rte.yaml",
        "t2t/data/glue/rte/train.jsonl",
        "t2t/data/glue/rte/DATASHEET.md",
        "t2t/data/models/t2t-mini/tokenizer.json",
        "t2t/page.css",
        "t2t/page.js",
        "t2t/report.html.jinja",
        "t2t/serve/page.html.jinja",
        "t2t/py.typed",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]
    listed = subprocess.run(["git", "ls-files", "-z", "data"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert {f"t2t/{name}" for name in listed.stdout.split("\0") if (ROOT / name).is_file()} <= names


def test_it_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(place), "T2T_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("T2T_HUB", None)

    def t2t(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "t2t.cli", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(place) in json.loads(t2t("info", "--json"))["data"]
    assert "glue/wnli" in t2t("ls", "tasks")
    words = ("--steps", "2", "--set", "train_limit=30", "--set", "eval_limit=10", "--out", "run")
    assert "SAMPLE DATA" in t2t("train", "--mix", "glue", "--source", "auto", *words)
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_sums_are_those_of_the_locked_versions() -> None:
    locked = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]
    summed = (ROOT / "requirements.hashes").read_text().replace("\\\n", " ").splitlines()
    entries = [re.fullmatch(r"(\S+?)(\+cpu)?( ; [^-]+)?((\s+--hash=sha256:[0-9a-f]{64})+)", line) for line in summed]
    assert all(entries) and {entry[1] for entry in entries if entry} == {
        name.lower().replace("_", "-") for name in locked
    }

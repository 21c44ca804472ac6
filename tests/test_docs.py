"""Every console and Python block of the documentation runs as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from t2t.cli import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "T2T_HUB": ""}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("T2T_HUB", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lines = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    for line in lines:
        before, _, command = line.rpartition(" | ")
        said = f"{shlex.split(before)[1]}\n" if before else None  # echo "…" | t2t …
        done = CliRunner().invoke(cli, shlex.split(command)[1:], input=said)
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr


def test_the_example_task_file_is_sound(tmp_path: Path) -> None:
    from t2t.tasks import read_task

    (tmp_path / "weather.yaml").write_text(blocks(ROOT / "docs" / "tasks.md", "yaml")[0], encoding="utf-8")
    assert read_task(tmp_path / "weather.yaml").prompt.choices == ("foul", "fine")


def test_the_longer_example_is_sound_and_every_filter_is_listed(tmp_path: Path) -> None:
    from t2t.filters import FILTERS
    from t2t.tasks import read_task

    (tmp_path / "translate.yaml").write_text(blocks(ROOT / "docs" / "tasks.md", "yaml")[1], encoding="utf-8")
    found = read_task(tmp_path / "translate.yaml", ["fr", "de"])
    assert found.prompts["gpt"].intro == "Translate French to German:" and found.source.config == ("fr-de", "de-fr")
    text = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    for name, found_filter in FILTERS.items():
        assert re.search(rf"^\| `{name}[`(].*\| {re.escape(found_filter.what)} \|$", text, re.M), name


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

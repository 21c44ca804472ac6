"""Nothing hostile runs code, writes outside of its folder or connects: seen by an audit hook in one process.

``tests/hostile.py`` makes and opens the artefacts; each is refused with the right exit code, or harmless.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.hostile import CONTROLS, OPENED, ROOT


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of each artefact, by name."""
    folder = tmp_path_factory.mktemp("hostile")
    quiet = {"T2T_KERNELS": "off", "XDG_CACHE_HOME": str(folder / "inside"), "HF_HOME": str(folder / "inside" / "hf")}
    words = [sys.executable, str(ROOT / "tests" / "hostile.py"), str(folder)]
    environment = {**os.environ, **quiet, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not list(folder.rglob("PWNED"))
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_there_are_enough() -> None:
    assert len(OPENED) >= 60


@pytest.mark.parametrize("name", OPENED)
def test_it_is_refused_or_harmless(came: dict[str, dict[str, Any]], name: str) -> None:
    one = came[name]
    assert one["events"] == one["outside"] == one["pwned"] == []
    assert one["code"] in OPENED[name][0], one["message"]
    assert "\n" not in one["message"] and "SECRET" not in one["message"] and "\x1b" not in one["message"]


@pytest.mark.parametrize("name", CONTROLS)
def test_the_hook_sees(came: dict[str, dict[str, Any]], name: str) -> None:
    assert any(event.startswith(name.split()[0] + " ") for event in came[name]["events"]), came[name]

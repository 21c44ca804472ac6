"""Promise K03 on a real disk that is full: what was there stays sound, and the run goes on when there is room again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def mounts() -> bool:
    """Whether a process may have a disk of its own here."""
    words = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(words, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not mounts(), reason="needs unshare -rm and a tmpfs")


def fill(disk: Path, sizes: int, *kinds: str) -> None:
    words = ["unshare", "-rm", sys.executable, "-W", "ignore", "-m", "tests.full_disk", str(disk), str(sizes), *kinds]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for kind in kinds:
        found = [line for line in map(json.loads, done.stdout.splitlines()) if line["kind"] == kind]
        failed = Counter(one["failed"] for one in found if one["failed"])
        most = max(one["room"] for one in found)
        print(f"{kind}: {len(found)} sizes up to {most:,} bytes, too small for {dict(failed)}, nothing lost")
        assert len(found) >= sizes and found[0]["failed"] and failed
        assert kind == "log" or not found[-1]["failed"], "the last size is large enough"


def test_k03_a_disk_with_room_for_less(tmp_path: Path) -> None:
    fill(tmp_path, 25, "checkpoint", "log", "report")


@pytest.mark.slow
def test_k03_whole_runs_on_a_full_disk_and_resumed(tmp_path: Path) -> None:
    fill(tmp_path, 25, "run")

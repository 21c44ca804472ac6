"""Nothing hostile runs code, writes outside of its folder or connects: seen by an audit hook in one process.

``tests/hostile.py`` makes and opens the artefacts; each is refused with the right exit code, or harmless.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.hostile import CONTROLS, OPENED, ROOT


def test_every_artefact_is_refused_or_harmless_and_the_hook_sees_every_control(tmp_path: Path) -> None:
    """One test, for the process is run once."""
    quiet = {"T2T_KERNELS": "off", "XDG_CACHE_HOME": str(tmp_path / "inside"), "HF_HOME": str(tmp_path / "inside/hf")}
    words = [sys.executable, str(ROOT / "tests" / "hostile.py"), str(tmp_path)]
    environment = {**os.environ, **quiet, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    came = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert len(OPENED) >= 60
    for name, (codes, _) in OPENED.items():
        one = came[name]
        assert one["events"] == one["outside"] == one["pwned"] == [], one
        assert one["code"] in codes, one
        assert not [text for text in ("\n", "\x1b", "SECRET") if text in one["message"]], one
    for name in CONTROLS:
        assert any(event.startswith(name.split()[0] + " ") for event in came[name]["events"]), came[name]

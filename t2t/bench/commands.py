"""Starting: from a command in the shell to its end, or to the first thing it has to say.

Floor 6. No memory is reported: the system counts what the process that started a command held as the command's own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from t2t.bench.cases import Ask
from t2t.bench.machine import Clock
from t2t.errors import T2TError

__all__ = ["command", "first_step"]

PATIENCE = 600  # seconds


def command(ask: Ask) -> dict[str, Any]:
    """Run Python with some words until it ends."""
    clock = Clock()
    subprocess.run([sys.executable, *ask.how["words"]], check=True, capture_output=True, timeout=PATIENCE)
    return _took(clock)


def first_step(ask: Ask) -> dict[str, Any]:
    """Start the demo's training and wait for the first line of its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "t2t.cli", "train", "--mix", "glue", "--source", "sample", "--steps", "1", "--out", folder]
        clock, file = Clock(), Path(folder) / "metrics.jsonl"
        running = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (file.is_file() and file.stat().st_size):
                if running.poll() is not None or clock.seconds > PATIENCE:
                    raise T2TError("the demo's training ended before its first step")
                time.sleep(0.01)
            seconds = clock.seconds
        finally:
            running.kill()
            running.wait()  # only then is its CPU time known to be ours
        return {**_took(clock), "seconds": seconds}


def _took(clock: Clock) -> dict[str, Any]:
    return {"seconds": clock.seconds, "others": clock.others(), "memory_mb": None}

"""What a process frees it keeps: the same room costs no faults the second time, unless the user says otherwise."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOM = """
import resource, statistics, torch
from t2t.models.cpu.memory import keep_freed
keep_freed()
faults = []
for _ in range(9):  # a small block may come to lie in the room once, and another one is made: not the median's matter
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(statistics.median(faults))
"""

HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def faults_tell() -> bool:
    """Whether the C library has a say in what is kept, and pages are small."""
    huge = HUGE.read_text() if HUGE.is_file() else ""
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt") and "[always]" not in huge


@pytest.mark.skipif(not faults_tell(), reason="another C library than glibc, or huge pages everywhere")
@pytest.mark.parametrize(("variables", "kept"), [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False)])
def test_what_is_freed_is_kept(variables: dict[str, str], kept: bool) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | variables
    done = subprocess.run([sys.executable, "-c", ROOM], env=environment, capture_output=True, text=True, check=True)
    pages = 2**26 // os.sysconf("SC_PAGE_SIZE")
    assert (int(done.stdout) < pages / 10) == kept, "64 MB in pages, each of them a fault"

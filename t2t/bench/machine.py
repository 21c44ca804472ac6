"""The machine under the bench: what it is, how fast it multiplies in this very run, and what else it was doing.

Floor 6. Speeds mean something only beside the machine's own limit, measured by the same threads at the same time, and
only while nothing else takes its time.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from t2t import runs
from t2t.version import VERSION

__all__ = ["DISTURBED", "Clock", "cpus", "describe", "device", "has_bf16", "matmul_peak", "memory_mb"]

DISTURBED = 0.05  # the share of the CPUs' time taken by others from which a measurement is marked
FLAGS = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")


def describe(threads: int) -> dict[str, Any]:
    """Return what ran where: versions, commit, CPU, its flags for products, threads, device."""
    import torch

    known = runs.environment({})
    cpu = _read("/proc/cpuinfo")
    name = re.search(r"model name\s*:\s*(.+)", cpu)
    flags = set((re.search(r"^flags\s*:\s*(.+)$", cpu, re.M) or [""])[0].split())
    return {
        "t2t": VERSION,
        "git_commit": known["git_commit"],
        "packages": known["packages"],
        "python": known["python"],
        "platform": known["platform"],
        "cpu": name[1] if name else platform.processor(),
        "cpus": len(cpus()),
        "flags": [flag for flag in FLAGS if flag in flags],
        "threads": threads,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def device() -> str:
    """Return where everybody computes: ``cuda`` where there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_bf16() -> bool:
    """Return whether the device multiplies in bf16."""
    import torch

    from t2t.models.precision import multiplies_bf16

    return multiplies_bf16(torch.device(device()))


def matmul_peak(dtype: str, seconds: float = 0.3, size: int = 1024) -> float:
    """Return the GFLOP/s of a large matrix product in ``fp32`` or ``bf16``: the best of the runs in some seconds."""
    import torch

    where = device()
    kind = torch.bfloat16 if dtype == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=where).to(kind) for _ in range(2))
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        a @ b
        if where == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def memory_mb() -> int:
    """Return the most memory in MB that this process has held: on the GPU where there is one, else resident."""
    import torch

    return torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else runs.peak_memory_mb()


class Clock:
    """Seconds since it was started, and the share of the CPUs' time that went to others meanwhile."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self._wall, self._own, self._busy = time.perf_counter(), _own(), _busy()

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return time.perf_counter() - self._wall

    def others(self) -> float | None:
        """Return the share, from 0 to 1, that others took of the CPUs this process may use; None where nobody knows.

        What the hypervisor stole counts: it is time that was not to be had.
        """
        if self._busy is None or (busy := _busy()) is None:
            return None
        taken = (busy - self._busy) - (_own() - self._own)
        return max(0.0, min(1.0, taken / (self.seconds * len(cpus()))))


def _own() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _busy() -> float | None:
    """Return the seconds that the CPUs this process may use have been busy or stolen since the machine began."""
    found = [line.split() for line in _read("/proc/stat").splitlines() if re.match(r"cpu\d", line)]
    if not found:
        return None
    allowed = cpus()
    ticks = sum(
        sum(int(line[column]) for column in (1, 2, 3, 6, 7, 8))  # user, nice, system, irq, softirq, steal
        for line in found
        if int(line[0][3:]) in allowed
    )
    return ticks / os.sysconf("SC_CLK_TCK")


def cpus() -> set[int]:
    """Return the CPUs that this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # not on every system
    return affinity(0) if affinity else set(range(os.cpu_count() or 1))


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if os.path.isfile(path) else ""

"""The compiled kernels: `kernels.c` and `tiles.h`, built once a machine by its C compiler, called through ctypes.

Floor 4. Without a compiler there are none, and the families take transformers' own layers.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from t2t.paths import cache_folder

__all__ = ["SUFFIXES", "call", "compiled"]

SUFFIXES = {torch.float32: "float", torch.bfloat16: "bf16"}
SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
WAYS = (("-fopenmp",), ())  # some compilers have no OpenMP: one thread, then


@functools.cache
def compiled() -> ctypes.CDLL | None:
    """Return the kernels, built for this very machine and kept in the user's cache; None where that is not possible."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None or os.environ.get("T2T_KERNELS") == "off":
        return None
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.getuid():  # somebody else's code is not run
            return None
        library = folder / f"kernels-{_digest(compiler)}.so"
        if not library.exists() and not _build(compiler, library):
            return None
        return ctypes.CDLL(str(library))
    except (OSError, AttributeError, subprocess.SubprocessError):  # no such thing as a user's id; a compiler that hangs
        return None


def call(name: str, dtype: torch.dtype, *arguments: torch.Tensor | int | float | None) -> None:
    """Call the kernel ``name`` for tensors of ``dtype``.

    Tensors on the CPU are passed as their addresses, integers as 64 bits, None as no tensor.
    """
    library = compiled()
    assert library is not None
    getattr(library, f"{name}_{SUFFIXES[dtype]}")(*map(_argument, arguments))


def _argument(value: torch.Tensor | int | float | None) -> ctypes._SimpleCData[object]:
    if isinstance(value, torch.Tensor):
        return ctypes.c_void_p(value.data_ptr())  # type: ignore[return-value]
    if value is None:
        return ctypes.c_void_p(None)  # type: ignore[return-value]
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int64(value)  # type: ignore[return-value]


def _build(compiler: str, library: Path) -> bool:
    """Compile into a file of its own and publish it whole, so that two processes may build at once."""
    for more in WAYS:
        with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
            out = Path(scratch) / library.name
            command = [compiler, *FLAGS, *more, "-o", str(out), str(SOURCE), "-lm"]
            if subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0:
                out.replace(library)
                return True
    return False


def _digest(compiler: str) -> str:
    """Return what a build depends on: the sources, the compiler, and what the processor can do."""
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=20, check=False).stdout
    processor = Path("/proc/cpuinfo")
    lines = processor.read_text().splitlines() if processor.exists() else []
    can = next(
        (line for line in lines if line.startswith(("flags", "Features"))), torch.backends.cpu.get_cpu_capability()
    )
    sources = (path.read_bytes() for path in sorted(SOURCE.parent.glob("*.[ch]")))
    parts = (*sources, version, can.encode(), " ".join(FLAGS).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

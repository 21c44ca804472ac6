"""The run folder: its name, its lock, and files that are written whole or not at all.

Floor 2. Layout (fixed): run.yaml, env.json, metrics.jsonl, checkpoints/, model/, eval/, report.json|md|html, README.md.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     write_text(Path(folder) / "a.txt", "whole")
...     (Path(folder) / "a.txt").read_text()
'whole'
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import platform
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from t2t import strict_yaml
from t2t.config import Config, from_mapping
from t2t.errors import DiskError, ModelError, RunInUseError, UsageError, visible
from t2t.names import check_name
from t2t.version import VERSION

__all__ = [
    "Metrics",
    "disk_error",
    "environment",
    "growing",
    "line_key",
    "lock",
    "new_folder",
    "peak_memory_mb",
    "read_config",
    "read_json",
    "read_prompts",
    "remove_empty",
    "sync",
    "sync_metrics",
    "write_config",
    "write_json",
    "write_prompts",
    "write_text",
]

PROMPTS = "t2t.json"
PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "accelerate", "peft", "numpy", "sacrebleu")


def new_folder(out: str | None, name: str) -> Path:
    """Return a new run folder: ``out``, or ``runs/NAME`` with the first free number.

    Raise ``UsageError`` if ``out`` holds a run already (``RunInUseError`` if that run is going on), ``DiskError`` if
    it cannot be made.
    """
    if not out:
        return _new(Path("runs"), check_name(_plain(name), what="run"))
    path = Path(out)
    if (path / "run.yaml").exists():
        with lock(path):
            pass
        raise UsageError("this folder holds a run", where=str(path), fix="Resume it, or give another --out.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, path) from None
    return path


def _plain(name: str) -> str:
    """Return a name for a run of the mix or tasks ``name``: ``glue/rte+glue/cola`` gives ``glue-rte-glue-cola``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100]


def _new(parent: Path, name: str) -> Path:
    """Make the folder with the first free number; two runs that begin at once get one each. Raise ``DiskError``."""
    with _as_disk_error(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for path in (parent / f"{name}-{number}" for number in itertools.count(1)):
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                break
    return path


def remove_empty(folder: Path) -> None:
    """Remove a run folder in which nothing was written yet."""
    with contextlib.suppress(OSError):
        if [path.name for path in folder.iterdir()] == [".lock"]:
            (folder / ".lock").unlink()
            folder.rmdir()


def disk_error(error: OSError, path: Path, *, need: int = 0) -> DiskError:
    """Return what the operating system said about ``path`` as one of our errors.

    Where there is no room, with the bytes that are needed (0: not known) and free; clean up before.
    """
    said = f"cannot be written: {error.strerror or error}"
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskError(said, where=str(path), fix="Mend the disk, or give another --out.", code="K04")
    with contextlib.suppress(OSError):
        stat = os.statvfs(next(p for p in (path, *path.parents) if p.exists()))
        said += f"; {f'{need:,} bytes needed, ' if need else ''}{stat.f_bavail * stat.f_frsize:,} bytes free"
    return DiskError(said, where=str(path), fix="Free some space, or give another --out.", code="K03")


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the run folder. Raise ``RunInUseError`` naming the holder if another process has it.

    The lock is the operating system's (flock), so that of a dead process never blocks.
    """
    try:
        handle = open(folder / ".lock", "a+", encoding="utf-8", errors="replace")  # noqa: SIM115 - held until the run ends
    except OSError as error:
        raise disk_error(error, folder) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise RunInUseError(
                f"in use by {visible(handle.read() or 'another process')}", where=str(folder),
                fix="Wait for it, or give another --out.", code="K06",
            ) from None  # fmt: skip
        except OSError as error:
            raise disk_error(error, folder) from None
        try:
            handle.truncate(0)
            handle.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
            handle.flush()
        except OSError as error:
            raise disk_error(error, folder) from None
        yield


def sync(path: Path) -> None:
    """Make a file or a directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_metrics(folder: Path) -> None:
    """Make the lines of metrics.jsonl durable. Raise ``DiskError``."""
    path = folder / "metrics.jsonl"
    if path.exists():
        with _as_disk_error(path):
            sync(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raise ``DiskError``."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a temporary name, synced, then renamed. Raise ``DiskError``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        sync(temporary)
        temporary.rename(path)
        sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise disk_error(error, path, need=len(data)) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def growing(path: Path, *, part: Path | None = None) -> Iterator[Callable[[str], None]]:
    """Yield what adds text to a file that has its name only when it is whole. Raise ``DiskError``.

    Until then it has a temporary name; one that was given (``part``) stays where the file was not finished.
    """
    temporary = part or path.with_name(f".{path.name}.{os.getpid()}")
    with _as_disk_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(temporary, "wb")  # noqa: SIM115 - closed below, where a full disk has been said already

    def write(text: str) -> None:
        with _as_disk_error(path):
            handle.write(text.encode("utf-8"))

    try:
        yield write
        with _as_disk_error(path):
            handle.close()
            sync(temporary)
            temporary.rename(path)
            sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            handle.close()
        with contextlib.suppress(FileNotFoundError):
            if not part or not temporary.stat().st_size:
                temporary.unlink()


@contextlib.contextmanager
def _as_disk_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from None


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as JSON, whole or not at all; a number that is not finite is an error of ours."""
    write_text(path, json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the mapping of a JSON file; an empty one where there is no file. Raise ``DiskError`` for a damaged one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError) as error:
        raise DiskError(
            f"not readable as JSON: {visible(error)}", where=str(path), fix="Restore it.", code="K05"
        ) from None
    if not isinstance(found, dict):
        raise DiskError("not a JSON object", where=str(path), fix="Restore it.", code="K05")
    return found


def write_config(folder: Path, config: Config) -> None:
    """Write run.yaml: the full configuration."""
    write_text(folder / "run.yaml", yaml.safe_dump(config.as_dict(), sort_keys=False, allow_unicode=True))


def read_config(folder: Path) -> Config:
    """Read run.yaml. Raise ``UsageError`` if the folder holds no run."""
    if not (folder / "run.yaml").is_file():
        raise UsageError("there is no run here (no run.yaml)", where=str(folder), fix="Start one with `t2t train`.")
    document = strict_yaml.read(folder / "run.yaml")
    return from_mapping(document.data, where=document.file, place=document.where)


def write_prompts(folder: Path, prompts: Mapping[str, Mapping[str, str]]) -> None:
    """Write beside a model what it was trained on: the hash of each prompt, by task and name."""
    write_json(folder / PROMPTS, {"t2t": VERSION, "prompts": prompts})


def read_prompts(model: Path) -> dict[str, dict[str, str]]:
    """Return the prompts that the model of a run, or of a directory, was trained on; empty where nothing is said."""
    for path in (model / "model" / PROMPTS, model / PROMPTS):
        if path.is_file():
            try:
                said = json.loads(path.read_text(encoding="utf-8"))["prompts"]
                return {str(task): {str(name): str(digest) for name, digest in of.items()} for task, of in said.items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ModelError("is not what t2t wrote", where=str(path), fix="Remove it.", code="M01") from None
    return {}


def environment(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run was made with: versions, command line, git commit, hardware."""
    return {
        "t2t": VERSION,
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": _commit(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **extra,
    }


def peak_memory_mb() -> int:
    """Return the most memory this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the git commit of the working directory, if it is a checkout."""
    try:
        out = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return out.stdout.strip() or None


def line_key(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a line of metrics.jsonl is known by: its step, and what it says of it."""
    return (str(values["step"]), *sorted(values))


class Metrics:
    """metrics.jsonl: one JSON object a line, appended as the run goes on."""

    def __init__(self, folder: Path, *, upto_step: int | None = None, evaluated: int | None = None) -> None:
        """Open the file; lines of steps after ``upto_step`` are dropped (a resumed run makes them anew).

        So are the scores of steps after ``evaluated``, where that is given.
        """
        self.path = folder / "metrics.jsonl"
        self.had: set[tuple[str, ...]] = set()  # the keys of the lines that were there
        self.also: Callable[[Mapping[str, Any]], None] = lambda values: None  # is given each line that is written
        self._upto, self._evaluated = upto_step, upto_step if evaluated is None else evaluated
        if upto_step is not None and self.path.exists():
            lines = list(self._lines())
            self.had = {line_key(values) for _, values in lines}
            write_text(self.path, "".join(line for line, values in lines if self._stays(values)))

    def _stays(self, values: Mapping[str, Any]) -> bool:
        """Whether a line is of the part of the run that is kept."""
        return values["step"] <= ((self._evaluated if "scores" in values else self._upto) or 0)

    def _lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield whole lines with their values; a killed run may have left half of one."""
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
            with contextlib.suppress(ValueError):
                values = json.loads(line)
                if isinstance(values, dict) and isinstance(values.get("step"), int):
                    yield line + "\n", values

    def write(self, **values: Any) -> None:
        """Append one line. Raise ``DiskError``."""
        line = json.dumps(values, allow_nan=False) + "\n"
        try:
            with open(self.path, "a", encoding="utf-8") as handle:
                handle.write(line)
        except OSError as error:
            raise disk_error(error, self.path, need=len(line)) from None
        self.also(values)

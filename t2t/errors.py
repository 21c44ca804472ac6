"""The error tree: what went wrong, where, what was expected and what to do, in one line.

Floor 0. Every fault a user can cause ends as one of these classes; each carries the exit code that the
command line returns. Nothing here imports anything else of the house.

>>> raise_for = DataError("got 7, expected 0 or 1", where='train.jsonl:322 field "label"', fix="Mend the row.")
>>> str(raise_for)
'train.jsonl:322 field "label": got 7, expected 0 or 1. Mend the row.'
>>> raise_for.exit_code
3
>>> did_you_mean("glue/rt", ["glue/rte", "glue/wnli"])
' Did you mean "glue/rte"?'
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CheckpointError",
    "DataError",
    "DiskError",
    "HubError",
    "MemoryLimitError",
    "ModelError",
    "NonFiniteError",
    "RunInUseError",
    "Stopped",
    "T2TError",
    "UsageError",
    "did_you_mean",
    "is_out_of_memory",
    "visible",
]


class T2TError(Exception):
    """The root: a fault with a place, a reason and a remedy.

    ``code`` is a stable name of the fault (``D03``); ``where`` names file, row and field; ``fix`` is the
    remedy. ``exit_code`` is the process's exit code.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", fix: str = "", code: str = "") -> None:
        self.message, self.where, self.fix, self.code = message, where, fix, code
        place = f"{where}: " if where else ""
        stop = "" if message.endswith((".", "?", "!")) or not fix else "."
        super().__init__(f"{place}{message}{stop}{' ' + fix if fix else ''}")


class UsageError(T2TError):
    """The command line, a configuration or a task file asks for something that cannot be (exit 2)."""

    exit_code = 2


class DataError(T2TError):
    """A row, a file of rows or a split is not what the task says it is (exit 3)."""

    exit_code = 3


class ModelError(T2TError):
    """A model or tokenizer file is missing, damaged or not what is needed (exit 4)."""

    exit_code = 4


class DiskError(T2TError):
    """A file could not be written or read back (exit 5)."""

    exit_code = 5


class CheckpointError(DiskError):
    """A checkpoint is damaged, incomplete or belongs to another run (exit 5)."""


class NonFiniteError(T2TError):
    """A loss or a gradient is not a finite number (exit 6)."""

    exit_code = 6


class RunInUseError(T2TError):
    """Another process holds the run folder (exit 7)."""

    exit_code = 7


class HubError(T2TError):
    """The hub or the network failed; ``kind`` is offline, not_found, gated, unavailable, corrupt or script (exit 8)."""

    exit_code = 8

    def __init__(self, message: str, *, kind: str, where: str = "", fix: str = "", code: str = "") -> None:
        super().__init__(message, where=where, fix=fix, code=code)
        self.kind = kind


class MemoryLimitError(T2TError):
    """Memory ran out (exit 9)."""

    exit_code = 9


class Stopped(T2TError):
    """A signal ended the run after its state was saved (exit 128 + signal number)."""

    def __init__(self, message: str, *, signal_number: int, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.exit_code = 128 + signal_number


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's, an accelerator's, or the host's as PyTorch says it.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    True
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean "…"?`` for the closest of ``known``, or the empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f' Did you mean "{close[0]}"?' if close else ""


def _shown(c: str) -> str:
    return c if c.isprintable() else c.encode("unicode_escape").decode()


def visible(text: object, limit: int = 200) -> str:
    """Return ``text`` with control and bidirectional characters made visible, cut at ``limit`` characters.

    >>> visible("a\\x1b[31m\\u202eb")
    'a\\\\x1b[31m\\\\u202eb'
    """
    head = str(text)[: limit + 1]
    # What is not printable: every character of the categories "other" and "separator" but the space.
    shown = head if head.isprintable() else "".join(map(_shown, head))
    return shown if len(str(text)) <= limit else shown[:limit] + "…"

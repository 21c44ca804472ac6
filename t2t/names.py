"""Names that are safe as names of tasks, prompts, runs and files.

Floor 0. One allow-list for everything a user names, so that no name can leave its folder.

>>> check_name("glue-run.1", what="run")
'glue-run.1'
>>> check_task_name("glue/rte")
'glue/rte'
"""

from __future__ import annotations

import re

from t2t.errors import UsageError, visible

__all__ = ["check_name", "check_task_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}


def check_name(name: str, *, what: str, where: str = "") -> str:
    """Return ``name`` if it is a safe single name, else raise ``UsageError``."""
    if not _NAME.fullmatch(name) or name.split(".")[0].lower() in _DEVICES:
        raise UsageError(
            f'"{visible(name)}" is not a valid name for a {what}',
            where=where,
            fix="Use 1-128 letters, digits, '.', '_' or '-', starting with a letter or digit.",
            code="C03",
        )
    return name


def check_task_name(name: str, *, where: str = "") -> str:
    """Return ``name`` if it has the form SET/NAME, each part a safe name, else raise ``UsageError``."""
    parts = name.split("/")
    if len(parts) != 2:
        raise UsageError(
            f'a task is named SET/NAME, got "{visible(name)}"',
            where=where,
            fix='For example "glue/rte".',
            code="C03",
        )
    for part in parts:
        check_name(part, what="task", where=where)
    return name

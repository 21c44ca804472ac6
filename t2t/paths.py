"""Where the files that come with the package are, and where a user's own are looked for.

Floor 0. In a checkout ``task_prompts/`` and ``data/`` stand beside the package; installed they are inside it.

>>> bundled("task_prompts").joinpath("mixes.yaml").is_file()
True
"""

from __future__ import annotations

import os
from pathlib import Path

from t2t.errors import UsageError

__all__ = ["bundled", "models_folder", "sample_folder", "task_folders"]

_PACKAGE = Path(__file__).resolve().parent


def bundled(folder: str) -> Path:
    """Return the folder ``task_prompts`` or ``data`` that belongs to this installation."""
    inside = _PACKAGE / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


def task_folders() -> list[Path]:
    """Return the folders searched for task files: those in ``T2T_TASKS`` (split like PATH), then the bundled one."""
    own = [Path(p) for p in os.environ.get("T2T_TASKS", "").split(os.pathsep) if p]
    for path in own:
        if not path.is_dir():
            raise UsageError("T2T_TASKS names a folder that is not there", where=str(path), code="C01")
    return [*own, bundled("task_prompts")]


def sample_folder() -> Path:
    """Return the folder of the bundled sample data."""
    return bundled("data")


def models_folder() -> Path:
    """Return the folder of the bundled models."""
    return bundled("data") / "models"


def cache_folder() -> Path:
    """Return the folder of what is made once and can be made anew: in ``XDG_CACHE_HOME``, or in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "t2t"

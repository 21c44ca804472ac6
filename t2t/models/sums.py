"""Weights as they were written: their sha256 sums beside them, compared before they are loaded.

Floor 4. safetensors sees a file that was cut off, but not a bit that has changed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from t2t.errors import ModelError, visible
from t2t.runs import write_json

__all__ = ["check", "write"]

SUMS = "t2t_sha256.json"


def write(folder: Path) -> None:
    """Write the sums of a model's weights beside it. Raise ``DiskError``."""
    weights = sorted(folder.rglob("*.safetensors"))
    write_json(folder / SUMS, {path.relative_to(folder).as_posix(): _sha256(path) for path in weights})


def check(folder: Path) -> None:
    """Compare weights with the sums beside them, if there are any. Raise ``ModelError`` naming the first other file."""
    path = folder / SUMS
    if not path.is_file():
        return
    try:
        there = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.safetensors")}
        for name, wanted in json.loads(path.read_text(encoding="utf-8")).items():
            got = _sha256(there[name]) if name in there else "missing"
            if got != wanted:
                raise ModelError(
                    f"sha256 is {visible(got, 12)}, {SUMS} says {visible(wanted, 12)}",
                    where=f"{folder}/{visible(name)}",
                    fix=f"Get it again, or remove {SUMS} if it was changed on purpose.", code="M01",
                )  # fmt: skip
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"not readable: {visible(error)}", where=str(path), code="M01") from None


def _sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

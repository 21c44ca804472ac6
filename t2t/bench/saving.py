"""Saving: what a checkpoint that survives any kill costs beside writing the same tensors and hoping.

Floor 6. Ours checks that every tensor is finite, syncs every file and the folder, sums up their bytes, and renames.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from safetensors.torch import save_file

from t2t import checkpoint
from t2t.bench.cases import Ask
from t2t.bench.machine import Clock
from t2t.bench.training import prepared
from t2t.train import Run, _batches, _fingerprint, _step

__all__ = ["plain", "t2t"]

LEAST_SAVES = 3


def t2t(ask: Ask) -> dict[str, Any]:
    """Publish checkpoints."""

    def save(run: Run, folder: Path) -> None:
        run.state.step += 1
        checkpoint.save(
            folder, run.state, run.model.net, run.optimizer, keep=run.config.keep, fingerprint=_fingerprint(run)
        )

    return _timed(ask, save)


def plain(ask: Ask) -> dict[str, Any]:
    """Write the same tensors with safetensors, and nothing else."""

    def save(run: Run, folder: Path) -> None:
        tensors, _ = checkpoint._flatten(run.optimizer.state_dict())
        save_file(dict(run.model.net.named_parameters()), folder / "weights.safetensors")
        save_file(tensors, folder / "optimizer.safetensors")

    return _timed(ask, save)


def _timed(ask: Ask, save: Callable[[Run, Path], None]) -> dict[str, Any]:
    """Return the median seconds of saves of a run that has taken one step."""
    run = prepared(ask)
    _step(run, next(_batches(run)))
    whole, took = Clock(), list[float]()
    with tempfile.TemporaryDirectory(dir=ask.folder) as folder:  # the disk of the bench, which may not be that of /tmp
        while len(took) < LEAST_SAVES or whole.seconds < ask.seconds:
            clock = Clock()
            save(run, Path(folder))
            took.append(clock.seconds)
        files = list(Path(folder).rglob("*.safetensors"))
        written = sum(path.stat().st_size for path in files) / max(1, len(files) // 2)
    return {"seconds": median(took), "saves": len(took), "saved_mb": written / 1e6, "others": whole.others()}

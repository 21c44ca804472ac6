"""Checkpoints: whole or invisible, verified, and without pickles.

Floor 5. A checkpoint is a directory of safetensors and JSON with a manifest of sha256 sums. It is written under a
temporary name, every file synced, then the directory, then renamed; only then are old ones taken away, by step and
never by clock. The random numbers of a step depend on the seed, the step and the rank alone, so their state is the
step itself.

Order: file sync < directory sync < rename < parent sync < rotation.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from t2t.errors import CheckpointError, DiskError, NonFiniteError, visible
from t2t.runs import disk_error, sync, write_text

__all__ = ["FORMAT", "State", "best", "latest", "load", "remove_stale", "save", "set_best", "verify", "whole"]

FORMAT = 1
_NAME = re.compile(r"step-(\d{6,})")
_STALE = (".step-*", ".model.*.tmp", ".model.gone")


@dataclass(slots=True)
class State:
    """Where a run is: everything besides weights and optimiser that decides its next step.

    ``window`` and ``cursors`` name the window of the stream, ``at`` the next batch in it; ``order`` is a running
    sha256 over the uids of all examples so far; ``seconds`` of training, evaluation left out; ``evaluated`` the last
    step that was scored. ``drawn`` and ``tokens`` are examples, and input and target tokens, by task.
    """

    step: int = 0
    window: int = 0
    cursors: tuple[int, ...] = ()
    at: int = 0
    examples: int = 0
    input_tokens: int = 0
    target_tokens: int = 0
    order: str = ""
    seconds: float = 0.0
    best_value: float | None = None
    best_step: int | None = None
    evaluations_since_best: int = 0
    evaluated: int = 0
    drawn: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, list[int]] = field(default_factory=dict)

    def count(self, name: str, read: int, written: int, *, examples: int = 1) -> None:
        """Count in examples of a task, with their tokens."""
        self.drawn[name] = self.drawn.get(name, 0) + examples
        self.input_tokens, self.target_tokens = self.input_tokens + read, self.target_tokens + written
        before = self.tokens.get(name, (0, 0))
        self.tokens[name] = [before[0] + read, before[1] + written]


def save(
    folder: Path,
    state: State,
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    keep: int,
    fingerprint: Mapping[str, Any],
) -> Path:
    """Publish ``folder/step-NNNNNN`` and take away all but the ``keep`` newest and the best. Return its path.

    Raise ``NonFiniteError`` (nothing is published) if a tensor is not finite, ``DiskError`` if it cannot be written.
    """
    weights = {name: p.detach() for name, p in [*net.named_parameters(), *net.named_buffers()]}
    tensors, structure = _flatten(optimizer.state_dict())
    for name, tensor in [*weights.items(), *tensors.items()]:
        if tensor.is_floating_point() and not _finite(tensor):
            raise NonFiniteError(f"{name} is not finite at step {state.step}: no checkpoint is written", code="K10")
    final = folder / f"step-{state.step:06d}"
    with whole(final, need=sum(tensor.nbytes for tensor in [*weights.values(), *tensors.values()])) as new:
        save_file({k: v.contiguous().cpu() for k, v in weights.items()}, new / "weights.safetensors")
        save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, new / "optimizer.safetensors")
        _write_json(new / "optimizer.json", structure)
        _write_json(new / "state.json", {"format": FORMAT, "fingerprint": fingerprint, **asdict(state)})
        sums = {path.name: _sha256(path) for path in sorted(new.iterdir())}
        _write_json(new / "manifest.json", {"format": FORMAT, "sha256": sums})
    try:
        _rotate(folder, keep, state)
    except OSError as error:
        raise disk_error(error, folder) from None
    return final


def _finite(tensor: torch.Tensor) -> bool:
    """Whether no number is infinite or NaN: one is NaN, or the extremes are; a fifth of the time of ``isfinite``."""
    return not tensor.numel() or all(math.isfinite(end) for end in tensor.aminmax())


@contextlib.contextmanager
def whole(final: Path, *, need: int = 0) -> Iterator[Path]:
    """Yield a new directory to fill; it is synced and named ``final`` when the block has ended well, else removed.

    Raise ``DiskError``, with the ``need``ed bytes, for what the block could not write.
    """
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(final.parent)
        temporary.mkdir()
        yield temporary
        for path in temporary.rglob("*"):
            sync(path)
        sync(temporary)
        if final.is_symlink() or final.is_dir():
            _discard(final)
        temporary.rename(final)
        sync(final.parent)
    except DiskError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DiskError(error.message, where=str(final), fix=error.fix, code=error.code) from None
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise _disk_error(error, final, need) from None


def _disk_error(error: Exception, path: Path, need: int) -> DiskError:
    """Return a disk error for what the system or safetensors (which has lost the errno) said."""
    if isinstance(error, OSError):
        return disk_error(error, path, need=need)
    code = re.search(r"os error (\d+)", str(error))
    number = int(code.group(1)) if code else errno.EIO
    return disk_error(OSError(number, os.strerror(number) if code else visible(error)), path, need=need)


def _write_json(path: Path, data: Any) -> None:
    path.write_text(_json(data), encoding="utf-8")


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _flatten(state: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Split an optimiser's state into tensors by name and the rest as JSON."""
    tensors: dict[str, torch.Tensor] = {}
    rest: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for key, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}.{key}"] = value
            else:
                rest.setdefault(str(index), {})[key] = value
    groups = [{k: list(v) if isinstance(v, tuple) else v for k, v in g.items()} for g in state["param_groups"]]
    return tensors, {"values": rest, "groups": groups}


def _unflatten(tensors: Mapping[str, torch.Tensor], rest: Mapping[str, Any]) -> dict[str, Any]:
    """Return an optimiser's state from what `_flatten` made of it."""
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in rest["values"].items()}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    groups = [{k: tuple(v) if k in ("betas", "eps") and isinstance(v, list) else v for k, v in g.items()}
              for g in rest["groups"]]  # fmt: skip
    return {"state": state, "param_groups": groups}


def _published(folder: Path) -> dict[int, Path]:
    """Return the published checkpoints by step, oldest first; links and other directories are not ours."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            found[int(match.group(1))] = path
    return dict(sorted(found.items()))


def remove_stale(folder: Path) -> None:
    """Remove what killed writers left half written or half removed; the caller holds the run's lock."""
    for path in (p for kind in _STALE for p in folder.glob(kind)):
        if not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".best.*"):
        path.unlink(missing_ok=True)


def _discard(path: Path) -> None:
    """Remove a checkpoint so that a kill half-way leaves none that looks whole; of a link only the link."""
    if path.is_symlink():
        path.unlink()
        return
    hidden = path.with_name(f".{path.name}.gone")
    shutil.rmtree(hidden, ignore_errors=True)
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _rotate(folder: Path, keep: int, state: State) -> None:
    """Keep the ``keep`` newest checkpoints by step up to the one just written, and the best.

    Later ones are unsound (the run went on from before them) and must not count. The best is spared both as the state
    and as the file names it: a kill between the two must not lose it.
    """
    published = _published(folder)
    spared = {best(folder), state.best_step}
    for step in [step for step in published if step <= state.step][:-keep]:
        if step not in spared:
            _discard(published[step])


def best(folder: Path) -> int | None:
    """Return the step of the best checkpoint, if one is named."""
    with contextlib.suppress(OSError, ValueError):
        return int((folder / "best").read_text(encoding="utf-8").strip().removeprefix("step-"))
    return None


def set_best(folder: Path, step: int) -> None:
    """Name the checkpoint of ``step`` the best."""
    write_text(folder / "best", f"step-{step:06d}\n")


@contextlib.contextmanager
def _as_damage(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the files of a checkpoint, whatever is in them, into a ``CheckpointError``."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"damaged: {visible(error)}", where=str(path), code="K05") from None


def verify(path: Path) -> None:
    """Check every file of a checkpoint against its manifest. Raise ``CheckpointError`` naming the first bad one."""
    file = path / "manifest.json"
    with _as_damage(file):
        text = file.read_text(encoding="utf-8")
        manifest = json.loads(text)
        sums = manifest["sha256"]
        if manifest["format"] != FORMAT:
            raise CheckpointError(
                f"written in format {visible(manifest['format'])}, this version reads {FORMAT}", where=str(file),
                fix="Resume it with the version that wrote it: env.json of the run names it.", code="M07",
            )  # fmt: skip
        if text != _json(manifest) or not {"weights.safetensors", "state.json"} <= sums.keys():
            raise CheckpointError("not as it was written", where=str(file), code="K05")
        for name, wanted in sums.items():
            file = path / name
            if not file.is_file():
                raise CheckpointError("is not there, or manifest.json is damaged", where=str(file), code="K05")
            if (got := _sha256(file)) != wanted:
                said = f"sha256 is {got[:12]}…, manifest.json says {visible(wanted[:12])}…: one of the two is damaged"
                raise CheckpointError(said, where=str(file), code="K05")


def latest(folder: Path) -> Iterator[tuple[Path, CheckpointError | None]]:
    """Yield checkpoints from the newest to the oldest with what is wrong with them; the first sound one ends it."""
    for path in reversed(_published(folder).values()):
        try:
            verify(path)
        except CheckpointError as error:
            yield path, error
        else:
            yield path, None
            return


def load(
    path: Path,
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    fingerprint: Mapping[str, Any] | None = None,
) -> State:
    """Restore weights, optimiser and state from a verified checkpoint.

    Raise ``CheckpointError`` if tensors are missing, if a file is not what was written, or if ``fingerprint`` (data,
    vocabulary) is not what it was.
    """
    with _as_damage(path):
        raw = json.loads((path / "state.json").read_text(encoding="utf-8"))
        raw.pop("format")
        saved = raw.pop("fingerprint")
        for key, value in (fingerprint or {}).items():
            if (was := saved.get(key)) != value:
                both = was | value if isinstance(was, dict) and isinstance(value, dict) else {}
                names = ", ".join(name for name in sorted(both) if was.get(name) != value.get(name))
                raise CheckpointError(
                    f"{key} has changed since the checkpoint was written{f' ({visible(names)})' if names else ''}",
                    where=str(path), code="D18",
                    fix="Restore it, or start a new run.",
                )  # fmt: skip
        own = dict([*net.named_parameters(), *net.named_buffers()])
        stored = load_file(path / "weights.safetensors")
        shapes, wanted = ({name: t.shape for name, t in some.items()} for some in (stored, own))
        if odd := sorted({name for name, _ in shapes.items() ^ wanted.items()}):
            raise CheckpointError(
                f"other tensors than the model's: {visible(', '.join(odd[:10]))}", where=str(path), code="M02"
            )
        with torch.no_grad():
            for name, tensor in stored.items():
                own[name].copy_(tensor)
        if optimizer is not None:
            rest = json.loads((path / "optimizer.json").read_text(encoding="utf-8"))
            optimizer.load_state_dict(_unflatten(load_file(path / "optimizer.safetensors"), rest))
        return State(**{**raw, "cursors": tuple(raw["cursors"])})

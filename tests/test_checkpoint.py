"""Checkpoints: whole or invisible, every damage seen, rotation by step, and nothing that is a pickle."""

from __future__ import annotations

import errno
import json
import math
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from t2t import checkpoint
from t2t.checkpoint import State
from t2t.errors import CheckpointError, DiskError, NonFiniteError
from t2t.optim import optimizer
from tests.toy import assert_same


def pair(seed: int = 0) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """Return a net and an optimiser that has taken a step."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    step = optimizer("adamw", net.named_parameters(), lr=1e-2, decay=0.0)
    net(torch.randn(5, 3)).sum().backward()
    step.step()
    return net, step


def save(folder: Path, step: int = 5, *, keep: int = 2, seed: int = 0, **state: Any) -> Path:
    fingerprint = {"data": {"toy/copy": "abc"}}
    return checkpoint.save(folder, State(step=step, **state), *pair(seed), keep=keep, fingerprint=fingerprint)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_comes_back_bitwise(tmp_path: Path) -> None:
    net, step = pair()
    state = State(
        step=7, window=3, cursors=(4, 5), at=2, examples=99, input_tokens=1, target_tokens=2, order="ab",
        seconds=0.1 + 0.2, best_value=1 / 3, best_step=5, evaluations_since_best=1, evaluated=5, drawn={"a/b": 3},
    )  # fmt: skip
    path = checkpoint.save(tmp_path, state, net, step, keep=1, fingerprint={})
    other, other_step = pair(seed=1)
    assert checkpoint.load(path, other, other_step) == state
    assert_same(other.state_dict(), net.state_dict())
    assert_same(checkpoint._flatten(other_step.state_dict())[0], checkpoint._flatten(step.state_dict())[0])
    assert other_step.state_dict()["param_groups"] == step.state_dict()["param_groups"]


def test_nothing_is_left_but_the_checkpoint(tmp_path: Path) -> None:
    save(tmp_path)
    assert names(tmp_path) == ["step-000005"]
    checkpoint.verify(tmp_path / "step-000005")


def test_bit_flips_and_truncations_are_all_seen(tmp_path: Path) -> None:
    path, rng = save(tmp_path, drawn={"toy/copy": 3}), random.Random(0)
    files = sorted(path.iterdir())
    flips = cuts = 0
    for number in range(220):
        file = files[number % len(files)] if number < 100 else rng.choice(files)
        sound = file.read_bytes()
        if number < 200:
            at = rng.randrange(len(sound))
            bad = sound[:at] + bytes([sound[at] ^ (1 << rng.randrange(8))]) + sound[at + 1 :]
            flips += 1
        else:
            bad = sound[: rng.randrange(len(sound)) if number < 215 else -1]
            cuts += 1
        file.write_bytes(bad)
        with pytest.raises(CheckpointError, match=re.escape(str(path))) as caught:
            checkpoint.verify(path)
        assert caught.value.exit_code == 5
        file.write_bytes(sound)
        checkpoint.verify(path)
    print(f"{flips} bit flips and {cuts} truncations over {len(files)} files, all seen")
    assert (flips, cuts) == (200, 20)


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "optimizer.safetensors", "optimizer.json", "state.json", "manifest.json"]
)
def test_a_missing_file_is_seen(name: str, tmp_path: Path) -> None:
    path = save(tmp_path)
    (path / name).unlink()
    with pytest.raises(CheckpointError):
        checkpoint.verify(path)


def test_an_empty_manifest_vouches_for_nothing(tmp_path: Path) -> None:
    path = save(tmp_path)
    (path / "manifest.json").write_text(checkpoint._json({"format": 1, "sha256": {}}))
    with pytest.raises(CheckpointError):
        checkpoint.verify(path)


def test_another_format_is_named(tmp_path: Path) -> None:
    path = save(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(checkpoint._json({**manifest, "format": 99}))
    with pytest.raises(CheckpointError, match="format 99, this version reads 1") as caught:
        checkpoint.verify(path)
    assert caught.value.code == "M07"


def test_the_newest_sound_one_is_found(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000, 1_000_001):
        save(tmp_path, step, keep=9)
    (tmp_path / "step-1000001" / "weights.safetensors").write_bytes(b"")
    (tmp_path / "step-9000000").mkdir()
    found = [(path.name, error is None) for path, error in checkpoint.latest(tmp_path)]
    assert found == [("step-9000000", False), ("step-1000001", False), ("step-1000000", True)]


def test_there_may_be_none(tmp_path: Path) -> None:
    assert list(checkpoint.latest(tmp_path / "nowhere")) == []


def test_rotation_goes_by_step_and_never_by_clock(tmp_path: Path) -> None:
    for number, step in enumerate((100, 200, 300)):
        path = save(tmp_path, step, keep=2)
        os.utime(path, (1_000_000 - number * 3600,) * 2)
    assert names(tmp_path) == ["step-000200", "step-000300"]


def test_the_best_is_spared(tmp_path: Path) -> None:
    save(tmp_path, 1)
    checkpoint.set_best(tmp_path, 1)
    for step in range(2, 6):
        save(tmp_path, step)
    assert names(tmp_path) == ["best", "step-000001", "step-000004", "step-000005"]
    assert checkpoint.best(tmp_path) == 1


def test_the_best_is_spared_when_its_name_was_not_yet_written(tmp_path: Path) -> None:
    save(tmp_path, 1, best_step=1)  # killed here, before `best` was written
    for step in range(2, 5):
        save(tmp_path, step, keep=1, best_step=1)
    assert names(tmp_path) == ["step-000001", "step-000004"]


def test_unsound_later_ones_do_not_push_out_what_is_new(tmp_path: Path) -> None:
    for step in (1, 8, 9):
        save(tmp_path, step, keep=3)
    for step in (8, 9):
        (tmp_path / f"step-{step:06d}" / "state.json").write_text("")
    save(tmp_path, 2, keep=1)
    assert [path.name for path, error in checkpoint.latest(tmp_path) if error is None] == ["step-000002"]


def test_stale_temporaries_go_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    ours = [tmp_path / ".step-000003.12345.tmp", tmp_path / ".step-000002.gone"]
    foreign = [tmp_path / "step-2", tmp_path / "notes", tmp_path / "step-000001.bak", tmp_path / "xstep-000001"]
    for folder in ours + foreign:
        folder.mkdir()
        (folder / "x").write_text("x")
    (tmp_path / "step-000004").symlink_to(tmp_path / "notes")
    for step in (5, 6, 7):
        save(tmp_path, step, keep=1)
    assert not any(folder.exists() for folder in ours)
    assert all((folder / "x").exists() for folder in foreign)
    assert (tmp_path / "step-000004").is_symlink()
    assert [path.name for path, _ in checkpoint.latest(tmp_path)] == ["step-000007"]


def test_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    path = save(tmp_path)
    (path / "weights.safetensors").write_bytes(b"bad")
    checkpoint.verify(save(tmp_path))
    assert names(tmp_path) == ["step-000005"]


def test_files_are_synced_before_the_name_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, rename, rotate = checkpoint.sync, Path.rename, checkpoint._rotate
    monkeypatch.setattr(checkpoint, "sync", lambda path: order.append(path.name) or sync(path))
    monkeypatch.setattr(Path, "rename", lambda self, to: order.append(f"rename {Path(to).name}") or rename(self, to))
    monkeypatch.setattr(checkpoint, "_rotate", lambda *a: order.append("rotate") or rotate(*a))
    save(tmp_path / "c")
    files, temporary = (
        {"manifest.json", "optimizer.json", "optimizer.safetensors", "state.json", "weights.safetensors"},
        5,
    )
    assert set(order[:temporary]) == files
    assert order[temporary].startswith(".step-000005")
    assert order[temporary + 1 :] == ["rename step-000005", "c", "rotate"]


# -- faults ------------------------------------------------------------------------------------------------------------


def full(*args: Any, **kwargs: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_says_safetensors(*args: Any, **kwargs: Any) -> None:
    Path(args[1]).write_bytes(b"half")
    raise SafetensorError('I/O error: No space left on device (os error 28), "/x"')


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, full) for name in ("save_file", "_write_json", "sync", "_sha256")] + [("save_file", full_says_safetensors)],
)
def test_a_full_disk_leaves_the_previous_checkpoint(
    name: str, fault: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 5, keep=1)
    with monkeypatch.context() as m:
        m.setattr(checkpoint, name, fault)
        with pytest.raises(
            DiskError, match="No space left on device; [0-9,]+ bytes needed, [0-9,]+ bytes free"
        ) as caught:
            save(tmp_path, 6, keep=1)
    assert caught.value.exit_code == 5 and "step-000006" in str(caught.value)
    assert names(tmp_path) == ["step-000005"]
    checkpoint.verify(tmp_path / "step-000005")
    save(tmp_path, 6, keep=1)
    assert names(tmp_path) == ["step-000006"]


def test_a_rotation_that_fails_is_a_disk_error_and_the_new_one_stays(tmp_path: Path, monkeypatch: Any) -> None:
    save(tmp_path, 5, keep=1)
    monkeypatch.setattr(checkpoint, "_discard", full)
    with pytest.raises(DiskError):
        save(tmp_path, 6, keep=1)
    assert names(tmp_path) == ["step-000005", "step-000006"]


@pytest.mark.parametrize("where", ["weight", "buffer", "optimizer"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_never_published(where: str, value: float, tmp_path: Path) -> None:
    net, step = pair()
    with torch.no_grad():
        if where == "weight":
            net[2].bias[0] = value
        elif where == "buffer":
            net[1].running_mean[0] = value
        else:
            next(iter(step.state.values()))["exp_avg"][0] = value
    with pytest.raises(NonFiniteError) as caught:
        checkpoint.save(tmp_path / "c", State(step=1), net, step, keep=1, fingerprint={})
    assert caught.value.exit_code == 6
    assert not (tmp_path / "c").exists()


def test_another_fingerprint_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path)
    checkpoint.load(path, *pair(), fingerprint={"data": {"toy/copy": "abc"}})
    with pytest.raises(CheckpointError, match="data has changed") as caught:
        checkpoint.load(path, *pair(), fingerprint={"data": {"toy/copy": "abd"}})
    assert caught.value.code == "D18" and caught.value.exit_code == 5


@pytest.mark.parametrize("sizes", [(3, 5, 2), (3, 4, 1)])
def test_tensors_of_other_shapes_are_refused_and_not_broadcast(sizes: tuple[int, int, int], tmp_path: Path) -> None:
    path = save(tmp_path)
    a, b, c = sizes
    net = torch.nn.Sequential(torch.nn.Linear(a, b), torch.nn.BatchNorm1d(b), torch.nn.Linear(b, c))
    with pytest.raises(CheckpointError, match="other tensors"):
        checkpoint.load(path, net)
    one = save(tmp_path / "one", seed=0)
    save_file(
        {**checkpoint.load_file(one / "weights.safetensors"), "0.bias": torch.zeros(1)}, one / "weights.safetensors"
    )
    with pytest.raises(CheckpointError, match=r"0\.bias"):
        checkpoint.load(one, pair()[0])


def test_missing_tensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="2.weight"):
        checkpoint.load(save(tmp_path), torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)))


def test_no_pickle_is_written(tmp_path: Path) -> None:
    for path in save(tmp_path).iterdir():
        assert not path.read_bytes().startswith((b"\x80", b"PK\x03\x04")), path.name
        assert path.suffix in (".json", ".safetensors")


def test_a_copied_checkpoint_is_sound(tmp_path: Path) -> None:
    checkpoint.verify(Path(shutil.copytree(save(tmp_path / "a"), tmp_path / "b" / "step-000005")))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_one_number_that_is_not_finite_is_seen_anywhere(dtype: torch.dtype) -> None:
    sound = torch.randn(70, generator=torch.Generator().manual_seed(0)).to(dtype)
    for bad in (math.nan, math.inf, -math.inf):
        for at in range(70):
            assert checkpoint._finite(sound) and not checkpoint._finite(sound.index_fill(0, torch.tensor([at]), bad))
    assert checkpoint._finite(torch.full((99,), torch.finfo(dtype).max, dtype=dtype))
    assert checkpoint._finite(torch.zeros(0, dtype=dtype)) and not checkpoint._finite(
        torch.tensor(math.nan, dtype=dtype)
    )

"""Promises that need no kill: full and failing disks, clocks, links, memory, signals, what is not finite, shares."""

from __future__ import annotations

import errno
import importlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from t2t import checkpoint
from t2t.errors import CheckpointError, DiskError, MemoryLimitError, NonFiniteError, Stopped, T2TError, UsageError
from t2t.models import Loss
from t2t.models.seq2seq import Seq2Seq
from t2t.predict import Gather
from t2t.train import Watch, prepare, resume, train
from tests.test_checkpoint import names, pair, save
from tests.test_train import Crash, CrashAt, bytes_of, published, steps
from tests.toy import assert_same, config, lines

training = importlib.import_module("t2t.train")  # the names t2t.train and t2t.predict are functions
predict = importlib.import_module("t2t.predict")


@pytest.fixture
def broken(toys: Path, tiny: Path, tmp_path: Path) -> Path:
    """A run of six steps that was killed at the fifth; saved at 2 and 4."""
    with pytest.raises(Crash):
        train(config(tmp_path / "run", model=str(tiny), **SAVING), watch=CrashAt(5))
    return tmp_path / "run"


SAVING: dict[str, Any] = {"steps": 6, "save_every": 2, "eval_limit": 2}


@pytest.fixture
def unbroken(toys: Path, tiny: Path, tmp_path: Path) -> Path:
    train(config(tmp_path / "whole", model=str(tiny), **SAVING))
    return tmp_path / "whole"


# -- K03, K04: a disk that is full or fails ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
def test_k03_k04_a_fault_at_any_call_of_a_save_leaves_a_sound_checkpoint(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call that touches the disk fails in turn, until there is none left to fail."""
    calls = [(checkpoint, name, getattr(checkpoint, name)) for name in ("save_file", "_write_json", "_sha256", "sync")]
    calls += [(Path, name, getattr(Path, name)) for name in ("mkdir", "rename")]  # type: ignore[list-item]
    for at in range(1, 100):
        folder, made = tmp_path / str(at), Counter[str]()
        save(folder, 5, keep=1)
        with monkeypatch.context() as m:
            for module, name, plain in calls:

                def failing(*args: Any, plain: Any = plain, at: int = at, made: Any = made, **how: Any) -> Any:
                    made["calls"] += 1
                    if made["calls"] == at:
                        raise OSError(number, os.strerror(number))
                    return plain(*args, **how)

                m.setattr(module, name, failing)
            try:
                save(folder, 6, keep=1)
            except DiskError as error:
                full = number in (errno.ENOSPC, errno.EDQUOT)
                assert error.exit_code == 5 and error.code == ("K03" if full else "K04")
                assert os.strerror(number) in str(error) and str(folder) in error.where
                assert ("bytes free" in str(error)) == full
                assert not list(folder.glob(".*.tmp"))
            else:
                assert made["calls"] < at, "a fault that nobody told of"
                break
        found = list(checkpoint.latest(folder))
        assert found and all(error is None for _, error in found)
        save(folder, 7, keep=1)
        assert names(folder) == ["step-000007"]
    assert at > 20


def test_k03_a_full_disk_says_what_is_needed_and_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    net, step = pair()
    tensors = [*net.parameters(), *net.buffers(), *checkpoint._flatten(step.state_dict())[0].values()]
    monkeypatch.setattr(checkpoint, "save_file", full)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=3, f_frsize=4096))
    with pytest.raises(DiskError) as caught:
        save(tmp_path)
    assert f"{sum(t.nbytes for t in tensors):,} bytes needed, 12,288 bytes free" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_k03_a_log_that_cannot_grow_ends_the_run_and_resuming_is_exact(
    toys: Path, tiny: Path, tmp_path: Path, unbroken: Path
) -> None:
    log = tmp_path / "r" / "metrics.jsonl"

    class FullAt4(Watch):
        def step(self, run: Any, values: dict[str, Any]) -> None:
            if run.state.step == 3:
                log.rename(tmp_path / "kept")
                log.symlink_to("/dev/full")

    with pytest.raises(
        DiskError, match=r"metrics.jsonl: .*No space left.* \d+ bytes needed, [\d,]+ bytes free"
    ) as caught:
        train(config(tmp_path / "r", model=str(tiny), **SAVING), watch=FullAt4())
    assert caught.value.exit_code == 5
    log.unlink()
    (tmp_path / "kept").rename(log)
    with log.open("a") as half:
        half.write('{"step": 4, "lo')
    resume(tmp_path / "r")
    assert bytes_of(tmp_path / "r", 6) == bytes_of(unbroken, 6) and steps(tmp_path / "r") == steps(unbroken)


def test_k03_the_model_is_published_whole_or_not_at_all(
    broken: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Path
) -> None:
    plain = Seq2Seq.save

    def crash(self: Seq2Seq, folder: Path) -> None:
        plain(self, folder)
        raise Crash

    with monkeypatch.context() as m, pytest.raises(Crash):
        m.setattr(Seq2Seq, "save", crash)
        resume(broken)
    assert not (broken / "model").exists() and list(broken.glob(".model.*.tmp"))
    resume(broken)
    assert not list(broken.glob(".model*"))
    for path in (broken / "model").iterdir():
        assert path.read_bytes() == (unbroken / "model" / path.name).read_bytes()


def test_k03_a_fault_told_while_a_folder_is_filled_is_one_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="full") as caught, checkpoint.whole(tmp_path / "model") as folder:
        raise DiskError("full", where=str(folder / "sums"), code="K03")
    assert caught.value.where == str(tmp_path / "model") and not list(tmp_path.iterdir())


def test_k03_the_lines_of_the_log_are_durable_before_the_checkpoint(
    toys: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, saved = training.runs.sync, checkpoint.save
    monkeypatch.setattr(training.runs, "sync", lambda path: order.append(path.name) or sync(path))
    monkeypatch.setattr(checkpoint, "save", lambda *a, **k: order.append("save") or saved(*a, **k))
    train(config(tmp_path / "r", model=str(tiny), steps=2, eval_limit=1))
    assert order[order.index("save") - 1] == "metrics.jsonl"


# -- K05: damage -------------------------------------------------------------------------------------------------------


def sweep(path: Path, flips: int, cuts: int) -> None:
    """Flip single bits and cut at random places of all files; each must be seen and the file named."""
    rng, files = random.Random(0), sorted(path.iterdir())
    sizes = [file.stat().st_size for file in files]
    for number in range(flips + cuts):
        # Half by size, as a disk's faults fall, half by file, that the small ones have their share.
        file = rng.choices(files, sizes if number % 2 else None)[0]
        sound = file.read_bytes()
        at = rng.randrange(len(sound))
        bad = (
            sound[:at] + bytes([sound[at] ^ (1 << rng.randrange(8))]) + sound[at + 1 :]
            if number < flips
            else sound[:at]
        )
        file.write_bytes(bad)
        with pytest.raises(CheckpointError) as caught:
            checkpoint.verify(path)
        file.write_bytes(sound)
        error = caught.value
        assert error.exit_code == 5 and error.where.startswith(str(path) + os.sep)
        assert file.name in str(error), f"{file.name} byte {at}: {error}"
    checkpoint.verify(path)
    print(f"{flips} bit flips and {cuts} truncations over {len(files)} files: all seen, all named")


def test_k05_every_bit_flip_and_truncation_is_seen_and_the_file_named(tmp_path: Path) -> None:
    sweep(save(tmp_path, drawn={"toy/copy": 3}), 100, 40)


def test_k05_a_manifest_that_says_the_same_in_other_bytes_is_seen(tmp_path: Path) -> None:
    file = save(tmp_path) / "manifest.json"
    file.write_text(file.read_text().replace("\n", "\t", 1))
    with pytest.raises(CheckpointError, match=r"manifest\.json: not as it was written"):
        checkpoint.verify(file.parent)


@pytest.mark.slow
def test_k05_a_thousand_bit_flips_and_two_hundred_truncations(broken: Path) -> None:
    sweep(broken / "checkpoints" / "step-000004", 1000, 200)


def test_k05_no_sound_checkpoint_at_all_is_an_error_and_not_a_fresh_start(broken: Path) -> None:
    for path in (broken / "checkpoints").glob("step-*"):
        (path / "state.json").write_text("{}")
    before = sorted(path.name for path in (broken / "checkpoints").iterdir())
    with pytest.raises(CheckpointError, match=r"no checkpoint is sound.*step-000004.state\.json") as caught:
        resume(broken)
    assert caught.value.exit_code == 5
    assert sorted(path.name for path in (broken / "checkpoints").iterdir()) == before


# -- K07, K08: clocks, links, what is not ours -------------------------------------------------------------------------


@pytest.mark.parametrize("times", [(1e9, 1e9), (2e9, 1e9)], ids=["equal", "reversed"])
def test_k07_a_clock_that_goes_backward_changes_nothing(
    times: tuple[float, float], broken: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    now = [2e9]

    def backward() -> float:
        now[0] -= 3600
        return now[0]

    for path, when in zip(sorted((broken / "checkpoints").glob("step-*")), times, strict=True):
        for file in (*path.iterdir(), path):
            os.utime(file, (when, when))
    monkeypatch.setattr(time, "time", backward)
    seen: list[str] = []
    watch = Watch()
    watch.notice = seen.append  # type: ignore[method-assign]
    resume(broken, watch=watch)
    assert any("at step 4" in line for line in seen)
    assert bytes_of(broken, 6) == bytes_of(unbroken, 6) and steps(broken) == steps(unbroken)
    seconds = [line["seconds"] for line in lines(broken) if "loss" in line]
    assert seconds == sorted(seconds) and seconds[0] > 0 and published(broken) == published(unbroken)


def test_k08_a_link_in_a_checkpoints_place_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    other = save(tmp_path / "other")
    folder = tmp_path / "c"
    folder.mkdir()
    for name in ("step-000001", "step-000006"):
        (folder / name).symlink_to(other)
    (folder / ".step-000002.9.tmp").symlink_to(other)
    for step in (6, 7):
        save(folder, step, keep=1)
    checkpoint.verify(other)
    assert (folder / "step-000001").is_symlink() and (folder / ".step-000002.9.tmp").is_symlink()
    assert [path.name for path, error in checkpoint.latest(folder) if not error] == ["step-000007"]


def test_k08_a_file_in_a_checkpoints_place_is_not_taken_away(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "step-000006").write_text("mine")
    with pytest.raises(DiskError, match="step-000006"):
        save(tmp_path, 6)
    assert (tmp_path / "step-000006").read_text() == "mine"
    assert names(tmp_path) == ["step-000005", "step-000006"]


# -- K02: signals ------------------------------------------------------------------------------------------------------


def test_k02_a_signal_ends_an_evaluation_and_resuming_makes_it_anew(
    toys: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "CHUNK", 2)
    how = {"model": str(tiny), "steps": 4, "eval_every": 2}
    answered: list[int] = []

    class Stop(Watch):
        @training.contextlib.contextmanager
        def task(self, title: str, total: int | None) -> Iterator[Any]:
            def tick(done: int) -> None:
                if title == "answering":
                    answered.append(done)
                    os.kill(os.getpid(), signal.SIGTERM)

            yield tick

    with pytest.raises(Stopped) as caught:
        train(config(tmp_path / "a", **how), watch=Stop())
    assert caught.value.exit_code == 143 and answered == [2]
    assert published(tmp_path / "a") == [2] and not [line for line in lines(tmp_path / "a") if "scores" in line]
    monkeypatch.undo()
    resume(tmp_path / "a")
    train(config(tmp_path / "b", **how))
    assert bytes_of(tmp_path / "a", 4) == bytes_of(tmp_path / "b", 4)
    scored = [[(line["step"], line["scores"]) for line in lines(tmp_path / n) if "scores" in line] for n in "ab"]
    assert scored[0] == scored[1] and [step for step, _ in scored[0]] == [2, 4]


# -- K09: memory -------------------------------------------------------------------------------------------------------


def test_k09_memory_that_runs_out_is_told_with_the_step_and_resuming_goes_on(
    toys: Path, tiny: Path, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, calls = Seq2Seq.loss, []

    def loss(self: Seq2Seq, batch: Any) -> Loss:
        calls.append(1)
        if len(calls) == 5:
            torch.empty(1 << 60, dtype=torch.uint8)
        return plain(self, batch)

    with (
        monkeypatch.context() as m,
        pytest.raises(MemoryLimitError, match=r"step \d, of \d+ examples with up to \d+ t") as e,
    ):
        m.setattr(Seq2Seq, "loss", loss)
        train(config(tmp_path / "r", model=str(tiny), **SAVING))
    assert e.value.exit_code == 9
    resume(tmp_path / "r")
    assert bytes_of(tmp_path / "r", 6) == bytes_of(unbroken, 6)


# -- K10: what is not finite -------------------------------------------------------------------------------------------


def test_k10_a_hundred_faults_at_random_steps_touch_no_weight_and_publish_nothing(
    toys: Path, still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(config(model=str(still), steps=10_000), tmp_path, training._accelerator())
    rng, plain, faults = random.Random(0), Seq2Seq.loss, Counter[str]()
    parameters = dict(run.model.net.named_parameters())
    for egs in training._batches(run):
        if rng.random() < 0.3:
            training._step(run, egs)
            continue
        kind, value = (
            rng.choice(["loss", "gradient", "weights"]),
            rng.choice([float("nan"), float("inf"), -float("inf")]),
        )
        before = {name: p.detach().clone() for name, p in parameters.items()}
        name = rng.choice(list(parameters))
        if kind == "weights":
            with torch.no_grad():
                parameters[name].view(-1)[rng.randrange(parameters[name].numel())] = value
            with pytest.raises(NonFiniteError, match=name):
                training._save(run)
            with torch.no_grad():
                parameters[name].copy_(before[name])
        else:
            place, shape = rng.randrange(parameters[name].numel()), parameters[name].shape
            with monkeypatch.context() as m:
                bad = torch.zeros(shape).view(-1).index_fill(0, torch.tensor([place]), value).view(shape)
                hook = parameters[name].register_hook(lambda grad, bad=bad: grad + bad) if kind == "gradient" else None
                if kind == "loss":
                    m.setattr(Seq2Seq, "loss", lambda *a, value=value: Loss(plain(*a).nats * value, 1))
                with pytest.raises(NonFiniteError, match=f"at step {run.state.step}; the batch: toy/") as caught:
                    training._step(run, egs)
            assert caught.value.exit_code == 6
            if hook:
                hook.remove()
            run.optimizer.zero_grad()
        assert_same(parameters, before)
        assert not (tmp_path / "checkpoints").exists()
        faults[kind] += 1
        if sum(faults.values()) == 100:
            break
    print(f"faults: {dict(faults)} by step {run.state.step}")
    assert len(faults) == 3
    training._save(run)
    (path,) = [path for path, error in checkpoint.latest(tmp_path / "checkpoints") if error is None]
    assert all(torch.isfinite(t).all() for t in load_file(path / "weights.safetensors").values())


# -- K12: a poor environment -------------------------------------------------------------------------------------------


def test_k12_no_terminal_no_home_no_locale(toys: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "LC_", "HF_"))}
    env = {**plain, "HOME": str(tmp_path / "file" / "home"), "LANG": "C", "T2T_OFFLINE": "1", "TERM": "dumb"}
    words = [
        "train",
        "--task",
        "toy/vowel",
        "--model",
        str(tiny),
        "--steps",
        "2",
        "--out",
        "r",
        "--precision",
        "fp32",
        "--batch-tokens",
        "160",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "t2t.cli", *words], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "r" / "report.json").exists() and b"\x1b" not in done.stdout + done.stderr


# -- N: ranks ----------------------------------------------------------------------------------------------------------


class Numbered(list[int]):
    """Rows that are their own numbers."""

    task = None


def test_n03_every_row_is_answered_once_whatever_the_rows_and_the_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes 1 to 33 on 1 to 3 ranks that wait for each other as gathering does: a rank that called once more hangs."""
    monkeypatch.setattr(predict, "CHUNK", 4)
    answered = lambda model, egs, ways, of: {way: [f"{way} {eg}" for eg in egs] for way in ways}  # noqa: E731
    monkeypatch.setattr(predict, "_answered", answered)
    for size in range(1, 34):
        for world in (1, 2, 3):
            barrier = threading.Barrier(world, timeout=10)
            parts: list[Any] = [None] * world
            found: list[list[Any]] = [[] for _ in range(world)]

            def work(rank: int, world=world, size=size, barrier=barrier, parts=parts, found=found) -> None:
                def join(part: list[Any]) -> list[Any]:
                    parts[rank] = part
                    barrier.wait()
                    every = [one for part in parts for one in part]
                    barrier.wait()
                    return every

                share = Gather(rank, world, join)
                numbered: Any = Numbered(range(size))
                for preds in predict._shared(None, numbered, ("write", "rank"), share, lambda done: None):  # type: ignore[arg-type]
                    found[rank] += zip(preds["write"], preds["rank"], strict=True)

            threads = [threading.Thread(target=work, args=(rank,)) for rank in range(world)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert found == [[(f"write {i}", f"rank {i}") for i in range(size)]] * world, (size, world)


def other_rank(monkeypatch: pytest.MonkeyPatch, said: Any, same: dict[str, Any]) -> Any:
    """Return an accelerator of two ranks of which the other one has said this."""
    import accelerate.utils

    monkeypatch.setattr(accelerate.utils, "gather_object", lambda mine: [*mine, (said, same)])
    return SimpleNamespace(num_processes=2)


def test_n02_a_fault_of_one_rank_ends_the_others_with_its_words_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    two = other_rank(monkeypatch, {"text": "disk full", "code": 5}, {})
    with pytest.raises(T2TError, match="rank 1: disk full") as caught, training._together(two):
        pass
    assert caught.value.exit_code == 5
    with pytest.raises(CheckpointError, match="mine"), training._together(two):
        raise CheckpointError("mine")


def test_n05_ranks_that_see_other_data_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    two = other_rank(monkeypatch, None, {"data": "a", "config": 1})
    said = "^data: not the same on rank 1 as on rank 0"
    with pytest.raises(UsageError, match=said) as caught, training._together(two) as same:
        same.update(data="b", config=1)
    assert (caught.value.exit_code, caught.value.code) == (2, "N05")
    with training._together(two) as same:
        same.update(data="a", config=1)

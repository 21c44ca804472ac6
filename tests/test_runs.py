"""The run folder: one owner, files whole or not at all, and every failure of the disk an error of ours."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from t2t import runs
from t2t.errors import DiskError, RunInUseError, UsageError
from t2t.runs import Metrics, disk_error, environment, lock, new_folder, write_json, write_text


def full(*args: Any, **options: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


# The folder


def test_a_new_run_takes_the_first_free_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [str(new_folder(None, "glue/rte")) for _ in range(3)]
    assert names == ["runs/glue-rte-1", "runs/glue-rte-2", "runs/glue-rte-3"]


def test_two_runs_that_begin_at_once_get_a_folder_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    new_folder(None, "a")
    monkeypatch.setattr(Path, "exists", lambda self, **how: False)  # the other made its folder after this one looked
    assert new_folder(None, "a") == Path("runs/a-2")


def test_where_no_folder_of_runs_can_be_made_is_a_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").symlink_to("nowhere")
    with pytest.raises(DiskError, match="runs"):
        new_folder(None, "a")


def test_a_damaged_json_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text('{"t2t": ')
    with pytest.raises(DiskError, match="env.json: not readable as JSON"):
        runs.read_json(tmp_path / "env.json")
    assert runs.read_json(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("glue/rte+glue/cola", "runs/glue-rte-glue-cola-1"),
        ("./own/task.yaml", "runs/own-task.yaml-1"),
        ("+".join(["glue/rte"] * 50), "runs/" + "-".join(["glue-rte"] * 50)[:100] + "-1"),
    ],
)
def test_tasks_of_any_name_and_number_make_a_name(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(new_folder(None, name)) == folder


def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    out = str(tmp_path / "a" / "b")
    assert new_folder(out, "x") == new_folder(out, "x") == Path(out)
    (tmp_path / "a" / "b" / "run.yaml").touch()
    with pytest.raises(UsageError, match="holds a run"):
        new_folder(out, "x")


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(DiskError) as caught:
            new_folder(str(out), "x")
        assert caught.value.exit_code == 5 and caught.value.where == str(out)


# The lock


def test_the_lock_is_one_mans_and_free_again_afterwards(tmp_path: Path) -> None:
    with lock(tmp_path):
        with pytest.raises(RunInUseError) as caught, lock(tmp_path):
            pass
        assert caught.value.exit_code == 7 and f"process {os.getpid()} on " in str(caught.value)
        assert caught.value.where == str(tmp_path) and caught.value.code == "K06"
    with lock(tmp_path):
        pass


def test_another_process_is_kept_out_and_named_and_a_dead_one_does_not_block(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from t2t.runs import lock\n"
        f"with lock(pathlib.Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(RunInUseError, match=f"process {holder.pid} on "), lock(tmp_path):
            pass
        holder.kill()
    with lock(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / ".lock").read_text()
        assert str(holder.pid) not in (tmp_path / ".lock").read_text()


def test_a_fault_under_the_lock_passes_through_and_frees_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), lock(tmp_path):
        raise OSError("mine")
    with lock(tmp_path):
        pass


def test_a_lock_that_cannot_be_had_is_not_said_to_be_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskError), lock(tmp_path / "file"):
        pass

    def none(*args: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(DiskError, match="No locks available"), lock(tmp_path):
        pass


def test_a_lock_file_of_rubbish_is_shown_safely(tmp_path: Path) -> None:
    with lock(tmp_path):
        (tmp_path / ".lock").write_bytes(b"\xff\x1b[31m")
        with pytest.raises(RunInUseError) as caught, lock(tmp_path):
            pass
    assert str(caught.value).isprintable()


# Files


def test_files_are_written_byte_for_byte(tmp_path: Path) -> None:
    text = "a\r\nb\n\u2028é中\x00"
    write_text(tmp_path / "new" / "a.txt", text)
    assert (tmp_path / "new" / "a.txt").read_bytes() == text.encode()
    write_json(tmp_path / "a.json", {"é": [1, 0.5, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"é": [1, 0.5, None]}


@pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.write_bytes", "pathlib.Path.rename"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a.txt", "old")
    with monkeypatch.context() as patch:
        patch.setattr(broken, full)
        with pytest.raises(DiskError) as caught:
            write_text(tmp_path / "a.txt", "new")
    assert caught.value.exit_code == 5 and caught.value.where == str(tmp_path / "a.txt")
    assert "No space left on device" in str(caught.value) and "3 bytes needed" in str(caught.value)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_text_that_cannot_be_encoded_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "\ud800")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_file_is_made_durable_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, bool]] = []
    sync = runs.sync
    monkeypatch.setattr(
        runs, "sync", lambda path: (done.append((path.name, (tmp_path / "a.txt").exists())), sync(path))
    )
    write_text(tmp_path / "a.txt", "x")
    assert done == [(f".a.txt.{os.getpid()}", False), (tmp_path.name, True)]


def test_a_number_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        Metrics(tmp_path).write(step=1, loss=float("inf"))
    assert not any((tmp_path / name).exists() and (tmp_path / name).read_text() for name in ("a.json", "metrics.jsonl"))


def test_a_file_where_a_folder_should_be_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (
        lambda: write_text(tmp_path / "file" / "a.txt", "x"),
        lambda: write_text(tmp_path / "file" / "b" / "a.txt", "x"),
        lambda: Metrics(tmp_path / "file").write(step=1),
    ):
        with pytest.raises(DiskError):
            write()


def test_the_disks_own_words_are_kept(tmp_path: Path) -> None:
    assert "Read-only file system" in str(
        disk_error(OSError(errno.EROFS, "Read-only file system"), tmp_path / "no" / "x")
    )


# Metrics


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_are_one_object_a_line(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.write(step=1, loss=0.5)
    metrics.write(step=2, note="é\n\u2028")
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"step": 1, "loss": 0.5}, {"step": 2, "note": "é\n\u2028"}]


@pytest.mark.parametrize(("upto", "kept"), [(0, []), (2, [1, 2]), (9, [1, 2, 3]), (None, [1, 2, 3])])
def test_a_resumed_run_drops_the_lines_it_makes_anew(upto: int | None, kept: list[int], tmp_path: Path) -> None:
    for step in (1, 2, 3):
        Metrics(tmp_path).write(step=step)
    Metrics(tmp_path, upto_step=upto)
    assert steps(tmp_path) == kept


def test_scores_of_a_step_not_yet_scored_are_dropped(tmp_path: Path) -> None:
    for values in ({"step": 2}, {"step": 2, "scores": {}}, {"step": 4}, {"step": 4, "scores": {}}):
        Metrics(tmp_path).write(**values)
    Metrics(tmp_path, upto_step=4, evaluated=2)
    assert steps(tmp_path) == [2, 2, 4]


@pytest.mark.parametrize(
    "rest",
    ['{"step": 2, "lo', '{"step": 2', '{"step": 2, "lo{"step": 3}\n', "rubbish\n", "[2]\n", "{}\n", "\n", "\x00\x00"],
)
def test_a_half_line_of_a_killed_run_is_dropped(rest: str, tmp_path: Path) -> None:
    Metrics(tmp_path).write(step=1)
    with open(tmp_path / "metrics.jsonl", "a", encoding="utf-8") as handle:
        handle.write(rest)
    Metrics(tmp_path, upto_step=5).write(step=2)
    assert steps(tmp_path) == [1, 2]


def test_metrics_of_no_file_are_none(tmp_path: Path) -> None:
    Metrics(tmp_path, upto_step=5)
    assert list(tmp_path.iterdir()) == []


# The environment


def test_the_environment_says_what_the_run_was_made_with() -> None:
    found = environment({"data": "x"})
    assert {"t2t", "command", "python", "platform", "cpus", "packages", "git_commit", "started", "data"} <= set(found)
    assert found["packages"]["numpy"] and json.dumps(found)


def test_a_growing_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.jsonl"
    with runs.growing(path) as write:
        write("é\n")
        assert not path.exists()
        write("b\n")
    assert path.read_text(encoding="utf-8") == "é\nb\n" and list(path.parent.iterdir()) == [path]
    with pytest.raises(KeyboardInterrupt), runs.growing(path) as write:
        write("half")
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "é\nb\n" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("written", ["a\n", ""])
def test_a_part_that_was_named_stays_unless_it_is_empty(written: str, tmp_path: Path) -> None:
    path, part = tmp_path / "a", tmp_path / "a.part"
    with pytest.raises(KeyboardInterrupt), runs.growing(path, part=part) as write:
        write(written)
        raise KeyboardInterrupt
    assert [(p, p.read_text()) for p in tmp_path.iterdir()] == ([(part, "a\n")] if written else [])
    with runs.growing(path, part=part) as write:
        write("b\n")
    assert [(p, p.read_text()) for p in tmp_path.iterdir()] == [(path, "b\n")]


def test_what_is_raised_while_a_file_grows_is_no_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BrokenPipeError), runs.growing(tmp_path / "a"):
        raise BrokenPipeError
    monkeypatch.setattr(runs, "sync", full)
    with pytest.raises(DiskError, match="No space left"), runs.growing(tmp_path / "a") as write:
        write("b")
    assert not list(tmp_path.iterdir())

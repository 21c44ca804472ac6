"""Fill a real disk, a small one in memory, while something is written to it; `test_full_disk` runs this.

    unshare -rm python -m tests.full_disk FOLDER SIZES KIND...

For each of ``SIZES`` amounts of room a JSON line tells how it ended. What must hold each time is asserted here: what
was there before is sound, the error has exit code 5, the path and the bytes free; with room again all goes well.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from t2t import checkpoint
from t2t.checkpoint import State
from t2t.errors import DiskError
from t2t.optim import optimizer
from t2t.runs import Metrics, write_json
from t2t.train import resume, train
from tests.test_train import Crash, CrashAt, bytes_of, steps
from tests.toy import config, known, write_model, write_tasks

PAGE = 4096


def leave(disk: Path, room: int) -> None:
    """Take all of the disk but ``room`` bytes; None of it with a negative number."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    if room < 0:
        return
    stat = os.statvfs(disk)
    with ballast.open("wb") as handle:
        if (size := stat.f_bavail * stat.f_frsize - room // PAGE * PAGE) > 0:
            os.posix_fallocate(handle.fileno(), 0, size)


def fails(work: Callable[[], object], where: Path) -> str:
    """Return the name of what there was no room for in some work, or nothing; the error must be as promised."""
    try:
        work()
    except DiskError as error:
        assert error.exit_code == 5 and error.code == "K03" and str(where) in error.where, error
        assert "No space left" in str(error) and "bytes free" in str(error), error
        return Path(error.where).name
    return ""


def rooms(most: int, sizes: int) -> Iterator[int]:
    """Yield ``sizes`` numbers of bytes from 0 to ``most``."""
    yield from (most * n // max(sizes - 1, 1) for n in range(sizes))


def checkpoints(disk: Path, sizes: int) -> Iterator[tuple[int, str]]:
    """Save a second checkpoint beside the first."""
    net = torch.nn.Linear(200, 200)
    step = optimizer("adamw", net.named_parameters(), lr=1e-2, decay=0.0)
    net(torch.ones(1, 200)).sum().backward()
    step.step()

    def save(number: int) -> Path:
        return checkpoint.save(disk / "c", State(step=number), net, step, keep=1, fingerprint={})

    save(1)
    need = sum(file.stat().st_size for file in (disk / "c" / "step-000001").iterdir()) + 8 * PAGE
    for number, room in enumerate(rooms(need, sizes), 2):
        leave(disk, room)
        failed = fails(lambda number=number: save(number), disk / "c" / f"step-{number:06d}")
        (path,) = (disk / "c").iterdir()
        checkpoint.verify(path)
        assert (path.name == f"step-{number:06d}") != bool(failed)
        leave(disk, -1)
        save(number)
        yield room, failed


def logs(disk: Path, sizes: int) -> Iterator[tuple[int, str]]:
    """Write lines until there is no room for more; what is whole stays, and the rest is written anew."""
    for room in rooms((sizes - 1) * PAGE, sizes):
        Metrics(disk).write(step=0)
        leave(disk, room)
        last = 0
        while not fails(lambda: Metrics(disk).write(step=last + 1, text="x" * 100), disk / "metrics.jsonl"):  # noqa: B023
            last += 1
        leave(disk, -1)
        Metrics(disk, upto_step=last).write(step=last + 1)
        found = [json.loads(line)["step"] for line in (disk / "metrics.jsonl").read_text().splitlines()]
        assert found == list(range(last + 2))
        (disk / "metrics.jsonl").unlink()
        yield room, "metrics.jsonl"


def reports(disk: Path, sizes: int) -> Iterator[tuple[int, str]]:
    """Write a report over an older one."""
    path, new = disk / "report.json", {"rows": "x" * (sizes - 2) * PAGE}
    for room in rooms((sizes - 1) * PAGE, sizes):
        write_json(path, {"rows": "old"})
        leave(disk, room)
        failed = fails(lambda: write_json(path, new), path)
        assert json.loads(path.read_text()) == ({"rows": "old"} if failed else new)
        assert sorted(file.name for file in disk.iterdir()) == ["ballast", "report.json"]
        leave(disk, -1)
        write_json(path, new)
        yield room, failed


def runs(disk: Path, sizes: int) -> Iterator[tuple[int, str]]:
    """Resume a run that stopped before a save, and one that stopped at its end; it ends as if there had been room."""
    how = {"model": str(write_model(disk / "model")), "steps": 6, "save_every": 2, "eval_limit": 2, "keep": 1}
    with known(write_tasks(disk / "tasks")):
        train(config(disk / "whole", **how))
        for step in (3, 6):
            stopped, run = disk / f"stopped-{step}", disk / "run"
            try:
                train(config(run, **how), watch=CrashAt(step))
            except Crash:
                run.rename(stopped)
            if step == 6:  # all is learned and saved, nothing written of the end
                shutil.copytree(disk / "whole" / "checkpoints", stopped / "checkpoints", dirs_exist_ok=True)
                shutil.copy(disk / "whole" / "metrics.jsonl", stopped)
            files = sum(file.stat().st_size for file in (disk / "whole").rglob("*") if "ballast" not in file.name)
            for room in rooms(files * 2 if step == 3 else files // 2, sizes):
                shutil.copytree(stopped, run)
                leave(disk, room)
                failed = fails(lambda: resume(run), run)  # noqa: B023
                for path, error in checkpoint.latest(run / "checkpoints"):
                    assert error is None, path
                if failed:
                    assert not (run / "report.json").exists()
                leave(disk, -1)
                resume(run)
                assert bytes_of(run, 6) == bytes_of(disk / "whole", 6) and steps(run) == steps(disk / "whole")
                model = "model/model.safetensors"
                assert (run / model).read_bytes() == (disk / "whole" / model).read_bytes()
                assert not list(run.glob(".model*")) and not list((run / "checkpoints").glob(".*"))
                shutil.rmtree(run)
                yield room, failed


KINDS = {"checkpoint": checkpoints, "log": logs, "report": reports, "run": runs}


def main() -> None:
    disk, sizes = Path(sys.argv[1]), int(sys.argv[2])
    for kind in sys.argv[3:]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)], check=True)
        for room, failed in KINDS[kind](disk, sizes):
            print(json.dumps({"kind": kind, "room": room, "failed": failed}), flush=True)
        subprocess.run(["umount", str(disk)], check=True)


if __name__ == "__main__":
    main()

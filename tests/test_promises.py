"""The promises: killed at any instant and resumed, or shared among ranks, a run ends as if nothing had happened.

Runs are forked from a server that has imported everything once, so that a start takes a moment. The long forms run
with ``pytest -m slow``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from t2t import checkpoint
from tests.toy import assert_same, config, known, lines, steps, write_model, write_tasks

SERVER = r"""
import json, os, signal, sys
import t2t.train, t2t.models.seq2seq, accelerate, scipy.stats, transformers.models.t5.modeling_t5
from pathlib import Path
from t2t import checkpoint, train as _
from t2t.config import Config
training = sys.modules["t2t.train"]

def die_at(module, name, call):
    # Die by a real SIGKILL just before or half-way through the n-th call of a function.
    plain, calls = getattr(module, name), []
    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*args, **kwargs)
    setattr(module, name, dying)

calls = []

def count(points, at):
    # Die before the at-th call of any of the functions a save is made of.
    for module, name in points:
        def counted(*args, plain=getattr(module, name), **kwargs):
            calls.append(1)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*args, **kwargs)
        setattr(module, name, counted)

def save_once(job):
    # Save once for what is read at the first time, stop until the one who watches the system calls is there, and save.
    import torch
    from t2t.optim import optimizer
    torch.manual_seed(0)
    net = torch.nn.Linear(64, 64)
    step = optimizer("adamw", net.named_parameters(), lr=1e-2, decay=0.0)
    net(torch.ones(1, 64)).sum().backward()
    step.step()
    checkpoint.save(Path(job["out"] + ".warm"), checkpoint.State(step=1), net, step, keep=1, fingerprint={})
    os.kill(os.getpid(), signal.SIGSTOP)
    checkpoint.save(Path(job["out"]), checkpoint.State(step=job["step"]), net, step, keep=1, fingerprint={})

def run(job):
    if "traced" in job:
        return save_once(job)
    if "evaluation" in job:
        die_at(training, "evaluate_sets", job["evaluation"])
    if "save" in job:
        count([(checkpoint, n) for n in ("save_file", "_write_json", "_sha256", "sync", "_discard", "set_best")]
              + [(Path, "rename"), (Path, "mkdir"), (checkpoint.shutil, "rmtree")], job["save"])
    folder = Path(job["out"])
    if (folder / "run.yaml").exists():
        training.resume(folder)
    else:
        tuples = {name: tuple(value) for name, value in job["config"].items() if isinstance(value, list)}
        training.train(Config(**{**job["config"], **tuples}))
    if "save" in job:
        folder.with_suffix(".calls").write_text(str(len(calls)))

print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        try:
            sys.stdout = open(os.devnull, "w")
            run(job)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(getattr(error, "exit_code", 1))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """Starts runs and tells how they ended (a negative number: the signal that killed them)."""

    def __init__(self, errors: Path) -> None:
        self.errors = open(errors, "w+")  # noqa: SIM115
        env = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=env,
            text=True, bufsize=1,
        )  # fmt: skip
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline().strip()

    def start(self, settings: Any, **how: int) -> int:
        return self.send(out=settings.out, config=settings.as_dict(), **how)

    def send(self, **job: Any) -> int:
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps(job) + "\n")
        return int(self._line())

    def end(self) -> int:
        return int(self._line())

    def close(self) -> None:
        assert self.server.stdin is not None and self.server.stdout is not None
        self.server.stdin.close()
        self.server.wait(timeout=30)
        self.server.stdout.close()
        self.errors.close()


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A server that knows the toy tasks; the tests know them as well."""
    top = tmp_path_factory.mktemp("promises")
    with known(write_tasks(top / "tasks", train=12, score=5)):
        write_model(top / "model")
        server = Runs(top / "errors.txt")
        server.top = top  # type: ignore[attr-defined]
        yield server
        server.close()


def until(there: Callable[[], object], forked: Runs) -> None:
    """Wait for something that the run makes; a run that ends without it has failed."""
    while not there():
        ended, _, _ = select.select([forked.server.stdout], [], [], 0.001)
        assert not ended or there(), Path(forked.errors.name).read_text()


def saving(forked: Runs, out: Path, **settings: Any) -> Any:
    """Return a run of three tasks over several epochs with dropout, accumulation, and a save every other step."""
    how = {"steps": 24, "accumulate": 2, "save_every": 2, "keep": 2, "batch_tokens": 120, "window": 20, "eval_limit": 3,
           "optimizer": "adamw", "schedule": "cosine"}  # fmt: skip
    return config(out, model=str(forked.top / "model"), **{**how, **settings})  # type: ignore[attr-defined]


def whole(forked: Runs, name: str, **settings: Any) -> Path:
    """Return a run that was never interrupted."""
    out = forked.top / name  # type: ignore[attr-defined]
    if not out.exists():
        forked.start(saving(forked, out, **settings))
        assert forked.end() == 0, Path(forked.errors.name).read_text()
    return out


def last(folder: Path) -> Path:
    return sorted((folder / "checkpoints").glob("step-*"))[-1]


def without_clock(folder: Path) -> dict[str, Any]:
    state = json.loads((last(folder) / "state.json").read_text())
    return {key: value for key, value in state.items() if key != "seconds"}


def assert_equal_runs(one: Path, two: Path) -> None:
    """Weights, optimiser, order, metrics and answers are the same, byte for byte."""
    assert last(one).name == last(two).name
    for name in ("weights.safetensors", "optimizer.safetensors", "optimizer.json"):
        assert (last(one) / name).read_bytes() == (last(two) / name).read_bytes(), name
    assert without_clock(one) == without_clock(two)
    assert steps(one) == steps(two)
    scored = [[line for line in lines(folder) if "scores" in line] for folder in (one, two)]
    assert [{**line, "seconds": 0} for line in scored[0]] == [{**line, "seconds": 0} for line in scored[1]]
    model = Path("model") / "model.safetensors"
    assert (one / model).read_bytes() == (two / model).read_bytes()
    answers = sorted(path.relative_to(one) for path in (one / "eval").rglob("*.jsonl"))
    assert answers and all((one / path).read_bytes() == (two / path).read_bytes() for path in answers)
    for checkpoints in (one / "checkpoints", two / "checkpoints"):
        assert not list(checkpoints.glob(".*")), "nothing is left over"
        for path in checkpoints.glob("step-*"):
            checkpoint.verify(path)


def what_it_hit(folder: Path) -> str:
    """Tell from what is on the disk what a kill interrupted."""
    found = folder / "checkpoints"
    if not (folder / "run.yaml").exists():
        return "starting"
    if list(found.glob(".step-*.tmp")):
        return "a save"
    if list(found.glob(".step-*.gone")):
        return "a rotation"
    if (folder / "model").exists():
        return "the end"
    return "a step" if (folder / "metrics.jsonl").exists() else "loading"


def kill_until_done(forked: Runs, settings: Any, rng: random.Random, kills: int) -> Counter[str]:
    """Kill a run ``kills`` times, half of them as soon as a save has begun; then let it end. Return what was hit."""
    folder, hit = Path(settings.out), Counter[str]()
    for _ in range(1000):
        if sum(hit.values()) == kills:
            break
        began, process = time.monotonic(), forked.start(settings)
        aimed, wait = rng.random() < 0.5, rng.uniform(0.2, 1.3)
        while time.monotonic() - began < wait or aimed:
            if aimed and time.monotonic() - began > wait / 2 and list((folder / "checkpoints").glob(".step-*.tmp")):
                break
            if time.monotonic() - began > 4:
                break
            time.sleep(0.0005)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        ended = forked.end()
        assert ended in (0, -signal.SIGKILL), Path(forked.errors.name).read_text()
        if ended == 0:  # too late: begin anew, or the rest would be killed at the end only
            subprocess.run(["rm", "-r", str(folder)], check=True)
        else:
            hit[what_it_hit(folder)] += 1
    forked.start(settings)
    assert forked.end() == 0, Path(forked.errors.name).read_text()
    return hit


def kills_change_nothing(forked: Runs, tmp_path: Path, kills: int, chains: int, **settings: Any) -> None:
    name = f"whole-{zlib.crc32(repr(sorted(settings.items())).encode())}"
    reference, hits = whole(forked, name, **settings), Counter[str]()
    for chain in range(chains):
        folder = tmp_path / f"chain-{chain}"
        hits += kill_until_done(forked, saving(forked, folder, **settings), random.Random(chain), kills)
        assert_equal_runs(folder, reference)
    print(f"{sum(hits.values())} kills in {chains} runs, all bitwise equal; they hit {dict(hits)}")
    assert sum(hits.values()) == kills * chains


def test_killed_and_resumed_is_never_killed(forked: Runs, tmp_path: Path) -> None:
    kills_change_nothing(forked, tmp_path, kills=3, chains=1)


@pytest.mark.slow
def test_killed_and_resumed_is_never_killed_long(forked: Runs, tmp_path: Path) -> None:
    kills_change_nothing(forked, tmp_path, kills=4, chains=10)
    kills_change_nothing(forked, tmp_path / "evaluating", kills=4, chains=3, eval_every=3, by="both")


def mixed_corpora(forked: Runs) -> dict[str, Any]:
    """Return the settings of pretraining on two corpora and the toy tasks, held-out text measured on the way."""
    words, made = random.Random(3), []
    for name in ("one.txt", "two.txt"):
        path = forked.top / name  # type: ignore[attr-defined]
        path.write_text("\n\n".join(" ".join(words.choices("abcdefgh", k=40)) for _ in range(60)))
        made.append(f"{path}={len(made) + 1}")
    return {"corpus": tuple(made), "max_input": 24, "eval_every": 6, "batch_tokens": 200}


def test_pretraining_killed_and_resumed_is_never_killed(forked: Runs, tmp_path: Path) -> None:
    kills_change_nothing(forked, tmp_path, kills=2, chains=1, **mixed_corpora(forked))


@pytest.mark.slow
def test_pretraining_killed_ten_times(forked: Runs, tmp_path: Path) -> None:
    for objective in ("span_corruption", "ul2"):
        kills_change_nothing(forked, tmp_path / objective, 10, 1, objective=objective, **mixed_corpora(forked))


def kill_at_every_point(forked: Runs, tmp_path: Path, points: Iterator[int] | range) -> None:
    """Die before the n-th of the calls that saves are made of; resume twice, dying once more on the way."""
    settings = {"steps": 8, "save_every": 2, "eval_every": 4, "keep": 1}
    reference = whole(forked, "whole-points", **settings)
    hit: Counter[str] = Counter()
    for point in points:
        own = saving(forked, tmp_path / str(point), **settings)
        forked.start(own, save=point)
        assert forked.end() == -signal.SIGKILL
        hit[what_it_hit(Path(own.out))] += 1
        forked.start(own, save=3)  # two kills between two saves
        assert forked.end() == -signal.SIGKILL
        forked.start(own)
        assert forked.end() == 0, Path(forked.errors.name).read_text()
        assert_equal_runs(Path(own.out), reference)
    print(f"{sum(hit.values())} kills before a call of a save, and as many after resuming; they hit {dict(hit)}")


def test_killed_inside_a_save(forked: Runs, tmp_path: Path) -> None:
    kill_at_every_point(forked, tmp_path, iter((7, 28, 41)))


@pytest.mark.slow
def test_killed_before_every_call_of_the_saves(forked: Runs, tmp_path: Path) -> None:
    own = saving(forked, tmp_path / "counted", steps=8, save_every=2, eval_every=4, keep=1)
    forked.start(own, save=10**9)
    assert forked.end() == 0
    every = int((tmp_path / "counted.calls").read_text())
    assert every > 60
    kill_at_every_point(forked, tmp_path, range(1, every + 1))


# -- every system call of a save --------------------------------------------------------------------------------------

CALLS = (
    "openat,write,pwrite64,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,"
    "unlinkat,rmdir"
)
traced = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


def save_traced(forked: Runs, folder: Path, step: int, inject: str = "") -> tuple[int, list[tuple[str, str]]]:
    """Save under strace, which may ``inject`` a fault. Return how it ended and the calls: name and the path named."""
    log = folder.with_suffix(".strace")
    child = forked.send(out=str(folder), traced=True, step=step)
    while " T " not in (said := Path(f"/proc/{child}/stat").read_text()):
        assert " Z " not in said, Path(forked.errors.name).read_text()
        time.sleep(0.001)
    words = ["strace", "-y", "-s", "0", "-o", str(log), "-e", f"trace={CALLS}", "-p", str(child)]
    with subprocess.Popen([*words, *(["-e", f"inject={inject}"] if inject else [])], stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        if b"attached" not in tracer.stderr.readline():
            os.kill(child, signal.SIGKILL)
            forked.end()
            pytest.skip("strace may not attach to a process here")
        os.kill(child, signal.SIGCONT)
        ended = forked.end()
        tracer.communicate(timeout=60)
    found = []
    for line in log.read_text().splitlines():
        if match := re.match(r"(\w+)\((.*)", line):
            paths = re.findall(r'"([^"]*)"|\d<([^>]*)>', match[2])
            found.append((match[1], next((a or b for a, b in paths if a or b), "")))
    return ended, found


@traced
def test_a_save_syncs_every_file_then_the_folder_then_renames_then_syncs_its_parent(
    forked: Runs, tmp_path: Path
) -> None:
    """A kill keeps what the system has in memory, a power cut does not: the order of calls is what is promised."""
    ended, calls = save_traced(forked, tmp_path / "c", 1)
    assert ended == 0
    (rename,) = [i for i, (name, path) in enumerate(calls) if name == "rename" and ".step-" in Path(path).name]
    synced = [path for name, path in calls[:rename] if name == "fsync"]
    files = {"weights.safetensors", "optimizer.safetensors", "optimizer.json", "state.json", "manifest.json"}
    assert {Path(path).name for path in synced[:-1]} == files and len(synced) == len(files) + 1
    assert Path(synced[-1]).name.startswith(".step-000001.") and Path(synced[-1]).name.endswith(".tmp")
    written = [i for i, (name, path) in enumerate(calls) if name in ("write", "pwrite64") and str(tmp_path) in path]
    assert max(written) < min(i for i, (name, _) in enumerate(calls) if name == "fsync"), "nothing after the first sync"
    assert [path for name, path in calls[rename:] if name == "fsync"] == [str(tmp_path / "c")]


def fault_at_every_call(forked: Runs, tmp_path: Path, fault: str, every: int = 1) -> None:
    """Save a second checkpoint with a fault at each system call in turn: one that is whole must be there, and go on."""
    assert save_traced(forked, tmp_path / "plain", 1)[0] == 0
    ended, calls = save_traced(forked, tmp_path / "plain", 2)
    assert ended == 0
    counts = Counter(name for name, _ in calls)
    points = [(name, n) for name, number in sorted(counts.items()) for n in range(1, number + 1)][::every]
    codes = Counter[int]()
    for number, (name, n) in enumerate(points):
        folder = tmp_path / str(number)
        assert save_traced(forked, folder, 1)[0] == 0
        ended, _ = save_traced(forked, folder, 2, f"{name}:{fault}:when={n}")
        codes[ended] += 1
        assert ended in ((-signal.SIGKILL,) if "KILL" in fault else (0, 5)), (name, n, ended)
        found = list(checkpoint.latest(folder))
        assert found[-1][1] is None and all(error is None for _, error in found), (name, n, found)
        assert save_traced(forked, folder, 3)[0] == 0
        assert [path.name for path in folder.iterdir()] == ["step-000003"], (name, n)
        shutil.rmtree(folder)
    print(f"{fault} at {len(points)} of {sum(counts.values())} system calls of a save ({dict(counts)}): {dict(codes)}")
    assert len(points) > 20 // every


@traced
def test_killed_at_system_calls_of_a_save(forked: Runs, tmp_path: Path) -> None:
    fault_at_every_call(forked, tmp_path, "signal=KILL", every=9)


@traced
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EROFS", "error=EACCES"])
def test_a_fault_at_every_system_call_of_a_save(fault: str, forked: Runs, tmp_path: Path) -> None:
    fault_at_every_call(forked, tmp_path, fault)


def test_killed_while_evaluating(forked: Runs, tmp_path: Path) -> None:
    settings = {"steps": 8, "eval_every": 3, "save_every": 0, "by": "both"}
    reference = whole(forked, "whole-evaluating", **settings)
    own = saving(forked, tmp_path / "r", **settings)
    for evaluation in (1, 2, 2, 1):  # the first, the second (after a resumption: the third), and the final ones
        forked.start(own, evaluation=evaluation)
        assert forked.end() == -signal.SIGKILL
    forked.start(own)
    assert forked.end() == 0, Path(forked.errors.name).read_text()
    assert_equal_runs(tmp_path / "r", reference)


def test_a_signal_ends_a_process_with_its_code(forked: Runs, tmp_path: Path) -> None:
    reference = whole(forked, "whole-0")
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        own = saving(forked, tmp_path / str(code))
        process = forked.start(own)
        until((Path(own.out) / "metrics.jsonl").exists, forked)
        os.kill(process, number)
        assert forked.end() == code
        assert without_clock(Path(own.out))["step"] < 24
        forked.start(own)
        assert forked.end() == 0
        assert_equal_runs(Path(own.out), reference)


def test_a_second_signal_stops_at_once_and_loses_no_checkpoint(forked: Runs, tmp_path: Path) -> None:
    own = saving(forked, tmp_path / "r")
    process = forked.start(own)
    until(lambda: list((tmp_path / "r" / "checkpoints").glob("step-*")), forked)
    os.kill(process, signal.SIGSTOP)
    for number in (signal.SIGINT, signal.SIGTERM):  # Python sees the lower number first
        os.kill(process, number)
    os.kill(process, signal.SIGCONT)
    assert forked.end() == -signal.SIGTERM, "by the signal itself, not by an exit"
    forked.start(own)
    assert forked.end() == 0
    assert_equal_runs(tmp_path / "r", whole(forked, "whole-0"))


@pytest.mark.slow
def test_fifty_signals_all_save_and_say_so(forked: Runs, tmp_path: Path) -> None:
    rng, slowest = random.Random(0), 0.0
    for number in range(50):
        own = saving(forked, tmp_path / str(number), steps=400, save_every=0)
        process = forked.start(own)
        until((Path(own.out) / "metrics.jsonl").exists, forked)
        time.sleep(rng.uniform(0, 0.5))
        which, began = rng.choice((signal.SIGTERM, signal.SIGINT)), time.monotonic()
        os.kill(process, which)
        assert forked.end() == 128 + which
        slowest = max(slowest, time.monotonic() - began)
        (newest,) = [path for path, error in checkpoint.latest(Path(own.out) / "checkpoints") if error is None]
        assert json.loads((newest / "state.json").read_text())["step"] == steps(Path(own.out))[-1]["step"]
        shutil.rmtree(own.out)
    print(f"50 signals: 50 saved, the slowest end {slowest:.1f} s after its signal")


def test_a_second_run_in_the_folder_is_turned_away(forked: Runs, tmp_path: Path) -> None:
    from t2t.errors import RunInUseError
    from t2t.train import resume

    own = saving(forked, tmp_path / "r")
    process = forked.start(own)
    until((tmp_path / "r" / "metrics.jsonl").exists, forked)
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(RunInUseError, match=f"process {process} on ") as caught:
            resume(tmp_path / "r")
        assert caught.value.exit_code == 7
    finally:
        os.kill(process, signal.SIGCONT)
    os.kill(process, signal.SIGKILL)  # a dead owner never blocks
    forked.end()
    forked.start(own)
    assert forked.end() == 0
    assert_equal_runs(tmp_path / "r", whole(forked, "whole-0"))


# -- ranks -------------------------------------------------------------------------------------------------------------

RANKED = r"""
import errno, json, os, sys
from pathlib import Path
from t2t import checkpoint
from t2t.config import Config
from t2t.errors import T2TError
from t2t.train import resume, train

job, rank = json.loads(sys.argv[1]), os.environ["RANK"]
os.environ.update(job["environment"].get(rank, {}))
if job["full"] == rank:
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")
    checkpoint.save_file = full
try:
    if (Path(job["out"]) / "run.yaml").exists():
        resume(Path(job["out"]), changes=job["changes"])
    else:
        tuples = {name: tuple(value) for name, value in job["config"].items() if isinstance(value, list)}
        train(Config(**{**job["config"], **tuples, **job["settings"].get(rank, {})}))
except T2TError as error:
    Path(sys.argv[0]).with_name(f"said-{rank}").write_text(f"{error.exit_code} {error}")
    sys.exit(error.exit_code)
"""


def job_of(run: Any, **more: Any) -> str:
    """Return what RANKED is told: ``settings`` and ``environment`` of some ranks, the rank whose disk is ``full``."""
    plain = {"changes": {}, "settings": {}, "environment": {}, "full": None}
    return json.dumps({"out": run.out, "config": run.as_dict(), **plain, **more})


def on_ranks(ranks: int, run: Any, folder: Path, fails: bool = False, **more: Any) -> list[str]:
    """Run on several processes that talk over gloo. Return what their faults were, by rank."""
    for path in folder.glob("said-*"):
        path.unlink()
    script = folder / "ranked.py"
    script.write_text(RANKED)
    job = job_of(run, **more)
    how = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        str(ranks),
        str(script),
        job,
    ]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(how, env=env, capture_output=True, text=True, timeout=300)
    assert (done.returncode != 0) == fails, done.stderr[-4000:]
    return [path.read_text() for path in sorted(folder.glob("said-*"))]


def assert_as_on_one(many: Path, one: Path, ranks: int) -> None:
    assert json.loads((many / "env.json").read_text())["ranks"] == ranks
    a, b = steps(many), steps(one)
    assert [line["order"] for line in a] == [line["order"] for line in b]
    for x, y in zip(a, b, strict=True):
        assert x["loss"] == pytest.approx(y["loss"], rel=1e-5) and x["lr"] == y["lr"]
    assert_same(*(load_file(f / "model" / "model.safetensors") for f in (many, one)), tolerance=1e-3)
    rows = [json.loads((f / "report.json").read_text())["rows"] for f in (many, one)]
    keys = ("task", "metric", "value", "low", "high", "n", "unparsed", "by")
    assert [[row[key] for key in keys] for row in rows[0]] == [[row[key] for key in keys] for row in rows[1]]
    for path in (one / "eval").rglob("*.jsonl"):
        ids = [
            [json.loads(line)["uid"] for line in (f / path.relative_to(one)).read_text().splitlines()]
            for f in (many, one)
        ]
        assert ids[0] == ids[1] and len(set(ids[0])) == len(ids[0]), "each example once, in order"


RANKED_RUN = {"steps": 6, "batch_tokens": 160, "dropout": 0.0, "by": "both", "eval_limit": None, "save_every": 3,
              "eval_every": 3, "learning_rate": 3e-2, "accumulate": 1, "optimizer": "adafactor",
              "schedule": "constant"}  # fmt: skip


def test_two_ranks_do_what_one_does(forked: Runs, tmp_path: Path) -> None:
    one = whole(forked, "whole-rank", **RANKED_RUN)
    own = saving(forked, tmp_path / "two", **RANKED_RUN)
    on_ranks(2, own, tmp_path)
    assert_as_on_one(tmp_path / "two", one, 2)


def test_two_ranks_pretrain_as_one_does(forked: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ranks find the corpora not encoded yet; one of them does it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = {**RANKED_RUN, **mixed_corpora(forked)}
    on_ranks(2, saving(forked, tmp_path / "two", **settings), tmp_path)
    assert_as_on_one(tmp_path / "two", whole(forked, "whole-rank-text", **settings), 2)
    assert len(json.loads((tmp_path / "two" / "report.json").read_text())["held_out"]) == 2


@pytest.mark.slow
def test_ranks_and_accumulation_and_resuming_on_others(forked: Runs, tmp_path: Path) -> None:
    one = whole(forked, "whole-rank", **RANKED_RUN)
    on_ranks(3, saving(forked, tmp_path / "three", **{**RANKED_RUN, "accumulate": 2}), tmp_path)
    assert_as_on_one(tmp_path / "three", one, 3)
    on_ranks(2, saving(forked, tmp_path / "grown", **{**RANKED_RUN, "steps": 3}), tmp_path)
    on_ranks(1, saving(forked, tmp_path / "grown", **RANKED_RUN), tmp_path, changes={"steps": 6})
    made = json.loads((tmp_path / "grown" / "env.json").read_text())
    assert (made["ranks_before"], made["ranks"]) == (2, 1)
    assert [line["order"] for line in steps(tmp_path / "grown")] == [line["order"] for line in steps(one)]
    assert_same(*(load_file(f / "model" / "model.safetensors") for f in (tmp_path / "grown", one)), tolerance=1e-3)


@pytest.mark.slow
def test_ranks_agree_on_when_the_time_is_over(forked: Runs, tmp_path: Path) -> None:
    own = {**RANKED_RUN, "steps": None, "minutes": 0.02, "schedule": "linear", "save_every": 0, "eval_every": 0}
    on_ranks(2, saving(forked, tmp_path / "r", **own), tmp_path)
    assert (tmp_path / "r" / "report.json").exists()


@pytest.mark.slow
def test_a_rank_that_dies_takes_all_down_and_resuming_is_exact(forked: Runs, tmp_path: Path) -> None:
    how = {**RANKED_RUN, "dropout": 0.1, "steps": 30}
    on_ranks(2, saving(forked, tmp_path / "whole", **how), tmp_path)
    own = saving(forked, tmp_path / "broken", **how)
    job = job_of(own)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen([*launch, str(tmp_path / "ranked.py"), job], env=env, stderr=subprocess.DEVNULL) as launcher:
        while not list((tmp_path / "broken" / "checkpoints").glob("step-*")):
            assert launcher.poll() is None
            time.sleep(0.01)
        ranks = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        os.kill(int(ranks[-1]), signal.SIGKILL)
        began = time.monotonic()
        assert launcher.wait(timeout=60) != 0
        print(f"all ranks ended {time.monotonic() - began:.1f} s after one was killed")
    assert not (tmp_path / "broken" / "report.json").exists()
    on_ranks(2, own, tmp_path)
    assert_equal_runs(tmp_path / "broken", tmp_path / "whole")


@pytest.mark.slow
def test_two_ranks_killed_at_random_instants_and_resumed(forked: Runs, tmp_path: Path) -> None:
    """The launcher and its ranks are killed together, as when a machine goes down."""
    how, rng, kills = {**RANKED_RUN, "dropout": 0.1, "steps": 30}, random.Random(0), 5
    on_ranks(2, saving(forked, tmp_path / "whole", **how), tmp_path)
    own = saving(forked, tmp_path / "broken", **how)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    for _ in range(kills):
        words = [*launch, str(tmp_path / "ranked.py"), job_of(own)]
        before = len(lines(tmp_path / "broken")) if (tmp_path / "broken" / "metrics.jsonl").exists() else 0
        with subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL, start_new_session=True) as launcher:
            log, more = tmp_path / "broken" / "metrics.jsonl", rng.randrange(1, 6)
            while launcher.poll() is None and not (log.exists() and log.read_text().count("\n") >= before + more):
                time.sleep(0.002)
            assert launcher.poll() is None
            ranks = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
            for process in (*map(int, ranks), launcher.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
    assert not (tmp_path / "broken" / "report.json").exists()
    on_ranks(2, own, tmp_path)
    assert_equal_runs(tmp_path / "broken", tmp_path / "whole")


@pytest.mark.slow
def test_ranks_that_see_other_data_or_settings_are_refused_by_all(forked: Runs, tmp_path: Path) -> None:
    other = write_tasks(tmp_path / "other", train=13, score=5)
    for name, odd, said in (
        ("settings", {"settings": {"1": {"learning_rate": 1.0}}}, "config: not the same on rank 1"),
        ("data", {"environment": {"1": {"T2T_TASKS": str(other)}}}, "data: not the same on rank 1"),
    ):
        own = saving(forked, tmp_path / name, **RANKED_RUN)
        found = on_ranks(2, own, tmp_path, fails=True, **odd)
        assert len(found) == 2 and all(one.startswith(f"2 {said}") for one in found), found
        assert not (tmp_path / name / "run.yaml").exists()


@pytest.mark.slow
def test_a_full_disk_of_the_first_rank_is_said_by_all(forked: Runs, tmp_path: Path) -> None:
    own = saving(forked, tmp_path / "r", **RANKED_RUN)
    found = on_ranks(2, own, tmp_path, fails=True, full="0")
    assert len(found) == 2 and all(one.startswith("5 ") and "No space left" in one for one in found), found
    assert "rank 0: " in found[1]

"""The promises: killed at any instant and resumed, or shared among ranks, a run ends as if nothing had happened.

Runs are forked from a server that has imported everything once, so that a start takes a moment. The long forms run
with ``pytest -m slow``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
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

def count(points, at):
    # Die before the at-th call of any of the functions a save is made of.
    calls = []
    for module, name in points:
        def counted(*args, plain=getattr(module, name), **kwargs):
            calls.append(1)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*args, **kwargs)
        setattr(module, name, counted)

def run(job):
    if "evaluation" in job:
        die_at(training, "evaluate_sets", job["evaluation"])
    if "save" in job:
        count([(checkpoint, n) for n in ("save_file", "_write_json", "_sha256", "sync", "_discard", "set_best")]
              + [(Path, "rename"), (Path, "mkdir"), (checkpoint.shutil, "rmtree")], job["save"])
    folder = Path(job["out"])
    if (folder / "run.yaml").exists():
        training.resume(folder)
    else:
        tuples = {name: tuple(job["config"][name]) for name in ("task", "corpus")}
        training.train(Config(**{**job["config"], **tuples}))

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
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps({"out": settings.out, "config": settings.as_dict(), **how}) + "\n")
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
    kill_at_every_point(forked, tmp_path, range(2, 62))


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
        while not (Path(own.out) / "metrics.jsonl").exists():
            time.sleep(0.001)
        os.kill(process, number)
        assert forked.end() == code
        assert without_clock(Path(own.out))["step"] < 24
        forked.start(own)
        assert forked.end() == 0
        assert_equal_runs(Path(own.out), reference)


def test_a_second_run_in_the_folder_is_turned_away(forked: Runs, tmp_path: Path) -> None:
    from t2t.errors import RunInUseError
    from t2t.train import resume

    own = saving(forked, tmp_path / "r")
    process = forked.start(own)
    while not (tmp_path / "r" / "metrics.jsonl").exists():
        time.sleep(0.001)
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
import json, sys
from pathlib import Path
from t2t.config import Config
from t2t.train import resume, train

job = json.loads(sys.argv[1])
if (Path(job["out"]) / "run.yaml").exists():
    resume(Path(job["out"]), changes=job["changes"])
else:
    tuples = {name: tuple(job["config"][name]) for name in ("task", "corpus")}
    train(Config(**{**job["config"], **tuples}))
"""


def on_ranks(ranks: int, settings: Any, folder: Path, **changes: Any) -> None:
    """Run on several processes that talk over gloo."""
    script = folder / "ranked.py"
    script.write_text(RANKED)
    job = json.dumps({"out": settings.out, "config": settings.as_dict(), "changes": changes})
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
    assert done.returncode == 0, done.stderr[-4000:]


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
    on_ranks(1, saving(forked, tmp_path / "grown", **RANKED_RUN), tmp_path, steps=6)
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
    job = json.dumps({"out": own.out, "config": own.as_dict(), "changes": {}})
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

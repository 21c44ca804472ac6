"""Train, evaluate and serve for an hour under a limit of memory, and say how fast memory, files and threads grow.

    python -m tests.soak --minutes 60 --limit-mb 6000

Two processes run side by side, each with ``RLIMIT_DATA`` set: a training on the bundled sample that is evaluated and
saved again and again, and a server that a few clients ask without a pause (``tests/load_serve.py``). Every five seconds
their resident memory, open files and threads are read from ``/proc``; SIGTERM ends both. A slope is that of a line
through the last two thirds, with the standard error of the line (which takes the readings for independent: they are
not, it is too small).
"""

from __future__ import annotations

import argparse
import collections
import json
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from scipy import stats

from tests.load_serve import client, resident_mb

Reading = dict[str, float]


def reading(pid: int, began: float) -> Reading:
    """Return what a process holds now, and when that was in minutes."""
    process = Path(f"/proc/{pid}")
    return {
        "minutes": (time.monotonic() - began) / 60,
        "MB": resident_mb(pid),
        "files": len(list((process / "fd").iterdir())),
        "threads": len(list((process / "task").iterdir())),
    }


def told(name: str, readings: list[Reading]) -> str:
    """Return a Markdown row of what a process held in the end, at most, and by how much it grew."""
    settled = readings[len(readings) // 3 :]
    cells = [name, str(len(readings))]
    for kind, unit in (("MB", 1), ("files", 60), ("threads", 60)):
        line = stats.linregress([one["minutes"] for one in settled], [one[kind] for one in settled])
        most = max(one[kind] for one in readings)
        each = "a minute" if unit == 1 else "an hour"
        grown = f"{line.slope * unit:+.2f} ± {line.stderr * unit:.2f} {each}"
        cells.append(f"{settled[0][kind]:.0f} → {settled[-1][kind]:.0f}, most {most:.0f}, {grown}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--limit-mb", type=int, default=6000, help="of each process (RLIMIT_DATA)")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--model", default="t2t-mini")
    parser.add_argument("--json", type=Path, help="a file for every reading")
    given = parser.parse_args()

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (given.limit_mb << 20,) * 2)

    with tempfile.TemporaryDirectory() as folder:
        t2t = [sys.executable, "-m", "t2t.cli"]
        trained = [*t2t, "--quiet", "train", "--mix", "glue", "--source", "sample", "--model", given.model]
        trained += ["--steps", "1000000", "--eval-every", "50", "--save-every", "25"]
        trained += ["--set", "eval_limit=40", "--out", f"{folder}/run"]
        server = subprocess.Popen(
            [*t2t, "serve", given.model, "--port", "0"], stdout=subprocess.PIPE, text=True, preexec_fn=limited
        )
        assert server.stdout
        address = server.stdout.readline().strip()
        training = subprocess.Popen(trained, stdout=subprocess.DEVNULL, preexec_fn=limited)
        began = time.monotonic()
        until, seen = began + 60 * given.minutes, collections.Counter[str]()
        clients = [
            threading.Thread(target=client, args=(address, seed, until, seen, [])) for seed in range(given.clients)
        ]
        for one in clients:
            one.start()
        held: dict[str, list[Reading]] = {"train and evaluate": [], "serve": []}
        while time.monotonic() < until and training.poll() is None and server.poll() is None:
            held["train and evaluate"].append(reading(training.pid, began))
            held["serve"].append(reading(server.pid, began))
            time.sleep(5)
        for one in clients:
            one.join()
        for process in (training, server):
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(600) for process in (training, server)]
        lines = [json.loads(line) for line in Path(folder, "run", "metrics.jsonl").read_text().splitlines()]
    if given.json:
        given.json.write_text(json.dumps(held))
    steps = max(one["step"] for one in lines)
    evaluations = sum("scores" in one for one in lines)
    print(
        f"{given.minutes:g} minutes, at most {given.limit_mb} MB a process: {steps} steps, {evaluations} evaluations,"
    )
    print(f"requests {dict(seen)}; ended with {codes[0]} and {codes[1]}")
    print("| process | readings | resident MB | open files | threads |\n|---|---|---|---|---|")
    for name, readings in held.items():
        print(told(name, readings), flush=True)
    sys.exit(codes != [143, 143])


if __name__ == "__main__":
    main()

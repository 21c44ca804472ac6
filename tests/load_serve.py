"""Ask `t2t serve` with many clients at once and print how it held: errors, latencies, refusals, growth of memory.

    python tests/load_serve.py --minutes 2 --model t2t-mini --clients 32 --queue 16

It starts the server itself, on a free port. Each client asks again as soon as it is answered; one that is refused waits
as long as it is told to. Memory is the server's resident set, its slope fitted after the first third.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import json
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

WORDS = ["a", "fine", "film", "it", "rained", "nobody", "came", "back", "the", "plot", "is", "thin", "good"]


def body(rng: random.Random) -> dict[str, object]:
    """Return a request: one row or a few, of one of three kinds."""
    rows = rng.choice([1, 1, 1, 4])
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(3, 25))) for _ in range(rows)]
    kind = rng.random()
    if kind < 0.6:
        return {"task": "glue/sst2", "by": "rank", "rows": [{"sentence": text} for text in texts]}
    if kind < 0.9:
        return {"task": "glue/sst2", "by": "write", "rows": [{"sentence": text} for text in texts]}
    return {"task": "glue/sst2", "rows": [{"sentense": "not a column"}]}  # 422


def client(address: str, seed: int, until: float, seen: collections.Counter[str], took: list[float]) -> None:
    """Ask until the time is over; count what came back, and keep the seconds of what was answered."""
    rng, place = random.Random(seed), urlsplit(address)
    while time.monotonic() < until:
        began = time.monotonic()
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=300)
        try:
            headers = {"content-type": "application/json"}
            connection.request("POST", "/api/predict", json.dumps(body(rng)), headers)
            answer = connection.getresponse()
            answer.read()
            seen[str(answer.status)] += 1
            if answer.status == 503:
                time.sleep(float(answer.headers["retry-after"]))
            elif answer.status == 200:
                took.append(time.monotonic() - began)
        except OSError as error:
            seen[type(error).__name__] += 1
        finally:
            connection.close()


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--model", default="t2t-mini")
    parser.add_argument("--queue", default="16")
    given = parser.parse_args()
    command = [sys.executable, "-m", "t2t.cli", "serve", given.model, "--port", "0", "--queue", given.queue]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    address = server.stdout.readline().strip()
    seen, took = collections.Counter[str](), list[float]()
    until = time.monotonic() + 60 * given.minutes
    threads = [
        threading.Thread(target=client, args=(address, seed, until, seen, took)) for seed in range(given.clients)
    ]
    for thread in threads:
        thread.start()
    memory: list[tuple[float, float]] = []
    while time.monotonic() < until:
        memory.append((time.monotonic() - until + 60 * given.minutes, resident_mb(server.pid)))
        time.sleep(1)
    for thread in threads:
        thread.join()
    server.send_signal(signal.SIGTERM)
    settled = memory[len(memory) // 3 :]
    slope = statistics.linear_regression(*zip(*settled, strict=True)).slope * 60
    cuts = statistics.quantiles(took, n=100)
    print(f"{given.clients} clients, {given.minutes:g} minutes, queue {given.queue}: {dict(seen)}")
    print(f"answered {len(took)}, p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s, most {max(took):.2f} s")
    print(
        f"memory {memory[0][1]:.0f} MB at first, {memory[-1][1]:.0f} MB at last, {slope:+.1f} MB a minute", flush=True
    )
    code = server.wait(600)
    print(f"the server ended with {code}")
    odd = {kind: n for kind, n in seen.items() if kind not in ("200", "422", "503")}
    sys.exit(bool(odd) or code != 143)


if __name__ == "__main__":
    main()

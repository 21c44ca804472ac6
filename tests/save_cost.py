"""What a checkpoint costs beside a plain safetensors save of the same tensors, run by hand.

    python -m tests.save_cost [ROUNDS] [FOLDER]

Rounds in turn: the tensors alone, the tensors synced to the disk, and a checkpoint (finite, synced, hashed, renamed).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from t2t import checkpoint
from t2t.checkpoint import State
from t2t.optim import optimizer
from t2t.runs import sync


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    torch.manual_seed(0)
    net = torch.nn.Sequential(*[torch.nn.Linear(1024, 1024) for _ in range(9)])
    step = optimizer("adamw", net.named_parameters(), lr=1e-2, decay=0.0)
    net(torch.ones(1, 1024)).sum().backward()
    step.step()
    weights = {name: p.detach() for name, p in net.named_parameters()}
    moments = checkpoint._flatten(step.state_dict())[0]
    size = sum(tensor.nbytes for tensor in [*weights.values(), *moments.values()])
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        folder = Path(name)
        files = folder / "weights.safetensors", folder / "optimizer.safetensors"

        def plain() -> None:
            save_file(weights, files[0])
            save_file(moments, files[1])

        def synced() -> None:
            plain()
            for file in files:
                sync(file)

        def whole() -> None:
            number = int(time.monotonic() * 1000)
            checkpoint.save(folder / "c", State(step=number), net, step, keep=1, fingerprint={})

        ways: dict[str, Callable[[], None]] = {"plain": plain, "plain, synced": synced, "checkpoint": whole}
        took: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(rounds + 1):
            for way, work in ways.items():
                began, used = time.monotonic(), time.process_time()
                work()
                if number:  # the first round is warm-up
                    took[way].append(time.monotonic() - began)
                    took.setdefault(f"{way}, CPU", []).append(time.process_time() - used)
    for way, seconds in took.items():
        low, high = min(seconds), max(seconds)
        print(
            f"{way}: median {1000 * statistics.median(seconds):.0f} ms of {rounds} ({1000 * low:.0f}-{1000 * high:.0f})"
        )
    print(f"{size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

"""One measurement in a process of its own, so that peak memory is its own and nothing of another is left behind.

Floor 6. ``python -m t2t.bench.child JSON``: takes an `Ask`, prints what was measured as one line of JSON, last.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

from t2t.bench.cases import Ask
from t2t.bench.machine import has_bf16, matmul_peak, memory_mb

__all__ = ["measure"]


def measure(ask: Ask) -> dict[str, Any]:
    """Do what is asked between two measurements of the matrix-product peak; return what was found, and the peaks."""
    module, _, name = ask.do.partition(":")
    work: Callable[[Ask], dict[str, Any]] = getattr(importlib.import_module(f"t2t.bench.{module}"), name)
    import torch

    torch.set_num_threads(ask.threads)
    dtypes = ("fp32", "bf16") if has_bf16() else ("fp32",)
    before = {dtype: matmul_peak(dtype) for dtype in dtypes}
    found = work(ask)
    memory = memory_mb()
    after = {dtype: matmul_peak(dtype) for dtype in dtypes}
    peaks = {dtype: (before[dtype] + after[dtype]) / 2 for dtype in dtypes}
    return {"memory_mb": memory, **found, "peaks": peaks, "peaks_before": before, "peaks_after": after}


def _quiet() -> None:
    import transformers

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()


if __name__ == "__main__":
    _quiet()
    sys.stdout.write("\n" + json.dumps(measure(Ask(**json.loads(sys.argv[1])))) + "\n")

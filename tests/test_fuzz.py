"""What fuzzing found stays mended: every target takes its samples, every find, and short random bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import CORPUS, SEEDS, TARGETS

EXTRA = all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn"))
FOUND = sorted(CORPUS.glob("*/*"))
HERE = [name for name in TARGETS if name != "http" or EXTRA]


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_find_stays_mended(path: Path) -> None:
    if path.parent.name in HERE:
        TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", HERE)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bytes_are_refused_or_read(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(SEEDS[name]))
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(start + 8, len(seed))))
    TARGETS[name](seed[:start] + data.draw(st.binary(max_size=12)) + seed[end:])

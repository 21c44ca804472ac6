"""Fixtures shared by the tests of models and training: toy tasks and tiny models on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Two threads on a busy core wait for each other: a tiny step takes ten times as long. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.toy import write_tasks

    return write_tasks(tmp_path_factory.mktemp("tasks"))


@pytest.fixture
def toys(toy_folder: Path) -> Iterator[Path]:
    """The folder of the toy tasks, known by name while the test runs."""
    from tests.toy import known

    with known(toy_folder) as folder:
        yield folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny T5 with dropout."""
    from tests.toy import write_model

    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny T5 without dropout."""
    from tests.toy import write_model

    return write_model(tmp_path_factory.mktemp("model") / "still", dropout=0.0)

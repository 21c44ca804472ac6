"""The kernels are built once, kept for the user alone, and done without where they cannot be built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from t2t.models import Options
from t2t.models.cpu import kernels
from t2t.models.seq2seq import load
from t2t.paths import models_folder

HAVE = kernels.compiled() is not None


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a cache of the test's own, and forget what was built."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernels.compiled.cache_clear()
    yield tmp_path / "t2t"
    kernels.compiled.cache_clear()


@pytest.mark.skipif(not HAVE, reason="no C compiler")
def test_they_are_built_once_into_a_folder_of_the_users_own(cache: Path) -> None:
    assert kernels.compiled() is not None
    (library,) = cache.iterdir()
    assert cache.stat().st_mode & 0o077 == 0, "nobody else may write there"
    before = library.stat().st_mtime_ns
    kernels.compiled.cache_clear()
    assert kernels.compiled() is not None and library.stat().st_mtime_ns == before


@pytest.mark.skipif(not HAVE, reason="no C compiler")
def test_a_changed_source_is_built_anew(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sources"
    shutil.copytree(kernels.SOURCE.parent, folder)
    monkeypatch.setattr(kernels, "SOURCE", folder / kernels.SOURCE.name)
    for changed, built in ((None, 1), ("kernels.c", 2), ("tiles.h", 3)):
        if changed:
            with (folder / changed).open("a") as file:
                file.write("/* changed */\n")
        kernels.compiled.cache_clear()
        assert kernels.compiled() is not None and len(list(cache.iterdir())) == built


@pytest.mark.parametrize("why", ["no compiler", "a compiler that fails", "switched off", "a cache that cannot be made"])
def test_without_them_the_plain_way_is_taken(cache: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "no compiler":
        monkeypatch.setenv("CC", "no-such-compiler")
    elif why == "a compiler that fails":
        monkeypatch.setenv("CC", "false")
    elif why == "switched off":
        monkeypatch.setenv("T2T_KERNELS", "off")
    else:
        cache.write_text("in the way")
    assert kernels.compiled() is None
    folder = str(models_folder() / "t2t-mini")
    assert not load(folder, {}, Options()).unpadded


@pytest.mark.skipif(not HAVE or os.getuid() != 0, reason="needs a C compiler, and root to give a folder away")
def test_somebody_elses_cache_is_not_run(cache: Path) -> None:
    cache.mkdir()
    os.chown(cache, 12345, 12345)
    assert kernels.compiled() is None and not list(cache.iterdir())


@pytest.mark.skipif(not HAVE, reason="no C compiler")
def test_two_processes_may_build_at_once(cache: Path) -> None:
    code = "from t2t.models.cpu.kernels import compiled; assert compiled() is not None"
    both = [subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"}) for _ in "ab"]
    assert [process.wait(120) for process in both] == [0, 0]
    assert len(list(cache.iterdir())) == 1, "one library, no scraps"


@pytest.mark.skipif(not HAVE, reason="no C compiler")
def test_options_that_switch_it_off() -> None:
    folder = str(models_folder() / "t2t-mini")
    assert load(folder, {}, Options()).unpadded
    assert not load(folder, {}, Options(plain=True)).unpadded
    assert not load(folder, {}, Options(pack=True)).unpadded

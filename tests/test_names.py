"""Names: what may name a task, a prompt, a run, a file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.errors import UsageError
from t2t.names import check_name, check_task_name

BAD = [
    "", ".", "..", "a/b", "/a", "a\\b", "-a", ".a", "_a", "a b", "a\n", "a\x00", "é", "a" * 129, "a:b", "a+b", "~",
    "CON", "con", "nul.txt", "Com1", "LPT9.log", "a\u202eb", "a\x1b",
]  # fmt: skip


@pytest.mark.parametrize("name", ["a", "0", "glue-run.1", "A_b", "a" * 128, "console", "com0", "a..b"])
def test_good_names_come_back(name: str) -> None:
    assert check_name(name, what="run") == name


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name, what="run", where="a.yaml:1")
    assert caught.value.code == "C03" and caught.value.where == "a.yaml:1"
    assert str(caught.value).isprintable()


@given(st.text(max_size=140))
def test_what_passes_is_on_the_allow_list(name: str) -> None:
    try:
        check_name(name, what="run")
    except UsageError:
        return
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name)


@pytest.mark.parametrize("name", ["glue", "glue/", "/rte", "a/b/c", "../rte", "glue/..", "glue/con", "glue/-x", ""])
def test_a_task_is_named_set_and_name(name: str) -> None:
    assert check_task_name("glue/rte") == "glue/rte"
    with pytest.raises(UsageError):
        check_task_name(name)

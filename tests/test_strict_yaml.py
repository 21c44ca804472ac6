"""YAML as plain data: everything else of it is refused, with file and line, and without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t import strict_yaml
from t2t.errors import UsageError
from t2t.strict_yaml import read, read_text

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def test_plain_data_comes_with_the_line_of_each_key() -> None:
    doc = read_text("a: 1\nb:\n  c: [x, {d: 2}]\n  e: ~\n", "f.yaml")
    assert doc.data == {"a": 1, "b": {"c": ["x", {"d": 2}], "e": None}}
    assert [doc.where(*path) for path in [(), ("a",), ("b", "c"), ("b", "c", "1", "d"), ("b", "no")]] == [
        "f.yaml",
        "f.yaml:1",
        "f.yaml:3",
        "f.yaml:3",
        "f.yaml:2",
    ]


def test_an_empty_file_is_nothing() -> None:
    assert read_text("", "f.yaml").data is None and read_text("# only\n", "f.yaml").data is None


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "tag"),
        ("a: !!python/name:os.system\n", 1, "tag"),
        ("!!python/tuple [a]\n", 1, "tag"),
        ("a: !own x\n", 1, "tag"),
        ("a: !!binary aGk=\n", 1, "tag"),
        ("a: !!set {b}\n", 1, "tag"),
        ("a: !!omap [b: 1]\n", 1, "tag"),
        (BOMB, 1, "anchors"),
        ("a: &a [*a]\n", 1, "anchors"),
        ("a: 1\n<<: {b: 2}\n", 2, "plain key"),
        ("? [a, b]\n: 1\n", 1, "plain key"),
        ("? {a: b}\n: 1\n", 1, "plain key"),
        ("!!python/name:os.system : 1\n", 1, "plain key"),
        ("a: 1\nb: 2\na: 3\n", 3, "twice.*line 1"),
        ("a:\n  b: 1\n  b: 2\n", 3, "twice.*line 2"),
        ("a: [{b: 1, b: 2}]\n", 1, "twice"),
        ("a: [1\nb: 2\n", 2, "not valid"),
        ("a:\n\t- b\n", 2, "not valid"),
        ("a: 1\n---\nb: 2\n", 2, "not valid"),
        ("a: b: c\n", 1, "not valid"),
        ("a: *missing\n", 1, "not valid"),
        ("a: 'x\n", 2, "not valid"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        read_text(text, "f.yaml")
    assert caught.value.where == f"f.yaml:{line}" and caught.value.code == "C02"


@pytest.mark.parametrize(
    "text", ["[" * 1500, "{a: " * 2000, "- " * 3000, "a: \x00", "a: \x1b", "a: 2024-99-99", "9" * 5000]
)
def test_hostile_text_is_an_error_and_no_traceback(text: str) -> None:
    with pytest.raises(UsageError, match="not valid YAML") as caught:
        read_text(text, "f.yaml")
    assert str(caught.value).isprintable()


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#?,% \n\t<=.0\x00é", max_size=40))
def test_any_text_is_data_or_an_error_of_ours(text: str) -> None:
    try:
        read_text(text, "f.yaml")
    except UsageError as error:
        assert error.code == "C02" and str(error).isprintable()


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latin, large = tmp_path / "latin.yaml", tmp_path / "large.yaml"
    latin.write_bytes(b"a: caf\xe9\n")
    large.write_text("a: " + "x" * 6000)
    monkeypatch.setattr(strict_yaml, "MAX_BYTES", 5000)
    for path, reason in [
        (latin, "utf-8"),
        (large, "larger"),
        (tmp_path, "cannot be read"),
        (tmp_path / "no", "No such"),
    ]:
        with pytest.raises(UsageError, match=reason) as caught:
            read(path)
        assert caught.value.where == str(path) and caught.value.code == "C02"


def test_a_byte_order_mark_and_windows_lines_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("\ufeffa: 1\r\nb: é\r\n".encode())
    doc = read(tmp_path / "a.yaml")
    assert doc.data == {"a": 1, "b": "é"} and doc.where("b").endswith(":2")


def test_an_unknown_key_is_met_with_its_line_and_the_closest() -> None:
    doc = read_text("title: x\nmetrisc: [a]\n", "f.yaml")
    with pytest.raises(UsageError, match='unknown key "metrisc".*Did you mean "metrics"') as caught:
        doc.check_keys((), doc.data, ("title", "metrics"))
    assert caught.value.where == "f.yaml:2" and caught.value.code == "C01"
    assert doc.check_keys((), doc.data, ("title", "metrisc")) == doc.data


@pytest.mark.parametrize("data", [None, [], "a", 3])
def test_keys_are_asked_of_a_mapping_only(data: object) -> None:
    with pytest.raises(UsageError, match="expected keys and values"):
        read_text("a: 1", "f.yaml").check_keys(("a",), data, ())

"""Rows from files, directories and the sample: what is read, and what is refused with which words."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t import files, hub, paths, sources
from t2t.errors import DataError, T2TError, UsageError
from t2t.types import Column, Source, Task

COLUMNS = {"text": "text", "label": "class"}
ROW = {"text": "It rained.", "label": 1}
REAL = os.environ.get("T2T_HUB", "")


def make(columns: Mapping[str, str] = COLUMNS, **source: Any) -> Task:
    """Return a task with that source."""
    source |= {key: (source[key],) for key in ("config", "sample") if isinstance(source.get(key), str)}
    held = {name: Column(kind) for name, kind in columns.items()}
    return Task("own/x", "t", "choice", held, Source(**source), {}, ())


def lines(*rows: Any) -> bytes:
    """Return rows as JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def table(**columns: Any) -> bytes:
    """Return columns as a parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def fault(data: bytes, name: str, columns: Mapping[str, str] = COLUMNS) -> DataError:
    """Return the error that reading ``data`` ends in: one line, with a remedy."""
    with pytest.raises(DataError) as caught:
        files.read_bytes(data, name, columns)
    error = caught.value
    assert "\n" not in str(error) and error.fix and error.exit_code == 3 and len(str(error)) < 700
    return error


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, no cache and no directory but those of the test."""
    for name in list(os.environ):
        if name.startswith(("HF_", "T2T_", "HUGGINGFACE_", "TRANSFORMERS_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("T2T_OFFLINE", "1")
    hub.forget()


# --- JSON lines ---


def test_json_lines_are_read_with_their_lines() -> None:
    data = b"\xef\xbb\xbf" + lines(ROW) + b"\r\n" + json.dumps({**ROW, "extra": None}).encode() + b"\r\n" + lines(ROW)
    part = files.read_bytes(data, "train.jsonl", COLUMNS)
    assert [part.where(i) for i in range(len(part))] == ["train.jsonl:1", "train.jsonl:3", "train.jsonl:4"]
    assert list(part) == [ROW, ROW, ROW] == [part[0], part[1], part[-1]]
    assert len(files.read_bytes(lines(ROW).rstrip(), "x.jsonl", COLUMNS)) == 1  # no newline at the end


GOOD = lines(ROW, ROW)


@pytest.mark.parametrize(
    ("bad", "where", "says", "code"),
    [
        (b'{"text": "It ra', "x.jsonl:3", "cut off", "D01"),
        (b'{"text": "It ra\n' + GOOD, "x.jsonl:3", "not valid JSON", "D01"),
        (b'{"text": "a", "label": 1} {"text": "b"}\n', "x.jsonl:3", "Extra data", "D01"),
        (b'{"text": "a\xff", "label": 1}\n', "x.jsonl:3:12", "byte 12 of the line (0xff) is not UTF-8", "D02"),
        (b'{"text": "a", "text": "b", "label": 1}\n', "x.jsonl:3", 'the key "text" comes twice', "D15"),
        (b'{"text": "a", "label": NaN}\n', "x.jsonl:3", "NaN is not a JSON number", "D15"),
        (b'{"text": "a", "label": -Infinity}\n', "x.jsonl:3", "-Infinity", "D15"),
        (b'{"text": "a", "label": 1e999}\n', "x.jsonl:3", "too large", "D15"),
        (b'{"text": "a\\ud83d", "label": 1}\n', "x.jsonl:3", "surrogate", "D15"),
        (b'["a", 1]\n', "x.jsonl:3", "is an array, expected an object", "D05"),
        (b"null\n", "x.jsonl:3", "is null", "D05"),
        (b"[" * 100_000 + b"\n", "x.jsonl:3", "nested too deeply", "D01"),
        (b'{"text": "a", "label": ' + b"1" * 5000 + b"}\n", "x.jsonl:3", "not valid JSON", "D01"),
        (b'{"text": "a"}\n', 'x.jsonl:3 field "label"', "is missing: the columns found are text", "D05"),
        (b'{"text": "a", "lable": 1}\n', 'x.jsonl:3 field "label"', 'Did you mean "lable"?', "D05"),
        (b'{"text": 7, "label": 1}\n', 'x.jsonl:3 field "text"', "got 7, expected text", "D05"),
        (b'{"text": null, "label": 1}\n', 'x.jsonl:3 field "text"', "got null, expected text", "D05"),
        (b'{"text": "a", "label": true}\n', 'x.jsonl:3 field "label"', "got true, expected a class", "D05"),
        (b'{"text": "a", "label": 1.0}\n', 'x.jsonl:3 field "label"', "got 1.0, expected a class", "D05"),
    ],
)
def test_bad_json_lines(bad: bytes, where: str, says: str, code: str) -> None:
    error = fault(GOOD + bad, "x.jsonl")
    assert (error.where, error.code) == (where, code)
    assert says in str(error)


def test_a_surrogate_pair_is_a_character() -> None:
    assert files.read_bytes(b'{"text": "\\ud83d\\ude00", "label": 1}', "x.jsonl", COLUMNS)[0]["text"] == "\U0001f600"


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.tsv"])
@pytest.mark.parametrize("data", [b"", b" \n\n", b"\xef\xbb\xbf\n"])
def test_empty_files(name: str, data: bytes) -> None:
    error = fault(data, name)
    assert error.where.startswith(name)


def test_hostile_text_is_made_visible_and_short() -> None:
    error = fault(lines({"text": ["\x1b]52;c;x\x07\u202e" * 500], "label": 1}), "x.jsonl")
    assert all(character.isprintable() for character in str(error))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", ["", "a"], [1, None, ["a"], {"a": 1}]),
        ("class", [0, -1, "yes"], [True, 0.5, None, [1]]),
        ("number", [0, 2.5, -1], ["2.5", True, None, 10**400]),
        ("tags", [[], ["O", "B"], [0, 1]], ["O", [True], ["O", 1], [None], [["O"]], None]),
        ("list", [[], ["a"], [{"a": 1}]], ["a", {"a": 1}, None]),
    ],
)
def test_kinds(kind: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert files.read_bytes(lines({"v": value}), "x.jsonl", {"v": kind})[0] == {"v": value}
    for value in bad:
        assert 'x.jsonl:1 field "v"' in str(fault(lines({"v": value}), "x.jsonl", {"v": kind}))
        assert files.read_bytes(lines({"v": None}, {}), "x.jsonl", {"v": f"{kind}?"})[1] == {"v": None}


def test_an_unknown_kind_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        files.read_bytes(GOOD, "x.jsonl", {"text": "words"})


def test_a_json_array_and_nested_fields() -> None:
    rows = [{"translation": {"de": "Es regnet.", "en": "It rains."}, "id": 3}]
    part = files.read_bytes(json.dumps(rows, indent=1).encode(), "x.json", {"en": "text", "de": "text"})
    assert part[0] == {"en": "It rains.", "de": "Es regnet."}
    assert part.where(0) == "x.json row 1"
    assert "x.json row 1" in str(fault(b"[3]", "x.json"))
    assert str(fault(b'[{"de": "a",\n "en" "b"}]', "x.json")).startswith("x.json:2: is not valid JSON")
    assert "empty" in str(fault(b"[]", "x.json"))
    assert len(files.read_bytes(GOOD, "x.json", COLUMNS)) == 2  # lines under the other ending


# --- CSV ---


def test_csv_with_bom_crlf_quotes_and_words_that_look_like_nothing() -> None:
    data = b'\xef\xbb\xbftext,label,more\r\nNA,1,x\r\n"a ""b"",\r\nc",null,\r\n\r\n,2,\r\nnull,-1,'
    part = files.read_bytes(data, "x.csv", COLUMNS)
    assert [(row["text"], row["label"]) for row in part] == [("NA", 1), ('a "b",\r\nc', "null"), ("", 2), ("null", -1)]
    assert [part.where(i) for i in range(4)] == ["x.csv:2", "x.csv:3", "x.csv:6", "x.csv:7"]


def test_tsv_numbers_and_lists() -> None:
    data = b'a\tb\n3.8\t"[""O"", ""B""]"\n1e2\t[1]\n'
    part = files.read_bytes(data, "x.tsv", {"a": "number", "b": "tags"})
    assert list(part) == [{"a": 3.8, "b": ["O", "B"]}, {"a": 100.0, "b": [1]}]


def test_a_long_field_is_no_fault() -> None:
    assert len(files.read_bytes(b"text,label\n" + b"a" * 300_000 + b",1\n", "x.csv", COLUMNS)[0]["text"]) == 300_000


@pytest.mark.parametrize(
    ("data", "where", "says"),
    [
        (b'text,label\na,1\n"b,1\nc,2\nd,3\n', "x.csv:3", "never closed"),
        (b'text,label\n"a\n""x""\nb","\nc,2\n', "x.csv:4", "never closed"),
        (b'text,label\na "b,1\n"c\n', "x.csv:3", "never closed"),
        (b'text,label\n"b,1\n' + b"c,2\n" * 60_000, "x.csv:2", "never closed"),
        (b'text,label\n"a"b,1\n', "x.csv:2", "not valid CSV"),
        (b"text,label\na,1\nb\n", "x.csv:3", "has 1 fields, the header has 2"),
        (b"text,label\na,b,1\n", "x.csv:2", "has 3 fields"),
        (b"text,label\na,1\nb\x00,1\n", "x.csv:3", "NUL"),
        (b"text,label\na,1\n\xe4,1\n", "x.csv:3:1", "not UTF-8"),
        (b"text,text\na,b\n", "x.csv:1", "comes twice"),
        (b"a,1\nb,2\n", 'x.csv:1 field "text"', "the columns found are a, 1"),
        (b"text,label\n", "x.csv:1", "no row"),
    ],
)
def test_bad_csv(data: bytes, where: str, says: str) -> None:
    error = fault(data, "x.csv")
    assert error.where == where
    assert says in str(error)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_0", "a", "1,5"])
def test_csv_numbers_that_are_none(text: str) -> None:
    error = fault(f'n\n1\n"{text}"\n'.encode(), "x.csv", {"n": "number"})
    assert error.where == 'x.csv:3 field "n"' and f'got "{text}"' in str(error)


def test_the_csv_modules_limit_is_left_as_it_was() -> None:
    import csv

    before = csv.field_size_limit()
    fault(b'text,label\n"b', "x.csv")
    files.read_bytes(b"text,label\nb,1\n", "x.csv", COLUMNS)
    assert csv.field_size_limit() == before


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(files.SUFFIXES))
def test_any_bytes_end_in_rows_or_in_one_of_our_errors(data: bytes, suffix: str) -> None:
    for content in (data, b"text,label\n" + data, GOOD + data, b'[{"text": "a", "label": 1},' + data):
        try:
            part = files.read_bytes(content, f"x{suffix}", COLUMNS)
        except T2TError as error:
            assert "\n" not in str(error)
        else:
            assert list(part) == [part[i] for i in range(len(part))]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), st.integers(0, 9)))
)
def test_csv_and_json_give_back_what_was_written(rows: list[tuple[str, int]]) -> None:
    import csv

    wanted = [{"text": text, "label": label} for text, label in rows] or [ROW]
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *((row["text"], row["label"]) for row in wanted)])
    assert list(files.read_bytes(out.getvalue().encode(), "x.csv", COLUMNS)) == wanted
    assert list(files.read_bytes(lines(*wanted), "x.jsonl", COLUMNS)) == wanted


# --- parquet ---


def test_parquet_types() -> None:
    data = table(
        text=pa.array(["a", "b"]).dictionary_encode(),
        label=pa.array([1, -1], pa.int8()),
        n=pa.array([1.5, 2.0], pa.float32()),
        tags=[[0, 1], []],
        pair=[{"de": "x", "en": "y"}, {"de": "z", "en": "w"}],
    )
    columns = {"text": "text", "label": "class", "n": "number", "tags": "tags", "de": "text", "gone": "class?"}
    part = files.read_bytes(data, "x.parquet", columns)
    assert part[1] == {"text": "b", "label": -1, "n": 2.0, "tags": [], "de": "z", "gone": None}
    assert list(part) == [part[0], part[1]]
    assert part.where(1) == "x.parquet row 2 (1-based)"


@pytest.mark.parametrize(
    ("kind", "values", "where", "says"),
    [
        ("text", [1, 2], "x.parquet", "got int64, expected text"),
        ("text", ["a", None], "x.parquet row 2 (1-based)", "got null"),
        ("class", [0.0, 1.0], "x.parquet", "got double"),
        ("class", [True, False], "x.parquet", "got bool"),
        ("class", [0, None], "x.parquet row 2 (1-based)", "got null"),
        ("number", ["1"], "x.parquet", "got string"),
        ("number", [1.0, 2.0, float("nan")], "x.parquet row 3 (1-based)", "got NaN"),
        ("number", [1.0, float("-inf")], "x.parquet row 2 (1-based)", "got -Infinity"),
        ("tags", ["a"], "x.parquet", "got string"),
        ("tags", [[1.5]], "x.parquet", "expected a list of tags"),
        ("tags", [["a"], ["b", None]], "x.parquet row 2 (1-based)", '["b", null]'),
        ("list", [["a"], None], "x.parquet row 2 (1-based)", "got null"),
        ("list", ["a"], "x.parquet", "expected a list"),
    ],
)
def test_bad_parquet_columns(kind: str, values: list[Any], where: str, says: str) -> None:
    error = fault(table(v=values), "x.parquet", {"v": kind})
    assert error.where == f'{where} field "v"'
    assert says in str(error)


def test_optional_columns_of_parquet() -> None:
    for values in ([None, 3], [None, None], [1, 2]):
        part = files.read_bytes(table(v=values), "x.parquet", {"v": "class?"})
        assert [row["v"] for row in part] == values
    assert "got string" in str(fault(table(v=["a", None]), "x.parquet", {"v": "number?"}))


def test_parquet_columns_that_are_missing() -> None:
    error = fault(table(sentence=["a"], pair=[{"de": "x"}]), "x.parquet", {"sentense": "text"})
    assert "the columns found are sentence, pair.{de}" in str(error) and 'Did you mean "sentence"?' in str(error)


def test_damaged_parquet_is_refused_at_every_length() -> None:
    good = table(text=["a", "b"] * 50, label=[0, 1] * 50)
    for length in [*range(0, len(good), 41), len(good) - 1]:
        assert fault(good[:length], "x.parquet").code == "D06"


def test_parquet_text_that_is_not_utf8() -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"a\xff"]).buffers())
    assert fault(table(text=bad, label=[1]), "x.parquet").code == "D06"


# --- where they come from ---


def layout(top: Path, name: str = "own/set", config: str = "x", **splits: int) -> Path:
    """Write a data set of that many rows a split, laid out like the hub."""
    root = top / name
    (root / config).mkdir(parents=True)
    for split, n in splits.items():
        data = table(text=[f"{split} {i}" for i in range(n)], label=[i % 2 for i in range(n)])
        (root / config / f"{split}-00000-of-00001.parquet").write_bytes(data)
    entries = "".join(f"  - {{split: {split}, path: {config}/{split}-*}}\n" for split in splits)
    (root / "README.md").write_text(f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{entries}---\n")
    return root


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A bundled sample own/x with a training split."""
    folder = tmp_path / "bundled" / "own" / "x"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_bytes(lines(ROW))
    monkeypatch.setattr(paths, "sample_folder", lambda: tmp_path / "bundled")
    return folder


TASK = make(hub="own/set", config="x", sample="own/x")


def test_auto_takes_the_first_place_that_has_it(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sources.open_rows(TASK, "train")
    assert rows.origin.kind == "sample" and list(rows) == [ROW] and rows.where(0) == "own/x/train.jsonl:1"
    notice = rows.origin.notice()
    assert notice.startswith("SAMPLE DATA") and "T2T_HUB is not set" in notice and "T2T_OFFLINE" in notice

    root = layout(tmp_path / "hub", train=3)
    monkeypatch.setenv("T2T_HUB", str(tmp_path / "hub"))
    rows = sources.open_rows(TASK, "train")
    assert (rows.origin.kind, rows.origin.where, len(rows)) == ("dir", str(root), 3)
    assert "SAMPLE" not in rows.origin.notice() and str(root) in rows.origin.notice()

    own = tmp_path / "own.jsonl"
    own.write_bytes(lines(ROW, ROW))
    task = dataclasses.replace(TASK, source=dataclasses.replace(TASK.source, files={"train": str(own)}))
    rows = sources.open_rows(task, "train")
    assert (rows.origin.kind, rows.origin.where, len(rows)) == ("file", str(own), 2)
    with pytest.raises(sources.SplitMissing):
        sources.open_rows(task, "validation")  # the directory has none of the file's splits


def test_a_split_is_never_taken_from_elsewhere(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout(tmp_path / "hub", validation=3, test=1)
    monkeypatch.setenv("T2T_HUB", str(tmp_path / "hub"))
    with pytest.raises(sources.SplitMissing) as caught:
        sources.open_rows(TASK, "train")  # the sample has it
    assert caught.value.splits == ("validation", "test") and "validation, test" in str(caught.value)
    assert caught.value.exit_code == 3
    with pytest.raises(sources.SplitMissing) as caught:
        sources.open_rows(TASK, "tset", "sample")
    assert str(caught.value).count(TASK.name) == 1 and 'the bundled sample has no split "tset"' in str(caught.value)
    mapped = make(hub="own/set", config="x", splits={"train": "validation", "validation": "test"})
    assert sources.open_rows(mapped, "train")[0]["text"] == "validation 0"
    assert sources.splits(mapped) == ["train", "validation"]
    with pytest.raises(sources.SplitMissing):
        sources.open_rows(mapped, "test")  # the data set has one, but the task says it is the validation split


def test_another_data_set_or_config_is_looked_for_elsewhere(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout(tmp_path / "hub", config="y", train=3)
    monkeypatch.setenv("T2T_HUB", str(tmp_path / "hub"))
    assert 'has no config "x" (it has: y)' in sources.open_rows(TASK, "train").origin.notice()
    with pytest.raises(DataError, match='has no config "x"'):
        sources.open_rows(TASK, "train", str(tmp_path / "hub"))
    with pytest.raises(DataError, match="has no gone/set"):
        sources.open_rows(make(hub="gone/set"), "train", str(tmp_path / "hub"))


def test_strict_sources(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout(tmp_path / "hub", train=3)
    monkeypatch.setenv("T2T_HUB", str(tmp_path / "hub"))
    assert sources.open_rows(TASK, "train", "sample").origin.kind == "sample"
    assert sources.open_rows(TASK, "train", str(tmp_path / "hub")).origin.kind == "dir"
    with pytest.raises(sources.HubError) as caught:
        sources.open_rows(TASK, "train", "hub")
    assert caught.value.kind == "offline"
    with pytest.raises(sources.SplitMissing):
        sources.open_rows(TASK, "validation", "sample")
    with pytest.raises(DataError, match="no bundled sample"):
        sources.open_rows(make(hub="own/set"), "train", "sample")
    (tmp_path / "elsewhere.jsonl").write_bytes(lines(ROW))
    with pytest.raises(DataError, match="is not there"):
        sources.open_rows(make(sample=".."), "train", "sample")


@pytest.mark.parametrize("wrong", ["smaple", "no/such/file.jsonl", "", "train=", "=a.jsonl", "a=b,a=c"])
def test_sources_that_are_none(wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources.open_rows(TASK, "train", wrong)
    assert caught.value.exit_code == 2
    if wrong == "smaple":
        assert 'Did you mean "sample"?' in str(caught.value)


def test_t2t_hub_that_is_no_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T2T_HUB", "/no/such/directory")
    with pytest.raises(UsageError, match="T2T_HUB"):
        sources.open_rows(TASK, "train")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.tsv", "rows.json", "rows.parquet"])
def test_a_users_own_file_of_every_kind(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes({
        ".jsonl": lines(ROW), ".csv": b"text,label\nIt rained.,1\n", ".tsv": b"text\tlabel\nIt rained.\t1\n",
        ".json": json.dumps([ROW]).encode(), ".parquet": table(text=["It rained."], label=[1]),
    }[path.suffix])  # fmt: skip
    for split in ("train", "validation"):
        rows = sources.open_rows(make(), split, str(path))
        assert list(rows) == [ROW] and rows.origin.kind == "file" and rows.split == split
    named = f"train={path},validation={path}"
    assert list(sources.open_rows(make(), "validation", named)) == [ROW]
    assert sources.splits(make(), named) == ["train", "validation"]
    with pytest.raises(sources.SplitMissing, match="train, validation"):
        sources.open_rows(make(), "test", named)
    with pytest.raises(DataError, match="no such file"):
        sources.open_rows(make(), "train", "train=gone.jsonl")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.pkl"
    path.write_bytes(b"cos\nsystem\n")
    with pytest.raises(UsageError, match=r"\.jsonl"):
        sources.open_rows(make(), "train", str(path))


def test_shards_are_one_split(tmp_path: Path) -> None:
    root = layout(tmp_path, train=0)
    (root / "x" / "train-00000-of-00001.parquet").unlink()
    for i, n in enumerate((2, 0, 3)):
        data = table(text=pa.array([f"{i}.{j}" for j in range(n)], pa.string()), label=pa.array([0] * n, pa.int64()))
        (root / "x" / f"train-{i:05}-of-00003.parquet").write_bytes(data)
    rows = sources.open_rows(TASK, "train", str(tmp_path))
    assert [row["text"] for row in rows] == ["0.0", "0.1", "2.0", "2.1", "2.2"] == [rows[i]["text"] for i in range(5)]
    assert rows[-1]["text"] == "2.2"
    assert rows.where(2) == "x/train-00002-of-00003.parquet row 1 (1-based)"
    with pytest.raises(IndexError):
        rows[5]
    (root / "x" / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00003\.parquet: the file is missing"):
        sources.open_rows(TASK, "train", str(tmp_path))


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    root = layout(tmp_path, train=1)
    data = table(text=pa.array([], pa.string()), label=pa.array([], pa.int64()))
    (root / "x" / "train-00000-of-00001.parquet").write_bytes(data)
    with pytest.raises(DataError) as caught:
        sources.open_rows(TASK, "train", str(tmp_path))
    assert caught.value.code == "D04"


def test_a_hidden_label_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines({"text": "a"}))
    assert sources.open_rows(make(), "test", str(path), optional=["label"])[0] == {"text": "a", "label": None}
    with pytest.raises(DataError, match="label"):
        sources.open_rows(make(), "test", str(path))


def test_the_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    seen = set()
    for data in (lines(ROW), lines(ROW) + b"\n", lines(ROW)):
        path.write_bytes(data)
        seen.add(sources.open_rows(make(), "train", str(path)).origin.fingerprint)
    assert len(seen) == 2


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_file_that_changes_later_changes_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(lines(ROW) if suffix == ".jsonl" else table(text=["It rained."], label=[1]))
    rows = sources.open_rows(make(), "train", str(path))
    path.write_bytes(b"gone")
    assert rows[0] == ROW and list(rows) == [ROW]
    path.unlink()
    assert rows[0] == ROW


MANY = [{"text": f"It rained {i} times.\nOnce more,\rand “hard”.", "label": i % 2} for i in range(3000)]


def written(folder: Path, suffix: str) -> Path:
    """Write ``MANY`` as a file."""
    path = folder / f"big{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(MANY), path, row_group_size=700)
    elif suffix == ".jsonl":
        path.write_bytes(b"\xef\xbb\xbf" + b"\n \n".join(json.dumps(row).encode() for row in MANY))
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as handle:
            writer = csv.DictWriter(handle, ["label", "text"])
            writer.writeheader()
            for row in MANY:
                handle.write("\r\n" if row["label"] else "")
                writer.writerow(row)
    return path


@pytest.mark.parametrize("limit", [64 << 20, 1000])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_large_file_gives_the_rows_of_a_small_one(
    suffix: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "IN_MEMORY", limit)
    rows = sources.open_rows(make(), "train", str(written(tmp_path, suffix)))
    assert len(rows) == len(MANY) and list(rows) == MANY
    assert [rows[i] for i in (0, 1234, -1)] == [MANY[i] for i in (0, 1234, -1)]
    assert list(rows.column("label")) == [row["label"] for row in MANY]
    assert rows.where(10).endswith({".jsonl": ":21", ".csv": ":37", ".parquet": " row 11 (1-based)"}[suffix])
    with pytest.raises(IndexError):
        rows[len(MANY)]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_large_file_that_is_written_over_is_an_error(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "IN_MEMORY", 1000)
    path = written(tmp_path, suffix)
    rows = sources.open_rows(make(), "train", str(path))
    path.rename(tmp_path / "elsewhere")  # moved or removed it stays what it was
    assert rows[7] == MANY[7]
    (tmp_path / "elsewhere").write_bytes(b"gone")
    with pytest.raises(DataError, match="written over"):
        rows[7]


def test_a_large_parquet_file_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "IN_MEMORY", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    rows = sources.open_rows(make(), "train", str(written(tmp_path, ".parquet")))
    assert not list((tmp_path / "t").iterdir())
    assert rows[2999] == MANY[2999]


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    layout(tmp_path, train=1)
    for text in ("{", "[]", '{"files": {"../x": {"sha256": "%s", "size": 1}}}' % ("0" * 64), '{"files": {"a": 1}}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(DataError, match=r"manifest\.json"):
            sources.verify(tmp_path)
        with pytest.raises(DataError, match=r"manifest\.json"):
            sources.open_rows(TASK, "train", str(tmp_path))
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"no manifest\.json"):
        sources.verify(tmp_path)


def test_fetch_of_a_directory_keeps_configs_apart(tmp_path: Path) -> None:
    layout(tmp_path / "a", train=3, test=2)
    layout(tmp_path / "b", config="y", train=1)
    other = dataclasses.replace(TASK, source=dataclasses.replace(TASK.source, config=("y",)))
    dest = tmp_path / "dest"
    assert sources.fetch([TASK], dest, source=str(tmp_path / "a")) == dest
    sources.fetch([other], dest, source=str(tmp_path / "b"))
    assert len(sources.verify(dest)) == 4
    assert [len(sources.open_rows(TASK, split, str(dest))) for split in ("train", "test")] == [3, 2]
    assert len(sources.open_rows(other, "train", str(dest))) == 1
    (dest / "own/set/x/test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="test-00000"):
        sources.verify(dest)


def test_the_written_layout_is_one_that_datasets_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout(tmp_path / "a", train=3, test=2)
    dest = sources.fetch([TASK], tmp_path / "dest", source=str(tmp_path / "a"))
    code = (
        "import sys, datasets; d = datasets.load_dataset(sys.argv[1], 'x', cache_dir=sys.argv[2]);"
        "print({k: v.num_rows for k, v in d.items()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(dest / "own/set"), str(tmp_path / "cache")],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "{'train': 3, 'test': 2}", done.stderr[-500:]


def test_importing_brings_in_no_heavy_library() -> None:
    heavy = "{'torch', 'pyarrow', 'huggingface_hub', 'datasets', 'httpx2'}"
    code = f"import sys, t2t.sources; print(sorted({heavy} & set(sys.modules)))"
    root = Path(sources.__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(
    not Path(REAL or "/nowhere", "nyu-mll/glue").is_dir(), reason="T2T_HUB with nyu-mll/glue is not here"
)
def test_real_data() -> None:
    columns = {"sentence1": "text", "sentence2": "text", "label": "class"}
    rows = sources.open_rows(make(columns, hub="nyu-mll/glue", config="rte"), "validation", REAL)
    assert len(rows) == 277 and rows.class_names["label"] == ("entailment", "not_entailment")


# Columns under another name or inside a struct


def test_a_column_may_have_another_place_in_the_data(tmp_path: Path) -> None:
    row = {"q": "Who?", "answers": {"text": ["A", "B"], "start": [1, 2]}, "other": {"text": "no"}, "a.b": "dot"}
    columns = {"question": Column("text", "q"), "refs": Column("list", "answers.text"), "dot": Column("text", "a.b")}
    task = Task("own/x", "t", "text", columns, Source(hub="own/set"), {}, ())
    (tmp_path / "x.jsonl").write_bytes(lines(row))
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "x.parquet")
    for name in ("x.jsonl", "x.parquet"):
        rows = sources.open_rows(task, "train", str(tmp_path / name))
        assert list(rows) == [rows[0]] == [{"question": "Who?", "refs": ["A", "B"], "dot": "dot"}]
        assert list(rows.column("refs")) == [["A", "B"]]
    for bad in ("answers.texts", "answers.text.more", "q.text", "nothing.text"):
        broken = dataclasses.replace(task, columns={"refs": Column("list", bad)})
        for name in ("x.jsonl", "x.parquet"):
            with pytest.raises(DataError, match=f'"{bad}": is missing'):
                sources.open_rows(broken, "train", str(tmp_path / name))


def test_the_first_config_that_is_there_is_taken(tmp_path: Path) -> None:
    layout(tmp_path / "hub", config="y", train=3)
    both = dataclasses.replace(TASK, source=dataclasses.replace(TASK.source, config=("x", "y")))
    assert len(sources.open_rows(both, "train", str(tmp_path / "hub"))) == 3
    with pytest.raises(DataError, match='no config "a" or "b"'):
        sources.open_rows(
            dataclasses.replace(TASK, source=dataclasses.replace(TASK.source, config=("a", "b"))), "train",
            str(tmp_path / "hub"),
        )  # fmt: skip

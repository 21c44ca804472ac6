"""Corpora: what a document is, where files are found, faults with their place, memory that does not grow."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from t2t import corpora
from t2t.corpora import corpus
from t2t.errors import DataError, HubError, UsageError


def write(path: Path, data: str | bytes) -> Path:
    """Write a file, packed as its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix == ".zst":
        with pa.output_stream(str(path), compression="zstd") as handle:
            handle.write(content)
        return path
    path.write_bytes(content)
    return path


def parquet(path: Path, texts: list[object], column: str = "text", **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(range(len(texts))), column: texts}), path, **how)
    return path


def lines(*texts: object, column: str = "text") -> str:
    return "".join(json.dumps({column: text}) + "\n" for text in texts)


def read(path: Path | str, **how: str) -> list[str]:
    return list(corpus(str(path), **how).documents())


# -- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("One\nline more.\n\nTwo.\n", ["One\nline more.", "Two."]),
        ("One.\n \t\n\n\nTwo.", ["One.", "Two."]),
        ("\n\n  One.\n\n", ["  One."]),
        ("One.\r\nMore.\r\n\r\nTwo.\r\n", ["One.\nMore.", "Two."]),
        ("\ufeffOne.\n", ["One."]),
        ("One.", ["One."]),
    ],
)
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_documents_of_plain_text_are_blocks_between_blank_lines(
    tmp_path: Path, text: str, documents: list[str], packing: str
) -> None:
    assert read(write(tmp_path / f"a.txt{packing}", text)) == documents


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "jsonl.gz", "jsonl.zst", "json.gz", "json.zst"])
def test_json_lines_are_one_document_a_line(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.{ending}", lines("One.\n\nTwo.", "  ", "Three.") + "\n")
    assert read(path) == ["One.\n\nTwo.", "Three."]


def test_a_nested_key_and_another_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines({"de": "Ja."}, column="translation"))
    assert read(path, column="translation.de") == ["Ja."]
    assert read(parquet(tmp_path / "a.parquet", ["One."], "words"), column="words") == ["One."]


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_parquet_is_read_in_order_over_row_groups(tmp_path: Path, rows: int) -> None:
    texts: list[object] = [f"Text {i}." for i in range(2500)]
    assert read(parquet(tmp_path / "a.parquet", texts, row_group_size=rows)) == texts


def test_text_without_a_blank_line_is_cut_at_the_end_of_lines(tmp_path: Path) -> None:
    text = "".join(f"line {i} of many\n" for i in range(200_000))
    documents = read(write(tmp_path / "a.txt", text))
    assert len(documents) == len(text) // corpora.MOST + 1
    assert "\n".join(documents) + "\n" == text
    assert max(map(len, documents)) < corpora.MOST + 100


@pytest.mark.parametrize("unit", ["word ", "é", "€", "😀", "é😀a"])
def test_a_long_line_is_cut_between_characters(tmp_path: Path, unit: str) -> None:
    text = "x" + unit * (2_500_000 // len(unit.encode()))
    documents = read(write(tmp_path / "a.txt.zst", text))
    assert "".join(documents) == text and len(documents) == 3


# -- finding ---------------------------------------------------------------------------------------------------------


def test_a_directory_and_a_glob_give_sorted_files(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "B")
    write(tmp_path / "a" / "x.jsonl.gz", lines("A"))
    parquet(tmp_path / "c.parquet", ["C"])
    write(tmp_path / "README.md", "no")
    write(tmp_path / ".hidden.txt", "no")
    write(tmp_path / ".git" / "x.txt", "no")
    assert read(tmp_path) == ["A", "B", "C"]
    assert read(tmp_path / "*.*") == ["B", "C"]
    assert read(tmp_path / "**" / "*.gz") == ["A"]
    assert all(path.is_absolute() for path in corpus(str(tmp_path)).files)


def test_a_path_wins_over_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "owner" / "name" / "a.txt", "Mine.")
    assert read("owner/name") == ["Mine."]


@pytest.fixture
def data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory laid out like the hub, no cache and no network."""
    top = tmp_path / "hub"
    parquet(top / "o" / "one" / "train-00000-of-00002.parquet", ["One."])
    parquet(top / "o" / "one" / "train-00001-of-00002.parquet", ["Two."])
    parquet(top / "o" / "one" / "validation-00000-of-00001.parquet", ["Held out."])
    parquet(top / "o" / "many" / "en" / "train.parquet", ["Yes."])
    parquet(top / "o" / "many" / "de" / "train.parquet", ["Ja."])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("T2T_HUB", str(top))
    return top


def test_a_data_set_of_the_hub(data_sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = corpus("o/one")
    assert list(found.documents()) == ["One.", "Two."]
    assert found.origin is not None and found.origin.notice() == f"data from the directory: {data_sets / 'o' / 'one'}"
    assert read("o/one", split="validation") == ["Held out."]
    assert read("o/many:de") == ["Ja."]
    monkeypatch.delenv("T2T_HUB")
    assert read("o/many:en", source=str(data_sets)) == ["Yes."]


def test_a_data_set_in_the_cache_is_read_through_its_links(data_sets: Path, tmp_path: Path) -> None:
    top = tmp_path / "cache" / "datasets--o--cached"
    blob = parquet(top / "blobs" / ("0" * 64), ["Kept."])
    (top / "refs").mkdir()
    (top / "refs" / "main").write_text("c" * 40)
    held = top / "snapshots" / ("c" * 40)
    held.mkdir(parents=True)
    (held / "train-00000-of-00001.parquet").symlink_to(blob)
    found = corpus("o/cached")
    assert list(found.documents()) == ["Kept."]
    assert found.origin is not None and found.origin.kind == "cache" and found.files[0].suffix == ".parquet"


def test_a_bundled_sample() -> None:
    found = corpus("pretraining/plain", source="sample")
    assert found.origin is not None and found.origin.notice().startswith("SAMPLE DATA")
    assert len(list(found.documents())) > 100
    with pytest.raises(DataError, match="the bundled sample no/thing is not there"):
        corpus("no/thing", source="sample")


def test_a_data_set_that_is_not_there(data_sets: Path) -> None:
    with pytest.raises((DataError, HubError), match="has no config .* \\(it has: de, en\\)"):
        corpus("o/many")
    with pytest.raises((DataError, HubError), match="has no config"):
        corpus("o/many:fr", source=str(data_sets))
    with pytest.raises(DataError, match='no split "test": it has train, validation'):
        corpus("o/one", split="test")
    with pytest.raises(HubError, match="has no o/none"):
        corpus("o/none")


@pytest.mark.parametrize("name", ["nothing", "no/such.txt", "/no/such/file", "*.txt", "a/b/c", "a/b:c:d"])
def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"\.txt, \.jsonl"):
        corpus(name)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet.gz", "a", "a.gz"])
def test_another_kind_of_file_is_refused_with_what_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"not read as a corpus\. What is read: \.txt"):
        corpus(str(write(tmp_path / name, "x")))


def test_a_directory_without_text(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "x")
    with pytest.raises(UsageError, match="no file there"):
        corpus(str(tmp_path))


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: write(p / "a.jsonl", lines("One.") + '{"b": 1}\n'), r'jsonl:2 field "text": is missing: .*--column'),
        (lambda p: write(p / "a.jsonl", lines("One.", None)), r'jsonl:2 field "text": got null, expected text.*--col'),
        (lambda p: write(p / "a.jsonl.gz", lines(7)), r'a\.jsonl\.gz:1 field "text": got 7'),
        (lambda p: write(p / "a.jsonl", lines("One.") + '{"text": "tw'), r"a\.jsonl:2: is not valid JSON.*cut off"),
        (lambda p: write(p / "a.jsonl", b'{"text": "\xff"}\n'), r"a\.jsonl:1:11: byte 11 of the line \(0xff\)"),
        (lambda p: parquet(p / "a.parquet", ["x"], "body"), r'a\.parquet field "text": is missing: .*body.*--column'),
        (lambda p: parquet(p / "a.parquet", [1, 2]), r'a\.parquet field "text": got int64, expected text'),
        (lambda p: parquet(p / "a.parquet", ["x", None]), r'a\.parquet row 2 \(1-based\) field "text": got null'),
        (lambda p: write(p / "a.parquet", b"PAR1no"), r"a\.parquet: is not a readable parquet file"),
        (lambda p: write(p / "a.txt", b"fine\nna\xefve\n"), r"a\.txt:2:3: byte 3 of the line \(0xef\) is not UTF-8"),
        (lambda p: write(p / "a.txt", b"\xef\xbb\xbfna\xefve\n"), r"a\.txt:1:6: byte 6 of the line"),
        (lambda p: write(p / "a.txt", b"x" * 3_000_000 + b"\xff"), r"a\.txt:1:3000001: byte 3000001"),
        (lambda p: write(p / "a.txt", b"fine\n\xe2\x82"), r"a\.txt:2:1: byte 1 of the line \(0xe2\)"),
        (lambda p: write(p / "a.txt", ""), "the corpus holds no text"),
        (lambda p: write(p / "a.txt.gz", " \n\n"), "the corpus holds no text"),
        (lambda p: write(p / "a.jsonl", ""), "the corpus holds no text"),
    ],
)  # fmt: skip
def test_faults_name_their_place(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(make(tmp_path))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("cut", [True, False], ids=["cut off", "not packed at all"])
def test_a_damaged_packing(tmp_path: Path, name: str, cut: bool) -> None:
    path = write(tmp_path / name, lines(*(os.urandom(50).hex() for _ in range(2000))))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if cut else lines("One.").encode() * 9)
    with pytest.raises(DataError, match=f"{name}: cannot be unpacked .*get it again"):
        read(path)


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    found = [corpus(str(write(tmp_path / "a.txt", "x"))), corpus(str(parquet(tmp_path / "a.parquet", ["x"])))]
    for path in tmp_path.iterdir():
        path.unlink()
    for one in found:
        for read_it in (lambda one=one: list(one.documents()), one.digest, one.size):
            with pytest.raises(DataError, match="cannot be read: No such file"):
                read_it()


def test_a_line_of_json_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "MOST_LINE", 1000)
    with pytest.raises(DataError, match=r"a\.jsonl:2: the line is longer than"):
        read(write(tmp_path / "a.jsonl", lines("One.", "x" * 2000)))


# -- digest, size, memory --------------------------------------------------------------------------------------------


def test_the_digest_is_of_contents_and_column(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a" / "x.jsonl", lines("One.")), write(tmp_path / "b" / "y.jsonl", lines("One."))
    assert corpus(str(one)).digest() == corpus(str(other)).digest()
    assert corpus(str(one)).digest() != corpus(str(one), column="body").digest()
    assert corpus(str(one)).size() == one.stat().st_size
    write(other, lines("Two."))
    assert corpus(str(one)).digest() != corpus(str(other)).digest()


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.txt.zst", "a.jsonl", "a.jsonl.zst", "a.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    text = "Some words that make a text of some length. " * 20
    if name.endswith(".parquet"):
        path = parquet(tmp_path / name, [f"{i} {text}" for i in range(40_000)])  # one row group of 36 MB
    else:
        one = text + "\n" if ".txt" in name else lines(text)
        path = write(tmp_path / name, one * 40_000)
    found = corpus(str(path))
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    most = total = 0
    for document in found.documents():
        total += len(document)
        most = max(most, pa.total_allocated_bytes() - before)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 35_000_000
    assert held < 8 << 20 and most < 8 << 20

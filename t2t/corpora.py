"""Corpora: the texts of files, directories and hub data sets, one document after the other in bounded memory.

Floor 2, above ``files`` (lines and parquet) and ``sources`` (finds data sets of the hub). What a document is depends on
the kind of file:

* ``.txt``: a block of lines between blank lines; a block of more than ``MOST`` bytes is cut at the end of a line, a
  longer line at a space.
* ``.jsonl``, ``.ndjson``: the text under the key ``column`` of a line (blank lines are passed over).
* ``.parquet``: the text of a row in ``column``.

Text and JSON lines may be packed (``.gz``, ``.zst``); ``.json.gz`` and ``.json.zst`` are read as JSON lines, as C4 has
them. Blank texts are no documents.

>>> import tempfile
>>> file = Path(tempfile.mkdtemp()) / "a.txt"
>>> _ = file.write_text("One\\nline more.\\n\\n\\nTwo.\\n")
>>> list(corpus(str(file)).documents())
['One\\nline more.', 'Two.']
"""

from __future__ import annotations

import contextlib
import glob
import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t import files, hub, sources
from t2t.errors import DataError, UsageError, visible
from t2t.types import Column, Source, Task

__all__ = ["Corpus", "corpus", "readable"]

MOST = 1 << 20  # bytes of a document of plain text, up to the end of its last line
MOST_LINE = 64 << 20  # bytes of a line of JSON
PACKED = (".gz", ".zst")
HUB_ID = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*(:[\w.+-]+)?"
READ = ".txt, .jsonl, .ndjson (each also with .gz or .zst behind it) and .parquet"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of text. ``name`` is what the user gave; ``column`` the column of parquet files and the key of JSON lines.

    ``files`` are absolute and in the order of their names. ``origin`` says where a hub data set was found.
    """

    name: str
    files: tuple[Path, ...]
    column: str = "text"
    origin: sources.Origin | None = None

    def documents(self) -> Iterator[str]:
        """Yield the documents, file after file. Raise ``DataError`` (exit 3) with file, row and field."""
        empty = True
        for path in self.files:
            for text in _READERS[_kind(path)](path, self.column):
                if text and not text.isspace():
                    empty = False
                    yield text
        if empty:
            raise DataError("the corpus holds no text", where=visible(self.name), fix="Give other files.", code="D04")

    def digest(self) -> str:
        """Return the sha256 over the column's name and the files' contents, in order, whatever the files are called."""
        whole = hashlib.sha256(self.column.encode())
        for path in self.files:
            with _faults(path), path.open("rb") as handle:
                whole.update(hashlib.file_digest(handle, "sha256").digest())
        return whole.hexdigest()

    def size(self) -> int:
        """Return the bytes of the files, packed as they are."""
        total = 0
        for path in self.files:
            with _faults(path):
                total += path.stat().st_size
        return total


def corpus(
    name: str,
    *,
    split: str = "train",
    source: str = "auto",
    column: str = "text",
    sample: str = "",
    offline: bool = False,
    progress: hub.Progress | None = None,
) -> Corpus:
    """Find a corpus: a file, a directory (with those below it), a glob, or a data set OWNER/NAME[:CONFIG] of the hub.

    A path that exists wins over a data set. Of a directory and a glob the files that can be read are taken, hidden ones
    left out. A data set's ``split`` is looked for in the places of ``sources.open_rows``; the files of the hub are
    loaded whole. ``sample`` is the bundled sample that stands in for it, as for a task's; without one ``source`` sample
    takes the name for that of a bundled sample (pretraining/plain).

    Raise ``UsageError`` (exit 2) where nothing is there, ``DataError`` (3), ``HubError`` (8).
    """
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        return Corpus(name, _taken(name, path.rglob("*"), path), column)
    if path.exists():
        _kind(path)
        return Corpus(name, (_absolute(path),), column)
    if glob.has_magic(name):
        return Corpus(name, _taken(name, map(Path, glob.iglob(str(path), recursive=True))), column)
    if re.fullmatch(HUB_ID, name) and not readable(path):
        repo, _, config = name.partition(":")
        task = _task(repo, config, column, sample or (repo if source == "sample" else ""))
        origin, found = sources.split_files(task, split, source, offline=offline, progress=progress)
        return Corpus(name, tuple(map(_absolute, found)), column, origin)
    raise UsageError("there is no such file or directory", where=visible(name),
                     fix=f"Give a file, a directory, a glob (of {READ}) or OWNER/NAME[:CONFIG] of the hub.",
                     code="C01")  # fmt: skip


def readable(path: Path) -> bool:
    """Tell whether the file's name ends as one that is read."""
    return bool(_suffix(path))


def _task(repo: str, config: str, column: str, sample: str) -> Task:
    """Return a task that names the data set, and its sample, for ``sources`` to look up."""
    where = Source(hub=repo, config=(config,) if config else (), sample=(sample,) if sample else ())
    return Task(f"{repo}:{config}" if config else repo, "", "text", {column: Column("text")}, where, {}, ())


def _absolute(path: Path) -> Path:
    """Return the path from the root. Links stay as they are: the cache keeps files under names without an ending."""
    return Path(os.path.abspath(path))


def _taken(name: str, found: Iterator[Path], top: Path = Path()) -> tuple[Path, ...]:
    """Return the files that can be read among those found, in order. Raise ``UsageError`` where there is none."""
    taken = {_absolute(path) for path in found if readable(path) and path.is_file() and not _hidden(path, top)}
    if not taken:
        raise UsageError("no file there can be read as text", where=visible(name), fix=f"What is read: {READ}.",
                         code="C01")  # fmt: skip
    return tuple(sorted(taken))


def _hidden(path: Path, top: Path) -> bool:
    """Tell whether a file is hidden, or in a hidden folder below ``top``."""
    inner = path.relative_to(top).parts if path.is_relative_to(top) else (path.name,)
    return any(part.startswith(".") and part != ".." for part in inner)


def _suffix(path: Path) -> str:
    """Return the ending that says how a file is read, without that of its packing; empty for another kind."""
    packed = path.suffix.lower() in PACKED
    inner = Path(path.stem if packed else path.name).suffix.lower()
    return inner if inner in ((*_ENDINGS, ".json") if packed else (*_ENDINGS, ".parquet")) else ""


def _kind(path: Path) -> str:
    """Return how a file is read. Raise ``UsageError`` for one of another kind."""
    inner = _suffix(path)
    if not inner:
        raise UsageError("this kind of file is not read as a corpus", where=visible(path), fix=f"What is read: {READ}.",
                         code="D01")  # fmt: skip
    return _ENDINGS.get(inner, "parquet" if inner == ".parquet" else "jsonl")


@contextlib.contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Turn a fault of reading or unpacking into a ``DataError``."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from None
    except OSError as error:
        if error.errno is None:  # pyarrow's own: the stream, not the system
            raise _damaged(path, error) from None
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path), fix="Check the path.") from None


def _damaged(path: Path, error: Exception) -> DataError:
    said = f"cannot be unpacked ({visible(error, 120)})"
    return DataError(said, where=str(path), fix="It is damaged or cut off: get it again.", code="D06")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Callable[[int], bytes]]:
    """Open a file, unpacked; yield what reads a line of at most so many bytes."""
    if path.suffix.lower() == ".zst":
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as handle:
            yield _lines(handle)
    elif path.suffix.lower() == ".gz":
        with gzip.open(path, "rb") as unpacked:
            yield unpacked.readline
    else:
        with path.open("rb") as plain:
            yield plain.readline


def _lines(handle: Any) -> Callable[[int], bytes]:
    """Return ``readline`` of a handle that only reads."""
    kept, start = b"", 0

    def readline(most: int) -> bytes:
        nonlocal kept, start
        while True:
            end = kept.find(b"\n", start, start + most) + 1 or start + most
            if end <= len(kept):
                line, start = kept[start:end], end
                return line
            block = handle.read(1 << 18)
            if not block:
                line, kept, start = kept[start:], b"", 0
                return line
            kept, start = kept[start:] + block, 0

    return readline


def _paragraphs(path: Path, column: str) -> Iterator[str]:
    """Yield the blocks between blank lines of a text file."""
    kept: list[str] = []
    size = 0
    for data, line, before in _pieces(path):
        text = files.decode(data, str(path), line, before)
        ends = text.endswith("\n")
        blank = not text.strip() and ends and not before
        if not blank:
            kept.append(text)
            size += len(data)
        if kept and (blank or not ends or size >= MOST):
            yield "".join(kept).strip("\r\n").replace("\r\n", "\n")
            kept, size = [], 0
    if kept:
        yield "".join(kept).strip("\r\n").replace("\r\n", "\n")


def _pieces(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield the lines of a text file, a long one in pieces: (bytes, its number, the bytes of it before these)."""
    with _faults(path), _open(path) as readline:
        rest, line, before = b"", 1, 0
        while data := rest + readline(MOST - len(rest)):
            rest = b""
            if data.endswith(b"\n"):
                yield data, line, before
                line, before = line + 1, 0
                continue
            if len(data) >= MOST:
                at = data.rfind(b" ", MOST // 2) + 1 or _character(data)
                data, rest = data[:at], data[at:]
            yield data, line, before
            before += len(data)


def _character(data: bytes) -> int:
    """Return where the last, perhaps cut character of UTF-8 starts."""
    at = len(data) - 1
    while at > len(data) - 4 and 0x80 <= data[at] < 0xC0:
        at -= 1
    return at


def _json_lines(path: Path, column: str) -> Iterator[str]:
    """Yield the texts of JSON lines."""
    name, columns, line = str(path), {column: "text"}, 0
    with _faults(path), _open(path) as readline:
        while data := readline(MOST_LINE):
            line += 1
            if len(data) == MOST_LINE and not data.endswith(b"\n"):
                raise DataError(f"the line is longer than {MOST_LINE >> 20} MB", where=f"{name}:{line}",
                                fix="Write one object a line.", code="D01")  # fmt: skip
            if data.strip():
                with _advice():
                    text = files.record(data, name, line, columns)[column]
                yield text


def _parquet(path: Path, column: str) -> Iterator[str]:
    """Yield the texts of a parquet file."""
    with _faults(path):
        path.open("rb").close()
    with _advice():
        yield from files.parquet_texts(path, column)


@contextlib.contextmanager
def _advice() -> Iterator[None]:
    """Say what to do about a column that is missing or not text."""
    try:
        yield
    except DataError as error:
        if error.code != "D05" or "field" not in error.where:
            raise
        fix = "Name the column of the text (--column), or mend the data."
        raise DataError(error.message, where=error.where, fix=fix, code=error.code) from None


_ENDINGS = {".txt": "txt", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_READERS: dict[str, Callable[[Path, str], Iterator[str]]] = {
    "txt": _paragraphs,
    "jsonl": _json_lines,
    "parquet": _parquet,
}

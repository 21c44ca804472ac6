"""Rows out of one file: parquet, JSON lines, JSON, CSV and TSV, read strictly and checked when opened.

Floor 2, below ``sources``, which finds the files. What was hashed is what is served. A small file is read into memory,
whatever happens to it later; one of more than ``IN_MEMORY`` bytes stays on disk: its lines are read again when they are
asked for (a file written over in the meantime is an error), parquet is unpacked into a temporary file without a name.
A JSON array is always read whole. Every row is checked against the task's columns at opening, line by line; a fault
names the file, the row, the field, what was expected and what to do. A row holds exactly the task's
columns; a column may also be a field of a nested one (``de`` of ``translation: {de, en}``; where only its path tells it
from others, ``answers.text``). A kind that ends in ``?``
(``class?``) allows the column or its value to be missing: the row then holds None.

>>> part = read_bytes(b'{"text": "It rained.", "label": 1}\\n', "train.jsonl", {"text": "text", "label": "class"})
>>> part[0], part.where(0)
({'text': 'It rained.', 'label': 1}, 'train.jsonl:1')
>>> read_bytes(b'text\\n"open\\n', "train.csv", {"text": "text"})
Traceback (most recent call last):
t2t.errors.DataError: train.csv:2: a quote opened in this line is never closed. Close it, or double a literal one ("").
"""

from __future__ import annotations

import array
import contextlib
import csv
import errno
import hashlib
import io
import itertools
import json
import math
import os
import re
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from t2t.errors import DataError, DiskError, UsageError, did_you_mean, visible

__all__ = [
    "SUFFIXES",
    "ChecksumError",
    "Part",
    "decode",
    "matches",
    "parquet_texts",
    "read",
    "read_bytes",
    "record",
    "stretches",
]

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")

IN_MEMORY = 64 << 20  # bytes of a file, or of the columns of a parquet file, that are kept in memory at most

_EXPECTED = {
    "text": "text",
    "class": "a class: an integer or text",
    "number": "a finite number",
    "tags": "a list of tags: all text or all integers",
    "list": "a list",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class ChecksumError(DataError):
    """A file's bytes are not those it should have (exit 3)."""

    def __init__(self, message: str, *, where: str, fix: str) -> None:
        super().__init__(message, where=where, fix=fix, code="D06")


class Part(Sequence[dict[str, Any]]):
    """The checked rows of one file.

    ``sha256`` is the file's digest; ``class_names`` maps a class column to its names where the file states them.
    """

    def __init__(self, name: str, rows: Sequence[Mapping[str, Any]], places: Callable[[int], str]) -> None:
        self.name, self._rows, self._places = name, rows, places
        self.sha256 = ""
        self.class_names: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return dict(self._rows[index])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(row) for row in self._rows)

    def column(self, name: str) -> Iterator[Any]:
        """Return the values of one column, in order."""
        return (row[name] for row in self)

    def where(self, index: int) -> str:
        """Return the place of a row: ``train.jsonl:17``, or the file and the row for parquet."""
        return self._places(index)


def read(path: Path, columns: Mapping[str, str], *, name: str = "", digest: str = "", fix: str = "") -> Part:
    """Read and check one file. ``columns`` maps columns to kinds (text, class, number, tags, list).

    ``digest`` is a known sha256 or git blob id; other bytes raise ``ChecksumError`` with ``fix`` before anything is
    parsed. ``name`` is how messages call the file.
    """
    name = name or str(path)
    try:
        with path.open("rb") as handle:
            sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
            if digest not in ("", sha256) and (len(digest) == 64 or not matches(handle, digest)):
                raise ChecksumError("the bytes are not those of its checksum", where=name, fix=fix)
            handle.seek(0)
            part = _read_open(handle, name, columns)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=name, fix="Check the path.") from None
    part.sha256 = sha256
    return part


def matches(handle: io.BufferedIOBase, digest: str) -> bool:
    """Tell whether the open file is the one with this sha256 (64 digits) or git blob id (40 digits)."""
    handle.seek(0)
    if len(digest) == 64:
        return hashlib.file_digest(handle, "sha256").hexdigest() == digest
    git = hashlib.sha1(usedforsecurity=False)
    git.update(b"blob %d\0" % handle.seek(0, io.SEEK_END))
    handle.seek(0)
    while block := handle.read(1 << 20):
        git.update(block)
    return git.hexdigest() == digest


def read_bytes(data: bytes, name: str, columns: Mapping[str, str]) -> Part:
    """Read and check the content of a file that ``name`` ends as."""
    part = _read_open(io.BytesIO(data), name, columns)
    part.sha256 = hashlib.sha256(data).hexdigest()
    return part


def _read_open(handle: io.BufferedIOBase, name: str, columns: Mapping[str, str]) -> Part:
    """Choose the reader by the ending of ``name``."""
    for column, kind in columns.items():
        if kind.removesuffix("?") not in _EXPECTED:
            raise UsageError(
                f'column "{column}" has the unknown kind "{visible(kind)}"', fix=f"Use {', '.join(_EXPECTED)}."
            )
    suffix = Path(name).suffix.lower()
    if suffix == ".parquet":
        return _Parquet(handle, name, columns)
    if suffix not in SUFFIXES:
        raise UsageError("this kind of file is not read", where=name, fix=f"Use {', '.join(SUFFIXES)}.", code="D01")
    blocks = iter(lambda: handle.read(1 << 16), b"")
    start = next((kept for block in blocks if (kept := block.removeprefix(b"\xef\xbb\xbf").lstrip())), b"")
    if not start:
        raise DataError("the file is empty", where=f"{name}:1", fix="Give a file with rows.", code="D04")
    handle.seek(0)
    if suffix in (".csv", ".tsv"):
        return _Csv(handle, name, columns, "," if suffix == ".csv" else "\t")
    if suffix == ".json" and start[:1] == b"[":
        return _json_array(decode(handle.read(), name), name, columns)
    return _JsonLines(handle, name, columns)


class _OnDisk:
    """A file that stays on disk, cut like bytes, as long as nobody writes it over."""

    def __init__(self, handle: io.BufferedIOBase, name: str) -> None:
        self._name, self._file = name, os.dup(handle.fileno())
        self._state = self._now()
        weakref.finalize(self, os.close, self._file)

    def __getitem__(self, cut: slice) -> bytes:
        data = os.pread(self._file, cut.stop - cut.start, cut.start)
        if self._now() != self._state:
            raise DataError("the file was written over while it was in use", where=self._name,
                            fix="Run again, and leave it alone meanwhile.", code="D06")  # fmt: skip
        return data

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self._file)
        return found.st_size, found.st_mtime_ns


def _kept(handle: io.BufferedIOBase, name: str) -> bytes | _OnDisk:
    """Return what is to be kept of a file: its bytes, or where it is too large, the file. The handle is rewound."""
    size = handle.seek(0, io.SEEK_END)
    handle.seek(0)
    if size > IN_MEMORY and not isinstance(handle, io.BytesIO):
        return _OnDisk(handle, name)
    data = handle.read()
    handle.seek(0)
    return data


# --- values ---------------------------------------------------------------------------------------------------------


def _fits(value: Any, kind: str) -> bool:
    """Tell whether a value is of the kind; True and False are not numbers here."""
    if kind.endswith("?"):
        return value is None or _fits(value, kind[:-1])
    if kind == "text":
        return isinstance(value, str)
    if kind == "class":
        return isinstance(value, (int, str)) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind == "tags":
        return isinstance(value, list) and any(all(type(item) is one for item in value) for one in (str, int))
    return isinstance(value, list)


def _row(record: Mapping[str, Any], columns: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return the columns of one record, looking into nested objects for those that are not at the top."""
    row = {}
    for column in columns:
        if column in record:
            row[column] = record[column]
            continue
        if "." in column:
            held = _at_path(record, column.split("."))
        else:
            held = [value[column] for value in record.values() if isinstance(value, dict) and column in value]
        if len(held) != 1 and not columns[column].endswith("?"):
            _missing(column, record, where)
        row[column] = held[0] if len(held) == 1 else None
    return row


def _at_path(record: Mapping[str, Any], path: Sequence[str]) -> list[Any]:
    """Return the one value at a path of nested objects, or nothing."""
    value: Any = record
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return []
        value = value[name]
    return [value]


def _missing(column: str, found: Iterable[str], where: str) -> NoReturn:
    """Raise for a column that is not there."""
    names = [visible(name, 60) for name in found]
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "") or "nothing"
    raise DataError(
        f"is missing: the columns found are {listed}.{did_you_mean(column, names)}",
        where=f'{where} field "{column}"',
        fix="Rename the column in the data or in the task file.",
        code="D05",
    )


def _check(row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> None:
    """Raise where a value of the row is not of its column's kind."""
    for column, kind in columns.items():
        if not _fits(row[column], kind):
            _wrong(column, kind, json.dumps(row[column], default=str), where)


def _wrong(column: str, kind: str, got: str, where: str) -> NoReturn:
    """Raise for a value (or a column type) that is not of its kind."""
    raise DataError(
        f"got {visible(got)}, expected {_EXPECTED[kind.removesuffix('?')]}",
        where=f'{where} field "{column}"',
        fix="Mend the row, or the column's kind in the task file.",
        code="D15" if got in ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf") else "D05",
    )


# --- text files -----------------------------------------------------------------------------------------------------


def decode(data: bytes, name: str, line: int = 0, before: int = 0) -> str:
    """Return UTF-8 text without its BOM. ``line`` is the line's number when ``data`` is one line.

    ``before`` are the bytes of the line that come before ``data``. Raise ``DataError`` with the place of the byte.
    """
    first = line <= 1 and not before
    try:
        return data.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as error:
        # The codec counts from behind a BOM; the offset a user needs counts from the start of the file or line.
        start = error.start + (3 if first and data.startswith(b"\xef\xbb\xbf") else 0) + before
        number = line or data.count(b"\n", 0, start) + 1
        start -= 0 if line else data.rfind(b"\n", 0, start) + 1
        raise DataError(
            f"byte {start + 1} of the line (0x{error.object[error.start]:02x}) is not UTF-8",
            where=f"{name}:{number}:{start + 1}",
            fix="Save the file as UTF-8.",
            code="D02",
        ) from None


class _Refused(ValueError):
    """Valid for a lenient JSON parser, but not for us."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; refuse a key that comes twice."""
    built = dict(pairs)
    if len(built) != len(pairs):
        names = [key for key, _ in pairs]
        raise _Refused(f'the key "{visible(next(n for n in names if names.count(n) > 1), 60)}" comes twice')
    return built


def _constant(text: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise _Refused(f"{text} is not a JSON number")


def _float(text: str) -> float:
    """Refuse numbers that would silently become infinite."""
    value = float(text)
    if math.isinf(value):
        raise _Refused(f"{visible(text, 40)} is too large a number")
    return value


def _parse_json(text: str, where: str, cut: bool = False, lines: bool = False) -> Any:
    """Parse strict JSON. ``cut``: the text is the unended last line of a file; ``lines``: it is a whole file."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        reason, fix, code = "holds half of a surrogate pair (\\ud800-\\udfff), which is no character", "", "D15"
    except _Refused as error:
        reason, fix, code = str(error), "", "D15"
    except json.JSONDecodeError as error:
        reason, code = f"is not valid JSON: {error.msg} (character {error.colno} of the line)", "D01"
        fix = "The file ends here: it was cut off. Copy it again." if cut else ""
        where += f":{error.lineno}" if lines else ""
    except RecursionError:
        reason, fix, code = "is nested too deeply", "", "D01"
    except ValueError as error:  # an integer of more than 4,300 digits
        reason, fix, code = f"is not valid JSON: {visible(error, 80)}", "", "D01"
    else:
        return value
    raise DataError(reason, where=where, fix=fix or "Mend the line.", code=code)


def record(data: bytes, name: str, line: int, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the checked row of one line of JSON lines. ``columns`` maps columns to kinds. Raise ``DataError``."""
    where = f"{name}:{line}"
    value = _parse_json(decode(data.removesuffix(b"\n"), name, line), where, not data.endswith(b"\n"))
    row = _row(_record(value, where), columns, where)
    _check(row, columns, where)
    return row


def stretches(handle: Iterable[bytes], name: str, columns: Mapping[str, str], size: int) -> Iterator[Part]:
    """Yield the checked rows of JSON lines as they come, ``size`` at a time. Raise ``DataError`` if there is none."""
    lines = ((line, data) for line, data in enumerate(handle, 1) if data.strip())
    empty = True
    while part := list(itertools.islice(lines, size)):
        numbers = [line for line, _ in part]
        rows = [record(data, name, line, columns) for line, data in part]
        yield Part(name, rows, lambda index, numbers=numbers: f"{name}:{numbers[index]}")  # type: ignore[misc]
        empty = False
    if empty:
        raise DataError("the file is empty", where=f"{name}:1", fix="Give a file with rows.", code="D04")


def _record(value: Any, where: str) -> dict[str, Any]:
    """Return a parsed row, which must be an object."""
    if not isinstance(value, dict):
        raise DataError(f"is {_json_name(value)}, expected an object", where=where,
                        fix='Write each row as {"column": value, ...}.', code="D05")  # fmt: skip
    return value


def _json_name(value: Any) -> str:
    """Return what JSON calls a value that is no object."""
    return {list: "an array", str: "text", bool: "true or false", type(None): "null"}.get(type(value), "a number")


class _Lines(Part):
    """Rows that are text. They are parsed again when they are asked for: only where each starts is in memory."""

    def __init__(self, handle: io.BufferedIOBase, name: str, columns: Mapping[str, str]) -> None:
        super().__init__(name, (), lambda index: f"{name}:{self._lines[index]}")
        self._columns, self._data = dict(columns), _kept(handle, name)
        self._starts, self._lines = array.array("Q"), array.array("I")
        for line, start in self._scan(handle):
            self._lines.append(line)
            self._starts.append(start)
        self._starts.append(handle.seek(0, io.SEEK_END))

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        return self._parse(self._data[self._starts[index] : self._starts[index + 1]], index)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def _scan(self, handle: io.BufferedIOBase) -> Iterator[tuple[int, int]]:
        """Check every row; yield the line and the byte that it starts at."""
        raise NotImplementedError

    def _parse(self, data: bytes, index: int) -> dict[str, Any]:
        """Return the row that these bytes begin with; blank lines may follow."""
        raise NotImplementedError


class _JsonLines(_Lines):
    """One JSON object a line."""

    def _scan(self, handle: io.BufferedIOBase) -> Iterator[tuple[int, int]]:
        start, columns = 0, self._columns
        for line, data in enumerate(handle, 1):
            if data.strip():
                record(data, self.name, line, columns)
                yield line, start
            start += len(data)
        if not self._lines:
            raise DataError("the file is empty", where=f"{self.name}:1", fix="Give a file with rows.", code="D04")

    def _parse(self, data: bytes, index: int) -> dict[str, Any]:
        return _row(json.loads(data.decode("utf-8-sig").strip()), self._columns, self.where(index))


def _json_array(text: str, name: str, columns: Mapping[str, str]) -> Part:
    """Read a JSON array of objects."""
    rows = []
    for index, value in enumerate(_parse_json(text, name, lines=True)):
        where = f"{name} row {index + 1}"
        rows.append(_row(_record(value, where), columns, where))
        _check(rows[-1], columns, where)
    if not rows:
        raise DataError("the array is empty", where=name, fix="Give a file with rows.", code="D04")
    return Part(name, rows, lambda index: f"{name} row {range(len(rows))[index] + 1}")


# --- CSV ------------------------------------------------------------------------------------------------------------


class _Csv(_Lines):
    """CSV or TSV with a header; every field is text until its column's kind says otherwise."""

    def __init__(self, handle: io.BufferedIOBase, name: str, columns: Mapping[str, str], delimiter: str) -> None:
        self._delimiter, self._header = delimiter, [""]
        super().__init__(handle, name, columns)

    def _scan(self, handle: io.BufferedIOBase) -> Iterator[tuple[int, int]]:
        name, columns = self.name, self._columns
        records = _csv_records(_CsvText(handle, name), name, self._delimiter)
        line, _, self._header = next(records)
        if len(set(self._header)) != len(self._header):
            twice = next(column for column in self._header if self._header.count(column) > 1)
            raise DataError(f'the column "{visible(twice, 60)}" comes twice', where=f"{name}:{line}",
                            fix="The first line must name each column once.", code="D08")  # fmt: skip
        for column, kind in columns.items():
            if column not in self._header and not kind.endswith("?"):
                _missing(column, self._header, f"{name}:{line}")
        for line, start, fields in records:
            if len(fields) != len(self._header):
                raise DataError(f"has {len(fields)} fields, the header has {len(self._header)}", where=f"{name}:{line}",
                                fix="Quote a field that holds the delimiter or a quote.", code="D08")  # fmt: skip
            self._values(fields, f"{name}:{line}")
            yield line, start
        if not self._lines:
            raise DataError("there is no row under the header", where=f"{name}:1", fix="Give a file with rows.",
                            code="D04")  # fmt: skip

    def _parse(self, data: bytes, index: int) -> dict[str, Any]:
        with _long_fields():
            fields = next(_reader(io.StringIO(data.decode("utf-8"), newline=""), self._delimiter))
        return self._values(fields, self.where(index))

    def _values(self, fields: Sequence[str], where: str) -> dict[str, Any]:
        """Return the fields of a record as the columns' kinds."""
        record = dict(zip(self._header, fields, strict=True))
        return {c: _csv_value(record.get(c, ""), c, kind, where) for c, kind in self._columns.items()}


class _CsvText:
    """The lines of a CSV file as text, ended by \\n, \\r or both; ``offset`` is the byte after the last one given.

    ``record`` are the lines given since it was last emptied.
    """

    def __init__(self, handle: io.BufferedIOBase, name: str) -> None:
        self._handle, self._name, self.offset, self.record = handle, name, 0, list[str]()

    def __iter__(self) -> Iterator[str]:
        for number, data in enumerate(self._handle, 1):
            text = decode(data, self._name, number)
            if "\0" in text:
                raise DataError("holds a NUL character", where=f"{self._name}:{number}",
                                fix="Save the file as UTF-8 text.", code="D08")  # fmt: skip
            self.offset += len(data) - len(text.encode()) if number == 1 else 0  # its byte order mark
            for line in io.StringIO(text, newline="") if "\r" in text else (text,):
                self.offset += len(line.encode())
                self.record.append(line)
                yield line


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    return csv.reader(lines, strict=True, delimiter=delimiter)


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Allow fields of any length: the module's limit of 131,072 characters is process-wide, and hides open quotes."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _csv_records(text: _CsvText, name: str, delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the line and the byte that each record starts at, and its fields; blank lines are passed over."""
    reader = _reader(text, delimiter)
    with _long_fields():
        while True:
            line, start = reader.line_num + 1, text.offset
            text.record.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                _csv_fault(text.record, name, delimiter, line, error)
            if fields:
                yield line, start, fields


def _csv_fault(record: Sequence[str], name: str, delimiter: str, line: int, error: csv.Error) -> NoReturn:
    """Raise for what the csv module refused in the record that starts in ``line``."""
    if "unexpected end of data" in str(error):
        opened = _open_quote(record, delimiter, line)
        raise DataError("a quote opened in this line is never closed", where=f"{name}:{opened}",
                        fix='Close it, or double a literal one ("").', code="D08")  # fmt: skip
    raise DataError(f"is not valid CSV: {error}", where=f"{name}:{line}",
                    fix='Quote the field and double a literal quote ("").', code="D08")  # fmt: skip


def _open_quote(record: Sequence[str], delimiter: str, line: int) -> int:
    """Return the line in which the quote that is never closed was opened, in the record that starts in ``line``."""
    inside, opened, before = False, line, delimiter
    for number, content in enumerate(record, line):
        for character in content:
            # A quote opens only at the start of a field; a doubled one closes and, seen again, opens at the same place.
            if character == '"' and not inside and before in (delimiter, "\n", "\r"):
                inside, opened = True, number
            elif character == '"' and inside:
                inside = False
            elif character == '"' and before == '"':
                inside = True
            before = character
    return opened


def _csv_value(text: str, column: str, kind: str, where: str) -> Any:
    """Turn a field into its kind: digits of a class into an integer, a number into a float, a JSON list into a list."""
    if kind.endswith("?"):
        return _csv_value(text, column, kind[:-1], where) if text else None
    if kind == "text":
        return text
    if kind == "class":
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else text
    if kind == "number":
        try:
            value = float(text) if "_" not in text else math.nan
        except ValueError:
            value = math.nan
        return value if math.isfinite(value) else _wrong(column, kind, f'"{text}"', where)
    if not text.lstrip().startswith("["):
        _wrong(column, kind, f'"{text}" (in CSV a list is written as JSON: ["B-PER", "O"])', where)
    value = _parse_json(text, f'{where} field "{column}"')
    return value if _fits(value, kind) else _wrong(column, kind, text, where)


# --- parquet --------------------------------------------------------------------------------------------------------


class _Parquet(Part):
    """A parquet file as an Arrow table; checked by types and counts, without a loop over the rows."""

    def __init__(self, handle: io.BufferedIOBase, name: str, columns: Mapping[str, str]) -> None:
        super().__init__(name, (), lambda index: f"{name} row {range(len(self))[index] + 1} (1-based)")
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(handle, page_checksum_verification=True)
            schema = file.schema_arrow
            found = {column: _top(schema, column, name, kind.endswith("?")) for column, kind in columns.items()}
            tops = {column: top for column, top in found.items() if top}
            self._absent = {column: None for column, top in found.items() if not top}
            self._table = _table(file, tops)
        except (DataError, DiskError):
            raise
        except Exception as error:  # a damaged byte comes out as any of a dozen exception types
            raise DataError(f"is not a readable parquet file ({visible(error, 120)})", where=name,
                            fix="It is damaged or cut off: get it again.", code="D06") from None  # fmt: skip
        for column in tops:
            _check_arrow(self._table.column(column), column, columns[column], self)
        self.class_names = _class_names(schema.metadata, tops)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        return {name: self._table.column(name)[index].as_py() for name in self._table.column_names} | self._absent

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._table.to_batches(max_chunksize=1000):
            yield from (row | self._absent for row in batch.to_pylist())

    def column(self, name: str) -> Iterator[Any]:
        if name in self._absent:
            return iter([None] * len(self))
        return itertools.chain.from_iterable(part.to_pylist() for part in self._table.column(name).chunks)


def parquet_texts(path: Path, column: str, *, name: str = "", batch_bytes: int = 1 << 20) -> Iterator[str]:
    """Yield the texts of one column of a parquet file, in order, with about ``batch_bytes`` of them in memory.

    The other columns are not read. Raise ``DataError`` for a column that is missing or not text, a missing value and
    a damaged file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, rows = name or str(path), 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, buffer_size=1 << 20) as file:
            tops = {column: _top(file.schema_arrow, column, name, False)}
            size = sum(_column_bytes(file.metadata.row_group(i), tops[column]) for i in range(file.num_row_groups))
            at_once = min(max(batch_bytes * file.metadata.num_rows // max(size, 1), 1), 10_000)
            for batch in file.iter_batches(at_once, columns=[tops[column]], use_threads=False):
                batch.validate(full=True)
                values = _flat(pa.table(batch), tops).column(column)
                if not _arrow_fits(values.type, "text"):
                    _wrong(column, "text", str(values.type), name)
                for value in values.to_pylist():
                    rows += 1
                    if value is None:
                        _wrong(column, "text", "null", f"{name} row {rows} (1-based)")
                    yield value
    except DataError:
        raise
    except Exception as error:  # a damaged byte comes out as any of a dozen exception types
        raise DataError(f"is not a readable parquet file ({visible(error, 120)})", where=name,
                        fix="It is damaged or cut off: get it again.", code="D06") from None  # fmt: skip


def _column_bytes(group: Any, top: str) -> int:
    """Return the unpacked size of a top column, with the columns inside it, in one row group."""
    columns = (group.column(i) for i in range(group.num_columns))
    return sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] == top)


def _table(file: Any, tops: Mapping[str, str]) -> Any:
    """Return the wanted columns of a parquet file, in memory or, where they are large, mapped from a temporary file."""
    wanted = sorted(set(tops.values()))
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    if sum(group.total_byte_size for group in groups) <= IN_MEMORY:
        table = file.read(columns=wanted)
        table.validate(full=True)
        return _flat(table, tops)
    import pyarrow as pa

    place, path = tempfile.mkstemp(prefix="t2t-", suffix=".arrow")
    try:
        with os.fdopen(place, "wb") as kept:
            writer = None
            for batch in file.iter_batches(columns=wanted):
                batch.validate(full=True)
                table = _flat(pa.table(batch), tops)
                writer = writer or pa.ipc.new_stream(kept, table.schema)
                writer.write_table(table)
            if writer:
                writer.close()
        return pa.ipc.open_stream(pa.memory_map(path)).read_all()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DiskError("there is no room to unpack it", where=path, fix="Let TMPDIR name a disk with room.") from None
    finally:
        os.unlink(path)


def _top(schema: Any, column: str, name: str, optional: bool) -> str:
    """Return the top column that is, or holds, ``column``; the empty string for an optional one that is not there."""
    import pyarrow as pa

    if column in schema.names:
        return column
    if "." in column and _leads(schema, column):
        return column.split(".")[0]
    nested = {
        f.name: [f.type.field(i).name for i in range(f.type.num_fields)] for f in schema if pa.types.is_struct(f.type)
    }
    tops = [top for top, fields in nested.items() if column in fields]
    if len(tops) != 1:
        if optional:
            return ""
        shown = [f"{n}.{{{','.join(nested[n])}}}" if n in nested else n for n in schema.names]
        _missing(column, shown, name)
    return str(tops[0])


def _leads(schema: Any, path: str) -> bool:
    """Whether a path leads through structs of the schema to a field."""
    import pyarrow as pa

    kept: Any = schema
    for name in path.split("."):
        if (kept is not schema and not pa.types.is_struct(kept)) or name not in kept.names:
            return False
        kept = kept.field(name).type
    return True


def _flat(table: Any, tops: Mapping[str, str]) -> Any:
    """Return a table of exactly the wanted columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = [
        table.column(top)
        if top == column
        else pc.struct_field(table.column(top), column.split(".")[1:] if "." in column else column)
        for column, top in tops.items()
    ]
    return pa.table(arrays, names=list(tops))


def _check_arrow(values: Any, column: str, kind: str, part: Part) -> None:
    """Raise where an Arrow column cannot hold the kind, or where a value of it does not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    optional, kind = kind.endswith("?"), kind.removesuffix("?")
    if optional and values.null_count == len(values):
        return
    if not _arrow_fits(values.type, kind) and len(part):
        _wrong(column, kind, str(values.type), part.name)
    bad = pc.is_nan(values) if optional and pa.types.is_floating(values.type) else pc.is_null(values, nan_is_null=True)
    if optional and not pa.types.is_floating(values.type):
        bad = pc.and_(bad, False)
    if kind == "number" and pa.types.is_floating(values.type):
        bad = pc.or_(bad, pc.is_inf(values))
    if kind == "tags" and pc.list_flatten(values).null_count:
        bad = pa.chunked_array([pa.array([row is None or None in row for row in values.to_pylist()])])
    first = pc.index(bad, True).as_py()
    if first >= 0:
        _wrong(column, kind, json.dumps(values[first].as_py(), default=str), part.where(first))


def _arrow_fits(kept: Any, kind: str) -> bool:
    """Tell whether values of an Arrow type can be of the kind."""
    from pyarrow import types

    if types.is_dictionary(kept):
        kept = kept.value_type
    text = types.is_string(kept) or types.is_large_string(kept) or types.is_string_view(kept)
    listed = types.is_list(kept) or types.is_large_list(kept) or types.is_fixed_size_list(kept)
    if kind == "text":
        return bool(text)
    if kind == "class":
        return bool(text or types.is_integer(kept))
    if kind == "number":
        return bool(types.is_integer(kept) or types.is_floating(kept))
    return bool(listed and (kind == "list" or _arrow_fits(kept.value_type, "class")))


def _class_names(metadata: Mapping[bytes, bytes] | None, tops: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes that the ``datasets`` library states in a parquet schema, where it does."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    names = {}
    for column, top in tops.items():
        feature = features.get(top) if isinstance(features, dict) else None
        if top != column and isinstance(feature, dict):
            feature = feature.get(column)
        while isinstance(feature, (dict, list)) and feature:  # a list of classes: {"feature": {...}} or [{...}]
            inner = feature[0] if isinstance(feature, list) else feature.get("feature")
            if inner is None:
                break
            feature = inner
        listed = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
            names[column] = tuple(listed)
    return names

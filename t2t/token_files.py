"""Corpora as files of token ids: made once, kept in the user's cache, mapped into memory.

Floor 3. A file is known by the corpus's content and the tokenizer, so that neither can change unnoticed. It is written
in stretches of text: memory stays bounded, and one that was killed goes on from the last stretch that was written.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from t2t import runs
from t2t.corpora import Corpus
from t2t.errors import DataError
from t2t.paths import cache_folder
from t2t.tokens import Tokens

__all__ = ["TokenFile", "tokenised"]

FORMAT = 1  # of the files: another number makes them anew
BATCH = 2_000_000  # characters of text that are encoded at a time
NOTE = "counts.json"  # beside a file of ids: how far it is
STRETCH = 16  # batches between two notes of how far the file is


@dataclass(slots=True)
class Counts:
    """What a file of ids holds so far; ``bytes`` are those of the text, in UTF-8."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0
    unknown: int = 0
    sha256: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The ids of a corpus, one document after the other. ``digest`` stands for content, tokenizer and separator.

    ``text`` stands for the content alone, ``tokenizer`` for the tokenizer alone.
    """

    path: Path
    digest: str
    text: str
    tokenizer: str
    counts: Counts
    dtype: np.dtype

    @property
    def ids(self) -> np.ndarray:
        """The ids (N), mapped from the file and never read whole."""
        return np.memmap(self.path, self.dtype, mode="r", shape=(self.counts.tokens,))


def tokenised(
    corpus: Corpus, tokens: Tokens, *, between: int | None = None, tick: Callable[[int], None] = lambda done: None
) -> TokenFile:
    """Return a corpus as a file of ids: the one in the cache, or a new one.

    ``between`` is an id that stands after each document; None: nothing does. ``tick`` is called with characters done.
    Where another process makes the same file, it is waited for. Raise ``DataError`` where the corpus has no text, and
    ``DiskError``.
    """
    text, tokenizer = corpus.digest(), tokens.digest
    digest = hashlib.sha256(json.dumps([FORMAT, text, tokenizer, between]).encode()).hexdigest()
    path = cache_folder() / "tokens" / digest[:32] / "ids.bin"
    dtype = np.dtype("uint16" if len(tokens.tokenizer) <= 2**16 else "uint32")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path.with_name(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            counts = _known(path, dtype)
            if not counts.whole:
                _write(corpus, tokens, between, path, counts, dtype, tick)
                if corpus.digest() != text:
                    path.with_name(NOTE).unlink()
                    raise DataError("has changed while it was read", where=corpus.name, fix="Run it again.", code="D19")
    except OSError as error:
        raise runs.disk_error(error, path.parent) from None
    if not counts.tokens:
        raise DataError("the corpus has no text", where=corpus.name, fix="Give another one.", code="D04")
    return TokenFile(path, digest, text, tokenizer, counts, dtype)


def _known(path: Path, dtype: np.dtype) -> Counts:
    """Return how far a file is; from the start where it is not what was noted of it."""
    try:
        counts = Counts(**json.loads(path.with_name(NOTE).read_text(encoding="utf-8")))
        with open(path, "rb") as handle:
            short = os.fstat(handle.fileno()).st_size < counts.tokens * dtype.itemsize
            other = counts.whole and hashlib.file_digest(handle, "sha256").hexdigest() != counts.sha256
    except (OSError, ValueError, TypeError):
        return Counts()
    return Counts() if short or other else counts


def _write(
    corpus: Corpus, tokens: Tokens, between: int | None, path: Path, counts: Counts, dtype: np.dtype,
    tick: Callable[[int], None],
) -> None:  # fmt: skip
    """Write what is left of a file; ``counts`` says how far it is, and is kept in step."""
    with open(path, "r+b" if counts.tokens else "w+b") as handle:
        handle.truncate(counts.tokens * dtype.itemsize)
        handle.seek(0, os.SEEK_END)
        documents = itertools.islice(corpus.documents(), counts.documents, None)
        for number, texts in enumerate(_batches(documents), 1):
            for text, ids in zip(texts, tokens.bare(texts), strict=True):
                ids = ids if between is None else np.append(ids, between)
                handle.write(ids.astype(dtype).tobytes())
                counts.documents += 1
                counts.tokens += len(ids)
                counts.bytes += len(text.encode("utf-8", "surrogatepass"))
                counts.unknown += int((ids == tokens.unk).sum())
            tick(sum(map(len, texts)))
            if number % STRETCH == 0:
                _note(handle, path, counts)
        handle.flush()
        handle.seek(0)
        counts.whole, counts.sha256 = True, hashlib.file_digest(handle, "sha256").hexdigest()
        _note(handle, path, counts)


def _note(handle: BinaryIO, path: Path, counts: Counts) -> None:
    """Make durable what was written, and note how far it is."""
    handle.flush()
    os.fsync(handle.fileno())
    runs.write_json(path.with_name(NOTE), asdict(counts))


def _batches(documents: Iterator[str]) -> Iterator[list[str]]:
    """Yield documents in lists of about `BATCH` characters."""
    batch: list[str] = []
    room = BATCH
    for text in documents:
        batch.append(text)
        room -= len(text)
        if room <= 0:
            yield batch
            batch, room = [], BATCH
    if batch:
        yield batch

"""Rows that stand twice: with the same text, or nearly the same, in a set and over sets, in bounded memory.

Floor 1. Two texts are the same if they are after NFKC, case folding and with any white space as one space; they are
compared by 64-bit hashes (two different texts out of a million pairs of millions are taken for one with a chance of
about 5e-8). Two rows are near if, column by column, the sets of five characters in a row that both have are at least
0.8 of those that either has (Jaccard), punctuation aside; in a column of fewer than 20 characters, where a letter may
turn the meaning, only the same words are near. Candidates come from MinHash and bands (Broder 1997, On the Resemblance
and Containment of Documents; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3): 80 hashes in 16
bands of 5 find a pair at 0.8 with 0.998. Every one is compared in full, so that no pair is near that is not.

Shapes: N rows, K hashes of a signature.

>>> near(("The film was a quiet, warm comedy.",), ("the film was a quiet warm comedy",))
True
>>> near(("A fine film.",), ("A fine firm.",))
False
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from t2t.types import Piece

__all__ = ["NEAR", "Index", "Overlap", "Stretch", "columns", "keys", "near", "repeats"]

NEAR = 0.8  # Jaccard of a column, from which it is near
SHORT = 20  # characters: a column below this is near only if its words are the same
_LENGTH = 5  # characters of a shingle
_BANDS, _ROWS = 16, 5
_SLACK = 0.15  # below NEAR, by the signatures: three standard deviations of the estimate
_CROWD = 64  # candidates of a row in a band at most: more share it where rows are made from one template
_TRIES = 100  # full comparisons of an indexed row with a set, at most
_PAIRS = 1 << 16  # candidates whose signatures are compared at a time
_SHOWN = 3  # pairs that are kept to be shown

_APART = re.compile(r"[\W_]+")
_MIX = np.uint64(0x9E3779B97F4A7C15)
_rng = np.random.Generator(np.random.Philox(key=[0x6D696E, 0x68617368]))
_FACTORS_K = _rng.integers(2**31, size=_BANDS * _ROWS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
_OFFSETS_K = _rng.integers(2**32, size=_BANDS * _ROWS, dtype=np.uint32)
_POWERS = _rng.integers(2**63, size=max(_LENGTH, _ROWS), dtype=np.uint64) * np.uint64(2) + np.uint64(1)


# -- texts -------------------------------------------------------------------------------------------------------------


def columns(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Return what each column of an input says, without the wording around it."""
    return tuple([piece.text for piece in pieces if piece.column is not None]) or ("",)


def _folded(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def keys(rows: Sequence[tuple[str, ...]], *, ordered: bool = True) -> np.ndarray:
    """Return a hash (N,) int64 of each row's columns: equal for the same texts, and only in this process.

    Without ``ordered`` it is equal for the same texts in whatever order, as columns stand under different prompts.
    """
    said = (map(_folded, row) for row in rows)
    return np.fromiter((hash("\x1f".join(row if ordered else sorted(row))) for row in said), np.int64, len(rows))


def _bare(text: str) -> str:
    """Return the words of a text with a space between them."""
    return _APART.sub(" ", _folded(text)).strip() or _folded(text)


def _shingles(text: str) -> set[str]:
    return {text[i : i + _LENGTH] for i in range(max(1, len(text) - _LENGTH + 1))}


def near(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether two rows are near each other in every column."""
    return len(one) == len(two) and all(map(_near, map(_bare, one), map(_bare, two)))


def _near(one: str, two: str) -> bool:
    if one == two or min(len(one), len(two)) < SHORT:
        return one == two
    a, b = _shingles(one), _shingles(two)
    return len(a & b) >= NEAR * len(a | b)


# -- signatures --------------------------------------------------------------------------------------------------------


def _signatures(rows: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Return the MinHash signatures (N, K) uint32 of rows; a shingle of one column is never that of another."""
    texts = [_bare(text).ljust(_LENGTH) for row in rows for text in row]
    counts = np.array([len(text) - _LENGTH + 1 for text in texts])
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    rolled = sum(codes[k : len(codes) - _LENGTH + 1 + k] * _POWERS[k] for k in range(_LENGTH))
    ends = np.cumsum(counts)
    place = np.arange(ends[-1]) + np.repeat(np.arange(len(texts)) * (_LENGTH - 1), counts)  # none over two texts
    column = np.array([i for row in rows for i in range(len(row))], np.uint64)
    mixed = (rolled[place] + np.repeat(column, counts)) * _MIX  # type: ignore[index]
    hashed = ((mixed ^ mixed >> np.uint64(29)) * _MIX >> np.uint64(32)).astype(np.uint32)
    firsts = np.cumsum([0, *map(len, rows[:-1])])
    starts = (ends - counts)[firsts]
    out = np.empty((len(rows), len(_FACTORS_K)), np.uint32)
    for k, (factor, offset) in enumerate(zip(_FACTORS_K, _OFFSETS_K, strict=True)):
        out[:, k] = np.minimum.reduceat(hashed * factor + offset, starts)
    return out


def _bands(signatures_NK: np.ndarray) -> np.ndarray:
    """Return a hash (bands, N) of each band of signatures."""
    parts = signatures_NK.reshape(len(signatures_NK), _BANDS, _ROWS).astype(np.uint64)
    return np.ascontiguousarray((parts * _POWERS[:_ROWS]).sum(2, dtype=np.uint64).T)


# -- sets --------------------------------------------------------------------------------------------------------------


@dataclass
class Stretch:
    """A few rows of a set: their columns, and what they are called."""

    rows: Sequence[tuple[str, ...]]
    uids: Sequence[str]

    @cached_property
    def keys(self) -> np.ndarray:
        """The hashes (N,) of the rows."""
        return keys(self.rows)

    @cached_property
    def signatures(self) -> np.ndarray:
        """The signatures (N, K) of the rows; made at first use."""
        return _signatures(self.rows)


class Index:
    """A set that others are compared with; of rows with the same text the first stands for all.

    ``row(i)`` is asked for the uid and the columns of a candidate. About 550 bytes of a row are kept.
    """

    def __init__(
        self, keys_N: np.ndarray, signatures_NK: np.ndarray, row: Callable[[int], tuple[str, tuple[str, ...]]]
    ) -> None:
        self.row = row
        self.keys, first, member = np.unique(keys_N, return_index=True, return_inverse=True)
        self.texts = np.argsort(np.argsort(first))  # of each key: texts go by their first row, as hashes change
        self.first, self.member = np.sort(first), self.texts[member]
        self.signatures = signatures_NK[self.first]
        bands = _bands(self.signatures)
        self._order = np.argsort(bands, axis=1, kind="stable").astype(np.int32)
        self._bands = np.take_along_axis(bands, self._order, axis=1)

    def candidates(self, signatures_NK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of places, among the signatures and among the texts here, that share a band."""
        pairs = []
        for band, held, order in zip(_bands(signatures_NK), self._bands, self._order, strict=True):
            low, high = np.searchsorted(held, band), np.searchsorted(held, band, side="right")
            counts = np.minimum(high - low, _CROWD)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            theirs = order[np.repeat(low, counts) + within]
            pairs.append(np.repeat(np.arange(len(counts)), counts) * len(self.keys) + theirs)
        mine, theirs = np.divmod(np.unique(np.concatenate(pairs)), len(self.keys))
        return mine, theirs


@dataclass
class Overlap:
    """What an indexed set has in common with another, whose stretches are added one after the other.

    ``pairs`` are the uids of some rows of the indexed set, each with one of the other that is the same or near.
    """

    index: Index
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        texts = len(self.index.keys)
        self._same, self._near = np.zeros(texts, bool), np.zeros(texts, bool)
        self._tries = np.zeros(texts, np.int32)

    @property
    def same(self) -> int:
        """How many rows of the indexed set are in the other."""
        return int(self._same[self.index.member].sum())

    @property
    def near(self) -> int:
        """How many more are near one of the other."""
        return int((self._near & ~self._same)[self.index.member].sum())

    def asdict(self, other: str) -> dict[str, Any]:
        """Return what was found, with the other set's name."""
        return {"with": other, "same": self.same, "near": self.near, "pairs": self.pairs}

    def add(self, some: Stretch) -> None:
        """Compare a stretch of the other set."""
        index = self.index
        place = np.minimum(np.searchsorted(index.keys, some.keys), len(index.keys) - 1)
        for i in np.flatnonzero(index.keys[place] == some.keys).tolist():
            j = int(index.texts[place[i]])
            if not self._same[j]:
                self._same[j] = True
                self._show(some.uids[i], j)
        mine, theirs = index.candidates(some.signatures)
        for start in range(0, len(mine), _PAIRS):
            part = slice(start, start + _PAIRS)
            self._compare(some, mine[part], theirs[part])

    def _compare(self, some: Stretch, mine: np.ndarray, theirs: np.ndarray) -> None:
        open_ = ~(self._same | self._near)[theirs] & (self._tries[theirs] < _TRIES)
        mine, theirs = mine[open_], theirs[open_]
        alike = (some.signatures[mine] == self.index.signatures[theirs]).mean(1)
        for at in np.flatnonzero(alike >= NEAR - _SLACK).tolist():
            i, j = int(mine[at]), int(theirs[at])
            if self._near[j] or self._tries[j] >= _TRIES:
                continue
            self._tries[j] += 1
            if near(some.rows[i], self.index.row(int(self.index.first[j]))[1]):
                self._near[j] = True
                self._show(some.uids[i], j)

    def _show(self, uid: str, j: int) -> None:
        if len(self.pairs) < _SHOWN:
            self.pairs.append((self.index.row(int(self.index.first[j]))[0], uid))


def repeats(keys_N: np.ndarray, answers_N: np.ndarray) -> tuple[int, int, tuple[int, int] | None]:
    """Return how many rows repeat an earlier one, how many rows have a text that is answered in several ways, and two
    of these. An answer of 0 is none.

    >>> repeats(np.array([7, 8, 7, 8, 8]), np.array([1, 2, 1, 2, 3]))
    (3, 3, (1, 4))
    """
    _, member = np.unique(keys_N, return_inverse=True)
    repeated = len(keys_N) - (int(member.max()) + 1 if len(member) else 0)
    rows = np.flatnonzero(answers_N)
    rows = rows[np.lexsort((answers_N[rows], member[rows]))]
    of, said = member[rows], answers_N[rows]
    torn = rows[np.isin(of, of[1:][(of[1:] == of[:-1]) & (said[1:] != said[:-1])])]
    if not len(torn):
        return repeated, 0, None
    one = int(torn.min())
    others = torn[(member[torn] == member[one]) & (answers_N[torn] != answers_N[one])]
    return repeated, len(torn), (one, int(others.min()))

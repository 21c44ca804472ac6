"""Demonstrations: which rows are shown before an input, and never that row or one all but equal to it.

Floor 2. ``random`` draws rows; ``balanced`` draws as many of each class, as far as the number goes, in a drawn order
(the last class shown is answered too often: Zhao et al. 2021, Calibrate Before Use); ``nearest`` takes the rows most
like the input by BM25, the nearest last, beside the input (retrieved shots: Liu et al. 2022, What Makes Good In-Context
Examples for GPT-3?). Two texts are all but equal if they have the same words, or if the word trigrams they share are at
least 0.8 of those that either has.

>>> texts = ["a dull film", "a fine film", "A fine film!", "the play was fine", "no plot at all"]
>>> pool = Pool(len(texts), texts.__getitem__, classes=(0, 1, 1, 1, 0))
>>> [texts[i] for i in choose("nearest", "what a fine film", pool, 2, drawing(seed=1, place=0))]
['a dull film', 'a fine film']
>>> choose("nearest", "a fine film", pool, 4, drawing(seed=1, place=0))
Traceback (most recent call last):
...
t2t.errors.UsageError: there are 3 rows to show that are not all but equal to the input or each other, not 4. ...
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from t2t.errors import UsageError, did_you_mean, visible

__all__ = ["ALIKE", "KINDS", "Bm25", "Pool", "Seen", "choose", "drawing", "near", "words"]

ALIKE = 0.8  # share of common word trigrams from which two texts are all but equal
_K1, _B = 1.5, 0.75  # the usual ones (Robertson and Zaragoza 2009, section 3.5)
_EAST = "\u3040-\u30ff\u3400-\u9fff"  # kana and Chinese characters: no spaces between words, so each counts as one
_WORD = re.compile(rf"[{_EAST}]|[^\W{_EAST}]+")


def words(text: str) -> list[str]:
    """Return the words of a text, without case and punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the word trigrams of a text; of one with fewer words all its words as one, or else its characters."""
    said = words(text) or [unicodedata.normalize("NFKC", text).casefold().strip()]
    return frozenset(tuple(said[i : i + 3]) for i in range(max(1, len(said) - 2)))


def near(one: str, two: str) -> bool:
    """Whether two texts are all but equal.

    >>> near("It rained.", "it  rained"), near("It rained.", "It rains.")
    (True, False)
    """
    return _alike(_shingles(one), _shingles(two))


def _alike(one: frozenset[tuple[str, ...]], two: frozenset[tuple[str, ...]]) -> bool:
    return len(one & two) >= ALIKE * len(one | two)


class Seen:
    """Texts that were seen, and whether another is all but equal to one of them (`near`), without looking at them all.

    >>> seen = Seen(["It rained all day."])
    >>> seen.has("it rained  all day"), seen.has("It rained all night.")
    (True, False)
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: list[frozenset[tuple[str, ...]]] = []
        self._holding: dict[tuple[str, ...], list[int]] = {}  # the texts that hold a shingle
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Remember a text."""
        own = _shingles(text)
        for shingle in own:
            self._holding.setdefault(shingle, []).append(len(self._texts))
        self._texts.append(own)

    def has(self, text: str) -> bool:
        """Whether a text is all but equal to one that was seen."""
        own = _shingles(text)
        some = {i for shingle in own for i in self._holding.get(shingle, ())}
        return any(_alike(own, self._texts[i]) for i in some)


class Bm25:
    """Texts indexed by their words, to be scored against a query (Okapi BM25 with Lucene's idf, never negative).

    Every word's share in every text is computed once (Lù 2024, BM25S): a query adds up a few arrays.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._place: dict[str, int] = {}
        rows = [[self._place.setdefault(word, len(self._place)) for word in words(text)] for text in texts]
        self.size, lengths = len(rows), np.array([len(row) for row in rows], np.int64)
        word = np.fromiter(itertools.chain.from_iterable(rows), np.int64, int(lengths.sum()))
        pairs, counts = np.unique(
            word * max(self.size, 1) + np.repeat(np.arange(self.size), lengths), return_counts=True
        )
        word, self._texts = np.divmod(pairs, max(self.size, 1))
        spread = np.bincount(word, minlength=len(self._place))
        self._starts = np.concatenate([[0], np.cumsum(spread)])
        idf = np.log1p((self.size - spread + 0.5) / (spread + 0.5))
        usual = max(1.0, float(lengths.mean())) if self.size else 1.0
        damped = counts + _K1 * (1 - _B + _B * lengths[self._texts] / usual)
        self._weights = (idf[word] * counts * (_K1 + 1) / damped).astype(np.float32)

    def scores(self, text: str) -> np.ndarray:
        """Return the score (N,) of every text for a query."""
        out = np.zeros(self.size, np.float32)
        for word, times in Counter(words(text)).items():
            if (place := self._place.get(word)) is not None:
                part = slice(self._starts[place], self._starts[place + 1])
                out[self._texts[part]] += times * self._weights[part]
        return out


@dataclass
class Pool:
    """Rows that may be shown: how many, the text of each and, where answers are classes, the class of each.

    ``text(i)`` is what the columns of a row say, without the prompt's wording (which is the same in every row and would
    make all of them alike) and without the answer. It is asked for when it is needed: of all rows only for ``nearest``.
    """

    size: int
    text: Callable[[int], str]
    classes: Sequence[Hashable] | None = None

    @cached_property
    def index(self) -> Bm25:
        """Every text by its words; made at first use."""
        return Bm25([self.text(i) for i in range(self.size)])

    @cached_property
    def members(self) -> list[np.ndarray]:
        """The rows of each class, in the classes' order of first appearance."""
        found: dict[Hashable, list[int]] = {}
        for i, one in enumerate(self.classes or ()):
            found.setdefault(one, []).append(i)
        return [np.array(rows) for rows in found.values()]


def drawing(seed: int, place: int) -> np.random.Generator:
    """Return the random numbers for one input: the same for a seed and a place, whatever was drawn before."""
    return np.random.Generator(np.random.Philox(key=[seed, 0x73686F74], counter=[0, place, 0, 0]))


def _random(pool: Pool, asked: str, rng: np.random.Generator, fits: Callable[[int], bool]) -> Iterator[int]:
    return filter(fits, rng.permutation(pool.size).tolist())


def _balanced(pool: Pool, asked: str, rng: np.random.Generator, fits: Callable[[int], bool]) -> Iterator[int]:
    """Yield a row of each class in turn; the order of the classes is drawn, and one that runs out is passed over."""
    if pool.classes is None:
        raise UsageError("balanced shots need a task with choices", fix="Take random or nearest ones.")
    order = rng.permutation(len(pool.members))
    queues = [filter(fits, rng.permutation(pool.members[i]).tolist()) for i in order]
    while queues:
        for queue in list(queues):
            row = next(queue, None)
            if row is None:
                queues.remove(queue)
            else:
                yield row


def _nearest(pool: Pool, asked: str, rng: np.random.Generator, fits: Callable[[int], bool]) -> Iterator[int]:
    return filter(fits, np.argsort(-pool.index.scores(asked), kind="stable").tolist())


KINDS: dict[str, Callable[[Pool, str, np.random.Generator, Callable[[int], bool]], Iterator[int]]] = {
    "random": _random,
    "balanced": _balanced,
    "nearest": _nearest,
}


def choose(kind: str, asked: str, pool: Pool, shots: int, rng: np.random.Generator, *, where: str = "") -> list[int]:
    """Return the rows of ``pool`` to show before the input whose columns say ``asked``, in the order to show them.

    None is all but equal to the input or to another that is shown. Raise ``UsageError`` (naming ``where``, the task) if
    there are too few.
    """
    if kind not in KINDS:
        raise UsageError(f'there are no "{visible(kind)}" shots', fix=f"{', '.join(KINDS)}.{did_you_mean(kind, KINDS)}")
    seen = [_shingles(asked)]

    def fits(row: int) -> bool:
        own = _shingles(pool.text(row))
        if any(_alike(own, other) for other in seen):
            return False
        seen.append(own)
        return True

    found = list(itertools.islice(KINDS[kind](pool, asked, rng, fits), shots))
    if len(found) < shots:
        raise UsageError(
            f"there are {len(found)} rows to show that are not all but equal to the input or each other, not {shots}",
            where=where, fix="Lower --shots.",
        )  # fmt: skip
    if kind == "balanced":
        return rng.permutation(found).tolist()
    return found[::-1] if kind == "nearest" else found

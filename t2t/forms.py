"""Forms: what the input and the target of a pretraining objective say of a text and its noise, and the way back.

Floor 1, on numpy alone, for all rows of a batch at once; only the rows that come out are arrays of their own. The
forms are those of T5's code (Raffel et al. 2020, section 3.3).

Shapes: B rows, L tokens of text each, N noise tokens and S noise spans in all rows together.

>>> vocabulary = Vocabulary(sentinels=np.array([99, 98]), eos=1, words=np.arange(2, 98))
>>> text = Text(np.array([[5, 6, 7, 8]]), np.array([[False, True, True, False]]), Draws(np.zeros(1)), vocabulary)
>>> FOLDED.write(text)[0].tolist(), SPELLED.write(text)[0].tolist()
([5, 99, 8, 1], [99, 6, 7, 1])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

import numpy as np

from t2t.draws import Draws
from t2t.errors import UsageError
from t2t.noise import MODES

__all__ = [
    "ALL",
    "FOLDED",
    "MASKED",
    "NOISE",
    "RANDOMISED",
    "SHUFFLED",
    "SPELLED",
    "WITHOUT",
    "Form",
    "Text",
    "Vocabulary",
    "filled",
    "filled_behind_mode",
    "joined",
    "said",
]

Rows = list[np.ndarray]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The ids that objectives write: sentinels ``<extra_id_0>``, ``<extra_id_1>`` … in order, and the end of a row.

    ``words`` are those that may stand as random tokens. ``modes`` are the ids of UL2's tokens "R", "S" and "X"; they
    are written where all three are there.
    """

    sentinels: np.ndarray
    eos: int
    words: np.ndarray
    modes: Mapping[str, int] = field(default_factory=dict)

    def moded(self) -> bool:
        """Return whether there is a token for each of UL2's modes."""
        return all(mode in self.modes for mode in MODES)


@dataclass(frozen=True)
class Text:
    """A batch of texts (B, L) with their noise; ``front`` (B,) are ids to put before the inputs."""

    tokens: np.ndarray
    mask: np.ndarray
    draws: Draws
    vocabulary: Vocabulary
    front: np.ndarray | None = None

    @cached_property
    def noise_N(self) -> np.ndarray:
        """Where the noise tokens are, counted through all rows."""
        return np.flatnonzero(self.mask)

    @cached_property
    def row_N(self) -> np.ndarray:
        """The row of each noise token."""
        return self.noise_N // max(self.tokens.shape[1], 1)

    @cached_property
    def noise_B(self) -> np.ndarray:
        """How many noise tokens each row has."""
        return np.bincount(self.row_N, minlength=len(self.tokens))

    @cached_property
    def begin_S(self) -> np.ndarray:
        """Which of the noise tokens begin a span, counted through all; one goes no further than its row."""
        begins_N = np.ones(len(self.noise_N), bool)
        np.not_equal(np.diff(self.noise_N), 1, out=begins_N[1:])
        begins_N[1:] |= self.row_N[1:] != self.row_N[:-1]
        return np.flatnonzero(begins_N)

    @cached_property
    def spans_B(self) -> np.ndarray:
        """How many spans each row has."""
        return np.bincount(self.row_N[self.begin_S], minlength=len(self.tokens))

    @cached_property
    def sentinels_S(self) -> np.ndarray:
        """The sentinel of each span of all rows: consecutive ones, by noise span, from the row's first on."""
        first_B, ids = _firsts(self.tokens, self.spans_B, self.vocabulary.sentinels), self.vocabulary.sentinels
        before_B = np.cumsum(self.spans_B) - self.spans_B
        return ids[np.arange(self.spans_B.sum()) + np.repeat(first_B - before_B, self.spans_B)]


def _firsts(tokens: np.ndarray, spans_B: np.ndarray, sentinels: np.ndarray) -> np.ndarray:
    """Return which sentinel (B,) each row begins with: 0, unless sentinels stand in its text.

    It is the first after which neither those that its spans take nor the next one stand in the text. So the sentinels
    of a row are told from those of its text, as a run that ends before one that is not there.
    """
    most, first_B = int(spans_B.max(initial=0)), np.zeros(len(tokens), np.int64)
    if most > len(sentinels):
        raise _too_few(most, len(sentinels))
    if not most:
        return first_B
    least, greatest = sentinels.min(), sentinels.max()
    if tokens.max() < least or tokens.min() > greatest:
        return first_B
    near = (tokens >= least) & (tokens <= greatest)
    row_M, order = np.nonzero(near)[0], np.argsort(sentinels)
    near_M = tokens[near]
    place_M = np.searchsorted(sentinels, near_M, sorter=order)  # not past the end: none is over the greatest
    stands_M = sentinels[order[place_M]] == near_M
    rows, some_M = np.unique(row_M[stands_M], return_inverse=True)
    before = np.zeros((len(rows), len(sentinels) + 2), np.int64)  # how many of the first i sentinels stand in the text
    before[some_M, order[place_M[stands_M]] + 1] = 1
    before.cumsum(axis=1, out=before)
    start = np.arange(len(sentinels) + 1)
    end = start + spans_B[rows, None] + 1
    fits = np.take_along_axis(before, np.minimum(end, before.shape[1] - 1), axis=1) == before[:, :-1]
    fits &= end < before.shape[1]
    if not fits.any(axis=1).all():
        raise _too_few(most, len(sentinels), " and some of them stand in the text")
    first_B[rows] = fits.argmax(axis=1)
    return first_B


def _too_few(spans: int, sentinels: int, why: str = "") -> UsageError:
    return UsageError(
        f"{spans} noise spans need as many sentinels, the vocabulary has {sentinels}{why}",
        fix="Shorten the texts or lengthen the spans.",
        code="C01",
    )


def _whole(text: Text, ids_BL: np.ndarray) -> Rows:
    """Return whole rows, each with the end behind it."""
    return list(_ended(text, ids_BL))


def _kept(text: Text, keep_BL: np.ndarray) -> Rows:
    """Return the tokens that are kept of each row, and the end."""
    keep = _ended(text, keep_BL)
    return _parted(_ended(text, text.tokens)[keep], np.count_nonzero(keep, axis=1))


def _ended(text: Text, what_BL: np.ndarray) -> np.ndarray:
    """Return ids, or which of them to keep, with the end behind each row."""
    out = np.empty((what_BL.shape[0], what_BL.shape[1] + 1), what_BL.dtype)
    out[:, :-1], out[:, -1] = what_BL, text.vocabulary.eos if what_BL.dtype != bool else True
    return out


def _parted(flat: np.ndarray, lengths_B: np.ndarray) -> Rows:
    ends = np.cumsum(lengths_B).tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _text(text: Text) -> Rows:
    return _whole(text, text.tokens)


def _without_noise(text: Text) -> Rows:
    return _kept(text, ~text.mask)


def _noise(text: Text) -> Rows:
    return _kept(text, text.mask)


def _folded(text: Text) -> Rows:
    """A sentinel in place of each noise span."""
    rows, length = text.tokens.shape
    lead = int(text.front is not None)
    ids, keep = np.empty((rows, lead + length + 1), np.int32), np.ones((rows, lead + length + 1), bool)
    ids[:, lead:-1], ids[:, -1] = text.tokens, text.vocabulary.eos
    if text.front is not None:
        ids[:, 0] = text.front
    np.logical_not(text.mask, out=keep[:, lead:-1])
    at_S = text.noise_N[text.begin_S] + text.row_N[text.begin_S] * (lead + 1) + lead
    ids.reshape(-1)[at_S] = text.sentinels_S
    keep.reshape(-1)[at_S] = True
    return _parted(ids[keep], lead + length + 1 - text.noise_B + text.spans_B)


def _spelled(text: Text) -> Rows:
    """Each noise span after its sentinel; no sentinel at the end."""
    lengths_B = text.noise_B + text.spans_B + 1
    at_N = np.ones(len(text.noise_N), np.int64)
    at_N[text.begin_S] = 2
    np.cumsum(at_N, out=at_N)
    at_N += text.row_N - 1  # an end for each row before
    flat = np.full(lengths_B.sum(), text.vocabulary.eos, np.int32)
    flat[at_N] = text.tokens.reshape(-1)[text.noise_N]
    flat[at_N[text.begin_S] - 1] = text.sentinels_S
    return _parted(flat, lengths_B)


def _masked(text: Text) -> Rows:
    """The same sentinel in place of each noise token."""
    return _whole(text, np.where(text.mask, _mask_id(text), text.tokens))


def _masked_or_random(text: Text) -> Rows:
    """A random token in place of a tenth of the noise tokens, the same sentinel in place of the others."""
    words, length = text.vocabulary.words, text.tokens.shape[1]
    if not len(words):
        raise UsageError("the vocabulary has no words to take random tokens from", code="C01")
    random_BL = text.draws.random(length) < RANDOM
    words_BL = words[(text.draws.random(length) * len(words)).astype(np.int64)]
    noise_BL = np.where(random_BL, words_BL, _mask_id(text))
    return _whole(text, np.where(text.mask, noise_BL, text.tokens).astype(np.int32))


def _mask_id(text: Text) -> int:
    if not len(text.vocabulary.sentinels):
        raise _too_few(1, 0)
    return int(text.vocabulary.sentinels[0])


def _shuffled(text: Text) -> Rows:
    order_BL = np.argsort(text.draws.random(text.tokens.shape[1]), axis=1)
    return _whole(text, np.take_along_axis(text.tokens, order_BL, axis=1))


RANDOM = 0.1  # of the noise tokens under `bert`


@dataclass(frozen=True, slots=True)
class Form:
    """What an input or a target says: ``write`` makes the rows.

    ``tokens`` is how many there are of (tokens of text, noise tokens, noise spans), without the end.
    """

    write: Callable[[Text], Rows]
    tokens: Callable[[Any, Any, Any], Any]


ALL = Form(_text, lambda raw, noise, spans: raw)
WITHOUT = Form(_without_noise, lambda raw, noise, spans: raw - noise)
NOISE = Form(_noise, lambda raw, noise, spans: noise)
FOLDED = Form(_folded, lambda raw, noise, spans: raw - noise + spans)
SPELLED = Form(_spelled, lambda raw, noise, spans: noise + spans)
MASKED = Form(_masked, lambda raw, noise, spans: raw)
RANDOMISED = Form(_masked_or_random, lambda raw, noise, spans: raw)
SHUFFLED = Form(_shuffled, lambda raw, noise, spans: raw)


# -- the way back -----------------------------------------------------------------------------------------------------


def joined(inputs: list[int], targets: list[int], vocabulary: Vocabulary) -> list[int]:
    """Return the input, and behind it the target."""
    return inputs + targets


def said(inputs: list[int], targets: list[int], vocabulary: Vocabulary) -> list[int]:
    """Return the target, which is the text."""
    return targets


def filled(inputs: list[int], targets: list[int], vocabulary: Vocabulary) -> list[int]:
    """Put each span in the place of its sentinel: those from the target's first on, until one that is nowhere."""
    sentinels, seen = vocabulary.sentinels.tolist(), {*inputs, *targets}
    spans: dict[int, list[int]] = {}
    if targets and targets[0] in sentinels:
        run = takewhile(seen.__contains__, sentinels[sentinels.index(targets[0]) :])
        spans = {sentinel: [] for sentinel in run}
        current: list[int] = []
        for token in targets:
            if token in spans:
                current = spans[token]
            else:
                current.append(token)
    return [token for given in inputs for token in spans.get(given, [given])]


def filled_behind_mode(inputs: list[int], targets: list[int], vocabulary: Vocabulary) -> list[int]:
    """Do the same behind UL2's mode token, where the vocabulary has them."""
    return filled(inputs[1:] if vocabulary.moded() else inputs, targets, vocabulary)

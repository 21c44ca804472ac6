"""Noise masks: which tokens of a text a pretraining objective hides, and how many.

Floor 1, on numpy alone, for all rows of a batch at once. The masks are T5's (Raffel et al. 2020, section 3.3, and its
code) and UL2's (Tay et al. 2022, section 3.1).

Shapes: B rows, L tokens each.

>>> draws = Draws(np.arange(2))
>>> spans_mask(draws, 10).astype(int).tolist()
[[0, 0, 0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]]
>>> span_lengths(568)
(85, 28)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from t2t.draws import Draws
from t2t.errors import UsageError

__all__ = [
    "DENOISERS",
    "IID",
    "MIXTURE",
    "MODES",
    "REST",
    "ROLLED",
    "SPANS",
    "WHOLE",
    "Mask",
    "check_density",
    "check_span",
    "span_lengths",
    "spans_mask",
]

Amount = tuple[float, float]  # noise tokens, noise spans
Noise = tuple[np.ndarray, np.ndarray | None]  # the mask (B, L); each row's mode as a place in MODES


def span_lengths(length: int, density: float = 0.15, mean_span: float = 3.0) -> tuple[int, int]:
    """Return the number of noise tokens and of noise spans in a text of ``length`` tokens, as T5's code has it.

    Both are at least 1; there are never more spans than tokens of text between them (T5's code fails there).
    """
    check_density(density)
    check_span(mean_span)
    length = max(length, 2)
    noise = min(max(round(length * density), 1), length - 1)
    return noise, min(max(round(noise / mean_span), 1), length - noise)


def check_density(density: float) -> float:
    """Return it. Raise ``UsageError`` unless there is some noise and some text."""
    if not 0 < density < 1:
        raise UsageError(
            f"a noise density of {density} cannot be", fix="It is more than 0 and less than 1.", code="C01"
        )
    return density


def check_span(mean_span: float) -> float:
    """Return it. Raise ``UsageError`` unless a span has a token on average."""
    if not 1 <= mean_span < math.inf:
        raise UsageError(f"noise spans of {mean_span} tokens cannot be", fix="The mean is at least 1.", code="C01")
    return mean_span


def _cuts(items: int, parts: int, draws: Draws) -> np.ndarray:
    """Cut ``items`` into ``parts`` positive lengths, uniform over compositions; return where (B, parts - 1), in order.

    That is any set of parts - 1 of items - 1 places. Where it has few of many, places are drawn with replacement, and
    the first different ones are taken; the rare row that has not enough of them is drawn again as where it has many.
    """
    wanted, places = parts - 1, items - 1
    if not wanted:
        return np.empty((len(draws), 0), np.int64)
    again = -places * math.log1p(-wanted / places) - wanted if wanted < places else places  # draws of a place twice
    columns = wanted + math.ceil(again + 6 * math.sqrt(again)) + 4
    return _few(places, wanted, columns, draws) if 3 * columns < places else _many(places, wanted, draws)


def _many(places: int, wanted: int, draws: Draws) -> np.ndarray:
    """Take the places with the least of random numbers, each of which carries its place in its last bits."""
    last = np.uint64((1 << places.bit_length()) - 1)
    drawn = draws.bits(places) & ~last | np.arange(1, places + 1, dtype=np.uint64)
    if wanted < places:
        drawn.partition(wanted - 1, axis=1)
    cuts = (drawn[:, :wanted] & last).astype(np.int64)
    cuts.sort(axis=1)
    return cuts


def _few(places: int, wanted: int, columns: int, draws: Draws) -> np.ndarray:
    """Take the first different ones of ``columns`` places, which carry their columns in their last bits."""
    width = np.uint64(columns.bit_length())
    drawn = draws.bits(columns) >> np.uint64(32)
    drawn *= np.uint64(places)
    drawn >>= np.uint64(32)
    drawn <<= width
    drawn |= np.arange(columns, dtype=np.uint64)
    drawn.sort(axis=1)
    found = (drawn >> width).astype(np.int64)
    column = (drawn & ((np.uint64(1) << width) - np.uint64(1))).astype(np.int64)
    column[:, 1:][found[:, 1:] == found[:, :-1]] = columns
    latest = np.partition(column, wanted - 1, axis=1)[:, wanted - 1]
    taken, short = column <= latest[:, None], np.flatnonzero(latest == columns)
    taken[short] = np.arange(columns) < wanted
    cuts = found[taken].reshape(len(found), wanted) + 1
    if len(short):
        cuts[short] = _many(places, wanted, draws.rows(short))
    return cuts


def spans_mask(draws: Draws, length: int, density: float = 0.15, mean_span: float = 3.0) -> np.ndarray:
    """Return a mask (B, length), True where noise: T5's ``random_spans_noise_mask``.

    It starts with text and ends with noise: position 0 is never noise, the last token always is, and a short text
    only ever hides its end (of 10 tokens, the last two). Join texts into long stretches, or roll the mask.
    """
    rows = len(draws)
    if length < 2:
        return np.zeros((rows, length), bool)
    noise, spans = span_lengths(length, density, mean_span)
    text, hidden = np.empty((rows, spans), np.int64), np.empty((rows, spans), np.int64)  # up to the end of each span
    text[:, :-1], text[:, -1] = _cuts(length - noise, spans, draws), length - noise
    hidden[:, :-1], hidden[:, -1] = _cuts(noise, spans, draws), noise
    text += np.arange(rows)[:, None] * (length - noise)
    flat = np.zeros(rows * length, bool)
    flat[np.repeat(text.reshape(-1), np.diff(hidden, axis=1, prepend=0).reshape(-1)) + np.arange(rows * noise)] = True
    return flat.reshape(rows, length)


def _spans(length: int, density: float, mean_span: float, draws: Draws) -> Noise:
    return spans_mask(draws, length, density, mean_span), None


def _rolled(length: int, density: float, mean_span: float, draws: Draws) -> Noise:
    """Roll T5's mask by any number of tokens (its ``random_roll``): every token is noise equally often."""
    mask_BL, length = spans_mask(draws, length, density, mean_span), max(length, 1)
    from_B1 = draws.integers(0, length)[:, None]
    return np.take_along_axis(mask_BL, (np.arange(mask_BL.shape[1]) + from_B1) % length, axis=1), None


def _iid(length: int, density: float, mean_span: float, draws: Draws) -> Noise:
    return draws.random(length) < density, None


def _rest(length: int, density: float, mean_span: float, draws: Draws) -> Noise:
    """All after a prefix, which has 1 to length - 1 tokens, each as likely; none of a text of one token."""
    return np.arange(length) >= draws.integers(1, max(length, 2))[:, None], None


def _whole(length: int, density: float, mean_span: float, draws: Draws) -> Noise:
    return np.ones((len(draws), length), bool), None


MODES = ("R", "S", "X")
# UL2's denoisers: mode (by number), weight, noise density, mean span. A span of 0 stands for one at the end.
DENOISERS = (
    (0, 0.165, 0.15, 3.0),
    (0, 0.165, 0.15, 8.0),
    (1, 0.34, 0.25, 0.0),
    (2, 0.0825, 0.5, 3.0),
    (2, 0.0825, 0.5, 8.0),
    (2, 0.0825, 0.15, 64.0),
    (2, 0.0825, 0.5, 64.0),
)


def _denoiser_lengths(length: int, density: float, mean_span: float) -> tuple[int, int]:
    return span_lengths(length, density, mean_span or length) if length > 1 else (0, 0)


def _denoisers(length: int, density: float, mean_span: float, draws: Draws) -> Noise:
    """One of UL2's denoisers, which each row draws for itself by their weights."""
    edges = np.cumsum([weight for _, weight, _, _ in DENOISERS])[:-1]
    which_B = np.searchsorted(edges, draws.random(1)[:, 0], side="right")
    mask_BL = np.zeros((len(draws), length), bool)
    for i, (_, _, share, mean) in enumerate(DENOISERS):
        rows = np.flatnonzero(which_B == i)
        if mean:
            mask_BL[rows] = spans_mask(draws.rows(rows), length, share, mean)
        else:
            mask_BL[rows] = np.arange(length) >= length - _denoiser_lengths(length, share, mean)[0]
    return mask_BL, np.array([mode for mode, *_ in DENOISERS])[which_B]


# -- how much noise there is: (tokens, spans) -------------------------------------------------------------------------


def _planned_spans(raw: int, density: float, mean_span: float) -> Amount:
    return span_lengths(raw, density, mean_span) if raw > 1 else (0, 0)


def _planned_rolled(raw: int, density: float, mean_span: float) -> Amount:
    """A roll that begins inside a span of noise parts it in two."""
    noise, spans = _planned_spans(raw, density, mean_span)
    return noise, spans + (noise - spans) / max(raw, 1)


def _least_rolled(raw: int, density: float, mean_span: float) -> Amount:
    noise, spans = _planned_spans(raw, density, mean_span)
    return noise, spans + (noise > spans)


def _planned_iid(raw: int, density: float, mean_span: float) -> Amount:
    return raw * density, density * (1 + (raw - 1) * (1 - density)) if raw else 0


def _planned_mixture(raw: int, density: float, mean_span: float) -> Amount:
    found = [(weight, _denoiser_lengths(raw, *rest)) for _, weight, *rest in DENOISERS]
    return sum(weight * noise for weight, (noise, _) in found), sum(weight * spans for weight, (_, spans) in found)


def _least_mixture(raw: int, density: float, mean_span: float) -> Amount:
    return min((_denoiser_lengths(raw, *rest) for _, _, *rest in DENOISERS), key=lambda both: both[0] - both[1])


@dataclass(frozen=True, slots=True)
class Mask:
    """A noise mask: ``draw`` makes it for rows of L tokens.

    ``planned`` is the expected number of (noise tokens, noise spans) in a text, ``least`` the one that leaves most of
    the input.
    """

    draw: Callable[[int, float, float, Draws], Noise]
    planned: Callable[[int, float, float], Amount]
    least: Callable[[int, float, float], Amount]


SPANS = Mask(_spans, _planned_spans, _planned_spans)
ROLLED = Mask(_rolled, _planned_rolled, _least_rolled)
IID = Mask(_iid, _planned_iid, lambda raw, *_: (0, 0))
REST = Mask(_rest, lambda raw, *_: (raw / 2, 1) if raw > 1 else (0, 0), lambda raw, *_: (int(raw > 1),) * 2)
WHOLE = Mask(_whole, lambda raw, *_: (raw, 1), lambda raw, *_: (raw, 1))
MIXTURE = Mask(_denoisers, _planned_mixture, _least_mixture)

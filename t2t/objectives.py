"""Pretraining objectives: what is hidden in a text, and how the input and the target say so.

Floor 1. Works on token ids, vectorised over a batch, on numpy alone. Span corruption is T5's (Raffel et al. 2020,
section 3.1.4): noise spans become sentinels in the input, everything else becomes sentinels in the target.

>>> rng = np.random.default_rng(0)
>>> tokens_BL = np.arange(10, 30)[None]
>>> corrupted = span_corruption(tokens_BL, rng, sentinels=[99, 98, 97], eos=1)
>>> restored = restore(corrupted.inputs[0], corrupted.targets[0], sentinels=[99, 98, 97], eos=1)
>>> restored == list(range(10, 30))
True
>>> raw_length(512)
(568, 114)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from t2t.errors import UsageError

__all__ = [
    "OBJECTIVES",
    "Corrupted",
    "corrupt",
    "raw_length",
    "restore",
    "span_corruption",
    "span_lengths",
    "spans_mask",
]


@dataclass(frozen=True, slots=True)
class Corrupted:
    """Inputs and targets (ids, one array a row, each ending with the end-of-sequence id)."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray]


def span_lengths(length: int, density: float = 0.15, mean_span: float = 3.0) -> tuple[int, int]:
    """Return the number of noise tokens and of noise spans in a text of ``length`` tokens."""
    _check_noise(density, mean_span)
    length = max(length, 2)
    noise = int(np.clip(np.round(length * density), 1, length - 1))
    return noise, min(max(int(np.round(noise / mean_span)), 1), length - noise)


def _check_noise(density: float, mean_span: float) -> None:
    """Raise ``UsageError`` unless the density is between 0 and 1 and the mean span at least 1."""
    if not (0 < density < 1 and 1 <= mean_span < np.inf):
        raise UsageError(
            f"a noise density of {density} in spans of {mean_span} tokens cannot be",
            fix="The density is between 0 and 1, the mean span at least 1.",
            code="C01",
        )


def raw_length(inputs_length: int, density: float = 0.15, mean_span: float = 3.0) -> tuple[int, int]:
    """Return the largest text length whose corrupted input has at most ``inputs_length`` tokens, and its target's.

    Both count one sentinel a span and the end-of-sequence token (T5's ``random_spans_helper``).
    """

    _check_noise(density, mean_span)

    def lengths(raw: int) -> tuple[int, int]:
        noise = int(round(raw * density))
        spans = int(round(noise / mean_span))
        return raw - noise + spans + 1, noise + spans + 1

    raw = inputs_length - 1
    while lengths(raw + 1)[0] <= inputs_length:
        raw += 1
    targets = lengths(raw)[1]
    return (raw - 1, targets - 1) if density == 0.5 and targets > inputs_length else (raw, targets)


def _segment_starts(items: int, parts: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Cut ``items`` into ``parts`` positive lengths, uniform over compositions; return lengths (rows, parts)."""
    cuts = np.argsort(rng.random((rows, items - 1)), axis=1)[:, : parts - 1] + 1
    edges = np.concatenate([np.zeros((rows, 1), int), np.sort(cuts, axis=1), np.full((rows, 1), items)], axis=1)
    return np.diff(edges, axis=1)


def spans_mask(
    rows: int, length: int, rng: np.random.Generator, density: float = 0.15, mean_span: float = 3.0
) -> np.ndarray:
    """Return a mask (rows, length), True where noise. It starts with text and ends with noise, as T5's does."""
    if length < 2:
        return np.zeros((rows, length), bool)
    noise, spans = span_lengths(length, density, mean_span)
    pairs = np.stack(
        [_segment_starts(length - noise, spans, rows, rng), _segment_starts(noise, spans, rows, rng)], axis=2
    )
    starts = np.cumsum(pairs.reshape(rows, -1), axis=1)[:, :-1]
    edges = np.zeros((rows, length), int)
    np.put_along_axis(edges, starts, 1, axis=1)
    return np.cumsum(edges, axis=1) % 2 == 1


def _fold(tokens: np.ndarray, hide: np.ndarray, sentinels: np.ndarray, eos: int) -> list[np.ndarray]:
    """Replace each run of ``hide`` (B, L) by a sentinel, numbered within its row; end each row with ``eos``."""
    first = hide & ~np.pad(hide, ((0, 0), (1, 0)))[:, :-1]
    number = np.cumsum(first, axis=1) - 1
    out = tokens.copy()
    out[first] = sentinels[number[first]]
    keep = first | ~hide
    return [np.append(row[kept], eos) for row, kept in zip(out, keep, strict=True)]


def span_corruption(
    tokens_BL: np.ndarray,
    rng: np.random.Generator,
    *,
    sentinels: Sequence[int],
    eos: int,
    density: float = 0.15,
    mean_span: float = 3.0,
) -> Corrupted:
    """Corrupt rows of equal length: each noise span becomes a sentinel, the target spells the spans out.

    Inputs and targets hold equally many sentinels and no final one, as T5's code writes them (its paper's figure 2
    shows one more). Texts of 0 or 1 token have nothing to hide: the target is ``eos`` alone. A token of the text that
    is itself a sentinel passes as it is and can no longer be told from ours; t2t's tokenizers never give one (they
    take ``<extra_id_0>`` in a text as plain characters). Raise ``UsageError`` if there are more spans than sentinels.
    """
    mask = spans_mask(len(tokens_BL), tokens_BL.shape[1], rng, density, mean_span)
    return corrupt(tokens_BL, mask, sentinels=sentinels, eos=eos)


def corrupt(tokens_BL: np.ndarray, mask: np.ndarray, *, sentinels: Sequence[int], eos: int) -> Corrupted:
    """Turn noise ``mask`` (B, L) into inputs and targets with sentinels numbered by noise span."""
    ids = np.asarray(sentinels)
    spans = (mask & ~np.pad(mask, ((0, 0), (1, 0)))[:, :-1]).sum(1).max(initial=0)
    if spans > len(ids):
        raise UsageError(
            f"{spans} noise spans need as many sentinels, the vocabulary has {len(ids)}",
            fix="Shorten the texts or lengthen the spans.",
        )
    return Corrupted(_fold(tokens_BL, mask, ids, eos), _targets(tokens_BL, mask, ids, eos))


def _targets(tokens: np.ndarray, mask: np.ndarray, sentinels: np.ndarray, eos: int) -> list[np.ndarray]:
    """Write each noise span after its sentinel. Numbered by noise span, so noise at position 0 is right too."""
    first = mask & ~np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    out = []
    for row, noise, start in zip(tokens, mask, first, strict=True):
        kept, starts = row[noise], start[noise]
        out.append(np.append(np.insert(kept, np.flatnonzero(starts), sentinels[: starts.sum()]), eos))
    return out


def restore(inputs: Sequence[int], targets: Sequence[int], *, sentinels: Sequence[int], eos: int) -> list[int]:
    """Return the text that was corrupted: the inverse of `span_corruption`, for checking."""
    spans: dict[int, list[int]] = {}
    current: list[int] = []
    for token in targets[:-1]:
        if int(token) in sentinels:
            current = spans.setdefault(int(token), [])
        else:
            current.append(int(token))
    return [t for token in inputs[:-1] for t in spans.get(int(token), [int(token)])]


OBJECTIVES: dict[str, Callable[..., Corrupted]] = {"span_corruption": span_corruption}

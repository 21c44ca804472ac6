"""What choices are ranked by: their log-likelihoods as they are, by length, or less those without the input.

Floor 4. One rule for the families that score choices as text (encoder-decoders and causal models).

>>> by_length([-3.0, -4.0], [[7, 1], [8, 9, 5, 1]], ("yes", "no"), "tokens")
[-1.5, -1.0]
"""

from __future__ import annotations

from collections.abc import Sequence, Sized

from t2t.errors import UsageError, visible

__all__ = ["RANKINGS", "by_length", "check_ranking"]

# The sum of log-likelihoods, it by token or by byte of the text, or less that of the choice without the input's columns
# (pointwise mutual information).
RANKINGS = ("sum", "tokens", "bytes", "pmi")


def check_ranking(by: str) -> None:
    """Raise ``UsageError`` for what is no way of ranking."""
    if by not in RANKINGS:
        raise UsageError(f'rank_by: expected {" | ".join(RANKINGS)}, got "{visible(by)}"', code="C01")


def by_length(nats: Sequence[float], spelt: Sequence[Sized], choices: Sequence[str], by: str) -> list[float]:
    """Return the nats of choices over their tokens or the bytes of their text; as they are for other rankings.

    Brown et al. 2020, section 2.4; Gao 2021, Multiple Choice Normalization.
    """
    if by not in ("tokens", "bytes"):
        return list(nats)
    lengths = map(len, spelt) if by == "tokens" else (len(choice.encode()) for choice in choices)
    return [value / max(length, 1) for value, length in zip(nats, lengths, strict=True)]

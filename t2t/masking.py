"""What encoders are pretrained on: which tokens of a text are hidden or predicted, and which segments make a pair.

Floor 1, on numpy alone, one text at a time; everything drawn comes from the generator that is given. Masked language
modelling is BERT's (Devlin et al. 2019, section 3.1 and appendix A.1), with whole words as its authors added them
later; the pairs are BERT's (next sentence) and ALBERT's (sentence order: Lan et al. 2020, section 3.1); the
permutations are XLNet's (Yang et al. 2019, sections 2.2 and 2.3).

>>> rng = np.random.default_rng(0)
>>> tokens_L = np.arange(10, 30)
>>> chosen_L = choose(20, count(20), rng)
>>> int(chosen_L.sum())
3
>>> hidden_L = hide(tokens_L, chosen_L, rng, mask=4, vocabulary=np.arange(10, 100))
>>> bool((hidden_L == tokens_L)[~chosen_L].all())
True
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "ENCODER_OBJECTIVES",
    "LABEL_NONE",
    "choose",
    "choose_spans",
    "choose_words",
    "count",
    "hide",
    "hidden_from",
    "window",
]

# What a task file may say after ``objective:`` for an encoder.
ENCODER_OBJECTIVES: dict[str, str] = {
    "mlm": "Predict 15 % of the tokens, most of them hidden (BERT's masked language model).",
    "mlm_whole_word": "Predict whole words that make up 15 % of the tokens (BERT, whole word masking).",
    "nsp": "Masked language model, and tell whether the second segment follows the first (BERT).",
    "sop": "Masked language model, and tell whether the two segments stand in their order (ALBERT).",
    "rtd": "Tell which tokens a small generator has replaced (ELECTRA).",
    "plm": "Predict a sixth of the tokens in a random order, each from those before it (XLNet).",
}
LABEL_NONE = -100  # the label of a token that is not predicted, as transformers has it


def count(length: int, share: float = 0.15) -> int:
    """Return how many of ``length`` tokens are predicted: the share, rounded, and at least one."""
    return max(1, round(share * length))


def window(length: int, room: int, rng: np.random.Generator) -> slice:
    """Return a stretch of at most ``room`` of ``length`` tokens, every start being equally likely."""
    start = int(rng.integers(max(length - room, 0) + 1))
    return slice(start, start + min(length, room))


def choose(length: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return which of ``length`` tokens are predicted: exactly ``number`` of them, every set being equally likely."""
    chosen_L = np.zeros(length, bool)
    chosen_L[rng.choice(length, number, replace=False)] = True
    return chosen_L


def choose_words(words_L: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return which tokens are predicted: whole words in random order, as long as they fit into ``number`` tokens.

    ``words_L`` holds the number of each token's word. A word that would be too much is passed over, as in BERT's code;
    where none fits, the first of the shortest is taken, so that there is always one.

    >>> choose_words(np.array([0, 0, 1]), 1, np.random.default_rng(0)).tolist()
    [False, False, True]
    """
    _, place_L, sizes_W = np.unique(words_L, return_inverse=True, return_counts=True)
    taken_W, left = np.zeros(len(sizes_W), bool), number
    for word in rng.permutation(len(sizes_W)):
        if sizes_W[word] <= left:
            taken_W[word] = True
            left -= int(sizes_W[word])
    if not taken_W.any():
        taken_W[np.argmin(sizes_W)] = True
    return taken_W[place_L]


def choose_spans(length: int, rng: np.random.Generator, *, every: int = 6, longest: int = 5) -> np.ndarray:
    """Return which tokens are predicted: one in ``every``, in spans of 1 to ``longest`` tokens.

    Each span lies anywhere in a stretch of text ``every`` times as long (Yang et al. 2019, section 2.3, drawn as by the
    collator of transformers). The last is cut so that there are exactly max(1, ``length`` // ``every``) tokens.
    """
    chosen_L, left = np.zeros(length, bool), max(1, length // every)
    at = int(rng.integers(max(length - every * left, 0) + 1))
    while left:
        span = min(int(rng.integers(1, longest + 1)), left)
        room = min(every * span, length - at)
        start = at + int(rng.integers(room - span + 1))
        chosen_L[start : start + span] = True
        at, left = at + room, left - span
    return chosen_L


def hide(
    tokens_L: np.ndarray,
    chosen_L: np.ndarray,
    rng: np.random.Generator,
    *,
    mask: int,
    vocabulary: np.ndarray,
    masked: float = 0.8,
    random: float = 0.1,
) -> np.ndarray:
    """Return the tokens with those chosen hidden: a share becomes ``mask``, a share random tokens, the rest stays.

    80, 10 and 10 % are BERT's shares. Random tokens are drawn from ``vocabulary``, which holds no special ones.
    """
    drawn_L, others_L = rng.random(len(tokens_L)), rng.choice(vocabulary, len(tokens_L))
    hidden_L = np.where(chosen_L & (drawn_L < masked), mask, tokens_L)
    return np.where(chosen_L & (drawn_L >= masked) & (drawn_L < masked + random), others_L, hidden_L)


def hidden_from(chosen_S: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which positions (S, S) each position may not see, in a random order of those predicted.

    A token that is predicted sees those predicted before it, and not itself; everything else sees no predicted token,
    and is seen by all. So it is with special tokens: were they in the order and seen by all, they would tell a token
    of those after it (transformers' collator, whose order they are in, hides all predicted tokens instead).

    >>> hidden_from(np.array([True, False]), np.random.default_rng(0)).tolist()
    [[True, False], [True, False]]
    """
    order_S = np.where(chosen_S, rng.permutation(len(chosen_S)), -1)
    return (order_S[:, None] <= order_S[None, :]) & chosen_S[None, :]

"""Sampling: the tokens of an answer drawn by their probabilities, the same for a row whatever stands in its batch.

Floor 4. Every row has random numbers of its own (`t2t.draws`), a function of the seed and its uid; one is used up a
token. The token is the one at which the sum of probabilities, in the vocabulary's order, passes that number.

Shapes: R rows, N rows that have not ended, V tokens, T tokens of an answer at most.

>>> logits_NV = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).repeat(3, 1)
>>> pick(logits_NV, np.array([0.49, 0.79, 0.81]), temperature=1.0, top_p=1.0).tolist()
[0, 1, 2]
>>> pick(logits_NV, np.array([0.49, 0.79, 0.99]), temperature=1.0, top_p=0.8).tolist()
[0, 1, 1]
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from t2t.draws import Draws, keys
from t2t.models import Options
from t2t.types import Example

__all__ = ["Sampler", "pick", "sampler"]


def sampler(egs: Sequence[Example], options: Options, *, limit: int) -> Sampler | None:
    """Return what draws the tokens of some examples' answers; None where the likeliest are taken."""
    return Sampler(egs, options, limit=limit) if options.sample_temperature else None


class Sampler:
    """Draws the tokens of some examples' answers, as ``options`` say: ``sample_temperature``, ``top_p``, ``seed``."""

    def __init__(self, egs: Sequence[Example], options: Options, *, limit: int) -> None:
        self.temperature, self.top_p = options.sample_temperature, options.top_p
        places = [int.from_bytes(hashlib.sha256(eg.uid.encode()).digest()[:8], "little") for eg in egs]
        visits = np.zeros(len(egs), np.uint64)
        self.chances_RT = Draws(keys(options.seed, visits, np.array(places, np.uint64))).random(limit)

    def __call__(self, logits_NV: torch.Tensor, rows_N: Sequence[int] | torch.Tensor, at: int) -> torch.Tensor:
        """Return the token (N,) at place ``at`` of each of these rows."""
        chances_N = self.chances_RT[np.asarray(rows_N), at]
        return pick(logits_NV, chances_N, temperature=self.temperature, top_p=self.top_p)

    def processor(self) -> Any:
        """Return what makes transformers' greedy search draw: it leaves no token but the drawn one."""
        from transformers import LogitsProcessorList

        def only_drawn(said_RT: torch.Tensor, logits_RV: torch.Tensor) -> torch.Tensor:
            ids_R = self(logits_RV, range(len(logits_RV)), said_RT.shape[1] - 1)
            return torch.full_like(logits_RV, -torch.inf).scatter(-1, ids_R[:, None], 0.0)

        return LogitsProcessorList([only_drawn])


def pick(logits_NV: torch.Tensor, chances_N: np.ndarray, *, temperature: float, top_p: float) -> torch.Tensor:
    """Return a token (N,) for each random number in [0, 1), by softmax(logits / temperature).

    With ``top_p`` below 1 only the likeliest tokens can be drawn that together reach it (Holtzman et al. 2020, 3.1).
    """
    chance_NV = torch.softmax(logits_NV.double() / temperature, -1)
    if top_p < 1:
        sorted_NV, order_NV = chance_NV.sort(dim=-1, descending=True, stable=True)
        sorted_NV[sorted_NV.cumsum(-1) - sorted_NV >= top_p] = 0.0
        chance_NV = torch.zeros_like(chance_NV).scatter(-1, order_NV, sorted_NV)
    sums_NV = chance_NV.cumsum(-1)
    wanted_N1 = torch.from_numpy(chances_N)[:, None].to(sums_NV.device) * sums_NV[:, -1:]
    return torch.searchsorted(sums_NV, wanted_N1, right=True)[:, 0].clamp(max=logits_NV.shape[-1] - 1)

"""Learning from a teacher's scores: the loss of a student's scores under a temperature.

Floor 4, below the families whose answers are scores of choices.

>>> outputs_NC = torch.tensor([[2.0, 0.0]])
>>> round(float(soft_loss(outputs_NC, outputs_NC, temperature=2.0)), 6)
0.0
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import kl_div, log_softmax

from t2t.errors import DataError
from t2t.types import Example

__all__ = ["soft_loss", "taught"]


def soft_loss(outputs_NC: torch.Tensor, taught_NC: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Return T² · KL(softmax(taught / T), softmax(outputs / T)), summed over the rows, in nats (scalar).

    T² keeps the gradients of one size whatever the temperature (Hinton et al. 2015, section 2). A choice that is out of
    reach (minus infinity) in both adds nothing.
    """
    here_NC = torch.isfinite(taught_NC)
    said_NC = log_softmax(outputs_NC.masked_fill(~here_NC, -torch.inf) / temperature, -1)
    asked_NC = log_softmax(taught_NC / temperature, -1)
    each_NC = kl_div(said_NC.masked_fill(~here_NC, 0.0), asked_NC.masked_fill(~here_NC, 0.0), reduction="none",
                     log_target=True)  # fmt: skip
    return temperature**2 * each_NC.masked_fill(~here_NC, 0.0).sum()


def taught(egs: Sequence[Example], order: Sequence[Sequence[int]]) -> torch.Tensor | None:
    """Return a teacher's scores (N, C) of the choices of examples, None where there is no teacher.

    ``order`` says of each example where its choices stand among the outputs. Raise ``DataError`` if some examples have
    a teacher and others not, or the teacher scored other choices.
    """
    if not any(eg.taught for eg in egs):
        return None
    taught_NC = torch.full((len(egs), max(map(len, order))), -torch.inf)
    for row_C, eg, places in zip(taught_NC, egs, order, strict=True):
        if len(eg.taught) != len(eg.choices):
            raise DataError(
                f"a teacher scored {len(eg.taught)} of {len(eg.choices)} choices", where=eg.where, code="D05"
            )
        row_C[list(places)] = torch.tensor(eg.taught)
    return taught_NC

"""Networks that are pretrained: what an architecture and its own head make of a batch, as summed nats.

Floor 4, below the family that is pretrained. Called with a batch's tensors each returns the loss of its objective: of
each text the mean over its predicted tokens, times their number (``units_R``). What there is besides (next sentence,
sentence order, replaced tokens times 50) is a mean over the text and counts times the same number, so that loss per
unit is the sum of means that the papers minimise, exactly so for texts of one length. ``measure`` counts what is right,
``lm`` is the model that comes out.

Shapes: R texts, S positions, N predicted tokens of all texts, P most predicted tokens of a text, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from t2t.masking import LABEL_NONE
from t2t.models.precision import autocast

__all__ = ["TWO_WAY", "Masked", "Network", "Permuted", "Replaced"]

TWO_WAY = ("bert", "albert")  # model types whose own pretraining class tells pairs
DISCRIMINATOR = 50.0  # the weight of its loss (Clark et al. 2020, section 3.2)

Tensors = Mapping[str, torch.Tensor]


class Said(NamedTuple):
    """Logits of the predicted tokens (N, V), of pairs (R, 2) or None, and first vectors (R, H)."""

    tokens: torch.Tensor
    pairs: torch.Tensor | None
    first: torch.Tensor


class Predictor(torch.nn.Module):
    """A masked language model that computes the logits of the predicted tokens alone.

    The head is the architecture's own; what goes into it from the body is gathered on the way.
    """

    def __init__(self, lm: Any) -> None:
        super().__init__()
        self.lm = lm
        takes = inspect.signature(lm.forward).parameters
        self._typed = "token_type_ids" in takes and getattr(lm.config, "type_vocab_size", 2) > 1
        self._wanted: torch.Tensor | None = None
        self._first: torch.Tensor | None = None
        lm.base_model.register_forward_hook(self._gather)

    def _gather(self, body: Any, given: Any, out: Any) -> Any:
        """Hand the head the predicted positions alone, as one row."""
        hidden_RSH = out.last_hidden_state
        self._first = hidden_RSH[:, 0]
        if self._wanted is not None:
            out.last_hidden_state = hidden_RSH[self._wanted][None]
        return out

    def forward(self, tensors: Tensors) -> Said:
        """Return what is said of the tokens that have a label, in the order of rows and positions."""
        typed = {"token_type_ids": tensors["kinds_RS"]} if self._typed else {}
        self._wanted = tensors["labels_RS"] != LABEL_NONE
        try:
            out = self.lm(input_ids=tensors["source_RS"], attention_mask=tensors["mask_RS"], **typed)
        finally:
            self._wanted = None
        tokens = out.get("prediction_logits", out.get("logits"))
        pairs = out.get("seq_relationship_logits", out.get("sop_logits"))
        assert self._first is not None
        return Said(tokens[0].float(), None if pairs is None else pairs.float(), self._first.float())


class Masked(torch.nn.Module):
    """A masked language model, with ``pairs`` one that also tells them; called with tensors it returns summed nats."""

    def __init__(self, lm: Any, dtype: torch.dtype, *, pairs: bool) -> None:
        super().__init__()
        self.predictor, self.dtype = Predictor(lm), dtype
        own = pairs and lm.config.model_type in TWO_WAY
        self.second = torch.nn.Linear(lm.config.hidden_size, 2) if pairs and not own else None

    @property
    def lm(self) -> Any:
        """The masked language model."""
        return self.predictor.lm

    def _said(self, tensors: Tensors) -> Said:
        with autocast(tensors["source_RS"].device, self.dtype):
            said = self.predictor(tensors)
        return said._replace(pairs=self.second(said.first)) if self.second is not None else said

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """Return the loss, summed over the predicted tokens."""
        said = self._said(tensors)
        tokens = _by_text(tensors["labels_RS"], said.tokens, tensors["units_R"])
        if said.pairs is None:
            return tokens
        nats_R = cross_entropy(said.pairs, tensors["second_R"], reduction="none")
        return tokens + (tensors["units_R"] * nats_R).sum()

    def measure(self, tensors: Tensors) -> Counter[str]:
        """Return sums over a batch: tokens, those right, their nats; pairs and those right."""
        said = self._said(tensors)
        found = _measured(tensors["labels_RS"], said.tokens)
        if said.pairs is not None:
            found["pairs"] += len(said.pairs)
            found["pairs right"] += int((said.pairs.argmax(-1) == tensors["second_R"]).sum())
        return found


class Replaced(torch.nn.Module):
    """ELECTRA: a generator fills tokens in, the discriminator tells which are not those of the text.

    Both share their embeddings (Clark et al. 2020, section 3.2). A token that is filled in right counts as the text's.
    """

    def __init__(self, discriminator: Any, generator: Any, dtype: torch.dtype) -> None:
        super().__init__()
        generator.base_model.embeddings = discriminator.base_model.embeddings
        generator.tie_weights()
        self.discriminator, self.predictor, self.dtype = discriminator, Predictor(generator), dtype

    @property
    def lm(self) -> Any:
        """The discriminator."""
        return self.discriminator

    def _said(self, tensors: Tensors) -> tuple[Said, torch.Tensor, torch.Tensor]:
        """Return what the generator says, and of all positions (R, S) the discriminator's logits and which are new."""
        labels_RS, source_RS = tensors["labels_RS"], tensors["source_RS"]
        chosen_RS = labels_RS != LABEL_NONE
        with autocast(source_RS.device, self.dtype):
            said = self.predictor(tensors)
            drawn_N = torch.multinomial(said.tokens.detach().softmax(-1), 1)[:, 0]
            text_RS = torch.where(chosen_RS, labels_RS, source_RS)
            filled_RS = text_RS.masked_scatter(chosen_RS, drawn_N)
            out = self.discriminator(filled_RS, tensors["mask_RS"], tensors["kinds_RS"])
        return said, out.logits.float(), filled_RS != text_RS

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """Return the loss of the generator, and 50 times that of the discriminator (a mean over each text)."""
        said, logits_RS, new_RS = self._said(tensors)
        mask_RS = tensors["mask_RS"].float()
        each_RS = binary_cross_entropy_with_logits(logits_RS, new_RS.float(), reduction="none")
        mean_R = (each_RS * mask_RS).sum(1) / mask_RS.sum(1)
        tokens = _by_text(tensors["labels_RS"], said.tokens, tensors["units_R"])
        return tokens + DISCRIMINATOR * (tensors["units_R"] * mean_R).sum()

    def measure(self, tensors: Tensors) -> Counter[str]:
        """Return sums over a batch: the generator's tokens, and positions judged, those right, and those replaced."""
        said, logits_RS, new_RS = self._said(tensors)
        there_RS = tensors["mask_RS"].bool()
        found = _measured(tensors["labels_RS"], said.tokens)
        found["judged"] += int(there_RS.sum())
        found["judged right"] += int((((logits_RS > 0) == new_RS) & there_RS).sum())
        found["replaced"] += int((new_RS & there_RS).sum())
        return found


class Permuted(torch.nn.Module):
    """XLNet: tokens predicted in a random order by the second stream of attention, which does not see them."""

    def __init__(self, lm: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.lm, self.dtype = lm, dtype

    def _said(self, tensors: Tensors) -> torch.Tensor:
        """Return the logits of the predicted tokens (N, V)."""
        mask_RS = tensors["mask_RS"]
        with autocast(mask_RS.device, self.dtype):
            out = self.lm(
                input_ids=tensors["source_RS"], attention_mask=mask_RS.float(), token_type_ids=tensors["kinds_RS"],
                perm_mask=tensors["hidden_RSS"].float(), target_mapping=tensors["targets_RPS"].float(), use_mems=False,
            )  # fmt: skip
        logits_NV: torch.Tensor = out.logits[tensors["labels_RP"] != LABEL_NONE].float()
        return logits_NV

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """Return the loss, summed over the predicted tokens."""
        return _by_text(tensors["labels_RP"], self._said(tensors), tensors["units_R"])

    def measure(self, tensors: Tensors) -> Counter[str]:
        """Return sums over a batch: tokens, those right, their nats."""
        return _measured(tensors["labels_RP"], self._said(tensors))


Network = Masked | Replaced | Permuted


def _by_text(labels: torch.Tensor, logits_NV: torch.Tensor, units_R: torch.Tensor) -> torch.Tensor:
    """Return the summed nats: of each text the mean over its labels (R, S or P), times its units.

    Only whole words may be fewer or more than the units.
    """
    there = labels != LABEL_NONE
    weight_N = (units_R / there.sum(1))[there.nonzero()[:, 0]]
    return (weight_N * cross_entropy(logits_NV, labels[there], reduction="none")).sum()


def _measured(labels: torch.Tensor, logits_NV: torch.Tensor) -> Counter[str]:
    """Return how many tokens were predicted, how many of them right, and their nats."""
    gold_N = labels[labels != LABEL_NONE]
    right = int((logits_NV.argmax(-1) == gold_N).sum())
    nats = float(cross_entropy(logits_NV, gold_N, reduction="sum"))
    return Counter({"tokens": len(gold_N), "right": right, "nats": nats})  # type: ignore[dict-item]

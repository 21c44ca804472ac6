"""Heads of an encoder: what turns its features into choices, a number or tags. One a task, over one shared body.

Floor 4. A head is made for a task (`Purpose`): C-way softmax over a prompt's choices, one score shared by the choices
of a row that has its own, a regressor scaled to the task's range, or a softmax or CRF over the tags of each word.
Heads compute in fp32 whatever the body does. Their losses are sums: nats for choices and tags; for numbers squared
errors of the gold scaled to [0, 1].

Shapes: N examples, C choices, W words, T tags, H hidden size.

>>> head = Head(Purpose("choice", ("no", "yes")), size=4, dropout=0.0, seed=1)
>>> nats = head.answers({"features": torch.ones(1, 4)})[0]
>>> round(sum(torch.tensor(nats).exp().tolist()), 4)
1.0
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy, gelu, log_softmax, relu

from t2t.errors import DataError, NonFiniteError, UsageError
from t2t.examples import Examples
from t2t.models.crf import Crf
from t2t.models.soft import soft_loss
from t2t.tagging import FORMATS, strict
from t2t.types import Example

__all__ = [
    "ACTIVATIONS",
    "OF_A_NUMBER",
    "Head",
    "Purpose",
    "as_purpose",
    "check_answer",
    "check_head",
    "decimal",
    "gold",
    "legal",
    "order",
    "places",
    "tagged",
]

# The activation between the two layers of transformers' own classification heads, where the body has no pooler.
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"tanh": torch.tanh, "gelu": gelu, "relu": relu}
SPREAD = 0.02  # standard deviation of new weights, as BERT's
# Half a squared error over the variance of a number that is uniform between 0 and 1: nats, as those of choices are.
OF_A_NUMBER = 6.0


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a head is made for.

    ``names`` are the choices or the tags, in the order of the outputs; empty for a number and where each row has its
    own choices. ``range`` is a number's. ``crf``: tags are scored as a sequence. ``dense`` names the activation of a
    layer of its own before the last (empty: none). ``prompts`` are the hashes of those it was trained on.
    """

    answer: str
    names: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    crf: bool = False
    dense: str = ""
    prompts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.answer not in ("choice", "number", "spans", "tags"):
            raise ValueError(f"no head answers with {self.answer}")
        if self.dense and self.dense not in ACTIVATIONS:
            raise ValueError(f"no activation {self.dense}")
        if (self.range is not None) != (self.answer == "number"):
            raise ValueError("a number has a range, and only a number")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("a range is (low, high), low below high")
        if (self.crf or self.tagging) and not (self.tagging and self.names):
            raise ValueError("tags have names, and only tags have a CRF")

    @property
    def tagging(self) -> bool:
        """Whether it answers with one tag a word."""
        return self.answer in ("spans", "tags")

    @property
    def per_row(self) -> bool:
        """Whether each row has its own choices, which are scored one by one."""
        return self.answer == "choice" and not self.names


class Head(torch.nn.Module):
    """The layers of one task. New weights depend on ``seed`` alone.

    What goes in is a mapping of tensors. ``features`` are (N, H), (N, C, H) with ``real`` (N, C) for the choices of
    each row, or (N, W, H) with ``real`` (N, W) for words. ``gold`` are indices, (N,) or (N, W), or numbers (N,).
    ``temperature`` is that of a teacher's scores, ``softly`` their share of the loss. ``weight`` is a factor on the
    loss that makes it one of examples, so that no task of a mix drowns the others.
    """

    def __init__(
        self, purpose: Purpose, *, size: int, dropout: float, seed: int, temperature: float = 1.0, softly: float = 1.0
    ) -> None:
        super().__init__()
        self.purpose, self.temperature, self.softly = purpose, temperature, softly
        self.weight = OF_A_NUMBER if purpose.answer == "number" else 1.0
        self.dropout = torch.nn.Dropout(dropout)
        self.dense = torch.nn.Linear(size, size) if purpose.dense else None
        self.out = torch.nn.Linear(size, len(purpose.names) or 1)
        self.crf = Crf(purpose.names, iob2=purpose.answer == "spans") if purpose.crf else None
        generator = torch.Generator().manual_seed(seed)
        for layer in filter(None, (self.dense, self.out)):
            torch.nn.init.normal_(layer.weight, std=SPREAD, generator=generator)
            torch.nn.init.zeros_(layer.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the outputs (..., C or T or 1) of features (..., H), in fp32."""
        with torch.autocast(features.device.type, enabled=False):
            features = self.dropout(features.float())
            if self.dense is not None:
                features = self.dropout(ACTIVATIONS[self.purpose.dense](self.dense(features)))
            return self.out(features)

    def loss(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the summed loss (scalar) of ``gold``, unweighted: nats, or squared errors of numbers in [0, 1].

        Where a teacher's scores are ``taught`` (N, C), their loss takes the share ``softly`` of it.
        """
        if "taught" not in tensors:
            return self._hard(tensors)
        outputs = self(tensors["features"])
        outputs = _among(outputs, tensors["real"]) if self.purpose.per_row else outputs
        soft = self.softly * soft_loss(outputs, tensors["taught"], temperature=self.temperature)
        return soft if self.softly == 1 else soft + (1 - self.softly) * self._hard(tensors)

    def _hard(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        outputs, gold = self(tensors["features"]), tensors["gold"]
        if self.purpose.answer == "number":
            low, high = self.purpose.range or (0.0, 1.0)
            return (outputs.squeeze(-1) - (gold - low) / (high - low)).square().sum()
        if self.purpose.per_row:
            return cross_entropy(_among(outputs, tensors["real"]), gold, reduction="sum")
        if self.crf is not None:
            return self.crf(outputs, gold, tensors["real"])
        if self.purpose.tagging:
            return cross_entropy(outputs[tensors["real"]], gold[tensors["real"]], reduction="sum")
        return cross_entropy(outputs, gold, reduction="sum")

    @torch.no_grad()
    def answers(self, tensors: Mapping[str, torch.Tensor]) -> list[Any]:
        """Return an answer to each example: nats of the choices, a number within the range, or the tags' indices."""
        outputs = self(tensors["features"])
        if self.purpose.answer == "number":
            low, high = self.purpose.range or (0.0, 1.0)
            return (low + outputs.squeeze(-1).double().clamp(0, 1) * (high - low)).tolist()
        if self.purpose.answer == "choice":
            outputs = _among(outputs, tensors["real"]) if self.purpose.per_row else outputs
            return log_softmax(outputs, -1).tolist()
        if self.crf is not None:
            return self.crf.best(outputs, tensors["real"])
        lengths = tensors["real"].sum(1).tolist()
        return [row[:length] for row, length in zip(outputs.argmax(-1).tolist(), lengths, strict=True)]


def _among(outputs_NC1: torch.Tensor, real_NC: torch.Tensor) -> torch.Tensor:
    """Return the scores (N, C) of choices, out of reach where a row has fewer."""
    return outputs_NC1.squeeze(-1).masked_fill(~real_NC, -torch.inf)


# -- what a head may be asked ------------------------------------------------------------------------------------------


def check_answer(egs: Examples) -> None:
    """Raise ``UsageError`` for answers that no head can give."""
    where = egs.task.name
    if egs.task.answer == "text":
        raise UsageError("an encoder cannot write text", where=where, fix="Use a text-to-text or a causal model.")
    for prompt in egs.prompts:
        place = f"{where} prompt {prompt.name}"
        if prompt.format == "referent":
            raise UsageError("an encoder cannot name a referent", where=place,
                             fix="Choose superglue/wsc_choice, which asks whether a noun is the referent.")  # fmt: skip
        if prompt.cloze:
            raise UsageError("an encoder with heads fills no mask", where=place, fix="Choose another --prompt.")


def check_head(known: Purpose, egs: Examples) -> None:
    """Raise ``UsageError`` unless a head gives the answers that the prompts of a task ask for."""
    task = egs.task
    if known.answer != task.answer or known.range != task.range:
        given, asked = (
            f"{answer} {spread or ''}".strip()
            for answer, spread in ((known.answer, known.range), (task.answer, task.range))
        )
        raise UsageError(f"its head answers with {given}, the task asks for {asked}", where=task.name)
    for prompt in egs.prompts:
        place = f"{task.name} prompt {prompt.name}"
        if task.answer == "choice" and prompt.per_row != known.per_row:
            kinds = ("the same for all rows", "of each row")
            raise UsageError(f"its choices are {kinds[prompt.per_row]}, those of the head {kinds[known.per_row]}",
                             where=place, fix="Choose another --prompt.")  # fmt: skip
        if task.answer == "choice" and not known.per_row:
            order(known.names, prompt.choices, place)
        if task.words and (odd := _tags_of(task.answer, prompt.choices) - set(known.names)):
            raise UsageError(f"its head does not know {', '.join(sorted(odd))}", where=place)


def _tags_of(answer: str, choices: Sequence[str]) -> set[str]:
    return {f"B-{kind}" for kind in choices} if answer == "spans" else set(choices)


def order(names: Sequence[str], choices: Sequence[str], where: str) -> Sequence[int]:
    """Return where each of ``choices`` stands among ``names``: by its text, or under other wording by its place.

    Raise ``UsageError`` if there are more of them or fewer.
    """
    if set(names) == set(choices):
        return [names.index(choice) for choice in choices]
    if len(names) != len(choices):
        raise UsageError(f"{len(choices)} choices, the head has {len(names)}", where=where,
                         fix="Use the prompt that was trained on.")  # fmt: skip
    return range(len(choices))


def places(purpose: Purpose, eg: Example) -> Sequence[int]:
    """Return where the choices of an example stand among a head's outputs."""
    return range(len(eg.choices)) if purpose.per_row else order(purpose.names, eg.choices, eg.uid)


def gold(purpose: Purpose, egs: Sequence[Example], width: int) -> torch.Tensor:
    """Return the gold of a head's examples: places of choices (N,) or tags (N, W) among its names, or numbers (N,)."""
    if purpose.answer == "number":
        return torch.tensor([float(eg.gold) for eg in egs])
    if purpose.answer == "choice":
        return torch.tensor([places(purpose, eg)[eg.gold] for eg in egs])
    at = {tag: i for i, tag in enumerate(purpose.names)}
    gold_NW = np.zeros((len(egs), width), dtype=np.int64)
    for row_W, eg in zip(gold_NW, egs, strict=True):
        said = strict(eg.gold) if eg.spans else eg.gold
        if odd := set(said) - at.keys():
            raise DataError(f"the head does not know {', '.join(sorted(odd))}", where=eg.where, code="D03")
        row_W[: len(said)] = [at[tag] for tag in said[:width]]
    return torch.from_numpy(gold_NW)


# -- answers as text ---------------------------------------------------------------------------------------------------


def decimal(value: float, eg: Example) -> str:
    """Return a number with three decimals; with more, where rounding would lead out of the range.

    >>> decimal(2.34567, Example("t:v:0", "t", "p", (), "", range=(0, 5)))
    '2.346'
    >>> decimal(1.0, Example("t:v:0", "t", "p", (), "", range=(0, 0.9996)))
    '0.9996'
    """
    if not math.isfinite(value):
        raise NonFiniteError("the model's answer is not a finite number", where=eg.uid, code="K10")
    low, high = eg.range or (-math.inf, math.inf)
    said = (f"{min(max(value, low), high):.{places}f}" for places in range(3, 325))
    return next(text for text in said if low <= float(text) <= high)


def tagged(said: Sequence[int], purpose: Purpose, eg: Example) -> str:
    """Return tags in the example's format: valid IOB2, with O for words beyond the limit, or no tag if tags are bare.

    >>> eg = Example("t:v:0", "t", "p", (), "", words=("In", "New", "York"), format="words", spans=True)
    >>> tagged([0, 2], Purpose("spans", ("O", "B-LOC", "I-LOC")), eg)
    'In/O New/B-LOC York/O'
    """
    tags = [purpose.names[i] for i in said]
    if not eg.spans:
        return FORMATS[eg.format].write(tags, eg.words[: len(tags)], False)
    tags = legal([*tags, *["O"] * (len(eg.words) - len(tags))])
    try:
        return FORMATS[eg.format].write(tags, eg.words, True)
    except ValueError:  # some formats cannot say a span that begins or ends with a word of no characters
        seen = [any(unicodedata.category(c)[0] not in "CZ" for c in word) for word in eg.words]
        tags = legal([tag if there else "O" for tag, there in zip(tags, seen, strict=True)])
        return FORMATS[eg.format].write(tags, eg.words, True)


def legal(tags: Sequence[str]) -> list[str]:
    """Return IOB2 tags with a B for every I that continues nothing, as conlleval reads it.

    >>> legal(["I-X", "I-X", "I-Y", "O", "I-X"])
    ['B-X', 'I-X', 'B-Y', 'O', 'B-X']
    """
    before = ["O", *tags]
    illegal = [tag.startswith("I-") and last[1:] != tag[1:] for last, tag in zip(before, tags, strict=False)]
    return [f"B-{tag[2:]}" if bad else tag for tag, bad in zip(tags, illegal, strict=True)]


# -- files -----------------------------------------------------------------------------------------------------------


def as_purpose(said: Mapping[str, Any]) -> Purpose:
    """Return a head's purpose from its description. Raise ``ValueError`` for keys or values that are none of it."""
    known = [field.name for field in fields(Purpose)]
    if sorted(said) != sorted(known):
        raise ValueError(f"keys {', '.join(map(str, said))}; expected {', '.join(known)}")
    names, prompts, spread = tuple(said["names"]), tuple(said["prompts"]), said["range"]
    if not all(isinstance(text, str) for text in (*names, *prompts, said["answer"], said["dense"])):
        raise ValueError("names must be texts")
    bounds = None if spread is None else (float(spread[0]), float(spread[1]))
    return Purpose(said["answer"], names, bounds, bool(said["crf"]), said["dense"], prompts)

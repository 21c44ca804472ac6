"""Pretraining objectives: what of a text is noise, and how the input and the target say so.

Floor 1, on numpy alone, for a batch of rows of equal length at once. An objective is three slots, as in T5's code
(Raffel et al. 2020, section 3.3 and table 3): a noise `Mask`, the `Form` of the input and that of the target.
`OBJECTIVES` is the table; a new objective is a line in it. What is drawn for a row is a function of its key
(`t2t.draws`), never of the rows beside it.

Shapes: B rows, L tokens of text each, N of something in all rows together.

>>> vocabulary = Vocabulary(sentinels=np.array([99, 98, 97]), eos=1, words=np.arange(2, 97))
>>> draws = Draws(keys(seed=0, visits=np.zeros(1, int), places=np.arange(1)))
>>> found = OBJECTIVES["span_corruption"](np.arange(10, 20)[None], draws, vocabulary)
>>> found.inputs[0].tolist(), found.targets[0].tolist()
([10, 11, 12, 13, 14, 15, 16, 17, 99, 1], [99, 18, 19, 1])
>>> OBJECTIVES["span_corruption"].restore(found.inputs[0], found.targets[0], vocabulary) == list(range(10, 20))
True
>>> objective("span_corruption").raw(512), objective("span_corruption").lengths(512)
(568, (512, 114))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from t2t.draws import Draws, keys
from t2t.errors import UsageError, did_you_mean, visible
from t2t.forms import (
    ALL,
    FOLDED,
    MASKED,
    NOISE,
    RANDOMISED,
    SHUFFLED,
    SPELLED,
    WITHOUT,
    Form,
    Text,
    Vocabulary,
    filled,
    filled_behind_mode,
    joined,
    said,
)
from t2t.noise import IID, MIXTURE, MODES, REST, ROLLED, SPANS, WHOLE, Mask, check_density, check_span

__all__ = [
    "OBJECTIVES",
    "Corrupted",
    "Draws",
    "Form",
    "Mask",
    "Objective",
    "Vocabulary",
    "keys",
    "objective",
]


@dataclass(frozen=True, slots=True)
class Corrupted:
    """Inputs and targets (ids, one array a row, each ending with the end-of-sequence id).

    Ids are int32; the rows are views of one array each. ``hidden`` (B,) is how many tokens of the text each
    target spells.
    """

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    hidden: np.ndarray


@dataclass(frozen=True, slots=True)
class Objective:
    """A noise mask, the form of the input and that of the target; ``source`` is the paper, ``back`` the inverse.

    ``density`` (share of noise) and ``mean_span`` (tokens) are 0 where they have no meaning. ``front`` is how many
    tokens may stand before the input.
    """

    name: str
    about: str
    source: str
    mask: Mask
    inputs: Form
    targets: Form
    back: Callable[[list[int], list[int], Vocabulary], list[int]]
    density: float = 0.0
    mean_span: float = 0.0
    front: int = 0

    def raw(self, inputs_length: int) -> int:
        """Return how many tokens of text a stretch has, so that no input is longer than ``inputs_length`` tokens.

        It is the most that fit (T5's ``random_spans_helper``). Where the input says nothing (`lm`), the target has that
        length. Raise ``UsageError`` if there is no room for a token.
        """
        raw = inputs_length - 1 - self.front
        if raw < 1:
            raise UsageError(f"inputs of {inputs_length} tokens have no room for a text", code="C01")
        if self._longest(raw) == 1:
            return raw
        while self._longest(raw + 1) <= inputs_length:
            raw += 1
        return raw - (self.density == 0.5 and self._expected(raw)[1] > inputs_length)  # as T5's

    def _longest(self, raw: int) -> int:
        return int(self.inputs.tokens(raw, *self.mask.least(raw, self.density, self.mean_span))) + 1 + self.front

    def _expected(self, raw: int) -> tuple[int, int]:
        inputs, targets = (
            form.tokens(raw, *self.mask.planned(raw, self.density, self.mean_span))
            for form in (self.inputs, self.targets)
        )
        return math.ceil(inputs - 1e-9) + 1 + self.front, math.ceil(targets - 1e-9) + 1

    def lengths(self, inputs_length: int) -> tuple[int, int]:
        """Return the expected tokens of input and target of such a stretch, rounded up, their ends included."""
        return self._expected(self.raw(inputs_length))

    def hidden(self, raw: int) -> float:
        """Return the expected number of tokens of the text that a target spells, of ``raw``."""
        return float(self.targets.tokens(raw, self.mask.planned(raw, self.density, self.mean_span)[0], 0))

    def __call__(self, tokens_BL: np.ndarray, draws: Draws, vocabulary: Vocabulary) -> Corrupted:
        """Corrupt rows of equal length. A text too short to hide anything has the end alone as its target.

        Raise ``UsageError`` if a row has more noise spans than there are sentinels for it.
        """
        tokens_BL = np.asarray(tokens_BL, np.int32)
        length = tokens_BL.shape[1]
        mask_BL, mode_B = self.mask.draw(length, self.density, self.mean_span, draws)
        front_B = None
        if mode_B is not None and vocabulary.moded():
            front_B = np.array([vocabulary.modes[mode] for mode in MODES])[mode_B]
        text = Text(tokens_BL, mask_BL, draws, vocabulary, front_B)
        hidden_B = np.zeros(len(tokens_BL), int) + self.targets.tokens(length, text.noise_B, 0)
        return Corrupted(self.inputs.write(text), self.targets.write(text), hidden_B)

    def restore(self, inputs: Sequence[int], targets: Sequence[int], vocabulary: Vocabulary) -> list[int]:
        """Return the text of an input and its target. Under `drop` its tokens in another order: places are lost."""
        return self.back([int(token) for token in inputs[:-1]], [int(token) for token in targets[:-1]], vocabulary)


OBJECTIVES: dict[str, Objective] = {
    "span_corruption": Objective(
        "span_corruption", "Spell out the spans that sentinels stand for.", "Raffel et al. 2020, section 3.3.4",
        SPANS, FOLDED, SPELLED, filled, density=0.15, mean_span=3.0,
    ),
    "rolled_span_corruption": Objective(
        "rolled_span_corruption", "The same, with spans at the beginning too and not always one at the end.",
        "Raffel et al. 2020, its code (random_roll)", ROLLED, FOLDED, SPELLED, filled, density=0.15, mean_span=3.0,
    ),
    "iid": Objective(
        "iid", "Spell out the tokens that sentinels stand for, each hidden for itself, neighbours together.",
        "Raffel et al. 2020, section 3.1.4", IID, FOLDED, SPELLED, filled, density=0.15,
    ),
    "drop": Objective(
        "drop", "Spell out the tokens that are missing.", "Raffel et al. 2020, section 3.3.2",
        IID, WITHOUT, NOISE, joined, density=0.15,
    ),
    "bert": Objective(
        "bert", "Write the whole text, of which tokens are hidden or replaced.", "Raffel et al. 2020, section 3.3.1",
        IID, RANDOMISED, ALL, said, density=0.15,
    ),
    "mass": Objective(
        "mass", "Write the whole text, of which tokens are hidden.", "Raffel et al. 2020, section 3.3.2",
        IID, MASKED, ALL, said, density=0.15,
    ),
    "deshuffling": Objective(
        "deshuffling", "Write the text, whose tokens are out of order.", "Raffel et al. 2020, section 3.3.1",
        WHOLE, SHUFFLED, ALL, said,
    ),
    "prefix_lm": Objective(
        "prefix_lm", "Go on with a text after its beginning.", "Raffel et al. 2020, section 3.3.1",
        REST, WITHOUT, NOISE, joined,
    ),
    "lm": Objective(
        "lm", "Write the text after an empty input.", "Raffel et al. 2020, section 3.2.3", WHOLE, WITHOUT, ALL, said
    ),
    "ul2": Objective(
        "ul2", "One of seven denoisers a row: short spans, long or many spans, or the end of the text.",
        "Tay et al. 2022, section 3.1", MIXTURE, FOLDED, SPELLED, filled_behind_mode, front=1,
    ),
}  # fmt: skip


def objective(name: str, *, density: float | None = None, mean_span: float | None = None) -> Objective:
    """Return the objective of a name, with another noise density or mean span where it has one.

    Raise ``UsageError`` with the closest name for one that there is not, and for a figure without meaning.
    """
    if name not in OBJECTIVES:
        hint = f"Objectives: {', '.join(OBJECTIVES)}.{did_you_mean(name, OBJECTIVES)}"
        raise UsageError(f'there is no objective "{visible(name)}"', fix=hint, code="C01")
    found = OBJECTIVES[name]
    for what, value in (("density", density), ("mean_span", mean_span)):
        if value is not None and not getattr(found, what):
            raise UsageError(f"the objective {name} has no {what}", fix="Leave it out.", code="C01")
    density = found.density if density is None else check_density(density)
    mean_span = found.mean_span if mean_span is None else check_span(mean_span)
    return replace(found, density=density, mean_span=mean_span)

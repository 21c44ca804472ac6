"""Span corruption on plain text as rows that are encoded already, for the loop as it is.

Floor 6. Texts are joined and cut into equal lengths, so that every input has the same number of tokens and no padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from t2t import models
from t2t.checkpoint import State
from t2t.config import Config
from t2t.mixtures import Mix, Stream
from t2t.models import Options
from t2t.objectives import OBJECTIVES, Draws, Vocabulary, keys
from t2t.optim import optimizer, settle
from t2t.sets import Sets, examples
from t2t.tasks import task
from t2t.tokens import Encoded, Tokens
from t2t.train import Run, Watch, _accelerator
from t2t.types import Example, Mixture

__all__ = ["run"]

TEXTS = "pretraining/mlm"
NAME = "text"
ROWS = 512  # more than are seen in a measurement; drawn again where they are not


class Ready(Tokens):
    """A tokenizer whose examples are encoded already; each is known by its uid."""

    def __init__(self, tokens: Tokens, rows: Sequence[Encoded]) -> None:
        super().__init__(tokens.tokenizer, max_input=tokens.max_input, max_target=tokens.max_target)
        self.rows = rows

    def encode(self, egs: Sequence[Example], *, cut_targets: bool | None = None) -> list[Encoded]:
        """Return the rows that ``egs`` stand for."""
        return [self.rows[int(eg.uid)] for eg in egs]


def run(config: Config, length: int, options: Options) -> Run:
    """Return a run that is ready for its first step on inputs of ``length`` tokens."""
    accelerator = _accelerator()
    model = models.load(config.model, options=options)
    model.tokens = Ready(model.tokens, _rows(model.tokens, config, length))
    model.module.to(accelerator.device)
    config = settle(config, fresh=model.fresh, family=model.recipe)
    egs = [Example(str(i), NAME, "", (), "") for i in range(len(model.tokens.rows))]
    adamw = optimizer(config.optimizer, model.net.named_parameters(), lr=config.learning_rate or 0.0, decay=0.0)
    stream = Stream({NAME: len(egs)}, {NAME: 1.0}, config.seed)
    sizes = {NAME: np.array(model.sizes(egs), np.int64)}
    sets = Sets(Mix(NAME, "", "equal", {NAME: 1.0}), train={NAME: egs})  # type: ignore[dict-item]
    mixture = Mixture(NAME, {NAME: 1.0})
    state = State(cursors=(0,), drawn={NAME: 0})
    return Run(config, Path(), sets, model, mixture, stream, sizes, adamw, accelerator, state, Watch(), [])


def _rows(tokens: Tokens, config: Config, length: int) -> list[Encoded]:
    """Return corrupted stretches of text; a source with too little of it gives each stretch several times."""
    objective = OBJECTIVES["span_corruption"]
    raw = objective.raw(length)
    text = _ids(tokens, config.source, raw * ROWS)
    rows_BL = np.stack([text[at : at + raw] for at in range(0, len(text) - raw + 1, raw)])
    sentinels = tokens.tokenizer.convert_tokens_to_ids([f"<extra_id_{i}>" for i in range(100)])
    vocabulary = Vocabulary(np.array(sentinels), tokens.eos, words=np.empty(0, int))
    draws = Draws(keys(config.seed, np.zeros(ROWS, int), np.arange(ROWS)))
    found = objective(np.resize(rows_BL, (ROWS, raw)), draws, vocabulary)
    return [Encoded(source, target) for source, target in zip(found.inputs, found.targets, strict=True)]


def _ids(tokens: Tokens, source: str, enough: int) -> np.ndarray:
    """Return the ids of a source's texts, one after another, up to about ``enough`` of them."""
    egs, parts, total = examples(task(TEXTS), "train", source), [], 0
    for eg in egs:
        parts.append(tokens.ids([eg.input])[0])
        total += len(parts[-1])
        if total >= enough:
            break
    return np.concatenate(parts)

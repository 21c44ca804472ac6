"""Training an encoder's classification head: t2t's own loop and the Hugging Face Trainer, on the same rows.

Floor 6. The Trainer has one head of two classes for the rows of all tasks, t2t one a task.
"""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from t2t.bench.cases import Ask
from t2t.bench.meter import Meter
from t2t.bench.shapes import has_weights
from t2t.bench.training import arguments, drawn, fit, loop, prepared
from t2t.types import Example

__all__ = ["t2t", "trainer"]


def t2t(ask: Ask) -> dict[str, Any]:
    """Train with t2t's loop."""
    run = prepared(ask, family="encoder")
    net: Any = run.model.net
    return loop(run, ask, net.body.config)


def trainer(ask: Ask) -> dict[str, Any]:
    """Train with the Trainer, each batch padded to its longest row."""
    run = prepared(ask, family="encoder", precision="fp32", plain=True)
    tokenizer = AutoTokenizer.from_pretrained(ask.model, trust_remote_code=False)
    rows = [_row(tokenizer, eg) for eg in drawn(run)]
    load = AutoModelForSequenceClassification
    net = load.from_pretrained(ask.model, trust_remote_code=False) if has_weights(ask.model) else load.from_config(
        AutoConfig.from_pretrained(ask.model, trust_remote_code=False)
    )  # fmt: skip
    given = arguments(ask, [len(row["input_ids"]) for row in rows], run.config.batch_tokens)
    return fit(net, rows, DataCollatorWithPadding(tokenizer), given, Meter(ask.seconds))


def _row(tokenizer: Any, eg: Example) -> dict[str, Any]:
    """Return the column texts of an example as the tokenizer lays them out, and its label."""
    texts = [piece.text for piece in eg.pieces if piece.column]
    return {**tokenizer(*texts, truncation=True, max_length=512), "labels": int(eg.gold)}

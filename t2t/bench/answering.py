"""Answering: t2t's ways of writing and ranking, and what is done with transformers alone, on the same rows.

Floor 6. Texts are encoded before the clock starts. Answers are handed back, so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, GenerationConfig

from t2t import models, sets
from t2t.apply import options
from t2t.bench.cases import Ask
from t2t.bench.flops import shape_of
from t2t.bench.machine import Clock, device
from t2t.bench.meter import speeds
from t2t.bench.training import settings
from t2t.config import Config
from t2t.models import Model
from t2t.predict import predict
from t2t.tokens import Tokens
from t2t.types import Example

__all__ = ["forward", "generate", "t2t"]

BATCH = 32
WARM_ROWS = 64
Answer = Callable[[Sequence[Example]], list[str]]


def t2t(ask: Ask) -> dict[str, Any]:
    """Answer as t2t does."""
    model, egs, config = _opened(ask)
    dtype = "bf16" if getattr(model, "dtype", None) == torch.bfloat16 else "fp32"
    answer: Answer = lambda some: [pred.text for pred in predict(model, some, by=config.by)]  # noqa: E731
    return _timed(ask, answer, egs, model, dtype)


def generate(ask: Ask) -> dict[str, Any]:
    """Write with ``generate``, 32 rows at a time as they come, in fp32."""
    model, egs, _ = _opened(ask, precision="fp32", plain=True)
    net = AutoModelForSeq2SeqLM.from_pretrained(ask.model, trust_remote_code=False).to(device()).eval()
    usual: dict[str, Any] = {
        "num_beams": ask.how.get("beams", 1), "do_sample": False, "pad_token_id": model.tokens.pad,
        "eos_token_id": model.tokens.eos, "decoder_start_token_id": net.config.decoder_start_token_id,
        "suppress_tokens": (_nameless(model) or None) if ask.how.get("forced") else None,
    }  # fmt: skip

    def answer(some: Sequence[Example]) -> list[str]:
        said: list[str] = []
        for part in _batches(some):
            limits = [model.answer_limit(eg) or 0 for eg in part]
            how = GenerationConfig(max_new_tokens=max(limits), **usual)
            rows = net.generate(**_inputs(model.tokens, part), generation_config=how).tolist()
            said += model.tokens.answers([row[1 : 1 + n] for row, n in zip(rows, limits, strict=True)], part)
        return said

    with torch.inference_mode():
        return _timed(ask, answer, egs, model, "fp32")


def forward(ask: Ask) -> dict[str, Any]:
    """Rank with one forward pass a choice over 32 rows at a time as they come, in fp32."""
    model, egs, _ = _opened(ask, precision="fp32", by="rank", plain=True)
    net = AutoModelForSeq2SeqLM.from_pretrained(ask.model, trust_remote_code=False).to(device()).eval()

    def answer(some: Sequence[Example]) -> list[str]:
        said: list[str] = []
        for part in _batches(some):
            inputs = _inputs(model.tokens, part)
            nats = torch.stack([_nats(net, inputs, model.tokens, column) for column in _columns(part)], dim=1)
            said += [eg.choices[i] for eg, i in zip(part, nats.argmax(1).tolist(), strict=True)]
        return said

    with torch.inference_mode():
        return _timed(ask, answer, egs, model, "fp32")


def _columns(egs: Sequence[Example]) -> list[list[str]]:
    """Return the first choice of each example, the second of each, …"""
    return [[eg.choices[min(c, len(eg.choices) - 1)] for eg in egs] for c in range(max(len(e.choices) for e in egs))]


def _nats(net: Any, inputs: dict[str, torch.Tensor], tokens: Tokens, choices: Sequence[str]) -> torch.Tensor:
    """Return log p(choice | input) of one choice a row, in nats."""
    labels_BT = _padded(tokens.ids(choices, target=True), -100)
    logits_BTV = net(**inputs, labels=labels_BT).logits
    picked_BT = logits_BTV.log_softmax(-1).gather(-1, labels_BT.clamp(min=0)[..., None]).squeeze(-1)
    return picked_BT.masked_fill(labels_BT < 0, 0.0).sum(1)


# -- what all have in common -----------------------------------------------------------------------------------------


def _opened(ask: Ask, **more: Any) -> tuple[Model, list[Example], Config]:
    """Return t2t's model, the rows to answer (encoded), and the configuration."""
    config = settings(ask, eval_limit=max(1, ask.rows // len(ask.settings["task"])), **more)
    model = models.load(ask.model, options=options(config))
    model.net.to(device())
    egs = [eg for some in sets.load(config, training=False).score.values() for eg in some]
    if ask.how.get("forced") and (nameless := _nameless(model)):
        model.tokens.eos = nameless[0]  # suppressed by both sides, so no answer ends before its limit
    model.tokens.encode(egs)
    return model, egs, config


def _timed(ask: Ask, answer: Answer, egs: Sequence[Example], model: Model, dtype: str) -> dict[str, Any]:
    """Answer all rows, again until the time is over; return speeds and answers."""
    answer(egs[:WARM_ROWS])
    clock, rounds, said = Clock(), 0, list[str]()
    while not rounds or clock.seconds < ask.seconds:
        said, rounds = answer(egs), rounds + 1
    sizes = _sizes(ask, model.tokens, egs, said)
    found = speeds(sizes * rounds, clock, shape_of(model.net.config), dtype, passes=1)
    return {**found, "answers": said}


def _sizes(ask: Ask, tokens: Tokens, egs: Sequence[Example], said: Sequence[str]) -> list[tuple[int, Sequence[int]]]:
    """Return the tokens of each input, and of each target: the choices that were ranked, or the answer of each beam."""
    sources = [len(e.source) for e in tokens.encode(egs)]
    if ask.how.get("forced"):
        targets = [[ask.settings["max_target"]]] * len(egs)
    elif ask.do.endswith("forward") or ask.settings.get("by") == "rank":
        targets = [[len(ids) for ids in tokens.ids(eg.choices, target=True)] for eg in egs]
    else:
        targets = [[len(ids)] for ids in tokens.ids(said, target=True)]
    return [(source, some * ask.how.get("beams", 1)) for source, some in zip(sources, targets, strict=True)]


def _nameless(model: Any) -> list[int]:
    """Return the rows of the embedding that no token has."""
    return [*range(len(model.tokens.tokenizer), model.net.get_input_embeddings().num_embeddings)]


def _batches(egs: Sequence[Example]) -> Iterator[Sequence[Example]]:
    return (egs[at : at + BATCH] for at in range(0, len(egs), BATCH))


def _inputs(tokens: Tokens, egs: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Return ids and mask (B, S), padded to the longest."""
    sources = [e.source for e in tokens.encode(egs)]
    mask_BS = _padded([torch.ones(len(ids)) for ids in sources], 0)
    return {"input_ids": _padded(sources, tokens.pad), "attention_mask": mask_BS}


def _padded(rows: Sequence[Any], value: int) -> torch.Tensor:
    longest = [torch.as_tensor(row, dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(longest, batch_first=True, padding_value=value).to(device())

"""Tiny T5s of every kind, trained for a moment on numbers, so that what they write differs from input to input."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from transformers import GenerationConfig

from tests.toy import build

VOCABULARY, PAD, END = 56, 0, 1
GATED = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "t5": ("t5", {}),
    "t5 v1.1": ("t5", GATED),
    "mt5": ("mt5", GATED),
    "umt5": ("umt5", GATED),
}


def numbers(count: int, seed: int, longest: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return inputs of 1 to ``longest`` ids, their mask, and targets: each id's partner, in order, and the end."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (count,), generator=draw)
    source_BS = torch.randint(4, 30, (count, longest), generator=draw)
    mask_BS = (torch.arange(longest) < lengths[:, None]).long()
    target_BT = torch.cat([(source_BS + 26).masked_fill(mask_BS == 0, -100), torch.full((count, 1), -100)], 1)
    target_BT[torch.arange(count), lengths] = END
    return source_BS * mask_BS, mask_BS, target_BT


@cache
def trained(kind: str) -> Any:
    """Return a net that knows its task by half; do not change it."""
    name, shape = KINDS[kind]
    net = build(name, vocabulary=VOCABULARY, dropout=0.0, num_layers=2, num_decoder_layers=2, **shape)
    if not shape.get("tie_word_embeddings", True):
        net.lm_head.weight = torch.nn.Parameter(net.lm_head.weight.detach().clone())
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for step in range(120):
        source_BS, mask_BS, target_BT = numbers(32, step)
        optimizer.zero_grad()
        net(input_ids=source_BS, attention_mask=mask_BS, labels=target_BT).loss.backward()
        optimizer.step()
    return net.eval()


def cut(rows: torch.Tensor) -> list[list[int]]:
    """Return rows of ids up to their end."""
    return [row[: row.index(END)] if END in row else row for row in rows.tolist()]


def generate(net: Any, source_BS: torch.Tensor, mask_BS: torch.Tensor, **how: Any) -> list[list[int]]:
    """Return what transformers writes."""
    own = {"do_sample": False, "num_beams": 1, "max_new_tokens": 12}
    config = GenerationConfig(**{**own, **how}, pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD)
    with torch.inference_mode():
        return cut(net.generate(input_ids=source_BS, attention_mask=mask_BS, generation_config=config)[:, 1:])

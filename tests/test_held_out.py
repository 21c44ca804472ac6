"""The loss of stretches, against the definition."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from t2t import models
from t2t.models.held_out import HeldOut, measure
from tests.test_stretches import book, cache, found, only

FIXTURES = (book, cache)


@pytest.mark.parametrize("plain", [True, False])
def test_it_is_the_loss_of_transformers_without_dropout(book: str, still: Path, tiny: Path, plain: bool) -> None:
    model = models.load(str(tiny), options=models.Options(plain=plain, precision="fp32"))
    egs = only(found(model.tokens, [book], objective="span_corruption").held)
    model.tokens.stretches = {f"{egs.task.name}:train": egs}
    model.net.train()
    ticks: list[int] = []
    one = measure(model, egs, tick=ticks.append)
    assert model.net.training and sum(ticks) == len(egs)
    nats = units = 0.0
    model.net.eval()
    made = egs.encode(egs[:])
    for row in made:
        with torch.no_grad():
            out = model.net(input_ids=torch.tensor(row.source[None].astype(int)),
                            labels=torch.tensor(row.target[None].astype(int)))  # fmt: skip
        nats, units = nats + float(out.loss) * len(row.target), units + len(row.target)
    assert one.tokens.tolist() == [len(row.target) for row in made]
    assert one.nats.sum() == pytest.approx(nats, rel=1e-5)
    together = measure(model, egs, budget=200)
    assert len(together.nats) < len(one.nats) == len(egs)
    assert together.nats_per_token == pytest.approx(one.nats_per_token, rel=1e-5)
    assert together.bits_per_byte == pytest.approx(one.bits_per_byte, rel=1e-5)
    assert one.nats_per_token == pytest.approx(nats / units, rel=1e-5)
    sentinels = set(egs.vocabulary.sentinels.tolist())
    hidden = sum(len([i for i in row.target[:-1].tolist() if i not in sentinels]) for row in made)
    counts = egs.file.counts
    assert one.bits_per_byte == pytest.approx(nats / math.log(2) / (hidden * counts.bytes / counts.tokens), rel=1e-5)
    assert np.isfinite(one.bits_per_byte)


def test_intervals_are_over_stretches_and_perplexity_is_of_language_models() -> None:
    rng = np.random.default_rng(0)
    nats, tokens, size = rng.uniform(50, 150, 40), rng.integers(20, 60, 40).astype(float), rng.uniform(90, 110, 40)
    one = HeldOut("lm", "s", nats, tokens, size).asdict()
    assert one["nats_per_token"] == pytest.approx(nats.sum() / tokens.sum(), abs=1e-5)
    assert (one["stretches"], one["tokens"], one["signature"]) == (40, tokens.sum(), "s")
    drawn = rng.integers(40, size=(4000, 40))
    for name, ratios in (
        ("nats_per_token", nats[drawn].sum(1) / tokens[drawn].sum(1)),
        ("bits_per_byte", nats[drawn].sum(1) / math.log(2) / size[drawn].sum(1)),
    ):
        low, high = np.percentile(ratios, [2.5, 97.5])
        assert one[f"{name}_interval"] == pytest.approx([low, high], abs=0.1 * (high - low))
    assert one["perplexity"] == pytest.approx(math.exp(nats.sum() / tokens.sum()), rel=1e-3)
    assert one["perplexity_interval"] == pytest.approx(np.exp(one["nats_per_token_interval"]), rel=1e-3)
    assert "perplexity" not in HeldOut("span_corruption", "s", nats, tokens, size).asdict()

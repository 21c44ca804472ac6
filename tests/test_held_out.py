"""The loss of held-out stretches, against the definition."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from t2t import models
from t2t.models.held_out import measure
from tests.test_stretches import book, cache, found, only

FIXTURES = (book, cache)


@pytest.mark.parametrize("plain", [True, False])
def test_it_is_the_loss_of_transformers_without_dropout(book: str, still: Path, tiny: Path, plain: bool) -> None:
    model = models.load(str(tiny), options=models.Options(plain=plain, precision="fp32"))
    egs = only(found(model.tokens, [book], objective="span_corruption").held)
    model.tokens.stretches = {f"{egs.task.name}:train": egs}
    model.net.train()
    one = measure(model, egs, budget=200)
    assert model.net.training
    nats = units = 0.0
    model.net.eval()
    made = egs.encode(egs[:])
    for row in made:
        with torch.no_grad():
            out = model.net(input_ids=torch.tensor(row.source[None].astype(int)),
                            labels=torch.tensor(row.target[None].astype(int)))  # fmt: skip
        nats, units = nats + float(out.loss) * len(row.target), units + len(row.target)
    assert one.tokens == units
    assert one.nats == pytest.approx(nats, rel=1e-5)
    assert one.nats_per_token == pytest.approx(nats / units, rel=1e-5)
    sentinels = set(egs.vocabulary.sentinels.tolist())
    hidden = sum(len([i for i in row.target[:-1].tolist() if i not in sentinels]) for row in made)
    counts = egs.file.counts
    assert one.bits_per_byte == pytest.approx(nats / math.log(2) / (hidden * counts.bytes / counts.tokens), rel=1e-5)
    assert np.isfinite(one.bits_per_byte)

"""The flat forward pass is transformers' own, in bf16 too; dropout trains; the layout holds every token once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from t2t.models import Options
from t2t.models.cpu.kernels import compiled
from t2t.models.cpu.rows import rounded
from t2t.models.seq2seq import Seq2Seq
from t2t.models.t5 import trains
from t2t.models.t5.forward import flat_loss
from t2t.models.t5.rows import IGNORED, lay_out
from t2t.tokens import Encoded, Tokens
from tests.toy import MINI, assert_same, build, example, texts

TYPES = ("t5", "mt5", "umt5")
pytestmark = pytest.mark.skipif(compiled() is None, reason="no C compiler: the plain way is taken")


def rows(n: int, seed: int = 0) -> list[Encoded]:
    """Return examples of random ids, some of one token."""
    rng = np.random.default_rng(seed)
    sizes = zip(rng.integers(1, 40, n), rng.integers(1, 9, n), strict=True)
    return [Encoded(*(rng.integers(2, 100, size).astype(np.int32) for size in pair)) for pair in sizes]


def tensors(encoded: list[Encoded]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(ids) for name, ids in lay_out(encoded, start=0, padding=0).items()}


def one_by_one(net: Any, encoded: list[Encoded]) -> torch.Tensor:
    """Return transformers' summed loss, each example alone: no padding at all."""
    total = torch.zeros(())
    for e in encoded:
        source, target = torch.from_numpy(e.source).long()[None], torch.from_numpy(e.target).long()[None]
        total = total + net(input_ids=source, labels=target).loss * target.numel()
    return total


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("feed", ["relu", "gated-gelu"])
@pytest.mark.parametrize("kind", TYPES)
def test_loss_and_gradients_are_transformers(kind: str, feed: str, tied: bool) -> None:
    net = build(kind, dropout=0.0, feed_forward_proj=feed, tie_word_embeddings=tied).train()
    assert trains(net)
    encoded = rows(17, seed=3)  # no hidden unit within 1e-4 of 0, where rounding would decide on ReLU's gradient
    losses, grads = [], []
    for loss in (
        one_by_one(net, encoded), flat_loss(net, tensors(encoded), dtype=torch.float32, label_smoothing=0.0),
    ):  # fmt: skip
        net.zero_grad()
        loss.backward()
        losses.append(loss.item())
        grads.append({name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None})
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert grads[0].keys() == grads[1].keys()
    assert_same(grads[1], grads[0], tolerance=1e-4)


@pytest.mark.parametrize("kind", TYPES)
def test_label_smoothing_and_frozen_words_are_the_plain_ways(kind: str) -> None:
    tokens = Tokens(AutoTokenizer.from_pretrained(MINI), max_input=64, max_target=16)
    egs = [example(text, text[::-1]) for text in texts(12, seed=3, longest=6)]
    net = build(kind, dropout=0.0).train()
    net.get_input_embeddings().weight.requires_grad_(False)
    losses, grads = [], []
    for plain in (True, False):
        options = Options(precision="fp32", plain=plain, label_smoothing=0.2)
        model = Seq2Seq(net, tokens, options, "test")
        net.zero_grad()
        loss = model.loss(model.batch(egs)).nats
        loss.backward()
        losses.append(loss.item())
        grads.append({name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None})
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert "shared.weight" not in grads[0]
    assert grads[0].keys() == grads[1].keys()
    assert_same(grads[1], grads[0], tolerance=1e-4)
    with torch.no_grad():
        assert model.loss(model.batch(egs)).nats.item() == losses[1]


@pytest.mark.parametrize("kind", TYPES)
def test_bf16_is_near(kind: str) -> None:
    net = build(kind, dropout=0.0).train()
    encoded = tensors(rows(17))
    exact, near = (flat_loss(net, encoded, dtype=d, label_smoothing=0.0) for d in (torch.float32, torch.bfloat16))
    assert near.item() == pytest.approx(exact.item(), rel=1e-2) and near.item() != exact.item()


def test_dropout_changes_the_loss_and_the_seed_brings_it_back() -> None:
    net = build("t5", dropout=0.1).train()
    encoded = tensors(rows(17))

    def loss(seed: int) -> float:
        torch.manual_seed(seed)
        return flat_loss(net, encoded, dtype=torch.float32, label_smoothing=0.0).item()

    assert loss(1) == loss(1) != loss(2)
    net.eval()
    assert loss(1) == loss(2)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_expected_loss_under_dropout_is_that_of_the_plain_way(share: float) -> None:
    """Two random generators cannot agree number by number; their means over many passes must."""
    net = build("t5", dropout=share).train()
    encoded = rows(6)
    flat = tensors(encoded)
    values: list[list[float]] = [[], []]
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(60):
            values[0].append(float(one_by_one(net, encoded)))
            values[1].append(float(flat_loss(net, flat, dtype=torch.float32, label_smoothing=0.0)))
    means, errors = np.mean(values, axis=1), np.std(values, axis=1) / 60**0.5
    assert abs(means[0] - means[1]) < 4 * np.hypot(*errors)
    assert 0.7 < np.std(values[1]) / np.std(values[0]) < 1.4, "as much noise as theirs"


def test_adapters_and_other_activations_take_the_plain_way() -> None:
    assert not trains(build("bart"))
    assert not trains(build("t5", feed_forward_proj="gated-silu"))
    net = build("t5")
    assert trains(net)
    net.encoder.block[0].layer[0].SelfAttention.q.get_base_layer = None  # what peft's layers have
    assert not trains(net)


def test_the_layout_holds_every_token_once_and_pads_to_few_sizes() -> None:
    encoded = rows(31, seed=5)
    flat = lay_out(encoded, start=7, padding=0)
    sources, targets = flat["lengths_2R"]
    assert flat["source_N"][: sources.sum()].tolist() == [i for e in encoded for i in e.source]
    assert flat["target_M"][: targets.sum()].tolist() == [i for e in encoded for i in e.target]
    assert (flat["target_M"][targets.sum() :] == IGNORED).all() and not flat["source_N"][sources.sum() :].any()
    starts = np.cumsum([0, *targets[:-1]])
    assert (flat["shifted_M"][starts] == 7).all()
    sizes = {rounded(n) for n in range(3000, 4097)}
    assert all(n <= rounded(n) <= max(64, 1.5 * n) for n in range(1, 9000)) and len(sizes) <= 3


def test_training_lowers_the_loss_as_the_plain_way_does() -> None:
    tokens = Tokens(AutoTokenizer.from_pretrained(MINI), max_input=64, max_target=16)
    egs = [example(text, text[::-1]) for text in texts(24, seed=3, longest=6)]
    ends = []
    for plain in (True, False):
        torch.manual_seed(1)
        model = Seq2Seq(build("t5", dropout=0.1), tokens, Options(precision="fp32", plain=plain), "test")
        optimizer = torch.optim.AdamW(model.net.parameters(), lr=3e-3)
        model.module.train()
        for _ in range(30):
            loss = model.loss(model.batch(egs))
            (loss.nats / loss.units).backward()
            optimizer.step()
            optimizer.zero_grad()
        ends.append(loss.nats.item() / loss.units)
    assert ends[1] == pytest.approx(ends[0], rel=0.1)

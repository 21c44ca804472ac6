"""The passes of a T5 by hand give transformers' logits, whatever the padding, and follow the weights."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from t2t.models.cpu.rows import finely_rounded
from t2t.models.t5 import inference, supports
from t2t.models.t5.decode import prefixes, score
from t2t.models.t5.inference import Decoder, Packed, Product, fingerprint
from tests.t5_nets import END, KINDS, PAD, numbers, trained
from tests.toy import build


def by_steps(net: Any, precision: str, source_BS: torch.Tensor, mask_BS: torch.Tensor, said_BT: torch.Tensor) -> Any:
    """Return the logits (B, T, V) of a decoder that is given each token."""
    with torch.inference_mode():
        packed = Packed(net, precision)
        decoder = Decoder(packed, packed.read(source_BS, mask_BS))
        steps = [packed.logits(decoder.step(ids_B))[: len(said_BT)] for ids_B in said_BT.unbind(1)]
        return torch.stack(steps, 1)


def wanted(net: Any, source_BS: torch.Tensor, mask_BS: torch.Tensor, said_BT: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return net(input_ids=source_BS, attention_mask=mask_BS, decoder_input_ids=said_BT, use_cache=False).logits


def said(count: int, length: int) -> torch.Tensor:
    ids = torch.randint(2, 50, (count, length), generator=torch.Generator().manual_seed(7))
    ids[:, 0] = PAD
    return ids


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_transformers(kind: str) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(11, 901)  # of 900 UMT5 has a place where transformers is 5e-5 from its own fp64
    said_BT = said(11, 40)  # beyond what is made room for at first
    got, want = by_steps(net, "fp32", source_BS, mask_BS, said_BT), wanted(net, source_BS, mask_BS, said_BT)
    assert want.std() > 0.5 and torch.allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_without_kernels_pytorch_does_the_same(monkeypatch: pytest.MonkeyPatch, kind: str, precision: str) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(11, 906)
    want = wanted(net, source_BS, mask_BS, said(11, 5))
    monkeypatch.setattr("t2t.models.cpu.answers.compiled", lambda: None)
    monkeypatch.setattr("t2t.models.t5.inference.compiled", lambda: None)
    got = by_steps(net, precision, source_BS, mask_BS, said(11, 5))
    apart = (got - want).abs()
    assert apart.max() < 1e-4 if precision == "fp32" else apart.mean() < 0.1 * want.std()


@pytest.mark.parametrize("length", [1, 3, 140])
def test_inputs_of_any_length(length: int) -> None:
    net = trained("t5")
    source_BS = torch.randint(4, 30, (3, length))
    mask_BS = torch.ones_like(source_BS)
    got = by_steps(net, "fp32", source_BS, mask_BS, said(3, 2))
    assert torch.allclose(got, wanted(net, source_BS, mask_BS, said(3, 2)), atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_padding_and_company_change_nothing(precision: str) -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(9, 901)
    together = by_steps(net, precision, source_BS, mask_BS, said(9, 5))
    tolerance = 1e-4 if precision == "fp32" else 0.1
    for i, length in enumerate(mask_BS.sum(1).tolist()):
        alone = by_steps(
            net, precision, source_BS[i : i + 1, :length], mask_BS[i : i + 1, :length], said(9, 5)[i : i + 1]
        )
        assert torch.allclose(together[i : i + 1], alone, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_lower_precisions_mostly_agree(kind: str, precision: str) -> None:
    net = trained(kind)
    source_BS, mask_BS, target_BT = numbers(64, 902)
    said_BT = target_BT.roll(1, 1).clamp(min=0)
    want = wanted(net, source_BS, mask_BS, said_BT)
    got = by_steps(net, precision, source_BS, mask_BS, said_BT)
    real = target_BT >= 0
    same = (got.argmax(-1) == want.argmax(-1))[real].float().mean().item()
    assert same > 0.95 and not torch.equal(got, want)


@pytest.mark.parametrize("kernels", [True, False])
def test_products_of_8_bits_do_not_overflow(monkeypatch: pytest.MonkeyPatch, kernels: bool) -> None:
    if not kernels:
        monkeypatch.setattr(inference, "compiled", lambda: None)
    x_NI = torch.full((7, 64), 3.0)
    x_NI[:, ::5] = -2.0
    weight_OI = torch.full((33, 64), 0.1)
    weight_OI[:, 32:48] = -0.05  # sums of two products of 8 bits are beyond 16 bits
    got, want = Product(weight_OI, "int8")(x_NI), x_NI @ weight_OI.t()
    assert (got - want).abs().max() < 0.02 * want.abs().max()


@pytest.mark.parametrize("kind", KINDS)
def test_choices_have_the_likelihoods_that_transformers_gives(kind: str) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(5, 903)
    own = [[(35, END), (35, 36, END), (40, END)], [(35, END)], [(35, 36, 37, 38, END), (9, END), (9, 35, END)]]
    sets = [own[i % 3] for i in range(5)]
    with torch.inference_mode():
        packed = Packed(net, "fp32")
        nats = score(packed, packed.read(source_BS, mask_BS), [prefixes(choices, PAD) for choices in sets])
    for i, choices in enumerate(sets):
        for choice, value in zip(choices, nats[i], strict=True):
            labels = torch.tensor([choice])
            with torch.inference_mode():
                mean = net(input_ids=source_BS[i : i + 1], attention_mask=mask_BS[i : i + 1], labels=labels).loss
            assert value == pytest.approx(-mean.item() * len(choice), abs=1e-4)


@pytest.mark.parametrize("at_once", [1, 20, 64])
def test_inputs_may_be_read_in_parts(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    source_BS, mask_BS, _ = numbers(11, 905)
    packed = Packed(trained("t5"), "fp32")
    with torch.inference_mode():
        whole = packed.read(source_BS, mask_BS)
        monkeypatch.setattr("t2t.models.t5.inference.AT_ONCE", at_once)
        parts = packed.read(source_BS, mask_BS)
    assert torch.allclose(whole.seen, parts.seen, atol=1e-5) and torch.equal(whole.starts, parts.starts)


def test_equal_prefixes_are_one() -> None:
    found = prefixes([(5, 1), (5, 7, 1), (8, 1)], 0)
    assert found.ids == [0, 5, 7, 8] and found.depths == [0, 1, 2, 1]
    assert found.begins.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
    assert found.steps == [[(0, 5), (1, 1)], [(0, 5), (1, 7), (2, 1)], [(0, 8), (3, 1)]]


def test_likelihoods_computed_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(20, 904)

    def nats() -> torch.Tensor:
        with torch.inference_mode():
            packed = Packed(net, "fp32")
            return torch.tensor(score(packed, packed.read(source_BS, mask_BS), [prefixes([(35, 1), (36, 1)], 0)] * 20))

    whole = nats()
    monkeypatch.setattr("t2t.models.t5.inference.MOST_LOGITS", 1)
    assert torch.allclose(nats(), whole, atol=1e-5)


@pytest.mark.parametrize("how", ["sgd", "fused", "foreach", "data", "copy", "new"])
def test_a_change_of_weights_is_seen(how: str) -> None:
    net = build("t5", vocabulary=16)
    before = fingerprint(net)
    assert fingerprint(net) == before
    weight = net.decoder.block[0].layer[2].DenseReluDense.wi.weight
    if how == "data":
        weight.data.add_(0.1)
    elif how == "copy":
        with torch.no_grad():
            weight.copy_(weight.flip(0))
    elif how == "new":
        net.decoder.block[0].layer[2].DenseReluDense.wi.weight = torch.nn.Parameter(weight.detach() + 1)
    else:
        weight.grad = torch.ones_like(weight)
        optimizer = torch.optim.SGD([weight], 0.1) if how == "sgd" else torch.optim.AdamW([weight], **{how: True})
        optimizer.step()
    assert fingerprint(net) != before


def test_sizes_come_again() -> None:
    sizes = [finely_rounded(n) for n in range(1, 9000)]
    assert all(n <= size < n + max(8, n / 8) for n, size in enumerate(sizes, 1))
    assert len(set(sizes)) < 75


def test_packing_in_8_bits_leaves_the_engine_as_it_was() -> None:
    before = torch.backends.quantized.engine
    Packed(trained("t5"), "int8")
    assert torch.backends.quantized.engine == before


def test_what_is_supported() -> None:
    assert all(supports(trained(kind)) for kind in KINDS)
    assert not supports(build("bart"))
    net = copy.deepcopy(trained("t5"))
    net.encoder.set_input_embeddings(torch.nn.Sequential(net.shared))  # virtual tokens are put there
    assert not supports(net)

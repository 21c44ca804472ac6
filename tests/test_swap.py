"""Layers in their faster classes compute the same, keep their names, and are left alone where they would not help."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from t2t.models.cpu.kernels import compiled
from t2t.models.cpu.rows import rounded
from t2t.models.cpu.swap import HashedDropout, RoundedLinear, quicken
from tests.toy import build

pytestmark = pytest.mark.skipif(compiled() is None, reason="no C compiler: the plain way is taken")


@pytest.mark.parametrize("shape", [(7, 24), (3, 5, 24), (2, 1, 65, 24)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_rounded_layer_is_the_layer(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(24, 16, bias=bias)
    x, found = torch.randn(shape), []
    for kind in (torch.nn.Linear, RoundedLinear):
        layer.__class__ = kind  # type: ignore[assignment]
        layer.zero_grad()
        inputs = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = layer(inputs)
        out.float().square().sum().backward()
        found.append((out, inputs.grad, *(p.grad.clone() for p in layer.parameters() if p.grad is not None)))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=2e-2, atol=2e-2 * one.abs().max().item())


def test_products_see_few_numbers_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()
    whole = torch.nn.functional.linear

    def counted(x: torch.Tensor, *more: Any) -> torch.Tensor:
        seen.add(len(x))
        return whole(x, *more)

    monkeypatch.setattr("t2t.models.cpu.swap.linear", counted)
    layer = torch.nn.Linear(4, 4)
    layer.__class__ = RoundedLinear
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for rows in range(1, 300):
            assert len(layer(torch.ones(rows, 4))) == rows
    assert seen == {rounded(rows) for rows in range(1, 300)} and len(seen) < 8


def test_dropout_is_off_in_answers_and_seeded_in_training() -> None:
    layer = HashedDropout(0.3)
    x = torch.ones(50, 40)
    assert torch.equal(layer.eval()(x), x)
    layer.train()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(layer(x))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    assert abs(float((found[0] == 0).float().mean()) - 0.3) < 0.05
    assert layer(x.double()).dtype == torch.float64, "left to PyTorch"


def test_a_network_keeps_its_names_weights_and_answers() -> None:
    net, same = build("bart", dropout=0.1), build("bart", dropout=0.1)
    quicken(net)
    kinds = {type(module) for module in net.modules()}
    assert {RoundedLinear, HashedDropout} & kinds and torch.nn.Linear not in kinds
    assert all(map(torch.equal, net.state_dict().values(), same.state_dict().values()))
    ids = torch.arange(5, 25)[None]
    assert torch.equal(net.eval()(input_ids=ids, labels=ids).logits, same.eval()(input_ids=ids, labels=ids).logits)


def test_subclasses_and_other_devices_are_left_alone() -> None:
    class Own(torch.nn.Linear):
        pass

    net = torch.nn.Sequential(Own(2, 2), torch.nn.Linear(2, 2, device="meta"))
    quicken(net)
    assert [type(module) for module in net] == [Own, torch.nn.Linear]

"""Optimisers and schedules: values at points, a hand-written update, and states that survive a checkpoint bitwise."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch

from t2t import checkpoint
from t2t.checkpoint import State
from t2t.errors import UsageError
from t2t.optim import OPTIMIZERS, SCHEDULES, RmsAdamW, optimizer, rate
from tests.toy import assert_same


@pytest.mark.parametrize(
    ("schedule", "step", "progress", "warmup", "wanted"),
    [
        ("constant", 1, 0.0, 0, 1.0),
        ("constant", 5, 0.5, 10, 0.5),
        ("constant", 10, 0.9, 10, 1.0),
        ("linear", 1, 0.0, 0, 1.0),
        ("linear", 7, 0.25, 0, 0.75),
        ("linear", 2, 0.25, 4, 0.375),
        ("linear", 7, 1.5, 0, 0.0),
        ("cosine", 1, 0.0, 0, 1.0),
        ("cosine", 1, 0.5, 0, 0.5),
        ("cosine", 1, 1.0, 0, 0.0),
        ("cosine", 1, 0.25, 0, 0.5 + math.sqrt(0.125)),
        ("inverse_sqrt", 1, 0.0, 100, 1.0),
        ("inverse_sqrt", 100, 0.0, 100, 1.0),
        ("inverse_sqrt", 400, 0.5, 100, 0.5),
        ("inverse_sqrt", 10_000, 0.5, 100, 0.1),
    ],
)
def test_a_schedule_has_its_value(schedule: str, step: int, progress: float, warmup: int, wanted: float) -> None:
    assert rate(schedule, step=step, progress=progress, warmup=warmup) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_rate_is_between_0_and_1(schedule: str) -> None:
    for step in range(1, 200):
        assert 0 <= rate(schedule, step=step, progress=step / 150, warmup=20) <= 1


def test_an_unknown_name_is_refused_with_the_closest() -> None:
    with pytest.raises(UsageError, match='Did you mean "cosine"'):
        rate("cosin", step=1, progress=0, warmup=0)
    with pytest.raises(UsageError, match='Did you mean "adamw"'):
        optimizer("adam", [], lr=1.0, decay=0.0)


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 3))


def take(some: torch.nn.Module, step: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    step.zero_grad()
    some(torch.randn(6, 5)).square().sum().backward()
    step.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_state_goes_through_a_checkpoint_bitwise(name: str, tmp_path: Path) -> None:
    one, two = net(), net()
    first, second = (optimizer(name, m.named_parameters(), lr=1e-2, decay=0.01) for m in (one, two))
    for seed in range(3):
        take(one, first, seed)
    path = checkpoint.save(tmp_path, State(step=3), one, first, keep=1, fingerprint={})
    assert checkpoint.load(path, two, second).step == 3
    before, _ = checkpoint._flatten(first.state_dict())
    after, _ = checkpoint._flatten(second.state_dict())
    assert_same(before, after)
    for seed in range(3, 6):
        take(one, first, seed)
        take(two, second, seed)
    assert_same(one.state_dict(), two.state_dict())
    assert not torch.equal(one[0].weight, net()[0].weight)


def test_a_fresh_optimizer_differs_from_a_restored_one() -> None:
    for name in OPTIMIZERS:
        one, two = net(), net()
        first = optimizer(name, one.named_parameters(), lr=1e-2, decay=0.0)
        take(one, first, 0)
        two.load_state_dict(copy.deepcopy(one.state_dict()))
        second = optimizer(name, two.named_parameters(), lr=1e-2, decay=0.0)
        take(one, first, 1)
        take(two, second, 1)
        assert not torch.equal(one[0].weight, two[0].weight), name


def test_rms_adamw_equals_the_update_written_out() -> None:
    lr, decay, (b1, b2), eps = 0.02, 0.1, (0.9, 0.999), 1e-8
    some = net()
    step = optimizer("rms_adamw", some.named_parameters(), lr=lr, decay=decay)
    assert isinstance(step, RmsAdamW)
    weights = {name: p.detach().double().clone() for name, p in some.named_parameters()}
    moments = {name: (torch.zeros_like(w), torch.zeros_like(w)) for name, w in weights.items()}
    for t in range(1, 5):
        take(some, step, t)
        for name, p in some.named_parameters():
            grad, (m, v) = p.grad.double(), moments[name]
            m, v = b1 * m + (1 - b1) * grad, b2 * v + (1 - b2) * grad**2
            moments[name] = m, v
            own = lr * max(1e-3, float(weights[name].square().mean().sqrt()))
            weights[name] *= 1 - own * (decay if p.ndim > 1 else 0.0)
            weights[name] -= own * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + eps)
            assert torch.allclose(p.double(), weights[name], rtol=1e-5, atol=1e-7), (t, name)
    assert {group["lr"] for group in step.param_groups} == {lr}


def test_muon_makes_the_step_on_a_matrix_orthogonal_and_sized_by_the_weights() -> None:
    lr, some = 0.02, net()
    step = optimizer("muon", some.named_parameters(), lr=lr, decay=0.0)
    before = {name: p.detach().double() for name, p in copy.deepcopy(some).named_parameters()}
    take(some, step, 0)  # after one step the momentum is the gradient, but for a factor
    for name, p in some.named_parameters():
        if p.ndim == 2:
            left, sizes, right = torch.linalg.svd(p.grad.double(), full_matrices=False)
            wanted = sizes / sizes.square().sum().sqrt()
            for _ in range(5):  # Jordan et al. 2024: a polynomial of the singular values, which brings them to about 1
                wanted = 3.4445 * wanted - 4.775 * wanted**3 + 2.0315 * wanted**5
            taken = (before[name] - p.detach()) / (lr * before[name].square().mean().sqrt())
            along = left.T @ (taken / (0.2 * math.sqrt(max(p.shape)))) @ right.T
            some_size = sizes > 1e-3 * sizes.max()  # the layer norm takes one direction away: noise is left there
            assert sizes[some_size].max() > 1.5 * sizes[some_size].min(), "it is orthogonal already: nothing is shown"
            along, wanted = along[some_size][:, some_size], wanted[some_size]
            assert torch.allclose(along, torch.diag(wanted), atol=0.03), (name, along, wanted)
    assert {group["lr"] for group in step.param_groups} == {lr}


def test_muon_takes_vectors_and_tables_as_rms_adamw_does() -> None:
    class Table(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared, self.scale = torch.nn.Embedding(7, 5), torch.nn.Parameter(torch.ones(5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.shared(x.abs().long().sum(-1) % 7) * self.scale

    torch.manual_seed(0)
    one = Table()
    two = copy.deepcopy(one)
    for name, some in (("muon", one), ("rms_adamw", two)):
        step = optimizer(name, some.named_parameters(), lr=1e-2, decay=0.1)
        for seed in range(3):
            take(some, step, seed)
    assert_same(one.state_dict(), two.state_dict())


def test_biases_and_norms_are_not_decayed() -> None:
    for name in ("adamw", "rms_adamw", "muon"):
        some = net()
        step = optimizer(name, some.named_parameters(), lr=1e-2, decay=0.5)
        decayed = [p for group in step.param_groups for p in group["params"] if group["weight_decay"]]
        assert {id(p) for p in decayed} == {id(some[0].weight), id(some[2].weight)}


def test_what_needs_no_gradient_is_not_trained() -> None:
    some = net()
    some[0].weight.requires_grad_(False)
    for name in OPTIMIZERS:
        step = optimizer(name, some.named_parameters(), lr=1e-2, decay=0.0)
        assert sum(len(group["params"]) for group in step.param_groups) == 5

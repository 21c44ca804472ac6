"""A teacher's scores: the loss against its definition, and what is asked of examples."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import kl_div

from t2t.errors import DataError
from t2t.models.soft import soft_loss, taught
from tests.toy import example


def test_it_is_the_divergence_under_a_temperature_times_its_square() -> None:
    torch.manual_seed(0)
    outputs, asked = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3)
    found = soft_loss(outputs, asked, temperature=2.0)
    wanted = 4 * kl_div((outputs / 2).log_softmax(-1), (asked / 2).softmax(-1), reduction="sum")
    assert torch.allclose(found, wanted)
    found.backward()
    assert outputs.grad is not None
    assert torch.allclose(outputs.grad, 2 * ((outputs / 2).softmax(-1) - (asked / 2).softmax(-1)), atol=1e-6)


def test_choices_out_of_reach_add_nothing_and_make_no_nan() -> None:
    outputs = torch.tensor([[1.0, 2.0, -torch.inf]], requires_grad=True)
    asked = torch.tensor([[0.5, 0.1, -torch.inf]])
    found = soft_loss(outputs, asked, temperature=3.0)
    assert torch.allclose(found, soft_loss(outputs[:, :2], asked[:, :2], temperature=3.0))
    found.backward()
    assert outputs.grad is not None and torch.isfinite(outputs.grad).all()


def test_scores_stand_where_their_choices_do() -> None:
    egs = [example("a", choices=("x", "y"), taught=(1.0, 2.0)), example("b", choices=("x", "y"), taught=(3.0, 4.0))]
    found = taught(egs, [(1, 0), (0, 1)])
    assert found is not None and found.tolist() == [[2.0, 1.0], [3.0, 4.0]]
    assert taught([example("a", choices=("x", "y"))], [(0, 1)]) is None
    with pytest.raises(DataError, match="1 of 2 choices"):
        taught([*egs, example("c", choices=("x", "y"), taught=(1.0,))], [(0, 1)] * 3)

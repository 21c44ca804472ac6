"""BERT's flat forward pass is transformers' own: hidden states, gradients, frozen parts and answers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

from t2t.models import bert
from t2t.models.cpu.kernels import compiled

pytestmark = pytest.mark.skipif(compiled() is None, reason="no C compiler: the plain way is taken")
SIZE = {"vocab_size": 100, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 96, "max_position_embeddings": 64}  # fmt: skip
LENGTHS = torch.tensor([20, 3, 7, 1, 12])


def body(kind: str, **shape: Any) -> Any:
    """Return a tiny body whose numbers are large enough to tell positions apart."""
    torch.manual_seed(0)
    more = {"embedding_size": 24} if kind == "electra" else {}
    made = AutoModel.from_config(AutoConfig.for_model(kind, **{**SIZE, **more, "pad_token_id": 1, **shape}))
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return made.eval()


def inputs(made: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ids, mask and token types (R, S)."""
    torch.manual_seed(1)
    mask = (torch.arange(20)[None] < LENGTHS[:, None]).long()
    ids = torch.randint(5, 100, mask.shape).masked_fill(mask == 0, 1)
    return ids, mask, torch.randint(0, made.config.type_vocab_size, mask.shape) * mask


@pytest.mark.parametrize("kind", bert.TYPES)
def test_states_and_gradients_are_transformers(kind: str) -> None:
    made = body(kind)
    assert bert.supports(made)
    ids, mask, kinds = inputs(made)
    weights = torch.randn(*ids.shape, 48) * mask[..., None]
    found = []
    for flat in (False, True):
        made.zero_grad()
        if flat:
            hidden = bert.encode(made, ids, mask, kinds, torch.float32)
        else:
            hidden = made(input_ids=ids, attention_mask=mask, token_type_ids=kinds).last_hidden_state
        (hidden * weights).sum().backward()
        grads = {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
        found.append((hidden.detach() * mask[..., None], grads))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-5, atol=1e-5)
    assert found[0][1].keys() == found[1][1].keys()
    for name, grad in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], grad, rtol=1e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_without_token_types_they_are_all_0(kind: str) -> None:
    made = body(kind)
    ids, mask, _ = inputs(made)
    wanted = made(input_ids=ids, attention_mask=mask).last_hidden_state
    got = bert.encode(made, ids, mask, None, torch.float32)
    torch.testing.assert_close(got * mask[..., None], wanted * mask[..., None], rtol=1e-5, atol=1e-5)


def test_bf16_is_near() -> None:
    made = body("bert")
    ids, mask, kinds = inputs(made)
    exact, near = (bert.encode(made, ids, mask, kinds, dtype) for dtype in (torch.float32, torch.bfloat16))
    assert near.dtype == torch.float32
    assert 0 < ((near - exact) * mask[..., None]).abs().max() < 0.15, "of hidden states of size 1"


def test_what_is_frozen_is_not_dropped_from_and_what_learns_is() -> None:
    made = body("bert")
    ids, mask, kinds = inputs(made)

    def differs() -> bool:
        one, two = (bert.encode(made, ids, mask, kinds, torch.float32) for _ in range(2))
        return not torch.equal(one, two)

    assert not differs()
    made.train()
    assert differs()
    made.embeddings.eval()
    for layer in made.encoder.layer:
        layer.eval()
    assert not differs(), "every part of the body is frozen"
    made.encoder.layer[1].train()
    assert differs()


def test_other_bodies_and_adapters_take_transformers_way() -> None:
    others = AutoModel.from_config(AutoConfig.for_model("distilbert", vocab_size=50, dim=16, n_layers=1, n_heads=2))
    assert not bert.supports(others)
    made = body("bert")
    made.encoder.layer[0].attention.self.query = torch.nn.Sequential(made.encoder.layer[0].attention.self.query)
    made.encoder.layer[0].attention.self.query.in_features = 48
    assert not bert.supports(made)

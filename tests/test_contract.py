"""One contract for every family and architecture: what the loop, the evaluation and the reports rely on.

The loss falls; answers have their shapes; neither order nor company nor padding changes one; what is saved and loaded
answers the same. Tiny networks with random weights, one task with two choices over a pair of sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM

from t2t.examples import Examples
from t2t.models import FAMILIES, Model, Options, load
from tests import test_causal, test_encoder, toy

TASK, CLOZE = "toy/pair", "{a} {mask} {b}"
OPTIONS = {"precision": "fp32", "max_input": 48, "max_target": 8, "dropout": 0.0}


@dataclass(frozen=True)
class Case:
    """A family, an architecture, and how a tiny model of it is written to a folder; returns what ``--model`` names."""

    family: str
    kind: str
    write: Callable[[Path, str], object]
    cloze: bool = False


def cases() -> list[Case]:
    """Return every architecture of every family that learns by steps."""
    encoders = list(test_encoder.SHAPES)
    return [
        *(Case("seq2seq", kind, toy.write_model) for kind in toy.SHAPES),
        Case("seq2seq", "warm", warm),
        *(Case("causal", kind, test_causal.write_model) for kind in test_causal.KINDS),
        *(Case("encoder", kind, test_encoder.write_model) for kind in encoders),
        *(Case("bi_encoder", kind, test_encoder.write_model) for kind in encoders),
        *(Case("cloze", kind, masked, cloze=True) for kind in encoders if kind != "xlnet"),
    ]


def warm(folder: Path, kind: str) -> str:
    """Write a tiny BERT to warm-start an encoder-decoder from; return what names that."""
    return f"warm:{test_encoder.write_model(folder, 'bert')}"


def masked(folder: Path, kind: str) -> None:
    """Write a tiny masked language model."""
    test_encoder.write_model(folder, kind, auto=AutoModelForMaskedLM)


def examples(case: Case, split: str = "train") -> Examples:
    how: dict[str, Any] = {"input": None, "cloze": CLOZE} if case.cloze else {}
    return test_encoder.examples(TASK, split=split, **how)


def opened(case: Case, name: object) -> Model:
    return load(str(name), family=case.family, options=Options(**OPTIONS))


def trained(m: Model, sets: dict[str, Examples], steps: int) -> list[float]:
    """Train on all examples at once; return the loss a unit before each step."""
    m.prepare(sets, training=True)
    egs = sets[TASK][:]
    optimizer = torch.optim.AdamW([p for p in m.net.parameters() if p.requires_grad], lr=5e-3)
    losses = []
    m.module.train()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.manual_seed(0)
        loss = m.loss(m.batch(egs))
        assert loss.units == sum(target for _, target in m.sizes(egs))
        (loss.nats / loss.units).backward()
        optimizer.step()
        losses.append(loss.nats.item() / loss.units)
    return losses


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.family}-{case.kind}")
def test_the_contract(case: Case, tmp_path: Path) -> None:
    name = case.write(tmp_path / "model", case.kind) or tmp_path / "model"
    m, egs = opened(case, name), examples(case)
    assert m.family == case.family and not m.fits
    losses = trained(m, {TASK: egs}, 20)
    assert losses[-1] < 0.8 * losses[0]
    texts, nats = m.write(egs[:]), torch.tensor(m.rank(egs[:]))
    assert len(texts) == len(egs) and all(isinstance(text, str) for text in texts)
    assert nats.shape == (len(egs), 2) and torch.isfinite(nats).all() and nats.std() > 1e-4
    if not m.generates:
        assert texts == [eg.choices[i] for eg, i in zip(egs, nats.argmax(1).tolist(), strict=True)]
    assert torch.allclose(torch.tensor(m.rank(egs[::-1])).flip(0), nats, atol=1e-4)
    assert torch.allclose(torch.tensor([m.rank([eg])[0] for eg in egs]), nats, atol=1e-4)
    assert m.write(egs[::-1])[::-1] == [m.write([eg])[0] for eg in egs] == texts
    m.save(tmp_path / "saved")
    again = opened(case, tmp_path / "saved")
    again.prepare({TASK: examples(case, "validation")}, training=False)
    assert again.write(egs[:]) == texts and torch.allclose(torch.tensor(again.rank(egs[:])), nats, atol=1e-5)


ADAPTED = [case for case in cases() if case.kind in ("t5", "gpt2", "bert")]


@pytest.mark.parametrize("adapter", ["lora", "ia3"])
@pytest.mark.parametrize("case", ADAPTED, ids=lambda case: f"{case.family}-{case.kind}")
def test_an_adapter_learns_alone_and_is_merged_where_a_model_is_saved(case: Case, adapter: str, tmp_path: Path) -> None:
    case.write(tmp_path / "model", case.kind)
    m, egs = (
        load(str(tmp_path / "model"), family=case.family, options=Options(**OPTIONS, adapter=adapter)),
        examples(case),
    )
    before = {name: p.detach().clone() for name, p in m.net.named_parameters()}
    losses = trained(m, {TASK: egs}, 20)
    assert losses[-1] < losses[0]
    changed = {name for name, p in m.net.named_parameters() if name not in before or not torch.equal(p, before[name])}
    assert changed and all("lora_" in name or "ia3_" in name or name.startswith("heads.") for name in changed)
    nats = torch.tensor(m.rank(egs[:]))
    m.save(tmp_path / "saved")
    again = opened(case, tmp_path / "saved")
    again.prepare({TASK: examples(case, "validation")}, training=False)
    assert not [name for name, _ in again.net.named_parameters() if "lora_" in name or "ia3_" in name]
    assert torch.allclose(torch.tensor(again.rank(egs[:])), nats, atol=1e-4)
    assert torch.allclose(torch.tensor(m.rank(egs[:])), nats, atol=1e-6), "saving changes nothing"


def test_every_family_that_learns_by_steps_is_here() -> None:
    assert {case.family for case in cases()} | {"baseline", "pretraining"} == set(FAMILIES)  # these two learn otherwise

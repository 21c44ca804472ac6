"""Sampling: the distribution drawn from, the nucleus of transformers, and answers that depend on their row alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import TopPLogitsWarper

from t2t.errors import UsageError
from t2t.models import Options, Place, build
from t2t.models.causal import Causal
from t2t.models.sampling import Sampler, pick
from t2t.models.seq2seq import Seq2Seq
from tests.test_causal import copier, example
from tests.test_seq2seq import other, some, spoken

FIXTURES = (copier, spoken)
SAMPLED = {"sample_temperature": 1.5, "top_p": 0.95}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_by_the_softmax_over_the_temperature(temperature: float) -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.0, 1.1]])
    chances = np.random.default_rng(0).random(20_000)
    ids = pick(logits.expand(len(chances), -1), chances, temperature=temperature, top_p=1.0)
    wanted = torch.softmax(logits[0].double() / temperature, -1).numpy() * len(chances)
    assert chisquare(np.bincount(ids, minlength=5), wanted).pvalue > 0.001


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_the_tokens_that_can_be_drawn_are_those_of_transformers(top_p: float) -> None:
    logits = torch.randn(40, 30, generator=torch.Generator().manual_seed(1)) * 2
    kept = torch.isfinite(TopPLogitsWarper(top_p)(torch.zeros(40, 1, dtype=torch.long), logits.clone()))
    every = torch.linspace(0, 1, 4001, dtype=torch.float64)[:-1].numpy()
    for row, wanted in zip(logits, kept, strict=True):
        drawn = set(pick(row.expand(len(every), -1), every, temperature=1.0, top_p=top_p).tolist())
        assert drawn <= set(wanted.nonzero()[:, 0].tolist())
        heavy = torch.softmax(row, -1) * wanted > 0.001
        assert drawn >= set(heavy.nonzero()[:, 0].tolist())


def test_a_token_without_probability_is_never_drawn() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]]).expand(3, -1)
    assert pick(logits, np.array([0.0, 0.5, 1 - 2**-53]), temperature=1.0, top_p=1.0).tolist() == [1, 3, 3]


def test_a_row_has_its_own_numbers_and_a_seed_others() -> None:
    egs = some(6)
    one = Sampler(egs, Options(seed=1), limit=5).chances_RT
    assert (Sampler(egs[::-1], Options(seed=1), limit=9).chances_RT[::-1, :5] == one).all()
    assert not (Sampler(egs, Options(seed=2), limit=5).chances_RT == one).any()
    assert len(np.unique(one)) == one.size


def test_answers_are_the_same_in_any_batch_and_by_transformers(spoken: Callable[..., Seq2Seq]) -> None:
    m, egs = spoken(), some(24)
    wanted = other(m, **SAMPLED, seed=3).write(egs)
    assert other(m, **SAMPLED, seed=3, eval_tokens=40).write(egs[::-1]) == wanted[::-1]
    assert other(m, **SAMPLED, seed=3, plain=True).write(egs) == wanted
    assert other(m, **SAMPLED, seed=4).write(egs) != wanted != m.write(egs)
    assert other(m, sample_temperature=1e-4).write(egs) == m.write(egs)


def test_causal_models_draw_too(copier: Causal) -> None:
    def drawn(**own: float | int) -> list[str]:
        options = Options(**{"max_input": 64, "max_target": 8, **own})  # type: ignore[arg-type]
        return Causal(copier.net, copier.tokens, options, "test").write(
            [example(letter, letter) for letter in "abcdefgh"]
        )

    hot = drawn(sample_temperature=6.0, seed=1)
    assert hot == drawn(sample_temperature=6.0, seed=1, eval_tokens=20) != drawn(sample_temperature=6.0, seed=2)
    assert drawn(sample_temperature=1e-4) == drawn() != hot


@pytest.mark.parametrize(
    ("family", "options"),
    [("encoder", {"sample_temperature": 1.0}), ("seq2seq", {"sample_temperature": 1.0, "beams": 2}),
     ("seq2seq", {"sample_temperature": 1.0, "engine": "ctranslate2"}), ("seq2seq", {"top_p": 0.9})],
)  # fmt: skip
def test_what_cannot_be_is_refused(family: str, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="drawn"):
        build(Place("none", {}, family), Options(**options))  # type: ignore[arg-type]

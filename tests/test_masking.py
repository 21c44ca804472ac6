"""What is hidden of a text: counts, shares and whole words by their definitions, permutations by XLNet's rule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformers import DataCollatorForPermutationLanguageModeling

from t2t.masking import choose, choose_spans, choose_words, count, hidden_from, hide, window
from tests.test_encoder import tokenizer


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_fifteen_percent_are_predicted_and_at_least_one() -> None:
    assert [count(n) for n in (1, 2, 6, 7, 10, 20, 100, 512)] == [1, 1, 1, 1, 2, 3, 15, 77]


def test_every_window_is_equally_likely(rng: np.random.Generator) -> None:
    starts = [window(10, 8, rng) for _ in range(3000)]
    assert {one.stop - one.start for one in starts} == {8}
    drawn = np.bincount([one.start for one in starts], minlength=3)
    assert len(drawn) == 3 and (abs(drawn - 1000) < 120).all()
    assert window(5, 8, rng) == slice(0, 5)


def test_exactly_so_many_tokens_are_chosen_anywhere(rng: np.random.Generator) -> None:
    drawn = np.stack([choose(20, 3, rng) for _ in range(4000)])
    assert (drawn.sum(1) == 3).all()
    assert abs(drawn.mean(0) - 0.15).max() < 0.025


def test_words_are_whole_and_as_many_as_fit(rng: np.random.Generator) -> None:
    words = np.repeat(np.arange(12), [1, 2, 3, 1, 1, 4, 2, 1, 1, 1, 2, 1])
    seen = np.zeros(12)
    for _ in range(500):
        chosen = choose_words(words, 3, rng)
        shares = [chosen[words == word].mean() for word in range(12)]
        assert set(shares) <= {0.0, 1.0}
        assert chosen.sum() == 3
        seen += shares
    assert seen[5] == 0 and (np.delete(seen, 5) > 0).all()  # a word of four tokens never fits


def test_where_no_word_fits_the_shortest_is_taken(rng: np.random.Generator) -> None:
    assert choose_words(np.array([7, 7, 7, 9, 9]), 1, rng).tolist() == [False, False, False, True, True]


def test_eighty_ten_ten(rng: np.random.Generator) -> None:
    tokens, vocabulary = np.full(200_000, 50), np.arange(100, 200)
    chosen = np.arange(len(tokens)) % 2 == 0
    hidden = hide(tokens, chosen, rng, mask=4, vocabulary=vocabulary)
    assert (hidden[~chosen] == 50).all()
    there = hidden[chosen]
    shares = [(there == 4).mean(), np.isin(there, vocabulary).mean(), (there == 50).mean()]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.005)
    assert len(set(there.tolist()) - {4, 50}) == 100
    only = hide(tokens, chosen, rng, mask=4, vocabulary=vocabulary, masked=0.85, random=0.0)[chosen]
    assert set(only.tolist()) == {4, 50} and (only == 4).mean() == pytest.approx(0.85, abs=0.005)


def test_spans_make_up_a_sixth(rng: np.random.Generator) -> None:
    longest = 0
    for length in (1, 2, 5, 6, 7, 23, 60, 61, 200):
        for _ in range(50):
            chosen = choose_spans(length, rng)
            assert chosen.sum() == max(1, length // 6)
            runs = [len(list(run)) for value, run in itertools.groupby(chosen) if value]
            longest = max(longest, *runs)
    assert 5 <= longest <= 10  # two spans may touch


def test_spans_lie_anywhere(rng: np.random.Generator) -> None:
    drawn = np.stack([choose_spans(60, rng) for _ in range(6000)]).mean(0)
    assert drawn.mean() == pytest.approx(1 / 6)
    assert abs(drawn[12:48] - 1 / 6).max() < 0.04 and drawn.min() > 0.01


def by_definition(chosen: np.ndarray, text: np.ndarray, hidden: np.ndarray) -> None:
    """Check the rule of who sees whom, whatever the order drawn."""
    assert not hidden[:, ~chosen].any()  # what is not predicted is seen by all
    assert hidden[np.ix_(text, chosen)].all()  # text never sees what is predicted
    assert hidden.diagonal()[chosen].all()  # nor does a predicted token itself
    among = ~hidden[np.ix_(chosen, chosen)]
    assert sorted(among.sum(1)) == list(range(chosen.sum()))  # a strict order: the k-th sees k others
    assert not (among & among.T).any()


def test_a_token_sees_those_before_it_in_the_order(rng: np.random.Generator) -> None:
    for _ in range(30):
        chosen = np.append(choose_spans(28, rng), [False, False])
        by_definition(chosen, ~chosen, hidden_from(chosen, rng))


def test_the_collator_of_transformers_keeps_the_same_rule_for_text() -> None:
    made = tokenizer("unigram-last")
    torch.manual_seed(0)
    collator = DataCollatorForPermutationLanguageModeling(made)
    ids = made("the cat sat in paris and anna met bob in new york and it rained in the new")["input_ids"]
    ids = ids[: len(ids) // 2 * 2 - 2] + ids[-2:] if len(ids) % 2 else ids
    for _ in range(10):
        out = collator([ids])
        chosen = (out["labels"][0] != -100).numpy()
        special = np.isin(ids, made.all_special_ids)  # they stand in the collator's order
        by_definition(chosen, ~chosen & ~special, out["perm_mask"][0].numpy().astype(bool))


def test_every_order_is_equally_likely(rng: np.random.Generator) -> None:
    chosen = np.array([True, True, True, False])
    orders = [tuple(hidden_from(chosen, rng)[:3, :3].sum(1)) for _ in range(3000)]
    counts = [orders.count(order) for order in itertools.permutations((1, 2, 3))]
    assert sum(counts) == 3000 and min(counts) > 400

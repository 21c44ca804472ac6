"""Span corruption: lengths as published, masks with T5's properties, and nothing of the text lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.errors import UsageError
from t2t.objectives import OBJECTIVES, corrupt, raw_length, restore, span_corruption, span_lengths, spans_mask

EOS, SENTINELS = 1, list(range(9999, 9899, -1))
TABLE = [
    (64, 0.15, 3, 70, 14),
    (128, 0.15, 3, 141, 29),
    (256, 0.15, 3, 284, 58),
    (512, 0.15, 3, 568, 114),
    (1024, 0.15, 3, 1137, 229),
    (512, 0.15, 2, 552, 126),
    (512, 0.15, 5, 581, 105),
    (512, 0.15, 8, 588, 100),
    (512, 0.15, 10, 591, 99),
    (512, 0.15, 64, 600, 92),
    (512, 0.5, 3, 766, 512),
    (512, 0.5, 8, 908, 512),
    (512, 0.5, 64, 1006, 512),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("inputs", "density", "mean_span", "raw", "targets"), TABLE)
def test_the_length_rule_is_t5s(inputs: int, density: float, mean_span: float, raw: int, targets: int) -> None:
    assert raw_length(inputs, density, mean_span) == (raw, targets)


@pytest.mark.parametrize(("inputs", "density", "mean_span", "raw", "targets"), TABLE)
def test_corrupting_a_text_of_that_length_gives_those_lengths(
    inputs: int, density: float, mean_span: float, raw: int, targets: int
) -> None:
    sentinels = list(range(-1, -400, -1))
    out = span_corruption(
        np.arange(2 * raw).reshape(2, raw), rng(), sentinels=sentinels, eos=EOS, density=density, mean_span=mean_span
    )
    assert {len(row) for row in out.targets} == {targets}
    assert {len(row) for row in out.inputs} <= {inputs, inputs - 1 if density == 0.5 else inputs}


@given(st.integers(2, 200), st.floats(0.01, 0.99), st.one_of(st.just(3.0), st.floats(1.0, 70.0)), st.integers(0, 2**31))
def test_a_mask_has_its_noise_and_spans_and_begins_with_text(
    length: int, density: float, mean_span: float, seed: int
) -> None:
    mask = spans_mask(3, length, rng(seed), density, mean_span)
    noise, spans = span_lengths(length, density, mean_span)
    assert 1 <= spans <= noise < length
    assert noise == np.clip(np.round(length * density), 1, length - 1)
    assert not mask[:, 0].any() and mask[:, -1].all()
    assert (mask.sum(1) == noise).all()
    assert ((mask[:, 1:] & ~mask[:, :-1]).sum(1) == spans).all()


@pytest.mark.parametrize("length", [0, 1])
def test_a_text_of_less_than_two_tokens_hides_nothing(length: int) -> None:
    assert spans_mask(2, length, rng()).shape == (2, length)
    out = span_corruption(np.full((2, length), 7), rng(), sentinels=[], eos=EOS)
    assert [row.tolist() for row in out.inputs] == [[7] * length + [EOS]] * 2
    assert [row.tolist() for row in out.targets] == [[EOS]] * 2


def test_rates_at_the_ends_are_those_measured_for_t5() -> None:
    rates = spans_mask(20_000, 70, rng()).mean(0)
    assert np.abs(rates[:5] - [0.00, 0.03, 0.06, 0.08, 0.09]).max() < 0.015
    assert np.abs(rates[-5:] - [0.32, 0.44, 0.59, 0.78, 1.00]).max() < 0.015


def test_a_text_of_ten_tokens_always_hides_its_last_two() -> None:
    assert spans_mask(50, 10, rng())[:, -3:].tolist() == [[False, True, True]] * 50


def test_masks_are_seeded_and_rows_differ() -> None:
    assert (spans_mask(4, 60, rng(1)) == spans_mask(4, 60, rng(1))).all()
    mask = spans_mask(8, 60, rng(1))
    assert len({row.tobytes() for row in mask}) == 8


def test_segments_are_uniform_over_compositions() -> None:
    mask = spans_mask(6000, 8, rng(), density=0.5, mean_span=2)  # 4 = a + b on both sides, 3 ways each
    _, counts = np.unique(mask, axis=0, return_counts=True)
    assert len(counts) == 9 and counts.min() > 550


@given(st.integers(0, 80), st.floats(0.05, 0.9), st.floats(1, 6), st.integers(0, 2**31))
def test_restoring_gives_the_text_back(length: int, density: float, mean_span: float, seed: int) -> None:
    tokens = rng(seed).integers(0, 9000, (3, length))
    out = span_corruption(tokens, rng(seed), sentinels=SENTINELS, eos=EOS, density=density, mean_span=mean_span)
    for row, inputs, targets in zip(tokens, out.inputs, out.targets, strict=True):
        assert restore(inputs, targets, sentinels=SENTINELS, eos=EOS) == row.tolist()
        used = [[t for t in side.tolist()[:-1] if t in SENTINELS] for side in (inputs, targets)]
        assert used[0] == used[1] == SENTINELS[: len(used[0])]
        assert inputs[-1] == targets[-1] == EOS
        assert targets[-2] not in SENTINELS if length > 1 else len(targets) == 1


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_any_mask_is_numbered_by_noise_span(mask: list[bool]) -> None:
    tokens = np.arange(len(mask))[None]
    out = corrupt(tokens, np.array([mask]), sentinels=SENTINELS, eos=EOS)
    assert restore(out.inputs[0], out.targets[0], sentinels=SENTINELS, eos=EOS) == list(range(len(mask)))


def test_the_papers_example() -> None:
    words = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
    mask = np.isin(np.arange(11), [2, 3, 8])[None]
    out = corrupt(np.arange(11)[None], mask, sentinels=[20, 19, 18], eos=EOS)
    names = {**dict(enumerate(words)), 20: "<X>", 19: "<Y>"}
    assert " ".join(names[i] for i in out.inputs[0][:-1].tolist()) == "Thank you <X> me to your party <Y> week ."
    assert " ".join(names[i] for i in out.targets[0][:-1].tolist()) == "<X> for inviting <Y> last"


def test_a_token_that_is_a_sentinel_passes_as_it_is() -> None:
    tokens = np.full((1, 20), SENTINELS[0])
    out = span_corruption(tokens, rng(), sentinels=SENTINELS, eos=EOS)
    noise, spans = span_lengths(20)
    assert len(out.inputs[0]) == 20 - noise + spans + 1 and len(out.targets[0]) == noise + spans + 1


def test_the_text_itself_is_left_alone() -> None:
    tokens = np.arange(40).reshape(2, 20)
    span_corruption(tokens, rng(), sentinels=SENTINELS, eos=EOS)
    assert (tokens == np.arange(40).reshape(2, 20)).all()


def test_too_few_sentinels_are_an_error_and_just_enough_are_not() -> None:
    spans = span_lengths(100)[1]
    span_corruption(np.zeros((1, 100), int), rng(), sentinels=SENTINELS[:spans], eos=EOS)
    with pytest.raises(UsageError, match=f"{spans} noise spans.*has {spans - 1}"):
        span_corruption(np.zeros((1, 100), int), rng(), sentinels=SENTINELS[: spans - 1], eos=EOS)


@pytest.mark.parametrize(
    ("density", "mean_span"),
    [
        (0, 3),
        (1, 3),
        (-1, 3),
        (1.5, 3),
        (float("nan"), 3),
        (0.15, 0),
        (0.15, 0.5),
        (0.15, float("nan")),
        (0.15, float("inf")),
    ],
)
def test_noise_that_cannot_be_is_an_error(density: float, mean_span: float) -> None:
    for ask in (span_lengths, raw_length):
        with pytest.raises(UsageError, match="cannot be"):
            ask(64, density, mean_span)


def test_the_table_of_objectives() -> None:
    assert {"span_corruption": span_corruption} == OBJECTIVES

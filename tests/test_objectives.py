"""Objectives: lengths and strings as published, noise distributed as in theory, and nothing of the text lost."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.errors import UsageError
from t2t.forms import ALL, FOLDED, MASKED, NOISE, RANDOMISED, SHUFFLED, SPELLED, WITHOUT, Form, Text
from t2t.noise import DENOISERS, MODES, span_lengths
from t2t.objectives import OBJECTIVES, Corrupted, Draws, Objective, Vocabulary, keys, objective

EOS = 1
PLAIN = Vocabulary(np.arange(9999, 9899, -1), EOS, np.arange(2, 9000))
MODED = Vocabulary(PLAIN.sentinels, EOS, PLAIN.words, {"R": 9100, "S": 9101, "X": 9102})
SPANS = OBJECTIVES["span_corruption"]
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


def drawn(rows: int, seed: int = 0) -> Draws:
    return Draws(keys(seed, np.zeros(rows, int), np.arange(rows)))


def mask_of(one: Objective, rows: int, length: int, seed: int = 0) -> np.ndarray:
    return one.mask.draw(length, one.density, one.mean_span, drawn(rows, seed))[0]


def count_spans(mask: np.ndarray) -> np.ndarray:
    return mask[:, :1].sum(1) + (mask[:, 1:] & ~mask[:, :-1]).sum(1)


def lists(rows: list[np.ndarray]) -> list[list[int]]:
    return [row.tolist() for row in rows]


# -- lengths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "density", "mean_span", "raw", "targets"), TABLE)
def test_the_length_rule_is_t5s(inputs: int, density: float, mean_span: float, raw: int, targets: int) -> None:
    one = objective("span_corruption", density=density, mean_span=mean_span)
    assert (one.raw(inputs), one.lengths(inputs)) == (raw, (inputs, targets))
    vocabulary = Vocabulary(np.arange(-1, -400, -1), EOS, PLAIN.words)
    found = one(np.arange(2 * raw).reshape(2, raw), drawn(2), vocabulary)
    assert {len(row) for row in found.inputs} == {inputs} and {len(row) for row in found.targets} == {targets}
    assert found.hidden.tolist() == [one.hidden(raw)] * 2 == [round(raw * density)] * 2


@pytest.mark.parametrize("inputs", [3, 4, 5, 8, 33, 128])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_input_is_longer_and_the_plan_is_the_mean(name: str, inputs: int) -> None:
    one, rows = OBJECTIVES[name], 3000
    raw = one.raw(inputs)
    found = one(np.arange(rows * raw).reshape(rows, raw) % 8000 + 2, drawn(rows), MODED)
    longest = max(map(len, found.inputs))
    assert longest <= inputs
    for rows_, planned in zip((found.inputs, found.targets), one.lengths(inputs), strict=True):
        sizes = np.array(list(map(len, rows_)))
        assert planned - 1 - 5 * sizes.std() / rows**0.5 <= sizes.mean() <= planned + 5 * sizes.std() / rows**0.5
    assert abs(found.hidden.mean() - one.hidden(raw)) <= 5 * found.hidden.std() / rows**0.5


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_length_without_room_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match="no room"):
        OBJECTIVES[name].raw(1)


# -- noise ------------------------------------------------------------------------------------------------------------


@given(st.integers(2, 200), st.floats(0.01, 0.99), st.one_of(st.just(3.0), st.floats(1.0, 70.0)), st.integers(0, 2**31))
def test_a_mask_has_its_noise_and_spans_and_begins_with_text(
    length: int, density: float, mean_span: float, seed: int
) -> None:
    mask = mask_of(objective("span_corruption", density=density, mean_span=mean_span), 3, length, seed)
    noise, spans = span_lengths(length, density, mean_span)
    assert 1 <= spans <= noise < length
    assert noise == np.clip(np.round(length * density), 1, length - 1)
    assert not mask[:, 0].any() and mask[:, -1].all()
    assert (mask.sum(1) == noise).all() and (count_spans(mask) == spans).all()


def test_rates_at_the_ends_are_those_measured_for_t5() -> None:
    rates = mask_of(SPANS, 20_000, 70).mean(0)
    assert np.abs(rates[:5] - [0.00, 0.03, 0.06, 0.08, 0.09]).max() < 0.015
    assert np.abs(rates[-5:] - [0.32, 0.44, 0.59, 0.78, 1.00]).max() < 0.015


def test_a_text_of_ten_tokens_always_hides_its_last_two() -> None:
    assert mask_of(SPANS, 50, 10)[:, -3:].tolist() == [[False, True, True]] * 50


def test_rolled_spans_are_anywhere() -> None:
    one = OBJECTIVES["rolled_span_corruption"]
    mask = mask_of(one, 20_000, 70)
    assert (mask.sum(1) == 10).all() and set(count_spans(mask)) == {3, 4}
    assert np.abs(mask.mean(0) - 10 / 70).max() < 5 * (1 / 7 * 6 / 7 / 20_000) ** 0.5
    assert abs(count_spans(mask).mean() - one.mask.planned(70, 0.15, 3.0)[1]) < 0.02


@pytest.mark.parametrize(
    ("length", "density", "mean_span"), [(568, 0.15, 3), (60, 0.15, 3), (100, 0.5, 3), (90, 0.1, 1)]
)
def test_parts_are_those_of_uniform_compositions(length: int, density: float, mean_span: float) -> None:
    rows = 30_000
    mask = mask_of(objective("span_corruption", density=density, mean_span=mean_span), rows, length)
    noise, spans = span_lengths(length, density, mean_span)
    edges = np.diff(np.pad(mask, ((0, 0), (0, 1)))[:, :].astype(np.int8), axis=1, prepend=0)
    begin, end = (np.nonzero(edges == sign)[1].reshape(rows, spans) for sign in (1, -1))
    parts = {noise: end - begin, length - noise: begin - np.pad(end, ((0, 0), (1, 0)))[:, :-1]}
    for items, sizes_RP in parts.items():
        assert sizes_RP.shape == (rows, spans) and (sizes_RP.sum(1) == items).all()
        chances = np.array([comb(items - x - 1, spans - 2) / comb(items - 1, spans - 1) for x in range(1, items)])
        often = chances * rows >= 10
        for part in (0, spans // 2, spans - 1):  # of one row they depend on each other, so one at a time
            counts = np.bincount(sizes_RP[:, part], minlength=items + 1)[1:items]
            seen = np.append(counts[often], counts[~often].sum())
            expected = np.append(chances[often], chances[~often].sum()) * rows
            square = ((seen - expected)[expected > 0] ** 2 / expected[expected > 0]).sum()
            assert square < often.sum() + 5 * (2 * often.sum()) ** 0.5


def test_every_composition_is_as_likely() -> None:
    mask = mask_of(objective("span_corruption", density=0.5, mean_span=2), 9000, 8)  # 4 = a + b on both sides: 3 ways
    _, counts = np.unique(mask, axis=0, return_counts=True)
    assert len(counts) == 9 and np.abs(counts - 1000).max() < 150


def test_places_drawn_with_replacement_are_any_set_also_where_too_few_differ() -> None:
    from t2t.noise import _few

    for columns in (2, 3, 12):  # 2: every row that draws a place twice is drawn again
        sets, counts = np.unique(_few(5, 2, columns, drawn(20_000)), axis=0, return_counts=True)
        assert sets.tolist() == [[a, b] for a in range(1, 6) for b in range(a + 1, 6)]
        assert np.abs(counts - 2000).max() < 5 * (20_000 * 0.1 * 0.9) ** 0.5


def test_iid_noise_is_independent() -> None:
    mask = mask_of(OBJECTIVES["iid"], 5000, 40)
    assert abs(mask.mean() - 0.15) < 0.004
    assert abs((mask[:, 1:] & mask[:, :-1]).mean() - 0.15**2) < 0.002
    assert abs(count_spans(mask).mean() - 0.15 * (1 + 39 * 0.85)) < 0.15


def test_a_prefix_has_any_length_that_leaves_something() -> None:
    lengths, counts = np.unique((~mask_of(OBJECTIVES["prefix_lm"], 9000, 10)).sum(1), return_counts=True)
    assert lengths.tolist() == list(range(1, 10)) and np.abs(counts - 1000).max() < 150


def test_ul2_has_seven_denoisers_by_their_weights() -> None:
    assert sum(weight for _, weight, _, _ in DENOISERS) == pytest.approx(1) and len(DENOISERS) == 7
    rows, length = 20_000, 200
    tokens = np.broadcast_to(np.arange(2, length + 2), (rows, length))
    found = OBJECTIVES["ul2"](tokens, drawn(rows), MODED)
    modes = np.array([row[0] for row in found.inputs])
    for mode, share in zip(MODES, (0.33, 0.34, 0.33), strict=True):
        assert abs((modes == MODED.modes[mode]).mean() - share) < 0.02
    for place, (mode, hidden, spans) in enumerate([("R", {30}, {4, 10}), ("S", {50}, {1}), ("X", {100, 30}, {0})]):
        of_mode = modes == MODED.modes[mode]
        sizes = np.array([len(row) for row in found.targets])[of_mode] - found.hidden[of_mode] - 1
        assert set(found.hidden[of_mode]) == hidden
        assert set(sizes) == (spans if place < 2 else {33, 12, 1, 2})
    ends = [(i, t) for i, t in zip(found.inputs, found.targets, strict=True) if i[0] == MODED.modes["S"]]
    assert lists(list(ends[0])) == [[9101, *range(2, 152), 9999, EOS], [9999, *range(152, 202), EOS]]
    assert found.inputs[0][0] in MODED.modes.values()
    assert OBJECTIVES["ul2"](tokens[:9], drawn(9), PLAIN).inputs[0][0] == 2  # a vocabulary without modes: no token


# -- the paper's strings ----------------------------------------------------------------------------------------------

WORDS = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
NAMES = {**dict(enumerate(WORDS, start=10)), 30: "<X>", 29: "<Y>", 28: "<Z>", EOS: "</s>", 40: "apple"}
PARTY = Vocabulary(np.array([30, 29, 28]), EOS, np.array([40]))
SOME = np.isin(WORDS, ["for", "inviting", "last"])


def says(form: Form, hide: np.ndarray) -> str:
    text = Text(np.arange(10, 21, dtype=np.int32)[None], hide[None], drawn(1), PARTY)
    (row,) = form.write(text)
    assert row[-1] == EOS
    return " ".join(NAMES[i] for i in row[:-1].tolist())


def test_the_papers_strings() -> None:
    text = " ".join(WORDS)
    assert says(FOLDED, SOME) == "Thank you <X> me to your party <Y> week ."
    assert says(SPELLED, SOME) == "<X> for inviting <Y> last"  # the paper's has <Z> behind it
    assert says(MASKED, SOME) == "Thank you <X> <X> me to your party <X> week ."  # its <M>
    assert says(WITHOUT, SOME) == "Thank you me to your party week ."
    assert says(NOISE, SOME) == "for inviting last"
    assert says(ALL, SOME) == text
    rest = np.arange(11) >= 4
    assert says(WITHOUT, rest) == "Thank you for inviting" and says(NOISE, rest) == "me to your party last week ."
    assert says(WITHOUT, np.ones(11, bool)) == ""
    shuffled = says(SHUFFLED, np.ones(11, bool))
    assert shuffled != text and sorted(shuffled.split()) == sorted(WORDS)
    assert set(says(RANDOMISED, SOME).split()) <= {*WORDS, "<X>", "apple"}


def test_noise_at_the_beginning_is_numbered_by_noise_span() -> None:
    hide = ~np.isin(WORDS, ["Thank", "you", "to"])
    assert says(FOLDED, ~hide) == "<X> for inviting me <Y> your party last week ."
    assert says(SPELLED, ~hide) == "<X> Thank you <Y> to"


def test_of_the_tokens_hidden_a_tenth_are_random() -> None:
    tokens = np.full((400, 100), 9500)
    found = OBJECTIVES["bert"](tokens, drawn(400), PLAIN)
    inputs = np.stack(found.inputs)[:, :-1]
    hidden, random = (inputs == 9999).sum(), ((inputs >= 2) & (inputs < 9000)).sum()
    assert hidden + random + (inputs == 9500).sum() == inputs.size
    assert abs((hidden + random) / inputs.size - 0.15) < 0.01 and abs(random / (hidden + random) - 0.1) < 0.02
    assert (np.stack(found.targets)[:, :-1] == tokens).all()


# -- the way back -----------------------------------------------------------------------------------------------------


def check_back(one: Objective, tokens: np.ndarray, found: Corrupted, vocabulary: Vocabulary) -> None:
    for row, inputs, targets, hidden in zip(tokens, found.inputs, found.targets, found.hidden, strict=True):
        assert inputs[-1] == targets[-1] == EOS
        back = one.restore(inputs, targets, vocabulary)
        if one.name != "drop":
            assert back == row.tolist()
            continue
        assert sorted(back) == sorted(row.tolist()) and hidden == len(targets) - 1
        for side in (inputs[:-1].tolist(), targets[:-1].tolist()):  # both in the order of the text
            rest = iter(row.tolist())
            assert all(token in rest for token in side)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(
    length=st.integers(0, 80),
    seed=st.integers(0, 2**31),
    moded=st.booleans(),
    density=st.floats(0.05, 0.9),
    mean_span=st.floats(1, 8),
)
def test_restoring_gives_the_text_back(
    name: str, length: int, seed: int, moded: bool, density: float, mean_span: float
) -> None:
    given_ = OBJECTIVES[name]
    one = objective(
        name, density=density if given_.density else None, mean_span=mean_span if given_.mean_span else None
    )
    vocabulary = MODED if moded else PLAIN
    tokens = np.random.default_rng(seed).integers(0, 9200, (3, length))
    check_back(one, tokens, one(tokens, drawn(3, seed), vocabulary), vocabulary)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(length=st.integers(0, 40), seed=st.integers(0, 2**31), share=st.floats(0, 1), among=st.integers(1, 40))
def test_sentinels_in_the_text_are_no_harm(name: str, length: int, seed: int, share: float, among: int) -> None:
    one, rng = OBJECTIVES[name], np.random.default_rng(seed)
    tokens = rng.integers(0, 9, (4, length))
    literal = rng.random(tokens.shape) < share * np.array([[1], [1], [0.3], [0]])
    tokens[literal] = PLAIN.sentinels[rng.integers(0, among, literal.sum())]
    check_back(one, tokens, one(tokens, drawn(4, seed), MODED), MODED)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 11)), min_size=1, max_size=10))
def test_any_mask_of_any_text_with_sentinels_can_be_undone_or_is_refused(text: list[tuple[bool, int]]) -> None:
    few = Vocabulary(np.array([3, 7, 4, 6, 5]), EOS, np.arange(2, 3))
    hide, tokens = np.array([[a for a, _ in text]]), np.array([[b for _, b in text]], np.int32)
    one = Text(tokens, hide, drawn(1), few)
    try:
        inputs, targets = FOLDED.write(one)[0], SPELLED.write(one)[0]
    except UsageError:
        assert count_spans(hide)[0] + len({*tokens[0].tolist()} & {3, 4, 5, 6, 7}) >= 3
        return
    assert SPANS.restore(inputs, targets, few) == tokens[0].tolist()


def test_a_row_begins_with_sentinels_that_do_not_stand_in_it() -> None:
    tokens = np.arange(10, 30)[None] + np.zeros((3, 1), int)
    tokens[1, 4], tokens[2, :2] = 9999, [9998, 9999]
    assert [row[0] for row in SPANS(tokens, drawn(3), PLAIN).targets] == [9999, 9998, 9997]
    both = np.array([[10, 9998, 11, 12, 13, 14, 15, 16, 17, 18]])  # <extra_id_1> is not taken for the second span
    assert SPANS(both, drawn(1), PLAIN).targets[0][0] == 9997


# -- rows, short texts, errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_row_depends_on_its_key_alone(name: str) -> None:
    one, rows = OBJECTIVES[name], 24
    tokens = np.random.default_rng(0).integers(2, 9000, (rows, 60))
    tokens[::5, 3] = 9999
    row_keys = keys(7, np.arange(rows) // 2, np.arange(rows) * 31)
    whole = one(tokens, Draws(row_keys), MODED)
    order = np.random.default_rng(1).permutation(rows)
    for where in (order, order[:5], *([i] for i in range(rows))):
        part = one(tokens[where], Draws(row_keys[where]), MODED)
        assert lists(part.inputs) == lists([whole.inputs[i] for i in where])
        assert lists(part.targets) == lists([whole.targets[i] for i in where])
        assert part.hidden.tolist() == whole.hidden[where].tolist()
    again = one(tokens, Draws(keys(8, np.arange(rows) // 2, np.arange(rows) * 31)), MODED)
    if name != "lm":
        assert lists(again.inputs) != lists(whole.inputs)


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize("name", ["span_corruption", "rolled_span_corruption", "prefix_lm", "ul2"])
def test_a_text_of_less_than_two_tokens_hides_nothing(name: str, length: int) -> None:
    found = OBJECTIVES[name](np.full((2, length), 7), drawn(2), Vocabulary(np.array([], int), EOS, np.array([], int)))
    assert lists(found.inputs) == [[7] * length + [EOS]] * 2
    assert lists(found.targets) == [[EOS]] * 2 and found.hidden.tolist() == [0, 0]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_rows_are_no_rows(name: str) -> None:
    found = OBJECTIVES[name](np.zeros((0, 9), int), drawn(0), MODED)
    assert (found.inputs, found.targets, len(found.hidden)) == ([], [], 0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_text_itself_is_left_alone(name: str) -> None:
    tokens = np.arange(2, 42, dtype=np.int32).reshape(2, 20)
    found = OBJECTIVES[name](tokens, drawn(2), MODED)
    for row in (*found.inputs, *found.targets):
        assert row.dtype == np.int32
        row[:] = 0
    assert (tokens == np.arange(2, 42).reshape(2, 20)).all()


def test_too_few_sentinels_are_an_error_and_just_enough_are_not() -> None:
    spans = span_lengths(100)[1]
    few = [Vocabulary(PLAIN.sentinels[:n], EOS, PLAIN.words) for n in (spans, spans - 1)]
    SPANS(np.zeros((1, 100), int), drawn(1), few[0])
    with pytest.raises(UsageError, match=f"{spans} noise spans.*has {spans - 1}"):
        SPANS(np.zeros((1, 100), int), drawn(1), few[1])
    with pytest.raises(UsageError, match="some of them stand in the text"):
        SPANS(np.full((1, 100), few[0].sentinels[0]), drawn(1), few[0])


@pytest.mark.parametrize("name", ["mass", "bert"])
def test_hiding_takes_a_sentinel_and_words(name: str) -> None:
    with pytest.raises(UsageError, match="has 0"):
        OBJECTIVES[name](np.zeros((1, 9), int), drawn(1), Vocabulary(np.array([], int), EOS, PLAIN.words))
    if name == "bert":
        with pytest.raises(UsageError, match="no words"):
            OBJECTIVES[name](np.zeros((1, 9), int), drawn(1), Vocabulary(PLAIN.sentinels, EOS, np.array([], int)))


@pytest.mark.parametrize(
    ("density", "mean_span"), [(0, 3), (1, 3), (-1, 3), (1.5, 3), (float("nan"), 3), (0.15, 0), (0.15, 0.5),
                               (0.15, float("nan")), (0.15, float("inf"))],
)  # fmt: skip
def test_noise_that_cannot_be_is_an_error(density: float, mean_span: float) -> None:
    for ask in (lambda: span_lengths(64, density, mean_span),
                lambda: objective("span_corruption", density=density, mean_span=mean_span)):  # fmt: skip
        with pytest.raises(UsageError, match="cannot be"):
            ask()


def test_objectives_are_looked_up_by_name() -> None:
    assert all(name == one.name and one.about and one.source for name, one in OBJECTIVES.items())
    assert set(OBJECTIVES) >= {
        "span_corruption",
        "iid",
        "drop",
        "bert",
        "mass",
        "deshuffling",
        "prefix_lm",
        "lm",
        "ul2",
    }
    assert objective("iid", density=0.3).density == 0.3 and objective("iid") == OBJECTIVES["iid"]
    with pytest.raises(UsageError, match='"span_corruption"'):
        objective("span_coruption")
    for name, what in (("lm", "density"), ("iid", "mean_span"), ("ul2", "density")):
        with pytest.raises(UsageError, match=f"{name} has no {what}"):
            objective(name, **{what: 3.0})

"""Answers: what is written is read back; what cannot be read is unparsed and never some label or number."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.answers import ANSWERS, CHOICE, NUMBER, SPANS, TAGS, TEXT, form, spans_of
from t2t.errors import UsageError
from t2t.metrics import METRICS
from t2t.tasks import task, tasks
from t2t.template import parse
from t2t.types import Example, Prompt, Source, Task

KINDS = ("PER", "LOC", "work of art", "B-x")
WORDS = st.sampled_from(["John", "Paris", "a", "b", ";", ";;", "a;", ":", "PER:", "PER#2:", "none", "#2", ",", "北京",
                         "भारत", "Zürich", "New York", "10\u00a0000", "-", "\\"])  # fmt: skip


def eg(*choices: str, words: tuple[str, ...] = (), scale: tuple[float, float] | None = None) -> Example:
    return Example("t/t:v:0", "t/t", "p", (), "", choices=choices, range=scale, words=words)


@st.composite
def taggings(draw: st.DrawFn) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words, with repeats, and IOB2 tags that are valid for them."""
    words, tags = draw(st.lists(WORDS, max_size=12)), []
    while len(tags) < len(words):
        kind = draw(st.sampled_from((None, None, *KINDS)))
        length = draw(st.integers(1, min(3, len(words) - len(tags))))
        tags += ["O"] if kind is None else [f"B-{kind}"] + [f"I-{kind}"] * (length - 1)
    return tuple(words), tuple(tags)


def test_there_are_five_forms_and_their_metrics_exist() -> None:
    assert list(ANSWERS) == ["choice", "number", "spans", "tags", "text"]
    named = [name for found in ANSWERS.values() for name in found.metrics]
    assert sorted(named) == sorted(METRICS)


def test_an_unknown_form_is_met_with_the_closest() -> None:
    with pytest.raises(UsageError, match='Did you mean "choice"'):
        form(Task("a/b", "", "choise", {}, Source(), {}, ()))


@pytest.mark.parametrize("name", tasks())
def test_every_choice_of_every_task_is_read_back(name: str) -> None:
    found = task(name)
    for prompt in found.prompts.values():
        for index, choice in enumerate(prompt.choices):
            said = "".join(
                p.text for p in parse(prompt.target).render(dict.fromkeys(found.columns, index), choices=prompt.choices)
            )
            reading = form(found).read(said, eg(*prompt.choices))
            assert (said, reading.answer, reading.repairs) == (choice, index, 0)


@pytest.mark.parametrize(
    ("text", "answer", "repairs"),
    [
        ("yes", 1, 0),
        (" Yes.", 1, 1),
        ("YES!", 1, 1),
        ('"yes"', 1, 1),
        ("not\n sure", 2, 1),
        ("", None, 0),
        (" ", None, 0),
        ("...", None, 0),
        ("yes no", None, 0),
        ("ye", None, 0),
        ("yes, it is", None, 0),
        ("1", None, 0),
        ("<extra_id_0> yes", None, 0),
    ],
)
def test_a_choice_is_matched_exactly_then_normalised(text: str, answer: int | None, repairs: int) -> None:
    reading = CHOICE.read(text, eg("no", "yes", "not sure"))
    assert (reading.answer, reading.repairs, reading.unparsed) == (answer, repairs, answer is None)


def test_choices_that_fold_alike_are_told_apart_only_exactly() -> None:
    both = eg("Yes", "yes", "no")
    assert [CHOICE.read(text, both).answer for text in ("Yes", "yes", "YES", " yes")] == [0, 1, None, None]


def test_nothing_is_not_read_as_a_choice_of_punctuation() -> None:
    assert CHOICE.read("", eg(".", "a")).unparsed and CHOICE.read("!", eg(".", "a")).unparsed
    assert CHOICE.read(".", eg(".", "a")).answer == 0


@given(st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=5, unique=True), st.text(max_size=8))
def test_a_reading_is_a_choice_that_was_said(choices: list[str], text: str) -> None:
    reading = CHOICE.read(text, eg(*choices))
    assert all(CHOICE.read(choice, eg(*choices)).answer == i for i, choice in enumerate(choices))
    assert reading.unparsed or reading.repairs == (text != choices[reading.answer])


@pytest.mark.parametrize(("text", "value"), [("3.8", 3.8), (" 0.0\n", 0), ("5", 5), ("5.", 5), (".5", 0.5), ("+1", 1)])
def test_numbers_are_read(text: str, value: float) -> None:
    assert NUMBER.read(text, eg(scale=(0, 5))).answer == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "nan", "NaN", "inf", "-inf", "Infinity", "1e0", "1e5", "3.8 points", "3,8", "5.2", "-0.1", "-1.0", "0x1",
     "1_0", "3.8.1", "3 8", ".", "+", "four", "--1", "3²", "9" * 400],
)  # fmt: skip
def test_what_is_no_number_in_range_is_unparsed(text: str) -> None:
    assert NUMBER.read(text, eg(scale=(0, 5))).unparsed


def test_a_number_too_large_for_a_float_is_unparsed_without_a_range_too() -> None:
    assert NUMBER.read("9" * 400, eg()).unparsed and NUMBER.read("-" + "9" * 400, eg()).unparsed


@given(st.floats(0, 5))
def test_every_score_of_stsb_is_read_back_as_written(value: float) -> None:
    said = parse("{x|nearest_fifth}").render({"x": value})[0].text
    assert NUMBER.read(said, eg(scale=(0, 5))).answer == float(said)
    assert abs(float(said) - value) <= 0.1 + 1e-9


@settings(max_examples=300)
@given(taggings())
def test_spans_are_read_back_as_written(tagging: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    words, tags = tagging
    assert SPANS.write is not None
    reading = SPANS.read(SPANS.write(tags, words), eg(*KINDS, words=words))
    assert reading.answer == tags and reading.repairs == 0


@given(taggings())
def test_tags_are_read_back_as_written(tagging: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    words, tags = tagging
    said = tuple(tag.replace(" ", "_") for tag in tags)
    assert TAGS.write is not None
    assert TAGS.read(TAGS.write(said, words), eg(words=words)).answer == said


@pytest.mark.parametrize(
    ("text", "tags", "repairs"),
    [
        ("PER: John Smith; LOC: Paris", "B-PER I-PER O O B-LOC O O", 0),
        ("LOC: Paris; PER: John Smith", "B-PER I-PER O O B-LOC O O", 1),
        ("PER: JohnSmith", "B-PER I-PER O O O O O", 0),
        ("PER: John; PER: John", "B-PER O O O O O B-PER", 0),
        ("PER#2: John", "O O O O O O B-PER", 0),
        ("PER#9: John", "B-PER O O O O O O", 1),
        ("PER: John; LOC: London", "B-PER O O O O O O", 1),
        ("PER: John; ORG: Paris", "B-PER O O O O O O", 1),
        ("PER: John; PER: John; PER: John", "B-PER O O O O O B-PER", 1),
        ("PER: John;", "B-PER O O O O O O", 0),
        ("PER: John; rubbish", "B-PER O O O O O O", 1),
        ("LOC: London", "O O O O O O O", 1),
        ("none", "O O O O O O O", 0),
        ("", "O O O O O O O", 0),
    ],
)
def test_the_reader_of_spans_is_tolerant_and_counts_repairs(text: str, tags: str, repairs: int) -> None:
    words = ("John", "Smith", "lives", "in", "Paris", "with", "John")
    reading = SPANS.read(text, eg("PER", "LOC", words=words))
    assert (" ".join(reading.answer), reading.repairs) == (tags, repairs)


@pytest.mark.parametrize("text", ["rubbish", "John", "PER", "PER:", ": John", "ORG: John", "a; b", "PERSON: John"])
def test_a_text_without_any_span_form_is_unparsed(text: str) -> None:
    assert SPANS.read(text, eg("PER", "LOC", words=("John",))).unparsed


@given(st.text(max_size=40), st.lists(WORDS, max_size=5))
def test_any_text_at_all_gives_valid_tags_or_nothing(text: str, words: list[str]) -> None:
    reading = SPANS.read(text, eg(*KINDS, words=tuple(words)))
    assert reading.unparsed or len(reading.answer) == len(words)
    tagged = TAGS.read(text, eg("A", "B", words=tuple(words)))
    assert tagged.unparsed or set(tagged.answer) <= {"A", "B"}


@pytest.mark.parametrize("text", ["", "N", "N V N", "N X", "N,V", "n v"])
def test_tags_of_another_number_or_name_are_unparsed(text: str) -> None:
    assert TAGS.read(text, eg("N", "V", words=("dogs", "bark"))).unparsed
    assert TAGS.read(" N  V\n", eg("N", "V", words=("dogs", "bark"))).answer == ("N", "V")


@pytest.mark.parametrize("text", ["", " a\n", "nan", "</s>"])
def test_text_is_read_as_it_is(text: str) -> None:
    assert TEXT.read(text, eg()).answer == text


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-A I-A O B-B", [("A", 0, 2), ("B", 3, 4)]),
        ("B-A B-A", [("A", 0, 1), ("A", 1, 2)]),
        ("B-A I-B I-A", [("A", 0, 1)]),
        ("I-A I-A", []),
        ("B-A O I-A", [("A", 0, 1)]),
        ("B-A-b I-A-b", [("A-b", 0, 2)]),
        ("O O", []),
    ],
)
def test_spans_are_those_of_strict_iob2(tags: str, spans: list[tuple[str, int, int]]) -> None:
    assert spans_of(tags.split()) == spans


@pytest.mark.parametrize(
    ("answer", "value", "target", "gold"),
    [
        ("choice", 1, "yes", 1),
        ("number", 3.81, "3.8", 3.81),
        ("number", "2.5", "2.4", 2.5),
        ("spans", ["B-no", "O"], "", ("B-no", "O")),
        ("tags", ["no", "yes"], "", ("no", "yes")),
        ("text", "a", "a", ("a",)),
        ("text", ["a", "b"], "a", ("a", "b")),
    ],
)
def test_gold_is_in_the_terms_of_the_form(answer: str, value: object, target: str, gold: object) -> None:
    assert ANSWERS[answer].gold(value, target, Prompt("p", "{x}", choices=("no", "yes"))) == gold


@pytest.mark.parametrize(
    ("answer", "value", "target"),
    [
        ("choice", 1, "Yes"),
        ("number", float("nan"), "nan"),
        ("number", "inf", "inf"),
        ("number", "many", "many"),
        ("spans", ["S-no"], ""),
        ("spans", ["B-maybe"], ""),
        ("spans", ["no"], ""),
        ("tags", ["maybe"], ""),
    ],
)
def test_a_value_that_is_no_answer_is_refused_as_gold(answer: str, value: object, target: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        ANSWERS[answer].gold(value, target, Prompt("p", "{x}", choices=("no", "yes")))

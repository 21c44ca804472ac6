"""Rows as examples: selected, expanded, under one prompt or several, with or without shots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from t2t.errors import DataError, UsageError
from t2t.examples import Examples
from tests.task_files import CHOICE, NUMBER, SPANS, TAGS, TEXT, edited, make


class Rows(list[dict[str, Any]]):
    def where(self, i: int) -> str:
        return f"mood.jsonl:{i + 1}"


def examples(folder: Path, base: dict[str, Any], *rows: dict[str, Any], **options: Any) -> Examples:
    return Examples(make(folder, base), Rows(rows), split="train", **options)


MOODS = [{"text": f"t{i}", "label": i % 2} for i in range(5)]


def test_an_example_carries_everything(tmp_path: Path) -> None:
    eg = examples(tmp_path, CHOICE, *MOODS)[1]
    assert (eg.uid, eg.task, eg.prompt) == ("own/mood:train:1", "own/mood", "plain")
    assert (eg.input, eg.target, eg.gold, eg.choices) == ("mood: t1", "glad", 1, ("sad", "glad"))


def test_examples_are_a_sequence(tmp_path: Path) -> None:
    egs = examples(tmp_path, CHOICE, *MOODS)
    assert len(egs) == 5 and [eg.input for eg in egs] == [f"mood: t{i}" for i in range(5)]
    assert [eg.uid for eg in egs[1:3]] == [egs[1].uid, egs[2].uid] and egs[-1] == egs[4]
    with pytest.raises(IndexError):
        egs[5]


def test_a_limit_takes_a_seeded_sample_that_keeps_its_numbers(tmp_path: Path) -> None:
    egs = examples(tmp_path, CHOICE, *MOODS)
    some = egs.limited(3, 7)
    numbers = [int(eg.uid.rsplit(":", 1)[1]) for eg in some]
    assert numbers == sorted(set(numbers)) and len(numbers) == 3
    assert [eg.input for eg in some] == [f"mood: t{i}" for i in numbers]
    assert [eg.uid for eg in egs.limited(3, 7)] == [eg.uid for eg in some]
    assert egs.limited(9, 7) is egs and len({tuple(e.uid for e in egs.limited(3, seed)) for seed in range(9)}) > 1


def test_a_row_is_left_as_it_was(tmp_path: Path) -> None:
    row = {"words": ["a"], "tags": ["B-PER"]}
    examples(tmp_path, SPANS, row)[0]
    assert row == {"words": ["a"], "tags": ["B-PER"]}


@pytest.mark.parametrize(
    ("base", "row", "field", "code", "said"),
    [
        (CHOICE, {"text": "a", "label": 7}, "label", "D03", "not a class from 0 to 1 (sad | glad)"),
        (CHOICE, {"text": "a", "label": "happy"}, "label", "D03", "not one of sad | glad"),
        (CHOICE, {"text": "a", "label": -1}, "label", "D03", "hidden test label"),
        (CHOICE, {"text": "a", "label": None}, "label", "D05", "no value"),
        (CHOICE, {"text": "a"}, "label", "D05", "no such field"),
        (CHOICE, {"label": 1}, "text", "D05", "no such field"),
        (CHOICE, {"text": None, "label": 1}, "text", "D05", "no value"),
        (NUMBER, {"text": "a", "label": -1}, "label", "D03", "hidden test label"),
        (NUMBER, {"text": "a", "label": 5.1}, "label", "D03", "outside the range from 0 to 5"),
        (NUMBER, {"text": "a", "label": float("nan")}, "label", "D03", "not a finite number"),
        (NUMBER, {"text": "a", "label": "many"}, "label", "D03", "could not convert"),
        (edited(NUMBER, "prompts.plain.target", "{label}"), {"text": "a", "label": "many"}, "label", "D03", "finite"),
        (TEXT, {"text": "a", "out": " "}, "out", "P02", "target is empty"),
        (SPANS, {"words": ["a", "b"], "tags": ["O"]}, "tags", "D05", "1 tags for 2 words"),
        (SPANS, {"words": ["a"], "tags": ["S-PER"]}, "tags", "D03", "B-TYPE"),
        (SPANS, {"words": ["a"], "tags": ["B-ORG"]}, "tags", "D03", "B-TYPE"),
        (SPANS, {"words": ["a"], "tags": "O"}, "tags", "D05", "list of texts"),
        (SPANS, {"words": ["a"], "tags": [0]}, "tags", "D05", "list of texts"),
        (SPANS, {"words": ["a"], "tags": 3}, "tags", "D05", "list of texts"),
        (SPANS, {"words": "a", "tags": ["O"]}, "words", "D05", "list of texts"),
        (SPANS, {"words": None, "tags": ["O"]}, "words", "D05", "list of texts"),
        (SPANS, {"tags": ["O"]}, "words", "D05", "list of texts"),
        (SPANS, {"words": ["a"], "tags": None}, "tags", "D05", "no value"),
        (TAGS, {"words": ["a"], "tags": ["X"]}, "tags", "D03", "not one of N | V"),
        (TAGS, {"words": ["a"], "tags": ["N V"]}, "tags", "D03", "not one of N | V"),
    ],
)
def test_a_fault_in_a_row_names_row_and_field(
    base: dict[str, Any], row: dict[str, Any], field: str, code: str, said: str, tmp_path: Path
) -> None:
    egs = examples(tmp_path, base, row)
    with pytest.raises(DataError) as caught:
        egs[0]
    assert caught.value.where == f'mood.jsonl:1 field "{field}"'
    assert caught.value.code == code and said in str(caught.value)


def test_an_input_without_text_names_its_row(tmp_path: Path) -> None:
    egs = examples(tmp_path, TEXT, {"text": " ", "out": "a"})
    with pytest.raises(DataError, match="input is empty") as caught:
        egs[0]
    assert caught.value.where == "mood.jsonl:1" and caught.value.code == "P02"


@pytest.mark.parametrize(
    ("base", "row"),
    [
        (CHOICE, {"text": "a", "label": -1}),
        (CHOICE, {"text": "a", "label": None}),
        (CHOICE, {"text": "a"}),
        (NUMBER, {"text": "a", "label": -1.0}),
        (SPANS, {"words": ["a"], "tags": None}),
        (SPANS, {"words": ["a"]}),
    ],
)
def test_a_hidden_label_can_be_predicted(base: dict[str, Any], row: dict[str, Any], tmp_path: Path) -> None:
    eg = examples(tmp_path, base, row, labelled=False)[0]
    assert (eg.target, eg.gold) == ("", None) and eg.input


def test_a_label_that_is_there_is_kept_where_it_may_be_missing(tmp_path: Path) -> None:
    assert examples(tmp_path, CHOICE, *MOODS, labelled=False)[1].gold == 1
    wide = edited(NUMBER, "range", [-5, 5])
    assert examples(tmp_path, wide, {"text": "a", "label": -1}, labelled=False)[0].gold == -1
    with pytest.raises(DataError, match="not a class"):
        examples(tmp_path, CHOICE, {"text": "a", "label": 9}, labelled=False)[0]


def test_tags_are_written_by_the_form_and_kept_as_gold(tmp_path: Path) -> None:
    row = {"words": ["John", "Smith", "ran"], "tags": ["B-PER", "I-PER", "O"]}
    eg = examples(tmp_path, SPANS, row)[0]
    assert (eg.input, eg.target) == ("ner: John Smith ran", "PER: John Smith")
    assert (eg.gold, eg.words) == (("B-PER", "I-PER", "O"), ("John", "Smith", "ran"))
    assert examples(tmp_path, TAGS, {"words": ["dogs", "bark"], "tags": ["N", "V"]})[0].target == "N V"


def test_rows_without_places_are_named_by_number(tmp_path: Path) -> None:
    egs = Examples(make(tmp_path, CHOICE), [*MOODS, {"text": "a", "label": 2}], split="train")
    with pytest.raises(DataError, match='^own/mood train row 6 field "label"'):
        egs[5]


# Which rows, and how many examples of each


def test_only_the_rows_to_keep_are_taken(tmp_path: Path) -> None:
    kept = edited(CHOICE, "keep", {"train": {"label": [1]}})
    assert [eg.uid for eg in examples(tmp_path, kept, *MOODS)] == ["own/mood:train:1", "own/mood:train:3"]
    assert len(Examples(make(tmp_path, kept), MOODS, split="validation")) == 5
    every = edited(CHOICE, "keep", {"*": {"label": [1]}, "train": {"text": ["t3"]}})
    assert [eg.uid for eg in examples(tmp_path, every, *MOODS)] == ["own/mood:train:3"]
    with pytest.raises(DataError, match="none of the 5 rows"):
        examples(tmp_path, edited(CHOICE, "keep", {"*": {"label": [7]}}), *MOODS)


REFERENCES = TEXT | {"columns": {"text": "text", "out": "list"}}
REFERENCES |= {"prompts": {"plain": {"input": "{text}", "target": "{out|first|lower}"}}}
ANSWERS = [{"text": "a", "out": ["X", "Y"]}, {"text": "b", "out": []}, {"text": "c", "out": ["Z"]}]


def test_every_item_of_a_list_is_a_reference_through_the_filters(tmp_path: Path) -> None:
    eg = examples(tmp_path, REFERENCES, ANSWERS[0])[0]
    assert (eg.target, eg.gold) == ("x", ("x", "y"))


def test_a_row_without_a_reference_can_be_predicted_not_scored(tmp_path: Path) -> None:
    assert examples(tmp_path, REFERENCES, ANSWERS[1], labelled=False)[0].gold is None
    with pytest.raises(DataError, match="empty"):
        examples(tmp_path, REFERENCES, ANSWERS[1])[0]


def test_a_list_is_expanded_to_one_example_an_item(tmp_path: Path) -> None:
    egs = examples(tmp_path, edited(REFERENCES, "expand", {"train": "out"}), *ANSWERS)
    assert [(eg.uid, eg.target, eg.gold) for eg in egs] == [
        ("own/mood:train:0.0", "x", ("x",)),
        ("own/mood:train:0.1", "y", ("y",)),
        ("own/mood:train:2.0", "z", ("z",)),
    ]
    assert egs.size == len(egs) == 3


def test_rows_of_one_question_have_one_group(tmp_path: Path) -> None:
    egs = examples(tmp_path, edited(CHOICE, "group", ["label"]), *MOODS)
    assert egs[0].group == egs[2].group != egs[1].group and egs[0].group
    assert examples(tmp_path, CHOICE, *MOODS)[0].group == ""


def test_integers_stand_for_the_names_of_the_column(tmp_path: Path) -> None:
    named = edited(TAGS, "columns.tags", {"kind": "tags", "names": ["N", "V"]})
    egs = examples(tmp_path, named, {"words": ["dogs", "bark"], "tags": [0, 1]}, {"words": ["a"], "tags": [2]})
    assert (egs[0].target, egs[0].gold) == ("N V", ("N", "V"))
    with pytest.raises(DataError, match="2 is not a tag from 0 to 1"):
        egs[1]


def test_choices_may_stand_in_the_row(tmp_path: Path) -> None:
    data = edited(CHOICE, "columns", {"text": "text", "a": "text", "b": "text", "label": "class"})
    data = edited(data, "prompts.plain.choices", ["{a}", "{b}"])
    rows = [{"text": "t", "a": "x {b}", "b": "y", "label": 1}, {"text": "t", "a": "x", "b": "x", "label": 0}]
    egs = examples(tmp_path, edited(data, "prompts.plain.input", "{text}: {choices|or}?"), *rows)
    assert (egs[0].choices, egs[0].target, egs[0].gold) == (("x {b}", "y"), "y", 1)
    assert egs[0].input == "t: x {b} or y?" and egs[0].pieces[2].column is None
    with pytest.raises(DataError, match="two choices are the same"):
        egs[1]


def test_a_referents_gold_is_in_another_column(tmp_path: Path) -> None:
    data = edited(CHOICE, "columns", {"text": "text", "span": "text", "label": "class"})
    prompt = {"input": "{text}", "target": "{span}", "format": "referent", "gold": "label", "choices": ["no", "yes"]}
    eg = examples(tmp_path, edited(data, "prompts.plain", prompt), {"text": "t", "span": "the cat", "label": 0})[0]
    assert (eg.target, eg.gold, eg.choices, eg.format) == ("the cat", 0, (), "referent")


# Several prompts


def several(**options: Any) -> dict[str, Any]:
    other = {"input": "how? {text}", "target": "{label|choice}", "choices": ["bad", "good"]}
    return edited(CHOICE, "prompts.other", other)


def test_each_row_stands_under_each_prompt(tmp_path: Path) -> None:
    found = make(tmp_path, several())
    egs = Examples(found, MOODS, split="train", prompts=list(found.prompts.values()))
    assert len(egs) == 10 and egs.size == 5 and egs.prompt_name == "plain+other"
    assert [(eg.input, eg.target) for eg in egs[2:4]] == [("mood: t1", "glad"), ("how? t1", "good")]
    assert [eg.input for eg in egs.under(found.prompts["other"])] == [f"how? t{i}" for i in range(5)]


def test_a_prompt_is_drawn_for_each_row(tmp_path: Path) -> None:
    found = make(tmp_path, several())
    rows = [{"text": f"t{i}", "label": 0} for i in range(200)]
    egs = Examples(found, rows, split="train", prompts=list(found.prompts.values()), sample=3)
    drawn = [eg.prompt for eg in egs]
    assert len(egs) == 200 and 60 < drawn.count("other") < 140 and egs.prompt_name == "sample:plain+other"
    assert drawn == [eg.prompt for eg in egs]
    again = Examples(found, rows, split="train", prompts=list(found.prompts.values()), sample=4)
    assert drawn != [eg.prompt for eg in again]


# Shots


def layout(**keys: str) -> dict[str, Any]:
    return edited(CHOICE, "prompts.plain", CHOICE["prompts"]["plain"] | keys)


def test_shots_stand_before_the_input_and_are_never_the_row_itself(tmp_path: Path) -> None:
    found = make(tmp_path, layout(intro="Moods:", shot="{text} is {label|choice}", between="/"))
    demos = Examples(found, MOODS, split="train")
    egs = Examples(found, MOODS, split="train", demos=demos, shots=2, seed=1)
    seen = set()
    for i, eg in enumerate(egs):
        intro, first, second, own = eg.input.split("/")
        assert (intro, own) == ("Moods:", f"mood: t{i}")
        assert first != second and all(
            shot in {f"t{j} is {'glad' if j % 2 else 'sad'}" for j in range(5)} for shot in (first, second)
        )
        assert f"t{i} is" not in first + second
        seen.add((first, second))
        assert eg.target == ("glad" if i % 2 else "sad")
    assert len(seen) > 1 and [eg.input for eg in egs] == [eg.input for eg in egs]


def test_without_a_layout_a_shot_is_input_and_target(tmp_path: Path) -> None:
    found = make(tmp_path, TAGS)
    rows = [{"words": ["dogs", "bark"], "tags": ["N", "V"]}, {"words": ["go"], "tags": ["V"]}]
    egs = Examples(found, rows, split="validation", demos=Examples(found, rows, split="train"), shots=1)
    assert egs[0].input == "pos: go V\n\npos: dogs bark"
    assert Examples(make(tmp_path, layout(intro="Moods:")), MOODS, split="train")[0].input == "Moods:\n\nmood: t0"


def test_too_few_rows_to_show_is_an_error(tmp_path: Path) -> None:
    found = make(tmp_path, CHOICE)
    egs = Examples(found, MOODS, split="train", demos=Examples(found, MOODS, split="train"), shots=5)
    with pytest.raises(UsageError, match="rows to show"):
        egs[0]


def test_shots_may_be_chosen_by_class_and_by_likeness(tmp_path: Path) -> None:
    found = make(tmp_path, layout(shot="{text}={label|choice}", between="/"))
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(["red cat", "blue dog", "green cat", "old dog"])]
    demos = Examples(found, rows, split="train")
    asked = [{"text": "my cat", "label": 0}]
    for seed in range(6):
        one = Examples(found, asked, split="test", demos=demos, shots=2, shots_by="balanced", seed=seed)[0]
        assert sorted(shot.split("=")[1] for shot in one.input.split("/")[:2]) == ["glad", "sad"]
        near = Examples(found, asked, split="test", demos=demos, shots=2, shots_by="nearest", seed=seed)[0]
        assert {shot.split("=")[0] for shot in near.input.split("/")[:2]} == {"red cat", "green cat"}


def test_rows_may_be_taken_in_an_order_with_other_labels_or_a_teachers_scores(tmp_path: Path) -> None:
    mood = make(tmp_path, CHOICE)
    egs = Examples(mood, [{"text": text, "label": label} for text, label in zip("abcd", (0, 1, 0, 1), strict=True)],
                   split="train")  # fmt: skip
    some = egs.at([3, 0, 3])
    assert [(eg.uid, eg.gold) for eg in some] == [(egs[i].uid, egs[i].gold) for i in (3, 0, 3)] and some.size == 3
    assert [egs.said(i) for i in range(4)] == [*"abcd"] and [some.said(i) for i in range(3)] == [*"dad"]
    told = egs.at([3, 0], golds=[0, None], taught=[(0.5, 1.5), (2.0, 0.0)])
    assert [(eg.gold, eg.target, eg.taught) for eg in told] == [(0, "sad", (0.5, 1.5)), (None, "", (2.0, 0.0))]
    assert [(eg.gold, eg.taught) for eg in egs] == [(0, ()), (1, ()), (0, ()), (1, ())], "the others are as they were"
    assert told.at([1]).size == 1 and told.under(mood.prompt)[1].gold is None
    unread = Examples(mood, [{"text": "a", "label": "none"}], split="train").at([0], golds=[1])
    assert unread[0].target == "glad", "a label that is replaced is not looked at"

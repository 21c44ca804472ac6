"""Task files: checked in full when read, every fault with file, line and remedy; and rows turned into examples."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2t.errors import DataError, UsageError
from t2t.tasks import Examples, _files, prompt, read_task, task, tasks
from t2t.types import Task

CHOICE: dict[str, Any] = {
    "task": "own/mood",
    "title": "Moods",
    "answer": "choice",
    "columns": {"text": "text", "label": "class"},
    "source": {"files": {"train": "mood.jsonl"}},
    "prompts": {"plain": {"input": "mood: {text}", "target": "{label|choice}", "choices": ["sad", "glad"]}},
    "metrics": ["accuracy"],
}
TAGGED = {"columns": {"words": "list", "tags": "tags"}, "words": "words"}
SPANS = CHOICE | TAGGED | {"answer": "spans", "metrics": ["span_f1"]}
SPANS |= {"prompts": {"plain": {"input": "ner: {words}", "target": "{tags}", "choices": ["PER", "LOC"]}}}
TAGS = SPANS | {"answer": "tags", "metrics": ["tag_accuracy"]}
TAGS |= {"prompts": {"plain": {"input": "pos: {words}", "target": "{tags}", "choices": ["N", "V"]}}}
NUMBER = CHOICE | {"answer": "number", "columns": {"text": "text", "label": "number"}, "range": [0, 5]}
NUMBER |= {"metrics": ["pearson"], "prompts": {"plain": {"input": "{text}", "target": "{label|nearest_fifth}"}}}
TEXT = CHOICE | {"answer": "text", "columns": {"text": "text", "out": "text"}, "metrics": ["exact"]}
TEXT |= {"prompts": {"plain": {"input": "{text}", "target": "{out}"}}}
REMOVE = object()


def write(folder: Path, data: Any, name: str = "own/mood.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def edited(base: dict[str, Any], at: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(base)
    *path, last = at.split(".")
    inner = data
    for key in path:
        inner = inner[key]
    if value is REMOVE:
        del inner[last]
    else:
        inner[last] = value
    return data


def make(folder: Path, base: dict[str, Any]) -> Task:
    return read_task(write(folder, base))


def fault(folder: Path, data: Any) -> UsageError:
    path = write(folder, data)
    with pytest.raises(UsageError) as caught:
        read_task(path)
    assert caught.value.where.startswith(str(path)), str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


def line(error: UsageError) -> int:
    return int(error.where.rsplit(":", 1)[1])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's own tasks."""
    monkeypatch.setenv("T2T_TASKS", str(tmp_path))
    for cached in (task, _files):
        cached.cache_clear()
    yield tmp_path
    for cached in (task, _files):
        cached.cache_clear()


@pytest.mark.parametrize("base", [CHOICE, SPANS, TAGS, NUMBER, TEXT])
def test_a_sound_file_is_read(base: dict[str, Any], tmp_path: Path) -> None:
    found = make(tmp_path, base)
    assert (found.name, found.answer, found.metrics) == ("own/mood", base["answer"], tuple(base["metrics"]))
    assert found.source.files == {"train": str(tmp_path / "own" / "mood.jsonl")}
    assert found.prompt.name == "plain" and len(found.prompt.hash) == 12


@pytest.mark.parametrize("key", ["task", "title", "answer", "columns", "source", "prompts", "metrics"])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    assert f'"{key}" is missing' in str(fault(tmp_path, edited(CHOICE, key, REMOVE)))


@pytest.mark.parametrize(
    ("at", "closest"),
    [("metrisc", "metrics"), ("source.confg", "config"), ("prompts.plain.choises", "choices"), ("colums", "columns")],
)
def test_an_unknown_key_is_met_with_its_line_and_the_closest(at: str, closest: str, tmp_path: Path) -> None:
    data = edited(CHOICE, at, "x")
    error = fault(tmp_path, data)
    assert f'Did you mean "{closest}"' in str(error) and error.code == "C01"
    key = at.rsplit(".", 1)[-1]
    lines = yaml.safe_dump(data, sort_keys=False).splitlines()
    assert lines[line(error) - 1].strip().startswith(key)


@pytest.mark.parametrize(
    ("base", "at", "value", "said"),
    [
        (CHOICE, "task", "mood", "SET/NAME"),
        (CHOICE, "task", "../mood", "not a valid name"),
        (CHOICE, "task", "own/other", "but the file is mood.yaml"),
        (CHOICE, "task", ["own/mood"], "not a valid name"),
        (CHOICE, "title", ["a"], "expected a text"),
        (CHOICE, "answer", "choise", 'Did you mean "choice"'),
        (CHOICE, "answer", True, "expected a text"),
        (CHOICE, "columns", None, "needs columns"),
        (CHOICE, "columns", ["text", "label"], "expected keys and values"),
        (CHOICE, "columns", 5, "expected keys and values"),
        (CHOICE, "columns.label", "clas", 'Did you mean "class"'),
        (CHOICE, "columns.label", ["class"], "not a kind"),
        (CHOICE, "source", "glue", "expected keys and values"),
        (CHOICE, "source", {}, "needs hub, files or sample"),
        (CHOICE, "source.files", ["a.jsonl"], "expected keys and values"),
        (CHOICE, "source.files", {"train": None}, "expected a text"),
        (CHOICE, "source.hub", ["a/b"], "expected a text"),
        (CHOICE, "source.splits", {"train": True}, "expected a text"),
        (CHOICE, "metrics", "accuracy", "list of names"),
        (CHOICE, "metrics", 5, "list of names"),
        (CHOICE, "metrics", None, "list of names"),
        (CHOICE, "metrics", ["acuracy"], 'Did you mean "accuracy"'),
        (CHOICE, "metrics", ["pearson"], "not for choice answers"),
        (TEXT, "metrics", ["accuracy"], "not for text answers"),
        (CHOICE, "provenance", "a paper", "expected keys and values"),
        (CHOICE, "range", [0, 5], "range"),
        (NUMBER, "range", REMOVE, "range"),
        (NUMBER, "range", [0], "low below high"),
        (NUMBER, "range", [0, 1, 2], "low below high"),
        (NUMBER, "range", [5, 0], "low below high"),
        (NUMBER, "range", [0, float("nan")], "low below high"),
        (NUMBER, "range", [0, float("inf")], "low below high"),
        (NUMBER, "range", [False, True], "low below high"),
        (NUMBER, "range", "05", "low below high"),
        (CHOICE, "words", "text", "belongs to spans"),
        (SPANS, "words", REMOVE, "belongs to spans"),
        (SPANS, "words", "tags", "kind list"),
        (SPANS, "words", "no", "kind list"),
        (SPANS, "words", ["words"], "expected a text"),
        (CHOICE, "prompts", {}, "at least one prompt"),
        (CHOICE, "prompts", ["plain"], "at least one prompt"),
        (CHOICE, "prompts.plain", "mood: {text}", "expected keys and values"),
        (CHOICE, "prompts.plain.input", REMOVE, "either an input or a cloze"),
        (CHOICE, "prompts.plain.target", REMOVE, "either an input or a cloze"),
        (CHOICE, "prompts.plain.cloze", "{mask} {text}", "either an input or a cloze"),
        (CHOICE, "prompts.plain.input", ["{text}"], "expected a text"),
        (CHOICE, "prompts.plain.input", "{txet}", 'Did you mean "text"'),
        (CHOICE, "prompts.plain.input", "{text|trim}", "no filter"),
        (CHOICE, "prompts.plain.input", "{text", "stray"),
        (CHOICE, "prompts.plain.input", "{mask} {text}", "belongs in a cloze"),
        (CHOICE, "prompts.plain.target", "{mask}{label|choice}", "belongs in a cloze"),
        (CHOICE, "prompts.plain.target", "{lable|choice}", 'Did you mean "label"'),
        (CHOICE, "prompts.plain.target", "glad", "names no column"),
        (CHOICE, "prompts.plain.target", "It is {label|choice}.", "one column and nothing else"),
        (CHOICE, "prompts.plain.target", "{label|choice|lower|strip} ", "one column and nothing else"),
        (CHOICE, "prompts.plain.target", "{label}", "does not write the choices"),
        (CHOICE, "prompts.plain.target", "{label|nearest_fifth}", "does not write the choices"),
        (NUMBER, "prompts.plain.target", "{label} points", "one column and nothing else"),
        (SPANS, "prompts.plain.target", "{tags} {words}", "one column and nothing else"),
        (CHOICE, "prompts.plain.choices", REMOVE, "at least two choices"),
        (CHOICE, "prompts.plain.choices", ["glad"], "at least two choices"),
        (CHOICE, "prompts.plain.choices", ["glad", "glad"], "same text"),
        (CHOICE, "prompts.plain.choices", [False, True], "Quote words"),
        (CHOICE, "prompts.plain.choices", [0, 1], "list of texts"),
        (CHOICE, "prompts.plain.choices", ["", "glad"], "list of texts"),
        (CHOICE, "prompts.plain.choices", [" ", "glad"], "list of texts"),
        (CHOICE, "prompts.plain.choices", ["sad", "glad "], "white space"),
        (CHOICE, "prompts.plain.choices", "sad, glad", "list of texts"),
        (SPANS, "prompts.plain.choices", REMOVE, "their types"),
        (SPANS, "prompts.plain.choices", ["PER:", "LOC"], "their types"),
        (TAGS, "prompts.plain.choices", ["N N", "V"], "one word"),
    ],
)
def test_a_fault_in_a_file_is_an_error_that_says_what(
    base: dict[str, Any], at: str, value: Any, said: str, tmp_path: Path
) -> None:
    error = fault(tmp_path, edited(base, at, value))
    assert said in str(error)
    assert error.exit_code == 2


def test_f1_is_only_for_two_choices(tmp_path: Path) -> None:
    make(tmp_path, edited(CHOICE, "metrics", ["f1"]))
    data = edited(edited(CHOICE, "metrics", ["f1"]), "prompts.plain.choices", ["a", "b", "c"])
    assert "class 1 of two" in str(fault(tmp_path, data))


def test_the_yaml_words_for_true_and_false_are_no_choices(tmp_path: Path) -> None:
    text = yaml.safe_dump(CHOICE).replace("- sad", "- no").replace("- glad", "- yes")
    assert 'Quote words such as "yes"' in str(fault(tmp_path, text))


@pytest.mark.parametrize("cloze", ["{text}", "{mask} {text} {mask}", "{{mask}} {mask} {text}"])
def test_a_cloze_has_one_mask(cloze: str, tmp_path: Path) -> None:
    data = edited(edited(CHOICE, "prompts.plain.input", REMOVE), "prompts.plain.cloze", "{text} It was {mask}.")
    assert make(tmp_path, data).prompt.cloze == "{text} It was {mask}."
    assert "once" in str(fault(tmp_path, edited(data, "prompts.plain.cloze", cloze)))


def test_prompts_may_be_named_by_numbers(tmp_path: Path) -> None:
    text = yaml.safe_dump(CHOICE).replace("plain:", "1:")
    assert list(read_task(write(tmp_path, text)).prompts) == ["1"]


@pytest.mark.parametrize("text", ["", "- a\n", "just text", "task: &a own/mood\ntitle: *a\n"])
def test_a_file_that_is_no_task_is_an_error(text: str, tmp_path: Path) -> None:
    fault(tmp_path, text)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("prompts.plain.input", "moods: {text}"),
        ("prompts.plain.target", "{label|choice|strip}"),
        ("prompts.plain.choices", ["glad", "sad"]),
    ],
)
def test_the_hash_changes_with_what_reaches_the_model(at: str, value: Any, tmp_path: Path) -> None:
    assert make(tmp_path, edited(CHOICE, at, value)).prompt.hash != make(tmp_path, CHOICE).prompt.hash


def test_the_hash_does_not_change_with_what_does_not(tmp_path: Path) -> None:
    hashes = {
        make(tmp_path, data).prompt.hash
        for data in (CHOICE, edited(CHOICE, "title", "x"), edited(CHOICE, "prompts.plain.source", "me"))
    }
    assert len(hashes) == 1
    cloze = edited(edited(CHOICE, "prompts.plain.input", REMOVE), "prompts.plain.cloze", "{mask}{text}")
    assert make(tmp_path, cloze).prompt.hash not in hashes


def test_tasks_are_listed_by_name() -> None:
    assert tasks() == sorted(tasks()) and "glue/rte" in tasks()
    with pytest.raises(UsageError, match='Did you mean "glue/rte"'):
        task("glue/rt")
    with pytest.raises(UsageError, match="no task"):
        task("../../etc/passwd")


def test_a_prompt_is_found_by_name_or_is_the_first() -> None:
    rte = task("glue/rte")
    assert prompt(rte, None) is rte.prompt is prompt(rte, "t5")
    with pytest.raises(UsageError, match='no prompt "t55".*Did you mean "t5"'):
        prompt(rte, "t55")


def test_a_task_file_may_be_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, CHOICE)
    assert task(str(path)).name == "own/mood"
    monkeypatch.chdir(path.parent)
    assert task("mood.yaml").name == "own/mood"
    with pytest.raises(UsageError, match="cannot be read"):
        task("missing.yaml")


def test_a_users_own_folder_comes_first(own: Path) -> None:
    write(own, CHOICE)
    write(own, CHOICE | {"task": "glue/rte"}, "glue/rte.yaml")
    assert {"own/mood", "glue/rte", "glue/cola"} <= set(tasks())
    assert task("own/mood").title == task("glue/rte").title == "Moods"
    assert task("glue/cola").title != "Moods"


def test_a_task_in_the_wrong_folder_is_an_error(own: Path) -> None:
    write(own, CHOICE, "other/mood.yaml")
    with pytest.raises(UsageError, match='"own/mood" but its file stands at other/mood'):
        task("other/mood")


def test_a_folder_of_tasks_that_is_not_there_is_an_error(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T2T_TASKS", os.pathsep.join([str(own), str(own / "no")]))
    with pytest.raises(UsageError, match="T2T_TASKS") as caught:
        tasks()
    assert caught.value.where == str(own / "no")


# Rows to examples


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


def test_picked_rows_keep_their_own_numbers(tmp_path: Path) -> None:
    egs = examples(tmp_path, CHOICE, *MOODS, picked=[3, 1])
    assert [eg.uid for eg in egs] == ["own/mood:train:3", "own/mood:train:1"]
    assert [eg.input for eg in egs] == ["mood: t3", "mood: t1"]


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
    with pytest.raises(DataError, match='^row 6 field "label"'):
        egs[5]

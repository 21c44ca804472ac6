"""Task files: checked in full when read, every fault with file, line and remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2t.errors import UsageError
from t2t.tasks import _files, prompts, read_task, task, tasks
from t2t.types import Column
from tests.task_files import CHOICE, NUMBER, REMOVE, SPANS, TAGS, TEXT, edited, make, write


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
    assert prompts(rte) == (rte.prompt,) == prompts(rte, "t5")
    with pytest.raises(UsageError, match='no prompt "t55".*Did you mean "t5"'):
        prompts(rte, "t55")


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


# Parameters, columns elsewhere, and what rows are taken

PAIR = TEXT | {
    "task": "own/pair",
    "parameters": {"from": "de", "to": "en"},
    "columns": {"source": {"kind": "text", "from": "${from}"}, "out": {"kind": "text", "from": "translation.${to}"}},
    "source": {"hub": "own/pairs", "config": ["${from}-${to}", "${to}-${from}"], "sample": "own/${from}"},
    "prompts": {"t5": {"input": "translate ${from|language} to ${to|language}: {source}", "target": "{out}"}},
}


def test_parameters_are_filled_in_by_their_defaults(tmp_path: Path) -> None:
    found = read_task(write(tmp_path, PAIR, "own/pair.yaml"))
    assert found.name == "own/pair" and found.prompt.input == "translate German to English: {source}"
    assert found.columns == {"source": Column("text", "de"), "out": Column("text", "translation.en")}
    assert found.source.config == ("de-en", "en-de") and found.source.sample == ("own/de",)


def test_parameters_are_given_after_colons(own: Path) -> None:
    path = write(own, PAIR, "own/pair.yaml")
    found = task("own/pair:en:ro")
    assert found.name == "own/pair:en:ro" and found.prompt.input == "translate English to Romanian: {source}"
    assert task("own/pair:fr").source.config == ("fr-en", "en-fr")
    assert task(f"{path}:fr").name == "own/pair:fr"
    assert found.prompt.hash != task("own/pair").prompt.hash
    for name, said in (("own/pair:a:b:c", "Its parameters: from, to"), ("own/pair:xx-nope", "language"),
                       ("own/pair:../x", "not a value"), ("own/pair:", "not a value")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            task(name)
    with pytest.raises(UsageError, match="It has none"):
        task("glue/rte:de")


def test_a_parameter_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "${fro}" in str(fault(tmp_path, edited(CHOICE, "title", "from ${fro}")))


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        ("columns.text", {"kind": "words"}, "not a kind of column"),
        ("columns.text", {"kind": "text", "form": "x"}, 'unknown key "form"'),
        ("columns.text", {"kind": "text", "names": ["a"]}, "for a column of kind tags"),
        ("columns.choices", "text", "templates use that name"),
        ("columns.more", {"kind": "number", "from": "text"}, "as different kinds"),
        ("group", ["label", "no"], "expected a list of columns"),
        ("keep", {"train": {"label": 1}}, "a list of its values"),
        ("keep", {"train": {"labels": [1]}}, "a list of its values"),
        ("expand", {"train": "text"}, "not a column of kind list"),
        ("keep", {"trian": {"label": [1]}}, 'Did you mean "train"'),
        ("expand", {"trian": "text"}, 'Did you mean "train"'),
        ("prompts.plain.format", "list", "not a format of choice answers"),
        ("prompts.plain.format", "referent", "gold: COLUMN belongs"),
        ("prompts.plain.gold", "label", "gold: COLUMN belongs"),
        ("prompts.plain.shot", "{txt}", "no column"),
        ("prompts.plain.choices", ["{a}", "{text}"], "no column"),
        ("prompts.plain.input", "{choices}: {text}", "needs a filter"),
        ("prompts.plain.input", "{text|options}", "a filter of {choices}"),
        ("prompts.plain.input", "{text|item}", "takes 1 columns"),
        ("prompts.plain.input", "{text|item(nothing)}", "no column"),
    ],
)
def test_a_fault_of_the_longer_language_has_its_line(at: str, value: Any, said: str, tmp_path: Path) -> None:
    error = fault(tmp_path, edited(CHOICE, at, value))
    assert said in str(error) and line(error) > 0


def test_the_hash_covers_format_and_layout(tmp_path: Path) -> None:
    hashes = {make(tmp_path, edited(CHOICE, f"prompts.plain.{key}", "{text}")).prompt.hash for key in ("shot", "intro")}
    assert len({make(tmp_path, CHOICE).prompt.hash, *hashes}) == 3


def test_all_prompts_are_those_with_an_input(tmp_path: Path) -> None:
    other = {"target": "{label|choice}", "choices": ["bad", "good"]}
    data = edited(edited(CHOICE, "prompts.b", {"input": "{text}?"} | other), "prompts.pet", {"cloze": "{mask}"} | other)
    found = make(tmp_path, data)
    assert [p.name for p in prompts(found, "all")] == ["plain", "b"]
    assert [p.name for p in prompts(found, "pet, b,pet")] == ["pet", "b"]

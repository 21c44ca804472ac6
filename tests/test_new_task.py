"""A task file out of rows: what is guessed, what is written, what is refused; and the page that shows it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from t2t.cli import cli
from t2t.errors import T2TError, UsageError
from t2t.examples import Examples
from t2t.mixtures import _mixes
from t2t.new_task import Made, new_task, yaml_text
from t2t.sources import open_rows
from t2t.tasks import _files, read_task, task, tasks
from t2t.types import Example

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "own-data.md"


def forget() -> None:
    for cached in (_files, task, _mixes):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("T2T_TASKS", raising=False)
    forget()
    yield
    forget()


def csv(text: str, name: str = "rows.csv") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def jsonl(*rows: dict[str, Any], name: str = "rows.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def examples(made: Made, split: str = "train", prompt: str | None = None) -> list[Example]:
    """Every example, read from the written file."""
    rows = open_rows(read_task(made.path), split)
    chosen = [made.task.prompts[prompt]] if prompt else ()
    return Examples(read_task(made.path), rows, split=split, prompts=chosen)[:]


def tree() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


NO_VALIDATION = (
    "without a validation file nothing is scored: give --data FILE,validation=FILE, or name one in the task file"
)
REVIEWS = "text,label\nA fine film.,good\nA dull film.,bad\nGreat fun.,good\nToo long.,bad\n"


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_csv_becomes_a_task_file_in_the_style_of_the_house() -> None:
    made = new_task("mine/reviews", data=csv(REVIEWS))
    assert made.path == Path("task_prompts/mine/reviews.yaml")
    assert (
        made.path.read_text()
        == """\
# Written by t2t new-task from rows.csv. Edit it freely; docs/tasks.md has the language.
task: mine/reviews
# Say in one line what is asked.
title: What is the label?
answer: choice
columns:
  text: text
  label: text
source:
  files:
    train: ../../rows.csv
    # Nothing is scored without: validation: FILE
prompts:
  # The first prompt is the default.
  t5:
    input: "reviews text: {text}"
    target: "{label|choice}"
    # The texts of the answer, in the order of the alphabet.
    choices: [bad, good]
    source: t2t
  plain:
    input: "{text}"
    target: "{label|choice}"
    choices: [bad, good]
    source: t2t
metrics: [accuracy, macro_f1]
# provenance: {paper: ..., licence: ..., homepage: ...}
"""
    )
    assert made.example is not None and (made.example.input, made.example.target) == (
        "reviews text: A fine film.",
        "good",
    )
    assert [(eg.target, eg.gold) for eg in examples(made, prompt="plain")] == [
        ("good", 1), ("bad", 0), ("good", 1), ("bad", 0),
    ]  # fmt: skip
    assert made.setting == "T2T_TASKS=task_prompts" and "without a validation file" in made.notes[-1]


def test_the_task_is_found_by_name_under_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_task("mine/reviews", data=csv(REVIEWS))
    name, _, folder = made.setting.partition("=")
    monkeypatch.setenv(name, folder)
    forget()
    assert task("mine/reviews").prompt.choices == ("bad", "good")
    again = new_task("mine/again", data="rows.csv")
    assert again.path == Path("task_prompts/mine/again.yaml") and again.setting == ""
    other = new_task("mine/other", data="rows.csv", dest="my tasks")
    assert other.setting == "T2T_TASKS='my tasks:task_prompts'"


def test_files_by_split_and_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    csv(REVIEWS, "project/train.csv")
    csv("label,text\nsplendid,Oh!\n", "outside.csv")
    csv("text\nNo label.\n", "project/test.csv")
    data = "project/train.csv,validation=outside.csv,test=project/test.csv"
    made = new_task("mine/reviews", data=data, dest="project/tasks")
    found = yaml.safe_load(made.path.read_text())["source"]["files"]
    assert found["train"] == "../../train.csv" and found["validation"] == str(tmp_path / "outside.csv")
    assert made.task.prompt.choices == ("bad", "good", "splendid")  # a label of the validation file only
    assert [eg.gold for eg in examples(made, "validation")] == [2]
    assert not any("validation" in note for note in made.notes)
    monkey = new_task("mine/named", data="train=project/train.csv", dest="project/tasks")
    assert yaml.safe_load(monkey.path.read_text())["source"]["files"] == {"train": "../../train.csv"}


def test_a_file_name_may_hold_a_comma_and_an_equals_sign() -> None:
    made = new_task("mine/a", data=csv(REVIEWS, "a=b,c.csv"))
    assert len(examples(made)) == 4


# --- columns --------------------------------------------------------------------------------------------------------


def test_columns_of_odd_names_are_renamed_and_read() -> None:
    header = 'text-a,2nd,Größe,文本,mask,choices,yes,"a {b}",with space,text_a,label'
    made = new_task("mine/odd", data=csv(f"{header}\n" + "1a,2b,3c,4d,5e,6f,7g,8h,9i,0j,x\n1,2,3,4,5,6,7,8,9,0,y\n"),
                    answer="choice", inputs=header.replace('"', "").split(",")[:-1])  # fmt: skip
    assert list(made.task.columns)[:2] == ["text_a_2", "column_2nd"]
    places = {name: column.origin for name, column in made.task.columns.items()}
    assert places == {
        "text_a_2": "text-a", "column_2nd": "2nd", "Groe": "Größe", "column": "文本", "column_mask": "mask",
        "column_choices": "choices", "yes": "", "a_b": "a {b}", "with_space": "with space", "text_a": "",
        "label": "",
    }  # fmt: skip
    assert examples(made, prompt="plain")[0].input == (
        "text_a_2: 1a column_2nd: 2b Groe: 3c column: 4d column_mask: 5e column_choices: 6f yes: 7g a_b: 8h "
        "with_space: 9i text_a: 0j"
    )
    assert '"with space" is called with_space in the prompts' in made.notes


def test_a_dot_in_a_name_is_the_columns_own_or_leads_into_a_struct() -> None:
    made = new_task("mine/flat", data=csv("a.b,label\nx,p\ny,q\n"), answer="choice")
    assert made.task.columns["a_b"].origin == "a.b"
    assert [eg.input for eg in examples(made)] == ["flat a_b: x", "flat a_b: y"]
    rows = [{"q": f"Q{i}", "answers": {"text": [f"A{i}", f"B{i}"], "answer_start": [i, i]}} for i in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), "squad.parquet")
    for data in (jsonl(*rows), "squad.parquet"):
        made = new_task(f"mine/{Path(data).suffix[1:]}", data=data)
        assert made.task.columns["answers_text"].origin == "answers.text"
        eg = examples(made)[3]
        assert eg.input.endswith(" q: Q3") and eg.target == "A3" and eg.gold == ("A3", "B3")


def test_ids_answers_in_disguise_and_unreadable_columns_are_no_input() -> None:
    rows = [
        {"id": i, "row_id": f"r{i}", "s1": f"a{i}", "s2": f"b{i}", "s3": "c", "ok": True, "gap": None if i else "x",
         "year": 1990 + i, "label": i % 2, "label_text": ["no", "yes"][i % 2], "meta": [{"x": 1}]}
        for i in range(6)
    ]  # fmt: skip
    made = new_task("mine/many", data=jsonl(*rows))
    assert list(made.task.columns) == ["s1", "s2", "s3", "label"]
    assert made.task.prompt.choices == ("no", "yes") and made.task.columns["label"].kind == "class"
    assert "not read: id, row_id, ok, gap, year, label_text, meta" in made.notes
    assert "label_text" in made.path.read_text()
    asked = new_task("mine/asked", data="rows.jsonl", inputs=["year", "s2"])
    assert examples(asked)[1].input == "asked year: 1991 s2: b1"


def test_numbers_are_the_input_where_there_is_nothing_else() -> None:
    made = new_task("mine/table", data=csv("width,height,class\n" + "1.5,2,a\n3,4,b\n" * 3))
    assert examples(made)[0].input == "table width: 1.5 height: 2"


def test_texts_keep_their_braces_lines_and_zeros() -> None:
    text = "text,code,label\n" + '"{curly} {{x}} ${y}\nand ""more""",007,a\nplain,01,b\n' * 2
    made = new_task("mine/raw", data=csv("\ufeff" + text), inputs=["text", "code"])
    assert examples(made, prompt="plain")[0].input == 'text: {curly} {{x}} ${y}\nand "more" code: 007'


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        ("yes", "no"), ("true", "false"), ("1", "3"), ("-1", "1"), ("null", "~"), ("on", "off"), ("01", "02"),
        ("{a}", "{{a}}"), ("{mask}", "${x}"), ("a: b", "- c"), ("#1", "two #"), ("it's", '"it"'), ("a, b", "[c]"),
        ("two\nlines", "one"), ("é", "\u2028x"), ("\x7f", "\x85x"), ("!tag", "&anchor"), ("2020-01-01", "1e3"),
        ("0x1f", "1_000"), ("北", "\U0001f600"), ("=", "<<"), ("\ufeffa", "a"),
    ],
)  # fmt: skip
def test_labels_come_back_as_they_are(labels: tuple[str, str]) -> None:
    made = new_task("mine/odd", data=jsonl(*({"text": "t", "label": label.strip()} for label in labels * 2)))
    golds = [eg.choices[eg.gold] for eg in examples(made)]
    assert golds == [label.strip() for label in labels * 2] == [eg.target for eg in examples(made)]


@given(st.text(max_size=30).filter(lambda text: not re.search("[\ud800-\udfff]", text)))
@example("A?")
def test_yaml_reads_every_text_back(text: str) -> None:
    assert yaml.safe_load(f"- {{a: [{yaml_text(text, listed=True)}]}}") == [{"a": [text]}]
    assert yaml.safe_load(f"- a: {yaml_text(text)}") == [{"a": text}]
    assert len(yaml_text(text).splitlines()) <= 1


def test_labels_with_white_space_around_them_are_stripped() -> None:
    made = new_task("mine/padded", data=csv("text,label\na, yes\nb,yes \nc,no\nd,no\n"))
    assert made.task.prompt.target == "{label|strip|choice}"
    assert [eg.target for eg in examples(made)] == ["yes", "yes", "no", "no"]


def test_integer_labels_are_classes_whose_names_are_to_be_written() -> None:
    made = new_task("mine/numbered", data=csv("text,label\n" + "a,0\nb,2\nc,1\n" * 2))
    assert made.task.columns["label"].kind == "class" and made.task.prompt.choices == ("0", "1", "2")
    assert "Name the classes 0, 1" in made.path.read_text()
    assert [eg.gold for eg in examples(made)] == [0, 2, 1] * 2


@pytest.mark.parametrize("data", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_integer_labels_have_the_names_of_a_column_of_texts(data: str) -> None:
    rows = [{"text": "t", "label": i, "label_text": name} for i, name in ((1, "spam"), (0, "ham"), (1, "spam"))]
    jsonl(*rows)
    csv("text,label,label_text\n" + "".join(f"t,{row['label']},{row['label_text']}\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), "rows.parquet")
    made = new_task("mine/mail", data=data)
    assert made.task.prompt.choices == ("ham", "spam") and list(made.task.columns) == ["text", "label"]


def test_names_that_contradict_each_other_are_not_taken() -> None:
    rows = [{"text": "t", "label": i % 2, "label_text": name} for i, name in enumerate(("a", "b", "c", "b"))]
    assert new_task("mine/mixed", data=jsonl(*rows)).task.prompt.choices == ("0", "1")


def test_a_parquet_file_names_its_classes_and_tags() -> None:
    rows = [
        {"tokens": ["Ann", "left"], "ner_tags": [1, 0], "label": 1},
        {"tokens": ["Hi"], "ner_tags": [0], "label": 0},
    ]
    stated = {
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
        "ner_tags": {"feature": {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": stated}})}
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(metadata), "rows.parquet")
    made = new_task("mine/labels", data="rows.parquet")
    assert made.task.prompt.choices == ("bad", "good")
    made = new_task("mine/names", data="rows.parquet", target="ner_tags")
    assert made.task.columns["ner_tags"].names == ("O", "B-PER", "I-PER") and made.task.prompt.choices == ("PER",)
    assert [eg.gold for eg in examples(made)] == [("B-PER", "O"), ("O",)]


def test_many_labels_stand_in_a_block() -> None:
    labels = [f"a rather long label, number {i}" for i in range(8)]
    made = new_task("mine/long", data=jsonl(*({"text": "t", "label": label} for label in labels * 2)))
    assert made.task.prompt.choices == tuple(labels)
    assert max(map(len, made.path.read_text().splitlines())) <= 120
    many = jsonl(*({"text": "t", "label": f"l{i:02}"} for i in range(60)), name="many.jsonl")
    assert new_task("mine/many", data=many).task.answer == "text"
    assert len(new_task("mine/all", data=many, answer="choice").task.prompt.choices) == 60


def test_numbers_are_answered_within_a_range() -> None:
    made = new_task("mine/score", data=csv("text,score\na,0.5\nb,4\nc,3.25\n"))
    assert (made.task.answer, made.task.range, made.task.metrics) == ("number", (0, 4), ("pearson", "spearman"))
    assert [(eg.target, eg.gold) for eg in examples(made)] == [("0.5", 0.5), ("4.0", 4.0), ("3.25", 3.25)]
    stars = new_task("mine/stars", data=csv("text,stars\na,1\nb,5\n", "stars.csv"), target="stars", answer="number")
    assert stars.task.range == (1, 5)
    wide = csv("text,score\n" + "".join(f"t,{i}\n" for i in range(70)), "wide.csv")
    assert new_task("mine/wide", data=wide).task.answer == "number"


def test_free_texts_are_answered_with_text() -> None:
    long = "a sentence that has rather more words than five"
    made = new_task("mine/sum", data=csv(f"article,summary\nx,{long} 1\ny,{long} 2\n"))
    assert (made.task.answer, made.task.metrics) == ("text", ("rougeLsum", "chrf"))
    short = new_task("mine/short", data=csv("question,answer\nx,one two\ny,three\n", "short.csv"))
    assert short.task.metrics == ("exact", "squad_f1")


@pytest.mark.parametrize("typed", [True, False])
def test_a_list_of_texts_holds_several_references(typed: bool) -> None:
    rows = [{"question": "q1", "answers": ["Paris", "the city"]}, {"question": "q2", "answers": ["Rome"]}]
    as_csv = 'question,answers\nq1,"[""Paris"", ""the city""]"\nq2,"[""Rome""]"\n'
    made = new_task("mine/qa", data=jsonl(*rows) if typed else csv(as_csv))
    assert (made.task.answer, made.task.columns["answers"].kind) == ("text", "list")
    assert made.task.prompt.target == "{answers|first}"
    assert [(eg.target, eg.gold) for eg in examples(made)] == [("Paris", ("Paris", "the city")), ("Rome", ("Rome",))]


@pytest.mark.parametrize("typed", [True, False])
def test_tags_beside_words_are_spans_or_tags(typed: bool) -> None:
    rows = [
        {"tokens": ["Ann", "Lee", "left"], "ner": ["B-PER", "I-PER", "O"], "pos": ["N", "N", "V"]},
        {"tokens": ["Hi"], "ner": ["O"], "pos": ["UH"]},
    ]
    fields = (",".join('"' + json.dumps(v).replace('"', '""') + '"' for v in row.values()) for row in rows)
    data = jsonl(*rows) if typed else csv("tokens,ner,pos\n" + "\n".join(fields))
    spans = new_task("mine/ner", data=data, target="ner")
    assert (spans.task.answer, spans.task.words, spans.task.prompt.choices) == ("spans", "tokens", ("PER",))
    assert examples(spans)[0].input == "ner tokens: Ann Lee left" and examples(spans)[0].gold == ("B-PER", "I-PER", "O")
    tags = new_task("mine/pos", data=data, target="pos")
    assert (tags.task.answer, tags.task.prompt.choices) == ("tags", ("N", "UH", "V"))
    assert examples(tags)[0].target == "N N V"
    bare = new_task("mine/bio", data=data, target="ner", answer="tags")
    assert bare.task.metrics == ("tag_accuracy",) and bare.task.prompt.choices == ("B-PER", "I-PER", "O")


def test_integer_tags_stand_for_names_to_be_written() -> None:
    made = new_task("mine/tags", data=jsonl({"words": ["a", "b"], "tags": [0, 2]}, {"words": ["c"], "tags": [1]}))
    assert made.task.columns["tags"].names == ("0", "1", "2") and "write the real ones here" in made.path.read_text()
    assert [eg.gold for eg in examples(made)] == [("0", "2"), ("1",)]


# --- what cannot be -------------------------------------------------------------------------------------------------

BAD: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"data": "none.csv"}, {}, "no such file"),
    ({"data": "a.csv,b.csv"}, {"a.csv": REVIEWS, "b.csv": REVIEWS}, "not FILE, or FILE,validation=FILE"),
    ({"data": "validation=a.csv"}, {"a.csv": REVIEWS}, "not FILE"),
    ({"data": "a.csv,validation=no.csv"}, {"a.csv": REVIEWS}, r"no\.csv: there is no such file"),
    ({"data": "a.txt"}, {"a.txt": REVIEWS}, "kind of file is not read"),
    ({"data": "a.csv"}, {"a.csv": ""}, "file is empty"),
    ({"data": "a.csv"}, {"a.csv": "\ufeff\n"}, "file is empty"),
    ({"data": "a.csv"}, {"a.csv": "text,label\n"}, "no row under the header"),
    ({"data": "a.jsonl"}, {"a.jsonl": "\n"}, "file is empty"),
    ({"data": "a.json"}, {"a.json": "[]"}, "array is empty"),
    ({"data": "a.jsonl"}, {"a.jsonl": '{"text": "a", "label": "b"\n'}, r"a\.jsonl:1: is not valid JSON"),
    ({"data": "a.csv"}, {"a.csv": "text,text,label\na,b,c\n"}, "comes twice"),
    ({"data": "a.csv"}, {"a.csv": "text,label\na\n"}, "has 1 fields, the header has 2"),
    ({"data": "a.parquet"}, {"a.parquet": "no"}, "not a readable parquet"),
    ({"data": "a.csv"}, {"a.csv": "text,label\na,x\nb,x\n"}, "it has 1 different values"),
    ({"data": "a.csv"}, {"a.csv": "text,label\na,x\nb,\n"}, r'a\.csv:3 field "label": the answer is empty'),
    ({"data": "a.csv"}, {"a.csv": "one,two,three\na,b,c\n"}, "which of these is the answer: one, two, three"),
    ({"data": "a.csv"}, {"a.csv": "label\na\nb\na\n"}, "no column is left for the input"),
    ({"data": "a.csv", "target": "lable"}, {"a.csv": REVIEWS}, 'Did you mean "label"'),
    ({"data": "a.csv", "inputs": ["txt"]}, {"a.csv": REVIEWS}, 'Did you mean "text"'),
    ({"data": "a.csv", "inputs": ["text", "label"]}, {"a.csv": REVIEWS}, '"label" is the answer'),
    ({"data": "a.csv", "answer": "chioce"}, {"a.csv": REVIEWS}, 'Did you mean "choice"'),
    ({"data": "a.csv", "answer": "number"}, {"a.csv": REVIEWS}, "not all of its values are numbers"),
    ({"data": "a.csv", "answer": "tags"}, {"a.csv": REVIEWS}, "not lists of tags"),
    ({"data": "a.csv", "answer": "number"}, {"a.csv": "text,label\na,1\nb,1\n"}, "it is always 1"),
    ({"data": "a.csv"}, {"a.csv": "text,score\na,0.00001\nb,2\n"}, r"a\.csv:2 .* exponent"),
    ({"data": "a.jsonl"}, {"a.jsonl": '{"text": "a", "label": true}\n'}, r'a\.jsonl:1 field "label": true is no text'),
    ({"data": "a.jsonl"}, {"a.jsonl": '{"t": "a", "label": "x"}\n{"t": "b"}\n'}, r"a\.jsonl:2 .* no value here"),
    ({"data": "a.jsonl"}, {"a.jsonl": '{"t": "a", "label": "x"}\n{"t": "b", "label": 3}\n'}, "a number, and a text in"),
    ({"data": "a.jsonl"}, {"a.jsonl": '{"t": "a", "label": 1}\n{"t": "b", "label": -1}\n'}, "classes count from 0"),
    ({"data": "a.jsonl"}, {"a.jsonl": '{"t": "a", "answers": []}\n'}, "list of at least one text"),
    ({"data": "a.jsonl", "target": "tags"}, {"a.jsonl": '{"w": ["a"], "tags": ["N N"]}\n'}, "is not one word"),
    ({"data": "a.jsonl", "answer": "tags"}, {"a.jsonl": '{"w": ["a", "b"], "tags": ["N"]}\n'}, "no other column has"),
    ({"data": "a.jsonl", "answer": "spans"}, {"a.jsonl": '{"w": ["a"], "tags": ["N"]}\n'}, "Give --answer tags"),
    ({"data": "a.jsonl", "inputs": ["ok"]}, {"a.jsonl": '{"ok": true, "label": "x"}\n{"ok": true, "label": "y"}\n'},
     "true is no text"),
    ({"data": "a.csv,validation=b.jsonl"}, {"a.csv": REVIEWS, "b.jsonl": '{"text": "a", "label": "good"}\n'},
     "two kinds"),
    ({"data": "a.csv,validation=b.csv"}, {"a.csv": REVIEWS, "b.csv": "text\nx\n"}, r"b\.csv:1 field .label.* missing"),
    ({}, {}, "--data FILE or --from"),
    ({"start": "glue/rt"}, {}, 'Did you mean "glue/rte"'),
    ({"start": "glue/rte", "answer": "choice"}, {}, "of the task that --from names"),
    ({"start": "glue/rte", "data": "a.csv"}, {"a.csv": REVIEWS}, r'field "sentence1": is missing: .* text, label'),
]  # fmt: skip


@pytest.mark.parametrize(("how", "written", "message"), BAD)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    how: dict[str, Any], written: dict[str, str], message: str
) -> None:
    for name, text in written.items():
        csv(text, name)
    before = tree()
    with pytest.raises(T2TError, match=message):
        new_task("mine/bad", **how)
    assert tree() == before


def test_a_name_is_a_name_and_an_empty_text_a_text() -> None:
    before = csv("text,label\n,x\nb,y\nc,x\nd,y\n")
    made = new_task("mine/one", data=before)  # the prompt's wording is there, whatever the column holds
    assert made.example is not None and made.example.input == "one text: "
    with pytest.raises(UsageError, match="not a valid name"):
        new_task("mine/.x", data=before)
    with pytest.raises(UsageError, match="SET/NAME"):
        new_task("reviews", data=before)


def test_a_task_that_there_is_is_kept_unless_force_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    csv(REVIEWS)
    with pytest.raises(UsageError, match="there is a task glue/rte"):
        new_task("glue/rte", data="rows.csv")
    made = new_task("mine/reviews", data="rows.csv")
    made.path.write_text("edited")
    with pytest.raises(UsageError, match="--force"):
        new_task("mine/reviews", data="rows.csv")
    monkeypatch.setenv("T2T_TASKS", "task_prompts")
    with pytest.raises(UsageError, match="--force"):
        new_task("mine/reviews", data="rows.csv", dest="elsewhere")
    assert made.path.read_text() == "edited"
    assert new_task("mine/reviews", data="rows.csv", force=True).path.read_text().startswith("# Written")


# --- copies ---------------------------------------------------------------------------------------------------------


def test_a_copy_keeps_the_prompts_and_where_the_rows_come_from() -> None:
    made, wnli = new_task("mine/wnli", start="glue/wnli"), task("glue/wnli")
    assert made.task.prompts == wnli.prompts and made.task.source == wnli.source and made.example is None
    assert made.task.provenance == wnli.provenance and made.task.name == "mine/wnli"
    assert "the opposite order" in made.path.read_text()  # comments stay
    assert not any("validation" in note for note in made.notes)


def test_a_copy_takes_data_of_ones_own_and_drops_the_provenance() -> None:
    rows = [{"sentence1": "It rained.", "sentence2": "It was wet.", "label": 0}]
    made = new_task("mine/rte", start="glue/rte", data=jsonl(*rows))
    assert made.task.source.hub is None and not made.task.provenance
    assert made.example is not None and made.example.target == "entailment"
    again = new_task("other/rte", start=str(made.path), dest="deep/er")
    assert [eg.input for eg in examples(again)] == ["rte sentence1: It rained. sentence2: It was wet."]
    assert again.task.prompt.hash == made.task.prompt.hash


def test_every_bundled_task_can_be_copied() -> None:
    for name in tasks():
        made, found = new_task(f"copy/{name.split('/')[1]}", start=name, dest=name.split("/")[0]), task(name)
        assert made.task.prompts == found.prompts and made.task.columns == found.columns


# --- the command and the page ---------------------------------------------------------------------------------------


def test_the_command_says_what_it_made_and_what_comes_next() -> None:
    csv(REVIEWS)
    done = CliRunner().invoke(cli, ["new-task", "mine/reviews", "--data", "rows.csv", "--input", "text"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "task_prompts/mine/reviews.yaml: a choice answer, scored by accuracy, macro_f1",
        "input   reviews text: A fine film.",
        "target  good",
        f"note: {NO_VALIDATION}",
        "export T2T_TASKS=task_prompts",
        "t2t check mine/reviews",
        "t2t train --task mine/reviews",
    ]  # fmt: skip


def test_it_imports_no_torch() -> None:
    code = (
        "import sys, t2t.new_task\nt2t.new_task.new_task('mine/a', data='rows.csv')\nassert 'torch' not in sys.modules"
    )
    csv(REVIEWS)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_page_on_data_of_ones_own_runs_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, text in re.findall(r"^```csv title=\"(\S+)\"\n(.*?)^```", page, re.M | re.S):
        csv(text, name)
    monkeypatch.setenv("T2T_OFFLINE", "1")
    shown = re.findall(r"^```shell\n(.*?)^```", page, re.M | re.S)
    said: list[str] = []
    for line in (line for block in shown for line in block.splitlines()):
        if not line.startswith("$ "):
            assert line in said, f"{line!r} was not said, but\n" + "\n".join(said)
            continue
        words = shlex.split(line[2:])
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
            continue
        before, _, command = line[2:].rpartition(" | ")
        forget()
        done = CliRunner().invoke(cli, shlex.split(command)[1:], input=shlex.split(before)[1] if before else None)
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
        said = done.output.splitlines()
    assert len(shown) >= 4

"""Every known fault by its id: what the command line says of it, with which exit code, before the first step.

The ids are those of docs/faults.md: D data, P prompts, M model files, C configuration, R reports. Here each faulty
thing is made and the command is typed; what is tested wholly elsewhere is named in `ELSEWHERE`. Where the code that is
printed is another than the id, one check finds both faults.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from t2t import sources
from t2t.examples import MOST_CHARACTERS
from t2t.sets import examples
from t2t.tasks import task
from tests.test_cli import TINY, Run, t2t
from tests.test_seq2seq import add_tensor, drop_tensor, edit, only_pickles, shorten_weights, small_embedding
from tests.toy import known, write_rows, write_tasks

FIXTURES = (t2t,)
ROOT = Path(__file__).resolve().parents[1]
Make = Callable[[Path], Sequence[str]]  # makes a fault in an empty folder, of a sound model; returns what to type

ELSEWHERE = {
    "D07": ["test_sources.py::test_csv_with_bom_crlf_quotes_and_words_that_look_like_nothing"],
    "D08": ["test_sources.py::test_bad_csv"],
    "D10": ["test_check.py::test_rows_that_repeat_and_rows_that_contradict_each_other_are_told_apart"],
    "D11": ["test_check.py::test_a_leak_is_a_warning_or_with_fail_on_leak_an_error",
            "test_check.py::test_a_run_notes_how_many_rows_that_are_scored_were_trained_on"],
    "D12": ["test_cli.py::test_odd_rows_are_trained_on_and_counted",
            "test_page.py::test_every_answer_is_there_with_what_was_read"],
    "D13": ["test_tokens.py::test_evaluation_never_cuts_a_reference_even_after_training_did",
            "test_train.py::test_long_targets_may_be_cut_and_it_is_said"],
    "D16": ["test_hub.py::test_a_pinned_revision_is_asked_for"],
    "D17": ["test_sources.py::test_a_large_file_gives_the_rows_of_a_small_one"],
    "D18": ["test_train.py::test_changed_data_is_refused"],
    "D19": ["test_sources.py::test_a_file_that_changes_later_changes_nothing",
            "test_sources.py::test_a_large_file_that_is_written_over_is_an_error"],
    "P03": ["test_tokens.py::test_a_choice_that_begins_another_is_warned_of"],
    "P05": ["test_tokens.py::test_text_never_becomes_a_control_token",
            "test_tokens.py::test_control_strings_are_counted_in_inputs_and_targets"],
    "P08": ["test_tokens.py::test_unknown_tokens_and_empty_columns_are_counted",
            "test_tokens.py::test_targets_that_do_not_survive_are_warned_of_with_their_characters"],
    "P09": ["test_predict.py::test_an_answer_that_cannot_be_read_is_unparsed_and_wrong"],
    "C03": ["test_names.py::test_bad_names_are_refused", "test_names.py::test_a_task_is_named_set_and_name"],
    "C04": ["test_train.py::test_what_decides_the_learning_cannot_change"],
    "R01": ["test_page.py::test_hostile_text_is_inert_and_nothing_is_loaded",
            "test_predict.py::test_predictions_go_through_their_file"],
    "R03": ["test_report.py::test_markdown_is_inert_too"],
    "R04": ["test_screen.py::test_notices_go_to_stderr_and_are_made_visible",
            "test_errors.py::test_control_and_bidirectional_characters_are_shown"],
    "R05": ["test_page.py::test_no_more_is_read_and_shown_than_there_is_room_for"],
}  # fmt: skip


class Fault(NamedTuple):
    """A fault: its id and a word about it, how it is made, the exit code, what is said of it, and its printed code."""

    id: str
    what: str
    make: Make
    exit: int
    said: tuple[str, ...]
    code: str = ""


GOOD = {"sentence": "A fine film.", "label": 1}


def typed(*words: str) -> Make:
    return lambda model: ("train", "--task", "glue/sst2", "--source", "sample", *words)


def rows(name: str, data: bytes | Sequence[Any], of: str = "glue/sst2", beside: Sequence[Any] = ()) -> Make:
    """Train on a file of these bytes, or of these rows as JSON lines; with rows ``beside`` score it after those."""

    def make(model: Path) -> Sequence[str]:
        if isinstance(data, bytes):
            Path(name).write_bytes(data)
        else:
            write_rows(Path(name), data)
        if not beside:
            return ("train", "--task", of, "--source", f"train={name}")
        write_rows(Path("beside.jsonl"), beside)
        return ("train", "--task", of, "--source", f"train=beside.jsonl,validation={name}")

    return make


def line(data: bytes) -> Make:
    """Train on a file with a second line of these bytes."""
    return rows("rows.jsonl", json.dumps(GOOD).encode() + b"\n" + data)


def label(value: Any) -> Make:
    return rows("rows.jsonl", [GOOD, {**GOOD, "label": value}])


def scored(*more: str) -> Make:
    """Score more rows than an audit looks at, one of which is wrong."""
    beside = [{"sentence": said, "label": 0} for said in ("Dull.", "Two hours too long.", "Nobody laughed.")]
    made = rows("scored.jsonl", [GOOD, {**GOOD, "label": 7}, *[GOOD] * 1200], beside=beside)
    return lambda model: (*made(model), *more)


TASK = """task: mine/mood
title: Mood
answer: choice
columns: {text: text, label: class}
source: {files: {train: rows.jsonl}}
prompts:
  plain:
    input: "mood: {text}"
    target: "{label|choice}"
    choices: [sad, glad]
metrics: [accuracy]
"""


def edited(old: str, new: str, text: str = "a b") -> Make:
    """Train on a task file in which something is replaced; ``text`` is that of its second row."""

    def make(model: Path) -> Sequence[str]:
        assert old in TASK
        Path("mood.yaml").write_text(TASK.replace(old, new), encoding="utf-8")
        write_rows(Path("rows.jsonl"), [{"text": said, "label": 1} for said in ("a", text)])
        return ("train", "--task", "mood.yaml")

    return make


def parquet(spoil: Callable[[bytes], bytes], **metadata: Any) -> Make:
    """Train on a spoilt parquet file with metadata of the datasets library."""

    def make(model: Path) -> Sequence[str]:
        table = pa.table({"sentence": ["a"] * 50, "label": [0, 1] * 25})
        pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(metadata)}), "good.parquet")
        return rows("rows.parquet", spoil(Path("good.parquet").read_bytes()))(model)

    return make


def fetched(model: Path) -> Sequence[str]:
    """Train on a fetched directory in which one bit has changed."""
    top = Path("local") / "nyu-mll" / "glue"
    (top / "sst2").mkdir(parents=True)
    pq.write_table(pa.table({"sentence": ["a"] * 50, "label": [0, 1] * 25}), top / "sst2" / "train.parquet")
    held = [{"config_name": "sst2", "data_files": [{"split": "train", "path": "sst2/train.parquet"}]}]
    (top / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': held})}---\n")
    flip(sources.fetch([task("glue/sst2")], "copy", source="local") / "nyu-mll" / "glue" / "sst2" / "train.parquet")
    return ("train", "--task", "glue/sst2", "--source", "copy")


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def spoilt(spoil: Callable[[Path], Any]) -> Make:
    """Train a copy of a model in which something is spoilt."""

    def make(model: Path) -> Sequence[str]:
        spoil(Path(shutil.copytree(model, "spoilt")))
        return typed("--model", "spoilt")(model)

    return make


def other_vocabulary(folder: Path) -> None:
    """Give a model a vocabulary of a few words, in which glad is none."""
    words = ["<pad>", "</s>", "<unk>", *"abcdefghij", "sad", "mood"]
    made = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="$0 </s>", special_tokens=[("</s>", 1)])
    for path in folder.glob("*token*"):
        path.unlink()
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def no_end(folder: Path) -> None:
    other_vocabulary(folder)
    edit(folder / "tokenizer_config.json", lambda config: config.pop("eos_token"))


def unsaid(model: Path) -> Sequence[str]:
    other_vocabulary(Path(shutil.copytree(model, "spoilt")))
    return (*edited("a", "a")(model), "--model", "spoilt")


def settings(text: str) -> Make:
    """Train by a file of settings."""

    def make(model: Path) -> Sequence[str]:
        Path("settings.yaml").write_text(text)
        return typed("--config", "settings.yaml")(model)

    return make


def named(name: str) -> Make:
    return edited("mine/mood", json.dumps(name))


COPY = {"text": "a", "out": "b"}
LONG = {"text": "a", "out": "b " * 40}
CODE = {"auto_map": {"AutoModel": "x.Y"}}
FAULTS = [
    Fault("D01", "cut in the middle", line(b'{"sentence": "It ra\n{"sentence": "a", "label": 1}\n'), 3,
          ("rows.jsonl:2: is not valid JSON", "Mend the line.")),
    Fault("D01", "cut at the end", line(b'{"sentence": "It ra'), 3,
          ("rows.jsonl:2: is not valid JSON", "it was cut off. Copy it again.")),
    Fault("D02", "JSON lines", line(b'{"sentence": "a\xff", "label": 1}\n'), 3,
          ("rows.jsonl:2:16: byte 16 of the line (0xff) is not UTF-8", "Save the file as UTF-8.")),
    Fault("D02", "CSV", rows("rows.csv", b"sentence,label\na,1\n\xe4,1\n"), 3,
          ("rows.csv:3:1: byte 1 of the line (0xe4) is not UTF-8", "Save the file as UTF-8.")),
    Fault("D03", "7", label(7), 3,
          ('rows.jsonl:2 field "label": 7 is not a class from 0 to 1 (negative | positive)', "Mend the row.")),
    Fault("D03", "-1", label(-1), 3,
          ('rows.jsonl:2 field "label": -1 is a hidden test label: this split can be predicted, not trained on',)),
    Fault("D03", "maybe", label("maybe"), 3,
          ('rows.jsonl:2 field "label": "maybe" is not one of negative | positive', "Mend the row.")),
    Fault("D03", "in a row that is scored", scored(), 3,
          ('scored.jsonl:2 field "label": 7 is not a class', "Mend the row.")),
    Fault("D03", "in a row that is scored after shots", scored("--set", "shots=1"), 3,
          ('scored.jsonl:2 field "label": 7 is not a class', "Mend the row.")),
    Fault("D04", "no byte", rows("rows.jsonl", b""), 3, ("rows.jsonl:1: the file is empty", "Give a file with rows.")),
    Fault("D04", "a header alone", rows("rows.csv", b"sentence,label\n"), 3,
          ("rows.csv:1: there is no row under the header", "Give a file with rows.")),
    Fault("D04", "none kept", edited("source:", "keep: {train: {label: [0]}}\nsource:"), 3,
          ("mine/mood: none of the 2 rows of train is taken", "See keep and expand in its task file.")),
    Fault("D05", "renamed", line(b'{"sentense": "a", "label": 1}\n'), 3,
          ('rows.jsonl:2 field "sentence": is missing', 'Did you mean "sentense"?', "Rename the column")),
    Fault("D05", "another type", line(b'{"sentence": 5, "label": 1}\n'), 3,
          ('rows.jsonl:2 field "sentence": got 5, expected text', "Mend the row")),
    Fault("D06", "no byte", parquet(lambda data: b""), 3, ("rows.parquet: is not a readable parquet", "get it again")),
    Fault("D06", "cut", parquet(lambda data: data[:-20]), 3,
          ("rows.parquet: is not a readable parquet", "get it again")),
    Fault("D06", "one bit", fetched, 3, ("train.parquet: ", "get it again")),
    Fault("D08", "open quote", rows("rows.csv", b'sentence,label\na,1\n"b,1\nc,0\n'), 3,
          ("rows.csv:3: a quote opened in this line is never closed", "Close it")),
    Fault("D08", "ragged", rows("rows.csv", b"sentence,label\na,1\nb\n"), 3,
          ("rows.csv:3: has 1 fields, the header has 2", "Quote a field")),
    Fault("D08", "NUL", rows("rows.csv", b"sentence,label\na,1\nb\x00,1\n"), 3,
          ("rows.csv:3: holds a NUL character", "Save the file as UTF-8 text.")),
    Fault("D13", "", rows("rows.jsonl", [COPY, LONG], "toy/copy"), 3,
          ("rows.jsonl:2: the target has 42 tokens, the limit is 24", "Raise --max-target")),
    Fault("D14", "", rows("scored.jsonl", [COPY, COPY, LONG, COPY], "toy/copy", [COPY]), 2,
          ("toy/copy: answers may have 24 tokens, the longest reference has 42: 25.0 % cannot be answered right",
           "Give --max-target 42.")),
    Fault("D15", "half a character", line(b'{"sentence": "a\\ud83d", "label": 1}\n'), 3,
          ("rows.jsonl:2: holds half of a surrogate pair", "Mend the line.")),
    Fault("D15", "NaN", line(b'{"sentence": "a", "label": NaN}\n'), 3,
          ("rows.jsonl:2: NaN is not a JSON number", "Mend the line.")),
    Fault("D15", "a key twice", line(b'{"sentence": "a", "label": 1, "label": 0}\n'), 3,
          ('rows.jsonl:2: the key "label" comes twice', "Mend the line.")),
    Fault("D16", "", parquet(lambda data: data, info={"features": {"label": {"_type": "ClassLabel",
                                                                            "names": ["positive", "negative"]}}}), 3,
          ('rows.parquet field "label": the classes of the data are positive, negative, the task\'s negative, positive',
           "Put them in the data's order.")),
    Fault("D17", "", rows("rows.jsonl", [GOOD, {**GOOD, "sentence": "x " * (MOST_CHARACTERS // 2)}]), 3,
          ("rows.jsonl:2: the example has 4,194,327 characters, the limit is 4,194,304", "Split or drop the row.")),
    Fault("P01", "", edited("{text}", "{txt}"), 2,
          ('mood.yaml:8: the template names "txt", which is no column', 'Did you mean "text"?')),
    Fault("P02", "input", edited("mood: {text}", "{text}", " "), 3,
          ("rows.jsonl:2: the input is empty", "Mend or drop the row.")),
    Fault("P02", "target", rows("rows.jsonl", [COPY, {"text": "a", "out": " "}], "toy/copy"), 3,
          ('rows.jsonl:2 field "out": the target is empty', "Mend or drop the row.")),
    Fault("P03", "", edited("sad, glad", "glad, glad"), 2,
          ("mood.yaml:10: two choices are the same text", "Give each a text of its own.")),
    Fault("P04", "", unsaid, 2, ('mine/mood prompt plain: the vocabulary turns the choice "glad" into "<unk>"',
                                 "Use another choice or another model.")),
    Fault("P06", "", edited("{text}", "{% for i in range(10 ** 12) %}{text}{% endfor %}"), 2,
          ("mood.yaml:8: ", "is not a field", "A field is {column} or {column|filter}."), "P01"),
    Fault("P07", "dunder", edited("{text}", "{text.__class__}"), 2,
          ('mood.yaml:8: "{text.__class__}" is not a field', "A field is {column}"), "P01"),
    Fault("P07", "attr", edited("{text}", "{text|attr('__class__')}"), 2,
          ('mood.yaml:8: there is no filter "attr"', "Filters: "), "P01"),
    Fault("P07", "format", edited("{text}", "{text|format(label)}"), 2,
          ('mood.yaml:8: there is no filter "format"', "Filters: "), "P01"),
    Fault("M01", "cut", spoilt(shorten_weights), 4, ("spoilt: cannot be loaded", "Get its files again.")),
    Fault("M01", "no JSON", spoilt(lambda folder: (folder / "config.json").write_text("{")), 4,
          ("spoilt/config.json: not readable as JSON", "Get it again.")),
    Fault("M02", "missing", spoilt(drop_tensor), 4,
          ("spoilt: 1 missing keys: encoder.block.0.layer.0.SelfAttention.q.weight", "do not belong to this config")),
    Fault("M02", "unexpected", spoilt(add_tensor), 4,
          ("spoilt: 1 unexpected keys: encoder.block.9.odd", "do not belong to this config")),
    Fault("M03", "", spoilt(only_pickles), 4,
          ("spoilt: only weights of a kind that is never read, such as pickles (pytorch_model.bin)",
           "Convert them to safetensors")),
    Fault("M04", "auto_map", spoilt(lambda folder: edit(folder / "config.json", lambda c: c.update(CODE))), 4,
          ("spoilt: it brings code (auto_map), which is never run", "Use a model of an architecture that")),
    Fault("M04", "a file", spoilt(lambda folder: (folder / "modeling.py").write_text("raise SystemExit(99)")), 4,
          ("spoilt: it brings code (modeling.py), which is never run", "Use a model of an architecture that")),
    Fault("M05", "too many tokens", spoilt(small_embedding), 4,
          ("spoilt: the tokenizer has 8100 ids, the embedding 8000 rows", "that belong together")),
    Fault("M05", "no end", spoilt(no_end), 4,
          ("spoilt: the tokenizer has no padding or no end-of-sequence token", "Name them in tokenizer_config.json.")),
    Fault("M06", "", typed("--precision", "fp16"), 2, ("precision: expected ", 'got "fp16"', "Use bf16 or fp32.")),
    Fault("C01", "unknown", typed("--set", "batch_token=1"), 2,
          ('unknown setting "batch_token"', 'Did you mean "batch_tokens"?')),
    Fault("C01", "unknown in a file", settings("seed: 1\nlog_evry: 1\n"), 2,
          ('settings.yaml:2: unknown setting "log_evry"', 'Did you mean "log_every"?')),
    Fault("C01", "another type", settings("seed: 1\nkeep: many\n"), 2,
          ("settings.yaml:2: keep: expected int, got 'many'",)),
    Fault("C01", "out of range", settings("keep: 0\n"), 2, ("settings.yaml:1: keep: expected at least 1, got 0",)),
    Fault("C02", "tag", settings("seed: 1\nkeep: !!python/object/apply:os.system [exit]\n"), 2,
          ("settings.yaml:2: the tag ", "is refused", "Plain YAML only.")),
    Fault("C02", "anchors", settings("a: &a [x, x]\nb: [*a, *a]\n"), 2,
          ("settings.yaml:1: anchors and aliases are not used here", "Write it out.")),
    Fault("C02", "a key twice", settings("seed: 1\nseed: 2\n"), 2,
          ('settings.yaml:2: the key "seed" stands twice', "It is first at line 1.")),
    Fault("C03", "up", named("../mood"), 2,
          ('mood.yaml:1: ".." is not a valid name', "starting with a letter or digit.")),
    Fault("C03", "NUL", named("mine/mo\0od"), 2,
          ('mood.yaml:1: "mo\\x00od" is not a valid name', "starting with a letter or digit.")),
    Fault("C03", "device", named("CON/mood"), 2, ('mood.yaml:1: "CON" is not a valid name', "Use ")),
]  # fmt: skip


def said_by(done: Any) -> str:
    """Return the one line in which a command said what is wrong."""
    (said,) = (line for line in done.err.splitlines() if line.startswith("t2t: error"))
    assert "Traceback" not in done.err
    return str(said)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.id} {fault.what}".strip())
def test_a_fault_is_said_in_one_line_before_the_first_step(fault: Fault, t2t: Run, toys: Path, tiny: Path) -> None:
    words = fault.make(tiny)
    model = () if "--model" in words else ("--model", str(tiny))
    how = TINY[:-2] if "--precision" in words else TINY
    done = t2t(*words, *how, *model, "--steps", "1", "--out", "run")
    said = said_by(done)
    assert done.code == fault.exit and said.startswith(f"t2t: error T2T-{fault.code or fault.id}: "), said
    for part in fault.said:
        assert part in said
    assert not Path("run").exists()


def test_d07_words_that_look_like_nothing_are_texts_and_empty_ones_are_counted(t2t: Run) -> None:
    Path("rows.csv").write_text("sentence,label\nNA,1\nnull,0\nNone,1\n,0\n")
    egs = examples(task("glue/sst2"), "train", "train=rows.csv")
    assert [eg.input.partition(": ")[2] for eg in egs] == ["NA", "null", "None", ""]
    (found, *_) = json.loads(t2t("check", "glue/sst2", "--source", "train=rows.csv", "--json").out)
    assert "glue/sst2: empty column texts (1)" in found["warnings"]


def test_d09_rows_are_known_by_their_place_whatever_ids_they_bear(t2t: Run) -> None:
    """No id of the data is read, so none can come twice."""
    write_rows(Path("rows.jsonl"), [{**GOOD, "idx": 7}] * 3)
    egs = examples(task("glue/sst2"), "train", "train=rows.jsonl")
    assert [eg.uid for eg in egs] == [f"glue/sst2:train:{i}" for i in range(3)]


def test_d18_a_model_that_learns_at_once_is_not_resumed_on_other_rows(t2t: Run) -> None:
    words = rows("rows.jsonl", [GOOD, {**GOOD, "label": 0}] * 4)(Path())
    done = t2t(*words, "--model", "baseline:majority", "--steps", "1", "--out", "run")
    assert done.code == 0, done.err
    write_rows(Path("rows.jsonl"), [GOOD] * 8)
    done = t2t("resume", "run")
    assert done.code == 5 and said_by(done).startswith("t2t: error T2T-D18: run: the training data are not what they")
    assert "Give the same --source" in said_by(done)


@pytest.fixture
def trained(t2t: Run, toys: Path, tiny: Path) -> Path:
    """A finished run of one step."""
    done = t2t("train", "--task", "toy/vowel", "--model", str(tiny), "--steps", "1", "--out", "run", *TINY)
    assert done.code == 0, done.err
    return Path("run")


def test_m01_a_bit_that_has_changed_in_a_model_is_seen(t2t: Run, trained: Path) -> None:
    assert t2t("eval", "run", "--limit", "1", "--out", "eval").code == 0
    flip(trained / "model" / "model.safetensors")
    done = t2t("eval", "run", "--limit", "1", "--out", "again")
    assert done.code == 4 and said_by(done).startswith("t2t: error T2T-M01: run/model/model.safetensors: sha256 is ")
    assert "t2t_sha256.json says" in said_by(done) and "Get it again" in said_by(done)


def test_m07_a_checkpoint_of_another_version_is_not_written_over(t2t: Run, trained: Path) -> None:
    """Exit code 5, that of checkpoints."""
    path = trained / "checkpoints" / "step-000001" / "manifest.json"
    edit(path, lambda manifest: manifest.update(format=99))
    done = t2t("resume", "run")
    assert done.code == 5 and said_by(done).startswith(
        "t2t: error T2T-M07: run/checkpoints/step-000001/manifest.json: "
    )
    assert "format 99, this version reads 1" in said_by(done) and "the version that wrote it" in said_by(done)
    assert json.loads(path.read_text())["format"] == 99


def test_c04_what_decides_what_is_learned_cannot_change(t2t: Run, trained: Path) -> None:
    for changed in ("learning_rate=1", "batch_tokens=9", "mix=glue", "seed=9"):
        done = t2t("resume", "run", "--set", changed)
        name = changed.partition("=")[0]
        assert done.code == 2 and said_by(done).startswith(f"t2t: error T2T-C04: run: {name} cannot change")
        assert "These can: steps" in said_by(done)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ("{toy/vowel: 1, toy/copy: -1}", "mixes.yaml:1: -1 is not a rate. A number of at least 0."),
        ("{toy/vowel: 1, toy/copy: .nan}", "mixes.yaml:1: nan is not a rate. A number of at least 0."),
        ("{toy/vowel: 0, toy/copy: 0}", "no task of the mix odd has a rate above 0. Give one a rate."),
    ],
)
def test_c05_rates_that_cannot_be(rates: str, said: str, t2t: Run, tiny: Path, tmp_path: Path) -> None:
    """Rate 0 is a task that is scored and not trained on; one without rows is D04."""
    folder = write_tasks(tmp_path / "tasks")
    (folder / "mixes.yaml").write_text(f"odd: {{tasks: {rates}}}\n")
    with known(folder):
        done = t2t("train", "--mix", "odd", "--model", str(tiny), "--steps", "1", "--out", "run", *TINY)
    assert done.code == 2 and said_by(done).startswith("t2t: error T2T-C05: ") and said in said_by(done)
    assert not Path("run").exists()


def test_r02_no_text_is_written_as_csv() -> None:
    """Nothing to be neutralised: predictions are JSON lines, and the answers of GLUE's zip are labels and numbers."""
    written = [
        path.name
        for path in (ROOT / "t2t").rglob("*.py")
        if re.search(r"csv\.(Dict)?[Ww]riter|to_csv", path.read_text())
    ]
    assert written == []


def here() -> dict[str, list[str]]:
    """Return what is tested here, by id."""
    found = {fault.id: ["FAULTS"] for fault in FAULTS}
    for name in globals():
        if match := re.match(r"test_([dpmcr]\d\d)_", name):
            found.setdefault(match.group(1).upper(), []).append(name)
    return found


def test_what_is_tested_elsewhere_is_there() -> None:
    for test in (test for tests in ELSEWHERE.values() for test in tests):
        file, _, name = test.partition("::")
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), test


def test_every_id_is_tested_and_stands_on_the_page() -> None:
    counts = {"D": 19, "P": 9, "M": 7, "C": 5, "R": 5}
    every = {f"{group}{number:02}" for group, count in counts.items() for number in range(1, count + 1)}
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert here().keys() | ELSEWHERE.keys() == every
    assert re.findall(r"^\| ([A-Z]\d\d) \|", page, re.M) == sorted(every, key=lambda id: ("DPMCR".index(id[0]), id))

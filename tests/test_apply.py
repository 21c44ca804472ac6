"""Settings of runs and models, and answering rows that come from anywhere."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from t2t import runs
from t2t.apply import evaluate_model, predict_rows, settings_of
from t2t.config import Config
from t2t.errors import CheckpointError, DataError, ModelError, UsageError
from t2t.report import render
from t2t.tasks import task
from t2t.train import Watch, resume, train
from tests.test_encoder import write_model as write_bert
from tests.toy import config as toy_config


def test_a_run_brings_its_settings_and_new_ones_win(tmp_path: Path) -> None:
    runs.write_config(tmp_path, Config(mix="glue", steps=3, max_input=77, dropout=0.5, fresh=True))
    config = settings_of(str(tmp_path), {"task": "glue/rte", "by": "rank"})
    assert (config.mix, config.task, config.max_input, config.by) == (None, ("glue/rte",), 77, "rank")
    assert (config.model, config.dropout, config.fresh) == (
        str(tmp_path),
        None,
        False,
    )  # what it learned is not left out


def test_rows_need_no_label(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("sentence1,sentence2\nIt rained.,It was wet.\n")
    (pred,) = predict_rows(str(tiny), "glue/rte", str(tmp_path / "rows.csv"), by="rank", watch=Watch())
    assert pred["text"] in ("entailment", "not_entailment") and pred["gold"] is None


def test_lines_from_stdin_are_answered_as_they_are(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = type("Stdin", (), {"buffer": io.BytesIO(b"one line\nand </s> another\n")})
    monkeypatch.setattr("sys.stdin", stdin)
    preds = list(predict_rows(str(tiny), None, "-", watch=Watch()))
    assert [pred["input"] for pred in preds] == ["one line", "and </s> another"]


def test_a_line_ends_at_a_newline_alone(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("\ufeffone\u2028two\x0c\r\n\nthree", encoding="utf-8", newline="")
    preds = list(predict_rows(str(tiny), None, str(tmp_path / "x.txt"), watch=Watch()))
    assert [pred["input"] for pred in preds] == ["one\u2028two\x0c", "", "three"], "one answer a line, in its place"


def test_lines_are_for_models_that_write(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a line\n")
    with pytest.raises(UsageError, match="encoder answers the rows of a task.*--task"):
        predict_rows(str(write_bert(tmp_path / "bert")), None, str(tmp_path / "x.txt"), watch=Watch())


@pytest.mark.parametrize(("data", "said"), [(b"", "no lines"), (b"good\n\xff\n", "x.txt:2: not UTF-8")])
def test_lines_that_cannot_be_read(tiny: Path, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    with pytest.raises(DataError, match=said):
        predict_rows(str(tiny), None, str(tmp_path / "x.txt"), watch=Watch())


class Pipe(io.RawIOBase):
    """A stdin that counts the lines that were read of it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines, self.read_ = lines, 0

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        for line in self.lines:
            self.read_ += 1
            yield line.encode()


@pytest.mark.parametrize("name", ["glue/rte", None])
def test_stdin_is_answered_before_it_has_ended(
    name: str | None, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2t.apply.WINDOW", 3)
    row = '{{"sentence1": "It rained.", "sentence2": "It was wet {}."}}\n' if name else "line {}\n"
    lines = [row.format(i) for i in range(10)]
    pipe = Pipe([*lines[:7], "\n" if name else lines[7], *lines[8:], *(["{no row"] if name else [])])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=pipe))
    given = predict_rows(str(tiny), name, "-", watch=Watch())
    preds = [next(given)]
    assert pipe.read_ == 3
    preds += [next(given) for _ in range(3)]
    assert 6 <= pipe.read_ <= 7
    if name:  # what comes before a fault was answered, as far as whole windows go
        with pytest.raises(DataError, match=r"stdin\.jsonl:11"):
            preds += given
        assert [pred["uid"] for pred in preds] == [f"glue/rte:input:{i}" for i in range(9)]
        (tmp_path / "rows.jsonl").write_text("".join([*lines[:7], "\n", *lines[8:]]))
        assert preds == list(predict_rows(str(tiny), name, str(tmp_path / "rows.jsonl"), watch=Watch()))
    else:
        assert [pred["uid"] for pred in [*preds, *given]] == [f"text:input:{i}" for i in range(10)]


def test_a_file_of_rows_or_lines_is_checked_before_it_is_answered(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2t.apply.WINDOW", 1)
    (tmp_path / "x.jsonl").write_text('{"sentence1": "It rained.", "sentence2": "It was wet."}\n{}\n')
    with pytest.raises(DataError, match=r"x\.jsonl:2"):
        predict_rows(str(tiny), "glue/rte", str(tmp_path / "x.jsonl"), watch=Watch())
    with pytest.raises(DataError, match=r"nowhere: cannot be read"):
        predict_rows(str(tiny), None, str(tmp_path / "nowhere"), watch=Watch())


def test_a_pipe_with_a_name_is_read_once(tiny: Path, tmp_path: Path) -> None:
    for name, suffix, text in ((None, "txt", "a line\n"), ("glue/rte", "csv", "sentence1,sentence2\na,b\n")):
        path = tmp_path / f"pipe.{suffix}"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_text, args=(text,))
        writer.start()
        assert len(list(predict_rows(str(tiny), name, str(path), watch=Watch()))) == 1
        writer.join()


def test_a_report_of_a_model_has_baselines_and_counts(tiny: Path, toys: Path, tmp_path: Path) -> None:
    settings = {"task": "toy/vowel,toy/count", "out": str(tmp_path / "here"), "max_input": 48, "max_target": 24}
    folder = evaluate_model(str(tiny), settings, watch=Watch())
    report = json.loads((folder / "report.json").read_text())
    assert {b["task"] for b in report["baselines"]} == {"toy/vowel", "toy/count"}
    assert report["texts"]["toy/vowel"]["examples"] == 11
    assert "folder" not in report and report["cost"]["parameters"] > 0


class Ear(Watch):
    """A watch that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def notice(self, text: str) -> None:
        self.heard.append(text)


def test_settings_that_change_nothing_are_said(tiny: Path, toys: Path, tmp_path: Path) -> None:
    settings = {
        "task": "glue/rte",
        "source": "sample",
        "eval_limit": 4,
        "by": "rank",
        "rank_by": "pmi",
        "freeze": "body",
    }
    folder = evaluate_model(str(tiny), {**settings, "out": str(tmp_path / "out")}, watch=Watch())
    said = [note for note in runs.read_json(folder / "report.json")["notes"] if "change nothing" in note]
    assert said == ["settings that change nothing in a model of the family seq2seq: freeze"]
    report = train(toy_config(tmp_path / "run", model=str(tiny), steps=1, head="crf"), watch=Watch())
    assert [note for note in report.notes if "change nothing" in note and note.endswith(": head")]


def trained_on(model: Path, folder: Path, prompts: dict[str, dict[str, str]]) -> str:
    """A copy of a model that says what it was trained on."""
    shutil.copytree(model, folder)
    runs.write_prompts(folder, prompts)
    return str(folder)


def test_another_prompt_than_the_model_was_trained_on_is_said(tiny: Path, tmp_path: Path) -> None:
    rte = task("glue/rte")
    known = trained_on(tiny, tmp_path / "known", {"glue/rte": {"t5": rte.prompts["t5"].hash}})
    (tmp_path / "rows.csv").write_text("sentence1,sentence2\nIt rained.,It was wet.\n")
    for prompt, said in (("t5", 0), ("plain", 1)):
        ear = Ear()
        list(predict_rows(known, "glue/rte", str(tmp_path / "rows.csv"), prompt=prompt, by="rank", watch=ear))
        assert sum("not one that the model was trained on" in line for line in ear.heard) == said
    ear = Ear()
    settings = {"task": "glue/rte,glue/cola", "prompt": "plain", "source": "sample", "eval_limit": 2, "by": "rank"}
    folder = evaluate_model(known, {**settings, "out": str(tmp_path / "out")}, watch=ear)
    (said_of,) = [line for line in ear.heard if "not one that" in line]
    assert said_of.startswith("glue/rte: the prompt plain@") and rte.prompts["t5"].hash in said_of
    assert said_of in json.loads((folder / "report.json").read_text())["notes"]


def test_what_a_model_was_trained_on_must_be_readable(tiny: Path, tmp_path: Path) -> None:
    known = trained_on(tiny, tmp_path / "known", {})
    (tmp_path / "known" / "t2t.json").write_text('{"prompts": [1]}')
    with pytest.raises(ModelError, match=r"t2t\.json: is not what t2t wrote"):
        evaluate_model(known, {"task": "glue/rte", "source": "sample", "eval_limit": 2}, watch=Watch())


def test_each_prompt_has_its_score_and_their_spread_is_reported(tiny: Path, tmp_path: Path) -> None:
    settings = {"task": "glue/rte", "prompt": "t5,plain,flan", "source": "sample", "eval_limit": 6, "by": "rank"}
    folder = evaluate_model(str(tiny), {**settings, "out": str(tmp_path / "out")}, watch=Watch())
    report = json.loads((folder / "report.json").read_text())
    assert [row["prompt"] for row in report["rows"]] == ["t5", "plain", "flan"]
    values = [row["value"] for row in report["rows"]]
    (spread,) = report["spread"]
    assert (spread["prompts"], spread["low"], spread["high"]) == (3, min(values), max(values))
    assert spread["mean"] == pytest.approx(sum(values) / 3) and len(report["baselines"]) == 1
    assert {path.name for path in (folder / "eval" / "validation").iterdir()} == {
        f"glue-rte@{name}.rank.predictions.jsonl" for name in ("t5", "plain", "flan")
    }
    render(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Spread over prompts" in page and "Spread over prompts" in (folder / "report.md").read_text(encoding="utf-8")


def test_repairs_are_counted_by_kind_in_the_report(tiny: Path, tmp_path: Path) -> None:
    settings = {"task": "tagging/conll2000", "prompt": "tags", "source": "sample", "eval_limit": 4}
    limits = {"max_input": 60, "max_target": 200}
    folder = evaluate_model(str(tiny), {**settings, **limits, "out": str(tmp_path / "out")}, watch=Watch())
    report = json.loads((folder / "report.json").read_text())
    assert {row["metric"] for row in report["rows"]} == {"span_f1", "span_f1_strict"}
    unread = report["rows"][0]["unparsed"] == 100  # of random weights nothing else can be expected
    assert unread or sum(report["repairs"]["tagging/conll2000"].values()) > 0
    render(folder)
    assert unread or "Repaired answers" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_run_that_learns_at_once_is_not_resumed_on_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "sentence,label\n" + "".join(f"a {word} film,{i % 2}\n" for i, word in enumerate(("bad", "good") * 4))
    (tmp_path / "rows.csv").write_text(rows)
    source, out = f"train={tmp_path / 'rows.csv'},validation={tmp_path / 'rows.csv'}", tmp_path / "run"
    config = Config(task=("glue/sst2",), model="baseline:majority", source=source, epochs=1.0, out=str(out))
    assert train(config).rows[0].by == "rank"
    assert resume(out).rows[0].n == 8
    (tmp_path / "rows.csv").write_text(rows + "a new film,1\n")
    with pytest.raises(CheckpointError, match="not what they were"):
        resume(out)


def test_a_task_named_by_its_file_is_trained_scored_and_answered(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f"film {i},{i % 2}\n" for i in range(8)))
    (tmp_path / "films.yaml").write_text(
        "task: mine/films\ntitle: Films\nanswer: choice\ncolumns: {text: text, label: class}\n"
        "source: {files: {train: rows.csv, validation: rows.csv}}\nmetrics: [accuracy]\n"
        'prompts: {plain: {input: "{text}", target: "{label|choice}", choices: ["bad", "good"]}}\n'
    )
    name, out = str(tmp_path / "films.yaml"), tmp_path / "run"
    report = train(Config(task=(name,), model=str(tiny), steps=1, max_input=32, out=str(out)))
    assert [(row.task, row.n, row.by) for row in report.rows] == [("mine/films", 8, "write")]
    assert len(list(predict_rows(str(out), name, str(tmp_path / "rows.csv"), watch=Watch()))) == 8


# -- tasks of a mix that cannot be answered ----------------------------------------------------------------------------

LEFT = "toy/{} is left out: {}"


@pytest.mark.parametrize("model", ["bert", "baseline:tfidf"])
def test_of_a_mix_what_cannot_be_answered_is_left_out_and_said(model: str, toys: Path, tmp_path: Path) -> None:
    why = "an encoder cannot write text" if model == "bert" else "baseline:tfidf cannot answer a text task"
    named = str(write_bert(tmp_path / "bert")) if model == "bert" else model
    report = train(toy_config(tmp_path / "run", model=named))
    saved = json.loads((tmp_path / "run" / "report.json").read_text())
    assert {note for note in report.notes if "left out" in note} == {LEFT.format(t, why) for t in ("copy", "reverse")}
    assert {row.task for row in report.rows} == {"toy/vowel"}
    assert saved["mixture"]["toy/vowel"]["share_percent"] == 100 and set(saved["mixture"]) == {"toy/vowel"}
    again = json.loads((evaluate_model(str(tmp_path / "run"), {}, watch=Watch()) / "report.json").read_text())
    assert [row["value"] for row in again["rows"]] == [row.value for row in report.rows]
    assert LEFT.format("copy", why) in again["notes"]


@pytest.mark.parametrize("model", ["bert", "baseline:tfidf"])
def test_what_was_asked_for_by_name_is_refused(model: str, toys: Path, tmp_path: Path) -> None:
    named = str(write_bert(tmp_path / "bert")) if model == "bert" else model
    with pytest.raises(UsageError, match=r"toy/copy: .*cannot"):
        train(toy_config(tmp_path / "run", model=named, task=("toy/copy", "toy/vowel")))
    with pytest.raises(UsageError, match=r"toy/copy: .*cannot"):
        evaluate_model(named, {"task": "toy/copy", "out": str(tmp_path / "out")}, watch=Watch())


def test_a_mix_of_which_nothing_is_left_is_refused(toys: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot answer a"):
        train(toy_config(tmp_path / "run", model="baseline:lead", mix="vowels"))
    with pytest.raises(UsageError, match="cannot answer a"):
        evaluate_model("baseline:lead", {"mix": "vowels", "out": str(tmp_path / "out")}, watch=Watch())


def test_a_run_with_tasks_left_out_resumes_bitwise(toys: Path, tmp_path: Path) -> None:
    how = {"model": str(write_bert(tmp_path / "bert")), "steps": 4, "save_every": 2, "schedule": "constant"}
    train(toy_config(tmp_path / "whole", **how))
    train(toy_config(tmp_path / "cut", **{**how, "steps": 2}))
    resume(tmp_path / "cut", changes={"steps": 4})
    files = [tmp_path / name / "checkpoints" / "step-000004" / "weights.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()

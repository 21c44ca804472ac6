"""The model card: metadata that huggingface_hub reads back, and nothing in it that is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from t2t import report, runs, sets
from t2t.config import Config
from t2t.predict import data
from tests.test_cli import run, t2t
from tests.test_report import write

FIXTURES = (run, t2t)
RTE = {"task": "glue/rte", "answer": "choice", "kind": "hub", "hub": "nyu-mll/glue", "config": "rte", "revision": "abc"}
DATA = [{**RTE, "use": "train", "split": "train"}, {**RTE, "use": "score", "split": "validation"}]


def card(folder: Path, config: Config | None = None, **changes: Any) -> ModelCard:
    """Write a run of which the report says ``changes``; return its card as huggingface_hub loads it."""
    write(folder, **changes)
    if config:
        runs.write_config(folder, config)
    report.render(folder)
    return ModelCard.load(folder / "README.md")


def test_a_score_names_its_data_set_and_carries_its_interval(tmp_path: Path) -> None:
    found = card(tmp_path / "r", Config(model="some/base"), source="hub", data=DATA, family="seq2seq").data
    assert found.datasets == ["nyu-mll/glue"] and found.base_model == ["some/base"] and found.model_name == "r"
    assert found.library_name == "transformers" and found.pipeline_tag == "text2text-generation"
    assert found.tags == ["t2t", "text-to-text"] and found.license is None and found.language is None
    (result,) = found.eval_results
    assert (result.task_type, result.dataset_type, result.dataset_config) == (
        "text-classification", "nyu-mll/glue", "rte",
    )  # fmt: skip
    assert (result.dataset_split, result.dataset_revision) == ("validation", "abc")
    assert (result.metric_type, result.metric_value) == ("accuracy", 61.25)
    for said in ("percent", "95 % interval 55.0 to 67.0", "n 277", "unparsed 1.5 %", "by write", "prompt t5"):
        assert said in result.metric_name


def test_scores_on_the_sample_name_no_data_set(tmp_path: Path) -> None:
    of = [{**one, "kind": "sample", "hub": None, "revision": None} for one in DATA]
    found = card(tmp_path / "r", Config(), source="sample", data=of)
    assert "**SAMPLE DATA**" in found.text and "sample-data" in found.data.tags and found.data.datasets is None
    (result,) = found.data.eval_results
    assert (result.dataset_type, result.dataset_name) == ("sample-data", "glue/rte (SAMPLE DATA)")
    assert result.dataset_config is None and result.dataset_revision is None


def test_of_a_mixed_run_only_the_sample_s_scores_say_so(tmp_path: Path) -> None:
    (result,) = card(tmp_path / "r", Config(), source="sample", data=DATA).data.eval_results
    assert (result.dataset_type, result.dataset_name) == ("nyu-mll/glue", "glue/rte")


def test_what_a_run_began_from_is_followed_to_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "README.md").write_text("---\nlicense: mit\nlanguage: de\n---\n")
    card(tmp_path / "first", Config(model="warm:some/encoder+some/decoder"))
    assert card(tmp_path / "second", Config(model="first")).data.base_model == ["some/encoder", "some/decoder"]
    of = card(tmp_path / "third", Config(model="base")).data
    assert (of.base_model, of.license, of.language) == (None, "mit", "de")
    assert card(tmp_path / "fourth", Config(model="third")).data.license == "mit"
    fresh = card(tmp_path / "fifth", Config(model="some/base", fresh=True)).data
    assert fresh.base_model is None and card(tmp_path / "sixth", Config()).data.language == "en"


def test_runs_that_each_began_from_the_other_end(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    runs.write_config(tmp_path / "b", Config(model=str(tmp_path / "a")))
    assert card(tmp_path / "a", Config(model=str(tmp_path / "b"))).data.base_model is None


def test_a_command_cannot_leave_its_fence(tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    made = {"t2t": "1", "command": ["t2t", "train", "--out", "```\n# x"], "packages": {"torch": "2", "peft": None}}
    (folder / "env.json").write_text(json.dumps({**made, "cpus": 2, "device": "cpu"}))
    report.render(folder)
    text = (folder / "README.md").read_text()
    assert "\n````console\n$ t2t train --out '```\n# x'\n````\n" in text and "t2t 1 (torch 2) on 2 CPUs" in text


def test_a_run_says_where_its_rows_came_from_and_how_to_make_it_again(run: Path) -> None:
    found = ModelCard.load(run / "README.md")
    assert "$ t2t train --mix toy --model " in found.text and found.data.pipeline_tag == "text2text-generation"
    assert {result.dataset_type for result in found.data.eval_results} == {"own-data"}
    rows = json.loads((run / "report.json").read_text())["rows"]
    assert len(found.data.eval_results) == len(rows)
    assert all(f"| \\[{row['low']:.1f}, {row['high']:.1f}\\] |" in found.text for row in rows)


def test_rows_of_the_sample_are_not_those_of_the_hub() -> None:
    trained, scored = data(sets.load(Config(task=("glue/mnli",), source="sample", steps=1)))
    assert (trained["use"], scored["use"], scored["split"]) == ("train", "score", "validation_matched")
    assert scored["kind"] == "sample" and scored["hub"] is None and scored["config"] == "mnli"

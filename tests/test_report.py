"""The pages: right numbers, inert text, nothing loaded from anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2t import report
from t2t.errors import DataError, DiskError, UsageError
from t2t.predict import read_predictions, write_predictions
from t2t.types import Prediction

EVIL = '<script>alert(1)</script>" onmouseover="x ]]> javascript:alert(2) \u202e\x1b[31m | `code` ![i](http://x/y.png)'


def write(folder: Path, **changes: Any) -> Path:
    row = {
        "task": "glue/rte", "metric": "accuracy", "value": 61.25, "unit": "percent", "low": 55.0, "high": 67.0,
        "n": 277, "unparsed": 1.5, "by": "write", "prompt": "t5", "prompt_hash": "abc", "signature": "task:glue/rte",
    }  # fmt: skip
    found = {
        "t2t": "0.1.0", "run": "r", "source": "sample", "split": "validation", "signature": "s", "rows": [row],
        "average": {"value": 61.25, "tasks": ["glue/rte"]}, "cost": {"parameters": 4907520}, "notes": [EVIL],
        "baselines": [{"task": "glue/rte", "metric": "accuracy", "baseline": "majority", "value": 52.7}], **changes,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(found))
    pred = Prediction("glue/rte:validation:0", EVIL, "entailment", EVIL, None, True, gold=0)
    write_predictions(folder / "eval" / "validation" / "glue-rte.predictions.jsonl", [pred])
    lines = [{"step": s, "seconds": s, "loss": 3.0 / s} for s in range(1, 900)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "model").mkdir(exist_ok=True)
    return folder


def test_markdown_is_inert_too(tmp_path: Path) -> None:
    report.render(write(tmp_path / "r"))
    text = (tmp_path / "r" / "report.md").read_text()
    assert "| glue/rte | accuracy | write | 61.25 |" in text
    assert "![i](" not in text and "<script" not in text and "\x1b" not in text


def test_markdown_says_faults_first_and_has_every_table(tmp_path: Path) -> None:
    mixture = {"examples": 1000, "drawn": 500, "share_percent": 100.0, "epochs": 0.5, "input_tokens": 12345,
               "target_tokens": 678}  # fmt: skip
    texts = {"examples": 1277, "targets_cut": 3, "longest_input": 90}
    old = {name: value for name, value in mixture.items() if "tokens" not in name}
    report.render(write(tmp_path / "r", mixture={"a/b": mixture, "a/old": old}, texts={"a/b": texts}))
    text = (tmp_path / "r" / "report.md").read_text()
    assert text.index("Training targets cut to the limit**: a/b: 3 of 1,277") < text.index("| task |")
    assert "| a/b | 1,000 | 500 | 100.0 % | 12,345 | 678 | 0.50 |" in text
    assert "| a/old | 1,000 | 500 | 100.0 % | – | – | 0.50 |" in text
    assert "| a/b | 1,277 | 90 | – | – | 3 |" in text


def test_the_card_has_the_hubs_metadata(tmp_path: Path) -> None:
    report.render(write(tmp_path / "r"))
    head = (tmp_path / "r" / "README.md").read_text().split("---")[1]
    data = yaml.safe_load(head)
    result = data["model-index"][0]["results"][0]
    assert result["metrics"][0]["value"] == 61.25 and result["dataset"]["type"] == "sample-data"
    assert data["tags"] == ["t2t", "text-to-text", "sample-data"]


def test_a_run_without_scores_or_curve(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", rows=[], average={}, baselines=[], source="dir")
    (folder / "metrics.jsonl").unlink()
    report.render(folder)
    assert "SAMPLE" not in (folder / "report.html").read_text()


def test_where_ways_of_answering_differ_is_a_table(tmp_path: Path) -> None:
    row = {"set": "a/b", "first": "write", "second": "rank", "n": 1200, "differ": 30}
    ways = [{**row, "first_only": 4, "second_only": 20, "p": 0.0001, "holm": 0.012}, row]
    report.render(write(tmp_path / "r", ways=ways))
    text = (tmp_path / "r" / "report.md").read_text()
    assert "## Where ways of answering differ" in text
    assert "| a/b | write, rank | 1,200 | 30 | 4 | 20 | &lt;.001 | 0.012 |" in text
    assert "| a/b | write, rank | 1,200 | 30 | – | – | – | – |" in text
    assert "Where ways of answering differ" in (tmp_path / "r" / "report.html").read_text()


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"rows": [')
    with pytest.raises(DiskError, match="report.json: not readable as JSON"):
        report.render(tmp_path)
    path = tmp_path / "a.predictions.jsonl"
    path.write_text('\n{"uid": "a/b:validation:0", "inp\n')
    with pytest.raises(DataError, match="predictions.jsonl:2: not a prediction"):
        list(read_predictions(path))


def test_no_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no report\.json"):
        report.render(tmp_path)


def test_losses_on_plain_text_stand_with_their_intervals_and_signatures(tmp_path: Path) -> None:
    figures = {"nats_per_token": 2.0, "nats_per_token_interval": [1.9, 2.1], "bits_per_byte": 1.0}
    more = {"perplexity": 7.389, "perplexity_interval": [6.686, 8.166], "stretches": 256, "tokens": 14848}
    texts = {"new": {**figures, **more, "signature": "task:new|seed:1"}, "old": {"nats_per_token": 3.0}}
    folder = write(tmp_path / "r", held_out=texts)
    new, old = report.held_out_table(report.read(folder))
    assert new == {"text": "new", "nats a token": "2.0000 [1.9000, 2.1000]", "bits a byte": "1.0000",
                   "perplexity": "7.39 [6.69, 8.17]", "stretches": "256", "tokens": "14,848"}  # fmt: skip
    assert old == {"text": "old", "nats a token": "3.0000", **dict.fromkeys([*new][2:], "–")}
    assert report.signatures(report.read(folder)) == ["task:glue/rte", "task:new|seed:1"]
    report.render(folder)
    for page in ("report.md", "report.html"):
        assert "task:new|seed:1" in (folder / page).read_text()

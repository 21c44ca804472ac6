"""Settings of runs and models, and answering rows that come from anywhere."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from t2t import runs
from t2t.apply import evaluate_model, predict_rows, settings_of
from t2t.config import Config
from t2t.errors import DataError
from t2t.train import Watch


def test_a_run_brings_its_settings_and_new_ones_win(tmp_path: Path) -> None:
    runs.write_config(tmp_path, Config(mix="glue", steps=3, max_input=77, dropout=0.5))
    config = settings_of(str(tmp_path), {"task": "glue/rte", "by": "rank"})
    assert (config.mix, config.task, config.max_input, config.by) == (None, ("glue/rte",), 77, "rank")
    assert (config.model, config.dropout) == (str(tmp_path), None)


def test_rows_need_no_label(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("sentence1,sentence2\nIt rained.,It was wet.\n")
    (pred,) = predict_rows(str(tiny), "glue/rte", str(tmp_path / "rows.csv"), by="rank", watch=Watch())
    assert pred["text"] in ("entailment", "not_entailment") and pred["gold"] is None


def test_lines_from_stdin_are_answered_as_they_are(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = type("Stdin", (), {"buffer": io.BytesIO(b"one line\nand </s> another\n")})
    monkeypatch.setattr("sys.stdin", stdin)
    preds = predict_rows(str(tiny), None, "-", watch=Watch())
    assert [pred["input"] for pred in preds] == ["one line", "and </s> another"]


@pytest.mark.parametrize(("data", "said"), [(b"", "no lines"), (b"good\n\xff\n", "x.txt:2: not UTF-8")])
def test_lines_that_cannot_be_read(tiny: Path, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    with pytest.raises(DataError, match=said):
        predict_rows(str(tiny), None, str(tmp_path / "x.txt"), watch=Watch())


def test_a_report_of_a_model_has_baselines_and_counts(tiny: Path, toys: Path, tmp_path: Path) -> None:
    settings = {"task": "toy/vowel,toy/count", "out": str(tmp_path / "here"), "max_input": 48, "max_target": 24}
    folder = evaluate_model(str(tiny), settings, watch=Watch())
    report = json.loads((folder / "report.json").read_text())
    assert {b["task"] for b in report["baselines"]} == {"toy/vowel", "toy/count"}
    assert report["texts"]["toy/vowel"]["examples"] == 11
    assert "folder" not in report and report["cost"]["parameters"] > 0

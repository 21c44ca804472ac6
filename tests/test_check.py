"""Looking at data before training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from t2t.check import check_data
from t2t.errors import DataError
from t2t.tasks import task
from t2t.train import Watch

HOW = {"source": "sample", "model": "t2t-mini", "max_input": 24, "max_target": 16, "watch": Watch()}


def test_every_split_is_read_and_what_is_cut_is_counted() -> None:
    lines = {line["split"]: line for line in check_data([task("glue/mrpc")], **HOW)}
    assert (lines["train"]["examples"], lines["validation"]["examples"]) == (480, 120)
    assert lines["train"]["inputs_cut"] > 0 and lines["train"]["longest_input"] == 24
    assert lines["train"]["said"].startswith("SAMPLE DATA")
    assert lines["test"]["examples"] == 0 and "no split" in lines["test"]["said"]


def test_hidden_labels_of_a_test_split_are_no_fault() -> None:
    (line,) = check_data([task("glue/ax")], **HOW)
    assert line["examples"] == 120


def test_a_label_that_is_none_is_named(tmp_path: Path) -> None:
    rows = [{"sentence": "A.", "label": 0}, {"sentence": "B.", "label": 2}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"rows\.jsonl:2 field"):
        check_data([task("glue/sst2")], **{**HOW, "source": f"train={tmp_path / 'rows.jsonl'}"})

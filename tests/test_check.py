"""Looking at data before training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from t2t.check import check_data
from t2t.errors import DataError
from t2t.tasks import task
from t2t.tokens import Encoded, Tokens
from t2t.train import Watch
from t2t.types import Example

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


def test_no_more_than_a_stretch_of_rows_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    class Counted(Tokens):
        def encode(self, egs: Sequence[Example], **how: Any) -> list[Encoded]:
            found = super().encode(egs, **how)
            kept.append(len(self._memo))
            return found

    monkeypatch.setattr("t2t.check.Tokens", Counted)
    monkeypatch.setattr("t2t.check.STRETCH", 100)
    (line, *_) = check_data([task("glue/mrpc")], **HOW)
    assert line["examples"] == 480 and max(kept) == 100

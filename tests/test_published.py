"""Published figures: each of a task and metric that is there, as its source has it, and never beside the sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from t2t import published
from t2t.errors import UsageError
from t2t.paths import bundled
from t2t.report import published_table
from t2t.tasks import task

FILE = bundled("task_prompts") / "published.yaml"
EVERY = published._read(FILE)


def test_every_figure_is_of_a_metric_that_its_task_has() -> None:
    assert len(EVERY) == 11 and all(one.source and one.split in ("validation", "test") for one in EVERY)
    for one in EVERY:
        for name, metric in one.scores:
            assert metric in task(name).metrics, (one.model, name, metric)
    keys = {key for one in EVERY for key in one.scores}
    assert len({(name.rpartition("/")[2], metric) for name, metric in keys}) == len(keys)  # as columns are called


def test_t5_s_averages_are_those_of_its_paper() -> None:
    """Raffel et al. 2020, table 1: 83.28 for the baseline and 66.22 without pretraining, over eight tasks."""
    for model, average in (("T5's baseline, 220 M", 83.28), ("T5's baseline without pretraining", 66.22)):
        (one,) = (one for one in EVERY if one.model == model)
        by_task: dict[str, list[float]] = {}
        for (name, _), value in one.scores.items():
            if name.startswith("glue/"):
                by_task.setdefault(name.replace("_mismatched", ""), []).append(value)
        assert len(by_task) == 8
        assert sum(sum(values) / len(values) for values in by_task.values()) / 8 == pytest.approx(average, abs=0.006)


def test_a_report_shows_its_scores_beside_those_published() -> None:
    rows = [
        {"task": "glue/rte", "metric": "accuracy", "value": 61.25},
        {"task": "toy/x", "metric": "f1", "value": 1.0},
        {"task": "superglue/rte", "metric": "accuracy", "value": 2.0},
    ]
    said = published_table({"rows": rows, "split": "validation", "source": "dir"})
    assert list(said[0].values()) == ["this run", "validation", "61.2", ""]  # not superglue's
    assert list(said[0])[2:3] == ["rte accuracy"]
    assert (said[1]["model"], said[1]["rte accuracy"]) == ("T5-Small, 60 M", "69.9")
    assert published_table({"rows": rows, "split": "validation", "source": "sample"}) == []
    assert published_table({"rows": rows[1:], "split": "validation", "source": "dir"}) == []


def test_a_figure_that_is_no_percentage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("figures:\n- {model: m, split: test, source: s, scores: {a/b: {f1: 1000}}}\n")
    with pytest.raises(UsageError, match="not percent"):
        published._read(tmp_path / "p.yaml")

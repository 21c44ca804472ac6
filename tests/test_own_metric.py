"""Metrics of evaluate from a file: the same figures as t2t's own, what they are given, and what is never run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t import own_metric
from t2t.errors import UsageError
from t2t.metrics import measure
from t2t.predict import write_predictions
from t2t.types import Prediction
from tests.test_cli import Run, t2t
from tests.test_compare import row, rte, write

FIXTURES = (t2t,)
METRIC = """
import datasets
import evaluate
{more}

class {name}(evaluate.Metric):
    def _info(self):
        kind = {kind}
        features = datasets.Features({{"predictions": kind, "references": {references}}})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references):
        return {body}
"""
SHARE = '{"share": sum(p == r for p, r in zip(predictions, references)) / len(references), "words": "none"}'


def metric(tmp_path: Path, name: str, kind: str, *, references: str = "kind", body: str = SHARE, more: str = "") -> str:
    """Write the file of a metric and return what names it."""
    path = tmp_path / f"{name}.py"
    path.write_text(METRIC.format(name=name.title(), kind=kind, references=references, body=body, more=more))
    return f"evaluate:{path}"


def texts(preds: list[Prediction], golds: list[list[str]]) -> list[Prediction]:
    """Turn answers into texts: every second one is the first reference, the others that in capitals."""
    return [replace(pred, uid=f"a/text:validation:{i}", text=gold[0].upper() if i % 2 else gold[0], gold=gold,
                    target=gold[0]) for i, (pred, gold) in enumerate(zip(preds, golds, strict=True))]  # fmt: skip


def run(tmp_path: Path) -> Path:
    """A run with 12 of 20 answers to RTE right, two unparsed."""
    golds = [0, 1] * 10
    said: list[int | None] = [*golds[:12], *(1 - gold for gold in golds[12:18]), None, None]
    return write(tmp_path / "run", rte(said, golds), rows=[row(60, 20) | {"signature": "s"}], run="run", t2t="0",
                 signature="s", notes=[])  # fmt: skip


def test_an_accuracy_of_numbers_is_the_built_in_one(t2t: Run, tmp_path: Path) -> None:
    folder, spec = run(tmp_path), metric(tmp_path, "share", 'datasets.Value("int32")')
    done = t2t("report", str(folder), "--metric", spec)
    assert done.code == 0, done.err
    (one,) = json.loads((folder / "report.json").read_text())["evaluate"]
    assert (one["task"], one["by"], one["n"], one["unparsed"]) == ("glue/rte", "write", 20, 10.0)
    golds = [0, 1] * 10
    own = measure("accuracy", golds, [*golds[:12], *(1 - gold for gold in golds[12:18]), None, None])
    assert 100 * one["value"] == pytest.approx(own.value) == 60
    assert (100 * one["low"], 100 * one["high"]) == pytest.approx((own.low, own.high), abs=10)
    assert f"share.py/share | write | 0.6 | \\[{one['low']:.4g}" in (folder / "report.md").read_text()
    assert "By metrics of evaluate" in (folder / "report.html").read_text()
    assert len(own_metric.add(folder, spec)) == 1
    assert len(json.loads((folder / "report.json").read_text())["evaluate"]) == 1  # in place of the earlier one


def test_rows_of_one_question_are_drawn_together(tmp_path: Path) -> None:
    golds = [0, 1] * 10
    preds = [replace(pred, group=f"q{i // 10}") for i, pred in enumerate(rte([*golds[:10], *[1] * 10], golds))]
    folder = write(tmp_path / "run", preds, rows=[row(75, 20)])
    (one,) = own_metric.add(folder, metric(tmp_path, "grouped", 'datasets.Value("int32")'))
    assert (one["low"], one["value"], one["high"]) == (0.5, 0.75, 1.0)  # of two questions


def test_texts_have_one_reference_or_several(tmp_path: Path) -> None:
    folder = run(tmp_path)
    one = texts(rte([0] * 6), [[f"a {i}"] for i in range(6)])
    path = folder / "eval" / "validation" / "a-text.predictions.jsonl"
    (folder / "eval" / "validation" / "glue-rte.predictions.jsonl").unlink()
    write_predictions(path, one)
    single = metric(tmp_path, "single", 'datasets.Value("string")')
    assert own_metric.add(folder, single)[0]["value"] == pytest.approx(0.5)
    write_predictions(path, texts(rte([0] * 6), [[f"a {i}", f"A {i}"] for i in range(6)]))
    with pytest.raises(UsageError, match="are none such"):
        own_metric.add(folder, single)
    body = '{"any": sum(p in r for p, r in zip(predictions, references)) / len(references)}'
    several = metric(tmp_path, "several", 'datasets.Value("string")', references="datasets.Sequence(kind)", body=body)
    assert own_metric.add(folder, several)[0]["value"] == 1.0


@pytest.mark.parametrize(
    ("spec", "said"),
    [("evaluate:accuracy", "is not evaluate:FILE.py"), ("accuracy", "t2t ls metrics"),
     ("evaluate:none.py", "is not evaluate")],
)  # fmt: skip
def test_nothing_is_looked_up_by_name(t2t: Run, tmp_path: Path, spec: str, said: str) -> None:
    Path("accuracy").mkdir()
    Path("accuracy/accuracy.py").write_text("open('ran', 'w')")  # evaluate.load("accuracy") would run it
    done = t2t("report", str(run(tmp_path)), "--metric", spec)
    assert done.code == 2 and said in done.err and not Path("ran").exists()


def test_a_metric_for_other_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes .*float"):
        own_metric.add(run(tmp_path), metric(tmp_path, "floats", 'datasets.Sequence(datasets.Value("float32"))'))


def test_a_metric_without_a_number_is_refused(tmp_path: Path) -> None:
    body: Any = '{"said": "much"}'
    with pytest.raises(UsageError, match="gives no finite number"):
        own_metric.add(run(tmp_path), metric(tmp_path, "mute", 'datasets.Value("int32")', body=body))


def test_what_a_metric_raises_is_said_as_its_own_fault(t2t: Run, tmp_path: Path) -> None:
    spec = metric(tmp_path, "raises", 'datasets.Value("int32")', body='{"share": 1 / 0}')
    done = t2t("report", str(run(tmp_path)), "--metric", spec)
    assert done.code == 2 and "the metric failed: ZeroDivisionError" in done.err and "internal" not in done.err
    with pytest.raises(UsageError, match="ImportError.*no_such_module"):
        own_metric.add(
            tmp_path / "run", metric(tmp_path, "lacks", 'datasets.Value("int32")', more="import no_such_module")
        )


def test_what_is_no_finite_number_is_no_figure(tmp_path: Path) -> None:
    body = '{"odd": float("nan"), "often": 1.0 if len(set(predictions)) < 2 else float("nan"), "share": 0.5}'
    folder = write(tmp_path / "run", rte([0] * 8 + [1], [0] * 9), rows=[row(75, 9)])
    (one,) = own_metric.add(folder, metric(tmp_path, "odd", 'datasets.Value("int32")', body=body))
    assert one["metric"].endswith("/share")
    rare = '{"share": float("nan") if len(set(predictions)) < 2 else 2.0}'  # not of every draw
    (one,) = own_metric.add(folder, metric(tmp_path, "rare", 'datasets.Value("int32")', body=rare))
    assert (one["low"], one["value"], one["high"]) == (2, 2, 2)

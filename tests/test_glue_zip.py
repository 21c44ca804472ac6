"""GLUE's submission: its files, words and numbers to the letter, and what is refused."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from t2t import glue_zip
from t2t.errors import DataError, UsageError
from t2t.glue_zip import FILES, export
from t2t.page import HIDDEN, RIGHT
from t2t.predict import file_name, read_predictions, write_predictions
from t2t.tasks import task
from t2t.types import Prediction
from tests.test_cli import Run, t2t

FIXTURES = (t2t,)


def answered(folder: Path, name: str, answers: list[object], *, kind: str = "") -> None:
    """Write test predictions of a file's task, last row first."""
    of = FILES[name].task
    preds = [Prediction(f"{of}:test:{i}", "x", "", "y", one, one is None) for i, one in enumerate(answers)]
    write_predictions(folder / "eval" / "test" / f"{file_name(of)}{kind}.predictions.jsonl", preds[::-1])


def small(monkeypatch: pytest.MonkeyPatch, rows: int = 3) -> None:
    """Make GLUE's test splits small."""
    monkeypatch.setattr(glue_zip, "FILES", {name: file._replace(rows=rows) for name, file in FILES.items()})


def read(path: Path) -> dict[str, list[str]]:
    with zipfile.ZipFile(path) as whole:
        return {name: whole.read(name).decode().splitlines() for name in whole.namelist()}


def test_eleven_files_in_the_words_of_glue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    for name, file in FILES.items():
        answered(tmp_path, name, [1, 0, len(file.names) - 1] if file.names else [5.3, 0.0, 2.6])
    done = export(tmp_path, tmp_path / "all.zip")
    found = read(tmp_path / "all.zip")
    assert list(found) == [
        "CoLA.tsv", "SST-2.tsv", "MRPC.tsv", "STS-B.tsv", "QQP.tsv", "MNLI-m.tsv", "MNLI-mm.tsv", "QNLI.tsv", "RTE.tsv",
        "WNLI.tsv", "AX.tsv",
    ]  # fmt: skip
    assert {lines[0] for lines in found.values()} == {"index\tprediction"}
    assert found["CoLA.tsv"][1:] == found["WNLI.tsv"][1:] == ["0\t1", "1\t0", "2\t1"]
    assert found["RTE.tsv"][1:] == found["QNLI.tsv"][1:] == ["0\tnot_entailment", "1\tentailment", "2\tnot_entailment"]
    assert found["AX.tsv"][1:] == found["MNLI-mm.tsv"][1:] == ["0\tneutral", "1\tentailment", "2\tcontradiction"]
    assert found["STS-B.tsv"][1:] == ["0\t5.000", "1\t0.000", "2\t2.600"]
    assert (done.missing, done.unparsed) == ((), {})


@pytest.mark.parametrize("name", [name for name, file in FILES.items() if len(file.names) > 1 and file.names[0] != "0"])
def test_the_words_stand_in_the_order_of_the_task_s_classes(name: str) -> None:
    assert task(FILES[name].task).prompt.choices == FILES[name].names


def test_unparsed_answers_are_refused_counted_and_stood_in_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 5)
    answered(tmp_path, "RTE", [1, None, 1, 0, None])
    answered(tmp_path, "STS-B", [1.0, 2.0, 4.0, None, None])
    with pytest.raises(UsageError, match=r"STS-B 2 of 5, RTE 2 of 5"):
        export(tmp_path, tmp_path / "no.zip")
    assert not (tmp_path / "no.zip").exists()
    done = export(tmp_path, tmp_path / "most.zip", unparsed="majority")
    assert done.unparsed == {"STS-B": 2, "RTE": 2} and set(done.missing) == set(FILES) - {"RTE", "STS-B"}
    found = read(tmp_path / "most.zip")
    assert found["RTE.tsv"][2] == "1\tnot_entailment" and found["STS-B.tsv"][4] == "3\t2.000"
    export(tmp_path, tmp_path / "first.zip", unparsed="first")
    found = read(tmp_path / "first.zip")
    assert found["RTE.tsv"][2] == "1\tentailment" and found["STS-B.tsv"][4] == "3\t0.000"
    with pytest.raises(UsageError, match="majority"):
        export(tmp_path, tmp_path / "no.zip", unparsed="guess")


def test_rows_that_are_not_glue_s_are_refused(tmp_path: Path) -> None:
    answered(tmp_path, "WNLI", [0] * 145)
    with pytest.raises(DataError, match="145 rows.* has 146"):
        export(tmp_path, tmp_path / "no.zip")
    answered(tmp_path, "WNLI", [0] * 146)
    assert export(tmp_path, tmp_path / "yes.zip").files == ("WNLI",)


def test_hidden_labels_are_answered_not_scored_and_exported(t2t: Run, tiny: Path) -> None:
    rows = [{"sentence1": f"It rained {i}.", "sentence2": "It was wet.", "label": -1} for i in range(146)]
    Path("test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    how = ("--task", "glue/wnli", "--source", "test=test.jsonl", "--split", "test", "--out", "answers")
    done = t2t("eval", str(tiny), *how, "--by", "both", "--set", "max_target=8")
    assert done.code == 0 and "answered and not scored" in done.err, done.err
    report = json.loads(Path("answers/report.json").read_text())
    assert (report["rows"], report["average"], report["baselines"]) == ([], {}, [])
    page = Path("answers/report.html").read_text()
    assert "confusion" not in page.partition("<h2")[2] and "It rained 145" in page
    rows = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])["rows"]
    assert all(row[5] & HIDDEN and not row[5] & RIGHT for row in rows) and len(rows) == 146
    preds = list(read_predictions(Path("answers/eval/test/glue-wnli.rank.predictions.jsonl")))
    assert len(preds) == 146 and all(pred.gold is None and pred.answer in (0, 1) for pred in preds)
    done = t2t("export", "answers", "--glue-zip", "glue.zip")
    assert (done.code, Path("glue.zip").exists()) == (2, False) and "WNLI 146 of 146" in done.err
    done = t2t("export", "answers", "--glue-zip", "glue.zip", "--by", "rank")
    assert done.code == 0 and "missing: CoLA, SST-2" in done.out, done.err
    assert read(Path("glue.zip"))["WNLI.tsv"][1:] == [f"{i}\t{pred.answer}" for i, pred in enumerate(preds)]
    assert t2t("export", "nowhere", "--glue-zip", "glue.zip").code == 2
    done = t2t("compare", "answers", "answers", "--split", "test")
    assert done.code == 2 and "Traceback" not in done.err, done.out + done.err


def test_some_hidden_labels_among_others_are_a_fault(t2t: Run, tiny: Path) -> None:
    rows = [{"sentence1": "It rained.", "sentence2": "It was wet.", "label": label} for label in (0, -1)]
    Path("test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = t2t("eval", str(tiny), "--task", "glue/wnli", "--source", "test=test.jsonl", "--split", "test")
    assert done.code == 3 and "hidden test label" in done.err, done.err

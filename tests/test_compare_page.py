"""The page of a comparison: its plots by hand, its rows, hostile texts in it, and its browser in Chromium."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t import plots
from t2t.compare import average_rows, compare, disagreements, margin, opened
from t2t.compare_page import write
from t2t.page import RIGHT, UNPARSED
from t2t.types import Prediction
from tests.test_cli import Run, t2t
from tests.test_compare import COST, row, rte
from tests.test_compare import write as run_of
from tests.test_page import EVIL, chromium

FIXTURES = (chromium, t2t)
AVERAGE = {"value": 50.0, "tasks": ["glue/rte"]}


TEXTS = {None: "what?", 0: "entailment", 1: "not_entailment"}


def answers(said: list[int | None], golds: list[int], more: str = "") -> list[Prediction]:
    """Answers to RTE with their texts, each with ``more`` behind it."""
    return [replace(pred, input=f"say {i} {more}", text=TEXTS[pred.answer] + more, target=TEXTS[pred.gold])
            for i, pred in enumerate(rte(said, golds))]  # fmt: skip


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Runs of which the first has 10 of 20 rows right and the second 18 and one unparsed; they disagree on 10."""
    golds = [0, 1] * 10
    first = run_of(tmp_path / "one", answers([0] * 20, golds), rows=[row(50, 20)], cost=COST, average=AVERAGE)
    said = [*golds[:18], None, 0]
    second = run_of(tmp_path / "two", answers(said, golds), rows=[row(90, 20)], cost=COST | {"train_seconds": 5000.0},
                    average=AVERAGE | {"value": 90.0})  # fmt: skip
    return [first, second]


def blocks(page: Path) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)
    return [json.loads(block) for block in found]


def test_the_rows_on_which_runs_disagree_are_all_there(two: list[Path], tmp_path: Path) -> None:
    found, written = write(two, tmp_path / "out")
    assert [path.name for path in written] == ["compare.html", "compare.md", "compare.json"]
    (block,) = blocks(written[0])
    assert block["runs"] == ["one", "two"] and len(block["rows"]) == found.differences[0].disagree == 10
    mine = [bool(one[5] & RIGHT) for one in block["rows"]]
    theirs = [bool(one[10][0][1] & RIGHT) for one in block["rows"]]
    assert (sum(mine), sum(theirs)) == (1, 9) and sum(bool(one[10][0][1] & UNPARSED) for one in block["rows"]) == 1
    assert json.loads(written[2].read_text())["differences"][0]["difference"] == pytest.approx(40)
    assert "| 2 | glue/rte | accuracy | +40.00 |" in written[1].read_text()


def test_runs_that_agree_say_so(two: list[Path], tmp_path: Path) -> None:
    _, written = write([two[0], two[0]], tmp_path / "out")
    assert "The runs agree on every row." in written[0].read_text() and blocks(written[0]) == []


def test_averages_are_compared_over_the_tasks_in_common_and_grouped_as_the_mix_does(tmp_path: Path) -> None:
    from t2t.predict import write_predictions

    golds = [0, 1] * 10
    average = {"value": 50.0, "tasks": ["glue/mnli + glue/mnli_mismatched", "glue/rte"]}
    runs = [run_of(tmp_path / name, answers(said, golds), rows=[], average=average)
            for name, said in (("one", [0] * 20), ("two", golds))]  # fmt: skip
    for run, right in zip(runs, (0, 5), strict=True):
        for name, part in (("mnli", 1), ("mnli_mismatched", 2)):  # 25 and 50 points
            preds = [replace(pred, uid=f"glue/{name}:validation:{i}")
                     for i, pred in enumerate(rte([0 if i < right * part else 1 for i in range(20)]))]  # fmt: skip
            write_predictions(run / "eval" / "validation" / f"glue-{name}.predictions.jsonl", preds)
    found = compare(runs)
    (overall,) = found.overall
    assert overall.tasks == 2 and overall.difference == pytest.approx(((25 + 50) / 2 + 50) / 2)
    half = {one.task: (one.high - one.low) / 2 for one in found.differences}
    whole = (((half["glue/mnli"] + half["glue/mnli_mismatched"]) / 2) ** 2 + half["glue/rte"] ** 2) ** 0.5 / 2
    assert (overall.low, overall.high) == pytest.approx((overall.difference - whole, overall.difference + whole))
    assert average_rows(found)[0]["difference"] == "+43.75"
    mine = {one.task: (one.high - one.low) / 2 for one in found.scores if one.run == "two"}
    whole = (((mine["glue/mnli"] + mine["glue/mnli_mismatched"]) / 2) ** 2 + mine["glue/rte"] ** 2) ** 0.5 / 2
    assert margin(found, found.runs[1]) == pytest.approx(whole)
    assert margin(found, replace(found.runs[1], averaged=("glue/rte",))) == pytest.approx(mine["glue/rte"])


def test_a_task_under_several_prompts_is_one_of_an_average(tmp_path: Path) -> None:
    from t2t.predict import write_predictions

    runs = [tmp_path / "one", tmp_path / "two"]
    for run, said in zip(runs, (0, 1), strict=True):
        for name, prompt, answer in (("rte", "t5", said), ("rte", "plain", said), ("qnli", "t5", 0)):
            preds = [replace(pred, uid=f"glue/{name}:validation:{i}")
                     for i, pred in enumerate(rte([answer] * 8, [1] * 8, prompt=prompt))]  # fmt: skip
            write_predictions(run / "eval" / "validation" / f"glue-{name}@{prompt}.predictions.jsonl", preds)
    (overall,) = compare(runs).overall
    assert (overall.tasks, overall.difference) == (2, 50)


def test_one_task_in_common_has_no_average(two: list[Path]) -> None:
    assert compare(two).overall == ()


def test_three_runs_disagree_where_any_does(two: list[Path], tmp_path: Path) -> None:
    third = run_of(tmp_path / "three", answers([1] * 20, [0, 1] * 10), rows=[row(50, 20)])
    (found,) = disagreements(opened([*two, third], split="validation"))
    assert found.runs == ("one", "two", "three") and len(found.rows) == 20 and found.n == 20
    assert all(len(preds) == 3 for preds in found.rows)


def test_averages_of_different_tasks_are_not_plotted(two: list[Path], tmp_path: Path) -> None:
    assert "What a point costs" in write(two, tmp_path / "same")[1][0].read_text()
    other = run_of(tmp_path / "two", answers([0] * 20, [0, 1] * 10), rows=[row(50, 20)],
                   cost=COST | {"train_seconds": 5000.0}, average={"value": 1.0, "tasks": ["glue/cola"]})  # fmt: skip
    assert "What a point costs" not in write([two[0], other], tmp_path / "other")[1][0].read_text()


def test_points_stand_by_the_logarithm_of_their_cost() -> None:
    plot = plots.scatter([(10.0, 50.0, 5.0, "1"), (100.0, 60.0, 5.0, "2"), (1000.0, 70.0, 5.0, "3")])
    one, two, three = plot["dots"]
    assert two["x"] - one["x"] == pytest.approx(three["x"] - two["x"], abs=0.2)
    assert one["top"] == pytest.approx((one["y"] + two["y"]) / 2, abs=0.2)  # half way to 60
    assert [said for _, said in plot["x"]] == ["10", "100", "1,000"]
    assert [said for _, said in plots.scatter([(306.4, 1.0, 0.0, "1"), (346.0, 2.0, 0.0, "2")])["x"]] == ["310", "350"]


def test_the_command_writes_the_page(t2t: Run, two: list[Path]) -> None:
    done = t2t("compare", *map(str, two), "--out", "compared")
    assert done.code == 0 and "page: compared/compare.html" in done.out and Path("compared/compare.md").exists()
    done = t2t("compare", *map(str, two), "--out", "compared", "--json")
    assert json.loads(done.out)["split"] == "validation" and "page: compared" in done.err


def test_its_rows_are_browsed_and_hostile_ones_stay_text(chromium: Any, tmp_path: Path) -> None:
    runs = [run_of(tmp_path / name, answers(said, [0, 1] * 10, EVIL), rows=[])
            for name, said in (("one", [0] * 20), ("two", [1] * 20))]  # fmt: skip
    page = write(runs, tmp_path / "out")[1][0]
    tab = chromium.new_page(viewport={"width": 390, "height": 800})
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
    tab.on("request", lambda request: said.append(request.url))
    tab.goto(page.as_uri())
    articles = tab.locator("#answers article")
    assert articles.count() == 20 and articles.first.locator("dt").all_text_contents() == [
        "prompt",
        "gold",
        "one",
        "two",
    ]
    assert tab.locator("#show option").all_text_contents()[1:3] == ["won by another (10)", "lost by another (10)"]
    tab.select_option("#show", "lost by another")
    assert articles.count() == 10 and set(tab.locator(".chip.right").all_text_contents()) == {"right"}
    assert "<script>alert(1)</script>" in tab.locator("#answers").text_content()
    assert tab.locator("#answers script, #bad").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert said == [page.as_uri()]
    tab.close()

"""Runs side by side: line-ups of small runs on disk."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t import cli
from t2t.compare import Comparison, compare, difference_rows, run_rows, score_blocks, seed_rows, text_rows
from t2t.config import Config
from t2t.errors import DiskError, UsageError
from t2t.predict import write_predictions
from t2t.runs import write_config
from t2t.significance import mcnemar
from t2t.types import Prediction

# -- runs on disk ----------------------------------------------------------------------------------------------------


def write(folder: Path, preds: list[Prediction], *, by: str = "write", **report: Any) -> Path:
    name = preds[0].uid.rsplit(":", 2)[0].replace("/", "-")
    kind = "" if by == "write" else f".{by}"
    write_predictions(folder / "eval" / "validation" / f"{name}{kind}.predictions.jsonl", preds)
    if report:
        said = {"split": "validation", "source": "dir", "rows": [], "average": {}, "cost": {}, **report}
        (folder / "report.json").write_text(json.dumps(said))
    return folder


def rte(said: list[int | None], golds: list[int] | None = None, prompt: str = "t5") -> list[Prediction]:
    golds = golds or [0] * len(said)
    return [
        Prediction(f"glue/rte:validation:{i}", "", "", "", answer, answer is None, gold=gold, prompt=prompt)
        for i, (answer, gold) in enumerate(zip(said, golds, strict=True))
    ]


COST = {"parameters": 22_713_216, "train_seconds": 1312.4, "train_tokens": 5_120_000, "eval_seconds": 3.0,
        "examples_per_second": 92.31, "peak_memory_mb": 1204}  # fmt: skip


def row(value: float, n: int, by: str = "write", prompt: str = "t5") -> dict[str, Any]:
    return {"task": "glue/rte", "metric": "accuracy", "value": value, "unit": "percent", "low": value - 3,
            "high": value + 3, "n": n, "unparsed": 0.0, "by": by, "prompt": prompt, "prompt_hash": "0"}  # fmt: skip


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """A text-to-text run with everything, an encoder that ranks under another prompt, and one without a report."""
    average = {"value": 50.0, "tasks": ["glue/rte"]}
    first = write(tmp_path / "text", rte([0, 1] * 10), rows=[row(50, 20)], cost=COST, average=average)
    ranked = rte([0] * 18 + [1, 1], prompt="plain")
    second = write(tmp_path / "head", ranked, by="rank", rows=[row(90, 20, "rank", "plain")], cost={"parameters": 0},
                   average=average | {"value": 90.0})  # fmt: skip
    third = write(tmp_path / "bare", rte([0, 1] * 9 + [1, 0])[::-1])
    return [first, second, third]


def test_three_runs_on_disk(three: list[Path]) -> None:
    found = compare(three)
    assert [(run.run, run.average, run.source) for run in found.runs] == [
        ("text", 50.0, "dir"), ("head", 90.0, "dir"), ("bare", None, ""),
    ]  # fmt: skip
    assert (found.runs[0].train_tokens, found.runs[1].train_tokens, found.runs[2].parameters) == (5_120_000, None, None)
    assert [(s.run, s.by, s.value, s.n) for s in found.scores] == [
        ("text", "write", 50, 20), ("head", "rank", 90, 20), ("bare", "write", 50, 20),
    ]  # fmt: skip
    head, bare = found.differences
    assert (head.run, head.by, head.difference, head.disagree) == ("head", "write/rank", 40, 10)
    assert head.test == "McNemar" and head.p == mcnemar(1, 9) and head.holm == pytest.approx(2 * head.p)
    assert (bare.by, bare.difference, bare.disagree, bare.p) == ("write", 0, 2, 1)  # joined by uid, not by place
    assert [note.split(" ")[0] for note in found.notes] == ["bare", "the"]


def test_written_answers_are_taken_before_ranked_ones(tmp_path: Path) -> None:
    one = write(write(tmp_path / "a", rte([0, 0])), rte([1, 1]), by="rank", rows=[row(0, 2, "rank"), row(100, 2)])
    write(one, rte([0, 0]), by="constrained")
    found = compare([one, write(tmp_path / "b", rte([1, 0]))])
    assert [(s.value, s.by) for s in found.scores] == [(100, "write"), (50, "write")]
    only = write(tmp_path / "c", rte([1, 1]), by="constrained")
    assert [s.by for s in compare([one, only]).scores] == ["write", "constrained"]


def test_the_interval_of_a_score_is_the_reports_or_measured(tmp_path: Path) -> None:
    one = write(tmp_path / "a", rte([0, 1] * 20), rows=[row(50, 40)])
    two = write(tmp_path / "b", rte([0, 1] * 20), rows=[row(77, 39)])  # not of these rows
    a, b = compare([one, two]).scores
    assert (a.value, a.low, a.high) == (50, 47, 53)
    assert b.value == 50 and 30 < b.low < 40 < 60 < b.high < 70


def test_a_later_evaluation_goes_before_the_runs_own(tmp_path: Path) -> None:
    run = write(tmp_path / "a", rte([0, 0]), rows=[row(1, 2)], cost=COST, average={"value": 7.0, "tasks": ["x"]})
    later = {"split": "validation", "source": "dir", "rows": [row(100, 2)], "average": {"value": 9.0, "tasks": ["y"]},
             "cost": {"parameters": 1, "examples_per_second": 5.0}}  # fmt: skip
    (run / "eval" / "validation" / "report.json").write_text(json.dumps(later))
    found = compare([run, write(tmp_path / "b", rte([0, 1]))])
    assert found.scores[0].value == 100
    assert (found.runs[0].average, found.runs[0].train_tokens) == (7.0, 5_120_000)


def test_the_average_of_a_later_evaluation_of_the_same_tasks_stands_with_its_scores(tmp_path: Path) -> None:
    whole = {"split": "validation", "source": "dir", "average": {"value": 100.0, "tasks": ["glue/rte"]}, "cost": {}}
    other = write(tmp_path / "b", rte([0, 1]))
    for by, average in (("write", 100.0), ("rank", 50.0)):  # ranked: the run's written answers are still there
        run = write(tmp_path / by, rte([0, 0]), rows=[row(50, 1)], average={"value": 50.0, "tasks": ["glue/rte"]})
        (run / "eval" / "validation" / "report.json").write_text(json.dumps({**whole, "rows": [row(100, 2, by)]}))
        assert compare([run, other]).runs[0].average == average


def test_costs_of_training_are_known_on_another_split(tmp_path: Path) -> None:
    for name in ("a", "b"):
        preds = [replace(pred, uid=pred.uid.replace("validation", "test")) for pred in rte([0, 0])]
        write_predictions(tmp_path / name / "eval" / "test" / "glue-rte.predictions.jsonl", preds)
        said = {
            "split": "validation",
            "source": "dir",
            "rows": [],
            "average": {"value": 1.0, "tasks": []},
            "cost": COST,
        }
        (tmp_path / name / "report.json").write_text(json.dumps(said))
        later = {"split": "test", "source": "dir", "rows": [], "average": {"value": 2.0, "tasks": ["glue/rte"]}}
        (tmp_path / name / "eval" / "test" / "report.json").write_text(json.dumps(later))
    found = compare([tmp_path / "a", tmp_path / "b"], split="test")
    assert (found.runs[1].average, found.runs[1].train_seconds) == (2.0, 1312.4)


def test_sample_and_real_data_do_not_mix(tmp_path: Path) -> None:
    real = write(tmp_path / "real", rte([0, 0]), source="dir")
    hub = write(tmp_path / "hub", rte([0, 0]), source="hub")
    sample = write(tmp_path / "sample", rte([0, 0]), source="sample")
    unknown = write(tmp_path / "unknown", rte([0, 0]))
    with pytest.raises(UsageError, match=r"SAMPLE DATA \(sample\) cannot stand beside real data \(real, hub\)"):
        compare([real, sample, hub])
    assert compare([real, hub]).notes == ()
    assert compare([sample, sample]).notes[0].startswith("SAMPLE DATA")
    assert "where its rows came from" in compare([real, unknown]).notes[0]


def test_a_run_scored_on_both_kinds_of_data_is_one_on_sample_data(tmp_path: Path) -> None:
    real = write(tmp_path / "real", rte([0, 0]), source="dir")
    both = write(tmp_path / "both", rte([0, 0]), source="sample")
    (both / "eval" / "validation" / "report.json").write_text(json.dumps({"split": "validation", "source": "dir"}))
    with pytest.raises(UsageError, match=r"SAMPLE DATA \(both\)"):
        compare([real, both])


def test_other_rows_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "a", rte([0, 0, 0]))
    with pytest.raises(UsageError, match=r"other rows of glue/rte: 3 and 2, 2 of them the same\. "):
        compare([one, write(tmp_path / "b", rte([0, 0]))])
    with pytest.raises(UsageError, match="2 of these have another gold answer"):
        compare([one, write(tmp_path / "c", rte([0, 0, 0], [0, 1, 1]))])
    with pytest.raises(UsageError, match="two or more"):
        compare([one])
    with pytest.raises(UsageError, match="no task of split test was answered"):
        compare([one, one], split="test")
    other = [replace(pred, uid=pred.uid.replace("rte", "wnli")) for pred in rte([0, 0])]
    with pytest.raises(UsageError, match="no task of split validation in common"):
        compare([one, one, write(tmp_path / "d", other)])
    (one / "report.json").write_text("{")
    with pytest.raises(DiskError, match="not readable as JSON"):
        compare([one, one])


def test_a_difference_beyond_doubt_stays_one_among_many_tests(tmp_path: Path) -> None:
    """The least p of so many exchanges grows with the number of tests that Holm corrects for."""
    tags = ["B-NP", "O", "B-VP"]
    preds = [
        Prediction(f"tagging/conll2000:validation:{i}", "", "", "", ["O"] * 3, False, gold=tags) for i in range(40)
    ]
    good = [replace(pred, answer=tags) for pred in preds]
    runs = [write(tmp_path / "first", preds), *(write(tmp_path / f"good-{i}", good) for i in range(30))]
    found = compare(runs).differences
    assert len(found) == 60 and {one.test for one in found} == {"approximate randomisation"}
    assert max(one.holm for one in found) < 0.05


def test_tasks_stand_in_one_order_however_they_were_answered(tmp_path: Path) -> None:
    wnli = [replace(pred, uid=pred.uid.replace("rte", "wnli")) for pred in rte([0, 0])]
    run = write(write(tmp_path / "a", wnli), rte([0, 0]), by="rank")
    assert [(one.task, one.by) for one in compare([run, run]).scores[:2]] == [
        ("glue/rte", "rank"),
        ("glue/wnli", "write"),
    ]


def test_prompts_and_parameters_are_told_apart(tmp_path: Path) -> None:
    for run, said in (("a", "x"), ("b", "y")):
        for prompt in ("t5", "plain"):
            one = Prediction("", "", "x", said, said, False, gold=["x"], prompt=prompt)
            preds = [replace(one, uid=f"translation/pairs:de:en:validation:{i}") for i in range(4)]
            write_predictions(tmp_path / run / "eval" / "validation" / f"pairs@{prompt}.predictions.jsonl", preds)
    found = compare([tmp_path / "b", tmp_path / "a"]).differences
    assert {one.task for one in found} == {"translation/pairs:de:en@t5", "translation/pairs:de:en@plain"}
    assert all(one.difference > 0 for one in found if one.metric == "chrf")


def test_a_run_of_one_prompt_is_compared_with_that_prompt_of_another(tmp_path: Path) -> None:
    several = tmp_path / "several"
    for prompt in ("t5", "plain"):
        path = several / "eval" / "validation" / f"glue-rte@{prompt}.predictions.jsonl"
        write_predictions(path, rte([0, int(prompt == "t5")], prompt=prompt))
    found = compare([several, write(tmp_path / "one", rte([0, 0], prompt="plain"))])
    assert [(one.task, one.difference) for one in found.differences] == [("glue/rte@plain", 0)]
    assert len(found.scores) == 3


def test_a_strict_metric_takes_no_repaired_answer(tmp_path: Path) -> None:
    tags = ["B-NP", "O"]
    one = [Prediction("tagging/conll2000:validation:0", "", "", "", tags, False, gold=tags)]
    found = compare([write(tmp_path / "a", one), write(tmp_path / "b", [replace(one[0], repairs={"missing": 1})])])
    assert {d.metric: d.difference for d in found.differences} == {"span_f1": 0, "span_f1_strict": -100}


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place in ("x", "y"):
        write(tmp_path / place / "run", rte([0, 0]))
    found = compare([tmp_path / "x" / "run", tmp_path / "y" / "run", tmp_path / "y" / "run"])
    assert [run.run for run in found.runs] == [
        f"{tmp_path}/x/run", f"{tmp_path}/y/run", f"{tmp_path}/y/run (2)",
    ]  # fmt: skip
    assert len(difference_rows(found)) == 2


# -- tables ----------------------------------------------------------------------------------------------------------


def test_costs_are_written_short(three: list[Path]) -> None:
    first, second, third = run_rows(compare(three))
    assert first == {"#": "1", "run": "text", "average": "50.00 of 1", "parameters": "22.7M", "train s": "1,312",
                     "tokens": "5.12M", "ex/s": "92.3", "MB": "1,204"}  # fmt: skip
    assert (second["parameters"], second["ex/s"], third["average"]) == ("0", "–", "–")


def test_many_runs_are_shown_in_blocks_that_fit(three: list[Path], tmp_path: Path) -> None:
    more = [write(tmp_path / f"more-{i}", rte([0, 1] * 10)) for i in range(5)]
    found = compare([*three, *more])
    blocks = score_blocks(found, width=100)
    assert [name for block in blocks for name in block[0] if name.isdigit()] == [str(i) for i in range(1, 9)]
    assert len(blocks) > 1 and blocks[0][0]["2"] == "90.0* [87.0, 93.0]"
    for block in blocks:
        widths = [max(len(name), *(len(line[name]) for line in block)) + 2 for name in block[0]]
        assert sum(widths) - 2 <= 100
    assert len(score_blocks(found, width=10)) == 8


def test_the_command_prints_three_tables_and_json(
    three: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def typed(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["t2t", "compare", *map(str, three), *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    said = json.loads(typed("--json"))
    assert set(said) == set(Comparison.__dataclass_fields__)
    assert said["differences"][0]["difference"] == 40
    shown = typed()
    assert "22.7M" in shown and "90.0* [87.0, 93.0]" in shown and "+40.00" in shown and "2*" in shown
    assert "bare has no report" in shown
    assert max(map(len, shown.splitlines())) <= 120


# -- which rows ------------------------------------------------------------------------------------------------------


def test_rows_are_joined_by_what_is_in_them_in_any_order(tmp_path: Path) -> None:
    golds = [0, 1, 0, 1, 0]
    first, second = rte([0, 1, 1, 0, 0], golds), rte([1, 1, 0, 1, 0], golds)
    digests = ["aa", "bb", "cc", "bb", "dd"]  # two rows are the same
    first = [replace(pred, row=row) for pred, row in zip(first, digests, strict=True)]
    second = [replace(pred, row=row) for pred, row in zip(second, digests, strict=True)]
    straight = compare([write(tmp_path / "a", first), write(tmp_path / "b", second)])
    order = [4, 2, 1, 0, 3]  # another copy of the data: other uids, another order
    moved = [replace(second[i], uid=f"glue/rte:validation:{at}") for at, i in enumerate(order)]
    turned = compare([tmp_path / "a", write(tmp_path / "c", moved)])
    assert [replace(one, run="") for one in turned.differences] == [
        replace(one, run="") for one in straight.differences
    ]
    assert straight.differences[0].disagree == 3
    old = [replace(pred, row="") for pred in moved]  # without digests the same uids have other gold answers
    with pytest.raises(UsageError, match="another gold answer"):
        compare([tmp_path / "a", write(tmp_path / "d", old)])


def test_a_task_that_a_run_was_given_as_a_file_is_known_by_its_run(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    text = (Path(__file__).parents[1] / "task_prompts" / "glue" / "rte.yaml").read_text(encoding="utf-8")
    mine.write_text(text.replace("task: glue/rte", "task: own/mine"), encoding="utf-8")
    preds = [replace(pred, uid=pred.uid.replace("glue/rte", "own/mine")) for pred in rte([0, 1], [0, 0])]
    folders = [write(tmp_path / name, preds) for name in ("a", "b")]
    with pytest.raises(UsageError, match='no task "own/mine"'):
        compare(folders)
    for folder in folders:
        write_config(folder, Config(task=(str(mine),), steps=1))
    assert compare(folders).scores[0].task == "own/mine"


def text(folder: Path, bits: float, **said: str) -> Path:
    """Write the report of a model that was measured on plain text."""
    fields = {"data": "d", "objective": "lm", "stretches": "9/10", "tokenizer": "t", **said}
    loss = {"nats_per_token": 2 * bits, "bits_per_byte": bits, "stretches": 9, "tokens": 90,
            "signature": "|".join(f"{name}:{value}" for name, value in fields.items())}  # fmt: skip
    folder.mkdir()
    report = {"source": "file", "split": "validation", "held_out": {"book": loss}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_losses_on_plain_text_stand_side_by_side(tmp_path: Path) -> None:
    same = compare([text(tmp_path / "a", 1.5), text(tmp_path / "b", 1.25)])
    assert [(row["run"], row["bits a byte"]) for row in text_rows(same)] == [("1", "1.5000"), ("2", "1.2500")]
    assert same.notes == () and same.differences == () and score_blocks(same) == []
    other = compare([tmp_path / "a", text(tmp_path / "c", 1.0, tokenizer="u", stretches="7/8")])
    assert other.notes == ("book: the vocabularies differ, so compare bits a byte",)
    odd = compare([tmp_path / "a", text(tmp_path / "e", 1.0, data="e", tokenizer="u")])
    assert odd.notes == ("book: losses are not of one text and question, they differ in data, tokenizer",)


def test_runs_without_a_text_or_task_in_common_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no task of split validation in common"):
        compare([text(tmp_path / "a", 1.5), write(tmp_path / "b", rte([0, 1]))])


def test_runs_that_differ_in_the_seed_alone_are_taken_together(three: list[Path], tmp_path: Path) -> None:
    values, average = {1: 50.0, 2: 60.0, 3: 55.0}, {"value": 0.0, "tasks": ["glue/rte"]}
    same = [
        write(tmp_path / f"s{seed}", rte([0, 1] * 10), rows=[row(value, 20)], average=average | {"value": value + 1})
        for seed, value in values.items()
    ]
    for seed, folder in enumerate(same, 1):
        write_config(folder, Config(task=("glue/rte",), steps=3, seed=seed, out=str(folder), save_every=seed))
    write_config(three[0], Config(task=("glue/rte",), steps=4, seed=9))  # other steps: no seed of these
    again = write(tmp_path / "again", rte([0, 1] * 10), rows=[row(99, 20)])
    write_config(again, Config(task=("glue/rte",), steps=3, seed=1))  # a seed counts once
    found = compare([*same, three[0], three[2], again])
    by = {(one.task, one.metric): one for one in found.seeds}
    assert by.keys() == {("glue/rte", "accuracy"), ("average", "of 1")}
    one = by["glue/rte", "accuracy"]
    assert (one.runs, one.mean, one.low, one.high, one.sd) == (("s1", "s2", "s3"), 55.0, 50.0, 60.0, 5.0)
    assert by["average", "of 1"].mean == 56.0
    assert seed_rows(found)[0] == {"runs": "1 2 3", "task": "glue/rte", "metric": "accuracy", "mean": "55.00",
                                   "lowest": "50.00", "highest": "60.00", "sd": "5.00"}  # fmt: skip
    assert not compare(three).seeds


def test_a_score_that_one_seed_lacks_has_no_spread(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a", rte([0, 1] * 10)), write(tmp_path / "b", rte([0, 1] * 10), by="rank")
    for seed, folder in enumerate((one, two)):
        write_config(folder, Config(task=("glue/rte",), steps=3, seed=seed))
    assert not compare([one, two]).seeds

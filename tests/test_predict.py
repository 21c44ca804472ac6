"""Answers and scores: every example once, in order, with what is unparsed; limits and predictions as they were made."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from t2t.config import Config
from t2t.errors import NonFiniteError, UsageError
from t2t.examples import Examples
from t2t.mixtures import Mix
from t2t.models import Options, load
from t2t.predict import (
    Answers,
    Gather,
    agreement,
    answer,
    answer_sets,
    average,
    build_report,
    check_limit,
    count,
    evaluate,
    evaluate_sets,
    predict,
    read_predictions,
    report_json,
    run_signature,
    way_of,
    ways_of,
    write_predictions,
)
from t2t.sets import Sets
from t2t.sets import load as load_sets
from t2t.significance import holm, mcnemar
from t2t.tasks import read_task, task
from t2t.train import Watch
from t2t.types import Example, Prediction, Score
from tests.toy import config, example

predicting = importlib.import_module("t2t.predict")  # the name t2t.predict is the function


class Parrot:
    """A model that says what it is told to, and counts what it was asked."""

    family, origin, generates = "test", "test", True

    tokens = SimpleNamespace(tallies={})

    def __init__(self, say: Any = None, nats: Sequence[float] = (-1.0, -2.0)) -> None:
        self.say, self.nats = say or (lambda eg: eg.target), list(nats)
        self.asked: list[str] = []

    def write(self, egs: Sequence[Example]) -> list[str]:
        self.asked += [eg.uid for eg in egs]
        return [self.say(eg) for eg in egs]

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        self.asked += [eg.uid for eg in egs]
        return [self.nats[: len(eg.choices)] for eg in egs]


def written(folder: Path, name: str) -> list[Prediction]:
    return list(read_predictions(folder / "eval" / "validation" / f"{name}.predictions.jsonl"))


def sets(names: str = "toy", **settings: Any) -> Sets:
    return load_sets(config(mix=names, **settings), training=False)


def test_right_answers_score_100_and_wrong_ones_0(toys: Path) -> None:
    scores, _ = evaluate_sets(Parrot(), sets(), by="write", watch=Watch())
    assert [(s.task, s.value, s.n, s.unparsed) for s in scores] == [
        (f"toy/{name}", 100.0, 11, 0.0) for name in ("copy", "reverse", "vowel")
    ]
    wrong, _ = evaluate_sets(Parrot(lambda eg: "zzz"), sets(), by="write", watch=Watch())
    assert [(s.value, s.unparsed) for s in wrong] == [(0.0, 0.0), (0.0, 0.0), (0.0, 100.0)]
    assert all(s.low <= s.value <= s.high for s in (*scores, *wrong))


def test_only_tasks_with_choices_are_ranked_and_the_others_are_scored_as_written(toys: Path, tmp_path: Path) -> None:
    scores, answers = evaluate_sets(Parrot(nats=(-3.0, -1.0)), sets(), by="rank", watch=Watch(), folder=tmp_path)
    assert [(s.task, s.by) for s in scores] == [("toy/copy", "write"), ("toy/reverse", "write"), ("toy/vowel", "rank")]
    assert [s.value for s in scores][:2] == [100.0, 100.0]
    assert set(answers["toy/vowel"].answers) == {1}
    assert written(tmp_path, "toy-vowel.rank")[0].choice_nats == (-3.0, -1.0)
    assert written(tmp_path, "toy-copy")[0].choice_nats is None


def test_answers_are_constrained_to_choices_where_there_are_any(toys: Path, tmp_path: Path) -> None:
    parrot = Parrot(lambda eg: "zzz")
    parrot.choose = lambda egs: [eg.choices[0] for eg in egs]  # type: ignore[attr-defined]
    scores, answers = evaluate_sets(parrot, sets(), by="constrained", watch=Watch(), folder=tmp_path)
    assert [(s.by, s.unparsed) for s in scores] == [("write", 0.0), ("write", 0.0), ("constrained", 0.0)]
    assert set(answers["toy/vowel"].answers) == {0} and "by:constrained" in scores[2].signature
    assert (tmp_path / "eval/validation/toy-vowel.constrained.predictions.jsonl").is_file()


def test_what_cannot_be_constrained_says_so(toys: Path) -> None:
    with pytest.raises(UsageError, match="constrained"):
        evaluate_sets(Parrot(), sets(), by="constrained", watch=Watch())


class Undecided(Parrot):
    """A parrot that writes what is right, is constrained to the first choice and ranks the second highest."""

    def __init__(self) -> None:
        super().__init__(nats=(-3.0, -1.0))
        self.choose = lambda egs: [eg.choices[0] for eg in egs]


def test_all_ways_are_answered_from_rows_that_are_read_once(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, read = sets(), list[str]()
    plain = Examples.__getitem__

    def counted(egs: Examples, i: Any) -> Any:
        eg = plain(egs, i)
        read.append(eg.uid)
        return eg

    monkeypatch.setattr(Examples, "__getitem__", counted)
    model = Undecided()
    answered = answer_sets(model, found, by="all", watch=Watch(), folder=tmp_path)
    assert len(read) == len(set(read)) == 33
    assert list(answered) == ["write", "constrained", "rank"]
    assert [one.by for scores, _ in answered.values() for one in scores if one.task == "toy/vowel"] == list(answered)
    assert sum(uid.startswith("toy/copy") for uid in model.asked) == 11  # what has no choices is written once
    assert count(answered) == 11 + 11 + 3 * 11
    files = sorted(path.name for path in (tmp_path / "eval" / "validation").iterdir())
    assert files == ["toy-copy.predictions.jsonl", "toy-reverse.predictions.jsonl",
                     "toy-vowel.constrained.predictions.jsonl", "toy-vowel.predictions.jsonl",
                     "toy-vowel.rank.predictions.jsonl"]  # fmt: skip


def test_ways_are_those_that_a_family_has() -> None:
    parrot, ranker = Parrot(), Parrot()
    ranker.generates = False
    assert ways_of(parrot, "all") == ways_of(parrot, "both") == ("write", "rank")
    assert ways_of(Undecided(), "all") == ("write", "constrained", "rank")
    assert ways_of(ranker, "all") == ("rank",) and ways_of(parrot, "rank") == ("rank",)


def test_a_model_that_answers_at_once_is_asked_once(toys: Path) -> None:
    asked = list[tuple[str, ...]]()

    def answers(egs: Sequence[Example], ways: Sequence[str]) -> dict[str, list[Any]]:
        asked.append(tuple(ways))
        return {way: [[-1.0, -2.0] if way == "rank" else "no" for _ in egs] for way in ways}

    model = Undecided()
    model.answers = answers  # type: ignore[attr-defined]
    answered = answer_sets(model, sets("vowels"), by="all", watch=Watch())
    assert asked == [("write", "constrained", "rank")] and model.asked == []
    assert [answers["toy/vowel"].answers for _, answers in answered.values()] == [[0] * 11] * 3


def test_where_ways_differ_is_counted_and_tested(toys: Path) -> None:
    found = sets()
    answered = answer_sets(Undecided(), found, by="all", watch=Watch())
    golds = [eg.gold for eg in found.score["toy/vowel"]]
    no, yes = golds.count(0), golds.count(1)
    rows = agreement(found, answered)
    assert [(row["set"], row["first"], row["second"]) for row in rows] == [
        ("toy/vowel", "write", "constrained"), ("toy/vowel", "write", "rank"), ("toy/vowel", "constrained", "rank"),
    ]  # fmt: skip
    assert [(r["differ"], r["first_only"], r["second_only"]) for r in rows] == [
        (yes, yes, 0),
        (no, no, 0),
        (11, no, yes),
    ]
    assert [row["p"] for row in rows] == [mcnemar(yes, 0), mcnemar(no, 0), mcnemar(no, yes)]
    assert [row["holm"] for row in rows] == holm([row["p"] for row in rows])
    assert agreement(found, {"write": answered["write"]}) == []


def test_rows_of_one_question_are_not_taken_for_independent_where_ways_differ(
    toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sets("vowels")
    (egs,) = found.score.values()
    said = {way: Answers([right] * 40, [1] * 40, [str(i // 10) for i in range(40)], bytearray(40))
            for way, right in (("write", 0), ("rank", 1))}  # fmt: skip
    answered = {way: ([], {"toy/vowel": one}) for way, one in said.items()}
    (alone,) = agreement(found, answered)
    monkeypatch.setattr(egs, "task", replace(egs.task, group=("text",)))
    (whole,) = agreement(found, answered)
    assert alone["p"] < 1e-6 and 0.05 < whole["p"] < 0.2  # four questions: one in eight exchanges is as one-sided


def test_the_signature_of_a_run_names_what_is_not_usual() -> None:
    assert run_signature("m", "seq2seq", Config()).startswith("model:m|seed:42|t2t:")
    said = run_signature("m", "seq2seq", Config(precision="int8", beams=4, by="constrained"))
    assert "|precision:int8|beams:4|by:constrained|" in said
    said, others = (run_signature("m", family, Config(rank_by="pmi", chat="on")) for family in ("seq2seq", "encoder"))
    assert "rank_by:pmi" in said and "chat" not in said and "rank_by" not in others


def test_tasks_of_tags_are_written_where_ranking_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pos.yaml").write_text(
        "task: toy/pos\ntitle: tags\nanswer: tags\nwords: words\ncolumns: {words: list, tags: tags}\n"
        "source: {files: {validation: x.jsonl}}\nprompts:\n  plain:\n    input: 'tag: {words}'\n    target: '{tags}'\n"
        "    choices: [NOUN, VERB]\nmetrics: [tag_accuracy]\n"
    )
    egs = Examples(read_task(tmp_path / "pos.yaml"), [{"words": ["it", "rained"], "tags": ["NOUN", "VERB"]}] * 3,
                   split="validation")  # fmt: skip
    monkeypatch.setattr(predicting, "task", lambda name: egs.task)
    found = Sets(Mix("m", "", "equal", {"toy/pos": 1.0}), score={"toy/pos": egs})
    scores, _ = evaluate_sets(Parrot(), found, by="rank", watch=Watch(), folder=tmp_path)
    assert [(s.by, s.value) for s in scores] == [("write", 100.0)]
    assert [pred.text for pred in written(tmp_path, "toy-pos")] == ["NOUN VERB"] * 3


@pytest.mark.parametrize("world", [1, 2, 3, 16])
def test_ranks_answer_each_example_once(world: int, toys: Path, tmp_path: Path) -> None:
    found, models = sets(), [Parrot() for _ in range(world)]
    shares = [
        {
            name: list(zip(range(rank, len(egs), world), predict(model, egs[rank::world]), strict=True))
            for name, egs in found.score.items()
        }
        for rank, model in enumerate(models)
    ]  # fmt: skip
    asked = [uid for model in models for uid in model.asked]
    assert len(asked) == len(set(asked)) == 33
    names = iter(found.score)

    def join(part: list[Any]) -> list[Any]:
        name = next(names)
        assert part == shares[-1][name]
        return [pred for share in shares[::-1] for pred in share[name]]

    gather = Gather(world - 1, world, join)
    scores, _ = evaluate_sets(Parrot(), found, by="write", watch=Watch(), gather=gather, folder=tmp_path)
    for name, egs in found.score.items():
        assert [pred.uid for pred in written(tmp_path, name.replace("/", "-"))] == [eg.uid for eg in egs]
    assert [s.n for s in scores] == [11, 11, 11]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_join_as_often_as_each_other_in_stretches(
    world: int, toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "CHUNK", 2)
    found, shares = sets(), list[list[Any]]()
    for rank in range(world):

        def join(part: list[Any], rank: int = rank) -> list[Any]:
            shares[rank].append(part)
            return part

        shares.append([])
        evaluate_sets(Parrot(), found, by="write", watch=Watch(), gather=Gather(rank, world, join))
    assert len({len(share) for share in shares}) == 1 and all(len(p) <= 2 for share in shares for p in share)
    rounds = iter(list(zip(*shares, strict=True)))

    def joined(_: list[Any]) -> list[Any]:
        return [one for part in next(rounds)[::-1] for one in part]

    evaluate_sets(Parrot(), found, by="write", watch=Watch(), gather=Gather(0, world, joined), folder=tmp_path)
    for name, egs in found.score.items():
        assert [pred.uid for pred in written(tmp_path, name.replace("/", "-"))] == [eg.uid for eg in egs]


def test_answers_come_before_more_than_a_stretch_is_read(monkeypatch: pytest.MonkeyPatch, toys: Path) -> None:
    monkeypatch.setattr(predicting, "CHUNK", 4)
    read = 0

    def source() -> Iterator[Example]:
        nonlocal read
        for eg in itertools.islice(itertools.cycle(sets().score["toy/copy"][:]), 1000):
            read += 1
            yield eg

    said = answer(Parrot(), source())
    for given in range(1, 10):
        next(said)
        assert given <= read <= given + 3
    assert sum(1 for _ in said) == 1000 - 9


def test_an_evaluation_holds_no_texts_and_writes_as_it_goes(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "CHUNK", 2)
    alive: list[weakref.ref[Any]] = []
    most = 0

    def say(eg: Example) -> str:
        nonlocal most
        most = max(most, sum(ref() is not None for ref in alive))
        text = Text(eg.target)
        alive.append(weakref.ref(text))
        return text

    class Text(str):
        """A text that can be watched."""

    _, answers = evaluate_sets(Parrot(say), sets("vowels"), by="write", watch=Watch(), folder=tmp_path)
    assert len(alive) == len(answers["toy/vowel"]) == 11 and most <= 4
    (file,) = (tmp_path / "eval" / "validation").iterdir()  # and nothing that has another name
    whole = file.read_bytes()
    assert len(whole.splitlines()) == 11

    def fail(eg: Example) -> str:
        if eg.uid.endswith(":9"):
            raise NonFiniteError("stopped")
        return "zzz"

    with pytest.raises(NonFiniteError):
        evaluate_sets(Parrot(fail), sets("vowels"), by="write", watch=Watch(), folder=tmp_path)
    assert [path.read_bytes() for path in file.parent.iterdir()] == [whole]


def test_predictions_come_in_the_order_asked_in_any_chunks(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    egs = sets().score["toy/copy"][:]
    ticks: list[int] = []
    monkeypatch.setattr(predicting, "CHUNK", 4)
    preds = predict(Parrot(), egs, tick=ticks.append)
    assert [pred.uid for pred in preds] == [eg.uid for eg in egs] and ticks == [4, 4, 3]


def test_an_answer_that_cannot_be_read_is_unparsed_and_wrong(toys: Path) -> None:
    (pred,) = predict(Parrot(lambda eg: "<extra_id_0> yes"), sets().score["toy/vowel"][:1])
    assert pred.unparsed and pred.answer is None and pred.text == "<extra_id_0> yes"


def test_nats_that_are_not_finite_are_no_answer(toys: Path) -> None:
    with pytest.raises(NonFiniteError, match="toy/vowel:validation:0"):
        predict(Parrot(nats=(math.nan, math.nan)), sets().score["toy/vowel"][:1], by="rank")


def test_predictions_go_through_their_file(tmp_path: Path) -> None:
    preds = [
        Prediction("a/b:v:0", "in\u2028put\n", 'out "é"', "text\x85", 1, False, 0, (-1.5, -2.25), {}),
        Prediction("a/b:v:1", "x", "y", "", None, True, 3.5, None, {"missing": 2}, "t5", "[1]", words=("a", "b")),
    ]
    write_predictions(tmp_path / "p.jsonl", preds)
    assert list(read_predictions(tmp_path / "p.jsonl")) == preds
    keys = json.loads((tmp_path / "p.jsonl").read_bytes().split(b"\n")[0]).keys()
    assert {"uid", "input", "target", "text", "answer", "unparsed", "choice_nats"} <= keys


def test_references_longer_than_answers_may_be_are_refused(toys: Path, still: Path) -> None:
    model = load(str(still), options=Options(precision="fp32", max_target=4))
    with pytest.raises(
        UsageError, match=r"toy/copy: answers may have 4 tokens, the longest reference has \d+"
    ) as caught:
        check_limit(model, sets().score["toy/copy"])
    assert caught.value.code == "D14" and "--max-target" in caught.value.fix
    check_limit(model, sets().score["toy/vowel"])
    wide = load(str(still), options=Options(precision="fp32", max_target=32))
    check_limit(wide, sets().score["toy/copy"])
    check_limit(wide, sets(names="toy").score["toy/reverse"])


def test_a_real_model_answers_and_is_scored(toys: Path, still: Path) -> None:
    model = load(str(still), options=Options(precision="fp32", max_target=24))
    egs = sets().score["toy/vowel"]
    preds, (score,) = evaluate(model, egs, by="rank")
    assert score.n == len(preds) == 11 and score.unparsed == 0.0
    right = sum(pred.answer == eg.gold for pred, eg in zip(preds, egs, strict=True))
    assert score.value == pytest.approx(100 * right / 11)
    assert all(max(range(2), key=pred.choice_nats.__getitem__) == pred.answer for pred in preds)


def score(name: str, value: float, metric: str = "accuracy") -> Score:
    return Score(name, metric, value, "percent", 0, 100, 1, 0, "write", "p", "h", "s")


def test_the_average_is_over_tasks_of_the_mean_of_their_metrics(toys: Path) -> None:
    mix = sets().mix
    found = average([score("toy/copy", 10), score("toy/copy", 30, "f1"), score("toy/vowel", 60)], mix)
    assert found == {"value": 40.0, "tasks": ["toy/copy", "toy/vowel"]}
    assert average([], mix) == {}


def test_a_report_counts_every_answer_in_each_way_once(toys: Path) -> None:
    model = Parrot(lambda eg: "zzz" if eg.uid.endswith(":0") else "Yes" if eg.uid.endswith(":1") else eg.target)
    found = sets()
    answered = {by: evaluate_sets(model, found, by=by, watch=Watch()) for by in ("write", "rank")}
    report = build_report("r", found, "validation", answered, signature="s", cost={}, notes=())
    tables = report_json(report, found, answered, {})["answered"]
    assert [(one["set"], one["by"], one["n"]) for one in tables] == [
        ("toy/copy", "write", 11), ("toy/reverse", "write", 11), ("toy/vowel", "write", 11), ("toy/vowel", "rank", 11),
    ]  # fmt: skip
    written, ranked = tables[2:]
    golds = [eg.gold for eg in found.score["toy/vowel"]]
    assert written["labels"] == ranked["labels"] == ["no", "yes"] and "confusion" not in tables[0]
    assert (written["unparsed"], written["repaired"], sum(line[2] for line in written["confusion"])) == (1, 1, 1)
    assert ranked["confusion"] == [[golds.count(0), 0, 0], [golds.count(1), 0, 0]]  # the parrot ranks the first highest
    assert "calibration" not in written and ranked["calibration"]["n"] == 11
    sure = 1 / (1 + math.exp(-1))
    assert ranked["calibration"]["ece"] == pytest.approx(100 * abs(sure - golds.count(0) / 11))


def test_the_name_of_a_predictions_file_says_how_it_was_answered() -> None:
    names = ("a-b.predictions.jsonl", "a-b@p.rank.predictions.jsonl", "a.x.constrained.predictions.jsonl")
    assert [way_of(Path(name)) for name in names] == [("a-b", "write"), ("a-b@p", "rank"), ("a.x", "constrained")]


def test_a_signature_says_how_a_number_was_made(toys: Path) -> None:
    _, (one,) = evaluate(Parrot(), sets().score["toy/vowel"])
    assert one.signature.startswith("task:toy/vowel|split:validation|n:11|metric:accuracy|by:write|prompt:plain@")


def test_a_limit_takes_a_seeded_part_with_the_rows_own_numbers(toys: Path) -> None:
    some = sets(eval_limit=4).score["toy/copy"]
    assert len(some) == 4 and [eg.uid for eg in some] == [eg.uid for eg in sets(eval_limit=4).score["toy/copy"]]
    whole = {eg.uid: eg.input for eg in sets().score["toy/copy"]}
    assert all(whole[eg.uid] == eg.input for eg in some)


def test_free_examples_need_no_data_set(still: Path, toys: Path) -> None:
    model = load(str(still), options=Options(precision="fp32"))
    egs = [example("a b", task="toy/copy"), example("a b", task="toy/copy")]
    one, two = predict(model, egs)
    assert one.text == two.text and task("toy/copy").answer == "text"

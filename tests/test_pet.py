"""PET and iPET: the formulas by hand, what is drawn and what is left out, and whole runs of tiny models."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.nn.functional import kl_div, log_softmax
from transformers import AutoModelForMaskedLM

from t2t import pet as pet_module
from t2t.cli import cli
from t2t.config import Config
from t2t.demonstrations import Seen, near
from t2t.errors import DataError, ModelError, UsageError
from t2t.examples import Examples
from t2t.models import Options, build, find
from t2t.pet import Plan, draw, ensemble, generations, grow, labellers, pattern_weights, pet, pseudo_label
from t2t.sets import Sets, chosen_mix
from t2t.tasks import task
from t2t.train import learn, resume
from tests.test_encoder import WORDS, write_model
from tests.toy import known, write_rows

TASK = """task: toy/animal
title: cats and dogs
answer: choice
columns: {text: text, label: class}
source: {files: {train: train.jsonl, validation: validation.jsonl}}
prompts:
  plain: {input: "{text}", target: "{label|choice}", choices: [feline, canine]}
  pet-1: {cloze: "{text} it is {mask}.", target: "{label|choice}", choices: [in, and]}
  pet-2: {cloze: "{mask}: {text}", target: "{label|choice}", choices: [the, new]}
  three: {cloze: "{mask}: {text}", target: "{label|choice}", choices: [the, new, in]}
  row: {cloze: "{mask}: {text}", target: "{label|choice}", choices: ["{text}", "new {text}"]}
metrics: [accuracy]
"""


def rows(n: int, seed: int) -> list[dict[str, Any]]:
    """Return different rows of which a cat or a dog is said; of those as many."""
    rng, found = random.Random(seed), dict[str, int]()
    while len(found) < n:
        label = len(found) % 2
        words = [rng.choice(WORDS[:12]) for _ in range(5)]
        words[words.index("cat") if "cat" in words else rng.randrange(5)] = ("cat", "dog")[label]
        if ("cat" in words) + ("dog" in words) == 1:
            found[" ".join(words)] = label
    return [{"text": text, "label": label} for text, label in found.items()]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    top = tmp_path_factory.mktemp("animals")
    (top / "toy").mkdir()
    (top / "toy" / "animal.yaml").write_text(TASK, encoding="utf-8")
    drawn = rows(100, 1)
    write_rows(top / "toy" / "train.jsonl", drawn[:80])
    write_rows(top / "toy" / "validation.jsonl", drawn[80:])
    with known(top) as folder:
        yield folder


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("mlm"), auto=AutoModelForMaskedLM)


def plan(masked: Path, out: Path | None = None, **more: Any) -> Plan:
    own = {"task": "toy/animal", "model": str(masked), "labelled": 8, "unlabelled": 40, "patterns": ("pet-1", "pet-2"),
           "seeds": 2, "steps": 6, "classifier_steps": 12, "precision": "fp32", "learning_rate": 1e-3,
           "classifier_learning_rate": 3e-3, "max_input": 48, "out": str(out) if out else None}  # fmt: skip
    return Plan(**{**own, **more})


def made(name: str, texts: list[str], split: str = "train") -> Examples:
    return Examples(task(name), [{"text": text, "label": i % 2} for i, text in enumerate(texts)], split=split)


# -- the formulas ------------------------------------------------------------------------------------------------------


def test_the_ensemble_is_the_weighted_mean_of_scores() -> None:
    scores = np.array([[[1.0, 3.0]], [[2.0, -2.0]], [[0.0, 8.0]]])
    by_hand = (0.5 * 1 + 0.25 * 2 + 0.75 * 0) / 1.5, (0.5 * 3 + 0.25 * -2 + 0.75 * 8) / 1.5
    assert ensemble(scores, [0.5, 0.25, 0.75])[0] == pytest.approx(by_hand)
    assert ensemble(scores, [0.0, 0.0, 0.0])[0] == pytest.approx((1, 3)), "all wrong: as one"
    assert ensemble(scores, [0.0, 1.0, 0.0])[0] == pytest.approx((2, -2))
    assert pattern_weights([0.0, 0.0]) == [1, 1] and pattern_weights([0.0, 0.5]) == [0, 0.5]


@pytest.mark.parametrize(
    ("labelled", "growth", "asked"), [(10, 5, 3), (50, 5, 2), (100, 5, 2), (8, 5, 3), (40, 5, 2), (1, 10, 3), (0, 5, 4)]
)
def test_as_many_generations_as_a_thousand_examples_take(labelled: int, growth: int, asked: int) -> None:
    assert generations(labelled, growth) == asked
    size = (labelled or 10) * growth ** (asked - (labelled == 0))
    assert size >= 1000 > size / growth


def test_the_ratio_of_labels_is_kept() -> None:
    golds = [0] * 6 + [1] * 3 + [2]
    for generation in (1, 2, 3):
        more = np.array(grow(golds, 3, generation=generation, growth=5))
        assert (more + [6, 3, 1] == np.array([6, 3, 1]) * 5**generation).all()
    assert [sum(grow([], 4, generation=g)) for g in (1, 2, 3)] == [10, 50, 250]


def test_rows_are_drawn_by_confidence_of_those_that_are_given_the_label() -> None:
    scores = np.array([[4.0, 0.0], [0.1, 0.0], [0.0, 2.0], [0.0, 0.1], [3.0, 0.0]])
    times: Counter[tuple[int, int]] = Counter()
    for seed in range(600):
        drawn = pseudo_label(scores, [1, 1], np.random.default_rng(seed))
        assert [label for _, label in drawn] == [0, 1]
        times.update(drawn)
    assert {row for row, label in times if label == 0} == {0, 1, 4} and {r for r, lab in times if lab == 1} == {2, 3}
    share = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    for row in (0, 1, 4):
        assert times[row, 0] / 600 == pytest.approx(share[row, 0] / share[[0, 1, 4], 0].sum(), abs=0.06)
    again = pseudo_label(scores, [0, 5], np.random.default_rng(0))
    assert len(again) == 5 and {row for row, _ in again} == {2, 3}, "too few: drawn again, evenly"
    assert max(Counter(again).values()) <= 3
    assert pseudo_label(scores[:2], [1, 3], np.random.default_rng(0)) in ([(0, 0)], [(1, 0)]), "no row of a class"


def test_without_labelled_rows_the_likeliest_of_each_class_are_drawn() -> None:
    scores = np.stack([np.linspace(5, 6, 50), np.zeros(50)], 1)
    drawn = pseudo_label(scores, [5, 5], np.random.default_rng(0), top=10)
    assert Counter(label for _, label in drawn) == {0: 5, 1: 5}
    assert {row for row, label in drawn if not label} <= {*range(40, 50)}
    assert {row for row, label in drawn if label} <= {*range(10)}


def test_a_quarter_of_the_others_label_and_never_the_model_itself() -> None:
    seen = set()
    for seed in range(50):
        chosen = labellers(9, 4, 0.25, np.random.default_rng(seed))
        assert len(chosen) == len(set(chosen)) == 2 and 4 not in chosen
        seen |= set(chosen)
    assert seen == {*range(9)} - {4}
    assert labellers(2, 0, 0.25, np.random.default_rng(0)) == [1]


# -- the draw ----------------------------------------------------------------------------------------------------------


def test_nothing_that_is_scored_or_equal_is_drawn(tasks: Path) -> None:
    trained = made("toy/animal", ["the cat sat in york", "The cat, sat in York!", "a dog met anna in paris",
                                  "it rained in new york", "anna and bob met", "bob is in paris"])  # fmt: skip
    scored = [made("toy/animal", ["A dog met Anna in Paris.", "the dog"], "validation")]
    for seed in range(20):
        drawn = draw(trained, scored, labelled=2, unlabelled=100, seed=seed)
        assert (drawn.scored, drawn.twice) == (1, 1)
        places = [*drawn.labelled, *drawn.unlabelled]
        assert len(set(places)) == len(places) == 4 and 2 not in places and not {0, 1} <= set(places)
        fewer = draw(trained, scored, labelled=1, unlabelled=1, seed=seed)
        assert fewer.labelled == drawn.labelled[:1], "more labelled rows are the same and more"
    assert len({tuple(draw(trained, scored, labelled=2, unlabelled=2, seed=s).labelled) for s in range(20)}) > 5
    assert any("all but equal to one that is scored" in note for note in drawn.notes("toy/animal"))
    with pytest.raises(DataError, match="there are 4 that are not all but equal"):
        draw(trained, scored, labelled=4, unlabelled=1, seed=0)


def test_what_was_seen_is_found_as_by_looking_at_all() -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices("abc", k=rng.randint(1, 7))) for _ in range(150)]
    seen = Seen(texts[:75])
    assert [seen.has(text) for text in texts[75:]] == [
        any(near(text, old) for old in texts[:75]) for text in texts[75:]
    ]
    assert any(seen.has(text) for text in texts[75:]) and not all(seen.has(text) for text in texts[75:])


# -- whole runs --------------------------------------------------------------------------------------------------------


def test_a_run_has_a_report_of_how_it_was_taught(tasks: Path, masked: Path, tmp_path: Path) -> None:
    report = pet(plan(masked, tmp_path / "run"))
    said = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert said["rows"][0]["prompt"] == "plain" and said["rows"][0]["n"] == 20 == report.rows[0].n
    taught = said["pet"]
    assert sum(taught["labelled"]) == 8 and sum(taught["taught"]) == 40 and taught["generations"] == 0
    assert [(one["pattern"], one["seed"]) for one in taught["models"]] == [
        ("pet-1", 0), ("pet-1", 1), ("pet-2", 0), ("pet-2", 1),
    ]  # fmt: skip
    for one in taught["models"]:
        assert one["labels"] == taught["labelled"] and 0 <= one["before"] <= 100 and one["after"] >= one["before"]
    weights = {one["prompt"]: one["weight"] for one in taught["patterns"]}
    found = {one["pattern"]: one["before"] / 100 for one in taught["models"]}
    assert weights == pytest.approx(found if any(found.values()) else dict.fromkeys(found, 1.0))
    assert (
        said["cost"]["train_seconds"]
        == report.cost["train_seconds"]
        == pytest.approx(sum(taught["seconds"].values()), abs=0.11)
    )
    assert said["cost"]["train_tokens"] > said["texts"]["toy/animal"]["input_tokens"]
    assert "pet:8+40" in said["signature"] and any("8 labelled rows" in note for note in said["notes"])
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir()) == [
        "checkpoints",
        "eval",
        "model",
    ]
    assert find(str(tmp_path / "run")).family == "encoder"
    lines = (tmp_path / "run" / "eval" / "validation" / "toy-animal.rank.predictions.jsonl").read_text().splitlines()
    assert len(lines) == 20
    with pytest.raises(UsageError, match="made by another command"):
        resume(tmp_path / "run")


@pytest.mark.parametrize("more", [{}, {"generations": 1}])
def test_a_run_is_the_same_again(more: dict[str, Any], tasks: Path, masked: Path, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        pet(plan(masked, tmp_path / name, **more))
        files.append((tmp_path / name / "model" / "model.safetensors").read_bytes())
    assert files[0] == files[1]
    if more:
        return
    pet(plan(masked, tmp_path / "other", seed=7))
    assert (tmp_path / "other" / "model" / "model.safetensors").read_bytes() != files[0]


def test_the_classifier_learns_what_the_ensemble_says(
    tasks: Path, masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores are those of the models, weighted; the loss of the classifier is KL at T = 2, times T²."""
    kept: dict[str, Any] = {}

    def catch(plan: Plan, stage: Any, found: Sets, *rest: Any) -> Any:
        kept.update(stage=stage, found=found)
        return true(plan, stage, found, *rest)

    true = pet_module._distil
    monkeypatch.setattr(pet_module, "_distil", catch)
    pet(plan(masked, tmp_path / "run", labelled=0, seeds=1, classifier_steps=1))
    stage, egs = kept["stage"], kept["found"].train["toy/animal"]
    untrained = build(find(str(masked), "cloze"), Options(precision="fp32", max_input=48))
    scores = []
    for name in ("pet-1", "pet-2"):
        own = stage.unlabelled.under(task("toy/animal").prompts[name])
        assert all(eg.gold is None and not eg.target for eg in own)
        scores.append(untrained.score(own[:]))  # type: ignore[attr-defined]
    asked = np.mean(scores, 0)
    assert np.array([eg.taught for eg in egs]) == pytest.approx(asked, abs=1e-5)
    student = build(find(str(tmp_path / "run")), Options(precision="fp32", max_input=48))
    student.prepare({"toy/animal": egs}, training=True)
    student.net.eval()
    outputs = torch.tensor(student.rank(egs[:]))
    by_hand = 4 * kl_div(log_softmax(outputs / 2, -1), log_softmax(torch.tensor(asked) / 2, -1), reduction="sum",
                         log_target=True)  # fmt: skip
    assert student.loss(student.batch(egs[:])).nats.item() == pytest.approx(by_hand.item(), rel=1e-3)


def test_generations_learn_from_others_and_from_the_labelled_rows(
    tasks: Path, masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[int, list[int]]] = []
    sets_: list[list[tuple[str, Any]]] = []

    def others(count: int, number: int, share: float, rng: np.random.Generator) -> list[int]:
        used.append((number, labellers(count, number, share, rng)))
        return used[-1][1]

    def watched(config: Config, given: Sets, *, model: Any) -> Any:
        sets_.append([(eg.uid, eg.gold) for eg in given.train["toy/animal"]])
        return learn(config, given, model=model)

    monkeypatch.setattr(pet_module, "labellers", others)
    monkeypatch.setattr(pet_module, "learn", watched)
    pet(plan(masked, tmp_path / "run", labelled=4, generations=2, growth=2, steps=2))
    said = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))["pet"]
    assert len(said["models"]) == len(sets_) == 12 and said["generations"] == 2
    assert [number for number, _ in used] == [0, 1, 2, 3] * 2 and all(n not in chosen for n, chosen in used)
    first, truth = sets_[0], dict(sets_[0])
    for at, (one, own) in enumerate(zip(said["models"], sets_, strict=True)):
        size = 4 * 2 ** (at // 4)
        assert own[:4] == first, "the labelled rows, with their labels"
        short = [c for c, drawn in zip(said["labelled"], one["labels"], strict=True) if c and drawn == c]
        assert len(own) == size or short, "a class that no model gives may lack"
        assert not {uid for uid, _ in own[4:]} & truth.keys()
        for c, drawn in zip(said["labelled"], one["labels"], strict=True):
            assert drawn in (c, c * 2 ** (at // 4))
    assert any(a != b for a, b in zip(sets_[4], sets_[5], strict=False))


def test_generations_without_labelled_rows(tasks: Path, masked: Path, tmp_path: Path) -> None:
    pet(plan(masked, tmp_path / "run", labelled=0, generations=2, growth=2, steps=2, classifier_steps=2))
    said = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))["pet"]
    sizes = [(one["generation"], sum(one["labels"])) for one in said["models"]]
    assert sizes[:8] == [(0, 0)] * 4 + [(1, 10)] * 4 and all(one["before"] is None for one in said["models"])
    assert all(one["labels"] == [5, 5] for one in said["models"][4:8])
    assert all(one["weight"] == 1 for one in said["patterns"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"patterns": ("pet-1", "pet-9")}, 'no prompt "pet-9"'),
        ({"patterns": ("pet-1", "plain")}, "patterns have a cloze"),
        ({"prompt": "pet-2"}, "patterns have a cloze"),
        ({"patterns": ("pet-1", "three")}, "the same 2 choices"),
        ({"patterns": ("row",)}, "the same 2 choices"),
        ({"patterns": ("pet-1",), "seeds": 1, "generations": 1}, "there is one"),
        ({"task": "glue/stsb"}, "a task with choices"),
        ({"labelled": 90}, "Ask for fewer"),
    ],
)
def test_what_cannot_be_is_said_at_once(
    more: dict[str, Any], message: str, tasks: Path, masked: Path, tmp_path: Path
) -> None:
    with pytest.raises((UsageError, DataError), match=message):
        pet(plan(masked, tmp_path / "run", **more))
    assert not (tmp_path / "run").exists()


def test_a_model_without_a_head_is_refused_and_leaves_no_folder(tasks: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "bare")
    with pytest.raises(ModelError, match="no masked language model's head"):
        pet(plan(tmp_path / "bare", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong", [{"seeds": 0}, {"labelled": -1}, {"generations": -2}, {"growth": 1}, {"others": 0.0}, {"mlm_weight": 2.0}]
)
def test_plans_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Plan(task="toy/animal", model="m", **wrong)


def test_the_command(tasks: Path, masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    few = [
        "--labelled",
        "4",
        "--unlabelled",
        "10",
        "--seeds",
        "1",
        "--steps",
        "1",
        "--classifier-steps",
        "1",
        "--mlm-weight",
        "0",
    ]
    asked = ["pet", "--task", "toy/animal", "--model", str(masked), "--patterns", "pet-1,pet-2", *few]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    assert "toy/animal" in done.output and (tmp_path / "runs" / "pet-toy-animal-1" / "report.html").is_file()
    assert isinstance(CliRunner().invoke(cli, [*asked, "--generations", "many"]).exception, UsageError)


# -- in memory ---------------------------------------------------------------------------------------------------------


def test_learning_in_memory_is_what_a_run_learns(tasks: Path, masked: Path, tmp_path: Path) -> None:
    from t2t import sets
    from t2t.train import train

    config = Config(task=("toy/animal",), model=str(masked), family="cloze", steps=4, batch_tokens=200,
                    precision="fp32", learning_rate=1e-3, max_input=48, out=str(tmp_path / "run"))  # fmt: skip
    found = sets.load(config, preferred=("pet-1",))
    model = build(find(str(masked), "cloze"), Options(precision="fp32", max_input=48))
    run = learn(config, Sets(chosen_mix(config), train=found.train), model=model)
    assert run.state.step == 4 and not model.net.training
    train(config)
    saved = build(find(str(tmp_path / "run")), Options(precision="fp32", max_input=48))
    assert saved.family == "cloze"
    for name, tensor in saved.net.state_dict().items():
        assert torch.equal(tensor, model.net.state_dict()[name]), name


def test_the_classifier_learns_the_task(tasks: Path, masked: Path, tmp_path: Path) -> None:
    """From few labelled rows, and more without labels, the word that matters is found."""
    more = {"labelled": 24, "unlabelled": 56, "steps": 80, "classifier_steps": 150, "seeds": 1, "learning_rate": 1e-2,
            "classifier_learning_rate": 1e-2}  # fmt: skip
    report = pet(plan(masked, tmp_path / "run", **more))
    assert report.rows[0].value >= 80

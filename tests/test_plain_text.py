"""Models measured on plain text: what is asked of them by default, what is said of it, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from t2t import runs
from t2t.errors import NonFiniteError, UsageError
from t2t.plain_text import evaluate_text
from t2t.train import Watch, train
from tests.test_causal import build as build_causal
from tests.test_causal import tokenizer
from tests.test_encoder import write_model as write_bert
from tests.test_stretches import book, cache
from tests.toy import config

FIXTURES = (book, cache)


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny causal model."""
    folder = tmp_path_factory.mktemp("gpt")
    build_causal("gpt2").save_pretrained(folder)
    tokenizer("gpt2").save_pretrained(folder)
    return str(folder)


def measured(model: str | Path, *corpora: str, **settings: Any) -> dict[str, Any]:
    """Return the report of a model on corpora, in stretches of few tokens; it is the only one in its folder."""
    out = Path(corpora[0]).parent / "measured"
    settings = {"max_input": 32, "precision": "fp32", "out": str(out), **settings}
    folder = evaluate_text(str(model), {"corpus": list(corpora), **settings}, watch=Watch())
    found: dict[str, Any] = runs.read_json(folder / "report.json")
    return found


def figures(model: str | Path, name: str, **settings: Any) -> dict[str, Any]:
    (found,) = measured(model, name, **settings)["held_out"].values()
    return dict(found)


def fields(found: dict[str, Any]) -> dict[str, str]:
    return dict(field.split(":", 1) for field in found["signature"].split("|"))


@pytest.fixture
def run(tmp_path: Path, tiny: Path, book: str) -> Path:
    """A run that was pretrained on the book in a way of its own."""
    folder = tmp_path / "run"
    how = {"mix": None, "corpus": (book,), "objective": "iid", "noise_density": 0.3, "max_input": 32}
    train(config(folder, model=str(tiny), steps=1, label_smoothing=0.1, seed=7, **{**how, "task": ()}))
    return folder


def test_a_text_to_text_model_restores_spans_and_the_report_says_how(tiny: Path, book: str) -> None:
    report = measured(tiny, book, eval_limit=5)
    (found,) = report["held_out"].values()
    assert set(report["held_out"]) == {f"pretraining/text:{book}"} and report["rows"] == []
    assert found["stretches"] == 5 and fields(found)["objective"] == "span_corruption"
    low, high = found["nats_per_token_interval"]
    assert low < found["nats_per_token"] < high and math.log(8128) - 2 < found["nats_per_token"]
    assert found["bits_per_byte"] > 0 and "perplexity" not in found
    assert report["cost"]["parameters"] > 0 and any("documents" in note for note in report["notes"])


def test_a_causal_model_goes_on_with_the_text_and_has_a_perplexity(gpt: str, book: str) -> None:
    found = figures(gpt, book, eval_limit=5)
    assert fields(found)["objective"] == "lm" and found["tokens"] == 5 * 31
    assert found["perplexity"] == pytest.approx(math.exp(found["nats_per_token"]), rel=1e-4)
    with pytest.raises(UsageError, match="objective lm"):
        measured(gpt, book, objective="iid")


def test_a_run_is_asked_what_it_was_pretrained_on(run: Path, book: str) -> None:
    own = fields(figures(run, book))
    assert (own["objective"], own["density"], own["seed"]) == ("iid", "0.3", "42")  # the seed is everyone's
    spans = fields(figures(run, book, objective="span_corruption"))
    assert (spans["objective"], spans["density"]) == ("span_corruption", "0.15")
    assert fields(figures(run, book, noise_density=0.2))["density"] == "0.2"
    assert fields(figures(run, book, seed=3))["seed"] == "3"


def test_two_models_of_one_vocabulary_are_asked_the_same_and_a_run_no_smoothed_loss(
    run: Path, tiny: Path, book: str
) -> None:
    own, other = figures(run, book), figures(tiny, book, objective="iid", noise_density=0.3)
    assert own["signature"] == other["signature"] and own["tokens"] == other["tokens"]
    assert own["nats_per_token"] != other["nats_per_token"]
    assert figures(run / "model", book, objective="iid", noise_density=0.3) == own


def test_the_report_of_a_run_and_its_measurement_say_the_same(tmp_path: Path, tiny: Path, book: str) -> None:
    how = {"mix": None, "task": (), "corpus": (book,), "validation": book, "max_input": 32, "seed": 42}
    train(config(tmp_path / "run", model=str(tiny), steps=1, **how))
    (said,) = runs.read_json(tmp_path / "run" / "report.json")["held_out"].values()
    found = figures(tmp_path / "run", book)
    assert {**said, "signature": ""} == {**found, "signature": ""}
    assert fields(said).items() - fields(found).items() == {("split", "validation")}


def test_a_text_that_a_run_was_trained_on_is_noted(tmp_path: Path, run: Path, tiny: Path, book: str) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"body": "Something else, and rather long for a text. " * 40}) + "\n")
    assert [note for note in measured(run, book)["notes"] if "very text" in note]
    assert not [note for note in measured(tiny, book)["notes"] if "very text" in note]
    assert not [note for note in measured(run, str(other), column="body")["notes"] if "very text" in note]


def test_several_corpora_are_measured_each_by_itself(tmp_path: Path, tiny: Path, book: str) -> None:
    (tmp_path / "other.txt").write_text("Something else altogether, and rather long for a text.\n\n" * 60)
    both = measured(tiny, book, str(tmp_path / "other.txt"))["held_out"]
    assert list(both) == [f"pretraining/text:{book}", f"pretraining/text:{tmp_path / 'other.txt'}"]
    assert both[f"pretraining/text:{book}"] == figures(tiny, book)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"task": "glue/rte"}, "plain text has no task"),
        ({"mix": "glue", "shots": 2}, "plain text has no mix, shots"),
        ({"by": "rank"}, "plain text has no by"),
        ({"precision": "int8"}, "int8 is for answering"),
        ({"objective": "mlm"}, "objective: expected"),
    ],
)
def test_what_means_nothing_here_is_refused(tiny: Path, book: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        measured(tiny, book, **settings)


def test_families_without_such_a_loss_are_refused(tmp_path: Path, book: str) -> None:
    for model, family in ((str(write_bert(tmp_path / "bert", "bert")), "encoder"), ("baseline:majority", "baseline")):
        with pytest.raises(UsageError, match=f"family {family} are not measured"):
            measured(model, book)


def test_a_loss_that_is_not_finite_is_an_error(tmp_path: Path, book: str) -> None:
    from tests.toy import build, write_model

    folder, net = write_model(tmp_path / "broken"), build()
    net.shared.weight.data.fill_(float("nan"))
    net.save_pretrained(folder)
    with pytest.raises(NonFiniteError, match="not finite"):
        measured(folder, book)

"""Pretraining as a user types it: corpora, mixes with tasks, continued and fresh weights, and faults."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.test_cli import Run, t2t
from tests.toy import lines

FIXTURES = (t2t,)
SMALL = ("--batch-tokens", "200", "--max-input", "24", "--set", "window=48", "--set", "log_every=1")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def book(t2t: Run) -> str:
    words = random.Random(1)
    Path("book.txt").write_text("\n\n".join(" ".join(words.choices("abcdefgh", k=60)) for _ in range(60)))
    return "book.txt"


def report(name: str) -> Any:
    return json.loads((Path(name) / "report.json").read_text())


def test_it_learns_measures_and_says_what_it_saw(t2t: Run, book: str, tiny: Path) -> None:
    done = t2t("pretrain", "--corpus", book, "--model", str(tiny), "--steps", "30", "--eval-every", "10",
               "--learning-rate", "3e-3", "--out", "one", *SMALL)  # fmt: skip
    assert done.code == 0, done.err
    assert "book.txt: 60 documents" in done.err and "bits a byte" in done.out
    held = [next(iter(line["held_out"].values())) for line in lines(Path("one")) if "held_out" in line]
    assert len(held) == 2  # the last one stands in the report
    (last,) = report("one")["held_out"].values()
    assert held[0]["nats_per_token"] > held[1]["nats_per_token"] > last["nats_per_token"]
    steps = [line for line in lines(Path("one")) if "loss" in line]
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert "% of the limit" in done.err
    assert "bits a byte" in (Path("one") / "report.md").read_text()
    page = (Path("one") / "report.html").read_text()
    assert "Loss on plain text" in page and "Nothing was scored" not in page and f"<code>{last['signature']}" in page
    assert report("one")["mixture"]["pretraining/text:book.txt"]["drawn"] == steps[-1]["examples"]


def test_it_goes_on_from_weights_or_begins_anew(t2t: Run, book: str, tiny: Path) -> None:
    first = t2t("pretrain", "--corpus", book, "--model", str(tiny), "--steps", "2", "--out", "one", *SMALL)
    assert first.code == 0, first.err
    again = t2t("pretrain", "--corpus", book, "--model", "one", "--steps", "1", "--learning-rate", "0", "--out", "two",
                *SMALL)  # fmt: skip
    assert again.code == 0, again.err
    anew = t2t("pretrain", "--corpus", book, "--model", "one", "--fresh", "--steps", "1", "--learning-rate", "0",
               "--out", "three", *SMALL)  # fmt: skip
    assert anew.code == 0 and "random weights" in anew.err, anew.err
    one, two, three = (load_file(Path(name) / "model" / "model.safetensors") for name in ("one", "two", "three"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], three[name]) for name in one)


def test_a_run_from_random_weights_is_scored_with_those_it_learned(t2t: Run, toys: Path, tiny: Path) -> None:
    words = ("--task", "toy/vowel", "--by", "rank", "--precision", "fp32", "--max-target", "24")
    done = t2t("train", "--model", str(tiny), "--fresh", "--steps", "20", "--out", "one", *words, *SMALL)
    assert done.code == 0 and "random weights" in done.err, done.err
    again = t2t("eval", "one", "--out", "two", "--by", "rank")
    assert again.code == 0 and "random weights" not in again.err, again.err
    first, second = (next((Path(name) / "eval").rglob("*.jsonl")).read_text() for name in ("one", "two"))
    assert first == second


def test_tasks_can_be_learned_beside_text(t2t: Run, toys: Path, book: str, tiny: Path) -> None:
    done = t2t("pretrain", "--corpus", f"{book}=2", "--mix", "toy", "--model", str(tiny), "--steps", "20",
               "--max-target", "24", "--objective", "prefix_lm", "--out", "one", *SMALL)  # fmt: skip
    assert done.code == 0, done.err
    found = report("one")
    assert found["mixture"]["pretraining/text:book.txt"]["share_percent"] == pytest.approx(67, abs=12)
    assert {row["task"] for row in found["rows"]} == {"toy/copy", "toy/reverse", "toy/vowel"}
    assert set(found["held_out"]) == {"pretraining/text:book.txt"}


@pytest.mark.parametrize("objective", ["iid", "deshuffling", "ul2", "lm"])
def test_other_objectives(t2t: Run, book: str, tiny: Path, objective: str) -> None:
    done = t2t("pretrain", "--corpus", book, "--model", str(tiny), "--steps", "2", "--objective", objective,
               "--set", "accumulate=2", "--out", "one", *SMALL)  # fmt: skip
    assert done.code == 0, done.err


def test_a_causal_model_is_pretrained_as_a_language_model(t2t: Run, book: str) -> None:
    from tests.test_causal import build, tokenizer

    build("gpt2").save_pretrained("gpt")
    tokenizer("gpt2").save_pretrained("gpt")
    how = ("--corpus", book, "--model", "gpt", "--steps", "20", "--learning-rate", "3e-3")
    refused = t2t("pretrain", *how, *SMALL)
    assert refused.code == 2 and "--objective lm" in refused.err
    done = t2t("pretrain", *how, "--objective", "lm", "--out", "one", *SMALL)
    assert done.code == 0, done.err
    steps = [line["loss"] for line in lines(Path("one")) if "loss" in line]
    assert steps[-1] < steps[0] - 0.5
    (held,) = report("one")["held_out"].values()
    assert held["nats_per_token"] < steps[0] and held["bits_per_byte"] > 0


def test_what_was_pretrained_is_measured_on_other_text_and_compared(t2t: Run, book: str, tiny: Path) -> None:
    done = t2t("pretrain", "--corpus", book, "--model", str(tiny), "--steps", "20", "--learning-rate", "3e-3", "--out",
               "one", *SMALL)  # fmt: skip
    assert done.code == 0, done.err
    words = random.Random(2)
    Path("other.jsonl").write_text(json.dumps({"body": " ".join(words.choices("abcdefgh", k=2000))}) + "\n")
    how = ("--corpus", "other.jsonl", "--column", "body", "--set", "max_input=24")
    done = t2t("eval", "one", *how, "--limit", "9", "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["held_out"].values()
    assert found["stretches"] == 9 and Path("runs/eval-one-1/report.md").is_file()
    done = t2t("eval", str(tiny), *how, "--limit", "9", "--out", "before")
    assert done.code == 0 and found["signature"] in done.out.replace("\n", ""), done.err
    assert found["signature"] in (Path("before") / "report.md").read_text()
    done = t2t("compare", "before", "runs/eval-one-1")
    assert done.code == 0 and "loss on plain text by run" in done.out and "differ" not in done.out, done.err
    assert f"{found['bits_per_byte']:.4f}" in done.out
    first, second = json.loads(t2t("compare", "before", "runs/eval-one-1", "--json").out)["texts"]
    assert first["nats_per_token"] > second["nats_per_token"] == found["nats_per_token"]


def test_resuming_refuses_a_corpus_that_has_changed(t2t: Run, book: str, tiny: Path) -> None:
    done = t2t("pretrain", "--corpus", book, "--model", str(tiny), "--steps", "2", "--out", "one", *SMALL)
    assert done.code == 0, done.err
    again = t2t("resume", "one", "--set", "steps=4")
    assert again.code == 0 and "% of the limit" in again.err
    Path(book).write_text(Path(book).read_text().replace("a b", "b a"))
    done = t2t("resume", "one", "--set", "steps=6")
    assert done.code == 5 and "data" in done.err


def test_an_encoder_s_objective_takes_the_corpus_as_its_rows(t2t: Run) -> None:
    from t2t.cli_train import _of_encoder

    Path("my.jsonl").write_text("")
    assert _of_encoder({"objective": "mlm", "corpus": ["my.jsonl"]}) == {
        "task": ["pretraining/mlm:corpora/wiki_en:text"],
        "source": "train=my.jsonl",
    }
    assert _of_encoder({"objective": "mlm", "corpus": ["some/set"], "column": "body"}) == {
        "task": ["pretraining/mlm:some/set:body"]
    }
    held = {"objective": "mlm", "corpus": ["my.jsonl"], "validation": "held.jsonl"}
    assert _of_encoder(held)["source"] == "train=my.jsonl,validation=held.jsonl"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--corpus", "none.txt"), 2, "none.txt"),
        (("--corpus", "book.txt", "--objective", "span_coruption"), 2, 'Did you mean "span_corruption"'),
        (("--corpus", "book.txt", "--objective", "mlm", "--mix", "glue"), 2, "one corpus alone"),
        (("--corpus", ".", "--objective", "mlm"), 2, "rows of one file"),
        (("--corpus", "*.txt", "--objective", "mlm"), 2, "rows of one file"),
        (("--corpus", "a/set", "--objective", "mlm", "--validation", "book.txt"), 2, "its own split validation"),
        (("--corpus", "book.txt", "--objective", "mlm", "--noise-density", "0.3"), 2, "no noise_density"),
        (("--corpus", "book.txt", "--objective", "lm", "--mean-span", "4"), 2, "span"),
        (("--corpus", "book.txt", "--noise-density", "1.5"), 2, "density"),
        (("--corpus", "book.txt", "--max-input", "9000"), 3, "book.txt: the corpus has"),
        (("--corpus", "book.jsonl"), 3, "book.jsonl:1"),
        (("--corpus", "book.txt=x"), 2, "book.txt=x"),
        (("--corpus", "book.txt=-1"), 2, "-1"),
    ],
)
def test_faults(t2t: Run, book: str, tiny: Path, words: tuple[str, ...], code: int, said: str) -> None:
    Path("book.jsonl").write_text('{"body": "x"}\n')
    done = t2t("pretrain", "--model", str(tiny), "--steps", "1", "--batch-tokens", "200", *words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_dry_run_keeps_nothing(t2t: Run, book: str, tiny: Path) -> None:
    done = t2t("pretrain", "--corpus", book, "--model", str(tiny), "--dry-run", *SMALL)
    assert done.code == 0 and "parameters" in done.out, done.err
    assert not Path("runs").exists()

"""`t2t vocab` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from t2t.cli import cli
from t2t.errors import T2TError

SAMPLE = str(Path(__file__).resolve().parents[1] / "data" / "pretraining")
SMALL = ("--corpus", SAMPLE, "--size", "500")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T2T_OFFLINE", "1")
    monkeypatch.delenv("T2T_HUB", raising=False)
    return tmp_path


def vocab(*words: str) -> Result:
    return CliRunner().invoke(cli, ["vocab", *words])


def fault(*words: str) -> T2TError:
    error = vocab(*words).exception
    assert isinstance(error, T2TError), error
    return error


def test_a_vocabulary_is_trained_written_audited_and_loaded(here: Path) -> None:
    from t2t.tokens import load_tokenizer

    done = vocab(*SMALL, "--out", "new", "--modes")
    assert done.exit_code == 0, done.output
    assert "tokens a word" in done.output and "lines that were not learnt from" in done.output
    assert sorted(path.name for path in (here / "new").iterdir()) == [
        "spiece.model", "tokenizer.json", "tokenizer_config.json", "vocabulary.json",
    ]  # fmt: skip
    record = json.loads((here / "new" / "vocabulary.json").read_text(encoding="utf-8"))
    assert record["size"] == 500 and record["seed"] == 42 and len(record["corpora"][0]["sha256"]) == 64
    assert len(load_tokenizer(str(here / "new"))) == 603


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_two_runs_write_the_same_bytes(here: Path, kind: str) -> None:
    for name in ("a", "b"):
        assert vocab(*SMALL, "--type", kind, "--characters", "50000", "--out", name).exit_code == 0
    for path in (here / "a").iterdir():
        assert path.read_bytes() == (here / "b" / path.name).read_bytes(), path.name


def test_only_an_audit(here: Path) -> None:
    done = vocab("--audit", "t2t-mini", "--corpus", SAMPLE, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["audit"]
    assert (found["entries"], found["sentinels"], found["comes_back"], found["control"]) == (8100, 100, 100.0, [])


def test_json_of_training(here: Path) -> None:
    found = json.loads(vocab(*SMALL, "--out", "new", "--json").stdout)
    assert found["out"] == "new" and found["type"] == "unigram" and found["audit"]["entries"] == 600


def test_a_folder_that_is_taken(here: Path) -> None:
    (here / "new").mkdir()
    assert vocab(*SMALL, "--out", "new").exit_code == 0
    error = fault(*SMALL, "--out", "new")
    assert error.exit_code == 2 and "there is a tokenizer already" in str(error)
    (here / "file").write_text("x")
    assert "is a file" in str(fault(*SMALL, "--out", "file"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--corpus", SAMPLE), 2, "either --out DIR, to train, or --audit"),
        (("--corpus", SAMPLE, "--out", "a", "--audit", "t2t-mini"), 2, "either --out DIR, to train, or --audit"),
        (("--corpus", SAMPLE, "--audit", "t2t-mini", "--type", "bpe"), 2, "--type is of training"),
        (("--corpus", SAMPLE, "--audit", "nothing"), 4, "no tokenizer is here"),
        (("--corpus", "nothing", "--out", "a"), 2, "no such file or directory"),
        (("--corpus", SAMPLE, "--out", "a", "--column", "body"), 3, "is missing"),
        (("--corpus", SAMPLE, "--out", "a", "--size", "60000"), 2, "more than the text gives: at most"),
        (("--corpus", SAMPLE, "--out", "a", "--characters", "3"), 3, "no line has as few as 3 characters"),
    ],
)
def test_faults(here: Path, words: tuple[str, ...], code: int, said: str) -> None:
    error = fault(*words)
    assert error.exit_code == code and said in str(error)
    assert not (here / "a").exists()

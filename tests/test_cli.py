"""The command line as a user types it: what it prints, what it writes, and how each fault ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from t2t import cli, cli_ls


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def t2t(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Type a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T2T_OFFLINE", "1")
    monkeypatch.delenv("T2T_HUB", raising=False)

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["t2t", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return Done(int(ended.value.code or 0), shown.out, shown.err)

    return run


TINY = ("--set", "window=48", "--batch-tokens", "160", "--max-input", "48", "--max-target", "24", "--precision", "fp32")


@pytest.fixture
def run(t2t: Run, toys: Path, tiny: Path) -> Path:
    """A finished tiny run."""
    done = t2t("train", "--mix", "toy", "--model", str(tiny), "--steps", "3", "--out", "one", *TINY)
    assert done.code == 0, done.err
    return Path("one").resolve()


@pytest.mark.parametrize("what", ["tasks", "mixes", "prompts", "models", "families", "metrics", "objectives"])
def test_every_list_prints_a_table_and_json(t2t: Run, what: str) -> None:
    rows = json.loads(t2t("ls", what, "--json").out)
    assert rows
    first = str(next(iter(rows[0].values())))
    assert first in t2t("ls", what).out


def test_listing_imports_no_torch() -> None:
    code = "import sys; sys.argv = ['t2t', 'ls', 'models']\nfrom t2t import cli\n"
    code += "try:\n cli.main()\nexcept SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_every_command_has_help(t2t: Run) -> None:
    for name in cli.cli.commands:
        assert "Usage: t2t" in t2t(name, "--help").out, name


def test_a_prompt_is_shown_and_rendered(t2t: Run) -> None:
    assert "{label|nearest_fifth}" in t2t("prompt", "show", "glue/stsb").out
    shown = t2t("prompt", "render", "glue/wnli", "--set", "sentence1=A.", "--set", "sentence2=B.", "--set", "label=0")
    assert shown.out == "input   wnli sentence1: A. sentence2: B.\ntarget  not_entailment\n"
    eg = json.loads(t2t("prompt", "render", "glue/rte", "--source", "sample", "--row", "2", "--json").out)
    assert eg["uid"] == "glue/rte:validation:2" and eg["input"].startswith("rte sentence1: ")
    done = t2t("prompt", "render", "glue/rte", "--source", "sample", "--prompt", "all")
    assert done.code == 2 and "a row is rendered under one prompt" in done.err


def test_a_run_has_every_file_of_the_contract(run: Path) -> None:
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    for name in ("run.yaml", "env.json", "metrics.jsonl", "report.json", "report.md", "report.html", "README.md"):
        assert name in names
    assert {"model/config.json", "model/model.safetensors", "checkpoints/step-000003/manifest.json"} <= names
    assert "eval/validation/toy-copy.predictions.jsonl" in names
    report = json.loads((run / "report.json").read_text())
    assert {"t2t", "run", "source", "split", "signature", "rows", "average", "cost"} <= set(report)
    row = {
        "task",
        "metric",
        "value",
        "unit",
        "low",
        "high",
        "n",
        "unparsed",
        "by",
        "prompt",
        "prompt_hash",
        "signature",
    }
    assert all(set(each) == row for each in report["rows"])
    cost = {"parameters", "trainable_parameters", "train_seconds", "train_tokens", "eval_seconds"}
    cost |= {"examples_per_second", "peak_memory_mb"}
    assert set(report["cost"]) == cost
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"step", "seconds", "loss", "lr", "tokens_per_second"} <= set(lines[0])
    pred = json.loads((run / "eval/validation/toy-copy.predictions.jsonl").read_text().splitlines()[0])
    assert {"uid", "input", "target", "text", "answer", "unparsed"} <= set(pred)


def test_eval_predict_report_and_compare_of_a_run(t2t: Run, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = t2t("eval", "one", "--task", "toy/vowel", "--by", "both", "--json")
    assert done.code == 0, done.err
    assert [row["by"] for row in json.loads(done.out)["rows"]] == ["write", "rank"]
    assert (run / "eval/validation/toy-vowel.rank.predictions.jsonl").is_file()
    assert "toy/vowel" in t2t("report", "one").out
    assert json.loads(t2t("compare", "one", "one", "--json").out)["differences"][0]["difference"] == 0
    Path("rows.jsonl").write_text('{"text": "a b"}\n{"text": "c </s> <extra_id_0>"}\n')
    done = t2t("predict", "one", "--task", "toy/vowel", "--input", "rows.jsonl", "--by", "rank")
    preds = [json.loads(line) for line in done.out.splitlines()]
    assert [pred["input"] for pred in preds] == ["vowel: a b", "vowel: c </s> <extra_id_0>"]
    assert all(len(pred["choice_nats"]) == 2 for pred in preds)
    for how in (("--plain",), ("--precision", "int8")):
        done = t2t("predict", "one", "--task", "toy/vowel", "--input", "rows.jsonl", "--by", "constrained", *how)
        assert all(json.loads(line)["answer"] is not None for line in done.out.splitlines()), done.err
    done = t2t("eval", "one", "--task", "toy/vowel,toy/copy", "--by", "constrained", "--beams", "2", "--json")
    assert [row["by"] for row in json.loads(done.out)["rows"]] == ["constrained", "write"]
    assert "|beams:2|by:constrained|" in json.loads(done.out)["signature"]
    kept = (run / "eval/validation/toy-vowel.rank.predictions.jsonl").read_text()
    Path("others.jsonl").write_text('{"text": "a b", "label": 1}\n')
    done = t2t("eval", "one", "--task", "toy/vowel", "--by", "rank", "--source", "validation=others.jsonl", "--json")
    assert json.loads(done.out)["rows"][0]["n"] == 1, done.err
    assert (run / "eval/validation/toy-vowel.rank.predictions.jsonl").read_text() == kept, "other rows took their place"
    Path("lines.txt").write_text("copy: a b\nanything\n")
    assert t2t("predict", "one", "--input", "lines.txt", "--out", "answers.jsonl").code == 0
    assert len(Path("answers.jsonl").read_text().splitlines()) == 2


def test_answers_that_were_given_before_an_interrupt_are_kept(t2t: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
        yield from ({"uid": str(i)} for i in range(2))
        raise KeyboardInterrupt

    monkeypatch.setattr("t2t.apply.predict_rows", answers)
    kept = '{"uid": "0"}\n{"uid": "1"}\n'
    done = t2t("predict", "any")
    assert (done.code, done.out) == (130, kept)
    Path("answers.jsonl").write_text("of an earlier time")
    done = t2t("predict", "any", "--out", "answers.jsonl")
    assert done.code == 130 and "answers.jsonl.part" in done.err
    assert Path("answers.jsonl.part").read_text() == kept and Path("answers.jsonl").read_text() == "of an earlier time"


def test_each_answer_is_out_before_the_next_is_given(t2t: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    seen: list[bytes] = []

    def answers(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
        yield {"uid": "0"}
        seen.append(os.read(read, 100))
        os.close(read)
        yield from ({"uid": str(i)} for i in range(1, 1000))

    monkeypatch.setattr("t2t.apply.predict_rows", answers)
    with os.fdopen(write, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert t2t("predict", "any").code == 141
    assert seen == [b'{"uid": "0"}\n']


def test_a_model_that_is_no_run_is_evaluated(t2t: Run, toys: Path, tiny: Path) -> None:
    done = t2t("eval", str(tiny), "--task", "toy/vowel", "--out", "here", "--limit", "5")
    assert done.code == 0, done.err
    assert json.loads(Path("here/report.json").read_text())["rows"][0]["n"] == 5


def test_dry_run_leaves_nothing(t2t: Run, toys: Path, tiny: Path) -> None:
    done = t2t("train", "--mix", "toy", "--model", str(tiny), "--steps", "5", "--dry-run", *TINY)
    assert done.code == 0 and "source_N" in done.out
    assert not list(Path().iterdir())


def test_check_reads_files_rows_and_checkpoints(t2t: Run, run: Path) -> None:
    assert "sound" in t2t("check").out
    rows = json.loads(t2t("check", "toy", "one", "--json").out)
    assert {row["split"] for row in rows if row.get("task") == "toy/copy"} == {"train", "validation"}
    assert rows[-1]["said"] == "sound"
    weights = run / "checkpoints/step-000003/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = t2t("check", "one")
    assert done.code == 5 and "sha256" in done.out


def test_fetch_writes_a_directory_that_serves(t2t: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub" / "nyu-mll" / "glue"
    (hub / "rte").mkdir(parents=True)
    rows = {"sentence1": ["It rained."] * 4, "sentence2": ["It was wet."] * 4, "label": [0, 1, 0, 1]}
    splits = ("train", "validation", "test")
    for split in splits:
        pq.write_table(pa.table(rows), hub / "rte" / f"{split}-00000-of-00001.parquet")
    files = "".join(f"  - {{split: {s}, path: rte/{s}-*}}\n" for s in splits)
    (hub / "README.md").write_text(f"---\nconfigs:\n- config_name: rte\n  data_files:\n{files}---\n")
    done = t2t("fetch", "--task", "glue/rte", "--source", str(tmp_path / "hub"), "--dest", "copy")
    assert done.code == 0, done.err
    assert t2t("check", "copy").code == 0
    done = t2t("prompt", "render", "glue/rte", "--source", "copy", "--row", "3")
    assert done.out.endswith("target  not_entailment\n")


def test_info_names_versions(t2t: Run) -> None:
    assert json.loads(t2t("info", "--json").out)["packages"]["torch"]


# -- faults ----------------------------------------------------------------------------------------------------------


def data(tmp_path: Path, *rows: str) -> str:
    (tmp_path / "rows.jsonl").write_text("".join(f"{row}\n" for row in rows))
    return f"train={tmp_path / 'rows.jsonl'}"


GOOD = '{"sentence1": "It rained.", "sentence2": "It was wet.", "label": 0}'


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "--mix", "glu"], 2, 'no mix "glu". See `t2t ls mixes`. Did you mean "glue"?'),
        (["train", "--task", "glue/rt", "--steps", "1"], 2, 'Did you mean "glue/rte"?'),
        (["train", "--mix", "glue", "--stepz", "1"], 2, "--steps"),
        (["train"], 2, "--mix NAME or --task NAME"),
        (["train", "--mix", "glue", "--steps", "1", "--epochs", "1"], 2, "one of --steps, --epochs, --minutes"),
        (["train", "--mix", "glue", "--precision", "fp16"], 2, "overflow in fp16"),
        (["train", "--mix", "glue", "--set", "batch_token=1"], 2, 'Did you mean "batch_tokens"?'),
        (["train", "--mix", "glue", "--source", "sample", "--model", "t2t-min"], 4, 'Did you mean "t2t-mini"?'),
        (["train", "--mix", "glue", "--source", "nowhere"], 2, "nowhere"),
        (["train", "--mix", "glue", "--source", "hub"], 8, "T2T_OFFLINE"),
        (["resume", "nowhere"], 2, "no run here"),
        (["report", "nowhere"], 2, "no report.json"),
        (["eval", "t2t-mini"], 2, "--mix NAME or --task NAME"),
        (["eval", "t2t-mini", "--task", "glue/rte", "--objective", "lm"], 2, "tasks have no objective"),
        (["eval", "t2t-mini", "--corpus", "book.txt", "--task", "glue/rte"], 2, "plain text has no task"),
        (["eval", "t2t-mini", "--corpus", "book.txt"], 2, "no such file or directory"),
        (["prompt", "show", "glue/cole"], 2, 'Did you mean "glue/cola"?'),
        (["ls", "task"], 2, "tasks"),
        (["compare", "a", "b"], 2, "no task"),
    ],
)
def test_a_wrong_command_ends_with_one_line(t2t: Run, words: list[str], code: int, said: str) -> None:
    done = t2t(*words)
    lines = [line for line in done.err.splitlines() if line.startswith("t2t: error")]
    assert (done.code, len(lines)) == (code, 1), done.err
    assert said in lines[0]
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        ('{"sentence1": "A.", "sentence2": "B.", "label": 7}', 3, 'rows.jsonl:2 field "label": 7 is not a class'),
        ('{"sentence1": "A.", "sentence2": "B.", "label": -1}', 3, "hidden test label"),
        ('{"sentence1": "A.", "sentence2": "B.", "label": "maybe"}', 3, "maybe"),
        ('{"sentence1": "A.", "label": 1}', 3, "sentence2"),
        ('{"sentence1": "A.", "sentence2": "B.", "label"', 3, "rows.jsonl:2"),
        ('{"sentence1": "A.", "sentence2": 5, "label": 1}', 3, 'rows.jsonl:2 field "sentence2"'),
    ],
)
def test_a_bad_row_is_named(t2t: Run, tmp_path: Path, tiny: Path, row: str, code: int, said: str) -> None:
    source = data(tmp_path, GOOD, row)
    done = t2t("train", "--task", "glue/rte", "--model", str(tiny), "--source", source, "--steps", "1")
    assert done.code == code, done.err
    assert said in done.err.splitlines()[-1]
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_odd_rows_are_trained_on_and_counted(t2t: Run, tmp_path: Path, tiny: Path) -> None:
    long = json.dumps({"sentence1": "word " * 5000, "sentence2": "B.", "label": 0})
    control = '{"sentence1": "a </s> b <extra_id_0>", "sentence2": "", "label": 1}'
    source = data(tmp_path, GOOD, long, control)
    done = t2t("train", "--task", "glue/rte", "--model", str(tiny), "--source", source, "--steps", "2", "--out", "odd")
    assert done.code == 0, done.err
    texts = json.loads(Path("odd/report.json").read_text())["texts"]["glue/rte"]
    assert (texts["inputs_cut"], texts["control_strings"], texts["empty_columns"]) == (1, 2, 1)
    assert texts["longest_input"] <= 512


def test_a_broken_parquet_file_is_named(t2t: Run, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 not at all PAR1")
    source = f"train={tmp_path / 'rows.parquet'}"
    done = t2t("train", "--task", "glue/rte", "--model", str(tiny), "--source", source, "--steps", "1")
    assert (done.code, "rows.parquet" in done.err) == (3, True), done.err


def test_a_folder_that_cannot_be_written(t2t: Run, toys: Path, tiny: Path) -> None:
    Path("file").write_text("in the way")
    done = t2t("train", "--mix", "toy", "--model", str(tiny), "--steps", "1", "--out", "file/run", *TINY)
    assert (done.code, "file/run" in done.err) == (5, True), done.err


def test_a_folder_that_holds_a_run(t2t: Run, run: Path, tiny: Path) -> None:
    done = t2t("train", "--mix", "toy", "--model", str(tiny), "--steps", "1", "--out", "one", *TINY)
    assert (done.code, "holds a run" in done.err) == (2, True)


def test_a_closed_pipe_ends_with_141() -> None:
    command = [sys.executable, "-m", "t2t.cli", "ls", "metrics", "--json"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 141, done.stderr
    assert b"Traceback" not in done.stderr


def test_an_unexpected_fault_says_so_in_one_line(t2t: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("boom\nsecond line")

    monkeypatch.setitem(cli_ls._LISTS, "tasks", broken)
    done = t2t("ls", "tasks")
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    with pytest.raises(RuntimeError):
        monkeypatch.setattr(sys, "argv", ["t2t", "--debug", "ls", "tasks"])
        cli.main()


def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(
    t2t: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert t2t("--version").code == 0 and "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert t2t("--version").code == 0 and os.environ["GOMP_SPINCOUNT"] == "30000"


def test_memory_that_ran_out(t2t: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy() -> None:
        raise MemoryError

    monkeypatch.setitem(cli_ls._LISTS, "tasks", greedy)
    assert t2t("ls", "tasks").code == 9

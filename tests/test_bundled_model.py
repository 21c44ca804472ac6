"""The bundled model: its files are those the script makes, its weights open anywhere, its card is filled from runs."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from t2t import cli_ls
from t2t.config import Config
from t2t.models import Options, load
from t2t.predict import write_predictions
from t2t.runs import write_config
from tests.test_compare import rte
from tests.toy import MINI

PARAMETERS = 9_426_944
WEIGHTS = MINI / "model.safetensors"


@pytest.fixture(scope="module", autouse=True)
def beside() -> Iterator[None]:
    """Make the scripts beside the bundled model importable by name, as they are to each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(MINI.parent))
        yield


@pytest.fixture(scope="module")
def script(beside: None) -> ModuleType:
    return importlib.import_module("make_t2t_mini")


@pytest.fixture(scope="module")
def card(beside: None) -> ModuleType:
    return importlib.import_module("card")


@pytest.fixture(scope="module")
def trained(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as `t2t pretrain` leaves it, with random weights of the bundled shape."""
    run = tmp_path_factory.mktemp("runs") / "mini"
    torch.manual_seed(3)
    script.T5ForConditionalGeneration(script.model_config()).save_pretrained(run / "model")
    AutoTokenizer.from_pretrained(MINI).save_pretrained(run / "model")
    return measured(run, steps=4, loss=5.0)


def measured(run: Path, *, steps: int, loss: float, ended: bool = True) -> Path:
    """Write what a run of ``steps`` steps of 100 tokens and 36 seconds measures, every other step and at the end."""
    run.mkdir(parents=True, exist_ok=True)
    settings = {"corpus": ("corpora/wiki_en", "corpora/standardebooks"), "max_input": 256, "steps": steps}
    own: dict[str, Any] = {"optimizer": "rms_adamw", "learning_rate": 0.01, "schedule": "constant", "warmup_steps": 2}
    write_config(run, Config(**settings, **own, model="/somewhere/shape", fresh=True, out=str(run)))
    lines: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        lines.append({"step": step, "seconds": 36.0 * step, "loss": loss, "tokens": 100 * step})
        if step % 2 == 0 and step < steps:
            lines.append({"step": step, "seconds": 36.0 * step, "held_out": held(loss - step / 10)})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "metrics.jsonl").write_text(text if ended else text + '{"step": 5, "sec')
    if ended:
        cost = {"train_tokens": 100 * steps, "train_seconds": 36.0 * steps}
        report = {"steps": steps, "cost": cost, "held_out": held(loss - steps / 10)}
        (run / "report.json").write_text(json.dumps(report))
    return run


def held(nats: float) -> dict[str, dict[str, float]]:
    names = ("pretraining/text:corpora/wiki_en", "pretraining/text:corpora/standardebooks")
    return {name: {"nats_per_token": nats, "bits_per_byte": nats / 2} for name in names}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A directory with the bundled vocabulary and card."""
    for name in ("spiece.model", "README.md"):
        (tmp_path / name).write_bytes((MINI / name).read_bytes())
    return tmp_path


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_bundled_files_are_those_made_here(script: ModuleType, out: Path) -> None:
    script.write_directory(out, (out / "spiece.model").read_bytes())
    for name in ("config.json", "generation_config.json"):
        made, there = (json.loads((folder / name).read_text()) for folder in (out, MINI))
        assert made | {"transformers_version": ""} == there | {"transformers_version": ""}
    count = sum(torch.Size(shape).numel() for shape in script.shapes().values())
    assert count == PARAMETERS == sum(p.numel() for p in load("t2t-mini", options=Options(fresh=True)).net.parameters())
    assert f"{PARAMETERS:,}" in (MINI / "README.md").read_text(encoding="utf-8")


def test_the_bundled_weights_are_small_finite_and_of_the_shape(script: ModuleType) -> None:
    tensors = load_file(WEIGHTS)
    assert WEIGHTS.stat().st_size <= script.MAX_WEIGHTS_BYTES
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == script.shapes()
    assert all(tensor.dtype == torch.bfloat16 and tensor.isfinite().all() for tensor in tensors.values())
    model = load("t2t-mini")
    assert not model.fresh and model.origin == "t2t-mini"
    assert model.net.dtype == torch.float32


# -- weights ---------------------------------------------------------------------------------------------------------


def test_a_run_is_bundled_by_one_command_and_opens_anywhere(script: ModuleType, trained: Path, out: Path) -> None:
    how = ["--out", str(out), "--weights", str(trained)]
    script.main(how)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    script.main(how)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert len(first["model.safetensors"]) <= script.MAX_WEIGHTS_BYTES
    assert set(first) == {path.name for path in MINI.iterdir()} | {"model.safetensors"}
    wanted = load_file(trained / "model" / "model.safetensors")
    plain = AutoModelForSeq2SeqLM.from_pretrained(out)
    asked = AutoModelForSeq2SeqLM.from_pretrained(out, dtype=torch.float32)
    ours = load(str(out))
    assert not ours.fresh
    for net in (plain, asked, ours.net):
        weights = dict(net.named_parameters())
        assert net.dtype == torch.float32 and net.lm_head.weight is net.shared.weight
        assert all(torch.equal(weights[name], wanted[name].bfloat16().float()) for name in wanted)
    assert AutoModelForSeq2SeqLM.from_pretrained(out, dtype=torch.bfloat16).dtype == torch.bfloat16
    text = first["README.md"].decode()
    assert "random, drawn from a seed" not in text and "bf16, 18.9 MB" in text and "| 1 | rms_adamw |" in text
    assert cli_ls._weights(out) == f"{PARAMETERS:,} parameters, BF16, 18.9 MB"


def other_shape(run: Path) -> None:
    edit_config(run, d_ff=512)


def edit_config(run: Path, **values: Any) -> None:
    file = run / "model" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def edit_tensors(run: Path, name: str, tensor: torch.Tensor | None) -> None:
    file = run / "model" / "model.safetensors"
    tensors = {name: one.clone() for name, one in load_file(file).items()}
    tensors.pop(name, None)
    save_file(tensors | ({} if tensor is None else {name: tensor}), file)


NORM = "encoder.final_layer_norm.weight"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (other_shape, "d_ff is 512, expected 1024"),
        (lambda run: edit_config(run, feed_forward_proj="gelu"), "feed_forward_proj is 'gelu'"),
        (lambda run: edit_tensors(run, NORM, None), f"missing or unexpected: {NORM}"),
        (lambda run: edit_tensors(run, "extra", torch.zeros(1)), "missing or unexpected: extra"),
        (lambda run: edit_tensors(run, NORM, torch.zeros(7)), r"has shape \(7,\), expected \(256,\)"),
        (lambda run: edit_tensors(run, NORM, torch.full((256,), float("nan"))), "is not finite"),
        (lambda run: edit_tensors(run, NORM, torch.full((256,), 3.4e38)), "is not finite"),  # too large for bf16
    ],
)
def test_weights_that_do_not_belong_are_refused(
    script: ModuleType, trained: Path, out: Path, damage: Any, said: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.mktemp("damaged") / "mini"
    (run / "model").mkdir(parents=True)
    for path in (trained / "model").iterdir():
        (run / "model" / path.name).write_bytes(path.read_bytes())
    damage(run)
    script.write_directory(out, (out / "spiece.model").read_bytes())
    with pytest.raises(SystemExit, match=said):
        script.read_weights(run, out)


def test_weights_too_large_to_bundle_are_not_written(script: ModuleType, out: Path) -> None:
    with pytest.raises(SystemExit, match="more than 20,000,000"):
        script.write_weights(out, {"a": torch.zeros(10_000_001, dtype=torch.bfloat16)})
    assert not list(out.glob("model.safetensors*"))


def test_nothing_to_make_is_said(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.parse_arguments([])
    assert "give --corpora, --weights or both" in capsys.readouterr().err


# -- card ------------------------------------------------------------------------------------------------------------


def test_the_card_is_filled_from_two_runs_and_again_the_same(card: ModuleType, out: Path) -> None:
    runs = [measured(out / "one", steps=4, loss=5.0), measured(out / "two", steps=3, loss=4.0)]
    card.main(["--card", str(out / "README.md"), "--run", str(runs[0]), "--run", str(runs[1])])
    text = (out / "README.md").read_text(encoding="utf-8")
    for line in (
        "| 1 | rms_adamw | 0.01 | constant | 2 | 4 | 400 | 0.04 |",
        "| all |  |  |  |  | 7 | 700 | 0.07 |",
        "| run | steps | tokens (M) | hours | wiki_en: nats a token | wiki_en: bits a byte | "
        "standardebooks: nats a token | standardebooks: bits a byte |",
        "| 1 | 2 | 0.0 | 0.02 | 4.800 | 2.400 | 4.800 | 2.400 |",
        "| 1 | 4 | 0.0 | 0.04 | 4.600 | 2.300 | 4.600 | 2.300 |",
        "| 2 | 6 | 0.0 | 0.06 | 3.800 | 1.900 | 3.800 | 1.900 |",
        "| 2 | 7 | 0.0 | 0.07 | 3.700 | 1.850 | 3.700 | 1.850 |",
    ):
        assert f"\n{line}\n" in text
    corpora = "T2T_HUB=DIR t2t pretrain --corpus corpora/wiki_en --corpus corpora/standardebooks"
    assert f"\n{corpora} --fresh --max-input 256 --steps 4 --optimizer rms_adamw" in text
    assert f"\n{corpora} --model runs/mini-1 --max-input 256 --steps 3" in text and "--out runs/mini-2\n" in text
    assert "\npython data/models/make_t2t_mini.py --weights runs/mini-2 --before runs/mini-1\n" in text
    assert "/somewhere" not in text and str(out) not in text
    card.fill_file(out / "README.md", runs)
    assert (out / "README.md").read_text(encoding="utf-8") == text


def test_a_run_that_is_being_written_gives_what_it_has(card: ModuleType, tmp_path: Path) -> None:
    one = card.read_run(measured(tmp_path / "one", steps=5, loss=5.0, ended=False))
    assert (one.end.step, one.end.tokens, [point.step for point in one.points]) == (5, 500, [2, 4])
    many = card.Stretch([card.Point(n, n, n, held(9 - n / 100)) for n in range(1, 101)], one.end)
    rows = card.curve(many).splitlines()[2:]
    assert len(rows) == card.ROWS and rows[0].startswith("| 1 | 1 |") and rows[-1].startswith("| 1 | 100 |")
    assert card.curve(card.Stretch([], one.end)) == "Nothing was held out."


def test_scores_stand_beside_those_of_random_weights(card: ModuleType, tmp_path: Path) -> None:
    for name, value, source in (("one", 80.0, "dir"), ("two", 70.0, "sample")):
        row = {"task": "glue/rte", "metric": "accuracy", "value": value, "low": 75.0, "high": 85.0, "n": 1277,
               "unparsed": 0.5, "by": "write"}  # fmt: skip
        baseline = {"task": "glue/rte", "metric": "accuracy", "baseline": "majority", "value": 52.7}
        report = {
            "rows": [row, row | {"by": "rank"}], "baselines": [baseline], "steps": 9, "source": source,
            "average": {"value": value, "tasks": ["glue/rte"]}, "cost": {"train_tokens": 4321, "train_seconds": 60.0},
        }  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(report))
        write_config(tmp_path / name, Config(mix="glue", minutes=20, fresh=name == "two", dropout=0.0))
    text = card.glue_table(tmp_path / "one", tmp_path / "two")
    assert "| glue/rte | accuracy | 80.00 | [75.0, 85.0] | 70.00 | [75.0, 85.0] | 52.70 | 1,277 | 0.5 % |" in text
    assert "Average 80.00 ± 5.00 over 1 tasks, from random weights 70.00 ± 5.00; 9 steps, 4,321 tokens in 60 s" in text
    assert text.count("glue/rte") == 1 and "SAMPLE" not in text
    command = "T2T_HUB=DIR t2t train --model t2t-mini --mix glue"
    assert f"\n{command} --set dropout=0.0 --minutes 20\n{command} --set dropout=0.0 --minutes 20 --fresh\n" in text
    assert "SAMPLE DATA" in card.glue_table(tmp_path / "two") and "| – |" in card.glue_table(tmp_path / "two")


def test_averages_are_compared_row_by_row_where_there_are_answers(card: ModuleType, tmp_path: Path) -> None:
    for name, right in (("mini", 20), ("fresh", 10)):
        for task in ("glue/rte", "glue/wnli"):
            preds = rte([0] * right + [1] * (20 - right))
            named = [replace(pred, uid=f"{task}:validation:{i}") for i, pred in enumerate(preds)]
            file = tmp_path / name / "eval" / "validation" / f"{task.replace('/', '-')}.predictions.jsonl"
            write_predictions(file, named)
    said = card._paired(tmp_path / "mini", tmp_path / "fresh")
    assert re.fullmatch(r" \(row by row \+50\.00 \[\+3\d\.\d\d, \+6\d\.\d\d\]\)", said), said
    assert card._paired(tmp_path / "mini", None) == card._paired(tmp_path / "mini", tmp_path / "none") == ""


def test_marks_that_are_missing_are_an_error(card: ModuleType) -> None:
    with pytest.raises(ValueError, match="marks of cost 0 times"):
        card.fill("no marks", {"cost": "x"})
    assert card.fill("<!-- a -->\n<!-- /a -->", {"a": r"\1 x"}) == "<!-- a -->\n\\1 x\n<!-- /a -->"

"""The bench: useful work counted as torch counts it, tables from rounds, and a run from end to end. No times."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from click.testing import CliRunner
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel, T5Config, T5ForConditionalGeneration

from t2t.bench import Plan, _missing, cases, child, corrupting, meter, table, training
from t2t.bench.cases import CASES, LONG, PAIRS, QUICK, Ask, Case, Contestant, chosen
from t2t.bench.flops import Shape, forward, shape_of
from t2t.bench.machine import Clock, describe, matmul_peak
from t2t.bench.meter import LEAST_STEPS, WARM_SECONDS, WARM_STEPS, Meter
from t2t.bench.shapes import SHAPES, directory
from t2t.cli import cli
from t2t.draws import Draws
from t2t.errors import UsageError
from t2t.forms import FOLDED, SPELLED, Text

# -- useful work -----------------------------------------------------------------------------------------------------


def test_operations_by_hand() -> None:
    shape = Shape(width=2, inner=4, feed=2 * 2 * 8, encoder=1, decoder=1, vocabulary=10)
    encoder = 3 * (2 * 4 * 2 * 4 + 2 * 32) + 2 * (
        2 * 3 * 3 * 4
    )  # q, k, v, o and the feed-forward; two products of S × S
    cross = 3 * (2 * 2 * 2 * 4)  # k and v of the input
    decoder = 5 * (2 * 6 * 2 * 4 + 2 * 32) + 2 * (2 * 5 * 5 * 4) + 2 * (2 * 5 * 3 * 4)
    logits = 5 * 2 * 2 * 10
    assert forward(shape, 3, [5]) == encoder + cross + decoder + logits
    assert forward(shape, 3, [5, 5]) == encoder + cross + 2 * (decoder + logits)
    assert forward(shape, 3, []) == encoder


@pytest.mark.parametrize("feed", ["relu", "gated-gelu"])
def test_operations_of_t5_are_those_that_torch_counts(feed: str) -> None:
    config = T5Config(d_model=16, d_kv=4, num_heads=3, d_ff=24, num_layers=2, num_decoder_layers=3, vocab_size=50,
                      feed_forward_proj=feed, decoder_start_token_id=0, attn_implementation="eager")  # fmt: skip
    net = T5ForConditionalGeneration(config).train()
    ids = torch.randint(2, 50, (2, 7))
    with FlopCounterMode(display=False) as counted:
        loss = net(input_ids=ids, labels=torch.randint(2, 50, (2, 5))).loss
    once = 2 * forward(shape_of(config), 7, [5])
    assert counted.get_total_flops() == once
    with FlopCounterMode(display=False) as back:
        loss.backward()
    assert back.get_total_flops() == 2 * once


def test_operations_of_an_encoder_are_those_that_torch_counts() -> None:
    config = BertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24, vocab_size=50,
                        attn_implementation="eager")  # fmt: skip
    net = BertModel(config, add_pooling_layer=False)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        net(input_ids=torch.randint(2, 50, (2, 7)))
    assert counted.get_total_flops() == 2 * forward(shape_of(config), 7, [])


# -- the machine and the clock ---------------------------------------------------------------------------------------


def test_the_machine_is_described_and_multiplies() -> None:
    found = describe(threads=1)
    assert found["threads"] == 1 and found["device"] and found["cpus"] >= 1
    assert all(matmul_peak(dtype, seconds=0.01, size=8) > 0 for dtype in ("fp32", "bf16"))


def test_a_clock_counts_what_others_take(monkeypatch: pytest.MonkeyPatch) -> None:
    from t2t.bench import machine

    busy, own = iter([100.0, 101.0]), iter([10.0, 10.25])
    monkeypatch.setattr(machine, "_busy", lambda: next(busy))
    monkeypatch.setattr(machine, "_own", lambda: next(own))
    monkeypatch.setattr(machine, "cpus", lambda: {0, 1})
    monkeypatch.setattr(time, "perf_counter", iter([0.0, 1.0]).__next__)
    assert Clock().others() == pytest.approx(0.375)  # 0.75 of 2 CPU seconds


def test_a_clock_without_proc_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from t2t.bench import machine

    monkeypatch.setattr(machine, "_read", lambda path: "")
    assert Clock().others() is None


def test_warming_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    meter, now = Meter(seconds=5.0), [0.0]
    monkeypatch.setattr(Clock, "seconds", property(lambda self: now[0]))
    assert not any(meter.step([(100, 100)]) for _ in range(WARM_STEPS))  # enough steps, too little time
    now[0] = WARM_SECONDS
    assert not meter.step([(100, 100)]) and not meter.sizes
    now[0] = 6.0
    assert [meter.step([(3, 2), (4, 1)]) for _ in range(LEAST_STEPS)] == [False] * (LEAST_STEPS - 1) + [True]
    found = meter.result(Shape(2, 2, 8, 1, 1, 10), "fp32")
    assert (found["steps"], found["examples"]) == (LEAST_STEPS, 2 * LEAST_STEPS)
    assert found["tokens_per_second"] == 10 * LEAST_STEPS / 6


# -- tables ----------------------------------------------------------------------------------------------------------


def one_round(speed: float, others: float | None = 0.0, **more: Any) -> dict[str, Any]:
    peaks = {"fp32": 100.0, "bf16": 400.0}
    return {
        "tokens_per_second": speed, "examples_per_second": speed / 10, "gflops": speed / 10, "dtype": "fp32",
        "memory_mb": 512, "others": others, "examples": 2, "input_tokens": 30, "target_tokens": 5, "peaks": peaks,
        "peaks_before": peaks, "peaks_after": peaks, **more,
    }  # fmt: skip


def measured() -> dict[str, Any]:
    first = {"missing": "", "rounds": [one_round(s, answers=["a", "b"]) for s in (100, 200, 400)]}
    second = {"missing": "", "rounds": [one_round(s, o, answers=["a", "a"])
                                        for s, o in ((200, 0.01), (600, 0.3), (400, 0.1))]}  # fmt: skip
    third = {"missing": "not available: no such thing", "rounds": []}
    contestants = {"one": first, "two": second, "three": third}
    case = {"about": "a case", "by": "tokens_per_second", "model": "m", "contestants": contestants}
    options = {"rounds": 3, "seconds": 1.0, "source": "sample"}
    return {"machine": describe(1), "options": options, "cases": {"x": case}}


def test_ratios_are_taken_round_by_round() -> None:
    assert table.ratios([200, 600, 400], [100, 200, 400]) == (2.0, 1.0, 3.0)


def test_rows_of_a_table() -> None:
    one, two, three = table.rows(measured()["cases"]["x"])
    assert one["tok/s"] == "200" and one["ratio"] == "1.00 (1.00–1.00)"
    assert one["of its peak"] == "20.0 %" and one["of bf16's"] == "5.0 %" and one["MB"] == "512"
    assert two["ratio"] == "2.00 (1.00–3.00)"
    assert two["note"] == (
        "1 of 2 answers the same, 1 different ones; DISTURBED in round 2, 3: others took up to 30 % of the CPUs"
    )
    assert three["tok/s"] == "–" and three["note"] == "not available: no such thing"
    assert list(one) == list(two) == list(three)


def test_where_there_is_no_peak_in_bf16_there_is_no_share_of_it() -> None:
    found = measured()
    for entry in found["cases"]["x"]["contestants"].values():
        for one in entry["rounds"]:
            for when in ("peaks", "peaks_before", "peaks_after"):
                one[when] = {"fp32": 100.0}
    rows = table.rows(found["cases"]["x"])
    assert [row["of bf16's"] for row in rows] == ["–"] * 3 and rows[0]["of its peak"] == "20.0 %"
    assert "peak in GFLOP/s: fp32 100 (100–100)." in table.markdown(found)


@pytest.mark.parametrize("able", [True, False])
def test_bf16_takes_part_where_the_hardware_multiplies_in_it(monkeypatch: pytest.MonkeyPatch, able: bool) -> None:
    for module in ("t2t.bench", "t2t.bench.training"):
        monkeypatch.setattr(f"{module}.has_bf16", lambda: able)
    case = CASES["rank"]
    missing = {one.name: _missing(case, one) for one in case.contestants}
    none = "" if able else "not available: the hardware does not multiply in bf16"
    assert missing == {"a forward pass a choice": "", "t2t, fp32": "", "t2t, bf16": none, "t2t, int8": ""}
    ask = Ask(
        do="", settings={}, how={"best": True}, model="", seconds=0, rows=0, threads=1, source="sample", folder="",
    )  # fmt: skip
    best = training.arguments(ask, [10, 20], 60)
    assert best == {"per_device_train_batch_size": 4, "bf16": able, "train_sampling_strategy": "group_by_length"}


def test_seconds_have_a_table_of_their_own() -> None:
    entry = {"missing": "", "rounds": [{"seconds": 1.5, "memory_mb": None, "others": None}]}
    (row,) = table.rows({"by": "seconds", "contestants": {"one": entry}})
    assert row == {"contestant": "one", "seconds": "1.500", "ratio": "1.00 (1.00–1.00)", "MB": "–", "note": ""}


def test_markdown_has_the_machine_and_a_table_a_case() -> None:
    text = table.markdown(measured())
    assert "## x: a case, model m" in text and "Tokens an example: 15.0 in, 2.5 out." in text
    assert "fp32 100 (100–100), bf16 400 (400–400)" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 5 and len({line.count("|") for line in lines}) == 1


# -- cases -----------------------------------------------------------------------------------------------------------


def test_cases_are_chosen_by_name_and_by_beginning() -> None:
    assert list(chosen(None)) == list(QUICK)
    assert chosen("all") == CASES
    assert list(chosen("rank, pretrain")) == ["rank", "pretrain-256", "pretrain-512"]


def test_an_unknown_case_is_an_error_with_the_closest_name() -> None:
    done = CliRunner().invoke(cli, ["bench", "--case", "train-glu"])
    assert isinstance(done.exception, UsageError)
    assert 'Did you mean "train-glue"?' in str(done.exception)


@pytest.mark.parametrize("setting", ["rounds", "threads", "rows"])
def test_a_plan_that_cannot_be_is_an_error(setting: str) -> None:
    with pytest.raises(UsageError, match=setting):
        Plan(**{setting: -1})


def test_every_command_is_started() -> None:
    started = {words[2] for words in cases.COMMANDS.values() if words[1] == "t2t.cli"}
    assert started - {"--help"} == set(cli.commands)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_directories_without_weights(shape: str, tmp_path: Path) -> None:
    path = directory(shape, tmp_path)
    assert (path / "config.json").is_file() and not list(path.glob("*.safetensors"))
    assert directory(shape, tmp_path) == path


def test_an_unknown_shape_is_an_error() -> None:
    with pytest.raises(UsageError, match="tiny"):
        directory("tinny", Path())


# -- from end to end -------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_case(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = (
        Contestant("Trainer", "training:trainer", how={"batch": 4}),
        Contestant("t2t", "training:t2t"),
        Contestant("t2t, unheard of", "training:t2t", {"unheard_of": True}),
        Contestant("t2t, broken", "no_such_file:work"),
    )
    settings = {"task": ("glue/rte",), "train_limit": 40}
    monkeypatch.setitem(CASES, "toy", Case("a toy", trained, shape="tiny", settings=settings))


@pytest.mark.usefixtures("tiny_case")
def test_a_run_measures_who_can_and_says_who_cannot(tmp_path: Path) -> None:
    words = ["--case", "toy", "--rounds", "1", "--seconds", "0.2", "--threads", "1", "--source", "sample"]
    files = ["--json", str(tmp_path / "b.json"), "--out", str(tmp_path / "b.md"), "--folder", str(tmp_path)]
    done = CliRunner().invoke(cli, ["bench", *words, *files])
    assert done.exit_code == 0, done.output
    assert "not available" in done.output
    found = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["cases"]["toy"]["contestants"]
    for name in ("Trainer", "t2t"):
        (measured_once,) = found[name]["rounds"]
        assert measured_once["tokens_per_second"] > 0 and measured_once["memory_mb"] > 100
        assert 0 < measured_once["gflops"] < measured_once["peaks"]["fp32"]
    assert found["t2t, unheard of"] == {"missing": 'not available: unknown setting "unheard_of"', "rounds": []}
    assert "no_such_file" in found["t2t, broken"]["missing"]
    assert "| Trainer |" in (tmp_path / "b.md").read_text(encoding="utf-8")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Measure in this very process, which is not done otherwise: the Trainer leaves its precision behind."""
    monkeypatch.setattr(child, "matmul_peak", lambda dtype: 1.0)
    monkeypatch.setattr(meter, "WARM_SECONDS", 0)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def ask(do: str, model: Path, folder: Path, *, how: dict[str, Any] | None = None, **settings: Any) -> Ask:
    return Ask(do=do, settings=settings, how=how or {}, model=str(model), seconds=0, rows=8, threads=1,
               source="sample", folder=str(folder))  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("peer", "by", "how", "more"),
    [
        ("generate", "write", {}, {"task": PAIRS}),
        ("generate", "write", {"forced": True}, {"task": (LONG,), "max_target": 60}),
        ("forward", "rank", {}, {"task": PAIRS}),
    ],
)
def test_t2t_answers_what_its_peers_answer(
    peer: str, by: str, how: dict[str, Any], more: dict[str, Any], still: Path, tmp_path: Path
) -> None:
    theirs = child.measure(ask(f"answering:{peer}", still, tmp_path, how=how, **more))
    ours = child.measure(ask("answering:t2t", still, tmp_path, how=how, by=by, precision="fp32", **more))
    assert ours["answers"] == theirs["answers"] and len(ours["answers"]) == 8
    for key in ("examples", "input_tokens", "target_tokens", "dtype"):
        assert ours[key] == theirs[key]
    if how:
        assert ours["target_tokens"] == 8 * 60


@pytest.mark.usefixtures("quick")
def test_spans_are_trained_on_by_both(tmp_path: Path) -> None:
    model = directory("tiny", tmp_path)
    text = {"corpus": ("corpora/wiki_en",), "max_input": 64}
    ours = child.measure(ask("training:t2t", model, tmp_path, batch_tokens=256, **text))
    theirs = child.measure(ask("training:trainer", model, tmp_path, how={"batch": 4}, **text))
    for found in (ours, theirs):
        assert found["input_tokens"] == 64 * found["examples"] and found["target_tokens"] > 0
    assert theirs["examples"] == 4 * LEAST_STEPS


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("do", ["heads:t2t", "heads:trainer"])
def test_heads_are_trained_by_both(do: str, tmp_path: Path) -> None:
    model, how = directory("minilm", tmp_path), {"batch": 4, "best": True}
    found = child.measure(ask(do, model, tmp_path, how=how, task=("glue/mrpc",), train_limit=40, batch_tokens=256))
    assert found["examples"] > 0 and found["target_tokens"] >= 0


@pytest.mark.usefixtures("quick")
def test_saves_are_of_the_same_tensors(tmp_path: Path) -> None:
    how = {"task": ("glue/rte",), "train_limit": 20}
    plain, ours = (child.measure(ask(f"saving:{name}", directory("tiny", tmp_path), tmp_path, **how))
                   for name in ("plain", "t2t"))  # fmt: skip
    assert plain["saves"] == ours["saves"] == 3
    assert ours["saved_mb"] == pytest.approx(plain["saved_mb"], rel=0.01)


def test_corruption_is_of_the_same_lengths(tmp_path: Path) -> None:
    for name in ("loop", "t2t"):
        found = getattr(corrupting, name)(ask(f"corrupting:{name}", tmp_path, tmp_path))
        assert (found["input_tokens"], found["target_tokens"]) == (512 * found["examples"], 114 * found["examples"])


def test_the_loop_over_examples_corrupts_as_t2t_does() -> None:
    row, hide = np.arange(2, 570, dtype=np.int32), corrupting._mask(568, np.random.default_rng(0))
    text = Text(row[None], hide[None], Draws(np.zeros(1)), corrupting.VOCABULARY)
    assert corrupting._folded(row, hide).tolist() == FOLDED.write(text)[0].tolist()
    assert corrupting._folded(row, ~hide).tolist() == SPELLED.write(text)[0].tolist()

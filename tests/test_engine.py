"""Another engine writes what ours does; where it cannot, it says so and what to do."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from t2t.apply import evaluate_model, predict_rows
from t2t.bench import _missing
from t2t.bench.cases import CASES
from t2t.config import Config
from t2t.errors import UsageError
from t2t.models import Options, load
from t2t.models import engine as engines
from t2t.models.adapters import Prompted
from t2t.models.engine import Translator
from t2t.models.seq2seq import Seq2Seq
from t2t.predict import answer_sets, check_way, run_signature
from tests.t5_nets import END, KINDS, PAD, VOCABULARY, generate, numbers, trained
from tests.test_t5_decode import written
from tests.toy import example, known, texts, write_model, write_tasks

HOW = Options(precision="fp32", max_input=64, max_target=16, engine="ctranslate2")
needed = pytest.mark.skipif(
    importlib.util.find_spec("ctranslate2") is None, reason="the package ctranslate2 is not installed"
)


def model(folder: Path, **how: Any) -> Seq2Seq:
    found = load(str(folder), options=Options(**{"precision": "fp32", "max_input": 64, "max_target": 16, **how}))
    assert isinstance(found, Seq2Seq)
    return found


class Watch:
    def notice(self, text: str) -> None:
        pass

    def task(self, *_: Any) -> Any:
        return contextlib.nullcontext(lambda n: None)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that copies by half."""
    folder = tmp_path_factory.mktemp("tiny")
    m = model(write_model(folder, dropout=0.0), plain=True)
    optimizer = torch.optim.AdamW(m.net.parameters(), lr=1e-2)
    egs = [example(text, text) for text in texts(480, 5)]
    for step in range(90):
        loss = m.loss(m.batch([egs[i] for i in range(step % 15 * 32, step % 15 * 32 + 32)]))
        optimizer.zero_grad()
        (loss.nats / loss.units).backward()
        optimizer.step()
    m.save(folder)
    return folder


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "ctranslate2" else find(name, *a))
    yield


def fault(**how: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(**{"options": HOW, **how})
    return caught.value


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_without_the_package_the_fault_says_what_to_install(tiny: Path, absent: None) -> None:
    error = fault(name=str(tiny))
    assert "not installed" in error.message and 'pip install "t2t[ctranslate2]"' in error.fix


def test_the_bench_does_without_the_package(absent: None) -> None:
    for name in ("classify", "generate-60", "beam-60"):
        theirs = [one for one in CASES[name].contestants if "ctranslate2" in one.name]
        assert [one.settings["precision"] for one in theirs] == ["fp32", "int8"]
        assert all(_missing(CASES[name], one).startswith("not available: the package") for one in theirs)
        ours = next(one for one in CASES[name].contestants if one.name == "t2t, fp32")
        assert _missing(CASES[name], ours) == ""


@pytest.mark.parametrize("kind", ["bart", "baseline:majority"])
def test_other_models_are_refused(kind: str, tmp_path: Path) -> None:
    error = fault(name=str(write_model(tmp_path, kind)) if kind == "bart" else kind)
    assert "T5, mT5 and UMT5" in error.message and "--engine" in error.fix


def test_virtual_tokens_are_refused(tiny: Path) -> None:
    m = model(tiny)
    m.net.shared = Prompted(m.net.shared, torch.zeros(2, 32))
    with pytest.raises(UsageError, match="without an adapter"):
        engines.check(m, "ctranslate2")


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="own | ctranslate2"):
        Config(engine="ctranslate")


def test_nothing_is_trained_with_it() -> None:
    with pytest.raises(UsageError, match="not for training") as caught:
        Config(mix="glue", steps=1, engine="ctranslate2").check_trainable()
    assert "eval and predict" in caught.value.fix


@pytest.mark.parametrize("by", ["rank", "both", "constrained"])
def test_choices_are_not_ranked_with_it(tiny: Path, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "check", lambda *_: None)
    m = load(str(tiny), options=HOW)
    monkeypatch.setattr(m, "write", None)  # nothing is answered before the refusal
    for refuse in (
        lambda: check_way(m, by),
        lambda: answer_sets(m, None, by=by, watch=Watch()),  # type: ignore[arg-type]
        lambda: m.rank([example("a", choices=("b", "c"))]),
        lambda: m.choose([example("a", choices=("b", "c"))]),  # type: ignore[attr-defined]
    ):
        with pytest.raises(UsageError, match="neither ranks") as caught:
            refuse()
        assert "--by write" in caught.value.fix


def test_the_signature_names_it() -> None:
    assert "engine" not in run_signature("m", "seq2seq", Config())
    assert "|engine:ctranslate2|" in run_signature("m", "seq2seq", Config(engine="ctranslate2"))


# -- answers -----------------------------------------------------------------------------------------------------------


def translated(
    net: Any, source_BS: torch.Tensor, mask_BS: torch.Tensor, *, beams: int = 1, precision: str = "fp32",
    limit: int = 12, names: int = VOCABULARY,
) -> list[list[int]]:  # fmt: skip
    """Return what the engine writes."""
    from ctranslate2.converters.transformers import _MODEL_LOADERS

    if type(net.config).__name__ not in _MODEL_LOADERS:
        pytest.skip(f"this ctranslate2 does not know {net.config.model_type}")
    writer = Translator(net, precision, names=names, pad=PAD, end=END)
    sources = [row[:length].tolist() for row, length in zip(source_BS, mask_BS.sum(1).tolist(), strict=True)]
    return [
        row[: row.index(END)] if END in row else row for row in writer.write(sources, end=END, limit=limit, beams=beams)
    ]


@needed
@pytest.mark.parametrize("limit", [12, 5, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_every_token_is_ours(kind: str, limit: int) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(40, 820)
    want = written(net, source_BS, mask_BS, limit=limit)
    assert limit < 12 or len(set(map(tuple, want))) > 20, "the answers must tell rows apart"
    assert translated(net, source_BS, mask_BS, limit=limit) == want


@needed
@pytest.mark.parametrize("beams", [2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_beams_are_those_of_transformers_when_it_stops_early(kind: str, beams: int) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(40, 821)
    want = generate(net, source_BS, mask_BS, num_beams=beams, early_stopping=True)
    assert translated(net, source_BS, mask_BS, beams=beams) == want
    ours = written(net, source_BS, mask_BS, beams=beams)
    assert sum(a == b for a, b in zip(ours, want, strict=True)) >= 0.6 * len(want)  # we look further


@needed
@pytest.mark.parametrize("beams", [1, 4])
def test_ids_without_a_token_are_never_written(beams: int) -> None:
    net, names = trained("t5"), 45  # half of what it would write is beyond
    source_BS, mask_BS, _ = numbers(24, 822)
    got = translated(net, source_BS, mask_BS, beams=beams, names=names)
    assert max(i for row in got for i in row) < names
    if beams == 1:  # likelihoods of beams are among the tokens that are left; with us among all
        assert got == written(net, source_BS, mask_BS, names=names) != written(net, source_BS, mask_BS)


@needed
def test_int8_writes_mostly_the_same() -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(64, 823)
    want, got = (translated(net, source_BS, mask_BS, precision=p) for p in ("fp32", "int8"))
    assert 0.75 * len(want) <= sum(a == b for a, b in zip(want, got, strict=True)) < len(want)


@needed
def test_precisions_that_it_does_not_have(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: {"float32", "int8"})
    error = fault(name=str(tiny), options=Options(precision="bf16", engine="ctranslate2"))
    assert "no bf16" in error.message and "fp32 or int8" in error.fix
    assert engines._type("auto") == "float32" and engines._type("int8") == "int8"
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: {"float32", "bfloat16"})
    assert engines._type("auto") == engines._type("bf16") == "bfloat16"


@needed
@pytest.mark.parametrize("how", [{}, {"plain": True}, {"eval_tokens": 90}])
def test_a_model_answers_as_it_does_by_itself(tiny: Path, how: dict[str, Any]) -> None:
    egs = [example(text) for text in texts(40, 6, longest=20)]
    egs += [example(text, choices=("yes", "no"), task="toy/choice") for text in texts(9, 7)]
    egs += [example(f"{text} <extra_id_0> a <extra_id_1>", format="sentinels") for text in texts(9, 8)]
    egs += [example(text, range=(0.0, 9.0)) for text in texts(9, 9)]
    ours, theirs = model(tiny), model(tiny, engine="ctranslate2", **how)
    want = ours.write(egs)
    assert len(set(want)) > 20, "the answers must tell rows apart"
    assert theirs.write(egs) == want
    counts = [{name: tally.answers_unfinished for name, tally in m.tokens.tallies.items()} for m in (ours, theirs)]
    assert counts[0] == counts[1] and 0 < sum(counts[0].values()) < len(egs)


@needed
def test_weights_are_converted_once_and_again_when_they_change(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    begin = Translator.__init__
    monkeypatch.setattr(Translator, "__init__", lambda self, *a, **k: (made.append(1), begin(self, *a, **k))[1])
    m, egs = model(tiny, engine="ctranslate2"), [example("a b"), example("c")]
    before = m.write(egs)
    assert m.write(egs) == before and len(made) == 1
    with torch.no_grad():
        m.net.shared.weight.copy_(m.net.shared.weight.flip(0))
    after, other = m.write(egs), model(tiny)
    other.net.load_state_dict(m.net.state_dict())
    assert len(made) == 2 and after == other.write(egs) != before


@needed
def test_a_long_input_is_read_to_its_end() -> None:
    net = trained("t5")
    source_BS = torch.randint(4, 30, (2, 1300), generator=torch.Generator().manual_seed(1))
    mask_BS = torch.ones_like(source_BS)
    assert translated(net, source_BS, mask_BS) == written(net, source_BS, mask_BS)


@needed
def test_a_model_that_cannot_be_converted_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from ctranslate2.converters import transformers as theirs

    monkeypatch.delitem(theirs._MODEL_LOADERS, "UMT5Config", raising=False)
    with pytest.raises(UsageError, match="cannot convert it: No conversion"):
        Translator(trained("umt5"), "fp32", names=VOCABULARY, pad=PAD, end=END)


@needed
def test_evaluation_and_prediction_with_it(tiny: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("a b\nc d e\n", encoding="utf-8")
    how = [{"precision": "fp32", "engine": engine} for engine in ("own", "ctranslate2")]
    own = [list(predict_rows(str(tiny), None, str(lines), settings=settings, watch=Watch())) for settings in how]
    assert own[0] == own[1] and len(own[0]) == 2
    with known(write_tasks(tmp_path / "tasks")):
        settings = {"task": "toy/copy", "precision": "fp32", "engine": "ctranslate2", "max_target": 24}
        folder = evaluate_model(str(tiny), {**settings, "out": str(tmp_path / "out")}, watch=Watch())
    assert "|engine:ctranslate2|" in (folder / "report.json").read_text(encoding="utf-8")

"""Pretraining of encoders: what is drawn of a text, losses that are transformers' own, files, and the same loop."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AlbertForPreTraining,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    BertForPreTraining,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    XLNetLMHeadModel,
)

from t2t import masking, models
from t2t.apply import evaluate_model
from t2t.errors import DataError, ModelError, UsageError
from t2t.examples import Examples
from t2t.masking import ENCODER_OBJECTIVES
from t2t.models import Options
from t2t.models.pretraining import Pretraining, load
from t2t.optim import settle
from t2t.tasks import read_task
from t2t.tasks import task as task_of
from t2t.train import Watch, resume, train
from t2t.types import Task
from tests.test_encoder import WORDS, write_model
from tests.toy import config, known, lines, steps, write_rows, write_tasks

KIND = {"mlm": "bert", "mlm_whole_word": "bert", "nsp": "bert", "sop": "albert", "rtd": "electra", "plm": "xlnet"}
AUTO = {"nsp": AutoModelForPreTraining, "sop": AutoModelForPreTraining, "rtd": ElectraForPreTraining,
        "plm": XLNetLMHeadModel}  # fmt: skip
STILL = {"dropout": 0.0, "precision": "fp32", "max_input": 32, "seed": 5}

YAML = """task: own/{name}
title: {name}
answer: {answer}
columns: {{text: text}}
source: {{files: {{train: train.jsonl, validation: validation.jsonl}}}}
objective: {objective}
prompts: {{plain: {{input: "{{text}}", target: "{{text}}"}}}}
metrics: {metrics}
"""


def write_task(folder: Path, objective: str, *, name: str = "", answer: str = "text", metrics: str = "[]") -> Path:
    path = folder / "own" / f"{name or objective}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = YAML.format(name=name or objective, objective=objective, answer=answer, metrics=metrics)
    path.write_text(said, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a task for each objective and forty texts of known words, none like another."""
    folder = tmp_path_factory.mktemp("tasks")
    rng = np.random.default_rng(0)
    rows = [{"text": " ".join(rng.choice(WORDS, int(rng.integers(6, 60))))} for _ in range(48)]
    write_rows(folder / "own" / "train.jsonl", rows[:40])
    write_rows(folder / "own" / "validation.jsonl", rows[40:])
    for objective in ENCODER_OBJECTIVES:
        write_task(folder, objective)
    write_tasks(folder)
    with known(folder):
        yield folder


def texts(folder: Path, objective: str, split: str = "train") -> Examples:
    task: Task = read_task(folder / "own" / f"{objective}.yaml")
    rows = [json.loads(line) for line in (folder / "own" / f"{split}.jsonl").read_text().splitlines()]
    return Examples(task, rows, split=split)


@pytest.fixture(scope="module")
def made(own: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model for each objective, saved by transformers with the head of that objective."""
    top = tmp_path_factory.mktemp("models")
    return {
        objective: write_model(top / objective, KIND[objective], auto=Auto(AUTO.get(objective, AutoModelForMaskedLM)))
        for objective in ENCODER_OBJECTIVES
    }


class Auto:
    """A class of transformers as one that has ``from_config``."""

    def __init__(self, kind: Any) -> None:
        self.from_config = getattr(kind, "from_config", kind)


def ready(own: Path, folder: Path, objective: str, **options: Any) -> tuple[Pretraining, Examples]:
    """Return a model that is ready to be pretrained, and its texts."""
    model = load(str(folder), json.loads((folder / "config.json").read_text()), Options(**{**STILL, **options}))
    egs = texts(own, objective)
    model.prepare({"own": egs}, training=True)
    return model, egs


# -- what is drawn -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ENCODER_OBJECTIVES)
def test_what_is_drawn_is_as_many_as_said(own: Path, made: dict[str, Path], objective: str) -> None:
    model, egs = ready(own, made[objective], objective)
    special = model.tokens.tokenizer.all_special_ids
    for eg, (size, units) in zip(egs, model.sizes(egs[:]), strict=True):
        one = model.corpus.draw(eg, 1)
        chosen = one.labels != masking.LABEL_NONE
        assert len(one.ids) == size <= 32 and one.units == units
        assert not np.isin(one.labels[chosen], special).any() and not (chosen & one.special).any()
        n = int((~one.special).sum())
        assert chosen.sum() == (max(1, n // 6) if objective == "plm" else masking.count(n)) or "word" in objective
        assert (one.ids[one.special] != model.tokens.tokenizer.mask_token_id).all()
    batch = model.batch(egs[:])
    assert batch.units == sum(units for _, units in model.sizes(egs[:])) == int(batch.tensors["units_R"].sum())


def test_a_visit_is_a_function_of_seed_step_and_text(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["mlm"], "mlm")
    again, _ = ready(own, made["mlm"], "mlm")
    model.thaw(3)
    again.thaw(3)
    torch.manual_seed(1)
    both = model.batch(egs[:2]).tensors["labels_RS"]
    torch.manual_seed(2)
    for i in range(2):
        alone = again.batch([egs[i]]).tensors["labels_RS"][0]
        assert torch.equal(both[i, : len(alone)], alone)
    model.thaw(4)
    assert not torch.equal(model.batch(egs[:2]).tensors["labels_RS"], both)
    other, _ = ready(own, made["mlm"], "mlm", seed=6)
    other.thaw(3)
    assert not torch.equal(other.batch(egs[:2]).tensors["labels_RS"], both)


def test_whole_words_are_predicted_whole(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["mlm_whole_word"], "mlm_whole_word")
    tokenizer, several = model.tokens.tokenizer, 0
    eg = next(eg for eg in egs if len(eg.input.split()) > 20)
    odd = Examples(egs.task, [{"text": " ".join(["the zebra", "cat in catamaran"] * 4)}], split="train")[0]
    for one in [model.corpus.draw(eg, visit) for eg in (eg, odd) for visit in range(40)]:
        text = np.where(one.labels == masking.LABEL_NONE, one.ids, one.labels)[~one.special]
        chosen = (one.labels != masking.LABEL_NONE)[~one.special]
        inner = [piece.startswith("##") for piece in tokenizer.convert_ids_to_tokens(text)]
        for i in range(1, len(text)):
            if inner[i] and not (one.ids[~one.special][i - 1] != text[i - 1] and not chosen[i - 1]):
                assert chosen[i] == chosen[i - 1] or i == 1
                several += bool(chosen[i])
    assert several > 5


def split_at(one: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the two segments of a pair as they were before anything was hidden."""
    ids = np.where(one.labels == masking.LABEL_NONE, one.ids, one.labels)
    return ids[(one.kinds == 0) & ~one.special], ids[(one.kinds == 1) & ~one.special]


def holds(text: np.ndarray, part: np.ndarray) -> bool:
    return any((text[i : i + len(part)] == part).all() for i in range(len(text) - len(part) + 1))


def undisturbed(model: Pretraining) -> None:
    """Predict tokens without hiding any, so that segments can be compared with texts."""
    model.corpus._hidden = lambda ids, chosen, rng: ids


def test_the_second_segment_follows_or_is_of_another_text(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["nsp"], "nsp")
    undisturbed(model)
    whole = {eg.uid: document.ids for eg, document in zip(egs, model.tokens.documents(egs[:]), strict=True)}
    seconds = []
    for eg in egs:
        for visit in range(5):
            one = model.corpus.draw(eg, visit)
            a, b = split_at(one)
            assert len(a) and len(b) and holds(whole[eg.uid], a)
            if not one.second:
                assert holds(whole[eg.uid], np.concatenate([a, b]))
            elif len(b) > 3:  # fewer tokens may stand in both by chance
                assert not holds(whole[eg.uid], b)
                others = [ids for uid, ids in whole.items() if uid != eg.uid]
                others += others[:6]  # a text that ends is gone on from with those after it
                assert any(holds(np.concatenate(others[j : j + 6]), b) for j in range(len(whole) - 1))
            seconds.append(one.second)
    assert 0.35 < np.mean(seconds) < 0.65


def test_the_segments_of_a_text_change_places(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["sop"], "sop")
    undisturbed(model)
    seconds = []
    for eg, document in zip(egs, model.tokens.documents(egs[:]), strict=True):
        for visit in range(5):
            one = model.corpus.draw(eg, visit)
            a, b = split_at(one)
            assert len(a) and len(b)
            assert holds(document.ids, np.concatenate([b, a] if one.second else [a, b]))
            seconds.append(one.second)
    assert 0.35 < np.mean(seconds) < 0.65


def test_a_long_text_is_seen_through_windows(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["mlm"], "mlm", max_input=12)
    undisturbed(model)
    eg = max(egs, key=lambda eg: len(eg.input))
    (document,) = model.tokens.documents([eg])
    seen = {tuple(model.corpus.draw(eg, visit).ids[1:-1]) for visit in range(200)}
    assert {len(one) for one in seen} == {10} and all(holds(document.ids, np.array(one)) for one in seen)
    assert len(seen) > (len(document.ids) - 9) // 2
    model.sizes(egs[:])
    over = sum(len(document.ids) > 10 for document in model.tokens.documents(egs[:]))
    assert f"of which a window is drawn at each visit ({over})" in " ".join(
        model.tokens.tallies["own/mlm"].warnings("")
    )


# -- losses ------------------------------------------------------------------------------------------------------------


def alike(egs: Examples, model: Pretraining) -> list[Any]:
    """Return texts that are seen at one length."""
    sizes = [size for size, _ in model.sizes(egs[:])]
    return [eg for eg, size in zip(egs, sizes, strict=True) if size == 32][:3]


def test_the_loss_is_that_of_transformers_for_masked_tokens(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["mlm"], "mlm")
    batch = model.batch(egs[:6])  # of several lengths
    own_net = AutoModelForMaskedLM.from_pretrained(made["mlm"]).eval()
    t = batch.tensors
    with torch.no_grad():
        found = own_net(input_ids=t["source_RS"], attention_mask=t["mask_RS"], token_type_ids=t["kinds_RS"],
                        labels=t["labels_RS"]).loss  # fmt: skip
        assert float(model.loss(batch).nats) / batch.units == pytest.approx(float(found), rel=1e-5)


@pytest.mark.parametrize(("objective", "kind"), [("nsp", BertForPreTraining), ("sop", AlbertForPreTraining)])
def test_the_loss_is_that_of_transformers_for_pairs(
    own: Path, made: dict[str, Path], objective: str, kind: Any
) -> None:
    model, egs = ready(own, made[objective], objective)
    batch = model.batch(alike(egs, model))
    t = batch.tensors
    name = "next_sentence_label" if objective == "nsp" else "sentence_order_label"
    with torch.no_grad():
        found = kind.from_pretrained(made[objective]).eval()(
            input_ids=t["source_RS"], attention_mask=t["mask_RS"], token_type_ids=t["kinds_RS"],
            labels=t["labels_RS"], **{name: t["second_R"]},
        ).loss  # fmt: skip
        assert float(model.loss(batch).nats) / batch.units == pytest.approx(float(found), rel=1e-5)


def test_the_loss_is_that_of_transformers_for_replaced_tokens(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["rtd"], "rtd")
    batch = model.batch(alike(egs, model))
    t, net = batch.tensors, model.net
    chosen = t["labels_RS"] != masking.LABEL_NONE
    with torch.no_grad():
        torch.manual_seed(9)
        nats = float(model.loss(batch).nats)
        whole = net.predictor.lm(input_ids=t["source_RS"], attention_mask=t["mask_RS"], token_type_ids=t["kinds_RS"],
                                 labels=t["labels_RS"])  # fmt: skip
        torch.manual_seed(9)
        drawn = torch.multinomial(whole.logits[chosen].softmax(-1), 1)[:, 0]
        text = torch.where(chosen, t["labels_RS"], t["source_RS"])
        filled = text.clone()
        filled[chosen] = drawn
        judged = ElectraForPreTraining.from_pretrained(made["rtd"]).eval()(
            input_ids=filled, attention_mask=t["mask_RS"], token_type_ids=t["kinds_RS"],
            labels=(filled != text).long(),
        )  # fmt: skip
    assert nats / batch.units == pytest.approx(float(whole.loss + 50 * judged.loss), rel=1e-5)
    shared = net.discriminator.electra.embeddings.word_embeddings.weight
    assert net.predictor.lm.electra.embeddings.word_embeddings.weight is shared
    assert net.predictor.lm.generator_lm_head.weight is shared


def test_a_token_filled_in_right_counts_as_the_texts(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["rtd"], "rtd")
    batch = model.batch(egs[:4])
    t = batch.tensors
    sure = torch.nn.functional.one_hot(t["labels_RS"][t["labels_RS"] >= 0], 200).float() * 1e4
    said = model.net.predictor(t)._replace(tokens=sure[:, : len(model.tokens.tokenizer)])
    model.net.predictor.forward = lambda tensors: said
    found = model.net.measure(t)
    assert found["replaced"] == 0 and found["right"] == found["tokens"]
    wrong = torch.roll(said.tokens, 1, -1)
    model.net.predictor.forward = lambda tensors: said._replace(tokens=wrong)
    assert model.net.measure(t)["replaced"] == found["tokens"]


def test_the_loss_is_that_of_transformers_for_permutations(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["plm"], "plm")
    batch = model.batch(egs[:5])
    t = batch.tensors
    own_net = XLNetLMHeadModel.from_pretrained(made["plm"]).eval()
    total = 0.0
    for r in range(5):  # each alone and without padding
        n, k = int(t["mask_RS"][r].sum()), int((t["labels_RP"][r] != -100).sum())
        with torch.no_grad():
            out = own_net(
                input_ids=t["source_RS"][r : r + 1, :n], perm_mask=t["hidden_RSS"][r : r + 1, :n, :n].float(),
                target_mapping=t["targets_RPS"][r : r + 1, :k, :n].float(), labels=t["labels_RP"][r : r + 1, :k],
                token_type_ids=t["kinds_RS"][r : r + 1, :n],
            )  # fmt: skip
        total += k * float(out.loss)
    with torch.no_grad():
        assert float(model.loss(batch).nats) == pytest.approx(total, rel=1e-5)


def test_a_predicted_token_does_not_see_itself_nor_those_after_it(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["plm"], "plm")
    t = dict(model.batch([max(egs, key=lambda eg: len(eg.input))]).tensors)
    places = t["targets_RPS"][0].int().argmax(1)
    order = (~t["hidden_RSS"][0][places][:, places]).sum(1)
    with torch.no_grad():
        before = model.net._said(t)
        changed = t["source_RS"].clone()
        at = int(order.argsort()[1])  # the second of the order
        changed[0, places[at]] = changed[0, places[at]] % 20 + 6
        after = model.net._said({**t, "source_RS": changed})
    moved = (before - after).abs().amax(1) > 1e-6
    assert moved.tolist() == (order > order[at]).tolist() and moved.any()


def test_words_that_are_more_than_fit_count_as_much_as_others(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["mlm_whole_word"], "mlm_whole_word")
    long = Examples(egs.task, [{"text": "zebra"}], split="train")  # one word of five tokens, of which one is to be
    batch = model.batch(long[:])
    t = batch.tensors
    assert batch.units == 1 and int((t["labels_RS"] >= 0).sum()) == 5
    with torch.no_grad():
        found = model.net.predictor.lm(input_ids=t["source_RS"], attention_mask=t["mask_RS"], labels=t["labels_RS"])
        assert float(model.loss(batch).nats) == pytest.approx(float(found.loss), rel=1e-5)


@pytest.mark.parametrize(
    "kind", ["roberta", "albert", "distilbert", "deberta", "deberta-v2", "electra", "modernbert", "mpnet"]
)
def test_every_architecture_is_pretrained_by_its_own_head(own: Path, tmp_path: Path, kind: str) -> None:
    folder = write_model(tmp_path / kind, kind, auto=AutoModelForMaskedLM)
    model, egs = ready(own, folder, "mlm")
    batch = model.batch(egs[:3])
    t = batch.tensors
    net = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.no_grad():
        found = net(input_ids=t["source_RS"], attention_mask=t["mask_RS"], labels=t["labels_RS"]).loss
        assert float(model.loss(batch).nats) / batch.units == pytest.approx(float(found), rel=1e-4)
    pairs, egs = ready(own, folder, "sop")
    assert torch.isfinite(pairs.loss(pairs.batch(egs[:3])).nats)
    assert ("a new head for pairs" in pairs.origin) == (kind != "albert")


# -- the loop and the files --------------------------------------------------------------------------------------------


class Said(Watch):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def notice(self, text: str) -> None:
        self.lines.append(text)


def settings(objective: str, folder: Path, out: Path, **more: Any) -> Any:
    own = {"schedule": "constant", "warmup_steps": 0, "max_input": 32, "batch_tokens": 256, "model": str(folder)}
    return config(out, task=(f"own/{objective}",), **{**own, **more})


@pytest.mark.parametrize("objective", ENCODER_OBJECTIVES)
def test_the_loop_learns_saves_and_goes_on(own: Path, made: dict[str, Path], tmp_path: Path, objective: str) -> None:
    watch = Said()
    report = train(settings(objective, made[objective], tmp_path / "a", steps=6, dropout=0.1), watch=watch)
    assert report.rows == ()
    (said,) = [line for line in watch.lines if line.startswith(f"own/{objective} validation:")]
    assert "predicted tokens right, perplexity" in said and said in report.notes
    assert ("pairs right" in said) == (objective in ("nsp", "sop")) and ("replaced" in said) == (objective == "rtd")

    train(settings(objective, made[objective], tmp_path / "b", steps=3, dropout=0.1))
    again = resume(tmp_path / "b", changes={"steps": 6})
    assert steps(tmp_path / "a") == steps(tmp_path / "b")
    weights = [load_file(tmp_path / run / "model" / "model.safetensors") for run in "ab"]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert said in again.notes

    folder = tmp_path / "a" / "model"
    auto = AUTO.get(objective, AutoModelForMaskedLM)
    _, info = auto.from_pretrained(folder, output_loading_info=True)
    assert not any(info[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    body = AutoModel.from_pretrained(folder)
    encoder = models.load(str(folder), options=Options(**STILL))
    assert encoder.family == "encoder" and "left out" in encoder.origin and "random" not in encoder.origin
    one, other = dict(body.named_parameters()), dict(encoder.net.body.named_parameters())
    assert all(torch.equal(one[name], p) for name, p in other.items())
    if objective == "rtd":
        ElectraForMaskedLM.from_pretrained(folder / "generator")
    further, egs = ready(own, folder, objective)
    assert "new" not in further.origin and "left out" not in further.origin
    first, _ = ready(own, made[objective], objective)
    assert further.origin != first.origin


@pytest.mark.parametrize("objective", ENCODER_OBJECTIVES)
def test_the_loss_falls(own: Path, made: dict[str, Path], tmp_path: Path, objective: str) -> None:
    folder = write_model(tmp_path / "m", KIND[objective], auto=AutoModel)
    (folder / "model.safetensors").unlink()
    train(settings(objective, folder, tmp_path / "a", steps=25, learning_rate=1e-2))
    losses = [line["loss"] for line in lines(tmp_path / "a") if "loss" in line]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:2])


def test_accumulation_changes_nothing(own: Path, made: dict[str, Path], tmp_path: Path) -> None:
    found = []
    for parts in (1, 3):
        out = tmp_path / str(parts)
        train(settings("sop", made["sop"], out, steps=3, dropout=0.0, accumulate=parts))
        found.append([line["loss"] for line in lines(out) if "loss" in line])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_body_without_a_head_gets_a_new_one_from_the_seed(own: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "bare", "bert", auto=AutoModel)
    model, egs = ready(own, folder, "mlm")
    again, _ = ready(own, folder, "mlm")
    assert "new and random: cls" in model.origin and "left out: pooler" in model.origin and not model.fresh
    lm = model.net.predictor.lm
    assert lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight
    assert all(torch.equal(a, b) for a, b in zip(model.net.parameters(), again.net.parameters(), strict=True))
    body = AutoModel.from_pretrained(folder)
    assert torch.equal(lm.bert.encoder.layer[0].output.dense.weight, body.encoder.layer[0].output.dense.weight)
    (folder / "model.safetensors").unlink()
    fresh, _ = ready(own, folder, "mlm")
    assert fresh.fresh and "random weights, seed 5" in fresh.origin


def test_rates_are_those_of_pretraining() -> None:
    usual = config(learning_rate=None)
    assert [(c.optimizer, c.learning_rate) for c in (settle(usual, fresh=f, family="pretraining") for f in (0, 1))] == [
        ("adamw", 1e-4), ("adamw", 5e-4)
    ]  # fmt: skip


def test_held_out_is_one_masking_and_measured_right(own: Path, made: dict[str, Path]) -> None:
    model, _ = ready(own, made["mlm"], "mlm")
    egs = texts(own, "mlm", "validation")
    (line,) = model.held_out({"own/mlm": egs})
    model.thaw(7)
    torch.manual_seed(3)
    assert model.held_out({"own/mlm": egs}) == [line]
    small, _ = ready(own, made["mlm"], "mlm", eval_tokens=64)
    assert small.held_out({"own/mlm": egs}) == [line]
    nats, right, tokens = 0.0, 0, 0
    for eg in egs:
        t = model._batch([eg], 0).tensors
        with torch.no_grad():
            logits = model.net.predictor.lm(input_ids=t["source_RS"]).logits[0]
        for at in (t["labels_RS"][0] >= 0).nonzero()[:, 0]:
            gold = int(t["labels_RS"][0, at])
            nats -= float(logits[at].log_softmax(-1)[gold])
            right += int(logits[at].argmax()) == gold
            tokens += 1
    said = f"{100 * right / tokens:.2f} % of {tokens} predicted tokens right, perplexity {np.exp(nats / tokens):.2f}"
    assert line == f"own/mlm validation: {said} (8 texts, masked once)"


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_a_task_file_names_an_objective_there_is(tmp_path: Path) -> None:
    assert read_task(write_task(tmp_path, "mlm")).objective == "mlm" and task_of("glue/rte").objective == ""
    corpus = task_of("pretraining/mlm:mine/texts:body")
    assert (corpus.source.hub, corpus.columns["text"].origin) == ("mine/texts", "body")
    with pytest.raises(UsageError, match='"mlmm" is not an objective.*mean'):
        read_task(write_task(tmp_path, "mlmm"))
    with pytest.raises(UsageError, match="no answers to score"):
        read_task(write_task(tmp_path, "mlm", metrics="[exact]"))


def test_objectives_are_not_mixed(own: Path, made: dict[str, Path], tmp_path: Path) -> None:
    for names in (("own/mlm", "toy/vowel"), ("own/mlm", "own/nsp")):
        with pytest.raises(UsageError, match="one objective, or of none"):
            train(config(tmp_path / "a", task=names, model=str(made["mlm"])))
    with pytest.raises(UsageError, match="for the family pretraining"):
        train(config(tmp_path / "a", task=("own/mlm",), model=str(made["mlm"]), family="encoder"))
    with pytest.raises(UsageError, match="baseline models are not pretrained"):
        train(config(tmp_path / "a", task=("own/mlm",), model="baseline:majority"))
    with pytest.raises(UsageError, match="family seq2seq are not pretrained"):
        train(config(tmp_path / "a", task=("own/mlm",)))
    with pytest.raises(UsageError, match="needs tasks of one objective"):
        train(config(tmp_path / "a", task=("toy/vowel",), model=str(made["mlm"]), family="pretraining"))
    assert not (tmp_path / "a").exists()


def test_a_model_is_of_the_type_of_its_objective(own: Path, made: dict[str, Path]) -> None:
    for objective, other in (("rtd", "mlm"), ("plm", "mlm")):
        with pytest.raises(UsageError, match=f"{objective} is for .*, not for models of type bert"):
            ready(own, made[other], objective)
    with pytest.raises(UsageError, match="freeze is not for pretraining"):
        ready(own, made["mlm"], "mlm", freeze="body")


def test_there_are_no_answers(own: Path, made: dict[str, Path], tmp_path: Path) -> None:
    model, egs = ready(own, made["mlm"], "mlm")
    for ask in (model.write, model.rank):
        with pytest.raises(UsageError, match="gives no answers"):
            ask(egs[:1])
    with pytest.raises(UsageError, match="nothing to score.*its objective is mlm"):
        evaluate_model(str(made["mlm"]), {"task": ["own/mlm"], "out": str(tmp_path / "e")}, watch=Watch())


def test_texts_that_are_too_short_or_alone(own: Path, made: dict[str, Path]) -> None:
    model, egs = ready(own, made["nsp"], "nsp")
    short = Examples(egs.task, [{"text": "it"}], split="train")
    with pytest.raises(DataError, match="has 1 tokens, the objective nsp needs 2"):
        model.sizes(short[:])
    with pytest.raises(DataError, match="one text alone"):
        model.prepare({"own": short}, training=True)


def test_weights_that_are_not_whole_are_refused(own: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "bert", auto=AutoModelForMaskedLM)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, "num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="missing tensors: encoder.layer.2"):
        ready(own, folder, "mlm")
    (folder / "config.json").write_text(json.dumps({**said, "num_hidden_layers": 1}))
    with pytest.raises(ModelError, match="unexpected tensors: encoder.layer.1"):
        ready(own, folder, "mlm")


# -- the sample --------------------------------------------------------------------------------------------------------

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "pretraining"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", "-B", str(folder / "generate.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_sample_is_what_its_generator_writes(tmp_path: Path) -> None:
    done = check(SAMPLE)
    assert done.returncode == 0, done.stderr
    for name in ("pretraining", "summarization"):
        shutil.copytree(SAMPLE.parent / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SAMPLE.parent / "generated.py", tmp_path)
    changed = tmp_path / "pretraining" / "plain" / "train.jsonl"
    changed.write_bytes(changed.read_bytes() + b"\n")
    done = check(tmp_path / "pretraining")
    assert done.returncode == 1 and done.stderr.strip() == f"differs: {Path('plain') / 'train.jsonl'}"


def test_the_datasheet_of_the_sample_is_right() -> None:
    said = (SAMPLE / "DATASHEET.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| `(\S+)` \| (\d+) \| `([0-9a-f]{64})` \|$", said, re.MULTILINE)
    files = sorted(SAMPLE.rglob("*.jsonl"))
    rows = {file: [json.loads(line) for line in file.read_text("utf-8").splitlines()] for file in files}
    assert stated == [
        (file.relative_to(SAMPLE).as_posix(), str(len(rows[file])), hashlib.sha256(file.read_bytes()).hexdigest())
        for file in files
    ]
    every = [row["text"] for some in rows.values() for row in some]
    assert len(set(every)) == len(every) == 200
    assert all(list(row) == ["text"] and row["text"].strip() == row["text"] for some in rows.values() for row in some)

"""Cloze models: scores and losses that are transformers' own, blanks and their spelling, what is refused, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from transformers import AutoModel, AutoModelForMaskedLM

from t2t.config import Config
from t2t.errors import DataError, ModelError, UsageError
from t2t.examples import Examples
from t2t.models import PREFERRED, Options, find
from t2t.models.cloze import Cloze, load
from t2t.tasks import prompts
from t2t.tasks import task as task_of
from t2t.train import resume, train
from t2t.types import Column, Example, Piece, Prompt, Source, Task
from tests.test_encoder import SENTENCES, SHAPES, tokenizer, write_model
from tests.toy import assert_same, steps

KINDS = [kind for kind in SHAPES if kind != "xlnet"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a tiny masked language model of each architecture."""
    top = tmp_path_factory.mktemp("masked")
    return {kind: write_model(top / kind, kind, auto=AutoModelForMaskedLM) for kind in KINDS}


@pytest.fixture(scope="module")
def bert(folders: dict[str, Path]) -> Path:
    return folders["bert"]


def opened(folder: Path, **options: Any) -> Cloze:
    return load(str(folder), {}, Options(**{"precision": "fp32", "max_input": 64, "dropout": 0.0, **options}))


def made(cloze: str | None = "{text} it is {mask}.", choices: tuple[str, ...] = ("the", "dog"), **more: Any) -> Task:
    own = {"name": "pet-1", "target": "{label|choice}", "cloze": cloze, "choices": choices, "hash": "h", **more}
    columns = {"text": Column("text"), "other": Column("text"), "label": Column("class")}
    return Task("toy/blank", "", "choice", columns, Source(), {"pet-1": Prompt(**own)}, ("accuracy",))


def examples(found: Task | None = None, texts: Sequence[str] = SENTENCES, **how: Any) -> Examples:
    rows = [{"text": text, "other": f"{text} {i}", "label": i % 2} for i, text in enumerate(texts)]
    return Examples(found or made(), rows, split="train", **how)


def trained(m: Cloze, egs: Sequence[Example], steps: int) -> list[float]:
    optimizer = torch.optim.AdamW(m.net.parameters(), lr=0.01)
    losses = []
    m.module.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = m.loss(m.batch(egs))
        (loss.nats / loss.units).backward()
        optimizer.step()
        losses.append(loss.nats.item() / loss.units)
    return losses


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_keeps_the_contract(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    m, sets = opened(folders[kind]), {"toy/blank": examples()}
    m.prepare(sets, training=True)
    egs = sets["toy/blank"][:]
    losses = trained(m, egs, 15)
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.grad is not None for p in m.net.parameters()), "DDP waits for every gradient"
    nats = torch.tensor(m.rank(egs))
    assert nats.shape == (len(egs), 2) and torch.allclose(nats.exp().sum(1), torch.ones(len(egs)))
    assert m.write(egs) == [eg.choices[i] for eg, i in zip(egs, nats.argmax(1).tolist(), strict=True)]
    m.save(tmp_path / "saved")
    assert find(str(tmp_path / "saved")).family == "cloze"
    assert find(str(folders[kind])).family == "encoder" and find(str(folders[kind]), "cloze").family == "cloze"
    again = opened(tmp_path / "saved")
    assert_same(dict(m.net.state_dict()), dict(again.net.state_dict()))
    assert again.rank(egs) == m.rank(egs) and not again.fresh
    AutoModelForMaskedLM.from_pretrained(tmp_path / "saved")


@pytest.mark.parametrize("kind", KINDS)
def test_padding_order_and_company_change_nothing(kind: str, folders: dict[str, Path]) -> None:
    m = opened(folders[kind])
    egs = [*examples(made(choices=("anna met", "dog", "the cat sat")))[:], *examples()[:]]
    together, alone = m.rank(egs), [m.rank([eg])[0] for eg in egs]
    backwards = m.rank(egs[::-1])[::-1]
    for a, b, c in zip(together, alone, backwards, strict=True):
        assert a == pytest.approx(b, abs=1e-5) and a == pytest.approx(c, abs=1e-5)
    assert torch.tensor(together[: len(SENTENCES)]).std(0).min() > 1e-4, "answers must differ"
    assert m.write(egs) == [m.write([eg])[0] for eg in egs]


# -- transformers' own -------------------------------------------------------------------------------------------------


def plain(kind: str, folder: Path, text: str, words: Sequence[str]) -> list[float]:
    """Return the mean logits of words at as many masks, from a text as transformers reads it, mask tokens and all."""
    net, own = AutoModelForMaskedLM.from_pretrained(folder).eval(), tokenizer(SHAPES[kind][0])
    space = " " if SHAPES[kind][0] == "bytes" else ""
    out = []
    for word in words:
        ids = own(space + word, add_special_tokens=False)["input_ids"]
        # A byte-level mask takes the space before it.
        filled = text.replace(" {mask}", ("" if space else " ") + own.mask_token * len(ids))
        inputs = own(filled, return_tensors="pt")
        where = (inputs["input_ids"][0] == own.mask_token_id).nonzero()[:, 0]
        assert len(where) == len(ids)
        inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            logits = net(**inputs).logits[0]
        out.append(float(torch.stack([logits[at, i] for at, i in zip(where, ids, strict=True)]).mean()))
    return out


@pytest.mark.parametrize("kind", [kind for kind in KINDS if SHAPES[kind][0] != "unigram"])
@pytest.mark.parametrize("choices", [("the", "dog"), ("anna met", "dog", "the cat sat")])
def test_scores_are_the_logits_of_transformers(kind: str, choices: tuple[str, ...], folders: dict[str, Path]) -> None:
    m = opened(folders[kind])
    egs = examples(made(choices=choices))[:]
    for eg, scores in zip(egs, m.score(egs), strict=True):
        assert scores == pytest.approx(plain(kind, folders[kind], eg.input, choices), abs=1e-4)
    asked = torch.tensor([plain(kind, folders[kind], eg.input, choices) for eg in egs])
    loss = m.loss(m.batch(egs))
    assert loss.units == len(egs)
    assert loss.nats.item() == pytest.approx(
        cross_entropy(asked, torch.tensor([eg.gold for eg in egs]), reduction="sum").item(), rel=1e-4
    )


def test_a_teachers_scores_are_learned_under_a_temperature(bert: Path) -> None:
    m = opened(bert, soft_temperature=2.0, soft_weight=0.25)
    egs = [replace(eg, taught=(1.0, -0.5 * i)) for i, eg in enumerate(examples())]
    scores, asked = torch.tensor(m.score(egs)), torch.tensor([eg.taught for eg in egs])
    soft = 4 * kl_div(log_softmax(scores / 2, -1), log_softmax(asked / 2, -1), reduction="sum", log_target=True)
    hard = cross_entropy(scores, torch.tensor([eg.gold for eg in egs]), reduction="sum")
    assert m.loss(m.batch(egs)).nats.item() == pytest.approx((0.25 * soft + 0.75 * hard).item(), rel=1e-5)
    unlabelled = [replace(eg, gold=None, target="") for eg in egs]
    pure = opened(bert)
    assert pure.loss(pure.batch(unlabelled)).nats.item() == pytest.approx(soft.item(), rel=1e-5)


def test_the_language_models_own_loss_has_its_share(bert: Path) -> None:
    """(1 - a) of the answers' and a of that of hidden tokens, the mean over those of each text."""
    net = AutoModelForMaskedLM.from_pretrained(bert).eval()
    egs = examples()[:]
    bare, m = opened(bert), opened(bert, mlm_weight=0.25)
    torch.manual_seed(3)
    loss = m.loss(m.batch(egs)).nats.item()
    torch.manual_seed(3)
    own, hidden = 0.0, 0
    for row in m._texts(egs):
        seen, places, were = m._hide(row)
        assert (row[places] == were).all() and not {*were.tolist()} & {*m.tokens.special.tolist()}
        labels = torch.full((1, len(row)), -100)
        labels[0, places] = torch.from_numpy(were).long()
        if len(places):
            own += net(input_ids=torch.from_numpy(seen)[None].long(), labels=labels).loss.item()
            hidden += len(places)
    assert hidden > 3
    assert loss == pytest.approx(0.75 * bare.loss(bare.batch(egs)).nats.item() + 0.25 * own, rel=1e-5)
    assert m.sizes(egs)[0][0] == 2 * bare.sizes(egs)[0][0]


def test_tokens_are_hidden_as_berts_are(bert: Path) -> None:
    m = opened(bert)
    row = m.tokens.fill([replace(examples()[0], pieces=(Piece("{mask} "), Piece("cat " * 50, "text")))])[0].laid.rows[0]
    torch.manual_seed(0)
    mask, kept, seen = 0, 0, 0
    for _ in range(200):
        out, places, were = m._hide(row)
        assert (out != row).sum() <= len(places)
        mask, kept, seen = mask + (out[places] == m.tokens.mask).sum(), kept + (out[places] == were).sum(), seen + len(
            places
        )  # fmt: skip
    assert seen == 200 * round(0.15 * 50), "as many of every text"
    assert mask / seen == pytest.approx(0.8, abs=0.03) and kept / seen == pytest.approx(0.1, abs=0.03)


def test_texts_of_unlabelled_examples_are_taken_where_there_are_any(bert: Path) -> None:
    m = opened(bert, mlm_weight=0.5)
    m.unlabelled = examples(texts=["paris"])[:]
    assert {len(row) for row in m._texts(examples()[:])} == {len(m.tokens.fill(m.unlabelled)[0].laid.rows[0])}
    torch.manual_seed(1)
    one = m.loss(m.batch(examples()[:])).nats.item()
    torch.manual_seed(1)
    assert m.loss(m.batch(examples()[:])).nats.item() == one


def test_a_run_that_goes_on_ends_as_one_that_never_stopped(bert: Path, tmp_path: Path) -> None:
    own = {"task": ("glue/sst2",), "source": "sample", "prompt": "pet-1", "model": str(bert), "family": "cloze",
           "schedule": "constant", "mlm_weight": 0.1, "batch_tokens": 400, "max_input": 64, "train_limit": 20,
           "eval_limit": 4, "precision": "fp32", "optimizer": "adamw", "warmup_steps": 0}  # fmt: skip
    train(Config(**own, steps=4, out=str(tmp_path / "whole")))  # type: ignore[arg-type]
    train(Config(**own, steps=2, out=str(tmp_path / "part")))  # type: ignore[arg-type]
    resume(tmp_path / "part", changes={"steps": 4})
    whole, part = (opened(tmp_path / name / "model").net.state_dict() for name in ("whole", "part"))
    assert_same(dict(whole), dict(part))
    assert steps(tmp_path / "whole") and steps(tmp_path / "whole")[-1] == steps(tmp_path / "part")[-1]


# -- the blank ---------------------------------------------------------------------------------------------------------


def spelt(m: Cloze, eg: Example) -> list[str]:
    return [m.tokens.tokenizer.convert_ids_to_tokens(row.tolist()) for row in m.tokens.fill([eg])[0].laid.rows]


def test_words_are_spelt_as_they_stand_in_the_text(folders: dict[str, Path]) -> None:
    def words(kind: str, cloze: str) -> list[str]:
        m = opened(folders[kind])
        blank = m.tokens.fill(examples(made(cloze, ("a", "an")))[:1])[0]
        row = m.tokens.tokenizer.convert_ids_to_tokens(blank.laid.rows[0].tolist())
        return [m.tokens.tokenizer.convert_ids_to_tokens(blank.spelt[0].tolist())[0], *row[blank.at - 1 : blank.at + 2]]

    assert words("roberta", "{text} it {mask}, a") == ["Ġa", "t", "<mask>", ","]
    assert words("roberta", "{mask} a {text}") == ["a", "<s>", "<mask>", "Ġa"]
    assert words("roberta", '"{mask}" {text}') == ["a", '"', "<mask>", '"']
    assert words("albert", "{text} it {mask}.") == ["▁a", "▁it", "[MASK]", "."]
    assert words("albert", "{mask} a {text}") == ["▁a", "[CLS]", "[MASK]", "▁a"]
    assert words("bert", '{text} "{mask}!') == ["a", '"', "[MASK]", "!"]


def test_only_column_text_is_cut_and_the_longest_first(bert: Path) -> None:
    m = opened(bert, max_input=20)
    eg = examples(made("{other} it is {mask}, {text} and", ("the", "anna met")))[0]
    eg = replace(eg, pieces=tuple(replace(p, text="cat " * 30) if p.column == "other" else p for p in eg.pieces))
    for row, masks in zip(spelt(m, eg), (1, 2), strict=True):
        assert row == [
            "[CLS]", *["cat"] * (20 - 11), "it", "is", *["[MASK]"] * masks, ",", "anna", "met", "bob", "and", "[SEP]",
        ]  # fmt: skip
    assert m.tokens.tallies["toy/blank"].inputs_cut == 1
    with pytest.raises(DataError, match="wording alone"):
        opened(bert, max_input=6).rank([eg])


def test_a_mask_in_the_text_of_a_column_is_no_mask(folders: dict[str, Path]) -> None:
    for kind, name in (("bert", "[MASK]"), ("roberta", "<mask>"), ("albert", "[MASK]")):
        m = opened(folders[kind])
        eg = examples(texts=[f"a {name} {{mask}} cat {name}"])[0]
        blank, mask = m.tokens.fill([eg])[0], m.tokens.tokenizer.mask_token
        for row, masks in zip(spelt(m, eg), blank.masks, strict=True):
            assert row.count(mask) == masks and row.index(mask) == blank.at, row


def test_choices_of_each_row_are_ranked(bert: Path) -> None:
    m, egs = opened(bert), examples(made(choices=("{text}", "{other}")))
    m.prepare({"toy/blank": egs}, training=True)
    assert m.write(egs[:])[0] in egs[0].choices and trained(m, egs[:], 10)[-1] < trained(opened(bert), egs[:], 1)[0]


def test_choices_of_several_tokens_are_said(bert: Path) -> None:
    tokens = opened(bert).tokens
    (said,) = tokens.audit("toy/blank", made(choices=("the", "anna met")).prompt)
    assert "several tokens" in said and "anna met" in said
    assert tokens.audit("toy/blank", made().prompt) == []


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_weights_without_the_head_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind in ("bert", "roberta", "distilbert", "electra"):
        write_model(tmp_path / kind, kind, auto=AutoModel)
        with pytest.raises(ModelError, match="no masked language model's head"):
            opened(tmp_path / kind)
    for file in (tmp_path / "bert").glob("*.safetensors"):
        file.unlink()
    fresh = opened(tmp_path / "bert")
    assert fresh.fresh and "random weights" in fresh.origin


def test_surplus_tensors_are_refused_or_noted(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shape, weights = opened(bert), load_file(bert / "model.safetensors")
    shape.save(tmp_path)
    more = {**weights, "cls.seq_relationship.weight": torch.ones(2, 16), "bert.pooler.dense.bias": torch.ones(16)}
    save_file(more, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert "left out: pooler; left out: cls.seq_relationship" in opened(tmp_path).origin
    odd = {**weights, "bert.encoder.layer.7.output.dense.bias": torch.ones(16)}
    save_file(odd, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="unexpected"):
        opened(tmp_path)


def test_a_tokenizer_without_a_mask_is_refused(bert: Path, tmp_path: Path) -> None:
    opened(bert).net.lm.save_pretrained(tmp_path)
    own = tokenizer("wordpiece")
    own.mask_token = None
    own.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no mask token"):
        opened(tmp_path)


@pytest.mark.parametrize("choices", [("the", "☃"), ("the", "The")])
def test_choices_that_the_vocabulary_cannot_tell_are_refused(choices: tuple[str, ...], bert: Path) -> None:
    found = made(choices=choices)
    for how in (lambda m: m.tokens.audit("toy/blank", found.prompt), lambda m: m.rank(examples(found)[:])):
        with pytest.raises(UsageError, match="no token for|alike"):
            how(opened(bert))


def test_prompts_without_a_blank_are_refused(bert: Path) -> None:
    m = opened(bert)
    asked: list[tuple[Examples, str]] = [
        (examples(replace(made(None, input="{text}"))), "needs a prompt with a cloze"),
        (examples(made(), demos=examples(), shots=1), "without shots"),
        (examples(replace(made(choices=()), answer="text")), "needs a prompt with a cloze"),
    ]
    for egs, message in asked:
        with pytest.raises(UsageError, match=message):
            m.prepare({"toy/blank": egs}, training=False)
    with pytest.raises(DataError, match="one {mask}"):
        m.rank([replace(examples()[0], pieces=(Piece("{mask}", "text"),))])


@pytest.mark.parametrize("options", [{"head": "crf"}, {"pack": True}, {"freeze": "body"}, {"pooling": "mean"}])
def test_settings_of_other_families_are_refused(options: dict[str, Any], bert: Path) -> None:
    with pytest.raises(UsageError, match="not for cloze models"):
        opened(bert, **options)


def test_a_cloze_model_takes_the_first_pattern() -> None:
    found = task_of("glue/rte")
    assert prompts(found, None, PREFERRED["cloze"])[0].name == "pet-1"

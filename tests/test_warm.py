"""Warm-started encoder-decoders: what is copied and what is new, transformers' own loss, answers that survive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer, EncoderDecoderModel

from t2t.answers import form
from t2t.config import Config
from t2t.errors import ModelError, UsageError
from t2t.models import Options, find, load
from t2t.models.warm import Warm, WarmTokens, spaced
from t2t.optim import settle
from t2t.tagging import FORMATS
from t2t.train import resume, train
from t2t.types import Example, Piece, Prompt
from tests import toy
from tests.test_encoder import SENTENCES, made, tokenizer, write_model
from tests.test_train import Crash, CrashAt
from tests.toy import assert_same, example


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT without a head (bert), with one (mlm), with other weights (other), and a RoBERTa."""
    top = tmp_path_factory.mktemp("warm")
    write_model(top / "bert")
    write_model(top / "mlm", auto=AutoModelForMaskedLM, seed=1)
    write_model(top / "other", auto=AutoModelForMaskedLM, seed=2, num_hidden_layers=1)
    write_model(top / "roberta", "roberta")
    return top


def opened(name: str, **options: Any) -> Warm:
    own = {"precision": "fp32", "max_input": 64, "max_target": 32, "dropout": 0.0, **options}
    model = load(name, options=Options(**own))
    assert isinstance(model, Warm)
    return model


def loud(model: Warm) -> Warm:
    """Make the new weights large enough to tell answers apart."""
    for name, weight in model.net.named_parameters():
        if "crossattention" in name and weight.ndim > 1:
            weight.data *= 20
    return model


def some(choices: tuple[str, ...] = ()) -> list[Example]:
    egs = [example(text, choices[i % 2] if choices else text[::-1], choices=choices)
           for i, text in enumerate(SENTENCES)]  # fmt: skip
    return [replace(eg, pieces=(Piece(eg.pieces[-1].text, "text"),)) for eg in egs]


# -- what is copied ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bert", "mlm", "roberta"])
def test_encoder_and_decoder_are_the_checkpoints(folders: Path, name: str) -> None:
    model = opened(f"warm:{folders / name}")
    body = AutoModel.from_pretrained(folders / name).state_dict()
    encoder, decoder = model.net.encoder.state_dict(), model.net.decoder.base_model.state_dict()
    shared = {key for key in body if not key.startswith("pooler.")}
    assert_same({key: encoder[key] for key in shared}, {key: body[key] for key in shared})
    assert_same({key: decoder[key] for key in shared}, {key: body[key] for key in shared})
    assert decoder.keys() - shared == {key for key in decoder if "crossattention" in key}
    assert not model.fresh and model.family == "seq2seq" and "new: cross-attention" in model.origin
    assert ("output layer" in model.origin) == (name != "mlm"), "a masked language model's own head is taken"


def test_what_is_new_is_drawn_from_the_seed(folders: Path) -> None:
    one, two, other = (opened(f"warm:{folders / 'bert'}", seed=seed).net.state_dict() for seed in (1, 1, 2))
    assert_same(one, two)
    changed = {key for key in one if not torch.equal(one[key], other[key])}
    assert changed and all("crossattention" in key or "cls." in key for key in changed)


def test_the_lowest_layers_are_copied_where_few_are_asked_for(folders: Path) -> None:
    model = opened(f"warm:{folders / 'mlm'}", decoder_layers=1)
    assert model.net.config.decoder.num_hidden_layers == 1 and model.net.config.encoder.num_hidden_layers == 2
    theirs = AutoModelForMaskedLM.from_pretrained(folders / "mlm").state_dict()
    own = model.net.decoder.state_dict()
    assert all(torch.equal(own[key], theirs[key]) for key in own if "crossattention" not in key)
    assert "the lowest 1 of 2 layers copied" in model.origin
    with pytest.raises(UsageError, match="decoder_layers is 3, the checkpoint has 2"):
        opened(f"warm:{folders / 'mlm'}", decoder_layers=3)


def test_a_decoder_of_another_checkpoint(folders: Path) -> None:
    model = opened(f"warm:{folders / 'bert'}+{folders / 'other'}")
    theirs = AutoModelForMaskedLM.from_pretrained(folders / "other").state_dict()
    own = model.net.decoder.state_dict()
    assert own["bert.encoder.layer.0.output.dense.weight"].equal(theirs["bert.encoder.layer.0.output.dense.weight"])
    assert model.net.encoder.config.num_hidden_layers == 2 and model.net.decoder.config.num_hidden_layers == 1
    with pytest.raises(UsageError, match="two checkpoints share no weights"):
        opened(f"warm:{folders / 'bert'}+{folders / 'other'}", share="all")
    with pytest.raises(UsageError, match="different vocabularies"):
        opened(f"warm:{folders / 'bert'}+{folders / 'roberta'}")


@pytest.mark.parametrize(("share", "fewer"), [("embeddings", 1), ("all", 37)])
def test_shared_weights_are_one_tensor(folders: Path, share: str, fewer: int) -> None:
    apart, model = opened(f"warm:{folders / 'bert'}"), opened(f"warm:{folders / 'bert'}", share=share)
    names = [dict(m.net.named_parameters()).keys() for m in (apart, model)]
    assert len(names[0] - names[1]) == fewer, "all: 5 embedding tensors and 16 of each of 2 layers"
    words = model.net.encoder.get_input_embeddings().weight
    assert words is model.net.decoder.get_input_embeddings().weight is model.net.get_output_embeddings().weight
    with pytest.raises(UsageError, match="copied whole"):
        opened(f"warm:{folders / 'bert'}", share="all", decoder_layers=1)


# -- loss and answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_loss_and_gradients_are_transformers_own(folders: Path, name: str) -> None:
    model, egs = loud(opened(f"warm:{folders / name}", max_input=48)), some()
    made_of = model.tokens.tokenizer
    source = made_of([eg.input for eg in egs], padding=True, return_tensors="pt")
    target = made_of([eg.target for eg in egs], padding=True, return_tensors="pt")
    labels_BT = target["input_ids"].masked_fill(target["attention_mask"] == 0, -100)[:, 1:]  # without [CLS]
    shifted_BT = torch.cat([torch.full((len(egs), 1), made_of.cls_token_id), labels_BT[:, :-1]], 1)
    logits_BTV = model.net(
        input_ids=source["input_ids"], attention_mask=source["attention_mask"],
        decoder_input_ids=shifted_BT.masked_fill(shifted_BT == -100, made_of.pad_token_id),
    ).logits  # fmt: skip
    torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), labels_BT.flatten(), reduction="sum").backward()
    wanted = {n: p.grad for n, p in model.net.named_parameters() if p.grad is not None}
    model.net.zero_grad(set_to_none=True)
    batch = model.batch(egs)
    assert batch.tensors["source_BS"].tolist() == source["input_ids"].tolist(), "the frame is the encoder's own"
    assert batch.units == int((labels_BT != -100).sum())
    loss = model.loss(batch)
    loss.nats.backward()
    assert_same({n: p.grad for n, p in model.net.named_parameters() if p.grad is not None}, wanted, tolerance=2e-5)
    assert not any("pooler" in n for n in wanted) and len(wanted) > 40


def test_answers_depend_on_neither_order_nor_padding_nor_the_cache(folders: Path) -> None:
    model = loud(opened(f"warm:{folders / 'bert'}", eval_tokens=10**6, max_target=12))
    egs = some(("bob sat", "the cat"))
    free = [replace(eg, choices=()) for eg in egs]
    written, ranked = model.write(free), model.rank(egs)
    assert len(set(written)) > 1
    assert model.write(free[::-1])[::-1] == written
    alone = [model.rank([eg])[0] for eg in egs]
    assert torch.allclose(torch.tensor(ranked), torch.tensor(alone), atol=1e-4)
    for eg, text in zip(free, written, strict=True):
        assert model.write([eg]) == [text]
        source_BS, mask_BS = model._padded([encoded.source for encoded in model.tokens.encode([eg])])
        ids = [model.start]
        while len(ids) <= model.tokens.max_target and ids[-1] != model.tokens.eos:
            logits = model.net.eval()(input_ids=source_BS, attention_mask=mask_BS,
                                      decoder_input_ids=torch.tensor([ids])).logits  # fmt: skip
            ids.append(int(logits[0, -1].argmax()))
        assert model.tokens.answers([ids[1:]], [eg]) == [text]


@pytest.mark.parametrize("saved", [False, True])
def test_fresh_leaves_all_trained_weights_out(saved: bool, folders: Path, tmp_path: Path) -> None:
    name, trained = f"warm:{folders / 'mlm'}", opened(f"warm:{folders / 'mlm'}")
    trained.save(tmp_path)
    fresh = opened(str(tmp_path) if saved else name, fresh=True)
    assert fresh.fresh and "random weights, seed 42" in fresh.origin
    others = fresh.net.state_dict()
    drawn = {
        key for key, weight in trained.net.state_dict().items() if weight.ndim == 2
    }  # biases and norms begin alike
    assert not [key for key in drawn if torch.equal(others[key], trained.net.state_dict()[key])]


@pytest.mark.parametrize("share", ["off", "embeddings", "all"])
def test_a_saved_model_is_ordinary_and_answers_as_before(folders: Path, share: str, tmp_path: Path) -> None:
    model, egs = loud(opened(f"warm:{folders / 'bert'}", share=share)), some(("bob sat", "the cat"))
    model.save(tmp_path)
    again = opened(str(tmp_path))
    assert again.write(egs) == model.write(egs) and again.rank(egs) == model.rank(egs)
    assert again.share == share and not again.fresh and find(str(tmp_path)).family == "seq2seq"
    assert dict(again.net.named_parameters()).keys() == dict(model.net.named_parameters()).keys()
    plain = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert isinstance(plain, EncoderDecoderModel)
    assert_same(plain.state_dict(), model.net.state_dict())
    made_of = AutoTokenizer.from_pretrained(tmp_path)
    out = plain.generate(**made_of(SENTENCES[:1], return_tensors="pt"), max_new_tokens=8)
    assert out[0, 0] == made_of.cls_token_id
    assert model.write([replace(some()[0], choices=())])[0].startswith(model.tokens.decode([out[0].tolist()])[0][:5])
    config = json.loads((tmp_path / "config.json").read_text())
    names = ("decoder_start_token_id", "eos_token_id", "pad_token_id", "is_encoder_decoder")
    assert [config[name] for name in names] == [2, 3, 0, True]
    assert str(folders) not in (tmp_path / "config.json").read_text()
    with pytest.raises(UsageError, match="the model shares"):
        opened(str(tmp_path), share="all" if share == "embeddings" else "embeddings")


def test_damage_is_refused(folders: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    model = opened(f"warm:{folders / 'bert'}")
    model.save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    gone = {k: v for k, v in weights.items() if "crossattention.self.key" not in k}
    save_file(gone, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="missing keys.*crossattention"):
        opened(str(tmp_path))
    write_model(tmp_path / "b")
    weights = load_file(tmp_path / "b" / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, tmp_path / "b" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"missing.*layer\.1\.output\.dense"):
        opened(f"warm:{tmp_path / 'b'}")
    with pytest.raises(ModelError, match=r"1 missing tensors: encoder\.layer\.1\.output\.dense"):
        opened(f"warm:{folders / 'mlm'}+{tmp_path / 'b'}")


def test_what_cannot_be_is_refused(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be packed"):
        opened(f"warm:{folders / 'bert'}", pack=True)
    with pytest.raises(UsageError, match="--max-input is 65, the model has 64 positions"):
        opened(f"warm:{folders / 'bert'}", max_input=65)
    write_model(tmp_path, "distilbert")
    with pytest.raises(ModelError, match="cannot be a decoder"):
        opened(f"warm:{tmp_path}")
    for name in ("warm:", "warm:a+b+c"):
        with pytest.raises(UsageError, match=r"Give warm:ENCODER\[\+DECODER\]"):
            find(name)
    with pytest.raises(ModelError, match="no such model directory"):
        find(f"warm:{folders}/none")


def test_dropout_is_set_everywhere(folders: Path) -> None:
    model = opened(f"warm:{folders / 'bert'}", dropout=0.3)
    rates = {m.p for m in model.net.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.3}
    model.module.train()
    batch = model.batch(some())
    assert model.loss(batch).nats.item() != model.loss(batch).nats.item()


def test_the_recipe_is_berts_not_t5s(folders: Path) -> None:
    model = opened(f"warm:{folders / 'bert'}")
    settled = settle(Config(task=("a",), steps=1000), fresh=model.fresh, family=model.recipe)
    assert (settled.optimizer, settled.learning_rate, settled.schedule, settled.warmup_steps) == (
        "adamw", 1e-4, "linear", 100,
    )  # fmt: skip
    assert opened(f"warm:{folders / 'bert'}").recipe == "warm"


# -- answers as text ---------------------------------------------------------------------------------------------------


def tokens(kind: str = "wordpiece") -> WarmTokens:
    return WarmTokens(tokenizer(kind), max_input=64, max_target=32)


def survivors(made_of: WarmTokens, targets: Sequence[str], **how: Any) -> list[str]:
    """Return targets as they come back from their own ids."""
    egs = [example("x", target, **how) for target in targets]
    return made_of.answers(made_of.ids(targets, target=True), egs)


def test_targets_end_and_do_not_begin() -> None:
    made_of = tokens()
    assert made_of.tokenizer.convert_ids_to_tokens(made_of.ids(["the cat"], target=True)[0]) == ["the", "cat", "[SEP]"]
    assert made_of.tokenizer.convert_ids_to_tokens(made_of.ids(["the cat"])[0]) == ["[CLS]", "the", "cat", "[SEP]"]
    inside = made_of.ids(["the [SEP] cat"], target=True)[0].tolist()
    assert inside.count(made_of.eos) == 1, "text is never a control token"


@pytest.mark.parametrize("kind", ["wordpiece", "bytes"])
def test_choices_come_back_as_they_are_spelt(kind: str) -> None:
    made_of, choices = tokens(kind), ("not_entailment", "World", "Sci/Tech", "it's  so !", "x")
    assert survivors(made_of, choices, choices=choices) == list(choices)
    prompt = Prompt("plain", "{x}", choices=choices)
    assert made_of.audit("toy/t", prompt, choices) == []
    assert survivors(made_of, ["notentailment"], choices=choices) == ["notentailment"], "nothing else is a choice"


def test_choices_that_the_vocabulary_cannot_tell_apart_are_refused() -> None:
    made_of = tokens()
    with pytest.raises(UsageError, match='turns the choice "US" into "us"'):
        made_of.audit("toy/t", Prompt("plain", "{x}", choices=("us", "US")))
    said = survivors(made_of, ["US"], choices=("US", "Us"))
    eg = example("x", "US", choices=("US", "Us"), format="label")
    assert form(made("toy/first")).read(said[0], eg).unparsed, "in a row's own choices it is unparsed, not the last"
    with pytest.raises(UsageError, match=r"turns the choice"):
        made_of.audit("toy/t", Prompt("plain", "{x}", choices=("日", "x")))


def test_free_text_comes_back_as_the_vocabulary_has_it_and_that_is_said() -> None:
    made_of = tokens()
    assert survivors(made_of, ["Anna met Bob.", "3.8", "-2", "Do not"]) == ["anna met bob.", "3.8", "-2", "do not"]
    (line,) = made_of.audit("toy/t", Prompt("plain", "{x}"), ["Anna met Bob.", "the cat sat."])
    assert "1 of 2 targets do not survive" in line and "A B" in line
    assert survivors(tokens("bytes"), ["Anna met  Bob ."]) == ["Anna met  Bob ."], "nothing is mended that is whole"
    assert spaced("12 : 30 , 1 . 5 % ( so )") == "12:30, 1.5% (so)"


@pytest.mark.parametrize("format", ["tags", "words", "bracketed", "list"])
@pytest.mark.parametrize("spans", [True, False])
def test_tags_of_every_format_are_read_back_without_repair(format: str, spans: bool) -> None:
    made_of = tokens()
    words = ("Anna", "met", "Bob's", "Dog", "in", "New", "York", ".")
    known = ("PER", "MISC-X") if spans else ("PROPN", "VERB", "X", "PUNCT", "_")
    tags = (
        ("B-PER", "O", "B-PER", "O", "O", "B-MISC-X", "I-MISC-X", "O")
        if spans
        else ("PROPN", "VERB", "PROPN", "X", "_", "PROPN", "PROPN", "PUNCT")
    )
    text = FORMATS[format].write(tags, words, spans)
    how = {"words": words, "choices": known, "format": format, "spans": spans}
    (said,) = survivors(made_of, [text], **how)
    reading = FORMATS[format].read(said, words, known, spans)
    assert (said, reading.answer, reading.repairs) == (text, tags, {})
    assert made_of.audit("toy/t", Prompt("plain", "{x}", choices=known, format=format)) == []


def test_an_unknown_word_is_not_taken_for_another() -> None:
    made_of, words = tokens(), ("Anna", "日", "月")
    how = {"words": words, "choices": ("NOUN",), "format": "words"}
    (said,) = survivors(made_of, ["Anna/NOUN 日/NOUN 月/NOUN"], **how)
    assert said == "Anna/NOUN [UNK]/NOUN [UNK]/NOUN"


def test_sentinels_are_refused_with_the_prompts_to_take() -> None:
    with pytest.raises(ModelError, match="--prompt tags or --prompt words"):
        tokens().ids(["<extra_id_0> NOUN"], target=True, sentinels=True)


# -- runs --------------------------------------------------------------------------------------------------------------


def test_a_run_learns_and_resumes_bitwise(folders: Path, tmp_path: Path) -> None:
    with toy.known(toy.write_tasks(tmp_path / "tasks", letters="abc")):
        name = f"warm:{folders / 'mlm'}"
        settings = {"task": ("toy/vowel",), "model": name, "share": "embeddings", "steps": 30, "save_every": 10,
                    "max_target": 16, "learning_rate": 3e-3}  # fmt: skip
        report = train(toy.config(tmp_path / "whole", **settings))
        losses = [line["loss"] for line in toy.steps(tmp_path / "whole")]
        assert sum(losses[-5:]) / 5 < 0.7 * losses[0] and report.rows[0].unparsed < 100
        with pytest.raises(Crash):
            train(toy.config(tmp_path / "broken", **settings), watch=CrashAt(15))
        resume(tmp_path / "broken")
    one, two = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("whole", "broken"))
    assert_same(one, two)

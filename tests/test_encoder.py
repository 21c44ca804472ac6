"""Encoders: one contract for every architecture, losses that are transformers' own, inputs, heads, freezing, files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    ByT5Tokenizer,
    CanineTokenizer,
    PreTrainedTokenizerFast,
)

from t2t.answers import form
from t2t.errors import DataError, ModelError, UsageError
from t2t.examples import Examples
from t2t.models import Options
from t2t.models.body import layers
from t2t.models.encoder import Encoder, load
from t2t.models.layout import EncoderTokens
from t2t.tasks import task as task_of
from t2t.types import Column, Example, Prompt, Source, Task
from tests.toy import assert_same

# -- tiny models -------------------------------------------------------------------------------------------------------

SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
BERT = {**SIZE, "max_position_embeddings": 64}
ROBERTA = {**SIZE, "max_position_embeddings": 66, "type_vocab_size": 1}
DEBERTA = {
    **SIZE, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False,
    "type_vocab_size": 0, "max_position_embeddings": 64,
}  # fmt: skip
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("wordpiece", BERT),
    "roberta": ("bytes", ROBERTA),
    "albert": ("unigram", {**BERT, "embedding_size": 8}),
    "distilbert": (
        "wordpiece",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64},
    ),
    "deberta": ("bytes", DEBERTA),
    "deberta-v2": ("unigram", {**DEBERTA, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True}),
    "electra": ("wordpiece", {**BERT, "embedding_size": 8}),
    "xlnet": ("unigram-last", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32}),
    "xlm-roberta": ("unigram", ROBERTA),
    "modernbert": ("bytes", {**SIZE, "max_position_embeddings": 64, "local_attention": 8}),
    "mpnet": ("wordpiece", {**ROBERTA}),
}
WORDS = ["anna", "bob", "met", "paris", "rained", "it", "the", "cat", "sat", "is", "in", "new", "york", "and", "dog"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MARKS = ".,:;!?[]<>/|-'\"_0123456789"


def tokenizer(kind: str) -> Any:
    """Return a small tokenizer of one of the four kinds there are, with the frame that goes with it."""
    if kind == "bytes":
        names = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
        pieces = [*names.values(), *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa", "an", "th"]
        merges = [("Ġ", "a"), ("a", "n"), ("t", "h")]
        made = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    else:
        names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        if kind == "wordpiece":
            pieces = [*names.values(), *LETTERS, *(f"##{c}" for c in LETTERS), *MARKS, *WORDS]
            made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
            made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        else:
            scored = [(piece, -5.0) for piece in [*LETTERS, *MARKS, *"CLSEP"]]
            scored += [(f"▁{word}", -4.0 if len(word) == 1 else -3.0) for word in ["", *LETTERS, *WORDS]]
            made = Tokenizer(models.Unigram([*((name, 0.0) for name in names.values()), *scored], 1, False))
            made.pre_tokenizer = pre_tokenizers.Metaspace()
        frame = ("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")
        if kind == "unigram-last":
            frame = ("$A:0 [SEP]:0 [CLS]:2", "$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2")
        made.post_processor = processors.TemplateProcessing(*frame, special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    named = {f"{name}_token": token for name, token in names.items()}
    named |= {"padding_side": "left" if "last" in kind else "right"}
    takes = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=made, model_input_names=takes, **named)


def shape(kind: str, **more: Any) -> Any:
    """Return the config of a tiny model that fits its tokenizer; without dropout unless asked for."""
    style, own = SHAPES[kind]
    made = tokenizer(style)
    ids = {f"{name}_token_id": getattr(made, f"{name}_token_id") for name in ("pad", "cls", "sep")}
    ids |= {"bos_token_id": made.cls_token_id, "eos_token_id": made.sep_token_id}
    return AutoConfig.for_model(kind, vocab_size=len(made), **{**own, **ids, **more})


def write_model(folder: Path, kind: str = "bert", *, auto: Any = AutoModel, seed: int = 0, **more: Any) -> Path:
    """Write a tiny model with random weights, large enough to tell answers apart; return its folder."""
    torch.manual_seed(seed)
    net = auto.from_config(shape(kind, **more))
    for p in net.parameters():
        p.data = p.data * 5 if p.ndim > 1 else p.data
    net.save_pretrained(folder)
    tokenizer(SHAPES[kind][0]).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a tiny model of each architecture."""
    top = tmp_path_factory.mktemp("encoders")
    return {kind: write_model(top / kind, kind) for kind in SHAPES}


@pytest.fixture(scope="session")
def bert(folders: dict[str, Path]) -> Path:
    return folders["bert"]


def opened(folder: Path, **options: Any) -> Encoder:
    own = {"precision": "fp32", "max_input": 64, "dropout": 0.0, "head_dropout": 0.0, **options}
    return load(str(folder), {}, Options(**own))


# -- tiny tasks --------------------------------------------------------------------------------------------------------

PROMPTS = {
    "toy/first": ("{text}", "{label|choice}", ("no", "yes")),
    "toy/pair": ("sentence1: {a} sentence2: {b}", "{label|choice}", ("other", "same")),
    "toy/pick": ("premise: {text}", "{label|choice}", ("{a}", "{b}")),
    "toy/count": ("count: {text}", "{n}", ()),
    "toy/pos": ("pos: {words}", "{tags}", ("NOUN", "VERB", "X")),
    "toy/ner": ("ner: {words}", "{tags}", ("PER", "LOC")),
}
ANSWERS = {"toy/count": "number", "toy/pos": "tags", "toy/ner": "spans"}
COLUMNS = {"label": "class", "n": "number", "words": "list", "tags": "tags"}
SENTENCES = ["anna met bob", "the cat sat", "it rained in paris", "bob is in new york", "a dog", "anna and the dog sat"]


def made(name: str, *, prompt: str = "plain", format: str = "", **changes: Any) -> Task:
    """Return a tiny task, with a prompt of that name."""
    input_, target, choices = PROMPTS[name]
    answer = ANSWERS.get(name, "choice")
    own = {"name": prompt, "input": input_, "target": target, "choices": choices, "hash": f"{name}-{prompt}"}
    own |= {"format": format or {"tags": "tags", "spans": "words", "choice": "label"}.get(answer, "")}
    said = Prompt(**{**own, **changes})
    return Task(
        name, "", answer, {c: Column(COLUMNS.get(c, "text")) for c in ("text", "a", "b", *COLUMNS)},
        Source(), {prompt: said}, (), range=(0, 10) if answer == "number" else None,
        words="words" if answer in ("tags", "spans") else None,
    )  # fmt: skip


def row(i: int, text: str, name: str) -> dict[str, Any]:
    words = text.split()
    if name == "toy/ner":
        tags = ["B-PER" if w in ("anna", "bob") else "B-LOC" if w in ("paris", "new") else "O" for w in words]
        tags = ["I-LOC" if w == "york" else tag for w, tag in zip(words, tags, strict=True)]
    else:
        tags = ["VERB" if w in ("met", "sat", "is", "rained") else "NOUN" if len(w) > 2 else "X" for w in words]
    other = SENTENCES[(i + i % 2) % len(SENTENCES)]
    return {"text": text, "a": text, "b": f"{other} ." if name == "toy/pick" else other, "label": i % 2,
            "n": len(words), "words": words, "tags": tags}  # fmt: skip


def examples(name: str, texts: Sequence[str] = SENTENCES, *, split: str = "train", **how: Any) -> Examples:
    return Examples(made(name, **how), [row(i, text, name) for i, text in enumerate(texts)], split=split)


def every() -> dict[str, Examples]:
    return {name: examples(name) for name in PROMPTS}


def trained(m: Encoder, sets: Mapping[str, Examples], steps: int = 20, lr: float = 0.01) -> list[float]:
    """Train on all examples at once; return the loss a unit before each step."""
    m.prepare(sets, training=True)
    egs = [eg for some in sets.values() for eg in some]
    optimizer = torch.optim.AdamW([p for p in m.net.parameters() if p.requires_grad], lr=lr)
    losses = []
    m.module.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = m.loss(m.batch(egs))
        (loss.nats / loss.units).backward()
        optimizer.step()
        losses.append(loss.nats.item() / loss.units)
    return losses


def example(name: str, **values: Any) -> Example:
    return replace(examples(name)[0], **values)


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["linear", "crf"])
@pytest.mark.parametrize("kind", SHAPES)
def test_every_architecture_keeps_the_contract(kind: str, head: str, folders: dict[str, Path], tmp_path: Path) -> None:
    m = opened(folders[kind], head=head)
    sets = every() if head == "linear" else {name: examples(name) for name in ("toy/pos", "toy/ner")}
    losses = trained(m, sets, 20)
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.grad is not None for p in m.net.parameters() if p.requires_grad), "DDP waits for every gradient"
    for name, egs in sets.items():
        texts = m.write(egs[:])
        for eg, text in zip(egs, texts, strict=True):
            reading = form(egs.task).read(text, eg)
            assert reading.answer is not None and not reading.repairs, (name, text)
        if egs.task.answer == "choice":
            nats = torch.tensor(m.rank(egs[:]))
            assert nats.shape == (len(egs), 2) and torch.allclose(nats.exp().sum(1), torch.ones(len(egs)))
            assert texts == [eg.choices[i] for eg, i in zip(egs, nats.argmax(1).tolist(), strict=True)]
    m.save(tmp_path / "saved")
    again = opened(tmp_path / "saved")
    again.prepare({name: examples(name, split="validation") for name in sets}, training=False)
    assert_same(dict(m.net.state_dict()), dict(again.net.state_dict()))
    for name, egs in sets.items():
        assert again.write(egs[:]) == m.write(egs[:])
        if name == "toy/first":
            assert again.rank(egs[:]) == m.rank(egs[:])


@pytest.mark.parametrize("kind", SHAPES)
def test_padding_order_and_company_change_nothing(kind: str, folders: dict[str, Path]) -> None:
    m = opened(folders[kind])
    trained(m, every(), 3)
    for name in ("toy/first", "toy/pair", "toy/pick"):
        egs = examples(name)[:]
        together, alone = torch.tensor(m.rank(egs)), torch.tensor([m.rank([eg])[0] for eg in egs])
        mixed = m.rank(
            [*egs[::-1], example(name, uid="long", pieces=examples("toy/first", ["the cat " * 12])[0].pieces)]
        )
        assert torch.allclose(together, alone, atol=1e-5) and torch.allclose(
            together, torch.tensor(mixed[-2::-1]), atol=1e-5
        )
        assert together.std() > 1e-4, "answers must differ"
    tagged = [*examples("toy/ner"), *examples("toy/count")]
    assert m.write(tagged) == [m.write([eg])[0] for eg in tagged]


# -- transformers' own -------------------------------------------------------------------------------------------------

OF_HEAD = {  # where transformers keeps the two layers of a classification head: the first (ours: dense), the last
    "bert": (None, "classifier"),
    "albert": (None, "classifier"),
    "roberta": ("classifier.dense", "classifier.out_proj"),
    "xlm-roberta": ("classifier.dense", "classifier.out_proj"),
    "mpnet": ("classifier.dense", "classifier.out_proj"),
    "electra": ("classifier.dense", "classifier.out_proj"),
    "distilbert": ("pre_classifier", "classifier"),
    "deberta": ("pooler.dense", "classifier"),
    "deberta-v2": ("pooler.dense", "classifier"),
    "xlnet": ("sequence_summary.summary", "logits_proj"),
}


def copied(net: Any, m: Encoder, names: Mapping[str, str]) -> dict[str, str]:
    """Give our head the weights of transformers'; return our names of parameters by theirs."""
    prefix = f"{net.base_model_prefix}."
    ours = {name: f"body.{name.removeprefix(prefix)}" for name, _ in net.named_parameters() if name.startswith(prefix)}
    ours |= {f"{theirs}.{part}": f"heads.{own}.{part}" for theirs, own in names.items() for part in ("weight", "bias")}
    for theirs, own in ours.items():
        m.net.get_parameter(own).data.copy_(net.get_parameter(theirs))
    return ours


def compared(net: Any, mean: torch.Tensor, m: Encoder, egs: Sequence[Example], names: Mapping[str, str]) -> None:
    """Compare losses and gradients."""
    mean.backward()
    batch = m.batch(egs)
    loss = m.loss(batch)
    (loss.nats / loss.units).backward()
    assert loss.nats.item() / loss.units == pytest.approx(mean.item(), rel=1e-5)
    theirs = {names[n]: p.grad for n, p in net.named_parameters() if p.grad is not None and n in names}
    assert len(theirs) > 10
    for name, grad in theirs.items():  # a key's bias adds the same to all scores: its gradient is rounding alone
        if re.search(r"(key|k_lin|attn\.k)\.bias$", name):
            assert grad.abs().max() < 1e-6 and m.net.get_parameter(name).grad.abs().max() < 1e-6
            theirs = {n: g for n, g in theirs.items() if n != name}
    assert_same({n: m.net.get_parameter(n).grad for n in theirs}, theirs, tolerance=2e-5)


@pytest.mark.parametrize("kind", OF_HEAD)
def test_loss_and_gradients_are_those_of_sequence_classification(kind: str, tmp_path: Path) -> None:
    write_model(tmp_path, kind, auto=AutoModelForSequenceClassification, num_labels=2)
    net = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    m, sets = opened(tmp_path, pooling="pooler"), {"toy/pair": examples("toy/pair")}
    m.prepare(sets, training=True)
    dense, out = OF_HEAD[kind]
    names = copied(net, m, {**({dense: "toy/pair.dense"} if dense else {}), out: "toy/pair.out"})
    egs = sets["toy/pair"][:]
    texts = ([eg.pieces[1].text for eg in egs], [eg.pieces[3].text for eg in egs])
    inputs = tokenizer(SHAPES[kind][0])(*texts, padding=True, return_tensors="pt")
    takes = ("input_ids", "attention_mask", *(["token_type_ids"] if m.net._typed else []))
    mean = net(**{k: inputs[k] for k in takes}, labels=torch.tensor([eg.gold for eg in egs])).loss
    compared(net, mean, m, egs, names)


def test_loss_and_gradients_are_those_of_regression(tmp_path: Path) -> None:
    """A regressor is the same but for the scale: transformers' labels are the gold between 0 and 1, ours are nats."""
    write_model(tmp_path, auto=AutoModelForSequenceClassification, num_labels=1)
    net = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    m, sets = opened(tmp_path, pooling="pooler"), {"toy/count": examples("toy/count")}
    m.prepare(sets, training=True)
    names, egs = copied(net, m, {"classifier": "toy/count.out"}), sets["toy/count"][:]
    inputs = tokenizer("wordpiece")([eg.pieces[1].text for eg in egs], padding=True, return_tensors="pt")
    compared(net, net(**inputs, labels=torch.tensor([eg.gold / 10 for eg in egs])).loss * 6, m, egs, names)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "xlnet"])
def test_loss_and_gradients_are_those_of_token_classification(kind: str, tmp_path: Path) -> None:
    write_model(tmp_path, kind, auto=AutoModelForTokenClassification, num_labels=3)
    net = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    m, sets = opened(tmp_path), {"toy/pos": examples("toy/pos", [*SENTENCES, "xyzzy met zq"])}
    m.prepare(sets, training=True)
    names, egs = copied(net, m, {"classifier": "toy/pos.out"}), sets["toy/pos"][:]
    made = tokenizer(SHAPES[kind][0])
    space = " " if kind == "roberta" else ""
    inputs = made([[space + w for w in eg.words] for eg in egs], is_split_into_words=True, padding=True,
                  return_tensors="pt")  # fmt: skip
    labels = torch.full(inputs["input_ids"].shape, -100)
    for i, eg in enumerate(egs):
        seen = inputs.word_ids(i)
        for w, tag in enumerate(eg.gold):
            labels[i, seen.index(w)] = ("NOUN", "VERB", "X").index(tag)
    takes = ("input_ids", "attention_mask", *(["token_type_ids"] if m.net._typed else []))
    compared(net, net(**{k: inputs[k] for k in takes}, labels=labels).loss, m, egs, names)


# -- what goes in ------------------------------------------------------------------------------------------------------


def ids(m: Encoder, eg: Example) -> list[list[str]]:
    m.prepare({eg.task: examples(eg.task)}, training=True)
    laid = m.lay_out([eg])[0]
    return [m.tokens.tokenizer.convert_ids_to_tokens(row.tolist()) for row in laid.rows]


def test_columns_that_are_only_labelled_go_in_bare(bert: Path) -> None:
    m = opened(bert)
    assert ids(m, examples("toy/first")[0]) == [["[CLS]", "anna", "met", "bob", "[SEP]"]]
    assert ids(m, examples("toy/pair")[1]) == [
        ["[CLS]", "the", "cat", "sat", "[SEP]", "it", "rained", "in", "paris", "[SEP]"]
    ]
    laid = m.lay_out([examples("toy/pair")[1]])[0]
    assert laid.kinds[0].tolist() == [0] * 5 + [1] * 5, "a pair has token types"
    worded = example("toy/first", pieces=parse_pieces("is it the cat ?", "anna met bob"), uid="worded")
    assert ids(m, worded) == [["[CLS]", "is", "it", "the", "cat", "?", "anna", "met", "bob", "[SEP]"]]
    assert ids(m, examples("toy/pick")[0]) == [
        ["[CLS]", "anna", "met", "bob", "[SEP]", "anna", "met", "bob", "[SEP]"],
        ["[CLS]", "anna", "met", "bob", "[SEP]", "anna", "met", "bob", ".", "[SEP]"],
    ]


def parse_pieces(wording: str, text: str) -> tuple[Any, ...]:
    from t2t.types import Piece

    return Piece(f"{wording} "), Piece(text, "text")


@pytest.mark.parametrize("kind", SHAPES)
def test_inputs_are_what_the_tokenizer_makes(kind: str, folders: dict[str, Path]) -> None:
    m, made = opened(folders[kind]), tokenizer(SHAPES[kind][0])
    m.prepare(every(), training=True)
    for eg in examples("toy/pair"):
        laid = m.lay_out([eg])[0]
        whole = made(eg.pieces[1].text, eg.pieces[3].text, return_token_type_ids=True)
        assert laid.rows[0].tolist() == whole["input_ids"] and laid.kinds[0].tolist() == whole["token_type_ids"]
    for eg in examples("toy/ner"):
        laid = m.lay_out([eg])[0]
        words = [f" {w}" for w in eg.words] if SHAPES[kind][0] == "bytes" else list(eg.words)
        whole = made(words, is_split_into_words=True)
        assert laid.rows[0].tolist() == whole["input_ids"]
        assert laid.starts.tolist() == [whole.word_ids().index(w) for w in range(len(words))]


def test_long_texts_are_cut_and_counted(bert: Path) -> None:
    m = opened(bert, max_input=12)
    m.prepare(every(), training=True)
    long = "the cat sat and " * 9
    cut = {
        "toy/first": example("toy/first", uid="l1", pieces=examples("toy/first", [long])[0].pieces),
        "toy/pair": Examples(made("toy/pair"), [{**row(1, long, "toy/pair"), "b": "it is"}], split="x")[0],
        "toy/pick": Examples(made("toy/pick"), [{**row(1, long, "toy/pick"), "a": "a dog", "b": "it"}], split="x")[0],
    }
    for name, eg in cut.items():
        laid = m.lay_out([eg])[0]
        assert all(len(one) <= 12 for one in laid.rows) and len(laid.rows[0]) == 12
        assert m.tokens.tallies[name].inputs_cut == 1
        m.rank([eg])
    pair = m.tokens.tokenizer.convert_ids_to_tokens(m.lay_out([cut["toy/pair"]])[0].rows[0].tolist())
    assert pair[-4:] == ["[SEP]", "it", "is", "[SEP]"], "the longest is cut first"
    worded = example("toy/first", pieces=parse_pieces("is it the cat ?", long), uid="l2")
    assert ids(m, worded)[0][:7] == ["[CLS]", "is", "it", "the", "cat", "?", "the"]
    assert len(ids(m, worded)[0]) == 12
    with pytest.raises(DataError, match="limit"):
        m.rank([example("toy/first", pieces=parse_pieces("is it " * 9, "a"), uid="l3")])
    with pytest.raises(DataError, match="a choice alone"):
        m.rank([example("toy/pick", choices=(long, "b"), uid="l4")])


def test_the_limit_is_that_of_the_positions(folders: dict[str, Path]) -> None:
    limits = {kind: opened(folder, max_input=500).tokens.max_input for kind, folder in folders.items()}
    assert limits["bert"] == limits["roberta"] == limits["mpnet"] == 64
    assert limits["xlnet"] == limits["deberta-v2"] == limits["modernbert"] == 500
    assert "at most 64 tokens" in opened(folders["bert"], max_input=500).origin
    for kind in ("bert", "roberta", "mpnet", "electra", "albert"):
        m = opened(folders[kind], max_input=500)
        m.prepare({"toy/first": examples("toy/first")}, training=True)
        assert m.lay_out([examples("toy/first", ["the cat " * 40])[0]])[0].size == 64
        m.rank([examples("toy/first", ["the cat " * 40])[0]])


def test_words_beyond_the_limit_are_missed_not_lost(bert: Path) -> None:
    m = opened(bert, max_input=7)
    sets = {name: examples(name, ["anna met bob"] * 6) for name in ("toy/pos", "toy/ner")}
    trained(m, sets, 30)
    text = "bob met anna and zqz bob anna"  # five words begin within five tokens, of which zqz has three
    tags, spans = (examples(name, [text], split="validation")[0] for name in ("toy/pos", "toy/ner"))
    reading = form(made("toy/pos")).read(m.write([tags])[0], tags)
    assert len(reading.answer) == 7 and reading.answer[5:] == ("", "") and reading.repairs == {"missing": 2}
    reading = form(made("toy/ner")).read(m.write([spans])[0], spans)
    assert reading.answer[:3] == ("B-PER", "O", "B-PER") and reading.answer[5:] == ("O", "O") and not reading.repairs
    tally = m.tokens.tallies["toy/ner"]
    assert (tally.inputs_cut, tally.words_cut) == (1, 2)
    assert any("beyond the limit" in line for line in tally.warnings("toy/ner"))
    assert tally.asdict()["words_cut"] == 2
    assert m.sizes([spans]) == [(7, 1)], "one unit an example"


@pytest.mark.parametrize("kind", SHAPES)
def test_text_is_never_a_control_token(kind: str, folders: dict[str, Path]) -> None:
    m = opened(folders[kind])
    m.prepare(every(), training=True)
    special = m.tokens.tokenizer.all_special_tokens
    plain, nasty = examples("toy/pair"), " ".join(special)
    eg = Examples(made("toy/pair"), [{**row(0, f"a {nasty}", "toy/pair"), "b": f"{nasty}b"}], split="x")[0]
    words = Examples(made("toy/pos"), [{"words": special, "tags": ["X"] * len(special)}], split="x")[0]
    control = set(m.tokens.tokenizer.all_special_ids) - {m.tokens.tokenizer.unk_token_id}

    def count(one: Example) -> int:
        return sum(int(i) in control for i in m.lay_out([one])[0].rows[0])

    assert count(eg) == count(plain[0])
    assert count(words) == count(examples("toy/pos")[0]) and len(m.lay_out([words])[0].starts) == len(special)
    assert m.tokens.tallies["toy/pair"].control_strings >= 2 * len(special) - 2


@pytest.mark.parametrize(("made_by", "frame"), [(CanineTokenizer, 3), (ByT5Tokenizer, 2)])
def test_tokenizers_written_in_python_do_as_well(made_by: Any, frame: int) -> None:
    tokens = EncoderTokens(made_by(), max_input=40)
    pair, special = examples("toy/pair")[0], "".join(tokens.tokenizer.all_special_tokens)
    texts = [pair.pieces[1].text, pair.pieces[3].text]
    assert tokens.lay_out([pair], [False])[0].rows[0].tolist() == tokens.tokenizer(*texts)["input_ids"]
    nasty = Examples(made("toy/pair"), [{**row(0, f"a{special}b", "toy/pair"), "b": special}], split="x")[0]
    ids = tokens.lay_out([nasty], [False])[0].rows[0].tolist()
    assert sum(i in tokens._control for i in ids) == frame
    words = examples("toy/pos")[0]
    laid = tokens.lay_out([words], [False])[0]
    assert len(laid.starts) == 3 and len(laid.rows[0]) == sum(map(len, words.words)) + tokens._alone.size


def test_empty_texts_and_no_words_are_answered(bert: Path) -> None:
    m = opened(bert, head="crf")
    trained(m, every(), 1)
    assert ids(m, Examples(made("toy/pair"), [row(0, "", "toy/pair") | {"b": "it"}], split="x")[0]) == [
        ["[CLS]", "[SEP]", "it", "[SEP]"]
    ]
    none = Examples(made("toy/ner"), [{"words": [], "tags": None}], split="x", labelled=False)[0]
    assert none.words == () and m.write([none]) == [""]
    assert m.loss(m.batch([replace(none, gold=())])).nats.item() == 0
    odd = Examples(made("toy/pos"), [{"words": ["", "\u200b", "a"], "tags": ["X", "X", "X"]}], split="x")[0]
    assert len(m.lay_out([odd])[0].starts) == 3, "a word without a token has one all the same"
    assert m.write([]) == [] and m.rank([]) == []


# -- answers -----------------------------------------------------------------------------------------------------------


def test_numbers_are_read_back_within_the_range(bert: Path) -> None:
    m = opened(bert)
    trained(m, {"toy/count": examples("toy/count")}, 40)
    said = [float(text) for text in m.write(examples("toy/count")[:])]
    assert said == pytest.approx([len(text.split()) for text in SENTENCES], abs=1.5)
    out = m.net.named_heads()["toy/count"].out
    for bias, text in ((9.0, "10.000"), (-9.0, "0.000")):
        torch.nn.init.constant_(out.bias, bias)
        assert m.write(examples("toy/count")[:1]) == [text]


def test_tags_are_made_valid(bert: Path) -> None:
    m = opened(bert)
    m.prepare({"toy/ner": examples("toy/ner")}, training=True)
    torch.nn.init.zeros_(m.net.named_heads()["toy/ner"].out.weight)
    m.net.named_heads()["toy/ner"].out.bias.data[2] = 9.0  # I-PER everywhere
    assert m.write(examples("toy/ner")[:1]) == ["anna/B-PER met/I-PER bob/I-PER"]


@pytest.mark.parametrize("format", ["list", "bracketed", "words", "tags", "sentinels"])
def test_tags_are_written_in_every_format(format: str, bert: Path) -> None:
    m, sets = opened(bert), {name: examples(name, format=format) for name in ("toy/pos", "toy/ner")}
    trained(m, sets, 30)
    for egs in sets.values():
        right = 0
        for eg, text in zip(egs, m.write(egs[:]), strict=True):
            reading = form(egs.task).read(text, eg)
            assert not reading.repairs
            right += sum(a == b for a, b in zip(reading.answer, eg.gold, strict=True))
        assert right >= 0.8 * sum(len(eg.words) for eg in egs)


@pytest.mark.parametrize("format", ["list", "bracketed", "words", "tags", "sentinels"])
def test_a_span_at_a_word_of_no_characters_stops_no_evaluation(format: str, bert: Path) -> None:
    m = opened(bert)
    m.prepare({"toy/ner": examples("toy/ner")}, training=True)
    torch.nn.init.zeros_(m.net.named_heads()["toy/ner"].out.weight)
    m.net.named_heads()["toy/ner"].out.bias.data[2] = 9.0  # I-PER everywhere
    rows = [{"words": ["anna", "\u200b"], "tags": ["B-PER", "O"]}, {"words": ["", "bob"], "tags": ["O", "B-PER"]}]
    task = made("toy/ner", format=format)
    for eg in Examples(task, rows, split="x"):
        reading = form(task).read(m.write([eg])[0], eg)
        assert not reading.repairs and set(reading.answer) <= {"B-PER", "I-PER", "O"} and "B-PER" in reading.answer


def test_an_illegal_gold_is_taken_as_the_formats_write_it(bert: Path) -> None:
    rows = [{"words": ["anna", "met"], "tags": ["I-PER", "O"]}]
    m = opened(bert, head="crf")
    egs = Examples(made("toy/ner"), rows, split="train")
    m.prepare({"toy/ner": egs}, training=True)
    assert m.loss(m.batch(egs[:])).nats.item() < 100


def test_tags_that_no_prompt_names_are_those_of_the_rows(bert: Path) -> None:
    m = opened(bert)
    m.prepare({"toy/pos": examples("toy/pos", choices=())}, training=True)
    assert m.net.named_heads()["toy/pos"].purpose.names == ("NOUN", "VERB", "X")
    new = Examples(made("toy/pos", choices=()), [{"words": ["a"], "tags": ["ADJ"]}], split="train")
    with pytest.raises(DataError, match="ADJ"):
        m.batch(new[:])


def test_choices_are_found_by_text_or_by_place(bert: Path) -> None:
    m, egs = opened(bert), examples("toy/first")
    m.prepare({"toy/first": egs}, training=True)
    turned = examples("toy/first", prompt="turned", choices=("yes", "no"))
    other = examples("toy/first", prompt="other", choices=("falsch", "wahr"))
    m.prepare({"a": turned, "b": other}, training=False)
    nats = m.rank(egs[:])
    assert m.rank(turned[:]) == [row[::-1] for row in nats] and m.rank(other[:]) == nats
    three = examples("toy/first", prompt="three", choices=("no", "yes", "maybe"))
    with pytest.raises(UsageError, match="3 choices, the head has 2"):
        m.prepare({"c": three}, training=False)


# -- what it cannot do -------------------------------------------------------------------------------------------------


def test_what_an_encoder_cannot_do_is_said(bert: Path) -> None:
    m = opened(bert)
    wsc = task_of("superglue/wsc")
    rows = [{"text": "Ann is here.", "span1_text": "Ann", "span2_text": "she", "span2_index": 0, "label": 1}]
    referent = [prompt for prompt in wsc.prompts.values() if prompt.format == "referent"]
    for egs, match in (
        (
            Examples(task_of("summarization/xsum"), [{"document": "a", "summary": "b"}], split="train"),
            "cannot write text",
        ),
        (Examples(wsc, rows, split="train", prompts=referent[:1]), "wsc_choice"),
        (examples("toy/first", input=None, cloze="{text} {mask}"), "fills no mask"),
    ):
        with pytest.raises(UsageError, match=match):
            m.prepare({egs.task.name: egs}, training=True)
    with pytest.raises(UsageError, match=r"toy/first: the model has no head .* t2t train --task toy/first"):
        m.prepare({"toy/first": examples("toy/first", split="validation")}, training=False)
    m.prepare(every(), training=True)
    with pytest.raises(UsageError, match="ranked"):
        m.rank(examples("toy/count")[:])
    with pytest.raises(UsageError, match="of each row, those of the head the same"):
        m.prepare({"x": examples("toy/first", choices=("{a}", "{b}"))}, training=False)
    with pytest.raises(UsageError, match="does not know B-ORG"):
        m.prepare({"x": examples("toy/ner", choices=("PER", "ORG"))}, training=False)
    changed = examples("toy/count")
    changed.task = replace(changed.task, range=(0, 5))
    with pytest.raises(UsageError, match="range|number"):
        m.prepare({"x": changed}, training=False)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"pooling": "men"}, "mean"),
        ({"head": "crff"}, "crf"),
        ({"freeze": "layers:3"}, "it has 2"),
        ({"freeze": "embedings"}, "embeddings"),
        ({"freeze": "layers:x"}, "layers:N"),
        ({"pack": True}, "pack"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
    ],
)
def test_settings_it_has_not_are_refused(options: dict[str, Any], match: str, bert: Path) -> None:
    with pytest.raises(UsageError, match=match):
        opened(bert, **options)


def test_a_task_that_is_only_scored_takes_the_head_of_the_same_prompt(bert: Path, tmp_path: Path) -> None:
    m, train = opened(bert), examples("toy/first")
    other = examples("toy/pair", split="validation", hash="toy/first-plain")
    m.prepare({"toy/pair": other, "toy/first": train}, training=True)
    assert list(m.net.heads) == ["toy/first"]
    assert m.rank(other[:])
    m.save(tmp_path / "m")
    again = opened(tmp_path / "m")
    again.prepare({"toy/pair": other}, training=False)
    assert again.rank(other[:]) == m.rank(other[:])
    alone = examples("toy/pair", split="validation")
    with pytest.raises(UsageError, match="no head"):
        opened(bert).prepare({"toy/pair": alone, "toy/first": train}, training=True)


# -- pooling, freezing, rates ------------------------------------------------------------------------------------------


def test_pooling_is_what_it_is_called(folders: dict[str, Path]) -> None:
    egs = examples("toy/first")[:]
    for kind, poolings in {"bert": ("cls", "pooler", "mean", "max"), "xlnet": ("cls", "mean", "max")}.items():
        for pooling in poolings:
            m = opened(folders[kind], pooling=pooling)
            m.prepare({"toy/first": examples("toy/first")}, training=True)
            with torch.no_grad():
                pooled = m.net.features(m._ids(m.lay_out(egs)))[0]
            for eg, vector in zip(egs, pooled, strict=True):
                inputs = m.tokens.tokenizer(eg.input, return_tensors="pt")
                with torch.no_grad():
                    out = m.net.body(**inputs)
                hidden = out.last_hidden_state[0]
                expected = {
                    "cls": hidden[-1 if kind == "xlnet" else 0], "mean": hidden.mean(0), "max": hidden.amax(0),
                    "pooler": getattr(out, "pooler_output", hidden)[0],
                }[pooling]  # fmt: skip
                assert torch.allclose(vector, expected, atol=1e-5)
    assert "pooling cls" in opened(folders["bert"]).origin and "pooling last" in opened(folders["xlnet"]).origin


def test_a_frozen_body_stays_and_its_features_are_computed_once(bert: Path) -> None:
    sets = {name: examples(name) for name in PROMPTS}
    plain, m = opened(bert), opened(bert, freeze="body", dropout=0.5, plain=True)
    before = {name: p.clone() for name, p in m.net.body.named_parameters()}
    calls: list[int] = []
    m.net.body.register_forward_hook(lambda module, args, out: calls.append(len(out.last_hidden_state)))
    losses = trained(m, sets, 25, lr=0.05)
    assert losses[-1] < 0.8 * losses[0]
    rows = sum(len(egs) * (2 if name == "toy/pick" else 1) for name, egs in sets.items())
    assert sum(calls) == rows, "every row once, however many steps"
    assert_same(before, dict(m.net.body.named_parameters()))
    assert all(not p.requires_grad for p in m.net.body.parameters())
    plain.prepare(sets, training=True)
    plain.net.load_state_dict(m.net.state_dict())
    for egs in sets.values():
        assert m.write(egs[:]) == plain.write(egs[:])
        if egs.task.answer == "choice":
            assert torch.allclose(torch.tensor(m.rank(egs[:])), torch.tensor(plain.rank(egs[:])), atol=1e-5)


def test_features_do_not_depend_on_which_batch_asked_first(bert: Path) -> None:
    """The loop asks for all sizes in order first, so a resumed run has bitwise the same features."""
    sets = {"toy/first": examples("toy/first")}
    nats = []
    for order in ([0, 1, 2], [5, 4, 3]):
        m = opened(bert, freeze="body")
        m.prepare(sets, training=True)
        m.sizes(sets["toy/first"][:])
        m.batch([sets["toy/first"][i] for i in order])
        nats.append(m.loss(m.batch(sets["toy/first"][2:5])).nats.item())
    assert nats[0] == nats[1]


def test_a_frozen_body_of_too_many_rows_keeps_nothing(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2t.models.encoder.MOST_KEPT", 3)
    m = opened(bert, freeze="body")
    losses = trained(m, {"toy/first": examples("toy/first")}, 20, lr=0.01)
    assert losses[-1] < losses[0] and not m._features
    assert "source_RS" in m.batch(examples("toy/first")[:]).tensors


@pytest.mark.parametrize("kind", SHAPES)
def test_parts_are_frozen(kind: str, folders: dict[str, Path]) -> None:
    m = opened(folders[kind], freeze="embeddings", dropout=None)
    stays = {n for n, p in m.net.body.named_parameters() if not p.requires_grad and not n.startswith("pooler")}
    assert stays and all("emb" in name for name in stays) and not any("layer.0" in name for name in stays)
    assert m.net.body.get_input_embeddings().weight.requires_grad is False
    found = layers(m.net.body)
    if kind == "albert":
        assert not found
        with pytest.raises(UsageError, match="share"):
            opened(folders[kind], freeze="layers:1")
        return
    m = opened(folders[kind], freeze="layers:1, embeddings", dropout=None)
    low, high = layers(m.net.body)
    assert all(not p.requires_grad for p in low.parameters()) and all(p.requires_grad for p in high.parameters())
    before = {name: p.clone() for name, p in low.named_parameters()}
    trained(m, {"toy/first": examples("toy/first")}, 2)
    assert_same(before, dict(low.named_parameters()))
    assert not low.training and high.training


@pytest.mark.parametrize("kind", SHAPES)
def test_rates_fall_from_the_top(kind: str, folders: dict[str, Path]) -> None:
    assert not opened(folders[kind]).scales()
    m = opened(folders[kind], layer_decay=0.5)
    m.prepare({"toy/first": examples("toy/first")}, training=True)
    scales, names = m.scales(), {name for name, _ in m.net.named_parameters()}
    assert scales.keys() == {name for name in names if name.startswith("body.")}
    by_id = {id(p): scales[f"body.{name}"] for name, p in m.net.body.named_parameters()}
    deepest = 0.25 if kind == "albert" else 0.125
    assert by_id[id(m.net.body.get_input_embeddings().weight)] == deepest
    for depth, layer in enumerate(layers(m.net.body)):
        assert {by_id[id(p)] for p in layer.parameters()} == {0.25 * 2**depth}
    assert {value for name, value in scales.items() if "pooler" in name} <= {1.0}


def test_dropout_is_what_is_asked_for(folders: dict[str, Path]) -> None:
    for kind, folder in folders.items():
        for asked, body, head in (({"dropout": 0.3, "head_dropout": None}, 0.3, 0.3), ({"dropout": 0.3}, 0.3, 0.0)):
            m = opened(folder, **asked)
            m.prepare({"toy/first": examples("toy/first")}, training=True)
            shares = {layer.p for layer in m.net.body.modules() if isinstance(layer, torch.nn.Dropout)}
            assert shares == {body}, kind
            assert m.net.named_heads()["toy/first"].dropout.p == head
            m.module.train()
            batch = m.batch(examples("toy/first")[:])
            assert m.loss(batch).nats.item() != m.loss(batch).nats.item(), "dropout is at work"
    m = opened(folders["bert"], dropout=None, head_dropout=None)
    m.prepare({"toy/first": examples("toy/first")}, training=True)
    assert m.net.named_heads()["toy/first"].dropout.p == 0.1, "the config's"


def test_heads_are_new_from_the_seed_and_the_task_alone(bert: Path) -> None:
    one, two = opened(bert), opened(bert)
    one.prepare(every(), training=True)
    two.prepare(dict(reversed(every().items())), training=True)
    assert_same(dict(one.net.heads.state_dict()), dict(two.net.heads.state_dict()))
    three = opened(bert, seed=7)
    three.prepare(every(), training=True)
    name = "toy/first.out.weight"
    assert not torch.equal(three.net.heads.state_dict()[name], one.net.heads.state_dict()[name])


def test_a_head_that_is_not_trained_stays(bert: Path, tmp_path: Path) -> None:
    m = opened(bert)
    trained(m, {name: examples(name) for name in ("toy/first", "toy/count")}, 2)
    m.save(tmp_path / "m")
    again = opened(tmp_path / "m")
    before = again.net.named_heads()["toy/count"].out.weight.clone()
    trained(again, {"toy/first": examples("toy/first")}, 3)
    assert torch.equal(before, again.net.named_heads()["toy/count"].out.weight)


def test_bf16_is_near_fp32_and_heads_are_fp32(bert: Path) -> None:
    sets = {name: examples(name) for name in ("toy/first", "toy/ner")}
    found = []
    for name in ("fp32", "bf16"):
        m = opened(bert, precision=name, head="crf")
        m.prepare(sets, training=True)
        found.append(m.loss(m.batch([eg for egs in sets.values() for eg in egs])).nats)
    assert found[1].dtype == torch.float32
    fp32, bf16 = (nats.item() for nats in found)
    assert bf16 == pytest.approx(fp32, rel=3e-2) and bf16 != fp32


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_saved_model_is_a_hugging_face_directory(bert: Path, tmp_path: Path) -> None:
    m = opened(bert)
    trained(m, {"toy/first": examples("toy/first")}, 2)
    m.save(tmp_path / "m")
    body, info = AutoModel.from_pretrained(tmp_path / "m", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert_same(dict(body.state_dict()), dict(m.net.body.state_dict()))
    assert not [file for file in (tmp_path / "m").iterdir() if file.suffix in (".bin", ".pt", ".pkl")]
    said = json.loads((tmp_path / "m" / "t2t_heads.json").read_text(encoding="utf-8"))
    assert said["pooling"] == "cls" and said["heads"]["toy/first"]["names"] == ["no", "yes"]
    with pytest.raises(UsageError, match="pooling cls, not mean"):
        opened(tmp_path / "m", pooling="mean")


def test_a_language_models_head_is_left_out_and_said(tmp_path: Path) -> None:
    for kind in ("bert", "roberta", "electra", "distilbert"):
        folder = write_model(tmp_path / kind, kind, auto=AutoModelForMaskedLM)
        m = opened(folder)
        assert "left out: " in m.origin, kind
        assert m.net.body.pooler is None if kind in ("bert", "roberta") else True
        own, theirs = opened(folder), AutoModelForMaskedLM.from_pretrained(folder)
        assert torch.equal(own.net.body.get_input_embeddings().weight, theirs.get_input_embeddings().weight)
        losses = trained(opened(folder, pooling="pooler"), {"toy/first": examples("toy/first")}, 15)
        assert losses[-1] < losses[0]


def test_without_weights_they_are_random_from_the_seed(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "m", ignore=shutil.ignore_patterns("*.safetensors"))
    one, two, three = (opened(tmp_path / "m", seed=seed) for seed in (1, 1, 2))
    assert one.fresh and "random weights, seed 1" in one.origin and not opened(bert).fresh
    assert_same(dict(one.net.state_dict()), dict(two.net.state_dict()))
    name = "body.encoder.layer.0.output.dense.weight"
    assert not torch.equal(one.net.state_dict()[name], three.net.state_dict()[name])


def test_fresh_leaves_trained_heads_out(bert: Path, tmp_path: Path) -> None:
    m, sets = opened(bert), {"toy/first": examples("toy/first")}
    trained(m, sets, 1)
    m.save(tmp_path)
    assert opened(tmp_path).net.heads and not opened(tmp_path, fresh=True).net.heads


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.pop("encoder.layer.1.output.dense.weight"), "1 missing"),
        (lambda t: t.update({"encoder.layer.2.output.dense.weight": torch.zeros(2)}), "1 unexpected"),
        (lambda t: t.update({"embeddings.word_embeddings.weight": torch.zeros(3, 16)}), "word_embeddings|mismatch"),
    ],
)
def test_weights_of_another_body_are_refused(change: Any, match: str, bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "m")
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=match):
        opened(tmp_path / "m")


def edited(change: Any) -> Any:
    def edit(folder: Path) -> None:
        said = json.loads((folder / "t2t_heads.json").read_text(encoding="utf-8"))
        change(said)
        (folder / "t2t_heads.json").write_text(json.dumps(said), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        edited(lambda said: said.update(code="x")),
        edited(lambda said: said.update(format=2)),
        edited(lambda said: said.update(pooling="sum")),
        edited(lambda said: said["heads"]["toy/ner"].update(extra=1)),
        edited(lambda said: said["heads"]["toy/ner"].update(names=["O", 3])),
        edited(lambda said: said["heads"]["toy/ner"].update(names=["O"])),
        edited(lambda said: said["heads"]["toy/ner"].update(answer="text")),
        edited(lambda said: said["heads"]["toy/ner"].update(crf=False)),
        edited(lambda said: said["heads"].update({"toy/x": {}})),
        edited(lambda said: said.update(heads=[])),
        lambda folder: (folder / "t2t_heads.json").write_text("{", encoding="utf-8"),
        lambda folder: (folder / "heads.safetensors").write_bytes(b"x"),
        lambda folder: (folder / "heads.safetensors").unlink(),
    ],
)
def test_heads_that_are_not_ours_are_refused(damage: Any, bert: Path, tmp_path: Path) -> None:
    m = opened(bert, head="crf")
    m.prepare({"toy/ner": examples("toy/ner")}, training=True)
    m.save(tmp_path / "m")
    opened(tmp_path / "m")
    damage(tmp_path / "m")
    with pytest.raises(ModelError):
        opened(tmp_path / "m")


def test_a_tokenizer_of_another_model_is_refused(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "m")
    tokenizer("bytes").save_pretrained(tmp_path / "m")
    with pytest.raises(ModelError, match="ids, the embedding"):
        opened(tmp_path / "m")


def test_layers_of_tokens_are_forgotten_but_not_their_counts(bert: Path) -> None:
    tokens = EncoderTokens(tokenizer("wordpiece"), max_input=8)
    tokens.lay_out(examples("toy/first")[:], [False] * 6)
    tokens.lay_out(examples("toy/first")[:], [False] * 6)
    assert tokens.tallies["toy/first"].examples == 6
    tokens.forget()
    assert not tokens._laid and tokens.tallies["toy/first"].examples == 6


def test_what_was_dropped_is_laid_out_again_and_not_counted_again() -> None:
    tokens = EncoderTokens(tokenizer("wordpiece"), max_input=8)
    tokens._laid._limit = 1
    egs = [*examples("toy/first", ["the cat sat and " * 9])[:], *examples("toy/pos")[:]]
    once = tokens.lay_out(egs, [False] * len(egs))
    counts = {name: tally.asdict() for name, tally in tokens.tallies.items()}
    again = tokens.lay_out(egs, [False] * len(egs))
    assert [row.tolist() for laid in again for row in laid.rows] == [row.tolist() for laid in once for row in laid.rows]
    assert {name: tally.asdict() for name, tally in tokens.tallies.items()} == counts
    assert counts["toy/first"]["inputs_cut"] == 1 and not tokens._laid


# -- gradual unfreezing, and learning from a teacher -------------------------------------------------------------------


def test_layers_learn_one_after_another_from_the_top(bert: Path) -> None:
    m = opened(bert, unfreeze_every=2)
    seen = []
    for step in range(1, 10):
        m.thaw(step)
        learn = {name for name, p in m.net.body.named_parameters() if p.requires_grad}
        seen.append(sorted({name.split(".")[0 if name.startswith(("emb", "pool")) else 2] for name in learn}))
    assert seen == [[], [], [], [], ["1"], ["1"], ["0", "1"], ["0", "1"], ["0", "1", "embeddings"]]


def test_what_is_frozen_is_not_thawed(bert: Path) -> None:
    m = opened(bert, unfreeze_every=1, freeze="layers:1")
    m.thaw(100)
    assert not any(p.requires_grad for p in layers(m.net.body)[0].parameters())
    assert all(p.requires_grad for p in layers(m.net.body)[1].parameters())
    with pytest.raises(UsageError, match="step by step"):
        opened(bert, unfreeze_every=1, freeze="body")


def test_a_head_learns_the_scores_of_a_teacher(bert: Path) -> None:
    m = opened(bert, soft_temperature=1.0)
    sets = {"toy/first": examples("toy/first")}
    m.prepare(sets, training=True)
    egs = [replace(eg, taught=(float(i), 0.0), gold=None) for i, eg in enumerate(sets["toy/first"])]
    batch = m.batch(egs)
    assert "gold of toy/first" not in batch.tensors
    optimizer = torch.optim.AdamW(m.net.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss = m.loss(batch).nats
        loss.backward()
        optimizer.step()
    asked = torch.tensor([eg.taught for eg in egs]).softmax(-1)
    assert torch.allclose(torch.tensor(m.rank(egs)).exp(), asked, atol=0.05)


def test_a_teacher_may_have_a_share_of_the_loss(bert: Path) -> None:
    sets = {"toy/first": examples("toy/first")}
    hard, soft, both = (opened(bert, soft_weight=share, soft_temperature=1.0) for share in (0.0, 1.0, 0.25))
    losses = []
    for m in (hard, soft, both):
        m.prepare(sets, training=True)
        m.net.eval()
        batch = m.batch([replace(eg, taught=(1.0, -1.0)) for eg in sets["toy/first"]])
        losses.append(m.loss(batch).nats.item())
    assert losses[2] == pytest.approx(0.75 * losses[0] + 0.25 * losses[1], rel=1e-5)
    plain = opened(bert)
    plain.prepare(sets, training=True)
    assert losses[0] == pytest.approx(plain.loss(plain.batch(sets["toy/first"][:])).nats.item(), rel=1e-5)


# -- mixes -------------------------------------------------------------------------------------------------------------


def test_every_example_of_a_mix_weighs_alike_however_many_words_it_has(bert: Path) -> None:
    m, sets = opened(bert), every()
    m.prepare(sets, training=True)
    egs = [eg for some in sets.values() for eg in some]
    batch = m.batch(egs)
    assert batch.units == len(egs) == sum(units for _, units in m.sizes(egs))
    each = {name: m.loss(m.batch(some[:])).nats.item() / len(some) for name, some in sets.items()}
    assert m.loss(batch).nats.item() == pytest.approx(sum(each[eg.task] for eg in egs), rel=1e-5)
    assert each["toy/pos"] == pytest.approx(1.1, abs=0.4)  # three tags, about log 3 nats a word
    assert each["toy/ner"] == pytest.approx(1.6, abs=0.5)  # five
    heads, words = m.net.named_heads(), sum(len(eg.words) for eg in sets["toy/pos"]) / len(sets["toy/pos"])
    assert heads["toy/pos"].weight == pytest.approx(1 / words) and heads["toy/first"].weight == 1

"""Encoder-decoders: their loss is transformers' own, packing and batching change nothing, bad files are refused."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig, T5Tokenizer

from t2t.errors import DataError, ModelError, T2TError, UsageError
from t2t.models import FAMILIES, Options, load
from t2t.models.seq2seq import PACKABLE, Seq2Seq, neutral
from t2t.models.t5.inference import Packed
from t2t.tokens import Tokens
from t2t.types import Example, Piece
from tests.toy import MINI, T5_TOKENIZER, assert_same, build, example, texts, write_model

FP32 = Options(precision="fp32", max_input=64, max_target=16)


def model(kind: str = "t5", *, dropout: float = 0.0, attention: str | None = None, **options: Any) -> Seq2Seq:
    """Return a tiny model with random weights, large enough numbers in them to tell answers apart."""
    net = build(kind, dropout=dropout)
    if attention:
        net.set_attn_implementation(attention)
    own = {"precision": "fp32", "max_input": 64, "max_target": 16, **options}
    return Seq2Seq(
        net, Tokens(AutoTokenizer.from_pretrained(MINI), max_input=64, max_target=16), Options(**own), "test"
    )


def some(n: int = 12, *, choices: tuple[str, ...] = ()) -> list[Example]:
    """Return examples of different lengths."""
    found = texts(n, seed=3, longest=9)
    targets = [choices[i % len(choices)] if choices else text[::-1] for i, text in enumerate(found)]
    return [example(text, target, choices=choices) for text, target in zip(found, targets, strict=True)]


def gradients(m: Seq2Seq, egs: Sequence[Example]) -> tuple[float, dict[str, torch.Tensor]]:
    m.net.zero_grad()
    m.module.train()
    loss = m.loss(m.batch(egs))
    (loss.nats / loss.units).backward()
    return loss.nats.item(), {name: p.grad.clone() for name, p in m.net.named_parameters()}


# -- loss --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "plain"), [*((kind, False) for kind in PACKABLE), ("t5", True), ("bart", False)])
def test_loss_and_gradients_are_those_of_labels(kind: str, plain: bool) -> None:
    m, egs = model(kind, plain=plain), some()
    assert m.unpadded == (kind in PACKABLE and not plain)
    nats, grads = gradients(m, egs)
    tokenizer = m.tokens.tokenizer
    source = tokenizer([eg.input for eg in egs], padding=True, return_tensors="pt")
    labels = tokenizer(text_target=[eg.target for eg in egs], padding=True, return_tensors="pt")
    labels_BT = labels["input_ids"].masked_fill(labels["attention_mask"] == 0, -100)
    m.net.zero_grad()
    mean = m.net(input_ids=source["input_ids"], attention_mask=source["attention_mask"], labels=labels_BT).loss
    mean.backward()
    units = int(labels["attention_mask"].sum())
    assert m.batch(egs).units == units
    assert nats / units == pytest.approx(mean.item(), rel=1e-5)
    assert_same(grads, {name: p.grad for name, p in m.net.named_parameters()}, tolerance=2e-5)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", PACKABLE)
def test_packed_is_unpacked(kind: str, attention: str) -> None:
    egs = some()
    apart, packed = (model(kind, attention=attention, pack=p, max_input=160, plain=True) for p in (False, True))
    assert packed.net.config._attn_implementation == attention
    rows = len(packed.batch(egs).tensors["source_BS"])
    assert rows < len(egs) / 2, "several examples must share a row"
    one, two = gradients(apart, egs), gradients(packed, egs)
    assert two[0] == pytest.approx(one[0], rel=1e-5)
    assert_same(two[1], one[1], tolerance=5e-5)


def test_packed_is_unpacked_in_bf16() -> None:
    egs = some()
    one, two = (gradients(model(pack=pack, precision="bf16", plain=True), egs) for pack in (False, True))
    assert two[0] == pytest.approx(one[0], rel=2e-2)
    assert two[0] != pytest.approx(gradients(model(), egs)[0], rel=1e-9), "bf16 must be at work"


def test_packed_examples_do_not_see_each_other() -> None:
    m = model(pack=True)
    one, two = example("a b c", "c b a"), example("g m s", "s m g")
    together = m.loss(m.batch([one, two])).nats.item()
    alone = m.loss(m.batch([one])).nats.item() + m.loss(m.batch([two])).nats.item()
    assert len(m.batch([one, two]).tensors["source_BS"]) == 1
    assert together == pytest.approx(alone, rel=1e-5)


def test_a_packed_row_holds_every_token_once() -> None:
    m, egs = model(pack=True), some()
    tensors = m.batch(egs).tensors
    for name, segment in (("source_BS", "source_segment_BS"), ("target_BT", "target_segment_BT")):
        got = sorted(tensors[name][tensors[segment] > 0].tolist())
        encoded = m.tokens.encode(egs, cut_targets=False)
        assert got == sorted(i for e in encoded for i in (e.source if name == "source_BS" else e.target).tolist())
    assert int((tensors["target_BT"] != -100).sum()) == m.batch(egs).units


def test_bart_cannot_be_packed() -> None:
    with pytest.raises(UsageError, match="bart.*packed"):
        model("bart", pack=True)


@pytest.mark.parametrize("plain", [False, True])
def test_padding_does_not_change_the_loss_of_an_example(plain: bool) -> None:
    m = model(plain=plain)
    short, long = example("a", "b"), example("a b c g m s " * 5, "a b c g")
    alone = [m.loss(m.batch([eg])).nats.item() for eg in (short, long)]
    assert m.loss(m.batch([short, long])).nats.item() == pytest.approx(sum(alone), rel=1e-5)


@pytest.mark.parametrize("fast", [False, True])
def test_label_smoothing_is_pytorchs(fast: bool) -> None:
    egs = some(3)
    plain, smooth = model(plain=True), model(label_smoothing=0.1, plain=not fast)
    t = plain.batch(egs).tensors
    logits = plain.net(
        input_ids=t["source_BS"], attention_mask=t["source_segment_BS"], decoder_input_ids=t["shifted_BT"]
    ).logits
    wanted = torch.nn.CrossEntropyLoss(label_smoothing=0.1, reduction="sum")(
        logits.flatten(0, 1), t["target_BT"].flatten()
    )
    assert smooth.loss(smooth.batch(egs)).nats.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert plain.loss(plain.batch(egs)).nats.item() != pytest.approx(wanted.item(), rel=1e-5)


def test_dropout_is_set_everywhere_and_off_in_answers() -> None:
    for kind in ("t5", "bart"):
        net = build(kind, dropout=0.1, **({"activation_dropout": 0.1} if kind == "bart" else {}))
        from t2t.models.precision import set_dropout

        set_dropout(net, 0.0)
        net.train()
        ids = torch.arange(5, 25)[None]
        assert torch.equal(net(input_ids=ids, labels=ids).logits, net(input_ids=ids, labels=ids).logits), kind
    m = model(dropout=0.5)
    m.module.train()
    egs = some(4, choices=("yes", "no"))
    assert m.rank(egs) == m.rank(egs)
    assert m.net.training


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoken() -> Callable[..., Seq2Seq]:
    """A model trained for a moment, so that its answers differ from input to input."""
    m = model()
    optimizer = torch.optim.AdamW(m.net.parameters(), lr=1e-2)
    egs = some(40)
    for _ in range(25):
        optimizer.zero_grad()
        loss = m.loss(m.batch(egs))
        (loss.nats / loss.units).backward()
        optimizer.step()

    def limited(eval_tokens: int = 8192) -> Seq2Seq:
        options = Options(precision="fp32", max_input=64, max_target=16, eval_tokens=eval_tokens)
        return Seq2Seq(m.net, Tokens(m.tokens.tokenizer, max_input=64, max_target=16), options, "test")

    return limited


def test_writing_equals_generate_row_by_row(spoken: Callable[..., Seq2Seq]) -> None:
    m, egs = spoken(), some(20)
    tokenizer = m.tokens.tokenizer
    how = GenerationConfig(max_new_tokens=16, do_sample=False, num_beams=1, pad_token_id=0, eos_token_id=1,
                           decoder_start_token_id=0)  # fmt: skip
    wanted = []
    m.net.eval()
    for eg in egs:
        out = m.net.generate(**tokenizer(eg.input, return_tensors="pt"), generation_config=how)[0]
        kept = [int(i) for i in out[1:] if int(i) not in (0, 1)]
        wanted.append(tokenizer.decode(kept, clean_up_tokenization_spaces=False) if kept else "")
    assert m.write(egs) == wanted
    assert len(set(wanted)) > 5, "the answers must differ for the test to tell anything"


def test_ranking_equals_labels_pair_by_pair(spoken: Callable[..., Seq2Seq]) -> None:
    choices = ("a", "b c", "g m s a b c", "no")
    m, egs = spoken(), some(9, choices=choices)
    for eg, nats in zip(egs, m.rank(egs), strict=True):
        for choice, value in zip(choices, nats, strict=True):
            labels = m.tokens.tokenizer(text_target=choice, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                mean = m.net.eval()(**m.tokens.tokenizer(eg.input, return_tensors="pt"), labels=labels).loss
            assert value == pytest.approx(-mean.item() * labels.shape[1], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("order", ["same", "reversed"])
@pytest.mark.parametrize("eval_tokens", [1, 60, 8192])
def test_batching_and_order_leave_answers_unchanged(spoken: Any, eval_tokens: int, order: str) -> None:
    egs, choices = some(17), ("a", "b c", "no")
    closed = [example(eg.input[5:], "a", choices=choices) for eg in egs]
    wanted = spoken().write(egs), spoken().rank(closed)
    step = -1 if order == "reversed" else 1
    got = spoken(eval_tokens).write(egs[::step])[::step], spoken(eval_tokens).rank(closed[::step])[::step]
    assert got[0] == wanted[0]
    for one, two in zip(got[1], wanted[1], strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-4)


def test_kinds_of_answers_may_be_mixed(spoken: Callable[..., Seq2Seq]) -> None:
    free, closed = some(5), some(5, choices=("a", "b c"))
    mixed = [eg for pair in zip(free, closed, strict=True) for eg in pair]
    m = spoken()
    written = m.write(mixed)
    assert written[::2] == m.write(free) and written[1::2] == m.write(closed)
    assert m.rank([closed[0], example("x", "c", choices=("a", "c", "b"))])[0] == pytest.approx(
        m.rank(closed[:1])[0], rel=1e-4
    )


# -- by hand, and as transformers does it ------------------------------------------------------------------------------


def other(m: Seq2Seq, **options: Any) -> Seq2Seq:
    """Return the same network with other options."""
    own = {"precision": "fp32", "max_input": 64, "max_target": 16, **options}
    return Seq2Seq(m.net, Tokens(m.tokens.tokenizer, max_input=64, max_target=16), Options(**own), "test")


@pytest.mark.parametrize("beams", [1, 4])
def test_plain_answers_are_the_same(spoken: Callable[..., Seq2Seq], beams: int) -> None:
    m, egs = spoken(), some(24)
    fast, plain = other(m, beams=beams), other(m, beams=beams, plain=True)
    wanted = plain.write(egs)
    assert fast.write(egs) == wanted and len(set(wanted)) > 5
    assert fast._packed is not None and plain._packed is None
    closed = some(24, choices=("a", "b c", "b c g", "no"))
    assert torch.allclose(torch.tensor(fast.rank(closed)), torch.tensor(plain.rank(closed)), atol=1e-4)


def test_beams_are_for_texts(spoken: Callable[..., Seq2Seq]) -> None:
    m, egs, closed = spoken(), some(12), some(12, choices=("a", "b c"))
    beams = other(m, beams=3)
    assert beams.write(closed) == m.write(closed)
    assert beams.write(egs) != m.write(egs)


@pytest.mark.parametrize("plain", [False, True])
def test_choosing_writes_nothing_but_choices(spoken: Callable[..., Seq2Seq], plain: bool) -> None:
    m = other(spoken(), plain=plain)
    sets = [("a", "b c", "b c g", "no"), ("g m", "a"), ("s",)]
    egs = [example(text, "a", choices=sets[i % 3]) for i, text in enumerate(texts(24, seed=3, longest=9))]
    said = m.choose(egs)
    assert all(text in eg.choices for text, eg in zip(said, egs, strict=True))
    assert said == other(spoken(), plain=not plain).choose(egs) and len(set(said)) > 3
    assert m.choose(egs[::-1])[::-1] == said == [m.choose([eg])[0] for eg in egs]


def test_other_architectures_choose_too() -> None:
    m, egs = model("bart"), some(6, choices=("a", "b c", "b c g"))
    assert all(text in ("a", "b c", "b c g") for text in m.choose(egs))
    assert m._packed is None


def test_only_choices_can_be_chosen() -> None:
    with pytest.raises(UsageError, match="choices"):
        model().choose(some(1))


@pytest.mark.parametrize("ask", ["write", "rank", "choose"])
def test_answers_follow_the_weights(ask: str) -> None:
    m, egs = model(), some(6, choices=("a", "b c"))
    before = m.rank(egs)
    getattr(m, ask)(egs)
    assert m._packed is not None and m._packed[1] is m._weights(), "unchanged weights are packed once"
    with torch.no_grad():
        for p in m.net.parameters():
            p.add_(0.5 * torch.randn_like(p))
    assert getattr(m, ask)(egs) == getattr(other(m), ask)(egs)
    assert m.rank(egs) != before
    m.loss(m.batch(egs))
    assert m._packed is None, "training needs the room"


def test_8_bits_answer_but_do_not_train(spoken: Callable[..., Seq2Seq]) -> None:
    m, egs = spoken(), some(24)
    said = other(m, precision="int8").write(egs)
    assert sum(a == b for a, b in zip(said, m.write(egs), strict=True)) > 12
    for how in ({"kind": "bart"}, {"plain": True}):
        with pytest.raises(UsageError, match="int8"):
            model(precision="int8", **how)  # type: ignore[arg-type]


def test_ids_without_a_token_are_never_written() -> None:
    m = model()
    with torch.no_grad():  # the head prefers a row of the embedding beyond the vocabulary
        m.net.lm_head.weight = torch.nn.Parameter(m.net.lm_head.weight.clone())
        m.net.lm_head.bias = torch.nn.Parameter(torch.zeros(8128))
        m.net.lm_head.bias[8120] = 1e4
    ids: list[int] = []
    plain = m.tokens.decode
    m.tokens.decode = lambda rows: ids.extend(i for row in rows for i in row) or plain(rows)  # type: ignore[method-assign]
    m.write(some(4))
    assert ids and max(ids) < len(m.tokens.tokenizer)


def test_a_models_own_ways_of_writing_do_not_bend_answers(spoken: Callable[..., Seq2Seq]) -> None:
    m, egs = spoken(), some(8)
    wanted = m.write(egs)
    own = m.net.generation_config
    try:
        own.min_length, own.no_repeat_ngram_size, own.repetition_penalty, own.num_beams = 14, 2, 3.0, 4
        assert m.write(egs) == wanted
    finally:
        own.min_length, own.no_repeat_ngram_size, own.repetition_penalty, own.num_beams = None, None, None, None


def test_answers_may_be_longer_than_choices_but_not_than_the_limit() -> None:
    m = model()
    assert m.answer_limit(example("x", choices=("yes", "no"))) == len(m.tokens.ids(["yes"])[0]) + 4
    assert m.answer_limit(example("x")) == 16
    assert m.answer_limit(example("x", range=(0.0, 5.0))) == 12


def test_the_labels_of_tags_do_not_limit_their_answer() -> None:
    m = model()
    tags = example("x", choices=("NOUN", "VERB"), words=("it", "rained"))
    assert m.answer_limit(tags) == 16
    with pytest.raises(UsageError, match="spans and tags"):
        m.rank([tags])


def test_answers_that_do_not_end_are_counted() -> None:
    m = model()
    with torch.no_grad():
        m.net.lm_head.weight = torch.nn.Parameter(m.net.lm_head.weight.clone())
        m.net.lm_head.bias = torch.nn.Parameter(torch.zeros(8128))
        m.net.lm_head.bias[300] = 1e4
    m.write(some(3))
    assert m.tokens.tallies["toy/free"].answers_unfinished == 3


def test_only_choices_can_be_ranked() -> None:
    with pytest.raises(UsageError, match="choices"):
        model().rank(some(1))


def test_long_targets_are_an_error_or_cut_as_asked() -> None:
    eg = example("x", "a b c " * 20, uid="toy/free:train:5")
    with pytest.raises(DataError, match="toy/free:train:5"):
        model().sizes([eg])
    m = model(long_targets="cut")
    assert m.sizes([eg])[0][1] == 16
    assert m.tokens.tallies["toy/free"].targets_cut == 1


# -- files -------------------------------------------------------------------------------------------------------------


def test_what_is_saved_opens_without_t2t_and_says_the_same(still: Path, tmp_path: Path) -> None:
    m = load(str(still), options=FP32)
    with torch.no_grad():
        for p in m.net.parameters():
            p.add_(0.01 * torch.randn_like(p))
    m.save(tmp_path / "out")
    net = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    batch = {
        **tokenizer("copy: a b", return_tensors="pt"),
        "labels": tokenizer("a b", return_tensors="pt")["input_ids"],
    }
    with torch.no_grad():
        assert torch.equal(net(**batch).logits, m.net.eval()(**batch).logits)
    again = load(str(tmp_path / "out"), options=FP32)
    assert_same(dict(again.net.named_parameters()), dict(m.net.named_parameters()))
    assert {p.suffix for p in (tmp_path / "out").iterdir()} <= {".json", ".safetensors"}


def test_fresh_weights_are_random_ones_of_the_seed(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "bare")
    (folder / "model.safetensors").unlink()  # a folder without any is as good as asking for them
    how = (("t2t-mini", 1, True), ("t2t-mini", 1, True), ("t2t-mini", 2, True), (str(folder), 1, False))
    one, two, other, bare = (load(name, options=Options(seed=seed, fresh=fresh)) for name, seed, fresh in how)
    assert all(m.fresh and f"random weights, seed {m.options.seed}" in m.origin for m in (one, two, other, bare))
    weights = [dict(m.net.named_parameters()) for m in (one, two, other)]
    assert_same(weights[0], weights[1])
    assert not torch.equal(weights[0]["shared.weight"], weights[2]["shared.weight"])


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def drop_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop("encoder.block.0.layer.0.SelfAttention.q.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def add_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    save_file(
        {**tensors, "encoder.block.9.odd": torch.ones(2)}, folder / "model.safetensors", metadata={"format": "pt"}
    )


def shorten_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def damage_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + path.read_bytes()[8:])


def only_pickles(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def only_tensorflow(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "tf_model.h5")


def index_alone(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(
        '{"metadata": {}, "weight_map": {"shared.weight": "x.safetensors"}}'
    )


def small_embedding(folder: Path) -> None:
    build("t5", vocabulary=8000).save_pretrained(folder)


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "tensor missing": (drop_tensor, "1 missing keys: encoder.block.0.layer.0.SelfAttention.q.weight"),
    "tensor unexpected": (add_tensor, "1 unexpected keys: encoder.block.9.odd"),
    "other shape": (lambda f: edit(f / "config.json", lambda c: c.update(d_ff=48)), "DenseReluDense|mismatch|size"),
    "truncated": (shorten_weights, "cannot be loaded"),
    "header": (damage_header, "cannot be loaded"),
    "only pickles": (only_pickles, "pytorch_model.bin"),
    "only tensorflow": (only_tensorflow, "tf_model.h5"),
    "index alone": (index_alone, "cannot be loaded"),
    "auto_map": (lambda f: edit(f / "config.json", lambda c: c.update(auto_map={"AutoModel": "x.Y"})), "brings code"),
    "python": (lambda f: (f / "modeling.py").write_text("raise SystemExit"), "modeling.py"),
    "kernel": (lambda f: edit(f / "config.json", lambda c: c.update(_attn_implementation="a/b")), "brings code"),
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "config no JSON": (lambda f: (f / "config.json").write_text("{"), "not readable as JSON"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), "expected an object"),
    "of no kind": (
        lambda f: edit(f / "config.json", lambda c: c.update(is_encoder_decoder=False, model_type="clip")),
        "no family",
    ),
    "tokenizer too big": (small_embedding, "8100 ids, the embedding 8000"),
    "no tokenizer": (lambda f: [p.unlink() for p in f.glob("*token*")], "tokenizer"),
    "no start": (lambda f: edit(f / "config.json", lambda c: c.update(decoder_start_token_id=None)), "start_token"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unusable_model_folder_is_refused(fault: str, still: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(still, tmp_path / "model")
    spoil, wanted = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ModelError, match=wanted) as caught:
        load(str(folder), options=FP32)
    assert caught.value.exit_code == 4 and str(folder) in str(caught.value)


def test_a_sound_copy_loads(still: Path, tmp_path: Path) -> None:
    load(str(shutil.copytree(still, tmp_path / "model")), options=FP32)


def test_unknown_names_are_refused() -> None:
    for name in ("t2t-mino", "./nowhere", "/nowhere/at/all"):
        with pytest.raises(T2TError) as caught:
            load(name)
        assert caught.value.exit_code in (2, 4)
    with pytest.raises(UsageError, match="family"):
        load("t2t-mini", family="seq3seq")
    assert "seq2seq" in FAMILIES


def test_t5s_own_vocabulary_works(tmp_path: Path) -> None:
    if not (T5_TOKENIZER / "spiece.model").is_file():
        pytest.skip(f"no spiece.model of T5 in {T5_TOKENIZER}")
    write_model(tmp_path, vocabulary=32128)
    for path in tmp_path.glob("*token*"):
        path.unlink()
    T5Tokenizer.from_pretrained(T5_TOKENIZER).save_pretrained(tmp_path)
    m = load(str(tmp_path), options=FP32)
    assert len(m._nameless) == 28
    assert len(m.write(some(2))) == 2


# -- several ways at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"plain": True}, {"eval_tokens": 60}])
def test_three_ways_at_once_say_what_each_says_alone(spoken: Callable[..., Seq2Seq], how: dict[str, Any]) -> None:
    m = other(spoken(), **how)
    sets = [("a", "b c", "b c g", "no"), ("g m", "a"), ("s",)]
    egs = [example(text, "a", choices=sets[i % 3]) for i, text in enumerate(texts(24, seed=3, longest=9))]
    said = m.answers(egs, ("write", "constrained", "rank"))
    assert said["write"] == m.write(egs) and said["constrained"] == m.choose(egs)
    for one, two in zip(said["rank"], m.rank(egs), strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-4)
    picked = [eg.choices[max(range(len(n)), key=n.__getitem__)] for eg, n in zip(egs, said["rank"], strict=True)]
    assert said["write"] != said["constrained"] != picked, "the ways must differ for the test to tell anything"


def test_an_input_is_read_once_for_all_ways(spoken: Callable[..., Seq2Seq], monkeypatch: pytest.MonkeyPatch) -> None:
    m, egs, read = spoken(), some(24, choices=("a", "b c", "no")), 0
    plain = Packed.read

    def counted(self: Packed, source_BS: torch.Tensor, mask_BS: torch.Tensor) -> Any:
        nonlocal read
        read += len(source_BS)
        return plain(self, source_BS, mask_BS)

    monkeypatch.setattr(Packed, "read", counted)
    m.answers(egs, ("write", "constrained", "rank"))
    assert read == len(egs)


@pytest.mark.parametrize("plain", [False, True])
def test_choices_are_ranked_by_what_is_asked_for(spoken: Callable[..., Seq2Seq], plain: bool) -> None:
    m, choices = spoken(), ("a", "b c g m", "né")
    egs = [example(text, "a", choices=choices) for text in texts(5, seed=3, longest=9)]
    nats = torch.tensor(m.rank(egs))
    lengths = torch.tensor([len(ids) for ids in m.tokens.ids(choices, target=True)])

    def by(way: str) -> torch.Tensor:
        return torch.tensor(other(m, rank_by=way, plain=plain).rank(egs))

    assert torch.allclose(by("tokens"), nats / lengths, atol=1e-4)
    assert torch.allclose(by("bytes"), nats / torch.tensor([1, 7, 3]), atol=1e-4)
    alone = torch.tensor(m.rank([replace(egs[0], pieces=(Piece(neutral(egs[0])),))]))
    assert torch.allclose(by("pmi"), nats - alone, atol=1e-4) and not torch.allclose(alone, nats[:1], atol=0.1)
    with pytest.raises(UsageError, match="rank_by"):
        by("luck")

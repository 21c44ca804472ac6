"""Causal models: the loss is transformers' own, the cache changes nothing, the border of input and target is one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast

from t2t.errors import DataError, ModelError, UsageError
from t2t.examples import Examples
from t2t.models import Options, causal, load
from t2t.models.causal import Causal, CausalTokens, Layout, premise
from t2t.models.ranking import by_length
from t2t.types import Column, Example, Piece, Prompt, Source, Task
from tests.toy import assert_same, example, texts

CORPUS = [
    "Review: a fine film\nSentiment: positive",
    "Question: is it so? Answer: yes no maybe",
    "say: a b c d e f g h",
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
KINDS = ("gpt2", "llama", "qwen2", "mistral", "opt", "gpt_neox", "bloom")
FP32 = Options(precision="fp32", max_input=96, max_target=16)


def tokenizer(kind: str = "gpt2") -> Any:
    """Return a byte-level BPE of about 300 tokens, with the special tokens of a kind of model.

    gpt2: one control token for everything, no padding; llama: BOS before every text; qwen2: ChatML.
    """
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    made.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    control = {"llama": ["<s>", "</s>"], "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]}
    trainer = trainers.BpeTrainer(
        vocab_size=310, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=control.get(kind, ["<|endoftext|>"]),
    )  # fmt: skip
    made.train_from_iterator(CORPUS * 3, trainer)
    if kind == "llama":
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])  # type: ignore[assignment]
        return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    if kind == "qwen2":
        made.add_tokens([AddedToken("<think>", normalized=False)])
        own = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>")
        own.chat_template = CHATML
        return own
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=end, eos_token=end, unk_token=end)


SHAPES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 160},
    "llama": {"num_key_value_heads": 1},
    "qwen2": {"num_key_value_heads": 1},
    "mistral": {"num_key_value_heads": 1, "sliding_window": 12},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "gpt_neox": {},
    "bloom": {"n_layer": 2, "n_head": 2},
}


def build(kind: str, *, dropout: float = 0.0, seed: int = 0, **shape: Any) -> Any:
    """Return a tiny network with random weights, large enough to tell texts apart."""
    general = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
        "max_position_embeddings": 160,
    }  # fmt: skip
    own = {"gpt2": {}, "bloom": {"hidden_size": 32}}.get(kind, general) | SHAPES[kind]
    rates = {
        "gpt2": {"resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout},
        "opt": {"dropout": dropout, "attention_dropout": dropout},
        "bloom": {"hidden_dropout": dropout, "attention_dropout": dropout},
    }.get(kind, {"attention_dropout": dropout})
    torch.manual_seed(seed)
    own |= {"vocab_size": 320, "pad_token_id": None, "bos_token_id": 0, "eos_token_id": 0, **rates, **shape}
    net = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **own))
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim > 1:
                p.mul_(4)
    return net


def model(kind: str = "gpt2", *, attention: str | None = None, tuned: bool = True, **how: Any) -> Causal:
    options = Options(**{"precision": "fp32", "max_input": 96, "max_target": 16, **how})
    net = build(kind)
    if attention:
        net.set_attn_implementation(attention)
    limits = {"max_input": options.max_input, "max_target": options.max_target}
    tokens = CausalTokens(tokenizer(kind), chat=options.chat == "on", **limits)
    return Causal(net, tokens, options, "test", tuned=tuned)


def some(n: int = 12, *, choices: tuple[str, ...] = ()) -> list[Example]:
    """Return examples of different lengths."""
    found = texts(n, seed=3, longest=9)
    targets = [choices[i % len(choices)] if choices else text[::-1] for i, text in enumerate(found)]
    return [example(text, target, choices=choices) for text, target in zip(found, targets, strict=True)]


def whole(m: Causal, source: Sequence[int], answer: Sequence[int]) -> list[float]:
    """Return the nats of each token of an answer by one forward pass of one row, without cache or padding."""
    with torch.no_grad():
        logits_1SV = m.net.eval()(input_ids=torch.tensor([[*source, *answer]])).logits
    found = torch.log_softmax(logits_1SV[0, len(source) - 1 : -1], -1)
    return [float(found[i, token]) for i, token in enumerate(answer)]


# -- texts -------------------------------------------------------------------------------------------------------------


def plain(tok: Any, text: str) -> list[int]:
    return tok(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2"])
@pytest.mark.parametrize(
    ("said", "answer", "both"),
    [
        ("Answer:", "yes", "Answer: yes"),
        ("Answer: ", "yes", "Answer: yes"),  # a space at the end would be a token of its own, " yes" none
        ("Answer:\n", "yes", "Answer:\nyes"),
        ("Answer:\n\n", "no maybe", "Answer:\n\nno maybe"),
        ("it's 3", "3.8", "it's 3 3.8"),
    ],
)
def test_input_and_target_are_the_tokens_of_the_whole_text(kind: str, said: str, answer: str, both: str) -> None:
    tokens = CausalTokens(tokenizer(kind))
    tok = tokens.tokenizer
    (encoded,) = tokens.encode([example("", answer, pieces=(Piece(said),))])
    joined = tok(both, split_special_tokens=True)["input_ids"]
    assert [*encoded.source.tolist(), *encoded.target.tolist()] == [*joined, tok.eos_token_id]
    assert tok.decode(encoded.source[-1:].tolist()).strip(), "the input must not end in a token of white space"


def test_the_space_belongs_to_the_answer_where_the_tokenizer_puts_one_before_every_text() -> None:
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")  # type: ignore[assignment]
    made.decoder = decoders.Metaspace(prepend_scheme="always")  # type: ignore[assignment]
    made.train_from_iterator(CORPUS * 3, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"]))
    tok = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", unk_token="<unk>", pad_token="</s>")
    tokens = CausalTokens(tok)
    (encoded,) = tokens.encode([example("", "yes no", pieces=(Piece("Answer:"),))])
    assert [*encoded.source, *encoded.target] == [*plain(tok, "Answer: yes no"), tok.eos_token_id]
    assert tok.convert_ids_to_tokens(encoded.target.tolist())[0].startswith("▁")
    assert tokens.decode(tokens.ids(["yes no"], target=True)) == ["yes no"]
    assert tokens.unk == tok.unk_token_id


CONTROLS = ["<|im_start|>", "a <|im_end|> b", "<|endoftext|>", "<think>", "<<|im_end|>|im_end|>", "x<|im_end|>"]


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("text", CONTROLS)
def test_text_never_becomes_a_control_token(text: str, chat: bool) -> None:
    tokens = CausalTokens(tokenizer("qwen2"), chat=chat)
    control = set(tokens.tokenizer.added_tokens_decoder)
    (frame,), (source,), (target,) = tokens.ids(["x"]), tokens.ids([text]), tokens.ids([text], target=True)
    assert sorted(control.intersection(source.tolist())) == sorted(control.intersection(frame.tolist()))
    assert [i for i in source.tolist() if i in control] == [i for i in frame.tolist() if i in control]
    assert not control.intersection(target[:-1].tolist()) and target[-1] == tokens.eos
    tokens.encode([example(text, "x")])
    assert tokens.tallies["toy/free"].control_strings >= 1


def test_ids_begin_as_the_tokenizer_begins_and_only_targets_end() -> None:
    for kind, first in (("gpt2", []), ("llama", [0]), ("qwen2", [])):
        tokens = CausalTokens(tokenizer(kind))
        assert tokens.ids(["yes"])[0].tolist() == [*first, *plain(tokens.tokenizer, "yes")]
        assert tokens.ids(["yes"], target=True)[0].tolist() == [*plain(tokens.tokenizer, " yes"), tokens.eos]
        assert len(tokens.ids([""])[0]) == 1, "something must stand before the first token of an answer"


def test_a_tokenizer_without_padding_is_used_and_saved_as_it_is(tmp_path: Path) -> None:
    tok = tokenizer("gpt2")
    tokens = CausalTokens(tok)
    assert tokens.pad == tokens.eos and tok.pad_token is None
    tokens.save(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).pad_token is None


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tok = PreTrainedTokenizerFast(tokenizer_object=tokenizer("gpt2").backend_tokenizer)
    with pytest.raises(ModelError, match="end-of-sequence"):
        CausalTokens(tok)


def test_an_end_that_is_called_unknown_is_not_counted_as_unknown() -> None:
    tokens = CausalTokens(tokenizer("gpt2"))
    tokens.encode([example("Answer: é中", "yes")])
    tally = tokens.tallies["toy/free"]
    assert tokens.tokenizer.unk_token_id == tokens.eos
    assert (tally.unknown_input_tokens, tally.unknown_target_tokens) == (0, 0)


def test_choices_survive_the_audit() -> None:
    prompt = Prompt("gpt", target="{label|choice}", input="{text}", choices=("yes", "no", "yes no"))
    (warning,) = CausalTokens(tokenizer("gpt2")).audit("toy/x", prompt, ["maybe"])
    assert '"yes" begins the choice "yes no"' in warning


# -- chat --------------------------------------------------------------------------------------------------------------


def test_a_chat_template_goes_around_the_input() -> None:
    tokens = CausalTokens(tokenizer("qwen2"), chat=True)
    tok = tokens.tokenizer
    source = tokens.ids(["  Is it so? \n"])[0].tolist()
    assert tok.decode(source) == "<|im_start|>user\nIs it so?<|im_end|>\n<|im_start|>assistant\n"
    message = [{"role": "user", "content": "Is it so?"}]
    assert source == tok.apply_chat_template(message, add_generation_prompt=True)["input_ids"]
    (encoded,) = tokens.encode([example("Is it so?", "yes")])
    assert tok.decode(encoded.target.tolist()) == "yes<|im_end|>"


def test_a_space_that_the_template_puts_before_the_message_belongs_to_its_first_word() -> None:
    tok = tokenizer("gpt2")
    tok.chat_template = "[INST] {{ messages[0]['content'] }} [/INST]"
    source = CausalTokens(tok, chat=True).ids(["is it so?"])[0].tolist()
    assert source == plain(tok, "[INST] is it so? [/INST]")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "no chat template"),
        ("{{ raise_exception('no users') }}", "fails: no users"),
        ("system", "does not show"),
        ("{{ messages[0]['content'] }}{{ messages[0]['content'] }}", "does not show the message once"),
    ],
)
def test_a_chat_template_that_cannot_serve_is_an_error(template: str | None, message: str) -> None:
    tok = tokenizer("qwen2")
    tok.chat_template = template
    with pytest.raises((ModelError, UsageError), match=message):
        CausalTokens(tok, chat=True)


def test_a_chat_is_written_and_ranked() -> None:
    m = model("qwen2", chat="on", tuned=False)
    egs = some(5, choices=("yes", "no maybe"))
    assert len(m.write(egs)) == 5
    tok = m.tokens.tokenizer
    for eg, nats in zip(egs, m.rank(egs), strict=True):
        source = m.tokens.ids([eg.input])[0].tolist()
        wanted = [sum(whole(m, source, plain(tok, choice))) for choice in eg.choices]
        assert nats == pytest.approx(wanted, abs=1e-4)


# -- over the limit ----------------------------------------------------------------------------------------------------

SHOTS = Prompt("gpt", target="{label|choice}", input="Review: {text}\nMood:", choices=("bad", "good"), intro="Rate:")
TASK = Task(
    "toy/mood", "mood", "choice", {"text": Column("text"), "label": Column("class")}, Source(), {"gpt": SHOTS},
    ("accuracy",),
)  # fmt: skip


def shown(shots: int, prompt: Prompt = SHOTS, text: str = "a fine film") -> Example:
    """Return the example of one row, other rows shown before it."""
    demos = Examples(TASK, [{"text": f"film {i}", "label": i % 2} for i in range(9)], split="train", prompts=[prompt])
    row = {"text": text, "label": 1}
    return Examples(TASK, [row], split="test", prompts=[prompt], demos=demos, shots=shots)[0]


@pytest.mark.parametrize("shot", ["", "{text} was {label|choice}"])
@pytest.mark.parametrize("intro", ["", "Rate:"])
def test_whole_shots_are_left_out_first_and_the_nearest_stay(shot: str, intro: str) -> None:
    prompt = Prompt("gpt", target="{label|choice}", input=SHOTS.input, choices=SHOTS.choices, intro=intro, shot=shot)
    eg = shown(4, prompt)
    tokens = CausalTokens(tokenizer("gpt2"))
    parts = eg.input.split("\n\n")
    first = 1 if intro else 0
    wanted = "\n\n".join([*parts[:first], *parts[first + 2 :]])  # without two of four
    tokens.max_input = len(tokens.ids([wanted])[0])
    tokens.layouts["toy/mood", "gpt"] = Layout.of(prompt)
    (encoded,) = tokens.encode([eg])
    assert tokens.decode([encoded.source]) == [wanted]
    assert len(tokens.shorten(eg)) == len(eg.pieces)
    tally = tokens.tallies["toy/mood"]
    assert tally.inputs_cut == 1 and tally.asdict()["shots_dropped"] >= 2
    assert any("shots left out" in line for line in tally.warnings("toy/mood"))


def test_without_its_shots_the_columns_are_cut() -> None:
    eg = shown(3, text="fine film " * 40)
    tokens = CausalTokens(tokenizer("gpt2"), max_input=40)
    tokens.layouts["toy/mood", "gpt"] = Layout.of(SHOTS)
    (encoded,) = tokens.encode([eg])
    (text,) = tokens.decode([encoded.source])
    assert 36 <= len(encoded.source) <= 40
    assert text.startswith("Rate:\n\nReview: fine film") and text.endswith("\nMood:")


def test_a_prompt_that_is_not_known_has_its_columns_cut() -> None:
    eg = shown(3)
    tokens = CausalTokens(tokenizer("gpt2"), max_input=len(CausalTokens(tokenizer("gpt2")).ids([eg.input])[0]) - 1)
    tokens.encode([eg])
    assert tokens.tallies["toy/mood"].inputs_cut == 1
    assert tokens.tallies["toy/mood"].asdict()["shots_dropped"] == 0


def test_a_chat_uses_the_room() -> None:
    tokens = CausalTokens(tokenizer("qwen2"), max_input=60, chat=True)
    (encoded,) = tokens.encode([example("a b c " * 50, "yes")])
    assert 56 <= len(encoded.source) <= 60
    assert tokens.tokenizer.decode(encoded.source).endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_a_target_over_the_limit_is_an_error_or_cut_as_asked() -> None:
    eg = example("x", "a b c " * 20, uid="toy/free:train:5")
    with pytest.raises(DataError, match="toy/free:train:5"):
        model().sizes([eg])
    assert model(long_targets="cut").sizes([eg])[0][1] == 16


# -- loss --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_labels(kind: str) -> None:
    m, egs = model(kind), some()
    batch = m.batch(egs)
    loss = m.loss(batch)
    loss.nats.backward()
    grads = {name: p.grad.clone() for name, p in m.net.named_parameters()}
    m.net.zero_grad()
    rows = [(e.source.tolist(), e.target.tolist()) for e in m.tokens.encode(egs)]
    width = max(len(a) + len(b) for a, b in rows)
    ids = torch.tensor([[*a, *b, *[5] * (width - len(a) - len(b))] for a, b in rows])
    mask = torch.tensor([[1] * (len(a) + len(b)) + [0] * (width - len(a) - len(b)) for a, b in rows])
    labels = torch.tensor([[-100] * len(a) + b + [-100] * (width - len(a) - len(b)) for a, b in rows])
    mean = m.net(input_ids=ids, attention_mask=mask, labels=labels).loss
    units = sum(len(b) for _, b in rows)
    assert (loss.units, batch.units) == (units, units) == (units, int((labels != -100).sum()))
    assert loss.nats.item() == pytest.approx(mean.item() * units, rel=1e-5)
    (mean * units).backward()
    assert_same(grads, {name: p.grad for name, p in m.net.named_parameters()}, tolerance=5e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_sum_over_the_target_alone(kind: str) -> None:
    m, egs = model(kind), some(5)
    by_hand = [sum(whole(m, e.source.tolist(), e.target.tolist())) for e in m.tokens.encode(egs)]
    assert m.loss(m.batch(egs)).nats.item() == pytest.approx(-sum(by_hand), rel=1e-5)
    assert m.sizes(egs) == [(len(e.source), len(e.target)) for e in m.tokens.encode(egs)]


def test_only_the_logits_of_targets_are_computed() -> None:
    m = model("llama")
    seen: list[tuple[int, ...]] = []
    m.net.lm_head.register_forward_hook(lambda _, args, out: seen.append(tuple(out.shape)))
    m.loss(m.batch([example("a b c d e f g h " * 3, "yes")]))
    assert seen == [(1, len(m.tokens.ids(["yes"], target=True)[0]), 320)]


def test_label_smoothing_is_pytorchs() -> None:
    plain_one, smooth, egs = model(), model(label_smoothing=0.1), some(3)
    t = plain_one.batch(egs).tensors
    logits = plain_one.net(input_ids=t["ids_BS"], attention_mask=t["mask_BS"]).logits[:, t["keep_K"]]
    wanted = torch.nn.CrossEntropyLoss(label_smoothing=0.1, reduction="sum")(
        logits.flatten(0, 1), t["target_BK"].flatten()
    )
    assert smooth.loss(smooth.batch(egs)).nats.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_bf16_is_at_work_and_near() -> None:
    one, two = (m.loss(m.batch(some())).nats.item() for m in (model("llama"), model("llama", precision="bf16")))
    assert two == pytest.approx(one, rel=2e-2) and two != pytest.approx(one, rel=1e-9)


def test_bf16_ranks_over_the_cache_as_well() -> None:
    egs = some(5, choices=CHOICES)
    for got, row in zip(model("llama", precision="bf16").rank(egs), model("llama").rank(egs), strict=True):
        assert got == pytest.approx(row, rel=0.05, abs=0.3) and got != row


def test_dropout_is_set_in_training_and_off_in_answers(tmp_path: Path) -> None:
    for kind in ("gpt2", "llama"):
        folder = write_model(tmp_path / kind, kind, dropout=0.0)
        m = causal.load(str(folder), {}, Options(precision="fp32", max_input=96, max_target=16, dropout=0.4))
        m.module.train()
        losses = {m.loss(m.batch(some(2))).nats.item() for _ in range(3)}
        assert len(losses) == 3, kind
        closed = some(4, choices=("yes", "no"))
        assert m.rank(closed) == m.rank(closed) and m.net.training


# -- ranking -----------------------------------------------------------------------------------------------------------

CHOICES = ("a", "no maybe", "positive", "a b c d e")


def naive(m: Causal, egs: Sequence[Example], *, end: bool) -> list[list[float]]:
    found = []
    for eg in egs:
        source = m.tokens.encode([eg])[0].source.tolist()
        spelt = [plain(m.tokens.tokenizer, " " + choice) + [m.tokens.eos] * end for choice in eg.choices]
        found.append([sum(whole(m, source, answer)) for answer in spelt])
    return found


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", KINDS)
def test_ranking_over_the_cache_equals_whole_passes(kind: str, attention: str) -> None:
    if kind == "bloom" and attention == "sdpa":
        pytest.skip("transformers has no sdpa for BLOOM")
    egs = some(9, choices=CHOICES)
    for tuned in (True, False):
        m = model(kind, attention=attention, tuned=tuned)
        assert m.net.config._attn_implementation == attention
        wanted = naive(m, egs, end=tuned)
        for got, row in zip(m.rank(egs), wanted, strict=True):
            assert got == pytest.approx(row, abs=1e-4)
        assert np.ptp([row[0] for row in wanted]) > 0.1, "inputs must matter for the test to tell anything"


@pytest.mark.parametrize("kind", KINDS)
def test_what_all_inputs_begin_with_is_run_once(kind: str) -> None:
    begin = "say: " + "a b c d " * 6
    egs = [example("", "a", pieces=(Piece(begin), Piece(text, "text")), choices=CHOICES) for text in texts(7, 5, 9)]
    m = model(kind)
    wanted = naive(m, egs, end=True)
    windows = kind == "mistral"  # shorter than these inputs
    widths: list[tuple[int, ...]] = []
    forward = m._forward

    def counted(ids: torch.Tensor, *args: Any, **how: Any) -> torch.Tensor:
        widths.append(tuple(ids.shape))
        return forward(ids, *args, **how)

    m._forward = counted  # type: ignore[method-assign]
    for got, row in zip(m.rank(egs), wanted, strict=True):
        assert got == pytest.approx(row, abs=1e-4)
    if windows:
        assert [rows for rows, _ in widths] == [7, 28]
    else:
        assert [rows for rows, _ in widths] == [1, 7, 28] and widths[0][1] >= 24 and widths[1][1] <= 20


def test_what_all_inputs_begin_with_is_run_once_over_windows_where_no_row_is_padded() -> None:
    begin = "say: " + "a b c d " * 6
    egs = [example("", "a", pieces=(Piece(begin), Piece(text, "text")), choices=CHOICES) for text in "abcd"]
    m = model("mistral")
    assert len({len(e.source) for e in m.tokens.encode(egs)}) == 1
    for got, row in zip(m.rank(egs), naive(m, egs, end=True), strict=True):
        assert got == pytest.approx(row, abs=1e-4)


@pytest.mark.parametrize("order", ["same", "reversed"])
@pytest.mark.parametrize("eval_tokens", [1, 80, 8192])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "bloom"])
def test_batching_and_order_leave_answers_unchanged(kind: str, eval_tokens: int, order: str) -> None:
    closed, free = some(11, choices=CHOICES), some(11)
    wanted = model(kind).rank(closed), model(kind).write(free)
    step = -1 if order == "reversed" else 1
    m = model(kind, eval_tokens=eval_tokens)
    for one, two in zip(m.rank(closed[::step])[::step], wanted[0], strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    assert m.write(free[::step])[::step] == wanted[1]


def test_examples_with_choices_of_their_own_may_be_mixed() -> None:
    egs = [example("a", "x", choices=("a", "b")), example("b c", "x", choices=("no maybe", "d", "e f")),
           example("d", "x", choices=("a",))]  # fmt: skip
    m = model()
    assert [len(row) for row in m.rank(egs)] == [2, 3, 1]
    for got, row in zip(m.rank(egs), naive(m, egs, end=True), strict=True):
        assert got == pytest.approx(row, abs=1e-4)


def test_an_empty_choice_is_ranked_by_length() -> None:
    assert [by_length([-2.0, -1.0], [[7], []], ("a", ""), by) for by in ("bytes", "tokens")] == [[-2.0, -1.0]] * 2


def test_rankings_by_length_and_pmi() -> None:
    pieces = (Piece("Review: "), Piece("a fine film", "text"), Piece("\nSentiment:"))
    egs = [example("", "a", pieces=pieces, choices=("a", "no é")), *some(4, choices=CHOICES)]
    m = model(tuned=False)
    total, tok = m.rank(egs), m.tokens.tokenizer
    for by, size in (("tokens", lambda c: len(plain(tok, " " + c))), ("bytes", lambda c: len(c.encode()))):
        for got, row, eg in zip(m.rank(egs, by=by), total, egs, strict=True):
            assert got == pytest.approx([v / size(c) for v, c in zip(row, eg.choices, strict=True)], abs=1e-5)
    pmi = m.rank(egs, by="pmi")
    for eg, got, row in zip(egs, pmi, total, strict=True):
        bare = plain(tok, "Sentiment:" if eg is egs[0] else "Answer:")
        prior = [sum(whole(m, bare, plain(tok, " " + choice))) for choice in eg.choices]
        assert got == pytest.approx([v - p for v, p in zip(row, prior, strict=True)], abs=1e-4)
    for one, two in zip(model(tuned=False, rank_by="pmi").rank(egs), pmi, strict=True):
        assert one == pytest.approx(two)
    with pytest.raises(UsageError, match="rank_by"):
        m.rank(egs, by="luck")


def test_the_neutral_input_is_the_wording_after_the_columns() -> None:
    assert premise(example("x", pieces=(Piece("a "), Piece("b", "text")))) == "Answer:"
    assert premise(example("x", pieces=(Piece("Q: "), Piece("b", "q"), Piece("\n A:"), Piece(" now")))) == "A: now"


def test_only_choices_are_ranked() -> None:
    for eg in (example("x", "y"), example("x", "y", choices=("A",), words=("x",))):
        with pytest.raises(UsageError, match="by write"):
            model().rank([eg])


# -- writing -----------------------------------------------------------------------------------------------------------


def learn(m: Causal, egs: Sequence[Example], steps: int, rate: float = 3e-3) -> list[float]:
    """Train on all examples at once for some steps; return the losses per token."""
    optimizer = torch.optim.AdamW(m.net.parameters(), lr=rate)
    losses = []
    m.module.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = m.loss(m.batch(egs))
        (loss.nats / loss.units).backward()
        optimizer.step()
        losses.append(loss.nats.item() / loss.units)
    return losses


@pytest.fixture(scope="module")
def copier() -> Causal:
    """A model that has learned to say the one letter that it is shown."""
    m = model("llama")
    with torch.no_grad():
        for p in m.net.parameters():
            if p.ndim > 1:
                p.div_(3)
    egs = [example(letter, letter) for letter in "abcdefgh"]
    learn(m, egs, 100, rate=5e-3)
    return m


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_falls(kind: str) -> None:
    losses = learn(model(kind), [example(text, text) for text in texts(8, 1, 3)], 30)
    assert losses[-1] < 0.7 * losses[0], losses


def test_what_was_learned_is_written(copier: Causal) -> None:
    egs = [example(letter, letter) for letter in "abcdefgh"]
    assert copier.write(egs) == list("abcdefgh")
    closed = [example(letter, letter, choices=tuple("abcdefgh")) for letter in "abcdefgh"]
    assert [int(np.argmax(row)) for row in copier.rank(closed)] == list(range(8))
    assert not any(tally.answers_unfinished for tally in copier.tokens.tallies.values())


@pytest.mark.parametrize("kind", KINDS)
def test_writing_equals_generate_row_by_row(kind: str) -> None:
    m, egs = model(kind), some(9)
    ends = sorted(m.tokens.ends)
    how = GenerationConfig(max_new_tokens=16, do_sample=False, eos_token_id=ends, pad_token_id=ends[0],
                           suppress_tokens=[*range(len(m.tokens.tokenizer), 320)] or None)  # fmt: skip
    wanted = []
    m.net.eval()
    for eg in egs:
        source = torch.tensor(m.tokens.encode([eg])[0].source[None].astype(np.int64))
        new = m.net.generate(input_ids=source, attention_mask=torch.ones_like(source), generation_config=how)
        kept = list(itertools.takewhile(lambda i: i not in ends, new[0, source.shape[1] :].tolist()))
        wanted.append(m.tokens.tokenizer.decode(kept).strip())
    assert m.write(egs) == wanted
    assert len(set(wanted)) > 2


def scripted(m: Causal, said: str | list[int]) -> Causal:
    """Make a model say ``said`` after any input, token by token, whatever it was asked."""
    ids = plain(m.tokens.tokenizer, said) if isinstance(said, str) else said
    rows: dict[int, int] = {}

    def forward(ids_BT: torch.Tensor, mask_BS: torch.Tensor, cache: Any, keep: int = 0) -> torch.Tensor:
        row = int(mask_BS.shape[1])
        rows.setdefault(0, row)
        token = ids[min(row - rows[0], len(ids) - 1)]
        cache.update(
            torch.zeros(len(ids_BT), 1, ids_BT.shape[1], 4), torch.zeros(len(ids_BT), 1, ids_BT.shape[1], 4), 0
        )
        return torch.nn.functional.one_hot(torch.full((len(ids_BT), 1), token), 320).float()

    m._forward = forward  # type: ignore[method-assign]
    return m


def known(m: Causal, between: str = "\n\n") -> Causal:
    m.tokens.layouts["toy/free", "plain"] = Layout(between, 0, 5, 2)
    return m


@pytest.mark.parametrize(
    ("said", "between", "values", "answer"),
    [
        (" yes\n\nReview: no", "\n\n", {}, "yes"),
        (" yes\nno\n\nReview: no", "\n\n", {}, "yes\nno"),  # an answer of several lines
        (" yes\nno\n\nReview: no", "\n\n", {"choices": ("yes", "no no no")}, "yes"),
        (" 3.8\nReview: no", "\n\n", {"range": (0.0, 5.0)}, "3.8"),
        (" yes => no\nx", "\n", {}, "yes => no"),
        ("\nyes", "\n", {}, ""),
        (" yes ### no", " ### ", {}, "yes"),
        (" yes no a b", " ", {"choices": ("yes no a b",)}, "yes no a b"),  # a space between shots ends no answer
    ],
)
def test_without_training_an_answer_ends_where_the_next_example_would_begin(
    said: str, between: str, values: dict[str, Any], answer: str
) -> None:
    m = model(tuned=False, max_target=24)
    known(scripted(m, [*plain(m.tokens.tokenizer, said), m.tokens.eos]), between)
    assert m.write([example("x", "y", **values)]) == [answer]


def test_a_trained_answer_ends_by_its_end_alone() -> None:
    said = " yes\n\nno"
    m = model()
    ids = [*plain(m.tokens.tokenizer, said), m.tokens.eos, 40]
    assert known(scripted(m, ids)).write([example("x", "y")]) == ["yes\n\nno"]
    assert known(scripted(model(tuned=False), ids)).write([example("x", "y")]) == ["yes"]
    assert scripted(model(tuned=False), ids).write([example("x", "y")]) == ["yes\n\nno"], "no layout is known"


@pytest.mark.parametrize(("said", "unfinished"), [(" a b c d e f g h" * 9, 1), (" yes\n\n", 0)])
def test_answers_that_had_not_ended_are_counted(said: str, unfinished: int) -> None:
    m = known(scripted(model(tuned=False), said))
    m.write([example("x", "y")])
    assert m.tokens.tallies["toy/free"].answers_unfinished == unfinished


def test_any_control_token_ends_an_answer() -> None:
    m = model("qwen2")
    control = m.tokens.tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|endoftext|>", "<|im_end|>"])
    assert sorted(m.tokens.ends) == sorted(control)
    for token in control:
        said = [*plain(m.tokens.tokenizer, " yes"), token, 60, 61]
        assert scripted(model("qwen2"), said).write([example("x", "y")]) == ["yes"]


def test_ids_without_a_token_are_never_written() -> None:
    m = model("llama")
    with torch.no_grad():
        m.net.lm_head.weight[315:] *= 100
    rows: list[list[int]] = []
    m._answer = lambda row, stops: rows.append(row) or ""  # type: ignore[method-assign]
    m.write(some(4))
    assert max(max(row) for row in rows) < len(m.tokens.tokenizer) < 320


def test_limits_are_those_of_the_answers() -> None:
    m = model()
    longest = len(m.tokens.ids(["a b c d e"], target=True)[0])
    assert m.answer_limit(example("x", choices=CHOICES)) == longest + 4
    assert m.answer_limit(example("x", range=(0.0, 5.0))) == 12
    assert m.answer_limit(example("x")) == m.answer_limit(example("x", choices=("A",), words=("x",))) == 16


# -- the protocol, files -----------------------------------------------------------------------------------------------


def test_prepare_learns_layouts_and_that_it_will_be_trained() -> None:
    rows = [{"text": "a fine film", "label": 1}]
    m = model(tuned=False)
    m.prepare({"toy/mood": Examples(TASK, rows, split="test")}, training=False)
    assert m.tokens.layouts == {("toy/mood", "gpt"): Layout("\n\n", 2, 6, 3)} and not m.tuned
    assert m.stops(shown(0)) == ("\n\n", "\n")
    m.prepare({}, training=True)
    assert m.tuned and m.stops(shown(0)) == () and m.scales() == {}


def write_model(folder: Path, kind: str, **how: Any) -> Path:
    build(kind, **how).save_pretrained(folder)
    tokenizer(kind).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2"])
@pytest.mark.parametrize("tuned", [False, True])
def test_what_is_saved_opens_without_t2t_and_says_the_same(kind: str, tuned: bool, tmp_path: Path) -> None:
    m = model(kind, tuned=tuned)
    learn(m, some(6), 2)
    m.save(tmp_path)
    again = causal.load(str(tmp_path), json.loads((tmp_path / "config.json").read_text()), FP32)
    closed, free = some(5, choices=CHOICES), some(5)
    assert again.rank(closed) == m.rank(closed) and again.write(free) == m.write(free)
    assert (again.tuned, again.fresh, again.origin) == (tuned, False, str(tmp_path))
    assert_same(dict(again.net.named_parameters()), dict(m.net.named_parameters()))
    net, tok = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    ids = tok("say: a b", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        assert torch.equal(net.eval()(input_ids=ids).logits, m.net.eval()(input_ids=ids).logits)
    assert {p.suffix for p in tmp_path.iterdir()} <= {".json", ".safetensors", ".jinja"}


def test_a_folder_without_weights_gives_random_ones_of_the_seed(tmp_path: Path) -> None:
    write_model(tmp_path, "llama")
    (tmp_path / "model.safetensors").unlink()
    one, two, other = (causal.load(str(tmp_path), {}, Options(seed=s, max_input=96, max_target=16)) for s in (1, 1, 2))
    assert one.fresh and "random weights, seed 1" in one.origin
    weights = [dict(m.net.named_parameters()) for m in (one, two, other)]
    assert_same(weights[0], weights[1])
    assert not torch.equal(weights[0]["lm_head.weight"], weights[2]["lm_head.weight"])


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_model(tmp_path, "llama")
    (folder / causal.STATE).write_text("[]")
    with pytest.raises(ModelError, match=causal.STATE):
        causal.load(str(folder), {}, FP32)
    (folder / causal.STATE).unlink()
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="1 missing keys: model.norm.weight"):
        causal.load(str(folder), {}, FP32)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ModelError, match="cannot be loaded"):
        causal.load(str(folder), {}, FP32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"pack": True}, "not packed"), ({"max_input": 150}, "160 positions.*Give --max-input 144 or less")],
)
def test_what_the_network_cannot_do_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model(**settings)


def test_a_recurrent_model_is_refused() -> None:
    config = AutoConfig.for_model("mamba", vocab_size=320, hidden_size=16, num_hidden_layers=1, state_size=4)
    with pytest.raises(UsageError, match="mamba are recurrent"):
        Causal(AutoModelForCausalLM.from_config(config), CausalTokens(tokenizer()), FP32, "test")


def test_a_tokenizer_too_large_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "llama")
    tok = tokenizer("llama")
    tok.add_tokens([f"<more_{i}>" for i in range(40)])
    tok.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="the embedding 320 rows"):
        causal.load(str(tmp_path), {}, FP32)


def write_gguf(path: Path, m: Causal) -> Path:
    """Write a tiny Llama as one GGUF file, some of its matrices rounded to 8 bits."""
    gguf = pytest.importorskip("gguf")
    config, tok = m.net.config, m.tokens.tokenizer
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(config.max_position_embeddings)
    out.add_block_count(config.num_hidden_layers)
    out.add_feed_forward_length(config.intermediate_size)
    out.add_embedding_length(config.hidden_size)
    out.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    out.add_head_count(config.num_attention_heads)
    out.add_head_count_kv(config.num_key_value_heads)
    out.add_layer_norm_rms_eps(config.rms_norm_eps)
    out.add_vocab_size(len(tok))
    made = json.loads(tok.backend_tokenizer.to_str())
    control = {token["content"] for token in made["added_tokens"] if token["special"]}
    pieces = sorted(tok.get_vocab(), key=tok.get_vocab().get)
    out.add_tokenizer_model("gpt2")
    out.add_token_list(pieces)
    out.add_token_types([3 if piece in control else 1 for piece in pieces])
    out.add_token_merges([" ".join(pair) for pair in made["model"]["merges"]])
    out.add_eos_token_id(tok.eos_token_id)
    out.add_bos_token_id(tok.convert_tokens_to_ids("<|im_start|>"))
    out.add_pad_token_id(tok.pad_token_id)
    out.add_chat_template(CHATML)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in m.net.state_dict().items():
        own = names.get_name(name, try_suffixes=(".weight",))
        values = tensor.numpy()
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for part, count in heads.items():
            if part in name:  # llama.cpp keeps the halves of a rotation side by side
                values = values.reshape(count, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)
        if "mlp.up_proj" in name:
            kind = gguf.GGMLQuantizationType.Q8_0
            out.add_tensor(own, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            out.add_tensor(own, np.ascontiguousarray(values))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_gguf_file_is_a_model_and_is_saved_as_an_ordinary_one(named: str, tmp_path: Path) -> None:
    net = build("llama", vocab_size=len(tokenizer("qwen2")), intermediate_size=64)
    first = Causal(net, CausalTokens(tokenizer("qwen2")), FP32, "test")
    path = write_gguf(tmp_path / "tiny.Q8_0.gguf", first)
    m = load(str(path if named == "file" else tmp_path), options=FP32)
    assert isinstance(m, Causal) and not m.fresh and not m.tuned and m.origin == str(path)
    closed = some(4, choices=CHOICES)
    first.tuned = False
    for got, row in zip(m.rank(closed), first.rank(closed), strict=True):
        assert got == pytest.approx(row, abs=0.01), "8 bits are near"
    assert (m.tokens.eos, m.tokens.pad) == (first.tokens.eos, first.tokens.pad)
    assert m.tokens.ends == first.tokens.ends
    fresh = load(str(path), options=Options(precision="fp32", max_input=96, max_target=16, fresh=True))
    assert fresh.fresh and fresh.origin == f"{path} (random weights, seed 42)"
    chat = load(str(path), options=Options(precision="fp32", max_input=96, max_target=16, chat="on"))
    assert chat.tokens.tokenizer.decode(chat.tokens.ids(["so?"])[0]).endswith("<|im_start|>assistant\n")
    m.save(tmp_path / "out")
    again = load(str(tmp_path / "out"), options=FP32)
    assert again.rank(closed) == m.rank(closed) and again.write(some(4)) == m.write(some(4))
    assert "quantization_config" not in json.loads((tmp_path / "out" / "config.json").read_text())


def test_a_gguf_file_is_unpacked_and_no_code_is_fetched_for_it() -> None:
    assert causal._dequantised("x.gguf")["quantization_config"].dequantize is True
    assert causal._dequantised(None) == {}


def test_a_gguf_file_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install gguf"):
        causal.load("/nowhere", {"gguf": "x.gguf"}, FP32)

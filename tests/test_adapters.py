"""Adapters: peft's own outputs and gradients, a base that stays as it is, merged files, virtual tokens, resuming."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from t2t.config import Config
from t2t.errors import ModelError, UsageError
from t2t.models import VIRTUAL, Options, adapters, load
from t2t.optim import settle
from t2t.train import resume, train
from t2t.types import Example
from tests import test_causal, test_encoder, toy
from tests.test_train import Crash, CrashAt
from tests.toy import assert_same

pytestmark = [  # of peft's own calls
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out:UserWarning"),
]
FAMILIES = ("t5", "bert", "gpt2")
LAYERS = {"lora": ("lora_A", "lora_B"), "ia3": ("ia3_l",)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("adapters")
    toy.write_model(top / "t5", dropout=0.0)
    test_encoder.write_model(top / "bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    test_causal.build("gpt2").save_pretrained(top / "gpt2")
    test_causal.tokenizer("gpt2").save_pretrained(top / "gpt2")
    return top


def opened(folder: Path, adapter: str = "lora", **options: Any) -> Any:
    own = {"precision": "fp32", "max_input": 64, "max_target": 16, "adapter": adapter, "adapter_rank": 4,
           "virtual_tokens": 5, **options}  # fmt: skip
    return load(str(folder), options=Options(**own))


def some(model: Any) -> Sequence[Example]:
    """Return examples to a model, which it is made ready for."""
    if model.family == "encoder":
        sets = {"toy/first": test_encoder.examples("toy/first")}
        model.prepare(sets, training=True)
        return sets["toy/first"][:]
    return test_causal.some(6, choices=("a b", "c"))


def grow(net: torch.nn.Module) -> None:
    """Give the weights that are trained other values, so that the adapter says something."""
    torch.manual_seed(3)
    for p in net.parameters():
        if p.requires_grad:
            p.data += 0.3 * torch.randn_like(p)


def steps(model: Any, egs: Sequence[Example], count: int = 2) -> None:
    optimizer = torch.optim.AdamW([p for p in model.net.parameters() if p.requires_grad], lr=0.01)
    for _ in range(count):
        optimizer.zero_grad()
        model.loss(model.batch(egs)).nats.backward()
        optimizer.step()


def bare(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a network's own tensors by the names they have without adapters."""
    own = {
        name.replace(".base_layer", "").replace("embed_tokens.base.", "embed_tokens."): t for name, t in state.items()
    }
    return {
        n.replace("wte.base.", "wte."): t for n, t in own.items() if not ("lora_" in n or "ia3_" in n or "prompt" in n)
    }


# -- LoRA and IA3 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ["lora", "ia3"])
@pytest.mark.parametrize("kind", FAMILIES)
def test_outputs_and_gradients_are_pefts(kind: str, adapter: str, folders: Path) -> None:
    model, plain = opened(folders / kind, adapter), opened(folders / kind, "off")
    egs = some(model)
    some(plain)
    config = peft.LoraConfig(r=4, lora_alpha=8) if adapter == "lora" else peft.IA3Config()
    theirs = peft.get_peft_model(plain.trunk, config)
    grow(model.net)
    own = dict(model.trunk.named_parameters())
    for name, p in theirs.named_parameters():
        if p.requires_grad:
            p.data.copy_(own[name.removeprefix("base_model.model.")])
    assert {n.removeprefix("base_model.model.") for n, p in theirs.named_parameters() if p.requires_grad} == {
        n for n, p in own.items() if p.requires_grad
    }
    if kind == "bert":
        plain.net.heads.load_state_dict(model.net.heads.state_dict())
    losses = [m.loss(m.batch(egs)) for m in (model, plain)]
    assert losses[0].nats.item() == pytest.approx(losses[1].nats.item(), rel=1e-6)
    for loss in losses:
        loss.nats.backward()
    grads = [{n: p.grad for n, p in m.net.named_parameters() if p.grad is not None} for m in (model, plain)]
    assert_same(grads[0], grads[1], tolerance=1e-5)
    named = [name for name in grads[0] if any(part in name for part in LAYERS[adapter])]
    assert named and all("heads." in name for name in set(grads[0]) - set(named)), "and the heads, whole"


@pytest.mark.parametrize("adapter", ["lora", "ia3", "prompt"])
@pytest.mark.parametrize("kind", FAMILIES)
def test_only_the_adapter_learns_and_saving_changes_nothing(
    kind: str, adapter: str, folders: Path, tmp_path: Path
) -> None:
    if (kind, adapter) == ("bert", "prompt"):
        with pytest.raises(UsageError, match="virtual tokens are for models that write"):
            opened(folders / kind, adapter)
        return
    model = opened(folders / kind, adapter)
    egs = some(model)
    before = {name: t.clone() for name, t in model.trunk.state_dict().items()}
    start = model.rank(egs)
    steps(model, egs)
    grow(model.trunk)
    after = model.trunk.state_dict()
    assert_same(bare(after), bare(before))
    assert all(not torch.equal(after[n], before[n]) for n in before if "lora_" in n or "ia3_" in n or ".prompt" in n)
    ranked, written = model.rank(egs), model.write(egs)
    assert not torch.allclose(torch.tensor(ranked), torch.tensor(start), atol=1e-3)
    model.save(tmp_path)
    assert_same(dict(model.trunk.state_dict()), dict(after))
    assert model.rank(egs) == ranked, "bitwise what it was"
    again = opened(tmp_path, "off")
    if kind == "bert":
        again.prepare({"toy/first": test_encoder.examples("toy/first", split="validation")}, training=False)
    assert torch.allclose(torch.tensor(again.rank(egs)), torch.tensor(ranked), atol=1e-5, rtol=1e-5)
    assert again.write(egs) == written
    assert not any("lora_" in n or "ia3_" in n for n, _ in again.net.named_parameters())
    stored = load_file(tmp_path / "model.safetensors").keys()
    assert stored == load_file(folders / kind / "model.safetensors").keys(), "an ordinary model"
    assert (tmp_path / VIRTUAL).is_file() == (adapter == "prompt")


def test_modules_that_peft_does_not_know_get_it_in_every_linear_one_but_the_output(tmp_path: Path) -> None:
    toy.write_model(tmp_path / "umt5", "umt5")
    model = opened(tmp_path / "umt5")
    adapted = {n.partition(".lora_")[0] for n, p in model.net.named_parameters() if p.requires_grad}
    linear = {n for n, m in opened(tmp_path / "umt5", "off").net.named_modules() if isinstance(m, torch.nn.Linear)}
    assert adapted == linear - {"lm_head"}


def test_the_trained_share_and_the_rate_are_said(folders: Path) -> None:
    model = opened(folders / "t5")
    share = (
        100
        * sum(p.numel() for p in model.net.parameters() if p.requires_grad)
        / sum(p.numel() for p in model.net.parameters())
    )
    assert adapters.note(model.net, model.options) == f"LoRA of rank 4: {share:.2g} % of the weights are trained"
    for adapter, lr in (("lora", 5e-4), ("ia3", 3e-3), ("prompt", 3e-2)):
        for family in ("seq2seq", "encoder", "causal"):
            found = settle(Config(task=("a",), adapter=adapter, steps=10), fresh=False, family=family)
            assert (found.optimizer, found.learning_rate) == ("adamw", lr)
    given = settle(Config(task=("a",), adapter="lora", optimizer="adafactor", learning_rate=0.1), fresh=False)
    assert (given.optimizer, given.learning_rate) == ("adafactor", 0.1)


def test_what_does_not_go_together_is_refused(folders: Path, tmp_path: Path) -> None:
    for how in ({"freeze": "embeddings"}, {"unfreeze_every": 2}, {"layer_decay": 0.9}):
        with pytest.raises(UsageError, match="all weights are frozen"):
            opened(folders / "bert", **how)
    with pytest.raises(UsageError, match="not packed"):
        opened(folders / "t5", "prompt", pack=True)
    with pytest.raises(UsageError, match="leave no room"):
        opened(folders / "t5", "prompt", virtual_tokens=63)
    with pytest.raises(UsageError, match="has no adapters"):
        load("baseline:majority", options=Options(adapter="lora"))
    with pytest.raises(UsageError, match="the model's are random"):
        load("t2t-mini", options=Options(adapter="lora", fresh=True))
    with pytest.raises(UsageError, match="has to be trained whole"):
        load(f"warm:{folders / 'bert'}", options=Options(max_input=64, max_target=16, adapter="lora"))
    load(f"warm:{folders / 'bert'}", options=Options(max_input=64, max_target=16, share="all")).save(tmp_path)
    with pytest.raises(UsageError, match="shared weights cannot have an adapter each"):
        opened(tmp_path)


def test_an_adapter_goes_into_both_halves_of_a_warm_started_model(folders: Path, tmp_path: Path) -> None:
    load(f"warm:{folders / 'bert'}", options=Options(max_input=64, max_target=16)).save(tmp_path / "one")
    model = opened(tmp_path / "one")
    names = {n for n, p in model.net.named_parameters() if p.requires_grad}
    assert all("lora_" in n for n in names) and any("crossattention.self.query" in n for n in names)
    egs = test_causal.some(4, choices=("a b", "c"))
    grow(model.net)
    ranked = torch.tensor(model.rank(egs))
    model.save(tmp_path / "two")
    assert torch.allclose(torch.tensor(opened(tmp_path / "two", "off").rank(egs)), ranked, atol=1e-5)


# -- virtual tokens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_virtual_tokens_are_embeddings_before_the_input(kind: str, folders: Path) -> None:
    """Compare with the network given vectors in place of ids (Lester et al. 2021, section 2)."""
    model, egs = opened(folders / kind, "prompt"), test_causal.some(1, choices=("a b", "c"))
    grow(model.net)
    auto = AutoModelForSeq2SeqLM if kind == "t5" else AutoModelForCausalLM
    net = auto.from_pretrained(folders / kind).eval()
    plain = opened(folders / kind, "off").tokens.encode(egs)[0]
    ids, target = torch.tensor(plain.source)[None], torch.tensor(plain.target)[None].long()
    (prompt,) = [p for p in model.net.parameters() if p.requires_grad]
    assert prompt.shape == (5, net.config.hidden_size)
    words = net.get_input_embeddings()
    if kind == "t5":
        given = torch.cat([prompt[None], words(ids)], 1)
        logits = net(inputs_embeds=given, labels=target).logits
    else:
        given = torch.cat([prompt[None], words(ids), words(target)], 1)
        logits = net(inputs_embeds=given).logits[:, -target.shape[1] - 1 : -1]
    nats = torch.nn.functional.cross_entropy(logits[0], target[0], reduction="sum")
    (wanted,) = torch.autograd.grad(nats, prompt)
    loss = model.loss(model.batch(egs)).nats
    loss.backward()
    assert loss.item() == pytest.approx(nats.item(), rel=1e-5)
    assert torch.allclose(prompt.grad, wanted, atol=1e-4 * float(wanted.abs().max()))


def test_virtual_tokens_count_towards_the_limit_and_change_no_text(folders: Path) -> None:
    model, plain = opened(folders / "t5", "prompt", max_input=16), opened(folders / "t5", "off", max_input=11)
    egs = [toy.example("a b c d e f g h " * 5, "a"), toy.example("a b", "b")]
    for ours, theirs in zip(model.tokens.encode(egs), plain.tokens.encode(egs), strict=True):
        assert ours.source[:5].tolist() == list(range(8128, 8133)) and len(ours.source) <= 16
        assert ours.source[5:].tolist() == theirs.source.tolist() and ours.target.tolist() == theirs.target.tolist()


def test_virtual_tokens_are_trained_on_where_they_were_left(folders: Path, tmp_path: Path) -> None:
    model = opened(folders / "t5", "prompt")
    grow(model.net)
    model.save(tmp_path)
    again = opened(tmp_path, "prompt", virtual_tokens=9)
    (prompt,) = [p for p in again.net.parameters() if p.requires_grad]
    assert torch.equal(prompt, model.net.encoder.embed_tokens.prompt) and "its 5 virtual tokens" in again.origin
    assert adapters.note(again.net, again.options).startswith("5 virtual tokens")
    assert opened(tmp_path, "off").tokens.lead and not opened(tmp_path, "off", fresh=True).tokens.lead
    (tmp_path / VIRTUAL).write_bytes(b"no")
    with pytest.raises(ModelError, match=VIRTUAL):
        opened(tmp_path, "off")


# -- files and runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_a_directory_of_pefts_is_merged_into_its_base(kind: str, folders: Path, tmp_path: Path) -> None:
    auto = AutoModelForSeq2SeqLM if kind == "t5" else AutoModelForCausalLM
    theirs = peft.get_peft_model(auto.from_pretrained(folders / kind), peft.LoraConfig(r=4))
    grow(theirs)
    theirs.save_pretrained(tmp_path)
    model, base = opened(tmp_path, "off"), opened(folders / kind, "off")
    merged = theirs.merge_and_unload().state_dict()
    assert_same(dict(model.net.state_dict()), merged, tolerance=1e-6)
    egs = test_causal.some(4, choices=("a b", "c"))
    assert model.family == base.family and model.rank(egs) != base.rank(egs) and str(tmp_path) in model.origin
    assert all(p.requires_grad for p in model.net.parameters())
    weights = tmp_path / "adapter_model.safetensors"
    kept = dict(list(load_file(weights).items())[1:])
    from safetensors.torch import save_file

    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="the adapter cannot be loaded"):
        opened(tmp_path, "off")
    weights.unlink()
    with pytest.raises(ModelError, match=r"no adapter_model\.safetensors"):
        opened(tmp_path, "off")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    with pytest.raises(ModelError, match="adapter_config.json: not readable"):
        opened(tmp_path, "off")


@pytest.mark.parametrize("adapter", ["lora", "prompt"])
def test_a_run_resumes_bitwise_and_reports_what_it_trained(adapter: str, folders: Path, tmp_path: Path) -> None:
    with toy.known(toy.write_tasks(tmp_path / "tasks")):
        how = {"task": ("toy/vowel",), "model": str(folders / "t5"), "steps": 6, "save_every": 2, "adapter": adapter,
               "virtual_tokens": 3, "eval_limit": 2}  # fmt: skip
        report = train(toy.config(tmp_path / "whole", **how))
        with pytest.raises(Crash):
            train(toy.config(tmp_path / "broken", **how), watch=CrashAt(3))
        resume(tmp_path / "broken")
        one, two = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("whole", "broken"))
        assert_same(one, two)
        if adapter == "prompt":
            assert_same(*(load_file(tmp_path / run / "model" / VIRTUAL) for run in ("whole", "broken")))
        else:
            base = load_file(folders / "t5" / "model.safetensors")
            moved = {name for name in base if not torch.equal(base[name], one[name])}
            assert moved and all(name.endswith((".q.weight", ".v.weight")) for name in moved)
        cost = json.loads((tmp_path / "whole" / "report.json").read_text())["cost"]
        assert 0 < cost["trainable_parameters"] < 0.05 * cost["parameters"]
        assert any("% of the weights are trained" in note for note in report.notes)
        again = load(str(tmp_path / "whole"), options=replace(Options(), precision="fp32"))
        assert again.origin.endswith("3 virtual tokens") == (adapter == "prompt")

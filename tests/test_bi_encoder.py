"""Bi-encoders: one contract for every architecture, losses by their formulas, directories of sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cosine_similarity, cross_entropy, normalize
from transformers import AutoModel, AutoTokenizer

from t2t import runs
from t2t.answers import form
from t2t.apply import evaluate_model
from t2t.cli import cli
from t2t.errors import DataError, ModelError, T2TError, UsageError
from t2t.examples import Examples
from t2t.models import Options, find
from t2t.models.bi_encoder import BiEncoder, contrast_loss, load, ranking_loss
from t2t.models.sentences import Sentences, read_sentences
from t2t.models.soft import soft_loss
from t2t.report import pair_table, render
from t2t.train import Watch, dry_run, resume, train
from t2t.types import Example, Piece, Task
from tests.test_encoder import SENTENCES, SHAPES, examples, made, row, trained, write_model
from tests.toy import assert_same, config, known, steps, write_rows

# -- tiny tasks and models ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a tiny model of each architecture."""
    top = tmp_path_factory.mktemp("towers")
    return {kind: write_model(top / kind, kind) for kind in SHAPES}


@pytest.fixture(scope="session")
def bert(folders: dict[str, Path]) -> Path:
    return folders["bert"]


def opened(folder: Path, **options: Any) -> BiEncoder:
    own = {"precision": "fp32", "max_input": 64, "dropout": 0.0, "head_dropout": 0.0, **options}
    return load(str(folder), {}, Options(**own))


def near() -> Task:
    """A task that asks how near two texts are, from 0 to 10."""
    pair = made("toy/pair")
    prompt = replace(pair.prompt, target="{n}", choices=(), format="", hash="near")
    return replace(pair, name="toy/near", answer="number", range=(0, 10), prompts={"plain": prompt})


def pairs(names: tuple[str, ...] = ("unrelated", "same"), prompt: str = "plain") -> Task:
    return made("toy/pair", prompt=prompt, choices=names)


def some(task: Task, *, split: str = "train", n: int = 6) -> Examples:
    texts = [SENTENCES[i % len(SENTENCES)] for i in range(n)]
    return Examples(task, [row(i, text, task.name) for i, text in enumerate(texts)], split=split)


def every(split: str = "train") -> dict[str, Examples]:
    tasks = (pairs(), near(), made("toy/first"))
    return {task.name: some(task, split=split) for task in tasks}


def columns(egs: Sequence[Example]) -> tuple[list[str], list[str]]:
    return [eg.pieces[1].text for eg in egs], [eg.pieces[3].text for eg in egs]


def by_hand(folder: Path, texts: Sequence[str], *, net: Any = None, **how: Any) -> torch.Tensor:
    """Return the mean of the last hidden states of each text (N, H): AutoModel and a mean, one text at a time."""
    net = net or AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, **how)
        takes = {key: inputs[key] for key in ("input_ids", "attention_mask")}
        rows.append(net(**takes).last_hidden_state[0].mean(0))
    return torch.stack(rows)


def lines(texts: Sequence[str]) -> list[Example]:
    return [Example(f"text:input:{i}", "text", "as-is", (Piece(text, "text"),), "") for i, text in enumerate(texts)]


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SHAPES)
def test_every_architecture_keeps_the_contract(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    m, sets = opened(folders[kind]), every()
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
    assert find(str(tmp_path / "saved")).family == "bi_encoder"
    again = opened(tmp_path / "saved")
    again.prepare(every("validation"), training=False)
    assert_same(dict(m.net.state_dict()), dict(again.net.state_dict()))
    for egs in sets.values():
        assert again.write(egs[:]) == m.write(egs[:])
        if egs.task.answer == "choice":
            assert again.rank(egs[:]) == m.rank(egs[:])


@pytest.mark.parametrize("kind", SHAPES)
def test_padding_order_and_company_change_nothing(kind: str, folders: dict[str, Path]) -> None:
    m, sets = opened(folders[kind]), every()
    trained(m, sets, 3)
    long = replace(
        sets["toy/pair"][0],
        uid="long",
        pieces=tuple(
            replace(piece, text="the cat " * 12) if piece.column else piece for piece in sets["toy/pair"][0].pieces
        ),
    )
    for name in ("toy/pair", "toy/first"):
        egs = sets[name][:]
        together, alone = torch.tensor(m.rank(egs)), torch.tensor([m.rank([eg])[0] for eg in egs])
        mixed = torch.tensor(m.rank([*egs[::-1], long])[-2::-1])
        assert torch.allclose(together, alone, atol=1e-5) and torch.allclose(together, mixed, atol=1e-5)
        assert together.std() > 1e-4, "answers must differ"
    numbers = [float(text) for text in m.write(sets["toy/near"][:])]
    one_by_one = [float(m.write([eg])[0]) for eg in sets["toy/near"]]
    assert numbers == pytest.approx(one_by_one, abs=2e-3) and len(set(numbers)) > 2


# -- losses by their formulas ------------------------------------------------------------------------------------------


def compared(m: BiEncoder, net: Any, egs: Sequence[Example], summed: torch.Tensor) -> None:
    """Compare the loss of a batch and the gradients of the body with those of a sum computed by hand."""
    loss = m.loss(m.batch(egs))
    assert loss.units == len(egs)
    assert loss.nats.item() == pytest.approx(summed.item(), rel=1e-4)
    loss.nats.backward()
    summed.backward()
    # The bias of keys changes no attention: its gradient is 0 but for rounding.
    theirs = {name: p.grad for name, p in net.named_parameters() if p.grad is not None and p.grad.abs().max() > 1e-5}
    assert len(theirs) > 10
    assert_same({name: m.net.body.get_parameter(name).grad for name in theirs}, theirs, tolerance=1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "mpnet"])
def test_the_softmax_loss_is_that_of_the_paper(kind: str, folders: dict[str, Path]) -> None:
    """Softmax over W (u, v, |u − v|): Reimers and Gurevych 2019, section 3."""
    m, net = opened(folders[kind]), AutoModel.from_pretrained(folders[kind]).eval()
    sets = {"toy/pair": some(pairs())}
    m.prepare(sets, training=True)
    egs = sets["toy/pair"][:]
    u, v = (by_hand(folders[kind], texts, net=net) for texts in columns(egs))
    out = m.net.heads["toy/pair"].out
    assert out.weight.shape == (2, 48)
    with torch.no_grad():
        out.weight.mul_(20)  # large enough that the body has gradients to compare
    logits = torch.cat([u, v, (u - v).abs()], 1) @ out.weight.detach().T + out.bias.detach()
    gold = torch.tensor([eg.gold for eg in egs])
    assert torch.allclose(torch.tensor(m.rank(egs)), logits.log_softmax(-1), atol=1e-5)
    compared(m, net, egs, cross_entropy(logits, gold, reduction="sum"))


def test_the_cosine_loss_is_that_of_the_paper_and_the_answer_its_scale(bert: Path) -> None:
    m, net = opened(bert), AutoModel.from_pretrained(bert).eval()
    sets = {"toy/near": some(near())}
    m.prepare(sets, training=True)
    egs = sets["toy/near"][:]
    u, v = (by_hand(bert, texts, net=net) for texts in columns(egs))
    cosine = cosine_similarity(u, v)
    assert [float(text) for text in m.write(egs)] == pytest.approx([10 * max(c, 0) for c in cosine.tolist()], abs=6e-4)
    compared(m, net, egs, sum(6 * (c - eg.gold / 10) ** 2 for c, eg in zip(cosine, egs, strict=True)))


def test_the_ranking_loss_counts_the_other_second_texts(bert: Path) -> None:
    m, net = opened(bert, pair_loss="ranking"), AutoModel.from_pretrained(bert).eval()
    sets = {"toy/pair": some(pairs()), "toy/near": some(near())}
    m.prepare(sets, training=True)
    egs = sets["toy/pair"][:]
    u, v = (normalize(by_hand(bert, texts, net=net), dim=-1) for texts in columns(egs))
    expected = sum(
        -torch.log(torch.exp(20 * u[i] @ v[i]) / sum(torch.exp(20 * u[i] @ other) for other in v))
        for i, eg in enumerate(egs) if eg.gold == 1
    )  # fmt: skip
    compared(m, net, egs, expected)
    numbers = sets["toy/near"][:]
    only = [replace(eg, gold=9.0 if i == 2 else 1.0) for i, eg in enumerate(numbers)]
    alone = -torch.log_softmax(20 * u[2] @ v.T, -1)[2]
    assert m.loss(m.batch(only)).nats.item() == pytest.approx(alone.item(), rel=1e-4)


def test_a_ranking_is_answered_by_a_regression_on_the_cosine(bert: Path) -> None:
    m, sets = opened(bert, pair_loss="ranking"), {"toy/pair": some(pairs())}
    losses = trained(m, sets, 15)
    assert losses[-1] < losses[0]
    egs = sets["toy/pair"][:]
    vectors = torch.from_numpy(np.stack(m.embed(egs)))
    cosine = cosine_similarity(vectors[:, 0], vectors[:, 1]).double().numpy()[:, None]
    reference = LogisticRegression(max_iter=1000).fit(cosine, [eg.gold for eg in egs])
    assert torch.allclose(torch.tensor(m.rank(egs)).double(), torch.from_numpy(reference.predict_log_proba(cosine)),
                          atol=1e-5)  # fmt: skip


def test_contrast_is_the_mean_over_pairs_of_one_class_and_of_two() -> None:
    torch.manual_seed(0)
    texts, gold = torch.randn(7, 5), torch.tensor([0, 1, 2, 0, 1, 0, 2])
    errors: dict[bool, list[float]] = {True: [], False: []}
    for i in range(7):
        for j in range(i):
            same = bool(gold[i] == gold[j])
            errors[same].append((cosine_similarity(texts[i], texts[j], dim=0).item() - same) ** 2)
    expected = 7 * (np.mean(errors[True]) + np.mean(errors[False])) / 2
    assert contrast_loss(texts, gold).item() == pytest.approx(expected, rel=1e-5)
    one_class = contrast_loss(texts, torch.zeros(7)).item()
    assert one_class == pytest.approx(7 * np.mean([(cosine_similarity(texts[i], texts[j], dim=0).item() - 1) ** 2
                                                   for i in range(7) for j in range(i)]), rel=1e-5)  # fmt: skip
    alone = contrast_loss(texts[:1].requires_grad_(), gold[:1])
    alone.backward()
    assert alone.item() == 0 and ranking_loss(torch.randn(3, 2, 5), torch.zeros(3).bool()).item() == 0


def test_one_text_is_answered_by_a_regression_on_its_embedding(bert: Path) -> None:
    m, task = opened(bert), made("toy/first", choices=("no", "yes", "never"))
    sets = {"toy/first": some(task, n=12)}
    m.prepare(sets, training=True)
    egs = sets["toy/first"][:]
    before = m.rank(egs)
    trained(m, sets, 10)
    after, vectors = m.rank(egs), np.concatenate(m.embed(egs)).astype(np.float64)
    assert not np.allclose([row[:2] for row in before], [row[:2] for row in after], atol=1e-3), "it is fitted anew"
    reference = LogisticRegression(max_iter=1000).fit(vectors, [eg.gold for eg in egs])
    assert np.allclose([row[:2] for row in after], reference.predict_log_proba(vectors), atol=1e-4)
    assert all(row[2] < -50 for row in after), "a class without a row"


def test_three_classes_are_those_of_the_regression(bert: Path) -> None:
    m, task = opened(bert), made("toy/first", choices=("no", "yes", "never"))
    given = [{**row(i, f"{text} {i}", "toy/first"), "label": i % 3} for i, text in enumerate(SENTENCES * 2)]
    sets = {"toy/first": Examples(task, given, split="train")}
    m.prepare(sets, training=True)
    egs = sets["toy/first"][:]
    vectors = np.concatenate(m.embed(egs)).astype(np.float64)
    reference = LogisticRegression(max_iter=1000).fit(vectors, [eg.gold for eg in egs])
    assert np.allclose(m.rank(egs), reference.predict_log_proba(vectors), atol=1e-4)


def test_of_very_many_rows_some_are_fitted(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2t.models.bi_encoder.MOST_FITTED", 5)
    m, sets = opened(bert), {"toy/first": some(made("toy/first"), n=12)}
    m.prepare(sets, training=True)
    assert [eg.uid.rpartition(":")[2] for eg in m._rows["toy/first"]] == ["0", "3", "6", "9"]


def test_a_frozen_body_is_probed_at_once(bert: Path) -> None:
    m, sets = opened(bert, freeze="body"), {"toy/first": some(made("toy/first"))}
    m.prepare(sets, training=True)
    assert m.fits
    before = {name: p.clone() for name, p in m.net.body.named_parameters()}
    m.sizes(sets["toy/first"][:])
    m.fit(sets)
    assert_same(before, dict(m.net.body.named_parameters()))
    assert m.net.heads["toy/first"].weight_CF.abs().sum() > 0
    free = opened(bert)
    free.prepare(sets, training=True)
    assert not free.fits and np.allclose(free.rank(sets["toy/first"][:]), m.rank(sets["toy/first"][:]), atol=1e-5)
    both = opened(bert, freeze="body")
    both.prepare(every(), training=True)
    assert not both.fits, "the softmax learns by steps"
    with pytest.raises(UsageError, match="nothing is left to learn"):
        opened(bert, freeze="body").prepare({"toy/near": some(near())}, training=True)


def test_a_teacher_is_learned_from_by_the_softmax_alone(bert: Path) -> None:
    m, sets = opened(bert, soft_temperature=3.0), every()
    m.prepare(sets, training=True)
    egs = [replace(eg, taught=(1.0, -2.0), gold=None) for eg in sets["toy/pair"]]
    nats = torch.tensor(m.rank(egs))
    expected = soft_loss(nats, torch.tensor([[1.0, -2.0]] * len(egs)), temperature=3.0)
    assert m.loss(m.batch(egs)).nats.item() == pytest.approx(expected.item(), rel=1e-4)

    class Taught(Examples):
        def _example(self, place: int, layout: Any) -> Example:
            return replace(super()._example(place, layout), taught=(0.0, 1.0))

    with pytest.raises(UsageError, match="only a softmax over two texts"):
        opened(bert).prepare({"toy/first": Taught(made("toy/first"), some(made("toy/first")).rows, split="train")},
                             training=True)  # fmt: skip


# -- directories of sentence-transformers ------------------------------------------------------------------------------


def directory(folder: Path, bert: Path, *, pooling: Mapping[str, Any], normalize: bool = True, **more: Any) -> Path:
    """Write a directory of sentence-transformers around a tiny model."""
    for path in bert.iterdir():
        (folder / path.name).parent.mkdir(exist_ok=True, parents=True)
        (folder / path.name).write_bytes(path.read_bytes())
    kinds = more.get("kinds") or ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
    modules = [{"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "",
                "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)]  # fmt: skip
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 7, **more.get("length", {})}))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(more.get("prompts", {})))
    return folder


OLD = {"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
NEW = {"embedding_dimension": 16, "pooling_mode": "mean", "include_prompt": True}
TEXTS = [*SENTENCES, "", "the cat sat in paris and it rained"]


@pytest.mark.parametrize("pooling", [OLD, NEW])
def test_embeddings_are_those_of_the_directory(pooling: Mapping[str, Any], bert: Path, tmp_path: Path) -> None:
    folder = directory(tmp_path / "st", bert, pooling=pooling)
    assert find(str(folder)).family == "encoder", "the family is asked for, unless we saved it"
    m = opened(folder)
    vectors = torch.from_numpy(np.concatenate(m.embed(lines(TEXTS))))
    expected = normalize(by_hand(folder, TEXTS, max_length=7), dim=-1)
    assert vectors.dtype == torch.float32 and torch.allclose(vectors, expected, atol=1e-5)
    assert m.tokens.tallies["text"].inputs_cut == 1 and "texts of at most 7 tokens" in m.origin
    assert opened(folder, max_input=5).tokens.max_input == 5
    plain = torch.from_numpy(np.concatenate(opened(bert).embed(lines(TEXTS))))
    assert torch.allclose(plain, by_hand(bert, TEXTS), atol=1e-5), "any encoder: a mean, and no more"


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
def test_what_is_saved_is_laid_out_as_sentence_transformers_has_it(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    m = opened(folders[kind], pooling="cls", max_input=9)
    m.net.normalize, m.said = True, m.said._replace(normalize=True)
    m.save(tmp_path)
    names = ["Transformer", "Pooling", "Normalize"]
    assert json.loads((tmp_path / "modules.json").read_text()) == [
        {"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": f"sentence_transformers.models.{name}"}
        for i, name in enumerate(names)
    ]
    pooling = json.loads((tmp_path / "1_Pooling" / "config.json").read_text())
    true = "pooling_mode_lasttoken" if kind == "xlnet" else "pooling_mode_cls_token"
    assert pooling["word_embedding_dimension"] == 16 and [k for k, v in pooling.items() if v is True] == [true]
    assert json.loads((tmp_path / "sentence_bert_config.json").read_text())["max_seq_length"] == 9
    assert (tmp_path / "2_Normalize").is_dir() and (tmp_path / "config_sentence_transformers.json").is_file()
    again = opened(tmp_path)
    assert again.said._replace(prompts={}) == Sentences("cls", True, 9, {}) and again.net.normalize
    assert np.array_equal(np.stack(m.embed(lines(TEXTS))), np.stack(again.embed(lines(TEXTS))))


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlnet"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_sentence_transformers_opens_what_is_saved(
    kind: str, pooling: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    library = pytest.importorskip("sentence_transformers")
    m = opened(folders[kind], pooling=pooling, max_input=9)
    trained(m, every(), 2)
    m.save(tmp_path)
    theirs = library.SentenceTransformer(str(tmp_path), device="cpu")
    assert theirs.max_seq_length == 9
    ours = np.concatenate(m.embed(lines(TEXTS)))
    assert np.allclose(theirs.encode(TEXTS), ours, atol=1e-5)
    theirs.save(str(tmp_path / "theirs"))
    assert np.allclose(np.concatenate(opened(tmp_path / "theirs").embed(lines(TEXTS))), ours, atol=1e-5)


def test_a_text_that_stands_before_every_text_is_put_there_and_saved(bert: Path, tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "anna met ", "none": ""}, "default_prompt_name": "query"}
    m = opened(directory(tmp_path / "st", bert, pooling=NEW, normalize=False, prompts=prompts))
    expected = by_hand(bert, [f"anna met {text}" for text in SENTENCES], max_length=7)
    assert torch.allclose(torch.from_numpy(np.concatenate(m.embed(lines(SENTENCES)))), expected, atol=1e-5)
    m.save(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "config_sentence_transformers.json").read_text()) == prompts
    whole = replace(lines(["it"])[0], pieces=(Piece("bob and "), Piece("it", "text")))
    assert np.allclose(m.embed([whole])[0], by_hand(bert, ["anna met bob and it"]).detach(), atol=1e-5)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"kinds": ["Transformer", "Pooling", "Dense"]}, "modules Transformer, Pooling, Dense"),
        ({"pooling": {"pooling_mode_weightedmean_tokens": True}}, "pooling weightedmean is not known"),
        ({"pooling": {"pooling_mode": ["mean", "max"]}}, "is not known"),
        ({"pooling": {"pooling_mode": "lasttoken"}}, "pooling lasttoken is not known"),
        ({"pooling": {**NEW, "include_prompt": False}}, "include_prompt"),
        ({"pooling": []}, "not a sentence-transformers directory"),
        ({"length": {"do_lower_case": True}}, "do_lower_case"),
        ({"length": {"max_seq_length": "many"}}, "invalid literal"),
        ({"prompts": ["a"]}, "expected an object"),
    ],
)
def test_what_would_give_other_embeddings_is_refused(how: Any, message: str, bert: Path, tmp_path: Path) -> None:
    folder = directory(tmp_path / "st", bert, **{"pooling": NEW, **how})
    with pytest.raises(ModelError, match=message):
        read_sentences(folder, "bert", 512)


def test_a_directory_that_lacks_its_pooling_is_refused(bert: Path, tmp_path: Path) -> None:
    folder = directory(tmp_path / "st", bert, pooling=NEW)
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(ModelError, match="1_Pooling"):
        opened(folder)


@pytest.mark.parametrize("broken", ['{"format": 2, "heads": {}}', "[]", '{"format": 1, "heads": {"a": {"loss": "x"}}}'])
def test_heads_that_are_not_ours_are_refused(broken: str, bert: Path, tmp_path: Path) -> None:
    m = opened(bert)
    trained(m, every(), 1)
    m.save(tmp_path)
    whole = json.loads((tmp_path / "t2t_pairs.json").read_text())
    assert {task: one["loss"] for task, one in whole["heads"].items()} == {
        "toy/near": "cosine", "toy/pair": "softmax", "toy/first": "contrast"}  # fmt: skip
    (tmp_path / "t2t_pairs.json").write_text(broken)
    with pytest.raises(ModelError, match="not heads that t2t wrote"):
        opened(tmp_path)
    whole["heads"]["toy/pair"]["loss"] = "cosine"
    (tmp_path / "t2t_pairs.json").write_text(json.dumps(whole))
    with pytest.raises(ModelError, match="no head of this kind"):
        opened(tmp_path)


# -- what may be asked -------------------------------------------------------------------------------------------------


def test_a_number_needs_no_training_and_a_choice_does(bert: Path) -> None:
    m, egs = opened(bert), some(near(), split="validation")
    m.prepare({"toy/near": egs}, training=False)
    assert all(0 <= float(text) <= 10 for text in m.write(egs[:]))
    with pytest.raises(UsageError, match="no head for this task"):
        m.prepare({"toy/pair": some(pairs(), split="validation")}, training=False)


TOO_MANY = replace(made("toy/pair").prompt, input="a: {a} b: {b} text: {text}", hash="three")
MIXED = replace(made("toy/pair").prompt, input="does {a} follow from {b}", hash="mixed")


@pytest.mark.parametrize(
    ("egs", "options", "message"),
    [
        (examples("toy/pos"), {}, "not tags"),
        (examples("toy/ner"), {}, "not spans"),
        (examples("toy/pick"), {}, "not choices of each row"),
        (some(replace(pairs(), answer="text")), {}, "not text"),
        (examples("toy/count"), {}, "the number of two texts"),
        (some(replace(pairs(), prompts={"plain": TOO_MANY})), {}, "one text of 3"),
        (some(replace(pairs(), prompts={"plain": MIXED})), {}, "one text of 2"),
        (some(pairs()), {"pair_loss": "cosine"}, "pair_loss cosine is not for a choice"),
        (some(near()), {"pair_loss": "softmax"}, "pair_loss softmax is not for a number"),
        (some(pairs(("left", "right"))), {"pair_loss": "ranking"}, "which of left, right says"),
    ],
)
def test_what_it_cannot_answer_is_refused_before_training(
    egs: Examples, options: dict[str, Any], message: str, bert: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        opened(bert, **options).prepare({egs.task.name: egs}, training=True)


def test_a_loss_that_is_asked_for_is_that_of_what_is_trained_on(bert: Path) -> None:
    m, sets = opened(bert, pair_loss="softmax"), {"toy/pair": some(pairs())}
    m.prepare({**sets, "toy/near": some(near(), split="validation")}, training=True)
    assert all(float(text) <= 10 for text in m.write(some(near(), split="validation")[:]))
    m = opened(bert, pair_loss="ranking")
    m.prepare({"near": some(near(), split="validation"), "toy/near": some(near())}, training=True)
    assert m.net.heads["toy/near"].kind == "ranking"


def test_settings_and_rows_that_make_no_sense_are_refused(bert: Path) -> None:
    with pytest.raises(UsageError, match="pooler"):
        opened(bert, pooling="pooler")
    with pytest.raises(UsageError, match="these have no weights"):
        opened(bert, unfreeze_every=2).prepare({"toy/near": some(near())}, training=True)
    one = Examples(made("toy/first"), [{**row(0, "a dog", "toy/first"), "label": 1}] * 3, split="train")
    with pytest.raises(DataError, match="one class alone"):
        opened(bert).prepare({"toy/first": one}, training=True)


def test_a_head_for_two_texts_takes_no_prompt_of_one(bert: Path) -> None:
    m = opened(bert)
    m.prepare({"toy/pair": some(pairs())}, training=True)
    one = replace(pairs(), prompts={"alone": replace(pairs().prompt, input="{a}", hash="alone")})
    with pytest.raises(UsageError, match="its head takes two texts"):
        m.prepare({"toy/pair": some(one, split="validation")}, training=False)


def test_another_loss_takes_another_head(bert: Path, tmp_path: Path) -> None:
    m = opened(bert)
    m.prepare(every(), training=True)
    m.save(tmp_path)
    assert opened(tmp_path).net.heads and not opened(tmp_path, fresh=True).net.heads
    again = opened(tmp_path, pair_loss="ranking")
    again.prepare(every(), training=True)
    kinds = {name: (type(head).__name__, head.kind) for name, head in again.net.named_heads().items()}
    assert kinds == {"toy/pair": ("Fitted", "ranking"), "toy/near": ("Cosine", "ranking"),
                     "toy/first": ("Fitted", "contrast")}  # fmt: skip


# -- runs, the command line, the report --------------------------------------------------------------------------------


PAIR_TASK = """task: toy/{name}
title: pairs
answer: {answer}
columns: {{a: text, b: text, label: {kind}}}
{extra}
source: {{files: {{train: {name}.train.jsonl, validation: {name}.validation.jsonl}}}}
prompts:
  plain:
    input: 'a: {{a}} b: {{b}}'
    target: '{target}'
{choices}
metrics: [{metric}]
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Any:
    """Tasks over two texts and one, known by name while the test runs: toy/same, toy/near and toy/start."""
    folder = tmp_path / "tasks"
    texts = [f"{a} {b}" for a in ("anna", "bob", "the cat", "a dog") for b in ("sat", "met bob", "is in paris")]
    for split, at in (("train", 0), ("validation", 1)):
        both = [(a, texts[(i + at) % len(texts)], i) for i, a in enumerate(texts)]
        write_rows(folder / "toy" / f"same.{split}.jsonl", [{"a": a, "b": b, "label": i % 2} for a, b, i in both])
        write_rows(folder / "toy" / f"near.{split}.jsonl", [{"a": a, "b": b, "label": i % 6} for a, b, i in both])
        write_rows(folder / "toy" / f"start.{split}.jsonl", [{"a": a, "label": i % 2} for a, _, i in both])
    choices = "    choices: [unrelated, same]"
    same = {"answer": "choice", "kind": "class", "extra": "", "target": "{label|choice}", "choices": choices,
            "metric": "accuracy"}  # fmt: skip
    near_ = {"answer": "number", "kind": "number", "extra": "range: [0, 5]", "target": "{label}", "choices": "",
             "metric": "spearman"}  # fmt: skip
    for name, how in (("same", same), ("near", near_), ("start", same)):
        text = PAIR_TASK.format(name=name, **how)
        if name == "start":
            text = text.replace("a: {a} b: {b}", "{a}").replace(", b: text", "")
        (folder / "toy" / f"{name}.yaml").write_text(text, encoding="utf-8")
    with known(folder):
        yield folder


def settings(bert: Path, folder: Path | None, **more: Any) -> Any:
    own = {"task": ("toy/same", "toy/near", "toy/start"), "model": str(bert), "family": "bi_encoder",
           "batch_tokens": 96, "eval_every": 2, "optimizer": "adamw"}  # fmt: skip
    return config(folder, **{**own, **more})


@pytest.mark.parametrize("pair_loss", ["auto", "ranking"])
def test_a_run_that_is_broken_off_ends_as_one_that_is_not(
    pair_loss: str, bert: Path, tasks: Path, tmp_path: Path
) -> None:
    whole, broken, again = tmp_path / "whole", tmp_path / "broken", tmp_path / "again"
    report = train(settings(bert, whole, pair_loss=pair_loss))
    train(settings(bert, again, pair_loss=pair_loss))

    class Kill(Watch):
        def step(self, run: Any, values: Any) -> None:
            if run.state.step == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings(bert, broken, pair_loss=pair_loss), watch=Kill())
    resume(broken)
    for other in (again, broken):
        assert steps(whole) == steps(other)
        for name in ("model.safetensors", "heads.safetensors"):
            assert (whole / "model" / name).read_bytes() == (other / "model" / name).read_bytes(), name
        files = sorted((whole / "eval").rglob("*.jsonl"))
        assert len(files) == 3
        assert [f.read_bytes() for f in files] == [(other / f.relative_to(whole)).read_bytes() for f in files]
    assert {(row.task, row.by) for row in report.rows} == {
        ("toy/same", "rank"), ("toy/near", "write"), ("toy/start", "rank")}  # fmt: skip
    folder = evaluate_model(str(whole), {"out": str(tmp_path / "scored")}, watch=Watch())
    found = {row["task"]: row["value"] for row in json.loads((folder / "report.json").read_text())["rows"]}
    assert found == {row.task: pytest.approx(row.value) for row in report.rows}


def test_a_linear_probe_is_a_run(bert: Path, tasks: Path, tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    with pytest.raises(UsageError, match="no step to try"):
        dry_run(settings(bert, None, task=("toy/start",), freeze="body"))
    train(settings(bert, folder, task=("toy/start",), freeze="body"))
    body = load_file(folder / "model" / "model.safetensors")
    assert_same({k: torch.from_numpy(v) for k, v in body.items()},
                {k: torch.from_numpy(v) for k, v in load_file(bert / "model.safetensors").items()})  # fmt: skip
    assert np.abs(load_file(folder / "model" / "heads.safetensors")["toy/start.weight_CF"]).sum() > 0


def test_the_report_says_what_scoring_every_pair_takes(bert: Path, tasks: Path, tmp_path: Path) -> None:
    train(settings(bert, tmp_path / "both", family="encoder", task=("toy/same", "toy/start")))
    train(settings(bert, tmp_path / "each"))
    both, each = (runs.read_json(tmp_path / name / "report.json")["pairs"] for name in ("both", "each"))
    (one,) = both
    assert (one["task"], one["reads"], one["rows"]) == ("toy/same", "both at once", 12)
    assert one["per_second"] > 0
    for n in (100, 1000, 10_000):
        assert one["seconds"][str(n)] == pytest.approx(n * (n - 1) / 2 / one["per_second"])
    assert [(cost["task"], cost["reads"]) for cost in each] == [("toy/same", "each alone"), ("toy/near", "each alone")]
    for cost in each:
        assert cost["seconds"]["10000"] > 10_000 / cost["per_second"]
        assert cost["seconds"]["10000"] < one["seconds"]["10000"]
    render(tmp_path / "each")
    report = runs.read_json(tmp_path / "each" / "report.json")
    assert list(pair_table(report)[0])[-3:] == ["n = 100", "n = 1,000", "n = 10,000"]
    for page in ("report.md", "report.html"):
        text = (tmp_path / "each" / page).read_text(encoding="utf-8")
        assert "Scoring every pair of n texts" in text and pair_table(report)[0]["n = 10,000"] in text
    assert report["texts"]["toy/same"]["examples"] == 24, "rows that are timed are not counted"


def test_embeddings_are_written(bert: Path, tasks: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("".join(f"{text}\n" for text in SENTENCES))
    write_rows(tmp_path / "rows.jsonl", [{"a": "anna sat", "b": "bob met anna"}, {"a": "it", "b": "a dog"}])

    def embeddings(*words: str) -> Any:
        ask = ["predict", str(bert), "--embeddings", "--family", "bi_encoder", *words]
        done = CliRunner().invoke(cli, ask)
        if done.exception:
            raise done.exception
        return done.stdout

    wanted = by_hand(bert, SENTENCES).detach().numpy()
    embeddings("--input", str(tmp_path / "lines.txt"), "--out", str(tmp_path / "a.npy"))
    array = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert array.dtype == np.float32 and array.shape == (6, 16) and np.allclose(array, wanted, atol=0.03)
    embeddings("--input", str(tmp_path / "lines.txt"), "--out", str(tmp_path / "a.safetensors"))
    assert np.array_equal(load_file(tmp_path / "a.safetensors")["embeddings"], array)
    printed = [json.loads(line) for line in embeddings("--input", str(tmp_path / "lines.txt")).splitlines()]
    assert [one["uid"] for one in printed][:2] == ["text:input:0", "text:input:1"]
    assert np.allclose([one["embedding"] for one in printed], array)
    embeddings("--task", "toy/same", "--input", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "b.jsonl"))
    rows = [json.loads(line)["embedding"] for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    pair = by_hand(bert, ["anna sat", "bob met anna"]).detach()
    assert np.shape(rows) == (2, 2, 16) and np.allclose(rows[0], pair, atol=0.03)
    with pytest.raises(T2TError, match=r"written as \.npy"):
        embeddings("--input", str(tmp_path / "lines.txt"), "--out", str(tmp_path / "a.bin"))
    done = CliRunner().invoke(cli, ["predict", str(bert), "--embeddings", "--input", str(tmp_path / "lines.txt")])
    assert isinstance(done.exception, UsageError) and "the family encoder has no embeddings" in str(done.exception)

"""Answers without a network: against scikit-learn, against counting by hand, and behind the protocol of a model."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from t2t import models
from t2t.answers import form
from t2t.errors import DataError, ModelError, UsageError
from t2t.examples import Examples
from t2t.models import Options
from t2t.models.baseline import (
    LEARNERS,
    Baseline,
    Constant,
    Frequencies,
    Learned,
    Lookup,
    _columns,
    _fitted,
    terms,
    words,
)
from t2t.tasks import read_task, task
from t2t.types import Task
from tests import task_files

NAMED = task_files.NUMBER | {"task": "own/score"}
COLOURS = ["red", "green", "blue", "grey", "black", "white", "pink", "brown"]


def baseline(name: str, **options: Any) -> Baseline:
    model = models.load(f"baseline:{name}", options=Options(**options))
    assert isinstance(model, Baseline)
    return model


def fitted(name: str, egs: Examples, **options: Any) -> Baseline:
    model = baseline(name, **options)
    model.prepare({egs.task.name: egs}, training=True)
    model.fit({egs.task.name: egs})
    return model


def made(folder: Path, base: dict[str, Any], rows: Sequence[dict[str, Any]], **edits: Any) -> Examples:
    for at, value in edits.items():
        base = task_files.edited(base, at.replace("__", "."), value)
    return Examples(of(folder, base), rows, split="train")


def of(folder: Path, base: dict[str, Any]) -> Task:
    return read_task(task_files.write(folder, base, f"{base['task']}.yaml"))


def moods(folder: Path, n: int = 240, classes: int = 2) -> Examples:
    """A choice by one word among others: the class is the place of the colour."""
    rng = random.Random(0)
    rows = []
    for _ in range(n):
        label = rng.randrange(classes)
        noise = [f"w{rng.randrange(30)}" for _ in range(6)]
        noise[rng.randrange(6)] = COLOURS[label] if rng.random() < 0.9 else rng.choice(COLOURS)
        rows.append({"text": " ".join(noise), "label": label})
    choices = ["sad", "glad", "calm", "wild"][:classes]
    return made(folder, task_files.CHOICE, rows, prompts__plain__choices=choices)


def pairs(folder: Path, n: int = 300) -> Examples:
    """A choice by whether two texts have a word in common."""
    rng = random.Random(1)
    rows = []
    for i in range(n):
        a, b = rng.sample(range(40), 4), rng.sample(range(40, 80), 4)
        if i % 2:
            b[rng.randrange(4)] = a[rng.randrange(4)]
        rows.append({"one": " ".join(f"w{k}" for k in a), "two": " ".join(f"w{k}" for k in b), "label": i % 2})
    columns = {"one": "text", "two": "text", "label": "class"}
    return made(folder, task_files.CHOICE, rows, columns=columns, prompts__plain__input="one: {one} two: {two}")


def numbers(folder: Path, n: int = 200) -> Examples:
    rng = random.Random(2)
    rows = [{"text": " ".join(["good"] * k + ["bad"] * (5 - k)), "label": k} for k in rng.choices(range(6), k=n)]
    return made(folder, task_files.NUMBER, rows)


TAGGED = [
    ("The dog runs", "N N V"), ("the dog ran", "N N V"), ("a cat runs", "N N V"), ("she walked home", "N V N"),
    ("he jumped", "N V"), ("dog walked", "N V"),
]  # fmt: skip


def tagged(folder: Path, spans: bool = False) -> Examples:
    rows = [{"words": text.split(), "tags": tags.split()} for text, tags in TAGGED]
    if spans:
        rows = [
            {"words": ["Ann", "met", "New", "York"], "tags": ["B-PER", "O", "B-LOC", "I-LOC"]},
            {"words": ["York", "met", "Ann"], "tags": ["B-LOC", "O", "B-PER"]},
            {"words": ["old", "York", ",", "New", "York"], "tags": ["O", "I-LOC", "O", "B-LOC", "I-LOC"]},
        ]
    return made(folder, task_files.SPANS if spans else task_files.TAGS, rows)


def texts(folder: Path, outs: Sequence[str] = ("One. Two.", "One. Two.", "Three.")) -> Examples:
    rows = [{"text": "First one. Second one! Third?", "out": out} for out in outs]
    return made(folder, task_files.TEXT, rows)


# -- against scikit-learn ----------------------------------------------------------------------------------------------


def test_the_features_of_one_column_are_scikit_learns(tmp_path: Path) -> None:
    egs = moods(tmp_path)
    head = fitted("tfidf", egs).learned[egs.task.name].head
    rows = [_columns(eg) for eg in egs]
    theirs = TfidfVectorizer(analyzer=terms, sublinear_tf=True, vocabulary=head.terms)
    expected = theirs.fit_transform([row["text"] for row in rows])
    assert abs(head.features(rows) - expected).max() < 1e-12
    assert head.idf == pytest.approx(theirs.idf_, abs=1e-12)


@pytest.mark.parametrize("name", ["tfidf", "vectors"])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_probabilities_are_scikit_learns(tmp_path: Path, name: str, classes: int) -> None:
    egs = moods(tmp_path, classes=classes)
    model = fitted(name, egs)
    head = model.learned[egs.task.name].head
    features = head.features([_columns(eg) for eg in egs])
    theirs = _fitted(features, np.array([eg.gold for eg in egs]), False)
    nats = np.array(model.rank(egs[:]))
    assert np.abs(np.exp(nats) - theirs.predict_proba(features)).max() < 1e-9
    assert np.abs(np.exp(nats).sum(1) - 1).max() < 1e-12
    assert np.mean(nats.argmax(1) == [eg.gold for eg in egs]) > 0.85


@pytest.mark.parametrize("name", ["tfidf", "vectors"])
def test_numbers_are_scikit_learns_within_the_range(tmp_path: Path, name: str) -> None:
    egs = numbers(tmp_path)
    model = fitted(name, egs)
    features = model.learned[egs.task.name].head.features([_columns(eg) for eg in egs])
    theirs = _fitted(features, np.array([eg.gold for eg in egs]), True).predict(features)
    read = [form(egs.task).read(text, eg) for text, eg in zip(model.write(egs[:]), egs, strict=True)]
    assert all(one.answer is not None and not one.repairs for one in read)
    assert np.abs(np.array([one.answer for one in read]) - np.clip(theirs, 0, 5)).max() < 1e-9
    assert np.corrcoef([one.answer for one in read], [eg.gold for eg in egs])[0, 1] > 0.95


def test_a_number_out_of_range_is_brought_into_it(tmp_path: Path) -> None:
    egs = numbers(tmp_path)
    model = baseline("majority")
    for said, text in ((7.3, "5"), (-0.2, "0"), (1e-9, "0.000000001"), (1 / 3, "0.333333333")):
        model.learned = {egs.task.name: Learned(Constant(said))}
        assert model.write(egs[:1]) == [text]


# -- what is learned ---------------------------------------------------------------------------------------------------


def test_words_and_pairs_of_words() -> None:
    assert words("Don't stop—3.5%, ÉTÉ!") == ["don", "t", "stop", "3", "5", "été"]
    assert words("東京Tower") == ["東", "京", "tower"]
    assert terms("a") == ["a"] and terms("") == []


def test_the_majority_ranks_by_class_frequencies(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": label} for label in (0, 0, 0, 1)]
    egs = made(tmp_path, task_files.CHOICE, rows)
    (nats,) = fitted("majority", egs).rank(egs[:1])
    assert nats == pytest.approx([math.log(0.75), math.log(0.25)])
    more = made(tmp_path, task_files.CHOICE, rows, prompts__plain__choices=["sad", "glad", "calm"])
    (nats,) = fitted("majority", more).rank(more[:1])
    assert nats == pytest.approx([math.log(3 / 4.5), math.log(1 / 4.5), math.log(0.5 / 4.5)])
    assert fitted("majority", more).write(more[-1:]) == ["sad"]


def test_a_class_without_examples_is_unlikely_not_impossible(tmp_path: Path) -> None:
    egs = moods(tmp_path, classes=2)
    more = made(tmp_path, task_files.CHOICE, egs.rows, prompts__plain__choices=["sad", "glad", "calm"])
    nats = np.array(fitted("tfidf", more).rank(more[:]))
    assert np.isfinite(nats).all() and np.exp(nats).sum(1) == pytest.approx(np.ones(len(more)))
    assert np.exp(nats[:, 2]).max() < 0.01
    one = made(tmp_path, task_files.CHOICE, [{"text": "a", "label": 1}] * 3)
    assert isinstance(fitted("tfidf", one).learned["own/mood"].head, Frequencies)


@pytest.mark.parametrize("name", ["tfidf", "vectors"])
@pytest.mark.parametrize("base", [task_files.CHOICE, task_files.NUMBER])
def test_texts_without_words_are_answered_by_frequency(tmp_path: Path, name: str, base: dict[str, Any]) -> None:
    egs = made(tmp_path, base, [{"text": text, "label": i % 2} for i, text in enumerate(["!!!", "?", "…"])])
    assert fitted(name, egs).write(egs[:]) == fitted("majority", egs).write(egs[:])


@pytest.mark.parametrize("name", ["tfidf", "vectors"])
def test_two_columns_are_kept_apart_and_compared(tmp_path: Path, name: str) -> None:
    """The class is whether the two have a word in common: no word alone says it."""
    egs = pairs(tmp_path)
    model = fitted(name, egs)
    head = model.learned[egs.task.name].head
    assert head.columns == ["one", "two"]
    right = [int(np.argmax(n)) == eg.gold for n, eg in zip(model.rank(egs[:]), egs, strict=True)]
    assert np.mean(right) > 0.95
    swapped = head.features([{"one": "w1 w2", "two": "w3"}]) != head.features([{"one": "w3", "two": "w1 w2"}])
    assert swapped.sum() > 0


def test_the_wording_of_the_prompt_is_not_read(tmp_path: Path) -> None:
    egs = moods(tmp_path)
    model = fitted("tfidf", egs)
    base = task_files.edited(task_files.CHOICE, "prompts.plain.input", "{text} Is this a glad text? red green")
    other = Examples(of(tmp_path, base), egs.rows, split="train")
    assert model.rank(other[:]) == model.rank(egs[:])


@pytest.mark.parametrize("name", ["tfidf", "vectors", "majority"])
def test_choices_that_differ_from_row_to_row(tmp_path: Path, name: str) -> None:
    rng = random.Random(3)
    rows = []
    for i in range(200):
        both = [rng.choice(COLOURS[:4]), rng.choice(COLOURS[4:])]  # the right one is of the first four
        right = i % 2
        rows.append({"text": "which", "a": both[right], "b": both[1 - right], "label": right})
    columns = {"text": "text", "a": "text", "b": "text", "label": "class"}
    egs = made(tmp_path, task_files.CHOICE, rows, columns=columns, prompts__plain__choices=["{a}", "{b}"])
    model = fitted(name, egs)
    nats = np.array(model.rank(egs[:]))
    assert np.exp(nats).sum(1) == pytest.approx(np.ones(200))
    assert np.mean(nats.argmax(1) == [eg.gold for eg in egs]) == (0.5 if name == "majority" else 1.0)
    assert model.write(egs[:2])[1] == egs[1].choices[int(nats[1].argmax())]


def test_a_word_takes_its_most_frequent_tag_or_that_of_its_ending(tmp_path: Path) -> None:
    egs = tagged(tmp_path)
    model = fitted("tfidf", egs)
    head = model.learned[egs.task.name].head
    assert isinstance(head, Lookup)
    assert (head.tag("dog"), head.tag("DOG"), head.tag("runs")) == ("N", "N", "V")
    assert (head.tag("talked"), head.tag("Zork"), head.tag("x")) == ("V", "N", "N")
    for eg, text in zip(egs, model.write(egs[:]), strict=True):
        reading = form(egs.task).read(text, eg)
        assert reading.answer == eg.gold and not reading.repairs


def test_tags_of_spans_are_always_legal(tmp_path: Path) -> None:
    egs = tagged(tmp_path, spans=True)
    read = [form(egs.task).read(text, eg) for text, eg in zip(fitted("vectors", egs).write(egs[:]), egs, strict=True)]
    assert [one.answer for one in read] == [
        ("B-PER", "O", "B-LOC", "I-LOC"), ("B-LOC", "O", "B-PER"), ("O", "B-LOC", "O", "B-LOC", "I-LOC"),
    ]  # fmt: skip
    assert not any(one.repairs for one in read)
    alike = fitted("majority", egs)
    assert [form(egs.task).read(text, eg).answer for text, eg in zip(alike.write(egs[:]), egs, strict=True)] == [
        ("O",) * len(eg.words) for eg in egs
    ]  # fmt: skip


def test_texts_are_copied_or_the_most_frequent(tmp_path: Path) -> None:
    egs = texts(tmp_path)
    assert fitted("majority", egs).write(egs[:1]) == ["One. Two."]
    assert fitted("lead", egs).write(egs[:1]) == ["First one. Second one!"]
    assert fitted("copy", egs).write(egs[:1]) == ["First one. Second one! Third?"]
    shorter = texts(tmp_path, outs=["One", "One", "One. Two. Three."])
    assert fitted("lead", shorter).learned[egs.task.name].head.sentences == 1


def test_the_longest_column_is_copied(tmp_path: Path) -> None:
    columns = {"head": "text", "body": "text", "out": "text"}
    rows = [{"head": "Short. Here.", "body": "A much longer text. More.", "out": "x"}]
    egs = made(tmp_path, task_files.TEXT, rows, columns=columns, prompts__plain__input="{head} / {body}")
    assert fitted("lead", egs).write(egs[:]) == ["A much longer text."]


# -- vectors from a file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["", "9 2\n"])
def test_vectors_come_from_a_file(tmp_path: Path, first: str) -> None:
    path = tmp_path / f"vectors{len(first)}.txt"
    lines = [f"{colour} {i} {1 - i}" for i, colour in enumerate(COLOURS)]
    path.write_text(first + "\n".join(lines) + "\nnew york 0.5 0.5 \n")
    egs = moods(tmp_path)
    model = fitted("vectors", egs, vectors=str(path))
    head = model.learned[egs.task.name].head
    assert head.terms == [*COLOURS, "new york"] and head.vectors.shape == (9, 2)
    assert head.features([{"text": "red green w1"}]).tolist() == [pytest.approx([math.sqrt(0.5)] * 2)]
    model.fit({"own/other": Examples(of(tmp_path, task_files.CHOICE | {"task": "own/other"}), egs.rows, split="train")})
    model.save(tmp_path / "model")
    assert len(json.loads((tmp_path / "model" / "t2t_heads.json").read_text())["vocabularies"]) == 1
    assert models.load(str(tmp_path / "model")).rank(egs[:9]) == model.rank(egs[:9])


@pytest.mark.parametrize(
    ("text", "said"),
    [("red 1 2\ngreen 1\n", ":2"), ("red 1 x\n", ":1"), ("red 1 nan\n", ":1"), ("", "no vectors"), ("red\n", ":1"),
     ("3 2\n", "no vectors"), ("red 1 2\n\xff\n", "word2vec")],
)  # fmt: skip
def test_a_file_of_other_things_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=said):
        fitted("vectors", moods(tmp_path), vectors=str(path))
    with pytest.raises(DataError, match="cannot be read"):
        fitted("vectors", moods(tmp_path), vectors=str(tmp_path / "none"))


# -- behind the protocol -----------------------------------------------------------------------------------------------

CASES = [(name, kind) for name, kinds in LEARNERS.items() for kind in kinds]


def case(folder: Path, kind: str) -> Examples:
    build = {"choice": pairs, "number": numbers, "tags": tagged, "spans": lambda f: tagged(f, True), "text": texts}
    return build[kind](folder)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_what_is_saved_answers_alike(tmp_path: Path, name: str, kind: str) -> None:
    egs = case(tmp_path, kind)
    model = fitted(name, egs)
    model.save(tmp_path / "model")
    files = {path.name for path in (tmp_path / "model").iterdir()}
    assert files == {"config.json", "t2t_heads.json", "heads.safetensors"}
    back = models.load(str(tmp_path / "model"))
    back.prepare({egs.task.name: egs}, training=False)
    assert back.family == "baseline" and back.write(egs[:]) == model.write(egs[:])
    if kind == "choice":
        assert back.rank(egs[:]) == model.rank(egs[:])
    sizes = [sum(p.numel() for p in one.net.parameters()) for one in (model, back)]
    assert sizes[0] == sizes[1] and bool(sizes[0]) == (kind == "choice" or (kind == "number" and name != "majority"))
    assert not any(p.requires_grad for p in model.net.parameters())


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_answers_can_be_read_and_do_not_depend_on_the_others(tmp_path: Path, name: str, kind: str) -> None:
    egs = case(tmp_path, kind)
    model = fitted(name, egs)
    together, order = model.write(egs[:]), random.Random(0).sample(range(len(egs)), len(egs))
    assert [model.write([egs[i]])[0] for i in order[:5]] == [together[i] for i in order[:5]]
    assert model.write([egs[i] for i in order]) == [together[i] for i in order]
    read = [form(egs.task).read(text, eg) for text, eg in zip(together, egs, strict=True)]
    assert all(one.answer is not None and not one.repairs for one in read)
    assert model.write([]) == [] and model.rank([]) == []
    assert fitted(name, egs).write(egs[:]) == together


def test_several_tasks_have_heads_of_their_own(tmp_path: Path) -> None:
    one, two = (
        moods(tmp_path / "a"),
        Examples(of(tmp_path / "b", NAMED), numbers(tmp_path).rows, split="x"),
    )
    model = baseline("tfidf")
    model.fit({"own/mood": one, "own/score": two})
    mixed = [one[0], two[0], one[1]]
    assert model.write(mixed) == [*fitted("tfidf", one).write([one[0]]), *fitted("tfidf", two).write([two[0]]),
                                  *fitted("tfidf", one).write([one[1]])]  # fmt: skip
    assert model.tokens.tallies["own/mood"].examples == len(one) + 2
    with pytest.raises(UsageError, match="own/score: only tasks with choices"):
        model.rank(mixed)


def test_a_task_under_the_same_prompt_takes_the_same_head(tmp_path: Path) -> None:
    egs = moods(tmp_path)
    model = fitted("tfidf", egs)
    twin = Examples(of(tmp_path / "b", task_files.CHOICE | {"task": "own/twin"}), egs.rows, split="x")
    model.prepare({"own/twin": twin}, training=False)
    assert model.rank(twin[:]) == model.rank(egs[:])
    base = task_files.edited(task_files.CHOICE | {"task": "own/other"}, "prompts.plain.input", "other: {text}")
    other = Examples(of(tmp_path / "c", base), egs.rows, split="x")
    with pytest.raises(UsageError, match="own/other: baseline:tfidf has no head for this task"):
        model.prepare({"own/other": other}, training=False)


def test_choices_of_another_prompt_are_matched(tmp_path: Path) -> None:
    egs = moods(tmp_path)
    model = fitted("tfidf", egs)

    def under(*choices: str) -> Examples:
        base = task_files.edited(task_files.CHOICE, "prompts.plain.choices", list(choices))
        return Examples(of(tmp_path, base), egs.rows, split="x")

    nats = model.rank(egs[:3])
    assert model.rank(under("glad", "sad")[:3]) == [n[::-1] for n in nats]  # by their texts
    assert model.rank(under("bad", "good")[:3]) == nats  # by their places
    with pytest.raises(UsageError, match="3 choices, 2 were learned"):
        model.rank(under("a", "b", "c")[:1])


def test_what_a_baseline_cannot_do_is_said_before_anything_is_learned(tmp_path: Path) -> None:
    egs = texts(tmp_path)
    with pytest.raises(UsageError, match=r"cannot answer a text task\. These can: baseline:majority, baseline:lead"):
        baseline("tfidf").prepare({"own/mood": egs}, training=True)
    mood = moods(tmp_path)
    with pytest.raises(UsageError, match="choice task"):
        baseline("lead").prepare({"own/mood": mood}, training=True)
    shown = Examples(mood.task, mood.rows, split="train", demos=mood, shots=2)
    with pytest.raises(UsageError, match="reads no examples before its input"):
        baseline("tfidf").prepare({"own/mood": shown}, training=True)
    with pytest.raises(UsageError, match='no baseline "tfid".*Did you mean "tfidf"'):
        baseline("tfid")
    with pytest.raises(UsageError, match="uses no word vectors"):
        baseline("tfidf", vectors="x.txt")


def test_a_referent_is_a_text(tmp_path: Path) -> None:
    wsc: Task = task("superglue/wsc")
    row = {"text": "Mia rang Zoe because she was late.", "span1_text": "Mia", "span2_text": "she", "span2_index": 4,
           "label": 1}  # fmt: skip
    egs = Examples(wsc, [row], split="validation")
    with pytest.raises(UsageError, match="text task"):
        baseline("tfidf").prepare({wsc.name: egs}, training=True)
    assert fitted("majority", egs).write(egs[:]) == ["Mia"]


@pytest.mark.parametrize("damage", ["json", "cut", "lost", "head", "short"])
def test_damaged_files_are_one_error(tmp_path: Path, damage: str) -> None:
    fitted("tfidf", moods(tmp_path)).save(tmp_path / "model")
    heads, weights = tmp_path / "model" / "t2t_heads.json", tmp_path / "model" / "heads.safetensors"
    said = json.loads(heads.read_text())
    if damage == "json":
        heads.write_text("{")
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-9])
    elif damage == "lost":
        heads.unlink()
    elif damage == "head":
        said["heads"]["own/mood"]["head"] = "Nothing"
        heads.write_text(json.dumps(said))
    else:
        said["vocabularies"][0].pop()
        heads.write_text(json.dumps(said))
    with pytest.raises(ModelError, match="not a baseline that t2t wrote"):
        models.load(str(tmp_path / "model"))


def test_it_does_not_learn_by_steps(tmp_path: Path) -> None:
    egs = moods(tmp_path)
    model = baseline("tfidf")
    assert (model.fits, model.generates, model.fresh) == (True, False, False)
    assert model.sizes(egs[:1]) == [(7, 1)] and model.answer_limit(egs[0]) is None
    assert model.scales() == {} and list(model.net.parameters()) == []
    assert model.tokens.audit("own/mood", egs.prompts[0]) == [] and model.tokens.tokenizer is None
    with pytest.raises(NotImplementedError):
        model.batch(egs[:1])

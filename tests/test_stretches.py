"""Stretches of corpora: what is drawn of them, what is held out, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t2t import sets
from t2t.config import Config
from t2t.errors import DataError, UsageError
from t2t.objectives import OBJECTIVES
from t2t.stretches import HELD, Stretches, cut, spaced, vocabulary_of
from t2t.tokens import Tokens, load_tokenizer
from t2t.train import Watch
from t2t.types import Example
from tests.test_token_files import write
from tests.toy import MINI


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(load_tokenizer(str(MINI)))


@pytest.fixture
def book(tmp_path: Path) -> str:
    return write(tmp_path / "book.jsonl", [f"This is sentence number {i} of a long book." for i in range(300)])


def found(tokens: Tokens, corpora: list[str], *, alone: bool = False, **settings: Any) -> sets.Sets:
    config = Config(corpus=tuple(corpora), steps=1, **{"max_input": 32, **settings})
    return cut(sets.load(config), tokens, config, alone=alone, watch=Watch())


def only(named: dict[str, Any]) -> Stretches:
    (egs,) = named.values()
    assert isinstance(egs, Stretches)
    return egs


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_makes_inputs_within_the_limit_that_restore_the_text(
    tokens: Tokens, book: str, name: str
) -> None:
    egs = only(found(tokens, [book], objective=name).train)
    made = egs.encode(egs[:40])
    assert all(len(one.source) <= 32 for one in made)
    ids = egs.file.ids.astype(int)
    for eg, one in zip(egs[:40], made, strict=True):
        place = int(eg.uid.rpartition(":")[2])
        if name != "drop":  # positions are lost
            text = egs.how.restore(one.source, one.target, egs.vocabulary)
            assert list(text) == ids[place * egs.raw : (place + 1) * egs.raw].tolist()


def test_span_corruption_has_the_lengths_that_were_planned(tokens: Tokens, book: str) -> None:
    egs = only(found(tokens, [book], max_input=64).train)
    assert (egs.raw, egs.lengths) == (70, (64, 14))
    assert {(len(one.source), len(one.target)) for one in egs.encode(egs[:])} == {(64, 14)}


def test_each_visit_draws_anew_and_the_batch_does_not_matter(tokens: Tokens, book: str) -> None:
    from dataclasses import replace

    egs = only(found(tokens, [book]).train)
    first = egs.encode(egs[:8])
    later = egs.encode([replace(eg, visit=5) for eg in egs[:8]])
    assert any(a.source.tolist() != b.source.tolist() for a, b in zip(first, later, strict=True))
    fresh = only(found(tokens, [book]).train)
    again = [fresh.encode([replace(eg, visit=5)])[0] for eg in reversed(egs[:8])]
    assert [one.source.tolist() for one in reversed(again)] == [one.source.tolist() for one in later]


def test_some_stretches_are_held_out_and_none_is_both(tokens: Tokens, book: str) -> None:
    both = found(tokens, [book])
    train, held = ({eg.uid for eg in only(some)[:]} for some in (both.train, both.held))
    assert held and not train & held
    assert len(train | held) == len(only(both.train).file.ids) // only(both.train).raw


def test_a_corpus_of_its_own_can_be_held_out(tmp_path: Path, tokens: Tokens, book: str) -> None:
    other = write(tmp_path / "other.jsonl", ["Something else altogether, and rather long for a text." * 20])
    both = found(tokens, [book], validation=other)
    assert len(only(both.train)) == len(only(both.train).file.ids) // only(both.train).raw
    assert only(both.held).file.path != only(both.train).file.path


def measured(tokens: Tokens, name: str, **settings: Any) -> Stretches:
    """Return the stretches of a corpus that a model is measured on."""
    config = Config(corpus=(name,), **{"max_input": 32, **settings})
    some = sets.Sets(sets.chosen_mix(config), corpora=sets.own_tasks(config))
    return only(spaced(some, tokens, config, alone=False, watch=Watch()).held)


def test_evenly_spaced_stretches_of_all_are_measured(tokens: Tokens, book: str) -> None:
    every, some = measured(tokens, book), measured(tokens, book, eval_limit=4)
    count = len(every.file.ids) // every.raw
    assert 20 < count < HELD and len(every) == count
    places = [int(eg.uid.rpartition(":")[2]) for eg in some[:]]
    assert places == [(2 * i + 1) * count // 8 for i in range(4)]
    asked = every.encode([every[place] for place in places])
    for one, same in zip(some.encode(some[:]), asked, strict=True):
        assert one.source.tolist() == same.source.tolist() and one.target.tolist() == same.target.tolist()


def test_of_a_data_set_those_of_the_split_are_measured(tokens: Tokens) -> None:
    where = {"source": "sample", "eval_limit": 2}
    one, two = (measured(tokens, "corpora/wiki_en", split=split, **where) for split in ("validation", "train"))
    assert one.file.text != two.file.text and (one.split, two.split) == ("validation", "train")


def test_the_signature_tells_what_was_asked(tmp_path: Path, tokens: Tokens, book: str) -> None:
    said = measured(tokens, book).signature
    assert "|split:all|" in said and "|objective:span_corruption|density:0.15|span:3.0|stretch:34|" in said
    assert f"|tokenizer:{tokens.digest[:12]}|" in said and measured(tokens, book).signature == said
    other = write(tmp_path / "book2.jsonl", ["Something else altogether."] * 200)
    for changed in ({"seed": 0}, {"max_input": 40}, {"objective": "lm"}, {"noise_density": 0.3}, {"eval_limit": 3}):
        assert measured(tokens, book, **changed).signature != said
    fields = dict(field.split(":", 1) for field in measured(tokens, other).signature.split("|"))
    assert fields["data"] not in said


def test_rates_stand_behind_corpora_and_tasks_join_them(tmp_path: Path, tokens: Tokens, book: str) -> None:
    other = write(tmp_path / "other.jsonl", ["word " * 3000])
    config = Config(corpus=(f"{book}=3", other), task=("glue/rte",), source="sample", steps=1)
    chosen = sets.chosen_mix(config)
    assert chosen.policy == "explicit"
    assert dict(chosen.entries) == {f"pretraining/text:{book}": 3.0, f"pretraining/text:{other}": 1.0, "glue/rte": 1.0}
    assert sets.chosen_mix(Config(corpus=(book, other), steps=1)).policy == "proportional"


def test_tokens_encode_stretches_among_other_examples(tokens: Tokens, book: str) -> None:
    egs = only(found(tokens, [book]).train)
    own = Tokens(tokens.tokenizer)
    own.stretches = {f"{egs.task.name}:train": egs}
    plain = Example("x:train:0", "x", "p", (), "yes")
    one, two, three = own.encode([egs[1], plain, egs[0]])
    assert one.source.tolist() == egs.encode([egs[1]])[0].source.tolist()
    assert two.target.tolist() == own.ids(["yes"])[0].tolist()
    assert three.target.tolist() == egs.encode([egs[0]])[0].target.tolist()


def test_a_causal_model_learns_the_text_after_an_end_token(tokens: Tokens, book: str) -> None:
    egs = only(found(tokens, [book], alone=True, objective="lm").train)
    (one,) = egs.encode(egs[:1])
    assert one.source.tolist() == [tokens.eos]
    assert one.target.tolist() == egs.file.ids[: egs.raw].tolist()
    with pytest.raises(UsageError, match="objective lm"):
        found(tokens, [book], alone=True)


def test_what_cannot_be(tmp_path: Path, tokens: Tokens, book: str) -> None:
    short = write(tmp_path / "short.jsonl", ["too short"])
    with pytest.raises(DataError, match=r"short.jsonl: the corpus has \d+ tokens, a stretch \d+"):
        found(tokens, [short])
    with pytest.raises(UsageError, match="span_corruption"):
        found(tokens, [book], objective="span_corruptoin")
    with pytest.raises(UsageError):
        found(tokens, [book], objective="deshuffling", mean_span=5.0)


def test_the_vocabulary_knows_sentinels_in_order_and_no_control_token_as_a_word(tokens: Tokens) -> None:
    vocabulary = vocabulary_of(tokens)
    assert vocabulary.sentinels.tolist() == list(range(8099, 7999, -1))
    assert not set(vocabulary.words.tolist()) & set(tokens.tokenizer.all_special_ids)
    assert np.isin(np.arange(300, 400), vocabulary.words).all()


def test_a_corpus_below_the_home_folder_is_never_its_own_validation(
    tmp_path: Path, tokens: Tokens, book: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    both = found(tokens, [f"~/{Path(book).name}"])
    train, held = only(both.train), only(both.held)
    assert not {eg.uid for eg in train} & {eg.uid for eg in held}

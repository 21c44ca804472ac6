"""Which rows are trained on and scored, and what is said about those that are not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from t2t import sets
from t2t.config import Config
from t2t.errors import DataError, UsageError
from t2t.tasks import task


def test_the_sample_is_loud_and_the_splits_that_are_not_there_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sets.load(Config(mix="glue", source="sample", steps=1))
    assert found.source == "sample"
    assert found.notes[0].startswith("SAMPLE DATA")
    assert set(found.score) == {*found.train, "glue/mnli_mismatched"}
    assert [note for note in found.notes if note.startswith("glue/ax is not scored")]


def test_a_nested_mix_is_scored_on_what_its_parts_are() -> None:
    found = sets.load(Config(mix="glue-with-wnli", source="sample", steps=1))
    assert {"glue/wnli", "glue/mnli_mismatched"} <= set(found.score)


def test_a_bare_file_is_trained_on_and_not_scored(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"sentence": "A film.", "label": 1}\n')
    config = Config(task=("glue/sst2",), source=str(tmp_path / "rows.jsonl"), steps=1)
    found = sets.load(config)
    assert (len(found.train["glue/sst2"]), found.score) == (1, {})
    assert found.source == "file" and "not scored" in found.notes[-1]
    assert len(sets.load(config, training=False).score["glue/sst2"]) == 1


def test_a_split_of_a_users_own_is_scored_whatever_the_task_calls_its_own(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"sentence": "A film.", "label": 1}\n')
    config = Config(task=("glue/sst2",), source=f"dev={tmp_path / 'rows.jsonl'}", split="dev")
    assert len(sets.load(config, training=False).score["glue/sst2"]) == 1
    with pytest.raises(UsageError, match="it has no test split, only dev"):
        sets.load(replace(config, split="test"), training=False)


def test_a_note_names_a_task_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (note,) = [
        note
        for note in sets.load(Config(task=("glue/rte",), source="sample", split="test")).notes
        if "not scored" in note
    ]
    assert note.startswith('glue/rte is not scored: the bundled sample has no split "test"')


def test_a_limit_takes_a_seeded_sample_and_keeps_the_rows_numbers() -> None:
    def uids(seed: int) -> list[str]:
        return [eg.uid for eg in sets.examples(task("glue/rte"), "validation", "sample", limit=5, seed=seed)]

    assert uids(1) == uids(1) != uids(2)
    numbers = [int(uid.rsplit(":", 1)[1]) for uid in uids(1)]
    assert numbers == sorted(numbers) and len(set(numbers)) == 5


def test_the_rows_scored_are_the_same_under_every_seed() -> None:
    config = Config(task=("glue/rte",), source="sample", steps=1, eval_limit=5, train_limit=5)
    one, two = (sets.load(replace(config, seed=seed)) for seed in (1, 2))
    assert [eg.uid for eg in one.score["glue/rte"]] == [eg.uid for eg in two.score["glue/rte"]]
    assert len(one.score["glue/rte"]) == 5
    assert [eg.uid for eg in one.train["glue/rte"]] != [eg.uid for eg in two.train["glue/rte"]]


def test_shots_are_of_the_rows_that_are_trained_on() -> None:
    config = Config(task=("glue/rte",), source="sample", steps=1, shots=2, train_limit=6, seed=3)
    found = sets.load(config)
    trained = {eg.uid for eg in found.train["glue/rte"]}
    for egs in (found.train["glue/rte"], found.score["glue/rte"]):
        assert egs.demos is not None and {eg.uid for eg in egs.demos} == trained and len(trained) == 6
    whole = sets.load(replace(config, train_limit=None)).score["glue/rte"]
    assert whole.demos is not None and len(whole.demos) > 6


def test_a_corpus_is_named_once() -> None:
    with pytest.raises(UsageError, match="a corpus is named twice"):
        sets.chosen_mix(Config(corpus=("a.txt=0.5", "a.txt=0.9")))


def test_classes_in_another_order_than_the_choices_are_refused(tmp_path: Path) -> None:
    table = pa.table({"sentence": ["A."], "label": [0]})
    features = {"label": {"names": ["positive", "negative"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="positive, negative"):
        sets.examples(task("glue/sst2"), "train", str(tmp_path / "rows.parquet"))


def test_the_policy_of_a_configuration_wins() -> None:
    assert sets.chosen_mix(Config(mix="glue", rates="equal")).policy == "equal"
    assert sets.chosen_mix(Config(mix="glue", temperature=2.0)).temperature == 2
    with pytest.raises(UsageError, match="no meaning for equal rates"):
        sets.chosen_mix(Config(mix="glue", rates="equal", cap=10))


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(UsageError, match="none of the tasks has a split"):
        sets.load(Config(task=("glue/ax",), source="sample"), training=False)

"""Looking at data before training."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t2t import cli, overlap
from t2t.check import check_data, leaks
from t2t.errors import DataError
from t2t.overlap import Index, Overlap, Stretch, keys, near
from t2t.tasks import task
from t2t.tokens import Encoded, Tokens
from t2t.train import Watch, train
from t2t.types import Example
from tests.task_files import CHOICE, NUMBER, make, write
from tests.toy import config, forget

HOW = {"source": "sample", "model": "t2t-mini", "max_input": 24, "max_target": 16, "watch": Watch()}


def test_every_split_is_read_and_what_is_cut_is_counted() -> None:
    lines = {line["split"]: line for line in check_data([task("glue/mrpc")], **HOW)}
    assert (lines["train"]["examples"], lines["validation"]["examples"]) == (480, 120)
    assert lines["train"]["inputs_cut"] > 0 and lines["train"]["longest_input"] == 24
    assert lines["train"]["said"].startswith("SAMPLE DATA")
    assert lines["test"]["examples"] == 0 and "no split" in lines["test"]["said"]


def test_hidden_labels_of_a_test_split_are_no_fault() -> None:
    (line,) = check_data([task("glue/ax")], **HOW)
    assert line["examples"] == 120


def test_a_label_that_is_none_is_named(tmp_path: Path) -> None:
    rows = [{"sentence": "A.", "label": 0}, {"sentence": "B.", "label": 2}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"rows\.jsonl:2 field"):
        check_data([task("glue/sst2")], **{**HOW, "source": f"train={tmp_path / 'rows.jsonl'}"})


@pytest.mark.parametrize(("given", "split"), [("{}", "train"), ("dev={}", "dev")])
def test_a_users_own_file_is_read_once_whatever_splits_the_task_has(given: str, split: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"sentence": f"Film {i}.", "label": i % 2}) + "\n" for i in range(4)))
    (line,) = check_data([task("glue/sst2")], **{**HOW, "source": given.format(path)})
    assert (line["split"], line["examples"], line["overlaps"]) == (split, 4, [])


def test_no_more_than_a_stretch_of_rows_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    class Counted(Tokens):
        def encode(self, egs: Sequence[Example], **how: Any) -> list[Encoded]:
            found = super().encode(egs, **how)
            kept.append(len(self._memo))
            return found

    monkeypatch.setattr("t2t.check.Tokens", Counted)
    monkeypatch.setattr("t2t.check.STRETCH", 100)
    (line, *_) = check_data([task("glue/mrpc")], **HOW)
    assert line["examples"] == 480 and max(kept) == 100


# -- labels, and rows that stand twice ---------------------------------------------------------------------------------


LONG = "the old harbour master counted {} boats on the {} before the storm came in from the sea"
Check = Callable[..., dict[str, dict[str, Any]]]


def said(*texts: str, label: Any = 0) -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text in texts]


def put(folder: Path, **splits: Sequence[dict[str, Any]]) -> str:
    """Write the rows of each split; return what ``--source`` says of them."""
    for name, rows in splits.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ",".join(f"{name}={folder / name}.jsonl" for name in splits)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check rows of a task whose labels are sad (0) and glad (1); return the line of each split."""

    def run(base: dict[str, Any] = CHOICE, unlabelled: Path | None = None, **splits: Any) -> dict[str, dict[str, Any]]:
        source, asked = put(tmp_path, **splits), make(tmp_path, base)
        how = {**HOW, "source": source, "max_input": 64, "unlabelled": str(unlabelled) if unlabelled else None}
        return {line["split"]: line for line in check_data([asked], **how)}

    return run


def test_labels_are_counted_and_a_class_that_is_missing_is_named(check: Check) -> None:
    train = [*said("a", "b", "c"), *said("d", label=1)]
    lines = check(train=train, validation=said("e", "f", label=1))
    assert lines["train"]["labels"] == {"sad": 3, "glad": 1} and not lines["train"]["warnings"]
    assert lines["validation"]["labels"] == {"sad": 0, "glad": 2}
    assert lines["validation"]["warnings"] == ["every row is glad"]
    three = {**CHOICE, "prompts": {"plain": {**CHOICE["prompts"]["plain"], "choices": ["sad", "so", "glad"]}}}
    assert check(three, train=[*said("a"), *said("b", label=2)])["train"]["warnings"] == ["no row is so"]


def test_numbers_are_summed_up_by_five(check: Check) -> None:
    rows = [{"text": f"row {i}", "label": value} for i, value in enumerate([0.0, 1.0, 2.0, 3.0, 5.0])]
    assert list(check(NUMBER, train=rows)["train"]["labels"].values()) == [0, 1, 2, 3, 5]


def test_hidden_labels_are_no_class_and_contradict_nothing(check: Check) -> None:
    rows = [*said("a", label=-1), *said("a", label=1), *said("b", label=0)]
    line = check(train=said("x"), test=rows)["test"]
    assert line["labels"] == {"sad": 1, "glad": 1}
    assert (line["repeated"], line["contradictory"]) == (1, 0)


def test_rows_that_repeat_and_rows_that_contradict_each_other_are_told_apart(check: Check) -> None:
    line = check(train=[*said("a", "b", "A ", "c", "b"), *said("b", label=1)])["train"]
    assert (line["repeated"], line["contradictory"]) == (3, 3)
    assert line["warnings"][0] == "3 rows repeat the input of another"
    assert line["warnings"][1].endswith("such as own/mood:train:1 and own/mood:train:5")


def test_a_text_with_several_answers_contradicts_nothing(check: Check) -> None:
    base = {**CHOICE, "answer": "text", "columns": {"text": "text", "label": "text"}, "metrics": ["exact"]}
    base["prompts"] = {"plain": {"input": "{text}", "target": "{label}"}}
    line = check(base, train=[*said("a", label="un"), *said("a", label="deux")])["train"]
    assert (line["repeated"], line["contradictory"]) == (1, 0) and "several ways" not in line["said"]


# -- rows in two sets --------------------------------------------------------------------------------------------------


def overlaps(line: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(found["with"], found["same"], found["near"]) for found in line["overlaps"]]


def test_rows_that_are_scored_are_found_among_those_trained_on(check: Check) -> None:
    lines = check(
        train=said("Ein  Café", LONG.format("ten", "quay"), "none of them"),
        validation=said("ein cafe\u0301", "EIN CAFE\u0301", LONG.format("ten", "quays"), "another"),
        test=said("ein café", "a third", LONG.format("Ten", "quay") + "!"),
    )
    assert overlaps(lines["validation"]) == [("train", 2, 1)]
    assert overlaps(lines["test"]) == [("validation", 1, 1), ("train", 1, 1)]
    assert not lines["train"]["overlaps"]
    pairs = lines["validation"]["overlaps"][0]["pairs"]
    assert pairs == [("own/mood:validation:0", "own/mood:train:0"), ("own/mood:validation:2", "own/mood:train:1")]
    assert leaks(list(lines.values())) == [
        "own/mood validation with train: 3 of 4 rows",
        "own/mood test with validation: 2 of 3 rows",
        "own/mood test with train: 2 of 3 rows",
    ]


def test_rows_without_labels_are_a_pool_that_may_share_rows_with_training(check: Check, tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("Mine", "yours", "theirs")))
    lines = check(train=said("yours"), validation=said("mine", "other"), unlabelled=pool)
    assert overlaps(lines["validation"]) == [("train", 0, 0), ("unlabelled", 1, 0)]
    assert lines["unlabelled"]["examples"] == 3 and not lines["unlabelled"]["labels"]
    assert leaks(list(lines.values())) == ["own/mood validation with unlabelled: 1 of 2 rows"]


def test_rows_are_compared_over_the_stretches_they_are_read_in(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2t.check.STRETCH", 2)
    texts = [f"row number {word}" for word in ("one", "two", "three", "four", "five")]
    lines = check(train=said(*texts), validation=said(*texts[::-1], "new"))
    assert overlaps(lines["validation"]) == [("train", 5, 0)]


def test_one_column_that_differs_makes_another_row(check: Check) -> None:
    pair = {**CHOICE, "columns": {"text": "text", "more": "text", "label": "class"}}
    pair["prompts"] = {"plain": {**CHOICE["prompts"]["plain"], "input": "one: {text} two: {more}"}}
    text = " ".join(LONG.format(i, 100 - i) for i in range(5))
    lines = check(
        pair,
        train=[{"text": text, "more": "It rained on Monday.", "label": 0}, {"text": "a b", "more": "c", "label": 0}],
        validation=[
            {"text": text, "more": "Nobody saw the sea.", "label": 0},
            {"text": "a", "more": "b c", "label": 0},
        ],
    )
    assert overlaps(lines["validation"]) == [("train", 0, 0)]


@pytest.mark.parametrize(
    ("one", "two", "so"),
    [
        ("A fine film!", "a fine, film", True),
        ("no good at all", "so good at all", False),
        ("it was never good", "it was never goods", False),  # short: one letter may matter
        (LONG.format("ten", "quay"), LONG.format("two", "quay"), True),
        (LONG.format("ten", "quay"), LONG.format("seventeen", "other side of the pier"), False),
        ("!!", "?!", False),
        ("", "", True),
    ],
)
def test_near_is_a_share_of_characters_in_a_row(one: str, two: str, so: bool) -> None:
    assert near((one,), (two,)) is so and near((two,), (one,)) is so


def _edited(text: str, rng: random.Random) -> str:
    words = text.split()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(words))
        words[at : at + 1] = rng.choice([[], [rng.choice(words)], [words[at][:1] + rng.choice("xyz") + words[at][1:]]])
    return " ".join(words)


def _drawn(rng: random.Random, count: int) -> list[tuple[str, ...]]:
    letters = "abcdefghiklmnoprstuv"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(2000)]
    return [(" ".join(rng.choices(vocabulary, k=rng.randint(8, 40))),) for _ in range(count)]


def test_what_is_near_is_found_as_by_comparing_every_pair() -> None:
    rng = random.Random(4)
    base = _drawn(rng, 300)
    held = [(_edited(text, rng),) for (text,) in base[:200]] + _drawn(rng, 100)
    truth = sum(any(near(one, two) for two in base) for one in held)
    index = Index(keys(held), overlap._signatures(held), lambda i: (str(i), held[i]))
    found = Overlap(index)
    for start in range(0, 300, 64):
        part = base[start : start + 64]
        found.add(Stretch(part, [str(i) for i in range(start, start + len(part))]))
    assert 100 < truth < 200
    assert 0.98 * truth <= found.same + found.near <= truth


def test_signatures_estimate_the_share_of_common_shingles() -> None:
    rng = random.Random(5)
    base = _drawn(rng, 400)
    other = [(_edited(text, rng),) for (text,) in base]
    estimate = (overlap._signatures(base) == overlap._signatures(other)).mean(1)
    shared = [
        len(a & b) / len(a | b)
        for (one,), (two,) in zip(base, other, strict=True)
        for a, b in [(overlap._shingles(one), overlap._shingles(two))]
    ]
    assert abs(float((estimate - shared).mean())) < 0.01 and np.abs(estimate - shared).max() < 0.2


def test_texts_of_one_template_are_compared_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    compare = overlap.near
    monkeypatch.setattr(overlap, "near", lambda one, two: bool(looks.append(1)) or compare(one, two))
    monkeypatch.setattr(overlap, "_TRIES", 10)
    names = [f"{i:03} {i * 37 % 1000:03} {i * 91 % 1000:03}" for i in range(600)]
    rows = [(LONG.format(name.replace(" ", ""), name[::-1]),) for name in names]
    assert not near(rows[0], rows[301])
    found = Overlap(Index(keys(rows[:300]), overlap._signatures(rows[:300]), lambda i: (str(i), rows[i])))
    looks.clear()
    found.add(Stretch(rows[300:], names[300:]))
    assert 0 < len(looks) <= 300 * 10


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Type ``t2t check`` with a task own/mood; return exit code, stdout and stderr."""
    write(tmp_path, CHOICE)
    monkeypatch.setenv("T2T_TASKS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    forget()

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["t2t", "check", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    yield run
    forget()


def test_a_leak_is_a_warning_or_with_fail_on_leak_an_error(typed: Any, tmp_path: Path) -> None:
    leaky = put(tmp_path, train=[*said("a", "b"), *said("c", label=1)], validation=[*said("B"), *said("d", label=1)])
    line = "rows that are scored stand in another set: own/mood validation with train: 1 of 2 rows"
    code, out, err = typed("own/mood", "--source", leaky)
    assert code == 0 and f"warning: {line}" in err
    assert "with train: 1 the same, 0 near (50.0 %); own/mood:validation:0 in own/mood:train:1" in out
    assert "sad 2 (66.7 %), glad 1 (33.3 %)" in out
    code, out, err = typed("--task", "own/mood", "--source", leaky, "--fail-on-leak", "--json")
    assert code == 3 and line in err and "T2T-D11" in err and len(err.strip().splitlines()) == 1
    (found,) = [row["overlaps"] for row in json.loads(out) if row["split"] == "validation"]
    assert found == [{"with": "train", "same": 1, "near": 0, "pairs": [["own/mood:validation:0", "own/mood:train:1"]]}]


def test_without_a_leak_nothing_fails(typed: Any, tmp_path: Path) -> None:
    sound = put(tmp_path, train=[*said("a"), *said("c", label=1)], validation=[*said("b"), *said("d", label=1)])
    code, out, err = typed("own/mood", "--source", sound, "--fail-on-leak")
    assert code == 0 and "with train: 0 the same, 0 near (0.0 %)" in out and "warning" not in err


def test_a_leak_is_looked_for_in_tasks(typed: Any) -> None:
    code, _, err = typed("--fail-on-leak")
    assert code == 2 and "no task" in err


def test_what_is_printed_fits_into_eighty_columns(typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    rows = [*said(*(LONG.format(i, i) for i in range(30))), *said("c", LONG.format(3, 3), label=1)]
    _, out, _ = typed("own/mood", "--source", put(tmp_path, train=rows, validation=rows))
    out = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "contradictory" in out and max(map(len, out.splitlines())) <= 80


# -- the note of a run -------------------------------------------------------------------------------------------------


def _noted(toys: Path, folder: Path, **settings: Any) -> list[str]:
    """Return what a run says of leaked rows: three of those it scores were trained on."""
    trained, scored = (
        [json.loads(line) for line in (toys / "toy" / f"vowel.{split}.jsonl").read_text().splitlines()]
        for split in ("train", "validation")
    )
    source = put(folder, train=trained, validation=[*scored, *trained[:3]])
    done = train(config(folder / "run", task=("toy/vowel",), source=source, **settings))
    return [note for note in done.notes if note.startswith("rows to score that are training rows")]


def test_a_run_notes_how_many_rows_that_are_scored_were_trained_on(toys: Path, tmp_path: Path) -> None:
    assert _noted(toys, tmp_path, model="baseline:majority") == [
        "rows to score that are training rows too: toy/vowel: 3 of 14"
    ]


def test_a_run_with_shots_cannot_tell(toys: Path, tiny: Path, tmp_path: Path) -> None:
    assert not _noted(toys, tmp_path, model=str(tiny), steps=1, shots=1, max_input=96)

"""The bundled sample: its files, its labels, and that its pairs need both sides.

Worked example: a row copied from train to validation fails ``test_splits_share_no_sentence``; a
changed byte fails ``test_check_passes_on_the_files`` and ``test_datasheets_hold_the_digests``.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

GLUE = Path(__file__).resolve().parents[1] / "data" / "glue"
PAIR = {"train": 480, "validation": 120}
ROWS = {
    "cola": PAIR,
    "sst2": PAIR,
    "mrpc": PAIR,
    "qqp": PAIR,
    "stsb": PAIR,
    "mnli": {"train": 600, "validation_matched": 120, "validation_mismatched": 120},
    "qnli": PAIR,
    "rte": PAIR,
    "wnli": PAIR,
    "ax": {"test": 120},
}
TEXTS = {
    "cola": ["sentence"],
    "sst2": ["sentence"],
    "mrpc": ["sentence1", "sentence2"],
    "qqp": ["question1", "question2"],
    "stsb": ["sentence1", "sentence2"],
    "mnli": ["premise", "hypothesis"],
    "qnli": ["question", "sentence"],
    "rte": ["sentence1", "sentence2"],
    "wnli": ["sentence1", "sentence2"],
    "ax": ["premise", "hypothesis"],
}
# How often each label occurs in validation; wnli counts 1 as entailment, rte counts it as not.
BALANCE = {
    "cola": {0: 36, 1: 84},
    "sst2": {0: 60, 1: 60},
    "mrpc": {0: 40, 1: 80},
    "qqp": {0: 75, 1: 45},
    "mnli": {0: 40, 1: 40, 2: 40},
    "qnli": {0: 60, 1: 60},
    "rte": {0: 60, 1: 60},
    "wnli": {0: 60, 1: 60},
}
CONFIGS = sorted(ROWS)
CLASSIFIED_PAIRS = [name for name in CONFIGS if name in BALANCE and len(TEXTS[name]) == 2]


def read(config: str) -> dict[str, list[dict]]:
    """The rows of every split."""
    return {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in sorted((GLUE / config).glob("*.jsonl"))
    }


@pytest.fixture(scope="module")
def sample() -> dict[str, dict[str, list[dict]]]:
    """All rows, read once."""
    return {config: read(config) for config in CONFIGS}


@pytest.fixture(scope="module")
def tasks():
    """The generator's tasks by name; its modules stand beside the data, not in a package."""
    sys.path.insert(0, str(GLUE))
    try:
        from tasks import TASKS
    finally:
        sys.path.remove(str(GLUE))
    return {task.name: task for task in TASKS}


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


def check(folder: Path) -> subprocess.CompletedProcess:
    """Run the generator's check in plain Python: it must not need any package."""
    command = [sys.executable, "-S", "-B", str(folder / "generate.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True)


def test_check_passes_on_the_files():
    done = check(GLUE)
    assert done.returncode == 0, done.stderr


def test_check_names_a_changed_file(tmp_path):
    copy = tmp_path / "glue"
    shutil.copytree(GLUE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    changed = copy / "rte" / "train.jsonl"
    changed.write_bytes(changed.read_bytes() + b"\n")
    done = check(copy)
    assert done.returncode == 1
    assert done.stderr.strip() == f"differs: {Path('rte') / 'train.jsonl'}"


@pytest.mark.parametrize("config", CONFIGS)
def test_splits_and_row_counts(sample, config):
    assert {split: len(rows) for split, rows in sample[config].items()} == ROWS[config]


@pytest.mark.parametrize("config", CONFIGS)
def test_columns_and_types(sample, config):
    for rows in sample[config].values():
        for index, row in enumerate(rows):
            assert list(row) == [*TEXTS[config], "label", "idx"]
            assert row["idx"] == index
            for name in TEXTS[config]:
                assert row[name].strip() == row[name] != ""
                assert not re.search(r"[{}]|  | ,", row[name]), row[name]


@pytest.mark.parametrize("config", sorted(BALANCE))
def test_label_balance(sample, config):
    for split, rows in sample[config].items():
        factor = len(rows) // 120
        expected = {label: factor * count for label, count in BALANCE[config].items()}
        assert Counter(row["label"] for row in rows) == expected, split


def test_scores_of_stsb(sample):
    for rows in sample["stsb"].values():
        scores = [row["label"] for row in rows]
        assert all(isinstance(score, float) and 0 <= score <= 5 for score in scores)
        assert min(scores) == 0 and max(scores) == 5 and len(set(scores)) > 15


def test_labels_of_ax_are_hidden(sample):
    assert {row["label"] for row in sample["ax"]["test"]} == {-1}


@pytest.mark.parametrize("config", CONFIGS)
def test_no_row_occurs_twice(sample, config):
    for split, rows in sample[config].items():
        keys = Counter(tuple(folded(row[name]) for name in TEXTS[config]) for row in rows)
        assert [key for key, count in keys.items() if count > 1] == [], split


@pytest.mark.parametrize("config", CONFIGS)
def test_splits_share_no_sentence(sample, config):
    owner: dict[str, str] = {}
    for split, rows in sample[config].items():
        for row in rows:
            for name in TEXTS[config]:
                assert owner.setdefault(folded(row[name]), split) == split, row[name]


@pytest.mark.parametrize("config", CONFIGS)
def test_datasheets_hold_the_digests(config):
    text = (GLUE / config / "DATASHEET.md").read_text("utf-8")
    stated = dict(re.findall(r"^\| `(\S+\.jsonl)` .* `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    files = (GLUE / config).glob("*.jsonl")
    assert stated == {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_mismatched_split_has_its_own_topics(tasks):
    import lexicon

    known = {worker for topic in lexicon.TRAINING_TOPICS for worker in topic.workers}
    new = {worker for topic in lexicon.MISMATCHED_TOPICS for worker in topic.workers}
    assert not known & new
    seen = {
        split: {worker for worker in new if any(f"the {worker} " in text for text in texts)}
        for split, texts in ((split, [row["premise"].lower() for row in rows]) for split, rows in read("mnli").items())
    }
    assert seen["train"] == seen["validation_matched"] == set()
    assert len(seen["validation_mismatched"]) > 5


def one_sided(train: list, valid: list, side: int) -> float:
    """Accuracy of a linear model that sees one text of each (texts, label) row."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2))
    model = make_pipeline(words, LogisticRegression(max_iter=1000))
    model.fit([texts[side] for texts, _ in train], [label for _, label in train])
    return model.score([texts[side] for texts, _ in valid], [label for _, label in valid])


def rows_of(config: str, rows: list[dict]) -> list:
    """The rows as (texts, label)."""
    return [(tuple(row[name] for name in TEXTS[config]), row["label"]) for row in rows]


@pytest.mark.parametrize("config", CLASSIFIED_PAIRS)
@pytest.mark.parametrize("side", [0, 1])
def test_one_side_of_the_files_does_not_tell_the_label(sample, config, side):
    pytest.importorskip("sklearn")
    train = rows_of(config, sample[config]["train"])
    majority = max(BALANCE[config].values()) / 120
    for split in set(ROWS[config]) - {"train"}:
        accuracy = one_sided(train, rows_of(config, sample[config][split]), side)
        assert abs(accuracy - majority) <= 0.07, split


@pytest.mark.parametrize("config", CLASSIFIED_PAIRS)
def test_one_side_of_a_larger_sample_does_not_tell_the_label(tasks, config):
    """Other seeds and more rows: the grammar itself must not leak, whatever the seed."""
    pytest.importorskip("sklearn")
    train, valid = (
        [row for seed in seeds for rows in tasks[config].make(Random(f"{seed}/larger")).values() for row in rows]
        for seeds in ((101, 102), range(103, 109))
    )
    majority = max(BALANCE[config].values()) / 120
    for side in (0, 1):
        # Standard error: 0.8 points or somewhat more, as seeds may share sentences.
        assert one_sided(train, valid, side) <= majority + 0.04

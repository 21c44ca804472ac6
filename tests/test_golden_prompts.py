"""The strings of T5, letter by letter, and the hash of every prompt: an edited prompt must get a new name."""

from __future__ import annotations

from typing import Any

import pytest

from t2t.answers import form
from t2t.metrics import metric
from t2t.tasks import Examples, task, tasks
from t2t.template import parse

ENTAILMENT = ("entailment", "not_entailment")
NLI = ("entailment", "neutral", "contradiction")
ONE = {"sentence": "The cat sat."}
TWO = {"sentence1": "It rained.", "sentence2": "It was dry."}
QUESTIONS = {"question1": "Who?", "question2": "Who is it?"}
PREMISE = {"premise": "It rained.", "hypothesis": "It was dry."}
GLUE: dict[str, tuple[dict[str, str], str, tuple[str, ...], tuple[str, ...]]] = {
    "cola": (ONE, "cola sentence: The cat sat.", ("unacceptable", "acceptable"), ("matthews",)),
    "sst2": (ONE, "sst2 sentence: The cat sat.", ("negative", "positive"), ("accuracy",)),
    "mrpc": (
        TWO,
        "mrpc sentence1: It rained. sentence2: It was dry.",
        ("not_equivalent", "equivalent"),
        ("f1", "accuracy"),
    ),
    "qqp": (
        QUESTIONS,
        "qqp question1: Who? question2: Who is it?",
        ("not_duplicate", "duplicate"),
        ("f1", "accuracy"),
    ),
    "mnli": (PREMISE, "mnli hypothesis: It was dry. premise: It rained.", NLI, ("accuracy",)),
    "mnli_mismatched": (PREMISE, "mnli hypothesis: It was dry. premise: It rained.", NLI, ("accuracy",)),
    "ax": (PREMISE, "mnli hypothesis: It was dry. premise: It rained.", NLI, ("matthews",)),
    "qnli": (
        {"question": "Who?", "sentence": "She did."},
        "qnli question: Who? sentence: She did.",
        ENTAILMENT,
        ("accuracy",),
    ),
    "rte": (TWO, "rte sentence1: It rained. sentence2: It was dry.", ENTAILMENT, ("accuracy",)),
    "wnli": (TWO, "wnli sentence1: It rained. sentence2: It was dry.", ENTAILMENT[::-1], ("accuracy",)),
}
STSB = [
    "0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "1.2", "1.4", "1.6", "1.8", "2.0", "2.2", "2.4",
    "2.6", "2.8", "3.0", "3.2", "3.4", "3.6", "3.8", "4.0", "4.2", "4.4", "4.6", "4.8", "5.0",
]  # fmt: skip
HASHES = {
    ("glue/ax", "t5"): "189c2ea77ecc",
    ("glue/cola", "t5"): "ffcb78a0a233",
    ("glue/mnli", "t5"): "189c2ea77ecc",
    ("glue/mnli_mismatched", "t5"): "189c2ea77ecc",
    ("glue/mrpc", "t5"): "0b3cbf04a21c",
    ("glue/qnli", "t5"): "e34cde1d3e22",
    ("glue/qqp", "t5"): "dd859aa6aa30",
    ("glue/rte", "t5"): "135424c01cd9",
    ("glue/sst2", "t5"): "6bdcbd763c91",
    ("glue/stsb", "t5"): "824c79d565a3",
    ("glue/wnli", "t5"): "d32657984554",
}
VALUES: dict[str, Any] = {"class": 0, "number": 1.0, "tags": ["O", "O"], "list": ["two", "words"], "text": "some text"}


def render(name: str, row: dict[str, Any]) -> Any:
    return Examples(task(name), [row], split="validation")[0]


@pytest.mark.parametrize("name", GLUE)
def test_inputs_and_targets_of_glue_are_t5s(name: str) -> None:
    row, text, targets, metrics = GLUE[name]
    egs = [render(f"glue/{name}", {**row, "label": label}) for label in range(len(targets))]
    assert {eg.input for eg in egs} == {text}
    assert tuple(eg.target for eg in egs) == targets == egs[0].choices
    assert [eg.gold for eg in egs] == list(range(len(targets)))
    assert task(f"glue/{name}").metrics == metrics


def test_stsb_is_t5s() -> None:
    eg = render("glue/stsb", {**TWO, "label": 3.25})
    assert eg.input == "stsb sentence1: It rained. sentence2: It was dry."
    assert (eg.target, eg.gold, eg.range) == ("3.2", 3.25, (0, 5))
    assert task("glue/stsb").metrics == ("pearson", "spearman")


def test_stsb_has_26_targets_and_each_is_its_own() -> None:
    written = [render("glue/stsb", {**TWO, "label": i / 1000}).target for i in range(5001)]
    assert list(dict.fromkeys(written)) == STSB and len(STSB) == 26
    assert [render("glue/stsb", {**TWO, "label": float(text)}).target for text in STSB] == STSB


@pytest.mark.parametrize(
    ("score", "text"),
    [(3.25, "3.2"), (3.3, "3.2"), (0.5, "0.4"), (2.7, "2.8"), (0.1, "0.0"), (4.9, "4.8"), (0, "0.0"), (5, "5.0")],
)
def test_ties_of_stsb_go_to_the_even_fifth(score: float, text: str) -> None:
    assert render("glue/stsb", {**TWO, "label": score}).target == text


def test_wnli_has_the_labels_of_rte_reversed() -> None:
    assert task("glue/wnli").prompt.choices == task("glue/rte").prompt.choices[::-1]


def test_glue_is_all_there() -> None:
    assert {f"glue/{name}" for name in (*GLUE, "stsb")} == {name for name in tasks() if name.startswith("glue/")}


def test_a_prompt_that_is_edited_gets_a_new_name() -> None:
    found = {(name, prompt.name): prompt.hash for name in tasks() for prompt in task(name).prompts.values()}
    assert found == HASHES


@pytest.mark.parametrize("name", tasks())
def test_every_task_loads_renders_and_has_metrics_that_fit(name: str) -> None:
    found = task(name)
    assert found.name == name and found.title and found.provenance
    assert set(found.metrics) <= set(form(found).metrics)
    assert all(metric(one).unit == "percent" for one in found.metrics)
    row = {column: VALUES[kind] for column, kind in found.columns.items()}
    for prompt in found.prompts.values():
        eg = Examples(found, [row], split="train", prompt=prompt)[0]
        assert eg.input.strip() and eg.target.strip() and eg.gold is not None
        assert prompt.source


@pytest.mark.parametrize("name", tasks())
def test_no_text_of_a_row_is_left_out_of_the_input(name: str) -> None:
    found = task(name)
    for prompt in found.prompts.values():
        said = {*parse(prompt.input or prompt.cloze or "").columns, *parse(prompt.target).columns}
        assert said == set(found.columns)

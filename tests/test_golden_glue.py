"""GLUE beside T5's strings: every wording letter by letter, its label words in the data's order, its hash."""

from __future__ import annotations

from typing import Any

import pytest

from t2t.examples import Examples
from t2t.lookup import checkpoint, choose
from t2t.tasks import prompts, task, tasks
from t2t.types import Example

ONE = {"sentence": "The cat sat."}
TWO = {"sentence1": "It rained.", "sentence2": "It was dry."}
PREMISE = {"premise": "It rained.", "hypothesis": "It was dry."}
QUESTIONS = {"question1": "Who?", "question2": "Who is it?"}
QUESTION = {"question": "Who slept?", "sentence": "Ann did."}

ACCEPTABLE = ("unacceptable", "acceptable")
FEELING = ("negative", "positive")
SAME = ("different", "same")
ENTAILMENT = ("entailment", "not_entailment")
NLI = ("entailment", "neutral", "contradiction")
NO_YES, YES_NO = ("no", "yes"), ("yes", "no")
TELL = ("yes", "it is not possible to tell", "no")
RIGHT, MAYBE = ("Right", "Maybe", "Wrong"), ("Yes", "Maybe", "No")
Wordings = dict[str, tuple[str, tuple[str, ...]]]

MNLI: Wordings = {
    "plain": ("hypothesis: It was dry. premise: It rained.", NLI),
    "flan": (
        "Premise: It rained.\n\nHypothesis: It was dry.\n\nDoes the premise entail the hypothesis?\n\n"
        "OPTIONS:\n- yes\n- it is not possible to tell\n- no",
        TELL,
    ),
    "flan-2": (
        'Based on the premise "It rained.", can we conclude the hypothesis "It was dry." is true?\n\n'
        "OPTIONS:\n- yes\n- it is not possible to tell\n- no",
        TELL,
    ),
    "gpt": ("It rained.\nQuestion: It was dry. True, False, or Neither?\nAnswer:", ("True", "Neither", "False")),
    "pet-1": ('"It rained"? {mask}, "It was dry."', RIGHT),
    "pet-2": ("It rained? {mask}, It was dry.", RIGHT),
    "pet-3": ('"It rained"? {mask}, "It was dry."', MAYBE),
    "pet-4": ("It rained? {mask}, It was dry.", MAYBE),
}
# Task: row, and of every prompt but T5's the input and the words of class 0, 1 …
STRINGS: dict[str, tuple[dict[str, Any], Wordings]] = {
    "cola": (
        ONE,
        {
            "plain": ("The cat sat.", ACCEPTABLE),
            "flan": (
                'Sentence: "The cat sat."\nWould a linguist rate this sentence to be acceptable linguistically?\n\n'
                "OPTIONS:\n- unacceptable\n- acceptable",
                ACCEPTABLE,
            ),
            "flan-2": (
                "Is the following sentence linguistically acceptable?\nThe cat sat.\n"
                "OPTIONS:\n- unacceptable\n- acceptable",
                ACCEPTABLE,
            ),
            "gpt": ("The cat sat.\nQuestion: Does this sentence make sense?\nAnswer:", NO_YES),
            "pet-1": ("The cat sat. This is {mask}.", ("incorrect", "correct")),
        },
    ),
    "sst2": (
        {"sentence": "a gripping film "},  # the hub's sentences end in a space
        {
            "plain": ("a gripping film ", FEELING),
            "flan": (
                "Review:\na gripping film \nIs this movie review sentence negative or positive?\n"
                "OPTIONS:\n- negative\n- positive",
                FEELING,
            ),
            "flan-2": (
                "Is the sentiment of the following sentence positive or negative?\na gripping film \n"
                "OPTIONS:\n- negative\n- positive",
                FEELING,
            ),
            "gpt": ("Review: a gripping film\nSentiment:", ("Negative", "Positive")),
            "pet-1": ("a gripping film It was {mask}.", ("terrible", "great")),
            "pet-2": ("It was {mask}. a gripping film", ("bad", "good")),
            "pet-3": ("a gripping film All in all, it was {mask}.", ("bad", "good")),
            "pet-4": ("Just {mask}! a gripping film", ("bad", "good")),
            "pet-5": ("a gripping film In summary, the movie is {mask}.", ("bad", "good")),
        },
    ),
    "mrpc": (
        TWO,
        {
            "plain": ("sentence1: It rained. sentence2: It was dry.", SAME),
            "flan": (
                "Here are two sentences:\nIt rained.\nIt was dry.\nDo they have the same meaning?\n"
                "OPTIONS:\n- no\n- yes",
                NO_YES,
            ),
            "flan-2": (
                "It rained.\nIt was dry.\nAre these two sentences paraphrases of each other?\nOPTIONS:\n- no\n- yes",
                NO_YES,
            ),
            "gpt": (
                "Sentence 1: It rained.\nSentence 2: It was dry.\n"
                "Question: Do both sentences mean the same thing?\nAnswer:",
                NO_YES,
            ),
            "pet-1": ("It rained. {mask}, It was dry.", ("No", "Yes")),
        },
    ),
    "qqp": (
        QUESTIONS,
        {
            "plain": ("question1: Who? question2: Who is it?", SAME),
            "flan": (
                "Who?\nWho is it?\nWould you say that these questions are the same?\nOPTIONS:\n- no\n- yes",
                NO_YES,
            ),
            "flan-2": (
                "First question: Who?\nSecond question: Who is it?\nAre these two questions asking the same thing?\n"
                "OPTIONS:\n- no\n- yes",
                NO_YES,
            ),
            "gpt": (
                "Question 1: Who?\nQuestion 2: Who is it?\nQuestion: Do both questions ask the same thing?\nAnswer:",
                NO_YES,
            ),
            "pet-1": ("Who? {mask}, Who is it?", ("No", "Yes")),
        },
    ),
    "mnli": (PREMISE, MNLI),
    "mnli_mismatched": (PREMISE, MNLI),
    "ax": (PREMISE, MNLI),
    "qnli": (
        QUESTION,
        {
            "plain": ("question: Who slept? sentence: Ann did.", ENTAILMENT),
            "flan": (
                'Does the sentence "Ann did." answer the question "Who slept?"\n\nOPTIONS:\n- yes\n- no',
                YES_NO,
            ),
            "flan-2": ('Does "Ann did." contain the correct answer to "Who slept?"\nOPTIONS:\n- yes\n- no', YES_NO),
            "gpt": ("Who slept?\nAnn did.\nQuestion: Does this response answer the question?\nAnswer:", YES_NO),
            "pet-1": ("Who slept? {mask}, Ann did.", ("Yes", "No")),
        },
    ),
    "rte": (
        TWO,
        {
            "plain": ("sentence1: It rained. sentence2: It was dry.", ENTAILMENT),
            "flan": (
                'It rained.\n\nBased on the paragraph above can we conclude that "It was dry."?\n\n'
                "OPTIONS:\n- yes\n- no",
                YES_NO,
            ),
            "flan-2": ("It rained.\nCan we infer the following?\nIt was dry.\n\nOPTIONS:\n- yes\n- no", YES_NO),
            "gpt": ("It rained.\nquestion: It was dry. True or False?\nanswer:", ("True", "False")),
            "pet-1": ('"It was dry"? {mask}, "It rained."', ("Yes", "No")),
            "pet-2": ("It was dry? {mask}, It rained.", ("Yes", "No")),
            "pet-3": ("It rained. question: It was dry. True or False? answer: {mask}", ("true", "false")),
            "pet-4": ("It rained? {mask}, It was dry.", ("Yes", "No")),
        },
    ),
    "wnli": (
        TWO,
        {
            "plain": ("sentence1: It rained. sentence2: It was dry.", ENTAILMENT[::-1]),
            "flan": ('If "It rained.", can we conclude that "It was dry."\nOPTIONS:\n- no\n- yes', NO_YES),
            "flan-2": ('If "It rained.", is "It was dry." correct?\n\nOPTIONS:\n- no\n- yes', NO_YES),
            "gpt": ("It rained.\nQuestion: It was dry. True or False?\nAnswer:", ("False", "True")),
        },
    ),
}
STSB = {
    "plain": "sentence1: It rained. sentence2: It was dry.",
    "flan": (
        "It rained.\nIt was dry.\n\nRate the textual similarity of these two sentences on a scale from 0 to 5, where 0 "
        'is "no meaning overlap" and 5 is "means the same thing".'
    ),
    "flan-2": (
        'It rained.\nIt was dry.\n\nOn a scale from 0 to 5, where 0 is "no meaning overlap" and 5 is "means the same '
        'thing", how closely does the first sentence resemble the second one?'
    ),
    "gpt": "Sentence 1: It rained.\nSentence 2: It was dry.\nSimilarity (0-5):",
}
HASHES: dict[str, dict[str, str]] = {
    "cola": {
        "plain": "097499dc2cfc",
        "flan": "2e2c3bc5c71c",
        "flan-2": "f6bf5ab4a9a5",
        "gpt": "93d8ffe61a2b",
        "pet-1": "43152cf11357",
    },
    "sst2": {
        "plain": "c4e4f570a53d",
        "flan": "6e66747ee5ec",
        "flan-2": "8a074336afd8",
        "gpt": "73ac6bfe0d01",
        "pet-1": "bec33e89cf96",
        "pet-2": "549c409349ab",
        "pet-3": "6956842005a5",
        "pet-4": "c87328638167",
        "pet-5": "537e65b80f88",
    },
    "mrpc": {
        "plain": "22881c8f0937",
        "flan": "1008f60d7ebe",
        "flan-2": "0b7c09e29452",
        "gpt": "089eaf7426a4",
        "pet-1": "e28056b7724e",
    },
    "qqp": {
        "plain": "c6a95c873945",
        "flan": "a2b5d7c9fd1b",
        "flan-2": "ec2c7717f1d5",
        "gpt": "307e2cc51170",
        "pet-1": "960cec6f8339",
    },
    "stsb": {
        "plain": "56c734f686b6",
        "flan": "c7bdada0ff08",
        "flan-2": "073eda25e45f",
        "gpt": "e32f6eb8fc77",
    },
    "mnli": {
        "plain": "b87a08ff6757",
        "flan": "d9d94e964fed",
        "flan-2": "626412187d6b",
        "gpt": "e51b090f079e",
        "pet-1": "3d7c188fccf2",
        "pet-2": "8e580f291f62",
        "pet-3": "19fd38420065",
        "pet-4": "e866336fae9f",
    },
    "mnli_mismatched": {
        "plain": "b87a08ff6757",
        "flan": "d9d94e964fed",
        "flan-2": "626412187d6b",
        "gpt": "e51b090f079e",
        "pet-1": "3d7c188fccf2",
        "pet-2": "8e580f291f62",
        "pet-3": "19fd38420065",
        "pet-4": "e866336fae9f",
    },
    "ax": {
        "plain": "b87a08ff6757",
        "flan": "d9d94e964fed",
        "flan-2": "626412187d6b",
        "gpt": "e51b090f079e",
        "pet-1": "3d7c188fccf2",
        "pet-2": "8e580f291f62",
        "pet-3": "19fd38420065",
        "pet-4": "e866336fae9f",
    },
    "qnli": {
        "plain": "4344d6f1594c",
        "flan": "ed420697d026",
        "flan-2": "96fc43d95279",
        "gpt": "3cff57e9c582",
        "pet-1": "19c4855cda98",
    },
    "rte": {
        "plain": "647a1ac0b14a",
        "flan": "55caced52bf5",
        "flan-2": "83f2fe6d8bdf",
        "gpt": "7b1e041a0abf",
        "pet-1": "629b8168455d",
        "pet-2": "e4e4161f7d76",
        "pet-3": "34bc2a8a8ac1",
        "pet-4": "8706a2bdae6b",
    },
    "wnli": {
        "plain": "9b4ba184e09f",
        "flan": "71a4940a1ba4",
        "flan-2": "c38fbe319be4",
        "gpt": "a24ef13801fd",
    },
}


def render(name: str, row: dict[str, Any], prompt: str) -> Example:
    found = task(f"glue/{name}")
    return Examples(found, [row], split="validation", prompts=prompts(found, prompt))[0]


def test_every_task_of_glue_is_here() -> None:
    found = {name.partition("/")[2] for name in tasks() if name.startswith("glue/")} - {"wnli_wsc"}
    assert found == {*STRINGS, "stsb"} == set(HASHES)


@pytest.mark.parametrize("name", STRINGS)
def test_inputs_and_label_words(name: str) -> None:
    row, wordings = STRINGS[name]
    assert [*task(f"glue/{name}").prompts] == ["t5", *wordings]
    for prompt, (text, words) in wordings.items():
        egs = [render(name, {**row, "label": label}, prompt) for label in range(len(words))]
        assert {eg.input for eg in egs} == {text}, prompt
        assert tuple(eg.target for eg in egs) == words == egs[0].choices, prompt
        assert [eg.gold for eg in egs] == list(range(len(words))), prompt


@pytest.mark.parametrize("prompt", STSB)
def test_a_number_is_asked_for_in_words_and_written_to_the_nearest_fifth(prompt: str) -> None:
    eg = render("stsb", {**TWO, "label": 3.25}, prompt)
    assert (eg.input, eg.target, eg.gold, eg.choices) == (STSB[prompt], "3.2", 3.25, ())
    assert [*task("glue/stsb").prompts] == ["t5", *STSB]


@pytest.mark.parametrize("name", HASHES)
def test_a_prompt_that_is_edited_gets_a_new_name(name: str) -> None:
    assert {key: prompt.hash for key, prompt in task(f"glue/{name}").prompts.items() if key != "t5"} == HASHES[name]


@pytest.mark.parametrize("name", ["mnli_mismatched", "ax"])
def test_what_is_scored_by_a_model_of_mnli_is_worded_as_mnli_is(name: str) -> None:
    assert task(f"glue/{name}").prompts == task("glue/mnli").prompts


def test_mnli_and_multi_nli_are_one_wording() -> None:
    ours, theirs = task("glue/mnli").prompts, task("nli/multi_nli").prompts
    assert {key: one.hash for key, one in ours.items()} == {key: one.hash for key, one in theirs.items()}


def test_rte_says_what_rte_of_superglue_says() -> None:
    theirs = task("superglue/rte").prompts
    for prompt in ("flan", "gpt", "pet-1", "pet-2", "pet-3"):
        eg = render("rte", {**TWO, "label": 1}, prompt)
        rows = [{**PREMISE, "label": 1}]
        other = Examples(task("superglue/rte"), rows, split="validation", prompts=[theirs[prompt]])[0]
        assert (eg.input, eg.target, eg.choices) == (other.input, other.target, other.choices), prompt


@pytest.mark.parametrize("name", HASHES)
def test_each_task_says_in_plain_words_what_it_asks_and_each_prompt_where_it_is_from(name: str) -> None:
    found = task(f"glue/{name}")
    assert found.about and found.about.endswith((".", "?"))
    for key, prompt in found.prompts.items():
        assert ("FLAN" in prompt.source) == key.startswith("flan"), key
        assert ("Raffel" in prompt.source) == (key == "t5"), key
        assert bool(prompt.cloze) == key.startswith("pet-"), key


@pytest.mark.parametrize(
    ("model", "wanted"), [("t5-small", "t5"), ("google/flan-t5-base", "flan"), ("mt5", "plain"), ("gpt2", "gpt")]
)
@pytest.mark.parametrize("name", HASHES)
def test_a_checkpoint_gets_its_own_wording(name: str, model: str, wanted: str) -> None:
    chosen = choose(checkpoint(model), task(f"glue/{name}"))
    assert (chosen.prompt.name, chosen.fits) == (wanted, True)


@pytest.mark.parametrize("name", sorted({*HASHES} - {"stsb", "wnli"}))
def test_a_masked_model_gets_a_cloze(name: str) -> None:
    assert choose(checkpoint("bert"), task(f"glue/{name}")).prompt.name == "pet-1"


@pytest.mark.parametrize(
    ("name", "shown", "asked", "text"),
    [
        (
            "sst2",
            {"sentence": "a bore ", "label": 0},
            {"sentence": "a gripping film ", "label": 1},
            "Review: a bore\nSentiment: Negative\n\nReview: a gripping film\nSentiment:",
        ),
        (
            "rte",
            {**TWO, "label": 1},
            {"sentence1": "Ann slept.", "sentence2": "Ann was asleep.", "label": 0},
            "It rained.\nquestion: It was dry. True or False?\nanswer: False\n\n"
            "Ann slept.\nquestion: Ann was asleep. True or False?\nanswer:",
        ),
        (
            "stsb",
            {**TWO, "label": 0.9},
            {"sentence1": "Ann slept.", "sentence2": "Ann was asleep.", "label": 5},
            "Sentence 1: It rained.\nSentence 2: It was dry.\nSimilarity (0-5): 0.8\n\n"
            "Sentence 1: Ann slept.\nSentence 2: Ann was asleep.\nSimilarity (0-5):",
        ),
    ],
)
def test_shots_stand_above_the_question(name: str, shown: dict[str, Any], asked: dict[str, Any], text: str) -> None:
    found = task(f"glue/{name}")
    demos = Examples(found, [shown], split="train", prompts=prompts(found, "gpt"))
    eg = Examples(found, [asked], split="validation", prompts=demos.prompts, demos=demos, shots=1)[0]
    assert eg.input == text

"""The tasks of the sample: columns, label names and the function that makes the rows.

Worked example: the entry for ``rte`` says that a row has ``sentence1`` and ``sentence2``, that
label 0 is called entailment, and that ``inference.rte`` writes the splits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import acceptability
import inference
import questions
import sentiment
import similarity
import winograd
from rows import Split


@dataclass(frozen=True)
class Task:
    """One config of the sample."""

    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]  # names of 0, 1, ...; none for scores and hidden labels
    make: Callable[[Random], dict[str, Split]]
    about: str
    balance: str
    metrics: tuple[str, ...] = ("accuracy",)


SENTENCES = ("sentence1", "sentence2")
PREMISE = ("premise", "hypothesis")
TASKS = (
    Task(
        "cola",
        ("sentence",),
        ("unacceptable", "acceptable"),
        acceptability.cola,
        "Is the sentence grammatical English?  Unacceptable sentences break one rule each: "
        "agreement, auxiliaries, word order, inversion, reflexives, case, missing or surplus "
        "arguments, complements, islands, that-trace, polarity, determiners and so on.",
        "70 percent acceptable, as in GLUE",
        ("matthews", "accuracy"),
    ),
    Task(
        "sst2",
        ("sentence",),
        ("negative", "positive"),
        sentiment.sst2,
        "Is a sentence of review praise or blame?  Half the frames hold words of the opposite "
        "polarity under negation or contrast.",
        "balanced",
    ),
    Task(
        "mrpc",
        SENTENCES,
        ("not_equivalent", "equivalent"),
        similarity.mrpc,
        "Do two sentences of news say the same?  Equivalent pairs differ in voice, order and "
        "synonyms; the others in one number, day, place or event, or in who did what to whom.",
        "two thirds equivalent, as in GLUE",
        ("accuracy", "f1"),
    ),
    Task(
        "qqp",
        ("question1", "question2"),
        ("not_duplicate", "duplicate"),
        questions.qqp,
        "Do two questions ask the same?  Non-duplicates share wording or subject as a rule, and "
        "some only have two places or units the other way round.",
        "three in eight are duplicates, as in GLUE",
        ("accuracy", "f1"),
    ),
    Task(
        "stsb",
        SENTENCES,
        (),
        similarity.stsb,
        "How alike are two sentences, from 0 to 5?  The band of the score follows from what was "
        "changed: 4.6 to 5 wording only, 3.8 to 4.4 a circumstance left out, 3 to 3.6 a "
        "circumstance or value differs, 1.8 to 2.6 another actor or another event, 0.6 to 1.4 the "
        "same subject area, 0 to 0.4 nothing in common; the place within a band is random.",
        "six bands of equal size",
        ("pearson", "spearman"),
    ),
    Task(
        "mnli",
        PREMISE,
        ("entailment", "neutral", "contradiction"),
        inference.mnli,
        "Does the premise entail or contradict the hypothesis?  Families: circumstances, facts, "
        "attempts, order of events, converse relations, quantifiers, hypernyms, alternatives.  "
        "The mismatched split uses topics and kinds of things that are absent from training.",
        "three labels in equal parts",
    ),
    Task(
        "qnli",
        ("question", "sentence"),
        ("entailment", "not_entailment"),
        inference.qnli,
        "Does the sentence hold the answer to the question?  Sentences that do not are about "
        "the same thing but another property, or about the same property of another thing.",
        "balanced",
    ),
    Task(
        "rte",
        SENTENCES,
        ("entailment", "not_entailment"),
        inference.rte,
        "Does a short passage entail a sentence?  Two people or an unrelated second sentence must be told apart.",
        "balanced",
    ),
    Task(
        "wnli",
        SENTENCES,
        ("not_entailment", "entailment"),
        winograd.wnli,
        "Does the pronoun of the first sentence stand for the name in the second?  Label 1 is "
        "entailment: the numbering is REVERSED against rte, as on the hub.",
        "balanced",
    ),
    Task(
        "ax",
        PREMISE,
        (),
        inference.ax,
        "A diagnostic set for mnli models, every family of pairs equally often.  The label is "
        "hidden: -1 in every row, as on the hub.",
        "no labels",
        (),
    ),
)

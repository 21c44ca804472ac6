"""What is measured: cases, and in each the contestants that take turns. Adding one of either is a line here.

Floor 6. The first contestant of a case is what the others are measured against. ``settings`` are configuration fields
of t2t: one that this version does not have makes a contestant not available, and so does an engine's missing package.

>>> CASES["train-glue"].contestants[0].name
'Trainer, as it comes'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from t2t.errors import UsageError, did_you_mean, visible

__all__ = ["CASES", "QUICK", "Ask", "Case", "Contestant", "chosen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one child process is to measure. ``do`` is ``module:function`` of this folder; ``how`` goes to it.

    ``seconds`` is how long, ``rows`` how many rows are answered, ``model`` the directory of the model (its weights
    random where it has none), ``folder`` where the bench keeps what it makes.
    """

    do: str
    settings: Mapping[str, Any]
    how: Mapping[str, Any]
    model: str
    seconds: float
    rows: int
    threads: int
    source: str
    folder: str


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do the work of a case."""

    name: str
    do: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A piece of work and who does it. ``by`` is the figure that is compared: a speed, or seconds.

    ``shape`` is the model's (`t2t.bench.shapes`); ``taught`` are the tasks that it learns first, where answers count.
    """

    about: str
    contestants: tuple[Contestant, ...]
    by: str = "tokens_per_second"
    shape: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)
    taught: tuple[str, ...] = ()


PAIRS = ("glue/sst2", "glue/mrpc")
LONG = "summarization/scitldr"
CORPUS = "corpora/wiki_en"
ROWS_A_TASK = 2000  # as many as are seen in a measurement, so that preparing is quick
GLUE = {"mix": "glue", "train_limit": ROWS_A_TASK}
MIXED = {"task": (*PAIRS, LONG), "rates": "equal", "train_limit": ROWS_A_TASK}


def _training(batch: int = 32) -> tuple[Contestant, ...]:
    """Return who trains; ``batch`` rows a step is the Trainer as it comes."""
    return (
        Contestant("Trainer, as it comes", "training:trainer", how={"batch": batch}),
        Contestant("Trainer, at its best", "training:trainer", how={"best": True}),
        Contestant("t2t, as it comes", "training:t2t"),
        Contestant("t2t, fp32", "training:t2t", {"precision": "fp32"}),
        Contestant("t2t, plain", "training:t2t", {"plain": True}),
    )


def _pretraining(tokens: int) -> Case:
    about = f"span corruption, inputs of {tokens} tokens of plain text, 8 rows a step by default"
    return Case(about, _training(batch=8), shape="t5-small", settings={"corpus": (CORPUS,), "max_input": tokens})


ENCODING = (
    Contestant("Trainer, as it comes", "heads:trainer", how={"batch": 8}),
    Contestant("Trainer, at its best", "heads:trainer", how={"batch": 32, "best": True}),
    Contestant("t2t, as it comes", "heads:t2t"),
    Contestant("t2t, fp32", "heads:t2t", {"precision": "fp32"}),
)
WRITING = (
    Contestant("generate, as it comes", "answering:generate"),
    Contestant("t2t, fp32", "answering:t2t", {"precision": "fp32"}),
    Contestant("t2t, bf16", "answering:t2t", {"precision": "bf16"}),
    Contestant("t2t, int8", "answering:t2t", {"precision": "int8"}),
    Contestant("t2t, ctranslate2, fp32", "answering:t2t", {"engine": "ctranslate2", "precision": "fp32"}),
    Contestant("t2t, ctranslate2, int8", "answering:t2t", {"engine": "ctranslate2", "precision": "int8"}),
)
CLASSIFYING = (
    *WRITING,
    Contestant("t2t, constrained, fp32", "answering:t2t", {"by": "constrained", "precision": "fp32"}),
    Contestant("t2t, constrained, bf16", "answering:t2t", {"by": "constrained", "precision": "bf16"}),
    Contestant("t2t, constrained, int8", "answering:t2t", {"by": "constrained", "precision": "int8"}),
)
RANKING = (
    Contestant("a forward pass a choice", "answering:forward"),
    Contestant("t2t, fp32", "answering:t2t", {"by": "rank", "precision": "fp32"}),
    Contestant("t2t, bf16", "answering:t2t", {"by": "rank", "precision": "bf16"}),
    Contestant("t2t, int8", "answering:t2t", {"by": "rank", "precision": "int8"}),
)
BEAMS = tuple(
    Contestant(one.name, one.do, {**one.settings, **({"beams": 4} if one.do.endswith("t2t") else {})}, {"beams": 4})
    for one in WRITING
)
COMMANDS = {
    "python, nothing": ("-c", "pass"),
    "python, torch and transformers": ("-c", "import torch, transformers"),
    **{
        f"t2t {words}": ("-m", "t2t.cli", *words.split())
        for words in (
            "--help", "ls tasks", "prompt for t5-small", "info",
            *(f"{name} --help" for name in (
                "bench", "check", "compare", "completion", "distill", "eval", "export", "fetch", "new-task", "pet",
                "predict", "pretrain", "prompt", "push", "report", "resume", "serve", "train", "vocab",
            )),
        )
    },
}  # fmt: skip
STARTING = (
    *(Contestant(name, "commands:command", how={"words": words}) for name, words in COMMANDS.items()),
    Contestant("the demo's first step", "commands:first_step"),
)
CORRUPTING = (
    Contestant("a loop over examples, numpy", "corrupting:loop"),
    Contestant("t2t", "corrupting:t2t"),
)
SAVING = (
    Contestant("save_file, nothing else", "saving:plain"),
    Contestant("t2t, a checkpoint", "saving:t2t"),
)

CASES: dict[str, Case] = {
    "train-glue": Case("the mix glue", _training(), shape="d256", settings=GLUE),
    "train-mix": Case(
        "SST-2, MRPC and summaries of papers, a third of the examples each",
        _training(), shape="d256", settings=MIXED,
    ),
    "train-small": Case("the mix glue", _training(), shape="t5-small", settings=GLUE),
    "encoder": Case(
        "a head on an encoder, SST-2 and MRPC", ENCODING, shape="minilm",
        settings={"task": PAIRS, "train_limit": ROWS_A_TASK},
    ),
    "pretrain-256": _pretraining(256),
    "pretrain-512": _pretraining(512),
    "corruption": Case("span corruption alone, 128 rows of 568 tokens of text, one CPU", CORRUPTING),
    "classify": Case(
        "SST-2 and MRPC answered in words", CLASSIFYING, "examples_per_second", "d256", {"task": PAIRS}, taught=PAIRS
    ),
    "rank": Case(
        "SST-2 and MRPC answered by ranking the choices", RANKING, "examples_per_second", "d256", {"task": PAIRS},
        taught=PAIRS,
    ),
    "generate-60": Case(
        "60 new tokens a row, greedy", WRITING, shape="d256", settings={"task": (LONG,), "max_target": 60},
        how={"forced": True}, taught=(LONG,),
    ),
    "beam-60": Case(
        "60 new tokens a row, four beams", BEAMS, shape="d256", settings={"task": (LONG,), "max_target": 60},
        how={"forced": True}, taught=(LONG,),
    ),
    "startup": Case("from the shell to the answer", STARTING, "seconds"),
    "checkpoint-d256": Case("a checkpoint", SAVING, "seconds", "d256", GLUE),
    "checkpoint-small": Case("a checkpoint", SAVING, "seconds", "t5-small", GLUE),
}  # fmt: skip
QUICK = ("train-glue", "classify", "rank")


def chosen(names: str | None) -> dict[str, Case]:
    """Return the cases of a list such as ``train-glue,rank``; ``all``, or None for a quick selection.

    ``train`` stands for every case whose name begins so. Raise ``UsageError`` with the closest name for one that there
    is not.
    """
    if names == "all":
        return CASES
    asked = [name.strip() for name in names.split(",") if name.strip()] if names else list(QUICK)
    found = {name: [case for case in CASES if case == name or case.startswith(f"{name}-")] for name in asked}
    for name, cases in found.items():
        if not cases:
            hint = f"Cases: {', '.join(CASES)}.{did_you_mean(name, CASES)}"
            raise UsageError(f'there is no case "{visible(name)}"', fix=hint, code="C01")
    return {name: CASES[name] for cases in found.values() for name in cases}

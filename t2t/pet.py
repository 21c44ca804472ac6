"""PET and iPET: a classifier from a few labelled rows, many without labels, and patterns that ask in words.

Floor 5. A cloze model is trained for each pattern and seed on the labelled rows; together they score the rows without
labels; a plain classifier learns these scores, and it alone is evaluated (Schick and Schütze 2021, Exploiting Cloze
Questions). In iPET, before that, generations of models are trained on rows that some of the others labelled
(section 3.4 there). What is drawn, is drawn from the seed: labelled rows at random (not by class), as in the paper.

Shapes: M models, N rows without labels, C choices. Scores are logits.

>>> scores_MNC = np.array([[[2.0, 0.0]], [[0.0, 4.0]]])
>>> ensemble(scores_MNC, [0.5, 0.25]).round(2).tolist()
[[1.33, 1.33]]
>>> generations(10), generations(100), generations(0)
(3, 2, 4)
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from t2t import models, runs, sets
from t2t.apply import options
from t2t.config import Config
from t2t.demonstrations import Seen
from t2t.errors import DataError, UsageError
from t2t.examples import Examples
from t2t.models.cloze import Cloze
from t2t.sets import Sets
from t2t.tasks import prompts, task
from t2t.train import Watch, learn, train
from t2t.types import Prompt, Report

__all__ = [
    "Drawn",
    "Plan",
    "draw",
    "ensemble",
    "generations",
    "grow",
    "labellers",
    "pattern_weights",
    "pet",
    "pseudo_label",
]

FULL = 1000  # examples that generations grow to
FIRST, TOP = 10, 100  # without labelled rows: examples of the first generation, and from how many likeliest of a label


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a PET run; the defaults are the paper's, but for fewer steps.

    ``labelled`` and ``unlabelled`` are rows of the training split; ``patterns`` are prompts with a cloze (none: all of
    the task), ``prompt`` is the classifier's. ``generations`` of iPET grow by ``growth``, each labelled by ``others``
    (a share) of the other models; -1 means as many as it takes to a thousand. ``batch`` is examples a step.
    """

    task: str
    model: str
    labelled: int = 10
    unlabelled: int = 1000
    patterns: tuple[str, ...] = ()
    prompt: str | None = None
    seeds: int = 3
    generations: int = 0
    growth: int = 5
    others: float = 0.25
    steps: int = 250
    classifier_steps: int = 500
    learning_rate: float = 1e-5
    classifier_learning_rate: float | None = None
    mlm_weight: float = 1e-4
    temperature: float = 2.0
    batch: int = 16
    max_input: int = 256
    precision: str = "auto"
    source: str = "auto"
    split: str = "validation"
    eval_limit: int | None = None
    out: str | None = None
    seed: int = 42

    def __post_init__(self) -> None:
        low = {"labelled": 0, "unlabelled": 1, "seeds": 1, "generations": -1, "growth": 2, "steps": 1, "batch": 1,
               "classifier_steps": 1}  # fmt: skip
        for name, least in low.items():
            if getattr(self, name) < least:
                raise UsageError(f"{name}: expected at least {least}, got {getattr(self, name)}", code="C01")
        if not 0 <= self.mlm_weight <= 1:
            raise UsageError(f"mlm_weight: expected a share from 0 to 1, got {self.mlm_weight}", code="C01")
        if not 0 < self.others <= 1:
            raise UsageError(f"others: expected a share above 0 and at most 1, got {self.others}", code="C01")


# -- rows --------------------------------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """Places of labelled rows and of rows without labels, and how many were left out: as scored, or drawn already."""

    labelled: list[int]
    unlabelled: list[int]
    scored: int
    twice: int

    def notes(self, name: str) -> list[str]:
        """Return what a user should know of it."""
        said = [f"{name}: {len(self.labelled)} labelled rows and {len(self.unlabelled)} without labels, at random"]
        said += [f"{name}: {self.scored} rows left out, all but equal to one that is scored"] if self.scored else []
        return said + ([f"{name}: {self.twice} rows left out, all but equal to another"] if self.twice else [])


def draw(trained: Examples, scored: Iterable[Examples], *, labelled: int, unlabelled: int, seed: int) -> Drawn:
    """Draw rows at random, none all but equal to another or to one that is scored.

    The labelled ones come first: more of them, at the same seed, are the same and more. Raise ``DataError`` where there
    are too few for these, or none besides.
    """
    known, seen = Seen(egs.said(i) for egs in scored for i in range(egs.size)), Seen()
    picked: list[int] = []
    held = twice = 0
    for place in np.random.Generator(np.random.Philox(key=[seed, 0x706574])).permutation(trained.size).tolist():
        text = trained.said(place)
        if known.has(text):
            held += 1
        elif seen.has(text):
            twice += 1
        else:
            seen.add(text)
            picked.append(place)
        if len(picked) == labelled + unlabelled:
            break
    if len(picked) <= labelled:
        raise DataError(
            f"{labelled} labelled rows and some without labels are asked for, there are {len(picked)} that are not all "
            "but equal to a scored one or each other", where=trained.task.name, fix="Ask for fewer, or give more rows.",
        )  # fmt: skip
    return Drawn(picked[:labelled], picked[labelled:], held, twice)


# -- the formulas ------------------------------------------------------------------------------------------------------


def pattern_weights(accuracies: Sequence[float]) -> list[float]:
    """Return the weights of models: their accuracies before training, or the same for all where none is right."""
    return list(accuracies) if any(accuracies) else [1.0] * len(accuracies)


def ensemble(scores_MNC: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return s(c | x) = Σ w(m) s_m(c | x) / Σ w(m) as (N, C) (section 3.3)."""
    return np.average(scores_MNC, axis=0, weights=pattern_weights(weights))


def generations(labelled: int, growth: int = 5) -> int:
    """Return how many generations make a thousand examples of the labelled ones: ⌈log_d(1000 / |T|)⌉.

    Without labelled ones the first makes ten.
    """
    return math.ceil(round(math.log(FULL / (labelled or FIRST), growth), 9)) + (labelled == 0)


def grow(golds: Sequence[int], classes: int, *, generation: int, growth: int = 5) -> list[int]:
    """Return how many examples of each class to add to the labelled ones: their ratio is kept, their number multiplied.

    Without labelled ones ten in all, spread over the classes, and multiples of these.

    >>> grow([0, 0, 1], 2, generation=1), grow([], 3, generation=1), grow([], 3, generation=2)
    ([8, 4], [4, 3, 3], [20, 15, 15])
    """
    if not golds:
        first = [FIRST // classes + (c < FIRST % classes) for c in range(classes)]
        return [count * growth ** (generation - 1) for count in first]
    return [count * (growth**generation - 1) for count in np.bincount(golds, minlength=classes).tolist()]


def labellers(count: int, number: int, share: float, rng: np.random.Generator) -> list[int]:
    """Return a random share of ``count`` models to label rows for model ``number``: others, and at least one."""
    others = [i for i in range(count) if i != number]
    return sorted(rng.choice(others, max(1, round(share * len(others))), replace=False).tolist())


def pseudo_label(
    scores_NC: np.ndarray, wanted: Sequence[int], rng: np.random.Generator, *, top: int = 0
) -> list[tuple[int, int]]:
    """Draw rows for each class, with probability in proportion to confidence; return (row, class) of each.

    They are of the rows that the scores give this class, or of the ``top`` likeliest for it. Where these are fewer than
    wanted they are drawn again; where there is none the class gets none.
    """
    shares_NC = np.exp(scores_NC - scores_NC.max(1, keepdims=True))
    shares_NC /= shares_NC.sum(1, keepdims=True)
    given_N, drawn = scores_NC.argmax(1), []
    for label, count in enumerate(wanted):
        likely = np.argsort(-shares_NC[:, label], kind="stable")
        rows = likely[:top] if top else np.flatnonzero(given_N == label)
        if not count or not len(rows):
            continue
        again = np.tile(rows, -(-count // len(rows)))
        sure = np.maximum(shares_NC[again, label], 1e-9)
        drawn += [(int(row), label) for row in rng.choice(again, count, replace=False, p=sure / sure.sum())]
    return drawn


# -- the run -----------------------------------------------------------------------------------------------------------


@dataclass
class _Stage:
    """What the cloze models work with: one network, and the rows; and what is to be said of them.

    ``model`` is trained again and again from its first weights, so that one network is in memory, and none on disk.
    """

    plan: Plan
    model: Cloze
    rows: Examples
    drawn: Drawn
    notes: list[str] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0  # that were trained on

    def __post_init__(self) -> None:
        self._first = copy.deepcopy(self.model.net.state_dict())
        self.golds = [int(eg.gold) for eg in self.rows.at(self.drawn.labelled)]
        self.unlabelled = self.rows.at(self.drawn.unlabelled, golds=[None] * len(self.drawn.unlabelled))

    def score(self, pattern: Prompt) -> np.ndarray:
        """Return the scores (N, C) of the rows without labels under a pattern."""
        return np.array(self.model.score(self.unlabelled.under(pattern)[:]))

    def accuracy(self, pattern: Prompt) -> float:
        """Return the share of labelled rows that are answered right, from 0 to 1; 0 where there are none."""
        if not self.golds:
            return 0.0
        scores_NC = np.array(self.model.score(self.rows.at(self.drawn.labelled).under(pattern)[:]))
        return float((scores_NC.argmax(1) == self.golds).mean())

    def train(self, pattern: Prompt, more: Sequence[tuple[int, int]], seed: int) -> None:
        """Train the network anew under a pattern: on the labelled rows and those that others labelled (row, class)."""
        plan, labels = self.plan, [label for _, label in more]
        places = [*self.drawn.labelled, *(self.drawn.unlabelled[row] for row, _ in more)]
        egs = self.rows.at(places, golds=[*self.golds, *labels]).under(pattern)
        self.model.net.load_state_dict(self._first)
        self.model.unlabelled = self.unlabelled.under(pattern)[:]
        tokens = sum(map(sum, self.model.sizes(egs[:])))
        config = replace(
            _config(plan), family="cloze", prompt=pattern.name, seed=seed, steps=plan.steps, optimizer="adamw",
            batch_tokens=math.ceil(plan.batch * tokens / len(egs)), learning_rate=plan.learning_rate, warmup_steps=0,
            schedule="linear", weight_decay=0.01, mlm_weight=plan.mlm_weight,
        )  # fmt: skip
        done = learn(config, Sets(sets.chosen_mix(config), train={plan.task: egs}), model=self.model).state
        self.tokens += done.input_tokens + done.target_tokens


def pet(plan: Plan, *, watch: Watch | None = None) -> Report:
    """Train the cloze models and the classifier; evaluate the classifier, and write its run folder and report.

    Raise ``UsageError`` for patterns that do not fit the task or each other, ``DataError`` for too few rows, and as
    `t2t.train.train` does.
    """
    watch = watch or Watch()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("PET runs in one process", fix="Start it without torchrun.")
    found, patterns = _open(plan)
    rows = found.train[plan.task]
    drawn = draw(rows, found.score.values(), labelled=plan.labelled, unlabelled=plan.unlabelled, seed=plan.seed)
    folder = runs.new_folder(plan.out, f"pet-{plan.task}")
    try:
        model = models.build(
            models.find(plan.model, "cloze"), options(replace(_config(plan), mlm_weight=plan.mlm_weight))
        )
        stage, started = _Stage(plan, cast(Cloze, model), rows, drawn), time.monotonic()
        taught_NC, weights = _teach(stage, patterns, watch)
        seconds = time.monotonic() - started
        notes = [*found.notes, *drawn.notes(plan.task), *_missing(stage), *stage.notes]
        egs = rows.at(drawn.unlabelled, golds=[None] * len(taught_NC), taught=[tuple(c) for c in taught_NC.tolist()])
        report = _distil(plan, stage, replace(found, train={plan.task: egs}, notes=notes), folder, watch)
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
    said = _said(stage, weights, taught_NC)
    said["seconds"] = {"cloze models": round(seconds, 1), "classifier": report.cost["train_seconds"]}
    return _with(report, said, seconds=seconds, tokens=stage.tokens)


def _config(plan: Plan) -> Config:
    """Return what all models of a run have in common."""
    return Config(task=(plan.task,), model=plan.model, max_input=plan.max_input, precision=plan.precision,
                  source=plan.source, split=plan.split, eval_limit=plan.eval_limit, seed=plan.seed,
                  steps=plan.steps)  # fmt: skip


def _open(plan: Plan) -> tuple[Sets, tuple[Prompt, ...]]:
    """Return the rows under the classifier's prompt, and the patterns. Raise ``UsageError`` where they do not fit."""
    found = task(plan.task)
    names = plan.patterns or tuple(name for name, prompt in found.prompts.items() if prompt.cloze)
    if found.answer != "choice" or not names:
        raise UsageError("PET needs a task with choices, and prompts with a cloze", where=plan.task)
    patterns = prompts(found, ",".join(names))
    if plan.generations and len(patterns) * plan.seeds < 2:
        raise UsageError("in iPET models label rows for others, there is one", fix="Raise --seeds, or more --patterns.")
    rows = sets.load(replace(_config(plan), prompt=plan.prompt), preferred=models.PREFERRED["encoder"])
    plain = rows.train[plan.task].prompts[0]
    if plain.cloze or not all(prompt.cloze for prompt in patterns):
        raise UsageError("patterns have a cloze, the classifier's prompt has an input", where=plan.task,
                         fix="Choose other --patterns, or another --prompt.")  # fmt: skip
    for prompt in (plain, *patterns):
        where = f"{plan.task} prompt {prompt.name}"
        if prompt.per_row or len(prompt.choices) != len(plain.choices):
            raise UsageError(f"PET needs the same {len(plain.choices)} choices in every row", where=where,
                             fix="Choose other --patterns, or another --prompt.")  # fmt: skip
    return rows, patterns


def _teach(stage: _Stage, patterns: Sequence[Prompt], watch: Watch) -> tuple[np.ndarray, dict[str, float]]:
    """Train all models of all generations; return the scores (N, C) of the last together, and each pattern's weight."""
    plan = stage.plan
    asked = generations(plan.labelled, plan.growth) if plan.generations < 0 else plan.generations
    stage.notes += [note for pattern in patterns for note in stage.model.tokens.audit(plan.task, pattern)]
    before = {pattern.name: stage.accuracy(pattern) for pattern in patterns}
    slots = [(pattern, seed) for pattern in patterns for seed in range(plan.seeds)]
    weights = [before[pattern.name] for pattern, _ in slots]
    scores_MNC = np.zeros(0)
    with watch.task("training the cloze models", len(slots) * (asked + 1)) as tick:
        for generation in range(asked + 1):
            own = []
            for number, (pattern, seed) in enumerate(slots):
                since = time.monotonic()
                more = _labelled_by_others(stage, scores_MNC, weights, number, generation) if generation else []
                if stage.golds or more:  # without labelled rows the first ones are the model as it comes
                    stage.train(pattern, more, _seed(plan.seed, generation, pattern.name, seed))
                own.append(stage.score(pattern))
                known, after = bool(stage.golds), stage.accuracy(pattern)
                labels = np.bincount([*stage.golds, *(label for _, label in more)], minlength=own[-1].shape[1])
                stage.models.append({
                    "pattern": pattern.name, "seed": seed, "generation": generation, "labels": labels.tolist(),
                    "before": round(100 * before[pattern.name], 2) if known else None,
                    "after": round(100 * after, 2) if known else None,
                    "seconds": round(time.monotonic() - since, 2),
                })  # fmt: skip
                tick(1)
            scores_MNC = np.array(own)
    stage.notes += [line for name, tally in stage.model.tokens.tallies.items() for line in tally.warnings(name)]
    used = dict(zip(before, pattern_weights([*before.values()]), strict=True))
    return ensemble(scores_MNC, weights), used


def _labelled_by_others(
    stage: _Stage, scores_MNC: np.ndarray, weights: Sequence[float], number: int, generation: int
) -> list[tuple[int, int]]:
    """Return rows (their number among those without labels) with the class that a share of the other models gives."""
    plan = stage.plan
    rng = np.random.Generator(np.random.Philox(key=[plan.seed, generation << 32 | number]))
    chosen = labellers(len(scores_MNC), number, plan.others, rng)
    scores_NC = ensemble(scores_MNC[chosen], [weights[i] for i in chosen])
    wanted = grow(stage.golds, scores_NC.shape[1], generation=generation, growth=plan.growth)
    return pseudo_label(scores_NC, wanted, rng, top=0 if stage.golds or generation > 1 else TOP)


def _seed(*parts: object) -> int:
    return zlib.crc32(":".join(map(str, parts)).encode())


def _missing(stage: _Stage) -> list[str]:
    """Return a note for labels that no labelled row has."""
    names = stage.rows.prompts[0].choices
    lack = [name for i, name in enumerate(names) if i not in stage.golds] if stage.golds else []
    return [f"{stage.plan.task}: no labelled row of {', '.join(lack)}"] if lack else []


def _distil(plan: Plan, stage: _Stage, found: Sets, folder: Path, watch: Watch) -> Report:
    """Train the classifier on the scores of the ensemble, under a temperature, and evaluate it."""
    egs = found.train[plan.task]
    lengths = [len(ids) for ids in stage.model.tokens.ids([egs.said(i) for i in range(egs.size)])]
    mean = float(np.minimum(np.array(lengths) + 3, plan.max_input).mean())  # with the special tokens
    config = replace(
        _config(plan), family="encoder", prompt=egs.prompts[0].name, steps=plan.classifier_steps, out=str(folder),
        batch_tokens=math.ceil(plan.batch * (mean + 1)), learning_rate=plan.classifier_learning_rate,
        soft_temperature=plan.temperature, soft_weight=1.0,
    )  # fmt: skip
    return train(config, given=found, watch=watch)


def _said(stage: _Stage, weights: dict[str, float], taught_NC: np.ndarray) -> dict[str, Any]:
    """Return what the report says of how the classifier was taught."""
    patterns = {name: stage.rows.task.prompts[name] for name in weights}
    classes = taught_NC.shape[1]
    return {
        "plan": {name: value for name, value in asdict(stage.plan).items() if name != "out"},
        "patterns": [{"prompt": name, "hash": p.hash, "weight": weights[name]} for name, p in patterns.items()],
        "generations": stage.models[-1]["generation"],
        "labelled": np.bincount(stage.golds, minlength=classes).tolist(),
        "taught": np.bincount(taught_NC.argmax(1), minlength=classes).tolist(),
        "left out": {"as scored": stage.drawn.scored, "twice": stage.drawn.twice},
        "models": stage.models,
    }


def _with(report: Report, said: dict[str, Any], *, seconds: float, tokens: int) -> Report:
    """Add to a run's report how its classifier was taught; what it cost is the whole."""
    file, cost = Path(report.folder) / "report.json", dict(report.cost)
    cost["train_seconds"] = round(cost["train_seconds"] + seconds, 1)
    cost["train_tokens"] += tokens
    how = f"|pet:{sum(said['labelled'])}+{sum(said['taught'])}|generations:{said['generations']}"
    report = replace(report, cost=cost, signature=report.signature + how)
    runs.write_json(file, runs.read_json(file) | {"cost": cost, "signature": report.signature, "pet": said})
    return report

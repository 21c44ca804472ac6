"""The examples of every task of a mix: those to train on and those to score.

Floor 2. Opens the rows of each task, says where they came from, and notes (never silently) what is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from t2t import mixtures
from t2t.config import Config
from t2t.errors import DataError, UsageError
from t2t.examples import Examples
from t2t.mixtures import Mix
from t2t.objectives import OBJECTIVES
from t2t.sources import Rows, SplitMissing, declared, open_rows
from t2t.tasks import prompts, task
from t2t.types import Prompt, Task

__all__ = ["Sets", "chosen_mix", "examples", "load"]

TEXT = "pretraining/text"  # the task of plain text under an objective for models that write
SAMPLE = "sample:"  # before the names of prompts: one of them is drawn for each row


@dataclass
class Sets:
    """Examples to train on by task, examples to score by task (``task@prompt`` under several prompts), and notes.

    ``held`` are those of tasks with an objective, which have no answers to score; ``corpora`` are those tasks among
    them whose texts are joined and cut when the tokenizer is known (`t2t.stretches`).
    """

    mix: Mix
    train: dict[str, Examples] = field(default_factory=dict)
    score: dict[str, Examples] = field(default_factory=dict)
    held: dict[str, Examples] = field(default_factory=dict)
    corpora: dict[str, Task] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """``sample`` if any rows are of the bundled sample, else the kind of place they came from."""
        kinds = list(dict.fromkeys(self.origins.values()))
        return "sample" if "sample" in kinds else "+".join(kinds)

    @property
    def fingerprint(self) -> dict[str, str]:
        """What stands for the rows trained on, by task: their sha256, or that of a corpus's ids."""
        return {name: egs.fingerprint for name, egs in self.train.items() if egs.fingerprint}

    @property
    def prompts(self) -> dict[str, dict[str, str]]:
        """The hash of every prompt trained on, by task and name."""
        return {name: {prompt.name: prompt.hash for prompt in egs.prompts} for name, egs in self.train.items()}

    def without(self, names: Collection[str]) -> Sets:
        """Return the sets without those of some tasks; the mix shares out what is left."""
        train, score = (
            {name: egs for name, egs in some.items() if egs.task.name not in names} for some in (self.train, self.score)
        )
        origins = {name: kind for name, kind in self.origins.items() if name not in names}
        # A mix names some tasks by their file.
        every = [name for name in self.mix.scored + self.mix.trained_only if name not in self.corpora]
        named = tuple(name for name in every if task(name).name in names)
        return replace(self, mix=replace(self.mix, without=named), train=train, score=score, origins=origins)


def chosen_mix(config: Config) -> Mix:
    """Return the mix a configuration names, with its own policy in place of the mix's where it gives one.

    Corpora join a mix as one of its entries, or tasks as theirs; where one has a rate, so have all (1 if not given).
    """
    chosen = mixtures.mix(config.mix) if config.mix else mixtures.of_tasks(config.task)
    if config.corpus:
        rates = dict(map(_rated, config.corpus))
        if len(rates) < len(config.corpus):
            raise UsageError(
                "a corpus is named twice", where="corpus", fix="Name each once, with one rate.", code="C05"
            )
        others = dict.fromkeys([config.mix] if config.mix else config.task, 1.0)
        explicit = any(rate is not None for rate in rates.values())
        chosen = Mix(
            "+".join(filter(None, ["pretrain", config.mix])), chosen.title, "explicit" if explicit else chosen.policy,
            {**{_text_task(name): 1.0 if rate is None else rate for name, rate in rates.items()}, **others},
        )  # fmt: skip
    policy = config.rates or chosen.policy
    if policy in ("equal", "explicit") and (config.cap or config.temperature):
        raise UsageError(f"cap and temperature have no meaning for {policy} rates", fix="Leave them out.", code="C05")
    return replace(
        chosen,
        policy=policy,
        cap=config.cap or chosen.cap,
        temperature=config.temperature or chosen.temperature,
    )


def _rated(said: str) -> tuple[str, float | None]:
    """Return a corpus and its rate, which may stand behind it: ``books.txt=0.5``."""
    name, equals, rate = said.rpartition("=")
    try:
        return (name, float(rate)) if equals else (said, None)
    except ValueError:
        return said, None


def _text_task(name: str) -> str:
    """Return what the task is called whose texts are a corpus."""
    return f"{TEXT}:{name}"


def own_tasks(config: Config) -> dict[str, Task]:
    """Return the tasks of a configuration's own corpora, by name: their texts under its objective."""
    plain = task(TEXT)
    names = {_text_task(name): name for name, _ in map(_rated, config.corpus)}
    column = {"text": replace(plain.columns["text"], origin=config.column)}
    return {
        called: replace(plain, name=called, objective=config.objective, columns=column,
                        source=replace(plain.source, hub=name))
        for called, name in names.items()
    }  # fmt: skip


def examples(
    task_: Task,
    split: str,
    source: str,
    *,
    prompt_name: str | None = None,
    limit: int | None = None,
    labelled: bool = True,
    seed: int = 0,
    shots: int = 0,
    shots_by: str = "random",
    pool: int | None = None,
    preferred: Sequence[str] = (),
) -> Examples:
    """Return the examples of one split; with ``limit`` a seeded sample of that many rows, in their order.

    ``prompt_name`` names one prompt, several (``t5,plain``) or ``all``: each row under each of them; ``sample:`` before
    it draws one a row; without it the first of ``preferred`` is taken, or the task's own. ``shots`` training rows
    stand before each input; with ``pool`` they are of the sample of that many that is trained on. Raise
    ``SplitMissing`` if the data set has no such split, other ``DataError``s for rows that are not as stated.
    """
    sampled = (prompt_name or "").startswith(SAMPLE)
    chosen = prompts(task_, (prompt_name or "").removeprefix(SAMPLE) or None, preferred)
    rows = open_rows(task_, split, source)
    for prompt in chosen:
        _check_classes(task_, rows, prompt)
    demos = None
    if shots:
        demos = examples(task_, "train", source, prompt_name=prompt_name, limit=pool, seed=seed, preferred=preferred)
    egs = Examples(task_, rows, split=split, prompts=chosen, sample=seed if sampled else None, labelled=labelled,
                   demos=demos, shots=shots, shots_by=shots_by, seed=seed)  # fmt: skip
    return egs if limit is None else egs.limited(limit, seed)


def _check_classes(task_: Task, rows: Rows, prompt: Prompt) -> None:
    """Refuse data whose own class names stand in another order than the choices, or than the names of the column."""
    for column, names in rows.class_names.items():
        declared = task_.columns[column].names
        if (
            set(names) == set(prompt.choices)
            and tuple(names) != prompt.choices
            and task_.columns[column].kind == "class"
        ):
            declared = prompt.choices
        if declared and tuple(names) != declared:
            raise DataError(
                f"the classes of the data are {', '.join(names)}, the task's {', '.join(declared)}",
                where=f'{rows.origin.where} field "{column}"', fix="Put them in the data's order.", code="D16",
            )  # fmt: skip


def load(config: Config, *, training: bool = True, preferred: Sequence[str] = ()) -> Sets:
    """Open every set that ``config`` asks for. A split to be scored that is not there is noted and left out.

    ``preferred`` are the prompts to take where ``config`` names none.
    """
    sets, named = Sets(chosen_mix(config)), own_tasks(config)
    own = config.source if "=" in config.source else _for_training(config.source, training)
    for name in sets.mix.tasks if training else ():
        one = named.get(name) or task(name)
        if one.objective in OBJECTIVES:
            sets.corpora[name] = one
            continue
        sets.train[name] = examples(
            one, "train", own, prompt_name=config.prompt, limit=config.train_limit, seed=config.seed,
            shots=config.shots, shots_by=config.shots_by, pool=config.train_limit, preferred=preferred,
        )  # fmt: skip
    for name in sets.mix.scored:
        if (named.get(name) or task(name)).objective in OBJECTIVES:
            continue
        there = declared(task(name), own)
        if there and not {config.split, "*"} & set(there):
            sets.notes.append(f"{name} is not scored: it has no {config.split} split, only {', '.join(there)}")
            continue
        try:
            found = examples(
                task(name), config.split, own, prompt_name=config.prompt, seed=config.seed, shots=config.shots,
                shots_by=config.shots_by, pool=config.train_limit, preferred=preferred,
            )  # fmt: skip
            if config.eval_limit is not None:  # the same rows whatever the seed: runs are compared on them
                found = found.limited(config.eval_limit, 0)
            if found.task.objective:
                sets.held[name] = found
                sets.notes.append(f"{name} has no answers to score: its objective is {found.task.objective}")
                continue
            if not training and found.hidden:
                found = found.unlabelled()
                sets.notes.append(
                    f"{name} is answered and not scored: the labels of its {config.split} split are hidden"
                )
            each = found.sample is None and len(found.prompts) > 1
            sets.score |= {f"{name}@{p.name}": found.under(p) for p in found.prompts} if each else {name: found}
        except SplitMissing as error:
            sets.notes.append(f"{name} is not scored: {error.message}")
    if not training and not sets.score:
        none = "there is nothing to score" if sets.held else f"none of the tasks has a split {config.split}"
        raise UsageError(none, fix=" ".join(sets.notes))
    _note_origins(sets)
    return sets


def _for_training(source: str, training: bool) -> str:
    """A bare FILE has the rows to train on; they are not scored as well."""
    return f"train={source}" if training and Path(source).is_file() else source


def _note_origins(sets: Sets) -> None:
    """Note once for each place where rows came from; the sample first, in one line."""
    said: dict[str, None] = {}
    sampled: dict[str, str] = {}  # why no other place was taken, by task
    groups: tuple[Mapping[str, Examples], ...] = (sets.train, sets.score, sets.held)
    for group in groups:
        for egs in group.values():
            if isinstance(egs.rows, Rows):
                origin = egs.rows.origin
                sets.origins[egs.task.name] = origin.kind
                if origin.kind != "sample":
                    said.setdefault(origin.notice())
                else:
                    sampled.setdefault(egs.task.name, origin.why)
    if sampled:
        loud = (
            f"SAMPLE DATA: {', '.join(sampled)}: the small bundled sample, its scores say nothing about the data sets."
        )
        said = {loud + next(iter(sampled.values())): None} | said
    sets.notes[:0] = said

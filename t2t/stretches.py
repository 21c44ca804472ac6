"""Corpora as examples: stretches of one length of their token ids, and what an objective makes of each at a visit.

Floor 3. Documents are joined and cut into stretches so long that no input is over the limit; what is left at the end is
not used. A stretch is corrupted when it is asked for, as a pure function of the seed, the visit (the step of the run)
and its place: the same on any number of ranks, in any batch, and in a run that was killed and resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from t2t.config import Config
from t2t.corpora import Corpus, corpus
from t2t.errors import DataError, UsageError
from t2t.examples import Examples
from t2t.metrics import INTERVAL
from t2t.objectives import Corrupted, Draws, Objective, Vocabulary, keys, objective
from t2t.sets import Sets
from t2t.sources import SplitMissing, parse_source
from t2t.token_files import TokenFile, tokenised
from t2t.tokens import Encoded, Tokens
from t2t.types import Example, Task
from t2t.version import VERSION

__all__ = ["Stretches", "cut", "spaced", "vocabulary_of"]

MOST_SENTINELS = 1000
MODES = {"R": ("[R]", "[NLU]"), "S": ("[S]", "[S2S]"), "X": ("[X]", "[NLG]")}  # UL2's, and those of its checkpoint
HELD = 256  # stretches that are measured, unless another number is asked for …
OF_TWENTY = 20  # … and of a corpus without a split of its own for it at most one of so many
KEPT = 4096  # stretches that are remembered: more than are in a step


class Stretches(Examples):
    """Stretches of a corpus in place of rows: ``places`` are which. An example of it has no text, only a place.

    ``alone`` says that the model has no encoder: the target is the stretch, after one end token.
    """

    def __init__(
        self, task: Task, split: str, file: TokenFile, how: Objective, vocabulary: Vocabulary, *,
        max_input: int, places: np.ndarray | range, seed: int, alone: bool = False,
    ) -> None:  # fmt: skip
        self.task, self.split, self.seed = task, split, seed
        self.prompts, self.sample = (), None
        self.file, self.how, self.vocabulary = file, how, vocabulary
        self.raw, self.lengths = how.raw(max_input), how.lengths(max_input)
        self._taken, self._alone = places, alone
        self._ids = file.ids
        self._made: dict[tuple[str, int], Encoded] = {}

    @property
    def origin(self) -> None:
        """A corpus has no rows: `t2t.corpora` knows where its texts came from."""

    def __len__(self) -> int:
        return len(self._taken)

    def _one(self, index: int) -> Example:
        """Return the example of a stretch at its first visit."""
        return Example(f"{self.task.name}:{self.split}:{self._taken[index]}", self.task.name, "", (), "")

    @property
    def fingerprint(self) -> str:
        """What stands for the ids and for what is made of them."""
        return f"{self.file.digest}:{self.how.name}:{self.how.density}:{self.how.mean_span}:{self.raw}:{len(self)}"

    @property
    def signature(self) -> str:
        """What is measured on the stretches: fields that must agree for losses to be compared.

        Where ``tokenizer`` differs, and with it how many stretches there are, bits a byte can be.
        """
        how = "".join(f"|{name}:{value}" for name, value in
                      (("density", self.how.density), ("span", self.how.mean_span)) if value)  # fmt: skip
        return (
            f"task:{self.task.name}|split:{self.split}|data:{self.file.text[:12]}|objective:{self.how.name}{how}"
            f"|stretch:{self.raw}|stretches:{len(self)}/{self.file.counts.tokens // self.raw}|seed:{self.seed}"
            f"|tokenizer:{self.file.tokenizer[:12]}|interval:{INTERVAL}|t2t:{VERSION}"
        )

    @property
    def bytes_a_token(self) -> float:
        """How many bytes of text (UTF-8) a token of the corpus stands for, on average."""
        return self.file.counts.bytes / self.file.counts.tokens

    def corrupt(self, egs: Sequence[Example]) -> Corrupted:
        """Return what the objective makes of the stretches that ``egs`` stand for, each at its visit."""
        places = np.array([int(eg.uid.rpartition(":")[2]) for eg in egs])
        visits = np.array([eg.visit for eg in egs])
        tokens_BL = self._ids[places[:, None] * self.raw + np.arange(self.raw)].astype(np.int64)
        return self.how(tokens_BL, Draws(keys(self.seed, visits, places)), self.vocabulary)

    def encode(self, egs: Sequence[Example]) -> list[Encoded]:
        """Return inputs and targets, the last ones remembered: a step asks for them several times."""
        asked = [(eg.uid, eg.visit) for eg in egs]
        new = [eg for eg, key in zip(egs, asked, strict=True) if key not in self._made]
        if new:
            if len(self._made) > KEPT:
                self._made.clear()
                new = list(egs)
            found = self.corrupt(new)
            rows = zip(new, found.inputs, found.targets, strict=True)
            self._made |= {(eg.uid, eg.visit): self._encoded(source, target) for eg, source, target in rows}
        return [self._made[key] for key in asked]

    def _encoded(self, source: np.ndarray, target: np.ndarray) -> Encoded:
        return Encoded(source.astype(np.int32), (target[:-1] if self._alone else target).astype(np.int32))


def vocabulary_of(tokens: Tokens) -> Vocabulary:
    """Return the ids that objectives write."""
    known = tokens.tokenizer.get_vocab()
    names = (f"<extra_id_{number}>" for number in range(MOST_SENTINELS))
    sentinels = [known[name] for name in names if name in known]
    if not sentinels and tokens.tokenizer.mask_token_id is not None:  # BART: enough for objectives that take one
        sentinels = [tokens.tokenizer.mask_token_id]
    modes = {mode: known[name] for mode, names in MODES.items() for name in names if name in known}
    special = [*tokens.tokenizer.all_special_ids, *sentinels, *modes.values()]
    words = np.setdiff1d(np.arange(len(tokens.tokenizer)), special)
    return Vocabulary(np.array(sentinels, np.int64), tokens.eos, words, modes)


def cut(found: Sets, tokens: Tokens, config: Config, *, alone: bool, watch: Any) -> Sets:
    """Return the sets with the stretches of their corpora: those to train on, and those held out.

    Held out are the split ``validation`` of a data set, the corpus that ``config.validation`` names, or else some of
    the corpus's own, evenly spaced. ``alone`` says that the model has no encoder. Raise ``UsageError`` for an objective
    that it cannot learn, ``DataError`` for a corpus that is shorter than a stretch.
    """
    train, held, notes, origins = dict(found.train), dict(found.held), list(found.notes), dict(found.origins)
    for name, one in found.corpora.items():
        make, read = _ways(one, tokens, config, alone=alone, notes=notes, watch=watch)
        own = _corpus(one, "train", config)
        origins[name] = _origin(own, notes)
        file, count = read(own)
        apart = _apart(one, own, config)
        if apart is not None:
            other, number = read(apart)
            train[name] = make(split="train", file=file, places=np.arange(count))
            held[name] = make(split="validation", file=other, places=_spaced(number, HELD))
        else:
            kept = _spaced(count, min(HELD, count // OF_TWENTY))
            train[name] = make(split="train", file=file, places=np.setdiff1d(np.arange(count), kept))
            if len(kept):
                held[name] = make(split="train", file=file, places=kept)
    return replace(found, train=train, held=held, notes=notes, origins=origins)


def spaced(found: Sets, tokens: Tokens, config: Config, *, alone: bool, watch: Any) -> Sets:
    """Return the sets with the stretches of their corpora that a model is measured on: evenly spaced ones of all.

    Of a data set those of ``config.split`` are taken; at most ``config.eval_limit`` of them, or `HELD`. Raise as `cut`.
    """
    held: dict[str, Examples] = {}
    notes, origins = list(found.notes), dict(found.origins)
    for name, one in found.corpora.items():
        make, read = _ways(one, tokens, config, alone=alone, notes=notes, watch=watch)
        own = _corpus(one, config.split, config)
        origins[name] = _origin(own, notes)
        file, count = read(own)
        places = _spaced(count, config.eval_limit or HELD)
        held[name] = make(split=config.split if own.origin else "all", file=file, places=places)
    return replace(found, held=held, notes=notes, origins=origins)


def _ways(
    one: Task, tokens: Tokens, config: Config, *, alone: bool, notes: list[str], watch: Any
) -> tuple[Callable[..., Stretches], Callable[[Corpus], tuple[TokenFile, int]]]:
    """Return what makes stretches under a task's objective, and what reads a corpus for them."""
    how = _objective(one, config, alone)
    make = partial(Stretches, one, how=how, vocabulary=vocabulary_of(tokens), max_input=config.max_input,
                   seed=config.seed, alone=alone)  # fmt: skip
    return make, partial(_read, tokens=tokens, raw=how.raw(config.max_input), alone=alone, notes=notes, watch=watch)


def _origin(own: Corpus, notes: list[str]) -> str:
    """Return of which kind the place is that a corpus came from; note a data set's."""
    if own.origin is None:
        return "file"
    notes.append(own.origin.notice())
    return own.origin.kind


def _read(own: Corpus, *, tokens: Tokens, raw: int, alone: bool, notes: list[str], watch: Any) -> tuple[TokenFile, int]:
    """Return a corpus as a file of ids and how many stretches it has; note what it holds."""
    with watch.task(f"encoding {own.name}", own.size()) as tick:
        file = tokenised(own, tokens, between=tokens.eos if alone else None, tick=tick)
    counts = file.counts
    unknown = f", {counts.unknown:,} of them unknown" if counts.unknown else ""
    size = f"{counts.bytes / counts.tokens:.2f} bytes a token"
    name = own.origin.where if own.origin and own.origin.kind == "sample" else own.name
    notes.append(f"{name}: {counts.documents:,} documents, {counts.tokens:,} tokens{unknown}, {size}")
    if counts.tokens < raw:
        raise DataError(f"the corpus has {counts.tokens:,} tokens, a stretch {raw:,}", where=own.name,
                        fix="Give more text, or lower --max-input.", code="D04")  # fmt: skip
    return file, counts.tokens // raw


def _objective(one: Task, config: Config, alone: bool) -> Objective:
    """Return the objective of a task. Raise ``UsageError`` where a model without an encoder cannot learn it."""
    if alone and one.objective != "lm":
        raise UsageError(f"a model without an encoder is pretrained on the objective lm, not on {one.objective}",
                         where=one.name, fix="Use --objective lm.", code="C05")  # fmt: skip
    return objective(one.objective, density=config.noise_density, mean_span=config.mean_span)


def _corpus(one: Task, split: str, config: Config) -> Corpus:
    """Return the corpus of a task: what ``config.source`` has in its place, or what the task names."""
    column = one.columns["text"].origin or "text"
    kind, given = parse_source(config.source)
    if kind == "files":
        return corpus(given[split] if split in given else given.get("*", one.source.hub or ""), column=column)
    sample = one.source.sample[0] if one.source.sample else ""
    return corpus(one.source.hub or "", split=split, source=config.source, column=column, sample=sample)


def _apart(one: Task, own: Corpus, config: Config) -> Corpus | None:
    """Return the corpus to measure on, if it is another one than the task's ``own``."""
    column = one.columns["text"].origin or "text"
    if config.validation:
        return corpus(config.validation, source=config.source, column=column)
    kind, given = parse_source(config.source)
    if "validation" not in given if kind == "files" else own.origin is None:  # files of text have no splits
        return None
    try:
        return _corpus(one, "validation", config)
    except SplitMissing:
        return None


def _spaced(count: int, wanted: int) -> np.ndarray:
    """Return at most ``wanted`` of ``count`` places, evenly spaced."""
    wanted = min(wanted, count)
    return (np.arange(wanted) * count + count // 2) // max(wanted, 1)

"""Answers without a network: what has to be beaten before a network is worth its cost.

Floor 4. ``--model baseline:NAME``; every one answers as any other model does, and so stands in the same report.

| name | choice | number | spans, tags | text |
|---|---|---|---|---|
| majority | class frequencies | the mean | the most frequent tag | the most frequent target |
| tfidf | logistic regression on TF-IDF | ridge regression | the word's most frequent tag | – |
| vectors | the same on averaged word vectors | the same | the same | – |
| lead | – | – | – | the first sentences of the longest column |
| copy | – | – | – | the longest column |

What is read is the text of the columns, never the wording of the prompt. Two columns or more are kept apart: each has
its own weights, and how far they overlap is said by a few numbers for each pair (`_overlap`). Choices that differ from
row to row are one more column each: right or wrong is learned, and the likeliest choice is the answer. A word that was
never seen takes the most frequent tag of its longest known ending (up to 5 letters, among words seen at most 10 times;
after Brants 2000, section 2.3). Word vectors are the left-out dimensions of the TF-IDF of the task's own texts (latent
semantic analysis, Deerwester et al. 1990), or come from a file in word2vec's text format (``--set vectors=FILE``).
The strength of regularisation is that of three which does best on a tenth of the training examples, held out.

Protocol: a family with ``fits = True`` has ``fit(sets)``, which learns from all training examples at once; the loop
calls it in place of its steps. ``batch`` and ``loss`` are never called. A task that was not trained on takes the head
of one trained under the very same prompt: to a text-to-text model, too, the two would be one.

Shapes: N examples, V terms, D dimensions, F features, C classes.

>>> terms("It rained, it poured.")
['it', 'rained', 'it', 'poured', 'it rained', 'rained it', 'it poured']
"""

from __future__ import annotations

import json
import re
import warnings
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from scipy.special import log_softmax

from t2t.errors import DataError, ModelError, UsageError, did_you_mean, visible
from t2t.examples import Examples
from t2t.models import Loss, Options
from t2t.tagging import FORMATS
from t2t.tokens import Tally
from t2t.types import Batch, Example, Prompt

__all__ = ["LEARNERS", "Baseline", "load", "terms"]

Matrix = Any  # scipy's sparse matrices and numpy's arrays alike
MOST_TERMS = 200_000
MOST_VECTORS = 200_000  # of a file: they stand in order of frequency
DIMENSIONS = 300  # of latent semantic analysis
MOST_DENSE = 50_000  # examples to fit averages of vectors to: a few hundred weights need no more, and memory is short
STRENGTHS = (10.0, 1.0, 0.1)  # C of the logistic regression, 1 / alpha of the ridge regression; the middle one if few
FEW, MANY = 100, 20_000  # examples too few to hold some out, and enough to choose on
HEADS_FILE, WEIGHTS_FILE = "t2t_heads.json", "heads.safetensors"

# Han and kana stand without spaces: each character is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def terms(text: str) -> list[str]:
    """Return the words of a text, and after them each two that follow each other."""
    found = words(text)
    return [*found, *(f"{a} {b}" for a, b in zip(found, found[1:], strict=False))]


# -- heads: what was learned of a task ---------------------------------------------------------------------------------


@dataclass(eq=False)
class Frequencies:
    """Answers every example alike: by the log frequencies of the classes (C,), in nats."""

    nats: np.ndarray

    def rank(self, egs: Sequence[Example]) -> np.ndarray:
        """Return (N, C) nats."""
        return np.tile(self.nats, (len(egs), 1))


@dataclass(eq=False)
class Constant:
    """Answers every example alike: a number, a tag for each word, or a text."""

    said: float | str

    def write(self, egs: Sequence[Example]) -> list[Any]:
        """Return the number or the text, or tags."""
        return [[self.said] * len(eg.words) if eg.words else self.said for eg in egs]


@dataclass(eq=False)
class Lookup:
    """Tags each word by its most frequent tag, in its own case or in lower case; else by how it ends."""

    tags: dict[str, str]
    endings: dict[str, str]
    other: str

    def write(self, egs: Sequence[Example]) -> list[Any]:
        """Return the tags of each example's words."""
        return [[self.tag(word) for word in eg.words] for eg in egs]

    def tag(self, word: str) -> str:
        """Return the tag of a word."""
        known = self.tags.get(word) or self.tags.get(word.lower())
        return known or next((self.endings[e] for e in _endings(word) if e in self.endings), self.other)


@dataclass(eq=False)
class Lead:
    """Copies the first sentences of the longest column; all of it where ``sentences`` is 0."""

    sentences: int

    def write(self, egs: Sequence[Example]) -> list[Any]:
        """Return the beginning of each example's longest column."""
        longest = [max(_columns(eg).values(), key=len, default="") for eg in egs]
        return [" ".join(_sentences(text)[: self.sentences]) if self.sentences else text for text in longest]


@dataclass(eq=False)
class Linear:
    """A linear model of features of the texts: of classes (C,), of a number, or of whether a choice is the right one.

    ``columns`` are those kept apart, ``terms`` and ``idf`` (V,) the words known; with ``vectors`` (V, D) the features
    are averages of these. ``weight`` is (1 or C, F), ``bias`` (1 or C,). ``seen`` are the classes that there were, of
    ``classes`` in all; ``floor`` is the log frequency given to any other. ``kind``: choice, each (choices that differ
    from row to row) or number.
    """

    kind: str
    columns: list[str]
    terms: list[str]
    idf: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    seen: list[int] = field(default_factory=list)
    classes: int = 0
    floor: float = 0.0
    vectors: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._at = {term: i for i, term in enumerate(self.terms)}

    def features(self, rows: Sequence[Mapping[str, str]]) -> Matrix:
        """Return the features (N, F) of rows of texts by column."""
        parts = [self._texts([row.get(column, "") for row in rows]) for column in self.columns]
        pairs = list(combinations(parts, 2))
        both = [_overlap(a, b) for a, b in pairs]
        if self.vectors is None:
            return sparse.hstack([*(x for _, x in parts), *map(sparse.csr_matrix, both)], format="csr")
        near = [of for (_, a), (_, b) in pairs for of in (np.abs(a - b), a * b)]
        return np.hstack([*(x for _, x in parts), *near, *both])

    def _texts(self, texts: Sequence[str]) -> tuple[Matrix, Matrix]:
        """Return of each text the terms it has (N, V), and its TF-IDF (N, V) or mean vector (N, D), of length 1.

        TF-IDF is (1 + log count) x idf, as scikit-learn's with ``sublinear_tf``.
        """
        split = terms if self.vectors is None else words
        counts = _counts(map(split, texts), self._at)
        has = counts.copy()
        has.data[:] = 1
        if self.vectors is not None:
            return has, _unit(counts @ self.vectors)
        counts.data = 1 + np.log(counts.data)
        return has, _unit(counts @ sparse.diags(self.idf))

    def scores(self, rows: Sequence[Mapping[str, str]]) -> np.ndarray:
        """Return the linear model's values (N, 1 or C)."""
        return np.asarray(self.features(rows) @ self.weight.T) + self.bias

    def rank(self, egs: Sequence[Example]) -> np.ndarray:
        """Return (N, C) nats."""
        if self.kind == "each":
            z = self.scores([row for eg in egs for row in _each(eg)])
            return log_softmax(z.reshape(len(egs), -1), axis=1)
        z = self.scores(list(map(_columns, egs)))
        if z.shape[1] == 1:
            z = np.hstack([np.zeros_like(z), z])
        if len(self.seen) == self.classes:
            return log_softmax(z, axis=1)
        nats = np.full((len(egs), self.classes), self.floor)
        nats[:, self.seen] = log_softmax(z, axis=1)
        return log_softmax(nats, axis=1)

    def write(self, egs: Sequence[Example]) -> list[Any]:
        """Return a number for each example."""
        return self.scores(list(map(_columns, egs)))[:, 0].tolist()


HEADS: dict[str, Any] = {head.__name__: head for head in (Frequencies, Constant, Lookup, Lead, Linear)}


def _columns(eg: Example) -> dict[str, str]:
    """Return the text of each column in the input; that of one that stands there twice in two ways has both."""
    found: dict[str, dict[str, None]] = {}
    for piece in eg.pieces:
        if piece.column is not None:
            found.setdefault(piece.column, {})[piece.text] = None
    return {column: " ".join(texts) for column, texts in found.items()}


def _each(eg: Example) -> list[dict[str, str]]:
    """Return the columns of an example beside each of its choices."""
    return [{**_columns(eg), "{choice}": choice} for choice in eg.choices]


def _counts(split: Iterable[Sequence[str]], at: Mapping[str, int]) -> Matrix:
    """Return how often each known term is in each text (N, V)."""
    columns, data, starts = array("i"), array("d"), array("q", [0])  # a few bytes a term: there may be millions
    for some in split:
        counted = Counter(at[term] for term in some if term in at)
        columns.extend(counted)
        data.extend(counted.values())
        starts.append(len(columns))
    parts = (np.array(data, float), np.array(columns, np.int32), np.array(starts, np.int64))
    return sparse.csr_matrix(parts, shape=(len(starts) - 1, len(at)))


def _unit(rows: Matrix) -> Matrix:
    """Return rows scaled to length 1; those of zeros stay."""
    if sparse.issparse(rows):
        length = np.sqrt(rows.multiply(rows).sum(1)).A1
        return sparse.diags(1 / np.where(length > 0, length, 1)) @ rows
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def _overlap(a: tuple[Matrix, Matrix], b: tuple[Matrix, Matrix]) -> np.ndarray:
    """Return how far two columns overlap (N, 4): cosine, the share of each's terms in the other, difference in size."""
    (has_a, x), (has_b, y) = a, b
    cosine = x.multiply(y).sum(1).A1 if sparse.issparse(x) else (x * y).sum(1)
    both, size_a, size_b = (m.sum(1).A1 for m in (has_a.multiply(has_b), has_a, has_b))
    one, two = np.maximum(size_a, 1), np.maximum(size_b, 1)
    return np.stack([cosine, both / one, both / two, np.abs(size_a - size_b) / (one + two)], axis=1)


def _sentences(text: str) -> list[str]:
    """Cut a text after marks that end a sentence, and at the ends of lines."""
    return [s for s in re.split(r"(?<=[.!?])\s+|\s*\n\s*|(?<=[。！？])", text.strip()) if s]


def _endings(word: str) -> list[str]:
    """Return the endings of a word, the longest first, each with how the word is written; the last is nothing else."""
    how = "0" if any(c.isdigit() for c in word) else "A" if word[:1].isupper() else "a"
    return [f"{how}-{word[-n:].lower() if n else ''}" for n in range(min(5, len(word) - 1), -1, -1)]


# -- learning ----------------------------------------------------------------------------------------------------------

Learner = Callable[[Sequence[Example], Prompt, Options], Any]


def _frequencies(egs: Sequence[Example], prompt: Prompt, options: Options) -> Frequencies:
    """Count the classes; one that never occurs counts half."""
    counts = np.bincount([eg.gold for eg in egs], minlength=len(egs[0].choices)).astype(float)
    return Frequencies(np.log(np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum()))


def _mean(egs: Sequence[Example], prompt: Prompt, options: Options) -> Constant:
    """Take the mean: no other number has a smaller squared error."""
    return Constant(float(np.mean([eg.gold for eg in egs])))


def _one_tag(egs: Sequence[Example], prompt: Prompt, options: Options) -> Constant:
    return Constant(_often(tag for eg in egs for tag in eg.gold))


def _one_text(egs: Sequence[Example], prompt: Prompt, options: Options) -> Constant:
    return Constant(_often(eg.target for eg in egs))


def _often(items: Iterable[str]) -> str:
    """Return the most frequent item, the first of several."""
    return Counter(items).most_common(1)[0][0]


def _lookup(egs: Sequence[Example], prompt: Prompt, options: Options) -> Lookup:
    """Count the tags of each word, and of the endings of rare words."""
    own: dict[str, Counter[str]] = defaultdict(Counter)
    low: dict[str, Counter[str]] = defaultdict(Counter)
    endings: dict[str, Counter[str]] = defaultdict(Counter)
    for eg in egs:
        for word, tag in zip(eg.words, eg.gold, strict=True):
            own[word][tag] += 1
            low[word.lower()][tag] += 1
    for word, counts in own.items():
        if counts.total() <= 10:
            for ending in _endings(word):
                endings[ending] += counts
    tags = {word: _often(some.elements()) for word, some in {**low, **own}.items()}
    ends = {ending: _often(some.elements()) for ending, some in endings.items()}
    return Lookup(tags, ends, _often(tag for eg in egs for tag in eg.gold))


def _lead(egs: Sequence[Example], prompt: Prompt, options: Options) -> Lead:
    """Copy as many sentences as the median target has."""
    return Lead(max(1, round(float(np.median([len(_sentences(eg.target)) for eg in egs])))))


def _copy(egs: Sequence[Example], prompt: Prompt, options: Options) -> Lead:
    return Lead(0)


def _tfidf(egs: Sequence[Example], prompt: Prompt, options: Options) -> Any:
    return _linear(egs, prompt, options, vectors=False)


def _vectors(egs: Sequence[Example], prompt: Prompt, options: Options) -> Any:
    return _linear(egs, prompt, options, vectors=True)


def _linear(egs: Sequence[Example], prompt: Prompt, options: Options, *, vectors: bool) -> Any:
    """Learn a linear model of classes, of a number, or of which choice is right."""
    number, each = bool(egs[0].range), prompt.per_row
    rows = [row for eg in egs for row in _each(eg)] if each else list(map(_columns, egs))
    golds = np.array([i == eg.gold for eg in egs for i in range(len(eg.choices))] if each else [eg.gold for eg in egs])
    seen, counts = np.unique(golds, return_counts=True)
    split = [text for row in rows for text in row.values()]
    known, idf = _known(map(words if vectors else terms, split))
    if not known or (not number and len(seen) == 1):  # no words, or nothing to tell apart
        return _mean(egs, prompt, options) if number else _frequencies(egs, prompt, options)
    table = None
    if vectors:
        file = options.vectors
        known, table = _from_file(Path(file)) if file else (known, _analysed(map(words, split), known, idf, options))
    kind = "number" if number else "each" if each else "choice"
    head = Linear(
        kind=kind, columns=sorted({column for row in rows for column in row}), terms=known,
        idf=np.zeros(0) if vectors else idf, weight=np.zeros((1, 0)), bias=np.zeros(1), vectors=table,
        classes=0 if number else len(egs[0].choices), seen=[] if number else seen.tolist(),
        floor=0.0 if number else float(np.log(0.5 / counts.sum())),
    )  # fmt: skip
    if vectors and len(rows) > MOST_DENSE:
        spread = np.linspace(0, len(rows) - 1, MOST_DENSE).astype(int)
        rows, golds = [rows[i] for i in spread], golds[spread]
    fitted = _fitted(head.features(rows), golds, number)
    head.weight, head.bias = np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)
    return head


def _known(split: Iterable[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """Return the most frequent terms of at least two texts (of any, where there are few texts), sorted, and their idf.

    That is log((1 + texts) / (1 + texts with the term)) + 1, as scikit-learn has it.
    """
    counts: Counter[str] = Counter()
    size = 0
    for some in split:
        counts.update(set(some))
        size += 1
    least = 2 if size >= 5 * FEW else 1
    often = sorted((term for term, n in counts.items() if n >= least), key=lambda term: (-counts[term], term))
    known = sorted(often[:MOST_TERMS])
    return known, np.log((1 + size) / (1 + np.array([counts[term] for term in known], float))) + 1


def _analysed(split: Iterable[Sequence[str]], known: Sequence[str], idf: np.ndarray, options: Options) -> np.ndarray:
    """Return vectors (V, D) of words by a singular value decomposition of the TF-IDF of the texts."""
    from sklearn.utils.extmath import randomized_svd

    counts = _counts(split, {term: i for i, term in enumerate(known)})
    counts.data = 1 + np.log(counts.data)
    weighted = _unit(counts @ sparse.diags(idf))
    size = min(DIMENSIONS, *weighted.shape)
    _, _, directions_DV = randomized_svd(weighted, size, random_state=options.seed)
    vectors_VD = directions_DV.T * idf[:, None]  # the sum of a text's word vectors is then where the text stands
    return np.ascontiguousarray(vectors_VD, dtype=np.float32)


@lru_cache(maxsize=1)
def _from_file(path: Path) -> tuple[list[str], np.ndarray]:
    """Read the first vectors of a file in word2vec's text format (GloVe's, which has no first line, too).

    Raise ``DataError`` naming the line that is none.
    """
    table: dict[str, np.ndarray] = {}
    size, number = 0, 0
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                parts = line.rstrip("\n ").split(" ")
                if number == 1 and len(parts) == 2:  # how many, of how many dimensions
                    size = int(parts[1])
                    continue
                size = size or len(parts) - 1
                vector = np.array(parts[-size:], np.float32)
                if not 0 < size < len(parts) or not np.isfinite(vector).all():
                    raise ValueError(f"expected a word and {size or 'some'} numbers")
                table.setdefault(" ".join(parts[:-size]).lower(), vector)  # some have a space in the word
                if len(table) == MOST_VECTORS:
                    break
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError as error:
        raise DataError(f"not word2vec's text format: {visible(error)}", where=f"{path}:{number}", code="D02") from None
    if not table:
        raise DataError("no vectors", where=str(path), code="D04")
    return list(table), np.stack(list(table.values()))


def _fitted(features: Matrix, golds: np.ndarray, number: bool) -> Any:
    """Return scikit-learn's regression, regularised as does best on a tenth of the examples, held out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged after so many steps is good enough
        return _chosen(features, golds, number)


def _chosen(features: Matrix, golds: np.ndarray, number: bool) -> Any:
    part = np.unique(np.linspace(0, len(golds) - 1, min(len(golds), MANY)).astype(int))
    held = np.arange(len(part)) // 10 % 10 == 9  # tens, so that all choices of a row are held out
    kept, left = part[~held], part[held]
    strength = STRENGTHS[1]
    if len(golds) >= FEW and len(np.unique(golds[kept])) > 1:
        fitted = {one: _regression(one, number).fit(features[kept], golds[kept]) for one in STRENGTHS}
        losses = {one: _held_out(model, features[left], golds[left], number) for one, model in fitted.items()}
        strength = min(losses, key=losses.__getitem__)
    return _regression(strength, number).fit(features, golds)


def _regression(strength: float, number: bool) -> Any:
    """Return an unfitted regression of scikit-learn."""
    from sklearn.linear_model import LogisticRegression, Ridge

    return Ridge(alpha=1 / strength) if number else LogisticRegression(C=strength, max_iter=500)


def _held_out(model: Any, features: Matrix, golds: np.ndarray, number: bool) -> float:
    """Return the squared error, or the nats, of examples held out."""
    if number:
        return float(np.square(model.predict(features) - golds).mean())
    places = {gold: i for i, gold in enumerate(model.classes_.tolist())}
    nats = model.predict_log_proba(features)
    return -float(np.mean([nats[i, places[g]] if g in places else -20.0 for i, g in enumerate(golds.tolist())]))


LEARNERS: dict[str, dict[str, Learner]] = {
    "majority": {"choice": _frequencies, "number": _mean, "spans": _one_tag, "tags": _one_tag, "text": _one_text},
    "tfidf": {"choice": _tfidf, "number": _tfidf, "spans": _lookup, "tags": _lookup},
    "vectors": {"choice": _vectors, "number": _vectors, "spans": _lookup, "tags": _lookup},
    "lead": {"text": _lead},
    "copy": {"text": _copy},
}


# -- the family --------------------------------------------------------------------------------------------------------


@dataclass
class Words:
    """What a text-to-text model has a tokenizer for: here words, none of which is unknown to writing."""

    tokenizer: None = None
    tallies: dict[str, Tally] = field(default_factory=dict)

    def audit(self, task: str, prompt: Prompt, targets: Sequence[str] = ()) -> list[str]:
        """Return no warnings: every target can be said."""
        return []

    def count(self, egs: Sequence[Example]) -> None:
        """Count examples, their words and their empty columns by task."""
        for eg in egs:
            tally, size = self.tallies.setdefault(eg.task, Tally()), len(words(eg.input))
            tally.examples += 1
            tally.input_tokens += size
            tally.longest_input = max(tally.longest_input, size)
            tally.empty_columns += sum(piece.column is not None and not piece.text.strip() for piece in eg.pieces)

    def forget(self) -> None:
        """Do nothing: nothing is remembered."""

    def save(self, folder: Path) -> None:
        """Do nothing: the words stand with the heads."""


@dataclass
class Learned:
    """A head with what it was trained for: the choices of its prompt and the hashes of all its prompts."""

    head: Any
    choices: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()


class Baseline:
    """A baseline behind the `Model` protocol. ``net`` holds its weights, none of which is trained by steps."""

    family = recipe = "baseline"
    generates = False
    fits = True
    unpadded = False
    soft = False
    fresh = False

    def __init__(self, name: str, options: Options, origin: str) -> None:
        self.name, self.options, self.origin = name, options, origin
        self.tokens: Any = Words()
        self.net: torch.nn.Module = torch.nn.ParameterDict()
        self.module: torch.nn.Module = self.net
        self.learned: dict[str, Learned] = {}
        self._hashes: dict[str, set[str]] = {}

    def check(self, egs: Examples, trained: Sequence[Examples]) -> None:
        """Raise ``UsageError`` for a kind of task that it cannot answer, or a task that is not learned."""
        self._check_kind(egs)
        name, asked = egs.task.name, {prompt.hash for prompt in egs.prompts}
        learned = {task: set(one.prompts) for task, one in self.learned.items()}
        learned |= {one.task.name: {prompt.hash for prompt in one.prompts} for one in trained}
        if name not in learned and not any(asked & known for known in learned.values()):
            raise self._unlearned(name)

    def _check_kind(self, egs: Examples) -> None:
        kind = _kind(egs)
        if kind not in LEARNERS[self.name]:
            able = [f"baseline:{name}" for name, kinds in LEARNERS.items() if kind in kinds]
            raise UsageError(f"baseline:{self.name} cannot answer a {kind} task", where=egs.task.name,
                             fix=f"These can: {', '.join(able)}.")  # fmt: skip

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Note the prompts of each task. Raise ``UsageError`` for a task that cannot be answered or was not learned."""
        for egs in sets.values():
            self._check_kind(egs)
            where = egs.task.name
            if egs.shots:
                raise UsageError("a baseline reads no examples before its input", where=where, fix="Leave out --shots.")
            self._hashes.setdefault(where, set()).update(prompt.hash for prompt in egs.prompts)
            if not training:
                self._of(where)

    def fit(self, sets: Mapping[str, Examples]) -> None:
        """Learn each task from all its examples, under the first of its prompts."""
        for egs in sets.values():
            prompt = egs.prompts[0]
            some = egs.under(prompt)[:]
            self.tokens.count(some)
            head = LEARNERS[self.name][_kind(egs)](some, prompt, self.options)
            choices = () if prompt.per_row else prompt.choices
            self.learned[egs.task.name] = Learned(head, choices, tuple(p.hash for p in egs.prompts))
        self._show()

    def _show(self) -> None:
        """Let ``net`` hold every array, so that a report counts them."""
        arrays = {name.replace(".", "-"): array for name, array in self._split()[1].items() if array.size}
        frozen = {name: torch.nn.Parameter(torch.from_numpy(a), requires_grad=False) for name, a in arrays.items()}
        self.net = self.module = torch.nn.ParameterDict(frozen)

    def _of(self, task: str) -> Learned:
        """Return what was learned for a task: its own, or that of a task under the very same prompt."""
        if task in self.learned:
            return self.learned[task]
        for one in self.learned.values():
            if self._hashes.get(task, set()) & set(one.prompts):
                return one
        raise self._unlearned(task)

    def _unlearned(self, task: str) -> UsageError:
        return UsageError(f"baseline:{self.name} has no head for this task", where=task,
                          fix=f"Train it: t2t train --model baseline:{self.name} --task {task}.")  # fmt: skip

    def thaw(self, step: int) -> None:
        """Do nothing: it takes no steps."""

    def scales(self) -> Mapping[str, float]:
        """Return no factors: nothing learns by steps."""
        return {}

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return the words of each input, and the units of its answer: one, or one a word."""
        return [(len(words(eg.input)), len(eg.words) or 1) for eg in egs]

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Not to be called: it does not learn by steps."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> Loss:
        """Not to be called: it does not learn by steps."""
        raise NotImplementedError

    def answer_limit(self, eg: Example) -> int | None:
        """Return None: answers may be of any length."""
        return None

    def held_out(self, sets: Mapping[str, Examples]) -> list[str]:
        """Return nothing: it is measured by its answers."""
        return []

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        """Return the log probability of each choice of each example, in nats."""
        self.tokens.count(egs)
        nats: list[list[float]] = [[] for _ in egs]
        for task, where in _by_task(egs).items():
            learned, some = self._of(task), [egs[i] for i in where]
            if not hasattr(learned.head, "rank") or not all(eg.choices for eg in some):
                raise UsageError("only tasks with choices can be ranked", where=task, fix="Use --by write.")
            for i, eg, row in zip(where, some, learned.head.rank(some), strict=True):
                nats[i] = row[_order(learned, eg)].tolist()
        return nats

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Return an answer as text to each example: the likeliest choice, a number within range, tags or a text."""
        texts = [""] * len(egs)
        for task, where in _by_task(egs).items():
            head, some = self._of(task).head, [egs[i] for i in where]
            if hasattr(head, "write") and getattr(head, "kind", "number") == "number":
                self.tokens.count(some)
                said = [_as_text(value, eg) for value, eg in zip(head.write(some), some, strict=True)]
            else:
                said = [eg.choices[int(np.argmax(n))] for eg, n in zip(some, self.rank(some), strict=True)]
            for i, text in zip(where, said, strict=True):
                texts[i] = text
        return texts

    # -- files -------------------------------------------------------------------------------------------------------

    def _split(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what can be said in JSON, and the arrays by name. Words that several heads share stand there once."""
        vocabularies: dict[int, tuple[int, list[str]]] = {}
        heads, arrays = {}, {}
        for number, (task, learned) in enumerate(self.learned.items()):
            said: dict[str, Any] = {}
            for one in fields(learned.head):
                value = getattr(learned.head, one.name)
                if one.name == "terms":
                    at, _ = vocabularies.setdefault(id(value), (len(vocabularies), value))
                    said["vocabulary"] = at
                elif one.name == "vectors" and value is not None:
                    arrays[f"vectors.{said['vocabulary']}"] = value
                elif isinstance(value, np.ndarray):
                    arrays[f"{number}.{one.name}"] = value
                else:
                    said[one.name] = value
            kind = type(learned.head).__name__
            heads[task] = {"head": kind, "choices": learned.choices, "prompts": learned.prompts, "said": said}
        return {"heads": heads, "vocabularies": [value for _, value in vocabularies.values()]}, arrays

    def save(self, folder: Path) -> None:
        """Write config.json, the heads in JSON and their weights in safetensors."""
        folder.mkdir(parents=True, exist_ok=True)
        said, arrays = self._split()
        for name, data in (("config.json", {"model_type": "t2t-baseline", "baseline": self.name}), (HEADS_FILE, said)):
            (folder / name).write_text(json.dumps(data, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / WEIGHTS_FILE)

    def read(self, folder: Path) -> None:
        """Read what `save` wrote. Raise ``ModelError`` for anything else."""
        try:
            said = json.loads((folder / HEADS_FILE).read_text(encoding="utf-8"))
            arrays = load_file(folder / WEIGHTS_FILE)
            for number, (task, one) in enumerate(said["heads"].items()):
                values = dict(one["said"])
                mine: dict[str, Any] = {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{number}.")}
                if "vocabulary" in values:
                    at = values.pop("vocabulary")
                    values |= {"terms": said["vocabularies"][at], "vectors": arrays.get(f"vectors.{at}")}
                head = HEADS[one["head"]](**values, **mine)
                if isinstance(head, Linear) and head.features([{}]).shape[1] != head.weight.shape[1]:
                    raise ValueError("weights for other features")
                self.learned[task] = Learned(head, tuple(one["choices"]), tuple(one["prompts"]))
            self._show()
        except (OSError, ValueError, LookupError, TypeError, AttributeError, SafetensorError) as error:
            raise ModelError(
                f"is not a baseline that t2t wrote: {visible(error)}", where=str(folder), code="M01"
            ) from None


def _kind(egs: Examples) -> str:
    """Return the kind of answer that is learned: a choice that names a referent is a text like any other."""
    return egs.task.answer if egs.ranked or egs.task.answer != "choice" else "text"


def _by_task(egs: Sequence[Example]) -> dict[str, list[int]]:
    """Return the places of the examples of each task."""
    found: dict[str, list[int]] = {}
    for i, eg in enumerate(egs):
        found.setdefault(eg.task, []).append(i)
    return found


def _order(learned: Learned, eg: Example) -> list[int]:
    """Return where each choice of ``eg`` stands among those learned: by its text, or under other wording by its place.

    Raise ``UsageError`` if there are more of them or fewer.
    """
    known = learned.choices
    if known and set(known) == set(eg.choices):
        return [known.index(choice) for choice in eg.choices]
    if known and len(known) != len(eg.choices):
        raise UsageError(f"{len(eg.choices)} choices, {len(known)} were learned", where=eg.where,
                         fix="Use the prompt that was trained on.")  # fmt: skip
    return list(range(len(eg.choices)))


def _as_text(value: Any, eg: Example) -> str:
    """Return an answer as text: a number within its range, tags in the example's format, a text as it is."""
    if eg.words:
        return FORMATS[eg.format].write(_legal(value) if eg.spans else value, eg.words, eg.spans)
    if isinstance(value, str):
        return value
    low, high = eg.range or (-np.inf, np.inf)
    return np.format_float_positional(min(max(float(value), low), high), precision=9, trim="-")


def _legal(tags: Sequence[str]) -> list[str]:
    """Return tags with a B for every I that continues nothing, as conlleval reads it."""
    out: list[str] = []
    for tag in tags:
        follows = bool(out) and out[-1] != "O" and out[-1][2:] == tag[2:]
        out.append(f"B-{tag[2:]}" if tag.startswith("I-") and not follows else tag)
    return out


def load(folder: str, config: Mapping[str, Any], options: Options) -> Baseline:
    """Return a baseline that has learned nothing yet (``folder`` is empty), or one that was saved.

    Raise ``UsageError`` for an unknown name, or vectors that it does not use; ``ModelError`` for damaged files.
    """
    name = str(config.get("baseline"))
    if name not in LEARNERS:
        raise UsageError(f'there is no baseline "{visible(name)}"',
                         fix=f"Baselines: {', '.join(LEARNERS)}.{did_you_mean(name, LEARNERS)}")  # fmt: skip
    if options.vectors and name != "vectors":
        raise UsageError(f"baseline:{name} uses no word vectors", fix="Leave vectors out, or use baseline:vectors.")
    model = Baseline(name, options, folder or f"baseline:{name}")
    if folder:
        model.read(Path(folder))
    return model

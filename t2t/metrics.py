"""Metrics: each one a table of per-row statistics and a function of their sums.

Floor 1. Written this way a bootstrap interval costs one matrix product: drawing rows anew only re-weights the table.
A prediction of None is unparsed and always counts as wrong. All values are percent (0-100, or -100-100 for the
correlations); a value that is mathematically undefined (a constant column in a correlation) is 0, never NaN.

>>> measure("accuracy", golds=[1, 0, 1, 1], preds=[1, 0, 0, None]).value
50.0
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from t2t.answers import spans_of
from t2t.errors import DataError, UsageError, did_you_mean

__all__ = ["METRICS", "Measure", "Metric", "Table", "measure", "metric"]

Rows = np.ndarray  # (N, K) statistics, or (R, K) sums of R resamples


@dataclass(frozen=True, slots=True)
class Table:
    """Per-row statistics (N, K) and ``of``, which maps sums (R, K) to values (R,) in percent."""

    rows: Rows
    of: Callable[[Rows], np.ndarray]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its function, unit, whether higher is better, and where it is defined."""

    table: Callable[[Sequence[Any], Sequence[Any]], Table]
    source: str
    unit: str = "percent"
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Measure:
    """A value with its 95 % bootstrap interval (percentiles of ``resamples`` draws of rows with replacement)."""

    value: float
    low: float
    high: float
    n: int


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return 100 x top / bottom, and 0 where the bottom is 0."""
    return 100.0 * np.divide(top, bottom, out=np.zeros_like(top, dtype=float), where=np.abs(bottom) > 1e-12)


def _mean(values: Sequence[float]) -> Table:
    """Return the table of a mean over rows of values in [0, 1]."""
    rows = np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)
    return Table(rows, lambda s: _ratio(s[:, 0], s[:, 1]))


def accuracy(golds: Sequence[Any], preds: Sequence[Any]) -> Table:
    """Share of answers equal to the gold answer."""
    return _mean([pred is not None and pred == gold for gold, pred in zip(golds, preds, strict=True)])


def f1(golds: Sequence[int], preds: Sequence[int | None]) -> Table:
    """F1 of class 1 of two. An unparsed answer counts as the wrong class (as T5's ``f1_score_with_invalid``)."""
    pairs = [(gold == 1, (1 - gold if pred is None else pred) == 1) for gold, pred in zip(golds, preds, strict=True)]
    rows = np.array([(g and p, p and not g, g and not p) for g, p in pairs], float).reshape(-1, 3)
    return Table(rows, lambda s: _ratio(2 * s[:, 0], 2 * s[:, 0] + s[:, 1] + s[:, 2]))


def matthews(golds: Sequence[int], preds: Sequence[int | None]) -> Table:
    """Matthews correlation over all classes, unparsed answers being one class more (Gorodkin 2004)."""
    classes = max([*golds, *(p for p in preds if p is not None)], default=0) + 2
    rows = np.zeros((len(golds), classes * classes))
    for i, (gold, pred) in enumerate(zip(golds, preds, strict=True)):
        rows[i, gold * classes + (classes - 1 if pred is None else pred)] = 1

    def of(sums: Rows) -> np.ndarray:
        confusion = sums.reshape(-1, classes, classes)
        true, said = confusion.sum(2), confusion.sum(1)
        n, hits = true.sum(1), np.trace(confusion, axis1=1, axis2=2)
        top = hits * n - (true * said).sum(1)
        bottom = np.sqrt((n**2 - (said**2).sum(1)) * (n**2 - (true**2).sum(1)))
        return _ratio(top, bottom)

    return Table(rows, of)


def _correlation(golds: Sequence[float], preds: Sequence[float | None], ranked: bool) -> Table:
    """Correlation over the parsed rows, times the share of rows parsed: an unparsed answer earns nothing."""
    from scipy.stats import rankdata

    parsed = np.array([pred is not None for pred in preds], bool)
    x = np.array([gold for gold, ok in zip(golds, parsed, strict=True) if ok], float)
    y = np.array([pred for pred in preds if pred is not None], float)
    if ranked and len(x):
        x, y = rankdata(x), rankdata(y)
    x, y = _centred(x), _centred(y)
    rows = np.zeros((len(golds), 7))
    rows[:, 0], rows[parsed, 1] = 1, 1
    rows[parsed, 2:] = np.stack([x, y, x * x, y * y, x * y], axis=1)

    def of(s: Rows) -> np.ndarray:
        n, k, sx, sy, sxx, syy, sxy = s.T
        scale = np.maximum(k, 1)
        spread = _spread(sxx, sx * sx / scale) * _spread(syy, sy * sy / scale)
        return np.clip(_ratio(sxy - sx * sy / scale, np.sqrt(spread)), -100, 100) * k / np.maximum(n, 1)

    return Table(rows, of)


def _centred(values: np.ndarray) -> np.ndarray:
    """Shift to mean 0 and scale to at most 1: correlations stay, cancellation does not hurt."""
    if not len(values):
        return values
    values = values / max(np.abs(values).max(), 1e-300)
    values = values - values.mean()
    return values / (np.abs(values).max() if np.abs(values).max() > 1e-12 else 1.0)


def _spread(squares: np.ndarray, of_mean: np.ndarray) -> np.ndarray:
    """Return the sum of squares around the mean; 0 where nothing but rounding is left of it."""
    return np.where(squares - of_mean > 1e-12 * squares, squares - of_mean, 0.0)


def pearson(golds: Sequence[float], preds: Sequence[float | None]) -> Table:
    """Pearson correlation of the parsed rows times the share parsed; 0 where either side is constant."""
    return _correlation(golds, preds, ranked=False)


def spearman(golds: Sequence[float], preds: Sequence[float | None]) -> Table:
    """Spearman correlation, as `pearson` on average ranks. The interval keeps the ranks of the whole set."""
    return _correlation(golds, preds, ranked=True)


def span_f1(golds: Sequence[Sequence[str]], preds: Sequence[Sequence[str] | None]) -> Table:
    """Micro F1 of exact (type, start, end) spans (CoNLL-2000; Tjong Kim Sang and Buchholz 2000).

    Tags are read as strict IOB2 on both sides: an I that continues no span of its type is no part of any, as in
    seqeval's ``mode="strict", scheme=IOB2``. (conlleval would open a span there.)
    """
    rows = []
    for gold, pred in zip(golds, preds, strict=True):
        true, said = set(spans_of(gold)), set(spans_of(pred or ()))
        rows.append((len(true & said), len(said), len(true)))
    return Table(np.array(rows, float).reshape(-1, 3), lambda s: _ratio(2 * s[:, 0], s[:, 1] + s[:, 2]))


def tag_accuracy(golds: Sequence[Sequence[str]], preds: Sequence[Sequence[str] | None]) -> Table:
    """Share of words with the right tag. Words without a tag are wrong."""
    rows = [
        (sum(g == p for g, p in zip(gold, pred or (), strict=False)), len(gold))
        for gold, pred in zip(golds, preds, strict=True)
    ]
    return Table(np.array(rows, float).reshape(-1, 2), lambda s: _ratio(s[:, 0], s[:, 1]))


def _references(golds: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """Turn references a row into sacrebleu's streams of references, padded with None."""
    most = max((len(gold) for gold in golds), default=1)
    return [[gold[i] if i < len(gold) else None for gold in golds] for i in range(most)]


def _sacrebleu(scorer: Any, golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Return sacrebleu's own sentence statistics and its own corpus score of their sums."""
    hypotheses = [pred or "" for pred in preds]
    rows = np.array(scorer._extract_corpus_statistics(hypotheses, _references(golds)), float)
    return Table(rows, lambda s: np.array([scorer._compute_score_from_stats([*map(int, row)]).score for row in s]))


def bleu(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Corpus BLEU by sacrebleu, tokenize=intl, smoothing exp: T5's setting (Post 2018; Raffel et al. 2020)."""
    from sacrebleu.metrics.bleu import BLEU

    return _sacrebleu(BLEU(tokenize="intl"), golds, preds)


def chrf(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Corpus chrF2 by sacrebleu (Popović 2015)."""
    from sacrebleu.metrics.chrf import CHRF

    return _sacrebleu(CHRF(), golds, preds)


class _Words:
    """Split into words of letters, digits and marks of any script; rouge-score's own drops all but a-z and 0-9."""

    def tokenize(self, text: str) -> list[str]:
        kept = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text.lower())
        return "".join(kept).split()


def _rouge(kind: str, golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Mean over rows of the best F1 over the references, by rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], tokenizer=_Words())

    def lines(text: str) -> str:
        return text.replace(" . ", " .\n")  # T5's sentence split for rougeLsum

    return _mean(
        [
            max(scorer.score(lines(ref), lines(pred or ""))[kind].fmeasure for ref in gold)
            for gold, pred in zip(golds, preds, strict=True)
        ]
    )


def rouge1(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """ROUGE-1 F1 (Lin 2004)."""
    return _rouge("rouge1", golds, preds)


def rouge2(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """ROUGE-2 F1 (Lin 2004)."""
    return _rouge("rouge2", golds, preds)


def rouge_lsum(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """ROUGE-Lsum F1, sentences split at newlines and " . " (Lin 2004; Raffel et al. 2020)."""
    return _rouge("rougeLsum", golds, preds)


def exact(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Share of texts equal to a reference, to the character."""
    return _mean([pred in gold for gold, pred in zip(golds, preds, strict=True)])


def _squad_words(text: str) -> list[str]:
    """Normalise as SQuAD's evaluation: lower case, no punctuation, no articles, single spaces."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def _overlap(gold: list[str], pred: list[str]) -> float:
    """Return the F1 of two bags of words."""
    both = sum((Counter(gold) & Counter(pred)).values())
    return 2 * both / (len(gold) + len(pred)) if both else 0.0


def squad_em(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Share of answers equal to a reference after SQuAD's normalisation (Rajpurkar et al. 2016)."""
    return _mean(
        [
            pred is not None and any(_squad_words(ref) == _squad_words(pred) for ref in gold)
            for gold, pred in zip(golds, preds, strict=True)
        ]
    )


def squad_f1(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Mean of the best word-overlap F1 over the references (Rajpurkar et al. 2016)."""
    return _mean(
        [
            max(_overlap(_squad_words(ref), _squad_words(pred or "")) for ref in gold)
            for gold, pred in zip(golds, preds, strict=True)
        ]
    )


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, "share of equal answers"),
    "f1": Metric(f1, "van Rijsbergen 1979; class 1"),
    "matthews": Metric(matthews, "Gorodkin 2004"),
    "pearson": Metric(pearson, "Pearson 1895; times the share parsed"),
    "spearman": Metric(spearman, "Spearman 1904; times the share parsed"),
    "span_f1": Metric(span_f1, "Tjong Kim Sang and Buchholz 2000"),
    "tag_accuracy": Metric(tag_accuracy, "share of words with the right tag"),
    "bleu": Metric(bleu, "sacrebleu; Post 2018"),
    "chrf": Metric(chrf, "sacrebleu; Popović 2015"),
    "rouge1": Metric(rouge1, "rouge-score; Lin 2004"),
    "rouge2": Metric(rouge2, "rouge-score; Lin 2004"),
    "rougeLsum": Metric(rouge_lsum, "rouge-score; Lin 2004"),
    "exact": Metric(exact, "share of equal texts"),
    "squad_em": Metric(squad_em, "Rajpurkar et al. 2016"),
    "squad_f1": Metric(squad_f1, "Rajpurkar et al. 2016"),
}


def metric(name: str, where: str = "") -> Metric:
    """Return the metric called ``name``, or raise ``UsageError`` with the closest name."""
    try:
        return METRICS[name]
    except KeyError:
        raise UsageError(
            f'there is no metric "{name}"',
            where=where,
            fix=f"Metrics: {', '.join(METRICS)}.{did_you_mean(name, METRICS)}",
        ) from None


def measure(name: str, golds: Sequence[Any], preds: Sequence[Any], *, resamples: int = 1000, seed: int = 0) -> Measure:
    """Score ``preds`` against ``golds`` with a 95 % percentile bootstrap interval over rows.

    Values are percent, and the interval holds the value. Raise ``UsageError`` for an unknown metric, ``DataError`` for
    an empty set of rows.
    """
    found = metric(name)
    if not len(golds):
        raise DataError(f"{name} over 0 rows is not a number", fix="Score a split that has rows.", code="D04")
    table = found.table(golds, preds)
    n = len(table.rows)
    rng = np.random.Generator(np.random.Philox(seed))
    values = [table.of(_draw(rng, n, size) @ table.rows) for size in _blocks(resamples, n)]
    low, high = np.percentile(np.concatenate(values), [2.5, 97.5])
    value = float(table.of(table.rows.sum(0, keepdims=True))[0])
    return Measure(value, min(float(low), value), max(float(high), value), n)


def _draw(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Draw ``n`` of ``n`` rows with replacement, ``size`` times; return how often each was drawn (size, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=size).astype(float)


def _blocks(resamples: int, n: int) -> list[int]:
    """Cut the resamples into blocks that need little memory; the draws are the same however they are cut."""
    most = max(1, 4_000_000 // n)
    return [min(most, resamples - done) for done in range(0, resamples, most)]

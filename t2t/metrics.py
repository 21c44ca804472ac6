"""Metrics: each one a table of per-row statistics and a function of their sums.

Floor 1. Written this way a bootstrap interval costs one matrix product: drawing rows anew only re-weights the table.
A prediction of None is unparsed and always counts as wrong. All values are percent (0-100, or -100-100 for the
correlations); a value that is mathematically undefined (a constant column in a correlation) is 0, never NaN.

Rows that belong together (the answers to one question) are drawn together: with ``groups`` the table has one line a
group, made by its ``pool``. That is the sum, or, where a metric is defined over groups, the least or the greatest.

>>> measure("accuracy", golds=[1, 0, 1, 1], preds=[1, 0, 0, None]).value
50.0
>>> measure("group_exact", golds=[1, 0, 1, 1], preds=[1, 0, 0, None], groups=["q1", "q1", "q2", "q2"]).value
50.0
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from t2t.errors import DataError, UsageError, did_you_mean
from t2t.tagging import spans_of

__all__ = [
    "INTERVAL",
    "METRICS",
    "Measure",
    "Metric",
    "Table",
    "average_margin",
    "blocks",
    "bootstrap",
    "confusion",
    "draw",
    "measure",
    "metric",
    "table_of",
]

RESAMPLES = 1000
INTERVAL = f"bootstrap-{RESAMPLES}"  # as signatures say it

Rows = np.ndarray  # (N, K) statistics, or (R, K) sums of R resamples


@dataclass(frozen=True, slots=True)
class Table:
    """Per-row statistics (N, K) and ``of``, which maps sums (R, K) to values (R,), of metrics in percent.

    ``pool`` makes the rows of one group into one.
    """

    rows: Rows
    of: Callable[[Rows], np.ndarray]
    pool: np.ufunc = np.add


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its function, unit, whether higher is better, and where it is defined.

    ``grouped``: its value, not only its interval, depends on which rows are one group. ``strict``: an answer that
    needed a repair is to be given to it as None. ``ranked``: the statistics of a row depend on all other answers.
    """

    table: Callable[[Sequence[Any], Sequence[Any]], Table]
    source: str
    unit: str = "percent"
    higher_is_better: bool = True
    grouped: bool = False
    strict: bool = False
    ranked: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A value with its 95 % bootstrap interval (percentiles of ``resamples`` draws with replacement).

    Rows are drawn, or groups where there are any; ``n`` is the number of rows either way.
    """

    value: float
    low: float
    high: float
    n: int


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return 100 x top / bottom, and 0 where the bottom is 0."""
    return 100.0 * np.divide(top, bottom, out=np.zeros_like(top, dtype=float), where=np.abs(bottom) > 1e-12)


def _mean(values: Sequence[float], pool: np.ufunc = np.add) -> Table:
    """Return the table of a mean over rows of values in [0, 1]; over groups, where ``pool`` keeps the count at 1."""
    rows = np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)
    return Table(rows, lambda s: _ratio(s[:, 0], s[:, 1]), pool)


def accuracy(golds: Sequence[Any], preds: Sequence[Any]) -> Table:
    """Share of answers equal to the gold answer."""
    return _mean([pred is not None and pred == gold for gold, pred in zip(golds, preds, strict=True)])


def group_exact(golds: Sequence[Any], preds: Sequence[Any]) -> Table:
    """Share of groups with every answer right: MultiRC's exact match over the answers to a question.

    Khashabi et al. 2018; Wang et al. 2019, SuperGLUE. Without groups every row is one.
    """
    return replace(accuracy(golds, preds), pool=np.minimum)


def f1(golds: Sequence[int], preds: Sequence[int | None]) -> Table:
    """F1 of class 1 of two. An unparsed answer counts as the wrong class (as T5's ``f1_score_with_invalid``)."""
    true = np.fromiter((gold == 1 for gold in golds), bool, len(golds))
    said = np.fromiter((pred == 1 for pred in preds), bool, len(golds))
    said |= ~true & np.fromiter((pred is None for pred in preds), bool, len(golds))
    rows = np.stack([true & said, said & ~true, true & ~said], axis=1).astype(float)
    return Table(rows, lambda s: _ratio(2 * s[:, 0], 2 * s[:, 0] + s[:, 1] + s[:, 2]))


def macro_f1(golds: Sequence[int], preds: Sequence[int | None]) -> Table:
    """Mean of the F1 of every class that the gold answers have (T5's mean_multiclass_f1, if they have every class).

    Which classes count does not depend on what is predicted: an unparsed answer, or a class that no gold answer has, is
    a miss of the gold class and nothing more. A resample is scored over the classes of the whole set: one that it lacks
    counts 0 in it (scikit-learn's ``labels=``, ``zero_division=0``), so a rare class makes the interval reach low.
    """
    classes: dict[Any, int] = {gold: i for i, gold in enumerate(sorted(set(golds)))}
    true, said = (
        np.fromiter((classes.get(one, len(classes)) for one in side), np.intp, len(golds)) for side in (golds, preds)
    )
    rows = np.zeros((len(golds), len(classes) + 1, 2))  # hits, and how often gold or answer; the last is no class
    at = np.arange(len(golds))
    rows[at, true, 0] = true == said
    rows[at, true, 1] += 1
    rows[at, said, 1] += 1

    def of(sums: Rows) -> np.ndarray:
        hits, either = np.moveaxis(sums.reshape(-1, len(classes), 2), 2, 0)
        return _ratio(2 * hits, either).mean(1)

    return Table(rows[:, :-1].reshape(len(golds), -1), of)


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


def span_f1_strict(golds: Sequence[Sequence[str]], preds: Sequence[Sequence[str] | None]) -> Table:
    """As span_f1; an answer that needed a repair counts as none."""
    return span_f1(golds, preds)


def tag_accuracy(golds: Sequence[Sequence[str]], preds: Sequence[Sequence[str] | None]) -> Table:
    """Share of words with the right tag. Words without a tag, or with the empty one, are wrong."""
    rows = [
        (sum(g == p for g, p in zip(gold, pred or (), strict=False)), len(gold))
        for gold, pred in zip(golds, preds, strict=True)
    ]
    return Table(np.array(rows, float).reshape(-1, 2), lambda s: _ratio(s[:, 0], s[:, 1]))


def tag_accuracy_strict(golds: Sequence[Sequence[str]], preds: Sequence[Sequence[str] | None]) -> Table:
    """As tag_accuracy; an answer that needed a repair counts as none."""
    return tag_accuracy(golds, preds)


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


# Scripts written without spaces between words: Thai, Lao, Myanmar, Khmer, kana and Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003fffd]"
)


class _Words:
    """Split into words of letters, digits and marks of any script; rouge-score's own drops all but a-z and 0-9.

    Where words are not spaced (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) each character, with the marks on
    it, is a token, as Han characters are for sacrebleu's ``zh``. ASCII text is split as by rouge-score, unstemmed.
    """

    def tokenize(self, text: str) -> list[str]:
        kept: list[str] = []
        apart = False  # whether the last character stands for itself
        for c in text.lower():
            if c.isalnum():
                before, apart = apart, bool(_UNSPACED.match(c))
                kept.append(" " + c if before or apart else c)
            elif unicodedata.category(c)[0] == "M":
                kept.append(c)
            else:
                kept.append(" ")
                apart = False
        return "".join(kept).split()


def _rouge(kind: str, golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Mean over rows of the best F1 over the references, by rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], tokenizer=_Words())

    def lines(text: str) -> str:
        return text.replace(" . ", " .\n")  # T5's sentence split for rougeLsum

    return _mean(
        [
            max((scorer.score(lines(ref), lines(pred or ""))[kind].fmeasure for ref in gold), default=0.0)
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
    """Share of answers equal to a reference after SQuAD's normalisation (Rajpurkar et al. 2016).

    A group counts once, by its best row: ReCoRD's queries (Zhang et al. 2018).
    """
    return _mean(
        [
            pred is not None and any(_squad_words(ref) == _squad_words(pred) for ref in gold)
            for gold, pred in zip(golds, preds, strict=True)
        ],
        pool=np.maximum,
    )


def squad_f1(golds: Sequence[Sequence[str]], preds: Sequence[str | None]) -> Table:
    """Mean of the best word-overlap F1 over the references (Rajpurkar et al. 2016).

    As in SQuAD 1.1's script, two texts of no words overlap by 0. A group counts once, by its best row, as in squad_em.
    """
    return _mean(
        [
            max((_overlap(_squad_words(ref), _squad_words(pred or "")) for ref in gold), default=0.0)
            for gold, pred in zip(golds, preds, strict=True)
        ],
        pool=np.maximum,
    )


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, "share of equal answers"),
    "group_exact": Metric(group_exact, "Khashabi et al. 2018; Wang et al. 2019", grouped=True),
    "f1": Metric(f1, "van Rijsbergen 1979; class 1"),
    "macro_f1": Metric(macro_f1, "Raffel et al. 2020, mean_multiclass_f1"),
    "matthews": Metric(matthews, "Gorodkin 2004"),
    "pearson": Metric(pearson, "Pearson 1895; times the share parsed"),
    "spearman": Metric(spearman, "Spearman 1904; times the share parsed", ranked=True),
    "span_f1": Metric(span_f1, "Tjong Kim Sang and Buchholz 2000"),
    "span_f1_strict": Metric(span_f1_strict, "Tjong Kim Sang and Buchholz 2000; no repairs", strict=True),
    "tag_accuracy": Metric(tag_accuracy, "share of words with the right tag"),
    "tag_accuracy_strict": Metric(tag_accuracy_strict, "share of words with the right tag; no repairs", strict=True),
    "bleu": Metric(bleu, "sacrebleu; Post 2018"),
    "chrf": Metric(chrf, "sacrebleu; Popović 2015"),
    "rouge1": Metric(rouge1, "rouge-score; Lin 2004"),
    "rouge2": Metric(rouge2, "rouge-score; Lin 2004"),
    "rougeLsum": Metric(rouge_lsum, "rouge-score; Lin 2004"),
    "exact": Metric(exact, "share of equal texts"),
    "squad_em": Metric(squad_em, "Rajpurkar et al. 2016", grouped=True),
    "squad_f1": Metric(squad_f1, "Rajpurkar et al. 2016", grouped=True),
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


def table_of(name: str, golds: Sequence[Any], preds: Sequence[Any], groups: Sequence[str] | None = None) -> Table:
    """Return the table of a metric: one line a row, or with ``groups`` one line a group, in order of appearance."""
    table = metric(name).table(golds, preds)
    if groups is None:
        return table
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    at = np.array([number[group] for group, _ in zip(groups, golds, strict=True)])
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(len(number)))
    return replace(table, rows=table.pool.reduceat(table.rows[order], starts, axis=0))


def measure(
    name: str,
    golds: Sequence[Any],
    preds: Sequence[Any],
    *,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Measure:
    """Score ``preds`` against ``golds`` with a 95 % percentile bootstrap interval over rows.

    ``groups`` names the group of each row: then whole groups are drawn, and a metric that is defined over groups is
    taken over them. Values are percent, the interval holds the value, and ``n`` counts rows. Raise ``UsageError`` for
    an unknown metric, ``DataError`` for an empty set of rows.
    """
    metric(name)
    if not len(golds):
        raise DataError(f"{name} over 0 rows is not a number", fix="Score a split that has rows.", code="D04")
    return Measure(*bootstrap(table_of(name, golds, preds, groups), resamples=resamples, seed=seed), len(golds))


def confusion(golds: Sequence[int], preds: Sequence[int | None], classes: int) -> list[list[int]]:
    """Return how often each class (a line) was answered by each; the last column counts unparsed answers."""
    counts = [[0] * (classes + 1) for _ in range(classes)]
    for gold, pred in zip(golds, preds, strict=True):
        counts[gold][classes if pred is None else pred] += 1
    return counts


def bootstrap(table: Table, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float, float]:
    """Return the value of a table and the bounds of its 95 % percentile bootstrap interval, which holds the value."""
    units = len(table.rows)
    rng = np.random.Generator(np.random.Philox(seed))
    values = [table.of(draw(rng, units, size) @ table.rows) for size in blocks(resamples, units)]
    low, high = np.percentile(np.concatenate(values), [2.5, 97.5])
    value = float(table.of(table.rows.sum(0, keepdims=True))[0])
    return value, min(float(low), value), max(float(high), value)


def average_margin(bounds: Iterable[tuple[str, float, float]]) -> float:
    """Return half the 95 % interval of an average over tasks from (task, low, high) of each score.

    Tasks are independent, several scores of a task are taken as one.
    """
    halves: dict[str, list[float]] = {}
    for task, low, high in bounds:
        halves.setdefault(task, []).append((high - low) / 2)
    return math.sqrt(sum((sum(some) / len(some)) ** 2 for some in halves.values())) / len(halves)


def draw(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Draw ``n`` of ``n`` rows with replacement, ``size`` times; return how often each was drawn (size, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=size).astype(float)


def blocks(resamples: int, n: int) -> list[int]:
    """Cut the resamples into blocks that need little memory; the draws are the same however they are cut."""
    most = max(1, 4_000_000 // n)
    return [min(most, resamples - done) for done in range(0, resamples, most)]

"""Simple scores that put any model's score on the sample into proportion.

The baselines are the majority label and a linear model over word unigrams and bigrams, trained
on ``train`` and measured on a validation split.  Worked example: for pairs the linear model is
also given each side alone; if it beat the majority there, the sample would leak its labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from rows import Split, Value
from scipy.stats import pearsonr, spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from sklearn.pipeline import make_pipeline

Values = Sequence[Value]
METRICS: dict[str, Callable[[Values, Values], float]] = {
    "accuracy": accuracy_score,
    "f1": f1_score,
    "matthews": matthews_corrcoef,
    "pearson": lambda truth, guess: float(pearsonr(truth, guess)[0]),
    "spearman": lambda truth, guess: float(spearmanr(truth, guess)[0]),
}
RANKED = ("pearson", "spearman")  # these need a regression, and a constant guess scores nothing


def labels(rows: Split) -> list[Value]:
    """The label column."""
    return [label for _, label in rows]


def majority(train: Split, valid: Split, metrics: Sequence[str]) -> dict[str, float]:
    """Scores, in percent, of always guessing the most frequent training label."""
    if metrics[0] in RANKED:
        return dict.fromkeys(metrics, 0.0)
    top = Counter(labels(train)).most_common(1)[0][0]
    return {m: 100 * METRICS[m](labels(valid), [top] * len(valid)) for m in metrics}


def linear(train: Split, valid: Split, metrics: Sequence[str], side: int | None = None) -> dict[str, float]:
    """Scores, in percent, of TF-IDF with a linear model on both sides or on one."""

    def texts(rows: Split) -> list[str]:
        return [" [SEP] ".join(row) if side is None else row[side] for row, _ in rows]

    model = Ridge() if metrics[0] in RANKED else LogisticRegression(max_iter=1000)
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), model)
    pipeline.fit(texts(train), labels(train))
    guess = pipeline.predict(texts(valid))
    return {m: 100 * METRICS[m](labels(valid), guess) for m in metrics}

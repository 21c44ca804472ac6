"""Metrics: each against a reference that is not ours, on random cases with and without unparsed answers."""

from __future__ import annotations

import random
import string
from typing import Any

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from scipy import stats
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn

from t2t.errors import DataError, UsageError
from t2t.metrics import METRICS, measure, metric

SEEDS = range(6)
TEXTS = ("bleu", "chrf", "rouge1", "rouge2", "rougeLsum", "exact", "squad_em", "squad_f1")


def value(name: str, golds: Any, preds: Any) -> float:
    return measure(name, golds, preds, resamples=1).value


def classes(seed: int, many: int, unparsed: float = 0.0) -> tuple[list[int], list[int | None]]:
    rng = random.Random(seed)
    golds = [rng.randrange(many) for _ in range(rng.choice((5, 40)))]
    preds = [gold if rng.random() < 0.6 else rng.randrange(many) for gold in golds]
    return golds, [None if rng.random() < unparsed else pred for pred in preds]


def numbers(seed: int, unparsed: float = 0.0) -> tuple[list[float], list[float | None]]:
    rng = random.Random(seed)
    golds = [round(rng.uniform(0, 5), 1) for _ in range(30)]
    preds = [round(gold + rng.gauss(0, 1), 1) for gold in golds]
    return golds, [None if rng.random() < unparsed else pred for pred in preds]


def tags(seed: int, broken: bool) -> list[list[str]]:
    rng = random.Random(seed)
    pool = ["O", "B-A", "I-A", "B-B", "I-B"] if broken else ["O", "B-A", "B-B"]
    return [[rng.choice(pool) for _ in range(rng.randint(1, 8))] for _ in range(12)]


def texts(seed: int, unparsed: float = 0.0) -> tuple[list[tuple[str, ...]], list[str | None]]:
    rng = random.Random(seed)
    vocabulary = ["the", "cat's", "sat", "on", "a", "mat", ".", "It", "was", "3.5", "x_y", "dog", ","]

    def sentence() -> str:
        return " ".join(rng.choices(vocabulary, k=rng.randint(1, 12)))

    golds = [tuple(sentence() for _ in range(rng.randint(1, 3))) for _ in range(10)]
    preds = [rng.choice(gold) if rng.random() < 0.3 else sentence() for gold in golds]
    return golds, [None if rng.random() < unparsed else pred for pred in preds]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unparsed", [0.0, 0.3])
@pytest.mark.parametrize("many", [2, 3, 7])
def test_accuracy_and_matthews_are_scikit_learns(seed: int, unparsed: float, many: int) -> None:
    golds, preds = classes(seed, many, unparsed)
    said = [many if pred is None else pred for pred in preds]  # a class of its own, never right
    assert value("accuracy", golds, preds) == pytest.approx(100 * sklearn.accuracy_score(golds, said))
    assert value("matthews", golds, preds) == pytest.approx(100 * sklearn.matthews_corrcoef(golds, said))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unparsed", [0.0, 0.3])
def test_f1_is_scikit_learns_with_unparsed_as_the_wrong_class(seed: int, unparsed: float) -> None:
    golds, preds = classes(seed, 2, unparsed)
    said = [1 - gold if pred is None else pred for gold, pred in zip(golds, preds, strict=True)]
    assert value("f1", golds, preds) == pytest.approx(100 * sklearn.f1_score(golds, said, zero_division=0))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unparsed", [0.0, 0.3])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e6])
def test_correlations_are_scipys_times_the_share_parsed(seed: int, unparsed: float, scale: float) -> None:
    golds, preds = numbers(seed, unparsed)
    preds = [None if pred is None else scale * pred + 7 * scale for pred in preds]
    parsed = [(gold, pred) for gold, pred in zip(golds, preds, strict=True) if pred is not None]
    share = 100 * len(parsed) / len(golds)
    x, y = zip(*parsed, strict=True)
    assert value("pearson", golds, preds) == pytest.approx(share * stats.pearsonr(x, y).statistic)
    assert value("spearman", golds, preds) == pytest.approx(share * stats.spearmanr(x, y).statistic)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("broken", [False, True])
def test_span_f1_is_seqevals_strict_iob2(seed: int, broken: bool) -> None:
    golds, drawn = tags(seed, broken), tags(seed + 99, broken)
    preds = [
        (gold if i % 3 else (other + ["O"] * 9))[: len(gold)]
        for i, (gold, other) in enumerate(zip(golds, drawn, strict=True))
    ]
    expected = seqeval_f1(golds, preds, mode="strict", scheme=IOB2, zero_division=0)
    assert value("span_f1", golds, preds) == pytest.approx(100 * expected)
    some = [None if i % 4 == 0 else pred for i, pred in enumerate(preds)]
    empty = [["O"] * len(gold) if pred is None else pred for gold, pred in zip(golds, some, strict=True)]
    expected = seqeval_f1(golds, empty, mode="strict", scheme=IOB2, zero_division=0)
    assert value("span_f1", golds, some) == pytest.approx(100 * expected)


def test_tag_accuracy_is_over_words_and_missing_tags_are_wrong() -> None:
    golds = [("N", "V", "N"), ("N",), ("V", "V")]
    assert value("tag_accuracy", golds, [("N", "N", "N"), None, ("V",)]) == pytest.approx(100 * 3 / 6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unparsed", [0.0, 0.3])
def test_bleu_and_chrf_are_sacrebleus_with_several_references(seed: int, unparsed: float) -> None:
    golds, preds = texts(seed, unparsed)
    hypotheses = [pred or "" for pred in preds]
    most = max(map(len, golds))
    streams = [[gold[i] if i < len(gold) else None for gold in golds] for i in range(most)]
    assert value("bleu", golds, preds) == pytest.approx(
        sacrebleu.corpus_bleu(hypotheses, streams, tokenize="intl").score
    )
    assert value("chrf", golds, preds) == pytest.approx(sacrebleu.corpus_chrf(hypotheses, streams).score)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeLsum"])
def test_rouge_is_rouge_scores_for_ascii_text(seed: int, name: str) -> None:
    golds, preds = texts(seed, 0.2)
    golds = [(*gold, string.printable) for gold in golds]
    scorer = RougeScorer([name])

    def best(gold: tuple[str, ...], pred: str) -> float:
        def cut(text: str) -> str:
            return text.replace(" . ", " .\n")

        return max(scorer.score(cut(ref), cut(pred))[name].fmeasure for ref in gold)

    expected = np.mean([best(gold, pred or "") for gold, pred in zip(golds, preds, strict=True)])
    assert value(name, golds, preds) == pytest.approx(100 * expected)


@pytest.mark.parametrize("text", ["北京 欢迎 你", "Привет мир", "हिन्दी भाषा", "مرحبا بالعالم", "ελληνικά"])
@pytest.mark.parametrize("name", ["rouge1", "rougeLsum"])
def test_rouge_sees_words_of_every_script(text: str, name: str) -> None:
    assert value(name, [(text,)], [text]) == 100
    half = text.split()[0]
    assert value(name, [(half + " x",)], [half + " y"]) == pytest.approx(50)
    assert value(name, [("北京",)], ["上海"]) == 0


@pytest.mark.parametrize(
    ("gold", "pred", "exact", "em", "f1"),
    [
        (("Paris",), "Paris", 100, 100, 100),
        (("The Paris.",), "paris", 0, 100, 100),
        (("in Paris, France",), "Paris", 0, 0, 50),
        (("Rome", "the city of Paris"), "city  Paris", 0, 0, 80),
        (("Rome",), "Paris", 0, 0, 0),
        (("a a b",), "b b", 0, 0, 200 / 3),
        (("Paris",), "", 0, 0, 0),
        (("Paris",), None, 0, 0, 0),
        (("the",), "a", 0, 100, 0),
        (("an ant",), "ant", 0, 100, 100),
    ],
)
def test_squad_scores_by_hand(gold: tuple[str, ...], pred: str | None, exact: float, em: float, f1: float) -> None:
    got = [value(name, [gold], [pred]) for name in ("exact", "squad_em", "squad_f1")]
    assert got == pytest.approx([exact, em, f1])


def cases(seed: int = 0) -> list[tuple[str, Any, Any]]:
    """A random case of every metric, with unparsed answers."""
    few, many = classes(seed + 1, 2, 0.2), classes(seed + 1, 5, 0.2)
    spans = tags(seed, True), [None if i % 5 == 0 else row for i, row in enumerate(tags(seed + 1, True))]
    by_form = {"f1": few, "accuracy": many, "matthews": many, "span_f1": spans, "tag_accuracy": spans}
    by_form |= {name: texts(seed, 0.2) for name in TEXTS} | {n: numbers(seed, 0.2) for n in ("pearson", "spearman")}
    return [(name, *by_form[name]) for name in METRICS]


@pytest.mark.parametrize(("name", "golds", "preds"), cases(), ids=list(METRICS))
def test_the_order_of_rows_does_not_matter(name: str, golds: Any, preds: Any) -> None:
    order = random.Random(1).sample(range(len(golds)), len(golds))
    assert value(name, golds, preds) == pytest.approx(value(name, [golds[i] for i in order], [preds[i] for i in order]))


@pytest.mark.parametrize(("name", "golds", "preds"), cases(3), ids=list(METRICS))
def test_an_unparsed_answer_is_never_better_than_none(name: str, golds: Any, preds: Any) -> None:
    nothing = measure(name, golds, [None] * len(golds), resamples=50)
    assert nothing.value <= 0 and nothing.high <= 0 + 1e-9
    assert value(name, golds, preds) >= nothing.value or name in ("pearson", "spearman", "matthews")


@pytest.mark.parametrize(("name", "golds", "preds"), cases(5), ids=list(METRICS))
def test_the_interval_is_that_of_explicit_resampling(name: str, golds: Any, preds: Any) -> None:
    found, n = measure(name, golds, preds, resamples=60, seed=4), len(golds)
    assert found.low <= found.value <= found.high and found.n == n
    if name == "spearman":
        return  # the interval keeps the ranks of the whole set
    drawn = []
    for counts in np.random.Generator(np.random.Philox(4)).multinomial(n, [1 / n] * n, size=60):
        rows = np.repeat(np.arange(n), counts)
        drawn.append(value(name, [golds[i] for i in rows], [preds[i] for i in rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((min(low, found.value), max(high, found.value)), abs=1e-6)


@pytest.mark.parametrize(("name", "golds", "preds"), cases(), ids=list(METRICS))
def test_one_row_is_enough(name: str, golds: Any, preds: Any) -> None:
    found = measure(name, golds[:1], preds[:1], resamples=20)
    assert found.n == 1 and found.low == pytest.approx(found.value) == found.high


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews", "pearson"])
def test_the_interval_shrinks_with_n(name: str) -> None:
    golds, preds = numbers(0) if name == "pearson" else ([0, 1, 1, 0, 1], [0, 1, 0, 1, 1])
    few, many = (measure(name, golds * k, preds * k) for k in (2, 50))
    assert many.value == pytest.approx(few.value)
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_the_interval_is_the_same_for_the_same_seed_only() -> None:
    golds, preds = classes(1, 2)
    assert measure("accuracy", golds, preds, seed=3) == measure("accuracy", golds, preds, seed=3)
    by_seed = {measure("pearson", *numbers(0), seed=seed).low for seed in range(4)}
    assert len(by_seed) == 4


def test_the_interval_does_not_depend_on_the_blocks_it_is_drawn_in(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure("accuracy", *classes(1, 2))
    monkeypatch.setattr("t2t.metrics._blocks", lambda resamples, n: [300, 300, 300, 100])
    assert measure("accuracy", *classes(1, 2)) == whole


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 3.3, 1e9, 1e-9])
def test_a_constant_column_gives_zero(name: str, constant: float) -> None:
    varied = [0.0, 1.0, 2.5, 0.1, 4.0, 3.0, 3.0]
    for golds, preds in ((varied, [constant] * 7), ([constant] * 7, varied), ([constant] * 7, [constant] * 7)):
        found = measure(name, golds, preds, resamples=100)
        assert (found.value, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e8])
def test_a_nearly_constant_column_stays_within_bounds(name: str, scale: float) -> None:
    found = measure(name, [scale * x for x in (1.0, 1.0, 1.0, 1.0, 2.0)], [5.0, 5.0, 5.1, 5.0, 5.0])
    assert -100 <= found.low <= found.value <= found.high <= 100


def test_rounding_is_no_correlation_where_a_resample_is_constant() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = np.array([1.0] * 7 + [2.0 + rng.random()])
        y = np.array([3.3 + rng.random() / 1000] + [3.3] * 6 + [rng.random()])
        table = METRICS["pearson"].table(x.tolist(), y.tolist())
        for counts in rng.multinomial(8, [1 / 8] * 8, size=40):
            a, b = np.repeat(x, counts), np.repeat(y, counts)
            expected = 0.0 if min(len(set(a)), len(set(b))) == 1 else 100 * np.corrcoef(a, b)[0, 1]
            assert table.of((counts @ table.rows)[None])[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_perfect_correlation_is_not_more_than_perfect(name: str) -> None:
    for seed in range(30):
        golds = np.random.default_rng(seed).normal(size=9).tolist()
        found = measure(name, golds, [3 * gold + 1 for gold in golds], resamples=30)
        assert found.value == pytest.approx(100) and max(found.value, found.high) <= 100


def test_the_interval_holds_the_value_however_few_the_resamples() -> None:
    for seed in range(8):
        found = measure("accuracy", [0, 1, 1], [0, 0, 1], resamples=1, seed=seed)
        assert found.low <= found.value <= found.high


@pytest.mark.parametrize("name", ["f1", "matthews"])
def test_one_class_alone_gives_zero_and_no_warning(name: str) -> None:
    assert value(name, [0, 0, 0], [0, 0, 0]) == 0


def test_perfect_answers_score_a_hundred() -> None:
    for name, golds, _ in cases():
        preds = [gold[0] for gold in golds] if name in TEXTS else golds
        assert value(name, golds, preds) == pytest.approx(100) or name == "rouge2", name  # some have but one word


def test_no_rows_are_a_fault_of_the_data() -> None:
    for name in METRICS:
        with pytest.raises(DataError, match="0 rows"):
            measure(name, [], [])


def test_an_unknown_metric_is_met_with_the_closest() -> None:
    with pytest.raises(UsageError, match='Did you mean "accuracy"'):
        metric("acuracy", where="a.yaml:3")


def test_golds_and_answers_must_be_equally_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        value("accuracy", [0, 1], [0])

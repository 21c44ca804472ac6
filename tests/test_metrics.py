"""Metrics: each against a reference that is not ours, on random cases with and without unparsed answers."""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from typing import Any

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis.strategies import text
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize
from scipy import stats
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn

from t2t.errors import DataError, UsageError
from t2t.metrics import METRICS, average_margin, confusion, measure, metric, table_of

SEEDS = range(6)
TEXTS = ("bleu", "chrf", "rouge1", "rouge2", "rougeLsum", "exact", "squad_em", "squad_f1")


def value(name: str, golds: Any, preds: Any, groups: Any = None) -> float:
    return measure(name, golds, preds, groups=groups, resamples=1).value


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


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("unparsed", [0.0, 0.3])
@pytest.mark.parametrize("many", [2, 3, 7])
def test_macro_f1_is_scikit_learns_over_the_classes_of_the_gold_answers(seed: int, unparsed: float, many: int) -> None:
    golds, preds = classes(seed, many, unparsed)
    said = [many if pred is None else pred for pred in preds]  # no label that is asked for
    expected = sklearn.f1_score(golds, said, labels=sorted(set(golds)), average="macro", zero_division=0)
    assert value("macro_f1", golds, preds) == pytest.approx(100 * expected)


def test_the_classes_of_macro_f1_do_not_depend_on_the_answers() -> None:
    golds = [0, 0, 1, 2]  # as T5's mean_3class_f1: F1 of class 0 is 2/3, of 1 is 0, of 2 is 1
    assert value("macro_f1", golds, [0, None, None, 2]) == pytest.approx(100 * (2 / 3 + 0 + 1) / 3)
    assert value("macro_f1", golds, [0, 1, 0, 2]) == pytest.approx(100 * (1 / 2 + 0 + 1) / 3)
    assert value("macro_f1", [0, 0, 2], [0, 1, 2]) == value("macro_f1", [0, 0, 2], [0, None, 2])  # 1 is no gold class


def test_a_class_that_a_resample_lacks_counts_zero_in_it() -> None:
    table = table_of("macro_f1", [0, 0, 1, 2], [0, 0, 1, 2])
    for counts in ([2, 2, 0, 0], [1, 0, 2, 1], [0, 0, 0, 4]):
        drawn = [gold for gold, often in zip([0, 0, 1, 2], counts, strict=True) for _ in range(often)]
        expected = sklearn.f1_score(drawn, drawn, labels=range(3), average="macro", zero_division=0)
        assert table.of((np.array(counts) @ table.rows)[None])[0] == pytest.approx(100 * expected)


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
    assert value("tag_accuracy", golds, [("N", "", "N"), ("",), ("", "V")]) == pytest.approx(100 * 3 / 6)


def test_a_word_without_a_tag_ends_a_span() -> None:
    golds = [("B-A", "I-A", "O", "B-B")]
    assert value("span_f1", golds, [("B-A", "", "", "B-B")]) == pytest.approx(50)
    assert value("span_f1", golds, [("B-A", "I-A", "", "B-B")]) == 100


def test_strict_metrics_are_told_apart_by_a_field_and_score_the_same_table() -> None:
    assert [name for name, m in METRICS.items() if m.strict] == ["span_f1_strict", "tag_accuracy_strict"]
    golds, preds = tags(0, True), [None if i % 5 == 0 else row for i, row in enumerate(tags(1, True))]
    for name in ("span_f1", "tag_accuracy"):
        assert measure(f"{name}_strict", golds, preds) == measure(name, golds, preds)


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


@pytest.mark.parametrize("text", ["北 欢 你", "Привет мир", "हिन्दी भाषा", "مرحبا بالعالم", "ελληνικά"])
@pytest.mark.parametrize("name", ["rouge1", "rougeLsum"])
def test_rouge_sees_words_of_every_script(text: str, name: str) -> None:
    assert value(name, [(text,)], [text]) == 100
    half = text.split()[0]
    assert value(name, [(half + " x",)], [half + " y"]) == pytest.approx(50)
    assert value(name, [("北京",)], ["上海"]) == 0


def tokens(text: str) -> list[str]:
    scorer = METRICS["rouge1"].table.__globals__["_Words"]()  # type: ignore[attr-defined]
    return list(scorer.tokenize(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我爱北京。", "我 爱 北 京"),
        ("我love北京3天", "我 love 北 京 3 天"),
        ("ラーメンを食べた", "ラ ー メ ン を 食 べ た"),
        ("ｶﾀｶﾅ", "ｶ ﾀ ｶ ﾅ"),
        ("か\u3099", "か\u3099"),  # a mark stays on its letter
        ("ที่นี่", "ที่ นี่"),
        ("ສະບາຍ", "ສ ະ ບ າ ຍ"),
        ("ខ្មែរ", "ខ្ មែ រ"),
        ("မြန်မာ", "မြ န် မာ"),
        ("한국어 문장", "한국어 문장"),
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("Café-Étude 3.5", "café étude 3 5"),
        ("\U00020000\U00020001", "\U00020000 \U00020001"),
        ("々〇", "々 〇"),
        ("", ""),
    ],
)
def test_rouge_takes_each_character_where_words_are_not_spaced(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


def test_rouge_gives_part_of_a_clause_without_spaces_its_due() -> None:
    assert value("rouge1", [("我爱北京",)], ["我在北京"]) == pytest.approx(75)
    assert value("rouge2", [("我爱北京",)], ["我在北京"]) == pytest.approx(100 / 3)
    assert value("rougeLsum", [("我爱北京",)], ["北京"]) == pytest.approx(200 / 3)


@given(text(alphabet=string.printable))
def test_rouge_splits_ascii_text_as_rouge_score(written: str) -> None:
    assert tokens(written) == tokenize(written, None)


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
        (("Théa the thé",), "théa thé", 0, 100, 100),  # an article is a whole word, accents are letters
        (("the\u00a0end",), "end", 0, 100, 100),  # a no-break space is white space
        (("a-b",), "ab", 0, 100, 100),  # punctuation goes without leaving a space, so "a-b" holds no article
        (("U.S.",), "us", 0, 100, 100),
        (("«Rome»",), "Rome", 0, 0, 0),  # only ASCII punctuation goes
        (("don’t",), "dont", 0, 0, 0),
        (("the_end",), "end", 0, 0, 0),
        (("10,000",), "10000", 0, 100, 100),
        (("",), "", 100, 100, 0),  # SQuAD 1.1's overlap of no words is 0
        (("!",), "?", 0, 100, 0),
        ((), "Rome", 0, 0, 0),
        (("Rome", "Rome Italy", "the city of Rome"), "city of Rome in Italy", 0, 0, 75),
    ],
)
def test_squad_scores_by_hand(gold: tuple[str, ...], pred: str | None, exact: float, em: float, f1: float) -> None:
    got = [value(name, [gold], [pred]) for name in ("exact", "squad_em", "squad_f1")]
    assert got == pytest.approx([exact, em, f1])


def cases(seed: int = 0) -> list[tuple[str, Any, Any]]:
    """A random case of every metric, with unparsed answers."""
    few, many = classes(seed + 1, 2, 0.2), classes(seed + 1, 5, 0.2)
    spans = tags(seed, True), [None if i % 5 == 0 else row for i, row in enumerate(tags(seed + 1, True))]
    by_form = {"f1": few} | dict.fromkeys(("accuracy", "group_exact", "macro_f1", "matthews"), many)
    by_form |= dict.fromkeys(("span_f1", "span_f1_strict", "tag_accuracy", "tag_accuracy_strict"), spans)
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
        drawn.append(brute(name, [golds[i] for i in rows], [preds[i] for i in rows], golds))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((min(low, found.value), max(high, found.value)), abs=1e-6)


def brute(name: str, golds: Any, preds: Any, whole: Any) -> float:
    """The value of drawn rows; macro_f1 keeps the classes of the whole set."""
    if name != "macro_f1":
        return value(name, golds, preds)
    said = [-1 if pred is None else pred for pred in preds]
    return 100 * float(sklearn.f1_score(golds, said, labels=sorted(set(whole)), average="macro", zero_division=0))


# --- every metric against what is not ours ---------------------------------------------------------------------------


def apart(golds: Any, preds: Any, wrong: Any) -> list[Any]:
    """The answers with what stands for an unparsed one put in."""
    return [wrong(gold) if pred is None else pred for gold, pred in zip(golds, preds, strict=True)]


def by_words(golds: Any, preds: Any) -> float:
    """scikit-learn's accuracy over all words; a word that an answer lacks has no tag."""
    said = [[*(pred or ()), *[""] * len(gold)][: len(gold)] for gold, pred in zip(golds, preds, strict=True)]
    return float(sklearn.accuracy_score(sum(map(list, golds), []), sum(said, [])))


def spans(golds: Any, preds: Any) -> float:
    """seqeval's; the shorter of a gold and an answer ends in words without a span."""
    sides = [(list(gold), list(pred or ())) for gold, pred in zip(golds, preds, strict=True)]
    even = [[side + ["O"] * (max(map(len, pair)) - len(side)) for side in pair] for pair in sides]
    return float(seqeval_f1(*zip(*even, strict=True), mode="strict", scheme=IOB2, zero_division=0))


def streams(golds: Any) -> list[list[str | None]]:
    most = max(map(len, golds))
    return [[gold[i] if i < len(gold) else None for gold in golds] for i in range(most)]


def best(golds: Any, preds: Any, one: Any) -> float:
    return float(np.mean([max(one(ref, pred or "") for ref in gold) for gold, pred in zip(golds, preds, strict=True)]))


def rouge(name: str) -> Any:
    scorer = RougeScorer([name])
    cut = lambda text: text.replace(" . ", " .\n")  # noqa: E731
    return lambda golds, preds: best(golds, preds, lambda r, p: scorer.score(cut(r), cut(p))[name].fmeasure)


def bare(text: str) -> list[str]:
    """``normalize_answer`` of SQuAD's evaluate-v1.1.py, its steps in their order."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split()).split()


def squad(ref: str, pred: str) -> float:
    """``f1_score`` of the same script."""
    common = sum((Counter(bare(ref)) & Counter(bare(pred))).values())
    if not common:
        return 0.0
    precision, recall = common / len(bare(pred)), common / len(bare(ref))
    return 2 * precision * recall / (precision + recall)


def correlation(of: Any) -> Any:
    def parsed(golds: Any, preds: Any) -> float:
        x, y = zip(*[(g, p) for g, p in zip(golds, preds, strict=True) if p is not None], strict=True)
        return float(of(x, y).statistic) * len(x) / len(golds)

    return parsed


REFERENCES: dict[str, Any] = {
    "accuracy": lambda g, p: sklearn.accuracy_score(g, apart(g, p, lambda _: 99)),
    "group_exact": lambda g, p: sklearn.accuracy_score(g, apart(g, p, lambda _: 99)),
    "f1": lambda g, p: sklearn.f1_score(g, apart(g, p, lambda gold: 1 - gold), zero_division=0),
    "macro_f1": lambda g, p: sklearn.f1_score(g, apart(g, p, lambda _: 99), labels=sorted(set(g)), average="macro",
                                              zero_division=0),
    "matthews": lambda g, p: sklearn.matthews_corrcoef(g, apart(g, p, lambda _: 99)),
    "pearson": correlation(stats.pearsonr),
    "spearman": correlation(stats.spearmanr),
    "span_f1": spans,
    "span_f1_strict": spans,
    "tag_accuracy": by_words,
    "tag_accuracy_strict": by_words,
    "bleu": lambda g, p: sacrebleu.corpus_bleu([x or "" for x in p], streams(g), tokenize="intl").score / 100,
    "chrf": lambda g, p: sacrebleu.corpus_chrf([x or "" for x in p], streams(g)).score / 100,
    "rouge1": rouge("rouge1"),
    "rouge2": rouge("rouge2"),
    "rougeLsum": rouge("rougeLsum"),
    "exact": lambda g, p: np.mean([pred in gold for gold, pred in zip(g, p, strict=True)]),
    "squad_em": lambda g, p: best(g, [x if x is not None else "\0" for x in p], lambda r, x: bare(r) == bare(x)),
    "squad_f1": lambda g, p: best(g, p, squad),
}  # fmt: skip


def test_every_metric_has_a_reference_to_be_checked_against() -> None:
    assert list(REFERENCES) == list(METRICS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_its_reference_on_random_cases(name: str, seed: int) -> None:
    (golds, preds) = next(case[1:] for case in cases(seed) if case[0] == name)
    assert any(pred is None for pred in preds) or len(preds) < 10
    assert value(name, golds, preds) == pytest.approx(100 * REFERENCES[name](golds, preds))


def test_every_metric_says_its_unit_and_source() -> None:
    assert {(one.unit, one.higher_is_better) for one in METRICS.values()} == {("percent", True)}
    assert all(one.source and one.table.__doc__ for one in METRICS.values())


# --- groups ---------------------------------------------------------------------------------------------------------


def grouped(seed: int, n: int, most: int) -> list[str]:
    rng = random.Random(seed)
    return [f"q{rng.randrange(most)}" for _ in range(n)]


def test_multirc_by_hand() -> None:
    """Khashabi et al. 2018: F1a over all answers, EM over questions. 7 answers to 3 questions of 2 paragraphs."""
    groups = ["p1 q1", "p1 q1", "p1 q1", "p1 q2", "p1 q2", "p2 q1", "p2 q1"]
    golds = [1, 0, 1, 0, 1, 1, 1]
    preds = [1, 0, 1, 1, 1, 1, None]
    assert value("group_exact", golds, preds, groups) == pytest.approx(100 / 3)  # only the first is right throughout
    assert value("f1", golds, preds, groups) == pytest.approx(100 * 2 * 4 / (2 * 4 + 1 + 1))
    assert value("accuracy", golds, preds, groups) == pytest.approx(100 * 5 / 7)
    assert value("group_exact", golds, preds) == value("accuracy", golds, preds)
    assert measure("group_exact", golds, preds, groups=groups).n == 7


def test_record_by_hand() -> None:
    """Zhang et al. 2018: a query counts once, by the best of its answers, however many rows it has."""
    groups = ["p1 q1", "p1 q1", "p1 q1", "p1 q2"]
    golds = [("Obama",), ("Barack Obama",), ("The President",), ("Berlin",)]
    preds = ["Barack Obama", "Barack Obama", "Barack Obama", "Paris"]
    assert value("squad_em", golds, preds, groups) == pytest.approx(50)
    assert value("squad_f1", golds, preds, groups) == pytest.approx(50)
    assert value("squad_em", golds, preds) == pytest.approx(25)
    assert value("squad_f1", golds, preds) == pytest.approx(100 * (2 / 3 + 1 + 0 + 0) / 4)
    once = [tuple(gold for (gold,) in golds[:3]), golds[3]]
    for name in ("squad_em", "squad_f1"):
        assert value(name, golds, preds, groups) == value(name, once, ["Barack Obama", "Paris"])


@pytest.mark.parametrize("seed", range(10))
def test_group_exact_is_that_of_a_plain_loop(seed: int) -> None:
    golds, preds = classes(seed, 2, 0.1)
    groups = grouped(seed, len(golds), 9)
    wrong = {group for gold, pred, group in zip(golds, preds, groups, strict=True) if gold != pred}
    every = set(groups)
    assert value("group_exact", golds, preds, groups) == pytest.approx(100 * len(every - wrong) / len(every))


@pytest.mark.parametrize(("name", "golds", "preds"), cases(2), ids=list(METRICS))
def test_one_group_a_row_changes_nothing(name: str, golds: Any, preds: Any) -> None:
    groups = [f"{i * 7919 % 101}" for i in range(len(golds))]  # not in the order of their names
    assert measure(name, golds, preds, groups=groups, seed=2) == measure(name, golds, preds, seed=2)


@pytest.mark.parametrize(("name", "golds", "preds"), cases(4), ids=list(METRICS))
def test_the_interval_is_that_of_drawing_whole_groups(name: str, golds: Any, preds: Any) -> None:
    groups = grouped(1, len(golds), 6)
    found, names = measure(name, golds, preds, groups=groups, resamples=60, seed=4), list(dict.fromkeys(groups))
    assert found.low <= found.value <= found.high and found.n == len(golds)
    if name == "spearman":
        return  # the interval keeps the ranks of the whole set
    drawn = []
    for counts in np.random.Generator(np.random.Philox(4)).multinomial(len(names), [1 / len(names)] * len(names), 60):
        picked, again = [], []
        for group, often in zip(names, counts, strict=True):
            for copy in range(often):  # a group drawn twice is two groups
                rows = [i for i, of_row in enumerate(groups) if of_row == group]
                picked += rows
                again += [f"{group} {copy}"] * len(rows)
        parts = [golds[i] for i in picked], [preds[i] for i in picked]
        drawn.append(value(name, *parts, again) if METRICS[name].grouped else brute(name, *parts, golds))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((min(low, found.value), max(high, found.value)), abs=1e-6)


@pytest.mark.parametrize(("name", "golds", "preds"), cases(2), ids=list(METRICS))
def test_groups_change_the_value_of_grouped_metrics_only(name: str, golds: Any, preds: Any) -> None:
    groups = grouped(3, len(golds), 4)
    same = value(name, golds, preds, groups) == pytest.approx(value(name, golds, preds))
    assert same != METRICS[name].grouped


def test_answers_that_go_wrong_together_make_the_interval_wider() -> None:
    golds, groups = [1] * 200, [f"q{i // 10}" for i in range(200)]
    preds = [i // 10 % 2 for i in range(200)]  # all ten of a question right, or none
    rows, questions = measure("accuracy", golds, preds), measure("accuracy", golds, preds, groups=groups)
    assert rows.value == questions.value == 50
    assert questions.high - questions.low > 2.5 * (rows.high - rows.low)


def test_every_row_needs_a_group() -> None:
    with pytest.raises(ValueError, match="zip"):
        measure("accuracy", [0, 1], [0, 1], groups=["a"])


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
    monkeypatch.setattr("t2t.metrics.blocks", lambda resamples, n: [300, 300, 300, 100])
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


def test_macro_f1_of_one_class_alone_is_its_own() -> None:
    assert value("macro_f1", [1, 1, 1], [1, 1, 0]) == pytest.approx(80)


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


def test_the_margin_of_an_average_takes_tasks_as_independent_and_scores_of_a_task_as_one() -> None:
    bounds = [("a", 10.0, 16.0), ("b", 40.0, 50.0), ("b", 40.0, 46.0)]  # halves 3, and 5 and 3 that are one of 4
    assert average_margin(bounds) == pytest.approx(5 / 2)
    assert average_margin([("a", 10.0, 16.0)]) == pytest.approx(3)


def test_confusion_is_scikit_learns_with_a_column_for_what_is_unparsed() -> None:
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(0)
    golds, preds = rng.integers(4, size=(2, 200)).tolist()
    said = [None if i % 9 == 0 else pred for i, pred in enumerate(preds)]
    wanted = confusion_matrix(golds, [4 if pred is None else pred for pred in said], labels=range(5))
    assert confusion(golds, said, 4) == wanted[:4].tolist()

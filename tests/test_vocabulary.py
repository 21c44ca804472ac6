"""Vocabularies trained here: ids as SentencePiece gives them, text that comes back, the audit, the sampling."""

from __future__ import annotations

import importlib.util
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece as spm
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from t2t import vocabulary
from t2t.corpora import corpus
from t2t.errors import DataError, DiskError, UsageError
from t2t.tokens import Tokens, load_tokenizer

DATA = Path(__file__).resolve().parents[1] / "data"
MINI = DATA / "models" / "t2t-mini"
SIZE = 800
PROBES = [
    "",
    " ",
    "a  b   c ",
    "one\ntwo\n\n\tthree\r\n",
    "translate English to German: That is good.",
    "aaaaaaaaa eeee nnnnnnn ......... ------ ooooooooooooooo tttttt",
    "3.14159 1,000,000 2024-05-01 007",
    "Zoë naïve café Ångström ½ € “quoted” …",
    "中文 한국어 العربية Кириллица 😀 👩‍👩‍👧‍👦",
    "\x00 \x01 \x7f \u2028 \ufffd \U0010ffff \u00a0",
    "<0x0A> <0xE2><0x96><0x81>",
    "a </s> b<pad><unk> <extra_id_0> [R] [S][X]",
]


def lines() -> list[str]:
    """Lines of the bundled samples, English and other languages."""
    files = sorted(DATA.rglob("*.jsonl"))
    texts = []
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            texts += [v for v in json.loads(line).values() if isinstance(v, str)]
    return [part for text in texts for part in text.split("\n") if part.strip()]


@pytest.fixture(scope="module")
def text() -> list[str]:
    return lines()


@pytest.fixture(scope="module", params=vocabulary.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(kind: str, text: list[str]) -> bytes:
    return vocabulary.train(vocabulary.sample(text, 300_000, 1), size=SIZE, kind=kind)


@pytest.fixture(scope="module")
def folder(model: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vocabulary") / "new" / "one"
    vocabulary.write_tokenizer(out, model, modes=True)
    return out


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def reference(model: bytes) -> spm.SentencePieceProcessor:
    return spm.SentencePieceProcessor(model_proto=model)


def same(tokenizer: Any, reference: spm.SentencePieceProcessor, texts: list[str]) -> Iterator[str]:
    """Yield the texts that differ from SentencePiece or do not come back."""
    for text, ids in zip(texts, tokenizer(texts, split_special_tokens=True)["input_ids"], strict=True):
        marked = vocabulary.SPACE in text or vocabulary.ESCAPE in text
        if tokenizer.decode(ids[:-1]) != text or not (marked or ids == [*reference.encode(text), reference.eos_id()]):
            yield text


# -- training and the fast tokenizer ---------------------------------------------------------------------------------


def test_ids_are_those_of_sentencepiece_and_text_comes_back(tokenizer: Any, reference: Any, text: list[str]) -> None:
    assert list(same(tokenizer, reference, PROBES + text[::7])) == []
    assert list(same(tokenizer, reference, [" ".join(text[:300])])) == []


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab e.\n", max_size=40))
def test_any_text_comes_back(tokenizer: Any, reference: Any, text: str) -> None:
    assert list(same(tokenizer, reference, [text])) == []


def test_real_text_has_the_ids_of_sentencepiece(kind: str, tmp_path: Path) -> None:
    if not os.environ.get("T2T_HUB"):
        pytest.skip("T2T_HUB is not set")
    wiki = list(vocabulary.lines([corpus("corpora/wiki_en", split="validation")]))
    model = vocabulary.train(vocabulary.sample(wiki, 400_000, 1), size=4000, kind=kind)
    vocabulary.write_tokenizer(tmp_path, model)
    reference = spm.SentencePieceProcessor(model_proto=model)
    assert list(same(AutoTokenizer.from_pretrained(tmp_path), reference, wiki)) == []


def test_the_order_of_the_entries(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, 258]) == ["<pad>", "</s>", "<unk>", "<0x00>", "<0xFF>"]
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer.convert_ids_to_tokens([SIZE, SIZE + 1, SIZE + 2]) == ["[R]", "[S]", "[X]"]
    last = SIZE + 3 + 100 - 1
    assert len(tokenizer) == last + 1
    assert tokenizer.convert_ids_to_tokens([last - 99, last]) == ["<extra_id_99>", "<extra_id_0>"]


def test_control_strings_are_tokens_or_plain_text_as_asked(tokenizer: Any) -> None:
    pieces = tokenizer.tokenize("[R] the <extra_id_0> cat<extra_id_1>")
    assert [p for p in pieces if p[0] in "<["] == ["[R]", "<extra_id_0>", "<extra_id_1>"]
    control = set(tokenizer.all_special_ids)
    for string in tokenizer.all_special_tokens:
        assert not control & set(Tokens(tokenizer).ids([f"a{string} b"])[0][:-1].tolist()), string


def test_no_piece_of_the_text_is_written_twice_and_a_line_end_is_a_piece(tokenizer: Any, reference: Any) -> None:
    pieces = [reference.id_to_piece(n) for n in range(reference.get_piece_size())]
    assert len(set(pieces)) == SIZE == len(pieces)
    assert tokenizer.tokenize("a\nb")[1] == "\n"


def test_the_same_lines_give_the_same_model(text: list[str], kind: str) -> None:
    made = {vocabulary.train(vocabulary.sample(text, 30_000, 5), size=420, kind=kind) for _ in range(2)}
    assert len(made) == 1


def test_without_modes(model: bytes) -> None:
    tokenizer = vocabulary.build_tokenizer(model)
    assert tokenizer.get_vocab_size() == SIZE + 100
    assert "[R]" not in vocabulary.tokenizer_config()["additional_special_tokens"]  # type: ignore[operator]


def test_the_bundled_files_are_those_made_here(tmp_path: Path) -> None:
    path = DATA / "models" / "make_t2t_mini.py"
    spec = importlib.util.spec_from_file_location("make_t2t_mini", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.write_directory(tmp_path, (MINI / "spiece.model").read_bytes())
    for name in vocabulary.FILES:
        assert (tmp_path / name).read_bytes() == (MINI / name).read_bytes(), name


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"size": 100_000}, r"size 100,000 is more than the text gives: at most [\d,]+\. Lower --size"),
        ({"size": 10}, r"size 10 is too small: the specials, bytes and characters alone are 3\d\d"),
        ({"kind": "words"}, 'expected unigram or bpe, got "words"'),
        ({"coverage": 1.5}, "expected 0.9 to 1, got 1.5"),
        ({"coverage": float("nan")}, "expected 0.9 to 1"),
    ],
)
def test_what_the_text_does_not_allow(how: dict[str, Any], said: str, kind: str, text: list[str]) -> None:
    with pytest.raises(UsageError, match=said):
        vocabulary.train(text[:200], **{"kind": kind, **how})


def test_the_highest_size_that_is_named_can_be_had(text: list[str], kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        vocabulary.train(text[:200], size=100_000, kind=kind)
    highest = int(caught.value.message.rpartition(" ")[2].replace(",", ""))
    assert vocabulary.train(text[:200], size=highest, kind=kind)


@pytest.mark.parametrize("nothing", [[], ["\u2581"]])
def test_nothing_to_learn_from(nothing: list[str], kind: str) -> None:
    with pytest.raises((DataError, UsageError)):
        vocabulary.train(nothing, kind=kind)


def test_a_folder_that_cannot_be_written(tmp_path: Path, model: bytes) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DiskError, match="cannot be written"):
        vocabulary.write_tokenizer(tmp_path / "file" / "new", model)


# -- lines -----------------------------------------------------------------------------------------------------------


def test_lines_are_cut_at_spaces_and_nothing_is_lost(tmp_path: Path) -> None:
    long = "word " * 5000
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": f"One.\n \n{long}\n{'x' * 10_000}"}))
    found = list(vocabulary.lines([corpus(str(tmp_path / "a.jsonl"))]))
    assert found[0] == "One." and "".join(found[1:]).replace(" ", "") == long.replace(" ", "") + "x" * 10_000
    assert max(len(line.encode()) for line in found) <= vocabulary.MAX_LINE_BYTES


def test_the_sample_is_uniform_seeded_and_within_the_budget() -> None:
    stream = [f"{i:04}" for i in range(1000)]
    one = vocabulary.sample(iter(stream), 400, 7)
    assert one == vocabulary.sample(iter(stream), 400, 7) != vocabulary.sample(iter(stream), 400, 8)
    assert len(one) == 100 == len(set(one))
    counts = [sum(int(line) // 250 == quarter for s in range(50) for line in vocabulary.sample(stream, 400, s))
              for quarter in range(4)]  # fmt: skip
    assert all(1100 < count < 1400 for count in counts)
    assert sorted(vocabulary.sample(iter(stream), 10**6, 7)) == stream


def test_a_smaller_sample_is_the_start_of_a_larger_one() -> None:
    stream = [str(i) * (1 + i % 9) for i in range(500)]
    small, large = vocabulary.sample(stream, 500, 3), vocabulary.sample(stream, 2000, 3)
    assert large[: len(small)] == small


def test_sampling_holds_no_more_than_the_sample() -> None:
    tracemalloc.start()
    vocabulary.sample((f"{i} " + "x" * 990 for i in range(50_000)), 1_000_000, 1)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 4_000_000


@pytest.mark.parametrize(("count", "held"), [(1, 1), (2, 1), (50, 1), (1000, 20)])
def test_a_fiftieth_is_held_out(count: int, held: int) -> None:
    drawn = [f"{i:04}" for i in range(count)]
    learnt, rest = vocabulary.hold_out(drawn)
    assert len(rest) == held and (learnt + rest == drawn or count == 1) and learnt


# -- the audit -------------------------------------------------------------------------------------------------------


def test_the_audit_of_a_new_vocabulary(tokenizer: Any, text: list[str]) -> None:
    texts = text[:400]
    found = vocabulary.audit(tokenizer, texts)
    ids = [tokenizer(t, split_special_tokens=True)["input_ids"][:-1] for t in texts]
    assert found.tokens == sum(map(len, ids)) and found.words == sum(len(t.split()) for t in texts)
    assert found.tokens_per_word == pytest.approx(found.tokens / found.words)
    assert found.characters_per_token * found.tokens == pytest.approx(sum(map(len, texts)))
    assert found.byte_tokens == pytest.approx(100 * sum(3 <= n <= 258 for row in ids for n in row) / found.tokens)
    assert (found.entries, found.sentinels, found.modes) == (SIZE + 103, 100, 3)
    assert (found.unknown, found.comes_back, found.changed, found.control) == (0, 100, None, ())


def test_the_audit_of_the_bundled_vocabulary() -> None:
    found = vocabulary.audit(load_tokenizer(str(MINI)), ["naïve 中 ▁ </s>", "two  spaces"])
    assert found.byte_tokens > 0 and found.comes_back == 100 and found.modes == 0 and found.sentinels == 100


def test_the_audit_says_what_is_lost(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(["<unk>", "the", "cat", "sat"])}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    found = vocabulary.audit(PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="<unk>"),
                             ["the cat", "the dog  sat", "sat"])  # fmt: skip
    assert found.unknown == pytest.approx(100 / 6) and found.comes_back == pytest.approx(200 / 3)
    assert found.changed == ("the dog  sat", "the <unk> sat")
    assert found.sentinels == 0


def test_an_audit_of_nothing(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="no line"):
        vocabulary.audit(tokenizer, [])

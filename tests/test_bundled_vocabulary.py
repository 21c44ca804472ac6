"""The bundled vocabulary: ids as SentencePiece gives them, and text that comes back unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sentencepiece as spm
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

MODEL_DIRECTORY = Path(__file__).resolve().parents[1] / "data" / "models" / "t2t-mini"
SPACE_MARK = "\u2581"  # how a piece spells a space
ESCAPE = "\u0010"  # how the fast tokenizer spells a space mark in the text, see the model card
PAD_ID, EOS_ID, UNK_ID = 0, 1, 2
PIECES, SENTINELS = 8000, 100
OWN_PIECES = "\n\t{}<>\\~^`_[]|"
CONTROL_STRINGS = ["<pad>", "</s>", "<unk>", "<extra_id_0>", "<extra_id_42>", "<extra_id_99>"]

PROBES = [
    "",
    " ",
    "   ",
    "\n",
    "\n\n \n",
    "\t",
    "a",
    " a",
    "  a",
    "a ",
    "a  b",
    "a   b    c",
    "translate English to German: That is good.",
    "one\ntwo\n\nthree\n",
    "one\r\ntwo",
    "\tindented\n\t\tmore",
    "    if x < 10 and y > 2: d = {'k': [1, 2]}  # ~`^\\|_",
    '{"a": [1, 2.50], "b": null}',
    "C:\\temp\\new ~/x a^b `code` snake_case x|y",
    "3.14159 1,000,000 2024-05-01 007",
    "Zoë naïve café Ångström Łódź Škoda ½ € £ — “quoted” …",
    "e\u0301 versus \u00e9, \ufb01 versus fi, \u212b",
    "中文 日本語 한국어 العربية עברית ไทย Ελληνικά Кириллица",
    "😀 👩‍👩‍👧‍👦 🇬🇧 👍🏽",
    "\u00a0 \u2003 \u200b \u3000 \ufeff",
    "\x00 \x01 \x1b \x7f \x85 \u2028",
    "\ufffd \U0010ffff \U000e0001",
    "<0x0A> <0xE2><0x96><0x81> 0x41>",
    "a </s> b<pad><unk> <extra_id_0>",
    "</s>",
    "< / s >",
]
SPACE_MARK_PROBES = [
    SPACE_MARK,
    f"{SPACE_MARK}the",
    f"a {SPACE_MARK} {SPACE_MARK}{SPACE_MARK}b",
    ESCAPE,
    f"{ESCAPE}0{ESCAPE}1{ESCAPE}{ESCAPE}",
    f"{ESCAPE}{SPACE_MARK}1{SPACE_MARK}0 {ESCAPE}01",
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_DIRECTORY, trust_remote_code=False)


@pytest.fixture(scope="module")
def reference() -> spm.SentencePieceProcessor:
    return spm.SentencePieceProcessor(model_file=str(MODEL_DIRECTORY / "spiece.model"))


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Encode with control strings taken as plain text, ``</s>`` appended."""
    return tokenizer(text, split_special_tokens=True)["input_ids"]


def assert_plain_and_exact(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids = plain_ids(tokenizer, text)
    assert ids[-1] == EOS_ID
    body = ids[:-1]
    assert all(UNK_ID < token < PIECES for token in body)
    assert tokenizer.decode(body) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    return body


def test_opens_as_a_fast_tokenizer_with_its_special_tokens(tokenizer):
    assert tokenizer.is_fast
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<pad>", PAD_ID)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("</s>", EOS_ID)
    assert (tokenizer.unk_token, tokenizer.unk_token_id) == ("<unk>", UNK_ID)
    assert tokenizer.bos_token is None
    named = ["</s>", "<unk>", "<pad>"]
    sentinels = [f"<extra_id_{number}>" for number in range(SENTINELS)]
    assert sorted(tokenizer.all_special_tokens) == sorted(named + sentinels)
    assert len(tokenizer) == PIECES + SENTINELS


def test_sentinels_end_the_vocabulary_in_falling_order(tokenizer):
    last = PIECES + SENTINELS - 1
    for number in range(SENTINELS):
        assert tokenizer.convert_tokens_to_ids(f"<extra_id_{number}>") == last - number
        assert tokenizer.convert_ids_to_tokens(last - number) == f"<extra_id_{number}>"


def test_pieces_are_the_ones_of_sentencepiece(tokenizer, reference):
    assert reference.get_piece_size() == PIECES
    pieces = [reference.id_to_piece(number) for number in range(PIECES)]
    assert tokenizer.convert_ids_to_tokens(list(range(PIECES))) == pieces
    assert sum(reference.is_byte(number) for number in range(PIECES)) == 256
    assert (reference.pad_id(), reference.eos_id(), reference.unk_id()) == (PAD_ID, EOS_ID, UNK_ID)
    assert reference.bos_id() == -1


def test_scores_are_the_ones_of_sentencepiece_and_add_up_exactly(tokenizer, reference):
    written = json.loads((MODEL_DIRECTORY / "tokenizer.json").read_text(encoding="utf-8"))
    for number, (piece, score) in enumerate(written["model"]["vocab"]):
        if reference.is_control(number) or reference.is_unknown(number) or reference.is_byte(number):
            assert score <= -1000, piece  # never chosen for the same characters in a text
        else:
            assert score == reference.get_score(number), piece
            assert score * 64 == int(score * 64), piece


def test_a_long_text_has_the_ids_of_sentencepiece(tokenizer, reference):
    text = " ".join(PROBES) * 100
    assert len(text) > 50_000
    assert assert_plain_and_exact(tokenizer, text) == reference.encode(text)


@pytest.mark.parametrize("character", OWN_PIECES)
def test_characters_of_markup_and_code_are_pieces_of_their_own(tokenizer, character):
    assert tokenizer.convert_ids_to_tokens(plain_ids(tokenizer, f"a{character}"))[-2] == character


def test_letters_of_western_europe_and_romania_are_pieces_of_their_own(reference):
    for character in "äöüßÄÖÜéèêëàâçîïôùûœæñåøãõăâîșțşţ€«»„“”‘’–—…½°":
        assert not reference.is_unknown(reference.piece_to_id(character)), character


def test_digits_are_split(tokenizer):
    pieces = tokenizer.convert_ids_to_tokens(plain_ids(tokenizer, "x1234"))
    assert pieces[-5:-1] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("text", PROBES)
def test_probe_has_the_ids_of_sentencepiece_and_comes_back(tokenizer, reference, text):
    assert assert_plain_and_exact(tokenizer, text) == reference.encode(text)


@pytest.mark.parametrize("text", SPACE_MARK_PROBES)
def test_the_space_mark_itself_comes_back(tokenizer, text):
    assert_plain_and_exact(tokenizer, text)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(tokenizer, reference, text):
    body = assert_plain_and_exact(tokenizer, text)
    if SPACE_MARK not in text and ESCAPE not in text:
        assert body == reference.encode(text)


FRAGMENTS = [" ", "  ", "\n", "\t", "a", "the", "1", "0", "{", "<", ">", "\\", "é", "中", "😀"]


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.sampled_from(FRAGMENTS + CONTROL_STRINGS + ["<0x0A>", SPACE_MARK, ESCAPE])))
def test_text_made_of_awkward_parts_comes_back(tokenizer, parts):
    assert_plain_and_exact(tokenizer, "".join(parts))


@pytest.mark.parametrize("string", CONTROL_STRINGS)
@pytest.mark.parametrize("frame", ["{}", "a {} b", "a{}b", " {}", "{0}{0}\n"])
def test_control_strings_can_be_plain_text(tokenizer, reference, string, frame):
    text = frame.format(string)
    assert assert_plain_and_exact(tokenizer, text) == reference.encode(text)


@pytest.mark.parametrize("string", CONTROL_STRINGS)
def test_control_strings_are_control_ids_by_default(tokenizer, string):
    control = tokenizer.convert_tokens_to_ids(string)
    assert control in tokenizer(f"a {string} b")["input_ids"]


def test_the_choice_of_one_call_does_not_stay(tokenizer):
    text = "a <extra_id_0> b"
    parsed = tokenizer(text)["input_ids"]
    assert plain_ids(tokenizer, text) != parsed
    assert tokenizer(text)["input_ids"] == parsed


@pytest.mark.parametrize(
    "text",
    ["<extra_id_0> for inviting<extra_id_1>", "Thank you <extra_id_0> me.", "a<extra_id_3>  b"],
)
def test_text_around_parsed_sentinels_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_no_space_is_added_after_a_sentinel(tokenizer):
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("the <extra_id_0> the")["input_ids"])
    assert pieces == [SPACE_MARK + "the", SPACE_MARK, "<extra_id_0>", SPACE_MARK + "the", "</s>"]


def test_a_batch_has_the_ids_of_its_texts_and_is_padded_on_the_right(tokenizer):
    texts = [text for text in PROBES if text]
    alone = [plain_ids(tokenizer, text) for text in texts]
    assert tokenizer(texts, split_special_tokens=True)["input_ids"] == alone
    padded = tokenizer(texts, split_special_tokens=True, padding=True)
    assert set(padded) == {"input_ids", "attention_mask"}
    width = max(map(len, alone))
    for ids, row, mask in zip(alone, padded["input_ids"], padded["attention_mask"], strict=True):
        assert row == ids + [PAD_ID] * (width - len(ids))
        assert mask == [1] * len(ids) + [0] * (width - len(ids))


def test_truncation_keeps_the_end_of_sequence(tokenizer):
    ids = tokenizer("the cat sat on the mat", truncation=True, max_length=4)["input_ids"]
    assert len(ids) == 4
    assert ids[-1] == EOS_ID


def test_configuration_agrees_with_the_tokenizer(tokenizer):
    config = AutoConfig.from_pretrained(MODEL_DIRECTORY)
    assert config.model_type == "t5"
    assert len(tokenizer) <= config.vocab_size < len(tokenizer) + 64
    assert config.vocab_size % 64 == 0
    assert config.pad_token_id == tokenizer.pad_token_id
    assert config.eos_token_id == tokenizer.eos_token_id
    written = json.loads((MODEL_DIRECTORY / "config.json").read_text(encoding="utf-8"))
    assert written["decoder_start_token_id"] == tokenizer.pad_token_id
    generation = json.loads((MODEL_DIRECTORY / "generation_config.json").read_text("utf-8"))
    for name in ("pad_token_id", "eos_token_id", "decoder_start_token_id"):
        assert generation[name] == written[name]


def test_tokenizer_configuration_names_no_machine():
    written = json.loads((MODEL_DIRECTORY / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert not {"is_local", "local_files_only", "name_or_path", "vocab_file"} & set(written)
    assert str(MODEL_DIRECTORY.parent) not in json.dumps(written)

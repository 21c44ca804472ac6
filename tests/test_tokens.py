"""Tokens: text never becomes control, only column text is shortened, targets stay whole, and all is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer, T5Tokenizer

from t2t.errors import DataError, ModelError, UsageError
from t2t.memo import ENTRY
from t2t.tokens import Tokens, load_tokenizer
from t2t.types import Example, Piece, Prompt
from tests.toy import MINI, T5_TOKENIZER, example

CONTROLS = ["</s>", "<extra_id_0>", "<pad>", "a </s> b", "<extra_id_99><extra_id_1>", "</s></s>", "<</s>/s>", "x<pad>"]
DISGUISED = ["＜/s＞ x", "＜extra＿id＿0＞", "＜ｐａｄ＞", "</\u200bs>", "<\u00ad/s>", "</s\u0007>", "<\x00/s>"]


def mini(**limits: int) -> Tokens:
    return Tokens(AutoTokenizer.from_pretrained(MINI), **limits)


def t5(**limits: int) -> Tokens:
    if not (T5_TOKENIZER / "spiece.model").is_file():
        pytest.skip(f"no spiece.model of T5 in {T5_TOKENIZER}")
    return Tokens(T5Tokenizer.from_pretrained(T5_TOKENIZER), **limits)


@pytest.mark.parametrize("target", [False, True])
@pytest.mark.parametrize("text", CONTROLS + DISGUISED)
@pytest.mark.parametrize("make", [mini, t5])
def test_text_never_becomes_a_control_token(make: Any, text: str, target: bool) -> None:
    tokens = make()
    (ids,) = tokens.ids([text], target=target)
    control = set(tokens.tokenizer.all_special_ids) - {tokens.unk}
    assert not control & set(ids[:-1].tolist())
    assert ids[-1] == tokens.eos


@pytest.mark.parametrize("text", CONTROLS)
def test_control_strings_come_back_as_they_were_with_the_bundled_vocabulary(text: str) -> None:
    tokens = mini()
    assert tokens.decode(tokens.ids([text])) == [text]


def test_control_strings_are_counted_in_inputs_and_targets() -> None:
    tokens = mini()
    tokens.encode([example("a </s> b <pad>", "<extra_id_0>")])
    assert tokens.tallies["toy/free"].control_strings == 3
    assert any("control strings" in line and "(3)" in line for line in tokens.tallies["toy/free"].warnings("toy/free"))


def test_plain_text_is_encoded_as_the_tokenizer_does() -> None:
    tokens, texts = mini(), ["copy: a b", "", "  two  spaces ", "<unk> is no control", "naïve 中文"]
    for text, ids in zip(texts, tokens.ids(texts), strict=True):
        assert ids.tolist() == tokens.tokenizer(text, split_special_tokens=True)["input_ids"]


@pytest.mark.parametrize("make", [mini, t5])
def test_a_long_row_is_shortened_in_its_column_text_alone(make: Any) -> None:
    words = " ".join(f"word{i}" for i in range(5000))
    pieces = (Piece("mnli premise: "), Piece(words, "premise"), Piece(" hypothesis: It rained. The answer is:"))
    tokens = make(max_input=100)
    (encoded,) = tokens.encode([example("", pieces=pieces)])
    text = tokens.decode([encoded.source])[0]
    assert 95 <= len(encoded.source) <= 100
    assert encoded.source[-1] == tokens.eos and tokens.eos not in encoded.source[:-1]
    assert text.startswith("mnli premise: word0 word1")
    assert text.endswith("hypothesis: It rained. The answer is:")
    assert tokens.tallies["toy/free"].inputs_cut == 1


def test_the_longest_column_is_cut_first() -> None:
    tokens = mini(max_input=60)
    long, short = "long " * 400, "the short one stays whole"
    pieces = (Piece("a: "), Piece(long, "a"), Piece(" b: "), Piece(short, "b"))
    assert tokens.shorten(example("", pieces=pieces))[3].text == short
    pieces = (Piece("a: "), Piece(short, "a"), Piece(" b: "), Piece(long, "b"))
    cut = tokens.shorten(example("", pieces=pieces))
    assert cut[1].text == short and 0 < len(cut[3].text) < len(long) and long.startswith(cut[3].text)


def test_equally_long_columns_are_cut_alike() -> None:
    tokens = mini(max_input=50)
    long = "rain " * 200
    cut = tokens.shorten(example("", pieces=(Piece(long, "a"), Piece(" and "), Piece(long, "b"))))
    assert abs(len(cut[0].text) - len(cut[2].text)) < 12


@pytest.mark.parametrize("limit", [12, 13, 14, 17, 33])
def test_what_is_shortened_fits_and_uses_the_room(limit: int) -> None:
    tokens = mini(max_input=limit)
    pieces = (
        Piece("a: "),
        Piece("é中x" * 300, "a"),
        Piece(" b: "),
        Piece("zzz " * 9, "b"),
        Piece(" c: "),
        Piece("", "c"),
    )
    (encoded,) = tokens.encode([example("", pieces=pieces)])
    assert limit - 4 <= len(encoded.source) <= limit


def test_wording_over_the_limit_is_an_error_that_names_the_row() -> None:
    with pytest.raises(DataError, match="toy/free:test:7.*wording alone") as caught:
        mini(max_input=8).encode(
            [example("x", pieces=(Piece("many words " * 20), Piece("x", "a")), uid="toy/free:test:7")]
        )
    assert caught.value.exit_code == 3


def test_an_input_at_the_limit_is_not_cut() -> None:
    eg = example("a b c")
    exact = len(mini().encode([eg])[0].source)
    tokens = mini(max_input=exact)
    assert len(tokens.encode([eg])[0].source) == exact
    assert tokens.tallies["toy/free"].inputs_cut == 0


def test_a_training_target_over_the_limit_is_an_error_that_names_the_row() -> None:
    with pytest.raises(DataError, match="toy/copy:train:3.*limit is 5") as caught:
        mini(max_target=5).encode([example("x", "a b c g m a b c", uid="toy/copy:train:3")], cut_targets=False)
    assert caught.value.code == "D13" and caught.value.exit_code == 3


def test_a_cut_training_target_ends_and_is_counted() -> None:
    tokens = mini(max_target=5)
    (encoded,) = tokens.encode([example("x", "a b c a b c a b c")], cut_targets=True)
    assert len(encoded.target) == 5 and encoded.target[-1] == tokens.eos
    assert tokens.tallies["toy/free"].targets_cut == 1


def test_evaluation_never_cuts_a_reference_even_after_training_did() -> None:
    tokens, eg = mini(max_target=5), example("x", "a b c a b c a b c")
    assert len(tokens.encode([eg], cut_targets=True)[0].target) == 5
    assert len(tokens.encode([eg])[0].target) == 10
    with pytest.raises(DataError):
        tokens.encode([eg], cut_targets=False)


def test_another_text_under_the_same_uid_is_encoded_anew() -> None:
    tokens = mini()
    first, second = (
        tokens.encode([example(text, target, uid="u:s:0")])[0] for text, target in (("a", "b"), ("c", "g"))
    )
    assert first.source.tolist() != second.source.tolist()
    assert first.target.tolist() != second.target.tolist()


def test_an_example_is_counted_once() -> None:
    tokens, eg = mini(), example("a", "b")
    for _ in range(3):
        tokens.encode([eg, eg], cut_targets=False)
    assert tokens.tallies["toy/free"].examples == 1
    assert tokens.tallies["toy/free"].target_tokens == 2


def test_an_example_that_was_dropped_is_encoded_as_before_and_counted_once() -> None:
    tokens, egs = mini(), [example(f"a {'b ' * i}c", "b", uid=f"u:s:{i}") for i in range(40)]
    tokens._memo._limit = 5 * ENTRY
    first = tokens.encode(egs)
    tally = tokens.tallies["toy/free"].asdict()
    for _ in range(2):
        again = [tokens.encode([eg])[0] for eg in egs]
        assert [e.source.tolist() for e in again] == [e.source.tolist() for e in first]
    assert len(tokens._memo) <= 5
    assert tokens.tallies["toy/free"].asdict() == tally


def test_unknown_tokens_and_empty_columns_are_counted() -> None:
    tokens = t5()
    tokens.encode([example("", "{ }", pieces=(Piece("say: ~ "), Piece(" ", "a")))])
    tally = tokens.tallies["toy/free"]
    assert tally.empty_columns == 1 and tally.unknown_input_tokens >= 1 and tally.unknown_target_tokens >= 2


def test_sentinels_and_unknown_tokens_stay_visible_in_an_answer() -> None:
    tokens = mini()
    sentinel = tokens.tokenizer.convert_tokens_to_ids("<extra_id_0>")
    yes = tokens.ids(["yes"])[0][:-1].tolist()
    assert tokens.decode([[sentinel, *yes, tokens.eos]])[0] != "yes"
    assert "<extra_id_0>" in tokens.decode([[sentinel, *yes]])[0]
    assert "<unk>" in tokens.decode([[*yes, tokens.unk]])[0]
    assert tokens.decode([[0, *yes, tokens.eos, 0, 0, *yes]]) == ["yes"]
    assert tokens.decode([[], [tokens.eos], [0, 0]]) == ["", "", ""]


def prompt(*choices: str) -> Prompt:
    return Prompt("p", "{label|choice}", input="{text}", choices=choices)


def test_a_choice_the_vocabulary_cannot_say_is_refused() -> None:
    with pytest.raises(UsageError, match="glue/x prompt p.*<yes>") as caught:
        t5().audit("glue/x", prompt("<yes>", "no"))
    assert caught.value.exit_code == 2
    assert mini().audit("glue/x", prompt("<yes>", "no")) == []
    assert t5().audit("glue/x", prompt("{yes}", "{no}")) == []  # those of each row are not known here


@pytest.mark.parametrize("choice", [" yes", "a\u00a0b", "ﬁne", "a\u0000b"])
def test_a_choice_that_comes_back_changed_is_refused(choice: str) -> None:
    with pytest.raises(UsageError):
        t5().audit("glue/x", prompt(choice, "no"))


def test_a_choice_that_begins_another_is_warned_of() -> None:
    (warning,) = mini().audit("glue/x", prompt("not", "not really", "yes"))
    assert '"not" begins the choice "not really"' in warning


def test_targets_that_do_not_survive_are_warned_of_with_their_characters() -> None:
    (warning,) = t5().audit("glue/x", prompt("yes", "no"), ["fine", "a { b", "~"])
    assert "2 of 3 targets" in warning and "{" in warning and "~" in warning


def test_a_cloze_needs_a_mask_token() -> None:
    with pytest.raises(ModelError, match="mask"):
        mini().audit("glue/x", Prompt("p", "{label|choice}", cloze="{mask} {text}", choices=("a", "b")))


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MINI)
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="end-of-sequence"):
        Tokens(tokenizer)


def test_a_folder_without_a_tokenizer_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ModelError) as caught:
        load_tokenizer(str(tmp_path))
    assert caught.value.exit_code == 4 and str(tmp_path) in str(caught.value)


def test_what_is_saved_has_no_traces_of_where_it_came_from(tmp_path: Path) -> None:
    tokens = Tokens(load_tokenizer(str(MINI)))
    tokens.save(tmp_path)
    text = (tmp_path / "tokenizer_config.json").read_text()
    assert not {"is_local", "local_files_only", "name_or_path"} & json.loads(text).keys()
    assert str(MINI) not in text
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert np.array_equal(again("a </s> b")["input_ids"], tokens.tokenizer("a </s> b")["input_ids"])


# Words numbered by sentinels


def numbered(text: str, target: str, **more: Any) -> Example:
    return Example("t:v:0", "t", "p", (Piece("pos: "), Piece(text, "words")), target, format="sentinels", **more)


def test_numbers_of_words_are_sentinel_tokens() -> None:
    for tokens in (mini(), t5()):
        eg = numbered("<extra_id_0> dogs <extra_id_1> bark", "<extra_id_0> N <extra_id_1> V")
        (both,) = tokens.encode([eg])
        zero, one = tokens.tokenizer.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_1>"])
        plain = [tokens.ids([text])[0][:-1].tolist() for text in ("pos:", "dogs", "bark")]
        assert both.source.tolist() == [*plain[0], zero, *plain[1], one, *plain[2], tokens.eos]
        assert [i for i in both.target.tolist() if i in (zero, one, tokens.eos)] == [zero, one, tokens.eos]
        (back,) = tokens.decode([both.target])
        assert "".join(back.split()) == "<extra_id_0>N<extra_id_1>V"
        assert tokens.tallies["t"].control_strings == 0


def test_sentinels_in_the_text_of_another_format_are_not_tokens() -> None:
    tokens = mini()
    (both,) = tokens.encode([replace(numbered("<extra_id_0> dogs", "N"), format="tags")])
    assert tokens.tokenizer.convert_tokens_to_ids("<extra_id_0>") not in both.source.tolist()


def test_an_input_of_numbered_words_is_shortened_too() -> None:
    tokens = Tokens(mini().tokenizer, max_input=12, max_target=32)
    (both,) = tokens.encode([numbered(" ".join(f"<extra_id_{i}> dogs" for i in range(20)), "<extra_id_0> N")])
    assert len(both.source) <= 12 and tokens.tallies["t"].inputs_cut == 1


def test_a_tokenizer_without_sentinels_is_refused() -> None:
    tokens = mini()
    with pytest.raises(ModelError, match="no sentinels"):
        tokens.ids(["<extra_id_700> dogs"], sentinels=True)

"""Files of token ids: the right ids, made once, made on after a kill, and never stale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from t2t import token_files
from t2t.corpora import corpus
from t2t.errors import DataError
from t2t.token_files import NOTE, tokenised
from t2t.tokens import Tokens, load_tokenizer
from tests.toy import MINI


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(load_tokenizer(str(MINI)))


def write(path: Path, texts: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


TEXTS = ["A first document.", "Grüße aus Köln, 5 € — ✓", "It says </s> and <extra_id_0> as it is.", "x" * 300]


def test_the_ids_are_those_of_the_documents_one_after_the_other(tmp_path: Path, tokens: Tokens) -> None:
    file = tokenised(corpus(write(tmp_path / "a.jsonl", TEXTS)), tokens)
    assert file.ids.dtype == np.uint16
    assert file.ids.tolist() == [i for text in TEXTS for i in tokens.ids([text])[0][:-1].tolist()]
    assert (file.counts.documents, file.counts.tokens) == (4, len(file.ids))
    assert file.counts.bytes == sum(len(text.encode()) for text in TEXTS)
    assert not set(file.ids.tolist()) & set(tokens.tokenizer.all_special_ids)


def test_an_end_token_can_stand_after_each_document(tmp_path: Path, tokens: Tokens) -> None:
    name = write(tmp_path / "a.jsonl", TEXTS)
    with_ends, without = tokenised(corpus(name), tokens, between=tokens.eos), tokenised(corpus(name), tokens)
    assert with_ends.digest != without.digest
    assert (with_ends.ids == tokens.eos).sum() == 4
    assert with_ends.ids[with_ends.ids != tokens.eos].tolist() == without.ids.tolist()


def test_a_file_is_made_once(tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write(tmp_path / "a.jsonl", TEXTS)
    first = tokenised(corpus(name), tokens)
    monkeypatch.setattr(Tokens, "bare", lambda self, texts: pytest.fail("encoded again"))
    assert tokenised(corpus(name), tokens).ids.tolist() == first.ids.tolist()


@pytest.mark.parametrize("fault", ["shorter", "other bytes", "no note", "half a note"])
def test_a_file_that_is_not_what_was_noted_is_made_anew(tmp_path: Path, tokens: Tokens, fault: str) -> None:
    own = corpus(write(tmp_path / "a.jsonl", TEXTS))
    first = tokenised(own, tokens)
    said, note, data = first.ids.tolist(), first.path.with_name(NOTE), first.path.read_bytes()
    if fault == "shorter":
        first.path.write_bytes(data[:-10])
    elif fault == "other bytes":
        first.path.write_bytes(data[:10] + bytes(4) + data[14:])
    elif fault == "no note":
        note.unlink()
    else:
        note.write_text(note.read_text()[:20])
    assert tokenised(own, tokens).ids.tolist() == said


def test_another_text_and_another_tokenizer_give_another_file(tmp_path: Path, tokens: Tokens) -> None:
    name = write(tmp_path / "a.jsonl", TEXTS)
    first = tokenised(corpus(name), tokens)
    write(tmp_path / "a.jsonl", [*TEXTS[:-1], "y" * 300])
    assert tokenised(corpus(name), tokens).digest != first.digest
    other = Tokens(load_tokenizer(str(MINI)))
    other.tokenizer.add_tokens(["Köln"])
    assert tokenised(corpus(name), other).digest != tokenised(corpus(name), tokens).digest


@pytest.mark.parametrize("call", [1, 3, 6])
def test_one_that_was_killed_goes_on(
    tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Every batch is a document and noted; what was encoded before the last note is not encoded again."""
    own = corpus(
        write(tmp_path / "a.jsonl", [f"{word} of many" for word in ["zero", "one", "two", "three", "four", "five"]])
    )
    whole = tokenised(own, tokens, between=3).ids.tolist()
    monkeypatch.setattr(token_files, "BATCH", 1)
    monkeypatch.setattr(token_files, "STRETCH", 1)
    calls: list[str] = []
    plain = Tokens.bare

    def dying(self: Tokens, texts: list[str]) -> list[np.ndarray]:
        calls.extend(texts)
        if len(calls) == call:
            raise KeyboardInterrupt
        return plain(self, texts)

    monkeypatch.setattr(Tokens, "bare", dying)
    with pytest.raises(KeyboardInterrupt):
        tokenised(own, tokens, between=4)
    file = tokenised(own, tokens, between=4)
    assert [3 if i == 4 else i for i in file.ids.tolist()] == whole
    assert len(calls) == 7  # six documents, and the one it died at once more


def test_no_text_is_an_error(tmp_path: Path, tokens: Tokens) -> None:
    with pytest.raises(DataError, match="no text"):
        tokenised(corpus(write(tmp_path / "a.jsonl", [" ", "\n"])), tokens)


def test_a_text_that_changes_while_it_is_read_is_an_error_and_not_kept(
    tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, bare = write(tmp_path / "a.jsonl", TEXTS), Tokens.bare

    def changing(self: Tokens, texts: list[str]) -> list[np.ndarray]:
        write(tmp_path / "a.jsonl", ["Another text."])
        return bare(self, texts)

    with monkeypatch.context() as patch:
        patch.setattr(Tokens, "bare", changing)
        with pytest.raises(DataError, match=r"changed while it was read.*Run it again") as caught:
            tokenised(corpus(name), tokens)
    assert caught.value.code == "D19"
    write(tmp_path / "a.jsonl", TEXTS)  # the text that the file would have passed for
    assert tokenised(corpus(name), tokens).counts.documents == len(TEXTS)

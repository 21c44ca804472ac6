"""Vocabularies: train one with SentencePiece, make a fast tokenizer of it, and audit any tokenizer on a corpus.

Floor 3, above ``corpora``. A vocabulary of ``size`` entries is ``<pad>``, ``</s>``, ``<unk>``, the 256 bytes, the
``required`` characters and what is learnt; the mode tokens (where asked for) and the sentinels come behind it and are
not counted, so that ``<extra_id_0>`` has the last id, as in T5. Line ends are never inside a piece; digits are split;
nothing is normalised: with byte fallback every text comes back as it was.

Three things the fast tokenizer does on purpose:

* An entry of a ``tokenizers`` Unigram model can match text whether it is a control, a byte or an ordinary piece, so
  a literal ``</s>`` or ``<0x0A>`` in the data would become that piece even with special tokens split. SentencePiece
  never matches those. They get ``NEVER`` as their score here, far below any spelling of the same text in ordinary
  pieces; in a BPE model no merge leads to them.
* The leading space that SentencePiece adds is added once, at the start of the whole text, also when the text starts
  with a space itself, and not again after a sentinel inside the text.
* SentencePiece spells a space as U+2581, so it cannot tell that character in the data from a space. Here it is written
  as the control character U+0010 (data link escape) and ``1``, and U+0010 itself as U+0010 and ``0``; decoding takes
  that back, so that no text is changed.

>>> spell = train(["the cat sat", "the cat ate", "a cat"] * 9, size=266, required="", kind="bpe")
>>> build_tokenizer(spell, modes=True).encode("the cat <extra_id_0>").tokens[-2:]
['<extra_id_0>', '</s>']
"""

from __future__ import annotations

import heapq
import io
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as spm_pb2
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, Unigram

from t2t.corpora import Corpus
from t2t.errors import DataError, DiskError, UsageError, visible

__all__ = [
    "FILES",
    "HELD_OUT",
    "KINDS",
    "MODES",
    "Audit",
    "audit",
    "build_tokenizer",
    "hold_out",
    "lines",
    "sample",
    "sentinels",
    "tokenizer_config",
    "train",
    "write_tokenizer",
]

KINDS = ("unigram", "bpe")
FILES = ("spiece.model", "tokenizer.json", "tokenizer_config.json")
PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
MODES = ("[R]", "[S]", "[X]")  # UL2's modes: regular, sequential and extreme denoising
SENTINELS = 100
REQUIRED = "\n\t" + "".join(map(chr, range(0x21, 0x7F)))  # characters that are pieces however rare
SPACE = "\u2581"
ESCAPE = "\u0010"
SCORE_STEP = 1 / 64  # unigram scores are multiples of it
NEVER = -1000.0  # a score no ordinary spelling is as bad as
HELD_OUT = 1_000_000  # characters that a vocabulary is audited on, at most
MAX_LINE_BYTES = 16_384
MAX_LINE = MAX_LINE_BYTES // 4  # characters; a longer line is cut at a space


# -- lines -----------------------------------------------------------------------------------------------------------


def lines(corpora: Iterable[Corpus]) -> Iterator[str]:
    """Yield the lines of the documents that are not blank; a long one in several."""
    for one in corpora:
        for text in one.documents():
            for line in text.split("\n"):
                while len(line) > MAX_LINE:
                    at = line.rfind(" ", 1, MAX_LINE)
                    at = at if at > 0 else MAX_LINE
                    yield line[:at]
                    line = line[at:]
                if line and not line.isspace():
                    yield line


def sample(stream: Iterable[str], characters: int, seed: int) -> list[str]:
    """Draw lines in random order until the next one would exceed ``characters``, holding no more than those.

    Every line gets a random number; those with the smallest stay. The stream is read once, to its end.
    """
    rng, held = random.Random(seed), 0
    kept: list[tuple[float, int, str]] = []  # a heap, the largest number first
    full = float("inf")
    for index, line in enumerate(stream):
        drawn = rng.random()
        if drawn >= full:
            continue
        heapq.heappush(kept, (-drawn, index, line))
        held += len(line)
        while held > characters:
            number, _, dropped = heapq.heappop(kept)
            held -= len(dropped)
            full = -number
    return [line for _, _, line in sorted(kept, reverse=True)]


def hold_out(drawn: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return lines to learn from and lines to audit on: the last fiftieth of those drawn, a million characters at most.

    A single line is both.
    """
    wanted, at = min(sum(map(len, drawn)) // 50, HELD_OUT), len(drawn)
    while at > 1 and (wanted > 0 or at == len(drawn)):
        at -= 1
        wanted -= len(drawn[at])
    return list(drawn[:at]), list(drawn[at:] or drawn)


# -- training --------------------------------------------------------------------------------------------------------


def train(
    sample: Iterable[str],
    *,
    size: int = 8000,
    kind: str = "unigram",
    coverage: float = 0.9995,
    required: str = REQUIRED,
) -> bytes:
    """Train on lines and return the serialised SentencePiece model, the same for the same lines and versions.

    ``size`` counts all entries but sentinels and mode tokens; ``coverage`` is the share of the text's characters that
    are pieces of their own, the others are spelt in bytes. Raise ``UsageError`` for a size that the text does not
    allow, ``DataError`` for a text without a line to learn from.
    """
    if kind not in KINDS:
        raise UsageError(f'type: expected {" or ".join(KINDS)}, got "{visible(kind)}"', code="C01")
    if not 0.9 <= coverage <= 1.0:
        raise UsageError(f"coverage: expected 0.9 to 1, got {coverage:g}", fix="0.9995 suits most texts.", code="C01")
    writer = io.BytesIO()
    try:
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(sample),
            model_writer=writer,
            model_type=kind,
            vocab_size=size,
            character_coverage=coverage,
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=True,
            required_chars=required,
            max_sentence_length=MAX_LINE_BYTES,
            input_sentence_size=0,
            num_threads=1,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            pad_piece=PAD,
            eos_piece=EOS,
            unk_piece=UNK,
            minloglevel=3,
        )
    except (RuntimeError, OSError) as error:
        raise _refused(str(error), size) from None
    return round_scores(writer.getvalue()) if kind == "unigram" else writer.getvalue()


def _refused(said: str, size: int) -> UsageError | DataError:
    """Return in our words why SentencePiece could not train."""
    if high := re.search(r"value <= (\d+)", said):
        return UsageError(f"size {size:,} is more than the text gives: at most {int(high[1]):,}",
                          fix="Lower --size, or give more text.", code="C01")  # fmt: skip
    if low := re.search(r"required_chars\. \d+ vs (\d+)", said):
        return UsageError(f"size {size:,} is too small: the specials, bytes and characters alone are {int(low[1]):,}",
                          fix="Raise --size, or lower --coverage.", code="C01")  # fmt: skip
    if "sentences_.empty()" in said:
        return DataError("the corpus has no line to learn from", fix="Give more text.", code="D04")
    return UsageError(f"SentencePiece cannot train: {visible(said, 300)}", code="C01")


def round_scores(model: bytes) -> bytes:
    """Round the scores to multiples of ``SCORE_STEP``.

    SentencePiece adds scores up over the whole text in single precision, so in a long text its
    sums lose digits and it may choose another of two nearly equal spellings. Sums of rounded
    scores are exact up to 2 ** 24 steps, that is for about 100,000 characters of text.
    """
    proto = spm_pb2.ModelProto.FromString(model)
    for piece in proto.pieces:
        piece.score = round(piece.score / SCORE_STEP) * SCORE_STEP
    return bytes(proto.SerializeToString(deterministic=True))


# -- the fast tokenizer ----------------------------------------------------------------------------------------------


def sentinels() -> list[str]:
    """Return the sentinels from ``<extra_id_0>`` on."""
    return [f"<extra_id_{number}>" for number in range(SENTINELS)]


def build_tokenizer(model: bytes, *, modes: bool = False) -> Tokenizer:
    """Build the fast tokenizer from the SentencePiece model, unigram or BPE, with the sentinels behind it."""
    proto = spm_pb2.ModelProto.FromString(model)
    tokenizer = Tokenizer(_bpe(proto) if proto.trainer_spec.model_type == 2 else _unigram(proto))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(ESCAPE, ESCAPE + "0"),
            normalizers.Replace(SPACE, ESCAPE + "1"),
            normalizers.Replace(" ", SPACE),
        ]
    )
    # By now no space is left in the text, so the first step always adds one, at the start of the
    # whole text only; the second step spells it as a piece does and splits before each.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=" ", prepend_scheme="first", split=False),
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="never", split=True),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Replace(ESCAPE + "1", SPACE),
            decoders.Replace(ESCAPE + "0", ESCAPE),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens([_special(token) for token in (PAD, EOS, UNK)])
    tokenizer.add_special_tokens([_special(token) for token in (*(MODES if modes else ()), *reversed(sentinels()))])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", EOS],
        pair=["$A", EOS, "$B", EOS],
        special_tokens=[(EOS, tokenizer.token_to_id(EOS))],
    )
    return tokenizer


def _unigram(proto: Any) -> Unigram:
    """Return the pieces with their scores; what may not match text gets the score ``NEVER``."""
    normal = spm_pb2.ModelProto.SentencePiece.NORMAL
    entries = [(piece.piece, piece.score if piece.type == normal else NEVER) for piece in proto.pieces]
    return Unigram(entries, unk_id=2, byte_fallback=True)


def _bpe(proto: Any) -> BPE:
    """Return the pieces with the merges that lead to them, best first; none leads to a control or byte piece.

    SentencePiece merges whatever neighbours make the piece with the highest score, so that a piece has as many merges
    as it has ways to be cut in two.
    """
    normal = spm_pb2.ModelProto.SentencePiece.NORMAL
    scores = {piece.piece: piece.score for piece in proto.pieces if piece.type == normal}
    merges = []
    for piece in sorted(scores, key=lambda text: -scores[text]):
        halves = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        merges += [(left, right) for left, right in halves if left in scores and right in scores]
    vocab = {piece.piece: number for number, piece in enumerate(proto.pieces)}
    return BPE(vocab, merges, unk_token=UNK, byte_fallback=True)


def _special(token: str) -> AddedToken:
    """Return a special token that takes no white space with it."""
    return AddedToken(token, special=True, normalized=False)


def tokenizer_config(*, modes: bool = False) -> dict[str, object]:
    """Return the contents of ``tokenizer_config.json``.

    The class is the general one: ``T5Tokenizer`` would build its own pipeline in place of the
    one in ``tokenizer.json``, and that one drops repeated spaces and newlines.
    """
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": EOS,
        "unk_token": UNK,
        "additional_special_tokens": [*sentinels(), *(MODES if modes else ())],
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "padding_side": "right",
        "truncation_side": "right",
    }


def write_tokenizer(out: Path, model: bytes, *, modes: bool = False) -> None:
    """Write the three files of a tokenizer directory. Raise ``DiskError`` (exit 5)."""
    config = json.dumps(tokenizer_config(modes=modes), indent=2, ensure_ascii=False)
    tokenizer = build_tokenizer(model, modes=modes).to_str()
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "spiece.model").write_bytes(model)
        (out / "tokenizer_config.json").write_text(config + "\n", encoding="utf-8")
        (out / "tokenizer.json").write_text(tokenizer + "\n", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot be written: {error.strerror or error}", where=str(out),
                        fix="Make room, or choose another folder.") from None  # fmt: skip


# -- the audit -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Audit:
    """What a tokenizer makes of lines. Shares are in percent; ``changed`` is the first line that does not come back.

    ``sentinels`` counts ``<extra_id_0>`` and those that follow it, as far as each is one token; ``control`` lists the
    control strings that plain text is mistaken for.
    """

    entries: int
    sentinels: int
    modes: int
    lines: int
    words: int
    tokens: int
    tokens_per_word: float
    characters_per_token: float
    bytes_per_token: float
    unknown: float
    byte_tokens: float
    comes_back: float
    changed: tuple[str, str] | None
    control: tuple[str, ...]

    def asdict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def audit(tokenizer: Any, texts: Sequence[str]) -> Audit:
    """Measure a tokenizer of transformers on lines, its control strings taken as plain text.

    Raise ``DataError`` where there is no line.
    """
    words = sum(len(text.split()) for text in texts)
    if not words:
        raise DataError("there is no line to audit on", fix="Give more text.", code="D04")
    tokens = unknown = spelt = exact = 0
    changed = None
    bytes_ = {number for piece, number in tokenizer.get_vocab().items() if re.fullmatch("<0x[0-9A-F]{2}>", piece)}
    for start in range(0, len(texts), 1000):
        block = list(texts[start : start + 1000])
        for text, ids in zip(block, _plain(tokenizer, block), strict=True):
            tokens += len(ids)
            unknown += ids.count(tokenizer.unk_token_id) if tokenizer.unk_token_id is not None else 0
            spelt += sum(number in bytes_ for number in ids)
            back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
            exact += back == text
            if back != text and changed is None:
                changed = _first_difference(text, back)
    return Audit(
        entries=len(tokenizer),
        sentinels=next(n for n in range(100_000) if not _one_token(tokenizer, f"<extra_id_{n}>")),
        modes=sum(_one_token(tokenizer, token) for token in MODES),
        lines=len(texts),
        words=words,
        tokens=tokens,
        tokens_per_word=tokens / words,
        characters_per_token=sum(map(len, texts)) / max(tokens, 1),
        bytes_per_token=sum(len(text.encode()) for text in texts) / max(tokens, 1),
        unknown=100 * unknown / max(tokens, 1),
        byte_tokens=100 * spelt / max(tokens, 1),
        comes_back=100 * exact / len(texts),
        changed=changed,
        control=tuple(_mistaken(tokenizer)),
    )


def _plain(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the ids of texts whose control strings are plain text, without special tokens."""
    encoded = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return list(encoded)


def _one_token(tokenizer: Any, string: str) -> bool:
    """Tell whether a control string is one token of its own."""
    number = tokenizer.convert_tokens_to_ids(string)
    if number is None or number == tokenizer.unk_token_id:
        return False
    return bool(tokenizer(string, add_special_tokens=False)["input_ids"] == [number])


def _mistaken(tokenizer: Any) -> Iterator[str]:
    """Yield the control strings that become control tokens although plain text is asked for."""
    for string in tokenizer.all_special_tokens:
        number = tokenizer.convert_tokens_to_ids(string)
        if number != tokenizer.unk_token_id and number in _plain(tokenizer, [f"a {string} b"])[0]:
            yield string


def _first_difference(text: str, back: str, around: int = 30) -> tuple[str, str]:
    """Return both texts around the first place where they differ."""
    at = next((i for i, (a, b) in enumerate(zip(text, back, strict=False)) if a != b), min(len(text), len(back)))
    cut: Callable[[str], str] = lambda whole: whole[max(at - around, 0) : at + around]  # noqa: E731
    return cut(text), cut(back)

"""Make the bundled model directory ``t2t-mini``: vocabulary, tokenizer files and configuration.

What it makes, in the directory ``t2t-mini`` beside this script (or in ``--out``):

* ``spiece.model``: a SentencePiece unigram vocabulary of 8,000 pieces with byte fallback,
  trained on lines drawn with a fixed seed from English Wikipedia and Standard Ebooks.
* ``tokenizer.json`` and ``tokenizer_config.json``: the same vocabulary as a fast tokenizer for
  ``transformers.AutoTokenizer``, with the hundred sentinels ``<extra_id_99>`` ...
  ``<extra_id_0>`` behind it, so that ``<extra_id_0>`` has the last id, as in T5.
* ``config.json`` and ``generation_config.json``: a small T5 v1.0 model. There is no weights file.

How to run::

    python data/models/make_t2t_mini.py --corpora DIR

``DIR`` holds ``wiki_en/train-*.parquet`` and ``standardebooks/train-*.parquet``, each with a
``text`` column; ``wiki_en/validation-*.parquet`` is used for the check at the end.
``--reuse-vocabulary`` keeps the ``spiece.model`` that is there and makes only the other files.
The same corpora, seed and library versions give the same files. ``README.md`` is not made here.

Three things the fast tokenizer does on purpose:

* Every entry of a ``tokenizers`` Unigram model can match text, control and byte pieces too, so
  a literal ``</s>`` or ``<0x0A>`` in the data would become that piece even with special tokens
  split. SentencePiece never matches those. They get ``NEVER`` as their score here, far below
  any spelling of the same text in ordinary pieces.
* The leading space that SentencePiece adds is added once, at the start of the whole text, also
  when the text starts with a space itself, and not again after a sentinel inside the text.
* SentencePiece spells a space as U+2581, so it cannot tell that character in the data from a
  space. Here it is written as the control character U+0010 (data link escape) and ``1``, and
  U+0010 itself as U+0010 and ``0``; decoding takes that back, so that no text is changed.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as spm_pb2
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import AutoTokenizer, GenerationConfig, T5Config

PIECES = 8000
SENTINELS = 100
MODEL_VOCABULARY = 8128  # 8,100 entries, rounded up to a multiple of 64
SEED = 20240501
MAX_CHARACTERS = 30_000_000
MAX_LINE_BYTES = 16_384
PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
SPACE = "\u2581"
ESCAPE = "\u0010"
SCORE_STEP = 1 / 64  # scores are multiples of it
NEVER = -1000.0  # a score no ordinary spelling is as bad as
# Characters that are pieces however rare: ASCII, the letters of Latin-1 and of French and
# Romanian, and some signs; the rest of the vocabulary is learnt.
REQUIRED = (
    "\n\t" + "".join(chr(code) for code in [*range(0x21, 0x7F), *range(0xC0, 0x100)]) + "ŒœĂăȘșȚțŞşŢţ¡¿«»„“”‘’–—…•°½€£§"
)
TRAINING_FILES = ("wiki_en/train-*.parquet", "standardebooks/train-*.parquet")
VALIDATION_FILES = ("wiki_en/validation-*.parquet",)


def read_lines(corpora: Path, patterns: tuple[str, ...]) -> list[str]:
    """Return the lines of the ``text`` columns that are not blank, in file order."""
    lines: list[str] = []
    for pattern in patterns:
        files = sorted(corpora.glob(pattern))
        if not files:
            raise FileNotFoundError(f"no file matches {pattern} under the corpora directory")
        for file in files:
            for text in pq.read_table(file, columns=["text"])["text"].to_pylist():
                lines.extend(line for line in text.split("\n") if line.strip())
    return lines


def sample_lines(lines: list[str], seed: int, max_characters: int) -> list[str]:
    """Draw lines in random order until the next one would exceed ``max_characters``."""
    order = list(range(len(lines)))
    random.Random(seed).shuffle(order)
    sample: list[str] = []
    total = 0
    for index in order:
        line = lines[index]
        if len(line.encode()) > MAX_LINE_BYTES:
            continue
        if total + len(line) > max_characters:
            break
        sample.append(line)
        total += len(line)
    return sample


def train_vocabulary(sample: list[str]) -> bytes:
    """Train the unigram vocabulary and return the serialised SentencePiece model."""
    writer = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(sample),
        model_writer=writer,
        model_type="unigram",
        vocab_size=PIECES,
        character_coverage=0.9995,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        required_chars=REQUIRED,
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
        minloglevel=1,
    )
    return round_scores(writer.getvalue())


def round_scores(model: bytes) -> bytes:
    """Round the scores to multiples of ``SCORE_STEP``.

    SentencePiece adds scores up over the whole text in single precision, so in a long text its
    sums lose digits and it may choose another of two nearly equal spellings. Sums of rounded
    scores are exact up to 2 ** 24 steps, that is for about 100,000 characters of text.
    """
    proto = spm_pb2.ModelProto.FromString(model)
    for piece in proto.pieces:
        piece.score = round(piece.score / SCORE_STEP) * SCORE_STEP
    return proto.SerializeToString(deterministic=True)


def unigram_entries(model: bytes) -> list[tuple[str, float]]:
    """Return the pieces with their scores; what may not match text gets the score ``NEVER``."""
    proto = spm_pb2.ModelProto.FromString(model)
    normal = spm_pb2.ModelProto.SentencePiece.NORMAL
    entries = []
    for piece in proto.pieces:
        entries.append((piece.piece, piece.score if piece.type == normal else NEVER))
    return entries


def build_tokenizer(model: bytes) -> Tokenizer:
    """Build the fast tokenizer from the SentencePiece model."""
    tokenizer = Tokenizer(Unigram(unigram_entries(model), unk_id=2, byte_fallback=True))
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
    tokenizer.add_special_tokens([special(token) for token in (PAD, EOS, UNK)])
    tokenizer.add_special_tokens([special(token) for token in reversed(sentinels())])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", EOS],
        pair=["$A", EOS, "$B", EOS],
        special_tokens=[(EOS, tokenizer.token_to_id(EOS))],
    )
    return tokenizer


def special(token: str) -> AddedToken:
    """Return a special token that takes no white space with it."""
    return AddedToken(token, special=True, normalized=False)


def sentinels() -> list[str]:
    """Return the sentinels from ``<extra_id_0>`` on."""
    return [f"<extra_id_{number}>" for number in range(SENTINELS)]


def tokenizer_config() -> dict[str, object]:
    """Return the contents of ``tokenizer_config.json``.

    The class is the general one: ``T5Tokenizer`` would build its own pipeline in place of the
    one in ``tokenizer.json``, and that one drops repeated spaces and newlines.
    """
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": EOS,
        "unk_token": UNK,
        "additional_special_tokens": sentinels(),
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "padding_side": "right",
        "truncation_side": "right",
    }


def model_config() -> T5Config:
    """Return the configuration of the model: the shape of T5 v1.0, small."""
    return T5Config(
        architectures=["T5ForConditionalGeneration"],
        vocab_size=MODEL_VOCABULARY,
        d_model=192,
        d_kv=32,
        num_heads=6,
        d_ff=512,
        num_layers=4,
        num_decoder_layers=4,
        feed_forward_proj="relu",
        tie_word_embeddings=True,
        relative_attention_num_buckets=32,
        relative_attention_max_distance=128,
        dropout_rate=0.1,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )


def generation_config() -> GenerationConfig:
    """Return the token ids that generation needs."""
    return GenerationConfig(pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON that ends with a newline."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_directory(out: Path, model: bytes) -> None:
    """Write every file of the model directory but the model card."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "spiece.model").write_bytes(model)
    (out / "tokenizer.json").write_text(build_tokenizer(model).to_str() + "\n", encoding="utf-8")
    write_json(out / "tokenizer_config.json", tokenizer_config())
    model_config().save_pretrained(out)
    generation_config().save_pretrained(out)


def differences(out: Path, lines: list[str]) -> Iterator[str]:
    """Yield the lines whose ids differ from SentencePiece's or that do not round-trip."""
    reference = spm.SentencePieceProcessor(model_file=str(out / "spiece.model"))
    tokenizer = AutoTokenizer.from_pretrained(out)
    encoded = tokenizer(lines, split_special_tokens=True)["input_ids"]
    for line, ids in zip(lines, encoded, strict=True):
        expected = reference.encode(line) + [reference.eos_id()]
        if ids != expected or tokenizer.decode(ids[:-1]) != line:
            yield line


def tokens_per_word(out: Path, lines: list[str]) -> float:
    """Return the tokens per word, counted between white space, of ``lines``."""
    tokenizer = AutoTokenizer.from_pretrained(out)
    encoded = tokenizer(lines, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return sum(map(len, encoded)) / sum(len(line.split()) for line in lines)


def check(out: Path, corpora: Path) -> None:
    """Compare the fast tokenizer with SentencePiece on the validation lines; print figures."""
    lines = read_lines(corpora, VALIDATION_FILES)
    wrong = list(differences(out, lines))
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(lines)} lines differ, first: {wrong[0]!r}")
    print(f"{len(lines)} validation lines: ids as SentencePiece's, text unchanged")
    print(f"{tokens_per_word(out, lines):.3f} tokens per word")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description="Make the bundled model directory t2t-mini.")
    parser.add_argument("--corpora", type=Path, required=True, help="directory of the corpora")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "t2t-mini")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the line sample")
    parser.add_argument("--max-characters", type=int, default=MAX_CHARACTERS)
    parser.add_argument("--reuse-vocabulary", action="store_true", help="keep spiece.model")
    return parser.parse_args(arguments)


def main() -> None:
    """Train, convert, write and check."""
    options = parse_arguments()
    if options.reuse_vocabulary:
        model = (options.out / "spiece.model").read_bytes()
    else:
        lines = read_lines(options.corpora, TRAINING_FILES)
        sample = sample_lines(lines, options.seed, options.max_characters)
        print(f"{len(sample)} of {len(lines)} lines, {sum(map(len, sample))} characters")
        start = time.monotonic()
        model = train_vocabulary(sample)
        print(f"trained in {time.monotonic() - start:.0f} s")
    write_directory(options.out, model)
    check(options.out, options.corpora)


if __name__ == "__main__":
    main()

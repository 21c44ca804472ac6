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

How the vocabulary is trained and what the fast tokenizer is made of: ``t2t/vocabulary.py``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import sentencepiece as spm
from transformers import AutoTokenizer, GenerationConfig, T5Config

from t2t.vocabulary import MAX_LINE_BYTES, REQUIRED, train, write_tokenizer

PIECES = 8000
MODEL_VOCABULARY = 8128  # 8,100 entries, rounded up to a multiple of 64
SEED = 20240501
MAX_CHARACTERS = 30_000_000
# Besides ASCII the letters of Latin-1 and of French and Romanian, and some signs are pieces however rare.
CHARACTERS = REQUIRED + "".join(map(chr, range(0xC0, 0x100))) + "ŒœĂăȘșȚțŞşŢţ¡¿«»„“”‘’–—…•°½€£§"
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


def write_directory(out: Path, model: bytes) -> None:
    """Write every file of the model directory but the model card."""
    write_tokenizer(out, model)
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
        model = train(sample, size=PIECES, required=CHARACTERS)
        print(f"trained in {time.monotonic() - start:.0f} s")
    write_directory(options.out, model)
    check(options.out, options.corpora)


if __name__ == "__main__":
    main()

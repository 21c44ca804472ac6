"""Make the bundled model directory ``t2t-mini``: vocabulary, tokenizer files, configuration and weights.

What it makes, in the directory ``t2t-mini`` beside this script (or in ``--out``):

* ``spiece.model``: a SentencePiece unigram vocabulary of 8,000 pieces with byte fallback,
  trained on lines drawn with a fixed seed from English Wikipedia and Standard Ebooks.
* ``tokenizer.json`` and ``tokenizer_config.json``: the same vocabulary as a fast tokenizer for
  ``transformers.AutoTokenizer``, with the hundred sentinels ``<extra_id_99>`` ...
  ``<extra_id_0>`` behind it, so that ``<extra_id_0>`` has the last id, as in T5.
* ``config.json`` and ``generation_config.json``: a small T5 v1.0 model.
* ``model.safetensors``: the weights of a pretraining run, as bf16 (with ``--weights``).

How to run::

    python data/models/make_t2t_mini.py --corpora DIR

``DIR`` holds ``wiki_en/train-*.parquet`` and ``standardebooks/train-*.parquet``, each with a
``text`` column; ``wiki_en/validation-*.parquet`` is used for the check at the end.
``--reuse-vocabulary`` keeps the ``spiece.model`` that is there and makes only the other files.
The same corpora, seed and library versions give the same files.

    python data/models/make_t2t_mini.py --weights RUN [--before RUN] [--glue RUN] [--glue-fresh RUN]

takes the model of a run of ``t2t pretrain``, keeps the vocabulary that is there and needs no corpora. In ``README.md``
it fills what is measured (``card.py``): of RUN, of the runs that it went on from, and of runs on GLUE. The same run
gives the same files.

How the vocabulary is trained and what the fast tokenizer is made of: ``t2t/vocabulary.py``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import sentencepiece as spm
import torch
from safetensors.torch import load_file, save
from transformers import AutoTokenizer, GenerationConfig, T5Config, T5ForConditionalGeneration

from t2t.vocabulary import MAX_LINE_BYTES, REQUIRED, train, write_tokenizer

PIECES = 8000
MODEL_VOCABULARY = 8128  # 8,100 entries, rounded up to a multiple of 64
SEED = 20240501
MAX_CHARACTERS = 30_000_000
# Besides ASCII the letters of Latin-1 and of French and Romanian, and some signs are pieces however rare.
CHARACTERS = REQUIRED + "".join(map(chr, range(0xC0, 0x100))) + "ŒœĂăȘșȚțŞşŢţ¡¿«»„“”‘’–—…•°½€£§"
TRAINING_FILES = ("wiki_en/train-*.parquet", "standardebooks/train-*.parquet")
VALIDATION_FILES = ("wiki_en/validation-*.parquet",)
MAX_WEIGHTS_BYTES = 20_000_000
# Of a run's configuration these may differ: they change no weight's meaning.
FREE = ("architectures", "classifier_dropout", "dropout_rate", "dtype", "transformers_version", "use_cache")


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
    """Return the configuration of the model: the shape of T5 v1.0, small.

    The weights are stored as bf16; ``dtype`` is what ``from_pretrained`` makes of them unless it is told otherwise.
    """
    return T5Config(
        dtype="float32",
        architectures=["T5ForConditionalGeneration"],
        vocab_size=MODEL_VOCABULARY,
        d_model=256,
        d_kv=32,
        num_heads=8,
        d_ff=1024,
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


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of the weights file; what is tied is there once."""
    with torch.device("meta"):
        net = T5ForConditionalGeneration(model_config())
    return {name: tuple(weight.shape) for name, weight in net.named_parameters()}


def read_weights(run: Path, out: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a run's model as bf16. Exit where they are not those of this shape and vocabulary."""
    folder = run / "model"
    given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    expected = model_config().to_dict()
    for key in sorted(set(expected) - set(FREE)):
        if given.get(key, expected[key]) != expected[key]:
            raise SystemExit(f"{folder}: {key} is {given[key]!r}, expected {expected[key]!r}")
    if AutoTokenizer.from_pretrained(folder).get_vocab() != AutoTokenizer.from_pretrained(out).get_vocab():
        raise SystemExit(f"{folder}: the vocabulary is not that of {out}")
    tensors, wanted = load_file(folder / "model.safetensors"), shapes()
    if odd := sorted(tensors.keys() ^ wanted.keys()):
        raise SystemExit(f"{folder}: tensors missing or unexpected: {', '.join(odd[:10])}")
    for name, shape in wanted.items():
        if tuple(tensors[name].shape) != shape:
            raise SystemExit(f"{folder}: {name} has shape {tuple(tensors[name].shape)}, expected {shape}")
    found = {name: tensors[name].to(torch.bfloat16).contiguous() for name in sorted(tensors)}
    for name, tensor in found.items():
        if not bool(tensor.isfinite().all()):
            raise SystemExit(f"{folder}: {name} is not finite")
    return found


def write_weights(out: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write ``model.safetensors``, whole or not at all. Exit where it would be too large to bundle."""
    data = save(tensors, metadata={"format": "pt"})
    if len(data) > MAX_WEIGHTS_BYTES:
        raise SystemExit(f"the weights take {len(data):,} bytes, more than {MAX_WEIGHTS_BYTES:,}")
    part = out / "model.safetensors.part"
    part.write_bytes(data)
    os.replace(part, out / "model.safetensors")
    count = sum(math.prod(tensor.shape) for tensor in tensors.values())
    print(f"{count:,} parameters, {len(data):,} bytes")


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
    parser.add_argument("--corpora", type=Path, help="directory of the corpora")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "t2t-mini")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the line sample")
    parser.add_argument("--max-characters", type=int, default=MAX_CHARACTERS)
    parser.add_argument("--reuse-vocabulary", action="store_true", help="keep spiece.model")
    parser.add_argument("--weights", type=Path, metavar="RUN", help="bundle the model of this run of t2t pretrain")
    parser.add_argument("--before", type=Path, metavar="RUN", action="append", default=[],
                        help="a run that --weights went on from, for the card; repeatable, in order")  # fmt: skip
    parser.add_argument("--glue", type=Path, metavar="RUN", help="a run on GLUE from these weights, for the card")
    parser.add_argument("--glue-fresh", type=Path, metavar="RUN", help="the same run from random weights")
    options = parser.parse_args(arguments)
    if not options.corpora and not options.weights:
        parser.error("give --corpora, --weights or both")
    return options


def vocabulary(options: argparse.Namespace) -> bytes:
    """Return the SentencePiece model: the one that is there, or one trained on the corpora."""
    if options.reuse_vocabulary or not options.corpora:
        return (options.out / "spiece.model").read_bytes()
    lines = read_lines(options.corpora, TRAINING_FILES)
    sample = sample_lines(lines, options.seed, options.max_characters)
    print(f"{len(sample)} of {len(lines)} lines, {sum(map(len, sample))} characters")
    start = time.monotonic()
    model = train(sample, size=PIECES, required=CHARACTERS)
    print(f"trained in {time.monotonic() - start:.0f} s")
    return model


def main(arguments: list[str] | None = None) -> None:
    """Train, convert, write and check."""
    options = parse_arguments(arguments)
    write_directory(options.out, vocabulary(options))
    if options.corpora:
        check(options.out, options.corpora)
    if options.weights:
        write_weights(options.out, read_weights(options.weights, options.out))
        from card import fill_file  # beside this script

        runs = [*options.before, options.weights]
        fill_file(options.out / "README.md", runs, glue=options.glue, fresh=options.glue_fresh)


if __name__ == "__main__":
    main()

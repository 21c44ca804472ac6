"""Models to measure with: known shapes with random weights and the bundled vocabulary, written as directories.

Floor 6. Speed does not depend on what the weights are, except where answers end: those cases train one first.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t2t.errors import UsageError, did_you_mean, visible
from t2t.paths import models_folder
from t2t.sets import examples
from t2t.tasks import task

__all__ = ["SHAPES", "directory", "has_weights"]

T5: dict[str, dict[str, Any]] = {
    "tiny": {"d_model": 32, "d_kv": 8, "num_heads": 4, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2},
    "d256": {"d_model": 256, "d_kv": 32, "num_heads": 8, "d_ff": 1024, "num_layers": 4, "num_decoder_layers": 4},
    "t5-small": {
        "d_model": 512, "d_kv": 64, "num_heads": 8, "d_ff": 2048, "num_layers": 6, "num_decoder_layers": 6,
        "vocab_size": 32128,  # rows beyond the bundled vocabulary are never asked for; the logits are as wide
    },
}  # fmt: skip
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536, "num_attention_heads": 12}
SHAPES = (*T5, "minilm")
PIECES = 8000
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def directory(shape: str, folder: Path) -> Path:
    """Return the directory of a model of this shape below ``folder``, made where it is not there."""
    if shape not in SHAPES:
        hint = f"Shapes: {', '.join(SHAPES)}.{did_you_mean(shape, SHAPES)}"
        raise UsageError(f'there is no shape "{visible(shape)}"', fix=hint, code="C01")
    path = folder / shape
    if not (path / "config.json").is_file():
        _minilm(path) if shape == "minilm" else _t5(path, T5[shape])
    return path


def _t5(path: Path, sizes: dict[str, Any]) -> None:
    """Write the bundled model's vocabulary and its configuration with other sizes."""
    bundled = models_folder() / "t2t-mini"
    path.mkdir(parents=True, exist_ok=True)
    for file in bundled.glob("*"):
        if file.suffix not in (".md", ".safetensors"):
            shutil.copy(file, path)
    config = json.loads((bundled / "config.json").read_text(encoding="utf-8"))
    (path / "config.json").write_text(json.dumps({**config, "dropout_rate": 0.1, **sizes}), encoding="utf-8")


def _minilm(path: Path) -> None:
    """Write a BERT of MiniLM's shape with word pieces learned from the bundled sample."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertTokenizer

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learner = trainers.WordPieceTrainer(vocab_size=PIECES, special_tokens=list(SPECIAL), show_progress=False)
    made.train_from_iterator(_texts(), learner)
    tokenizer = BertTokenizer(vocab=made.get_vocab(), do_lower_case=True)
    tokenizer.save_pretrained(path)
    config = BertConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **MINILM)
    config.architectures = ["BertModel"]
    config.save_pretrained(path)


def _texts() -> Iterator[str]:
    for name in ("glue/sst2", "glue/mrpc", "glue/qnli"):
        for eg in examples(task(name), "train", "sample"):
            yield eg.input


def has_weights(folder: str) -> bool:
    """Return whether a directory holds weights, not a shape alone."""
    return any(Path(folder).glob("*.safetensors*"))

"""Directories of sentence-transformers: what they say of pooling, normalising and length, read and written.

Floor 4, below the bi-encoder. Such a directory is an ordinary one of transformers with four files more: modules.json
lists what a text goes through (a body, pooling, perhaps normalising), 1_Pooling/config.json says how it is pooled,
sentence_bert_config.json how long it may be, config_sentence_transformers.json what stands before it. They are written
as sentence-transformers 2 wrote them, which all later versions read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from t2t.errors import ModelError, visible
from t2t.models.body import LAST

__all__ = ["Sentences", "read_sentences", "write_sentences"]

MODULES, POOLING = "modules.json", "1_Pooling"
LENGTH, PROMPTS = "sentence_bert_config.json", "config_sentence_transformers.json"
# Our names of the ways of pooling that both know, and the keys of sentence-transformers 2.
KEYS = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}


class Sentences(NamedTuple):
    """How texts become embeddings: ``pooling`` (mean, cls, max), whether they are scaled to length 1, the most tokens
    of a text (None: as many as the body takes), and what is said of the texts that stand before others.
    """

    pooling: str = "mean"
    normalize: bool = False
    longest: int | None = None
    prompts: Mapping[str, Any] = {}

    @property
    def prefix(self) -> str:
        """The text that stands before every text."""
        return str(self.prompts.get("prompts", {}).get(self.prompts.get("default_prompt_name"), ""))


def read_sentences(folder: Path, model_type: str, most: int) -> Sentences:
    """Return what a directory says; of one that is not of sentence-transformers: mean pooling, and no more.

    ``most`` is what the tokenizer says of the most tokens, which later versions keep there.

    Raise ``ModelError`` for modules, ways of pooling or settings that are not known here: embeddings would be others.
    """
    if not (folder / MODULES).is_file():
        return Sentences()
    try:
        modules = json.loads((folder / MODULES).read_text(encoding="utf-8"))
        kinds = [(str(one["type"]).rpartition(".")[2], str(one["path"])) for one in modules]
        names = [kind for kind, _ in kinds]
        if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or kinds[0][1]:
            raise ValueError(f"modules {', '.join(names)}; known are Transformer (here), Pooling and Normalize")
        length, prompts = (_read(folder / name) for name in (LENGTH, PROMPTS))
        if length.get("do_lower_case"):
            raise ValueError(f"{LENGTH}: do_lower_case is not known")
        pooled = json.loads((folder / kinds[1][1] / "config.json").read_text(encoding="utf-8"))
        if not pooled.get("include_prompt", True):
            raise ValueError("include_prompt: false is not known")
        said = pooled.get("pooling_mode") or [kind for kind, key in KEYS.items() if pooled.get(key)] or "mean"
        pooling = said[0] if isinstance(said, list) and len(said) == 1 else said
        # Where the special token stands last, ours is called cls wherever it stands.
        if pooling in ("cls", "lasttoken") and (pooling == "lasttoken") == (model_type in LAST):
            pooling = "cls"
        elif pooling not in ("mean", "max"):
            raise ValueError(f"pooling {pooling} is not known")
        return Sentences(pooling, "Normalize" in names, int(length.get("max_seq_length") or most), prompts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"not a sentence-transformers directory that can be used: {visible(error)}", where=str(folder),
                         code="M01") from None  # fmt: skip


def _read(file: Path) -> dict[str, Any]:
    """Return the object of a JSON file; nothing where there is none. Raise ``ValueError`` for anything else."""
    said = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not isinstance(said, dict):
        raise ValueError(f"{file.name}: expected an object")
    return said


def write_sentences(folder: Path, said: Sentences, *, size: int, longest: int, model_type: str) -> None:
    """Write the files of a directory whose body is there already; ``size`` is that of an embedding."""
    names = ["Transformer", "Pooling", *(["Normalize"] if said.normalize else [])]
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": f"sentence_transformers.models.{name}"}
        for i, name in enumerate(names)
    ]
    own = "lasttoken" if said.pooling == "cls" and model_type in LAST else said.pooling
    pooling = {"word_embedding_dimension": size, **{key: kind == own for kind, key in KEYS.items()}}
    for name in names[1:]:
        (folder / f"{names.index(name)}_{name}").mkdir(exist_ok=True)
    _write(folder / MODULES, modules)
    _write(folder / POOLING / "config.json", pooling)
    _write(folder / LENGTH, {"max_seq_length": longest, "do_lower_case": False})
    _write(folder / PROMPTS, dict(said.prompts))


def _write(file: Path, data: Any) -> None:
    file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

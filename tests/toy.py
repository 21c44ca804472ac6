"""Toy tasks and tiny models, small enough to train in a test.

The tasks: ``toy/copy`` and ``toy/reverse`` (text), ``toy/vowel`` (choice), ``toy/count`` (number); the mix ``toy``
holds the first three. Rows are drawn from a seed, those to train on and those to score are different texts.
"""

from __future__ import annotations

import json
import os
import random
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from t2t import mixtures
from t2t.config import Config
from t2t.tasks import _files, task
from t2t.types import Example, Piece

MINI = Path(__file__).resolve().parents[1] / "data" / "models" / "t2t-mini"
HUB = Path(os.environ.get("T2T_HUB") or Path(__file__).resolve().parents[2] / "shared" / "hub")
T5_TOKENIZER = HUB / "tokenizers" / "t5"  # spiece.model of T5, not bundled

LETTERS = "abcdefgh"
TASKS = {
    "copy": ("text", "{text: text, out: text}", "copy: {text}", "{out}", "", "[exact]", ""),
    "reverse": ("text", "{text: text, out: text}", "reverse: {text}", "{out}", "", "[exact]", ""),
    "vowel": ("choice", "{text: text, label: class}", "vowel: {text}", "{label|choice}", '["no", "yes"]', "[accuracy]",
              ""),
    "count": ("number", "{text: text, n: number}", "count: {text}", "{n}", "", "[pearson]", "range: [0, 20]"),
}  # fmt: skip


def rows(kind: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a task over ``texts``."""
    out = {
        "copy": lambda text: {"out": text},
        "reverse": lambda text: {"out": " ".join(reversed(text.split()))},
        "vowel": lambda text: {"label": int(text[0] in "ae")},
        "count": lambda text: {"n": len(text.split())},
    }[kind]
    return [{"text": text, **out(text)} for text in texts]


def texts(n: int, seed: int, longest: int = 6, letters: str = LETTERS) -> list[str]:
    """Return ``n`` different texts of up to ``longest`` letters."""
    rng, found = random.Random(seed), dict[str, None]()
    while len(found) < n:
        found[" ".join(rng.choices(letters, k=rng.randint(1, longest)))] = None
    return list(found)


def write_rows(path: Path, some: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")


def write_tasks(folder: Path, *, train: int = 40, score: int = 11, longest: int = 6, letters: str = LETTERS) -> Path:
    """Write every toy task and the mix below ``folder``; return it."""
    for number, (kind, (answer, columns, pattern, target, choices, metrics, extra)) in enumerate(TASKS.items()):
        drawn = texts(train + score, number, longest, letters)
        write_rows(folder / "toy" / f"{kind}.train.jsonl", rows(kind, drawn[:train]))
        write_rows(folder / "toy" / f"{kind}.validation.jsonl", rows(kind, drawn[train:]))
        (folder / "toy" / f"{kind}.yaml").write_text(
            f"task: toy/{kind}\ntitle: {kind}\nanswer: {answer}\ncolumns: {columns}\n{extra}\n"
            f"source: {{files: {{train: {kind}.train.jsonl, validation: {kind}.validation.jsonl}}}}\n"
            f"prompts:\n  plain:\n    input: '{pattern}'\n    target: '{target}'\n"
            + (f"    choices: {choices}\n" if choices else "")
            + f"metrics: {metrics}\n",
            encoding="utf-8",
        )
    listed = "[toy/copy, toy/reverse, toy/vowel]"
    (folder / "mixes.yaml").write_text(
        f"toy:\n  title: toys\n  rates: equal\n  tasks: {listed}\nvowels:\n  tasks: [toy/vowel]\n", encoding="utf-8"
    )
    return folder


def forget() -> None:
    """Forget which tasks and mixes there are."""
    for cached in (_files, task, mixtures._mixes):
        cached.cache_clear()


@contextmanager
def known(folder: Path) -> Iterator[Path]:
    """Make the tasks of ``folder`` known for a while."""
    before = os.environ.get("T2T_TASKS")
    os.environ["T2T_TASKS"] = str(folder)
    forget()
    try:
        yield folder
    finally:
        os.environ.pop("T2T_TASKS") if before is None else os.environ.update(T2T_TASKS=before)
        forget()


_T5 = {"d_model": 32, "d_ff": 64, "d_kv": 16, "num_heads": 2, "num_layers": 1, "num_decoder_layers": 1}
_BART = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 128, "bos_token_id": 0,
    "forced_eos_token_id": None, "decoder_start_token_id": 1,
}  # fmt: skip
SHAPES = {"t5": _T5, "mt5": _T5, "umt5": _T5, "bart": _BART}


def build(kind: str = "t5", *, vocabulary: int = 8128, dropout: float = 0.1, seed: int = 0, **shape: Any) -> Any:
    """Return a tiny network with random weights for the bundled vocabulary."""
    rates = {"dropout": dropout, "attention_dropout": dropout} if kind == "bart" else {"dropout_rate": dropout}
    own = {
        "vocab_size": vocabulary, "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0, **SHAPES[kind],
        **rates, **shape,
    }  # fmt: skip
    torch.manual_seed(seed)
    return AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(kind, **own))


def write_model(folder: Path, kind: str = "t5", **how: Any) -> Path:
    """Write a tiny model with the bundled vocabulary; return its folder."""
    build(kind, **how).save_pretrained(folder)
    AutoTokenizer.from_pretrained(MINI).save_pretrained(folder)
    return folder


def example(text: str, target: str = "x", **values: Any) -> Example:
    """Return an example outside of any data set; its uid is made of its texts."""
    values = {"uid": f"toy/free:test:{zlib.crc32(f'{text}|{target}'.encode())}", **values}
    uid, pieces = values.pop("uid"), values.pop("pieces", (Piece("say: "), Piece(text, "text")))
    return Example(uid, values.pop("task", "toy/free"), "plain", pieces, target, **values)


def config(folder: Path | None = None, **settings: Any) -> Config:
    """Return the configuration of a tiny run: fp32, a few steps of few tokens."""
    own = {
        "mix": None if "task" in settings else "toy", "steps": 4, "batch_tokens": 160, "window": 48, "max_input": 48,
        "max_target": 24, "precision": "fp32", "learning_rate": 1e-3, "log_every": 1, "seed": 1,
    }  # fmt: skip
    return Config(**{**own, "out": str(folder) if folder else None, **settings})


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def steps(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of steps, without what the clock says."""
    return [
        {k: v for k, v in line.items() if k not in ("seconds", "tokens_per_second")}
        for line in lines(folder)
        if "loss" in line
    ]


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], tolerance: float = 0.0) -> None:
    """Compare tensors by name: bitwise, or within ``tolerance`` of the largest number of each."""
    a, b = ({name: tensor.detach() for name, tensor in some.items()} for some in (a, b))
    assert a.keys() == b.keys()
    for name in a:
        far = float((a[name].double() - b[name].double()).abs().max()) if a[name].numel() else 0.0
        assert far <= tolerance * max(float(b[name].abs().max()), 1e-8), f"{name} differs by {far}"

"""Six ways to pretrain an encoder side by side: tiny models of one size, one vocabulary, one number of tokens.

Each is pretrained from random weights on the same corpus and then fine-tuned on a mix of tasks; the control is
fine-tuned without. All have the same width, depth and WordPiece vocabulary (ALBERT's layers do not share their weights
here, so that only the objectives differ; XLNet has its own frame and attention). What is done is kept in ``--folder``
and not done again, a run that was stopped goes on: the systems may be run one by one. Prints a Markdown table and
writes ``results.json``.

    python tests/bench_pretraining.py [--systems bert-mlm,none] [--tokens 1000000] [--finetune-tokens 500000]
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from t2t import runs
from t2t.config import Config
from t2t.sources import open_rows
from t2t.tasks import task
from t2t.train import Watch, resume, train

WIDTH, DEPTH, HEADS, LONGEST, PIECES = 128, 3, 4, 128, 8000
SIZE = {"hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": HEADS, "intermediate_size": 4 * WIDTH,
        "max_position_embeddings": LONGEST}  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "bert": SIZE,
    "albert": {**SIZE, "embedding_size": WIDTH, "num_hidden_groups": DEPTH, "hidden_dropout_prob": 0.1,
               "attention_probs_dropout_prob": 0.1},
    "electra": {**SIZE, "embedding_size": WIDTH},
    "xlnet": {"d_model": WIDTH, "n_layer": DEPTH, "n_head": HEADS, "d_inner": 4 * WIDTH},
}  # fmt: skip
SYSTEMS = {  # architecture and objective
    "none": ("bert", ""),
    "bert-mlm": ("bert", "mlm"),
    "bert-whole-word": ("bert", "mlm_whole_word"),
    "bert-nsp": ("bert", "nsp"),
    "albert-sop": ("albert", "sop"),
    "electra-rtd": ("electra", "rtd"),
    "xlnet-plm": ("xlnet", "plm"),
}
TASKS = ("glue/cola", "glue/rte", "glue/sst2", "glue/stsb", "glue/mrpc")
SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def vocabulary(folder: Path, options: argparse.Namespace) -> Tokenizer:
    """Return a WordPiece vocabulary of the corpus, learned once."""
    file = folder / "wordpiece.json"
    if not file.exists():
        made = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk"]))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        learner = trainers.WordPieceTrainer(vocab_size=PIECES, special_tokens=[*SPECIAL.values()], show_progress=False)
        made.train_from_iterator(corpus(options), learner)
        file.parent.mkdir(parents=True, exist_ok=True)
        made.save(str(file))
    return Tokenizer.from_file(str(file))


def corpus(options: argparse.Namespace) -> Iterator[str]:
    """Yield the first texts of the corpus."""
    rows = open_rows(task(pretraining("mlm", options)), "train", options.source)
    return (rows[i]["text"] for i in range(min(len(rows), options.texts)))


def pretraining(objective: str, options: argparse.Namespace) -> str:
    return f"pretraining/{objective}:{options.corpus}"


def start(folder: Path, kind: str, options: argparse.Namespace) -> Path:
    """Write a model with random weights and the vocabulary in the architecture's own frame; return where."""
    place = folder / kind
    if not (place / "model.safetensors").exists():
        made = vocabulary(folder, options)
        frame = ("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")
        if kind == "xlnet":
            frame = ("$A:0 [SEP]:0 [CLS]:2", "$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2")
        ids = {name: made.token_to_id(token) for name, token in SPECIAL.items()}
        around = [(SPECIAL[name], ids[name]) for name in ("cls", "sep")]
        made.post_processor = processors.TemplateProcessing(*frame, special_tokens=around)
        named = {f"{name}_token": token for name, token in SPECIAL.items()}
        PreTrainedTokenizerFast(
            tokenizer_object=made, model_input_names=["input_ids", "token_type_ids", "attention_mask"], **named
        ).save_pretrained(place)
        torch.manual_seed(options.seed)
        shape = AutoConfig.for_model(kind, vocab_size=made.get_vocab_size(), pad_token_id=ids["pad"], **SHAPES[kind])
        AutoModel.from_config(shape).save_pretrained(place)
    return place


class Say(Watch):
    """Print what is noted."""

    def notice(self, text: str) -> None:
        print("  ", text, flush=True)


def done(out: Path, **settings: Any) -> dict[str, Any]:
    """Return the report of a run; it is made, or gone on with, where it is not there yet."""
    if not (out / "report.json").exists():
        if (out / "run.yaml").exists():
            resume(out, watch=Say())
        else:
            train(Config(**{"out": str(out), "save_every": 100, "max_input": LONGEST, **settings}), watch=Say())
    found: dict[str, Any] = runs.read_json(out / "report.json")
    return found


def measured(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Pretrain and fine-tune one system; return what came out and what it cost."""
    kind, objective = SYSTEMS[name]
    model = start(folder, kind, options)
    usual = {"batch_tokens": options.batch_tokens, "optimizer": "adamw", "source": options.source,
             "seed": options.seed, "precision": options.precision}  # fmt: skip
    row: dict[str, Any] = {"system": name, "pretraining": None}
    if objective:
        out = folder / f"{name}-pretrained"
        report = done(
            out, task=(pretraining(objective, options),), model=str(model), learning_rate=options.pretraining_rate,
            steps=max(1, options.tokens // options.batch_tokens), train_limit=options.texts, eval_limit=200, **usual,
        )  # fmt: skip
        said = next((note for note in report["notes"] if " validation: " in note), "")
        row["pretraining"] = {"seconds": report["cost"]["train_seconds"], "tokens": report["cost"]["train_tokens"],
                              "held out": said.partition(": ")[2]}  # fmt: skip
        model = out / "model"
    report = done(
        folder / f"{name}-tuned", task=TASKS, model=str(model), learning_rate=options.rate,
        steps=max(1, options.finetune_tokens // options.batch_tokens), **usual,
    )  # fmt: skip
    scores = {f"{one['task'].removeprefix('glue/')} {one['metric']}": one["value"] for one in report["rows"]}
    tuned = {"seconds": report["cost"]["train_seconds"], "tokens": report["cost"]["train_tokens"]}
    return {**row, "parameters": report["cost"]["parameters"], "tuning": tuned, "scores": scores,
            "average": report["average"]["value"]}  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as a Markdown table; scores are percent."""
    names = list(rows[0]["scores"])
    head = ["system", "parameters", "pretraining tokens", "s", "held out right", *names, "average", "tuning s"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        before = row["pretraining"] or {"tokens": 0, "seconds": 0, "held out": ""}
        right = " / ".join(re.findall(r"([\d.]+ %) of [\d,]+ \w+", before["held out"])) or "–"
        cells = [row["system"], f"{row['parameters']:,}", f"{before['tokens']:,}", f"{before['seconds']:.0f}", right]
        cells += [f"{row['scores'][name]:.1f}" for name in names]
        cells += [f"{row['average']:.2f}", f"{row['tuning']['seconds']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_all(
    options: argparse.Namespace,
    systems: Mapping[str, Any],
    measured: Callable[[str], dict[str, Any]],
    table: Callable[[list[dict[str, Any]]], str],
) -> None:
    """Measure the systems asked for; keep, and print, those that are done so far after each."""
    file = options.folder / "results.json"
    rows = {row["system"]: row for row in json.loads(file.read_text())} if file.exists() else {}
    for name in options.systems.split(","):
        print(f"{name} …", flush=True)
        rows[name] = measured(name)
        done_so_far = [rows[one] for one in systems if one in rows]
        file.write_text(json.dumps(done_so_far, indent=1) + "\n")
        print(table(done_so_far), flush=True)


def main() -> None:
    """Measure the systems asked for; print those that are done so far after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--tokens", type=int, default=1_000_000, help="to pretrain on, predicted ones counted twice")
    parser.add_argument("--finetune-tokens", type=int, default=500_000)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--pretraining-rate", type=float, default=1e-3)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--corpus", default="corpora/wiki_en")
    parser.add_argument("--texts", type=int, default=8000, help="of the corpus, from which windows are drawn")
    parser.add_argument("--source", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("bench_pretraining"))
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    measure_all(options, SYSTEMS, lambda name: measured(name, options.folder, options), table)


if __name__ == "__main__":
    main()

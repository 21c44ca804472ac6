"""The model card: what the hub reads of a run, by huggingface_hub's own classes, above what a person reads.

Floor 6. Nothing is guessed: a base model, a data set, a language or a licence that is not known is left out, and scores
on rows that are not of a data set on the hub name none.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t2t.config import Config
from t2t.paths import models_folder
from t2t.runs import read_config, read_json

__all__ = ["model_card"]

PIPELINES = {"seq2seq": "text2text-generation", "causal": "text-generation", "cloze": "fill-mask",
             "bi_encoder": "sentence-similarity"}  # fmt: skip
TASKS = {"choice": "text-classification", "number": "text-classification", "spans": "token-classification",
         "tags": "token-classification", "text": "text2text-generation"}  # fmt: skip
METRICS = {"matthews": "matthews_correlation", "pearson": "pearsonr", "spearman": "spearmanr", "bleu": "sacrebleu",
           "exact": "exact_match", "macro_f1": "f1", "rouge1": "rouge", "rouge2": "rouge", "rougeLsum": "rouge",
           "squad_em": "squad", "squad_f1": "squad", "span_f1": "seqeval", "tag_accuracy": "accuracy"}  # fmt: skip
ELSEWHERE = {"sample": "sample-data", "file": "own-data"}  # in place of a data set's id


def model_card(report: Mapping[str, Any], folder: Path, body: str) -> str:
    """Return the card of the run in ``folder``: the hub's metadata, ``body``, and how it was made."""
    from huggingface_hub import EvalResult, ModelCardData

    config = read_config(folder) if (folder / "run.yaml").is_file() else None
    bases, fronts = _bases(config)
    data = {(one["task"], one["use"]): one for one in report.get("data", ())}
    used = sorted({one["hub"] for (_, use), one in data.items() if use == "train" and one["hub"]})
    head = ModelCardData(
        base_model=bases or None,
        datasets=used or None,
        language=_first(fronts, "language"),
        license=_first(fronts, "license"),
        library_name="sentence-transformers" if report.get("family") == "bi_encoder" else "transformers",
        pipeline_tag=PIPELINES.get(report.get("family", "")),
        tags=["t2t", "text-to-text", *(["sample-data"] if report["source"] == "sample" else [])],
        model_name=report["run"],
        eval_results=[EvalResult(**one) for one in _results(report, data)] or None,
    )
    return f"---\n{head.to_yaml()}\n---\n\n{body}{_made(folder)}"


def _results(report: Mapping[str, Any], data: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what an ``EvalResult`` says of each score."""
    for row in report["rows"]:
        of = data.get((row["task"], "score"), {})
        known = of.get("hub")
        kind = of.get("kind") or ("sample" if report["source"] == "sample" else "file")
        yield {
            "task_type": TASKS.get(of.get("answer", ""), "text2text-generation"),
            "dataset_type": known or ELSEWHERE.get(kind, "own-data"),
            "dataset_name": row["task"] + (" (SAMPLE DATA)" if kind == "sample" else ""),
            "dataset_config": of.get("config") if known else None,
            "dataset_split": of["split"] if known else report["split"],
            "dataset_revision": of.get("revision") if known else None,
            "metric_type": METRICS.get(row["metric"].removesuffix("_strict"), row["metric"]),
            "metric_value": round(row["value"], 2),
            "metric_name": f"{row['metric']} in {row['unit']}, 95 % interval {row['low']:.1f} to {row['high']:.1f}, "
            f"n {row['n']:,}, unparsed {row['unparsed']:.1f} %, by {row['by']}, prompt {row['prompt']}",
        }


def _bases(config: Config | None) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Return the ids on the hub of what a run began from, and what the cards of its local ancestors say.

    A run that began from another one has that one's bases; one that began from random weights has none.
    """
    fronts: list[Mapping[str, Any]] = []
    seen = set()
    while config and not config.fresh and config.model not in seen:
        name = config.model
        seen.add(name)  # two runs may each have begun from the other, one of them anew
        local = models_folder() / name if (models_folder() / name).is_dir() else Path(name)
        if not local.is_dir():
            parts = name.removeprefix("warm:").split("+")
            return [
                part for part in parts if re.fullmatch(r"[\w.-]+/[\w.-]+", part) and not Path(part).exists()
            ], fronts
        fronts.append(_front(local / "README.md"))
        config = read_config(local) if (local / "run.yaml").is_file() else None
    return [], fronts


def _front(card: Path) -> Mapping[str, Any]:
    """Return the metadata of a card; none where there is no card, or none that can be read."""
    from huggingface_hub import ModelCard

    try:
        return ModelCard.load(card, ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError):
        return {}


def _first(fronts: list[Mapping[str, Any]], key: str) -> Any:
    return next((front[key] for front in fronts if front.get(key)), None)


def _made(folder: Path) -> str:
    """Return the section that says how to make the model again."""
    made = read_json(folder / "env.json")
    if not made.get("command"):
        return ""
    command = shlex.join(["t2t", *map(str, made["command"][1:])])
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    packages = ", ".join(f"{name} {version}" for name, version in made["packages"].items() if version)
    return "\n".join(
        ["", "## To make it again", "", f"{fence}console", f"$ {command}", fence, "",
         f"With t2t {made['t2t']} ({packages}) on {made['cpus']} CPUs, device {made['device']}; `run.yaml` has every "
         "setting, `report.json` the digests of prompts and data.", ""]
    )  # fmt: skip

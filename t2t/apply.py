"""Using a model that is there: scoring it on sets of tasks, and answering rows or lines of text.

Floor 5. What `t2t eval` and `t2t predict` do.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import safetensors.numpy

from t2t import files, models, runs, sets
from t2t.answers import TEXT
from t2t.config import Config, from_mapping
from t2t.errors import DataError, UsageError
from t2t.examples import Examples
from t2t.models import Model, Options
from t2t.pairs import pair_costs
from t2t.predict import (
    answer,
    answer_sets,
    as_json,
    build_report,
    check_limit,
    check_way,
    cost,
    count,
    report_json,
    run_signature,
)
from t2t.sets import Sets
from t2t.sources import Origin, Rows, kinds, places
from t2t.tasks import prompts, task
from t2t.template import parse
from t2t.types import Example, Piece, Prediction, Prompt, Task

__all__ = [
    "answerable",
    "as_it_is",
    "asked_columns",
    "embed_rows",
    "embedding_lines",
    "evaluate_model",
    "examples_of",
    "options",
    "predict_rows",
    "settings_of",
    "texts_as_they_are",
    "write_embeddings",
]

WINDOW = 4096  # rows or lines that are read, answered and given away before the next are read


def options(config: Config) -> Options:
    """Return the part of a configuration that a family needs to load a model."""
    return Options(**{field.name: getattr(config, field.name) for field in fields(Options)})


def settings_of(model: str, settings: Mapping[str, Any]) -> Config:
    """Return a run's configuration with ``settings`` in place of its own, or a new one for a model that is no run."""
    if (Path(model) / "run.yaml").is_file():
        own = runs.read_config(Path(model)).as_dict()
        own |= {"model": model, "dropout": None, "adapter": "off", "fresh": False}
        if settings.get("mix") or settings.get("task"):
            own |= {"mix": None, "task": []}
        return from_mapping({**own, **settings})
    return from_mapping({"model": model, **settings})


def answerable(model: Model, found: Sets, config: Config) -> Sets:
    """Return the sets without those tasks of a mix that a model cannot answer; a note says of each why.

    Tasks that were asked for by name stay, for `Model.prepare` to refuse. Raise ``UsageError`` if nothing is left.
    """
    why: dict[str, UsageError] = {}
    trained = list(found.train.values())
    for egs in (*trained, *found.score.values()) if config.mix else ():
        try:
            model.check(egs, trained)
        except UsageError as error:
            why.setdefault(egs.task.name, error)
    if not why:
        return found
    left = found.without(why)
    if not (left.train if found.train else left.score):
        raise next(iter(why.values()))
    notes = [f"{name} is left out: {error.message}" for name, error in why.items()]
    return replace(left, notes=[*found.notes, *notes])


def evaluate_model(model: str, settings: Mapping[str, Any], *, watch: Any) -> Path:
    """Score a run or a model; write predictions and report.json. Return the folder the report is in.

    A run scored on all rows of its own source has them in ``RUN/eval/SPLIT``; else they are in ``settings["out"]`` or a
    new ``runs/eval-MODEL-N``, so that neither a sample of rows nor other rows take the place of these.
    """
    config = settings_of(model, settings)
    if bool(config.mix) == bool(config.task):
        raise UsageError(
            "say what to evaluate on: --mix NAME or --task NAME[,NAME], or --corpus CORPUS", fix="See `t2t ls mixes`."
        )
    place = models.find(config.model, config.family)
    found = sets.load(config, training=False, preferred=models.PREFERRED.get(place.family, ()))
    loaded = models.build(place, options(config))
    found = answerable(loaded, found, config)
    for note in found.notes:
        watch.notice(note)
    loaded.prepare(found.score, training=False)
    warnings = models.idle(loaded, config)
    warnings += _other_prompts(model, [(egs.task.name, p) for egs in found.score.values() for p in egs.prompts])
    for note in warnings:
        watch.notice(note)
    for egs in found.score.values():
        for prompt in egs.prompts:
            warnings += loaded.tokens.audit(egs.task.name, prompt)
        check_limit(loaded, egs)
    folder, report_folder = _folders(model, settings.get("out"), config)
    started = time.monotonic()
    answered = answer_sets(loaded, found, by=config.by, watch=watch, folder=folder)
    seconds = time.monotonic() - started
    scored = {egs.task.name for egs in found.score.values()}
    tallies = {name: tally for name, tally in loaded.tokens.tallies.items() if name in scored}
    report = build_report(
        Path(model).name or model,
        found,
        config.split,
        answered,
        signature=run_signature(model, loaded.family, config),
        cost=cost(loaded, count(answered), seconds),
        notes=[*found.notes, *warnings, *(line for name, tally in tallies.items() for line in tally.warnings(name))],
    )
    said = report_json(report, found, answered, tallies)
    runs.write_json(report_folder / "report.json", {**said, "pairs": pair_costs(loaded, found)})
    return report_folder


def _other_prompts(model: str, used: Sequence[tuple[str, Prompt]]) -> list[str]:
    """Return a warning for each prompt of a task that the model was trained on, but under other prompts."""
    known = runs.read_prompts(Path(model))
    return [
        f"{name}: the prompt {prompt.name}@{prompt.hash} is not one that the model was trained on: "
        + ", ".join(f"{other}@{digest}" for other, digest in known[name].items())
        for name, prompt in used
        if name in known and prompt.hash not in known[name].values()
    ]


def _folders(model: str, out: str | None, config: Config) -> tuple[Path, Path]:
    """Return the folders of ``eval/SPLIT/*.predictions.jsonl`` and of the report."""
    run = (Path(model) / "run.yaml").is_file() and not out
    if run and config.eval_limit is None and config.source == runs.read_config(Path(model)).source:
        return Path(model), Path(model) / "eval" / config.split
    folder = runs.new_folder(out, f"eval-{Path(model).name}")
    return folder, folder


def predict_rows(
    model: str,
    task_name: str | None,
    source: str,
    *,
    prompt: str | None = None,
    by: str = "write",
    family: str | None = None,
    settings: Mapping[str, Any] | None = None,
    watch: Any,
) -> Iterator[dict[str, Any]]:
    """Answer the rows of a file (or of stdin, "-") under a task, or without a task each line of text as it is.

    Yield one JSON object a row, ``WINDOW`` rows being in memory. A file is checked whole before the first answer,
    stdin as it comes. Rows need no label. ``settings`` are more of a configuration's, such as precision.
    """
    loaded, asked = _asked(model, task_name, source, prompt, family, watch, settings)
    if task_name is None and not loaded.generates:
        raise UsageError(f"the family {loaded.family} answers the rows of a task, not lines as they are", where=model,
                         fix="Give --task.")  # fmt: skip
    check_way(loaded, by)
    return _answered(loaded, asked, by, watch)


def _answered(model: Model, asked: _Asked, by: str, watch: Any) -> Iterator[dict[str, Any]]:
    with watch.task("answering", asked.total) as tick:
        for part in asked.parts:
            preds: Iterable[Prediction]
            if isinstance(part, Examples):
                model.prepare({part.task.name: part}, training=False)
                how = by if model.generates or not part.ranked else "rank"
                preds = answer(model, part, of=part.task, by=how, tick=tick)
            else:
                preds = [as_it_is(eg, text) for eg, text in zip(part, model.write(part), strict=True)]
                tick(len(part))
            yield from map(as_json, preds)


def embed_rows(
    model: str, task_name: str | None, source: str, *, prompt: str | None = None, family: str | None = None, watch: Any
) -> tuple[list[str], np.ndarray]:
    """Return the uids and the embeddings of the rows of a file, or of its lines, as fp32.

    They are (N, H) where one text a row is read, (N, 2, H) where two are. Raise ``UsageError`` for a family that reads
    no text by itself.
    """
    loaded, asked = _asked(model, task_name, source, prompt, family, watch)
    embed = getattr(loaded, "embed", None)
    if embed is None:
        raise UsageError(f"the family {loaded.family} has no embeddings", where=model, fix="Give --family bi_encoder.")
    with watch.task("embedding", asked.total) as tick:
        egs = [eg for part in asked.parts for eg in part]
        vectors = np.stack(embed(egs))
        tick(len(egs))
    return [eg.uid for eg in egs], vectors[:, 0] if vectors.shape[1] == 1 else vectors


def write_embeddings(path: Path, uids: Sequence[str], vectors: np.ndarray) -> None:
    """Write embeddings as NumPy's .npy, .safetensors (``embeddings``) or .jsonl (an object a row)."""
    if path.suffix == ".npy":
        np.save(data := io.BytesIO(), vectors, allow_pickle=False)
        runs.write_bytes(path, data.getvalue())
    elif path.suffix == ".safetensors":
        runs.write_bytes(path, safetensors.numpy.save({"embeddings": np.ascontiguousarray(vectors)}))
    elif path.suffix == ".jsonl":
        runs.write_text(path, embedding_lines(uids, vectors))
    else:
        raise UsageError("embeddings are written as .npy, .safetensors or .jsonl", where=str(path), fix="Name it so.")


def embedding_lines(uids: Sequence[str], vectors: np.ndarray) -> str:
    """Return one JSON object a row: its uid and its embedding, or two."""
    rows = zip(uids, vectors.tolist(), strict=True)
    return "".join(json.dumps({"uid": uid, "embedding": vector}) + "\n" for uid, vector in rows)


class _Asked(NamedTuple):
    """Stretches of examples, and how many they hold in all; None where that is not known before the last is read."""

    total: int | None
    parts: Iterable[Examples | list[Example]]


def _asked(
    model: str,
    task_name: str | None,
    source: str,
    prompt: str | None,
    family: str | None,
    watch: Any,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Model, _Asked]:
    """Return the model, and what it is asked: the rows of a file under a task, or its lines."""
    config = settings_of(model, {**({"family": family} if family else {}), **(settings or {})})
    place = models.find(config.model, config.family)
    if task_name is None:
        asked = _lines(source)
    else:
        found = task(task_name)
        chosen = prompts(found, prompt, models.PREFERRED.get(place.family, ()))
        if len(chosen) > 1:
            raise UsageError("rows are answered under one prompt", fix=f"One of {', '.join(p.name for p in chosen)}.")
        for note in _other_prompts(model, [(found.name, chosen[0])]):
            watch.notice(note)
        asked = _rows(found, source, chosen[0])
    return models.build(place, options(config)), asked


def _lines(source: str) -> _Asked:
    """Return one example a line of text. What is no pipe is read twice: first for its faults and its length."""
    again = source != "-" and not Path(source).is_fifo()
    return _Asked(sum(1 for _ in _texts(source)) if again else None, _windows(_texts(source)))


def _windows(texts: Iterable[str]) -> Iterator[list[Example]]:
    egs = texts_as_they_are(texts)
    while part := list(itertools.islice(egs, WINDOW)):
        yield part


def texts_as_they_are(texts: Iterable[str]) -> Iterator[Example]:
    """Yield one example a text, of no task."""
    for i, text in enumerate(texts):
        yield Example(f"text:input:{i}", "text", "as-is", (Piece(text, "text"),), "")


def _texts(source: str) -> Iterator[str]:
    """Yield the lines of a file, or of stdin, one at least."""
    name, empty = Path(source).name if source != "-" else "stdin", True
    with _opened(source) as lines:
        for number, data in enumerate(lines, 1):
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DataError("not UTF-8", where=f"{name}:{number}", code="D02") from None
            yield text.removesuffix("\n").removesuffix("\r")  # a text may hold what others call ends of lines
            empty = False
    if empty:
        raise DataError("no lines to answer", where=name, code="D04")


def _opened(source: str) -> contextlib.AbstractContextManager[BinaryIO]:
    """Open a file, or lend stdin."""
    if source == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return open(source, "rb")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=source) from None


def as_it_is(eg: Example, text: str) -> Prediction:
    """Return what was written to an example of no task."""
    return Prediction(eg.uid, eg.input, "", text, TEXT.read(text, eg).answer, False, prompt=eg.prompt)


def asked_columns(task_: Task, prompt: Prompt) -> tuple[str, ...]:
    """Return the columns that an input needs, in the order of the prompt's wording."""
    asked = parse(prompt.input or prompt.cloze or "").columns
    chosen = [column for choice in prompt.choices for column in parse(choice).columns]
    return tuple(dict.fromkeys([*asked, *chosen, *([task_.words] if task_.words else [])]))


def examples_of(task_: Task, data: bytes, name: str, prompt: Prompt) -> Examples:
    """Return the examples of a file's bytes; columns that the input does not need may be missing."""
    return _examples(task_, files.read_bytes(data, name, _kinds(task_, prompt)), prompt)


def _kinds(task_: Task, prompt: Prompt) -> dict[str, str]:
    """Return how the columns of a file are read: those that the input does not need may be missing."""
    needed = asked_columns(task_, prompt)
    return kinds(task_, [column for column in task_.columns if column not in needed])


def _examples(task_: Task, part: files.Part, prompt: Prompt, first: int = 0) -> Examples:
    rows = Rows("input", Origin("file", part.name, None, ()), [part], places(task_))
    bare = replace(task_, keep={}, expand={}, group=())
    return Examples(bare, rows, split="input", prompts=[prompt], labelled=False, first=first)


def _rows(task_: Task, source: str, prompt: Prompt) -> _Asked:
    """Return the examples of a file of rows, or of stdin, a stretch after the other."""
    if source == "-":
        parts = files.stretches(sys.stdin.buffer, "stdin.jsonl", _kinds(task_, prompt), WINDOW)
        return _Asked(None, (_examples(task_, part, prompt, i * WINDOW) for i, part in enumerate(parts)))
    name = Path(source).name
    if Path(source).is_file():
        egs = _examples(task_, files.read(Path(source), _kinds(task_, prompt), name=name), prompt)
    else:  # a pipe with a name, which is read but once
        with _opened(source) as handle:
            egs = examples_of(task_, handle.read(), name, prompt)
    return _Asked(len(egs), [egs])

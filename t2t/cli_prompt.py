"""The commands `t2t prompt for | find | show | render`: which text a checkpoint expects, and what it sees.

Floor 7.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from t2t.cli_options import JSON, SOURCE
from t2t.errors import DataError, ModelError, UsageError, visible
from t2t.screen import show_json

__all__ = ["folder_tokenizer", "prompt", "tokenizer_folder"]


@click.group()
def prompt() -> None:
    """Look up which prompt a checkpoint expects, find tasks by description, show and render prompts."""


@prompt.command("for")
@click.argument("name", metavar="NAME|DIR")
@click.option("--task", "task_", help="Choose the prompt of this task that fits.")
@JSON
def prompt_for(name: str, task_: str | None, as_json: bool) -> None:
    """Say what a checkpoint was trained on, and so which text it expects; every fact with its source.

    NAME is a hub id, a family ("T5 v1.1"), a bundled model, a model directory or a run folder. Nothing is fetched.

    Example: t2t prompt for google/flan-t5-base --task superglue/rte
    """
    from dataclasses import asdict

    from t2t.lookup import checkpoint, choose
    from t2t.tasks import task

    found = checkpoint(name)
    chosen = task(task_) if task_ else None
    choice = choose(found, chosen) if chosen else None
    if as_json:
        asked = {"task": chosen.name, **asdict(choice)} if chosen and choice else None
        show_json({"known": found.known, **asdict(found), "choice": asked})
        return
    click.echo(f"{visible(name)}: {'known' if found.known else 'unknown'}, judged by {visible(found.how)}")
    for note in found.notes:
        _line("", visible(note, 500))
    for trained, prompts in found.trained.items():
        _line("trained on", f"{trained} · {', '.join(f'{k} @{v}' for k, v in prompts.items())} [t2t.json]")
    if chosen and choice:
        click.echo(f"\nfor {chosen.name}: {choice.prompt.name} @{choice.prompt.hash}, {choice.why}")
        _show_prompt(choice.prompt)
    sources: list[str] = []
    for family in found.families:
        _show_family(family, chosen.name if chosen else "", sources)
    if sources:
        click.echo("\nsources")
    for number, source in enumerate(sources, 1):
        _line(str(number), source)


def _line(head: str, text: str) -> None:
    """Print a term and its text, wrapped to the terminal (110 columns where there is none)."""
    import shutil
    import textwrap

    wide = shutil.get_terminal_size((110, 24)).columns if sys.stdout.isatty() else 110
    click.echo(textwrap.fill(text, max(wide, 40), initial_indent=f"  {head:<14}", subsequent_indent=" " * 16))


def _show_family(family: Any, task_name: str, sources: list[str]) -> None:
    """Print a family: its training, its formats (with a task, only that one's and the general ones) and its facts.

    Each is marked with its evidence and the number of its source in ``sources``.
    """
    from t2t.lookup import SUPERVISED

    def mark(one: Any) -> str:
        if one.source not in sources:
            sources.append(one.source)
        return f"[{one.evidence}, {sources.index(one.source) + 1}]"

    click.echo(f"\n{family.title}")
    _line("kind", f"{family.kind}; {SUPERVISED[family.supervised]}")
    _line("our prompts", ", ".join(family.prompts) or "none: no text comes out of it")
    for one in family.formats:
        if task_name and one.task and one.task != task_name:
            continue
        ours = f", our prompt {one.prompt}" if one.prompt else ""
        _line("for", f"{one.task or one.kind}{ours} {mark(one)}")
        click.echo(f"    input       {_one_line(one.input)}\n    target      {' | '.join(one.targets)}")
        if one.note:
            _line("", one.note)
    for fact in family.facts:
        _line(fact.about, f"{fact.says} {mark(fact)}")


def _one_line(text: str) -> str:
    """Return a template on one line: a newline as its escape."""
    return visible(text, 2000)


@prompt.command("find")
@click.argument("query", metavar="WORDS")
@click.option("--limit", default=5, show_default=True, help="Show this many tasks.")
@JSON
def prompt_find(query: str, limit: int, as_json: bool) -> None:
    """Find tasks and prompts by a description in plain words.

    Example: t2t prompt find "is this review positive?"
    """
    from dataclasses import asdict

    from t2t.lookup import example, find

    found = find(query, limit)
    shown = [{**asdict(hit), "example": example(hit)} for hit in found.hits]
    if as_json:
        show_json({"query": found.query, "notes": list(found.notes), "hits": shown})
        return
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if not shown:
        click.echo("nothing fits; see `t2t ls tasks`")
    for hit in shown:
        click.echo(f"{hit['task']} · {hit['prompt']} · {hit['score']:.1f}  {hit['title']}")
        for part, text in (hit["example"] or {}).items():
            click.echo(f"    {part:<7} {visible(text, 300)}")


@prompt.command("show")
@click.argument("task_", metavar="TASK")
@click.option("--prompt", "name", help="Only this prompt.")
@JSON
def prompt_show(task_: str, name: str | None, as_json: bool) -> None:
    """Show every prompt of a task: input, target, choices, layout, source and content hash.

    Example: t2t prompt show glue/stsb
    """
    from dataclasses import asdict

    from t2t.tasks import prompts, task

    found = task(task_)
    shown = prompts(found, name) if name else tuple(found.prompts.values())
    if as_json:
        about = {"task": found.name, "title": found.title, "about": found.about, "answer": found.answer}
        show_json({**about, "metrics": found.metrics, "prompts": [asdict(p) for p in shown]})
        return
    for p in shown:
        click.echo(f"{found.name} · {p.name} @{p.hash}")
        _show_prompt(p)


def _show_prompt(p: Any) -> None:
    """Print the parts of a prompt that there are."""
    parts = {
        "intro": p.intro,
        "shot": p.shot,
        "between": p.between if p.shot or p.intro else "",
        "cloze": p.cloze,
        "input": p.input,
        "target": p.target,
        "choices": " | ".join(p.choices),
        "format": p.format,
        "gold": p.gold,
        "source": p.source,
    }
    for part, text in parts.items():
        if text:
            click.echo(f"  {part:<7} {_one_line(text)}")


@prompt.command("render")
@click.argument("task_", metavar="TASK")
@click.option("--prompt", "name", help="The prompt (default: the one that fits --model, else the first).")
@click.option("--split", default="validation", show_default=True)
@click.option("--row", default="0", show_default=True, metavar="N|JSON", help="The row's number, from 0, or a row.")
@SOURCE
@click.option("--set", "given", multiple=True, metavar="COLUMN=TEXT", help="Render these values instead of a row.")
@click.option(
    "--shots",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Put this many examples of the training split before it.",
)
@click.option("--model", metavar="NAME|DIR", help="Choose the prompt for this checkpoint and count its tokens.")
@click.option(
    "--max-input",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="With --model: tokens; longer column text is cut.",
)
@JSON
def prompt_render(task_: str, as_json: bool, **options: Any) -> None:
    """Render one row, or values given with --set or --row, exactly as a model sees it.

    With --model: the prompt that fits the checkpoint, tokens, what is cut, and what its vocabulary cannot say.

    Example: t2t prompt render glue/rte --row 3 --source sample
    """
    from t2t.lookup import checkpoint, choose
    from t2t.tasks import prompts, task

    found, model = task(task_), options["model"]
    choice = choose(checkpoint(model), found) if model else None
    named = prompts(found, options["name"]) if options["name"] or not choice else [choice.prompt]
    if len(named) > 1:
        raise UsageError(
            "--prompt: a row is rendered under one prompt", fix=f"One of {', '.join(p.name for p in named)}."
        )
    (wanted,) = named
    eg = _rendered(found, wanted, options)
    data = {"uid": eg.uid, "task": found.name, "prompt": wanted.name, "hash": wanted.hash, "input": eg.input}
    data |= {"target": eg.target, "choices": list(eg.choices)}
    if choice:
        why = "asked for with --prompt" if options["name"] else choice.why
        data |= {"model": model, "why": why, **_counted(eg, model, options["max_input"])}
    if as_json:
        show_json(data)
        return
    click.echo(f"input   {visible(eg.input, 1_000_000)}\ntarget  {visible(eg.target, 1_000_000)}")
    if choice:
        _show_counted(data)


def _rendered(found: Any, wanted: Any, options: dict[str, Any]) -> Any:
    """Return the example that is asked for: a row of the data, or values given."""
    from t2t.examples import Examples
    from t2t.sets import examples

    row, shots, split, source = options["row"].strip(), options["shots"], options["split"], options["source"]
    values = _given(found, options["given"], row)
    if values is None:
        egs = examples(found, split, source, prompt_name=wanted.name, labelled=False, shots=shots)
        click.echo(egs.rows.origin.notice(), err=True)  # type: ignore[attr-defined]
    else:
        demos = examples(found, "train", source, prompt_name=wanted.name) if shots else None
        egs = Examples(found, [values], split="given", prompts=(wanted,), labelled=False, demos=demos, shots=shots)
    number = int(row) if values is None else 0
    if not 0 <= number < len(egs):
        raise UsageError(f"--row {number}: the split has rows 0 to {len(egs) - 1}")
    return egs[number]


def _given(found: Any, given: tuple[str, ...], row: str) -> dict[str, Any] | None:
    """Return the values of --set and of a JSON --row, or None if --row is a number."""
    values: Any = {}
    if not row.isdecimal():
        try:
            values = json.loads(row)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise UsageError(f'--row: expected a number or a JSON object, got "{visible(row)}"')
    elif not given:
        return None
    for text in given:
        column, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f'--set expects COLUMN=TEXT, got "{visible(text)}"')
        kind = found.columns[column].kind if column in found.columns else "text"
        values[column] = _number(value) if kind in ("class", "number") else value
        if kind in ("list", "tags"):
            values[column] = value.split()
    return values


def _counted(eg: Any, model: str, max_input: int) -> dict[str, Any]:
    """Return what a checkpoint's tokenizer makes of an example; ``tokenizer`` is None where there is none at hand."""

    folder = tokenizer_folder(model)
    if folder is None:
        said = f"no tokenizer of {model} is here; `hf download {model}` fetches it, or give its directory"
        return {"tokenizer": None, "note": f"tokens are not counted: {said}"}
    try:
        tokens = _tokens(folder, max_input)
        source, target = tokens.encode([eg])[0].source, tokens.encode([eg])[0].target
    except ModelError as error:
        return {"tokenizer": None, "note": f"tokens are not counted: {error}"}
    except DataError as error:
        return {"tokenizer": str(folder), "note": str(error)}
    whole = len(tokens.ids([eg.input], sentinels=eg.sentinels)[0])
    cut = _cut(tokens, eg) if whole > max_input else []
    texts = [text for text in (eg.choices or (eg.target,)) if text]
    back = tokens.decode(tokens.ids(texts, target=True, sentinels=eg.sentinels))
    return {
        "tokenizer": str(folder),
        "input_tokens": whole,
        "target_tokens": len(target),
        "max_input": max_input,
        "cut": cut,
        "unknown": _unknown(tokens, eg.input + "\n" + eg.target),
        "unknown_input_tokens": int((source == tokens.unk).sum()) if tokens.unk is not None else 0,
        "seen": tokens.decode([source])[0],
        "targets": [
            {"text": text, "read_back": read, "survives": text == read} for text, read in zip(texts, back, strict=True)
        ],
    }


def tokenizer_folder(model: str) -> Path | None:
    """Return the directory with a checkpoint's tokenizer: its own, a bundled model's, or one in the hub's cache."""
    from t2t.paths import models_folder

    files = ("tokenizer.json", "tokenizer_config.json", "spiece.model", "vocab.txt", "vocab.json")
    for folder in (models_folder() / model, Path(model) / "model", Path(model)):
        if any((folder / file).is_file() for file in files):
            return folder
    if Path(model).exists() or model.count("/") > 1:
        return None
    from huggingface_hub import try_to_load_from_cache

    for file in files:
        cached = try_to_load_from_cache(model, file)
        if isinstance(cached, str):
            return Path(cached).parent
    return None


def _tokens(folder: Path, max_input: int) -> Any:
    """Return the tokens of a directory."""
    from t2t.tokens import Tokens

    return Tokens(folder_tokenizer(folder), max_input=max_input)


def folder_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a directory; one that has nothing but T5's spiece.model is read as T5's."""
    from t2t.tokens import load_tokenizer

    bare = (folder / "spiece.model").is_file() and not (folder / "tokenizer.json").is_file()
    if bare and not (folder / "tokenizer_config.json").is_file() and not (folder / "config.json").is_file():
        from transformers import T5Tokenizer

        return T5Tokenizer.from_pretrained(str(folder))
    return load_tokenizer(str(folder), local_files_only=True)


def _cut(tokens: Any, eg: Any) -> list[dict[str, Any]]:
    """Return the columns that are shortened, with the tokens that stay."""
    columns = [(a, b) for a, b in zip(eg.pieces, tokens.shorten(eg), strict=True) if a.text != b.text]
    return [
        {"column": a.column, "tokens": len(tokens.ids([a.text])[0]), "kept": len(tokens.ids([b.text])[0])}
        for a, b in columns
    ]


def _unknown(tokens: Any, text: str) -> list[str]:
    """Return the characters that the vocabulary does not have, or the words if it knows words only."""
    if tokens.unk is None:
        return []
    found: list[str] = []
    for word in dict.fromkeys(text.split()):
        if (tokens.ids([word])[0] == tokens.unk).any():
            lone = [c for c in dict.fromkeys(word) if (tokens.ids([c])[0] == tokens.unk).any()]
            found += lone or [word]
    return list(dict.fromkeys(found))


def _show_counted(data: dict[str, Any]) -> None:
    """Print what a checkpoint's tokenizer makes of an example."""
    click.echo(f"prompt  {data['prompt']} @{data['hash']}: {data['why']}")
    if "input_tokens" not in data:
        click.echo(f"note    {data['note']}")
        return
    fits = "fits" if not data["cut"] else "is cut"
    click.echo(f"tokens  input {data['input_tokens']} of {data['max_input']}, {fits}; target {data['target_tokens']}")
    for one in data["cut"]:
        click.echo(f"cut     {one['column']}: {one['kept']} of {one['tokens']} tokens stay")
    if data["unknown"]:
        marks = " ".join(f"⟨{visible(text)}⟩" for text in data["unknown"])
        click.echo(f"unknown {marks}\nseen    {visible(data['seen'], 1_000_000)}")
    for one in data["targets"]:
        if not one["survives"]:
            click.echo(f'lost    "{visible(one["text"])}" comes back as "{visible(one["read_back"])}"')


def _number(text: str) -> Any:
    """Return a number where the text is one, else the text (a class may be given by its name)."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

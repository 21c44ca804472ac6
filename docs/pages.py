"""The pages of the site that nobody writes: README and its kin, the commands, the tasks, the modules.

A hook of MkDocs, which mkdocs.yml names. It needs nothing but t2t and no torch, and the tests read the same pages.
"""

from __future__ import annotations

import ast
import html
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import click
import yaml

from t2t.cli import cli
from t2t.examples import Examples
from t2t.mixtures import mix, mixes
from t2t.sources import open_rows, splits
from t2t.tasks import task, tasks
from t2t.types import Prompt, Task

ROOT = Path(__file__).resolve().parents[1]
KIN = {  # what stands elsewhere in the repository and is a page all the same
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "data/models/t2t-mini/README.md": "t2t-mini.md",
}
FLOORS = ("words", "text", "data", "tokens", "models", "the loop", "reports", "the command line")
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
LONGEST = 700  # characters of an example that are shown


# -- the hook ----------------------------------------------------------------------------------------------------------


def on_config(config: Any) -> Any:
    """Put the reference behind the pages that mkdocs.yml names."""
    config.nav = [*config.nav, {"Reference": reference()}]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead the links of a written page to the pages of README's kin; take the escape from bars in code in tables.

    GitHub's tables need that escape, Python-Markdown's show it.
    """
    text = linked(markdown, f"docs/{page.file.src_uri}") if page.file.generated_by is None else markdown
    bare = re.compile(r"`[^`\n]+`")
    return re.sub(r"^\|.*", lambda row: bare.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text, flags=re.M)


# -- what there is -----------------------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Return every page that is made: its place in the site, and its Markdown."""
    kin = {place: linked((ROOT / file).read_text(encoding="utf-8"), file) for file, place in KIN.items()}
    suites = {f"reference/tasks/{suite}.md": _suite(suite, found) for suite, found in _suites().items()}
    python = {_module_page(name): _module(name) for name in modules()}
    return kin | {
        "reference/commands.md": _commands(),
        "reference/tasks/index.md": _tasks(),
        **suites,
        "reference/python/index.md": _python(),
        **python,
    }


def reference() -> list[Any]:
    """Return the last part of the navigation."""
    floors: dict[int, list[Any]] = {}
    for name in modules()[1:]:
        floors.setdefault(_floor(name), []).append({name: _module_page(name)})
    return [
        {"Commands": "reference/commands.md"},
        {"Tasks": ["reference/tasks/index.md", *({s: f"reference/tasks/{s}.md"} for s in _suites())]},
        {
            "Python": [
                "reference/python/index.md",
                {"t2t": _module_page("t2t")},
                *({f"{floor} {FLOORS[floor]}": found} for floor, found in sorted(floors.items())),
            ]
        },
    ]


def linked(text: str, file: str) -> str:
    """Return the Markdown of ``file`` with its links between files of the repository as links between pages."""

    def one(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        path = os.path.normpath(PurePosixPath(file).parent / target)
        return f"{before}{KIN.get(path) or path.removeprefix('docs/')}{after}"

    return LINK.sub(one, text)


# -- commands ----------------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[click.Context, str]]:
    """Yield every command with its name: `t2t`, `t2t train`, `t2t prompt for` …"""

    def below(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[click.Context, str]]:
        context = click.Context(command, info_name=name, parent=parent)
        yield context, context.command_path
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                yield from below(command.commands[sub], sub, context)

    return below(cli, "t2t", None)


def _commands() -> str:
    """Return the page of all commands, made of what `--help` says."""
    said = ["# Commands", "What `t2t COMMAND --help` says, for every command."]
    for context, name in commands():
        usage = context.command.collect_usage_pieces(context)
        said += [f"## {name}", _fence(" ".join([name, *usage])), *_paragraphs(context.command.help or "")]
        given = [p for p in context.command.get_params(context) if isinstance(p, click.Option)]
        records = [option.get_help_record(context) for option in given]
        options = [(f"`{names}`", _prose(what)) for names, what in filter(None, records) if "--help" not in names]
        said.append(_table(("option", ""), options) if options else "")
    return _joined(said)


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a command's help; an example is a block of its own."""
    found = [" ".join(part.split()) for part in text.split("\n\n")]
    return [_fence(p.removeprefix("Example: "), "Example") if p.startswith("Example: ") else _prose(p) for p in found]


# -- tasks -------------------------------------------------------------------------------------------------------------


def _suites() -> dict[str, list[Task]]:
    """Return the bundled tasks by the folder they stand in."""
    suites: dict[str, list[Task]] = {}
    for found in map(task, tasks()):
        suites.setdefault(found.name.split("/")[0], []).append(found)
    return suites


def _tasks() -> str:
    """Return the page that lists tasks and mixes."""
    said = ["# Tasks", "Every bundled task, from its file in `task_prompts/`; what such a file may say is in"]
    said[-1] += " [tasks, prompts, mixes](../../tasks.md)."
    for suite, found in _suites().items():
        rows = [
            (f"[{t.name}]({suite}.md#{_anchor(t.name)})", t.answer, ", ".join(t.metrics) or "–", _prose(t.title))
            for t in found
        ]
        said += [f"## {suite}", _table(("task", "answer", "metrics", ""), rows)]
    said += ["## Mixes", "Tasks that are trained on together; the last column names those that are only scored."]
    every = [(f"`{m.name}`", _prose(m.title), m.policy, _codes(m.tasks), _codes(m.evaluate)) for m in map(mix, mixes())]
    return _joined([*said, _table(("mix", "", "rates", "trained on", "only scored"), every)])


def _suite(suite: str, found: list[Task]) -> str:
    """Return the page of the tasks of one folder."""
    return _joined([f"# {suite}", *(part for one in found for part in _task(one))])


def _task(found: Task) -> list[str]:
    """Return a task: what it is, its fields, where it is from, an example, its prompts."""
    source, parameters = found.source, yaml.safe_load(Path(found.file).read_text("utf-8")).get("parameters", {})
    from_ = {name: column.origin for name, column in found.columns.items() if column.origin}
    facts: dict[str, str] = {
        "answer": found.answer + (f", from {found.range[0]:g} to {found.range[1]:g}" if found.range else ""),
        "metrics": _codes(found.metrics) or "none: it is pretrained on",
        "objective": _codes([found.objective] if found.objective else []),
        "fields": ", ".join(
            f"`{name}` ({column.kind}{f', `{from_[name]}` in the data' if name in from_ else ''})"
            for name, column in found.columns.items()
        ),
        "words": _codes([found.words] if found.words else []),
        "one question is": _codes(found.group),
        "parameters": ", ".join(f"`{name}` (`{value}` unless said)" for name, value in parameters.items()),
        "kept": "; ".join(
            f"{_split(split)}{column} {', '.join(map(str, values))}"
            for split, columns in found.keep.items()
            for column, values in columns.items()
        ),
        "one example an item of": ", ".join(f"{_split(split)}`{column}`" for split, column in found.expand.items()),
        "data set": f"`{source.hub}`" + (f", `{'` or `'.join(source.config)}`" if source.config else ""),
        "splits": ", ".join(ours if ours == theirs else f"{ours} ({theirs})" for ours, theirs in source.splits.items()),
        "bundled sample": _codes(splits(found, "sample")),
        **{key: _linking(str(value)) for key, value in found.provenance.items()},
    }
    head = [f"## {found.name}", f"**{_prose(found.title)}**", _prose(found.about)]
    rows = [(key, value) for key, value in facts.items() if value]
    return [*head, _table(("", ""), rows), *_example(found), *map(_prompt, found.prompts.values())]


def _linking(text: str) -> str:
    """Return a text, as a link where it is an address."""
    return f"<{text}>" if re.fullmatch(r"https?://\S+", text) else _prose(text)


def _split(name: str) -> str:
    return "" if name == "*" else f"{name}: "


def _example(found: Task) -> list[str]:
    """Return the first row of the sample as a model sees it under the first prompt."""
    split = next(s for s in ("train", "validation", "test") if s in splits(found, "sample"))
    eg = Examples(found, open_rows(found, split, "sample"), split=split, labelled=False)[0]
    shown = [("input", eg.input), ("target", eg.target)]
    return [
        f"The first row of its sample under `{eg.prompt}`:",
        *(_fence(_cut(text), what) for what, text in shown),
    ]


def _prompt(prompt: Prompt) -> str:
    """Return a prompt: its wording, its choices and its source, folded."""
    layout = {"intro": prompt.intro, "shot": prompt.shot, "input": prompt.input or "", "cloze": prompt.cloze or ""}
    layout |= {"target": prompt.target, "choices": "\n".join(prompt.choices), "format": prompt.format}
    parts = [_fence(text, what) for what, text in layout.items() if text]
    parts.append(f"Source: {_prose(prompt.source)}")
    inside = "\n\n".join(parts).replace("\n", "\n    ")
    return f'??? quote "{prompt.name} · {prompt.hash}"\n\n    {inside}'


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} characters in all)"


# -- Python ------------------------------------------------------------------------------------------------------------


def modules() -> list[str]:
    """Return the modules of t2t, the package first; those of the command line have a page of their own."""
    files = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "t2t").rglob("*.py"))
    names = sorted(".".join(file.parts).removesuffix(".__init__") for file in files)
    return [name for name in names if not name.startswith("t2t.cli")]


def _doc(name: str) -> str:
    """Return what stands at the head of a module."""
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def _floor(name: str) -> int:
    """Return the floor of the house that a module says it is on."""
    found = re.search(r"Floor (\d)", _doc(name))
    if not found:
        raise ValueError(f"{name} does not say on which floor it is")
    return int(found[1])


def _module_page(name: str) -> str:
    return f"reference/python/{name}.md"


def _python() -> str:
    """Return the page that lists the modules, floor by floor."""
    what = "What is meant to be imported stands in [t2t](t2t.md). The modules behind it, floor by floor: each imports"
    said = ["# Python", f"{what} only from its own floor and from those below it."]
    for floor, title in enumerate(FLOORS):
        found = [name for name in modules()[1:] if _floor(name) == floor]
        rows = [(f"[{name}]({name}.md)", _prose(_doc(name).split("\n")[0])) for name in found]
        said += [f"## {floor}: {title}", _table(("module", ""), rows)]
    return _joined(said)


def _module(name: str) -> str:
    return f"# {name}\n\n::: {name}\n"


# -- Markdown ----------------------------------------------------------------------------------------------------------


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _prose(text: str) -> str:
    """Return a text on one line, in which nothing but code between backticks means anything."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(
        part if part[:1] == "`" else re.sub(r"([\\*_\[\]{}#~^$])", r"\\\1", html.escape(part, quote=False))
        for part in parts
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table; a bar in a cell is no border."""
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _codes(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fence(text: str, title: str = "") -> str:
    """Return a block of text as it is, whatever stands in it; its long lines are wrapped."""
    marks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    titled = f' title="{title}"' if title else ""
    return f"{marks} {{ .text .wrap{titled} }}\n{text}\n{marks}"


def _anchor(heading: str) -> str:
    """Return the anchor of a heading: as MkDocs makes it, for the headings made here."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())

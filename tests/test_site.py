"""The documentation as a site: what leads where, and that all that the reference is about is in it.

Only the last test needs MkDocs.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml

from t2t.cli import cli
from t2t.config import Config
from t2t.tasks import task, tasks

ROOT = Path(__file__).resolve().parents[1]
SHELL = ("", "sh", "shell", "console")


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = hook()


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    """Every page of the site, written or made: its place and its Markdown."""
    written = {p.name: PAGES.linked(p.read_text(encoding="utf-8"), f"docs/{p.name}") for p in ROOT.glob("docs/*.md")}
    made: dict[str, str] = PAGES.pages()
    assert not written.keys() & made.keys()
    return written | made


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: their kind and what is in them."""
    for found in re.finditer(r"^( *)(```+)([^\n`]*)\n(.*?)^\1\2$", text, re.M | re.S):
        yield found[3].split(" ")[0], found[4]


def prose(text: str) -> str:
    """A page without its blocks."""
    return re.sub(r"^( *)(```+)[^\n`]*\n.*?^\1\2$", "", text, flags=re.M | re.S)


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as MkDocs makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.M):
        plain = unicodedata.normalize("NFKD", heading.replace("`", "")).encode("ascii", "ignore").decode()
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
        found.add(slug if slug not in found else f"{slug}_1")
    return found


def places(part: Any) -> Iterator[str]:
    """The places of pages in a part of the navigation, in their order."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from places(inner)
    else:
        for inner in part:
            yield from places(inner)


def test_every_page_is_in_the_navigation_once(site: dict[str, str]) -> None:
    written = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = list(places([*written, *PAGES.reference()]))
    assert sorted(listed) == sorted(site)


def test_every_link_and_anchor_leads_somewhere(site: dict[str, str]) -> None:
    lost = []
    for place, text in site.items():
        without_code = re.sub(r"`[^`\n]+`", "code", prose(text))
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", without_code):
            at = os.path.normpath(Path(place).parent / target) if target else place
            if at not in site or (anchor and anchor not in anchors(site[at])):
                lost.append(f"{place}: {target}#{anchor}")
    assert lost == []


def test_the_table_of_tasks_leads_to_each(site: dict[str, str]) -> None:
    for name in tasks():
        suite = name.split("/")[0]
        anchor = re.search(rf"\[{name}\]\({suite}\.md#([^)]+)\)", site["reference/tasks/index.md"])
        assert anchor and anchor[1] in anchors(site[f"reference/tasks/{suite}.md"]), name


def shown(text: str) -> Iterator[str]:
    """Every t2t command that a page shows in a block."""
    for kind, block in blocks(text):
        if kind in SHELL:
            for line in block.replace("\\\n", " ").splitlines():
                found = re.match(r"(?:\$ )?(?:export .*|(?:\w+=\S+ )*)(?:.*\| )?(?:.*\$\(which t2t\)|t2t) (.+)", line)
                if found:
                    yield re.sub(r"\s{2,}#.*| # .*| …|\.\.\.", "", found[1])


@pytest.mark.parametrize(
    "file", sorted([*ROOT.glob("docs/*.md"), *map(ROOT.joinpath, PAGES.KIN)]), ids=lambda p: p.name
)
def test_every_command_that_is_shown_is_one(file: Path) -> None:
    settings = {field.name for field in fields(Config)}
    for line in shown(file.read_text(encoding="utf-8")):
        command: click.Command = cli
        context, words = click.Context(cli, info_name="t2t"), shlex.split(line, comments=True)
        while isinstance(command, click.Group) and words:
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
            context = click.Context(command, info_name=command.name, parent=context)
        given, _, _ = command.make_parser(context).parse_args(words)  # raises where it has no such option
        for setting in given.get("given", ()) if command.name != "render" else ():  # whose --set is of columns
            assert setting.split("=")[0] in settings, line


def test_the_commands_of_the_documentation_are_found() -> None:
    text = "```\nA=b t2t train --mix glue   # why\n$ echo x | t2t predict RUN\n```\n\n```python\nt2t ls\n```\n"
    assert list(shown(text)) == ["train --mix glue", "predict RUN"]


def test_every_command_and_option_is_in_the_reference(site: dict[str, str]) -> None:
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", site["reference/commands.md"], re.M | re.S))
    assert {"t2t", "t2t train", "t2t prompt for"} <= sections.keys()
    for context, name in PAGES.commands():
        for option in context.command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[-1] in sections[name], (name, option.name)


@pytest.mark.parametrize("name", tasks())
def test_every_task_is_in_the_reference(name: str, site: dict[str, str]) -> None:
    found, page = task(name), site[f"reference/tasks/{name.split('/')[0]}.md"]
    section = page.split(f"\n## {name}\n", 1)[1].split("\n## ")[0]
    assert found.source.hub and found.source.hub in section
    for word in (*found.columns, *found.metrics, *found.source.splits, "licence", "The first row of its sample"):
        assert word in section, word
    for prompt in found.prompts.values():
        assert f'"{prompt.name} · {prompt.hash}"' in section


def test_every_module_has_a_page(site: dict[str, str]) -> None:
    for file in (ROOT / "t2t").rglob("*.py"):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        assert name.startswith("t2t.cli") or f"::: {name}\n" in site[f"reference/python/{name}.md"]


def test_it_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed: `make docs` does it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        assert not re.search(
            r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(?:https?:)?//", page.read_text("utf-8")
        ), page
    assert (tmp_path / "search" / "search_index.js").is_file()

"""YAML read as plain data, with the line of every key, and nothing else of YAML.

Floor 1. Tags, anchors, duplicate keys and oversized files are refused; every error names file and line.

>>> doc = read_text("a: 1\\nb: {c: [x, y]}\\n", "demo.yaml")
>>> doc.data, doc.where("b", "c")
({'a': 1, 'b': {'c': ['x', 'y']}}, 'demo.yaml:2')
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from t2t.errors import UsageError, did_you_mean, visible

__all__ = ["Document", "read", "read_text"]

MAX_BYTES = 1 << 20
_TAGS = ("str", "int", "float", "bool", "null", "seq", "map", "timestamp")


OPENERS = 2000  # characters that may begin a nested list or mapping: below it libyaml's recursion is shallow


@dataclass(frozen=True)
class Document:
    """The data of a YAML file and the line of each of its keys."""

    data: Any
    file: str
    lines: dict[tuple[str, ...], int]

    def where(self, *path: str) -> str:
        """Return ``file:line`` of the key at ``path``, or of the nearest key above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines[path]}" if path else self.file

    def check_keys(self, path: tuple[str, ...], mapping: Any, known: tuple[str, ...]) -> dict[str, Any]:
        """Return ``mapping`` if it is one and has only ``known`` keys, else raise ``UsageError``."""
        if not isinstance(mapping, dict):
            raise UsageError(f"expected keys and values, got {visible(mapping)}", where=self.where(*path), code="C01")
        for key in mapping:
            if key not in known:
                raise UsageError(
                    f'unknown key "{visible(key)}"',
                    where=self.where(*path, str(key)),
                    fix=f"Keys here: {', '.join(known)}.{did_you_mean(str(key), known)}",
                    code="C01",
                )
        return mapping


def read(path: Path) -> Document:
    """Read the YAML file at ``path``. Raise ``UsageError`` if it is missing, too large or not plain YAML."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"larger than {MAX_BYTES} bytes", where=str(path), code="C02")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path), code="C02") from None
    return read_text(text, str(path))


def read_text(text: str, file: str) -> Document:
    """Parse ``text`` as plain YAML."""
    if yaml.__with_libyaml__ and sum(map(text.count, "[{-?")) < OPENERS:
        # Ten times as fast; what is wrong with a file PyYAML's own loader says, in the same words everywhere.
        with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):
            return _read(yaml.CSafeLoader(text), file)
    try:
        return _read(yaml.SafeLoader(text), file)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        where = f"{file}:{mark.line + 1}" if mark else file
        raise UsageError(f"not valid YAML: {visible(reason)}", where=where, code="C02") from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else visible(error)
        raise UsageError(f"not valid YAML: {reason}", where=file, code="C02") from None


def _read(loader: Any, file: str) -> Document:
    """Return what a loader finds, as plain data."""
    lines: dict[tuple[str, ...], int] = {}
    try:
        node = loader.get_single_node()
        _check(node, (), file, lines, set())
        return Document(loader.construct_document(node) if node else None, file, lines)
    finally:
        loader.dispose()


def _check(node: Any, path: tuple[str, ...], file: str, lines: dict[tuple[str, ...], int], seen: set[int]) -> None:
    """Walk the node tree: note the lines of keys; refuse tags, aliases and duplicate keys."""
    if node is None:
        return
    where = f"{file}:{node.start_mark.line + 1}"
    if id(node) in seen:
        raise UsageError("anchors and aliases are not used here", where=where, fix="Write it out.", code="C02")
    seen.add(id(node))
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
        raise UsageError(f"the tag {visible(node.tag)} is refused", where=where, fix="Plain YAML only.", code="C02")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _check(item, (*path, str(index)), file, lines, seen)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
                raise UsageError("not a plain key", where=f"{file}:{key.start_mark.line + 1}", code="C02")
            here = (*path, str(key.value))
            if here in lines:
                raise UsageError(
                    f'the key "{visible(key.value)}" stands twice', where=f"{file}:{key.start_mark.line + 1}",
                    fix=f"It is first at line {lines[here]}.", code="C02")  # fmt: skip
            lines[here] = key.start_mark.line + 1
            _check(value, here, file, lines, seen)

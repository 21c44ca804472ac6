"""The floors of the house: imports point to the same floor or down, never in a circle, and torch starts on floor 3."""

from __future__ import annotations

import ast
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import t2t

ROOT = Path(__file__).resolve().parents[1] / "t2t"
FLOORS = {
    0: ("version", "errors", "types", "paths", "names", "languages", "memo"),
    1: (
        "filters",
        "template",
        "tagging",
        "answers",
        "calibration",
        "draws",
        "forms",
        "masking",
        "metrics",
        "noise",
        "objectives",
        "overlap",
        "plots",
        "significance",
        "strict_yaml",
    ),
    2: (
        "tasks",
        "demonstrations",
        "examples",
        "config",
        "mixtures",
        "files",
        "hub",
        "sources",
        "corpora",
        "sets",
        "runs",
        "lookup",
        "published",
        "new_task",
    ),
    3: ("tokens", "seen", "token_files", "stretches", "batches", "optim", "vocabulary"),
    4: ("models",),  # and all below it
    5: ("checkpoint", "predict", "pairs", "apply", "plain_text", "check", "teacher", "tracking", "train", "pet"),
    6: (
        "card",
        "report",
        "faults",
        "page",
        "compare",
        "seeds",
        "compare_page",
        "lineup",
        "distill",
        "publish",
        "glue_zip",
        "own_metric",
        "bench",
    ),
    7: (
        "cli",
        "cli_completion",
        "cli_ls",
        "cli_options",
        "cli_prompt",
        "cli_show",
        "cli_train",
        "cli_vocab",
        "serve",
        "screen",
    ),
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
PUBLIC = {
    "task",
    "tasks",
    "Mixture",
    "load",
    "train",
    "evaluate",
    "predict",
    "compare",
    "Example",
    "Prediction",
    "Report",
}
MODULES = {
    ".".join(("t2t", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
BELOW = [name for name in MODULES if FLOOR.get(name.partition(".")[2], 9) <= 2]


def floor(module: str) -> int:
    """Return the floor of a module; the package itself stands above all."""
    parts = module.split(".")
    return FLOOR[parts[1]] if len(parts) > 1 else max(FLOORS) + 1


def imports(tree: ast.AST, module: str, *, nested: bool) -> set[str]:
    """Return the modules of the house that ``module`` imports: at its top, or with ``nested`` anywhere."""
    body = ast.walk(tree) if nested else ast.iter_child_nodes(tree)
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= (names & set(MODULES)) | ({source} if names - set(MODULES) else set())
    return {name for name in found if name.split(".")[0] == "t2t"}


def tree(module: str) -> ast.AST:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_every_module_has_a_floor() -> None:
    assert {name.split(".")[1] for name in MODULES if name != "t2t"} <= set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    found = imports(tree(module), module, nested=True)
    assert found <= set(MODULES)
    assert [name for name in found if floor(name) > floor(module)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: imports(tree(module), module, nested=False) - {module} for module in MODULES}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(MODULES)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import t2t.errors", {"t2t.errors"}),
        ("from t2t import errors, names", {"t2t.errors", "t2t.names"}),
        ("from t2t.errors import UsageError", {"t2t.errors"}),
        ("from .errors import UsageError", {"t2t.errors"}),
        ("from . import errors", {"t2t.errors"}),
        ("def f():\n    from t2t.train import train", {"t2t.train"}),
        ("if TYPE_CHECKING:\n    from t2t.train import train", {"t2t.train"}),
        ("from t2t import task", {"t2t"}),
        ("import os, t2t_else", set()),
    ],
)
def test_imports_of_every_kind_are_seen(source: str, found: set[str]) -> None:
    assert imports(ast.parse(source), "t2t.tasks", nested=True) == found


def test_the_first_floors_import_no_torch() -> None:
    code = (
        "import sys, importlib\n"
        f"for name in {['t2t', *BELOW]}:\n"
        "    importlib.import_module(name)\n"
        "    assert not {'torch', 'transformers'} & set(sys.modules), name\n"
        "import t2t\n"
        "t2t.tasks(), t2t.task('glue/rte')\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(BELOW) >= 16


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_says_it_has_is_there(module: str) -> None:
    loaded = importlib.import_module(module)
    listed = getattr(loaded, "__all__", [])
    assert [name for name in listed if not hasattr(loaded, name)] == []
    assert len(set(listed)) == len(listed)
    assert loaded.__doc__ and loaded.__doc__.strip()


def test_the_public_names_are_these() -> None:
    assert set(t2t.__all__) == {*PUBLIC, "T2TError", "__version__"}
    assert set(dir(t2t)) == set(t2t.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        t2t.nothing

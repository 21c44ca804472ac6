"""No module reads a pickle, runs text as code or has a shell: read from the source of t2t, data and tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    str(path.relative_to(ROOT)): path
    for top in ("t2t", "data", "task_prompts", "tests")
    for path in sorted((ROOT / top).rglob("*.py"))
}
MODULES = {"pickle", "_pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
NAMES = {
    "eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "torch.save",
    "torch.load", "torch.hub.load", "evaluate.load", "datasets.load_dataset", "pandas.read_pickle",
    *(f"yaml.{name}" for name in (
        "load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all", "Loader", "FullLoader",
        "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader",
    )),
}  # fmt: skip
MUST_BE_FALSE = {"shell", "allow_pickle", "trust_remote_code"}

# What is there all the same, and why.
EXCEPTIONS = {
    ("t2t/own_metric.py", "evaluate.load"): "a metric whose file the user names on the command line, to be run",
    ("tests/hostile.py", "pickle"): "makes the pickles that must be refused, and reads one as a control",
    ("tests/hostile.py", "exec"): "a control: the hook must see code that runs",
    ("tests/hostile.py", "trust_remote_code"): "a configuration that asks for it",
    ("tests/hostile.py", "os.system"): "a control, and what the hostile pickles would call",
}


def dotted(node: ast.AST, known: dict[str, str]) -> str:
    """Return the full name of a name or of an attribute of a module; empty for anything else."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, known)
        return f"{base}.{node.attr}" if base else ""
    return ""


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what each import binds, and the full name of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def banned(source: str, *, strict: bool = False) -> set[str]:
    """Return what a module must not have; with ``strict`` also what of transformers is loaded without a wall."""
    tree = ast.parse(source)
    bound = list(imported(tree))
    known = dict(bound)
    found = {full.split(".")[0] for _, full in bound} & MODULES | {full for _, full in bound} & NAMES
    for node in ast.walk(tree):
        name = dotted(node, known)
        if name in NAMES or name.split(".")[0] in MODULES & set(known.values()):
            found.add(name if name in NAMES else name.split(".")[0])
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found |= {str(k.value) for k, v in pairs
                      if isinstance(k, ast.Constant) and k.value in MUST_BE_FALSE and not is_false(v)}  # fmt: skip
        if not isinstance(node, ast.Call):
            continue
        given = {word.arg: word.value for word in node.keywords if word.arg}
        found |= {word for word in MUST_BE_FALSE & given.keys() if not is_false(given[word])}
        called = dotted(node.func, known)
        if called == "__import__" or called.endswith("import_module"):
            found |= {str(a.value) for a in node.args if isinstance(a, ast.Constant)} & MODULES
        parts = called.split(".")
        if (
            strict
            and parts[-1] == "from_pretrained"
            and parts[-2].startswith("Auto")
            and "trust_remote_code" not in given
        ):
            found.add("from_pretrained")
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_banned_is_used(name: str) -> None:
    found = banned(SOURCES[name].read_text(encoding="utf-8"), strict=name.startswith("t2t/"))
    assert found == {what for file, what in EXCEPTIONS if file == name}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", "pickle"),
        ("def f():\n    import marshal as m", "marshal"),
        ("from shelve import open", "shelve"),
        ("import joblib.externals", "joblib"),
        ("import dill", "dill"),
        ("from cloudpickle import loads", "cloudpickle"),
        ("import importlib\nimportlib.import_module('pickle')", "pickle"),
        ("__import__('pickle')", "pickle"),
        ("import torch\ntorch.save(1, 'x')", "torch.save"),
        ("import torch as t\nread = t.load", "torch.load"),
        ("from torch import load as read", "torch.load"),
        ("import numpy\nnumpy.load('x', allow_pickle=True)", "allow_pickle"),
        ("f(**{'allow_pickle': flag})", "allow_pickle"),
        ("import yaml\nyaml.load('a', yaml.SafeLoader)", "yaml.load"),
        ("from yaml import UnsafeLoader", "yaml.UnsafeLoader"),
        ("eval('1')", "eval"),
        ("run = exec", "exec"),
        ("import os\nos.system('ls')", "os.system"),
        ("from os import popen", "os.popen"),
        ("import subprocess\nsubprocess.run('ls', shell=True)", "shell"),
        ("import subprocess\nsubprocess.run('ls', shell=flag)", "shell"),
        ("f(trust_remote_code=True)", "trust_remote_code"),
        ("f(trust_remote_code=config.trust)", "trust_remote_code"),
        ("from transformers import AutoModel\nAutoModel.from_pretrained('x')", "from_pretrained"),
        ("import transformers\ntransformers.AutoConfig.from_pretrained('x')", "from_pretrained"),
    ],
)
def test_each_is_seen(source: str, found: str) -> None:
    assert banned(source, strict=True) == {found}


@pytest.mark.parametrize(
    "source",
    [
        "net.eval()",
        "import json\njson.load(x)",
        "f(trust_remote_code=False, allow_pickle=False, shell=False)",
        "import yaml\nyaml.safe_load('a')",
        "from safetensors.torch import load",
        "import re\nre.compile('x')",
        "AutoModel.from_pretrained('x', trust_remote_code=False)",
    ],
)
def test_what_is_alike_is_not(source: str) -> None:
    assert banned(source, strict=True) == set()

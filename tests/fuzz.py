"""Feed the readers of outside data with bytes that nobody would write; anything but an error of the house is a find.

    python tests/fuzz.py jsonl --minutes 30        (make fuzz MINUTES=30: every target in turn)

Atheris mutates what reaches new code, from the samples of ``SEEDS``, the files in ``tests/fuzz_corpus/TARGET`` and what
earlier runs found to, kept in ``runs/fuzz/TARGET``. An input that fails, takes over half a minute or over four
gigabytes is written to the current folder. Put a find into ``tests/fuzz_corpus/TARGET``: `tests/test_fuzz.py` tries
every file there, and short random ones, without atheris.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import hashlib
import json
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).with_name("fuzz_corpus")
COLUMNS = {"text": "text", "label": "class", "n": "number?", "tags": "tags?"}
CHECKPOINT = ("manifest.json", "state.json", "weights.safetensors", "optimizer.json", "optimizer.safetensors")


@functools.cache
def scratch() -> Path:
    """Return a folder that lasts as long as the process."""
    return Path(scratch_.name)


scratch_ = tempfile.TemporaryDirectory()


def jsonl(data: bytes) -> None:
    """Read rows of JSON lines, and of a JSON array."""
    from t2t import files

    for name in ("a.jsonl", "a.json"):
        with refused():
            list(files.read_bytes(data, name, COLUMNS))


def csv(data: bytes) -> None:
    """Read rows of CSV and of TSV."""
    from t2t import files

    for name in ("a.csv", "a.tsv"):
        with refused():
            list(files.read_bytes(data, name, COLUMNS))


def yaml(data: bytes) -> None:
    """Read YAML as a task file, and as a configuration."""
    from t2t import strict_yaml
    from t2t.config import from_mapping, parse_setting
    from t2t.tasks import read_task

    path = scratch() / "rte.yaml"
    path.write_bytes(data)
    with refused():
        read_task(path)
    with refused():
        from_mapping(strict_yaml.read(path).data)
    with refused():
        parse_setting(data.decode("utf-8", "surrogateescape"))


def template(data: bytes) -> None:
    """Parse a template and render it."""
    from t2t.template import parse

    text, _, value = data.decode("utf-8", "surrogateescape").partition("\0")
    for held in (value, 3, 0.5, ["a", "b"], {"a": value}):
        with refused():
            parse.__wrapped__(text).render({"a": held, "b": value}, choices=("no", "yes"))


def answers(data: bytes) -> None:
    """Read an answer back in every form and format, and score nothing of it."""
    from t2t.answers import ANSWERS
    from t2t.types import Example

    text, _, words = data.decode("utf-8", "surrogateescape").partition("\0")
    for name, form in ANSWERS.items():
        for kind in form.formats:
            known = ("PER", "LOC") if name == "spans" else ("DET", "NOUN", "no", "yes")
            eg = Example("t:v:0", "t", "p", (), "yes", choices=known, words=tuple(words.split()[:50]) or ("a", "b"),
                         format=kind, spans=name == "spans", range=(0.0, 5.0))  # fmt: skip
            form.read(text, eg)


def checkpoint(data: bytes) -> None:
    """Verify and load a checkpoint one of whose files is this; but for its manifest the sums are right."""
    import torch

    from t2t import checkpoint as stored

    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(net.parameters())
    sound = _checkpoint()
    path = scratch() / "step-000001"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(sound, path)
    name = CHECKPOINT[data[0] % len(CHECKPOINT)] if data else CHECKPOINT[0]
    (path / name).write_bytes(data[1:])
    if name != "manifest.json":
        manifest = json.loads((path / "manifest.json").read_text())
        manifest["sha256"][name] = hashlib.sha256(data[1:]).hexdigest()
        (path / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    with refused():
        stored.verify(path)
        stored.load(path, net, optimizer)


@functools.cache
def _checkpoint() -> Path:
    """Return a sound checkpoint."""
    import torch

    from t2t import checkpoint as stored

    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return stored.save(scratch() / "sound", stored.State(step=1), net, optimizer, keep=1, fingerprint={})


def model(data: bytes) -> None:
    """Look at a model directory whose config.json is this."""
    from t2t.models import find

    folder = scratch() / "model"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_bytes(data)
    with refused():
        find(str(folder))


def http(data: bytes) -> None:
    """Send a body to both paths of the server that take one. It may refuse it, and must not fail."""
    from tests.test_serve import ask

    loop, door, _ = _server()
    for path in ("/api/predict", "/api/render"):
        headers = [("host", "localhost"), ("content-type", "application/json")]
        said = loop.run_until_complete(ask(door, "POST", path, headers=headers, parts=[data]))
        assert said.status < 500 and (said.status == 200 or "\n" not in said.body["error"]), said


@functools.cache
def _server() -> Any:
    """Return a loop, a server's door, and what keeps its worker alive."""
    from t2t.serve.app import Api, app
    from t2t.serve.guard import Guard
    from tests.test_serve import Slow

    slow = Slow()
    slow.open.set()
    api = Api([slow], set(), queue=8, seconds=60.0, token=False)  # type: ignore[list-item]
    loop = asyncio.new_event_loop()
    life = api.life()
    loop.run_until_complete(life.__aenter__())
    return loop, Guard(app(api), {"localhost"}, False, None, 1_000_000, 5.0, lambda line: None), life


@contextlib.contextmanager
def refused() -> Any:
    """Let an error of the house pass: that is how input is refused."""
    from t2t.errors import T2TError

    try:
        yield
    except T2TError as error:
        assert "\n" not in str(error) and error.exit_code > 1, error


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (jsonl, csv, yaml, template, answers, checkpoint, model, http)
}
_TASK = b"""task: glue/rte
title: t
answer: choice
columns: {a: text, label: {kind: class, names: [no, yes]}}
source: {files: {train: a.jsonl}}
keep: {label: [0, 1]}
range: [0, 5]
prompts:
  p: {input: 'say {a|lower}', target: '{label|choice}', choices: [no, yes]}
metrics: [accuracy]
"""
_HEAD = json.dumps({"weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
                    "bias": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]}}).encode()  # fmt: skip
SEEDS: dict[str, list[bytes]] = {
    "jsonl": [b'{"text": "a", "label": 1, "n": 0.5, "tags": ["x"], "more": {"text": null}}\n\n{"text": "\\u00e9"}',
              b'[{"text": "a", "label": "no", "n": -1e3}]'],
    "csv": [b'text,label,n,tags\n"a ""b"",\nc",1,0.5,"[1, 2]"\r\n', b"\xef\xbb\xbftext\tlabel\na\tno\n"],
    "yaml": [_TASK, b"steps: 3\nlearning_rate: 1e-3\ntask: [glue/rte]\nmix: null\n", b"steps=3"],
    "template": [b"say {a|lower} {b|join(a)} {{x}} {choices|options}\0value", b"{a|choice}"],
    "answers": [b"yes", b"3.8", b"PER: a; LOC: b\0a b", b"[PER a] b\0a b", b"a_DET b_NOUN\0a b",
                b"<extra_id_0> DET <extra_id_1> NOUN\0a b"],
    "checkpoint": [b'\0{"format": 1, "sha256": {}}', b'\1{"format": 1, "fingerprint": {}, "step": 1, "cursors": []}',
                   b"\2" + struct.pack("<Q", len(_HEAD)) + _HEAD + b"\0" * 24,
                   b'\3{"values": {}, "groups": [{"lr": 1.0, "params": [0, 1]}]}', b"\4" + b"\0" * 8],
    "model": [b'{"model_type": "t5", "is_encoder_decoder": true, "architectures": ["T5ForConditionalGeneration"]}',
              b'{"model_type": "bert", "text_config": {"auto_map": {}}, "_attn_implementation": "a/b"}'],
    "http": [b'{"task": "glue/rte", "rows": [{"sentence1": "a", "sentence2": "b"}], "by": "rank"}',
             b'{"texts": ["a"]}', b'{"task": "glue/rte", "row": {"sentence1": "a", "sentence2": "b"}, "prompt": "t5"}'],
}  # fmt: skip


def main() -> None:
    """Fuzz one target for a while."""
    import atheris

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=30.0)
    asked = parser.parse_args()
    sys.setrecursionlimit(1000)
    with atheris.instrument_imports(include=["t2t"]):
        for seed in SEEDS[asked.target]:  # imports what it needs
            TARGETS[asked.target](seed)
    seeds = scratch() / "seeds"
    seeds.mkdir()
    for i, seed in enumerate(SEEDS[asked.target]):
        (seeds / str(i)).write_bytes(seed)
    grown, known = Path("runs/fuzz") / asked.target, CORPUS / asked.target
    grown.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={round(asked.minutes * 60)}", "-timeout=30", "-rss_limit_mb=4096", "-max_len=4096"]
    folders = [str(path) for path in (grown, seeds, known) if path.is_dir()]
    atheris.Setup([sys.argv[0], *limits, *folders], TARGETS[asked.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

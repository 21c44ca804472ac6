"""Hostile artefacts, and a process that opens each of them under an audit hook.

``python tests/hostile.py FOLDER`` makes them all below FOLDER/inside, opens them as t2t would, and prints as JSON what
came of each: the exit code of the error that refused it (0: it was harmless) and the events that nobody may cause.
``OPENED`` are the artefacts with the exit codes that are right, ``CONTROLS`` deeds that the hook must see.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
CODE = "import os; os.system('touch PWNED')"
SCRIPT = "<script>alert(1)</script>"
ESCAPES = "\x1b]52;c;aGk=\x07\x1b[2J\u202egpj.exe\x9b31m"


# -- the hook ----------------------------------------------------------------------------------------------------------

RUNS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pickle.find_class",
)
CALLS = (
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "urllib.Request",
)
WRITES = {"os.rename": 1, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.link": 1, "os.symlink": 1, "os.chmod": 0,
          "os.truncate": 0, "shutil.rmtree": 0, "shutil.move": 1, "shutil.copyfile": 1}  # fmt: skip
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".msgpack")  # files that nobody may as much as open
OURS = tuple(str(Path(p).resolve()) for p in {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix})
MAKERS = ("dataclasses", "collections", "collections.abc", "enum", "typing", "attr._make", "ast", "inspect",
          "annotationlib", "jinja2.debug", "jinja2.environment", "jinja2.loaders",
          "transformers.utils.generic")  # fmt: skip


@dataclass
class Hook:
    """Note what nobody may cause while ``armed``: a hook of this kind cannot be taken out again."""

    inside: Path
    armed: bool = False
    seen: list[str] = field(default_factory=list)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        self.armed = False  # what is done in here is not looked at
        try:
            if fault := self.fault(event, args):
                self.seen.append(f"{event} {fault}"[:200])
        finally:
            self.armed = True

    def fault(self, event: str, args: tuple[Any, ...]) -> str:
        """Return what was done, or the empty string where it is allowed."""
        if event in RUNS or event in CALLS:
            return f"{args!r}"
        if event == "exec":
            return "" if self.trusted(args[0].co_filename) else args[0].co_filename
        if event == "compile":
            name = args[1] if isinstance(args[1], str) else "<unknown>"
            return "" if self.trusted(name) else f"{name} {args[0]!r}"
        if event == "import":  # the module's file comes first as "exec"; this is for what is compiled
            return str(args[1]) if args[1] and not self.trusted(str(args[1])) else ""
        if event == "open" and isinstance(args[0], (str, bytes)):
            writes = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            pickled = os.fsdecode(args[0]).endswith(PICKLED)
            return self.leaves(args[0]) if writes else f"a pickle, {args[0]!r}" if pickled else ""
        if event in WRITES:
            return self.leaves(args[WRITES[event]])
        return ""

    def trusted(self, file: str) -> bool:
        """Tell whether code is of the house, of the interpreter or of an installed package."""
        if file.startswith("<"):  # made of text: only what the standard library and jinja make
            frame = sys._getframe(3)
            return file.startswith("<frozen") or frame.f_globals.get("__name__") in MAKERS
        path = Path(file).resolve()
        return not path.is_relative_to(self.inside) and path.is_relative_to(ROOT) or str(path).startswith(OURS)

    def leaves(self, name: Any) -> str:
        """Return the path that is written to, if it is not in the folder."""
        path = Path(os.fsdecode(name)).absolute()
        fine = path.resolve().is_relative_to(self.inside) or str(path) == os.devnull
        return "" if fine else str(path)


# -- models ------------------------------------------------------------------------------------------------------------


class World(NamedTuple):
    """Where artefacts are made: each has a folder ``here``; ``t5`` and ``gpt2`` are sound models to be spoilt."""

    here: Path
    t5: Path
    gpt2: Path
    outside: Path


Open = Callable[[], Any]
Make = Callable[[World], Open]


class Payload:
    """Unpickled, it has a shell touch a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {PWNED}",)


PWNED = "PWNED"


def pickled() -> bytes:
    import pickle

    return pickle.dumps({"weight": Payload()})


def zipped() -> bytes:
    """Return a pickle in the archive that torch.save makes."""
    import io
    import zipfile

    with zipfile.ZipFile(held := io.BytesIO(), "w") as archive:
        archive.writestr("archive/data.pkl", pickled())
        archive.writestr("archive/version", "3\n")
    return held.getvalue()


def spoilt(spoil: Callable[[Path, World], None], *, base: str = "t5", **how: Any) -> Make:
    """Return what makes a copy of a sound model, spoils it and loads it."""

    def make(world: World) -> Open:
        folder = Path(shutil.copytree(getattr(world, base), world.here / "model"))
        spoil(folder, world)

        def load() -> None:
            from t2t.models import Options
            from t2t.models import load as load_model

            load_model(str(folder), options=Options(max_input=16, max_target=8, **how))

        return load

    return make


def with_config(file: str = "config.json", **more: Any) -> Make:
    """Return what makes a model whose configuration has more in it."""

    def spoil(folder: Path, world: World) -> None:
        path = folder / file
        found = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**found, **more}))

    return spoilt(spoil)


def with_file(name: str, data: bytes | Callable[[], bytes], *, alone: bool = False, **how: Any) -> Make:
    """Return what makes a model with one more file, or another in its place; ``alone``: without other weights."""

    def spoil(folder: Path, world: World) -> None:
        if alone:
            (folder / "model.safetensors").unlink()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data())

    return spoilt(spoil, **how)


def with_link(name: str, to: Callable[[World], Any]) -> Make:
    """Return what makes a model one of whose files is a link."""

    def spoil(folder: Path, world: World) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(to(world))

    return spoilt(spoil)


def with_index(shard: str, *, bait: bool = False) -> Make:
    """Return what makes a model whose index of shards names a file; ``bait``: with safetensors of something else."""

    def spoil(folder: Path, world: World) -> None:
        weights = (folder / "model.safetensors").rename(folder / "part.safetensors")
        (world.outside / "part.safetensors").write_bytes(weights.read_bytes())
        (folder / "pytorch_model.bin").write_bytes(zipped())
        if not bait:
            weights.unlink()
        names = json.loads(header(weights if bait else world.outside / "part.safetensors"))
        where = shard.replace("OUTSIDE", str(world.outside))
        index = {"metadata": {}, "weight_map": {name: where for name in names if name != "__metadata__"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return spoilt(spoil)


def header(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 : 8 + struct.unpack("<Q", data[:8])[0]]


def tensors(said: bytes | dict[str, Any], data: bytes = b"\0" * 64, length: int | None = None) -> bytes:
    """Return a safetensors file with this header."""
    head = said if isinstance(said, bytes) else json.dumps(said).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


def lying(**said: Any) -> bytes:
    return tensors({"shared.weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64], **said}})


def adapter(weights: str, data: Callable[[], bytes], **config: Any) -> Make:
    """Return what makes a directory of peft's over the sound model."""

    def make(world: World) -> Open:
        folder = world.here / "adapter"
        folder.mkdir()
        said = {"peft_type": "LORA", "base_model_name_or_path": str(world.gpt2), "r": 2, "target_modules": ["c_attn"]}
        (folder / "adapter_config.json").write_text(json.dumps({**said, **config}))
        (folder / weights).write_bytes(data())

        def load() -> None:
            from t2t.models import Options
            from t2t.models import load as load_model

            load_model(str(folder), options=Options(max_input=16, max_target=8))

        return load

    return make


def chat(template: str) -> Make:
    """Return what has a model's chat template rendered."""

    def make(world: World) -> Open:
        folder = Path(shutil.copytree(world.gpt2, world.here / "model"))
        (folder / "chat_template.jinja").write_text(template)

        def load() -> None:
            from t2t.models import Options
            from t2t.models import load as load_model

            load_model(str(folder), options=Options(max_input=16, max_target=8, chat="on"))

        return load

    return make


DEEP = b"[" * 200_000
EVIL_PY = f"open({PWNED!r}, 'w')\n{CODE}\n".encode()
MAPPED = {"AutoConfig": "modeling_evil.EvilConfig", "AutoModelForSeq2SeqLM": "modeling_evil.Evil"}
GGUF = b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62)

MODELS: dict[str, tuple[set[int], Make]] = {
    **{f"pickled weights, {name}": ({4}, with_file(name, pickled, alone=True))
       for name in ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl", "flax_model.msgpack")},
    "pickled weights, a zip": ({4}, with_file("pytorch_model.bin", zipped, alone=True)),
    "pickled weights beside safetensors": ({0}, with_file("pytorch_model.bin", pickled)),
    "pickled optimiser and arguments beside safetensors": ({0}, with_file("training_args.bin", zipped)),
    "a pickle called safetensors": ({4}, with_file("model.safetensors", pickled)),
    "a zip called safetensors": ({4}, with_file("model.safetensors", zipped)),
    "an index of pickles": ({4}, with_index("pytorch_model.bin")),
    "an index of pickles, with a bait": ({4}, with_index("pytorch_model.bin", bait=True)),
    "an index that leaves the folder": ({4}, with_index("../../../outside/part.safetensors", bait=True)),
    "an index of an absolute path": ({4}, with_index("OUTSIDE/part.safetensors", bait=True)),
    "auto_map": ({4}, with_config(auto_map=MAPPED)),
    "auto_map of another repository": ({4}, with_config(auto_map={"AutoConfig": "evil/repo--modeling_evil.Evil"})),
    "auto_map further down": ({4}, with_config(task_specific_params={"a": [{"auto_map": MAPPED}]})),
    "auto_map of the tokenizer": (
        {4}, with_config("tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_evil.Evil", None]})),
    "a kernel's repository as attention": ({4}, with_config(_attn_implementation="evil/kernel")),
    "a kernel's repository as attention, in public": ({4}, with_config(attn_implementation="evil/kernel:forward")),
    "a kernel's repository as attention, by part": ({4}, with_config(_attn_implementation={"text_config": "evil/k"})),
    "a kernel's repository as attention, inside": ({4}, with_config(_attn_implementation_internal="evil/kernel")),
    "a kernel's repository further down": (
        {4}, with_config(task_specific_params={"a": {"_attn_implementation_internal": "evil/kernel"}})),
    "a kernel's repository as experts": ({4}, with_config(_experts_implementation="evil/kernel")),
    "a quantisation that fetches kernels": ({4}, with_config(quantization_config={"quant_method": "mxfp4"})),
    "trust_remote_code in the config": ({0}, with_config(trust_remote_code=True)),
    "a module in the folder": ({4}, with_file("modeling_evil.py", EVIL_PY)),
    "a module in a folder within": ({4}, with_file("custom_generate/generate.py", EVIL_PY)),
    "an architecture that is a function": ({0, 4}, with_config(architectures=["os.system"])),
    "a type that is a path": ({4}, with_config(model_type="../../evil", is_encoder_decoder=True)),
    "a tokenizer class that is a function": ({0, 4}, with_config("tokenizer_config.json", tokenizer_class="os.system")),
    "a vocabulary elsewhere": ({0, 4}, with_config("tokenizer_config.json", vocab_file="../../../outside/secret")),
    "a tokenizer that is no JSON": ({4}, with_file("tokenizer.json", b"{" * 1000)),
    "a tokenizer of deep JSON": ({4}, with_file("tokenizer.json", DEEP)),
    "a config that is a link to a secret": ({4}, with_link("config.json", lambda w: w.outside / "secret")),
    "a config that is an endless device": ({4}, with_link("config.json", lambda w: "/dev/zero")),
    "weights that are an endless device": ({4}, with_link("model.safetensors", lambda w: "/dev/zero")),
    "a tokenizer that is an endless device": ({4}, with_link("tokenizer.json", lambda w: "/dev/zero")),
    "a config of deep JSON": ({4}, with_file("config.json", b'{"a":' + DEEP)),
    "a config that is no object": ({4}, with_file("config.json", b"[]")),
    "a config of bytes": ({4}, with_file("config.json", b"\xff\xfe\0")),
    "a header longer than the file": ({4}, with_file("model.safetensors", tensors(b"{}", length=2**63))),
    "a header of almost all memory": ({4}, with_file("model.safetensors", tensors(b"{}", length=99_999_999))),
    "a header of deep JSON": ({4}, with_file("model.safetensors", tensors(DEEP))),
    "a header of bytes": ({4}, with_file("model.safetensors", tensors(b"\xff" * 64))),
    "tensors beyond the end": ({4}, with_file("model.safetensors", lying(data_offsets=[0, 2**62]))),
    "tensors before the start": ({4}, with_file("model.safetensors", lying(data_offsets=[-64, 0]))),
    "a shape that overflows": ({4}, with_file("model.safetensors", lying(shape=[2**62, 2**62]))),
    "a type that there is not": ({4}, with_file("model.safetensors", lying(dtype="OBJECT"))),
    "weights of no byte": ({4}, with_file("model.safetensors", b"")),
    "a vocabulary of a billion": ({4}, with_config(vocab_size=10**9)),
    "an adapter that is a pickle": ({4}, adapter("adapter_model.bin", zipped)),
    "an adapter with a pickle for safetensors": ({4}, adapter("adapter_model.safetensors", pickled)),
    "an adapter of a base elsewhere": ({4}, adapter("adapter_model.safetensors", zipped,
                                                    base_model_name_or_path="../../etc/passwd")),
    "an adapter that names a library": ({4}, adapter(
        "adapter_model.safetensors", zipped,
        auto_mapping={"base_model_class": "Evil", "parent_library": "modeling_evil"})),
    "virtual tokens that are a pickle": ({4}, with_file("virtual_tokens.safetensors", pickled)),
    "GGUF with endless counts": ({4}, with_file("model.gguf", GGUF, alone=True)),
    "a chat template that reaches for classes": (
        {4}, chat("{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}")),
    "a chat template that reaches for globals": (
        {4}, chat("{{ cycler.__init__.__globals__.os.system('touch PWNED') }}{{ messages[0].content }}")),
    "a chat template that formats": (
        {4}, chat("{{ ('{0.__class__.__init__.__globals__}'|attr('format'))(messages) }}{{ messages[0].content }}")),
}  # fmt: skip


# -- data, task files, names, templates, outputs -----------------------------------------------------------------------

COLUMNS = {"text": "text", "label": "class"}
GOOD = b'{"text": "a", "label": 1}\n'


def rows(name: str, data: bytes | Callable[[], bytes]) -> Make:
    """Return what has a file of rows read, every one of them."""

    def make(world: World) -> Open:
        path = world.here / name
        path.write_bytes(data if isinstance(data, bytes) else data())

        def read() -> None:
            from t2t import files

            list(files.read(path, COLUMNS))

        return read

    return make


def parquet(**metadata: str) -> bytes:
    """Return a parquet file; metadata of its fields begin with field_."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    inner = {k.removeprefix("field_"): v for k, v in metadata.items() if k.startswith("field_")}
    outer = {k: v for k, v in metadata.items() if not k.startswith("field_")}
    text = pa.field("text", pa.string(), metadata={k.replace("__", ":"): v for k, v in inner.items()})
    schema = pa.schema([text, pa.field("label", pa.int64())], metadata=outer)
    pq.write_table(pa.table({"text": ["a"], "label": [1]}, schema=schema), held := io.BytesIO())
    return held.getvalue()


def unpickling() -> bytes:
    """Return a parquet file with a column of the extension type that old pyarrow unpickled (CVE-2023-47248)."""
    import base64

    return parquet(field_ARROW__extension__name="arrow.py_extension_type",
                   field_ARROW__extension__metadata=base64.b64encode(pickled()).decode())  # fmt: skip


def corpus(name: str, data: Callable[[], bytes]) -> Make:
    """Return what has the texts of a packed file read."""

    def make(world: World) -> Open:
        path = world.here / name
        path.write_bytes(data())

        def read() -> None:
            from t2t.corpora import corpus as find

            for text in find(str(path)).documents():
                assert len(text) <= 1 << 24

        return read

    return make


DATA: dict[str, tuple[set[int], Make]] = {
    "JSON lines, deep": ({3}, rows("a.jsonl", GOOD + DEEP + b"\n")),
    "JSON lines, deep in a column": ({3}, rows("a.jsonl", b'{"text": "a", "label":' + DEEP + b"\n")),
    "JSON lines, a key twice": ({3}, rows("a.jsonl", b'{"text": "a", "text": "b", "label": 1}\n')),
    "JSON lines, NaN": ({3}, rows("a.jsonl", b'{"text": "a", "label": NaN}\n')),
    "JSON lines, half a pair": ({3}, rows("a.jsonl", b'{"text": "\\ud800", "label": 1}\n')),
    "JSON lines, no UTF-8": ({3}, rows("a.jsonl", b'{"text": "\xff", "label": 1}\n')),
    "JSON lines, five thousand digits": ({3}, rows("a.jsonl", b'{"text": "a", "label": ' + b"9" * 5000 + b"}\n")),
    "JSON lines, names of classes": (
        {0}, rows("a.jsonl", b'{"text": "{x.__class__}", "label": 1, "__class__": "os.system", "__proto__": {}}\n')),
    "JSON lines that are a pickle": ({3}, rows("a.jsonl", pickled)),
    "a JSON array, deep": ({3}, rows("a.json", DEEP)),
    "CSV, an open quote": ({3}, rows("a.csv", b'text,label\n"a,1\n' * 2)),
    "CSV, NUL": ({3}, rows("a.csv", b"text,label\na\0b,1\n")),
    "CSV, a field of a megabyte": ({0, 3}, rows("a.csv", b"text,label\n" + b"a" * (1 << 20) + b",1\n")),
    "CSV, formulas": ({0}, rows("a.csv", b"text,label\n=HYPERLINK(\"http://x\"),1\n@SUM(1),2\n")),
    "CSV that is a pickle": ({3}, rows("a.csv", pickled)),
    "parquet, cut": ({3}, rows("a.parquet", lambda: parquet()[:-20])),
    "parquet, its magic alone": ({3}, rows("a.parquet", b"PAR1PAR1")),
    "parquet, a footer longer than the file": (
        {3}, rows("a.parquet", b"PAR1" + b"\0" * 64 + struct.pack("<I", 2**31 - 1) + b"PAR1")),
    "parquet, a pickled type": ({0, 3}, rows("a.parquet", unpickling)),
    "parquet, deep features": ({0, 3}, rows("a.parquet", lambda: parquet(huggingface=DEEP.decode()))),
    "parquet, features of code": (
        {0, 3}, rows("a.parquet", lambda: parquet(huggingface='{"info": {"features": {"label": {"_type": "os"}}}}'))),
    "parquet that is a pickle": ({3}, rows("a.parquet", pickled)),
    "a kind of file that is not read": ({2}, rows("a.pkl", pickled)),
    "a packed line without end": ({3}, corpus("a.jsonl.gz", lambda: gzip.compress(b'{"text": "' + b"a" * (1 << 28)))),
    "a packed text without end": ({0}, corpus("a.txt.gz", lambda: gzip.compress(b"a" * (1 << 26)))),
    "a packed file, cut": ({3}, corpus("a.txt.gz", lambda: gzip.compress(b"a b c\n" * 99)[:-9])),
    "a packed file that is a pickle": ({3}, corpus("a.txt.zst", lambda: b"\x80\x04" + CODE.encode())),
}  # fmt: skip


def yaml(text: str | bytes) -> Make:
    """Return what has a task file and a configuration of this text read."""

    def make(world: World) -> Open:
        path = world.here / "evil.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

        def read() -> None:
            from t2t.tasks import read_task

            read_task(path)

        return read

    return make


LAUGHS = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))

TASKS: dict[str, tuple[set[int], Make]] = {
    f"YAML, {name}": ({2}, yaml(text))
    for name, text in {
        "a function": "task: !!python/object/apply:os.system [touch PWNED]\n",
        "a new object": "task: !!python/object/new:os.system [touch PWNED]\n",
        "a name": "task: !!python/name:os.system\n",
        "a module": "!!python/module:antigravity : 1\n",
        "a tag of its own": "task: !function evil.py\n",
        "a tag by directive": "%TAG ! tag:yaml.org,2002:python/\n---\ntask: !name:os.system x\n",
        "a billion laughs": "a: &a [ha]\n" + LAUGHS,
        "an anchor of itself": "a: &a [*a]\n",
        "a merged mapping": "a: &a {b: 1}\nc: {<<: *a}\n",
        "a key twice": "task: a/b\ntask: a/c\n",
        "a key that is a list": "? [a, b]\n: c\n",
        "deep lists": "a: " + "[" * 100_000,
        "deep blocks": "\n".join(" " * i + "a:" for i in range(1200)),
        "over a megabyte": "a: " + "b" * (1 << 20),
        "NUL": "a: \0\n",
        "no UTF-8": b"a: \xff\n",
        "a task elsewhere": "task: ../../etc/passwd\ntitle: t\nanswer: text\ncolumns: {a: text}\nsource: {}\n"
        "prompts: {}\nmetrics: []\n",
    }.items()
}

NAMES = ["../x", "..", ".", "", "/etc/passwd", "a/b/c", "a\0b", "a\nb", "\x1b[2Ja", "-rf", ".hidden", "CON", "nul.txt",
         "a" * 129, "a b", "a\\b", "\u202ea", "ａ", "C:x", "~root", "$HOME", "a;b"]  # fmt: skip
HUB_NAMES = ["../../x.parquet", "/etc/x.parquet", "a/../../x.parquet", "a\\..\\x.parquet", "C:\\x.parquet",
             "a//x.parquet", "a/\0x.parquet", "a/\x1b]x.parquet", "./x.parquet"]  # fmt: skip


def names(check: str) -> Make:
    """Return what has every name checked, and raises the error of the last where all were refused."""

    def make(world: World) -> Open:
        def run() -> None:
            from t2t import hub
            from t2t import names as own
            from t2t.errors import T2TError
            from t2t.runs import new_folder

            refuse: dict[str, Callable[[str], Any]] = {
                "run": lambda name: own.check_name(name, what="run"),
                "task": own.check_task_name,
                "set": lambda name: own.check_task_name(f"{name}/x"),
                "hub": lambda name: hub.folder(f"{name}/x" if "/" not in name else name),
                "path": lambda name: new_folder(None, name),
            }
            refused = [name for name in NAMES if _refuses(refuse[check], name)]
            if check == "path":  # such a name is made safe, and stays in runs/
                return
            assert refused == NAMES, f"let in: {[name for name in NAMES if name not in refused]}"
            raise T2TError("all refused")

        return run

    return make


def _refuses(check: Callable[[str], Any], name: str) -> bool:
    from t2t.errors import T2TError

    try:
        check(name)
    except T2TError:
        return True
    return False


def listed(world: World) -> Open:
    """Have the hub list files whose names leave the folder."""

    def run() -> None:
        from t2t import hub

        page = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in HUB_NAMES]
        assert dict(hub._entries(page)) == {}

    return run


def card(world: World) -> Open:
    """Have a README with code in its front matter laid out."""

    def run() -> None:
        from t2t import hub

        hub.layout(["train.parquet"], "---\nconfigs: !!python/object/apply:os.system [touch PWNED]\n---\n")

    return run


def template(text: str, *, value: str = "x", shown: str | None = None) -> Make:
    """Return what has a template rendered; with ``shown`` it must be this text."""

    def make(world: World) -> Open:
        def run() -> None:
            from t2t.template import parse

            said = "".join(piece.text for piece in parse(text).render({"a": value}))
            assert said == shown

        return run

    return make


PLAIN = "{a.__class__} {{7*7}} {b|choice} %s ${a}"
TEMPLATES: dict[str, tuple[set[int], Make]] = {
    **{f"a template, {text}": ({2, 3}, template(text)) for text in (
        "{a.__class__}", "{a.__init__.__globals__}", "{a[0]}", "{a!r}", "{a:>999999999}", "{a|attr(__class__)}",
        "{a|format}", "{a|eval}", "{a|__import__}", "{}", "{0}", "{a|}", "{a||b}", "{__builtins__}", "{self}",
        "{a|join(os.system)}", "{% for i in range(9) %}", "{a}}", "{" * 50_001,
    )},
    "a template, jinja's own": ({0}, template("{{7*7}}", shown="{7*7}")),
    "a value that is a template": ({0}, template("say {a}", value=PLAIN, shown=f"say {PLAIN}")),
}  # fmt: skip


def report(world: World) -> Open:
    """Have what a hostile model wrote shown in every page."""

    def run() -> None:
        from t2t import report as pages
        from tests.test_report import write

        pages.render(write(world.here / "run"))
        for name in ("report.md", "README.md", "report.html"):
            text = (world.here / "run" / name).read_text(encoding="utf-8")
            assert "<script>alert" not in text and "\x1b" not in text and "\u202e" not in text, name
            assert name == "report.html" or ("![i](" not in text and "<script" not in text), name

    return run


def said(text: str) -> Make:
    """Return what has an answer read in every form, and a line about it written."""

    def make(world: World) -> Open:
        def run() -> None:
            from t2t.answers import ANSWERS
            from t2t.errors import visible
            from t2t.tagging import FORMATS
            from t2t.types import Example

            for name, how in ANSWERS.items():
                for kind in how.formats if name in ("spans", "tags") else ("",):
                    known = ("PER", "LOC") if name == "spans" else ("DET", "NOUN")
                    eg = Example("t:v:0", "t", "p", (), "a", choices=known, words=("a", "b"), format=kind,
                                 spans=name == "spans")  # fmt: skip
                    how.read(text, eg)
            assert FORMATS and visible(text, len(text)).isprintable()

        return run

    return make


WRITTEN = {
    "script": SCRIPT, "escapes": ESCAPES, "brackets": "[" * 3000, "digits": "9" * 5000, "surrogate": "\ud800",
    "newlines": "\n\r\u2028" * 99, "NUL": "\0" * 99, "a tag for every word": "[PER a] " * 500,
}  # fmt: skip

OTHERS: dict[str, tuple[set[int], Make]] = {
    **{f"names, of a {what}": ({1}, names(what)) for what in ("run", "task", "set")},
    "names, of a folder": ({0}, names("path")),
    "names in a hub's listing": ({0}, listed),
    "code in a data set's README": ({0}, card),
    "a report of hostile answers": ({0}, report),
    **{f"an answer, {name}": ({0}, said(text)) for name, text in WRITTEN.items()},
}

OPENED = {**MODELS, **DATA, **TASKS, **TEMPLATES, **OTHERS}


# -- controls ----------------------------------------------------------------------------------------------------------


def _foreign(world: World) -> Path:
    path = world.here / "modeling_evil.py"
    path.write_text("DONE = 1\n")
    return path


def _touched(world: World) -> Path:
    (world.here / "model.bin").touch()
    return world.here / "model.bin"


def _import(world: World) -> Open:
    _foreign(world)

    def run() -> None:
        import importlib

        sys.path.insert(0, str(world.here))
        try:
            importlib.import_module("modeling_evil")
        finally:
            sys.path.pop(0)

    return run


def _unpickle(world: World) -> Open:
    import pickle

    data = pickle.dumps(Payload())
    return lambda: pickle.loads(data.replace(PWNED.encode(), b"BEGUN"))  # noqa: S301


def _connect() -> None:
    with contextlib.suppress(OSError), socket.socket() as opened:
        opened.connect(("127.0.0.1", 9))


CONTROLS: dict[str, Make] = {
    "exec": lambda world: lambda: exec("1"),  # noqa: S102
    "compile": lambda world: lambda: compile("1", str(_foreign(world)), "exec"),
    "exec of a module": _import,
    "subprocess.Popen": lambda world: lambda: subprocess.run(["true"], check=True),
    "os.system": lambda world: lambda: os.system("true"),
    "pickle.find_class": _unpickle,
    "open": lambda world: lambda: (world.outside / "control").write_text("x"),
    "open a pickle": lambda world: lambda: _touched(world).read_bytes(),
    "os.mkdir": lambda world: lambda: (world.outside / "made").mkdir(),
    "os.rename": lambda world: lambda: (world.outside / "control").rename(world.outside / "renamed"),
    "os.symlink": lambda world: lambda: (world.outside / "link").symlink_to("x"),
    "socket.connect": lambda world: _connect,
    "socket.getaddrinfo": lambda world: lambda: socket.getaddrinfo("127.0.0.1", 9),
}


# -- the process -------------------------------------------------------------------------------------------------------


def outcome(work: Open) -> tuple[int, str]:
    """Return the exit code of what was raised and what it says; 0 for nothing, -1 for what is no error of the house."""
    from t2t.errors import T2TError

    try:
        work()
    except T2TError as error:
        return error.exit_code, str(error)
    except BaseException as error:
        return -1, f"{type(error).__name__}: {error}"[:500]
    return 0, ""


def sound(folder: Path) -> tuple[Path, Path]:
    """Write two sound models and load them, so that what is imported later is not the artefacts' doing."""
    from t2t.models import Options, load
    from tests.test_causal import write_model as write_causal
    from tests.toy import write_model

    t5, gpt2 = write_model(folder / "t5"), write_causal(folder / "gpt2", "gpt2")
    for path in (t5, gpt2):
        load(str(path), options=Options(max_input=16, max_target=8))
    return t5, gpt2


def opened(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what came of each artefact and each control."""
    inside, outside = folder / "inside", folder / "outside"
    for path in (inside, outside, inside / "tmp"):
        path.mkdir(parents=True)
    (outside / "secret").write_text("SECRET")
    t5, gpt2 = sound(folder / "sound")
    os.environ["TMPDIR"] = tempfile.tempdir = str(inside / "tmp")
    os.chdir(inside)
    hook = Hook(inside.resolve())
    sys.addaudithook(hook)
    listing = [(name, make) for name, (_, make) in OPENED.items()]
    late = [*list(DATA.items())[-7:], *list(MODELS.items())[-4:], *list(OTHERS.items())[:7]]
    warm = [("warm", make) for _, (_, make) in late]  # what is imported late is not the artefacts' doing
    for number, (name, make) in enumerate([*warm, *listing, *CONTROLS.items()]):
        here = inside / f"{number:03}"
        here.mkdir()
        work = make(World(here, t5, gpt2, outside))
        before = sorted(outside.rglob("*"))
        hook.seen, hook.armed = [], name != "warm"
        code, message = outcome(work)
        hook.armed = False
        found = [str(path) for path in sorted(outside.rglob("*")) if path not in before]
        pwned = [str(path) for path in folder.rglob(PWNED)]
        yield {"name": name, "code": code, "message": message, "events": hook.seen, "outside": found, "pwned": pwned}
        shutil.rmtree(here, ignore_errors=True)


if __name__ == "__main__":
    for one in opened(Path(sys.argv[1]).resolve()):
        print(json.dumps(one), flush=True)

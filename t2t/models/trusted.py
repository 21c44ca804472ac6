"""What of a model directory is opened at all: plain files, and neither code nor pickles.

Floor 4, below every family. It is looked at before transformers is: what a directory asks for by name (its own code, a
kernel of a repository, a shard that is a pickle) is refused here, whatever transformers would make of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t2t.errors import ModelError, visible

__all__ = ["read_config"]

CONFIGS = ("config.json", "tokenizer_config.json", "generation_config.json")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack", "*.ot", "*.gguf")


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json of a directory, or ``{"gguf": NAME}`` where one GGUF file is all there is.

    Raise ``ModelError`` for what would run code (M04), for weights that are pickles (M03), for files that are none.
    """
    _check_plain(folder)
    dequantised = list(folder.glob("*.gguf"))
    if not (folder / "config.json").exists() and len(dequantised) == 1:
        return {"gguf": dequantised[0].name}
    config = _object(folder / "config.json")
    if not isinstance(config.get("model_type", ""), str) or not isinstance(config.get("architectures") or [], list):
        raise ModelError("model_type is a text and architectures a list of them", where=str(folder / "config.json"),
                         fix="Get it again.", code="M01")  # fmt: skip
    code = sorted(str(p.relative_to(folder)) for pattern in ("*.py", "*/*.py") for p in folder.glob(pattern))
    for name in CONFIGS:
        code += _asked(config if name == "config.json" else _object(folder / name, {}))
    if code:
        raise ModelError(
            f"it brings code ({visible(', '.join(dict.fromkeys(code)))}), which is never run",
            where=str(folder), fix="Use a model of an architecture that transformers has.", code="M04",
        )  # fmt: skip
    unread = sorted(p.name for pattern in PICKLES for p in folder.glob(pattern))
    if unread and not list(folder.glob("*.safetensors")):
        raise ModelError(
            f"only weights of a kind that is never read, such as pickles ({visible(unread[0])})",
            where=str(folder), fix="Convert them to safetensors in a place you trust.", code="M03",
        )  # fmt: skip
    _check_shards(folder)
    return config


def _check_plain(folder: Path) -> None:
    """Refuse a pipe or a device: reading one may never end."""
    for path in folder.glob("*"):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ModelError("not a plain file", where=str(path), fix="Take it away.", code="M01")


def _object(path: Path, missing: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON object of a file, or ``missing`` where there is no file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if missing is not None:
            return missing
        raise ModelError("no config.json", where=str(path.parent), fix="Give a Hugging Face model directory.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"not readable as JSON: {visible(error)}", where=str(path), fix="Get it again.", code="M01"
        ) from None
    if not isinstance(found, dict):
        raise ModelError("expected an object", where=str(path), code="M01")
    return found


def _asked(config: dict[str, Any]) -> Iterator[str]:
    """Yield the keys, at any depth, by which a configuration asks for code that transformers does not bring."""
    left: list[Any] = [config]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += value.values()
            for key, asked in value.items():
                # An implementation with a slash, or a quantiser, is a kernel's repository on the hub.
                kernel = key.endswith("_implementation") and "/" in str(asked)
                if kernel or key in ("auto_map", "_attn_implementation_internal", "quantization_config"):
                    yield key


def _check_shards(folder: Path) -> None:
    """Refuse an index that names anything but safetensors beside it: transformers would unpickle other files."""
    for path in folder.glob("*.index.json"):
        named = _object(path).get("weight_map")
        for name in named.values() if isinstance(named, dict) else ():
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
                raise ModelError(f'its shard "{visible(name)}" is not a safetensors file beside it', where=str(path),
                                 fix="Convert it to safetensors in a place you trust.", code="M03")  # fmt: skip

"""Bodies of encoders: loading, pooling, what stays frozen, and how deep each parameter stands.

Floor 4, below the families that share a body: any architecture that transformers builds as an `AutoModel`.

Shapes: R rows of tokens, S positions, H hidden.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from t2t.errors import ModelError, UsageError, did_you_mean, visible
from t2t.models import Options

__all__ = [
    "LAST",
    "POOLINGS",
    "check_tensors",
    "depths",
    "freeze",
    "has_pooler",
    "layers",
    "load_body",
    "pool",
    "positions",
    "quiet",
]

POOLINGS = ("auto", "cls", "pooler", "mean", "max")
LAST = ("xlnet",)  # model types whose first token has seen nothing: the special token stands last
OWN_WEIGHTS = "heads.safetensors"  # beside a body: not weights of the body


# -- loading -----------------------------------------------------------------------------------------------------------


def load_body(path: Path, options: Options) -> tuple[Any, list[str], bool]:
    """Return the body, notes on how its weights were found, and whether they are random."""
    from transformers import AutoConfig, AutoModel

    try:
        if options.fresh or not [file for file in path.glob("*.safetensors*") if file.name != OWN_WEIGHTS]:
            shape = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
            torch.manual_seed(options.seed)
            return AutoModel.from_config(shape, dtype=torch.float32), [f"random weights, seed {options.seed}"], True
        with quiet():
            body, info = AutoModel.from_pretrained(
                path, trust_remote_code=False, local_files_only=True, output_loading_info=True, use_safetensors=True,
                dtype=torch.float32,
            )  # fmt: skip
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=str(path), fix="Get its files again.", code="M01"
        ) from None
    return body, check_tensors(body, info, str(path)), False


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what transformers says of tensors it leaves out off the screen: what matters of it is said in a note."""
    log = logging.getLogger("transformers")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def check_tensors(body: Any, info: Mapping[str, Any], folder: str) -> list[str]:
    """Refuse a checkpoint with missing, mis-shaped or surplus tensors of the body; return notes on the rest.

    What stands above the body (a language model's own head) is left out; a pooler that is missing is none.
    """
    parts, prefix = dict(body.named_children()), f"{body.base_model_prefix}."
    bare = {key: str(key).removeprefix(prefix) for key in info["unexpected_keys"]}
    above = {key.split(".")[0] for key in bare.values()} - parts.keys()
    odd = {
        "missing": [key for key in info["missing_keys"] if not key.startswith("pooler.")],
        "mismatched": info["mismatched_keys"],
        "unexpected": [key for key in bare.values() if key.split(".")[0] in parts and not key.endswith("position_ids")],
    }
    for kind, keys in odd.items():
        if keys:
            names = ", ".join(sorted(map(str, keys))[:10])
            raise ModelError(f"{len(keys)} {kind} tensors: {visible(names)}", where=folder,
                             fix="The weights do not belong to this config.", code="M02")  # fmt: skip
    notes = [f"left out: {', '.join(sorted(above))}"] if above else []
    if any(key.startswith("pooler.") for key in info["missing_keys"]):
        body.pooler = None
        notes.append("no pooler in the weights")
    return notes


def positions(body: Any) -> int:
    """Return the longest input that the body has positions for; relative and rotary ones have no end."""
    table = getattr(getattr(body, "embeddings", None), "position_embeddings", None)
    if not isinstance(table, torch.nn.Embedding):
        return 2**31
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


# -- pooling -----------------------------------------------------------------------------------------------------------


def has_pooler(body: torch.nn.Module) -> bool:
    """Whether a body has a pooling layer of its own."""
    return getattr(body, "pooler", None) is not None


def pool(
    kind: str, body: Any, own_RH: torch.Tensor | None, hidden_RSH: torch.Tensor, mask_RS: torch.Tensor
) -> torch.Tensor:
    """Return one vector a row (R, H) of a body's output: what its own pooler makes of it, mean, max, or the special
    token.
    """
    if own_RH is not None:
        return own_RH
    there_RS1 = mask_RS[..., None].bool()
    if kind == "mean":
        return hidden_RSH.masked_fill(~there_RS1, 0.0).sum(1) / mask_RS.sum(1, keepdim=True)
    if kind == "max":
        return hidden_RSH.masked_fill(~there_RS1, torch.finfo(hidden_RSH.dtype).min).amax(1)
    if body.config.model_type in LAST:
        return hidden_RSH[torch.arange(len(hidden_RSH), device=hidden_RSH.device), mask_RS.sum(1) - 1]
    return hidden_RSH[:, 0]


# -- freezing ----------------------------------------------------------------------------------------------------------


_EMBEDDING = re.compile(r"((?:\w+\.)*?\w*embed\w*)\.")  # the outermost module of that name


def freeze(body: Any, what: str) -> list[torch.nn.Module]:
    """Keep parts of a body as they are and return them: ``body``, ``embeddings``, ``layers:N`` (the lowest N).

    ``what`` may name several, with commas. Raise ``UsageError`` for what the body has not.
    """
    frozen: list[torch.nn.Module] = []
    for part in filter(None, (part.strip() for part in what.split(","))):
        kind, _, number = part.partition(":")
        if part == "body":
            frozen.append(body)
        elif part == "embeddings":
            low = (_EMBEDDING.match(name) for name, depth in depths(body).items() if not depth)
            frozen += [body.get_submodule(name) for name in dict.fromkeys(match.group(1) for match in low if match)]
        elif kind == "layers" and re.fullmatch("[1-9][0-9]{0,3}", number):
            found = layers(body)
            if int(number) > len(found):
                has = f"it has {len(found)}" if found else "its layers share their weights"
                raise UsageError(f"{part} cannot be frozen: {has}", where="freeze")
            frozen += found[: int(number)]
        else:
            close = did_you_mean(kind, ["body", "embeddings", "layers"])
            raise UsageError(f'"{visible(part)}" cannot be frozen', where="freeze",
                             fix=f"Give body, embeddings or layers:N, or several with commas.{close}")  # fmt: skip
    for module in frozen:
        module.requires_grad_(False)
    return frozen


def layers(body: Any) -> list[torch.nn.Module]:
    """Return the layers of a body from below; none where they share their weights, as ALBERT's."""
    lists = (m for m in body.modules() if isinstance(m, torch.nn.ModuleList))
    return next((list(m) for m in lists if len(m) == body.config.num_hidden_layers), [])


def depths(body: Any) -> dict[str, int]:
    """Return how high each parameter stands: 0 below the L layers, 1 to L in them, L + 1 above."""
    found = layers(body)
    inside = {id(p): i for i, layer in enumerate(found, 1) for p in layer.parameters()}
    top = max(len(found), 1) + 1
    depths = {}
    for name, p in body.named_parameters():
        above = name.split(".")[0] in ("pooler", "final_norm")
        shared = not found and "embed" not in name
        depths[name] = inside.get(id(p), top if above else int(shared))
    return depths

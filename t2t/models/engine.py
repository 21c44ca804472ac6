"""Another engine for what an encoder-decoder writes: CTranslate2, where its package is installed.

Floor 4, below the text-to-text family. `Translator` converts the weights of a Hugging Face module when it is made and
is stale as soon as they change. Ids pass through as they are: the engine knows tokens by name only, so each id is
named by its number, which no two ids share and the tokenizer need not know.

>>> named([5, 0])
['5', '0']
"""

from __future__ import annotations

import copy
import importlib.util
import tempfile
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from t2t.errors import UsageError, visible
from t2t.models.precision import precision
from t2t.models.t5 import scale, supports

__all__ = ["Translator", "check", "installed", "named"]

PACKAGE = "ctranslate2"
FIX = "Use --engine own."
AT_ONCE = 1024  # tokens of inputs that are answered together; a whole batch of ours is slower


def installed() -> None:
    """Raise ``UsageError`` where the package is missing."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise UsageError(f"the package {PACKAGE} is not installed", where="engine", fix=f'pip install "t2t[{PACKAGE}]"')


def check(model: Any, name: str) -> None:
    """Raise ``UsageError`` where a model cannot be answered by the engine of that ``name``, or not in its precision."""
    if model.family != "seq2seq" or not supports(model.net):
        kind = getattr(getattr(model.net, "config", None), "model_type", model.family)
        raise UsageError(
            f"{name} answers T5, mT5 and UMT5 without an adapter on a CPU, not this model ({model.family}, {kind})",
            where="engine", fix=FIX,
        )  # fmt: skip
    installed()
    _type(model.options.precision)


def named(ids: Iterable[int]) -> list[str]:
    """Return the names of ids."""
    return [str(int(i)) for i in ids]


def _type(name: str) -> str:
    """Return the engine's name of a precision; ``auto`` is bf16 only where both the hardware and the engine have it."""
    from ctranslate2 import get_supported_compute_types

    wanted = precision(name, torch.device("cpu"))
    if wanted == "bf16" and "bfloat16" not in get_supported_compute_types("cpu"):
        if name == "bf16":
            raise UsageError(f"{PACKAGE} has no bf16 on this CPU", where="precision", fix="Take fp32 or int8.")
        return "float32"
    return {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}[wanted]


class Translator:
    """The weights of ``net`` as the engine computes with them; ids from ``names`` on are no token's."""

    def __init__(self, net: Any, kind: str, *, names: int, pad: int, end: int) -> None:
        import ctranslate2

        rows = net.get_input_embeddings().num_embeddings
        self.nameless = [[name] for name in named(range(names, rows))]
        with tempfile.TemporaryDirectory(prefix="t2t-") as folder:
            config = copy.deepcopy(net.config)
            config.dtype = torch.float32  # for want of one the converter asks by a name that is going away
            config.save_pretrained(f"{folder}/from")
            vocabulary = SimpleNamespace(
                get_vocab=lambda: {name: i for i, name in enumerate(named(range(rows)))}, pad_token=str(pad),
                eos_token=str(end), unk_token=str(pad), convert_ids_to_tokens=str,
            )  # fmt: skip
            try:
                _converter(net, vocabulary, f"{folder}/from").convert(f"{folder}/to")
            except (KeyError, ValueError) as error:  # an activation, or an architecture that an older one has not
                raise UsageError(f"{PACKAGE} cannot convert it: {visible(error)}", where="engine", fix=FIX) from None
            threads = torch.get_num_threads()
            self.engine = ctranslate2.Translator(
                f"{folder}/to", device="cpu", compute_type=_type(kind), inter_threads=1, intra_threads=threads
            )

    def write(self, sources: Sequence[Iterable[int]], *, end: int, limit: int, beams: int) -> list[list[int]]:
        """Return the ids of an answer to each input: up to ``end``, or ``limit`` of them."""
        found = self.engine.translate_batch(
            [named(ids) for ids in sources], beam_size=beams, length_penalty=1.0, max_decoding_length=limit,
            min_decoding_length=0, max_input_length=0, end_token=[end], return_end_token=True,
            suppress_sequences=self.nameless or None, max_batch_size=AT_ONCE, batch_type="tokens",
        )  # fmt: skip
        return [[int(name) for name in one.hypotheses[0]] for one in found]


def _converter(net: Any, vocabulary: Any, folder: str) -> Any:
    """Return a converter of a network in memory: neither weights nor vocabulary are read from ``folder``."""
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):  # type: ignore[misc]
        def load_model(self, *_: Any, **__: Any) -> Any:
            return net

        def load_tokenizer(self, *_: Any, **__: Any) -> Any:
            return vocabulary

        def _load(self) -> Any:
            # It scales where the config ties embeddings. Since transformers 5 that of every T5 says so, tied or not.
            spec = super()._load()
            spec.decoder.scale_outputs = scale(net.config)
            return spec

    return Converter(folder)

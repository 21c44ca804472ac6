"""Model families: the protocol they follow, the table of them, and loading from a name, a directory or a hub id.

Floor 4. A model is whatever answers text with text. A family is one file in this folder and one line in `FAMILIES`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from t2t.errors import ModelError, UsageError, did_you_mean, visible
from t2t.models import sums
from t2t.models.trusted import read_config
from t2t.paths import models_folder
from t2t.types import Batch, Example

if TYPE_CHECKING:
    import torch

    from t2t.examples import Examples
    from t2t.tokens import Tokens

__all__ = [
    "FAMILIES",
    "OWN",
    "PREFERRED",
    "ByStep",
    "Loss",
    "Model",
    "Options",
    "Place",
    "build",
    "bundled_models",
    "family_of",
    "find",
    "idle",
    "load",
]

# oneDNN keeps what it compiles for each shape of a bf16 product: megabytes, and its default is 1,024 of them. With
# numbers of rows that come again (docs/fast.md) so many are enough. Read at first use: set before torch computes.
for _capacity in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_capacity, "256")


class Loss(NamedTuple):
    """The summed loss of a batch in nats (a scalar tensor) and the number of target units it sums over."""

    nats: torch.Tensor
    units: int


class ByStep:
    """What families that learn by steps have in common; each says otherwise where it does otherwise."""

    fits = False
    family: str
    soft = False
    net: Any

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.net.parameters()).device

    def check(self, egs: Examples, trained: Sequence[Examples]) -> None:
        """Do nothing: every task is text in, text out."""

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Do nothing: every task is text in, text out."""

    def scales(self) -> Mapping[str, float]:
        """Return no factors: every parameter learns at the same rate."""
        return {}

    def thaw(self, step: int) -> None:
        """Do nothing: what learns at the first step learns at every step."""

    @property
    def unpadded(self) -> bool:
        """Whether a batch of unlike lengths costs it no padding: not where transformers lays it out."""
        return False

    @property
    def trunk(self) -> Any:
        """The Hugging Face module, which adapters go into (`t2t.models.adapters`)."""
        return self.net

    @property
    def recipe(self) -> str:
        """The name of the optimiser and rate that suit it (`t2t.optim.TUNING`): its family's."""
        return self.family

    def fit(self, sets: Mapping[str, Examples]) -> None:
        """Not to be called: it learns by steps."""
        raise NotImplementedError

    def answer_limit(self, eg: Example) -> int | None:
        """Return None: answers may be of any length."""
        return None

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Switch dropout and gradients off."""
        import torch

        was, _ = self.net.training, self.net.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            self.net.train(was)

    def held_out(self, sets: Mapping[str, Examples]) -> list[str]:
        """Return nothing: it is measured by its answers."""
        return []


class Model(Protocol):
    """What the loop, the evaluation and the reports know of a model.

    ``generates``: whether it writes free text; one that does not answers choices by ranking them. ``fits``: whether it
    learns by `fit` at once and not by steps. ``soft``: whether it learns a teacher's scores of choices. ``fresh``:
    whether its weights are random. ``net`` is what is optimised and kept in a checkpoint; ``module(tensors)`` is its
    summed loss. ``recipe`` names the optimiser and rate that suit it.
    """

    family: str
    generates: bool
    fits: bool
    soft: bool
    tokens: Tokens
    origin: str
    fresh: bool
    module: torch.nn.Module
    net: torch.nn.Module

    @property
    def recipe(self) -> str:
        """The name of what suits it in `t2t.optim.TUNING`."""

    @property
    def unpadded(self) -> bool:
        """Whether a batch of unlike lengths costs it no padding."""

    def check(self, egs: Examples, trained: Sequence[Examples]) -> None:
        """Raise ``UsageError`` for a set that it cannot answer, not even when it has learned from ``trained``."""

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Get ready for every set that will be trained on or scored; raise ``UsageError`` for what it cannot do."""

    def scales(self) -> Mapping[str, float]:
        """Return factors on the learning rate by the name of a parameter; one that is not named has 1."""

    def thaw(self, step: int) -> None:
        """Set which weights learn at a step (from 1): a function of the step alone, called before it."""

    def fit(self, sets: Mapping[str, Examples]) -> None:
        """Learn from all examples at once, where ``fits``."""

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return input and target tokens of each training example, as they will be trained on."""

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Return tensors for training, with the examples they came from."""

    def loss(self, batch: Batch) -> Loss:
        """Return the summed loss and the number of target units."""

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Return an answer as text to each example."""

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        """Return the log-likelihood of each choice of each example, in nats."""

    def answer_limit(self, eg: Example) -> int | None:
        """Return the most tokens an answer to ``eg`` may have; None where there is no such limit."""

    def held_out(self, sets: Mapping[str, Examples]) -> list[str]:
        """Return a line on each set of a task with an objective: how well its texts are predicted."""

    def save(self, folder: Path) -> None:
        """Write an ordinary Hugging Face directory."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a family needs to know when a model is loaded; every field is a configuration field of `train`.

    ``fresh`` leaves trained weights out: a shape with random ones. ``max_input`` and ``max_target`` are tokens;
    ``eval_tokens`` is the budget of a batch in evaluation. ``plain``
    leaves out what is hand-written for speed; ``beams`` is how many hypotheses an encoder-decoder writes, ``engine``
    what writes them; with a ``sample_temperature`` above 0 tokens are drawn, among the likeliest that reach ``top_p``.
    ``pooling``, ``head``, ``head_dropout``, ``freeze``, ``unfreeze_every`` and ``layer_decay`` are an
    encoder's, ``pair_loss`` a bi-encoder's, ``mlm_weight`` a cloze model's; ``rank_by`` an
    encoder-decoder's and a causal model's, ``chat`` a causal model's;
    ``vectors`` a baseline's; ``decoder_layers`` (how many of the decoder's are copied, from below; None: all) and
    ``share`` a warm-started one's. ``adapter``, ``adapter_rank`` and ``virtual_tokens`` say what is trained in place of
    all weights; ``soft_temperature`` and ``soft_weight`` how a teacher's scores are learned.
    """

    fresh: bool = False
    max_input: int = 512
    max_target: int = 128
    long_targets: str = "error"
    pack: bool = False
    precision: str = "auto"
    plain: bool = False
    beams: int = 1
    sample_temperature: float = 0.0
    top_p: float = 1.0
    engine: str = "own"
    dropout: float | None = None
    label_smoothing: float = 0.0
    eval_tokens: int = 8192
    seed: int = 42
    pooling: str = "auto"
    head: str = "linear"
    head_dropout: float | None = None
    freeze: str = ""
    unfreeze_every: int = 0
    layer_decay: float = 1.0
    rank_by: str = "sum"
    chat: str = "off"
    vectors: str | None = None
    pair_loss: str = "auto"
    mlm_weight: float = 0.0
    decoder_layers: int | None = None
    share: str = "off"
    adapter: str = "off"
    adapter_rank: int = 8
    virtual_tokens: int = 20
    soft_temperature: float = 2.0
    soft_weight: float = 1.0


_ENCODERS = ("encoder", "bi_encoder")
# Settings of some families alone (or of one recipe of theirs).
OWN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("pooling", "head_dropout", "freeze", "unfreeze_every", "layer_decay"), _ENCODERS),
    **dict.fromkeys(("rank_by", "label_smoothing"), ("seq2seq", "causal")),
    **dict.fromkeys(("share", "decoder_layers"), ("warm",)),
    "head": ("encoder",),
    "pair_loss": ("bi_encoder",),
    "mlm_weight": ("cloze",),
    "chat": ("causal",),
    "pack": ("seq2seq",),
    "vectors": ("baseline",),
}


class Place(NamedTuple):
    """Where a model is: its directory (empty for a baseline), its config and its family."""

    folder: str
    config: dict[str, Any]
    family: str


# The module of each family; its ``load(folder, config, options)`` returns a `Model`.
FAMILIES: dict[str, str] = {
    "seq2seq": "t2t.models.seq2seq",
    "encoder": "t2t.models.encoder",
    "cloze": "t2t.models.cloze",
    "causal": "t2t.models.causal",
    "bi_encoder": "t2t.models.bi_encoder",
    "pretraining": "t2t.models.pretraining",
    "baseline": "t2t.models.baseline",
}

# What a family saves beside a model, by which it is known again.
MARKS = {"t2t_pairs.json": "bi_encoder", "t2t_cloze.json": "cloze", "t2t_heads.json": "encoder"}
WARM = "encoder-decoder"  # the model type of an encoder-decoder that was put together (t2t.models.warm)
ADAPTER = "adapter_config.json"  # in a directory of peft's
VIRTUAL = "virtual_tokens.safetensors"  # beside a model whose inputs begin with virtual tokens (t2t.models.adapters)

# The prompts that a family takes where none is asked for, in order; else each task's first.
PREFERRED: dict[str, tuple[str, ...]] = {
    "encoder": ("plain",),
    "cloze": ("pet-1", "pet-2", "pet-3", "pet-4", "pet-5", "pet-6"),
    "causal": ("gpt",),
    "bi_encoder": ("plain",),
    "baseline": ("plain",),
}


def bundled_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in models_folder().glob("*/config.json"))


def load(name: str = "t2t-mini", *, family: str | None = None, options: Options | None = None) -> Model:
    """Load a model: a bundled name, a local Hugging Face directory, a t2t run folder, a hub id, ``baseline:NAME``, or
    ``warm:ENCODER[+DECODER]`` (an encoder-decoder begun from such models).

    The family is read from the model's config unless given. Raise ``ModelError`` if the files are not usable (code in
    the directory, pickled weights, missing tensors), ``UsageError`` for an unknown family, ``HubError`` if a hub id
    cannot be fetched.
    """
    return build(find(name, family), options or Options())


def build(place: Place, options: Options) -> Model:
    """Load the model that `find` found. Raise ``UsageError`` for ways of writing that it does not have."""
    if options.beams > 1 and place.family != "seq2seq":
        raise UsageError(f"{place.family} models do not search with beams", where="beams", fix="Leave --beams out.")
    if options.sample_temperature:
        if place.family not in ("seq2seq", "causal"):
            raise UsageError(f"{place.family} models write no text whose tokens could be drawn",
                             where="sample_temperature", fix="Leave --sample-temperature out.")  # fmt: skip
        if options.beams > 1 or options.engine != "own":
            raise UsageError("tokens are drawn neither in beams nor by another engine", where="sample_temperature",
                             fix="Leave --beams and --engine out.")  # fmt: skip
    elif options.top_p < 1:
        raise UsageError("top_p is of tokens that are drawn", where="top_p", fix="Give --sample-temperature 1, too.")
    warm = place.family == "seq2seq" and place.config.get("model_type") == WARM
    module = "t2t.models.warm" if warm else FAMILIES[place.family]
    model: Model = importlib.import_module(module).load(place.folder, place.config, options)
    stored = "adapter" in place.config or bool(place.folder) and (Path(place.folder) / VIRTUAL).is_file()
    if stored and not options.fresh or options.adapter != "off":
        importlib.import_module("t2t.models.adapters").attach(model, options, place)
    if not options.plain and not model.fits and model.net is not None:  # what pretraining makes later, it quickens
        importlib.import_module("t2t.models.cpu.swap").quicken(model.net)
    if options.engine != "own":
        importlib.import_module("t2t.models.engine").check(model, options.engine)
    return model


def idle(model: Model, options: Any) -> list[str]:
    """Return a note on settings asked for that change nothing in a model of this family."""
    usual, own = Options(), {model.family, model.recipe}
    names = [name for name, families in OWN.items()
             if own.isdisjoint(families) and getattr(options, name) != getattr(usual, name)]  # fmt: skip
    return [f"settings that change nothing in a model of the family {model.family}: {', '.join(names)}"] * bool(names)


def find(name: str, family: str | None = None) -> Place:
    """Return where a model is and of which family, without loading it. Raise as `load` does."""
    if name.startswith("baseline:"):
        return Place("", {"baseline": name.partition(":")[2]}, "baseline")
    if name.startswith("warm:"):
        return _warm(name.partition(":")[2], family)
    file = Path(name)
    gguf = file.suffix == ".gguf" and file.is_file()
    folder = file.parent if gguf else _folder(name)
    config: dict[str, Any] = {"gguf": file.name} if gguf else {}
    if not gguf and (folder / ADAPTER).is_file() and not (folder / "config.json").is_file():
        config, folder = {"adapter": str(folder)}, _base(folder / ADAPTER)
    config = config if gguf else {**read_config(folder), **config}
    wanted = family or family_of(config, folder)
    if wanted not in FAMILIES:
        raise UsageError(
            f'there is no family "{visible(wanted)}"',
            fix=f"Families: {', '.join(FAMILIES)}.{did_you_mean(wanted, FAMILIES)}",
        )
    return Place(str(folder), config, wanted)


def _base(path: Path) -> Path:
    """Return where the model is that a directory of peft's adapts."""
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"not readable: {visible(error)}", where=str(path), code="M01") from None
    if not isinstance(name, str) or not name:
        raise ModelError("it names no base model", where=str(path), fix="Set base_model_name_or_path.", code="M01")
    return _folder(name)


def _warm(name: str, family: str | None) -> Place:
    """Return where the checkpoints of ``ENCODER[+DECODER]`` are: ``config["from"]`` has them, ``folder`` the first."""
    parts = [name] if Path(name).exists() else name.split("+")
    if family not in (None, "seq2seq") or not all(parts) or len(parts) > 2:
        raise UsageError(f'"warm:{visible(name)}" names no text-to-text model', fix="Give warm:ENCODER[+DECODER].")
    folders = [_folder(part) for part in parts]
    for folder in folders:
        read_config(folder)
    return Place(str(folders[0]), {"model_type": WARM, "from": [str(folder) for folder in folders]}, "seq2seq")


def family_of(config: dict[str, Any], where: object = "") -> str:
    """Return the family a config belongs to: by what it says of itself, then by what its architecture is known for."""
    if config.get("is_encoder_decoder"):
        return "seq2seq"
    if "baseline" in config:
        return "baseline"
    marked = (family for file, family in MARKS.items() if where and (Path(str(where)) / file).is_file())
    if known_by := next(marked, None):
        return known_by
    if config.get("model_type") == "xlnet":  # its own language model goes by the name of a causal one
        return "encoder"
    built_for = [str(name) for name in config.get("architectures") or ()]
    if "gguf" in config or any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in built_for):
        return "causal"
    from transformers.models.auto import modeling_auto as known

    kind = config.get("model_type")
    if kind in known.MODEL_FOR_MASKED_LM_MAPPING_NAMES or any(
        "TokenClassif" in n or "Sequence" in n for n in built_for
    ):
        return "encoder"
    if kind in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return "causal"
    if kind in known.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        return "encoder"
    raise ModelError(
        f'models of type "{visible(config.get("model_type"))}" are of no family yet known',
        where=str(where),
        fix=f"Families: {', '.join(FAMILIES)}.",
    )


def _folder(name: str) -> Path:
    """Return the directory of a model, its weights compared with their sums where it has some."""
    folder = _found(name)
    sums.check(folder)
    return folder


def _found(name: str) -> Path:
    """Return the directory of a model: bundled, local, a run's best model, or fetched from the hub into its cache."""
    if name in bundled_models():
        return models_folder() / name
    path = Path(name)
    if (path / "model" / "config.json").is_file():
        return path / "model"
    if path.is_dir():
        return path
    if path.exists() or name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise ModelError("there is no such model directory", where=name, fix="Give a directory with a config.json.")
    if "/" not in name:
        raise ModelError(
            f'there is no model "{visible(name)}"',
            fix=f"Bundled: {', '.join(bundled_models())}; else a directory or a hub id OWNER/NAME."
            f"{did_you_mean(name, bundled_models())}",
        )
    from t2t.hub import fetch_model

    return fetch_model(name)

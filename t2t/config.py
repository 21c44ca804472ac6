"""The configuration of a training run: every field of it, checked, and nothing hidden.

Floor 2. The same names serve the command line (``--batch-tokens``), ``--set``, a YAML file and ``run.yaml``.

>>> Config(mix="glue", steps=10).batch_tokens
4096
>>> Config(mix="glue", steps=10, batch_tokens=0)
Traceback (most recent call last):
...
t2t.errors.UsageError: batch_tokens: expected at least 1, got 0
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import Any

from t2t import strict_yaml
from t2t.errors import UsageError, did_you_mean, visible
from t2t.mixtures import POLICIES
from t2t.objectives import OBJECTIVES

__all__ = ["CHANGEABLE", "TRACKERS", "Config", "from_mapping", "parse_setting"]

# What may differ between a run and its resumption: nothing that decides what is learned.
CHANGEABLE = (
    "steps",
    "epochs",
    "minutes",
    "log_every",
    "eval_every",
    "save_every",
    "keep",
    "eval_limit",
    "by",
    "beams",
    "sample_temperature",
    "top_p",
    "split",
)
TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")  # the packages' names, and Accelerate's


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides a run. Lengths are tokens with the end token, rates are per step, times are minutes.

    What is ``auto`` or None of the optimiser is settled when the model is known (`t2t.optim.settle`); run.yaml has
    what it was settled to.
    """

    # What is learned
    mix: str | None = None
    task: tuple[str, ...] = ()
    prompt: str | None = None
    shots: int = 0
    shots_by: str = "random"
    source: str = "auto"
    rates: str | None = None
    cap: int | None = None
    temperature: float | None = None
    train_limit: int | None = None
    # What is pretrained on
    corpus: tuple[str, ...] = ()
    column: str = "text"
    objective: str = "span_corruption"
    noise_density: float | None = None
    mean_span: float | None = None
    validation: str | None = None
    # The model
    model: str = "t2t-mini"
    fresh: bool = False
    family: str | None = None
    max_input: int = 512
    max_target: int = 128
    long_targets: str = "error"
    dropout: float | None = None
    precision: str = "auto"
    plain: bool = False
    pack: bool = False
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
    # A teacher
    teacher: str | None = None
    soft_temperature: float = 2.0
    soft_weight: float = 1.0
    # How long
    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    # The step
    batch_tokens: int = 4096
    accumulate: int = 1
    window: int = 4096
    optimizer: str = "auto"
    learning_rate: float | None = None
    schedule: str = "auto"
    warmup_steps: int | None = None
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    # Evaluation and saving
    split: str = "validation"
    by: str = "write"
    beams: int = 1
    sample_temperature: float = 0.0  # 0: the likeliest token
    top_p: float = 1.0
    engine: str = "own"
    eval_every: int = 0
    eval_limit: int | None = None
    eval_tokens: int = 8192
    best_metric: str = "average"
    patience: int = 0
    save_every: int = 0
    keep: int = 2
    log_every: int = 10
    track: tuple[str, ...] = ()
    out: str | None = None
    seed: int = 42

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name))
        for name, low in _LOWEST.items():
            value = getattr(self, name)
            if value is not None and not value >= low:
                raise UsageError(f"{name}: expected at least {low}, got {value}", code="C01")
        for name, high in _HIGHEST.items():
            value = getattr(self, name)
            if value is not None and not value <= high:
                raise UsageError(f"{name}: expected at most {high}, got {value}", code="C01")
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                given = visible(getattr(self, name))
                hint = _FP16 if name == "precision" and given == "fp16" else did_you_mean(given, filter(None, allowed))
                raise UsageError(
                    f'{name}: expected {" | ".join(str(a) for a in allowed if a)}, got "{given}"', fix=hint.strip(),
                    code="M06" if hint == _FP16 else "C01",
                )  # fmt: skip
        for name in self.track:
            if name not in TRACKERS:
                raise UsageError(f'track: expected {", ".join(TRACKERS)}, got "{visible(name)}"',
                                 fix=did_you_mean(name, TRACKERS).strip(), code="C01")  # fmt: skip
        if not self.warmup_steps and self.schedule == "inverse_sqrt":
            raise UsageError("schedule inverse_sqrt needs warmup_steps: it is flat until then", code="C01")

    def check_trainable(self) -> Config:
        """Return self if it says what to train on and for how long, and what follows it is there.

        Else raise ``UsageError``.
        """
        if (self.mix and self.task) or not (self.mix or self.task or self.corpus):
            raise UsageError("say what to train on: --mix NAME or --task NAME[,NAME]", fix="See `t2t ls mixes`.")
        if sum(length is not None for length in (self.steps, self.epochs, self.minutes)) != 1:
            raise UsageError("say how long to train: one of --steps, --epochs, --minutes")
        if self.precision == "int8":
            raise UsageError("int8 is for answering, not for training", where="precision", fix="Train in bf16 or fp32.")
        if self.engine != "own":
            raise UsageError(f"{self.engine} is for answering, not for training", where="engine",
                             fix="Give --engine to eval and predict.")  # fmt: skip
        if self.patience and not self.eval_every:
            raise UsageError("patience counts evaluations, and there are none on the way", where="patience",
                             fix="Give --eval-every.", code="C01")  # fmt: skip
        for name in self.track:
            if find_spec(name) is None:
                raise UsageError(f"{name} is not installed", where="track", fix=f"pip install {name}", code="C01")
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return every field, tuples as lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}


_FP16 = "T5 shapes overflow in fp16 (activations pass 65,504; they were trained in bf16). Use bf16 or fp32."
_ALLOWED: dict[str, tuple[str | None, ...]] = {
    "precision": ("auto", "fp32", "bf16", "int8"),
    "long_targets": ("error", "cut"),
    "by": ("write", "rank", "both", "constrained", "all"),
    "engine": ("own", "ctranslate2"),
    "rates": (None, *POLICIES[:3]),
    "shots_by": ("random", "balanced", "nearest"),
    "pooling": ("auto", "cls", "pooler", "mean", "max"),
    "head": ("linear", "crf"),
    "rank_by": ("sum", "tokens", "bytes", "pmi"),
    "chat": ("off", "on"),
    "pair_loss": ("auto", "softmax", "cosine", "ranking"),
    "share": ("off", "embeddings", "all"),
    "adapter": ("off", "lora", "ia3", "prompt"),
    "objective": tuple(OBJECTIVES),
}
_LOWEST: dict[str, float] = {
    "batch_tokens": 1, "accumulate": 1, "window": 1, "steps": 1, "epochs": 1e-9, "minutes": 1e-9, "max_input": 2,
    "max_target": 2, "learning_rate": 0, "warmup_steps": 0, "weight_decay": 0, "clip_norm": 0, "label_smoothing": 0,
    "eval_every": 0, "save_every": 0, "keep": 1, "log_every": 1, "patience": 0, "seed": 0, "cap": 1,
    "temperature": 1e-9, "shots": 0, "train_limit": 1, "eval_limit": 1, "eval_tokens": 1, "dropout": 0,
    "head_dropout": 0, "layer_decay": 0, "unfreeze_every": 0, "mlm_weight": 0, "decoder_layers": 1, "adapter_rank": 1,
    "virtual_tokens": 1, "beams": 1, "sample_temperature": 0, "top_p": 1e-9, "mean_span": 1, "noise_density": 1e-9,
    "soft_temperature": 1e-9, "soft_weight": 0,
}  # fmt: skip
_HIGHEST: dict[str, float] = {
    "dropout": 0.99,
    "noise_density": 0.99,
    "label_smoothing": 0.99,
    "head_dropout": 0.99,
    "layer_decay": 1,
    "mlm_weight": 1,
    "top_p": 1,
    "soft_weight": 1,
    "seed": 2**32 - 1,
}
_HINTS = typing.get_type_hints(Config)


def _check_type(name: str, value: Any) -> None:
    """Raise ``UsageError`` if ``value`` is not of the field's type; an int serves as a float."""
    hint = _HINTS[name]
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = tuple(typing.get_origin(option) or option for option in options)
    number = float in kinds and isinstance(value, int) and not isinstance(value, bool)
    finite = not isinstance(value, float) or value - value == 0
    good = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
    if isinstance(value, tuple):
        good = good and all(isinstance(item, str) and item for item in value)
    if not ((good or number) and finite):
        wanted = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
        raise UsageError(f"{name}: expected {wanted}, got {visible(value)!r}", code="C01")


def parse_setting(text: str) -> tuple[str, Any]:
    """Parse ``key=value`` of ``--set``; the value is read as YAML, a comma-separated one as a list where needed.

    >>> parse_setting("batch_tokens=512")
    ('batch_tokens', 512)
    """
    key, equals, raw = text.partition("=")
    key = key.strip().replace("-", "_")
    if not equals:
        raise UsageError(f'--set expects key=value, got "{visible(text)}"', code="C01")
    try:
        value = strict_yaml.read_text(raw, "").data
    except UsageError:
        raise UsageError(f'--set {visible(key)}: "{visible(raw)}" is not a value', code="C01") from None
    if _HINTS.get(key) in (str, str | None) and not (isinstance(value, str) or value is None):
        value = raw.strip()  # a folder may be called 2024-05-01
    return key, _read(key, value)


def _read(key: str, value: Any) -> Any:
    """Return ``value`` as the field wants it: a list as a tuple, ``a,b`` as one, and 1e-3 as a number.

    YAML 1.1 takes 1e-3 for a text, for want of a point.
    """
    if key in ("task", "corpus", "track") and isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    if key in ("task", "corpus", "track") and isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and _HINTS.get(key) in (float, float | None):
        try:
            return float(value)
        except ValueError:
            raise UsageError(f"{key}: expected a number, got {visible(value)!r}", code="C01") from None
    return value


def from_mapping(settings: Any, where: str = "", place: Callable[[str], str] | None = None) -> Config:
    """Return a configuration from names and values. Raise ``UsageError`` for an unknown name, with the closest one.

    ``where`` is the file they stand in; ``place(name)`` says where in it.
    """
    if not isinstance(settings, Mapping):
        raise UsageError(f"expected settings by name, got {visible(settings)}", where=where, code="C01")
    known = [field.name for field in fields(Config)]
    given = {str(raw).replace("-", "_"): str(raw) for raw in settings}
    for key, raw in given.items():
        if key not in known:
            raise UsageError(
                f'unknown setting "{visible(raw)}"',
                where=place(raw) if place else where,
                fix=did_you_mean(key, known).strip(),
                code="C01",
            )
    try:
        return Config(**{key: _read(key, settings[raw]) for key, raw in given.items()})
    except UsageError as error:
        raw = given.get(error.message.partition(":")[0], "")
        spot = place(raw) if place and raw else where
        raise UsageError(error.message, where=spot or error.where, fix=error.fix, code=error.code) from None

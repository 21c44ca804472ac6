"""Optimisers and learning-rate schedules.

Floor 3. AdamW, Muon and Adafactor are PyTorch's and transformers'; what scales the updates of the first two by the size
of the weights is small and our own. A schedule is a pure function of the step and the progress of the run, so it has
no state to save.

>>> rate("linear", step=5, progress=0.5, warmup=0)
0.5
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from t2t.config import Config
from t2t.errors import UsageError, did_you_mean

__all__ = ["OPTIMIZERS", "RECIPES", "SCHEDULES", "RmsAdamW", "RmsMuon", "optimizer", "rate", "settle"]

SCHEDULES: dict[str, Callable[[int, float, int], float]] = {
    "constant": lambda step, progress, warmup: 1.0,
    "linear": lambda step, progress, warmup: 1.0 - progress,
    "cosine": lambda step, progress, warmup: 0.5 * (1.0 + math.cos(math.pi * progress)),
    # Raffel et al. 2020, section 3.1.2, written relative to its flat start: 1 until the warm-up ends.
    "inverse_sqrt": lambda step, progress, warmup: math.sqrt(max(warmup, 1) / max(step, warmup, 1)),
}


def rate(schedule: str, *, step: int, progress: float, warmup: int) -> float:
    """Return the factor on the learning rate at ``step`` (from 1), with a linear warm-up over ``warmup`` steps.

    ``inverse_sqrt`` is flat over them instead, as in the paper.
    ``progress`` in [0, 1] is the share of the run that is done.
    """
    if schedule not in SCHEDULES:
        raise UsageError(
            f'there is no schedule "{schedule}"',
            fix=f"Schedules: {', '.join(SCHEDULES)}.{did_you_mean(schedule, SCHEDULES)}",
        )
    ramp = min(1.0, step / warmup) if warmup and schedule != "inverse_sqrt" else 1.0
    return ramp * SCHEDULES[schedule](step, min(progress, 1.0), warmup)


@contextmanager
def _sized(groups: list[dict[str, Any]]) -> Iterator[None]:
    """Multiply each group's rate by max(1e-3, root mean square of its one tensor) for the time of a step."""
    base = [group["lr"] for group in groups]
    for group in groups:
        (weight,) = group["params"]
        group["lr"] = group["lr"] * max(1e-3, float(weight.float().square().mean().sqrt()))
    yield
    for group, lr in zip(groups, base, strict=True):
        group["lr"] = lr


class RmsAdamW(torch.optim.AdamW):
    """AdamW whose step on each tensor is scaled by max(1e-3, root mean square of the tensor), as Adafactor's is.

    What made AdamW work for T5 from scratch (Nawrot 2023, nanoT5, section 3). ``lr`` is relative: try 1e-2 to 2e-2.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step, with one parameter group a tensor so that each has its own rate."""
        with _sized(self.param_groups):
            return super().step(closure)


class RmsMuon(torch.optim.Optimizer):
    """Muon for matrices and :class:`RmsAdamW` for the rest, every step scaled by the size of the weights.

    Muon's step on a matrix is its momentum made orthogonal (Jordan et al. 2024); as large as AdamW's where it is
    multiplied by 0.2 sqrt(longer side) (Liu et al. 2025, Muon is scalable, equation 4), so that ``lr`` means the same
    for both. ``groups`` with ``muon`` true hold the matrices. Both parts share this optimiser's groups and state.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float) -> None:
        self.parts: list[torch.optim.Optimizer] = []
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0})
        if matrices := [group for group in self.param_groups if group["muon"]]:
            self.parts.append(torch.optim.Muon(matrices, lr=lr, adjust_lr_fn="match_rms_adamw"))
        if others := [group for group in self.param_groups if not group["muon"]]:
            self.parts.append(torch.optim.AdamW(others, lr=lr, fused=True))
        self._share()

    def _share(self) -> None:
        """Let the parts work on the groups and the state of the whole."""
        for part in self.parts:
            own = isinstance(part, torch.optim.Muon)
            part.param_groups = [group for group in self.param_groups if group["muon"] == own]
            part.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of the whole."""
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step, with one parameter group a tensor so that each has its own rate."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        with _sized(self.param_groups):
            for part in self.parts:
                part.step()
        return loss


Named = list[tuple[str, torch.nn.Parameter]]
# Parts of the names of matrices with a vector for each token, position, distance or label.
TABLES = ("shared", "embed", "relative_attention_bias", "head", "classifier", "wte", "wpe")


def _adamw(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, fused=True)


def _rms_adamw(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    each = [{**group, "params": [named]} for group in groups for named in group["params"]]
    return RmsAdamW(each, lr=lr, fused=True)


def _muon(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    """Return Muon over the matrices of the layers; tables and output layers, a vector a row, are AdamW's."""
    each = [
        {**group, "params": [(name, p)], "muon": p.ndim == 2 and not any(table in name for table in TABLES)}
        for group in groups for name, p in group["params"]
    ]  # fmt: skip
    return RmsMuon(each, lr=lr)


def _adafactor(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    """Return Adafactor with T5's settings for a given rate (Shazeer and Stern 2018): updates scaled by the weights."""
    from transformers import Adafactor

    return Adafactor(groups, lr=lr, scale_parameter=True, relative_step=False, warmup_init=False)


def _groups(named: Named, decay: float, scales: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the parameters in groups of one decay and one factor on the rate (``scale``, which the loop applies).

    Biases and norms (tensors of one dimension) are not decayed.
    """
    groups: dict[tuple[float, float], Named] = {}
    for name, p in named:
        groups.setdefault((decay if p.ndim > 1 else 0.0, scales.get(name, 1.0)), []).append((name, p))
    return [{"params": ps, "weight_decay": own, "scale": scale} for (own, scale), ps in groups.items()]


# Learning rate, schedule and warm-up steps that go with an optimiser where the user gives none.
RECIPES: dict[str, tuple[float, str, int]] = {
    "adafactor": (1e-3, "constant", 0),  # T5's fine-tuning: Raffel et al. 2020, section 3.1.2
    "adamw": (3e-4, "linear", 100),
    "rms_adamw": (1e-2, "cosine", 50),  # training from scratch: Nawrot 2023, section 3
    "muon": (2e-2, "cosine", 50),  # measured: docs/pretraining.md
}


# Optimiser and learning rate of a family whose weights are trained already; text-to-text takes T5's.
TUNING: dict[str, tuple[str, float]] = {
    "encoder": ("adamw", 5e-5),  # Devlin et al. 2019, section A.3
    "causal": ("adamw", 5e-5),
    "bi_encoder": ("adamw", 2e-5),  # Reimers and Gurevych 2019, section 3.1
    "cloze": ("adamw", 1e-5),  # Schick and Schütze 2021, Exploiting Cloze Questions, appendix B
    "pretraining": ("adamw", 1e-4),  # Devlin et al. 2019, section A.2
    "warm": ("adamw", 1e-4),  # between BERT's rate and what its new cross-attention wants (docs/warm.md)
    "small": ("rms_adamw", 1e-2),  # T5's moves the weights of t2t-mini too slowly (docs/training.md)
}
# The same of a family that has its own way of training from scratch; text-to-text takes nanoT5's.
FROM_SCRATCH: dict[str, tuple[str, float]] = {
    "pretraining": ("adamw", 5e-4),  # ELECTRA-Small: Clark et al. 2020, appendix A
}
# What suits an adapter's weights, which are new: about ten times the rate of all weights.
ADAPTED: dict[str, tuple[str, float]] = {
    "lora": ("adamw", 5e-4),  # Hu et al. 2022, table 9
    "ia3": ("adamw", 3e-3),  # Liu et al. 2022, section 3.3 (there with Adafactor)
    "prompt": ("adamw", 3e-2),  # peft's examples; Lester et al. 2021 take 0.3 with Adafactor
}
HEADS_ALONE = 1e-3  # the rate where an encoder's body is frozen


def settle(config: Config, *, fresh: bool, family: str = "seq2seq", steps: int | None = None) -> Config:
    """Return ``config`` with optimiser, rate, schedule and warm-up settled: ``fresh`` weights are trained from scratch.

    A warm-up that is not given takes at most a tenth of the ``steps``, where it is known how many there will be.
    """
    name = config.optimizer
    own = ADAPTED if config.adapter in ADAPTED else FROM_SCRATCH if fresh else TUNING
    usual = own.get(config.adapter if own is ADAPTED else family, ("rms_adamw" if fresh else "adafactor", 0.0))
    name = usual[0] if name == "auto" else name
    lr, schedule, warmup = RECIPES[_known(name)]
    if usual[1] and name == usual[0]:
        alone = own is not ADAPTED and "body" in config.freeze.split(",")
        lr = HEADS_ALONE if alone else usual[1]
    return replace(
        config,
        optimizer=name,
        learning_rate=lr if config.learning_rate is None else config.learning_rate,
        schedule=schedule if config.schedule == "auto" else config.schedule,
        warmup_steps=min(warmup, (10 * warmup if steps is None else steps) // 10)
        if config.warmup_steps is None
        else config.warmup_steps,
    )


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], float], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "rms_adamw": _rms_adamw,
    "muon": _muon,
    "adafactor": _adafactor,
}


def optimizer(
    name: str,
    named: Iterable[tuple[str, torch.nn.Parameter]],
    *,
    lr: float,
    decay: float,
    scales: Mapping[str, float] | None = None,
) -> torch.optim.Optimizer:
    """Return the optimiser called ``name`` over the parameters that are trained; ``scales`` are factors on the rate."""
    trained = [(n, p) for n, p in named if p.requires_grad]
    return OPTIMIZERS[_known(name)](_groups(trained, decay, scales or {}), lr)


def _known(name: str) -> str:
    """Return ``name`` if there is such an optimiser, else raise ``UsageError`` with the closest one."""
    if name not in OPTIMIZERS:
        raise UsageError(
            f'there is no optimizer "{name}"',
            fix=f"Optimizers: {', '.join(OPTIMIZERS)}.{did_you_mean(name, OPTIMIZERS)}",
        )
    return name

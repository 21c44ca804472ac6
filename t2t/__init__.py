"""t2t: a text-to-text multitask trainer.

Every task is text in, text out; one loop trains them alone or mixed, and one report says what each costs and scores.
Importing this package imports no torch: the names that need it are loaded when first used.

>>> import t2t
>>> t2t.task("glue/rte").prompt.input
'rte sentence1: {sentence1} sentence2: {sentence2}'
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from t2t.errors import T2TError
from t2t.tasks import task, tasks
from t2t.types import Example, Mixture, Prediction, Report
from t2t.version import VERSION as __version__

if TYPE_CHECKING:
    from t2t.compare import compare
    from t2t.models import load
    from t2t.predict import evaluate, predict
    from t2t.train import train

__all__ = [
    "Example",
    "Mixture",
    "Prediction",
    "Report",
    "T2TError",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "predict",
    "task",
    "tasks",
    "train",
]

_LATER = {
    "compare": "t2t.compare",
    "evaluate": "t2t.predict",
    "load": "t2t.models",
    "predict": "t2t.predict",
    "train": "t2t.train",
}


def __getattr__(name: str) -> Any:
    """Import a name that needs torch when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 't2t' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


class _Package(ModuleType):
    """The package itself: importing the file ``t2t/train.py`` must not hide the function ``t2t.train``."""

    def __setattr__(self, name: str, value: Any) -> None:
        hides = name in _LATER and isinstance(value, ModuleType)
        super().__setattr__(name, getattr(value, name) if hides else value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)

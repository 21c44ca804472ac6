"""Mixes of tasks: rates, and the stream of examples drawn by them.

Floor 2. `rates` turns a mix and the number of examples of each task into rates (Raffel et al. 2020, section 3.5.2);
`Stream` draws by them. The stream is cut into windows: window w is a pure function of the seed, the rates and the
cursors (how many examples each task had given before it), so resuming needs no replay.

>>> rates(("a", "b"), {"a": 100, "b": 900}, policy="proportional", cap=300)
{'a': 100.0, 'b': 300.0}
>>> stream = Stream({"a": 3, "b": 9}, {"a": 1.0, "b": 1.0}, seed=0)
>>> first = stream.window(0, (0, 0), size=4)
>>> len(first.tasks), sum(first.cursors)
(4, 4)
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from t2t import strict_yaml
from t2t.errors import UsageError, did_you_mean, visible
from t2t.names import check_name
from t2t.paths import task_folders
from t2t.strict_yaml import Document
from t2t.tasks import task
from t2t.types import Mixture

__all__ = ["POLICIES", "Mix", "Stream", "Window", "mix", "mixes", "mixture", "rates"]

POLICIES = ("proportional", "temperature", "equal", "explicit")
_KEYS = ("title", "rates", "cap", "temperature", "tasks", "evaluate", "unscored", "together", "source")


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix as it is defined: before anything is counted.

    ``entries`` are tasks or other mixes, with explicit rates where the policy is ``explicit``; ``evaluate`` are tasks
    that are only scored, ``unscored`` tasks that are only trained on; ``together`` lists groups of tasks that count as
    one in the average. ``without`` are tasks to leave out of it, and of the mixes in it.
    """

    name: str
    title: str
    policy: str
    entries: Mapping[str, float]
    evaluate: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    cap: int | None = None
    temperature: float = 1.0
    together: tuple[tuple[str, ...], ...] = ()
    source: str = ""
    file: str = ""
    without: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task that is trained on, nested mixes flattened, in order."""
        names = [name if _is_task(name) else mix(name).tasks for name in self.entries]
        flat = dict.fromkeys(n for item in names for n in ((item,) if isinstance(item, str) else item))
        return tuple(name for name in flat if name not in self.without)

    @property
    def scored(self) -> tuple[str, ...]:
        """Every task that is scored: those trained on, then those only evaluated, of nested mixes as well."""
        nested = [mix(entry) for entry in self.entries if not _is_task(entry)]
        names = [*self.tasks, *self.evaluate, *(name for inner in nested for name in inner.scored)]
        never = {*self.without, *self.unscored, *(name for inner in nested for name in inner.trained_only)}
        return tuple(name for name in dict.fromkeys(names) if name not in never)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Groups of tasks that count as one in the average, those of nested mixes as well."""
        nested = [group for entry in self.entries if not _is_task(entry) for group in mix(entry).groups]
        return tuple(dict.fromkeys([*self.together, *nested]))

    @property
    def trained_only(self) -> tuple[str, ...]:
        """Every task that is trained on and not scored."""
        return tuple(name for name in self.tasks if name not in self.scored)


def _is_task(name: str) -> bool:
    """Whether ``name`` is a task's (or a task file's), not a mix's."""
    return "/" in name or name.endswith(".yaml")


@functools.cache
def _mixes() -> Mapping[str, Mix]:
    """Read every mix; a user's own ``mixes.yaml`` (in a folder of ``T2T_TASKS``) comes before the bundled one."""
    found: dict[str, Mix] = {}
    for folder in task_folders():
        if (folder / "mixes.yaml").is_file():
            for name, one in _read(folder / "mixes.yaml").items():
                found.setdefault(name, one)
    for name in found:
        _check_nesting(found, (name,))
    return found


def _check_nesting(found: Mapping[str, Mix], path: tuple[str, ...]) -> None:
    """Raise ``UsageError`` if the last mix of ``path`` contains one of ``path``, or a mix that there is not."""
    for name in (entry for entry in found[path[-1]].entries if not _is_task(entry)):
        where = found[path[-1]].file
        if name not in found:
            raise UsageError(f'the mix "{path[-1]}" names "{visible(name)}", which is no mix', where=where,
                             fix=f"Tasks are named SET/NAME.{did_you_mean(name, found)}", code="C01")  # fmt: skip
        if name in path:
            raise UsageError(f"a mix contains itself: {' > '.join((*path, name))}", where=where, code="C01")
        _check_nesting(found, (*path, name))


def _read(path: Path) -> dict[str, Mix]:
    """Read and check one file of mixes."""
    doc = strict_yaml.read(path)
    if not isinstance(doc.data, dict):
        raise UsageError("expected mixes by name", where=doc.file, code="C01")
    return {str(name): _mix(doc, str(name), given) for name, given in doc.data.items()}


def _mix(doc: Document, name: str, given: Any) -> Mix:
    """Check one mix."""
    raw = doc.check_keys((name,), given, _KEYS)
    where = doc.where(name)
    check_name(name, what="mix", where=where)
    listed = raw.get("tasks")
    if not isinstance(listed, (list, dict)) or not listed:
        raise UsageError("a mix needs tasks: a list, or a mapping to rates", where=where, code="C01")
    policy = raw.get("rates", "explicit" if isinstance(listed, dict) else "proportional")
    if policy not in POLICIES:
        raise UsageError(
            f'"{visible(policy)}" is not a policy',
            where=doc.where(name, "rates"),
            fix=f"One of {', '.join(POLICIES)}.{did_you_mean(str(policy), POLICIES)}",
            code="C01",
        )
    if (policy == "explicit") != isinstance(listed, dict):
        raise UsageError("explicit rates, and only they, are a mapping of tasks to numbers", where=where, code="C01")
    together = raw.get("together") or []
    if not isinstance(together, list):
        raise UsageError("together: expected a list of lists", where=doc.where(name, "together"), code="C01")
    names = _names(list(listed), doc.where(name, "tasks"))
    rate = {n: _rate(listed[n], doc.where(name, "tasks", n)) if isinstance(listed, dict) else 1.0 for n in names}
    only = {key: _names(raw.get(key) or [], doc.where(name, key)) for key in ("evaluate", "unscored")}
    for key, given_names in only.items():
        for one in given_names:
            if not _is_task(one) or (key == "unscored" and one not in names):
                raise UsageError(f'{key}: "{visible(one)}" is no task', where=doc.where(name, key), code="C01")
    return Mix(
        name=name,
        title=str(raw.get("title", "")),
        policy=policy,
        entries=rate,
        evaluate=only["evaluate"],
        unscored=only["unscored"],
        cap=_number(raw, "cap", (int,), doc.where(name, "cap")),
        temperature=float(_number(raw, "temperature", (int, float), doc.where(name, "temperature")) or 1.0),
        together=tuple(_names(group, doc.where(name, "together")) for group in together),
        source=str(raw.get("source", "")),
        file=where,
    )


def _names(given: Any, where: str) -> tuple[str, ...]:
    """Return a list of names, each standing once."""
    if not isinstance(given, list) or not all(isinstance(name, str) and name for name in given):
        raise UsageError(f"expected a list of names, got {visible(given)}", where=where, code="C01")
    twice = [name for at, name in enumerate(given) if name in given[:at]]
    if twice:
        raise UsageError(f'"{visible(twice[0])}" stands twice', where=where, code="C01")
    return tuple(given)


def _number(raw: Mapping[str, Any], key: str, kinds: tuple[type, ...], where: str) -> Any:
    """Return a finite number above 0, or None where it is not given."""
    value = raw.get(key)
    if value is not None and not (type(value) in kinds and 0 < value <= sys.float_info.max):
        raise UsageError(f"{key}: expected a number above 0, got {visible(value)}", where=where, code="C05")
    return value


def _rate(value: Any, where: str) -> float:
    """Return an explicit rate: a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= sys.float_info.max:
        raise UsageError(f"{visible(value)} is not a rate", where=where, fix="A number of at least 0.", code="C05")
    return float(value)


def mixes() -> list[str]:
    """Return the names of all mixes, sorted."""
    return sorted(_mixes())


def mix(name: str) -> Mix:
    """Return the mix called ``name``, or raise ``UsageError`` with the closest name."""
    if name not in _mixes():
        raise UsageError(
            f'there is no mix "{visible(name)}"',
            fix=f"See `t2t ls mixes`.{did_you_mean(name, _mixes())}",
            code="C01",
        )
    return _mixes()[name]


def of_tasks(names: Sequence[str], policy: str = "proportional") -> Mix:
    """Return an unnamed mix of ``names``, as ``--task a,b`` asks for."""
    for name in names:
        task(name)
    return Mix("+".join(names), "", policy, dict.fromkeys(names, 1.0))


def rates(
    names: Sequence[str],
    counts: Mapping[str, float],
    *,
    policy: str,
    cap: int | None = None,
    temperature: float = 1.0,
    explicit: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return the rate of each entry: min(count, cap) ** (1/T), 1, or the explicit number.

    The paper raises normalised rates to 1/T; the rule is homogeneous, so the shares are the same.
    """
    if policy not in POLICIES:
        raise UsageError(f'"{visible(policy)}" is not a policy', fix=f"One of {', '.join(POLICIES)}.", code="C01")
    if policy == "equal":
        return dict.fromkeys(names, 1.0)
    if policy == "explicit":
        return {name: _rate((explicit or {}).get(name), name) for name in names}
    _number({"temperature": temperature}, "temperature", (int, float), "")
    _number({"cap": cap}, "cap", (int,), "")
    try:
        found = {name: float(min(counts[name], cap or counts[name])) ** (1 / temperature) for name in names}
    except OverflowError:
        found = {"": float("inf")}
    if sum(found.values()) > sys.float_info.max:
        raise UsageError(f"temperature: {temperature:g} makes the rates too large to be shares", fix="Raise it.",
                         code="C05")  # fmt: skip
    return found


def mixture(mix_: Mix, counts: Mapping[str, int]) -> Mixture:
    """Return the rates of every task of a mix, nested mixes shared out by their own rates.

    ``counts`` are examples after preprocessing. A task in several parts has the sum (as seqio). Raise ``UsageError``
    if a task to be drawn from has no examples.
    """
    total: dict[str, float] = {}
    sizes: dict[str, float] = {}
    parts_of = {name: replace(mix(name), without=mix_.without) for name in mix_.entries if not _is_task(name)}
    inner = {name: mixture(part, counts) for name, part in parts_of.items() if part.tasks}
    entries = [name for name in mix_.entries if name in inner or (_is_task(name) and name not in mix_.without)]
    for name in entries:
        sizes[name] = counts.get(name, 0) if _is_task(name) else sum(inner[name].rates.values())
        if not sizes[name] and (mix_.policy != "explicit" or mix_.entries[name]):
            raise UsageError(f"{name} has no examples to draw from", where=mix_.file, code="C05",
                             fix="Leave it out of the mix.")  # fmt: skip
    own = rates(
        entries, sizes, policy=mix_.policy, cap=mix_.cap,
        temperature=mix_.temperature, explicit=mix_.entries,
    )  # fmt: skip
    for name, rate in own.items():
        parts = inner[name].rates if name in inner else {name: 1.0}
        whole = sum(parts.values())
        for part, share in parts.items():
            total[part] = total.get(part, 0.0) + (rate * share / whole if whole else 0.0)
    for name in mix_.evaluate:
        if name not in mix_.without:
            total.setdefault(name, 0.0)
    if not any(total.values()):
        raise UsageError(
            f"no task of the mix {mix_.name} has a rate above 0", where=mix_.file, fix="Give one a rate.", code="C05"
        )
    return Mixture(mix_.name, total, mix_.source)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the stream: for each draw its task (index into the stream's tasks) and its example.

    ``cursors`` are the tasks' cursors after it.
    """

    tasks: np.ndarray  # (K,) int
    examples: np.ndarray  # (K,) int
    cursors: tuple[int, ...]


class Stream:
    """An endless, seeded stream of examples of several tasks.

    Tasks are drawn independently by rate; each task gives its examples in a permutation of its own, a new one each
    epoch. Random numbers come from a counter-based generator (Philox) keyed by what they are for.
    """

    def __init__(self, sizes: Mapping[str, int], rates: Mapping[str, float], seed: int) -> None:
        self.names = tuple(name for name, rate in rates.items() if _rate(rate, name) > 0)
        if not self.names:
            raise UsageError("no task has a rate above 0", code="C05")
        self.sizes = tuple(sizes.get(name, 0) for name in self.names)
        if not all(self.sizes):
            raise UsageError(f"{self.names[self.sizes.index(0)]} has no examples to draw from", code="C05")
        self.seed = seed
        weights = np.array([rates[name] for name in self.names])
        self._edges = np.cumsum(weights / weights.sum())
        self._order = functools.lru_cache(maxsize=2 * len(self.names))(self._permutation)

    def rng(self, purpose: int, *counter: int) -> np.random.Generator:
        """Return a generator that depends on the seed, the purpose and the counter alone."""
        padded = [purpose, *counter, 0, 0, 0][:4]
        return np.random.Generator(np.random.Philox(key=[self.seed, 0x743274], counter=[0, *padded[:3]]))

    def _permutation(self, which: int, epoch: int) -> np.ndarray:
        return self.rng(1, which, epoch).permutation(self.sizes[which])

    def window(self, number: int, cursors: Sequence[int], size: int) -> Window:
        """Return window ``number``, given the cursors before it."""
        draws = np.searchsorted(self._edges, self.rng(0, number).random(size), side="right")
        tasks = np.minimum(draws, len(self.names) - 1)
        examples = np.empty(size, dtype=np.int64)
        after = list(cursors)
        for which, length in enumerate(self.sizes):
            at = np.flatnonzero(tasks == which)
            epochs, places = np.divmod(cursors[which] + np.arange(len(at)), length)
            for epoch in np.unique(epochs):
                now = epochs == epoch
                examples[at[now]] = self._order(which, int(epoch))[places[now]]
            after[which] += len(at)
        return Window(tasks, examples, tuple(after))

"""Answers and scores: what a model says to examples, read back and measured.

Floor 5. `answer` answers a stretch of examples at a time, `predict` all of them, `evaluate` scores; of what is scored
no more is kept than scores are made of (`Answers`). Every score carries n, a 95 % bootstrap interval, the share of
unparsed answers and a signature of how it was made.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from t2t.answers import form
from t2t.calibration import Calibration
from t2t.config import Config
from t2t.errors import DataError, NonFiniteError, UsageError, visible
from t2t.examples import Examples
from t2t.metrics import INTERVAL, confusion, measure, metric
from t2t.mixtures import Mix
from t2t.models import OWN, Model
from t2t.runs import growing, peak_memory_mb
from t2t.sets import Sets
from t2t.significance import holm, mcnemar, paired
from t2t.tasks import task
from t2t.tokens import Tally
from t2t.types import Example, Prediction, Report, Score, Task
from t2t.version import VERSION

__all__ = [
    "Answered",
    "Answers",
    "Gather",
    "WAYS",
    "agreement",
    "answer",
    "answer_sets",
    "answers_for",
    "as_json",
    "average",
    "baselines",
    "build_report",
    "check_limit",
    "check_way",
    "cost",
    "count",
    "data",
    "evaluate",
    "evaluate_sets",
    "file_name",
    "labels_of",
    "majority",
    "predict",
    "prediction_files",
    "read_predictions",
    "repairs",
    "report_json",
    "run_signature",
    "score",
    "signature",
    "spread",
    "tabulated",
    "way_of",
    "ways_of",
    "write_predictions",
]

Ticker = Callable[[int], None]
CHUNK = 512
WAYS = ("write", "rank", "constrained")  # of answering
ASKS = {"write": "write", "rank": "rank", "constrained": "choose"}  # what a model is asked in each
SEVERAL = {"both": ("write", "rank"), "all": ("write", "constrained", "rank")}
MOST_LABELS = 60  # in a table of answers by gold answers


class Gather(NamedTuple):
    """How several ranks share the answering: this rank, how many there are, and what joins lists of all of them."""

    rank: int = 0
    world: int = 1
    join: Callable[[list[Any]], list[Any]] = lambda part: part


@dataclass
class Answers:
    """What scores are made of: of each row its answer, whether it was repaired, its gold answer and its group.

    ``repairs`` are counted over all rows, by kind; ``calibration`` sums up rows whose choices were ranked.
    """

    answers: list[Any] = field(default_factory=list)
    golds: list[Any] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    repaired: bytearray = field(default_factory=bytearray)
    repairs: Counter[str] = field(default_factory=Counter)
    calibration: Calibration = field(default_factory=Calibration)

    def __len__(self) -> int:
        return len(self.answers)

    def add(self, preds: Iterable[Prediction]) -> None:
        """Keep what scores need of some predictions more."""
        for pred in preds:
            self.answers.append(pred.answer)
            self.golds.append(pred.gold)
            self.groups.append(pred.group)
            self.repaired.append(bool(pred.repairs))
            if pred.repairs:
                self.repairs += Counter(pred.repairs)
            if pred.choice_nats is not None and pred.gold is not None:
                self.calibration.add(pred.choice_nats, pred.gold)

    def of(self, metric_name: str) -> list[Any]:
        """Return the answers as a metric takes them: a strict one takes none that had to be repaired."""
        if not metric(metric_name).strict:
            return self.answers
        return [None if mended else said for mended, said in zip(self.repaired, self.answers, strict=True)]


Answered = Mapping[str, tuple[list[Score], dict[str, Answers]]]  # by way of answering


def answer(
    model: Model, egs: Iterable[Example], *, of: Task | None = None, by: str = "write", tick: Ticker | None = None
) -> Iterator[Prediction]:
    """Yield an answer to each example: written as text, freely or constrained to its choices, or by ranking them.

    ``CHUNK`` examples at most are read ahead. ``of`` is their task, where it is not one that is known by its name.
    """
    left = iter(egs)
    # Long stretches let the model sort by length; several of them let a progress bar move.
    while part := list(itertools.islice(left, CHUNK)):
        preds = _answered(model, part, (by,), of)[by]
        if tick:
            tick(len(part))
        yield from preds


def predict(
    model: Model, egs: Iterable[Example], *, of: Task | None = None, by: str = "write", tick: Ticker | None = None
) -> list[Prediction]:
    """Return the answers of `answer`, all of them."""
    return list(answer(model, egs, of=of, by=by, tick=tick))


def check_way(model: Model, by: str) -> None:
    """Raise ``UsageError`` where a model cannot answer in a way."""
    if by == "constrained" and not hasattr(model, "choose"):
        raise UsageError(f"a {model.family} model is not constrained to choices", where="by", fix="Use --by rank.")
    engine = getattr(getattr(model, "options", None), "engine", "own")
    if engine != "own" and by != "write":
        raise UsageError(f"{engine} neither ranks choices nor is constrained to them", where="by",
                         fix="Use --by write or --engine own.")  # fmt: skip


def ways_of(model: Model, by: str) -> tuple[str, ...]:
    """Return the ways of answering that ``by`` asks for; of ``both`` and ``all`` those that the family has."""
    if by not in SEVERAL:
        return (by,)
    if not model.generates:
        return ("rank",)
    return tuple(way for way in SEVERAL[by] if hasattr(model, ASKS[way]))


def _answered(
    model: Model, egs: Sequence[Example], ways: Sequence[str], of: Task | None
) -> dict[str, list[Prediction]]:
    """Return the answers to a stretch of examples in each way; at once, where a model can."""
    for way in ways:
        check_way(model, way)
    at_once = getattr(model, "answers", None) if len(ways) > 1 else None
    said = at_once(egs, ways) if at_once else {way: getattr(model, ASKS[way])(egs) for way in ways}
    return {way: _ranked(egs, said[way]) if way == "rank" else _read(egs, said[way], of) for way in ways}


def _read(egs: Sequence[Example], texts: Sequence[str], of: Task | None) -> list[Prediction]:
    """Return what was written, and what was read from it."""
    forms = {name: form(of or task(name)) for name in {eg.task for eg in egs}}
    out = []
    for eg, text in zip(egs, texts, strict=True):
        reading = forms[eg.task].read(text, eg)
        out.append(_prediction(eg, text, reading.answer, repairs=reading.repairs))
    return out


def _prediction(eg: Example, text: str, answer: Any, **more: Any) -> Prediction:
    """Return what was answered to an example."""
    return Prediction(
        uid=eg.uid, input=eg.input, target=eg.target, text=text, answer=answer, unparsed=answer is None, gold=eg.gold,
        prompt=eg.prompt, group=eg.group, row=eg.row, words=eg.words, **more,
    )  # fmt: skip


def _ranked(egs: Sequence[Example], scores: Sequence[Sequence[float]]) -> list[Prediction]:
    """Return the first choice of the highest score."""
    out = []
    for eg, nats in zip(egs, scores, strict=True):
        if not all(map(math.isfinite, nats)):
            raise NonFiniteError("the model's likelihoods are not finite", where=eg.uid, code="K10")
        first = max(range(len(nats)), key=nats.__getitem__)
        out.append(_prediction(eg, eg.choices[first], first, choice_nats=tuple(nats)))
    return out


def check_limit(model: Model, egs: Examples) -> None:
    """Raise ``UsageError`` if answers may not be as long as the longest reference: it could not be answered right."""
    limit = None if not len(egs) or egs.ranked else model.answer_limit(egs[0])
    if limit is None:
        return
    over = longest = 0
    for start in range(0, len(egs), CHUNK):
        part = egs[start : start + CHUNK]
        for how in (False, True):  # prompts of several formats may have been drawn
            targets = [eg.target for eg in part if eg.sentinels == how]
            lengths = [len(ids) for ids in model.tokens.ids(targets, target=True, sentinels=how)]
            over += sum(length > limit for length in lengths)
            longest = max([longest, *lengths])
    if over:
        raise UsageError(
            f"answers may have {limit} tokens, the longest reference has {longest}: "
            f"{100 * over / len(egs):.1f} % cannot be answered right",
            where=egs.task.name, fix=f"Give --max-target {longest}.", code="D14",
        )  # fmt: skip


def evaluate(
    model: Model, egs: Examples, *, by: str = "write", seed: int = 0, tick: Ticker | None = None
) -> tuple[list[Prediction], list[Score]]:
    """Answer every example of ``egs`` and score the answers with each metric of the task."""
    preds, said = predict(model, egs, of=egs.task, by=by, tick=tick), Answers()
    said.add(preds)
    return preds, score(egs, said, by=by, seed=seed)


def evaluate_sets(
    model: Model,
    sets: Sets,
    *,
    by: str,
    watch: Any,
    gather: Gather | None = None,
    folder: Path | None = None,
) -> tuple[list[Score], dict[str, Answers]]:
    """Score every set in one way, see `answer_sets`."""
    return answer_sets(model, sets, by=by, watch=watch, gather=gather, folder=folder)[by]


def answer_sets(
    model: Model, sets: Sets, *, by: str, watch: Any, gather: Gather | None = None, folder: Path | None = None
) -> Answered:
    """Score every set in each way that ``by`` asks for (`ways_of`), each answer labelled with how it was given.

    Rows are read and put into words once for all ways. Tasks without choices are written, once, even where ranking is
    asked for; a family that does not generate ranks choices. Each rank answers every ``world``-th example, so that each
    is scored exactly once. With ``folder`` the predictions are written below ``eval/SPLIT/``, as they are made.
    """
    gather, ways = gather or Gather(), ways_of(model, by)
    for way in ways:
        check_way(model, way)
    answered: dict[str, tuple[list[Score], dict[str, Answers]]] = {way: ([], {}) for way in ways}
    total = sum(len(range(gather.rank, len(egs), gather.world)) for egs in sets.score.values())
    if ways != ("rank",):  # what an earlier evaluation counted is not this one's
        for tally in model.tokens.tallies.values():
            tally.answers_unfinished = 0
    with watch.task("answering", total) as tick:
        for name, egs in sets.score.items():
            hows = {way: "write" if not egs.ranked else way if model.generates else "rank" for way in ways}
            said = {how: Answers() for how in hows.values()}
            with ExitStack() as stack:
                files = {how: stack.enter_context(growing(_file(folder, egs, name, how))) for how in said if folder}
                for part in _shared(model, egs, tuple(said), gather, tick):
                    for how, preds in part.items():
                        said[how].add(preds)
                        if folder:
                            files[how](_as_lines(preds))
            scores = {how: score(egs, one, by=how) if egs.labelled else [] for how, one in said.items()}
            for way, how in hows.items():
                answered[way][0].extend(scores[how])
                answered[way][1][name] = said[how]
    return answered


def _file(folder: Path | None, egs: Examples, name: str, by: str) -> Path:
    """Return where the predictions of a set are written."""
    kind = "" if by == "write" else f".{by}"
    return (folder or Path()) / "eval" / egs.split / f"{file_name(name)}{kind}.predictions.jsonl"


def _shared(
    model: Model, egs: Examples, ways: Sequence[str], gather: Gather, tick: Ticker
) -> Iterator[dict[str, list[Prediction]]]:
    """Yield the answers of all ranks to a stretch of examples after the other, in their order, by way."""
    size = CHUNK * gather.world
    for start in range(0, len(egs), size):  # as many stretches on every rank: each is a call that waits for the others
        mine = range(start + gather.rank, min(start + size, len(egs)), gather.world)
        some = [egs[i] for i in mine]
        preds = _answered(model, some, ways, egs.task) if some else dict.fromkeys(ways, list[Prediction]())
        tick(len(some))
        joined = {way: gather.join(list(zip(mine, own, strict=True))) for way, own in preds.items()}
        yield {way: [pred for _, pred in sorted(own, key=lambda pair: pair[0])] for way, own in joined.items()}


def count(answered: Answered) -> int:
    """Return how many answers were given; what was written for several ways was given once."""
    return sum({id(said): len(said) for _, answers in answered.values() for said in answers.values()}.values())


def file_name(task_name: str) -> str:
    """Return a task's name (with parameters and prompt) as that of a file."""
    return task_name.replace("/", "-").replace(":", "-")


def average(scores: Sequence[Score], mix: Mix) -> dict[str, Any]:
    """Return the mean over tasks of the mean of their metrics, as T5 computes GLUE's (Raffel et al. 2020, 2.4).

    Tasks the mix lists together (MNLI matched and mismatched) count as one; tasks neither trained on nor listed
    together with one are left out. ``value`` is percent, ``tasks`` what was averaged; empty where nothing was.
    """
    by_task: dict[str, list[float]] = {}
    for one in scores:
        by_task.setdefault(one.task, []).append(one.value)
    means = {name: sum(values) / len(values) for name, values in by_task.items()}
    groups = [tuple(n for n in group if n in means) for group in mix.groups]
    grouped = {name for group in groups for name in group}
    alone = [(name,) for name in mix.tasks if name in means and name not in grouped]
    parts = [group for group in (*groups, *alone) if group]
    values = [sum(means[name] for name in group) / len(group) for group in parts]
    if not values:
        return {}
    return {"value": sum(values) / len(values), "tasks": [" + ".join(group) for group in parts]}


def score(egs: Examples, said: Answers, *, by: str, seed: int = 0) -> list[Score]:
    """Return one `Score` a metric of the task. Values, bounds and the unparsed share are percent."""
    groups = said.groups if egs.task.group else None
    unparsed = 100 * sum(one is None for one in said.answers) / max(len(said), 1)
    out = []
    for name in egs.task.metrics:
        found = measure(name, said.golds, said.of(name), groups=groups, seed=seed)
        out.append(
            Score(
                task=egs.task.name,
                metric=name,
                value=found.value,
                unit=metric(name).unit,
                low=found.low,
                high=found.high,
                n=found.n,
                unparsed=unparsed,
                by=by,
                prompt=egs.prompt_name,
                prompt_hash=egs.prompt_hash,
                signature=signature(egs, name, by, found.n),
            )
        )
    return out


def answers_for(metric_name: str, preds: Sequence[Prediction]) -> list[Any]:
    """Return the answers as a metric takes them: a strict one takes none that had to be repaired."""
    strict = metric(metric_name).strict
    return [None if strict and pred.repairs else pred.answer for pred in preds]


def majority(said: Answers, name: str) -> float | None:
    """Return what a metric gives to always answering the most frequent gold answer, in percent; None for texts."""
    golds = said.golds
    if not golds or not all(isinstance(gold, (int, float)) for gold in golds):
        return None
    counts = Counter(golds)
    often = max(sorted(counts), key=counts.__getitem__)
    groups = said.groups if said.groups[0] else None
    return measure(name, golds, [often] * len(golds), groups=groups, resamples=1).value


def build_report(
    name: str,
    sets: Sets,
    split: str,
    answered: Answered,
    *,
    signature: str,
    cost: Mapping[str, Any],
    notes: Sequence[str],
    folder: str = "",
) -> Report:
    """Return the report of what was answered, by way of answering (write, rank); the first one makes the average."""
    # What has no choices was written either way, and stands in the report once.
    every = [one for scores, _ in answered.values() for one in scores]
    rows = tuple({(one.task, one.prompt, one.metric, one.by): one for one in every}.values())
    first = next(iter(answered.values()))[0]
    return Report(name, sets.source, split, signature, rows, average(first, sets.mix), cost, tuple(notes), folder)


def report_json(report: Report, sets: Sets, answered: Answered, tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """Return report.json: the fixed keys, and what the scores are to be compared with."""
    fixed = asdict(report)
    del fixed["folder"]
    answers = next(iter(answered.values()))[1]
    return {
        "t2t": VERSION,
        **fixed,
        "baselines": baselines(sets, answers),
        "spread": spread(report.rows),
        "repairs": repairs(answers),
        "answered": _tables(sets, answered),
        "ways": agreement(sets, answered),
        "command": sys.argv,
        "texts": {name: tally.asdict() for name, tally in tallies.items()},
        "data": data(sets),
    }


def agreement(sets: Sets, answered: Answered) -> list[dict[str, Any]]:
    """Return how often two ways of answering a set differ, and whether one of them is right more often.

    ``differ`` and ``first_only`` and ``second_only`` (right where the other is not) count rows. p is McNemar's exact
    one, or where rows belong together that of exchanging whole groups; ``holm`` is p corrected over all of them. Of
    answers whose gold ones are hidden nothing is known but where they differ.
    """
    found = []
    for name, egs in sets.score.items():
        said = [(way, answers[name]) for way, (_, answers) in answered.items()] if egs.ranked else []
        for (first, one), (second, two) in itertools.combinations(said, 2):
            counts = _differences(one, two, grouped=bool(egs.task.group))
            found.append({"set": name, "first": first, "second": second, "n": len(one), **counts})
    tested = [row for row in found if "p" in row]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["holm"] = p
    return found


def _differences(one: Answers, two: Answers, *, grouped: bool) -> dict[str, Any]:
    """Return in how many rows answers differ, in how many one alone is right, and p."""
    pairs = list(zip(one.answers, two.answers, strict=True))
    differ = sum(a != b for a, b in pairs)
    if None in one.golds:
        return {"differ": differ}
    right = Counter((a == gold, b == gold) for (a, b), gold in zip(pairs, one.golds, strict=True))
    first_only, second_only = right[True, False], right[False, True]
    p = mcnemar(first_only, second_only) if not grouped else (
        paired("accuracy", one.golds, one.answers, two.answers, groups=one.groups).p
    )  # fmt: skip
    return {"differ": differ, "first_only": first_only, "second_only": second_only, "p": p}


def cost(model: Model, answered: int, seconds: float) -> dict[str, Any]:
    """Return what an evaluation cost: parameters, seconds, examples a second, peak memory in MB."""
    return {
        "parameters": sum(p.numel() for p in model.net.parameters()),
        "eval_seconds": round(seconds, 1),
        "examples_per_second": round(answered / max(seconds, 1e-9), 1),
        "peak_memory_mb": peak_memory_mb(),
    }


def _tables(sets: Sets, answered: Answered) -> list[dict[str, Any]]:
    """Return the answers to each set in each way as counts; what has no choices was written either way."""
    found = {}
    for way, (scores, answers) in answered.items():
        ways = {(one.task, one.prompt): one.by for one in scores}
        for name, said in answers.items():
            egs = sets.score[name]
            by = ways.get((egs.task.name, egs.prompt_name), way)
            found[name, by] = tabulated(name, by, said, labels_of(egs))
    return list(found.values())


def tabulated(name: str, by: str, said: Answers, labels: Sequence[str]) -> dict[str, Any]:
    """Return the answers to a set as counts: read, repaired, each label by each gold one (the last column: unparsed).

    There is no such table without ``labels`` or where gold answers are hidden, nor one of more than ``MOST_LABELS``.
    """
    out: dict[str, Any] = {
        "set": name, "by": by, "n": len(said), "unparsed": sum(one is None for one in said.answers),
        "repaired": sum(said.repaired),
    }  # fmt: skip
    if 1 < len(labels) <= MOST_LABELS and None not in said.golds:
        counts = confusion(said.golds, said.answers, len(labels))
        out |= {"labels": list(labels), "confusion": counts}
    if said.calibration.n:
        out["calibration"] = said.calibration.asdict()
    return out


def labels_of(egs: Examples) -> Sequence[str]:
    """Return the choices of a task, where they are the same for every row."""
    return () if not egs.ranked or any(p.per_row for p in egs.prompts) else egs.prompts[0].choices


def data(sets: Sets) -> list[dict[str, Any]]:
    """Return where the rows of each task came from, those trained on and those scored.

    ``hub`` is the data set's id, where the rows are those of a data set on the hub, else None.
    """
    found = []
    for use, some in (("train", sets.train), ("score", sets.score)):
        for egs in {egs.task.name: egs for egs in some.values()}.values():
            origin, source = egs.origin, egs.task.source
            kind = origin.kind if origin else "file"
            known = kind in ("dir", "cache", "hub")
            found.append({
                "task": egs.task.name, "use": use, "answer": egs.task.answer, "kind": kind,
                "hub": source.hub if known else None, "config": source.config[0] if source.config else None,
                "split": source.splits.get(egs.split, egs.split), "revision": getattr(origin, "revision", None),
            })  # fmt: skip
    return found


def baselines(sets: Sets, answers: Mapping[str, Answers]) -> list[dict[str, Any]]:
    """Return the majority baseline of every task and metric that has one."""
    tasks = {name: sets.score[name].task for name in answers}
    once = {task.name: (task, answers[name]) for name, task in tasks.items()}  # the same under every prompt
    return [
        {"task": task.name, "metric": name, "baseline": "majority", "value": value}
        for task, said in once.values()
        for name in task.metrics
        if (value := majority(said, name)) is not None
    ]


def spread(rows: Sequence[Score]) -> list[dict[str, Any]]:
    """Return how scores differ between prompts, for each task, metric and way of answering that has several.

    ``mean``, ``low``, ``high`` and ``sd`` (sample standard deviation) are percent, over ``prompts`` prompts.
    """
    groups: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row.task, row.metric, row.by), []).append(row.value)
    return [
        {"task": task, "metric": metric, "by": by, "prompts": len(values), "mean": statistics.mean(values),
         "low": min(values), "high": max(values), "sd": statistics.stdev(values)}
        for (task, metric, by), values in groups.items() if len(values) > 1
    ]  # fmt: skip


def repairs(answers: Mapping[str, Answers]) -> dict[str, dict[str, int]]:
    """Return how many repairs of each kind the answers to each set took."""
    return {name: dict(said.repairs.most_common()) for name, said in answers.items() if said.repairs}


def run_signature(model: str, family: str, config: Config, **more: Any) -> str:
    """Return how the answers of a report were made: model, seed, and ways of answering that are not the usual.

    What the model's ``family`` does not heed is left out.
    """
    usual, names = Config(), ("rank_by", "chat", "precision", "beams", "engine", "sample_temperature", "top_p")
    ways = {name: getattr(config, name) for name in names
            if getattr(config, name) != getattr(usual, name) and family in OWN.get(name, (family,))}  # fmt: skip
    ways |= {"by": config.by} if config.by == "constrained" else {}
    said = {"model": model, "seed": config.seed, **more, **ways, "t2t": VERSION}
    return "|".join(f"{name}:{value}" for name, value in said.items())


def signature(egs: Examples, metric_name: str, by: str, n: int) -> str:
    """Return how a number was made, in sacrebleu's manner: fields that must agree for numbers to be compared."""
    origin = egs.origin
    data = origin.fingerprint[:12] if origin else "-"
    shots = f"|shots:{egs.shots}:{egs.shots_by}" if egs.shots else ""
    return (
        f"task:{egs.task.name}|split:{egs.split}|n:{n}|metric:{metric_name}|by:{by}"
        f"|prompt:{egs.prompt_name}@{egs.prompt_hash}{shots}|data:{data}|interval:{INTERVAL}|t2t:{VERSION}"
    )


def way_of(path: Path) -> tuple[str, str]:
    """Return the set of a predictions file, as its name has it, and how the answers were given.

    >>> way_of(Path("glue-rte.rank.predictions.jsonl")), way_of(Path("glue-rte.predictions.jsonl"))
    (('glue-rte', 'rank'), ('glue-rte', 'write'))
    """
    stem = path.name.removesuffix(".predictions.jsonl")
    by = next((way for way in WAYS if stem.endswith(f".{way}")), WAYS[0])
    return stem.removesuffix(f".{by}"), by


def prediction_files(folder: Path, split: str) -> list[Path]:
    """Return the predictions that a report is of: a later evaluation has them beside it, a run below ``eval/``."""
    places = (folder, folder / "eval" / split)
    return sorted(path for place in places for path in place.glob("*.predictions.jsonl"))


def write_predictions(path: Path, preds: Iterable[Prediction]) -> None:
    """Write predictions as JSONL, whole or not at all."""
    with growing(path) as write:
        write(_as_lines(preds))


def _as_lines(preds: Iterable[Prediction]) -> str:
    return "".join(json.dumps(as_json(pred), ensure_ascii=False) + "\n" for pred in preds)


def as_json(pred: Prediction) -> dict[str, Any]:
    """Return a prediction with the keys of the run folder's contract."""
    out = {
        "uid": pred.uid,
        "input": pred.input,
        "target": pred.target,
        "text": pred.text,
        "answer": pred.answer,
        "unparsed": pred.unparsed,
        "gold": pred.gold,
    }
    if pred.choice_nats is not None:
        out["choice_nats"] = list(pred.choice_nats)
    for key in ("repairs", "prompt", "group", "row", "words"):
        if getattr(pred, key):
            out[key] = getattr(pred, key)
    return out


def read_predictions(path: Path) -> Iterator[Prediction]:
    """Yield what `write_predictions` wrote. Raise ``DataError`` for a line that is none of it."""
    with path.open("rb") as lines:  # bytes end at a newline only, a text may hold other ends of lines
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _read_prediction(line, f"{path}:{number}")


def _read_prediction(line: bytes, where: str) -> Prediction:
    try:
        raw = json.loads(line)
        nats, words = raw.pop("choice_nats", None), tuple(raw.pop("words", ()))
        return Prediction(**raw, choice_nats=None if nats is None else tuple(nats), words=words)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"not a prediction: {visible(error)}", where=where, fix="`t2t eval` the run again.",
                        code="D01") from None  # fmt: skip

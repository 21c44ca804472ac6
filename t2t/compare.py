"""Runs side by side: what each costs and scores, and how each differs from the first, with paired tests.

Floor 6. The tests are those of `t2t.significance`. Rows are joined by a digest of their columns, so neither their order
nor the prompt they were read under matters (by uid where a run is older than digests), and must have the same gold
answer. Tests are made against the first run; Holm's correction is over all of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from t2t.errors import UsageError
from t2t.metrics import average_margin, measure
from t2t.mixtures import mix, mixes
from t2t.predict import WAYS, answers_for, read_predictions, way_of
from t2t.report import held_out_table
from t2t.runs import read_config, read_json
from t2t.seeds import OverSeeds, over_seeds, same_but_for_the_seed
from t2t.significance import RESAMPLES, Paired, holm, paired
from t2t.tasks import task
from t2t.types import Prediction, Task

__all__ = [
    "Comparison",
    "Difference",
    "Disagreement",
    "Entry",
    "Opened",
    "Overall",
    "Standing",
    "average_rows",
    "compare",
    "compared",
    "difference_rows",
    "disagreements",
    "margin",
    "opened",
    "run_rows",
    "score_blocks",
    "seed_rows",
    "text_rows",
]

COSTS = ("parameters", "train_seconds", "train_tokens", "examples_per_second", "peak_memory_mb")
VOCABULARY = {"tokenizer", "stretches"}  # fields of a text's signature in which vocabularies may differ
RESAMPLES_A_TEST = 100  # 2 of these would be the least p: corrected for as many tests it is still .02


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of the line-up: its average in percent with what it is over, and its costs (None: not known).

    ``source`` is where its rows came from, as its report says; empty where it has no report.
    """

    run: str
    source: str
    average: float | None
    averaged: tuple[str, ...]
    parameters: int | None
    train_seconds: float | None
    train_tokens: int | None
    examples_per_second: float | None
    peak_memory_mb: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A score of one run, in percent with a 95 % interval; ``by`` says how the answers were given: write or rank.

    ``task`` is a task, or ``task@prompt`` where a run answered it under several prompts.
    """

    run: str
    task: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    by: str


@dataclass(frozen=True, slots=True)
class Difference(Paired):
    """How ``run`` differs from the first run on a task; ``holm`` is p corrected over all differences.

    ``by`` is how the two gave their answers (``write``, ``rank``, ``write/rank``); ``disagree`` counts rows.
    """

    run: str
    task: str
    metric: str
    by: str
    holm: float
    n: int
    disagree: int


@dataclass(frozen=True, slots=True)
class Overall:
    """How the average of ``run`` differs from that of the first run over the tasks both have, in percent points.

    The metrics of a task are one, as are tasks that a mix lists together; the 95 % interval is made of those of the
    paired differences, tasks being independent.
    """

    run: str
    tasks: int
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs in the order given, the scores of each, and how each differs from the first.

    ``texts`` are their losses on plain text: ``run``, ``text``, and what a report says of it.
    """

    split: str
    runs: tuple[Entry, ...]
    scores: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    overall: tuple[Overall, ...] = ()
    seeds: tuple[OverSeeds, ...] = ()
    texts: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


# -- runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Answers:
    """The answers of one run to one task under one prompt, and how they were given."""

    of: Task
    prompt: str
    by: str
    preds: list[Prediction]

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.of.name


@dataclass(frozen=True, slots=True)
class Opened:
    """What is read of a run folder."""

    name: str
    folder: Path
    report: Mapping[str, Any]
    answers: list[_Answers]

    @property
    def texts(self) -> Mapping[str, dict[str, Any]]:
        """What its report says of its losses on plain text."""
        found: dict[str, dict[str, Any]] = self.report.get("held_out", {})
        return found

    def row(self, answers: _Answers, metric: str) -> Mapping[str, Any] | None:
        """Return the score of some answers as the report has it; None if it has none of these very rows."""
        wanted = (answers.task, metric, answers.by, len(answers.preds))
        rows = [r for r in self.report.get("rows", ()) if (r["task"], r["metric"], r["by"], r["n"]) == wanted]
        same = [r for r in rows if r["prompt"] == answers.prompt]
        return (same or (rows if len(rows) == 1 else []) or [None])[0]


def compare(runs: Sequence[str | Path], *, split: str = "validation") -> Comparison:
    """Compare run folders on every task that the first and another have answered, and on plain text.

    Written answers are taken, ranked ones where a run has no others. Raise ``UsageError`` for fewer than two runs, a
    run without a task or text in common with the first, rows or gold answers that differ, and runs on sample data
    beside runs on real data.
    """
    return compared(opened(runs, split=split), split=split)


def opened(runs: Sequence[str | Path], *, split: str) -> list[Opened]:
    """Read what is compared of run folders. Raise ``UsageError`` for fewer than two."""
    if len(runs) < 2:
        raise UsageError("there is nothing to compare with", fix="Give two or more run folders.")
    return [_read(Path(run), name, split) for run, name in zip(runs, _names(runs), strict=True)]


def compared(found: Sequence[Opened], *, split: str) -> Comparison:
    """Compare runs that were read, as `compare` does."""
    _check_sources(found)
    labelled = _labelled(found)
    pairs = [(run, label, labelled[0][label], answers[label])
             for run, answers in zip(found[1:], labelled[1:], strict=True)
             for label in _shared(found[0], run, labelled[0], answers, split)]  # fmt: skip
    resamples = max(RESAMPLES, RESAMPLES_A_TEST * sum(len(a.of.metrics) for _, _, a, _ in pairs))
    differences = [one for pair in pairs for one in _differences(found[0], *pair, resamples=resamples)]
    corrected = holm([one.p for one in differences])
    entries = tuple(_entry(run) for run in found)
    scores = tuple(one for run, answers in zip(found, labelled, strict=True) for one in _standings(run, answers))
    return Comparison(
        split=split,
        runs=entries,
        scores=scores,
        differences=tuple(replace(one, holm=p) for one, p in zip(differences, corrected, strict=True)),
        overall=tuple(_overall(found, differences)),
        seeds=tuple(_over_seeds(found, entries, scores)),
        texts=tuple({"run": run.name, "text": text, **said} for run in found for text, said in run.texts.items()),
        notes=tuple(_notes(found, split)),
    )


def _names(runs: Sequence[str | Path]) -> list[str]:
    """Return a name for each run: that of its folder, its whole path where two folders have one name."""
    short = [Path(run).name or str(run) for run in runs]
    names = [str(run) if short.count(name) > 1 else name for run, name in zip(runs, short, strict=True)]
    return [f"{name} ({names[:i].count(name) + 1})" if name in names[:i] else name for i, name in enumerate(names)]


def _read(folder: Path, name: str, split: str) -> Opened:
    """Read the report and the answers of a run. Raise ``UsageError`` if it answered nothing."""
    answers = list(_answers(folder / "eval" / split, _own_tasks(folder)))
    run = Opened(name, folder, _report(folder, split), answers)
    if not (answers or run.texts):
        raise UsageError(f"no task of split {split} was answered", where=str(folder),
                         fix=f"Give the folder of a run, or `t2t eval` it with --split {split}.")  # fmt: skip
    return run


def _own_tasks(folder: Path) -> dict[str, Task]:
    """Return the tasks by name that a run was given as files."""
    if not (folder / "run.yaml").is_file():
        return {}
    config = read_config(folder)
    named = mix(config.mix).scored if config.mix in mixes() else config.task
    return {found.name: found for found in map(task, named) if found.name not in named}


def _answers(folder: Path, own: Mapping[str, Task]) -> Iterator[_Answers]:
    """Yield the scored answers of a run, written ones or else ranked or constrained ones, by task and prompt."""
    taken = set()
    for path in sorted(folder.glob("*.predictions.jsonl"), key=_place):
        by = way_of(path)[1]
        preds = list(read_predictions(path))
        if any(pred.gold is not None for pred in preds):  # else the labels are hidden: nothing can be scored
            said = {pred.prompt for pred in preds}
            name = preds[0].task
            one = _Answers(own.get(name) or task(name), said.pop() if len(said) == 1 else "sample", by, preds)
            if (one.task, one.prompt) not in taken:
                taken.add((one.task, one.prompt))
                yield one


def _place(path: Path) -> tuple[str, int]:
    """Return where a file of answers stands among others: by task, written ones first."""
    stem, by = way_of(path)
    return stem, WAYS.index(by)


def _report(folder: Path, split: str) -> dict[str, Any]:
    """Return what the reports of a run say of a split: its own, and that of a later evaluation, which goes first.

    A later one may be of some tasks only and knows no costs of training; a sample in either is a sample in all. Its
    average is taken if it answered the same tasks, or more, in the same way: then it wrote over the run's answers.
    Empty where there is no report.
    """
    own, later = (read_json(path) for path in (folder / "report.json", folder / "eval" / split / "report.json"))
    mine = own if own.get("split") == split else {"cost": own.get("cost", {})}
    average = {} if _answered_anew(mine, later) else {"average": mine["average"]}
    rows = [*later.get("rows", ()), *mine.get("rows", ())]
    cost = {**later.get("cost", {}), **mine.get("cost", {})}
    sources = [one["source"] for one in (later, mine) if "source" in one]
    source = {"source": "sample" if "sample" in sources else sources[0]} if sources else {}
    return {**mine, **later, **average, **source, "rows": rows, "cost": cost} if own or later else {}


def _answered_anew(mine: Mapping[str, Any], later: Mapping[str, Any]) -> bool:
    """Whether a later evaluation has all that the run's own average is over, answered in the same way."""
    tasks = [set((one.get("average") or {}).get("tasks", ())) for one in (mine, later)]
    ways = [one["by"] for report in (mine, later) for one in report.get("rows", ())[:1]]
    return tasks[0] <= tasks[1] and (not tasks[0] or len(set(ways)) == 1)


def _check_sources(runs: Sequence[Opened]) -> None:
    """Raise ``UsageError`` if some runs were scored on the bundled sample and others on real data."""
    sample = [run.name for run in runs if run.report.get("source") == "sample"]
    real = [run.name for run in runs if run.report.get("source", "sample") != "sample"]
    if sample and real:
        raise UsageError(
            f"SAMPLE DATA ({', '.join(sample)}) cannot stand beside real data ({', '.join(real)})",
            fix="Compare runs on one kind of data.",
        )  # fmt: skip


def _label(answers: _Answers, several: set[str]) -> str:
    """Return the name of a task, with the prompt where some run answered it under several."""
    return f"{answers.task}@{answers.prompt}" if answers.task in several else answers.task


def _shared(one: Opened, two: Opened, mine: Mapping[str, Any], theirs: Mapping[str, Any], split: str) -> list[str]:
    """Return what both runs answered. Raise ``UsageError`` if that is nothing, and no text was read by both."""
    shared = [label for label in mine if label in theirs]
    if not shared and not one.texts.keys() & two.texts.keys():
        raise UsageError(
            f"the runs have no task of split {split} in common", where=f"{one.folder} {two.folder}",
            fix="Evaluate both on one task, under one prompt if one of them has several.",
        )  # fmt: skip
    return shared


def _differences(one: Opened, two: Opened, label: str, a: _Answers, b: _Answers, *, resamples: int) -> list[Difference]:
    """Compare the answers of two runs to the same rows by every metric of the task."""
    first, second = a.preds, _joined(one, two, a, b)
    golds = [pred.gold for pred in first]
    groups = [pred.group for pred in first] if first[0].group else None
    disagree = sum(x.answer != y.answer for x, y in zip(first, second, strict=True))
    found = []
    for metric in a.of.metrics:
        sides = [answers_for(metric, preds) for preds in (first, second)]
        of = paired(metric, golds, *sides, groups=groups, resamples=resamples)
        by = a.by if a.by == b.by else f"{a.by}/{b.by}"
        found.append(Difference(run=two.name, task=label, metric=metric, by=by, holm=of.p, n=len(first),
                                disagree=disagree, **asdict(of)))  # fmt: skip
    return found


def margin(found: Comparison, run: Entry) -> float:
    """Return half the 95 % interval of a run's average, which is over the tasks that it names."""
    parts = _parts(run.averaged)
    bounds = [(parts[name], one.low, one.high) for one in found.scores
              if one.run == run.run and (name := _bare(one.task)) in parts]  # fmt: skip
    return average_margin(bounds) if bounds else 0.0


def _parts(averaged: Sequence[str]) -> dict[str, str]:
    """Return for each task what it is a part of in an average: tasks that a mix lists together are one."""
    return {name: group for group in averaged for name in group.split(" + ")}


def _bare(label: str) -> str:
    """Return the task of a task and prompt: under however many prompts, it is one of an average."""
    return label.partition("@")[0]


def _overall(runs: Sequence[Opened], differences: Sequence[Difference]) -> Iterator[Overall]:
    """Yield how each run's average differs from the first's, where they have several tasks in common."""
    parts = _parts([group for run in runs for group in (run.report.get("average") or {}).get("tasks", ())])
    for run in runs[1:]:
        mine = [(parts.get(_bare(one.task), _bare(one.task)), one) for one in differences if one.run == run.name]
        by_task: dict[str, dict[str, list[float]]] = {}
        for part, one in mine:
            by_task.setdefault(part, {}).setdefault(_bare(one.task), []).append(one.difference)
        if len(by_task) > 1:
            value = fmean(fmean(map(fmean, tasks.values())) for tasks in by_task.values())
            half = average_margin((part, one.low, one.high) for part, one in mine)
            yield Overall(run.name, len(by_task), value, value - half, value + half)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The rows of a task that some run answers otherwise than the first: for each row the answers of ``runs``."""

    task: str
    by: str
    runs: tuple[str, ...]
    rows: tuple[tuple[Prediction, ...], ...]
    n: int


def disagreements(found: Sequence[Opened]) -> Iterator[Disagreement]:
    """Yield, a task after the other, the rows on which runs that `compared` takes disagree with the first."""
    labelled = _labelled(found)
    for label, mine in labelled[0].items():
        others = [
            (run, answers[label]) for run, answers in zip(found[1:], labelled[1:], strict=True) if label in answers
        ]
        if others:
            every = [mine.preds, *(_joined(found[0], run, mine, theirs) for run, theirs in others)]
            rows = [row for row in zip(*every, strict=True) if any(pred.answer != row[0].answer for pred in row)]
            ways = "/".join(dict.fromkeys([mine.by, *(theirs.by for _, theirs in others)]))
            yield Disagreement(
                label, ways, (found[0].name, *(run.name for run, _ in others)), tuple(rows), len(mine.preds)
            )


def _labelled(runs: Sequence[Opened]) -> list[dict[str, _Answers]]:
    """Return the answers of each run by task, and by prompt where some run answered it under several."""
    several = {name for run in runs for name, count in Counter(one.task for one in run.answers).items() if count > 1}
    return [{_label(one, several): one for one in run.answers} for run in runs]


def _joined(one: Opened, two: Opened, a: _Answers, b: _Answers) -> list[Prediction]:
    """Return the second run's answers in the order of the first's. Raise ``UsageError`` if they are of other rows."""
    digests = all(pred.row for pred in (*a.preds, *b.preds))
    (mine, theirs) = (_keys(preds, digests) for preds in (a.preds, b.preds))
    answered = dict(zip(theirs, b.preds, strict=True))
    shared = [key for key in mine if key in answered]
    wrong = sum(pred.gold != answered[key].gold for key, pred in zip(mine, a.preds, strict=True) if key in answered)
    if not len(shared) == len(a.preds) == len(b.preds) or wrong:
        other = f"; {wrong:,} of these have another gold answer" if wrong else ""
        raise UsageError(
            f"the runs answered other rows of {a.task}: {len(a.preds):,} and {len(b.preds):,}, "
            f"{len(shared):,} of them the same{other}",
            where=f"{one.folder} {two.folder}", fix="Evaluate both on the same data and limit.",
        )  # fmt: skip
    return [answered[key] for key in shared]


def _keys(preds: Sequence[Prediction], digests: bool) -> list[tuple[str, int]]:
    """Return what a row is known by: its digest or uid, and how often that was there before."""
    seen: Counter[str] = Counter()
    keys = []
    for pred in preds:
        name = pred.row if digests else pred.uid
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def _over_seeds(runs: Sequence[Opened], entries: Sequence[Entry], scores: Sequence[Standing]) -> list[OverSeeds]:
    """Return how scores and averages spread over the seeds of runs that differ in no more."""
    averages = [(one.run, "average", f"of {len(one.averaged)}", "write", one.average)
                for one in entries if one.average is not None]  # fmt: skip
    of_tasks = [(one.run, one.task, one.metric, one.by, one.value) for one in scores]
    return over_seeds(same_but_for_the_seed({run.name: run.folder for run in runs}), [*of_tasks, *averages])


def _entry(run: Opened) -> Entry:
    """Return a run as a line of the line-up."""
    average = run.report.get("average") or {}
    cost = run.report.get("cost", {})
    return Entry(
        run=run.name, source=run.report.get("source", ""), average=average.get("value"),
        averaged=tuple(average.get("tasks", ())), **{name: cost.get(name) for name in COSTS},
    )  # fmt: skip


def _standings(run: Opened, labelled: Mapping[str, _Answers]) -> Iterator[Standing]:
    """Yield every score of a run: as its report has it, or measured from the answers where it has none."""
    for label, answers in labelled.items():
        for metric in answers.of.metrics:
            row = run.row(answers, metric)
            if row is None:
                preds = answers.preds
                groups = [pred.group for pred in preds] if preds[0].group else None
                of = measure(metric, [pred.gold for pred in preds], answers_for(metric, preds), groups=groups)
                row = {"value": of.value, "low": of.low, "high": of.high}
            n = len(answers.preds)
            yield Standing(run.name, label, metric, row["value"], row["low"], row["high"], n, answers.by)


def _notes(runs: Sequence[Opened], split: str) -> Iterator[str]:
    """Yield what a reader should know."""
    if any(run.report.get("source") == "sample" for run in runs):
        yield "SAMPLE DATA: scores on the bundled sample say nothing about the data sets"
    for run in runs:
        if not run.report:
            yield f"{run.name} has no report of split {split}: neither its costs nor where its rows came from are known"
    averaged = {tuple(sorted((run.report.get("average") or {}).get("tasks", ()))) for run in runs}
    if len(averaged) > 1:
        yield "the averages are over different tasks"
    for text in dict.fromkeys(text for run in runs for text in run.texts):
        signatures = [run.texts.get(text, {}).get("signature") for run in runs]
        said = [_fields(signature) for signature in signatures if signature]
        odd = [name for name in (said or [{}])[0] if any(other.get(name) != said[0][name] for other in said)]
        if set(odd) - VOCABULARY:
            yield f"{text}: losses are not of one text and question, they differ in {', '.join(odd)}"
        elif "tokenizer" in odd:
            yield f"{text}: the vocabularies differ, so compare bits a byte"


def _fields(signature: str) -> dict[str, str]:
    """Return the fields of a signature."""
    return {name: value for name, _, value in (field.partition(":") for field in signature.split("|"))}


# -- tables ----------------------------------------------------------------------------------------------------------


def run_rows(found: Comparison) -> list[dict[str, str]]:
    """Return the line-up as text cells, a row a run; the number of a run is what the other tables call it."""
    return [
        {
            "#": str(number),
            "run": run.run,
            "average": "–" if run.average is None else f"{run.average:.2f} of {len(run.averaged)}",
            "parameters": _count(run.parameters),
            "train s": _count(run.train_seconds),
            "tokens": _count(run.train_tokens),
            "ex/s": _count(run.examples_per_second),
            "MB": _count(run.peak_memory_mb),
        }
        for number, run in enumerate(found.runs, 1)
    ]


def _count(value: float | None) -> str:
    """Return a number in few characters; three digits are enough to compare costs."""
    if value is None:
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scale = 1e3 if unit == "k" else size
            return f"{value / scale:.{max(0, 2 - int(math.log10(value / scale)))}f}{unit}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _chance(p: float) -> str:
    """Return a p value; none is 0."""
    return "<.001" if p < 0.001 else f"{p:.3f}"


def score_blocks(found: Comparison, *, width: int = 100) -> list[list[dict[str, str]]]:
    """Return the scores as text cells: a row a task and metric, a column a run (by number), with its interval.

    Several blocks of runs where all are too wide for ``width`` characters. A star marks answers not written freely.
    """
    numbers = {run.run: str(number) for number, run in enumerate(found.runs, 1)}
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for one in found.scores:
        row = cells.setdefault((one.task, one.metric), {"task": one.task, "metric": one.metric, "n": f"{one.n:,}"})
        star = "" if one.by == "write" else "*"
        row[numbers[one.run]] = f"{one.value:.1f}{star} [{one.low:.1f}, {one.high:.1f}]"
    rows = list(cells.values())
    if not rows:
        return []
    fixed = sum(max(len(name), *(len(row[name]) for row in rows)) + 2 for name in ("task", "metric", "n"))
    widest = max(len(cell) for row in rows for name, cell in row.items() if name in numbers.values()) + 2
    most = max(1, (width + 2 - fixed) // widest)  # nothing stands behind the last
    columns = list(numbers.values())
    return [
        [{**{k: row[k] for k in ("task", "metric", "n")}, **{k: row.get(k, "–") for k in columns[at : at + most]}}
         for row in rows]
        for at in range(0, len(columns), most)
    ]  # fmt: skip


def text_rows(found: Comparison) -> list[dict[str, str]]:
    """Return the losses on plain text as text cells, a row a text and run."""
    numbers = {run.run: str(number) for number, run in enumerate(found.runs, 1)}
    rows = held_out_table({"held_out": dict(enumerate(found.texts))})
    cells = [{"text": one["text"], "run": numbers[one["run"]], **{k: row[k] for k in row if k != "text"}}
             for one, row in zip(found.texts, rows, strict=True)]  # fmt: skip
    return sorted(cells, key=lambda row: row["text"])


def difference_rows(found: Comparison) -> list[dict[str, str]]:
    """Return the differences to the first run as text cells, a row a run, task and metric."""
    numbers = {run.run: str(number) for number, run in enumerate(found.runs, 1)}
    return [
        {
            "run": numbers[one.run] + ("*" if one.by != "write" else ""),
            "task": one.task,
            "metric": one.metric,
            "difference": f"{one.difference:+.2f}",
            "interval": f"[{one.low:+.1f}, {one.high:+.1f}]",
            "p": _chance(one.p),
            "Holm": _chance(one.holm),
            "MDE": "–" if one.detectable is None else f"{one.detectable:.1f}",
            "disagree": f"{one.disagree:,}",
        }
        for one in found.differences
    ]


def average_rows(found: Comparison) -> list[dict[str, str]]:
    """Return the differences of averages to the first run as text cells, a row a run."""
    numbers = {run.run: str(number) for number, run in enumerate(found.runs, 1)}
    return [
        {"run": numbers[one.run], "over tasks": str(one.tasks), "difference": f"{one.difference:+.2f}",
         "interval": f"[{one.low:+.2f}, {one.high:+.2f}]"}
        for one in found.overall
    ]  # fmt: skip


def seed_rows(found: Comparison) -> list[dict[str, str]]:
    """Return the spreads over seeds as text cells, a row a group of runs, task and metric."""
    numbers = {run.run: str(number) for number, run in enumerate(found.runs, 1)}
    return [
        {"runs": " ".join(numbers[run] for run in one.runs), "task": one.task,
         "metric": one.metric + ("" if one.by == "write" else "*"), "mean": f"{one.mean:.2f}",
         "lowest": f"{one.low:.2f}", "highest": f"{one.high:.2f}", "sd": f"{one.sd:.2f}"}
        for one in found.seeds
    ]  # fmt: skip

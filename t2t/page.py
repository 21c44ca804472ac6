"""report.html: one page that loads nothing, with plots and a browser of the answers.

Floor 6. Made from a run folder's files: report.json, metrics.jsonl, env.json and the first ``MOST_ROWS`` predictions of
each set; no more of them is read. All that a model or a data set wrote is escaped, and the content-security policy
allows the page's own script and style (by their hashes) and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from t2t import plots
from t2t.calibration import probabilities
from t2t.errors import T2TError, visible
from t2t.faults import faults, not_looked_for
from t2t.predict import Answers, file_name, prediction_files, read_predictions, tabulated, way_of
from t2t.runs import read_json
from t2t.tasks import task
from t2t.types import Prediction

__all__ = ["MOST_CHARS", "MOST_ROWS", "html", "read_metrics", "rendered", "row_of"]

MOST_ROWS = 10_000  # of a set
MOST_CHARS = 48_000_000  # of all sets together
LONGEST = {"input": 2000, "answer": 1000, "other": 200}  # characters of a text
MOST_POINTS = 400  # of a curve
RIGHT, UNPARSED, REPAIRED, HIDDEN, DIFFERENT = 1, 2, 4, 8, 16  # hidden: the gold answer of a test split

Curves = dict[str, list[tuple[int, float]]]
Said = dict[tuple[str, str], tuple[Any, str]]  # of a row under a prompt: what was read, and what was written


def html(report: dict[str, Any], folder: Path, tables: Mapping[str, Any]) -> str:
    """Return report.html of a run folder; ``tables`` are the parts of the page that report.md has too."""
    blocks, answered = _answers(folder, report)
    curves = read_metrics(folder / "metrics.jsonl")
    found = {**report, "answered": answered} if answered else report
    return rendered(
        "report.html.jinja", blocks,
        r=report, **tables, bars=_bars(report), faults=faults(found), unknown=not_looked_for(found),
        confusions=[_confusion(one) for one in answered if "confusion" in one],
        calibrations=[{**one, "plot": plots.reliability(one["calibration"]["curve"])}
                      for one in answered if "calibration" in one],
        lengths={name: plots.histogram(one) for name, one in report.get("lengths", {}).items()},
        cut={name: one.get("inputs_cut", 0) for name, one in report.get("texts", {}).items()},
        loss=plots.line(curves["loss"], log=True) if len(curves.get("loss", ())) > 1 else None,
        curves={name: plots.line(points, wide=300, high=140) for name, points in curves.items()
                if name != "loss" and len(points) > 1},
        command=_command(folder, report), made=_environment(folder),
    )  # fmt: skip


def rendered(template: str, blocks: Sequence[Mapping[str, Any]], **values: Any) -> str:
    """Return a page that needs no other file: escaped, under a policy that allows its own style and script alone.

    ``blocks`` are the sets of rows of its browser (page.js), each with ``set`` and ``by``.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("t2t", "."),
        autoescape=True,
        finalize=lambda v: visible(v, len(v)) if isinstance(v, str) and not isinstance(v, Markup) else v,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((files("t2t") / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return environment.get_template(template).render(
        **values, blocks=[(Markup(_as_script(block)), block) for block in blocks],
        style=Markup(style), script=Markup(script), style_hash=_hash(style), script_hash=_hash(script),
    )  # fmt: skip


def _hash(text: str) -> str:
    """Return the source of a content-security policy that allows this text alone."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}"


def _as_script(data: Any) -> str:
    """Return JSON that may stand in a script element: nothing in it ends the element or opens another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


# -- answers -----------------------------------------------------------------------------------------------------------


def _answers(folder: Path, report: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the block of each set for the browser, and the counts of all answers.

    A report of a later evaluation stands beside its predictions. A report of old has no counts: they are made here of
    sets that are shown whole.
    """
    paths = prediction_files(folder, report["split"])
    known = {(file_name(one["set"]), one["by"]): one for one in report.get("answered", ())}
    blocks, counted = [], []
    ways = Counter(way_of(path)[0] for path in paths)
    said_in = _said([path for path in paths if ways[way_of(path)[0]] > 1])
    for path in paths:
        stem, by = way_of(path)
        preds = read_predictions(path)
        first, more = list(islice(preds, MOST_ROWS)), next(preds, None) is not None
        if not first:
            continue
        name, said = first[0].task, known.get((stem, by))
        if "answered" not in report and not more:
            answers = Answers()
            answers.add(first)
            said = tabulated(f"{name}@{first[0].prompt}" if "@" in stem else name, by, answers, _choices(name, first))
            counted.append(said)
        labels = (said or {}).get("labels") or ()
        shown = said["set"] if said else name
        others = {way: texts for way, texts in said_in.get(stem, {}).items() if way != by}
        blocks.append(_block(shown, by, first, labels, others, budget=MOST_CHARS // len(paths), more=more))
    return blocks, list(report.get("answered", counted))


def _said(paths: Sequence[Path]) -> dict[str, dict[str, Said]]:
    """Return of sets that were answered in several ways what was read and written in each, by row."""
    found: dict[str, dict[str, Said]] = {}
    for path in paths:
        stem, by = way_of(path)
        said = {(pred.uid, pred.prompt): (pred.answer, visible(pred.text, LONGEST["other"]))
                for pred in islice(read_predictions(path), MOST_ROWS)}  # fmt: skip
        found.setdefault(stem, {})[by] = said
    return found


def _choices(name: str, preds: Sequence[Prediction]) -> Sequence[str]:
    """Return the choices of a task whose answers are choices, the same for every row; empty where it is not known."""
    try:
        prompt = task(name).prompts.get(preds[0].prompt)
        fixed = prompt and task(name).answer == "choice" and not prompt.per_row and prompt.format != "referent"
    except T2TError:
        return ()
    return prompt.choices if prompt and fixed else ()


def _block(
    name: str,
    by: str,
    preds: Sequence[Prediction],
    labels: Sequence[str],
    others: Mapping[str, Said],
    *,
    budget: int,
    more: bool,
) -> dict[str, Any]:
    """Return a set for the browser: its rows, and what was left out of them."""
    rows: list[list[Any]] = []
    cut = chars = 0
    for pred in preds:
        row = row_of(pred, labels, others)
        rows.append(row)
        cut += len(pred.input) > LONGEST["input"] or max(len(pred.text), len(pred.target)) > LONGEST["answer"]
        chars += sum(len(cell) for cell in (*row[:4], *row[10])) + 8 * len(row[8])
        if chars > budget:
            break
    left = len(rows) < len(preds) or more
    bounds = [f"The first {len(rows):,} answers of more are here."] if left else []
    if cut:
        bounds.append(f"Longer texts are cut in {cut:,} of them: prompts at {LONGEST['input']:,} characters, answers "
                      f"at {LONGEST['answer']:,}.")  # fmt: skip
    kinds = sorted({tag.removeprefix("B-").removeprefix("I-") for row in rows for tag in row[9] or ()} - {"O", ""})
    gold = preds[0].gold
    kind = "tags" if kinds else "text" if isinstance(gold, (list, tuple)) else "choice" if labels else "number"
    return {"set": visible(name), "by": by, "kind": kind, "kinds": kinds, "bounds": " ".join(bounds), "rows": rows}


def row_of(pred: Prediction, labels: Sequence[str] = (), others: Mapping[str, Said] | None = None) -> list[Any]:
    """Return an answer as the browser's script takes it: texts with control characters made visible, and flags."""
    tagged = len(pred.words) > 0
    hidden = pred.gold is None
    right = not hidden and _right(pred)
    key = pred.uid, pred.prompt
    different = {
        way: said[key][1] for way, said in (others or {}).items() if key in said and said[key][0] != pred.answer
    }
    sure = None if pred.choice_nats is None else round(max(probabilities(pred.choice_nats)), 4)
    return [
        visible(pred.uid), visible(pred.input, LONGEST["input"]), visible(pred.text, LONGEST["answer"]),
        visible(pred.target, LONGEST["answer"]), _parsed(pred, labels),
        RIGHT * right | UNPARSED * pred.unparsed | REPAIRED * bool(pred.repairs) | HIDDEN * hidden
        | DIFFERENT * bool(different), sure,
        ", ".join(f"{visible(kind)} {count}" for kind, count in pred.repairs.items()),
        [visible(word, 60) for word in pred.words],
        [visible(tag, 60) for tag in pred.gold] if tagged and not hidden else None,
        [f"{way}: {text}" for way, text in different.items()],
    ]  # fmt: skip


def _right(pred: Prediction) -> bool:
    """Whether an answer is the gold one, as it is read or as it is written; one of the references, for texts."""
    if pred.unparsed:
        return False
    among = isinstance(pred.gold, (list, tuple)) and pred.answer in pred.gold
    return among or pred.answer == pred.gold or pred.text == pred.target


def _parsed(pred: Prediction, labels: Sequence[str]) -> Any:
    """Return what was read from an answer: tags as a list, all else as text; None where that is the text itself."""
    if isinstance(pred.answer, (list, tuple)):
        return (
            [visible(tag, 60) for tag in pred.answer] if pred.words else visible(" ".join(map(str, pred.answer)), 1000)
        )
    if isinstance(pred.answer, int) and pred.answer < len(labels):
        return visible(labels[pred.answer])
    return None if pred.answer is None or isinstance(pred.answer, str) else visible(pred.answer)


# -- numbers -----------------------------------------------------------------------------------------------------------


def read_metrics(path: Path) -> Curves:
    """Return the loss, scores and held-out losses by step from metrics.jsonl; a curve has at most ``MOST_POINTS``.

    The steps of the loss that make one point are averaged. Half a line, of a run that was killed, is left out.
    """
    curves: dict[str, _Curve] = {}
    for line in _lines(path):
        values = {"loss": line["loss"]} if "loss" in line else dict(line.get("scores", {}))
        held = line.get("held_out", {})
        values |= {f"{name}, nats a token": one["nats_per_token"] for name, one in held.items()}
        for name, value in values.items():
            curves.setdefault(name, _Curve()).add(line["step"], value)
    return {name: curve.points() for name, curve in curves.items()}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file that are JSON objects."""
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    values = json.loads(line)
                    if isinstance(values, dict) and "step" in values:
                        yield values


class _Curve:
    """Points of which neighbours are averaged whenever they grow too many."""

    def __init__(self) -> None:
        self._sums: list[tuple[int, float, int]] = []  # last step, sum of values, how many
        self._each = 1

    def add(self, step: int, value: float) -> None:
        """Add a point."""
        if self._sums and self._sums[-1][2] < self._each:
            self._sums[-1] = (step, self._sums[-1][1] + value, self._sums[-1][2] + 1)
        else:
            self._sums.append((step, value, 1))
        if len(self._sums) > MOST_POINTS:
            pairs = zip(self._sums[::2], [*self._sums[1::2], (0, 0.0, 0)], strict=False)
            self._sums = [(max(a[0], b[0]), a[1] + b[1], a[2] + b[2]) for a, b in pairs]
            self._each *= 2

    def points(self) -> list[tuple[int, float]]:
        """Return (step, mean value)."""
        return [(step, total / count) for step, total, count in self._sums]


def _bars(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores as positions in percent of the bar's width, negative values at 0."""
    base = {(b["task"], b["metric"]): b["value"] for b in report.get("baselines", ())}
    place: Callable[[float], float] = lambda value: round(min(max(value, 0.0), 100.0), 2)  # noqa: E731
    bars = []
    for row in report["rows"]:
        low, high, majority = place(row["low"]), place(row["high"]), base.get((row["task"], row["metric"]))
        mark = None if majority is None else place(majority)
        bars.append({"value": place(row["value"]), "low": low, "width": round(high - low, 2), "mark": mark})
    return bars


def _confusion(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers by gold answer with a shade for each, by its share of the line; without empty columns."""
    unparsed = any(line[-1] for line in one["confusion"])
    lines = []
    for i, counts in enumerate(one["confusion"]):
        total = sum(counts) or 1
        cells = counts if unparsed else counts[:-1]
        shades = [
            (count, 0 if not count else max(1, round(8 * count / total)), i == j) for j, count in enumerate(cells)
        ]
        lines.append((one["labels"][i], sum(counts), shades))
    return {"set": one["set"], "by": one["by"], "n": one["n"], "lines": lines,
            "columns": [*one["labels"], *(["unparsed"] if unparsed else [])]}  # fmt: skip


def _command(folder: Path, report: Mapping[str, Any]) -> str:
    """Return the command that made what the report is of: that of the run, or of a later evaluation; or nothing."""
    words = read_json(folder / "env.json").get("command") or report.get("command")
    name = Path(words[0]).name if words else ""
    return shlex.join(["t2t" if name == "cli.py" else name, *words[1:]]) if words else ""


def _environment(folder: Path) -> dict[str, str]:
    """Return what a run was made with, as texts."""
    found = read_json(folder / "env.json")
    packages = found.get("packages", {})
    names = ("started", "git_commit", "python", "platform", "device", "ranks", "threads")
    said = {name.replace("_", " "): str(found[name]) for name in names if found.get(name) is not None}
    said |= {name: str(version) for name, version in packages.items() if version}
    return said | {f"data of {name}": digest[:12] for name, digest in found.get("data", {}).items()}

"""Fill the figures of a model card from run folders: ``README.md`` of ``t2t-mini``.

How to run::

    python data/models/card.py --card README.md --run RUN [--run RUN ...] [--glue RUN] [--glue-fresh RUN]

The runs are those of ``t2t pretrain`` in the order they were made, each going on from the weights of the one before.
What stands between ``<!-- NAME -->`` and ``<!-- /NAME -->`` is written anew, the rest of the card is left as it is:
filling twice changes nothing. The names are ``weights``, ``commands``, ``cost``, ``curve``, ``glue``. A run that
has not ended gives what it has measured so far.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROWS = 24  # of the curve
OPTIONS = (
    "mix", "task", "max_input", "batch_tokens", "optimizer", "learning_rate", "schedule", "warmup_steps", "steps",
    "epochs", "minutes", "eval_every", "save_every", "precision", "by", "seed",
)  # fmt: skip
LEFT_OUT = ("model", "out", "fresh", "corpus", "log_every", "keep")  # said otherwise, or of no effect on the weights


@dataclass(frozen=True)
class Point:
    """A measurement: steps, tokens and seconds so far, what was held out by corpus, and the number of the run."""

    step: int
    tokens: int
    seconds: float
    held: dict[str, dict[str, float]]
    run: int = 1


@dataclass(frozen=True)
class Stretch:
    """A run: its measurements in order, and its end (what was held out may be empty there)."""

    points: list[Point]
    end: Point


def read_run(run: Path) -> Stretch:
    """Read ``metrics.jsonl`` and, once the run has ended, ``report.json``."""
    tokens, points, end = {0: 0}, {}, Point(0, 0, 0.0, {})
    for text in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # the last line of a run that is being written
            continue
        step = line.get("step", 0)
        if "tokens" in line:
            tokens[step] = line["tokens"]
            end = Point(step, line["tokens"], line["seconds"], {})
        if "held_out" in line:
            seen = max(s for s in tokens if s <= step)
            points[step] = Point(step, tokens[seen], line["seconds"], line["held_out"])
    if (run / "report.json").is_file():
        report = json.loads((run / "report.json").read_text(encoding="utf-8"))
        cost = report["cost"]
        end = Point(report["steps"], cost["train_tokens"], cost["train_seconds"], report.get("held_out", {}))
        if end.held:
            points[end.step] = end
    return Stretch([points[step] for step in sorted(points)], end)


def joined(stretches: list[Stretch]) -> Stretch:
    """Return several runs as one: each begins where the one before ended."""
    points: list[Point] = []
    at = Point(0, 0, 0.0, {})
    for number, one in enumerate(stretches, 1):
        points += [_after(at, point, number) for point in one.points]
        at = _after(at, one.end, number)
    return Stretch(points, at)


def _after(at: Point, point: Point, run: int) -> Point:
    return Point(at.step + point.step, at.tokens + point.tokens, at.seconds + point.seconds, point.held, run)


def weights(folder: Path) -> str:
    """Return what the card says of the weights that are, or are not, in its folder."""
    file = folder / "model.safetensors"
    if not file.is_file():
        return "There are no weights in this directory: they are random, drawn from a seed when it is loaded."
    return (
        f"The weights (`{file.name}`, bf16, {file.stat().st_size / 1e6:.1f} MB) come from span corruption on plain text"
        "\nalone. It has learned no task: train it on yours."
    )


def curve(stretch: Stretch) -> str:
    """Return the held-out loss by tokens: a table of at most ``ROWS`` lines, the first and last among them."""
    points = stretch.points
    if not points:
        return "Nothing was held out."
    places = sorted({round(i * (len(points) - 1) / max(1, ROWS - 1)) for i in range(ROWS)})
    corpora = list(points[-1].held)
    heads = [f"{name.rsplit('/', 1)[-1]}: {what}" for name in corpora for what in ("nats a token", "bits a byte")]
    lines = [_line("run", "steps", "tokens (M)", "hours", *heads), _line(*["---"] * (4 + len(heads)))]
    for point in (points[i] for i in places):
        held = [point.held.get(name, {}) for name in corpora]
        values = [
            f"{one[key]:.3f}" if key in one else "–" for one in held for key in ("nats_per_token", "bits_per_byte")
        ]
        spent = f"{point.tokens / 1e6:.1f}", f"{point.seconds / 3600:.2f}"
        lines.append(_line(f"{point.run}", f"{point.step:,}", *spent, *values))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def cost(runs: list[Path], stretches: list[Stretch]) -> str:
    """Return what each run took, and all of them."""
    lines = [
        _line("run", "optimiser", "learning rate", "schedule", "warm-up", "steps", "tokens", "hours"),
        _line(*["---"] * 8),
    ]
    for number, (run, one) in enumerate(zip(runs, stretches, strict=True), 1):
        of = _settings(run)
        lines.append(_line(str(number), of["optimizer"], f"{of['learning_rate']:g}", of["schedule"],
                           f"{of['warmup_steps']:,}", *_took(one.end)))  # fmt: skip
    end = joined(stretches).end
    lines.append(_line("all", "", "", "", "", *_took(end)))
    return "\n".join(lines)


def _took(end: Point) -> tuple[str, str, str]:
    return f"{end.step:,}", f"{end.tokens:,}", f"{end.seconds / 3600:.2f}"


def _settings(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((run / "run.yaml").read_text(encoding="utf-8"))
    return found


def commands(runs: list[Path]) -> str:
    """Return the command of each run, with neutral names of folders, and the one that bundles the last."""
    lines = []
    for number, run in enumerate(runs, 1):
        settings = _settings(run)
        words = ["T2T_HUB=DIR t2t pretrain", *(f"--corpus {name}" for name in settings["corpus"])]
        words.append(f"--model runs/mini-{number - 1}" if number > 1 else "--fresh")
        lines.append(" ".join([*words, *_unusual(settings), f"--out runs/mini-{number}"]))
    before = "".join(f" --before runs/mini-{number}" for number in range(1, len(runs)))
    lines.append(f"python data/models/make_t2t_mini.py --weights runs/mini-{len(runs)}{before}")
    return "\n".join(["```sh", *lines, "```"])


def _unusual(settings: dict[str, Any]) -> list[str]:
    """Return every setting that is not the default as words of a command."""
    from t2t.config import Config

    usual, words = Config().as_dict(), []
    for name, value in settings.items():
        if name in LEFT_OUT or name not in usual or value == usual[name]:
            continue
        value = ",".join(map(str, value)) if isinstance(value, list) else value
        words.append(f"--{name.replace('_', '-')} {value}" if name in OPTIONS else f"--set {name}={value}")
    return words


def glue_table(run: Path, fresh: Path | None = None) -> str:
    """Return the scores of a run on GLUE beside those of the same run from random weights and of the majority."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    other = json.loads((fresh / "report.json").read_text(encoding="utf-8")) if fresh else {"rows": []}
    random = {(row["task"], row["metric"]): row for row in other["rows"] if row["by"] == "write"}
    majority = {(row["task"], row["metric"]): row["value"] for row in report.get("baselines", ())}
    lines = [
        _line(
            "task",
            "metric",
            "pretrained",
            "95 % interval",
            "random weights",
            "95 % interval",
            "majority",
            "n",
            "unparsed",
        ),
        _line(*["---"] * 9),
    ]
    for row in report["rows"]:
        if row["by"] != "write":
            continue
        key = (row["task"], row["metric"])
        lines.append(_line(
            *key, *_scored(row), *(_scored(random[key]) if key in random else ("–", "–")),
            f"{majority[key]:.2f}" if key in majority else "–", f"{row['n']:,}", f"{row['unparsed']:.1f} %",
        ))  # fmt: skip
    lines += ["", f"Average {_averaged(report)} over {len(report['average']['tasks'])} tasks"]
    if other.get("average"):
        lines[-1] += f", from random weights {_averaged(other)}{_paired(run, fresh)}"
    took = report["cost"]
    lines[-1] += (
        f"; {report['steps']:,} steps, {took['train_tokens']:,} tokens in {took['train_seconds']:,.0f} s of training."
    )
    if report["source"] == "sample":
        lines[-1] += " SAMPLE DATA: these are not GLUE scores."
    said = [_train(run)] + ([f"{_train(fresh)} --fresh"] if fresh else [])
    return "\n".join(["```sh", *said, "```", "", *lines])


def _scored(row: dict[str, Any]) -> tuple[str, str]:
    return f"{row['value']:.2f}", f"[{row['low']:.1f}, {row['high']:.1f}]"


def _averaged(report: dict[str, Any]) -> str:
    """Return the average with half its 95 % interval."""
    from t2t.metrics import average_margin

    written = [row for row in report["rows"] if row["by"] == "write"]
    margin = average_margin((row["task"], row["low"], row["high"]) for row in written)
    return f"{report['average']['value']:.2f} ± {margin:.2f}"


def _paired(run: Path, fresh: Path | None) -> str:
    """Return the difference of the averages, made of the differences row by row; empty without the answers."""
    if fresh is None or not all((one / "eval").is_dir() for one in (run, fresh)):
        return ""
    from t2t.compare import compare

    return "".join(f" (row by row {one.difference:+.2f} [{one.low:+.2f}, {one.high:+.2f}])"
                   for one in compare([fresh, run]).overall)  # fmt: skip


def _train(run: Path) -> str:
    return " ".join(["T2T_HUB=DIR t2t train --model t2t-mini", *_unusual(_settings(run))])


def fill(text: str, sections: dict[str, str]) -> str:
    """Return the card with each section written between its marks. Raise ``ValueError`` where marks are missing."""
    for name, body in sections.items():
        found = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        text, count = found.subn(lambda m, body=body: f"{m[1]}{body}\n{m[2]}", text)
        if count != 1:
            raise ValueError(f"the card has the marks of {name} {count} times, expected once")
    return text


def fill_file(card: Path, runs: list[Path], *, glue: Path | None = None, fresh: Path | None = None) -> None:
    """Fill a card from the runs of the pretraining and, where given, from those on GLUE."""
    stretches = [read_run(run) for run in runs]
    sections = {
        "weights": weights(card.parent), "commands": commands(runs), "cost": cost(runs, stretches),
        "curve": curve(joined(stretches)),
    }  # fmt: skip
    if glue:
        sections["glue"] = glue_table(glue, fresh)
    card.write_text(fill(card.read_text(encoding="utf-8"), sections), encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Fill the card that is named."""
    parser = argparse.ArgumentParser(description="Fill the figures of a model card from run folders.")
    parser.add_argument("--card", type=Path, default=Path(__file__).resolve().parent / "t2t-mini" / "README.md")
    parser.add_argument("--run", type=Path, action="append", required=True, help="repeatable, in order")
    parser.add_argument("--glue", type=Path, help="a run on GLUE from these weights")
    parser.add_argument("--glue-fresh", type=Path, help="the same run from random weights")
    options = parser.parse_args(arguments)
    fill_file(options.card, options.run, glue=options.glue, fresh=options.glue_fresh)


if __name__ == "__main__":
    main()

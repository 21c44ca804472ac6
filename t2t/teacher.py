"""What a teacher says of the rows that a student learns from: asked once, kept in the run folder, put in place.

Floor 5. `ask` has the teacher answer every training row and writes ``teacher/``; `taught` puts the answers where the
labels stood, each time a run is prepared, so that a run that is resumed asks nobody again. Where choices are ranked the
student learns the scores (Hinton et al. 2015), if its family can; everywhere else it learns the answer as if it were
the label (sequence-level distillation: Kim and Rush 2016, section 3.2). Choices go by their place, so that teacher and
student may read a task under prompts of other words.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _write(Path(folder), "toy/x", [Said("toy/x:train:0", 1, (-2.5, -0.25)), Said("toy/x:train:1", None)])
...     [one.answer for one in _read(Path(folder), "toy/x")]
[1, None]
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from t2t import models, runs, sets
from t2t.apply import answerable, options, settings_of
from t2t.config import Config
from t2t.errors import CheckpointError, UsageError
from t2t.examples import Examples
from t2t.models import Model
from t2t.predict import Answers, answer, file_name, score
from t2t.sets import Sets
from t2t.tagging import UNTAGGED
from t2t.types import Prediction

__all__ = ["FOLDER", "Said", "ask", "digest", "seconds", "taught"]

FOLDER = "teacher"  # in the run folder
REFERENT = "a referent is read by its label, so a teacher's cannot be told"


@dataclass(frozen=True, slots=True)
class Said:
    """A teacher's answer to a row, in the answer form's own terms (None: unreadable), and its nats of each choice."""

    uid: str
    answer: Any
    nats: tuple[float, ...] = ()


# -- asking ------------------------------------------------------------------------------------------------------------


def ask(teacher: str, config: Config, folder: Path, *, watch: Any) -> None:
    """Have a run or a model answer every training row of ``config``, under its own prompts, and write its answers.

    Raise ``UsageError`` for a task that it cannot answer; in a mix such a task is left out.
    """
    own = settings_of(teacher, {
        "mix": config.mix, "task": config.task, "source": config.source, "train_limit": config.train_limit,
        "seed": config.seed, "eval_limit": 1, "rates": config.rates, "cap": config.cap, "split": config.split,
        "temperature": config.temperature,
    })  # fmt: skip
    place = models.find(own.model, own.family)
    found = replace(sets.load(own, preferred=models.PREFERRED.get(place.family, ())), score={})
    model = models.build(place, options(own))
    asked = answerable(model, replace(found, train={}, score=found.train), own).score
    model.prepare(asked, training=False)
    why = {egs.task.name: REFERENT for egs in asked.values() if _referent(egs)}
    if why and not config.mix:
        raise UsageError(REFERENT, where=next(iter(why)), fix="Leave the task out.")
    started, told = time.monotonic(), {}
    with watch.task("the teacher answers", sum(egs.size for egs in asked.values())) as tick:
        for name, egs in asked.items():
            if name not in why:
                alone = egs.under(egs.prompts[0])
                by, answers, learned = "rank" if egs.ranked else "write", Answers(), []
                for pred in answer(model, alone, of=egs.task, by=by, tick=tick):
                    answers.add([pred])
                    learned.append(_said(egs, pred))
                _write(folder, name, learned)
                scores = score(alone, answers, by=by)
                told[name] = {"prompt": alone.prompt_name, "scores": {s.metric: round(s.value, 2) for s in scores}}
    if not told:
        raise UsageError("the teacher can answer none of the tasks", where=teacher, fix="See `t2t ls mixes`.")
    seconds = round(time.monotonic() - started, 1)
    runs.write_json(folder / FOLDER / "teacher.json", {"teacher": teacher, "seconds": seconds, "tasks": told})


def _referent(egs: Examples) -> bool:
    return egs.task.answer == "choice" and not egs.ranked


def _said(egs: Examples, pred: Prediction) -> Said:
    """Return what can be learned of an answer: no blank text, no word without a tag, a whole number as it was written.

    A number that the teacher wrote without a point has none in the student's target either.
    """
    answer, kind = pred.answer, egs.task.answer
    blank = kind == "text" and not pred.text.strip()
    if blank or (egs.task.words and UNTAGGED in (answer or ())):
        answer = None
    elif kind == "number" and answer is not None and "." not in pred.text:
        answer = int(answer)
    return Said(pred.uid, answer, pred.choice_nats or ())


def _file(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{file_name(name)}.jsonl"


def _write(folder: Path, name: str, said: Sequence[Said]) -> None:
    lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in said)
    runs.write_text(_file(folder, name), "".join(lines))


def _read(folder: Path, name: str) -> list[Said]:
    """Return the answers to a task; nothing where there are none."""
    path = _file(folder, name)
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    raw = [json.loads(line) for line in lines if line]
    return [Said(one["uid"], one["answer"], tuple(one["nats"])) for one in raw]


# -- learning ----------------------------------------------------------------------------------------------------------


def taught(found: Sets, config: Config, folder: Path, model: Model) -> Sets:
    """Return the sets with the teacher's answers in place of the labels of training rows.

    Rows whose answers could not be read are left out and counted in the notes, and so are tasks of a mix of which there
    are no answers. Raise ``UsageError`` if the teacher was not asked, ``CheckpointError`` if it was asked other rows.
    """
    about = runs.read_json(folder / FOLDER / "teacher.json")
    if not about:
        raise UsageError("the teacher has not answered", where=str(folder), fix="Start the run with `t2t distill`.")
    names = {name: egs.task.name for name, egs in found.train.items()}
    lacking = [names[name] for name, egs in found.train.items() if name not in about["tasks"] or _referent(egs)]
    if lacking and not config.mix:
        raise UsageError("there is nothing of a teacher to learn", where=lacking[0], fix="Leave the task out.")
    left = found.without(lacking) if lacking else found
    notes = [f"{name} is left out: there is nothing of a teacher to learn" for name in lacking]
    train = {}
    for name, egs in left.train.items():
        said = _read(folder, name)
        if [one.uid for one in said] != [eg.uid for eg in egs.under(egs.prompts[0])]:
            raise CheckpointError("the teacher answered other rows", where=str(_file(folder, name)),
                                  fix="Give the same --source, or distil anew.", code="D18")  # fmt: skip
        train[name], note = _put(egs, said, softly=model.soft)
        of = ", ".join(f"{metric} {value:g}" for metric, value in about["tasks"][name]["scores"].items())
        notes.append(f"{name}: taught by {about['teacher']} ({of} on these rows): {note}")
    return replace(left, train=train, notes=[*left.notes, *notes])


def _put(egs: Examples, said: Sequence[Said], *, softly: bool) -> tuple[Examples, str]:
    """Return the rows that have an answer, with their answers, and what is to be said of it."""
    read = [place for place, one in enumerate(said) if one.answer is not None]
    if not read:
        raise UsageError("none of the teacher's answers could be read", where=egs.task.name, fix="Choose another.")
    lost = f"; {len(said) - len(read):,} left out, whose answers could not be read" if len(read) < len(said) else ""
    if softly and all(said[place].nats for place in read):
        return egs.at(read, taught=[said[place].nats for place in read]), f"scores of {len(read):,} rows{lost}"
    return egs.at(read, golds=[said[place].answer for place in read]), f"answers to {len(read):,} rows{lost}"


def digest(folder: Path) -> str:
    """Return the sha256 of all that the teacher said."""
    files = sorted((folder / FOLDER).glob("*.jsonl"))
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def seconds(folder: Path) -> float:
    """Return how long the teacher took to answer."""
    return float(runs.read_json(folder / FOLDER / "teacher.json").get("seconds", 0.0))

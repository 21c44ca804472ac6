"""GLUE's submission: the answers to the test splits as eleven TSV files in a zip.

Floor 6. Each file has the columns ``index`` (the row's ``idx``, which in GLUE's test splits is its place from 0 on) and
``prediction``: the label's word for inference, 0 or 1 for other classes, a number from 0 to 5 for STS-B
(https://gluebenchmark.com/faq; the same files in Keras's GLUE example and in jiant's submission formatter).
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from t2t.errors import DataError, UsageError, visible
from t2t.predict import file_name, read_predictions
from t2t.runs import write_bytes

__all__ = ["FILES", "UNPARSED", "Exported", "File", "export"]

INFERENCE = ("entailment", "neutral", "contradiction")
ENTAILED = ("entailment", "not_entailment")
UNPARSED = ("refuse", "majority", "first")


class File(NamedTuple):
    """A file of the submission: its task, how many rows the test split has, what the classes are called.

    Without names the answer is a number.
    """

    task: str
    rows: int
    names: tuple[str, ...] = ("0", "1")


FILES = {
    "CoLA": File("glue/cola", 1063),
    "SST-2": File("glue/sst2", 1821),
    "MRPC": File("glue/mrpc", 1725),
    "STS-B": File("glue/stsb", 1379, ()),
    "QQP": File("glue/qqp", 390965),
    "MNLI-m": File("glue/mnli", 9796, INFERENCE),
    "MNLI-mm": File("glue/mnli_mismatched", 9847, INFERENCE),
    "QNLI": File("glue/qnli", 5463, ENTAILED),
    "RTE": File("glue/rte", 3000, ENTAILED),
    "WNLI": File("glue/wnli", 146),
    "AX": File("glue/ax", 1104, INFERENCE),
}


class Exported(NamedTuple):
    """What was written: the files, those that GLUE asks for and are missing, and the unparsed answers by file."""

    files: tuple[str, ...]
    missing: tuple[str, ...]
    unparsed: dict[str, int]


def export(folder: Path, target: Path, *, by: str = "write", unparsed: str = "refuse") -> Exported:
    """Write the test predictions of a run, or of an evaluation, as GLUE's zip.

    ``by`` is how they were answered; ``unparsed`` what stands for an answer that could not be read: the most frequent
    answer of its task (for STS-B the median), or the first class (for STS-B 0). Raise ``UsageError`` where there
    are none or some are unparsed and may not be, ``DataError`` where they are not GLUE's rows.
    """
    if unparsed not in UNPARSED:
        raise UsageError(f'unparsed: expected {" | ".join(UNPARSED)}, got "{visible(unparsed)}"', code="C01")
    answers: dict[str, list[Any]] = {}
    for name, file in FILES.items():
        kind = "" if by == "write" else f".{by}"
        path = folder / "eval" / "test" / f"{file_name(file.task)}{kind}.predictions.jsonl"
        if path.is_file():
            answers[name] = _answers(path, file)
    if not answers:
        raise UsageError(
            f"there are no GLUE predictions of the test split, answered by {by}", where=str(folder),
            fix="Make them: `t2t eval RUN --mix glue-with-wnli --split test`.", code="C01",
        )  # fmt: skip
    left = {name: count for name, some in answers.items() if (count := sum(one is None for one in some))}
    if left and unparsed == "refuse":
        said = ", ".join(f"{name} {count:,} of {len(answers[name]):,}" for name, count in left.items())
        raise UsageError(f"answers could not be read: {said}", where=str(folder),
                         fix="Answer with --by rank, or say what stands for them: --unparsed majority | first.",
                         code="C01")  # fmt: skip
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, some in answers.items():
            whole.writestr(f"{name}.tsv", _tsv(some, FILES[name], unparsed))
    write_bytes(target, data.getvalue())
    return Exported(tuple(answers), tuple(name for name in FILES if name not in answers), left)


def _answers(path: Path, file: File) -> list[Any]:
    """Return the answers in the order of the rows. Raise ``DataError`` unless there is one to each."""
    found: dict[int, Any] = {}
    for pred in read_predictions(path):
        found[int(pred.uid.rpartition(":")[2])] = pred.answer
    if sorted(found) != list(range(file.rows)):
        raise DataError(
            f"answers to {len(found):,} rows, GLUE's test split of {file.task} has {file.rows:,}", where=str(path),
            fix="Answer GLUE's own rows, all of them: no --limit, no sample.", code="D04",
        )  # fmt: skip
    return [found[place] for place in range(file.rows)]


def _tsv(answers: Sequence[Any], file: File, unparsed: str) -> str:
    """Return the lines of a file; what could not be read is what ``unparsed`` says."""
    read = sorted(one for one in answers if one is not None)
    if unparsed == "first" or not read:
        stand_in = 0
    elif file.names:
        counts = Counter(read)
        stand_in = max(counts, key=counts.__getitem__)
    else:
        stand_in = read[len(read) // 2]
    lines = ["index\tprediction"]
    for place, answer in enumerate(answers):
        value = stand_in if answer is None else answer
        said = file.names[value] if file.names else f"{min(max(value, 0.0), 5.0):.3f}"
        lines.append(f"{place}\t{said}")
    return "\n".join(lines) + "\n"

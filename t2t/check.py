"""Looking at data before training: every row rendered, every text encoded, every choice audited.

Floor 5. What `t2t check` does with tasks; a fault of a row is an error that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t2t.paths import models_folder
from t2t.sets import examples
from t2t.sources import SplitMissing
from t2t.tokens import Tally, Tokens, load_tokenizer
from t2t.types import Task

__all__ = ["check_data"]


def check_data(
    tasks: Sequence[Task], *, source: str, model: str, max_input: int, max_target: int, watch: Any
) -> list[dict[str, Any]]:
    """Read every row of every split of ``tasks`` with a model's vocabulary; return one line a split.

    Lengths are tokens. Raise ``DataError`` for the first row that is not as its task file says.
    """
    folder = models_folder() / model
    tokens = Tokens(
        load_tokenizer(str(folder if folder.is_dir() else model)), max_input=max_input, max_target=max_target
    )
    lines = []
    for task in tasks:
        warnings = tokens.audit(task.name, task.prompt)
        for split in task.source.splits or task.source.files or ("train",):
            try:
                egs = examples(task, split, source, labelled=split != "test")
            except SplitMissing as error:
                lines.append(_line(task.name, split, Tally(), [str(error)]))
                continue
            tokens.tallies.pop(task.name, None)
            tokens.forget()
            with watch.task(f"{task.name} {split}", len(egs)) as tick:
                for start in range(0, len(egs), 1024):
                    part = egs[start : start + 1024]
                    tokens.encode(part)
                    tick(len(part))
            tally = tokens.tallies[task.name]
            origin = egs.rows.origin.kind  # type: ignore[attr-defined]
            notes = ["SAMPLE DATA"] if origin == "sample" else []
            lines.append(_line(task.name, split, tally, [*notes, *warnings, *tally.warnings(task.name)]))
    return lines


def _line(task: str, split: str, tally: Tally, said: Sequence[str]) -> dict[str, Any]:
    return {
        "task": task,
        "split": split,
        "examples": tally.examples,
        "longest_input": tally.longest_input,
        "longest_target": tally.longest_target,
        "inputs_cut": tally.inputs_cut,
        "unknown": tally.unknown_input_tokens + tally.unknown_target_tokens,
        "said": "; ".join(said),
    }

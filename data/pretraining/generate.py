"""Write the bundled sample of texts to pretrain on: original plain text in one column.

    python data/pretraining/generate.py            rewrite every file
    python data/pretraining/generate.py --check    exit 1 if a file is not what this would write

The texts are the stories and abstracts of ``summarization/stories.py``, made from other seeds and without any summary.
Worked example: the story ``library`` gives its six sentences, one after the other, as one text. No text stands in two
splits.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "summarization"), str(HERE.parent)]

import stories  # noqa: E402
from generated import jsonl, write_or_check  # noqa: E402

SEED = 7
ROWS = {"train": 160, "validation": 40}


def texts(rng: Random, rows: int) -> list[str]:
    """Return different texts: sentences of stories and abstracts in turn."""
    found: dict[str, None] = {}
    while len(found) < rows:
        made = rng.choice([*stories.STORIES, *stories.ABSTRACTS])(rng)
        found[" ".join(made.sentences)] = None
    return list(found)


def files() -> dict[Path, bytes]:
    """Return every file of the sample."""
    drawn = texts(Random(SEED), sum(ROWS.values()))
    parts = {"train": drawn[: ROWS["train"]], "validation": drawn[ROWS["train"] :]}
    return {HERE / "plain" / f"{split}.jsonl": jsonl({"text": one} for one in some) for split, some in parts.items()}


if __name__ == "__main__":
    sys.exit(write_or_check(HERE, files()))

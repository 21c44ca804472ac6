"""What training has seen of what is scored: the same columns, whatever the wording, the label and the task."""

from __future__ import annotations

from t2t.seen import Seen
from t2t.types import Example, Piece


def eg(uid: str, *texts: str, prompt: str = "say: ", gold: int | None = 0) -> Example:
    pieces = [part for text in texts for part in (Piece(prompt), Piece(text, "column"))]
    return Example(uid, uid.split(":")[0], "p", tuple(pieces), "no", choices=("no", "yes"), gold=gold)


def test_rows_are_leaked_whatever_the_prompt_the_order_and_the_label() -> None:
    score = [eg("a/b:v:0", "one", "two"), eg("a/b:v:1", "one", "three"), eg("a/b:v:2", "one", "two")]
    seen = Seen({"a/b": score, "a/c": [eg("a/c:v:0", "new")]})
    seen.add("a/b", [eg("a/b:train:0", "two", "one", prompt="tell: ", gold=1), eg("a/b:train:1", "one")])
    assert seen.leaked() == {"a/b": [2, 3], "a/c": [0, 1]}


def test_texts_are_the_same_as_those_that_t2t_check_finds() -> None:
    score = [eg("a/b:v:0", "The  Café", "a"), eg("a/b:v:1", "Café", "the a")]
    seen = Seen({"a/b": score})
    seen.add(
        "a/b", [eg("a/b:train:0", "A", "the cafe\u0301 ")]
    )  # sorted as they stand, "a" would be the last there, first here
    assert seen.leaked() == {"a/b": [1, 2]}


def test_labels_that_no_row_has_count_nothing() -> None:
    seen = Seen({})
    for gold in (1, 1, 0):
        seen.add("a/b", [eg("a/b:train:0", "x", gold=gold)], ("no", "yes", "perhaps"))
    seen.add("a/text", [eg("a/text:train:0", "x")])
    for name in ("a/b", "a/c"):  # rows without labels, as a teacher gives scores for
        seen.add(name, [eg(f"{name}:train:1", "x", gold=None)], ("no", "yes", "perhaps"))
    assert seen.labels == {"a/b": {"no": 1, "yes": 2, "perhaps": 0}} and seen.leaked() == {}

"""Texts laid out for encoders: one text, a pair, a row a choice, or words, in the tokenizer's own frame.

Floor 4, below the families that read a whole text at once. Where the wording of a prompt only labels the columns
("premise: … hypothesis: …") the texts of its one or two columns go in, two of them as a pair; else the whole input as
one text; for tags and spans the words. `ApartTokens` lays each of two texts out alone. Column texts over the limit are
cut, the longest first, and counted.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from t2t.errors import DataError, ModelError
from t2t.memo import Memo
from t2t.template import allot
from t2t.tokens import Tally, Tokens
from t2t.types import Example, Piece, Prompt

__all__ = ["ApartTokens", "EncoderTally", "EncoderTokens", "Frame", "Laid", "column_texts", "digest", "weight"]


V = TypeVar("V")


@dataclass(slots=True)
class EncoderTally(Tally):
    """What happened to the texts of one task; ``words_cut`` are words beyond the limit, which could not be tagged."""

    words_cut: int = 0

    def warnings(self, task: str) -> list[str]:
        """Return one line for each thing a user should know about."""
        cut = [f"{task}: words beyond the limit, which count as missed ({self.words_cut})"] if self.words_cut else []
        return Tally.warnings(self, task) + cut


class Laid(NamedTuple):
    """An example as rows of ids: one, or one a choice. ``starts`` are the positions of its words' first tokens."""

    rows: tuple[np.ndarray, ...]
    kinds: tuple[np.ndarray, ...]  # token types
    starts: np.ndarray
    cut: bool = False  # the input was over the limit and was shortened

    @property
    def size(self) -> int:
        """How many tokens it has, padded to its longest row."""
        return len(self.rows) * max(map(len, self.rows))


class Frame(NamedTuple):
    """The special tokens around one or two texts, and the token types that go with them."""

    ids: tuple[tuple[int, ...], ...]  # before, between and after the texts
    kinds: tuple[tuple[int, ...], ...]
    own: tuple[int, ...]  # the token type of each text

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return sum(map(len, self.ids))

    def around(self, texts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids and token types of the texts in their frame."""
        ids: list[Any] = [self.ids[0]]
        kinds: list[Any] = [self.kinds[0]]
        for i, text in enumerate(texts):
            ids += [text, self.ids[i + 1]]
            kinds += [np.full(len(text), self.own[i]), self.kinds[i + 1]]
        return np.concatenate(ids).astype(np.int32), np.concatenate(kinds).astype(np.int32)


# Wording that only labels a column: "sentence1:".
_LABEL = re.compile(r"\s*(\w+:)?\s*")


class EncoderTokens(Tokens):
    """A tokenizer that lays examples out for an encoder. ``max_input`` counts special tokens."""

    def __init__(self, tokenizer: Any, *, max_input: int) -> None:
        self.tokenizer = tokenizer
        self.max_input, self.max_target = max_input, 0
        self.tallies: dict[str, Tally] = {}
        self.unk = tokenizer.unk_token_id
        self.pad = tokenizer.pad_token_id or 0
        self._control = set(tokenizer.all_special_ids) - {self.unk}
        self._control_strings = [s for s in tokenizer.all_special_tokens if len(s) > 1]
        self._laid = Memo[tuple[str, int], Laid](weight)
        self._words: dict[str, np.ndarray] = {}
        self._alone, self._pair = self._frame_of("a"), self._frame_of("a", "b")
        # Byte-level vocabularies spell a word in mid-sentence with its space.
        self._space = " " if "".join(tokenizer.tokenize(" a")).startswith("Ġ") else ""

    def _frame_of(self, *texts: str) -> Frame:
        """Return what the tokenizer puts around texts, found by the place of their own ids in what it returns."""
        whole = self.tokenizer(*texts, return_token_type_ids=True)
        ids, kinds = whole["input_ids"], whole["token_type_ids"]
        around, types, own, at = [], [], [], 0
        for text in texts:
            inner = self.ids([text])[0].tolist()
            start = next((i for i in range(at, len(ids)) if ids[i : i + len(inner)] == inner), -1)
            if not inner or start < 0:
                raise ModelError("the tokenizer spells a text otherwise in a frame", where=self.tokenizer.name_or_path,
                                 code="M05")  # fmt: skip
            around.append(tuple(ids[at:start]))
            types.append(tuple(kinds[at:start]))
            own.append(kinds[start])
            at = start + len(inner)
        return Frame((*around, tuple(ids[at:])), (*types, tuple(kinds[at:])), tuple(own))

    def ids(self, texts: Sequence[str], *, target: bool = False, sentinels: bool = False) -> list[np.ndarray]:
        """Return the ids of each text without special tokens, none of which is ever taken from the text itself."""
        rows = self._plain(texts)
        for i, ids in enumerate(rows):
            # Some vocabularies hold their control strings as pieces: "</s>" would be the end of the text.
            if self._control.intersection(ids.tolist()):
                ids = self._plain([self._spell(texts[i])])[0]
                rows[i] = ids[~np.isin(ids, list(self._control))]
        return rows

    def _plain(self, texts: Sequence[str]) -> list[np.ndarray]:
        if not texts:
            return []
        out = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True, truncation=False,
                             padding=False, verbose=False)  # fmt: skip
        return [np.asarray(ids, dtype=np.int32) for ids in out["input_ids"]]

    def lay_out(self, egs: Sequence[Example], pairs: Sequence[bool]) -> list[Laid]:
        """Return ``egs`` as rows of ids, remembered by uid and text; ``pairs``: whether choices are laid out too."""
        keys = [(eg.uid, digest(eg)) for eg in egs]
        named = dict(zip(keys, egs, strict=True))
        paired = {id(eg): pair for eg, pair in zip(egs, pairs, strict=True)}

        def make(eg: Example) -> Laid:
            before = self._tally(eg.task).inputs_cut
            return self._count(eg, self._lay_out(eg, paired[id(eg)]), before)

        return self._laid.get(keys, lambda new, again: self._once([named[key] for key in new], again, make))

    def forget(self) -> None:
        """Drop the remembered ids (the tallies stay)."""
        self._laid.clear()
        self._words.clear()

    def _tally(self, task: str) -> EncoderTally:
        tally = self.tallies.setdefault(task, EncoderTally())
        assert isinstance(tally, EncoderTally)
        return tally

    def _once(self, egs: Sequence[Example], again: Sequence[bool], make: Callable[[Example], V]) -> list[V]:
        """Make something of each example; what is made again, the memo having dropped it, is not counted again."""
        made = []
        for eg, seen in zip(egs, again, strict=True):
            before = copy.copy(self.tallies.get(eg.task)) if seen else None
            made.append(make(eg))
            if before:
                self.tallies[eg.task] = before
        return made

    def _count(self, eg: Example, laid: Laid, before: int) -> Laid:
        """Count a laid out example, and say whether it was cut: ``before`` is how many had been."""
        tally = self._tally(eg.task)
        tally.examples += 1
        tally.empty_columns += sum(piece.column is not None and not piece.text.strip() for piece in eg.pieces)
        tally.control_strings += self._controls(eg.input)
        tally.input_tokens += sum(map(len, laid.rows))
        tally.longest_input = max(tally.longest_input, *map(len, laid.rows))
        tally.unknown_input_tokens += sum(int((row == self.unk).sum()) for row in laid.rows)
        return laid._replace(cut=tally.inputs_cut > before)

    def _lay_out(self, eg: Example, pairs: bool) -> Laid:
        if eg.words:
            return self._tagged(eg)
        texts = column_texts(eg)
        if pairs:
            return self._with_choices(eg, texts[0] if len(texts) == 1 else None)
        if len(texts) == 2:
            return _laid([self._pair.around(self._cut(eg, self.ids(texts), self.max_input - self._pair.size))])
        room = self.max_input - self._alone.size
        ids = self._cut(eg, self.ids(texts), room) if texts else [self._whole(eg, room)]
        return _laid([self._alone.around(ids)])

    def _cut(self, eg: Example, ids: Sequence[np.ndarray], room: int) -> list[np.ndarray]:
        """Return texts cut to ``room`` tokens together, the longest first."""
        shares = allot([len(one) for one in ids], room)
        if sum(shares) < sum(map(len, ids)):
            self._tally(eg.task).inputs_cut += 1
        return [one[:share] for one, share in zip(ids, shares, strict=True)]

    def _whole(self, eg: Example, room: int) -> np.ndarray:
        """Return the whole input as one text of at most ``room`` tokens: its wording stays, its columns are cut."""
        ids = self.ids([eg.input])[0]
        if len(ids) <= room:
            return ids
        self._tally(eg.task).inputs_cut += 1
        smaller = copy.copy(self)
        smaller.max_input = room
        return self.ids(["".join(piece.text for piece in smaller.shorten(eg))])[0]

    def _with_choices(self, eg: Example, text: str | None) -> Laid:
        """Return a row for each choice: the input, cut so that the longest choice fits, and the choice."""
        choices = self.ids(eg.choices)
        room = self.max_input - self._pair.size - max(map(len, choices))
        if room < 1:
            raise DataError(f"a choice alone is over the limit of {self.max_input} tokens", where=eg.where,
                            fix="Raise --max-input.")  # fmt: skip
        ids = self._whole(eg, room) if text is None else self._cut(eg, self.ids([text]), room)[0]
        return _laid([self._pair.around([ids, choice]) for choice in choices])

    def _tagged(self, eg: Example) -> Laid:
        """Return the words in one row, each with at least one token; those beyond the limit are left out."""
        room = self.max_input - self._alone.size
        new = [word for word in dict.fromkeys(eg.words) if word not in self._words]
        self._words.update(zip(new, self.ids([self._space + word for word in new]), strict=True))
        nothing = np.array([self.pad if self.unk is None else self.unk], dtype=np.int32)
        words = [ids if len(ids) else nothing for ids in (self._words[word] for word in eg.words)]
        starts = np.cumsum([0, *map(len, words)])
        if starts[-1] > room:
            tally = self._tally(eg.task)
            tally.inputs_cut += 1
            tally.words_cut += int((starts[:-1] >= room).sum())
        row = self._alone.around([np.concatenate(words)[:room]])
        kept = starts[:-1][starts[:-1] < room] + len(self._alone.ids[0])
        return _laid([row])._replace(starts=kept)

    def audit(self, task: str, prompt: Prompt, targets: Sequence[str] = ()) -> list[str]:
        """Return no warnings: answers are not spelt by the vocabulary."""
        return []


class ApartTokens(EncoderTokens):
    """A tokenizer that lays the one or two texts of an example out each alone: a row a text.

    ``max_input`` counts the tokens of each; ``prefix`` stands before each.
    """

    def __init__(self, tokenizer: Any, *, max_input: int, prefix: str = "") -> None:
        super().__init__(tokenizer, max_input=max_input)
        self.prefix = prefix

    def _lay_out(self, eg: Example, pairs: bool) -> Laid:
        room, texts = self.max_input - self._alone.size, column_texts(eg)
        if not texts:
            whole = replace(eg, pieces=(Piece(self.prefix), *eg.pieces))
            return _laid([self._alone.around([self._whole(whole, room)])])
        rows = self.ids([self.prefix + text for text in texts])
        self._tally(eg.task).inputs_cut += any(len(row) > room for row in rows)
        return _laid([self._alone.around([row[:room]]) for row in rows])


def _laid(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> Laid:
    return Laid(tuple(ids for ids, _ in rows), tuple(kinds for _, kinds in rows), np.zeros(0, dtype=np.int64))


def weight(laid: Laid) -> int:
    """Return the bytes of its arrays."""
    return laid.starts.nbytes + sum(array.nbytes for array in (*laid.rows, *laid.kinds))


def column_texts(eg: Example) -> list[str]:
    """Return the texts of one or two columns where the wording only labels them; else nothing: all of it matters."""
    columns = [piece.text for piece in eg.pieces if piece.column is not None]
    labelled = all(_LABEL.fullmatch(piece.text) for piece in eg.pieces if piece.column is None)
    return columns if labelled and 1 <= len(columns) <= 2 else []


def digest(eg: Example) -> int:
    """Return a number that stands for all of an example that goes into the model."""
    return hash((eg.pieces, eg.choices, eg.words))

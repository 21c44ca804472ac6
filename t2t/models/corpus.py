"""Texts as what an encoder is pretrained on: windows, pairs of segments, and the tokens to predict.

Floor 4, below the family that is pretrained. What is drawn of a text is a pure function of the seed, the visit (the
step of the run) and the text's uid: the same on any number of ranks, in any batch, and in a run that was resumed.

A text over the limit is not cut: a window of it is drawn anew at each visit. A pair is a window parted at any token
but the ends, so that both segments together are as long as a single text would be. The negatives of next sentence
prediction are of other texts of the same set, from a random token on.

Shapes: L tokens of a text, S positions of a row.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from t2t import masking
from t2t.errors import DataError, ModelError
from t2t.memo import Memo
from t2t.models.layout import EncoderTokens, digest
from t2t.tokens import Tally
from t2t.types import Example

__all__ = ["Corpus", "CorpusTally", "CorpusTokens", "Document", "Drawn"]

PAIRS = ("nsp", "sop")


class Document(NamedTuple):
    """The ids of a whole text (L), and the number of each token's word where words are asked for."""

    ids: np.ndarray
    words: np.ndarray


class Drawn(NamedTuple):
    """What is drawn of a text at one visit: a row of S positions.

    ``labels`` are the tokens predicted, `masking.LABEL_NONE` elsewhere; ``special`` says which positions are no text;
    ``second`` is 1 where the second segment is of another text, or stands before the first; ``units`` are the tokens
    that are to be predicted.
    """

    ids: np.ndarray
    kinds: np.ndarray
    labels: np.ndarray
    special: np.ndarray
    second: int
    units: int
    rng: np.random.Generator


@dataclass(slots=True)
class CorpusTally(Tally):
    """What happened to the texts of one task; ``windows`` are those of which only a window is seen at a time."""

    windows: int = 0

    def warnings(self, task: str) -> list[str]:
        """Return one line for each thing a user should know about."""
        said = f"{task}: texts over the limit, of which a window is drawn at each visit ({self.windows})"
        return Tally.warnings(self, task) + ([said] if self.windows else [])


class CorpusTokens(EncoderTokens):
    """A tokenizer that keeps whole texts; with ``words`` it knows which tokens are of one word.

    Raise ``ModelError`` where words are asked for and the tokenizer does not tell them.
    """

    def __init__(self, tokenizer: Any, *, max_input: int, words: bool = False) -> None:
        super().__init__(tokenizer, max_input=max_input)
        if words and not tokenizer.is_fast:
            raise ModelError("the tokenizer does not tell words", where=str(tokenizer.name_or_path),
                             fix="Use the objective mlm.", code="M05")  # fmt: skip
        self.told, self.single, self.pair = words, self._alone, self._pair
        self._documents = Memo[tuple[str, int], Document](lambda one: one.ids.nbytes + one.words.nbytes)
        special = [i for i in tokenizer.all_special_ids if i < len(tokenizer)]
        self.vocabulary = np.setdiff1d(np.arange(len(tokenizer), dtype=np.int32), special)

    def documents(self, egs: Sequence[Example]) -> list[Document]:
        """Return the ids of whole texts, remembered by uid and text."""
        keys = [(eg.uid, digest(eg)) for eg in egs]
        named = dict(zip(keys, egs, strict=True))

        def read(new: Sequence[tuple[str, int]], again: Sequence[bool]) -> list[Document]:
            some = [named[key] for key in new]
            texts = [eg.input for eg in some]
            read = map(self._with_words, texts) if self.told else (Document(ids, ids[:0]) for ids in self.ids(texts))
            return self._once(some, again, lambda eg: self._counted(eg, next(read)))

        return self._documents.get(keys, read)

    def _with_words(self, text: str) -> Document:
        """Return ids and words of a text; a control string in it is spelt out, as `ids` does it."""
        ids = words = np.zeros(0, np.int32)
        for said in (text, self._spell(text)):
            out = self.tokenizer(said, add_special_tokens=False, split_special_tokens=True, verbose=False)
            ids, words = np.asarray(out["input_ids"], np.int32), np.asarray(out.word_ids(), np.int32)
            if not self._control.intersection(ids.tolist()):
                break
        kept = ~np.isin(ids, list(self._control))
        return Document(ids[kept], words[kept])

    def _counted(self, eg: Example, document: Document) -> Document:
        tally = self.tallies.setdefault(eg.task, CorpusTally())
        assert isinstance(tally, CorpusTally)
        tally.examples += 1
        tally.control_strings += self._controls(eg.input)
        tally.input_tokens += len(document.ids)
        tally.longest_input = max(tally.longest_input, len(document.ids))
        tally.unknown_input_tokens += int((document.ids == self.unk).sum())
        tally.windows += len(document.ids) > self.max_input - self.single.size
        return document

    def forget(self) -> None:
        """Drop the remembered ids (the tallies stay)."""
        super().forget()
        self._documents.clear()


class Corpus:
    """Texts of sets under one objective. ``others`` are the sets, from which negatives are drawn, by task and split."""

    def __init__(self, objective: str, tokens: CorpusTokens, seed: int) -> None:
        self.objective, self.tokens, self.seed = objective, tokens, seed
        self.others: dict[str, Sequence[Example]] = {}
        self._frame = tokens.pair if objective in PAIRS else tokens.single
        self._room = tokens.max_input - self._frame.size

    def add(self, sets: Mapping[str, Any]) -> None:
        """Take sets in. Raise ``DataError`` where one holds no other text to draw negatives from."""
        for egs in sets.values():
            if self.objective == "nsp" and len(egs) < 2:
                raise DataError("one text alone has no other to draw a second segment from", where=egs.task.name,
                                fix="Give more texts.", code="D04")  # fmt: skip
            self.others[f"{egs.task.name}:{egs.split}"] = egs

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return the positions of each text and how many of its tokens are predicted: the same at every visit."""
        return [(n + self._frame.size, self._units(n)) for n in map(self._length, egs, self.tokens.documents(egs))]

    def _length(self, eg: Example, document: Document) -> int:
        """Return how many tokens of a text are seen at a time. Raise ``DataError`` if they are too few."""
        fewest = 2 if self.objective in PAIRS else 1
        if len(document.ids) < fewest:
            raise DataError(f"the text has {len(document.ids)} tokens, the objective {self.objective} needs {fewest}",
                            where=eg.where, fix="Drop the row.", code="P02")  # fmt: skip
        return min(len(document.ids), self._room)

    def _units(self, length: int) -> int:
        return max(1, length // 6) if self.objective == "plm" else masking.count(length)

    def draw(self, eg: Example, visit: int) -> Drawn:
        """Return what is seen of a text at a visit, and what is to be predicted of it."""
        rng = np.random.default_rng([self.seed, visit, zlib.crc32(eg.uid.encode())])
        (document,) = self.tokens.documents([eg])
        length = self._length(eg, document)
        cut = masking.window(len(document.ids), length, rng)
        ids_L, second = document.ids[cut], 0
        parted = [int(rng.integers(1, length))] if self.objective in PAIRS else []
        if parted and (second := int(rng.integers(2))):
            (at,) = parted
            if self.objective == "nsp":
                ids_L = np.concatenate([ids_L[:at], self._elsewhere(eg, length - at, rng)])
            else:
                ids_L, parted = np.concatenate([ids_L[at:], ids_L[:at]]), [length - at]
        chosen_L = self._chosen(document.words[cut], length, rng)
        # Negative numbers stand for the text until the frame is around it: no special token has one.
        ids_S, kinds_S = self._frame.around(np.split(-1 - np.arange(length), parted))
        text_S = ids_S < 0
        labels_S = np.full(len(ids_S), masking.LABEL_NONE)
        labels_S[text_S] = np.where(chosen_L, ids_L, masking.LABEL_NONE)
        ids_S[text_S] = self._hidden(ids_L, chosen_L, rng)
        return Drawn(ids_S, kinds_S, labels_S, ~text_S, second, self._units(length), rng)

    def _chosen(self, words_L: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
        """Return which tokens are predicted."""
        if self.objective == "plm":
            return masking.choose_spans(length, rng)
        if self.objective == "mlm_whole_word":
            return masking.choose_words(words_L, self._units(length), rng)
        return masking.choose(length, self._units(length), rng)

    def _hidden(self, ids_L: np.ndarray, chosen_L: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the tokens as the model sees them. ELECTRA's generator sees no random ones, but 85 % masks."""
        if self.objective == "plm":
            return ids_L
        masked, random = (0.85, 0.0) if self.objective == "rtd" else (0.8, 0.1)
        return masking.hide(ids_L, chosen_L, rng, mask=self.tokens.tokenizer.mask_token_id,
                            vocabulary=self.tokens.vocabulary, masked=masked, random=random)  # fmt: skip

    def _elsewhere(self, eg: Example, length: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``length`` tokens of another text from a random one on; the texts after it fill up what lacks."""
        others = self.others[eg.uid.rsplit(":", 1)[0]]
        at, found = int(rng.integers(len(others))), np.zeros(0, np.int32)
        while len(found) < length:
            if others[at].uid != eg.uid:
                (document,) = self.tokens.documents([others[at]])
                start = 0 if len(found) else int(rng.integers(max(len(document.ids), 1)))
                found = np.concatenate([found, document.ids[start:]])
            at = (at + 1) % len(others)
        return found[:length]

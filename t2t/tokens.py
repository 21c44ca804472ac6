"""Hugging Face tokenizers behind one face: encode, shorten, decode, and count what goes wrong.

Floor 3. Text of a data set never becomes a control token; inputs over the limit are shortened in their column text
only (longest column first); targets are never cut in evaluation, and in training only if allowed. Everything cut,
unknown or defused is counted by task, and `audit` looks for labels the vocabulary cannot say before training starts.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from t2t.errors import DataError, ModelError, UsageError, visible
from t2t.memo import Memo
from t2t.tagging import FORMATS
from t2t.template import MASK, allot
from t2t.types import Example, Piece, Prompt

__all__ = ["Encoded", "Tally", "Tokens", "check_embedding", "load_tokenizer"]


_SENTINEL = re.compile(r"<extra_id_(\d+)>")
_NONE = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Ids of one example with their end-of-sequence tokens; ``target`` is empty where there is none.

    ``cut``: the input was over the limit and was shortened.
    """

    source: np.ndarray
    target: np.ndarray
    cut: bool = False


@dataclass(slots=True)
class Tally:
    """What happened to the texts of one task while they were encoded."""

    examples: int = 0
    input_tokens: int = 0
    target_tokens: int = 0
    longest_input: int = 0
    longest_target: int = 0
    inputs_cut: int = 0
    targets_cut: int = 0
    empty_columns: int = 0
    unknown_input_tokens: int = 0
    unknown_target_tokens: int = 0
    control_strings: int = 0
    answers_unfinished: int = 0

    def warnings(self, task: str) -> list[str]:
        """Return one line for each thing a user should know about."""
        said = [
            (self.inputs_cut, f"inputs shortened to the limit ({self.inputs_cut} of {self.examples})"),
            (self.targets_cut, f"training targets cut to the limit ({self.targets_cut} of {self.examples})"),
            (self.empty_columns, f"empty column texts ({self.empty_columns})"),
            (self.unknown_input_tokens, f"unknown tokens in inputs ({self.unknown_input_tokens})"),
            (self.unknown_target_tokens, f"unknown tokens in targets ({self.unknown_target_tokens})"),
            (self.control_strings, f"control strings in the text, encoded as plain text ({self.control_strings})"),
            (self.answers_unfinished, f"answers that had not ended at the limit ({self.answers_unfinished})"),
        ]
        return [f"{task}: {line}" for count, line in said if count]

    def asdict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def load_tokenizer(folder: str, **kwargs: Any) -> Any:
    """Load the tokenizer of a local directory or a hub id; no code of it is ever run.

    Raise ``ModelError`` naming the directory and what is missing.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **kwargs)
    except Exception as error:
        raise ModelError(
            f"no usable tokenizer: {visible(error)}",
            where=str(folder),
            fix="Put the tokenizer's files there.",
            code="M05",
        ) from None
    # Without its files transformers makes some tokenizers up, with their special tokens and hardly a piece besides.
    if len(tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens)) < 10:
        raise ModelError(
            "no usable tokenizer: it has no vocabulary",
            where=str(folder),
            fix="Put the tokenizer's files there.",
            code="M05",
        )
    return tokenizer


def check_embedding(tokenizer: Any, net: Any, folder: object) -> None:
    """Raise ``ModelError`` for a tokenizer with ids that the embedding does not have: it has a row each, or more."""
    ids, rows = len(tokenizer), net.get_input_embeddings().num_embeddings
    if ids > rows:
        raise ModelError(f"the tokenizer has {ids} ids, the embedding {rows} rows", where=str(folder), code="M05",
                         fix="Give a tokenizer and weights that belong together.")  # fmt: skip


class Tokens:
    """A tokenizer with limits in tokens, and the tally of what it did.

    ``max_input`` and ``max_target`` count the end-of-sequence token. ``lead`` are ids that stand before every input of
    an example, beside that limit. ``stretches`` are sets of examples that stand for stretches of a corpus, by the part
    of their uids before the place (`t2t.stretches`): each encodes its own.
    """

    lead: tuple[int, ...] = ()
    _control_string: re.Pattern[str] | None = None

    def __init__(self, tokenizer: Any, *, max_input: int = 512, max_target: int = 128) -> None:
        self.tokenizer = tokenizer
        self.max_input, self.max_target = max_input, max_target
        self.tallies: dict[str, Tally] = {}
        self.stretches: dict[str, Any] = {}
        self._memo = Memo[tuple[str, int, bool | None], Encoded](lambda e: e.source.nbytes + e.target.nbytes)
        self.pad, self.eos, self.unk = tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id
        if self.pad is None or self.eos is None:
            raise ModelError(
                "the tokenizer has no padding or no end-of-sequence token", where=str(tokenizer.name_or_path),
                fix="Name them in tokenizer_config.json.", code="M05",
            )  # fmt: skip
        self._control = set(tokenizer.all_special_ids) - {self.unk}
        frame = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.cls_token_id)
        self._frame = {*frame, tokenizer.sep_token_id} - {None, self.unk}
        self._control_strings = [s for s in tokenizer.all_special_tokens if len(s) > 1]

    # -- encoding ------------------------------------------------------------------------------------------------

    def encode(self, egs: Sequence[Example], *, cut_targets: bool | None = None) -> list[Encoded]:
        """Return the ids of ``egs``, remembered by uid and text (a uid alone may be of another file's row).

        ``cut_targets``: None keeps targets whole (evaluation); False raises ``DataError`` on one over the limit, True
        cuts it (training).
        """
        if self.stretches:
            return self._with_stretches(egs, cut_targets)
        return self._encoded(egs, cut_targets)

    def _with_stretches(self, egs: Sequence[Example], cut_targets: bool | None) -> list[Encoded]:
        """Encode examples of which some stand for stretches of a corpus, set by set."""
        out: dict[int, Encoded] = {}
        sets = [eg.uid.rpartition(":")[0] for eg in egs]
        for name in dict.fromkeys(sets):
            where = [i for i, own in enumerate(sets) if own == name]
            some, corpus = [egs[i] for i in where], self.stretches.get(name)
            out |= zip(where, corpus.encode(some) if corpus else self._encoded(some, cut_targets), strict=True)
        return [out[i] for i in range(len(egs))]

    def _encoded(self, egs: Sequence[Example], cut_targets: bool | None) -> list[Encoded]:
        keys = [(eg.uid, hash((eg.pieces, eg.target)), cut_targets) for eg in egs]
        named = dict(zip(keys, egs, strict=True))
        return self._memo.get(keys, lambda new, again: self._encode([named[k] for k in new], cut_targets, again))

    def forget(self) -> None:
        """Drop the remembered ids (the tallies stay)."""
        self._memo.clear()

    def _encode(self, egs: list[Example], cut_targets: bool | None, again: Sequence[bool]) -> list[Encoded]:
        sources: list[np.ndarray] = [_NONE] * len(egs)
        targets: list[np.ndarray] = [_NONE] * len(egs)
        for how in (False, True):
            where = [i for i, eg in enumerate(egs) if eg.sentinels == how]
            inputs = self.ids([egs[i].input for i in where], sentinels=how)
            said = list(dict.fromkeys(egs[i].target for i in where))  # labels are said again and again
            outputs = dict(zip(said, self.ids(said, target=True, sentinels=how), strict=True))
            for i, source in zip(where, inputs, strict=True):
                sources[i], targets[i] = source, outputs[egs[i].target]
        cut = [len(source) > self.max_input for source in sources]
        for i, eg in enumerate(egs):
            before = copy.copy(self.tallies.get(eg.task)) if again[i] else None
            tally = self.tallies.setdefault(eg.task, Tally())
            tally.examples += 1
            tally.empty_columns += sum(piece.column is not None and not piece.text.strip() for piece in eg.pieces)
            tally.control_strings += sum(self._controls(text, eg.sentinels) for text in (eg.input, eg.target))
            if cut[i]:
                sources[i] = self.ids(["".join(p.text for p in self.shorten(eg))], sentinels=eg.sentinels)[0]
                tally.inputs_cut += 1
            sources[i] = np.array([*self.lead, *sources[i]], np.int32) if self.lead else sources[i]
            targets[i] = self._limit(eg, targets[i], tally, cut_targets) if eg.target else targets[i][:0]
            tally.input_tokens += len(sources[i])
            tally.target_tokens += len(targets[i])
            tally.longest_input = max(tally.longest_input, len(sources[i]))
            tally.longest_target = max(tally.longest_target, len(targets[i]))
            tally.unknown_input_tokens += int((sources[i] == self.unk).sum())
            tally.unknown_target_tokens += int((targets[i] == self.unk).sum())
            if before:  # the memo had dropped it: it was counted when it was first encoded
                self.tallies[eg.task] = before
        return [Encoded(*one) for one in zip(sources, targets, cut, strict=True)]

    def _limit(self, eg: Example, ids: np.ndarray, tally: Tally, cut: bool | None) -> np.ndarray:
        """Return the target's ids, within the limit where that is asked for."""
        if cut is None or len(ids) <= self.max_target:
            return ids
        if not cut:
            raise DataError(
                f"the target has {len(ids)} tokens, the limit is {self.max_target}",
                where=eg.where, code="D13",
                fix="Raise --max-target, or allow it with --long-targets cut (counted in the report).",
            )  # fmt: skip
        tally.targets_cut += 1
        return np.append(ids[: self.max_target - 1], ids[-1])

    def ids(self, texts: Sequence[str], *, target: bool = False, sentinels: bool = False) -> list[np.ndarray]:
        """Return the ids of each text, special tokens of the format added, none taken from the text itself.

        With ``sentinels`` the strings ``<extra_id_N>`` are: the format that numbers words puts them there.
        """
        if not texts:
            return []
        if sentinels:
            return self._sentinel_ids(texts, target)
        encoded = self._call(list(texts), target)
        for i, ids in enumerate(encoded):
            # Some vocabularies hold their control strings as pieces: T5's own reads "</s>" as the end of the text.
            if self._control.intersection(ids[:-1].tolist()) and self._inside(texts[i], ids, target):
                encoded[i] = self._call([self._spell(texts[i])], target)[0]
        return encoded

    def bare(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the ids of each text alone: no special tokens around it, none taken from it."""
        rows = self._unframed(list(texts))
        for i, ids in enumerate(rows):
            if self._control.intersection(ids.tolist()):
                rows[i] = self._unframed([self._spell(texts[i])])[0]
        return rows

    def _unframed(self, texts: list[str]) -> list[np.ndarray]:
        out = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, truncation=False,
                             verbose=False, return_attention_mask=False, return_token_type_ids=False)  # fmt: skip
        return [np.asarray(ids, dtype=np.int32) for ids in out["input_ids"]]

    @property
    def digest(self) -> str:
        """What stands for the tokenizer: two that give other ids have another one."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        vocabulary = sorted(self.tokenizer.get_vocab().items())
        said = backend.to_str() if backend else json.dumps([type(self.tokenizer).__name__, vocabulary])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    def _sentinel_ids(self, texts: Sequence[str], target: bool) -> list[np.ndarray]:
        """Return the ids of texts whose ``<extra_id_N>`` are sentinel tokens."""
        rows = [_SENTINEL.split(text) for text in texts]
        numbers = sorted({number for row in rows for number in row[1::2]})
        named = self.tokenizer.convert_tokens_to_ids([f"<extra_id_{number}>" for number in numbers])
        known = dict(zip(numbers, named, strict=True))
        end = self.ids([""], target=target)[0]
        if any(i in (None, self.unk) for i in known.values()) or end.tolist() != [self.eos]:
            raise ModelError("the tokenizer has no sentinels <extra_id_N>", where=str(self.tokenizer.name_or_path),
                             fix="Choose a prompt of another format.", code="M05")  # fmt: skip
        between = iter(self.ids([text.strip() for row in rows for text in row[::2]], target=target))
        out = []
        for row in rows:
            parts = [next(between)[:-1]]
            for number in row[1::2]:
                parts += [np.array([known[number]], np.int32), next(between)[:-1]]
            out.append(np.concatenate([*parts, end]))
        return out

    def _call(self, texts: list[str], target: bool) -> list[np.ndarray]:
        how: dict[str, Any] = {"text_target": texts} if target else {"text": texts}
        out = self.tokenizer(**how, split_special_tokens=True, truncation=False, verbose=False,
                             return_attention_mask=False, return_token_type_ids=False)  # fmt: skip
        return [np.asarray(ids, dtype=np.int32) for ids in out["input_ids"]]

    def _inside(self, text: str, ids: np.ndarray, target: bool) -> bool:
        """Whether control ids stand in the text's own part, beyond those the format adds around it."""
        frame = self._call(["a"], target)[0]
        around = int(np.isin(frame, list(self._control)).sum())
        return int(np.isin(ids, list(self._control)).sum()) > around

    def _controls(self, text: str, sentinels: bool = False) -> int:
        """Return how many control strings a text has in it that are not to be tokens."""
        if self._control_string is None:
            self._control_string = re.compile("|".join(map(re.escape, self._control_strings)) or "(?!)")
        if not self._control_string.search(text):  # a vocabulary has a hundred of them, a text hardly ever one
            return 0
        text = _SENTINEL.sub("", text) if sentinels else text
        return sum(text.count(control) for control in self._control_strings)

    def _spell(self, text: str) -> str:
        """Break up control strings by a space after their first character, as the tokenizer will see them.

        Its normaliser may make one of other characters: T5's reads full-width "＜/s＞" as "</s>".
        """
        normalizer = getattr(getattr(self.tokenizer, "backend_tokenizer", None), "normalizer", None)
        text = normalizer.normalize_str(text) if normalizer else text
        for control in self._control_strings:
            text = text.replace(control, f"{control[0]} {control[1:]}")
        return text

    def shorten(self, eg: Example) -> tuple[Piece, ...]:
        """Return the pieces of ``eg`` with column text cut, the longest first, so that the input fits.

        Raise ``DataError`` if the wording alone is over the limit.
        """
        columns = [i for i, piece in enumerate(eg.pieces) if piece.column is not None]
        texts = [eg.pieces[i].text for i in columns]
        lengths = [len(ids) for ids in self.ids(texts, sentinels=eg.sentinels)]
        pieces, whole = list(eg.pieces), self.count(eg.pieces, eg.sentinels)
        budget = sum(lengths) - (whole - self.max_input)
        while budget > 0:
            for i, length, share in zip(columns, lengths, allot(lengths, budget), strict=True):
                text = eg.pieces[i].text
                kept = text if share >= length else self._prefix(text, share, eg.sentinels)
                pieces[i] = replace(eg.pieces[i], text=kept)
            over = self.count(pieces, eg.sentinels) - self.max_input
            if over <= 0:
                return tuple(pieces)
            budget -= over
        raise DataError(
            f"the wording alone is over the limit of {self.max_input} tokens", where=eg.where, fix="Raise --max-input."
        )

    def count(self, pieces: Sequence[Piece], sentinels: bool = False) -> int:
        """Return how many ids an input of these pieces has."""
        return len(self.ids(["".join(piece.text for piece in pieces)], sentinels=sentinels)[0])

    def _prefix(self, text: str, limit: int, sentinels: bool) -> str:
        """Return the longest prefix of ``text`` with at most ``limit`` ids, by bisection over its characters."""
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if len(self.ids([text[:middle]], sentinels=sentinels)[0]) <= limit:
                low = middle
            else:
                high = middle - 1
        return text[:low] if low < len(text) else text

    # -- decoding ------------------------------------------------------------------------------------------------

    def decode(self, rows: Iterable[Iterable[int]]) -> list[str]:
        """Return the text of each row up to its end-of-sequence.

        Padding and start tokens are dropped; unknown tokens and sentinels stay visible, so that an answer with them in
        it is not mistaken for one without. A leading start token that is the end token too must be cut by the caller.
        """
        bare = []
        for row in rows:
            ids = [int(i) for i in row]
            ids = ids[: ids.index(self.eos)] if self.eos in ids else ids
            bare.append([i for i in ids if i not in self._frame])
        return [self.tokenizer.decode(ids, clean_up_tokenization_spaces=False) if ids else "" for ids in bare]

    def answers(self, rows: Sequence[Iterable[int]], egs: Sequence[Example]) -> list[str]:
        """Return what rows of ids say in answer to ``egs``: their text, whatever was asked."""
        return self.decode(rows)

    # -- audit ---------------------------------------------------------------------------------------------------

    def audit(self, task: str, prompt: Prompt, targets: Sequence[str] = ()) -> list[str]:
        """Check that the vocabulary can say a prompt's choices and ``targets``; return warnings.

        Raise ``UsageError`` if a choice does not survive encoding and decoding: it could never be answered.
        """
        where = f"{task} prompt {prompt.name}"
        choices = () if prompt.per_row else prompt.choices  # those of each row are seen as targets
        spelt = self.ids(choices, target=True)
        known = tuple(targets) if prompt.per_row else choices
        asked = Example("", task, prompt.name, (), "", choices=known, format=prompt.format)
        alone = replace(asked, format="tags") if prompt.format in FORMATS else asked  # a tag is part of an answer
        for choice, ids, back in zip(choices, spelt, self.answers(spelt, [alone] * len(spelt)), strict=True):
            if back != choice or (self.unk is not None and (ids == self.unk).any()):
                raise UsageError(
                    f'the vocabulary turns the choice "{visible(choice)}" into "{visible(back)}"',
                    where=where, fix="Use another choice or another model.", code="P04",
                )  # fmt: skip
        warnings = [
            f'{where}: the choice "{a}" begins the choice "{b}" in tokens; only the end token tells them apart'
            for a, x in zip(choices, spelt, strict=True)
            for b, y in zip(choices, spelt, strict=True)
            if len(x) < len(y) and (x[:-1] == y[: len(x) - 1]).all()
        ]
        how = prompt.format == "sentinels"
        said = self.ids(targets, target=True, sentinels=how)
        backs = self.answers(said, [asked] * len(said))
        if how:  # white space around sentinels is the decoder's
            targets, backs = ["".join(t.split()) for t in targets], ["".join(t.split()) for t in backs]
        changed = [(t, back) for t, back in zip(targets, backs, strict=True) if back != t]
        if changed:
            lost = sorted(set("".join(t for t, _ in changed)) - set("".join(back for _, back in changed)))
            warnings.append(
                f"{where}: {len(changed)} of {len(targets)} targets do not survive encoding and decoding"
                + (f"; characters lost: {visible(' '.join(lost))}" if lost else "")
            )
        if MASK in (prompt.cloze or "") and self.tokenizer.mask_token is None:
            raise ModelError("a cloze needs a mask token, the tokenizer has none", where=where, code="M05")
        return warnings

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files without traces of where it was loaded from."""
        self.tokenizer.save_pretrained(folder)
        path = folder / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        for key in ("is_local", "local_files_only", "name_or_path"):
            config.pop(key, None)
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

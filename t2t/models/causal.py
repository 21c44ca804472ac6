"""Decoder-only models: GPT-2, Llama, SmolLM, Qwen and whatever else transformers can build as a causal model.

Floor 4. Trains on input + target by cross-entropy on the target; writes by greedy continuation; ranks choices by
log p(choice | input) with the input run once for all of them. `CausalTokens` keeps the border between input and target
the same in all three: white space at the end of the input is dropped, and the space that joins the two belongs to the
target (" yes"), as it does in the text such models were trained on.

Shapes: B rows, S positions, T positions of choices, K positions kept, N choices of a batch, V vocabulary.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax

from t2t.batches import pad, plan
from t2t.errors import ModelError, UsageError, visible
from t2t.examples import Examples
from t2t.models import ByStep, Loss, Options
from t2t.models.adapters import whole
from t2t.models.precision import autocast, dtype_of, set_dropout
from t2t.models.ranking import by_length, check_ranking
from t2t.models.sampling import Sampler, sampler
from t2t.template import parse
from t2t.tokens import Encoded, Tokens, check_embedding, load_tokenizer
from t2t.tokens import Tally as TextTally
from t2t.types import Batch, Example, Piece, Prompt

__all__ = ["Causal", "CausalTokens", "Tally", "load"]

IGNORED = -100
SHARED = 16  # tokens that all inputs of a batch must begin with to be run once for all of them
MARK = "t2t-column-text"  # stands for the input while a chat template is rendered
STATE = "t2t_causal.json"


# -- texts -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally(TextTally):
    """The counts of texts, and of the shots left out for want of room."""

    shots_dropped: int = 0

    def warnings(self, task: str) -> list[str]:
        """Return one line for each thing a user should know about."""
        said = [f"{task}: shots left out of inputs over the limit ({self.shots_dropped})"] if self.shots_dropped else []
        return TextTally.warnings(self, task) + said


class Layout(NamedTuple):
    """How the pieces of an input stand under a prompt: those of the intro, of each shot and of the input itself."""

    between: str
    intro: int
    shot: int
    input: int

    @classmethod
    def of(cls, prompt: Prompt) -> Layout:
        """Return the layout of a prompt's examples."""
        own = len(parse(prompt.input or prompt.cloze or "").parts)
        shot = len(parse(prompt.shot).parts) if prompt.shot else own + 2
        return cls(prompt.between, 2 if prompt.intro else 0, shot + 1, own)

    def shots(self, pieces: Sequence[Piece]) -> int:
        """Return how many shots ``pieces`` have; 0 where they do not stand as the prompt has them."""
        count, rest = divmod(len(pieces) - self.intro - self.input, self.shot)
        return count if rest == 0 and count > 0 else 0

    def without(self, pieces: tuple[Piece, ...], shots: int) -> tuple[Piece, ...]:
        """Return ``pieces`` with the first ``shots`` shots emptied."""
        first, last = self.intro, self.intro + shots * self.shot
        return tuple(replace(piece, text="") if first <= i < last else piece for i, piece in enumerate(pieces))


class CausalTokens(Tokens):
    """A tokenizer for texts that go on: the ids of an input and of the target after it join without a seam.

    ``ids`` of an input have what the tokenizer begins a text with (BOS, for some), or with ``chat`` the model's chat
    template around them; those of a target have the joining space before them and the end of sequence behind. ``ends``
    are the ids that end an answer: every control token, since an answer is text. ``layouts`` are those of the prompts,
    by task and name.
    """

    def __init__(self, tokenizer: Any, *, max_input: int = 512, max_target: int = 128, chat: bool = False) -> None:
        padless = tokenizer.pad_token is None and tokenizer.eos_token is not None
        if padless:  # GPT-2; masks tell padding from ends
            tokenizer.pad_token = tokenizer.eos_token
        super().__init__(tokenizer, max_input=max_input, max_target=max_target)
        if padless:
            tokenizer.pad_token = None
        self.layouts: dict[tuple[str, str], Layout] = {}
        self.chat = chat
        if self.unk is None or "unk" not in str(tokenizer.unk_token).lower():
            self.unk = -1  # GPT-2 calls its end of text its unknown token; bytes are never unknown
        added = {i: token for i, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
        special = {i for i, token in added.items() if token.special} | set(tokenizer.all_special_ids)
        self.ends = frozenset((special | {self.eos}) - {self.unk})
        self._control = {*special, *added} - {self.unk}
        self._frame = set(self.ends)
        names = {*(token.content for token in added.values()), *tokenizer.all_special_tokens}
        self._control_strings = sorted(name for name in names if len(name) > 1)
        self._lead = ""
        self._before, self._after = self._chat_frame() if chat else (self._first(), [])
        self._anchors: dict[str, int] = {}

    def _first(self) -> list[int]:
        """Return the ids that the tokenizer begins every text with."""
        bos = self.tokenizer.bos_token_id
        return [bos] if bos is not None and self.tokenizer("a")["input_ids"][:1] == [bos] else []

    def _chat_frame(self) -> tuple[list[int], list[int]]:
        """Return the ids before and after a user's message, up to where the assistant's answer begins."""
        where = str(self.tokenizer.name_or_path)
        if not self.tokenizer.chat_template:
            raise UsageError("the model has no chat template", where=where, fix="Leave --chat off.")
        message = [{"role": "user", "content": MARK}]
        try:
            shown = self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # the template is a program of the model's authors
            raise ModelError(f"its chat template fails: {visible(error)}", where=where, code="M05") from None
        before, mark, after = shown.partition(MARK)
        if not mark or MARK in after:
            raise ModelError("its chat template does not show the message once", where=where, code="M05")
        self._lead = before[len(before.rstrip(" ")) :]  # a space before a word is part of the word's token
        parts = [before.removesuffix(self._lead), after]
        rows = self.tokenizer(parts, add_special_tokens=False, split_special_tokens=False)["input_ids"]
        return rows[0], rows[1]

    # -- ids ---------------------------------------------------------------------------------------------------------

    def ids(self, texts: Sequence[str], *, target: bool = False, sentinels: bool = False) -> list[np.ndarray]:
        """Return the ids of each text as an input, or as a ``target``. ``sentinels`` are text like any other.

        A target that begins with white space is joined by it, any other by a space; after a chat template's last line
        by nothing.
        """
        if not texts:
            return []
        if target:
            anchor, joiner = ("\n", "") if self.chat else ("a", " ")
            rows = self._following([t if t[:1].isspace() else joiner + t for t in texts], anchor)
            return [np.append(row, np.int32(self.eos)) for row in rows]
        stripped = [text.rstrip() for text in texts]
        if self.chat:
            anchor = "a" if self._lead else "\n"
            rows = self._following([self._lead + text.lstrip() for text in stripped], anchor)
        else:
            rows = self._plain(stripped)
        framed = [np.array([*self._before, *row, *self._after], np.int32) for row in rows]
        return [row if len(row) else np.array([self.eos], np.int32) for row in framed]  # something must come first

    def _following(self, texts: Sequence[str], anchor: str) -> list[np.ndarray]:
        """Return the ids of texts as they are after other text: some tokenizers put a space before a first word."""
        if anchor not in self._anchors:
            self._anchors[anchor] = len(self._plain([anchor])[0])
        return [row[self._anchors[anchor] :] for row in self._plain([anchor + text for text in texts])]

    def _plain(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the ids of texts and nothing else; no control token is taken from them."""
        rows = self._bare(texts)
        for i, row in enumerate(rows):
            if self._control.intersection(row.tolist()):
                rows[i] = self._bare([self._spell(texts[i])])[0]
        return rows

    def _bare(self, texts: Sequence[str]) -> list[np.ndarray]:
        how = {"add_special_tokens": False, "split_special_tokens": True, "truncation": False, "verbose": False}
        return [np.asarray(row, np.int32) for row in self.tokenizer(list(texts), **how)["input_ids"]]

    def decode(self, rows: Any) -> list[str]:
        """Return the text of each row up to its end of sequence, without the space that joined it."""
        return [text.removeprefix(" ") for text in super().decode(rows)]

    # -- examples ----------------------------------------------------------------------------------------------------

    def _encode(self, egs: list[Example], cut_targets: bool | None, again: Sequence[bool]) -> list[Encoded]:
        for eg in egs:
            self.tallies.setdefault(eg.task, Tally())
        joined = [replace(eg, target=self.join(eg, eg.target)) if eg.target else eg for eg in egs]
        return super()._encode(joined, cut_targets, again)

    def join(self, eg: Example, target: str) -> str:
        """Return ``target`` behind the white space that the wording of ``eg`` ends with, such as a line's end."""
        last = eg.pieces[-1] if eg.pieces else Piece("")
        end = last.text[len(last.text.rstrip()) :] if last.column is None and not self.chat else ""
        return end + target

    def shorten(self, eg: Example) -> tuple[Piece, ...]:
        """Return the pieces of ``eg`` within the limit: without its first shots, and if that is not enough cut.

        Shots are left out whole, the farthest from the input first; then column text is cut, the longest first.
        """
        layout = self.layouts.get((eg.task, eg.prompt))
        shots = layout.shots(eg.pieces) if layout else 0
        for dropped in range(1, shots + 1):
            assert layout is not None
            pieces = layout.without(eg.pieces, dropped)
            fits = len(self.ids(["".join(piece.text for piece in pieces)])[0]) <= self.max_input
            if fits or dropped == shots:
                tally = self.tallies.setdefault(eg.task, Tally())
                if isinstance(tally, Tally):
                    tally.shots_dropped += dropped
                return pieces if fits else super().shorten(replace(eg, pieces=pieces))
        return super().shorten(eg)


def premise(eg: Example) -> str:
    """Return what the input says without its columns: the wording after the last of them, or "Answer:".

    >>> premise(Example("t:v:0", "t", "p", (Piece("Review: "), Piece("fine", "text"), Piece("\\nMood:")), "good"))
    'Mood:'
    """
    last = max((i for i, piece in enumerate(eg.pieces) if piece.column is not None), default=-1)
    return "".join(piece.text for piece in eg.pieces[last + 1 :]).strip() or "Answer:"


# -- model -------------------------------------------------------------------------------------------------------------


class Causal(ByStep):
    """A decoder behind the `Model` protocol. ``net`` is the Hugging Face module.

    ``tuned``: whether it was trained here to end its answers. One that was is read up to its end of sequence, which
    counts in the likelihood of a choice; one that was not is read up to what the prompt puts between examples, and the
    likelihood of a choice is that of its text alone.
    """

    family = "causal"
    generates = True

    def __init__(
        self,
        net: Any,
        tokens: CausalTokens,
        options: Options,
        origin: str,
        *,
        fresh: bool = False,
        tuned: bool = False,
    ) -> None:
        self.net, self.options, self.origin, self.fresh, self.tuned = net, options, origin, fresh, tuned
        self.tokens: Any = tokens
        _check_options(net, options)
        self._takes = inspect.signature(net.forward).parameters
        self.dtype = dtype_of(options.precision, net)
        self.module: torch.nn.Module = SummedLoss(net, self.dtype, options.label_smoothing)

    # -- training ----------------------------------------------------------------------------------------------------

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Learn how the prompts lay out their examples; every task is text in, text out."""
        for egs in sets.values():
            self.tokens.layouts |= {(egs.task.name, prompt.name): Layout.of(prompt) for prompt in egs.prompts}
        self.tuned = self.tuned or training

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return (input, target) tokens of each example; raise ``DataError`` on a target over the limit."""
        return [(len(e.source), len(e.target)) for e in self._encode(egs)]

    def _encode(self, egs: Sequence[Example]) -> list[Encoded]:
        return self.tokens.encode(egs, cut_targets=self.options.long_targets == "cut")

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Return ids_BS and mask_BS, padded on the right, keep_K and target_BK.

        keep_K are the positions whose next token is a target's in any row, target_BK those tokens.
        """
        encoded = self._encode(egs)
        ids_BS = pad([np.concatenate([e.source, e.target]) for e in encoded], self.tokens.pad)
        mask_BS = pad([np.ones(len(e.source) + len(e.target), np.int64) for e in encoded], 0)
        next_BS = pad([np.append(np.full(len(e.source) - 1, IGNORED), e.target) for e in encoded], IGNORED)
        keep_K = np.flatnonzero((next_BS != IGNORED).any(0))
        tensors = {"ids_BS": ids_BS, "mask_BS": mask_BS, "keep_K": keep_K, "target_BK": next_BS[:, keep_K]}
        return Batch(
            {name: torch.from_numpy(values).to(self.device) for name, values in tensors.items()},
            tuple(egs),
            sum(len(e.target) for e in encoded),
        )

    def loss(self, batch: Batch) -> Loss:
        """Return the cross-entropy summed over the target tokens of ``batch``."""
        return Loss(self.module(batch.tensors), batch.units)

    # -- reading an input --------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Switch dropout and gradients off, and autocast as in training."""
        was, _ = self.net.training, self.net.eval()
        try:
            with torch.inference_mode(), autocast(self.device, self.dtype):
                yield
        finally:
            self.net.train(was)

    def _read(self, sources: Sequence[np.ndarray]) -> _Read:
        """Run the inputs of a batch once; padding is on the left, so that all of them end in the last column.

        What all of them begin with (the same shots, a system message) is run for one row and copied.
        """
        from transformers import DynamicCache

        cache = DynamicCache(config=self.net.config)
        count, shared = len(sources), self._shared(sources, cache)
        if shared:
            begin_1P = self._tensor(sources[0][:shared][None])
            self._forward(begin_1P, torch.ones_like(begin_1P), cache, keep=1)
            cache.batch_select_indices(torch.zeros(count, dtype=torch.long, device=self.device))
        rest = [row[shared:][::-1] for row in sources]
        ids_BS = self._tensor(pad(rest, self.tokens.pad)[:, ::-1])
        lengths_B = self._tensor(np.array([len(row) for row in sources]))
        places_S = torch.arange(ids_BS.shape[1], device=self.device)
        real_BS = (places_S[None] >= ids_BS.shape[1] + shared - lengths_B[:, None]).long()
        mask_BS = torch.cat([real_BS.new_ones(count, shared), real_BS], dim=1)
        logits_BV = self._forward(ids_BS, mask_BS, cache, keep=1)[:, -1]
        return _Read(cache, mask_BS, logits_BV)

    def _shared(self, sources: Sequence[np.ndarray], cache: Any) -> int:
        """Return how many ids to run once for all rows: all but one of those that all begin with, if that is worth it.

        The padding of shorter rows then stands behind them. Sliding windows count it in, so there it must not.
        """
        if len(sources) == 1 or (shared := _common(sources)) < SHARED:
            return 0
        uneven = len(set(map(len, sources))) > 1
        return 0 if uneven and any(getattr(layer, "is_sliding", False) for layer in cache.layers) else shared

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(values, np.int64, order="C")).to(self.device)

    def _forward(self, ids_BT: torch.Tensor, mask_BS: torch.Tensor, cache: Any, keep: int = 0) -> torch.Tensor:
        """Return logits (B, T, V) of further tokens, or of the last ``keep``.

        ``mask_BS`` covers what is in the cache too, and says where each row's positions are counted from.
        """
        how: dict[str, Any] = {"logits_to_keep": keep} if "logits_to_keep" in self._takes else {}
        if "position_ids" in self._takes:
            how["position_ids"] = (mask_BS.cumsum(-1) - 1).clamp(min=0)[:, -ids_BT.shape[1] :]
        out = self.net(input_ids=ids_BT, attention_mask=mask_BS, past_key_values=cache, use_cache=True, **how)
        return out.logits[:, -keep:]

    def _parts(self, lengths: Sequence[int], answers: Sequence[int]) -> list[list[int]]:
        """Cut examples into batches of similar length; ``answers`` are the tokens that each adds to its input."""
        sizes = np.array(lengths, dtype=np.int64), np.array(answers, dtype=np.int64)
        return [part.tolist() for part in plan(*sizes, budget=self.options.eval_tokens)]

    # -- writing -----------------------------------------------------------------------------------------------------

    def answer_limit(self, eg: Example) -> int:
        """Return the most new tokens for an answer: a margin over the longest choice, else the target limit.

        The margin keeps an answer that merely begins like a choice from being cut into one.
        """
        if eg.choices and not eg.words:  # the choices of spans and tags are parts of an answer
            return max(map(len, self.tokens.ids(eg.choices, target=True))) + 4
        return 12 if eg.range else self.tokens.max_target

    def stops(self, eg: Example) -> tuple[str, ...]:
        """Return the texts that end an answer besides the end of sequence; none for a model that learned to end.

        Without training a model goes on with the next example of the prompt: with what stands between two of them, or
        with a line's end where the answer has but one line.
        """
        layout = self.tokens.layouts.get((eg.task, eg.prompt))
        if self.tuned or self.tokens.chat or layout is None:
            return ()
        one_line = (eg.choices or eg.range) and not eg.words and not any("\n" in choice for choice in eg.choices)
        found = (layout.between, "\n" if one_line else "")
        return tuple(stop for stop in dict.fromkeys(found) if stop.strip(" "))

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Return greedy or drawn answers, in the order asked. Rows are sorted by length, so that padding is little."""
        answers = [""] * len(egs)
        kinds: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        limits = {kind: self.answer_limit(eg) for kind, eg in {_kind(eg): eg for eg in egs}.items()}
        for i, eg in enumerate(egs):
            kinds.setdefault((limits[_kind(eg)], self.stops(eg)), []).append(i)
        for (limit, stops), where in kinds.items():
            sources = [e.source for e in self.tokens.encode([egs[i] for i in where])]
            for part in self._parts([len(row) for row in sources], [limit] * len(sources)):
                drawn = sampler([egs[where[k]] for k in part], self.options, limit=limit)
                said = self._write([sources[k] for k in part], limit, stops, drawn)
                for k, (text, finished) in zip(part, said, strict=True):
                    answers[where[k]] = text
                    if not finished:
                        tally = self.tokens.tallies.setdefault(egs[where[k]].task, Tally())
                        tally.answers_unfinished += 1
        return answers

    def _write(
        self, sources: Sequence[np.ndarray], limit: int, stops: tuple[str, ...], drawn: Sampler | None
    ) -> list[tuple[str, bool]]:
        """Return the answer to each input, and whether it had ended at the limit. Rows leave when they end."""
        rows: list[list[int]] = [[] for _ in sources]
        ended = [False] * len(sources)
        with self._answering():
            cache, mask_BS, logits_BV = self._read(sources)
            going = list(range(len(sources)))
            for step in range(limit):
                next_B = self._next(logits_BV, going, step, drawn)
                for i, token in zip(going, next_B.tolist(), strict=True):
                    rows[i].append(token)
                    ended[i] = token in self.tokens.ends or self._stopped(rows[i], stops)
                stay = [k for k, i in enumerate(going) if not ended[i]]
                if not stay or step == limit - 1:
                    break
                if len(stay) < len(going):
                    going = [going[k] for k in stay]
                    kept = torch.tensor(stay, device=self.device)
                    cache.batch_select_indices(kept)
                    mask_BS, next_B = mask_BS[kept], next_B[kept]
                mask_BS = torch.cat([mask_BS, mask_BS.new_ones(len(going), 1)], dim=1)
                logits_BV = self._forward(next_B[:, None], mask_BS, cache, keep=1)[:, -1]
        return [(self._answer(row, stops), end) for row, end in zip(rows, ended, strict=True)]

    def _next(self, logits_BV: torch.Tensor, rows_B: Sequence[int], at: int, drawn: Sampler | None) -> torch.Tensor:
        """Return the next token (B,) of each row, of those that have a name: embeddings are rounded up."""
        named_BV = logits_BV[:, : len(self.tokens.tokenizer)]
        return drawn(named_BV, rows_B, at) if drawn else named_BV.argmax(-1)

    def _stopped(self, row: list[int], stops: tuple[str, ...]) -> bool:
        """Whether one of ``stops`` has just been written: a token has a byte at least."""
        if not stops:
            return False
        longest = max(len(stop.encode()) for stop in stops)
        text = self._text(row[-longest - 1 :])
        return any(stop in text for stop in stops)

    def _answer(self, row: list[int], stops: tuple[str, ...]) -> str:
        """Return the text of an answer up to its end or stop."""
        end = next((k for k, token in enumerate(row) if token in self.tokens.ends), len(row))
        text = self._text(row[:end])
        return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))].strip()

    def _text(self, ids: list[int]) -> str:
        return self.tokens.tokenizer.decode(ids, clean_up_tokenization_spaces=False) if ids else ""

    # -- ranking -----------------------------------------------------------------------------------------------------

    def rank(self, egs: Sequence[Example], *, by: str | None = None) -> list[list[float]]:
        """Return log p(choice | input) of every choice in nats; ``by`` (one of ``RANKINGS``) says in which form.

        The end of sequence counts where the model was trained to end its answers, else the text alone, as in the
        field's harnesses. ``tokens`` and ``bytes`` divide by the length of the choice (Brown et al. 2020, section 2.4;
        Gao 2021, Multiple Choice Normalization). ``pmi`` takes away log p(choice | what the prompt says without its
        columns), see `premise` (Holtzman et al. 2021; Brown et al. 2020 take "Answer:").
        """
        by = by or self.options.rank_by
        check_ranking(by)
        if any(eg.words or not eg.choices for eg in egs):
            raise UsageError("only tasks with choices can be ranked, not spans and tags", fix="Use --by write.")
        spelt = self._spelt(egs)
        nats = self._likelihoods([e.source for e in self.tokens.encode(egs)], spelt)
        if by == "pmi":
            prior = self._priors(egs, spelt)
            return [[v - p for v, p in zip(row, own, strict=True)] for row, own in zip(nats, prior, strict=True)]
        return [by_length(row, own, eg.choices, by) for row, own, eg in zip(nats, spelt, egs, strict=True)]

    def _spelt(self, egs: Sequence[Example]) -> list[list[np.ndarray]]:
        """Return the ids of the choices of each example, as they follow its input."""
        known: dict[tuple[str, ...], list[np.ndarray]] = {}
        out = []
        for eg in egs:
            choices = tuple(self.tokens.join(eg, choice) for choice in eg.choices)
            if choices not in known:
                ids = self.tokens.ids(choices, target=True)
                known[choices] = ids if self.tuned else [row[:-1] for row in ids]
            out.append(known[choices])
        return out

    def _priors(self, egs: Sequence[Example], spelt: Sequence[list[np.ndarray]]) -> list[list[float]]:
        """Return the nats of the choices of each example without its columns; each of them is computed once."""
        keys = [(premise(eg), tuple(tuple(ids.tolist()) for ids in own)) for eg, own in zip(egs, spelt, strict=True)]
        once = dict(zip(keys, spelt, strict=True))
        alone = [np.array([*self.tokens.lead, *ids], np.int32) for ids in self.tokens.ids([text for text, _ in once])]
        found = self._likelihoods(alone, list(once.values()))
        values = dict(zip(once, found, strict=True))
        return [values[key] for key in keys]

    def _likelihoods(self, sources: Sequence[np.ndarray], spelt: Sequence[list[np.ndarray]]) -> list[list[float]]:
        """Return the summed nats of the choices of each input, in batches of similar lengths."""
        nats: list[list[float]] = [[] for _ in sources]
        # The cache of an input is copied for each of its choices, unless all have one token.
        copies = [len(own) if max(map(len, own)) > 1 else 1 for own in spelt]
        lengths = [len(row) * count for row, count in zip(sources, copies, strict=True)]
        for part in self._parts(lengths, [sum(map(len, own)) for own in spelt]):
            with self._answering():
                found = self._rank([sources[i] for i in part], [spelt[i] for i in part])
            for i, values in zip(part, found, strict=True):
                nats[i] = values
        return nats

    def _rank(self, sources: Sequence[np.ndarray], spelt: Sequence[list[np.ndarray]]) -> list[list[float]]:
        """Return the nats of the choices of each input of a batch: inputs run once, then choices over their cache."""
        cache, mask_BS, logits_BV = self._read(sources)
        owners = np.repeat(np.arange(len(spelt)), [len(own) for own in spelt])
        choices = [ids for own in spelt for ids in own]
        first_N = self._tensor(np.array([ids[0] for ids in choices]))
        nats_N = log_softmax(logits_BV.float(), -1)[self._tensor(owners), first_N]
        longer = np.array([n for n, ids in enumerate(choices) if len(ids) > 1], np.int64)
        if len(longer):
            rows = self._tensor(owners[longer])
            cache.batch_select_indices(rows)
            ids_NT = self._tensor(pad([choices[n][:-1] for n in longer], self.tokens.pad))
            next_NT = self._tensor(pad([choices[n][1:] for n in longer], IGNORED))
            mask_NS = torch.cat([mask_BS[rows], (next_NT != IGNORED).long()], dim=1)
            logits_NTV = self._forward(ids_NT, mask_NS, cache)
            picked_NT = log_softmax(logits_NTV.float(), -1).gather(-1, next_NT.clamp(min=0)[..., None]).squeeze(-1)
            rest_N = picked_NT.masked_fill(next_NT == IGNORED, 0.0).sum(-1)
            nats_N = nats_N.index_add(0, self._tensor(longer), rest_N)
        ends = np.cumsum([len(own) for own in spelt])[:-1]
        return [part.tolist() for part in np.split(nats_N.cpu().numpy(), ends)]

    # -- files -------------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write config, safetensors and tokenizer, as `from_pretrained` opens them, and whether the model is tuned."""
        with whole(self.net, folder):
            self.net.save_pretrained(folder)
        self.tokens.save(folder)
        (folder / STATE).write_text(json.dumps({"tuned": self.tuned}) + "\n", encoding="utf-8")


class _Read(NamedTuple):
    """Inputs that were run: their keys and values, their mask, and the logits of what comes next."""

    cache: Any
    mask_BS: torch.Tensor
    logits_BV: torch.Tensor


def _kind(eg: Example) -> tuple[Any, ...]:
    """Return what the length of an answer depends on."""
    return eg.choices, eg.range, bool(eg.words)


def _common(rows: Sequence[np.ndarray]) -> int:
    """Return how many ids all ``rows`` begin with; at least one of each is left over."""
    size = min(map(len, rows)) - 1
    same = np.all([row[:size] == rows[0][:size] for row in rows], axis=0)
    return size if same.all() else int(same.argmin())


class SummedLoss(torch.nn.Module):
    """The network with its loss, so that a wrapper for several ranks sees one forward pass."""

    def __init__(self, net: Any, dtype: torch.dtype, label_smoothing: float) -> None:
        super().__init__()
        self.net, self.dtype, self.label_smoothing = net, dtype, label_smoothing
        self.keeps = "logits_to_keep" in inspect.signature(net.forward).parameters

    def forward(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the cross-entropy in nats, summed over the target tokens. Only their logits are computed."""
        ids_BS, keep_K, target_BK = tensors["ids_BS"], tensors["keep_K"], tensors["target_BK"]
        how = {"logits_to_keep": keep_K} if self.keeps else {}
        with autocast(ids_BS.device, self.dtype):
            logits_BKV = self.net(input_ids=ids_BS, attention_mask=tensors["mask_BS"], use_cache=False, **how).logits
        logits_BKV = logits_BKV if self.keeps else logits_BKV[:, keep_K]
        real_BK = target_BK != IGNORED
        return cross_entropy(
            logits_BKV[real_BK].float(), target_BK[real_BK], reduction="sum", label_smoothing=self.label_smoothing
        )


# -- loading -----------------------------------------------------------------------------------------------------------


def load(folder: str, config: Mapping[str, Any], options: Options) -> Causal:
    """Load a causal model: safetensors, one GGUF file (its weights as fp32), or random weights where there are none."""
    path, gguf = Path(folder), config.get("gguf")
    how: dict[str, Any] = {"gguf_file": gguf} if gguf else {}
    if gguf and importlib.util.find_spec("gguf") is None:
        raise ModelError("a GGUF file needs the package gguf", where=str(path / gguf), fix="pip install gguf")
    tokenizer = load_tokenizer(folder, **how)
    tokens = CausalTokens(
        tokenizer, max_input=options.max_input, max_target=options.max_target, chat=options.chat == "on"
    )
    origin, fresh = str(path / gguf) if gguf else folder, False
    try:
        if (gguf or list(path.glob("*.safetensors*"))) and not options.fresh:
            net = _trained(folder, {**how, **_dequantised(gguf)})
        else:
            net, fresh = _random(folder, options.seed, how), True
            origin = f"{origin} (random weights, seed {options.seed})"
    except ModelError:
        raise
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=origin, fix="Get its files again.", code="M01"
        ) from None
    check_embedding(tokenizer, net, folder)
    if options.dropout is not None:
        set_dropout(net, options.dropout)
    return Causal(net, tokens, options, origin, fresh=fresh, tuned=_was_tuned(path))


def _dequantised(gguf: str | None) -> dict[str, Any]:
    """Return what makes transformers unpack a GGUF file's weights: else it may fetch code that multiplies them."""
    import transformers

    config: Callable[..., Any] | None = getattr(transformers, "GgufConfig", None)
    return {"quantization_config": config(gguf_file=gguf, dequantize=True)} if gguf and config else {}


def _trained(folder: str, how: Mapping[str, Any]) -> Any:
    """Load weights as fp32; refuse missing, unexpected or mis-shaped tensors: they would be random, silently."""
    from transformers import AutoModelForCausalLM

    kind = {} if "gguf_file" in how else {"use_safetensors": True}
    net, info = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=False, output_loading_info=True, dtype=torch.float32, **kind, **how
    )
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(fault):
            names = sorted(map(str, info[fault]))
            raise ModelError(
                f"{len(names)} {fault.replace('_', ' ')}: {visible(', '.join(names[:10]))}",
                where=folder, fix="The weights do not belong to this config.", code="M02",
            )  # fmt: skip
    if "gguf_file" in how:  # what is saved is an ordinary model
        net.hf_quantizer, net.is_quantized = None, False
        vars(net.config).pop("quantization_config", None)
    return net


def _random(folder: str, seed: int, how: Mapping[str, Any]) -> Any:
    """Return a network of the directory's config with random weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    shape = AutoConfig.from_pretrained(folder, trust_remote_code=False, **how)
    return AutoModelForCausalLM.from_config(shape, dtype=torch.float32)


def _was_tuned(path: Path) -> bool:
    """Whether the model in a directory was trained here."""
    try:
        return bool(json.loads((path / STATE).read_text(encoding="utf-8"))["tuned"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"not readable: {visible(error)}", where=str(path / STATE), code="M01") from None


def _check_options(net: Any, options: Options) -> None:
    """Refuse what the network cannot do: packing, more positions than it has, recurrence in place of a cache."""
    if options.pack:
        raise UsageError("causal models are not packed", fix="Leave --pack off.")
    if getattr(net, "_is_stateful", False):
        raise UsageError(
            f"models of type {net.config.model_type} are recurrent: they keep no keys and values to be shared",
            fix="Use a model with attention alone.",
        )
    most, asked = getattr(net.config, "max_position_embeddings", None), options.max_input + options.max_target
    if most and asked > most:
        raise UsageError(
            f"the model has {most} positions, --max-input {options.max_input} and --max-target {options.max_target} "
            f"are {asked}",
            fix=f"Give --max-input {most - options.max_target} or less."
            if most > options.max_target
            else "Lower both.",
        )

"""Cloze models: a masked language model that answers by the word it would put into a blank.

Floor 4. A prompt's ``cloze`` is a pattern with one ``{mask}``, its choices are words for the labels (verbalisers). The
score of a choice is the language model's logit of its token at the mask; one of several tokens stands at as many masks,
and its score is the mean over them. The answer is a softmax over the choices alone (Schick and Schütze 2021, Exploiting
Cloze Questions, section 3.1). No weight is new: it answers before it has learned anything.

With ``mlm_weight`` a the loss is (1 − a) of that and a of the language model's own (section 3.2 there): 15 % of the
tokens of a text are hidden, of one of the ``unlabelled`` examples drawn for each example, or else of the example
itself.

Shapes: N examples, C choices, T tokens of a choice, R rows of tokens, S positions, V vocabulary; P places in those rows
where the vocabulary is scored, of which the last Q are those that the language model's own loss is of.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax

from t2t.batches import pad, plan
from t2t.errors import DataError, ModelError, UsageError, visible
from t2t.examples import Examples
from t2t.masking import choose, count, hide
from t2t.memo import Memo
from t2t.models import ByStep, Loss, Options
from t2t.models.adapters import whole
from t2t.models.body import check_tensors, positions, quiet
from t2t.models.layout import EncoderTokens, Laid, digest, weight
from t2t.models.precision import autocast, dtype_of, set_dropout
from t2t.models.soft import soft_loss, taught
from t2t.paths import models_folder
from t2t.template import MASK
from t2t.tokens import check_embedding, load_tokenizer
from t2t.types import Batch, Example, Piece, Prompt

__all__ = ["Blank", "Cloze", "ClozeTokens", "Network", "load"]

MARK, FORMAT = "t2t_cloze.json", 1  # the file that says that a folder is a cloze model's


# -- texts with a blank ------------------------------------------------------------------------------------------------


class Blank(NamedTuple):
    """An example with its blank: a row for each number of masks, where the first mask stands, and its choices' ids."""

    laid: Laid
    at: int
    spelt: tuple[np.ndarray, ...]

    @property
    def masks(self) -> list[int]:
        """The number of masks of each row."""
        return sorted({len(ids) for ids in self.spelt})


class ClozeTokens(EncoderTokens):
    """A tokenizer that lays out patterns with their masks. ``max_input`` counts masks and special tokens.

    The text before the mask, and that behind it, are spelt as they are in mid-sentence: without the space that some
    vocabularies begin a text with. A mask takes the space before it, so the choices are spelt with one.
    """

    def __init__(self, tokenizer: Any, *, max_input: int) -> None:
        super().__init__(tokenizer, max_input=max_input)
        self.mask: int = tokenizer.mask_token_id
        self.special = np.array(sorted({self.pad, *tokenizer.all_special_ids}))
        self.vocabulary = np.setdiff1d(np.arange(len(tokenizer), dtype=np.int32), self.special)
        self._blanks = Memo[tuple[str, int], Blank](lambda blank: weight(blank.laid))
        self._before = {text: self.ids([text])[0] for text in ("a", '"')}

    def fill(self, egs: Sequence[Example]) -> list[Blank]:
        """Return ``egs`` laid out, remembered by uid and text. Raise ``DataError`` for what has no blank."""
        keys = [(eg.uid, digest(eg)) for eg in egs]
        named = dict(zip(keys, egs, strict=True))

        def make(eg: Example) -> Blank:
            before = self._tally(eg.task).inputs_cut
            blank = self._fill(eg)
            return blank._replace(laid=self._count(eg, blank.laid, before))

        return self._blanks.get(keys, lambda new, again: self._once([named[key] for key in new], again, make))

    def forget(self) -> None:
        """Drop the remembered ids (the tallies stay)."""
        super().forget()
        self._blanks.clear()

    def _fill(self, eg: Example) -> Blank:
        spelt = self.spell(eg.choices, eg.pieces, eg.uid)
        room = self.max_input - self._alone.size - max(map(len, spelt))
        pieces = eg.pieces
        if self.count(pieces) > room:
            self._tally(eg.task).inputs_cut += 1
            smaller = copy.copy(self)
            smaller.max_input = room
            pieces = smaller.shorten(eg)
        left, right = self._sides(pieces, eg.uid)
        rows = [
            self._alone.around([np.concatenate([left, np.full(masks, self.mask, np.int32), right])])
            for masks in sorted({len(ids) for ids in spelt})
        ]
        laid = Laid(tuple(ids for ids, _ in rows), tuple(kinds for _, kinds in rows), np.zeros(0, dtype=np.int64))
        return Blank(laid, len(self._alone.ids[0]) + len(left), spelt)

    def count(self, pieces: Sequence[Piece], sentinels: bool = False) -> int:
        """Return how many ids an input of these pieces has, without the masks."""
        return sum(map(len, self._sides(pieces, "")))

    def _sides(self, pieces: Sequence[Piece], where: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids before the mask and behind it."""
        left, right = _split(pieces, where)
        if left[-1:].isspace():
            left = left.rstrip()
        return self.ids([left])[0], self._after(right)

    def _after(self, text: str) -> np.ndarray:
        """Return the ids of a text that goes on behind another: without the space that stands for a beginning."""
        before = '"' if text[:1].isalnum() else "a"
        known, ids = self._before[before], self.ids([before + text])[0]
        return ids[len(known) :] if (ids[: len(known)] == known).all() else self.ids([text])[0]

    def spell(self, choices: Sequence[str], pieces: Sequence[Piece], where: str) -> tuple[np.ndarray, ...]:
        """Return the ids of choices at the mask of a pattern.

        Raise ``UsageError`` naming ``where`` if the vocabulary has no token for one, or the same for two of them.
        """
        left, _ = _split(pieces, where)
        spaced = " " if left[-1:].isspace() else ""
        spelt = [self._after(spaced + choice) if left else self.ids([choice])[0] for choice in choices]
        for choice, ids in zip(choices, spelt, strict=True):
            if not len(ids) or (self.unk is not None and (ids == self.unk).any()):
                raise UsageError(f'the vocabulary has no token for the choice "{visible(choice)}"', where=where,
                                 fix="Use another prompt or another model.", code="P04")  # fmt: skip
        if len({ids.tobytes() for ids in spelt}) < len(spelt):
            raise UsageError(f"the vocabulary spells two choices alike: {visible(' | '.join(choices))}", where=where,
                             fix="Use another prompt or another model.", code="P04")  # fmt: skip
        return tuple(spelt)

    def audit(self, task: str, prompt: Prompt, targets: Sequence[str] = ()) -> list[str]:
        """Return a warning for choices of several tokens; raise ``UsageError`` for those that cannot be said."""
        if prompt.per_row or not prompt.cloze:  # those of each row are seen with it
            return []
        where = f"{task} prompt {prompt.name}"
        spelt = self.spell(prompt.choices, [Piece(prompt.cloze)], where)
        long = [choice for choice, ids in zip(prompt.choices, spelt, strict=True) if len(ids) > 1]
        return [f"{where}: of several tokens, scored as their mean: {visible(', '.join(long))}"] if long else []


def _split(pieces: Sequence[Piece], where: str) -> tuple[str, str]:
    """Return the text before the mask and that behind it: a mask is wording, never the text of a column."""
    at = [i for i, piece in enumerate(pieces) if piece.column is None and MASK in piece.text]
    if len(at) != 1 or pieces[at[0]].text.count(MASK) != 1:
        raise DataError(f"expected one {MASK} in the wording", where=where, fix="Choose a prompt with a cloze.")
    before, _, after = pieces[at[0]].text.partition(MASK)
    texts = [piece.text for piece in pieces]
    return "".join(texts[: at[0]]) + before, after + "".join(texts[at[0] + 1 :])


# -- the network -------------------------------------------------------------------------------------------------------


class Network(torch.nn.Module):
    """A masked language model; called with a batch's tensors it returns the summed loss."""

    def __init__(self, lm: Any, options: Options) -> None:
        super().__init__()
        self.lm, self.dtype = lm, dtype_of(options.precision, lm)
        self.temperature, self.softly, self.mlm = options.soft_temperature, options.soft_weight, options.mlm_weight
        takes = inspect.signature(lm.base_model.forward).parameters
        self._typed = "token_type_ids" in takes and getattr(lm.config, "type_vocab_size", 2) > 1

    def logits(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the logits (P, V) of the vocabulary at the places asked for, in fp32.

        The language model's head sees the hidden states of these places alone: its product with a whole vocabulary
        costs as much as several layers.
        """

        def only(body: Any, args: Any, out: Any) -> Any:
            out["last_hidden_state"] = out["last_hidden_state"][tensors["rows_P"], tensors["places_P"]][None]
            return out

        typed = {"token_type_ids": tensors["kinds_RS"]} if self._typed else {}
        hook = self.lm.base_model.register_forward_hook(only)
        try:
            with autocast(tensors["mask_RS"].device, self.dtype):
                out = self.lm(
                    input_ids=tensors["source_RS"], attention_mask=tensors["mask_RS"], return_dict=True, **typed
                )
        finally:
            hook.remove()
        return out.logits[0].float()

    def scores(self, tensors: Mapping[str, torch.Tensor], logits_PV: torch.Tensor | None = None) -> torch.Tensor:
        """Return the score (N, C) of each choice: the mean logit of its tokens; minus infinity where there is none."""
        logits_PV = self.logits(tensors) if logits_PV is None else logits_PV
        spots_NCT, tokens_NCT = tensors["spots_NCT"], tensors["tokens_NCT"]
        real_NCT = spots_NCT >= 0
        each_NCT = logits_PV[spots_NCT.clamp(min=0), tokens_NCT].masked_fill(~real_NCT, 0.0)
        lengths_NC = real_NCT.sum(-1)
        return (each_NCT.sum(-1) / lengths_NC.clamp(min=1)).masked_fill(lengths_NC == 0, -torch.inf)

    def forward(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss in nats, summed over the examples."""
        logits_PV = self.logits(tensors)
        loss = self._answers(self.scores(tensors, logits_PV), tensors)
        if "hidden_Q" not in tensors:
            return loss
        hidden_Q = tensors["hidden_Q"]
        own_Q = cross_entropy(logits_PV[len(logits_PV) - len(hidden_Q) :], hidden_Q, reduction="none")
        return (1 - self.mlm) * loss + self.mlm * (own_Q * tensors["share_Q"]).sum()

    def _answers(self, scores_NC: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss of the scores: cross-entropy of the gold, or in the share ``softly`` a teacher's."""
        loss = scores_NC.new_zeros(())
        if "taught_NC" in tensors:
            loss = self.softly * soft_loss(scores_NC, tensors["taught_NC"], temperature=self.temperature)
        if "gold_N" in tensors:
            share = 1 - self.softly if "taught_NC" in tensors else 1.0
            loss = loss + share * cross_entropy(scores_NC, tensors["gold_N"], reduction="sum")
        return loss


# -- the family --------------------------------------------------------------------------------------------------------


class Cloze(ByStep):
    """A masked language model behind the `Model` protocol.

    ``unlabelled`` are examples whose texts the language model's own loss is of, where ``mlm_weight`` is above 0; the
    examples trained on, where there are none.
    """

    family = "cloze"
    generates = False
    soft = True

    @property
    def trunk(self) -> Any:
        """The masked language model: what an adapter goes into."""
        return self.net.lm

    def __init__(self, lm: Any, tokens: ClozeTokens, options: Options, origin: str, *, fresh: bool = False) -> None:
        self.tokens: Any = tokens
        self.options, self.fresh, self.origin = options, fresh, origin
        self.net: Any = Network(lm, options)
        self.module: torch.nn.Module = self.net
        self.unlabelled: Sequence[Example] = ()
        self.net.eval()

    def check(self, egs: Examples, trained: Sequence[Examples] = ()) -> None:
        """Raise ``UsageError`` for what is no choice of words for one blank."""
        for prompt in egs.prompts:
            _check_prompt(egs, prompt)

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Raise ``UsageError`` for what it cannot answer."""
        for egs in sets.values():
            self.check(egs)

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return the input tokens of each example, with those of the language model's own loss, and 1."""
        extra = self.options.mlm_weight > 0
        return [(blank.laid.size + extra * len(blank.laid.rows[0]), 1) for blank in self.tokens.fill(egs)]

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Return the tensors of examples, with the gold or a teacher's scores, and texts with hidden tokens."""
        hidden = [self._hide(row) for row in self._texts(egs)] if self.options.mlm_weight else []
        tensors = self._tensors(self.tokens.fill(egs), hidden)
        asked = taught(egs, [range(len(eg.choices)) for eg in egs])
        if asked is not None:
            tensors["taught_NC"] = asked.to(self.device)
        if asked is None or self.options.soft_weight < 1:
            tensors["gold_N"] = torch.tensor([eg.gold for eg in egs], device=self.device)
        return Batch(tensors, tuple(egs), len(egs))

    def loss(self, batch: Batch) -> Loss:
        """Return the loss summed over the examples of ``batch``."""
        return Loss(self.module(batch.tensors), batch.units)

    def _texts(self, egs: Sequence[Example]) -> list[np.ndarray]:
        """Return a row of ids for each example, to hide tokens of: that of an unlabelled one drawn for it, or its own.

        Drawn by torch's generator, which the loop seeds at each step.
        """
        if self.unlabelled:
            drawn = torch.randint(len(self.unlabelled), (len(egs),)).tolist()
            egs = [self.unlabelled[i] for i in drawn]
        return [blank.laid.rows[0] for blank in self.tokens.fill(egs)]

    def _hide(self, row_S: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a row with some of its tokens hidden, where these are, and what they were (`t2t.masking`)."""
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        text = np.flatnonzero(~np.isin(row_S, self.tokens.special))
        chosen_S = np.zeros(len(row_S), bool)
        if len(text):
            chosen_S[text] = choose(len(text), count(len(text)), rng)
        out_S = hide(row_S, chosen_S, rng, mask=self.tokens.mask, vocabulary=self.tokens.vocabulary)
        return out_S, np.flatnonzero(chosen_S), row_S[chosen_S]

    def _tensors(
        self, blanks: Sequence[Blank], hidden: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> dict[str, torch.Tensor]:
        """Return ids, mask and token types (R, S), the places (P), and which place and token each choice has (N, C, T).

        ``hidden`` are rows, places and tokens of the language model's own loss; they come last.
        """
        rows = [row for blank in blanks for row in blank.laid.rows] + [row for row, _, _ in hidden]
        kinds = [own for blank in blanks for own in blank.laid.kinds] + [np.zeros(len(row)) for row, _, _ in hidden]
        spots_NCT = np.full((len(blanks), *_widest(blanks)), -1)
        tokens_NCT = np.zeros_like(spots_NCT)
        at_row: list[int] = []
        places: list[int] = []
        row = 0
        for spots_CT, tokens_CT, blank in zip(spots_NCT, tokens_NCT, blanks, strict=True):
            first = {}
            for masks in blank.masks:
                first[masks] = len(places)
                at_row += [row] * masks
                places += range(blank.at, blank.at + masks)
                row += 1
            for spots_T, tokens_T, ids in zip(spots_CT, tokens_CT, blank.spelt, strict=False):
                spots_T[: len(ids)] = np.arange(first[len(ids)], first[len(ids)] + len(ids))
                tokens_T[: len(ids)] = ids
        for _, where, _ in hidden:
            at_row += [row] * len(where)
            places += where.tolist()
            row += 1
        arrays: dict[str, Any] = {
            "source_RS": pad(rows, self.tokens.pad),
            "mask_RS": pad([np.ones(len(one)) for one in rows], 0),
            "kinds_RS": pad(kinds, 0),
            "rows_P": np.array(at_row),
            "places_P": np.array(places),
            "spots_NCT": spots_NCT,
            "tokens_NCT": tokens_NCT,
        }
        if hidden:
            counts = [len(where) for _, where, _ in hidden]
            arrays["hidden_Q"] = np.concatenate([were for _, _, were in hidden]).astype(np.int64)
            arrays["share_Q"] = np.repeat([1 / max(count, 1) for count in counts], counts).astype(np.float32)
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    # -- answering -----------------------------------------------------------------------------------------------

    def score(self, egs: Sequence[Example]) -> list[list[float]]:
        """Return the score of every choice: its logit at the mask, not yet made a likelihood."""
        said: list[list[float]] = [[] for _ in egs]
        blanks = self.tokens.fill(egs)
        sizes = np.array([blank.laid.size for blank in blanks], dtype=np.int64)
        with self._answering():
            for part in plan(sizes, np.zeros_like(sizes), budget=self.options.eval_tokens):
                scores_NC = self.net.scores(self._tensors([blanks[i] for i in part], []))
                for i, scores_C in zip(part, scores_NC.tolist(), strict=True):
                    said[i] = scores_C[: len(egs[i].choices)]
        return said

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        """Return log p(choice | input) of every choice in nats: the log softmax over them alone."""
        return [log_softmax(torch.tensor(scores), -1).tolist() for scores in self.score(egs)]

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Return the choice that fits the blank best."""
        return [eg.choices[int(np.argmax(scores))] for eg, scores in zip(egs, self.score(egs), strict=True)]

    def save(self, folder: Path) -> None:
        """Write a Hugging Face directory of a masked language model, and a mark that says what answers with it."""
        with whole(self.net.lm, folder):
            self.net.lm.save_pretrained(folder)
        self.tokens.save(folder)
        (folder / MARK).write_text(json.dumps({"format": FORMAT}) + "\n", encoding="utf-8")


def _widest(blanks: Sequence[Blank]) -> tuple[int, int]:
    """Return the most choices, and the most tokens of one."""
    return max(len(b.spelt) for b in blanks), max(b.masks[-1] for b in blanks)


def _check_prompt(egs: Examples, prompt: Prompt) -> None:
    where = f"{egs.task.name} prompt {prompt.name}"
    if not prompt.cloze or not prompt.choices or egs.task.answer != "choice":
        others = [name for name, one in egs.task.prompts.items() if one.cloze]
        hint = f"Choose {', '.join(others)}." if others else "No prompt of this task has one: use another family."
        raise UsageError("a cloze model needs a prompt with a cloze and choices", where=where, fix=hint)
    if egs.shots or prompt.intro:
        raise UsageError("a cloze is asked alone, without shots", where=where, fix="Leave out --shots.")


# -- loading -----------------------------------------------------------------------------------------------------------


def load(folder: str, config: Mapping[str, Any], options: Options) -> Cloze:
    """Load a masked language model; without any weights, one with random weights from the seed.

    Raise ``ModelError`` for weights without the language model's own head, or a tokenizer without a mask token,
    ``UsageError`` for settings that a cloze model has not.
    """
    _check_options(options)
    path = Path(folder)
    place = path.name if path.parent == models_folder() else folder
    lm, notes, fresh = _load_lm(path, options)
    tokenizer = load_tokenizer(folder, local_files_only=True)
    if tokenizer.mask_token_id is None:
        raise ModelError("the tokenizer has no mask token", where=folder, fix="Use a masked language model.",
                         code="M05")  # fmt: skip
    check_embedding(tokenizer, lm, folder)
    limit = positions(lm.base_model)
    if limit < options.max_input:
        notes.append(f"inputs of at most {limit} tokens")
    if options.dropout is not None:
        set_dropout(lm, options.dropout)
    tokens = ClozeTokens(tokenizer, max_input=min(limit, options.max_input))
    return Cloze(lm, tokens, options, "; ".join([place, *notes]), fresh=fresh)


def _check_options(options: Options) -> None:
    usual = Options()
    for name in ("pack", "label_smoothing", "pooling", "head", "head_dropout", "freeze", "unfreeze_every",
                 "layer_decay"):  # fmt: skip
        if getattr(options, name) != getattr(usual, name):
            raise UsageError(f"{name} is not for cloze models", fix="Leave it out.")


def _load_lm(path: Path, options: Options) -> tuple[Any, list[str], bool]:
    """Return the language model, notes on how its weights were found, and whether they are random."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    try:
        if options.fresh or not list(path.glob("*.safetensors*")):
            shape = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
            torch.manual_seed(options.seed)
            net = AutoModelForMaskedLM.from_config(shape, dtype=torch.float32)
            return net, [f"random weights, seed {options.seed}"], True
        with quiet():
            lm, info = AutoModelForMaskedLM.from_pretrained(
                path, trust_remote_code=False, local_files_only=True, output_loading_info=True, use_safetensors=True,
                dtype=torch.float32,
            )  # fmt: skip
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=str(path), fix="Get its files again.", code="M01"
        ) from None
    return lm, _check_weights(lm, info, str(path)), False


def _check_weights(lm: Any, info: Mapping[str, Any], folder: str) -> list[str]:
    """Refuse weights without the language model's head, or not of this config; return notes on what is left out."""
    prefix = f"{lm.base_model_prefix}."
    if lm.config.is_encoder_decoder:
        raise ModelError("an encoder and a decoder fill no blanks here", where=folder, fix="Use --family seq2seq.")
    if head := sorted(key for key in info["missing_keys"] if not key.startswith(prefix)):
        raise ModelError(
            f"the weights have no masked language model's head (missing: {visible(', '.join(head[:4]))})",
            where=folder, fix="Use a checkpoint of a masked language model, or train one.", code="M02",
        )  # fmt: skip
    above = {key.rsplit(".", 1)[0] for key in info["unexpected_keys"] if not key.startswith(prefix)}
    own = [key for key in info["unexpected_keys"] if key.startswith(prefix)]
    notes = check_tensors(lm.base_model, {**info, "unexpected_keys": own}, folder)
    return notes + ([f"left out: {', '.join(sorted(above))}"] if above else [])

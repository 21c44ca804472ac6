"""Encoder-decoder models: T5, mT5, UMT5, ByT5, BART, Pegasus, Marian and whatever else transformers can build.

Floor 4. Trains on input → target by cross-entropy; writes by greedy generation with a key-value cache or by beams;
ranks choices by log p(choice | input) with the encoder run once an example; chooses by generation that can write
nothing but choices. T5, mT5 and UMT5 answer by hand-written code (`t2t.models.t5`), the others by transformers', and
what is written by another engine where that is asked for (`t2t.models.engine`).

Shapes: B rows, S source and T target positions, V vocabulary, H hidden.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax
from torch.nn.utils.rnn import pad_sequence

from t2t.batches import pack, pad, plan
from t2t.errors import ModelError, UsageError, visible
from t2t.models import ByStep, Loss, Options
from t2t.models.adapters import whole
from t2t.models.engine import Translator, check
from t2t.models.precision import autocast, dtype_of, precision, set_dropout
from t2t.models.ranking import by_length, check_ranking
from t2t.models.sampling import sampler
from t2t.models.t5 import supports, trains
from t2t.models.t5.decode import beam, constrained, greedy, likeliest, prefixes, score, trie
from t2t.models.t5.forward import flat_loss
from t2t.models.t5.inference import Decoder, Packed, fingerprint
from t2t.models.t5.rows import IGNORED, lay_out
from t2t.paths import models_folder
from t2t.tokens import Encoded, Tally, Tokens, check_embedding, load_tokenizer
from t2t.types import Batch, Example

__all__ = ["PACKABLE", "Seq2Seq", "check_tensors", "check_vocabulary", "load"]

# Model types whose positions are relative only, so that a row may hold several examples (exact; see the tests).
PACKABLE = ("t5", "mt5", "umt5")
USUAL = 256  # tokens of an answer that a batch in evaluation makes room for
SMALL = 30_000_000  # parameters; T5's smallest has 60 M

Spelt = Mapping[tuple[str, ...], list[list[int]]]  # choices as ids


class _Read(NamedTuple):
    """Inputs that were read: their ids, these with a mask (B, S), and what the hand-written decoder sees of them."""

    sources: Sequence[np.ndarray]
    source_BS: torch.Tensor
    mask_BS: torch.Tensor
    seen: Any


class _Alike(NamedTuple):
    """What examples agree in that are answered together: limit and beams of a text, and how many choices are ranked."""

    limit: int
    beams: int
    choices: int


def neutral(eg: Example) -> str:
    """Return what the input says without its columns, as "sst2 sentence: "."""
    return "".join(piece.text for piece in eg.pieces if piece.column is None)


class Seq2Seq(ByStep):
    """An encoder-decoder behind the `Model` protocol. ``net`` is the Hugging Face module."""

    family = "seq2seq"
    generates = True

    def __init__(self, net: Any, tokens: Tokens, options: Options, origin: str, *, fresh: bool = False) -> None:
        self.net, self.tokens, self.options, self.origin, self.fresh = net, tokens, options, origin, fresh
        self.start = net.config.decoder_start_token_id
        # Rows of the embedding without a token (sizes are rounded up): decoding would drop them without a trace.
        self._nameless = [*range(len(tokens.tokenizer), net.get_input_embeddings().num_embeddings)] or None
        if options.pack and net.config.model_type not in PACKABLE:
            raise UsageError(
                f"models of type {net.config.model_type} have absolute positions and cannot be packed",
                fix=f"Packing is exact for {', '.join(PACKABLE)}; leave --pack off.",
            )
        self._packed: tuple[Any, Any] | None = None
        by_hand = supports(net) and not options.plain
        answers_only = options.precision == "int8" and (by_hand or options.engine != "own")
        self.dtype = torch.float32 if answers_only else dtype_of(options.precision, net)
        self.module: torch.nn.Module = SummedLoss(net, self.dtype, options.label_smoothing)

    @property
    def recipe(self) -> str:
        """T5's optimiser, but for a model much smaller than T5's."""
        return "small" if sum(p.numel() for p in self.net.parameters()) < SMALL else self.family

    # -- training ------------------------------------------------------------------------------------------------

    @property
    def unpadded(self) -> bool:
        """Whether a batch of unlike lengths costs no padding: by the forward pass of `t2t.models.t5`."""
        return not self.options.plain and not self.options.pack and trains(self.net)

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return (input, target) tokens of each example; raise ``DataError`` on a target over the limit."""
        return [(len(e.source), len(e.target)) for e in self._encode(egs)]

    def _encode(self, egs: Sequence[Example]) -> list[Encoded]:
        return self.tokens.encode(egs, cut_targets=self.options.long_targets == "cut")

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Return source_BS, target_BT and the segment of each position (0: padding), or a flat layout."""
        encoded = self._encode(egs)
        units = sum(len(e.target) for e in encoded)
        if self.unpadded:
            flat = lay_out(encoded, start=self.start, padding=self.tokens.pad)
            return Batch({name: torch.from_numpy(ids) for name, ids in flat.items()}, tuple(egs), units)
        rows = [[i] for i in range(len(encoded))]
        if self.options.pack:
            sources, targets = [len(e.source) for e in encoded], [len(e.target) for e in encoded]
            limits = max(*sources, self.options.max_input), max(*targets, self.options.max_input // 4)
            rows = pack(sources, targets, source_limit=limits[0], target_limit=limits[1])
        return Batch(self._tensors(encoded, rows), tuple(egs), units)

    def _tensors(self, encoded: Sequence[Encoded], rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """Lay ``rows`` of examples out as rectangles; the decoder's input is shifted within each segment."""
        sources = [[encoded[i].source for i in row] for row in rows]
        targets = [[encoded[i].target for i in row] for row in rows]
        shifted = [[np.concatenate([[self.start], target[:-1]]) for target in row] for row in targets]
        tensors = {
            "source_BS": pad([np.concatenate(row) for row in sources], self.tokens.pad),
            "source_segment_BS": pad(_segments(sources), 0),
            "target_BT": pad([np.concatenate(row) for row in targets], IGNORED),
            "shifted_BT": pad([np.concatenate(row) for row in shifted], self.tokens.pad),
            "target_segment_BT": pad(_segments(targets), 0),
        }
        return {name: torch.from_numpy(ids).to(self.device) for name, ids in tensors.items()}

    def loss(self, batch: Batch) -> Loss:
        """Return the cross-entropy summed over the target tokens of ``batch``."""
        self._packed = None  # it will be out of date, and training needs the room
        return Loss(self.module(batch.tensors), batch.units)

    # -- answering -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Switch dropout and gradients off, and autocast as in training."""
        was, _ = self.net.training, self.net.eval()
        try:
            with torch.inference_mode(), autocast(self.device, self.dtype):
                yield
        finally:
            self.net.train(was)

    def answer_limit(self, eg: Example) -> int:
        """Return the most new tokens for an answer: a margin over the longest choice, else the target limit.

        The margin keeps an answer that merely begins like a choice from being cut into one.
        """
        if eg.choices and not eg.words:  # the choices of spans and tags are parts of an answer
            return self._longest(eg.choices) + 4
        return 12 if eg.range else self.tokens.max_target

    def _longest(self, choices: tuple[str, ...]) -> int:
        return max(map(len, self.tokens.ids(choices, target=True)))

    def _weights(self) -> Packed | None:
        """Return the weights as the hand-written code computes with them; None where transformers answers.

        They are packed again whenever one has changed.
        """
        if self.options.plain or not supports(self.net):
            return None
        return self._fresh(lambda: Packed(self.net, precision(self.options.precision, self.device)))

    def _fresh(self, make: Callable[[], Any]) -> Any:
        """Return what was made of the weights, made again whenever one has changed."""
        mark = fingerprint(self.net)
        if self._packed is None or self._packed[0] != mark:
            self._packed = None  # never in memory twice
            self._packed = mark, make()
        return self._packed[1]

    def _writer(self) -> Packed | Translator | None:
        """Return the weights as what writes computes with them; None where transformers does."""
        if self.options.engine == "own":
            return self._weights()
        check(self, self.options.engine)
        names, tokens = len(self.tokens.tokenizer), self.tokens
        kind = self.options.precision
        return self._fresh(lambda: Translator(self.net, kind, names=names, pad=tokens.pad, end=tokens.eos))

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Return answers, in the order asked: greedy, drawn, or the best of ``beams`` where a text is asked for."""
        return self.answers(egs, ("write",))["write"]

    def choose(self, egs: Sequence[Example]) -> list[str]:
        """Return the choice that each answer is when nothing but choices can be written, greedily."""
        return self.answers(egs, ("constrained",))["constrained"]

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        """Return log p(choice | input) of every choice in nats, its end-of-sequence token included.

        ``rank_by`` of the options may divide it by the choice's tokens or bytes, or take away log p(choice | the input
        without its columns): `t2t.models.ranking`.
        """
        return self.answers(egs, ("rank",))["rank"]

    def answers(self, egs: Sequence[Example], ways: Sequence[str]) -> dict[str, list[Any]]:
        """Return what `write`, `choose` ("constrained") and `rank` say to each example, by way.

        An input is read once for all ways where the hand-written code answers. Rows are sorted by length, so that
        padding is little.
        """
        spelt = self._spelt(egs) if set(ways) != {"write"} else {}
        writer = self._writer()
        said: dict[str, list[Any]] = {way: [None] * len(egs) for way in ways}
        for alike, where in self._alike(egs, ways).items():
            room = max(alike.limit * alike.beams, self._room(egs, where, ways, spelt))
            for part in self._parts([egs[i] for i in where], room):
                some = [egs[where[i]] for i in part]
                read = self._read([e.source for e in self.tokens.encode(some)], writer)
                for way in ways:
                    for i, one in zip(part, self._answered(way, read, writer, some, alike, spelt), strict=True):
                        said[way][where[i]] = one
        if "rank" in ways:
            said["rank"] = self._compared(said["rank"], egs, spelt)
        return said

    def _answered(
        self, way: str, read: _Read, writer: Any, egs: Sequence[Example], alike: _Alike, spelt: Spelt
    ) -> Sequence[Any]:
        """Return the answers to inputs that were read, in one way."""
        if way == "write":
            return self._written(read, writer, egs, alike.limit, alike.beams)
        return (
            self._chosen(read, writer, egs, spelt) if way == "constrained" else self._ranked(read, writer, egs, spelt)
        )

    def _alike(self, egs: Sequence[Example], ways: Sequence[str]) -> dict[_Alike, list[int]]:
        """Return where the examples are that are answered together."""
        known = {kind: (self.answer_limit(eg), self._beams(eg)) for kind, eg in {_kind(e): e for e in egs}.items()}
        found: dict[_Alike, list[int]] = {}
        for i, eg in enumerate(egs):
            limit, beams = known[_kind(eg)] if "write" in ways else (0, 1)
            found.setdefault(_Alike(limit, beams, len(eg.choices) if "rank" in ways else 0), []).append(i)
        return dict(sorted(found.items()))

    def _room(self, egs: Sequence[Example], where: Sequence[int], ways: Sequence[str], spelt: Spelt) -> int:
        """Return the most tokens of choices that are in memory at once for an example."""
        longest = [len(ids) for choices in spelt.values() for ids in choices] if "constrained" in ways else []
        whole = [sum(map(len, spelt[egs[i].choices])) for i in where] if "rank" in ways else []
        return max([*longest, *whole], default=0)

    def _beams(self, eg: Example) -> int:
        return 1 if eg.choices or eg.range else self.options.beams

    def _read(self, sources: Sequence[np.ndarray], writer: Any) -> _Read:
        """Return inputs that were read: by the hand-written code as far as a decoder sees them."""
        source_BS, mask_BS = self._padded(sources)
        if not isinstance(writer, Packed):
            return _Read(sources, source_BS, mask_BS, None)
        with torch.inference_mode():
            return _Read(sources, source_BS, mask_BS, writer.read(source_BS, mask_BS))

    def _written(
        self, read: _Read, writer: Packed | Translator | None, egs: Sequence[Example], limit: int, beams: int
    ) -> list[str]:
        """Return an answer to each example as text; those that had not ended at the limit are counted."""
        rows = self._rows(read, writer, egs, limit, beams)
        for row, eg in zip(rows, egs, strict=True):
            if self.tokens.eos not in row and len(row) >= limit:
                self.tokens.tallies.setdefault(eg.task, Tally()).answers_unfinished += 1
        return self.tokens.answers(rows, egs)

    def _rows(
        self, read: _Read, writer: Packed | Translator | None, egs: Sequence[Example], limit: int, beams: int
    ) -> list[list[int]]:
        """Return the ids of an answer to each input, without the start token."""
        if isinstance(writer, Translator):
            return writer.write(read.sources, end=self.tokens.eos, limit=limit, beams=beams)
        drawn = sampler(egs, self.options, limit=limit)
        if writer is None:
            with self._answering():
                out_BT = self.net.generate(
                    input_ids=read.source_BS, attention_mask=read.mask_BS,
                    generation_config=self._how(max_new_tokens=limit, num_beams=beams),
                    logits_processor=drawn and drawn.processor(),
                )  # fmt: skip
            return out_BT[:, 1:].tolist()
        with torch.inference_mode():
            decoder = Decoder(writer, read.seen, beams)
            how = {"start": self.start, "end": self.tokens.eos, "limit": limit, "names": len(self.tokens.tokenizer)}
            if beams > 1:
                return beam(decoder, **how).tolist()
            return greedy(decoder, **how, pick=drawn or likeliest).tolist()

    def _how(self, **own: Any) -> Any:
        """Return how transformers is to write: nothing is taken from the model's own ways."""
        from transformers import GenerationConfig

        return GenerationConfig(
            do_sample=False, use_cache=True, pad_token_id=self.tokens.pad, eos_token_id=self.tokens.eos,
            decoder_start_token_id=self.start, suppress_tokens=self._nameless, min_new_tokens=0,
            no_repeat_ngram_size=0, repetition_penalty=1.0, length_penalty=1.0, early_stopping=False, **own,
        )  # fmt: skip

    def _chosen(self, read: _Read, packed: Packed | None, egs: Sequence[Example], spelt: Spelt) -> list[str]:
        """Return the choice that is written to each input where nothing else can be."""
        if packed is None:
            picks = self._limited(read, [spelt[eg.choices] for eg in egs])
        else:
            roots = {choices: trie(spelt[choices]) for choices in {eg.choices for eg in egs}}
            with torch.inference_mode():
                picks = constrained(Decoder(packed, read.seen), [roots[eg.choices] for eg in egs], start=self.start)
        return [eg.choices[pick] for eg, pick in zip(egs, picks, strict=True)]

    def _limited(self, read: _Read, spelt: Sequence[list[list[int]]]) -> list[int]:
        """Return which of its choices, as ids, transformers writes to each input."""

        def following(row: int, said: torch.Tensor) -> list[int]:
            begun = said[1:].tolist()
            return [c[len(begun)] for c in spelt[row] if len(c) > len(begun) and c[: len(begun)] == begun] or [
                self.tokens.pad
            ]

        limit = max(len(ids) for choices in spelt for ids in choices)
        with self._answering():
            out_BT = self.net.generate(
                input_ids=read.source_BS, attention_mask=read.mask_BS, prefix_allowed_tokens_fn=following,
                generation_config=self._how(max_new_tokens=limit, num_beams=1),
            )  # fmt: skip
        rows = zip(out_BT[:, 1:].tolist(), spelt, strict=True)
        return [next(i for i, ids in enumerate(choices) if row[: len(ids)] == ids) for row, choices in rows]

    def _spelt(self, egs: Sequence[Example]) -> Spelt:
        """Return the ids of all choices; raise ``UsageError`` where an example has none to choose from."""
        if self.options.engine != "own":
            raise UsageError(f"{self.options.engine} neither ranks choices nor is constrained to them", where="engine",
                             fix="Use --by write or --engine own.")  # fmt: skip
        if any(eg.words or not eg.choices for eg in egs):
            raise UsageError("only tasks with choices can be ranked, not spans and tags", fix="Use --by write.")
        every = dict.fromkeys(eg.choices for eg in egs)
        return {choices: [ids.tolist() for ids in self.tokens.ids(choices, target=True)] for choices in every}

    def _ranked(self, read: _Read, packed: Packed | None, egs: Sequence[Example], spelt: Spelt) -> list[list[float]]:
        """Return the nats of the choices of each example: one pass over all their beginnings, or one a choice."""
        if packed is None:
            return self._rank(read, [[spelt[eg.choices][c] for eg in egs] for c in range(len(egs[0].choices))]).tolist()
        known = {choices: prefixes(spelt[choices], self.start) for choices in {eg.choices for eg in egs}}
        with torch.inference_mode():
            return score(packed, read.seen, [known[eg.choices] for eg in egs])

    def _rank(self, read: _Read, columns: Sequence[Sequence[Any]]) -> torch.Tensor:
        """Return the nats (B, C) of C choices, each a column of B targets.

        The encoder runs once, the decoder C times.
        """
        with self._answering():
            encoded = self.net.get_encoder()(input_ids=read.source_BS, attention_mask=read.mask_BS)
            nats = []
            for column in columns:
                rows = [torch.as_tensor(target, dtype=torch.long) for target in column]
                target_BT = pad_sequence(rows, batch_first=True, padding_value=-100).to(self.device)
                shifted_BT = target_BT.roll(1, 1).clamp(min=0)
                shifted_BT[:, 0] = self.start
                logits_BTV = self.net(
                    encoder_outputs=encoded, attention_mask=read.mask_BS, decoder_input_ids=shifted_BT, use_cache=False
                ).logits
                picked_BT = (
                    log_softmax(logits_BTV.float(), -1).gather(-1, target_BT.clamp(min=0)[..., None]).squeeze(-1)
                )
                nats.append(picked_BT.masked_fill(target_BT < 0, 0.0).sum(-1))
        return torch.stack(nats, dim=1)

    def _compared(self, nats: list[list[float]], egs: Sequence[Example], spelt: Spelt) -> list[list[float]]:
        """Return what choices are ranked by: ``rank_by`` of the options."""
        by = self.options.rank_by
        check_ranking(by)
        if by != "pmi":
            return [by_length(row, spelt[eg.choices], eg.choices, by) for row, eg in zip(nats, egs, strict=True)]
        packed, prior = self._weights(), dict[tuple[str, tuple[str, ...]], list[float]]()
        for eg in egs:
            key = neutral(eg), eg.choices
            if key not in prior:  # mostly one a prompt
                read = self._read(self.tokens.ids(key[:1]), packed)
                (prior[key],) = self._ranked(read, packed, [eg], spelt)
        return [
            [value - alone for value, alone in zip(row, prior[neutral(eg), eg.choices], strict=True)]
            for row, eg in zip(nats, egs, strict=True)
        ]

    def _parts(self, egs: Sequence[Example], answer: int) -> list[list[int]]:
        """Cut ``egs`` into batches of similar length; ``answer`` tokens a row count towards the budget.

        A long limit is rarely reached: more than `USUAL` of it would only make the batches small and slow.
        """
        lengths = np.array([len(e.source) for e in self.tokens.encode(egs)], dtype=np.int64)
        batches = plan(lengths, np.full(len(egs), min(answer, USUAL)), budget=self.options.eval_tokens)
        return [batch.tolist() for batch in batches]

    def _padded(self, sources: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return input ids and mask (B, S)."""
        source_BS = torch.from_numpy(pad(sources, self.tokens.pad)).to(self.device)
        lengths_B1 = torch.tensor([[len(row)] for row in sources], device=self.device)
        mask_BS = (torch.arange(source_BS.shape[1], device=self.device)[None] < lengths_B1).long()
        return source_BS, mask_BS

    def save(self, folder: Path) -> None:
        """Write config, safetensors and tokenizer; `from_pretrained` opens the folder without t2t."""
        with whole(self.net, folder):
            self.net.save_pretrained(folder)
        self.tokens.save(folder)


def _segments(rows: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Return the number, from 1, of the segment that each position of each row belongs to."""
    return [np.repeat(np.arange(1, len(row) + 1), [len(ids) for ids in row]) for row in rows]


class SummedLoss(torch.nn.Module):
    """The network with its loss, so that a wrapper for several ranks sees one forward pass."""

    def __init__(self, net: Any, dtype: torch.dtype, label_smoothing: float) -> None:
        super().__init__()
        self.net, self.dtype, self.label_smoothing = net, dtype, label_smoothing

    def forward(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the cross-entropy in nats, summed over real target positions."""
        if "lengths_2R" in tensors:
            return flat_loss(self.net, tensors, dtype=self.dtype, label_smoothing=self.label_smoothing)
        source_BS, shifted_BT, target_BT = tensors["source_BS"], tensors["shifted_BT"], tensors["target_BT"]
        source_segment_BS, target_segment_BT = tensors["source_segment_BS"], tensors["target_segment_BT"]
        with autocast(source_BS.device, self.dtype):
            if int(source_segment_BS.max()) <= 1:
                logits_BTV = self.net(
                    input_ids=source_BS,
                    attention_mask=source_segment_BS,
                    decoder_input_ids=shifted_BT,
                    use_cache=False,
                ).logits
            else:
                logits_BTV = self._packed(source_BS, shifted_BT, source_segment_BS, target_segment_BT)
        return cross_entropy(
            logits_BTV.float().flatten(0, 1),
            target_BT.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def _packed(
        self,
        source_BS: torch.Tensor,
        shifted_BT: torch.Tensor,
        source_segment: torch.Tensor,
        target_segment: torch.Tensor,
    ) -> torch.Tensor:
        """Return logits (B, T, V) where each segment sees itself alone: additive block-diagonal masks."""
        size = shifted_BT.shape[1]
        causal_TT = torch.ones(size, size, dtype=torch.bool, device=shifted_BT.device).tril()
        encoded = self.net.get_encoder()(
            input_ids=source_BS, attention_mask=_additive(source_segment, source_segment, self.dtype)
        )
        return self.net(
            encoder_outputs=encoded,
            attention_mask=_additive(target_segment, source_segment, self.dtype),
            decoder_input_ids=shifted_BT,
            decoder_attention_mask=_additive(target_segment, target_segment, self.dtype, causal_TT),
            use_cache=False,
        ).logits


def _kind(eg: Example) -> tuple[Any, ...]:
    """Return what the length of an answer depends on."""
    return eg.choices, eg.range, bool(eg.words)


def _additive(
    queries_BQ: torch.Tensor, keys_BK: torch.Tensor, dtype: torch.dtype, also_QK: torch.Tensor | None = None
) -> torch.Tensor:
    """Return a mask (B, 1, Q, K): 0 within a segment, the lowest number elsewhere. Boolean masks are wrong in eager."""
    same = queries_BQ[:, None, :, None] == keys_BK[:, None, None, :]
    same = same if also_QK is None else same & also_QK
    return torch.zeros(same.shape, dtype=dtype, device=same.device).masked_fill(~same, torch.finfo(dtype).min)


def load(folder: str, config: Mapping[str, Any], options: Options) -> Seq2Seq:
    """Load an encoder-decoder. A directory without any weights gives random ones, drawn from the seed."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    path = Path(folder)
    place = path.name if path.parent == models_folder() else folder
    tokens = Tokens(load_tokenizer(folder), max_input=options.max_input, max_target=options.max_target)
    try:
        if (
            list(path.glob("*.safetensors*")) and not options.fresh
        ):  # an index without its files is damage, not a shape without weights
            net, info = AutoModelForSeq2SeqLM.from_pretrained(
                folder, trust_remote_code=False, output_loading_info=True, use_safetensors=True, dtype=torch.float32
            )
            check_tensors(info, folder)
            origin, fresh = place, False
        else:
            torch.manual_seed(options.seed)
            shape = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            net = AutoModelForSeq2SeqLM.from_config(shape, dtype=torch.float32)
            origin, fresh = f"{place} (random weights, seed {options.seed})", True
    except ModelError:
        raise
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=folder, fix="Get its files again.", code="M01"
        ) from None
    check_vocabulary(net, tokens, folder)
    if options.dropout is not None:
        set_dropout(net, options.dropout)
    return Seq2Seq(net, tokens, options, origin, fresh=fresh)


def check_tensors(info: Mapping[str, Any], folder: str) -> None:
    """Refuse a checkpoint with missing, unexpected or mis-shaped tensors: they would be random, silently."""
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(kind):
            names = sorted(map(str, info[kind]))
            raise ModelError(
                f"{len(names)} {kind.replace('_', ' ')}: {visible(', '.join(names[:10]))}",
                where=folder, fix="The weights do not belong to this config.", code="M02",
            )  # fmt: skip


def check_vocabulary(net: Any, tokens: Tokens, folder: str) -> None:
    """Refuse a tokenizer with ids the embedding does not have, and a config without a start token."""
    check_embedding(tokens.tokenizer, net, folder)
    if net.config.decoder_start_token_id is None:
        raise ModelError(
            "config.json has no decoder_start_token_id",
            where=folder,
            fix="Give it one, for T5 that of padding.",
            code="M05",
        )

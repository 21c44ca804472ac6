"""Encoders: BERT, RoBERTa, ALBERT, DistilBERT, DeBERTa, ELECTRA, XLNet, ModernBERT, MPNet and whatever else is one.

Floor 4. One body for every task of a mix, and a head a task (`t2t.models.heads`). An answer is the text that the head
stands for: a choice, a number with three decimals, tags in the example's format; never free text.

What goes in is laid out by `t2t.models.layout`. Words beyond the limit are answered O, or not at all where tags are
bare.

Shapes: R rows of tokens (one an example, or one a choice), S positions, W words, H hidden.
"""

from __future__ import annotations

import inspect
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from t2t.batches import pad, plan
from t2t.errors import ModelError, UsageError, did_you_mean, visible
from t2t.examples import Examples
from t2t.models import ByStep, Loss, Options, bert
from t2t.models.adapters import whole
from t2t.models.body import (
    LAST,
    POOLINGS,
    depths,
    freeze,
    has_pooler,
    layers,
    load_body,
    pool,
    positions,
)
from t2t.models.heads import (
    Head,
    Purpose,
    as_purpose,
    check_answer,
    check_head,
    decimal,
    gold,
    places,
    tagged,
)
from t2t.models.layout import EncoderTokens, Laid, digest
from t2t.models.precision import autocast, dtype_of, set_dropout
from t2t.models.soft import taught
from t2t.paths import models_folder
from t2t.tokens import check_embedding, load_tokenizer
from t2t.types import Batch, Example

__all__ = ["Encoder", "Network", "Opened", "key_of", "load", "load_heads", "opened", "task_of", "write_heads"]

# The activation in transformers' own classification head, for `pooler` where the body has none; else tanh.
ACTIVATION_OF = {"electra": "gelu", "distilbert": "relu", "deberta": "gelu", "deberta-v2": "gelu"}

# Features of a frozen body are kept where all sets together are at most so many examples and so many bytes.
MOST_KEPT, MOST_BYTES, WORDS_A_ROW = 300_000, 2**31, 25

HEADS_FILE, WEIGHTS_FILE, FORMAT = "t2t_heads.json", "heads.safetensors", 1


# -- the network -------------------------------------------------------------------------------------------------------


class Network(torch.nn.Module):
    """The body and the heads; called with a batch's tensors it returns the summed loss of all its tasks.

    ``frozen`` are modules that stay as they are: without gradients, and without dropout. ``plain`` leaves out what is
    hand-written for speed.
    """

    def __init__(self, body: Any, pooling: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.body, self.heads = body, torch.nn.ModuleDict()
        self.pooling, self.dtype = pooling, dtype
        self.frozen: list[torch.nn.Module] = []
        self.plain = False
        takes = inspect.signature(body.forward).parameters
        self._typed = "token_type_ids" in takes and getattr(body.config, "type_vocab_size", 2) > 1
        self._extra: dict[str, Any] = {"use_mems": False} if "use_mems" in takes else {}

    def named_heads(self) -> dict[str, Head]:
        """Return the heads by name."""
        return cast(dict[str, Head], dict(self.heads.items()))

    def train(self, mode: bool = True) -> Network:
        """Switch dropout on or off, in what is not frozen."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def forward(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss, summed over the examples of each task."""
        features = self.features(tensors)
        total = features[0].new_zeros((), dtype=torch.float32)
        for name, head in self.named_heads().items():
            if f"rows of {name}" in tensors:
                total = total + head.weight * head.loss(self.gathered(name, features, tensors))
            elif any(p.requires_grad for p in head.parameters()):
                # A wrapper for several ranks waits for every gradient: this head's is 0, on one rank as on many.
                total = total + 0.0 * torch.stack([p.sum() for p in head.parameters()]).sum()
        return total

    def features(self, tensors: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one vector a row (R, H) and one a word (R, W, H): those given, or what the body makes of the ids."""
        if "pooled_RH" in tensors:
            return tensors["pooled_RH"], tensors["words_RWH"]
        mask_RS, starts_RW = tensors["mask_RS"], tensors["starts_RW"]
        typed = {"token_type_ids": tensors["kinds_RS"]} if self._typed else {}
        learns = torch.is_grad_enabled() and self.body not in self.frozen
        with torch.set_grad_enabled(learns), autocast(mask_RS.device, self.dtype):
            hidden_RSH, own_RH = self._read(tensors["source_RS"], mask_RS, typed)
            pooled_RH = pool(self.pooling, self.body, own_RH, hidden_RSH, mask_RS)
        words_RWH = hidden_RSH.gather(1, starts_RW[..., None].expand(-1, -1, hidden_RSH.shape[-1]))
        return pooled_RH, words_RWH

    def _read(
        self, source_RS: torch.Tensor, mask_RS: torch.Tensor, typed: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the body's last hidden states (R, S, H) in fp32 and, where the pooling is its own, what it pools."""
        pools = self.pooling == "pooler" and has_pooler(self.body)
        if self.plain or not bert.supports(self.body):
            out = self.body(input_ids=source_RS, attention_mask=mask_RS, **typed, **self._extra)
            return out.last_hidden_state.float(), out.pooler_output.float() if pools else None
        hidden_RSH = bert.encode(self.body, source_RS, mask_RS, typed.get("token_type_ids"), self.dtype)
        return hidden_RSH, self.body.pooler(hidden_RSH).float() if pools else None

    def gathered(
        self, name: str, features: tuple[torch.Tensor, torch.Tensor], tensors: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return what goes into a head: features of its rows, which of them are real, and the gold if it is known."""
        purpose, rows_NC, (pooled_RH, words_RWH) = (
            self.named_heads()[name].purpose,
            tensors[f"rows of {name}"],
            features,
        )
        if purpose.tagging:
            own = {"features": words_RWH[rows_NC[:, 0]], "real": tensors["real_RW"][rows_NC[:, 0]]}
        elif purpose.per_row:
            own = {"features": pooled_RH[rows_NC.clamp(min=0)], "real": rows_NC >= 0}
        else:
            own = {"features": pooled_RH[rows_NC[:, 0]]}
        known = {what: tensors[f"{what} of {name}"] for what in ("gold", "taught") if f"{what} of {name}" in tensors}
        return {**own, **known}


# -- the family --------------------------------------------------------------------------------------------------------


class Encoder(ByStep):
    """An encoder behind the `Model` protocol. ``net`` holds the body and a head a task."""

    family = "encoder"
    generates = False
    network: type[Network] = Network
    soft = True

    def __init__(
        self, body: Any, tokens: EncoderTokens, options: Options, origin: str, *, fresh: bool = False, pooling: str = ""
    ) -> None:
        self.tokens: Any = tokens
        self.options, self.fresh = options, fresh
        pooling = pooling or ("cls" if options.pooling == "auto" else options.pooling)
        self.net: Any = self.network(body, pooling, dtype_of(options.precision, body))
        self.module: torch.nn.Module = self.net
        self._hashes: dict[str, set[str]] = {}  # of the prompts of each task
        self._shared: dict[str, str] = {}  # the head that answers a task
        self._features: dict[tuple[str, int], torch.Tensor] = {}
        self._keeping = False
        for name, p in body.named_parameters():
            unused = ("mask_emb",) if pooling == "pooler" else ("mask_emb", "pooler")
            p.requires_grad_(name.split(".")[0] not in unused)
        self.net.frozen, self.net.plain = freeze(body, options.freeze), options.plain
        self._learn = {name for name, p in body.named_parameters() if p.requires_grad}
        self.net.eval()
        where = "last" if pooling == "cls" and body.config.model_type in LAST else pooling
        frozen = f", frozen: {options.freeze}" if options.freeze else ""
        self.origin = f"{origin} (pooling {where}{frozen})"

    @property
    def trunk(self) -> Any:
        """The body: heads are trained whole, whatever it is given."""
        return self.net.body

    # -- heads ---------------------------------------------------------------------------------------------------

    def check(self, egs: Examples, trained: Sequence[Examples]) -> None:
        """Raise ``UsageError`` for answers that no head can give, or where there will be none for the task."""
        check_answer(egs)
        name, asked = egs.task.name, {prompt.hash for prompt in egs.prompts}
        heads = {key: set(head.purpose.prompts) for key, head in self.net.named_heads().items()}
        heads |= {key_of(one.task.name): {prompt.hash for prompt in one.prompts} for one in trained}
        if key_of(name) not in heads and not any(asked & known for known in heads.values()):
            raise self._headless(name, heads)

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Make the heads that are missing, from the seed, where there are rows to train them on.

        Raise ``UsageError`` for a task that an encoder cannot answer, one that has no head, or a head made for another
        kind of answer.
        """
        self._shared.clear()
        for egs in sets.values():
            check_answer(egs)
            self._hashes.setdefault(egs.task.name, set()).update(prompt.hash for prompt in egs.prompts)
        trained = {key_of(egs.task.name): egs for egs in sets.values() if training and egs.split == "train"}
        for key, egs in trained.items():
            self._make(key, egs)
        for key, head in self.net.named_heads().items() if training else ():
            head.requires_grad_(key in trained)
        for egs in sets.values():
            check_head(self._head(egs.task.name).purpose, egs)
        rows = sum(map(len, sets.values()))
        vectors = sum(len(egs) * (WORDS_A_ROW if egs.task.words else 1) for egs in sets.values())
        fit = rows <= MOST_KEPT and 4 * vectors * self.net.body.config.hidden_size <= MOST_BYTES
        self._keeping = training and self.net.body in self.net.frozen and fit

    def _make(self, key: str, egs: Examples) -> None:
        """Give a task its head; one that is there is trained on."""
        purpose = self._purpose(egs)
        if key not in self.net.heads:
            seed = zlib.crc32(f"{self.options.seed}:{egs.task.name}".encode())
            self.net.heads[key] = self._new(egs, purpose, seed).to(self.device)
        head = self.net.named_heads()[key]
        if purpose.tagging:
            head.weight = 1 / _words_an_example(egs)
        hashes = dict.fromkeys((*head.purpose.prompts, *purpose.prompts))
        head.purpose = replace(head.purpose, prompts=tuple(hashes))

    def _new(self, egs: Examples, purpose: Purpose, seed: int) -> torch.nn.Module:
        return _new_head(self.net.body, purpose, self.options, seed)

    def _purpose(self, egs: Examples) -> Purpose:
        """Return what the head of a task is for, from its prompt and, where that names no tags, from its rows."""
        prompt, answer = egs.prompts[0], egs.task.answer
        names = () if prompt.per_row or answer == "number" else prompt.choices
        if answer == "tags" and not names:
            names = tuple(sorted({tag for eg in egs for tag in eg.gold}))
        if answer == "spans":
            names = ("O", *(f"{head}-{kind}" for kind in names for head in "BI"))
        tagging, body = answer in ("spans", "tags"), self.net.body
        dense = self.net.pooling == "pooler" and not has_pooler(body) and not tagging
        return Purpose(
            answer,
            names,
            range=egs.task.range if answer == "number" else None,
            crf=tagging and self.options.head == "crf",
            dense=ACTIVATION_OF.get(body.config.model_type, "tanh") if dense else "",
            prompts=tuple(one.hash for one in egs.prompts),
        )

    def _head(self, task: str) -> Head:
        """Return the head of a task: its own, or that of a task under the very same prompt.

        Raise ``UsageError`` where there is none.
        """
        heads = self.net.named_heads()
        if task not in self._shared:
            asked = self._hashes.get(task, set())
            alike = (key for key, head in heads.items() if asked & set(head.purpose.prompts))
            found = key_of(task) if key_of(task) in heads else next(alike, None)
            if found is None:
                raise self._headless(task, heads)
            self._shared[task] = found
        return heads[self._shared[task]]

    def _headless(self, task: str, heads: Iterable[str]) -> UsageError:
        has = ", ".join(map(task_of, heads)) or "nothing"
        return UsageError("the model has no head for this task", where=task,
                          fix=f"Train one: t2t train --task {task}. It has heads for {has}.")  # fmt: skip

    def _by_head(self, egs: Sequence[Example]) -> dict[str, list[int]]:
        """Return the places of the examples that each head answers."""
        found: dict[str, list[int]] = {}
        for i, eg in enumerate(egs):
            self._head(eg.task)
            found.setdefault(self._shared[eg.task], []).append(i)
        return found

    def scales(self) -> Mapping[str, float]:
        """Return factors on the learning rate: 1 for heads and pooler, and less by ``layer_decay`` for each layer down.

        The top layer has the decay d, the lowest of L layers d^L, the embeddings d^(L + 1) (Clark et al. 2020, ELECTRA,
        appendix B).
        """
        body, decay = self.net.body, self.options.layer_decay
        if decay == 1:
            return {}
        top = max(len(layers(body)), 1) + 1
        return {f"body.{name}": decay ** (top - depth) for name, depth in depths(body).items()}

    def thaw(self, step: int) -> None:
        """Let one more layer of the body learn every ``unfreeze_every`` steps, from the top: at first the heads alone.

        The embeddings come last (gradual unfreezing: Howard and Ruder 2018, section 3.3). What is frozen stays so.
        """
        every, body = self.options.unfreeze_every, self.net.body
        if not every:
            return
        top, open_ = max(len(layers(body)), 1) + 1, (step - 1) // every
        for name, depth in depths(body).items():
            body.get_parameter(name).requires_grad_(name in self._learn and depth > top - open_)

    # -- training ------------------------------------------------------------------------------------------------

    def lay_out(self, egs: Sequence[Example]) -> list[Laid]:
        """Return the examples as rows of ids, each as the head of its task reads it."""
        laid = self.tokens.lay_out(egs, [self._head(eg.task).purpose.per_row for eg in egs])
        if self._keeping:
            self._keep(egs, laid)
        return laid

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return the input tokens of each example, and the units of its loss: 1.

        Were each word one, tasks that tag would drown those that choose: in a mix they have twenty times as many.

        With a frozen body this is where its features are computed, once.
        """
        return [(one.size, 1) for one in self.lay_out(egs)]

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Return ids, mask and token types (R, S), or the features that are kept, and rows and gold of each head."""
        laid = self.lay_out(egs)
        tensors = self._tensors(egs, laid)
        for key, where in self._by_head(egs).items():
            head, some = self.net.named_heads()[key], [egs[i] for i in where]
            asked = taught(some, [places(head.purpose, eg) for eg in some]) if head.purpose.answer == "choice" else None
            if asked is not None:
                tensors[f"taught of {key}"] = asked.to(self.device)
            if asked is None or head.softly < 1:
                width = tensors["real_RW"].shape[1]
                tensors[f"gold of {key}"] = gold(head.purpose, some, width).to(self.device)
        return Batch(tensors, tuple(egs), len(egs))

    def loss(self, batch: Batch) -> Loss:
        """Return the loss summed over the examples of ``batch``."""
        return Loss(self.module(batch.tensors), batch.units)

    def _tensors(self, egs: Sequence[Example], laid: Sequence[Laid]) -> dict[str, torch.Tensor]:
        """Return what the network answers to: ids or kept features, and which rows belong to which head."""
        tensors = self._kept(egs, laid) if self._keeping else self._ids(laid)
        tensors["real_RW"] = torch.from_numpy(
            pad([np.ones(len(one.starts)) for one in laid for _ in one.rows], 0)
        ).bool()
        offsets = np.cumsum([0, *(len(one.rows) for one in laid)])
        for key, where in self._by_head(egs).items():
            rows = pad([np.arange(offsets[i], offsets[i + 1]) for i in where], -1)
            tensors[f"rows of {key}"] = torch.from_numpy(rows)
        return {name: tensor.to(self.device) for name, tensor in tensors.items()}

    def _ids(self, laid: Sequence[Laid]) -> dict[str, torch.Tensor]:
        """Return ids, mask, token types and starts of words; rows are padded on the right, whatever the model."""
        rows = [row for one in laid for row in one.rows]
        arrays = {
            "source_RS": pad(rows, self.tokens.pad),
            "mask_RS": pad([np.ones(len(row)) for row in rows], 0),
            "kinds_RS": pad([kinds for one in laid for kinds in one.kinds], 0),
            "starts_RW": pad([one.starts for one in laid for _ in one.rows], 0),
        }
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    # -- features of a frozen body -------------------------------------------------------------------------------

    def _keep(self, egs: Sequence[Example], laid: Sequence[Laid]) -> None:
        """Compute the features that are not yet kept: (rows, H) of an example, or (words, H) where it is tagged.

        Rounding depends on which rows share a batch. The loop asks for the sizes of all training examples first and in
        their order, so that a resumed run has the very same features.
        """
        new = {(eg.uid, digest(eg)): one for eg, one in zip(egs, laid, strict=True)}
        new = {key: one for key, one in new.items() if key not in self._features}
        keys, left = list(new), list(new.values())
        for part in self._plan(left):
            some = [left[i] for i in part]
            with torch.no_grad():
                pooled_RH, words_RWH = self.net.features(self._ids(some))
            at = 0
            for i, one in zip(part, some, strict=True):
                tagged = len(one.starts) > 0
                own = words_RWH[at, : len(one.starts)] if tagged else pooled_RH[at : at + len(one.rows)]
                self._features[keys[i]] = own.to("cpu", copy=True)
                at += len(one.rows)

    def _kept(self, egs: Sequence[Example], laid: Sequence[Laid]) -> dict[str, torch.Tensor]:
        """Return the kept features as those of a batch (R, H) and (R, W, H)."""
        kept = [self._features[eg.uid, digest(eg)] for eg in egs]
        width, size = max(len(one.starts) for one in laid), kept[0].shape[-1]
        pooled, words = [], []
        for own, one in zip(kept, laid, strict=True):
            tagged = len(one.starts) > 0
            pooled.append(own.new_zeros(1, size) if tagged else own)
            rows = own[None] if tagged else own.new_zeros(len(one.rows), 0, size)
            words.append(torch.nn.functional.pad(rows, (0, 0, 0, width - rows.shape[1])))
        return {"pooled_RH": torch.cat(pooled), "words_RWH": torch.cat(words)}

    # -- answering -----------------------------------------------------------------------------------------------

    def _plan(self, laid: Sequence[Laid]) -> list[list[int]]:
        """Cut examples into batches of similar length."""
        sizes = np.array([one.size for one in laid], dtype=np.int64)
        return [part.tolist() for part in plan(sizes, np.zeros_like(sizes), budget=self.options.eval_tokens)]

    def _answers(self, egs: Sequence[Example]) -> list[Any]:
        """Return what each head answers: nats of its choices, a number, or places of tags."""
        said: list[Any] = [None] * len(egs)
        heads, laid = self.net.named_heads(), self.lay_out(egs)
        for part in self._plan(laid):
            some = [egs[i] for i in part]
            tensors = self._tensors(some, [laid[i] for i in part])
            with self._answering():
                features = self.net.features(tensors)
                for key, where in self._by_head(some).items():
                    answers = heads[key].answers(self.net.gathered(key, features, tensors))
                    for i, answer in zip(where, answers, strict=True):
                        said[part[i]] = answer
        return said

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        """Return log p(choice | input) of every choice in nats: the log softmax over them."""
        purposes = [self._head(eg.task).purpose for eg in egs]
        if any(purpose.answer != "choice" for purpose in purposes):
            raise UsageError("only tasks with choices can be ranked", fix="Use --by write.")
        return [
            [said[i] for i in places(purpose, eg)]
            for eg, purpose, said in zip(egs, purposes, self._answers(egs), strict=True)
        ]

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Return the answers as text: the likeliest choice, a number with three decimals, or tags in their format."""
        texts = [""] * len(egs)
        chosen = [i for i, eg in enumerate(egs) if self._head(eg.task).purpose.answer == "choice"]
        for i, nats in zip(chosen, self.rank([egs[i] for i in chosen]), strict=True):
            texts[i] = egs[i].choices[int(np.argmax(nats))]
        others = [i for i in range(len(egs)) if i not in set(chosen)]
        for i, said in zip(others, self._answers([egs[i] for i in others]), strict=True):
            purpose = self._head(egs[i].task).purpose
            texts[i] = decimal(said, egs[i]) if purpose.answer == "number" else tagged(said, purpose, egs[i])
        return texts

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the body and its tokenizer as a Hugging Face directory, and the heads beside them."""
        with whole(self.net.body, folder):
            self.net.body.save_pretrained(folder)
        self.tokens.save(folder)
        heads = self.net.named_heads()
        said = {"format": FORMAT, "pooling": self.net.pooling,
                "heads": {task_of(key): asdict(head.purpose) for key, head in heads.items()}}  # fmt: skip
        write_heads(folder / HEADS_FILE, said, self.net.heads)


def write_heads(file: Path, said: Mapping[str, Any], heads: torch.nn.Module) -> None:
    """Write what is said of heads into a JSON file, and their weights beside it."""
    file.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in heads.state_dict().items()}
    save_file(weights, file.with_name(WEIGHTS_FILE), metadata={"format": "pt"})


def _words_an_example(egs: Examples) -> float:
    """Return the mean number of words of examples, over two thousand of them spread over all."""
    some = egs[:: max(1, len(egs) // 2000)]
    return max(1.0, sum(len(eg.words) for eg in some) / len(some))


def key_of(task: str) -> str:
    """Return a task's name as that of a module, which holds no dot."""
    return task.replace(".", "%2E")


def task_of(key: str) -> str:
    """Return the name of the task that a head is called after."""
    return key.replace("%2E", ".")


# -- loading -----------------------------------------------------------------------------------------------------------


class Opened(NamedTuple):
    """What a directory holds: body, tokenizer, positions of the body; where it is, with notes; if it is random."""

    body: Any
    tokenizer: Any
    limit: int
    origin: str
    fresh: bool


def opened(folder: str, options: Options) -> Opened:
    """Open a directory's body and tokenizer; without any weights, random ones from the seed.

    Raise ``ModelError`` for files that do not belong together, ``UsageError`` for settings an encoder has not.
    """
    _check_options(options)
    path = Path(folder)
    place = path.name if path.parent == models_folder() else folder
    body, notes, fresh = load_body(path, options)
    tokenizer = load_tokenizer(folder, local_files_only=True)
    check_embedding(tokenizer, body, folder)
    limit = positions(body)
    if limit < options.max_input:
        notes.append(f"inputs of at most {limit} tokens")
    if options.dropout is not None:
        set_dropout(body, options.dropout)
    return Opened(body, tokenizer, min(limit, options.max_input), "; ".join([place, *notes]), fresh)


def load(folder: str, config: Mapping[str, Any], options: Options) -> Encoder:
    """Load an encoder with the heads that were saved with it, if any. Raise as `opened` does."""
    found = opened(folder, options)
    tokens = EncoderTokens(found.tokenizer, max_input=found.limit)
    said = _read_heads(Path(folder))
    saved = said["pooling"] if said else ""
    if saved and options.pooling not in ("auto", saved):
        raise UsageError(f"its heads were trained with pooling {saved}, not {options.pooling}", where=folder,
                         fix="Leave --pooling out.")  # fmt: skip
    model = Encoder(found.body, tokens, options, found.origin, fresh=found.fresh, pooling=saved)
    heads = said["heads"] if said and not options.fresh else {}
    for task, purpose in heads.items():
        model.net.heads[key_of(task)] = _new_head(found.body, purpose, options)
    if heads:
        load_heads(model.net, Path(folder))
    return model


def _check_options(options: Options) -> None:
    for name, value, known in (("pooling", options.pooling, POOLINGS), ("head", options.head, ("linear", "crf"))):
        if value not in known:
            raise UsageError(f'there is no {name} "{visible(value)}"',
                             fix=f"One of {', '.join(known)}.{did_you_mean(value, known)}")  # fmt: skip
    for name, given in (("pack", options.pack), ("label_smoothing", options.label_smoothing)):
        if given:
            raise UsageError(f"{name} is for text-to-text models, not for encoders", fix="Leave it out.")
    if options.unfreeze_every and "body" in options.freeze.split(","):
        raise UsageError("a body that is frozen is not unfrozen step by step", fix="Leave out freeze=body.")


def _new_head(body: Any, purpose: Purpose, options: Options, seed: int = 0) -> Head:
    """Return a head for a body, with the dropout asked for, or what the body's config gives to classifiers."""
    named = ("classifier_dropout", "hidden_dropout_prob", "dropout")
    given = (options.head_dropout, options.dropout, *(getattr(body.config, name, None) for name in named))
    share = next((value for value in given if value is not None), 0.1)
    return Head(purpose, size=body.config.hidden_size, dropout=share, seed=seed,
                temperature=options.soft_temperature, softly=options.soft_weight)  # fmt: skip


def _read_heads(path: Path) -> dict[str, Any]:
    """Return the description of the heads that were saved, if any. Raise ``ModelError`` for another format."""
    file = path / HEADS_FILE
    if not file.exists():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if (
            set(said) != {"format", "pooling", "heads"}
            or said["format"] != FORMAT
            or said["pooling"] not in POOLINGS[1:]
        ):
            raise ValueError(f"expected format {FORMAT}, a pooling and heads")
        said["heads"] = {task: as_purpose(one) for task, one in said["heads"].items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"not heads that t2t wrote: {visible(error)}", where=str(file), code="M01") from None
    return said


def load_heads(net: Network, path: Path) -> None:
    """Give a network's heads the weights that were saved. Raise ``ModelError`` if they are not theirs."""
    file = path / WEIGHTS_FILE
    try:
        net.heads.load_state_dict(load_file(file))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"not the weights of these heads: {visible(error)}", where=str(file), code="M02") from None
    net.eval()

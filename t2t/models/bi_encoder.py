"""Bi-encoders: two texts are read each alone by the same body, and compared as vectors (SBERT; SetFit for one text).

Floor 4. One body for every task, and a head a task, as encoders have. What is learned, and how it is answered:

* two texts, a choice: softmax over (u, v, |u − v|) (Reimers and Gurevych 2019, section 3), or with ``ranking`` multiple
  negatives ranking (Henderson et al. 2017, section 4.4), answered by a logistic regression on the cosine;
* two texts, a number: squared error of the cosine against the gold scaled to [0, 1], or ranking; the answer is the
  cosine scaled to the task's range, so that it takes no training to answer;
* one text, a choice: contrast of texts of one class and of several, then a logistic regression on the embeddings
  (Tunstall et al. 2022, SetFit, section 3).

A model is read from, and saved as, a directory of sentence-transformers (`t2t.models.sentences`).

Shapes: R rows of tokens (one a text), N examples, T texts (1 or 2), H hidden, C choices, F features of a regression.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cosine_similarity, cross_entropy, log_softmax, normalize

from t2t.errors import DataError, ModelError, UsageError, visible
from t2t.examples import Examples
from t2t.models import Loss, Options
from t2t.models.adapters import whole
from t2t.models.encoder import Encoder, Network, key_of, load_heads, opened, task_of, write_heads
from t2t.models.heads import OF_A_NUMBER, Head, Purpose, as_purpose, gold
from t2t.models.layout import ApartTokens, Laid, column_texts
from t2t.models.sentences import Sentences, read_sentences, write_sentences
from t2t.types import Batch, Example

__all__ = ["BiEncoder", "Cosine", "Fitted", "Towers", "contrast_loss", "load", "ranking_loss"]

SCALE = 20.0  # of cosines before the softmax of a ranking, as sentence-transformers has it
CLOSE = 0.8  # of a range: two texts of such a number or more belong together
AGREE = ("entailment", "equivalent", "duplicate", "paraphrase", "same")  # choices that say so
MOST_FITTED = 10_000  # rows of a regression; of more, as many are taken evenly
NEVER = -100.0  # the bias of a class without a row

PAIRS_FILE, FORMAT = "t2t_pairs.json", 1
KINDS = {"choice": ("softmax", "ranking", "contrast"), "number": ("cosine", "ranking")}  # of heads, by answer


# -- losses ------------------------------------------------------------------------------------------------------------


def ranking_loss(pairs_N2H: torch.Tensor, close_N: torch.Tensor) -> torch.Tensor:
    """Return the multiple negatives ranking loss in nats (scalar), summed over the pairs that belong together.

    The first text of each is to find its second one among the second texts of all pairs, by 20 times the cosine.
    """
    first_NH, second_NH = (normalize(texts, dim=-1) for texts in pairs_N2H.float().unbind(1))
    scores_NN = SCALE * first_NH @ second_NH.T
    right_N = torch.arange(len(scores_NN), device=scores_NN.device)
    return cross_entropy(scores_NN, right_N, reduction="none").masked_fill(~close_N, 0.0).sum()


def contrast_loss(texts_NH: torch.Tensor, gold_N: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of cosines, to 1 for two texts of a class and to 0 for others, times N (scalar).

    Over all pairs of the batch; those of a class and those of two weigh the same, as SetFit draws as many of each.
    """
    units_NH = normalize(texts_NH.float(), dim=-1)
    one_P, other_P = torch.triu_indices(len(units_NH), len(units_NH), 1, device=units_NH.device)
    same_P = gold_N[one_P] == gold_N[other_P]
    error_P = ((units_NH @ units_NH.T)[one_P, other_P] - same_P.float()).square()
    means = [part_P.mean() for part_P in (error_P[same_P], error_P[~same_P]) if len(part_P)]
    return len(units_NH) * torch.stack(means).mean() if means else 0.0 * units_NH.sum()


# -- heads -------------------------------------------------------------------------------------------------------------


class Cosine(torch.nn.Module):
    """Numbers by the cosine of two embeddings (N, 2, H), in fp32: it has no weights. ``kind``: cosine or ranking."""

    def __init__(self, purpose: Purpose, kind: str) -> None:
        super().__init__()
        self.purpose, self.kind, self.weight = purpose, kind, OF_A_NUMBER if kind == "cosine" else 1.0
        self.low, self.high = purpose.range or (0.0, 1.0)

    def loss(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return squared errors against the gold scaled to [0, 1], or the ranking loss, summed (scalar)."""
        scaled_N = (tensors["gold"] - self.low) / (self.high - self.low)
        if self.kind == "ranking":
            return ranking_loss(tensors["features"], scaled_N >= CLOSE)
        return (cosines(tensors["features"]) - scaled_N).square().sum()

    @torch.no_grad()
    def answers(self, tensors: Mapping[str, torch.Tensor]) -> list[float]:
        """Return the cosines scaled to the range; those below 0 are its lowest number."""
        return (self.low + cosines(tensors["features"]).double().clamp(0, 1) * (self.high - self.low)).tolist()


class Fitted(torch.nn.Module):
    """Choices by a logistic regression that is fitted when the body has learned.

    ``kind`` is contrast: one text (N, 1, H), regression on its embedding; or ranking: two (N, 2, H), on their cosine.
    """

    weight_CF: torch.Tensor
    bias_C: torch.Tensor
    weight = 1.0

    def __init__(self, purpose: Purpose, kind: str, size: int) -> None:
        super().__init__()
        self.purpose, self.kind = purpose, kind
        self.close = agreeing(purpose.names) if kind == "ranking" else -1
        self.register_buffer("weight_CF", torch.zeros(len(purpose.names), size if kind == "contrast" else 1))
        self.register_buffer("bias_C", torch.zeros(len(purpose.names)))

    def loss(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss that the body learns by (scalar)."""
        if self.kind == "ranking":
            return ranking_loss(tensors["features"], tensors["gold"] == self.close)
        return contrast_loss(tensors["features"][:, 0], tensors["gold"])

    def features(self, texts_NTH: torch.Tensor) -> torch.Tensor:
        """Return what the regression sees (N, F)."""
        return cosines(texts_NTH)[:, None] if self.kind == "ranking" else texts_NTH[:, 0]

    @torch.no_grad()
    def answers(self, tensors: Mapping[str, torch.Tensor]) -> list[list[float]]:
        """Return log p of every choice, in nats."""
        return log_softmax(self.features(tensors["features"]) @ self.weight_CF.T + self.bias_C, -1).tolist()

    @torch.no_grad()
    def fit(self, texts_NTH: torch.Tensor, gold_N: torch.Tensor) -> None:
        """Fit the regression (scikit-learn's, C = 1, as SetFit's); a class without a row is never answered."""
        from sklearn.linear_model import LogisticRegression

        found = LogisticRegression(max_iter=1000).fit(self.features(texts_NTH).double().numpy(), gold_N.numpy())
        weight, bias = found.coef_, found.intercept_
        if len(found.classes_) == 2:  # it has one row, for the second class
            weight, bias = np.concatenate([0 * weight, weight]), np.concatenate([0 * bias, bias])
        self.weight_CF.zero_()[found.classes_] = torch.from_numpy(weight).to(self.weight_CF)
        self.bias_C.fill_(NEVER)[found.classes_] = torch.from_numpy(bias).to(self.bias_C)


def cosines(pairs_N2H: torch.Tensor) -> torch.Tensor:
    """Return the cosine of each pair (N,), in fp32."""
    return cosine_similarity(pairs_N2H[:, 0].float(), pairs_N2H[:, 1].float(), dim=-1)


def agreeing(names: Sequence[str]) -> int:
    """Return the place of the choice that says that two texts belong together. Raise ``UsageError`` if there is none.

    >>> agreeing(("not_duplicate", "duplicate"))
    1
    """
    found = [i for i, name in enumerate(names) if name.lower() in AGREE]
    if len(found) != 1:
        raise UsageError(f"which of {', '.join(names)} says that two texts belong together?", where="pair_loss ranking",
                         fix=f"One must be {', '.join(AGREE[:-1])} or {AGREE[-1]}; or leave it out.")  # fmt: skip
    return found[0]


def kind_of(head: Any) -> str:
    """Return what a head learns by: softmax, cosine, ranking or contrast."""
    return "softmax" if isinstance(head, Head) else str(head.kind)


def new_head(kind: str, purpose: Purpose, size: int, options: Options, seed: int = 0) -> torch.nn.Module:
    """Return the head of a kind for embeddings of a size; a softmax has dropout only where it is asked for."""
    if kind == "softmax":
        return Head(purpose, size=3 * size, dropout=options.head_dropout or 0.0, seed=seed,
                    temperature=options.soft_temperature, softly=options.soft_weight)  # fmt: skip
    return Cosine(purpose, kind) if purpose.answer == "number" else Fitted(purpose, kind, size)


class Towers(Network):
    """The body that reads every text, and the heads that compare. ``normalize`` scales embeddings to length 1."""

    normalize = False

    def features(self, tensors: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one embedding a text (R, H), and nothing of words."""
        pooled_RH, words_RWH = super().features(tensors)
        return (normalize(pooled_RH, dim=-1) if self.normalize else pooled_RH), words_RWH

    def gathered(
        self, name: str, features: tuple[torch.Tensor, torch.Tensor], tensors: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return the embeddings of the texts of each example (N, T, H), for a softmax (u, v, |u − v|) of them."""
        texts_NTH = features[0][tensors[f"rows of {name}"]]
        if isinstance(self.heads[name], Head):
            u_NH, v_NH = texts_NTH.unbind(1)
            texts_NTH = torch.cat([u_NH, v_NH, (u_NH - v_NH).abs()], -1)
        return {**super().gathered(name, features, tensors), "features": texts_NTH}


# -- the family --------------------------------------------------------------------------------------------------------


class BiEncoder(Encoder):
    """A bi-encoder behind the `Model` protocol; ``embed`` gives its embeddings.

    Where nothing but regressions is left to learn, because the body is frozen, it ``fits`` at once.
    """

    family = "bi_encoder"
    network = Towers

    def __init__(
        self, body: Any, tokens: ApartTokens, options: Options, origin: str, said: Sentences, *, fresh: bool = False
    ) -> None:
        super().__init__(body, tokens, options, origin, fresh=fresh, pooling=said.pooling)
        self.said, self.net.normalize = said, said.normalize
        self._rows: dict[str, list[Example]] = {}  # that regressions are fitted on
        self._stale = False  # whether the body has learned since they were

    def check(self, egs: Examples, trained: Sequence[Examples]) -> None:
        """Raise ``UsageError`` for what two texts, each alone, cannot answer, or will have no head for."""
        self._kind(egs)
        if egs.task.answer != "number":
            super().check(egs, trained)

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Make the heads that are missing. Raise ``UsageError`` for a task that two texts, each alone, cannot answer.

        A number needs no training; everything else needs a head.
        """
        for egs in sets.values():
            self._kind(egs)
            if egs.task.answer == "number" and key_of(egs.task.name) not in self.net.heads:
                self._make(key_of(egs.task.name), egs)
        super().prepare(sets, training=training)
        for egs in sets.values():
            known = kind_of(self._head(egs.task.name))
            if (known == "contrast") != (texts_of(egs) == 1):
                wants = "one text" if known == "contrast" else "two texts"
                raise UsageError(f"its head takes {wants}, the prompt gives others", where=egs.task.name,
                                 fix="Choose another --prompt.")  # fmt: skip
        if training:
            self._check_learning()

    def _check_learning(self) -> None:
        """See whether it fits at once. Raise ``UsageError`` where there are no weights to learn, then or at first."""
        learns, own = (any(p.requires_grad for p in part.parameters()) for part in (self.net, self.net.heads))
        self.fits = not learns and bool(self._rows)
        if not learns and not self.fits:
            raise UsageError("nothing is left to learn: the body is frozen, and a cosine has no weights",
                             where="freeze", fix="Leave freeze=body out.")  # fmt: skip
        if self.options.unfreeze_every and not own:
            raise UsageError("gradual unfreezing begins with the heads, and these have no weights",
                             where="unfreeze_every", fix="Leave it out.")  # fmt: skip

    def _kind(self, egs: Examples) -> str:
        """Return what a task is learned by. Raise ``UsageError`` where the task or ``pair_loss`` allows nothing."""
        task, asked = egs.task, self.options.pair_loss if egs.split == "train" else "auto"
        if task.answer not in ("choice", "number") or any(prompt.per_row for prompt in egs.prompts):
            answers = "choices of each row" if task.answer == "choice" else task.answer
            raise UsageError(f"a bi-encoder gives choices and numbers, not {answers}", where=task.name,
                             fix="Use --family encoder, or a text-to-text model.")  # fmt: skip
        if texts_of(egs) == 1:
            if task.answer == "number":
                raise UsageError("a bi-encoder gives the number of two texts, the prompt has one", where=task.name,
                                 fix="Use --family encoder.")  # fmt: skip
            return "contrast"
        usual, odd = ("cosine", "softmax") if task.answer == "number" else ("softmax", "cosine")
        if asked == odd:
            raise UsageError(f"pair_loss {asked} is not for a {task.answer}", where=task.name,
                             fix=f"Leave it out, or give {usual} or ranking.")  # fmt: skip
        return usual if asked == "auto" else asked

    def _make(self, key: str, egs: Examples) -> None:
        """Give a task its head; one that is there is trained on, unless another ``pair_loss`` is asked for."""
        kind = self._kind(egs)
        if key in self.net.heads and self.options.pair_loss != "auto" and kind_of(self.net.heads[key]) != kind:
            del self.net.heads[key]
        super()._make(key, egs)
        if kind_of(self.net.heads[key]) != "softmax" and egs[0].taught:
            raise UsageError("only a softmax over two texts learns from a teacher", where=egs.task.name)
        if isinstance(self.net.heads[key], Fitted):
            self._rows[key] = egs[:: -(-len(egs) // MOST_FITTED)]
            self._stale = True
            if len({eg.gold for eg in self._rows[key]}) < 2:
                raise DataError("rows of one class alone teach nothing", where=egs.task.name, code="D04")

    def _new(self, egs: Examples, purpose: Purpose, seed: int) -> torch.nn.Module:
        return new_head(self._kind(egs), purpose, self.net.body.config.hidden_size, self.options, seed)

    def lay_out(self, egs: Sequence[Example]) -> list[Laid]:
        """Return the examples as rows of ids, each as the head of its task reads it."""
        laid = self.tokens.lay_out(egs, [False] * len(egs))
        if self._keeping:
            self._keep(egs, laid)
        return laid

    # -- learning ------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch) -> Loss:
        """Return the loss summed over the examples of ``batch``.

        Ranking and contrast take the other examples of their task in the batch as negatives: those of one pass.
        """
        self._stale = True
        return super().loss(batch)

    def fit(self, sets: Mapping[str, Examples]) -> None:
        """Fit the regressions on embeddings of a frozen body."""
        self._refit()

    def _refit(self) -> None:
        """Fit every regression of a task that is trained on, if the body has learned since it was last."""
        for key, egs in self._rows.items() if self._stale else ():
            head = self.net.heads[key]
            head.fit(torch.from_numpy(np.stack(self.embed(egs))), gold(head.purpose, egs, 0))
        self._stale = False

    # -- answering -----------------------------------------------------------------------------------------------

    def embed(self, egs: Sequence[Example]) -> list[np.ndarray]:
        """Return the embeddings (T, H) of the texts of each example, as fp32."""
        said: list[Any] = [None] * len(egs)
        laid = self.lay_out(egs)
        for part in self._plan(laid):
            some = [laid[i] for i in part]
            with self._answering():
                tensors = self._kept([egs[i] for i in part], some) if self._keeping else self._ids(some)
                rows_RH = self.net.features(tensors)[0].cpu().numpy()
            ends = np.cumsum([len(one.rows) for one in some])
            for i, own in zip(part, np.split(rows_RH, ends[:-1]), strict=True):
                said[i] = own
        return said

    def _answers(self, egs: Sequence[Example]) -> list[Any]:
        self._refit()
        return super()._answers(egs)

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write a directory that sentence-transformers opens, and the heads beside it."""
        self._refit()
        body = self.net.body
        with whole(body, folder):
            body.save_pretrained(folder)
        self.tokens.save(folder)
        write_sentences(folder, self.said, size=body.config.hidden_size, longest=self.tokens.max_input,
                        model_type=body.config.model_type)  # fmt: skip
        heads = self.net.named_heads()
        about = {task_of(key): {"loss": kind_of(head), **asdict(head.purpose)} for key, head in heads.items()}
        write_heads(folder / PAIRS_FILE, {"format": FORMAT, "heads": about}, self.net.heads)


def texts_of(egs: Examples) -> int:
    """Return how many texts of an example are read, each alone: 1 or 2.

    Raise ``UsageError`` for a prompt that makes one text of several columns.
    """
    counts = set()
    for prompt in egs.prompts:
        eg = egs.under(prompt)[0]
        counts.add(len(column_texts(eg)) or 1)
        columns = sum(piece.column is not None for piece in eg.pieces)
        if columns > 1 and not column_texts(eg):
            raise UsageError(f"a bi-encoder reads one text or two, each alone; this makes one text of {columns}",
                             where=f"{egs.task.name} prompt {prompt.name}",
                             fix="Choose a --prompt that only labels two columns, such as plain.")  # fmt: skip
    if len(counts) > 1:
        raise UsageError("some prompts give one text and others two", where=egs.task.name, fix="Choose one --prompt.")
    return counts.pop()


# -- loading -----------------------------------------------------------------------------------------------------------


def load(folder: str, config: Mapping[str, Any], options: Options) -> BiEncoder:
    """Load a bi-encoder from a directory of sentence-transformers, or from any encoder's, with the heads it may have.

    Raise ``ModelError`` for files that do not belong together, ``UsageError`` for settings a bi-encoder has not.
    """
    if options.pooling == "pooler":
        raise UsageError("a bi-encoder does not pool by the pooler", fix="Give pooling mean, cls or max.")
    found, path = opened(folder, options), Path(folder)
    said = read_sentences(path, found.body.config.model_type, found.tokenizer.model_max_length)
    origin = found.origin
    if said.longest is not None and said.longest < found.limit:
        origin += f"; texts of at most {said.longest} tokens"
    if options.pooling != "auto":
        said = said._replace(pooling=options.pooling)
    tokens = ApartTokens(found.tokenizer, max_input=min(found.limit, said.longest or found.limit), prefix=said.prefix)
    model = BiEncoder(found.body, tokens, options, origin, said, fresh=found.fresh)
    heads = {} if options.fresh else read_pairs(path)
    for task, (kind, purpose) in heads.items():
        model.net.heads[key_of(task)] = new_head(kind, purpose, found.body.config.hidden_size, options)
    if heads:
        load_heads(model.net, path)
    return model


def read_pairs(path: Path) -> dict[str, tuple[str, Purpose]]:
    """Return the kind and the purpose of each head that was saved. Raise ``ModelError`` for another format."""
    file = path / PAIRS_FILE
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if set(said) != {"format", "heads"} or said["format"] != FORMAT:
            raise ValueError(f"expected format {FORMAT} and heads")
        heads = {task: (one.pop("loss"), as_purpose(one)) for task, one in said["heads"].items()}
        odd = [task for task, (kind, purpose) in heads.items() if kind not in KINDS.get(purpose.answer, ())]
        if odd:
            raise ValueError(f"no head of this kind: {', '.join(odd)}")
        return heads
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"not heads that t2t wrote: {visible(error)}", where=str(file), code="M01") from None

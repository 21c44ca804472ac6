"""Encoders that are pretrained: BERT, ALBERT, ELECTRA and XLNet on their own objectives, others on BERT's.

Floor 4. Learns by steps in the same loop as everything else, from tasks with an ``objective`` (see `t2t.masking`); the
architectures and their heads are transformers' own. There are no answers: what comes out is a directory to fine-tune.

What is drawn of a text is made in `t2t.models.corpus`, the networks and their losses are in `t2t.models.pretrained`.

Shapes: R texts, S positions, P most predicted tokens of a text.
"""

from __future__ import annotations

import copy
import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from t2t.batches import pad, plan
from t2t.errors import ModelError, UsageError, visible
from t2t.examples import Examples
from t2t.masking import LABEL_NONE, hidden_from
from t2t.models import ByStep, Loss, Options, family_of
from t2t.models.body import OWN_WEIGHTS, positions, quiet
from t2t.models.corpus import PAIRS, Corpus, CorpusTokens, Drawn
from t2t.models.cpu.swap import quicken
from t2t.models.precision import dtype_of, set_dropout
from t2t.models.pretrained import TWO_WAY, Masked, Network, Permuted, Replaced
from t2t.paths import models_folder
from t2t.tokens import check_embedding, load_tokenizer
from t2t.types import Batch, Example

__all__ = ["Pretraining", "load"]

TYPES = {"rtd": ("electra",), "plm": ("xlnet",)}  # the model types of an objective that is not for all
SMALLER = 4  # times: the generator's width is a quarter of the discriminator's (Clark et al. 2020, section 3.2)
GENERATOR = "generator"  # the folder of ELECTRA's generator, in that of the discriminator


# -- the family --------------------------------------------------------------------------------------------------------


class Pretraining(ByStep):
    """An encoder that is pretrained, behind the `Model` protocol. ``net`` is made in `prepare`: its heads are those of
    the objective of the tasks.
    """

    family = "pretraining"
    generates = False

    def __init__(self, folder: str, options: Options) -> None:
        self.folder, self.options = Path(folder), options
        self.objective, self.fresh, self.origin, self.visit = "", False, folder, 0
        self.tokens: Any = None
        self.corpus: Any = None
        self.net: Any = None
        self.module: Any = None

    def prepare(self, sets: Mapping[str, Examples], *, training: bool) -> None:
        """Make the network for the objective of the tasks, which must be one and the same.

        Raise ``UsageError`` for tasks without one, and for a model or settings that it is not for; ``ModelError`` for
        files that do not belong together.
        """
        objectives = list(dict.fromkeys(egs.task.objective for egs in sets.values()))
        if len(objectives) != 1 or not objectives[0]:
            said = ", ".join(f"{egs.task.name}: {egs.task.objective or 'none'}" for egs in sets.values())
            raise UsageError(f"pretraining needs tasks of one objective ({visible(said)})", fix="Train them apart.")
        if any(egs.shots for egs in sets.values()):
            raise UsageError("texts to pretrain on are not preceded by shots", fix="Leave out --shots.")
        if self.net is None:
            self._make(objectives[0])
        if objectives[0] != self.objective:
            raise UsageError(f"the model is being pretrained on {self.objective}, not on {objectives[0]}")
        self.corpus.add(sets)

    def _make(self, objective: str) -> None:
        """Load the tokenizer and the network of an objective."""
        folder = str(self.folder)
        tokenizer = load_tokenizer(folder, local_files_only=True)
        if objective != "plm" and tokenizer.mask_token_id is None:
            raise ModelError("the tokenizer has no mask token", where=folder, fix="Use another model.", code="M05")
        net, notes, fresh = _network(objective, self.folder, self.options)
        check_embedding(tokenizer, net.lm, folder)
        if (limit := positions(net.lm.base_model)) < self.options.max_input:
            notes.append(f"inputs of at most {limit} tokens")
        if self.options.dropout is not None:
            set_dropout(net, self.options.dropout)
        if not self.options.plain:
            quicken(net)
        place = self.folder.name if self.folder.parent == models_folder() else folder
        self.tokens = CorpusTokens(tokenizer, max_input=min(limit, self.options.max_input),
                                   words=objective == "mlm_whole_word")  # fmt: skip
        self.corpus = Corpus(objective, self.tokens, self.options.seed)
        self.objective, self.fresh, self.origin = objective, fresh, "; ".join([place, *notes])
        self.net = self.module = net.eval()

    # -- training ------------------------------------------------------------------------------------------------

    def thaw(self, step: int) -> None:
        """Note the step: at each of them other tokens of a text are predicted."""
        self.visit = step

    def sizes(self, egs: Sequence[Example]) -> list[tuple[int, int]]:
        """Return the positions of each text, and how many of its tokens are predicted."""
        found: list[tuple[int, int]] = self.corpus.sizes(egs)
        return found

    def batch(self, egs: Sequence[Example]) -> Batch:
        """Return ids, mask, token types and labels (R, S), and what the objective needs besides."""
        return self._batch(egs, self.visit)

    def _batch(self, egs: Sequence[Example], visit: int) -> Batch:
        drawn = [self.corpus.draw(eg, visit) for eg in egs]
        arrays = {
            "source_RS": pad([one.ids for one in drawn], self.tokens.pad),
            "mask_RS": pad([np.ones(len(one.ids)) for one in drawn], 0),
            "kinds_RS": pad([one.kinds for one in drawn], 0),
            "units_R": np.array([one.units for one in drawn], np.int64),
        }
        if self.objective == "plm":
            arrays |= _permuted(drawn)
        else:
            arrays["labels_RS"] = pad([one.labels for one in drawn], LABEL_NONE)
        if self.objective in PAIRS:
            arrays["second_R"] = np.array([one.second for one in drawn], np.int64)
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        return Batch(tensors, tuple(egs), int(arrays["units_R"].sum()))

    def loss(self, batch: Batch) -> Loss:
        """Return the loss summed over the predicted tokens of ``batch``."""
        return Loss(self.module(batch.tensors), batch.units)

    # -- measuring -----------------------------------------------------------------------------------------------

    def held_out(self, sets: Mapping[str, Examples]) -> list[str]:
        """Return a line for each set: how many predicted tokens are right, and their perplexity, under one masking.

        It is drawn from the seed, the same for every model of one vocabulary.
        """
        self.corpus.add(sets)
        was, _ = self.net.training, self.net.eval()
        lines = []
        for egs in sets.values():
            found: Counter[str] = Counter()
            parts = (egs[start : start + 1024] for start in range(0, len(egs), 1024))
            sizes = np.array([size for part in parts for size, _ in self.sizes(part)], np.int64)
            with torch.inference_mode(), torch.random.fork_rng():
                torch.manual_seed(self.options.seed)
                for part in plan(sizes, np.zeros_like(sizes), budget=self.options.eval_tokens):
                    found.update(self.net.measure(self._batch([egs[int(i)] for i in part], 0).tensors))
            lines.append(f"{egs.task.name} {egs.split}: {_line(found)} ({len(egs):,} texts, masked once)")
        self.net.train(was)
        return lines

    def write(self, egs: Sequence[Example]) -> list[str]:
        """Raise ``UsageError``: there are no answers."""
        raise _no_answers()

    def rank(self, egs: Sequence[Example]) -> list[list[float]]:
        """Raise ``UsageError``: there are no answers."""
        raise _no_answers()

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the model with its head, and the tokenizer; ELECTRA's generator goes into ``generator/``.

        A head for pairs that the architecture has not itself is left out: it is of no use afterwards.
        """
        self.net.lm.save_pretrained(folder)
        self.tokens.save(folder)
        if isinstance(self.net, Replaced):
            self.net.predictor.lm.save_pretrained(folder / GENERATOR)
            self.tokens.save(folder / GENERATOR)


def _permuted(drawn: Sequence[Drawn]) -> dict[str, np.ndarray]:
    """Return what XLNet needs: which positions are hidden from which, where the predicted tokens are, and which."""
    places = [np.flatnonzero(one.labels != LABEL_NONE) for one in drawn]
    longest, most = max(len(one.ids) for one in drawn), max(map(len, places))
    hidden_RSS = np.zeros((len(drawn), longest, longest), bool)
    targets_RPS = np.zeros((len(drawn), most, longest), bool)
    for r, (one, at) in enumerate(zip(drawn, places, strict=True)):
        n = len(one.ids)
        hidden_RSS[r, :n, :n] = hidden_from(one.labels != LABEL_NONE, one.rng)
        hidden_RSS[r, n:, :n] = one.labels != LABEL_NONE
        targets_RPS[r, np.arange(len(at)), at] = True
    labels_RP = pad([one.labels[at] for one, at in zip(drawn, places, strict=True)], LABEL_NONE)
    return {"hidden_RSS": hidden_RSS, "targets_RPS": targets_RPS, "labels_RP": labels_RP}


def _line(found: Counter[str]) -> str:
    """Return in words what was measured."""
    right, ppl = 100 * found["right"] / found["tokens"], math.exp(min(found["nats"] / found["tokens"], 700))
    said = f"{right:.2f} % of {found['tokens']:,} predicted tokens right, perplexity {ppl:.2f}"
    if found["pairs"]:
        said += f"; {100 * found['pairs right'] / found['pairs']:.2f} % of {found['pairs']:,} pairs right"
    if found["judged"]:
        said = f"generator: {said}; discriminator: {100 * found['judged right'] / found['judged']:.2f} % of "
        said += f"{found['judged']:,} tokens right, {100 * found['replaced'] / found['judged']:.2f} % are replaced"
    return said


def _no_answers() -> UsageError:
    return UsageError("a model that is being pretrained gives no answers",
                      fix="Fine-tune what was saved: t2t train --task … --model RUN.")  # fmt: skip


# -- loading -----------------------------------------------------------------------------------------------------------


def load(folder: str, config: Mapping[str, Any], options: Options) -> Pretraining:
    """Return a model to pretrain; its weights are read when the objective is known (`Pretraining.prepare`).

    Raise ``UsageError`` for what is no encoder, and for settings that do not go with it.
    """
    if (found := family_of(dict(config), folder)) != "encoder":
        raise UsageError(f"models of the family {found} are not pretrained on an encoder's objective", where=folder,
                         fix="Give an encoder.")  # fmt: skip
    for name in ("pack", "label_smoothing", "freeze", "unfreeze_every"):
        if getattr(options, name):
            raise UsageError(f"{name} is not for pretraining", fix="Leave it out.")
    return Pretraining(folder, options)


def _network(objective: str, path: Path, options: Options) -> tuple[Network, list[str], bool]:
    """Return the network of an objective, notes on its weights, and whether they are all random."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    shape = _shape(path)
    kind = shape.model_type
    if kind not in (fits := TYPES.get(objective, (*MODEL_FOR_MASKED_LM_MAPPING_NAMES,))):
        known = " or ".join(fits) if objective in TYPES else "masked language models"
        raise UsageError(f"the objective {objective} is for {known}, not for models of type {visible(kind)}",
                         where=str(path), fix="Give another model, or another objective.")  # fmt: skip
    if objective == "plm":
        lm, notes, fresh = _weights(transformers.XLNetLMHeadModel, path, shape, options)
        return Permuted(lm, dtype_of(options.precision, lm)), notes, fresh
    if objective == "rtd":
        lm, notes, fresh = _weights(transformers.ElectraForPreTraining, path, shape, options)
        generator, more = _generator(path, shape, options)
        return Replaced(lm, generator, dtype_of(options.precision, lm)), [*notes, *more], fresh
    own = objective in PAIRS and kind in TWO_WAY
    auto = transformers.AutoModelForPreTraining if own else transformers.AutoModelForMaskedLM
    lm, notes, fresh = _weights(auto, path, shape, options)
    net = Masked(lm, dtype_of(options.precision, lm), pairs=objective in PAIRS)
    if net.second is not None:
        notes.append("a new head for pairs, which is not saved")
    return net, notes, fresh


def _generator(path: Path, shape: Any, options: Options) -> tuple[Any, list[str]]:
    """Return ELECTRA's generator: the one saved beside the discriminator, or a new one of a quarter of its width."""
    from transformers import ElectraForMaskedLM

    if (path / GENERATOR).is_dir():
        lm, notes, _ = _weights(ElectraForMaskedLM, path / GENERATOR, _shape(path / GENERATOR), options)
        return lm, [f"generator: {note}" for note in notes]
    small = copy.deepcopy(shape)
    small.num_attention_heads = max(1, shape.num_attention_heads // SMALLER)
    heads = small.num_attention_heads
    small.hidden_size = max(heads, shape.hidden_size // SMALLER // heads * heads)
    small.intermediate_size = max(1, shape.intermediate_size // SMALLER)
    torch.manual_seed(options.seed)
    return ElectraForMaskedLM(small), [f"a new generator of width {small.hidden_size}"]


def _shape(path: Path) -> Any:
    """Return the config of a directory."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # transformers raises many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=str(path), fix="Get its files again.", code="M01"
        ) from None


def _weights(auto: Any, path: Path, shape: Any, options: Options) -> tuple[Any, list[str], bool]:
    """Return a model of transformers with a head, notes on how its weights were found, and whether they are random.

    A body without the head gets a new one, from the seed. Raise ``ModelError`` if the body is not whole.
    """
    make = functools.partial(auto.from_config, dtype=torch.float32) if hasattr(auto, "from_config") else auto
    torch.manual_seed(options.seed)
    try:
        if options.fresh or not [file for file in path.glob("*.safetensors*") if file.name != OWN_WEIGHTS]:
            return make(shape), [f"random weights, seed {options.seed}"], True
        with quiet():
            lm, info = auto.from_pretrained(
                path, trust_remote_code=False, local_files_only=True, output_loading_info=True, use_safetensors=True,
                dtype=torch.float32,
            )  # fmt: skip
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=str(path), fix="Get its files again.", code="M01"
        ) from None
    return lm, _notes(lm, info, str(path)), False


def _notes(lm: Any, info: Mapping[str, Any], folder: str) -> list[str]:
    """Refuse a checkpoint whose body is not whole; return notes on heads that are new and what is left out.

    A pooler counts as a head: language models have none.
    """
    prefix = f"{lm.base_model_prefix}."
    parts = lm.base_model._modules.keys() - {"pooler"}
    missing, surplus = ({str(key).removeprefix(prefix) for key in info[f"{kind}_keys"]}
                        for kind in ("missing", "unexpected"))  # fmt: skip
    odd = {
        "missing": {key for key in missing if key.split(".")[0] in parts},
        "mismatched": {str(key) for key in info["mismatched_keys"]},
        "unexpected": {key for key in surplus if key.split(".")[0] in parts and not key.endswith("position_ids")},
    }
    for kind, keys in odd.items():
        if keys:
            raise ModelError(f"{len(keys)} {kind} tensors: {visible(', '.join(sorted(keys)[:10]))}", where=folder,
                             fix="The weights do not belong to this config.", code="M02")  # fmt: skip
    new = sorted({".".join(key.split(".")[:2]) for key in missing})
    left = sorted({key.split(".")[0] for key in surplus if not key.endswith("position_ids")})
    return [f"{what}: {', '.join(names)}" for what, names in (("new and random", new), ("left out", left)) if names]

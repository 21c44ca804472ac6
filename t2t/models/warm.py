"""Encoder-decoders begun from encoders' checkpoints: ``warm:ENCODER[+DECODER]``.

Floor 4. The encoder and the decoder are copied; the decoder's cross-attention is new, and so is its output layer where
the checkpoint has none (Rothe, Narayan and Severyn 2020, Leveraging Pre-trained Checkpoints for Sequence Generation
Tasks). The network is transformers' `EncoderDecoderModel`, trained and asked as every text-to-text model.

>>> spaced("it ' s well - known : ( 3 . 8 % ) , not _ entailment")
"it's well-known: (3.8%), not_entailment"
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from t2t.errors import ModelError, UsageError, visible
from t2t.models import WARM, Options
from t2t.models.adapters import whole
from t2t.models.body import load_body, positions, quiet
from t2t.models.precision import set_dropout
from t2t.models.seq2seq import Seq2Seq, check_tensors, check_vocabulary
from t2t.tagging import FORMATS
from t2t.tokens import Tokens, load_tokenizer
from t2t.types import Example

__all__ = ["Warm", "WarmTokens", "load", "spaced"]

STATE = "t2t_warm.json"


# -- texts -------------------------------------------------------------------------------------------------------------


class WarmTokens(Tokens):
    """An encoder's tokenizer for inputs and targets: ``[CLS] input [SEP]``, and ``target [SEP]`` begun by ``[CLS]``.

    A vocabulary without upper case or white space cannot spell an answer back: ids that are exactly a choice's are that
    choice, in tags those of a tag or a word of the sentence are it. All other text comes back as the vocabulary has it
    (lower-cased, perhaps), with English spacing around punctuation; the audit says where targets do not survive.
    """

    def __init__(self, tokenizer: Any, *, max_input: int, max_target: int) -> None:
        if tokenizer.eos_token is None:
            tokenizer.eos_token = tokenizer.sep_token
        if tokenizer.bos_token is None:
            tokenizer.bos_token = tokenizer.cls_token
        super().__init__(tokenizer, max_input=max_input, max_target=max_target)
        if tokenizer.cls_token_id is None or tokenizer("a")["input_ids"][:1] != [tokenizer.cls_token_id]:
            raise ModelError("the tokenizer does not begin texts with a token such as [CLS]",
                             where=str(tokenizer.name_or_path), code="M05")  # fmt: skip
        self.start = tokenizer.cls_token_id
        kind = type(getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)).__name__
        self._pieces = kind == "WordPiece"
        self._atoms = lru_cache(4096)(self._spell_out)

    def _call(self, texts: list[str], target: bool) -> list[np.ndarray]:
        """Return the ids of texts; a target is without the token that begins it."""
        rows = super()._call(texts, target)
        return [row[1:] for row in rows] if target else rows

    def _sentinel_ids(self, texts: Sequence[str], target: bool) -> list[np.ndarray]:
        raise ModelError(
            "the vocabulary has no sentinels <extra_id_N>", where=str(self.tokenizer.name_or_path),
            fix="Take a prompt that writes tags as text, such as --prompt tags or --prompt words.", code="M05",
        )  # fmt: skip

    # -- reading back ------------------------------------------------------------------------------------------------

    def answers(self, rows: Sequence[Iterable[int]], egs: Sequence[Example]) -> list[str]:
        """Return what rows of ids say in answer to ``egs``: a choice, tags and words as they are spelt, or text."""
        return [self._answer(self._own(row), eg) for row, eg in zip(rows, egs, strict=True)]

    def decode(self, rows: Iterable[Iterable[int]]) -> list[str]:
        """Return the text of each row up to its end of sequence, with English spacing where the vocabulary has none.

        The pieces of words are joined here: the tokenizer's own decoder may write "don't" for "do not".
        """
        if not self._pieces:
            return super().decode(rows)
        return [spaced(self._joined(self._own(row))) for row in rows]

    def _joined(self, ids: Sequence[int]) -> str:
        """Return the words of WordPiece's ids, a space between them."""
        return " ".join(self.tokenizer.convert_ids_to_tokens(list(ids))).replace(" ##", "")

    def _own(self, row: Iterable[int]) -> tuple[int, ...]:
        """Return the ids of a text, without what frames it."""
        ids = [int(i) for i in row]
        ids = ids[: ids.index(self.eos)] if self.eos in ids else ids
        return tuple(i for i in ids if i not in self._frame)

    def _answer(self, ids: tuple[int, ...], eg: Example) -> str:
        atoms = self._atoms(eg.choices, eg.words, eg.format)
        if eg.format not in FORMATS:
            return atoms[ids] if ids in atoms else self.decode([ids])[0]
        return self._tagged(ids, atoms) if self._pieces else self.decode([ids])[0]

    def _spell_out(self, choices: tuple[str, ...], words: tuple[str, ...], format: str) -> dict[tuple[int, ...], str]:
        """Return the texts that an answer may be made of, by their ids; two with the same ids are not told apart.

        A tag goes before a word of the same ids, the first of several words before the others: the reader of tags
        compares words whatever their case, and counts.
        """
        if format in FORMATS:
            tags = ["O", *(head + choice for choice in choices for head in ("", "B-", "I-"))]
            said = {"words": ["/" + tag for tag in tags], "list": [*(tag + ":" for tag in tags), ";"]}.get(format, tags)
        else:
            said, words = list(choices), ()
        texts = list(dict.fromkeys(said))
        ids = [self._own(row) for row in self.ids([*texts, *words], target=True)]
        mine, theirs = ids[: len(texts)], ids[len(texts) :]
        atoms = dict(zip(reversed(theirs), reversed(words), strict=True))
        atoms |= dict(zip(mine, texts, strict=True))
        alike = {one for one in mine if mine.count(one) > 1}
        return {one: text for one, text in atoms.items() if one and one not in alike and self.unk not in one}

    def _tagged(self, ids: tuple[int, ...], atoms: Mapping[tuple[int, ...], str]) -> str:
        """Return the text of ids word by word: the longest of ``atoms`` that begins there, or the word as it is."""
        longest, at, text = max(map(len, atoms), default=0), 0, ""
        ends = [i for i in range(1, len(ids) + 1) if i == len(ids) or not self._continues(ids[i])]
        while at < len(ids):
            here = [end for end in ends if at < end <= at + longest and ids[at:end] in atoms]
            end = here[-1] if here else next(end for end in ends if end > at)
            word = atoms.get(ids[at:end]) or self._joined(ids[at:end])
            text += word if not text or (here and word != "/" and word[0] in "/;") else f" {word}"
            at = end
        return text

    def _continues(self, token: int) -> bool:
        """Whether a token goes on with a word."""
        return str(self.tokenizer.convert_ids_to_tokens(token)).startswith("##")


_SPACING = [
    (re.compile(r"^([-+]) (?=\d)"), r"\1"),
    (re.compile(r"(?<=\d) ([.:/-]) (?=\d)"), r"\1"),
    (re.compile(r"(?<=\d) , (?=\d{3}\b)"), ","),
    (re.compile(r"(?<=\w) ([_'’/-]) (?=\w)"), r"\1"),
    (re.compile(r" (?=[.,;:!?)%])"), ""),
    (re.compile(r"(?<=[($]) "), ""),
]


def spaced(text: str) -> str:
    """Return a text whose words and punctuation all stand apart as English sets them."""
    for pattern, kept in _SPACING:
        text = pattern.sub(kept, text)
    return text


# -- model -------------------------------------------------------------------------------------------------------------


class Warm(Seq2Seq):
    """An encoder and a decoder behind the `Model` protocol. ``share`` says what they have in common."""

    @property
    def recipe(self) -> str:
        """Weights that are trained and new, on BERT's architecture: not T5's optimiser."""
        return "warm"

    def __init__(
        self, net: Any, tokens: WarmTokens, options: Options, origin: str, *, fresh: bool = False, share: str = "off"
    ) -> None:
        for what, part, asked in (
            ("--max-input", net.encoder, options.max_input),
            ("--max-target", net.decoder.base_model, options.max_target),
        ):
            if asked > positions(part):
                raise UsageError(f"{what} is {asked}, the model has {positions(part)} positions",
                                 fix=f"Give {what} {positions(part)} or less.")  # fmt: skip
        tie(net, share)
        super().__init__(net, tokens, options, origin, fresh=fresh)
        self.share = share
        rows = net.get_output_embeddings().weight.shape[0]
        self._nameless = [*range(len(tokens.tokenizer), rows)] or None
        for name, weight in net.encoder.named_parameters():
            weight.requires_grad_(not name.startswith("pooler."))  # the decoder sees every token instead

    def save(self, folder: Path) -> None:
        """Write an ordinary `EncoderDecoderModel`: shared weights are written twice, and which they are beside them."""
        for config in (self.net.config, self.net.config.encoder, self.net.config.decoder):
            config._name_or_path = ""
        with whole(self.net, folder):
            self.net.save_pretrained(folder, state_dict={k: v.clone() for k, v in self.net.state_dict().items()})
        self.tokens.save(folder)
        (folder / STATE).write_text(json.dumps({"share": self.share}) + "\n", encoding="utf-8")


def tie(net: Any, share: str) -> None:
    """Have the decoder use the encoder's own tensors: its word ``embeddings`` (in and out), or ``all`` that both have.

    ``all`` is BERTSHARE (Rothe et al. 2020, section 3). Raise ``UsageError`` where the two are not of one shape.
    """
    if share == "off":
        return
    body = net.decoder.base_model
    words = [
        name for name, weight in net.encoder.named_parameters() if weight is net.encoder.get_input_embeddings().weight
    ]
    every = {name: weight for name, weight in net.encoder.named_parameters() if not name.startswith("pooler.")}
    theirs = dict(body.named_parameters())
    for name in words if share == "embeddings" else every:
        if name not in theirs or theirs[name].shape != every[name].shape:
            raise UsageError(f"the decoder has no {name} like the encoder's", where="share",
                             fix="Sharing needs a decoder that is copied whole from the encoder.")  # fmt: skip
        owner, _, leaf = name.rpartition(".")
        setattr(body.get_submodule(owner), leaf, every[name])
    net.get_output_embeddings().weight = net.encoder.get_input_embeddings().weight


# -- loading -----------------------------------------------------------------------------------------------------------


def load(folder: str, config: Mapping[str, Any], options: Options) -> Warm:
    """Put a model together from the checkpoints of ``config["from"]``, or load one that was saved."""
    tokens = WarmTokens(load_tokenizer(folder), max_input=options.max_input, max_target=options.max_target)
    if "from" in config:
        model = _begin(list(map(Path, config["from"])), tokens, options)
    else:
        model = _saved(Path(folder), tokens, options)
    check_vocabulary(model.net, tokens, folder)
    if options.dropout is not None:
        set_dropout(model.net, options.dropout)
    return model


def _saved(path: Path, tokens: WarmTokens, options: Options) -> Warm:
    """Load an encoder-decoder that was put together before, here or elsewhere."""
    from transformers import AutoConfig, EncoderDecoderModel

    info: Mapping[str, Any] = {"missing_keys": set()}
    fresh, origin = options.fresh or not list(path.glob("*.safetensors*")), str(path)
    try:
        share = json.loads((path / STATE).read_text(encoding="utf-8"))["share"] if (path / STATE).exists() else "off"
        if fresh:
            shape = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
            torch.manual_seed(options.seed)
            net, origin = EncoderDecoderModel(shape), f"{path} (random weights, seed {options.seed})"
        else:
            with quiet():
                net, info = EncoderDecoderModel.from_pretrained(
                    path, trust_remote_code=False, local_files_only=True, output_loading_info=True,
                    use_safetensors=True, dtype=torch.float32,
                )  # fmt: skip
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(
            f"cannot be loaded: {visible(error)}", where=str(path), fix="Get its files again.", code="M01"
        ) from None
    unused = {key for key in info["missing_keys"] if key.startswith("encoder.pooler.")}
    check_tensors({**info, "missing_keys": info["missing_keys"] - unused}, str(path))
    if options.share not in ("off", share):
        raise UsageError(f"the model shares {share}, not {options.share}", where=str(path), fix="Leave share out.")
    return Warm(net, tokens, options, origin, fresh=fresh, share=share)


def _begin(paths: list[Path], tokens: WarmTokens, options: Options) -> Warm:
    """Put an encoder-decoder together; what is new is drawn from the seed."""
    from transformers import EncoderDecoderConfig, EncoderDecoderModel

    if options.adapter != "off":
        raise UsageError("the cross-attention is new and has to be trained whole", where="adapter",
                         fix="Train without an adapter first, then the saved model with one.")  # fmt: skip
    if len(paths) > 1:
        _check_pair(tokens, paths, options)
    torch.manual_seed(options.seed)
    encoder, notes, fresh = load_body(paths[0], options)
    decoder, said, new = _decoder(paths[-1], options)
    try:
        shape = EncoderDecoderConfig.from_encoder_decoder_configs(
            encoder.config, decoder.config, decoder_start_token_id=tokens.start, eos_token_id=tokens.eos,
            pad_token_id=tokens.pad,
        )  # fmt: skip
        net = EncoderDecoderModel(config=shape, encoder=encoder, decoder=decoder)
    except Exception as error:  # a decoder that cannot look at an encoder, sizes that do not fit
        raise ModelError(f"cannot be a decoder: {visible(error)}", where=str(paths[-1]), code="M01") from None
    for settings in (net.generation_config, net.decoder.generation_config):
        settings.decoder_start_token_id, settings.bos_token_id = tokens.start, tokens.start
        settings.eos_token_id, settings.pad_token_id = tokens.eos, tokens.pad
    notes = [note for note in notes if not note.startswith("left out") and "pooler" not in note]
    shared = {"off": "", "embeddings": "word embeddings shared", "all": "all shared but the cross-attention"}
    told = "; ".join(filter(None, [*notes, said, shared[options.share]]))
    return Warm(net, tokens, options, f"{WARM} of {' and '.join(map(str, paths))} ({told})",
                fresh=fresh and new, share=options.share)  # fmt: skip


def _check_pair(tokens: WarmTokens, paths: Sequence[Path], options: Options) -> None:
    """Refuse two checkpoints of different vocabularies, and sharing between two."""
    if load_tokenizer(str(paths[1])).get_vocab() != load_tokenizer(str(paths[0])).get_vocab():
        raise UsageError("encoder and decoder have different vocabularies", where=str(paths[1]),
                         fix="Give a decoder with the encoder's tokenizer, or none.")  # fmt: skip
    if options.share != "off":
        raise UsageError("two checkpoints share no weights", where="share", fix="Give --model warm:ENCODER.")


def _decoder(path: Path, options: Options) -> tuple[Any, str, bool]:
    """Return a decoder with a checkpoint's weights, a note on what is new in it, and whether all of it is random."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    try:
        shape = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
        full = shape.num_hidden_layers
        if (options.decoder_layers or 1) > full:
            raise UsageError(f"decoder_layers is {options.decoder_layers}, the checkpoint has {full}", where=str(path))
        shape.num_hidden_layers = options.decoder_layers or full
        with torch.device("meta"):  # what a checkpoint without cross-attention has, whole and with fewer layers
            few = AutoModel.from_config(shape).state_dict().keys()
            shape.num_hidden_layers = full
            whole = AutoModel.from_config(shape).state_dict().keys()
        shape.num_hidden_layers = options.decoder_layers or full
        shape.is_decoder = shape.add_cross_attention = True
        if options.fresh or not list(path.glob("*.safetensors*")):
            torch.manual_seed(options.seed)
            return AutoModelForCausalLM.from_config(shape, dtype=torch.float32), "", True
        with quiet():
            decoder, info = AutoModelForCausalLM.from_pretrained(
                path, config=shape, trust_remote_code=False, local_files_only=True, output_loading_info=True,
                use_safetensors=True, dtype=torch.float32,
            )  # fmt: skip
    except UsageError:
        raise
    except Exception as error:  # an architecture that is no decoder, and all that transformers and safetensors raise
        raise ModelError(f"cannot be a decoder: {visible(error)}", where=str(path), code="M01") from None
    layers = f"the lowest {options.decoder_layers} of {full} layers copied; " if options.decoder_layers else ""
    return decoder, layers + _new(decoder, info, few, whole, str(path)), False


def _new(decoder: Any, info: Mapping[str, Any], few: Iterable[str], whole: Iterable[str], where: str) -> str:
    """Say what of a decoder is not of its checkpoint. Raise ``ModelError`` where more is missing than is to be new."""
    body = decoder.base_model
    prefix = f"{decoder.base_model_prefix}."
    own, above = set(body.state_dict()), set()
    missing = {str(key).removeprefix(prefix) for key in info["missing_keys"]}
    surplus = {str(key).removeprefix(prefix) for key in info["unexpected_keys"]} - set(whole)
    odd = {
        "missing": missing & set(few),
        "mismatched": {str(key) for key in info["mismatched_keys"]},
        "unexpected": {key for key in surplus if f"{key.split('.')[0]}." in {f"{k.split('.')[0]}." for k in own}
                       and not key.endswith("position_ids")},
    }  # fmt: skip
    for kind, keys in odd.items():
        if keys:
            raise ModelError(f"{len(keys)} {kind} tensors: {visible(', '.join(sorted(keys)[:10]))}", where=where,
                             fix="The weights do not belong to this config.", code="M02")  # fmt: skip
    above = {key.split(".")[0] for key in missing - own}
    return ", ".join(["new: cross-attention", *(f"output layer ({name})" for name in sorted(above))])

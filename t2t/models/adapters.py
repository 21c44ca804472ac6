"""Adapters: a few new weights are trained in place of all. LoRA and IA3 through peft, and virtual tokens.

Floor 4, beside the families: `attach` changes a loaded model in place, `whole` is around what writes it. LoRA (Hu et
al. 2022) and IA3 (Liu et al. 2022) are merged into the weights where a model is saved, which makes it an ordinary one.
Virtual tokens (Lester et al. 2021, prompt tuning) are ids beyond the vocabulary that stand before every input; they
are saved beside the model, since a vocabulary with them would have other likelihoods.

>>> words = torch.nn.Embedding(4, 2)
>>> Prompted(words, torch.ones(3, 2))(torch.tensor([[4, 6]])).tolist()
[[[1.0, 1.0], [1.0, 1.0]]]
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from t2t.errors import ModelError, UsageError, visible
from t2t.models import VIRTUAL, Model, Options, Place
from t2t.models.body import quiet

__all__ = ["Prompted", "attach", "note", "trainable", "whole"]

COMMON = 5000  # vocabularies begin with what is frequent: virtual tokens start as some of it (Lester et al., section 3)


def attach(model: Model, options: Options, place: Place) -> None:
    """Give a model the adapter that was stored with it, and the one that is to be trained, its weights frozen.

    Raise ``UsageError`` for what cannot be adapted.
    """
    net: Any = getattr(model, "trunk", None)
    if net is None or options.adapter != "off" and model.fits:
        raise UsageError(f"a {model.family} has no adapters", where="adapter", fix="Leave --set adapter off.")
    if "adapter" in place.config:
        _merge(net, Path(place.config["adapter"]))
        model.origin += f" with the adapter {place.config['adapter']}"
    stored = Path(place.folder) / VIRTUAL
    if stored.is_file():
        _restore(model, net, stored)
    if options.adapter == "off":
        return
    _check(model, options)
    torch.manual_seed(options.seed)
    net.requires_grad_(False)
    if options.adapter == "prompt":
        if stored.is_file():
            _words(model, net).prompt.requires_grad_(True)
        else:
            _prompt(model, net, _drawn(_words(model, net), options.virtual_tokens))
    else:
        _inject(net, options)


def _check(model: Model, options: Options) -> None:
    """Refuse what does not go together with an adapter."""
    if model.fresh:
        raise UsageError("an adapter needs trained weights, the model's are random", where="adapter")
    if options.freeze or options.unfreeze_every or options.layer_decay != 1:
        raise UsageError("with an adapter all weights are frozen", where="adapter",
                         fix="Leave freeze, unfreeze_every and layer_decay out.")  # fmt: skip
    if options.adapter == "prompt":
        if model.family not in ("seq2seq", "causal"):
            raise UsageError(f"virtual tokens are for models that write, not for a {model.family}", where="adapter",
                             fix="Take lora or ia3.")  # fmt: skip
        if options.pack:
            raise UsageError("virtual tokens stand before whole inputs, and are not packed", where="pack")


# -- LoRA and IA3 ------------------------------------------------------------------------------------------------------


def _inject(net: Any, options: Options) -> None:
    """Put LoRA or IA3 layers into a network, in place. Raise ``UsageError`` where two of them would share a weight."""
    from peft import inject_adapter_in_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of transformers, for what peft asks it
        inject_adapter_in_model(_config(net, options), net)
    bases = [id(layer.get_base_layer().weight) for _, layer in _layers(net)]
    if len(set(bases)) < len(bases):
        raise UsageError("shared weights cannot have an adapter each", where="adapter", fix="Train all weights.")


def _config(net: Any, options: Options) -> Any:
    """Return peft's configuration: the modules it knows for the architecture, else every linear one but the output.

    LoRA is scaled by alpha / rank = 2 and has no dropout of its own.
    """
    from peft import IA3Config, LoraConfig
    from peft.utils import constants

    kind = getattr(net.config, "decoder", net.config).model_type  # that of both parts, in an encoder-decoder of two
    turned = any(type(module).__name__ == "Conv1D" for module in net.modules())  # GPT-2's weights are (in, out)
    if options.adapter == "lora":
        known = constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.get(kind)
        return LoraConfig(r=options.adapter_rank, lora_alpha=2 * options.adapter_rank,
                          target_modules=known or "all-linear", fan_in_fan_out=turned)  # fmt: skip
    known = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING.get(kind)
    inner = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING.get(kind, []) if known else []
    return IA3Config(target_modules=known or "all-linear", feedforward_modules=inner, fan_in_fan_out=turned)


def _layers(net: torch.nn.Module) -> list[tuple[str, Any]]:
    """Return the layers of LoRA or IA3 in a network, by name."""
    return [(name, module) for name, module in net.named_modules() if hasattr(module, "get_base_layer")]


def _merge(net: Any, folder: Path) -> None:
    """Merge a directory of peft's into the weights. Raise ``ModelError`` unless all of it is used."""
    from peft import PeftConfig, PeftModel

    learn = [p for p in net.parameters() if p.requires_grad]  # peft freezes the base
    try:
        if not (folder / "adapter_model.safetensors").is_file():
            raise ModelError("no adapter_model.safetensors", where=str(folder), code="M03",
                             fix="Save the adapter as safetensors in a place you trust.")  # fmt: skip
        config = PeftConfig.from_pretrained(str(folder))
        if getattr(config, "modules_to_save", None) or config.is_prompt_learning:
            raise ModelError(f"adapters of type {config.peft_type.value} with modules of their own cannot be merged",
                             where=str(folder), fix="Train with t2t, or merge it with peft.", code="M02")  # fmt: skip
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # peft only warns of tensors that it does not find
            warnings.simplefilter("ignore", FutureWarning)
            PeftModel.from_pretrained(net, str(folder), config=config).merge_and_unload()
    except ModelError:
        raise
    except Exception as error:  # peft and safetensors raise many kinds
        raise ModelError(f"the adapter cannot be loaded: {visible(error)}", where=str(folder), code="M02") from None
    for p in learn:
        p.requires_grad_(True)


# -- virtual tokens ----------------------------------------------------------------------------------------------------


class Prompted(torch.nn.Module):
    """An embedding with virtual tokens: ids beyond its rows are rows of ``prompt`` (V, H)."""

    def __init__(self, base: Any, prompt_VH: torch.Tensor) -> None:
        super().__init__()
        self.base, self.prompt = base, torch.nn.Parameter(prompt_VH)

    @property
    def weight(self) -> torch.nn.Parameter:
        """The embedding's own rows."""
        weight: torch.nn.Parameter = self.base.weight
        return weight

    @property
    def num_embeddings(self) -> int:
        """How many rows the embedding itself has: the first virtual token is the id after them."""
        return int(self.base.weight.shape[0])

    def forward(self, ids_BS: torch.Tensor) -> torch.Tensor:
        """Return the vectors (B, S, H) of ids."""
        virtual_BS = ids_BS >= self.num_embeddings
        own_BSH = self.base(ids_BS.masked_fill(virtual_BS, 0))
        given_BSH = torch.nn.functional.embedding((ids_BS - self.num_embeddings).clamp(min=0), self.prompt)
        return torch.where(virtual_BS[..., None], given_BSH.to(own_BSH.dtype), own_BSH)


def _reader(model: Model, net: Any) -> Any:
    """Return the part of a network that reads inputs."""
    return net.get_encoder() if model.family == "seq2seq" else net


def _words(model: Model, net: Any) -> Any:
    """Return the embedding of inputs."""
    return _reader(model, net).get_input_embeddings()


def _drawn(words: Any, count: int) -> torch.Tensor:
    """Return the vectors of ``count`` tokens drawn from the common ones (V, H)."""
    with torch.no_grad():
        ids = torch.randint(min(COMMON, words.num_embeddings), (count,), device=words.weight.device)
        return words(ids[None])[0].detach().clone()


def _prompt(model: Model, net: Any, prompt_VH: torch.Tensor) -> None:
    """Put virtual tokens before every input of a model."""
    words = Prompted(_words(model, net), prompt_VH)
    _reader(model, net).set_input_embeddings(words)
    model.tokens.lead = tuple(range(words.num_embeddings, words.num_embeddings + len(prompt_VH)))
    model.tokens.max_input -= len(prompt_VH)  # the limit is that of the model
    if model.tokens.max_input < 2:
        raise UsageError(f"{len(prompt_VH)} virtual tokens leave no room for an input", where="virtual_tokens",
                         fix="Raise --max-input.")  # fmt: skip


def _restore(model: Model, net: Any, path: Path) -> None:
    """Put the virtual tokens of a file before every input."""
    try:
        prompt_VH = load_file(path)["prompt"]
    except Exception as error:
        raise ModelError(f"not readable: {visible(error)}", where=str(path), code="M01") from None
    width = _words(model, net).weight.shape[1]
    if prompt_VH.ndim != 2 or prompt_VH.shape[1] != width:
        raise ModelError(f"virtual tokens of shape {tuple(prompt_VH.shape)} for vectors of {width}", where=str(path),
                         code="M02")  # fmt: skip
    _prompt(model, net, prompt_VH)
    model.origin += f" with its {len(prompt_VH)} virtual tokens"


# -- saving and saying -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def whole(net: Any, folder: Path) -> Iterator[None]:
    """Have a network be an ordinary one for a while, to be written to ``folder``; then it is bitwise what it was.

    LoRA and IA3 are merged into the weights; virtual tokens are written beside them.
    """
    layers = _layers(net)
    kept = [{name: p.detach().clone() for name, p in layer.get_base_layer().named_parameters()} for _, layer in layers]
    prompted = [(name, module) for name, module in net.named_modules() if isinstance(module, Prompted)]
    for name, layer in layers:
        layer.merge()
        net.set_submodule(name, layer.get_base_layer())
    for name, module in prompted:
        net.set_submodule(name, module.base)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"prompt": module.prompt.detach().cpu().contiguous()}, folder / VIRTUAL, metadata={"format": "pt"})
    try:
        yield
    finally:
        for name, module in prompted:
            net.set_submodule(name, module)
        for (name, layer), weights in zip(layers, kept, strict=True):
            layer.merged_adapters.clear()  # peft's own unmerging leaves roundings
            net.set_submodule(name, layer)
            with torch.no_grad():
                for own, weight in weights.items():
                    layer.get_base_layer().get_parameter(own).copy_(weight)


def trainable(net: torch.nn.Module) -> int:
    """Return how many weights of a network are trained."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def note(net: torch.nn.Module, options: Any) -> str:
    """Return what share of the weights is trained with an adapter; empty without one."""
    virtual = sum(len(module.prompt) for module in net.modules() if isinstance(module, Prompted))
    names = {"lora": f"LoRA of rank {options.adapter_rank}", "ia3": "IA3",
             "prompt": f"{virtual} virtual tokens, which t2t alone reads"}  # fmt: skip
    share = 100 * trainable(net) / max(1, sum(p.numel() for p in net.parameters()))
    return f"{names[options.adapter]}: {share:.2g} % of the weights are trained" if options.adapter in names else ""

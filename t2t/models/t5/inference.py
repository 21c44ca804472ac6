"""The forward passes of a T5 that answers: weights packed once, the encoder, the decoder by steps or over a tree.

Floor 4. `Packed` takes the weights from a Hugging Face module in fp32, bf16 or int8. Products are fused (queries, keys
and values; the keys and values of cross-attention of all layers; ReLU with the product before it), scales of norms are
folded into the products behind them. Inputs lie one after the other, so that nothing is computed on padding. `Decoder`
writes a token a row at a time; the beams of an input are queries over one set of its keys, never copied. `Packed.tree`
scores many continuations of an input at once.

oneDNN compiles a primitive for every shape of a product in bf16 and int8, which takes longer than to use it: numbers
of rows are rounded up (`finely_rounded`) so that shapes come again.

Shapes: B inputs, S positions of an input, W beams of each, R = B * W rows, N flat rows of a product, L layers, A heads,
D their width, H hidden, I and O what a product takes and gives, J features of keys and values, T positions written, P
prefixes of a tree, E their continuations, V vocabulary.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import embedding, gelu, linear, scaled_dot_product_attention

from t2t.models.cpu.answers import attend_few, attend_rows, level, quantise
from t2t.models.cpu.kernels import compiled
from t2t.models.cpu.rows import finely_rounded
from t2t.models.t5 import scale
from t2t.models.t5.forward import distances

__all__ = ["Decoder", "Inputs", "Packed", "Tree", "fingerprint"]

STEP = 16  # positions that the keys and values of a decoder grow by
MOST_LOGITS = 2**24  # at once
AT_ONCE = 1024  # tokens of inputs that are read together: what is in between stays in the processor's cache
LEAST = torch.finfo(torch.float32).min


def fingerprint(net: torch.nn.Module) -> tuple[Any, ...]:
    """Return what changes whenever a weight does: where each is, how often it was written, and its sum.

    The sum is for what is written past autograd (``.data``), which counts no version.
    """
    return tuple((p.data_ptr(), p._version, float(p.detach().sum())) for p in net.parameters())


# -- products and norms ------------------------------------------------------------------------------------------------


class Product:
    """A linear layer (O, I) in a precision, with ReLU behind it where that is asked for.

    It takes and gives fp32 or bf16, as `dtype_in` says.
    """

    def __init__(self, weight_OI: torch.Tensor, precision: str, *, relu: bool = False) -> None:
        self.run: Callable[[torch.Tensor], torch.Tensor]
        if precision == "int8" and _whole_numbers():
            self.run = _multiplied(weight_OI, relu)
        elif precision == "bf16" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
            packed = torch.ops.mkldnn._reorder_linear_weight(weight_OI.to(torch.bfloat16))
            post = "relu" if relu else "none"
            self.run = lambda x_NI: torch.ops.mkldnn._linear_pointwise(x_NI, packed, None, post, [], "")
        else:
            bare = _quantised(weight_OI) if precision == "int8" else _usual(weight_OI.to(dtype_in(precision)))
            self.run = (lambda x_NI: bare(x_NI).relu_()) if relu else bare

    def __call__(self, x_NI: torch.Tensor) -> torch.Tensor:
        """Return (N, O)."""
        return self.run(x_NI)


def dtype_in(precision: str) -> torch.dtype:
    """Return the type of what stands between products."""
    return torch.bfloat16 if precision == "bf16" or (precision == "int8" and _whole_numbers()) else torch.float32


def _whole_numbers() -> bool:
    """Whether products of 8 bits are oneDNN's own, of what a kernel has made whole numbers."""
    able = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return able and compiled() is not None and torch.cpu._is_vnni_supported()


def _usual(weight_OI: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    weight_IO = weight_OI.t().contiguous()  # a little faster than the other way round
    return lambda x_NI: x_NI @ weight_IO


def _multiplied(weight_OI: torch.Tensor, relu: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a product of 8 bits: weights have a scale a row, inputs one a call; what comes out is bf16."""
    scales_O = weight_OI.abs().amax(1).clamp(min=1e-12).float() / 127
    whole_OI = (weight_OI / scales_O[:, None]).round().to(torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(whole_OI, None)
    about = packed, scales_O, torch.zeros(len(scales_O), dtype=torch.int32), None, 1.0, 0, torch.bfloat16
    post = "relu" if relu else "none"

    def run(x_NI: torch.Tensor) -> torch.Tensor:
        whole_NI, scale = quantise(x_NI)
        out_NO: torch.Tensor = torch.ops.onednn.qlinear_pointwise(whole_NI, scale, 0, *about, post, [], "")
        return out_NO

    return run


def _quantised(weight_OI: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a product with weights of 8 bits a row's own scale, and inputs of 8 bits with the scale of each call.

    Without VNNI a processor adds two products in 16 bits, which overflow in silence: inputs have 7 bits there.
    """
    seven_bits = not torch.cpu._is_vnni_supported()
    scales_O = weight_OI.abs().amax(1).clamp(min=1e-12).double() / 127
    engine = torch.backends.quantized.engine
    with warnings.catch_warnings():
        # torch announces the end of tensors with quantised types; the operators on packed weights have no successor yet
        warnings.filterwarnings("ignore", message=".*quantized tensor creation functions")
        zeros_O = torch.zeros(len(scales_O), dtype=torch.long)
        whole_OI = torch.quantize_per_channel(weight_OI.float(), scales_O, zeros_O, 0, torch.qint8)
        try:
            if "onednn" in torch.backends.quantized.supported_engines:
                torch.backends.quantized.engine = "onednn"  # the default packs for kernels of half its speed
            packed = torch.ops.quantized.linear_prepack(whole_OI, None)
        finally:
            torch.backends.quantized.engine = engine
    return lambda x_NI: torch.ops.quantized.linear_dynamic(x_NI, packed, seven_bits)


def _folded(norm: Any, *weights_OI: torch.Tensor) -> torch.Tensor:
    """Return weights one below the other, with the scale of the norm before them in their columns."""
    return torch.cat(weights_OI) * norm.weight


def _activation(config: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    if config.dense_act_fn == "gelu_new":
        return lambda x_NI: gelu(x_NI, approximate="tanh")
    from transformers.activations import ACT2FN

    act: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[config.dense_act_fn]
    return act


class Feed:
    """The feed-forward part of a layer, gated or not."""

    def __init__(self, part: Any, config: Any, precision: str) -> None:
        dense = part.DenseReluDense
        self.gated, relu = config.is_gated_act, config.dense_act_fn == "relu"
        self.act = None if relu and not self.gated else _activation(config)
        inner = (dense.wi_0.weight, dense.wi_1.weight) if self.gated else (dense.wi.weight,)
        self.wi = Product(_folded(part.layer_norm, *inner), precision, relu=self.act is None)
        self.wo = Product(dense.wo.weight, precision)

    def __call__(self, x_NH: torch.Tensor) -> torch.Tensor:
        """Return what is to be added (N, H)."""
        inner_NI = self.wi(x_NH)
        if self.act is None:
            return self.wo(inner_NI)
        if self.gated:
            gate_NI, value_NI = inner_NI.chunk(2, -1)
            return self.wo(self.act(gate_NI).mul_(value_NI))
        return self.wo(self.act(inner_NI))


class Layer:
    """The products of a layer; those of cross-attention only in a decoder."""

    def __init__(self, block: Any, config: Any, precision: str) -> None:
        own, norm = block.layer[0].SelfAttention, block.layer[0].layer_norm
        self.qkv = Product(_folded(norm, own.q.weight, own.k.weight, own.v.weight), precision)
        self.out = Product(own.o.weight, precision)
        if len(block.layer) == 3:
            cross = block.layer[1].EncDecAttention
            self.cross_q = Product(_folded(block.layer[1].layer_norm, cross.q.weight), precision)
            self.cross_out = Product(cross.o.weight, precision)
        self.feed = Feed(block.layer[-1], config, precision)
        # T5 and mT5 have biases in the first layer, and use them in all; UMT5 has its own in each.
        self.biased = own.has_relative_attention_bias
        self.own = own

    def bias(self, longest: int) -> torch.Tensor:
        """Return the biases of this layer by distance (A, 2 * longest - 1), in fp32: see `distances`."""
        return distances(self.own, longest)


# -- the network -------------------------------------------------------------------------------------------------------


class Inputs(NamedTuple):
    """What a decoder sees of its inputs: keys and values of all layers (N, J), and which rows are each input's (B)."""

    seen: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor

    def of(self, which_B: torch.Tensor) -> Inputs:
        """Return some of the inputs; nothing is moved."""
        return Inputs(self.seen, self.starts[which_B], self.lengths[which_B])

    def layer(self, i: int, inner: int) -> torch.Tensor:
        """Return the keys and values of a layer side by side (N, 2 * inner), a view."""
        return self.seen[:, 2 * inner * i : 2 * inner * (i + 1)]


class Tree(NamedTuple):
    """Prefixes of continuations, each input its own: last ids and lengths (B, P), and who begins whom (B, P, P)."""

    ids: torch.Tensor
    depths: torch.Tensor
    begins: torch.Tensor


class Packed:
    """The weights of an encoder-decoder as they are computed with; stale as soon as those of ``net`` change."""

    def __init__(self, net: Any, precision: str) -> None:
        config = net.config
        self.precision, self.dtype = precision, dtype_in(precision)
        self.heads, self.width, self.eps = config.num_heads, config.d_kv, config.layer_norm_epsilon
        with torch.inference_mode():
            self.words_VH = net.shared.weight
            self.encoder, self.decoder = (_layers(stack, precision) for stack in (net.encoder, net.decoder))
            crosses = [block.layer[1].EncDecAttention for block in net.decoder.block]
            pairs = [weight for cross in crosses for weight in (cross.k.weight, cross.v.weight)]
            self.seen = Product(_folded(net.encoder.final_layer_norm, *pairs), precision)
            self.last_H = net.decoder.final_layer_norm.weight * scale(config)
            self.head, self.head_VH, self.head_bias_V = (
                Product(net.lm_head.weight, precision),
                net.lm_head.weight,
                net.lm_head.bias,
            )

    # -- encoder and decoder -----------------------------------------------------------------------------------------

    def read(self, source_BS: torch.Tensor, mask_BS: torch.Tensor) -> Inputs:
        """Return what a decoder sees of inputs; ``mask_BS`` is 1 where they are."""
        lengths_B, ids_N = mask_BS.sum(1), source_BS[mask_BS != 0]
        read_NH, start = torch.zeros(self._rows(len(ids_N)), self.words_VH.shape[1], dtype=self.dtype), 0
        for lengths in _parts(lengths_B.tolist(), AT_ONCE):
            end = start + sum(lengths)
            read_NH[start:end] = self._read(ids_N[start:end], lengths)[: end - start]
            start = end
        return Inputs(self.seen(read_NH), lengths_B.cumsum(0) - lengths_B, lengths_B)

    def _read(self, ids_N: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Return what the encoder makes of inputs (N, H), its last norm included."""
        x_NH, add_NH = self.embed(ids_N), None
        for layer in self.encoder:
            if layer.biased:
                bias_AW = layer.bias(max(lengths))
            add_NH = layer.out(attend_rows(layer.qkv(self.level(x_NH, add_NH)), bias_AW, lengths))
            add_NH = layer.feed(self.level(x_NH, add_NH))
        return self.level(x_NH, add_NH)

    def tree(self, inputs: Inputs, tree: Tree) -> torch.Tensor:
        """Return the last vectors (B * P, H), filled up, of every prefix of each input's continuations."""
        size = tree.ids.shape
        x_NH, add_NH = self.embed(tree.ids), None
        deepest = int(tree.depths.max())
        apart_BPP = deepest + tree.depths[:, None, :] - tree.depths[:, :, None]
        for i, layer in enumerate(self.decoder):
            if layer.biased:
                bias_ABPP = layer.bias(deepest + 1)[:, apart_BPP]
                own_BAPP = bias_ABPP.transpose(0, 1).masked_fill(~tree.begins[:, None], LEAST).to(self.dtype)
            q, k, v = self.parts(layer.qkv(self.level(x_NH, add_NH)), size)
            add_NH = layer.out(self.attend(q, k, v, own_BAPP, len(x_NH)))
            add_NH = self.look(layer, x_NH, add_NH, inputs, i, size[1])
        return self.last(x_NH, add_NH)

    def look(
        self, layer: Layer, x_NH: torch.Tensor, add_NH: torch.Tensor, inputs: Inputs, i: int, each: int
    ) -> torch.Tensor:
        """Return what is to be added after layer ``i`` of a decoder has attended to what is written, and that added."""
        q_NI = layer.cross_q(self.level(x_NH, add_NH))
        kv_NJ = inputs.layer(i, q_NI.shape[1])
        mixed_NI = attend_few(q_NI, kv_NJ, inputs.starts, inputs.lengths, each=each, heads=self.heads)
        return layer.feed(self.level(x_NH, layer.cross_out(mixed_NI)))

    # -- logits ------------------------------------------------------------------------------------------------------

    def logits(self, x_NH: torch.Tensor) -> torch.Tensor:
        """Return logits (N, V) in fp32 of last vectors."""
        logits_NV = self.head(x_NH.to(self.dtype)).float()
        return logits_NV if self.head_bias_V is None else logits_NV + self.head_bias_V

    def among(self, x_NH: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, len(ids)) of a few ids alone."""
        bias = None if self.head_bias_V is None else self.head_bias_V[ids]
        return linear(x_NH, self.head_VH[ids], bias)

    def nats(self, x_NH: torch.Tensor, rows_E: torch.Tensor, ids_E: torch.Tensor) -> torch.Tensor:
        """Return the log-likelihood (E,) of ids after rows; the logits are computed part by part."""
        out_E = x_NH.new_empty(len(rows_E))
        most = max(8, MOST_LOGITS // len(self.head_VH) // 8 * 8)
        for start in range(0, len(x_NH), most):
            logits_NV = self.logits(x_NH[start : start + most])
            here = (rows_E >= start) & (rows_E < start + most)
            rows = rows_E[here] - start
            out_E[here] = logits_NV[rows, ids_E[here]] - logits_NV.logsumexp(-1)[rows]
        return out_E

    # -- parts -------------------------------------------------------------------------------------------------------

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the vectors (N, H) of all ids, and zeros in the rows that fill them up."""
        return _filled(embedding(ids.flatten(), self.words_VH), self._rows(ids.numel()))

    def _rows(self, count: int) -> int:
        return count if self.precision == "fp32" else finely_rounded(count)

    def level(self, x_NH: torch.Tensor, add_NH: torch.Tensor | None) -> torch.Tensor:
        """Add to the residual in place; return its rows with mean square 1, in the type of products."""
        return level(x_NH, add_NH, self.eps, self.dtype)

    def last(self, x_NH: torch.Tensor, add_NH: torch.Tensor | None) -> torch.Tensor:
        """Return what logits are computed from, in fp32."""
        return level(x_NH, None if add_NH is None else add_NH.float(), self.eps, torch.float32) * self.last_H

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, rows: int) -> torch.Tensor:
        """Return the attention of q (B, A, Q, D) to k and v (B, A, K, D) as (rows, A * D), filled up with zeros."""
        out_BAQD = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
        return _filled(out_BAQD.transpose(1, 2).reshape(-1, self.heads * self.width), rows)

    def parts(self, x_NO: torch.Tensor, size: Sequence[int]) -> tuple[torch.Tensor, ...]:
        """Return the parts of a fused product, (B, A, Q, D) each for ``size`` (B, Q), without what filled it up."""
        x = x_NO[: size[0] * size[1]].view(*size, -1, self.heads, self.width)
        return x.permute(2, 0, 3, 1, 4).unbind(0)


class Decoder:
    """Writes a token a row and step. The ``beams`` rows of an input share its keys, read and written.

    What a beam has written stays where it is when another beam goes on from it: which keys are in the past of which
    beam is a mask (B, W, T * W), whose columns are positions, each with one key a beam.
    """

    def __init__(self, packed: Packed, inputs: Inputs, beams: int = 1) -> None:
        self.packed, self.inputs, self.beams, self.length = packed, inputs, beams, 0
        shape = len(packed.decoder), 2, len(inputs.lengths), packed.heads, 0, packed.width
        self.own = inputs.seen.new_empty(shape)  # keys and values of what is written
        self.past = torch.zeros(len(inputs.lengths), beams, 0, dtype=torch.bool)

    @property
    def rows(self) -> int:
        """How many rows are being written."""
        return self.own.shape[2] * self.beams

    def step(self, ids_R: torch.Tensor) -> torch.Tensor:
        """Take the next token of each row; return the last vectors (N, H), those that fill them up at the end."""
        packed, size, at = self.packed, (self.own.shape[2], self.beams), self.length * self.beams
        self._grow(at + self.beams)
        x_NH, add_NH = packed.embed(ids_R), None
        for i, layer in enumerate(packed.decoder):
            q, *written = packed.parts(layer.qkv(packed.level(x_NH, add_NH)), size)
            for kept, new in zip(self.own[i], written, strict=True):
                kept[:, :, at : at + self.beams] = new
            keys, values = self.own[i, ..., : at + self.beams, :]
            if layer.biased:
                mask = self._mask(layer.bias(self.length + 1)[:, : self.length + 1])
            add_NH = layer.out(packed.attend(q, keys, values, mask, len(x_NH)))
            add_NH = packed.look(layer, x_NH, add_NH, self.inputs, i, self.beams)
        self.length += 1
        return packed.last(x_NH, add_NH)

    def _mask(self, bias_AT: torch.Tensor) -> torch.Tensor:
        """Return what is added to the scores of written positions: their bias, where they are in a beam's past."""
        bias_AK = bias_AT.repeat_interleave(self.beams, -1)
        if self.beams == 1:
            return bias_AK[None, :, None].to(self.packed.dtype)
        return torch.where(self.past[:, None], bias_AK[None, :, None], LEAST).to(self.packed.dtype)

    def _grow(self, size: int) -> None:
        """Make room for ``size`` keys: twice as much each time, since a limit is rarely reached."""
        room = self.own.shape[4]
        if size > room:
            more = self.own.new_empty(*self.own.shape[:4], max(STEP * self.beams, 2 * room), self.own.shape[5])
            more[..., :room, :] = self.own
            self.own = more
        now = torch.eye(self.beams, dtype=torch.bool).expand(len(self.past), -1, -1)
        self.past = torch.cat([self.past, now], -1)

    def keep(self, which_B: torch.Tensor) -> None:
        """Go on with some inputs only."""
        self.inputs = self.inputs.of(which_B)
        self.own, self.past = self.own.index_select(2, which_B), self.past[which_B]

    def follow(self, beams_BW: torch.Tensor) -> None:
        """Go on from these beams of each input."""
        self.past = self.past.gather(1, beams_BW[..., None].expand_as(self.past))


def _filled(x_NH: torch.Tensor, rows: int) -> torch.Tensor:
    """Return rows with zeros behind them."""
    if len(x_NH) == rows:
        return x_NH
    out_NH = x_NH.new_zeros(rows, x_NH.shape[1])
    out_NH[: len(x_NH)] = x_NH
    return out_NH


def _parts(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Cut lengths into stretches of at most ``most`` in all, one at least in each."""
    part: list[int] = []
    for length in lengths:
        if part and sum(part) + length > most:
            yield part
            part = []
        part.append(length)
    yield part


def _layers(stack: Any, precision: str) -> list[Layer]:
    """Return the layers of an encoder or a decoder."""
    return [Layer(block, stack.config, precision) for block in stack.block]

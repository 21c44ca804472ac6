"""The compiled operations are PyTorch's: values, gradients, shares of dropout; threads and padding change nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, embedding, gelu, linear, relu, softmax
from torch.nn.utils import clip_grad_norm_

from t2t.models.cpu import ops
from t2t.models.cpu.clip import clip
from t2t.models.cpu.kernels import compiled
from t2t.models.cpu.ops import Drop, Noise, Spans

pytestmark = pytest.mark.skipif(compiled() is None, reason="no C compiler: the plain way is taken")
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 3e-2}
LENGTHS = (1, 7, 40, 16, 33, 3)


def both(
    fast: Callable[..., torch.Tensor], slow: Callable[..., torch.Tensor], dtype: torch.dtype, *inputs: torch.Tensor
) -> None:
    """Compare values and gradients; the reference computes in double precision on the same numbers."""
    ours = [x.to(dtype).requires_grad_() for x in inputs]
    theirs = [x.detach().double().requires_grad_() for x in ours]
    got, wanted = fast(*ours), slow(*theirs)
    assert got.dtype == dtype
    direction = torch.randn(wanted.shape, dtype=torch.float64)
    values = got.detach().clone()  # its own place may be written over
    grads = torch.autograd.grad(got, ours, direction.to(dtype))
    expected = torch.autograd.grad(wanted, theirs, direction.to(dtype).double())
    for one, two in zip((values, *grads), (wanted, *expected), strict=True):
        assert (one.double() - two).abs().max() <= TOLERANCE[dtype] * two.abs().max().clamp(min=1), fast


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 33), (70, 64)])
def test_element_wise_operations_are_pytorchs(dtype: torch.dtype, rows: int, columns: int) -> None:
    torch.manual_seed(1)
    x, h = torch.randn(2, rows, columns) * 3
    weight = torch.rand(columns) + 0.5

    def sums(h: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.cat(ops.add_norm(h, x * 1, weight, 1e-6, Drop()), -1)

    def reference(h: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        y = h + x
        return torch.cat([y, y * (y.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight], -1)

    if dtype == torch.float32:
        both(sums, reference, dtype, h, x, weight)
    else:  # the weight of a norm is fp32 always
        both(lambda h, x: sums(h, x, weight), lambda h, x: reference(h, x, weight.double()), dtype, h, x)
    both(
        lambda x: torch.cat(ops.add_norm(None, x * 1, weight, 1e-6, Drop()), -1),
        lambda x: reference(torch.zeros_like(x), x, weight.double()), dtype, x,
    )  # fmt: skip
    both(lambda x: ops.rectified(x * 1, Drop()), relu, dtype, x)
    both(
        lambda x: ops.gated(x, Drop()),
        lambda x: gelu(x.chunk(2, -1)[0], approximate="tanh") * x.chunk(2, -1)[1],
        dtype,
        torch.cat([x, h], -1),
    )
    both(lambda h, x: ops.add_dropped(h, x, Drop()), torch.add, dtype, h, x)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_weights_joined_and_looked_up_have_pytorchs_gradients(dtype: torch.dtype) -> None:
    """The same numbers to the last bit, but for the sum of a table's gradients, whose order is another."""
    torch.manual_seed(3)
    one, two, table = (torch.randn(rows, 70, requires_grad=True) for rows in (5, 3, 11))
    some, others = torch.randint(11, (40,)), torch.tensor([2, 2])
    words, (first, second) = ops.looked_up(table, (some, others), dtype)
    ours = ops.joined([one, two], dtype), words, first, second
    exact = table.to(dtype)
    theirs = torch.cat([one, two]).to(dtype), exact, embedding(some, exact), embedding(others, exact)
    directions = [torch.randn(x.shape).to(dtype) for x in ours]
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))
    got = torch.autograd.grad(ours, (one, two, table), directions)
    doubles = [x.detach().double().requires_grad_() for x in (one, two, table)]
    wanted = torch.autograd.grad(
        (torch.cat(doubles[:2]), doubles[2], doubles[2][some], doubles[2][others]),
        doubles,
        [d.double() for d in directions],
    )
    assert all(g.dtype == torch.float32 for g in got)
    assert all(torch.equal(g.double(), w) for g, w in zip(got[:2], wanted[:2], strict=True))
    assert torch.allclose(got[2].double(), wanted[2], rtol=1e-6, atol=1e-5)
    assert ops.joined([one], torch.float32) is one


@pytest.mark.parametrize("most", [0.5, 1e9, math.inf])
def test_gradients_are_clipped_as_pytorch_does(most: float) -> None:
    torch.manual_seed(5)
    shapes = (3,), (1,), (1000, 700), (20, 30)
    ours, theirs = ([torch.nn.Parameter(torch.zeros(shape)) for shape in shapes] for _ in range(2))
    unused = torch.nn.Parameter(torch.zeros(2))
    for one, other in zip(ours, theirs, strict=True):
        one.grad = torch.randn(one.shape)
        other.grad = one.grad.clone()
    norm = torch.cat([p.grad.double().flatten() for p in ours if p.grad is not None]).norm()
    assert float(clip([*ours, unused], most)) == pytest.approx(float(norm), rel=1e-7)
    assert float(clip_grad_norm_(theirs, most)) == pytest.approx(float(norm), rel=1e-4), "PyTorch sums in fp32"
    for one, other in zip(ours, theirs, strict=True):
        assert one.grad is not None and other.grad is not None and torch.allclose(one.grad, other.grad, rtol=1e-4)
    ours[2].grad[7, 7] = torch.nan  # type: ignore[index]
    assert clip(ours, most).isnan() and clip([unused], most) == 0


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, queries: Any, keys: Any, heads: int,
    causal: bool,
) -> torch.Tensor:  # fmt: skip
    """Return what `ops` should, row by row and in one matrix a row."""
    far = max(*queries, *keys)
    out, a, b = [], 0, 0
    for Q, K in zip(queries, keys, strict=True):
        split = [x.unflatten(-1, (heads, -1)).transpose(0, 1) for x in (q[a : a + Q], k[b : b + K], v[b : b + K])]
        scores = split[0] @ split[1].transpose(1, 2)
        if bias is not None:
            scores = scores + bias[:, far - 1 + torch.arange(K)[None] - torch.arange(Q)[:, None]]
        if causal:
            scores = scores.masked_fill(torch.ones(Q, K).triu(1).bool(), -torch.inf)
        out.append((softmax(scores, -1) @ split[2]).transpose(0, 1).flatten(1))
        a, b = a + Q, b + K
    return torch.cat(out)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("heads", "size"), [(1, 4), (3, 16), (2, 40)])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_is_pytorchs(dtype: torch.dtype, heads: int, size: int, causal: bool) -> None:
    torch.manual_seed(2)
    qkv = torch.randn(sum(LENGTHS), 3 * heads * size) / size**0.25
    bias = torch.randn(heads, 2 * max(LENGTHS) - 1)
    spans, dtypes = Spans.of(LENGTHS), dtype

    def reference(qkv: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return attention(*qkv.tensor_split(3, 1), bias, LENGTHS, LENGTHS, heads, causal)

    both(
        lambda x: ops.self_attend(x, bias, spans, heads=heads, causal=causal, drop=Drop()),
        lambda x: reference(x, bias.double()), dtypes, qkv,
    )  # fmt: skip
    both(
        lambda b: ops.self_attend(qkv.to(b.dtype), b, spans, heads=heads, causal=causal, drop=Drop()),
        lambda b: reference(qkv.double(), b), torch.float32, bias,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_cross_attention_is_pytorchs(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    queries, keys = (2, 1, 5, 70, 3, 1), LENGTHS
    q, kv = torch.randn(sum(queries), 48), torch.randn(sum(keys), 96)
    both(
        lambda q, kv: ops.attend(q, kv, Spans.of(queries), Spans.of(keys), heads=3, drop=Drop()),
        lambda q, kv: attention(q, *kv.tensor_split(2, 1), None, queries, keys, 3, False), dtype, q, kv,
    )  # fmt: skip


@pytest.mark.parametrize("size", [24, 32, 64, 128])
@pytest.mark.parametrize("causal", [False, True])
def test_in_bf16_attention_errs_no_more_than_pytorchs(size: int, causal: bool) -> None:
    """Than under autocast: root mean square errors; rows of less than a block, of several and of a part of one."""
    torch.manual_seed(6)
    heads, lengths = 2, (150, 64, 33, 9)
    x = (torch.randn(sum(lengths), 3 * heads * size) / size**0.25).bfloat16()
    bias = torch.randn(heads, 2 * max(lengths) - 1)
    direction = torch.randn(sum(lengths), heads * size).bfloat16()

    def ours(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return ops.self_attend(x, bias, Spans.of(lengths), heads=heads, causal=causal, drop=Drop())

    def pytorchs(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=x.dtype == torch.bfloat16):
            return attention(*x.tensor_split(3, 1), bias, lengths, lengths, heads, causal)

    found = []
    for way, one, two in ((ours, x, bias), (pytorchs, x, bias), (pytorchs, x.double(), bias.double())):
        leaves = one.clone().requires_grad_(), two.clone().requires_grad_()
        out = way(*leaves)
        found.append((out.detach(), *torch.autograd.grad(out, leaves, direction.to(out.dtype))))
    for one, other, exact in zip(*found, strict=True):
        assert (one.double() - exact).norm() <= (other.double() - exact).norm()


def test_precisions_drop_the_same_weights() -> None:
    torch.manual_seed(7)
    lengths, drop = (100, 7, 64), Drop(0.3, 11)
    qkv, bias = torch.randn(sum(lengths), 192).bfloat16(), torch.randn(2, 2 * max(lengths) - 1)
    found = []
    for dtype in TOLERANCE:
        x, b = qkv.to(dtype).requires_grad_(), bias.clone().requires_grad_()
        out = ops.self_attend(x, b, Spans.of(lengths), heads=2, causal=True, drop=drop)
        out.float().square().sum().backward()
        found.append((out, x.grad, b.grad))
    for exact, rounded in zip(*found, strict=True):
        assert exact is not None and rounded is not None
        assert (exact - rounded.float()).norm() < 1e-2 * exact.norm()


def test_what_stands_after_the_last_row_is_zero_and_unseen() -> None:
    qkv = torch.randn(sum(LENGTHS) + 9, 48)
    bias = torch.randn(2, 2 * max(LENGTHS) - 1)
    outs = []
    for tail in (0.0, 1e30):
        qkv[sum(LENGTHS) :] = tail
        x = qkv.clone().requires_grad_()
        out = ops.self_attend(x, bias, Spans.of(LENGTHS), heads=2, causal=False, drop=Drop())
        out.sum().backward()
        assert x.grad is not None
        outs.append((out.detach(), x.grad))
        assert not out[sum(LENGTHS) :].any() and not x.grad[sum(LENGTHS) :].any()
    assert all(torch.equal(*pair) for pair in zip(*outs, strict=True))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    x = torch.ones(400, 1000)
    y = ops.dropped(x, Drop(share, 12345))
    n, dropped = x.numel(), int((y == 0).sum())
    assert abs(dropped - share * n) < 5 * (n * share * (1 - share)) ** 0.5, "five standard deviations"
    assert torch.allclose(y[y != 0], torch.tensor(1 / (1 - share)))
    for across in (0, 1):  # no row and no column is special
        shares = (y == 0).float().mean(across)
        spread = (share * (1 - share) / x.shape[across]) ** 0.5
        assert abs(float(shares.std()) / spread - 1) < 0.15
    assert torch.equal(y, ops.dropped(x, Drop(share, 12345)))
    other = ops.dropped(x, Drop(share, 54321)) == 0
    assert abs(float((other & (y == 0)).float().mean()) - share**2) < 0.005, "places are independent"
    neighbours = ((y[:, 1:] == 0) & (y[:, :-1] == 0)).float().mean()
    assert abs(float(neighbours) - share**2) < 0.005


@pytest.mark.parametrize("name", ["dropped", "rectified", "gated", "add_dropped", "add_norm", "self_attend"])
def test_the_backward_pass_drops_what_the_forward_pass_dropped(name: str) -> None:
    """The gradient of a seeded operation is that of finite differences: the mask is the same one."""
    drop, bias = Drop(0.3, 99), torch.randn(2, 2 * max(LENGTHS) - 1)
    spans = Spans.of(LENGTHS)
    calls: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "dropped": lambda x: ops.dropped(x, drop),
        "rectified": lambda x: ops.rectified(x * 1, drop),
        "gated": lambda x: ops.gated(x, drop),
        "add_dropped": lambda x: ops.add_dropped(x, x, drop),
        "add_norm": lambda x: torch.cat(ops.add_norm(x, x * 1, torch.arange(24) / 12, 1e-6, drop), -1),
        "self_attend": lambda x: ops.self_attend(x, bias, spans, heads=2, causal=True, drop=drop),
    }
    torch.manual_seed(4)
    x = torch.randn(sum(LENGTHS), 24).requires_grad_()
    direction, towards = torch.randn(calls[name](x).shape), torch.randn_like(x)
    (calls[name](x) * direction).sum().backward()
    step = 1e-3
    with torch.no_grad():
        slopes = [(calls[name](x + sign * step * towards).double() * direction).sum() for sign in (1, -1)]
    assert x.grad is not None
    assert float((x.grad * towards).sum()) == pytest.approx(float(slopes[0] - slopes[1]) / (2 * step), rel=2e-2)


def test_attention_drops_weights_by_its_share() -> None:
    """With values of 1 an output is the sum of the weights kept: 1 on average, and exactly 1 without dropout."""
    lengths = (50,) * 40
    qkv = torch.randn(2000, 96) / 10  # so that no weight stands out
    qkv[:, 64:] = 1.0
    out = ops.self_attend(qkv, None, Spans.of(lengths), heads=2, causal=False, drop=Drop(0.1, 7))
    assert float(out.mean()) == pytest.approx(1.0, abs=3e-3) and float(out.std()) > 0.02
    whole = ops.self_attend(qkv, None, Spans.of(lengths), heads=2, causal=False, drop=Drop())
    assert torch.allclose(whole, torch.ones_like(whole), atol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_threads_change_no_bit(dtype: torch.dtype) -> None:
    lengths = (*LENGTHS, 150, 70)
    qkv, bias = torch.randn(sum(lengths), 72).to(dtype), torch.randn(3, 2 * max(lengths) - 1)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            x, b = qkv.clone().requires_grad_(), bias.clone().requires_grad_()
            out = ops.self_attend(x, b, Spans.of(lengths), heads=3, causal=False, drop=Drop(0.2, 5))
            weight = torch.ones(24, requires_grad=True)
            _, normed = ops.add_norm(x[:, :24], out, weight, 1e-6, Drop(0.2, 6))
            loss = ops.rectified(normed, Drop(0.2, 7)).square().sum()
            loss.backward()
            found.append((loss.detach(), x.grad, b.grad, weight.grad))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(*pair) for other in found[1:] for pair in zip(found[0], other, strict=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_what_is_not_a_number_stays_one(dtype: torch.dtype) -> None:
    x = torch.randn(sum(LENGTHS), 48).to(dtype)
    x[3, 5] = torch.nan
    spans = Spans.of(LENGTHS)
    assert ops.add_norm(x, x * 1, torch.ones(48), 1e-6, Drop(0.1, 3))[1][3].isnan().all()
    assert ops.rectified(x * 1, Drop()).isnan().sum() == 1
    assert ops.add_dropped(x, x, Drop(0.1, 3)).isnan().any()
    leaf = x.clone().requires_grad_()
    nats = ops.cross_entropy(leaf * 1, torch.zeros(len(x), dtype=torch.long))
    nats.sum().backward()
    assert leaf.grad is not None and nats[3].isnan() and nats.isnan().sum() == 1 and leaf.grad[3].isnan().all()
    out = ops.self_attend(x, None, spans, heads=1, causal=False, drop=Drop())
    assert out[1:8].isnan().any() and not out[:1].isnan().any() and not out[8:].isnan().any()
    leaf = x.clone().requires_grad_()
    ops.self_attend(leaf, None, spans, heads=1, causal=False, drop=Drop()).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad[1:8].isnan().any() and not leaf.grad[:1].isnan().any() and not leaf.grad[8:].isnan().any()


def targets(rows: int, size: int) -> torch.Tensor:
    """Return random targets; every fifth row, from the third on, has none."""
    target = torch.randint(size, (rows,))
    target[2::5] = -100
    return target


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("rows", "size"), [(0, 7), (1, 1), (1, 33), (3, 1000), (70, 64)])
def test_cross_entropy_is_pytorchs(dtype: torch.dtype, smoothing: float, rows: int, size: int) -> None:
    torch.manual_seed(8)
    target, weight = targets(rows, size), torch.rand(rows) + 0.5
    leaf = (torch.randn(rows, size) * 4).to(dtype).requires_grad_()
    exact = leaf.detach().double().requires_grad_()
    got = ops.cross_entropy(leaf * 1, target, label_smoothing=smoothing)
    wanted = cross_entropy(exact, target, label_smoothing=smoothing, reduction="none")
    assert got.dtype == torch.float32 and torch.allclose(got.double(), wanted, rtol=1e-6, atol=1e-6)
    assert got.sum().item() == pytest.approx(wanted.sum().item(), rel=1e-6, abs=1e-6)
    grads = [torch.autograd.grad(out, x, weight.to(out.dtype))[0] for out, x in ((got, leaf), (wanted, exact))]
    rounding = 1e-6 if dtype == torch.float32 else 2**-8
    assert torch.allclose(grads[0].double(), grads[1], rtol=rounding, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_in_bf16_cross_entropy_errs_no_more_than_pytorchs(smoothing: float) -> None:
    """Root mean square errors of the gradients of what the logits are made of; of the loss, a rounding of fp32 more."""
    torch.manual_seed(9)
    hidden, words, target = torch.randn(150, 48).bfloat16(), torch.randn(700, 48) / 4, targets(150, 700)

    def pytorchs(logits: torch.Tensor) -> torch.Tensor:
        logits = logits if logits.dtype == torch.float64 else logits.float()
        return cross_entropy(logits, target, label_smoothing=smoothing, reduction="sum")

    found = []
    for loss, to in (
        (lambda logits: ops.cross_entropy(logits, target, label_smoothing=smoothing).sum(), torch.bfloat16),
        (pytorchs, torch.bfloat16), (pytorchs, torch.float64),
    ):  # fmt: skip
        h = hidden.to(to).requires_grad_()
        w = words.to(torch.float64 if to == torch.float64 else torch.float32).requires_grad_()
        out = loss(linear(h, w.to(to)))
        found.append((out.detach(), *torch.autograd.grad(out * 0.003, (h, w))))
    for one, other, exact in zip(*found, strict=True):
        assert (one.double() - exact).norm() <= 1.001 * (other.double() - exact).norm() + 1e-6 * exact.norm()


def test_cross_entropy_of_large_logits_is_finite_and_right() -> None:
    logits, target = torch.randn(4, 50) + torch.tensor([[-500.0], [-90.0], [90.0], [500.0]]), torch.arange(4)
    wanted = cross_entropy(logits.double(), target, reduction="none")
    assert torch.allclose(ops.cross_entropy(logits, target).double(), wanted, atol=1e-4, rtol=0)


def test_cross_entropy_is_differentiated_once_and_has_bounds() -> None:
    logits = torch.randn(5, 9, requires_grad=True)
    nats = ops.cross_entropy(logits * 1, torch.arange(5)).sum()
    nats.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        nats.backward()
    with pytest.raises(IndexError, match="target 9 of a vocabulary of 9"):
        ops.cross_entropy(logits, torch.arange(5) + 5)


def test_what_is_written_over_is_differentiated_once() -> None:
    x = torch.randn(5, 8, requires_grad=True)
    for out in (ops.rectified(x * 1, Drop()), ops.add_norm(x, x * 1, torch.ones(8), 1e-6, Drop())[1]):
        out.sum().backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()


def test_noise_differs_by_place_and_follows_the_seed() -> None:
    def drawn(seed: int) -> list[Drop]:
        torch.manual_seed(seed)
        noise = Noise.of(0.1, training=True)
        return [noise.next() for _ in range(5)]

    assert drawn(1) == drawn(1) != drawn(2) and len(set(drawn(1))) == 5
    state = torch.get_rng_state()
    assert Noise.of(0.1, training=False).next() == Noise.of(0.0, training=True).next() == Drop()
    assert torch.equal(state, torch.get_rng_state()), "nothing is drawn where nothing is dropped"

"""What answers are computed from: the kernels and PyTorch's way agree, and both with the definition."""

from __future__ import annotations

import pytest
import torch

from t2t.models.cpu import answers
from t2t.models.cpu.kernels import compiled

HEADS, WIDTH = 3, 5
INNER = HEADS * WIDTH
LENGTHS = [4, 1, 70, 9]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}

pytestmark = pytest.mark.skipif(compiled() is None, reason="there is no C compiler")


@pytest.fixture(params=["kernels", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(answers, "compiled", lambda: None)


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


def softly(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | float = 0.0) -> torch.Tensor:
    """Return attention of (Q, I) over (K, I), head by head, in double precision."""
    q, k, v = (x.double().unflatten(1, (HEADS, WIDTH)).transpose(0, 1) for x in (q, k, v))
    return ((q @ k.transpose(1, 2) + bias).softmax(-1) @ v).transpose(0, 1).flatten(1)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_rows_see_themselves(dtype: torch.dtype) -> None:
    qkv, bias = drawn(sum(LENGTHS) + 4, 3 * INNER, dtype=dtype), drawn(HEADS, 2 * max(LENGTHS) - 1)
    got, start = answers.attend_rows(qkv, bias, LENGTHS), 0
    for length in LENGTHS:
        places = torch.arange(length)
        apart = bias[:, max(LENGTHS) - 1 + places[None] - places[:, None]]
        want = softly(*qkv[start : start + length].tensor_split(3, 1), apart)
        assert torch.allclose(got[start : start + length].double(), want, atol=TOLERANCE[dtype])
        start += length
    assert got.dtype == dtype and not got[start:].any()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("each", [1, 4])
def test_few_queries_see_their_input(dtype: torch.dtype, each: int) -> None:
    starts, lengths = torch.tensor([5, 0, 75]), torch.tensor([70, 4, 9])  # in any order, and not all of them
    q, wide = drawn(3 * each + 2, INNER, dtype=dtype), drawn(84, 4 * INNER, dtype=dtype)
    kv = wide[:, INNER : 3 * INNER]
    got = answers.attend_few(q, kv, starts, lengths, each=each, heads=HEADS)
    for i, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        want = softly(q[i * each : (i + 1) * each], *kv[start : start + length].tensor_split(2, 1))
        assert torch.allclose(got[i * each : (i + 1) * each].double(), want, atol=TOLERANCE[dtype])
    assert got.dtype == dtype and not got[3 * each :].any()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_rows_are_levelled_and_added_to(dtype: torch.dtype) -> None:
    x, add = drawn(7, 33), drawn(7, 33, dtype=dtype)
    want = x.double() + add.double()
    level = want / want.square().mean(1, keepdim=True).add(1e-6).sqrt()
    got = answers.level(x, add, 1e-6, dtype)
    assert got.dtype == dtype and torch.allclose(got.double(), level, atol=TOLERANCE[dtype])
    assert torch.allclose(x.double(), want, atol=1e-5)
    assert torch.equal(answers.level(x, None, 1e-6, dtype), got)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("rows", [1, 40])
def test_whole_numbers_are_the_nearest(dtype: torch.dtype, rows: int) -> None:
    x = drawn(rows, 33, dtype=dtype)
    whole, scale = answers.quantise(x)
    assert scale == pytest.approx(x.abs().max().item() / 127)
    assert int(whole.abs().max()) == 127 and (whole * scale - x.float()).abs().max() < 0.501 * scale


def test_nothing_is_nothing_in_whole_numbers() -> None:
    whole, scale = answers.quantise(torch.zeros(2, 8))
    assert not whole.any() and 0 < scale < 1e-9

"""What a precision stands for on a machine, and what a run says of it."""

from __future__ import annotations

import pytest
import torch

from t2t.models import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("asked", "able", "chosen", "why"),
    [
        ("auto", True, "bf16", "the hardware multiplies in it"),
        ("auto", False, "fp32", "the hardware does not multiply in bf16"),
        ("fp32", True, "fp32", "as asked"),
        ("bf16", True, "bf16", "as asked"),
        ("bf16", False, "bf16", "as asked, though the hardware does not multiply in it and fp32 is many times faster"),
    ],
)
def test_what_is_computed_in(monkeypatch: pytest.MonkeyPatch, asked: str, able: bool, chosen: str, why: str) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: able)
    assert precision.precision(asked, CPU) == chosen
    assert precision.said(asked, CPU, plain=True) == [f"products in {chosen}: {why}"]


def test_bf16_is_what_pytorch_says_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda able=able: able)
        assert precision.multiplies_bf16(CPU) is able

"""What a T5 writes by hand is what transformers writes, token for token: greedily, by beams, among choices."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from t2t.models.t5 import decode
from t2t.models.t5.decode import beam, constrained, greedy, trie
from t2t.models.t5.inference import Decoder, Packed
from tests.t5_nets import END, KINDS, PAD, VOCABULARY, cut, generate, numbers, trained

CHOICES = [(35, END), (35, 36, END), (40, END), (40, 41, 42, END), (40, 41, 50, END), (50, END)]


def written(
    net: Any, source_BS: torch.Tensor, mask_BS: torch.Tensor, *, beams: int = 1, precision: str = "fp32",
    limit: int = 12, names: int = VOCABULARY,
) -> list[list[int]]:  # fmt: skip
    """Return what is written by hand."""
    with torch.inference_mode():
        packed = Packed(net, precision)
        decoder = Decoder(packed, packed.read(source_BS, mask_BS), beams)
        search = greedy if beams == 1 else beam
        return cut(search(decoder, start=PAD, end=END, limit=limit, names=names))


@pytest.mark.parametrize("beams", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_every_token_is_that_of_transformers(kind: str, beams: int) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(40, 800)
    want = generate(net, source_BS, mask_BS, num_beams=beams)
    assert len(set(map(tuple, want))) > 20 and len({len(row) for row in want}) > 4, "the answers must tell rows apart"
    assert written(net, source_BS, mask_BS, beams=beams) == want


@pytest.mark.parametrize("beams", [1, 4])
def test_batches_and_order_change_nothing(beams: int) -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(33, 801)
    want = written(net, source_BS, mask_BS, beams=beams)
    turned = written(net, source_BS.flip(0), mask_BS.flip(0), beams=beams)[::-1]
    parts = zip(source_BS.split([1, 2, 9, 21]), mask_BS.split([1, 2, 9, 21]), strict=True)
    assert turned == want
    assert [row for part in parts for row in written(net, *part, beams=beams)] == want


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("worth", [0.0, 1.0])
def test_dropping_rows_that_have_ended_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, worth: float, beams: int
) -> None:
    net = trained("t5 v1.1")
    source_BS, mask_BS, _ = numbers(24, 802)
    monkeypatch.setattr(decode, "WORTH", worth)
    assert written(net, source_BS, mask_BS, beams=beams) == generate(net, source_BS, mask_BS, num_beams=beams)


def test_rows_that_have_ended_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    step = Decoder.step
    monkeypatch.setattr(Decoder, "step", lambda self, ids: rows.append(len(ids)) or step(self, ids))
    source_BS, mask_BS, _ = numbers(40, 803)
    want = written(trained("t5"), source_BS, mask_BS)
    assert rows[0] == 40 and rows[-1] < 20 and rows == sorted(rows, reverse=True)
    assert len(rows) == min(max(map(len, want)) + 1, 12)


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("beams", [1, 4])
def test_limits_are_kept(beams: int, limit: int) -> None:
    net = trained("mt5")
    source_BS, mask_BS, _ = numbers(16, 804)
    got = written(net, source_BS, mask_BS, beams=beams, limit=limit)
    assert got == generate(net, source_BS, mask_BS, num_beams=beams, max_new_tokens=limit)
    assert max(map(len, got)) == limit


@pytest.mark.parametrize("beams", [1, 4])
def test_ids_without_a_token_are_never_written(beams: int) -> None:
    net, names = trained("t5"), 45  # half of what it would write is beyond
    source_BS, mask_BS, _ = numbers(16, 805)
    want = generate(net, source_BS, mask_BS, num_beams=beams, suppress_tokens=list(range(names, VOCABULARY)))
    got = written(net, source_BS, mask_BS, beams=beams, names=names)
    assert got == want and max(i for row in got for i in row) < names
    assert want != generate(net, source_BS, mask_BS, num_beams=beams)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_lower_precisions_write_mostly_the_same(precision: str) -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(64, 806)
    want, got = (written(net, source_BS, mask_BS, precision=p) for p in ("fp32", precision))
    assert sum(a == b for a, b in zip(want, got, strict=True)) >= 0.8 * len(want)


# -- among choices -----------------------------------------------------------------------------------------------------


def chosen(net: Any, source_BS: torch.Tensor, mask_BS: torch.Tensor, sets: list[list[tuple[int, ...]]]) -> list[int]:
    with torch.inference_mode():
        packed = Packed(net, "fp32")
        decoder = Decoder(packed, packed.read(source_BS, mask_BS))
        return constrained(decoder, [trie(choices) for choices in sets], start=PAD)


def wanted(net: Any, source_BS: torch.Tensor, mask_BS: torch.Tensor, sets: list[list[tuple[int, ...]]]) -> list[int]:
    """Return the choices that transformers writes when its tokens are limited to them."""

    def following(row: int, ids: torch.Tensor) -> list[int]:
        begun = tuple(ids[1:].tolist())
        return [c[len(begun)] for c in sets[row] if len(c) > len(begun) and c[: len(begun)] == begun] or [PAD]

    with torch.inference_mode():
        out = net.generate(input_ids=source_BS, attention_mask=mask_BS, prefix_allowed_tokens_fn=following,
                           max_new_tokens=6, do_sample=False, num_beams=1)  # fmt: skip
    rows = out[:, 1:].tolist()
    return [
        next(i for i, c in enumerate(own) if tuple(row[: len(c)]) == c) for row, own in zip(rows, sets, strict=True)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_choices_are_those_that_transformers_is_limited_to(kind: str) -> None:
    net = trained(kind)
    source_BS, mask_BS, _ = numbers(48, 807)
    sets = [CHOICES] * 48
    want = wanted(net, source_BS, mask_BS, sets)
    assert chosen(net, source_BS, mask_BS, sets) == want
    assert len(set(want)) >= 4


def test_every_row_may_have_its_own_choices() -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(30, 808)
    sets = [CHOICES[i % 4 : i % 4 + 1 + i % 3] for i in range(30)]
    assert chosen(net, source_BS, mask_BS, sets) == wanted(net, source_BS, mask_BS, sets)


def test_the_end_tells_a_choice_from_one_that_it_begins() -> None:
    net = trained("t5")
    source_BS, mask_BS, _ = numbers(40, 810)
    got = chosen(net, source_BS, mask_BS, [CHOICES[:2]] * 40)
    assert set(got) == {0, 1} and got == wanted(net, source_BS, mask_BS, [CHOICES[:2]] * 40)


def test_a_row_ends_as_soon_as_one_choice_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    step = Decoder.step
    monkeypatch.setattr(Decoder, "step", lambda self, ids: rows.append(len(ids)) or step(self, ids))
    source_BS, mask_BS, _ = numbers(6, 809)
    long = [(35, 36, 37, 38, END), (40, 41, 42, 43, END)]
    chosen(trained("t5"), source_BS, mask_BS, [long] * 5 + [long[:1]])
    assert rows == [5]
    rows.clear()
    assert chosen(trained("t5"), source_BS, mask_BS, [long[:1]] * 6) == [0] * 6 and rows == []


def test_equal_choices_are_the_first_of_them() -> None:
    root = trie([(5, 1), (5, 1), (8, 1)])
    assert root.ids.tolist() == [5, 8] and [child.answer for child in root.children] == [0, 2]
    assert trie([(5, 1), (5, 1)]).answer == 0

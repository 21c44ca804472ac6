"""How a decoder is searched: greedily, greedily among choices, by beams; and how choices are scored.

Floor 4. The answers are those of transformers' ``generate``: `greedy` and `beam` follow its rules, its order among
equals included. Rows that have ended leave the batch. Where answers are limited to choices, a row ends as soon as one
choice is left, and no logits but those of possible tokens are computed.

Shapes: B inputs, W beams, R rows, V vocabulary, H hidden, N rows filled up, K candidates, T positions.

>>> root = trie([(5, 1), (5, 7, 1), (8, 1)])
>>> root.ids.tolist(), [child.answer for child in root.children]
([5, 8], [None, 2])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from t2t.models.t5.inference import Decoder, Inputs, Packed, Tree

__all__ = ["Node", "Prefixes", "beam", "constrained", "greedy", "prefixes", "score", "trie"]

LOST = -1.0e9  # the score of what cannot be chosen, as in transformers
Pick = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]

WORTH = 0.75  # rows that have ended are dropped when at most this share is left


# -- greedy ------------------------------------------------------------------------------------------------------------


def likeliest(logits_NV: torch.Tensor, rows_N: torch.Tensor, at: int) -> torch.Tensor:
    """Return the likeliest token (N,) of each row."""
    return torch.from_numpy(logits_NV.numpy().argmax(-1))  # torch's takes sixteen times as long


def greedy(decoder: Decoder, *, start: int, end: int, limit: int, names: int, pick: Pick = likeliest) -> torch.Tensor:
    """Return the likeliest tokens (R, limit), filled up with ``end``; ids from ``names`` on are no token's.

    ``pick`` takes others than the likeliest: from logits, the rows they are of, and the place in the answer.
    """
    out_RT = torch.full((decoder.rows, limit), end)
    rows_R = torch.arange(decoder.rows)
    ids_R = torch.full_like(rows_R, start)
    for at in range(limit):
        logits_NV = decoder.packed.logits(decoder.step(ids_R))[: len(rows_R), :names]
        ids_R = pick(logits_NV, rows_R, at)
        ended_R = (out_RT[rows_R, :at] == end).any(-1)
        out_RT[rows_R, at] = torch.where(ended_R, end, ids_R)
        (open_R,) = torch.where(~ended_R & (ids_R != end))
        if not len(open_R):
            break
        if len(open_R) <= WORTH * len(rows_R):
            decoder.keep(open_R)
            rows_R, ids_R = rows_R[open_R], ids_R[open_R]
    return out_RT


# -- among choices -----------------------------------------------------------------------------------------------------


class Node(NamedTuple):
    """A beginning of choices: the ids that may follow, what each leads to, and the choice if only one is left."""

    ids: torch.Tensor
    children: tuple[Node, ...]
    answer: int | None


def trie(spelt: Sequence[Sequence[int]]) -> Node:
    """Return the root over choices as ids, their end tokens included; equal choices are the first of them."""
    first: dict[tuple[int, ...], int] = {}
    for number, ids in enumerate(spelt):
        first.setdefault(tuple(map(int, ids)), number)
    return _node(first, 0)


def _node(choices: dict[tuple[int, ...], int], depth: int) -> Node:
    if len(choices) == 1:
        return Node(torch.empty(0, dtype=torch.long), (), next(iter(choices.values())))
    after: dict[int, dict[tuple[int, ...], int]] = {}
    for ids, number in choices.items():
        after.setdefault(ids[depth], {})[ids] = number
    return Node(torch.tensor(list(after)), tuple(_node(part, depth + 1) for part in after.values()), None)


def constrained(decoder: Decoder, roots: Sequence[Node], *, start: int) -> list[int]:
    """Return the choice of each row that is written by taking the likeliest possible token each time."""
    nodes = list(roots)
    rows = list(range(len(nodes)))
    ids_R = torch.full((len(rows),), start)
    while True:
        open_R = torch.tensor([at for at, i in enumerate(rows) if nodes[i].answer is None], dtype=torch.long)
        if not len(open_R):
            break
        if len(open_R) < len(rows):
            decoder.keep(open_R)
            rows, ids_R = [rows[at] for at in open_R.tolist()], ids_R[open_R]
        picks = _picks(decoder.packed, decoder.step(ids_R), [nodes[i] for i in rows])
        ids_R = torch.stack([nodes[i].ids[pick] for i, pick in zip(rows, picks, strict=True)])
        for i, pick in zip(rows, picks, strict=True):
            nodes[i] = nodes[i].children[pick]
    return [node.answer for node in nodes if node.answer is not None]


def _picks(packed: Packed, x_NH: torch.Tensor, nodes: Sequence[Node]) -> list[int]:
    """Return which child of its node each row goes to; rows at the same node are computed together."""
    together: dict[int, list[int]] = {}
    for row, node in enumerate(nodes):
        together.setdefault(id(node), []).append(row)
    picks = [0] * len(nodes)
    for rows in together.values():
        node = nodes[rows[0]]
        if len(node.children) > 1:
            for row, pick in zip(rows, packed.among(x_NH[rows], node.ids).argmax(-1).tolist(), strict=True):
                picks[row] = pick
    return picks


# -- beams -------------------------------------------------------------------------------------------------------------


class Beams(NamedTuple):
    """Hypotheses of each input: ids (B, W, T), their scores (B, W), and which of them have ended (B, W)."""

    ids: torch.Tensor
    scores: torch.Tensor
    ended: torch.Tensor

    def best(self, count: int) -> tuple[Beams, torch.Tensor]:
        """Return the ``count`` best of each input, best first, and where they were."""
        order = self.scores.topk(count).indices
        ids = self.ids.gather(1, order[..., None].expand(-1, -1, self.ids.shape[-1]))
        return Beams(ids, self.scores.gather(1, order), self.ended.gather(1, order)), order

    def of(self, which_B: torch.Tensor) -> Beams:
        """Return those of some inputs."""
        return Beams(*(part[which_B] for part in self))


def beam(decoder: Decoder, *, start: int, end: int, limit: int, names: int) -> torch.Tensor:
    """Return the best hypothesis of each input (B, limit), filled up with ``end``.

    The score of one that has ended is its log-likelihood over its length. An input is done when its best open
    hypothesis, over its present length, is no better than any of as many as there are beams that have ended
    (``early_stopping=False`` of transformers, and its ``length_penalty=1.0``).
    """
    width = decoder.beams
    inputs_B = torch.arange(decoder.rows // width)
    out_BT = torch.full((len(inputs_B), limit), end)
    left_B = torch.ones_like(inputs_B, dtype=torch.bool)
    open_, done = _empty(len(inputs_B), width, limit, end), _empty(len(inputs_B), width, limit, end)
    open_.scores[:, 0] = 0.0  # else all beams were the same
    ids_R = torch.full((decoder.rows,), start)
    for at in range(limit):
        found, froms = _continued(open_, decoder.packed.logits(decoder.step(ids_R))[: len(ids_R)], at, names)
        found = found._replace(ended=(found.ids[..., at] == end) | (at + 1 == limit))
        open_, order = found._replace(scores=found.scores + found.ended * LOST).best(width)
        done = _ended(done, found, at + 1)
        out_BT[inputs_B[left_B]] = done.ids[left_B, 0]
        left_B = left_B & _hopeful(open_, done, at + 1) & (at + 1 < limit)
        if not bool(left_B.any()):
            break
        decoder.follow(froms.gather(1, order))
        (which_B,) = torch.where(left_B)
        if len(which_B) <= WORTH * len(left_B):
            inputs_B, left_B, open_, done = inputs_B[which_B], left_B[which_B], open_.of(which_B), done.of(which_B)
            decoder.keep(which_B)
        ids_R = open_.ids[..., at].flatten()
    return out_BT


def _empty(count: int, width: int, limit: int, end: int) -> Beams:
    """Return hypotheses that are none."""
    none = torch.zeros(count, width, dtype=torch.bool)
    return Beams(torch.full((count, width, limit), end), torch.full((count, width), LOST), none)


def _continued(beams: Beams, logits_RV: torch.Tensor, at: int, names: int) -> tuple[Beams, torch.Tensor]:
    """Return the best continuations (B, 2 W) of open beams, and which beam each continues.

    Half of them may end, and as many as there were still go on.
    """
    count, width = beams.scores.shape
    nats_RK, ids_RK = logits_RV.log_softmax(-1)[:, :names].topk(2 * width)
    scores_BK = (nats_RK.view(count, width, -1) + beams.scores[..., None]).flatten(1)
    scores, order = scores_BK.topk(2 * width)
    froms = order // (2 * width)
    ids = beams.ids.gather(1, froms[..., None].expand(-1, -1, beams.ids.shape[-1]))
    ids[..., at] = ids_RK.view(count, -1).gather(1, order)
    return Beams(ids, scores, torch.zeros_like(froms, dtype=torch.bool)), froms


def _ended(done: Beams, found: Beams, length: int) -> Beams:
    """Return the best that have ended, with those that just did; the worse half of the continuations may not."""
    width = done.scores.shape[1]
    ended = found.ended & (torch.arange(2 * width) < width)
    scores = found.scores / length + ~ended * LOST
    return Beams(*(torch.cat(both, 1) for both in zip(done, Beams(found.ids, scores, ended), strict=True))).best(width)[
        0
    ]


def _hopeful(open_: Beams, done: Beams, length: int) -> torch.Tensor:
    """Whether an open hypothesis of each input (B,) may still become one of its best."""
    worst = torch.where(done.ended, done.scores.min(1, keepdim=True).values, LOST)
    return (open_.scores[:, :1] / length > worst).any(1)


# -- scores of choices -------------------------------------------------------------------------------------------------


class Prefixes(NamedTuple):
    """The prefixes of a set of choices (P of them): last ids, lengths, ancestors; and the steps of each choice.

    A step is a prefix and the id that follows; equal prefixes of several choices are one.
    """

    ids: list[int]
    depths: list[int]
    begins: torch.Tensor
    steps: list[list[tuple[int, int]]]


def prefixes(spelt: Sequence[Sequence[int]], start: int) -> Prefixes:
    """Return the prefixes of choices as ids, the empty one (after ``start``) first."""
    known: dict[tuple[int, ...], int] = {(): 0}
    steps = []
    for ids in (tuple(map(int, choice)) for choice in spelt):
        steps.append([(known.setdefault(ids[:at], len(known)), ids[at]) for at in range(len(ids))])
    begins = torch.zeros(len(known), len(known), dtype=torch.bool)
    for prefix, i in known.items():
        begins[i, [known[prefix[:at]] for at in range(len(prefix) + 1)]] = True
    return Prefixes([prefix[-1] if prefix else start for prefix in known], [*map(len, known)], begins, steps)


def score(packed: Packed, inputs: Inputs, found: Sequence[Prefixes]) -> list[list[float]]:
    """Return the log-likelihood in nats of each choice of each input, its end token included."""
    most = max(len(one.ids) for one in found)
    begins = torch.eye(most, dtype=torch.bool).repeat(len(found), 1, 1)
    for row, one in zip(begins, found, strict=True):
        row[: len(one.ids), : len(one.ids)] = one.begins
    ids, depths = (torch.tensor([part + [0] * (most - len(part)) for part in parts])
                   for parts in ([one.ids for one in found], [one.depths for one in found]))  # fmt: skip
    steps = [(row * most + at, after) for row, one in enumerate(found) for choice in one.steps for at, after in choice]
    nats = packed.nats(packed.tree(inputs, Tree(ids, depths, begins)), *torch.tensor(steps).unbind(1))
    lengths = [len(choice) for one in found for choice in one.steps]
    sums = iter(torch.stack([part.sum() for part in torch.split(nats, lengths)]).tolist())
    return [[next(sums) for _ in one.steps] for one in found]

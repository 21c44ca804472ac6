"""Plots as numbers: where the lines, bars and marks of a plot stand in its box; the page's template draws them.

Floor 1. Positions are SVG units from the top left; every plot says in words what it shows, for those who do not see it.

>>> ticks(0, 97), ticks(0.21, 0.28)
([0.0, 20.0, 40.0, 60.0, 80.0], [0.22, 0.24, 0.26, 0.28])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["histogram", "line", "number", "reliability", "scatter", "ticks"]

LEFT, TOP, RIGHT, BOTTOM = 46, 8, 16, 22  # margins, for the numbers of the axes


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most ``most`` round numbers between two, evenly spaced: by 1, 2 or 5 times a power of ten."""
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * by for by in (1, 2, 5, 10, 20) if span / (power * by) < most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)]


def number(value: float) -> str:
    """Return a number as an axis has it.

    >>> number(12000.0), number(0.25), number(3.0)
    ('12,000', '0.25', '3')
    """
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def line(
    points: Sequence[tuple[float, float]], *, log: bool = False, wide: int = 600, high: int = 190
) -> dict[str, Any]:
    """Return a line through (step, value), whose values ``log`` scales by their logarithm."""
    scale: Callable[[float], float] = (lambda y: math.log(max(y, 1e-9))) if log else (lambda y: y)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    least, most = min(ys), max(ys)
    at_x = _axis(xs[0], xs[-1], LEFT, wide - RIGHT)
    at_y = _axis(scale(least), scale(most), high - BOTTOM, TOP)
    path = " L".join(f"{at_x(x):.1f},{at_y(scale(y)):.1f}" for x, y in points)
    return {
        "wide": wide, "high": high, "left": LEFT, "right": wide - RIGHT, "foot": high - BOTTOM, "path": f"M{path}",
        "x": [(round(at_x(x), 1), number(x)) for x in ticks(xs[0], xs[-1])],
        "y": [(round(at_y(scale(y)), 1), number(y)) for y in _y_ticks(least, most, log)],
        "dots": [(round(at_x(x), 1), round(at_y(scale(y)), 1)) for x, y in points] if len(points) <= 40 else [],
        "said": f"from {number(ys[0])} (step {number(xs[0])}) to {number(ys[-1])} (step {number(xs[-1])})",
    }  # fmt: skip


def _axis(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return what maps numbers between two to positions; where they are the same, to the middle."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _y_ticks(low: float, high: float, log: bool) -> list[float]:
    """Return the numbers on an axis; on a logarithmic one those of 1, 2 and 5, where there are several of them."""
    powers = range(math.floor(math.log10(max(low, 1e-9))), math.ceil(math.log10(max(high, 1e-9))) + 1) if log else ()
    round_ones = [by * 10.0**power for power in powers for by in (1, 2, 5) if low <= by * 10.0**power <= high]
    return round_ones if len(round_ones) > 1 else ticks(low, high)


def histogram(found: Mapping[str, Any], *, wide: int = 300, high: int = 130) -> dict[str, Any]:
    """Return the bars of counts between edges, and where the limit stands (None: right of all bars)."""
    edges, counts = found["edges"], found["counts"]
    at_x = _axis(edges[0], edges[-1], LEFT, wide - RIGHT)
    at_y = _axis(0, max(counts), high - BOTTOM, TOP)
    foot = high - BOTTOM
    bars = [
        (round(at_x(a) + 0.25, 2), round(at_y(count), 2), round(max(at_x(b) - at_x(a) - 0.5, 0.5), 2),
         round(foot - at_y(count), 2))
        for a, b, count in zip(edges[:-1], edges[1:], counts, strict=True) if count
    ]  # fmt: skip
    limit = found["limit"]
    return {
        "wide": wide, "high": high, "left": LEFT, "right": wide - RIGHT, "foot": foot, "bars": bars,
        "x": [(round(at_x(x), 1), number(x)) for x in ticks(edges[0], edges[-1], 4)],
        "y": [(round(at_y(y), 1), number(y)) for y in ticks(0, max(counts), 3)],
        "limit": round(at_x(limit), 1) if limit <= edges[-1] else None,
        "said": f"up to {number(edges[-1] - 1)} tokens, the limit is {number(limit)}",
    }  # fmt: skip


def scatter(points: Sequence[tuple[float, float, float, str]], *, wide: int = 300, high: int = 200) -> dict[str, Any]:
    """Return points of (x, value, margin, name), x by its logarithm, each with the bar of its margin up and down."""
    xs = [x for x, _, _, _ in points]
    least, most = min(y - m for _, y, m, _ in points), max(y + m for _, y, m, _ in points)
    room = 0.06 * math.log(max(xs) / min(xs)) or 0.1  # so that no name stands outside
    at_log = _axis(math.log(min(xs)) - room, math.log(max(xs)) + room, LEFT, wide - RIGHT)
    at_y = _axis(least, most, high - BOTTOM, TOP)
    marks = _x_ticks(min(xs), max(xs))
    return {
        "wide": wide, "high": high, "left": LEFT, "right": wide - RIGHT, "foot": high - BOTTOM,
        "x": [(round(at_log(math.log(x)), 1), number(x)) for x in marks],
        "y": [(round(at_y(y), 1), number(y)) for y in ticks(least, most)],
        "dots": [{"x": round(at_log(math.log(x)), 1), "y": round(at_y(y), 1), "name": name,
                  "top": round(at_y(y + m), 1), "foot": round(at_y(y - m), 1)} for x, y, m, name in points],
        "said": "; ".join(f"{name}: {number(round(y, 2))} at {number(x)}" for x, y, _, name in points),
    }  # fmt: skip


def _x_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Return at most ``most`` round numbers on a logarithmic axis: powers of ten, with 2 and 5 where there is room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for bys in ((1, 2, 5), (1,)):
        found = [by * 10.0**power for power in powers for by in bys if low * 0.99 <= by * 10.0**power <= high * 1.01]
        if 1 < len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)] if len(found) > most else [float(f"{x:.2g}") for x in (low, high)]


def reliability(curve: Sequence[Sequence[float]], *, size: int = 230) -> dict[str, Any]:
    """Return the points of (rows, mean confidence, share right) in a square, their areas by their rows."""
    at_x, at_y = _axis(0, 1, LEFT, size - RIGHT), _axis(0, 1, size - BOTTOM, TOP)
    most = max(count for count, _, _ in curve)
    return {
        "wide": size, "high": size, "left": LEFT, "right": size - RIGHT, "foot": size - BOTTOM, "top": TOP,
        "dots": [(round(at_x(sure), 1), round(at_y(right), 1), round(2 + 6 * math.sqrt(count / most), 1))
                 for count, sure, right in curve],
        "x": [(round(at_x(x), 1), f"{100 * x:.0f}") for x in (0, 0.25, 0.5, 0.75, 1)],
        "y": [(round(at_y(y), 1), f"{100 * y:.0f}") for y in (0, 0.25, 0.5, 0.75, 1)],
    }  # fmt: skip

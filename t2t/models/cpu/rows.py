"""How many rows a product is given: few different numbers.

Floor 4. oneDNN compiles a product in bf16 anew for each number of rows (17 ms against 2 ms to compute it,
docs/fast.md), and keeps megabytes of each.

>>> rounded(4001), rounded(130), rounded(3)
(4096, 192, 64)
"""

from __future__ import annotations

__all__ = ["finely_rounded", "rounded"]


def rounded(n: int) -> int:
    """Return ``n`` rounded up to one of four sizes between powers of two, of two below 2,048; at least 64."""
    below = 2 ** max((n - 1).bit_length() - 1, 0)
    step = below // (4 if below >= 2048 else 2)
    return max(64, -(-n // step) * step if step else n)


def finely_rounded(rows: int) -> int:
    """Return a number of rows rounded up to a multiple of 8, many rows by at most an eighth: for answers.

    Rows being written are few, and each filled up is computed again at every step.

    >>> [finely_rounded(n) for n in (1, 9, 33, 250, 6500)]
    [8, 16, 40, 256, 6656]
    """
    step = max(8, 2 ** ((rows - 1).bit_length() - 4))
    return -(-rows // step) * step

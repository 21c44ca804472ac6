"""How many rows a product is given: few different numbers.

Floor 4. oneDNN compiles a product in bf16 anew for each number of rows (17 ms against 2 ms to compute it,
docs/fast.md), and keeps megabytes of each.

>>> rounded(4001), rounded(130), rounded(3)
(4096, 144, 64)
"""

from __future__ import annotations

__all__ = ["rounded"]


def rounded(n: int) -> int:
    """Return ``n`` rounded up to one of eight sizes between powers of two, at least 64."""
    step = max(64, 2 ** max((n - 1).bit_length() - 1, 0)) // 8
    return max(64, -(-n // step) * step)

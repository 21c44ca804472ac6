"""Memory that is given back is kept for the next tensor: to ask the system for it again costs a fault a page.

Floor 4. glibc returns large blocks to the system at once; a step of training claims the same ones again. A t5-small of
span corruption takes 84,000 faults a step so, an eighth of its time (docs/fast.md).
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["keep_freed"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h


def keep_freed() -> None:
    """From now on let this process keep what it frees, up to the most it has needed; nothing where malloc has no say.

    Variables of the environment that set it otherwise (``MALLOC_MMAP_MAX_``, ``MALLOC_TRIM_THRESHOLD_``) win.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library than glibc, another system
        return
    if not {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        set_option(M_MMAP_MAX, 0)
        set_option(M_TRIM_THRESHOLD, -1)

"""Whether something that is done often leaves memory behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable


def left_behind_bytes(often: Callable[[], None]) -> int:
    """By how much a second round of it makes memory grow. The first one fills caches."""
    tracemalloc.start()
    try:
        often()
        gc.collect()
        first, _ = tracemalloc.get_traced_memory()
        often()
        gc.collect()
        second, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return second - first

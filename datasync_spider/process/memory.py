"""Says to the interpreter and the C library how a crawl uses memory: megabytes that come and go with every page.

Invariant: nothing here changes what a program computes. Where the C library is another one than glibc, its part is left
out.

A page passes through half a dozen buffers of its size. By default the C library gives each back to the kernel and asks
for it again, and the kernel clears every page of it anew: a third of what a page costs. And the garbage collector looks
through everything that was imported each time that it runs in full.
"""

from __future__ import annotations

import gc

# mallopt(3): M_MMAP_THRESHOLD at its largest, and a heap that is trimmed only where this much is free at its end.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MMAP_THRESHOLD_BYTES = 32 * 1024 * 1024
_TRIM_THRESHOLD_BYTES = 64 * 1024 * 1024
_ALLOCATIONS_BEFORE_COLLECTION = 50_000


def keep_buffers() -> None:
    """Lets memory that was freed be used again by this process. Call before the first page."""
    import ctypes  # noqa: PLC0415 - for a crawl alone
    import platform  # noqa: PLC0415

    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)


def collect_rarely() -> None:
    """Lets the collector run less often. Call early: a start makes much, and hardly any of it is let go of."""
    gc.set_threshold(_ALLOCATIONS_BEFORE_COLLECTION)


def spare_what_is_imported() -> None:
    """Takes all that exists by now out of the collector's sight."""
    gc.freeze()


def collect_now(*, whole: bool = True) -> None:
    """Lets go of what crawls have left in circles. What was spared is not looked through.

    ``whole`` False: of what was made since the last time alone, which takes a millisecond and not fifty; of what was in
    use by then the circles stay.
    """
    gc.collect(2 if whole else 1)

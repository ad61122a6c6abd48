"""Who may run a stream: the decision, apart from the row that it is made from.

Invariant: at most one run holds a stream's fence. A lease is an economy, so that two runs do not burn one rate budget;
the fence, which every checkpoint is checked against, is the safety.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from datasync_spider.storage.owner import Owner, parse_owner


class Free(Struct, frozen=True):
    """The lease may be taken. ``reason`` says why the last holder does not count, None where there was none."""

    reason: str | None = None


class Held(Struct, frozen=True):
    """Another process runs this stream."""

    holder: str
    since: datetime | None


def decide(
    holder_text: str | None,
    since: datetime | None,
    *,
    expired: bool,
    unheard: Owner | None,
    is_alive: Callable[[Owner], bool | None],
) -> Free | Held:
    """Whether a stream whose lease row says this may be taken over.

    ``unheard``: ourselves, where an opening of ours may have been committed without our hearing of it.
    """
    if holder_text is None:
        return Free()
    holder = parse_owner(holder_text)
    if holder and holder == unheard:
        return Free("the answer to its COMMIT was lost")
    label = str(holder) if holder else "an unknown process"
    alive = is_alive(holder) if holder else None
    if alive is False:
        return Free(f"{label} is dead")
    if expired:
        # It may be stopped rather than dead, and wake up: the fence keeps it from writing then.
        return Free(f"the lease of {label} has expired")
    return Held(label, since)

"""Writes the ids as a text, one a line, and counts and hashes it on the way.

The lines are separated by line feeds, and none follows the last: a reader that splits at them counts right.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import BinaryIO

from msgspec import Struct

from datasync_spider.datasync.submission.readiness import check_ready
from datasync_spider.datasync.submission.refusal import SubmissionRefused
from datasync_spider.storage.event_ids import IdSnapshot


class Text(Struct, frozen=True):
    """What was written: ``count`` ids in ``size`` bytes with this SHA-256."""

    count: int
    size: int
    sha256: str


class Prepared(Struct, frozen=True):
    """``rejected``: events that are no part of it; ``overruled``: objections that were heard and set aside."""

    text: Text
    rejected: int
    overruled: tuple[str, ...]


def prepare(snapshot: IdSnapshot, sink: BinaryIO, *, anyway: bool) -> Prepared:
    """Writes all ids to ``sink``. Raises SubmissionRefused before the first byte where they are not ready."""
    basis = snapshot.basis
    overruled = check_ready(basis, anyway=anyway)
    text = write_ids(snapshot.batches(), sink)
    if text.count != basis.events:
        raise SubmissionRefused(
            f"{basis.events:,} ids were counted and {text.count:,} came: nothing of this can be used"
        )
    return Prepared(text, basis.rejected_events, tuple(overruled))


def write_ids(batches: Iterable[list[str]], sink: BinaryIO) -> Text:
    """Each id one line; at no time is more than one batch in memory."""
    digest = sha256()
    count = size = 0
    for batch in batches:
        piece = "\n".join(batch).encode()
        if count:
            piece = b"\n" + piece
        digest.update(piece)
        sink.write(piece)
        count += len(batch)
        size += len(piece)
    return Text(count, size, digest.hexdigest())

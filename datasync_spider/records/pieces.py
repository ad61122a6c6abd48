"""What stands in a page where a record does: its bytes, or bytes that are none with the reason why.

Invariant: what is unmade is never read as a record, whatever its bytes look like; it becomes a dead letter with these.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Unmade(bytes):
    """``reason`` is a slug, ``detail`` says more where there is more to say."""

    reason: str
    detail: str | None

    @classmethod
    def of(cls, piece: bytes | msgspec.Raw, reason: str, detail: str | None = None) -> Unmade:
        made = cls(piece)
        made.reason = reason
        made.detail = detail
        return made


Piece: TypeAlias = "bytes | msgspec.Raw"
"""An Unmade among them is a piece that is no record."""

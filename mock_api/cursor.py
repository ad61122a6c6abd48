"""Cursors: opaque, signed and short-lived.

The invariant: a cursor names the age before which the next page begins, so it keeps pointing at the same event while
the feed grows; any other text than one that was issued here, down to the last character, is refused. The time is an
argument.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b


class CursorInvalidError(Exception):
    """The text is no cursor that was issued here."""


class CursorExpiredError(Exception):
    """The cursor was issued here, too long ago."""

    def __init__(self, expired_ms_ago: int) -> None:
        super().__init__(f"expired {expired_ms_ago} ms ago")
        self.expired_ms_ago = expired_ms_ago


@dataclass(frozen=True, slots=True)
class Cursors:
    """Issues and reads the cursors of one feed."""

    seed: int
    """Also the key of the signature, so that cursors survive a restart with the same seed."""
    ttl_ms: int

    def issue(self, before_age: int, now_ms: int) -> str:
        """A cursor whose page begins with the event next older than `before_age`."""
        content = {"before": before_age, "issued": now_ms}
        content["check"] = self._check(before_age, now_ms)
        return urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")

    def read(self, text: str, now_ms: int) -> int:
        """The age before which the cursor's page begins."""
        before_age, issued_ms = self._opened(text)
        expired_ms_ago = now_ms - issued_ms - self.ttl_ms
        if expired_ms_ago >= 0:
            raise CursorExpiredError(expired_ms_ago)
        return before_age

    def _opened(self, text: str) -> tuple[int, int]:
        try:
            content = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            before_age, issued_ms = int(content["before"]), int(content["issued"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as exc:
            raise CursorInvalidError from exc
        # Issued again and compared as text: base64 and JSON each have several spellings of one content.
        if text != self.issue(before_age, issued_ms):
            raise CursorInvalidError
        return before_age, issued_ms

    def _check(self, before_age: int, issued_ms: int) -> int:
        message = f"{before_age}:{issued_ms}".encode()
        return int.from_bytes(blake2b(message, digest_size=6, key=b"mock-cursor:%d" % self.seed).digest(), "big")

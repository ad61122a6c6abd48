"""Cursors: opaque, signed and short-lived.

The invariant: a cursor names the age before which the next page begins, so it keeps pointing at the same event while
the feed grows; any other text than one that was issued here, down to the last character, is refused. The time is an
argument.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

# Written and read as text, without a JSON library: a cursor is read and another written for every page.
_CONTENT = b'{"before":%d,"issued":%d,"check":%d}'
_CONTENT_FORM = re.compile(rb'\{"before":(\d{1,20}),"issued":(\d{1,20}),"check":\d{1,20}\}')


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
        return _text(self.seed, before_age, now_ms)

    def read(self, text: str, now_ms: int) -> int:
        """The age before which the cursor's page begins."""
        before_age, issued_ms = self._opened(text)
        expired_ms_ago = now_ms - issued_ms - self.ttl_ms
        if expired_ms_ago >= 0:
            raise CursorExpiredError(expired_ms_ago)
        return before_age

    def _opened(self, text: str) -> tuple[int, int]:
        try:
            found = _CONTENT_FORM.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError as exc:
            raise CursorInvalidError from exc
        if found is None:
            raise CursorInvalidError
        before_age, issued_ms = int(found[1]), int(found[2])
        # Issued again and compared as text: base64 has several spellings of one content.
        if text != self.issue(before_age, issued_ms):
            raise CursorInvalidError
        return before_age, issued_ms


# The next request usually brings back the cursor that was just issued.
@lru_cache(maxsize=1_000)
def _text(seed: int, before_age: int, issued_ms: int) -> str:
    signed = blake2b(b"%d:%d" % (before_age, issued_ms), digest_size=6, key=b"mock-cursor:%d" % seed)
    content = _CONTENT % (before_age, issued_ms, int.from_bytes(signed.digest(), "big"))
    return urlsafe_b64encode(content).rstrip(b"=").decode()

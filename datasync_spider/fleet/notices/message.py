"""What is posted of a notice, and how it is signed. Pure: the time is an argument.

The headers are those of Standard Webhooks, for which receivers have libraries: ``webhook-id``, ``webhook-timestamp``
and ``webhook-signature``, an HMAC-SHA256 over id, timestamp and body with dots between. Invariant: the same notice has
the same id and the same body whenever it is sent; nothing of a record, and no secret, is in it.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC

from datasync_spider.sources.streamnames import NO_SLICE
from datasync_spider.storage.notices import Notice

_ENCODED = "whsec_"
_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 1_800.0


def body_of(notice: Notice) -> bytes:
    """JSON in ASCII. ``type`` is ``stream.failed``, ``stream.recovered`` or ``stream.late``."""
    message = {
        "id": notice.notice_id,
        "type": f"stream.{notice.kind}",
        "timestamp": notice.made_at.astimezone(UTC).isoformat(),
        "source": notice.source,
        "stream": notice.stream,
        "slice": None if notice.slice == NO_SLICE else notice.slice,
        **notice.facts,
    }
    return json.dumps(message).encode("ascii")


def headers_of(notice: Notice, body: bytes, secret: str | None, now: float, user_agent: str) -> list[tuple[str, str]]:
    """``now``: seconds since the epoch, by which a receiver refuses what was recorded and is sent again."""
    timestamp = str(int(now))
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", user_agent),
        ("webhook-id", notice.notice_id),
        ("webhook-timestamp", timestamp),
    ]
    if secret is not None:
        headers.append(("webhook-signature", signature(secret, notice.notice_id, timestamp, body)))
    return headers


def signature(secret: str, notice_id: str, timestamp: str, body: bytes) -> str:
    """The key is what follows ``whsec_`` in base64, where the secret begins so; else the secret's own characters."""
    key = base64.b64decode(secret.removeprefix(_ENCODED)) if secret.startswith(_ENCODED) else secret.encode()
    digest = hmac.digest(key, b".".join((notice_id.encode(), timestamp.encode(), body)), "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def pause_after(attempts: int) -> float:
    """How long no one tries again after so many attempts that came to nothing."""
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1), _LONGEST_PAUSE_SECONDS)

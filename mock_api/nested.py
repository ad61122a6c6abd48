"""`GET nested/records`: the feed's events as a list at the root of the body, each within an object, for large pages.

The invariant: a page's records are the bytes of the events that `GET events` serves at the same place, and a link names
the age from which on the next page begins, so a feed that grows moves no one. No cursor expires.
"""

from mock_api.calls import Call
from mock_api.feed import Feed
from mock_api.replies import Reply

ID_PATH = "event.id"
TIME_PATH = "event.timestamp"
"""Where a record has them."""

_BETWEEN = b'},{"event":{"id":"'
_BETWEEN_EVENTS = b',{"id":"'


def nested_page(feed: Feed, call: Call, size: int, before: int | None) -> Reply:
    """So many events from an age down; None for the newest."""
    stop = feed.total if before is None else min(before, feed.total)
    oldest = max(0, stop - size)
    events = b",".join(feed.chunks(oldest, stop))
    # Within an event nothing reads so.
    body = b'[{"event":%b}]' % events.replace(_BETWEEN_EVENTS, _BETWEEN) if events else b"[]"
    reply = Reply(200, body, served=stop - oldest)
    if oldest > 0:
        reply.headers.append(("Link", f'<{call.path}?limit={size}&before={oldest}>; rel="next"'))
    return reply

"""Remembers pages for a while: an identical request gets the identical answer, and does not count against the rate.

Bounded in number, since a page of 5,000 events has 1.7 MB. The time is an argument.
"""

from collections import OrderedDict
from dataclasses import replace

from mock_api.replies import Headers, Reply

CACHE_TTL_S = 30
_MOST_PAGES = 64


class PageCache:
    """Answers by key and request."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, str], tuple[float, Reply]] = OrderedDict()

    def get(self, key: str, target: str, now_ms: float) -> Reply | None:
        """The remembered answer, if it is young enough."""
        kept_until_ms, reply = self._pages.get((key, target), (now_ms, None))
        if reply is None or now_ms >= kept_until_ms:
            return None
        return replace(reply, headers=[*reply.headers, *cache_headers("HIT")])

    def put(self, key: str, target: str, now_ms: float, reply: Reply) -> None:
        """Remember a copy of the answer."""
        self._pages[key, target] = (now_ms + CACHE_TTL_S * 1_000, replace(reply, headers=list(reply.headers)))
        self._pages.move_to_end((key, target))
        if len(self._pages) > _MOST_PAGES:
            self._pages.popitem(last=False)


def cache_headers(outcome: str) -> Headers:
    """The fields that say where an answer came from."""
    return [("X-Cache", outcome), ("X-Cache-TTL", str(CACHE_TTL_S))]

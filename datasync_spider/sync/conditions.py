"""By what a first page is asked for only if it has changed. Pure.

Invariant: what the API gave goes back to it as it came, be it a weak tag or a date that no clock would write; and only
with a request like the one that it answered.
"""

from __future__ import annotations

from collections.abc import Mapping

from datasync_spider.sources.spec import Pairs

_OF_REQUEST = "request"
# What the API gives, and the header in which it is asked by that; the first that is there is the better one.
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


def validator_in(headers: Mapping[str, str], request_digest: str) -> dict[str, str] | None:
    """``headers``: an answer's, by lower-case names; ``request_digest`` is of what it answers."""
    for name in _CONDITIONS:
        if value := headers.get(name):
            return {name: value, _OF_REQUEST: request_digest}
    return None


def conditions(validator: Mapping[str, str] | None, request_digest: str) -> Pairs:
    """The header to ask with; none where nothing is known of such a request."""
    if validator is None or validator.get(_OF_REQUEST) != request_digest:
        return ()
    return tuple((header, validator[name]) for name, header in _CONDITIONS.items() if name in validator)

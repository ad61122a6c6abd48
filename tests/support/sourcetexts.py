"""Files of sources as tests write them: a plain one as a value, changed in one place, and as the text of a file."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from datasync_spider.errors import SourceRefused
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.spec import Source

FILE = "sources/plain.toml"


def plain() -> dict[str, Any]:
    """A source with every key that there is, and nothing wrong."""
    return {
        "source": {
            "name": "plain",
            "base_url": "https://api.example.com/{slice.team}",
            "headers": {"Accept": "application/json"},
            "auth": {"type": "bearer", "token": "secret:PLAIN_TOKEN"},
            "allow_hosts": ["files.example.com"],
            "meanings": [{"status": 200, "path": "ok", "value": False, "means": "fatal"}],
            "budget": {"requests": 10, "seconds": 60},
        },
        "streams": {
            "issues": {
                "url": "/issues",
                "query": {"limit": "{page_size}", "after": "{since}", "before": "{until}"},
                "headers": {"X-Team": "{slice.team}"},
                "page_size": {"default": 50, "max": 100},
                "records": "data.issues",
                "id": {"any": ["id", "uuid"]},
                "time": {"path": "updated_at", "format": "auto"},
                "total": "meta.total",
                "returned": "meta.returned",
                "request_id": "meta.request",
                "cursor_seconds": "meta.expires",
                "order": "newest-first",
                "next": {"from": "body:meta.next", "to": "query:cursor", "keep": "all"},
                "end": ["no-next", "flag:meta.more=false"],
                "incremental": {"type": "known", "format": "ms"},
                "slices": [{"team": "red"}, {"team": "blue"}],
                "mutable": True,
                "version": "revision",
                "tombstone": {"path": "deleted", "value": True},
                "history": True,
            },
        },
    }


def without_slices() -> dict[str, Any]:
    """The same with one slice, as a start for what has nothing to do with them."""
    made = plain()
    made["source"]["base_url"] = "https://api.example.com"
    del made["streams"]["issues"]["slices"]
    del made["streams"]["issues"]["headers"]
    return made


REMOVED = object()


def changed(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """With another value at ``streams.issues.order``, or none where it is REMOVED."""
    made = deepcopy(values)
    *way, last = path.split(".")
    table = made
    for step in way:
        table = table[step]
    if value is REMOVED:
        del table[last]
    else:
        table[last] = value
    return made


def read(values: dict[str, Any]) -> Source:
    return read_source(toml(values), FILE)


def mistakes(values: dict[str, Any]) -> tuple[str, ...]:
    """All that are found in a file that must be refused."""
    with pytest.raises(SourceRefused) as caught:
        read(values)
    return caught.value.mistakes


def only_mistake(values: dict[str, Any]) -> str:
    (found,) = mistakes(values)
    return found.removeprefix(f"{FILE}: ")


def toml(values: dict[str, Any]) -> str:
    """Each value at the top as an inline one."""
    return "\n".join(f"{_key(name)} = {_inline(value)}" for name, value in values.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_inline(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(one) for one in value) + "]"
    return value.isoformat() if hasattr(value, "isoformat") else json.dumps(value)


def _key(name: str) -> str:
    return json.dumps(name)

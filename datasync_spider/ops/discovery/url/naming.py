"""Names for a source and its stream, made of what they are asked under."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from datasync_spider.ops.discovery.url.names import words
from datasync_spider.sources.paths import Path

_SAID_BY_ALL = frozenset({"api", "www", "data", "rest", "app", "public", "com", "co", "org", "net", "io", "dev"})
_NO_NAMES = frozenset(
    {"graphql", "query", "search", "api", "rest", "data", "index", "filter", "v1", "v2", "v3", "list"}
)
_WRAPPING = frozenset({"nodes", "edges", "data", "items", "results", "records", "rows", "hits", "value", "list"})


def source_name(url: str) -> str:
    """Of the host: ``github`` of api.github.com."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = [label for label in host.split(".")[:-1] or [host] if label not in _SAID_BY_ALL]
        name = _plain(labels[-1] if labels else host)
        return f"{name}-api" if name == "datasync" else name or "source"
    return "local"


def stream_name(url: str, records: Path) -> str:
    """Of the last step of the path that is a word, or of the place of the records."""
    steps = [unquote(step).partition(".")[0] for step in urlsplit(url).path.split("/") if step]
    names = [str(step) for step in records.steps if str(step) not in _WRAPPING]
    found = [step for step in reversed(steps[-2:]) if _is_word(step)]
    return _plain(next(iter([*found, *reversed(names)]), "records")) or "records"


def _is_word(step: str) -> bool:
    return step.lower() not in _NO_NAMES and re.fullmatch(r"[A-Za-z][A-Za-z_-]{1,40}", step) is not None


def _plain(text: str) -> str:
    return "_".join(words(re.sub(r"[^A-Za-z0-9_-]", " ", text)))[:63]

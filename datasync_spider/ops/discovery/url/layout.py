"""Where in a body the records are, and in which shape: every list and map that may be theirs, the likeliest first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from datasync_spider.ops.discovery.url.names import is_scalar, members, plain
from datasync_spider.sources.paths import MISSING, Path, parse_path

_RECORDS = frozenset(
    {
        *("data", "items", "results", "result", "records", "rows", "events", "entries", "entry", "values", "value"),
        *("nodes", "edges", "hits", "chunk", "messages", "list", "docs", "objects", "content", "children", "members"),
        *("resources", "elements", "collection", "pages", "logs", "issues", "response", "works", "payload"),
    }
)
_NO_RECORDS = frozenset(
    {
        *("errors", "warnings", "links", "link", "facets", "suggestedfacets", "columns", "fields", "included", "tags"),
        *("aggregations", "aggs", "breadcrumbs", "primarykeys", "schema", "filters", "meta", "metadata", "shards"),
        *("expandedcolumns", "expandablecolumns", "facetresults", "sorts", "users", "state", "headers", "normalized"),
        *("highlights", "suggestions"),
    }
)
_WRAPPERS = ("node", "data", "resource", "record", "item", "document", "doc", "entity", "object")
_KEPT_KEY = "key"


class Layout(Struct, frozen=True):
    """``shape`` as a file has it, with its path in it: ``list``, ``map``, ``wrapped:node``, ``columns:columns``.

    ``path`` leads to the records, ``records`` are those of the page, as objects, in their order.
    """

    path: Path
    shape: str
    records: tuple[Any, ...]

    def read(self, body: Any) -> tuple[Any, ...] | None:
        """The records of another page of the same kind; None where there are none of this layout."""
        value = self.path.read(body)
        return None if value is MISSING else _shaped(self.shape, value, body)


def find_layouts(body: Any, segment: str = "") -> list[Layout]:
    """``segment``: the last part of the URL's path, which often is the name of what it gives."""
    found = [(_score(layout, segment), layout) for layout in _layouts(body)]
    return [layout for _, layout in sorted(found, key=lambda one: -one[0])]


def _layouts(body: Any) -> Iterator[Layout]:
    for steps, value in ((), body), *members(body):
        path = Path(steps)
        if isinstance(value, list) and value:
            yield from _of_list(path, value, body)
        elif isinstance(value, dict) and _is_map(value):
            yield Layout(path, "map", _shaped("map", value, body) or ())


def _of_list(path: Path, value: list[Any], body: Any) -> Iterator[Layout]:
    if all(isinstance(one, dict) for one in value):
        wrapper = _wrapper(value)
        shape = "list" if wrapper is None else f"wrapped:{Path((wrapper,))}"
        yield Layout(path, shape, _shaped(shape, value, body) or ())
    elif all(isinstance(one, list) for one in value):
        columns = _columns(value, body)
        if columns is not None:
            shape = f"columns:{columns}"
            yield Layout(path, shape, _shaped(shape, value, body) or ())
    elif all(is_scalar(one) for one in value):
        yield Layout(path, "scalars", _shaped("scalars", value, body) or ())


def _shaped(shape: str, value: Any, body: Any) -> tuple[Any, ...] | None:
    kind, _, rest = shape.partition(":")
    match kind, value:
        case "map", dict():
            return tuple({_KEPT_KEY: key, **one} for key, one in value.items() if isinstance(one, dict))
        case "list", list():
            return tuple(value)
        case "scalars", list():
            return tuple({"value": one} for one in value)
        case "wrapped", list():
            name = parse_path(rest).steps[0]
            return tuple(one.get(name) for one in value if isinstance(one, dict) and isinstance(one.get(name), dict))
        case "columns", list():
            names = parse_path(rest).read(body)
            if isinstance(names, list):
                return tuple(dict(zip(names, row, strict=False)) for row in value if isinstance(row, list))
    return None


def _wrapper(value: Sequence[dict[str, Any]]) -> str | None:
    """The member in which each element has its record, where the element itself has no id."""
    if any(plain(name) in {"id", "uuid", "guid"} for name in value[0]):
        return None
    for name in _WRAPPERS:
        if all(isinstance(one.get(name), dict) and one[name] for one in value):
            return name
    return None


def _columns(rows: list[Any], body: Any) -> Path | None:
    """Where the names stand of rows that are all equally long."""
    width = len(rows[0])
    if not width or any(len(row) != width for row in rows):
        return None
    for steps, value in members(body):
        names = isinstance(value, list) and len(value) == width and all(isinstance(one, str) for one in value)
        if names and len(set(value)) == width:
            return Path(steps)
    return None


def _is_map(value: dict[str, Any]) -> bool:
    """Whether its members are records under their keys: objects that have most of their names in common."""
    if not value or not all(isinstance(one, dict) and one for one in value.values()):
        return False
    if any(plain(key) in _RECORDS | _NO_RECORDS or plain(key).startswith(("pag", "link")) for key in value):
        return False
    if len(value) == 1:
        return next(iter(value)).lstrip("-").isdigit()
    first, *others = (one.keys() for one in value.values())
    return all(len(first & other) * 2 >= len(first | other) for other in others)


def _score(layout: Layout, segment: str) -> float:
    name = plain(str(layout.path.steps[-1])) if layout.path.steps else ""
    keys = layout.records[0].keys() if layout.records and isinstance(layout.records[0], dict) else ()
    score = 10 * math.log2(1 + len(layout.records)) - 4 * len(layout.path.steps)
    score += 30 if not name or name in _RECORDS else 0
    score += 40 if name and name == plain(segment.partition(".")[0]) else 0
    score += 15 if any(plain(key) in {"id", "uuid", "guid", "eventid", "key"} for key in keys) else 0
    # A cursor beside each of them distinguishes a connection's edges from its nodes, which need no unwrapping.
    score += {"list": 1.0, "wrapped": 0.5, "columns": 5, "map": -15, "scalars": -60}[layout.shape.partition(":")[0]]
    return score - (80 if any(plain(str(step)) in _NO_RECORDS for step in layout.path.steps) else 0)

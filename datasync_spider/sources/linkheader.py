"""Link headers (RFC 8288): which URL references they give for a relation.

Invariant: of a header that cannot be read nothing concludes that it names nothing: where the relation is not found
beside what is damaged, that is an error. References come out as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import LINK_UNREADABLE
from datasync_spider.sources.urls import is_plain, resolve

_SPACE_AND_COMMAS = re.compile(r"[ \t,]*")
_REFERENCE = re.compile(r"<([^<>]*)>")
_PARAMETER = re.compile(
    # Nothing is given back: a run of spaces would be tried in all its parts.
    r"""[ \t]*+;[ \t]*+(?P<name>[^ \t=;,"<>]*+)[ \t]*+"""
    r"""(?:=[ \t]*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<plain>[^;,"]*+)))?[ \t]*+(?=[;,]|\Z)""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_END_OF_LINK = re.compile(r"[ \t]*(?:,|\Z)")
# Where another link may begin, behind one that cannot be read.
_ANOTHER_LINK = re.compile(r",[ \t]*(?=<)")


def references(values: Sequence[str], relation: str, context: str) -> list[str]:
    """What the page at ``context`` links to as ``relation``, in the order of the headers and of the links in each.

    Raises PageUnreadable where nothing does, and something in the headers could not be read.
    """
    found: list[str] = []
    is_damaged = False
    for value in values:
        for link in _links(value):
            if link is None:
                is_damaged = True
            elif _has_relation(link[1], relation) and _is_of(link[1], context):
                found.append(link[0])
    if is_damaged and not found:
        raise PageUnreadable(LINK_UNREADABLE)
    return found


def _links(value: str) -> Iterator[tuple[str, dict[str, str]] | None]:
    """Reference and parameters of each link; None for what is no link."""
    position = _skipped(value, 0)
    while position < len(value):
        reference = _REFERENCE.match(value, position)
        parameters: dict[str, str] = {}
        if reference is not None:
            position = reference.end()
            while (parameter := _PARAMETER.match(value, position)) is not None:
                position = parameter.end()
                # The first of equal names counts, as the RFC says of rel.
                parameters.setdefault(parameter["name"].lower(), _text(parameter))
        end = _END_OF_LINK.match(value, position)
        if reference is not None and end is not None:
            yield reference[1], parameters
        else:
            yield None
            end = _ANOTHER_LINK.search(value, position)
        position = len(value) if end is None else _skipped(value, end.end())


def _skipped(value: str, position: int) -> int:
    match = _SPACE_AND_COMMAS.match(value, position)
    return position if match is None else match.end()


def _text(parameter: re.Match[str]) -> str:
    if parameter["quoted"] is not None:
        return _ESCAPED.sub(r"\1", parameter["quoted"])
    return (parameter["plain"] or "").strip(" \t")


def _has_relation(parameters: dict[str, str], relation: str) -> bool:
    return relation.lower() in parameters.get("rel", "").lower().split()


def _is_of(parameters: dict[str, str], context: str) -> bool:
    """Whether it is a link of the page itself, and not one that the page gives of another."""
    anchor = parameters.get("anchor")
    return anchor is None or (is_plain(anchor) and resolve(anchor, context) == context.partition("#")[0])

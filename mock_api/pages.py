"""The body of a page, in each of the shapes that are known.

Pure: from the parts of a page to its bytes. The invariant: an undamaged page parses, whatever shape it has, and its
`returned` is the length of its array. Which events a page holds, and what is done to it, is decided by the caller.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Shape = Literal["nested", "flat", "snake", "events"]
SHAPES: tuple[str, ...] = get_args(Shape)


@dataclass(slots=True)
class Page:
    """The parts of one page."""

    chunks: list[bytes]
    """Texts of one or more events each, without the commas between them."""
    limit: int
    has_more: bool
    next_cursor: str | None
    cursor_expires_in: int | None
    total: int
    returned: int
    request_id: str
    with_pagination: bool = True


def render(page: Page, shape: Shape) -> bytes:
    """The page as JSON text."""
    array = b'{"events":[' if shape == "events" else b'{"data":['
    members = [b"]", *(member.encode() for member in _members(page, shape))]
    # Everything at once: the events of a large page are copied a single time.
    return b"".join([array, *_with_commas(page.chunks), b",".join(members), b"}"])


def _with_commas(chunks: list[bytes]) -> list[bytes]:
    separated = [b","] * (2 * len(chunks) - 1)
    separated[::2] = chunks
    return separated


def _members(page: Page, shape: Shape) -> list[str]:
    """What stands beside the events. Written without a JSON library, which took longer than all else about a page.

    Cursors and request ids are of letters that JSON takes as they are.
    """
    has_more = "true" if page.has_more else "false"
    cursor = _text(page.next_cursor)
    more, meta = [], []
    match shape:
        case "nested":
            expires = "null" if page.cursor_expires_in is None else page.cursor_expires_in
            pagination = f'"limit":{page.limit},"hasMore":{has_more},"nextCursor":{cursor},"cursorExpiresIn":{expires}'
            more = [f'"pagination":{{{pagination}}}']
            meta = [f'"meta":{{"total":{page.total},"returned":{page.returned},"requestId":{_text(page.request_id)}}}']
        case "snake":
            more = [f'"has_more":{has_more},"next_cursor":{cursor}']
        case "flat" | "events":
            more = [f'"hasMore":{has_more},"nextCursor":{cursor}']
    return more + meta if page.with_pagination else meta


def _text(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'

"""The body of a page, in each of the shapes that are known.

Pure: from the parts of a page to its bytes. The invariant: an undamaged page parses, whatever shape it has, and its
`returned` is the length of its array. Which events a page holds, and what is done to it, is decided by the caller.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from mock_api.replies import dump

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
    array = "events" if shape == "events" else "data"
    tail = dump(_envelope(page, shape))
    return b'{"%b":[%b]%b%b' % (array.encode(), b",".join(page.chunks), b"," if len(tail) > 2 else b"", tail[1:])


def _envelope(page: Page, shape: Shape) -> dict[str, Any]:
    more: dict[str, Any]
    match shape:
        case "nested":
            pagination = {
                "limit": page.limit,
                "hasMore": page.has_more,
                "nextCursor": page.next_cursor,
                "cursorExpiresIn": page.cursor_expires_in,
            }
            meta = {"total": page.total, "returned": page.returned, "requestId": page.request_id}
            return {"pagination": pagination, "meta": meta} if page.with_pagination else {"meta": meta}
        case "snake":
            more = {"has_more": page.has_more, "next_cursor": page.next_cursor}
        case "flat" | "events":
            more = {"hasMore": page.has_more, "nextCursor": page.next_cursor}
    return more if page.with_pagination else {}

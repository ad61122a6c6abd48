"""Several cursors that go together, each from its place to its own: two headers, a sort key and a token.

Invariant: they are one position, the canonical JSON of the list of them, with null for one that was not given and is
not sent. Where none is given nothing follows, and neither does anything behind a page without a last record that one
of them would be of.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.errors import PageContradiction, PositionRefused
from datasync_spider.observe.reasons import TWO_CURSORS
from datasync_spider.sources.jsontext import read_json, written_json
from datasync_spider.sources.paginators.protocol import Answer, Ask, make_ask, named, part
from datasync_spider.sources.spec import Next


class SeveralPaginator:
    """``next_``, with those ``beside`` it: each from ``body``, ``header`` or ``last`` to anything but a URL."""

    def __init__(self, next_: Next) -> None:
        self._keep = next_.keep
        self._steps = (next_, *next_.beside)

    def ask(self, position: str | None) -> Ask:
        """Raises PositionRefused for a position that is none of so many cursors."""
        if position is None:
            return Ask()
        given = zip(self._steps, self._parts(position), strict=True)
        return make_ask([(step, value) for step, value in given if value is not None], self._keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises PageUnreadable for what is no cursor, PageContradiction where a place has two."""
        parts = [_part(step, answer) for step in self._steps]
        is_over = any(value is None for step, value in zip(self._steps, parts, strict=True) if step.source == "last")
        if is_over or all(value is None for value in parts):
            return None
        return written_json(parts, is_canonical=True)

    def _parts(self, position: str) -> list[Any]:
        try:
            parts = read_json(position)
        except ValueError:
            parts = None
        if not isinstance(parts, list) or len(parts) != len(self._steps) or all(value is None for value in parts):
            raise PositionRefused(f"the stored position is none of {len(self._steps)} cursors")
        return parts


def _part(step: Next, answer: Answer) -> Any:
    values = [part(step, value) for value in named(step, answer)]
    if any(value != values[0] for value in values):
        raise PageContradiction(TWO_CURSORS)
    return values[0] if values else None

"""One page of a stream, asked for as a crawl asks for it, and read as a crawl reads it; nothing is stored.

Invariant: one request at each look, and whatever comes of it is a value: an answer that is no page is reported, not
raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from datasync_spider.errors import DatasyncError, Stopped
from datasync_spider.pacing.headers import read_asked_wait
from datasync_spider.records.answer import check_answer
from datasync_spider.records.event import Event, ParsedEvents
from datasync_spider.records.page import Page
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.transport.apiclient import ApiClient

_REFUSING = frozenset({403, 429, 503})


@dataclass(frozen=True, slots=True)
class Look:
    """``page`` None: ``trouble`` says why. ``wait_seconds``: so long the API asks not to be asked again."""

    request: PageRequest
    status: int | None = None
    seconds: float = 0.0
    page: Page | None = None
    parsed: ParsedEvents | None = None
    trouble: str | None = None
    wait_seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def events(self) -> list[Event]:
        """The records that could be stored."""
        return [] if self.parsed is None else list(self.parsed.events)

    @property
    def refuses(self) -> bool:
        """Whether the API says that it is not to be asked any more for now."""
        return self.status in _REFUSING


def look(client: ApiClient, plan: SyncPlan, position: str | None = None) -> Look:
    """The page at the position."""
    try:
        request = plan.request(position)
    except DatasyncError as error:
        return Look(PageRequest(plan.stream.method, ""), trouble=str(error))
    try:
        answer = client.ask(request)
    except Stopped:
        raise
    except DatasyncError as error:
        return Look(request, trouble=str(error))
    headers = answer.plain_headers()
    asked = read_asked_wait(headers, answer.body, answer.received_at, is_rate_limit=answer.status in _REFUSING)
    seen = Look(
        request,
        answer.status,
        answer.seconds,
        wait_seconds=None if asked is None else asked.seconds,
        headers=headers,
    )
    try:
        page = check_answer(
            plan.pages,
            plan.asked(request.url, position),
            answer.status,
            lambda: headers,
            answer.body,
            answer.header_lists(),
        )
    except DatasyncError as error:
        return _with(seen, None, None, str(error))
    return _with(seen, page, page.parse(), None)


def _with(seen: Look, page: Page | None, parsed: ParsedEvents | None, trouble: str | None) -> Look:
    return Look(seen.request, seen.status, seen.seconds, page, parsed, trouble, seen.wait_seconds, seen.headers)

"""From one answer to everything that it reports: the whole of discovery in one pure function."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from datasync_spider.errors import ApiRefused, DatasyncError, RateLimited, RetryableError, ServerTrouble
from datasync_spider.observe import reasons
from datasync_spider.ops.discovery.envelope import Envelope, read_envelope
from datasync_spider.ops.discovery.eventfields import EventFields, find_event_fields
from datasync_spider.ops.discovery.limits import PageCap, RateLimit, read_page_cap, read_rate_limit
from datasync_spider.records.answer import check_answer
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.records.headers import listed_pairs, plain_pairs
from datasync_spider.records.page import Asked, Page, PageReader

_LOOKED_AT = 100
_SAMPLES = 5
_LONGEST_RAW = 500


class Refused(Struct, frozen=True):
    """An event that cannot be stored as such: its place in the page, the reason, and the beginning of its bytes."""

    position: int
    reason: str
    raw: bytes


class Discovery(Struct, frozen=True):
    """What is None or empty was not reported.

    ``misfits``: what does not fit, in sentences. ``unreadable``: why there is no page.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    rate_limit: RateLimit
    misfits: tuple[str, ...]
    unreadable: str | None = None
    page: Page | None = None
    envelope: Envelope | None = None
    fields: EventFields | None = None
    cap: PageCap | None = None
    samples: tuple[Event, ...] = ()
    rejected: tuple[Refused, ...] = ()
    rejected_count: int = 0


def examine(
    pages: PageReader,
    url: str,
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    now_epoch: float,
    asked: int,
) -> Discovery:
    """What an answer to a request for the first ``asked`` events, to ``url``, reports."""
    plain = plain_pairs(headers)
    rate_limit = read_rate_limit(plain, now_epoch)
    try:
        page = check_answer(pages, Asked(url, None, asked), status, lambda: plain, body, listed_pairs(headers))
    except DatasyncError as error:
        why = f"{error}" if status == 200 else f"status {status}: {error}"
        return Discovery(status, tuple(headers), rate_limit, (_remedy(error),), unreadable=why)
    parsed = page.parse()
    envelope = read_envelope(body, page, pages.records.names)
    fields = find_event_fields(parsed.events[:_LOOKED_AT], page.reader)
    cap = read_page_cap(asked, len(page.raw_events), has_more=page.has_more, envelope=envelope)
    return Discovery(
        status=status,
        headers=tuple(headers),
        rate_limit=rate_limit,
        misfits=tuple(_misfits(page, envelope, fields, cap, rate_limit, parsed.rejected)),
        page=page,
        envelope=envelope,
        fields=fields,
        cap=cap,
        samples=tuple(parsed.events[:_SAMPLES]),
        rejected=tuple(
            Refused(event.position, event.reason, event.raw[:_LONGEST_RAW]) for event in parsed.rejected[:_SAMPLES]
        ),
        rejected_count=len(parsed.rejected),
    )


def _misfits(
    page: Page,
    envelope: Envelope | None,
    fields: EventFields,
    cap: PageCap,
    rate_limit: RateLimit,
    rejected: list[RejectedEvent],
) -> list[str]:
    found = []
    if rejected:
        why = ", ".join(sorted({event.reason for event in rejected}))
        found.append(
            f"{len(rejected)} of {cap.returned} events cannot be stored as events ({why}): they are kept aside"
        )
    if not page.raw_events and page.has_more:
        found.append("the page holds no event although more are said to follow")
    if not page.raw_events and not page.has_more:
        found.append("the feed is empty: what its events look like cannot be seen")
    if envelope is None:
        found.append("the body is no clean JSON: it was read leniently, event by event")
    if fields.without_time:
        found.append(f"{fields.without_time} events have no time that can be read: they are stored without one")
    if page.unreadable_total is not None:
        found.append(f"the total that is given cannot be read as a count of events: {page.unreadable_total}")
    elif page.total is None:
        found.append("no total is reported: a run can only be called complete because the feed has ended")
    if rate_limit.limit is None:
        found.append("no rate limit is reported: requests leave as fast as answers come, until a 429 says otherwise")
    if cap.reached:
        found.append(f"asked for {cap.asked} events a page and got {cap.returned}: the API caps its pages")
    return found


def _remedy(error: DatasyncError) -> str:
    match error:
        case ApiRefused(status=401 | 403):
            return "the API refuses the key: check DATASYNC_API_KEY, and whether its life of some hours is over"
        case ApiRefused(status=404):
            return (
                "there is no feed at this address: API_BASE_URL must end before the feed's own path, often in /api/v1"
            )
        case RateLimited():
            return "the rate window is used up: wait until it is over and ask again"
        case ServerTrouble(reason=reasons.ERROR_IN_PAGE):
            return "the answer has status 200 and says that it is an error: see what it says; a crawl would ask again"
        case ServerTrouble():
            return "the API is not well: ask again later"
        case RetryableError():
            return "the answer is no page of events: check that API_BASE_URL is the API's and not a web page's"
        case _:
            return "the API refuses the request: see what it says"

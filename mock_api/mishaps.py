"""Carries out the faults that change an answer. Those of the connection are only marked here, for `delivery`.

The invariant: a page fault alters one page and nothing that is kept, so the feed itself is never damaged.
"""

from http import HTTPStatus

from mock_api.calls import Moment
from mock_api.faults import DELAY, DELIVERY, INSTEAD, Fault, hostile_events
from mock_api.feed import Feed
from mock_api.hostile import woven
from mock_api.limits import RateLimits
from mock_api.pages import Page
from mock_api.replies import Delivery, Reply, cursor_expired, error_reply, html_reply, unauthorized

_EXPIRED_AGO_MS = 60_000


def answer_instead(faults: list[Fault], limits: RateLimits, moment: Moment) -> Reply | None:
    """The answer of the fault that takes the place of the real one, if there is such a fault."""
    for fault in faults:
        if fault.place == INSTEAD:
            return _other_answer(fault, limits, moment)
    return None


def _other_answer(fault: Fault, limits: RateLimits, moment: Moment) -> Reply:
    match fault.name:
        case "rate_limit_burst":
            return limits.burst(fault.params["wait_ms"], moment)
        case "unauthorized":
            return unauthorized()
        case "forbidden":
            return error_reply(403, "Forbidden", "Access denied", "FORBIDDEN")
        case "expired_cursor":
            return cursor_expired(_EXPIRED_AGO_MS)
        case "redirect":
            moved = html_reply(302, "302 Found")
            moved.headers.append(("Location", fault.params["location"]))
            return moved
        case "empty":
            return Reply(200, b"")
        case "null":
            return Reply(200, b"null")
        case "non_object":
            return Reply(200, b"[]")
        case "html":
            return html_reply(200, "Please wait")
    status = HTTPStatus(int(fault.name.removeprefix("status_")))
    return html_reply(status.value, f"{status.value} {status.phrase}")


def damage_page(page: Page, faults: list[Fault], cursor: str | None, previous_cursor: str | None) -> None:
    """Carry out the faults that falsify what a page says of itself; its events stay."""
    for fault in faults:
        match fault.name:
            case "repeated_cursor":
                page.has_more, page.next_cursor = True, cursor
            case "cursor_loop":
                page.has_more, page.next_cursor = True, previous_cursor
            case "has_more_no_cursor":
                page.has_more, page.next_cursor, page.cursor_expires_in = True, None, None
            case "missing_fields":
                page.with_pagination = False


def events_of(feed: Feed, ages: range, faults: list[Fault]) -> tuple[list[bytes], int]:
    """The texts of a page's events, with what the faults add or take, and the number that the page claims to hold."""
    if not faults:
        return feed.chunks(ages.start, ages.stop), len(ages)
    by_name = {fault.name: fault for fault in faults}
    # The oldest event is lost, while cursor and `returned` are as if it were there.
    shown = ages[1:] if "short_returned" in by_name else ages
    malformed = by_name.get("malformed_events")
    if malformed is None:
        chunks, extra = feed.chunks(shown.start, shown.stop), 0
    else:
        chunks, extra = woven(feed.chunks, shown, hostile_events(malformed.params))
    duplicates = by_name.get("duplicate_events")
    if duplicates is not None:
        again = range(ages.stop, min(ages.stop + duplicates.params["events"], feed.total))
        chunks = feed.chunks(again.start, again.stop) + chunks
        extra += len(again)
    return chunks, len(ages) + extra


def mark_delivery(reply: Reply, faults: list[Fault]) -> None:
    """Note on the answer how it is to be delivered."""
    for fault in faults:
        if fault.place == DELAY:
            reply.delay_ms += fault.params["delay_ms"]
        elif fault.name == "truncated_json":
            reply.body = reply.body[: int(len(reply.body) * fault.params["share"])]
        elif fault.place == DELIVERY:
            reply.delivery = Delivery(fault.name)
            reply.share = fault.params.get("share", 0.0)
            reply.drip_bytes = fault.params.get("bytes", 1)
            reply.drip_interval_ms = fault.params.get("interval_ms", 0)
    reply.faults = tuple(fault.name for fault in faults)

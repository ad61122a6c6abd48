"""What is found out once the second page was seen: where counting begins, how large a page may be, what the end is."""

from __future__ import annotations

from collections.abc import Generator

from msgspec.structs import replace

from datasync_spider.ops.discovery.url.counts import SizeParameter, hinted_sizes, largest_in
from datasync_spider.ops.discovery.url.effortleft import RequestsLeft, advances
from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.flags import find_flags
from datasync_spider.ops.discovery.url.paging import proposals
from datasync_spider.ops.discovery.url.probe import Seen, Wish
from datasync_spider.ops.discovery.url.proposal import Proposal

_PROBED_SIZE = 1_000
_FAR_AWAY = 1_000_000


def find_base(requests_left: RequestsLeft, findings: Findings) -> Generator[Wish, Seen | None, None]:
    """Page 2 held other records: where page 1 is the first one, pages count from there, else from 0."""
    answer = yield from requests_left.ask(requests_left.with_next(findings.next.to, 1))
    if answer is None or not answer.is_good:
        findings.doubt("next", "that the first page is number 1 was not tried")
        findings.next = replace(findings.next, first=1)
        return
    is_other = advances(answer, findings.layout, findings.identity)
    findings.next = replace(findings.next, first=0 if is_other else 1)


def find_size(requests_left: RequestsLeft, findings: Findings, first: Seen) -> Generator[Wish, Seen | None, None]:
    """The parameter that says how many records a page has, where none was asked with."""
    count = len(findings.layout.records)
    if (findings.size is not None and findings.size.to) or count < 2:
        return
    link = findings.next.wish.url if findings.next.to == "url" and findings.next.wish else None
    for guess in hinted_sizes(requests_left.target, first, count, link)[:2]:
        asked = replace(guess, size=count - 1)
        answer = yield from requests_left.ask(requests_left.with_size(asked).wish())
        if answer is None:
            break
        records = findings.layout.read(answer.body) if answer.is_good else None
        if records is not None and len(records) == asked.size:
            findings.size = replace(guess, size=count, is_tried=True)
            return
    if findings.next.counts == "offset":
        where = "query" if requests_left.target.data is None else "body"
        findings.size = SizeParameter(f"{where}:limit", count, "an offset needs one, and many APIs call it so")


def find_largest(requests_left: RequestsLeft, findings: Findings) -> Generator[Wish, Seen | None, None]:
    """How many records a page may have: as many as come where too many are asked for."""
    size, count = findings.size, len(findings.layout.records)
    if size is None or not size.to or size.size >= _PROBED_SIZE:
        return
    asked = replace(size, size=_PROBED_SIZE)
    answer = yield from requests_left.ask(requests_left.with_size(asked).wish())
    if answer is None:
        return
    if not answer.is_good:
        named = largest_in(answer.text) if 400 <= answer.status < 500 else None
        if named is not None and named < asked.size and named >= size.size:
            findings.largest = named
        return
    records = findings.layout.read(answer.body) or ()
    again = {findings.identity.of(record) for record in records}
    if findings.identity.kind != "hash" and records:
        missing = [record for record in findings.layout.records if findings.identity.of(record) not in again]
        if missing and len(records) >= count:
            findings.doubt(
                "id",
                f"{len(missing)} records of the first page had other ids when asked for again, or came elsewhere",
            )
    # Fewer than were asked for, though more follows: a bound, where the number looks like one that someone chose.
    is_bound = _follows(answer, findings) and (len(records) % 10 == 0 or len(records) in {count, size.size})
    if len(records) >= asked.size or (len(records) >= count and is_bound):
        findings.largest = len(records)


def find_end(
    requests_left: RequestsLeft, findings: Findings, second: Seen | None
) -> Generator[Wish, Seen | None, None]:
    """What the last page looks like: what says so, or what comes far behind it."""
    way = findings.next
    # One that called the first page the last, though another one followed, speaks of something else.
    trusted = [flag for flag in way.flags if not (flag.is_last and findings.is_tried)]
    flags = [f"flag:{flag.path}={str(flag.last).lower()}" for flag in trusted]
    kind = way.source.partition(":")[0]
    if kind in {"body", "header", "link", "object"}:
        findings.end = ["no-next", *flags]
        if not flags and second is not None:
            yield from _find_end_of_tokens(requests_left, findings, second)
        return
    findings.end = flags or ["empty"]
    if flags or kind != "counter" or not findings.is_tried:
        return
    answer = yield from requests_left.ask(requests_left.with_next(way.to, _FAR_AWAY))
    if answer is None:
        findings.doubt("end", "what comes behind the last page was not tried")
    elif answer.status in {400, 404, 416, 422}:
        findings.end = ["empty", f"status:{answer.status}"]
    elif answer.is_good and findings.layout.read(answer.body):
        findings.end = ["empty", "short"]
        if findings.size is None:
            count = len(findings.layout.records)
            findings.size = SizeParameter("", count, "as many as the first page had, without being asked for")
        findings.doubt("end", "far behind the last page there were records again: a full last page would not end it")


def _find_end_of_tokens(
    requests_left: RequestsLeft, findings: Findings, second: Seen
) -> Generator[Wish, Seen | None, None]:
    """Some APIs name a next position for ever: where the second page is short, the third one shows it."""
    way = findings.next
    if (way.to or "") in {f"query:{name}" for name, text in findings.target.query if text == "*"}:
        # Cursors that begin so are those of result sets, which have no empty page in their middle.
        findings.end += ["empty", "repeat"]
        return
    records = findings.layout.read(second.body) or ()
    following = _same_way(way, findings, second)
    if len(records) >= len(findings.layout.records) or following is None or following.wish is None:
        return
    third = yield from requests_left.ask(following.wish)
    if third is None or not third.is_good or findings.layout.read(third.body):
        return
    again = _same_way(way, findings, third)
    if again is not None and again.wish is not None:
        findings.end.append("repeat" if again.wish == following.wish else "empty")


def _same_way(way: Proposal, findings: Findings, page: Seen) -> Proposal | None:
    """What the page says of the one that follows it, in the way that was found."""
    layout = replace(findings.layout, records=findings.layout.read(page.body) or ())
    ways = proposals(findings.target, page, layout, None)
    return next((one for one in ways if (one.source, one.to) == (way.source, way.to)), None)


def _follows(answer: Seen, findings: Findings) -> bool:
    """Whether more is said to follow what a probe has brought."""
    flags = find_flags(answer.body, findings.layout.path)
    if flags:
        return not any(flag.is_last for flag in flags)
    layout = replace(findings.layout, records=findings.layout.read(answer.body) or ())
    sources = {
        way.source
        for way in proposals(findings.target, answer, layout, None)
        if way.wish is not None and not way.is_guess
    }
    return findings.next.source in sources

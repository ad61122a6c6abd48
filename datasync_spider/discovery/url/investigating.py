"""The course of an investigation: which requests are made one after the other, and what is concluded from the answers.

A generator: it gives what to ask and is sent what came, None where nothing may be asked any more. Invariant: five
requests at most; each of them is the first page, what is proposed for the second one, or settles what is left open.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from datasync_spider.api.complaint import read_complaint
from datasync_spider.discovery.url.counts import SizeParameter, find_size, find_total, hinted_sizes, largest_in
from datasync_spider.discovery.url.exchange import Seen, Wish
from datasync_spider.discovery.url.fields import Identity, find_identity, find_times
from datasync_spider.discovery.url.findings import Findings
from datasync_spider.discovery.url.flags import find_flags
from datasync_spider.discovery.url.layout import Layout, find_layouts
from datasync_spider.discovery.url.names import plain
from datasync_spider.discovery.url.paging import Proposal, proposals
from datasync_spider.discovery.url.target import Target
from datasync_spider.errors import DatasyncError
from datasync_spider.sources.paths import Path, parse_path

MOST_REQUESTS = 5
_PROBED_SIZE = 1_000
_FAR_AWAY = 1_000_000

Investigation: TypeAlias = Generator[Wish, Seen | None, Findings]


class NothingFound(DatasyncError):
    """The first answer is none from which a source can be made, as the text says."""

    reason = "nothing_found"


def investigate(target: Target) -> Investigation:
    """Raises NothingFound."""
    work = _Work(target)
    return (yield from work.run())


@dataclass(frozen=True, slots=True)
class _Start:
    """Two pages that follow each other; ``second`` None where none was seen. ``is_narrowed``: asked for in smaller pages."""

    way: Proposal
    second: Seen | None
    first: Seen
    layout: Layout
    is_narrowed: bool = False


class _Work:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._left = MOST_REQUESTS
        self._asked = 0

    def _ask(self, wish: Wish) -> Generator[Wish, Seen | None, Seen | None]:
        """None where no request is left."""
        if not self._left:
            return None
        self._left -= 1
        answer = yield wish
        if answer is None:
            self._left = 0
        else:
            self._asked += 1
        return answer

    def run(self) -> Investigation:
        first = yield from self._ask(self._target.wish())
        if first is None:
            raise NothingFound("the API could not be asked")
        layout = _first_layout(self._target, first)
        size = find_size(self._target)
        identity = find_identity([layout.records], _id_names(self._target))
        id_path = identity.paths[0] if identity.kind == "any" else None
        ways = proposals(self._target, first, layout, id_path)
        start = yield from self._second_page(ways, first, layout, identity, size)
        way, second, first, layout = start.way, start.second, start.first, start.layout
        if size is not None and (start.is_narrowed or len(layout.records) == size.size):
            size = replace(size, is_tried=True)
        pages = [first] if second is None else [first, second]
        records = [layout.records] if second is None else [layout.records, layout.read(second.body) or ()]
        identity = find_identity(records, _id_names(self._target))
        times = find_times(records)
        findings = Findings(
            target=self._target,
            layout=layout,
            is_lines=first.is_lines,
            identity=identity,
            times=times,
            order=_order(times),
            next=way,
            is_tried=second is not None,
            end=[],
            size=size,
            records=sum(map(len, records)),
        )
        if second is not None:
            if way.counts == "page" and way.first is None:
                yield from self._find_base(findings, first)
            yield from self._find_size(findings, first)
            yield from self._find_largest(findings, first)
        findings.total = find_total(pages, layout.path, findings.records, more_follows=second is not None)
        yield from self._find_end(findings, pages)
        findings.requests = self._asked
        _explain(findings, ways, first)
        return findings

    def _second_page(
        self, ways: list[Proposal], first: Seen, layout: Layout, identity: Identity, size: SizeParameter | None
    ) -> Generator[Wish, Seen | None, _Start]:
        """The first way that leads to other records; without a second page, where none did."""
        seen_ways = [way for way in ways if way.wish is not None and not way.is_guess]
        says_more = any(not flag.is_last for flag in find_flags(first.body, layout.path))
        says_last = any(flag.is_last for flag in find_flags(first.body, layout.path)) or any(way.wish is None for way in ways)
        if says_last and not says_more and not seen_ways:
            # All there is came at once: asked for half as much, it has a second page.
            return (yield from self._narrowed(ways, first, layout, identity, size))
        found = yield from self._try([way for way in ways if way.wish is not None], layout, identity)
        if found is not None:
            return _Start(found[0], found[1], first, layout)
        return _Start(_untried(ways), None, first, layout)

    def _narrowed(
        self, ways: list[Proposal], first: Seen, layout: Layout, identity: Identity, size: SizeParameter | None
    ) -> Generator[Wish, Seen | None, _Start]:
        count = len(layout.records)
        guesses = [size] if size is not None else hinted_sizes(self._target, first, count, None)[:2]
        for guess in guesses if count > 1 else []:
            half = replace(guess, size=max(1, count // 2))
            narrowed = self._with_size(half)
            answer = yield from self._ask(narrowed.wish())
            smaller = None if answer is None or not answer.is_good else layout.read(answer.body)
            if answer is None or smaller is None or len(smaller) != half.size:
                continue
            again = replace(layout, records=smaller)
            id_path = identity.paths[0] if identity.kind == "any" else None
            narrower = [way for way in proposals(narrowed, answer, again, id_path) if way.wish is not None]
            found = yield from self._try(narrower, again, identity)
            if found is not None:
                return _Start(found[0], found[1], answer, again, is_narrowed=True)
        return _Start(_untried(ways), None, first, layout)

    def _try(
        self, ways: list[Proposal], layout: Layout, identity: Identity
    ) -> Generator[Wish, Seen | None, tuple[Proposal, Seen] | None]:
        for way in ways:
            assert way.wish is not None
            answer = yield from self._ask(way.wish)
            if answer is None:
                return None
            if _advances(answer, layout, identity):
                return way, answer
        return None

    def _with_size(self, size: SizeParameter) -> Target:
        """The same asked for in pages of this size."""
        where, _, name = size.to.partition(":")
        if where == "query":
            kept = tuple((own, text) for own, text in self._target.query if own != name)
            return replace(self._target, query=(*kept, (name, str(size.size))))
        wish = self._target.wish(body={parse_path(name): size.size})
        return replace(self._target, data=wish.data, form=wish.form)

    def _find_base(self, findings: Findings, first: Seen) -> Generator[Wish, Seen | None, None]:
        """Page 2 held other records: where page 1 is the first one, pages count from there, else from 0."""
        where, _, name = (findings.next.to or "").partition(":")
        wish = (
            self._target.wish({name: "1"}) if where == "query" else self._target.wish(body={parse_path(name): 1})
        )
        answer = yield from self._ask(wish)
        if answer is None or not answer.is_good:
            findings.doubt("next", "that the first page is number 1 was not tried")
            findings.next = replace(findings.next, first=1)
            return
        is_other = _advances(answer, findings.layout, findings.identity)
        findings.next = replace(findings.next, first=0 if is_other else 1)

    def _find_size(self, findings: Findings, first: Seen) -> Generator[Wish, Seen | None, None]:
        """The parameter that says how many records a page has, where none was asked with."""
        count = len(findings.layout.records)
        if findings.size is not None or count < 2:
            return
        link = findings.next.wish.url if findings.next.to == "url" and findings.next.wish else None
        for guess in hinted_sizes(self._target, first, count, link)[:2]:
            asked = replace(guess, size=count - 1)
            answer = yield from self._ask(self._with_size(asked).wish())
            if answer is None:
                break
            records = findings.layout.read(answer.body) if answer.is_good else None
            if records is not None and len(records) == asked.size:
                findings.size = replace(guess, size=count, is_tried=True)
                return
        if findings.next.counts == "offset":
            where = "query" if self._target.data is None else "body"
            findings.size = SizeParameter(f"{where}:limit", count, "an offset needs one, and many APIs call it so")

    def _find_largest(self, findings: Findings, first: Seen) -> Generator[Wish, Seen | None, None]:
        """How many records a page may have: as many as come where too many are asked for."""
        size, count = findings.size, len(findings.layout.records)
        if size is None or size.size >= _PROBED_SIZE:
            return
        asked = replace(size, size=_PROBED_SIZE)
        answer = yield from self._ask(self._with_size(asked).wish())
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
                findings.doubt("id", f"{len(missing)} records of the first page had other ids when asked for again, or came elsewhere")
        # Fewer than were asked for, though more follows: a bound, where the number looks like one that somebody chose.
        is_bound = _follows(answer, findings) and (len(records) % 10 == 0 or len(records) in {count, size.size})
        if len(records) >= asked.size or (len(records) >= count and is_bound):
            findings.largest = len(records)

    def _find_end(self, findings: Findings, pages: list[Seen]) -> Generator[Wish, Seen | None, None]:
        way = findings.next
        flags = [f"flag:{flag.path}={str(flag.last).lower()}" for flag in way.flags]
        kind = way.source.partition(":")[0]
        if kind in {"body", "header", "link", "object"}:
            findings.end = ["no-next", *_trusted(flags, way, pages)]
            return
        findings.end = flags or ["empty"]
        if flags or kind != "counter" or not findings.is_tried:
            return
        where, _, name = (way.to or "").partition(":")
        far = _FAR_AWAY
        wish = self._target.wish({name: str(far)}) if where == "query" else self._target.wish(body={parse_path(name): far})
        answer = yield from self._ask(wish)
        if answer is None:
            findings.doubt("end", "what comes behind the last page was not tried")
        elif answer.status in {400, 404, 416, 422}:
            findings.end = ["empty", f"status:{answer.status}"]
        elif answer.is_good and findings.layout.read(answer.body):
            findings.end = ["empty", "short"] if findings.size is not None else ["empty"]
            findings.doubt("end", "far behind the last page there were records again: a full last page would not end it")


def _trusted(flags: list[str], way: Proposal, pages: list[Seen]) -> list[str]:
    """Flags that said more wherever a next position stood."""
    told = [flag for page in pages[:1] for flag in find_flags(page.body, Path()) if not flag.is_last]
    wanted = {f"flag:{flag.path}={str(flag.last).lower()}" for flag in told}
    return [flag for flag in flags if flag in wanted]


def _first_layout(target: Target, first: Seen) -> Layout:
    complaint = read_complaint("".join(first.headers.get("content-type", ())), first.text.encode()).text
    if not 200 <= first.status < 300:
        raise NothingFound(f"the API answers with status {first.status}{f': {complaint}' if complaint else ''}{_advice(first.status)}")
    if first.problem is not None:
        raise NothingFound(f"{first.problem}: only JSON and lines of JSON are understood")
    layouts = find_layouts(first.body, target.segment)
    if not layouts:
        said = f"; it says: {complaint}" if complaint else ""
        raise NothingFound(f"the answer holds no list of records from which anything could be told{said}")
    return layouts[0]


def _advice(status: int) -> str:
    if 300 <= status < 400:
        return ": redirects are not followed; name the address that it leads to"
    if status in {401, 403}:
        return ": name its credential, as in -H 'Authorization: Bearer secret:NAME'"
    return ""


def _id_names(target: Target) -> tuple[str, ...]:
    """What the stream's own id may be called, as the plain names of a member."""
    segment = plain(target.segment.partition(".")[0])
    one = segment.removesuffix("s")
    return (f"{one}id", f"{segment}id") if one else ()


def _advances(answer: Seen, layout: Layout, identity: Identity) -> bool:
    """Whether the page holds other records than the first one, and not just a few of them."""
    records = layout.read(answer.body) if answer.is_good else None
    if not records:
        return False
    known = {identity.of(record) for record in layout.records}
    ids = [identity.of(record) for record in records]
    if identity.kind != "hash" and None in ids:
        return False
    new = [one for one in ids if one not in known]
    return len(new) * 2 > len(ids)


def _untried(ways: list[Proposal]) -> Proposal:
    """What is proposed though no page has proven it: what was seen, and no guess; without any, a link that never comes."""
    seen = [way for way in ways if not way.is_guess]
    if seen:
        return seen[0]
    return Proposal("link:next", "url", None, "nothing says what follows: all may have come at once", is_guess=True)


def _order(times: Any) -> str:
    return times[0].order if times and times[0].order is not None and times[0].is_sure else "none"


def _follows(answer: Seen, findings: Findings) -> bool:
    """Whether more is said to follow what a probe has brought."""
    flags = find_flags(answer.body, findings.layout.path)
    if flags:
        return not any(flag.is_last for flag in flags)
    layout = replace(findings.layout, records=findings.layout.read(answer.body) or ())
    sources = {way.source for way in proposals(findings.target, answer, layout, None) if way.wish is not None and not way.is_guess}
    return findings.next.source in sources


def _explain(findings: Findings, ways: list[Proposal], first: Seen) -> None:
    way = findings.next
    if not findings.is_tried:
        tried = findings.requests > 1
        findings.doubt("next", f"not proven: {way.seen_in}" + ("; what was tried did not lead to other records" if tried else "; no second page was seen"))
    for doubt in findings.identity.doubts:
        findings.doubt("id", doubt)
    for other in findings.identity.others:
        findings.doubt("id", f"{other} was unique, too")
    if findings.order == "none":
        findings.doubt("order", _why_no_order(findings))
    if findings.size is not None and not findings.size.is_tried and not findings.size.seen_in.startswith("the "):
        findings.doubt("page_size", f"not proven: {findings.size.seen_in}")
    if findings.size is None:
        findings.doubt("page_size", "no parameter is known that says how many records a page has")
    elif findings.largest is None:
        findings.doubt("page_size", "how many records a page may have at most is not known")
    if findings.times and not findings.times[0].has_zone:
        findings.doubt("time", "the times name no zone: they are read as UTC")
    for other in findings.times[1:4]:
        findings.doubt("time", f"{other.path} reads as a time, too")


def _why_no_order(findings: Findings) -> str:
    if not findings.times:
        return "no member reads as a time, so that no order can be seen"
    best = findings.times[0]
    if best.order in {"newest-first", "oldest-first"}:
        return f"it looks like {best.order} by {best.path}, from no more than {best.distinct} different times: say so if the API promises it"
    if best.order is None:
        return f"the times of {best.path} do not differ, or are not in all records, so that no order can be seen"
    return f"the records that were seen are in no order of {best.path}"

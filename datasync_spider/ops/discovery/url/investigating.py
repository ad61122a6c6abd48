"""The course of an investigation: which requests are made one after the other, and what is concluded from the answers.

A generator: it gives what to ask and is sent what came, None where nothing may be asked any more. Invariant: five
requests at most; each of them is the first page, what is proposed for the second one, or answers what is left open.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from datasync_spider.errors import DatasyncError
from datasync_spider.ops.discovery.url.counts import SizeParameter, find_total, given_size, hinted_sizes
from datasync_spider.ops.discovery.url.effortleft import RequestsLeft, advances
from datasync_spider.ops.discovery.url.explaining import explain
from datasync_spider.ops.discovery.url.fields import Identity, find_identity, find_times
from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.flags import find_flags
from datasync_spider.ops.discovery.url.layout import Layout, find_layouts
from datasync_spider.ops.discovery.url.names import plain
from datasync_spider.ops.discovery.url.paging import proposals
from datasync_spider.ops.discovery.url.probe import Seen, Wish
from datasync_spider.ops.discovery.url.proposal import Proposal
from datasync_spider.ops.discovery.url.proving import find_base, find_end, find_largest, find_size
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.records.complaint import read_complaint

MOST_REQUESTS = 5

Investigation: TypeAlias = Generator[Wish, Seen | None, Findings]


class NothingFound(DatasyncError):
    """The first answer is none from which a source can be made, as the text says."""


def investigate(target: Target) -> Investigation:
    """Raises NothingFound."""
    work = _Work(target)
    return (yield from work.run())


class _Start(Struct, frozen=True):
    """Two pages that follow each other; ``second`` None where none was seen. ``is_narrowed``: of smaller pages."""

    way: Proposal
    second: Seen | None
    first: Seen
    layout: Layout
    is_narrowed: bool = False


class _Work:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._requests_left = RequestsLeft(target, MOST_REQUESTS)

    def run(self) -> Investigation:
        first = yield from self._requests_left.ask(self._target.wish())
        if first is None:
            raise NothingFound("the API could not be asked")
        layout = _first_layout(self._target, first)
        size = given_size(self._target)
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
        if second is not None and way.counts == "page" and way.first is None:
            yield from find_base(self._requests_left, findings)
        findings.total = find_total(pages, layout.path, findings.records, more_follows=second is not None)
        # The end first: a wrong one costs a crawl, a size that is not known only makes it longer.
        yield from find_end(self._requests_left, findings, second)
        if second is not None:
            yield from find_size(self._requests_left, findings, first)
            yield from find_largest(self._requests_left, findings)
        findings.requests = self._requests_left.asked
        explain(findings)
        return findings

    def _second_page(
        self, ways: list[Proposal], first: Seen, layout: Layout, identity: Identity, size: SizeParameter | None
    ) -> Generator[Wish, Seen | None, _Start]:
        """The first way that leads to other records; without a second page, where none did."""
        seen_ways = [way for way in ways if way.wish is not None and not way.is_guess]
        says_more = any(not flag.is_last for flag in find_flags(first.body, layout.path))
        says_last = any(flag.is_last for flag in find_flags(first.body, layout.path)) or any(
            way.wish is None for way in ways
        )
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
            narrowed = self._requests_left.with_size(half)
            answer = yield from self._requests_left.ask(narrowed.wish())
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
            answer = yield from self._requests_left.ask(way.wish)
            if answer is None:
                return None
            if advances(answer, layout, identity):
                return way, answer
        return None


def _first_layout(target: Target, first: Seen) -> Layout:
    complaint = read_complaint("".join(first.headers.get("content-type", ())), first.text.encode()).text
    if not 200 <= first.status < 300:
        raise NothingFound(
            f"the API answers with status {first.status}{f': {complaint}' if complaint else ''}{_advice(first.status)}"
        )
    if first.problem is not None:
        raise NothingFound(f"{first.problem}: only JSON and lines of JSON are understood")
    layouts = find_layouts(first.body, target.segment)
    if not layouts:
        said = f"; it says: {complaint}" if complaint else ""
        raise NothingFound(f"the answer holds no list of records that a file could be made from{said}")
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


def _untried(ways: list[Proposal]) -> Proposal:
    """What is proposed though no page has proven it: what was seen, and no guess; else a link that never comes."""
    seen = [way for way in ways if not way.is_guess]
    if seen:
        return seen[0]
    return Proposal("link:next", "url", None, "nothing says what follows: all may have come at once", is_guess=True)


def _order(times: Any) -> str:
    return times[0].order if times and times[0].order is not None and times[0].is_sure else "none"

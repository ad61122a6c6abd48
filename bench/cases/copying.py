"""What the database-bound cases share: a crawl in turns with ``psql``, whatever the crawl finds in its table.

Invariant: the limit is always that of an empty table, however the crawl's own table begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.bench import COPIES_AT_ONCE, Bench
from bench.crawl import Crawled, crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure, ratios
from bench.limits.bare_client import follow
from bench.limits.psql_copy import copy_rows
from bench.server import EMPTY

PAGE_EVENTS = 5_000
_MOCK_SUFFICES = 300_000


@dataclass(frozen=True, slots=True)
class Copying:
    """``template`` is the database that each crawl begins with; ``feed_arguments`` go to the mock.

    ``shows_mock``: also measure how fast the mock would be by itself, for the case that it is the bottleneck.
    """

    name: str
    title: str
    events: int
    target: float
    template: str = EMPTY
    feed_arguments: Sequence[str] = ()
    shows_mock: bool = False

    def run(self, bench: Bench) -> tuple[CaseFound, list[Crawled]]:
        """The case with its three figures: the limit, the crawl, and the crawl with the start of its process."""
        total = self.events
        paths = bench.rows(total)
        limit = Figure(what=f"{COPIES_AT_ONCE} × psql \\copy of prepared rows", unit="events/s")
        ours = Figure(what="scrapy crawl events", unit="events/s", target=self.target)
        mock = Figure(what="the mock API, to a bare client", unit="events/s")
        whole = Figure(what="… with the start of the process", unit="events/s")
        crawls: list[Crawled] = []
        with Feed(total, "--prepare", *self.feed_arguments) as feed:

            def measure_limit() -> str:
                with bench.server.fresh() as url:
                    copied = copy_rows(paths, url, total)
                limit.samples.append(total / copied.seconds)
                limit.cpu_seconds.append(copied.cpu_seconds)
                return f"{limit.samples[-1]:,.0f} rows/s"

            def measure_ours() -> str:
                with bench.server.fresh(self.template) as url:
                    crawled = crawl(feed, url)
                crawls.append(crawled)
                ours.samples.append(total / crawled.seconds)
                whole.samples.append(total / crawled.process.wall_seconds)
                ours.cpu_seconds.append(crawled.process.cpu_seconds)
                ours.peak_mb.append(crawled.process.peak_mb)
                return f"{ours.samples[-1]:,.0f} events/s, {crawled.cost}"

            def measure_mock() -> str:
                _, asked = follow(feed, PAGE_EVENTS, bench.server.directory)
                mock.samples.append(total / (asked.last_answer - asked.first_request))
                return f"{mock.samples[-1]:,.0f} events/s"

            subjects = {limit.what: measure_limit, ours.what: measure_ours}
            bench.take_turns({**subjects, mock.what: measure_mock} if self.shows_mock else subjects)
            for graph in bench.flame_graphs(self.name):
                with bench.server.fresh(self.template) as url:
                    crawl(feed, url, flame_graph=graph)
        for figure in (ours, whole):
            figure.ratios = ratios(figure.samples, limit.samples)
        found = CaseFound(
            name=self.name, title=self.title, rounds=bench.rounds, events=total, figures=[limit, ours, whole]
        )
        if self.shows_mock:
            found.figures.append(mock)
            if mock.median < _MOCK_SUFFICES:
                found.notes.append(
                    f"the mock alone served less than {_MOCK_SUFFICES:,} events/s, and may be what is seen"
                )
        return found, crawls

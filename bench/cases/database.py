"""Database-bound: an API that never keeps us waiting, an empty table."""

from __future__ import annotations

from bench.bench import COPIES_AT_ONCE, Bench
from bench.crawl import Crawled, crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure
from bench.limits.psql_copy import copy_rows

NAME = "database"
TITLE = "database-bound: pages of 5,000, API without latency, empty table"
EVENTS, QUICK_EVENTS = 600_000, 200_000


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    paths = bench.rows(total)
    limit = Figure(what=f"{COPIES_AT_ONCE} × psql \\copy of prepared rows", unit="events/s")
    ours = Figure(what="scrapy crawl events", unit="events/s", reach=0.90)
    whole = Figure(what="… with the start of the process", unit="events/s")
    crawls: list[Crawled] = []

    with Feed(total, "--prepare") as feed:

        def measure_limit() -> str:
            with bench.server.fresh() as url:
                copied = copy_rows(paths, url, total)
            limit.samples.append(total / copied.seconds)
            limit.cpu_seconds.append(copied.cpu_seconds)
            limit.peak_mb.append(copied.peak_mb)
            return f"{limit.samples[-1]:,.0f} rows/s"

        def measure_ours() -> str:
            with bench.server.fresh() as url:
                crawled = crawl(feed, url)
            crawls.append(crawled)
            ours.samples.append(total / crawled.seconds)
            whole.samples.append(total / crawled.process.wall_seconds)
            ours.cpu_seconds.append(crawled.process.cpu_seconds)
            ours.peak_mb.append(crawled.process.peak_mb)
            return (
                f"{ours.samples[-1]:,.0f} events/s ({whole.samples[-1]:,.0f} with the start),"
                f" {crawled.process.cpu_seconds:.2f} s CPU, {crawled.process.peak_mb:.0f} MB"
            )

        bench.take_turns({limit.what: measure_limit, ours.what: measure_ours})

    for figure in (ours, whole):
        figure.ratios = [ours_ / limit_ for ours_, limit_ in zip(figure.samples, limit.samples, strict=True)]
    cost = Figure(
        what="CPU of our process per million events",
        unit="s",
        samples=[each.process.cpu_seconds / total * 1e6 for each in crawls],
        reach=5.0,
        at_least=False,
    )
    others = Figure(
        what="requests that are not pages",
        unit="",
        samples=[float(each.other_requests) for each in crawls],
        reach=1.0,
        at_least=False,
    )
    return CaseFound(
        name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=[limit, ours, whole, cost, others]
    )

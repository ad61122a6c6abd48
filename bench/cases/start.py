"""The start: from the command until the first request has arrived, with the database up and migrated."""

from __future__ import annotations

from bench.bench import Bench
from bench.crawl import crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure
from bench.limits import plain_scrapy

NAME = "start"
TITLE = "until the first request of scrapy crawl events; the database is up, the feed has one page"
_EVENTS = 100
_STARTS_A_ROUND, _QUICK_STARTS_A_ROUND = 3, 1


def run(bench: Bench) -> CaseFound:
    first = Figure(what="until the first request", unit="s", target=0.9, at_least=False)
    whole = Figure(what="until the process has ended", unit="s")
    plain = Figure(what="a plain Scrapy spider, until the first request", unit="s")

    starts = bench.size(_STARTS_A_ROUND, _QUICK_STARTS_A_ROUND)
    with Feed(_EVENTS) as feed:

        def measure_ours() -> str:
            for _ in range(starts):
                with bench.server.fresh() as url:
                    crawled = crawl(feed, url)
                first.samples.append(crawled.start_seconds)
                whole.samples.append(crawled.process.wall_seconds)
                whole.cpu_seconds.append(crawled.process.cpu_seconds)
                whole.peak_mb.append(crawled.process.peak_mb)
            return f"{first.samples[-1]:.2f} s, {whole.samples[-1]:.2f} s in all"

        def measure_plain() -> str:
            for _ in range(starts):
                process, asked = plain_scrapy.follow(feed, _EVENTS, bench.server.directory)
                plain.samples.append(asked.first_request - process.started)
                plain.cpu_seconds.append(process.cpu_seconds)
                plain.peak_mb.append(process.peak_mb)
            return f"{plain.samples[-1]:.2f} s"

        bench.take_turns({"scrapy crawl events": measure_ours, plain.what: measure_plain})
        for graph in bench.flame_graphs(NAME):
            with bench.server.fresh() as url:
                crawl(feed, url, flame_graph=graph)
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=_EVENTS, figures=[first, whole, plain])

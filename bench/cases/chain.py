"""Chain-bound: each page takes the API 50 ms, and the next can be asked for only when its cursor is known."""

from __future__ import annotations

from bench.bench import Bench
from bench.crawl import crawl
from bench.feed import Asked, Feed
from bench.figures import CaseFound, Figure, ratios
from bench.limits.bare_client import follow

NAME = "chain"
TITLE = "chain-bound: pages of 5,000, 50 ms per page from the server"
EVENTS, QUICK_EVENTS = 300_000, 30_000
_PAGE_EVENTS = 5_000
_LATENCY_MS = 50


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    limit = Figure(what="a bare keep-alive client", unit="ms/page")
    ours = Figure(what="scrapy crawl events", unit="ms/page", target=0.90)

    with Feed(total, "--prepare", "--latency-ms", str(_LATENCY_MS)) as feed:

        def measure_limit() -> str:
            process, asked = follow(feed, _PAGE_EVENTS, bench.server.directory)
            limit.samples.append(page_ms(asked))
            limit.cpu_seconds.append(process.cpu_seconds)
            return f"{limit.samples[-1]:.1f} ms a page"

        def measure_ours() -> str:
            with bench.server.fresh() as url:
                crawled = crawl(feed, url)
            ours.samples.append(page_ms(crawled.asked))
            ours.cpu_seconds.append(crawled.process.cpu_seconds)
            ours.peak_mb.append(crawled.process.peak_mb)
            return f"{ours.samples[-1]:.1f} ms a page, {crawled.cost}"

        bench.take_turns({limit.what: measure_limit, ours.what: measure_ours})
        for graph in bench.flame_graphs(NAME):
            with bench.server.fresh() as url:
                crawl(feed, url, flame_graph=graph)
    # Of speeds, so that more is better here as elsewhere.
    ours.ratios = ratios(limit.samples, ours.samples)
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=[limit, ours])


def page_ms(asked: Asked) -> float:
    """From the first request to the last answer, a page's share."""
    return (asked.last_answer - asked.first_request) / asked.pages * 1000

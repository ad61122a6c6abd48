"""Many small pages: what one request costs, whatever it carries, beside what it costs a plain Scrapy spider.

Both have the same framework below them, so the plain spider is the measure that goes from one machine to another.
"""

from __future__ import annotations

from bench.bench import Bench
from bench.cases.chain import page_ms
from bench.crawl import crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure, ratios
from bench.limits import bare_client, plain_scrapy

NAME = "pages"
TITLE = "many small pages: limit=100, API without latency"
EVENTS, QUICK_EVENTS = 200_000, 20_000
_PAGE_EVENTS = 100
_TARGET = 1.0
# Of what a request takes the plain spider by the clock.
_TARGET_CPU = 0.86


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    requests = total // _PAGE_EVENTS
    limit = Figure(what="a bare keep-alive client", unit="ms/request")
    plain = Figure(what="a plain Scrapy spider that stores nothing", unit="ms/request")
    ours = Figure(what="scrapy crawl events", unit="ms/request")
    whole_cpu = Figure(what="CPU, start and end of the process included", unit="ms/request")
    one_page: list[float] = []
    limit_setting = str(_PAGE_EVENTS)

    with Feed(total, "--prepare") as feed, Feed(_PAGE_EVENTS) as short_feed:

        def measure_limit() -> str:
            process, asked = bare_client.follow(feed, _PAGE_EVENTS, bench.server.directory)
            limit.samples.append(page_ms(asked))
            limit.cpu_seconds.append(process.cpu_seconds)
            return f"{limit.samples[-1]:.2f} ms a request"

        def measure_plain() -> str:
            process, asked = plain_scrapy.follow(feed, _PAGE_EVENTS, bench.server.directory)
            plain.samples.append(page_ms(asked))
            plain.cpu_seconds.append(process.cpu_seconds)
            plain.peak_mb.append(process.peak_mb)
            return f"{plain.samples[-1]:.2f} ms a request, {process.cpu_seconds:.2f} s CPU"

        def measure_ours() -> str:
            with bench.server.fresh() as url:
                crawled = crawl(feed, url, API_PAGE_LIMIT=limit_setting)
            ours.samples.append(page_ms(crawled.asked))
            ours.cpu_seconds.append(crawled.process.cpu_seconds)
            ours.peak_mb.append(crawled.process.peak_mb)
            whole_cpu.samples.append(crawled.process.cpu_seconds / requests * 1000)
            return f"{ours.samples[-1]:.2f} ms a request, {crawled.cost}"

        def measure_one_page() -> str:
            with bench.server.fresh() as url:
                one_page.append(crawl(short_feed, url, API_PAGE_LIMIT=limit_setting).process.cpu_seconds)
            return f"{one_page[-1]:.2f} s CPU"

        bench.take_turns(
            {
                limit.what: measure_limit,
                plain.what: measure_plain,
                ours.what: measure_ours,
                "a crawl of one page": measure_one_page,
            }
        )
        for graph in bench.flame_graphs(NAME):
            with bench.server.fresh() as url:
                crawl(feed, url, flame_graph=graph, API_PAGE_LIMIT=limit_setting)
    added_cpu = Figure(
        what="CPU that a request adds to a crawl of one page",
        unit="ms/request",
        samples=[(many - one) / (requests - 1) * 1000 for many, one in zip(ours.cpu_seconds, one_page, strict=True)],
    )
    beside_time = Figure(
        what="… as a share of what it takes the plain spider by the clock",
        unit="",
        samples=ratios(added_cpu.samples, plain.samples),
        target=_TARGET_CPU,
        at_least=False,
    )
    beside = Figure(
        what="… as a share of the bare client's speed", unit="", samples=ratios(limit.samples, ours.samples)
    )
    beside_plain = Figure(
        what="… as a share of the plain spider's speed",
        unit="",
        samples=ratios(plain.samples, ours.samples),
        target=_TARGET,
    )
    return CaseFound(
        name=NAME,
        title=TITLE,
        rounds=bench.rounds,
        events=total,
        figures=[limit, plain, ours, beside, beside_plain, added_cpu, beside_time, whole_cpu],
    )

"""Memory: the peak must not depend on how much there is to fetch."""

from __future__ import annotations

from bench.bench import Bench, say
from bench.crawl import crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure

NAME = "memory"
TITLE = "peak memory of our process, by the size of the feed (one crawl each)"
SIZES, QUICK_SIZES = (300_000, 10_000_000), (20_000, 60_000)
_TARGET_MB = 200.0
# Two crawls of one size differ by as much: which thread's arena grows is chance.
_SAME = 1.10


def run(bench: Bench) -> CaseFound:
    sizes = QUICK_SIZES if bench.quick else SIZES
    figures = []
    for total in sizes:
        say(f"{total:,} events")
        with Feed(total, "--prepare") as feed, bench.server.fresh() as url:
            crawled = crawl(feed, url)
        say(f"{total / crawled.seconds:,.0f} events/s, {crawled.cost}")
        figures.append(
            Figure(
                what=f"{total:,} events",
                unit="MB",
                samples=[crawled.process.peak_mb],
                target=_TARGET_MB,
                at_least=False,
                cpu_seconds=[crawled.process.cpu_seconds],
            )
        )
    growth = figures[-1].samples[0] / figures[0].samples[0]
    figures.append(Figure(what="the one over the other", unit="", samples=[growth], target=_SAME, at_least=False))
    return CaseFound(name=NAME, title=TITLE, rounds=1, events=sizes[-1], figures=figures)

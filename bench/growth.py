"""``python -m bench growth``: what a crawl of 100,000 to 10,000,000 events costs, as a table and a plot.

Every size is crawled into a table of its own that begins empty. The mock makes all events before the first request,
which takes it 0.35 GB of memory a million; the largest database takes 10 GB of disk.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.bench import COPIES_AT_ONCE, Bench, say
from bench.crawl import crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure, ratios
from bench.growthplot import plot
from bench.limits.psql_copy import copy_rows
from bench.measuring import positive
from bench.reports import begin, save
from bench.server import Server
from bench.table import text_table

SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


def grow(arguments: Sequence[str]) -> int:
    """Exit code 0: there is nothing to judge."""
    parser = argparse.ArgumentParser(prog="python -m bench growth", description=__doc__)
    parser.add_argument("--up-to", type=positive, default=SIZES[-1], metavar="EVENTS", help="leave out larger sizes")
    parser.add_argument("--limit", action="store_true", help="also copy the same rows by psql, which doubles the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot to this SVG file")
    options = parser.parse_args(arguments)
    with Server() as server:
        report = begin("growth", ["growth", *arguments], server)
        bench = Bench(server, rounds=1, quick=False)
        for total in (size for size in SIZES if size <= options.up_to):
            say(f"{total:,} events")
            report.cases.append(_crawl(bench, total, with_limit=options.limit))
            if options.json is not None:
                save(report, options.json)
    print(text_table(report))
    if options.plot is not None:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(plot(report), encoding="utf-8")
    return 0


def _crawl(bench: Bench, total: int, *, with_limit: bool) -> CaseFound:
    with Feed(total, "--prepare") as feed, bench.server.fresh() as url:
        crawled = crawl(feed, url)
    ours = Figure(
        what="scrapy crawl events",
        unit="events/s",
        samples=[total / crawled.seconds],
        cpu_seconds=[crawled.process.cpu_seconds],
        peak_mb=[crawled.process.peak_mb],
    )
    say(f"{ours.samples[0]:,.0f} events/s, {crawled.cost}")
    figures = [ours]
    if with_limit:
        paths = bench.rows(total)
        with bench.server.fresh() as url:
            copied = copy_rows(paths, url, total)
        limit = Figure(
            what=f"{COPIES_AT_ONCE} × psql \\copy of prepared rows", unit="events/s", samples=[total / copied.seconds]
        )
        ours.ratios = ratios(ours.samples, limit.samples)
        figures.append(limit)
        for path in paths:
            path.unlink()
    return CaseFound(name=f"{total:,}", title="one crawl into an empty table", rounds=1, events=total, figures=figures)

"""Database-bound: an API that never keeps us waiting, an empty table."""

from __future__ import annotations

from bench.bench import Bench
from bench.cases.copying import Copying
from bench.figures import CaseFound, Figure

NAME = "database"
TITLE = "database-bound: pages of 5,000, API without latency, empty table"
EVENTS, QUICK_EVENTS = 600_000, 20_000


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    found, crawls = Copying(NAME, TITLE, total, target=0.90, shows_mock=True).run(bench)
    cost = Figure(
        what="CPU of our process per million events",
        unit="s",
        samples=[each.process.cpu_seconds / total * 1e6 for each in crawls],
        target=5.0,
        at_least=False,
    )
    others = Figure(
        what="requests that are not pages",
        unit="",
        samples=[float(each.other_requests) for each in crawls],
        target=1.0,
        at_least=False,
    )
    found.figures += [cost, others]
    return found

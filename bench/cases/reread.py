"""The whole feed once more, into a table that holds all of it: what a full sync after a short read costs."""

from __future__ import annotations

from bench.bench import Bench
from bench.cases.copying import Copying
from bench.cases.known import know
from bench.figures import CaseFound

NAME = "reread"
TITLE = "database-bound, into a table that already holds all events"
EVENTS, QUICK_EVENTS = 600_000, 20_000


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    template = know(bench, "bench_full", total, every=1)
    return Copying(NAME, TITLE, total, target=0.60, template=template).run(bench)[0]

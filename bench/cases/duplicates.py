"""A tenth of the events is known already, scattered over the whole feed: no batch is free of conflicts."""

from __future__ import annotations

from bench.bench import Bench
from bench.cases.copying import Copying
from bench.cases.known import know
from bench.figures import CaseFound

NAME = "duplicates"
TITLE = "database-bound, the table holds every tenth event"
EVENTS, QUICK_EVENTS = 600_000, 20_000


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    template = know(bench, "bench_tenth", total, every=10)
    return Copying(NAME, TITLE, total, target=0.75, template=template).run(bench)[0]

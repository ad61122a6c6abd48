"""Pages that shift while they are read: each begins with the last tenth of the page before."""

from __future__ import annotations

from bench.bench import Bench
from bench.cases.copying import Copying
from bench.figures import CaseFound

NAME = "shifted"
TITLE = "database-bound, every page repeats 500 events of the page before"
EVENTS, QUICK_EVENTS = 600_000, 20_000


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    return Copying(NAME, TITLE, total, target=0.75, feed_arguments=("--fault", "duplicate_events=1,events=500")).run(
        bench
    )[0]

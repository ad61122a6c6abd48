"""Slices with much that is new, all at once, beside one stream of as many records whose API keeps nobody waiting.

The latter is database-bound, as in the case ``database``: what the slices reach of it says what is lost by turns. When
each of them ends says whether one waits behind the others.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from bench.bench import Bench
from bench.figures import CaseFound, Figure, ratios
from bench.server import query
from bench.syncing import Synced, sync_due
from bench.tenants import Served, Tenants

NAME = "crowded"
TITLE = "slices with new records, all at once, 50 ms a page"
_SLICES, _QUICK_SLICES = 50, 3
_RECORDS, _QUICK_RECORDS = 20_000, 1_000
_PAGE, _QUICK_PAGE = 5_000, 250
_ANSWER_MS = 50
_ENDS = """
SELECT extract(epoch FROM ended_at - min(started_at) OVER ())::float8 FROM ingestion_runs ORDER BY 1
"""


def run(bench: Bench) -> CaseFound:
    slices = bench.size(_SLICES, _QUICK_SLICES)
    records, page = bench.size(_RECORDS, _QUICK_RECORDS), bench.size(_PAGE, _QUICK_PAGE)
    total = slices * records
    one = Figure(what="one stream, no latency", unit="records/s")
    ours = Figure(what=f"{slices} slices", unit="records/s", target=0.85)
    last = Figure(what="the last slice ends, ratio: to the median", unit="s", target=1.2, at_least=False)
    feeds = {"one": Served("one", total, page), "many": Served("many", records, page)}
    with (
        Tenants(*feeds.values()) as tenants,
        tempfile.TemporaryDirectory(prefix="datasync-bench-crowded-") as directory,
    ):
        for name, feed in feeds.items():
            tenants.write_source(Path(directory) / name, name, ["t"], feed, slices if name == "many" else None)

        def measure(name: str) -> Synced:
            due = slices if name == "many" else 1
            with bench.server.fresh() as url:
                tenants.wait(_ANSWER_MS if name == "many" else 0)
                synced = sync_due(bench, url, Path(directory) / name, tenants, due=due, at_once=due)
                stored = query(url, f"SELECT count(*) FROM {name}__t")[0][0]
                if stored != total:
                    raise RuntimeError(f"{stored} records of {total} were stored")
                if name == "many":
                    ends = [end for (end,) in query(url, _ENDS)]
                    last.samples.append(ends[-1])
                    last.ratios.append(ends[-1] / median(ends))
            figure = ours if name == "many" else one
            figure.samples.append(total / synced.seconds)
            figure.cpu_seconds.append(synced.process.cpu_seconds)
            figure.peak_mb.append(synced.process.peak_mb)
            return synced

        def measure_one() -> str:
            return f"{total / (synced := measure('one')).seconds:,.0f} records/s, {synced.cost}"

        def measure_many() -> str:
            synced = measure("many")
            return f"{total / synced.seconds:,.0f} records/s, last after {last.ratios[-1]:.2f} medians, {synced.cost}"

        bench.take_turns({one.what: measure_one, ours.what: measure_many})
    ours.ratios = ratios(ours.samples, one.samples)
    title = f"{TITLE}, pages of {page:,}"
    return CaseFound(name=NAME, title=title, rounds=bench.rounds, events=total, figures=[one, ours, last])

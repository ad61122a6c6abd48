"""A round of many slices that have nothing new: what each costs us, and how long all of them take.

What the start of the process costs, with the plans of all slices, is measured by rounds in which a few of the same
slices are due, and taken off.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.bench import Bench, say
from bench.figures import CaseFound, Figure
from bench.server import execute, query
from bench.syncing import Synced, sync_due
from bench.tenants import Served, Tenants

NAME = "rounds"
TITLE = "rounds of slices with nothing new: pages of 100, known ground, 50 ms an answer, one process"
_SOURCES = 4
_STREAMS, _QUICK_STREAMS = 5, 1
_SLICES, _QUICK_SLICES = 50, 3
_FEW = 5
# A page more than is asked for in a round, so that it is known ground that ends it.
_FEED = Served("small", 120, 100)
_ANSWER_MS = 50
# Four would do for the time: a thousand answers of 50 ms are 12.5 s then.
_AT_ONCE = 8
_DUE = "UPDATE ingestion_due SET due_at = now()"
_FEW_DUE = f"""
UPDATE ingestion_due AS due SET due_at = now() + number / ({_FEW} + 1) * INTERVAL '1 hour'
FROM (SELECT stream, slice, row_number() OVER (ORDER BY stream, slice) AS number FROM ingestion_due) AS numbered
WHERE due.stream = numbered.stream AND due.slice = numbered.slice
"""


def run(bench: Bench) -> CaseFound:
    streams, of_each = bench.size(_STREAMS, _QUICK_STREAMS), bench.size(_SLICES, _QUICK_SLICES)
    slices = _SOURCES * streams * of_each
    few, whole = f"{_FEW} slices", f"{slices:,} slices"
    found: dict[str, list[Synced]] = {few: [], whole: []}
    with Tenants(_FEED) as tenants, tempfile.TemporaryDirectory(prefix="datasync-bench-rounds-") as directory:
        sources = Path(directory) / "sources"
        for number in range(_SOURCES):
            names = [f"t{stream}" for stream in range(streams)]
            tenants.write_source(sources, f"s{number}", names, _FEED, of_each)
        template = bench.server.make_template("bench_rounds")
        say(f"a first sync of {slices:,} slices")
        sync_due(bench, template, sources, tenants, due=slices, at_once=_AT_ONCE)
        tenants.wait(_ANSWER_MS)

        def measuring(what: str, due: int, statement: str) -> Callable[[], str]:
            def measure() -> str:
                with bench.server.fresh("bench_rounds") as url:
                    execute(url, statement)
                    synced = sync_due(bench, url, sources, tenants, due=due, at_once=_AT_ONCE)
                    _check(url, due)
                found[what].append(synced)
                return f"{synced.process.wall_seconds:.2f} s, {synced.asked.requests} requests, {synced.cost}"

            return measure

        bench.take_turns({few: measuring(few, _FEW, _FEW_DUE), whole: measuring(whole, slices, _DUE)})
        for graph in bench.flame_graphs(NAME):
            with bench.server.fresh("bench_rounds") as url:
                execute(url, _DUE)
                sync_due(bench, url, sources, tenants, due=slices, at_once=_AT_ONCE, flame_graph=graph)
    title = f"{TITLE}, {_AT_ONCE} at once; {_SOURCES * streams} streams of {_SOURCES} sources"
    figures = _figures(found[few], found[whole], slices)
    return CaseFound(name=NAME, title=title, rounds=bench.rounds, events=slices * _FEED.records, figures=figures)


def _figures(few: list[Synced], whole: list[Synced], slices: int) -> list[Figure]:
    start = Figure(what=f"{_FEW} slices, with the start", unit="s")
    start.samples = [each.process.wall_seconds for each in few]
    start.cpu_seconds = [each.process.cpu_seconds for each in few]
    start.peak_mb = [each.process.peak_mb for each in few]
    lasted = Figure(what=f"{slices:,} slices, with the start", unit="s", target=30.0, at_least=False)
    lasted.samples = [each.process.wall_seconds for each in whole]
    lasted.cpu_seconds = [each.process.cpu_seconds for each in whole]
    lasted.peak_mb = [each.process.peak_mb for each in whole]
    cost = Figure(what="CPU of our process a slice, without the start", unit="ms", target=10.0, at_least=False)
    pairs = zip(whole, few, strict=True)
    cost.samples = [
        1000 * (each.process.cpu_seconds - less.process.cpu_seconds) / (slices - _FEW) for each, less in pairs
    ]
    requests = Figure(what="requests a slice, at most", unit="", target=1.0, at_least=False)
    requests.samples = [max(float(each.asked.most), each.asked.requests / slices) for each in whole]
    memory = Figure(what="peak memory", unit="MB", target=350.0, at_least=False, samples=list(lasted.peak_mb))
    connections = Figure(what="connections at once", unit="", target=8.0, at_least=False)
    connections.samples = [float(each.connections) for each in whole]
    return [start, lasted, cost, requests, memory, connections]


def _check(url: str, due: int) -> None:
    """Each ended at known ground: one that had read its feed to its end would have done more than is measured."""
    last = f"SELECT * FROM ingestion_runs ORDER BY run_id DESC LIMIT {due}"
    found = query(url, f"SELECT reason, inserted, count(*) FROM ({last}) AS last GROUP BY 1, 2")
    if found != [("reached_known", 0, due)]:
        raise RuntimeError(f"a round ended otherwise than at known ground: {found}")

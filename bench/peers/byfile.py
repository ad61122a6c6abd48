"""A source by its file beside dlt's ``rest_api`` with as much configuration, in turns: whole processes, one server."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.bench import Bench
from bench.cases.sources import FIRST, by_file
from bench.feed import Feed
from bench.figures import CaseFound, Figure, ratios
from bench.peers.loading import load
from bench.processes import Finished
from bench.server import query

NAME = "rest_api"
TITLE = "pages of 5,000, a root list with a nested id and a nested time; whole processes, ratios to dlt's better figure"
_FASTER, _OF_MEMORY = 8.0, 0.5
_PROGRAM = Path(__file__).with_name("rest_api_load.py")
_WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "plain": ("dlt's rest_api, as its documentation begins", {}),
    # Two processes on two cores; files small enough that both have some.
    "tuned": (
        "dlt's rest_api, nested members as JSON, by COPY, two processes",
        {"NORMALIZE__WORKERS": "2", "DATA_WRITER__FILE_MAX_ITEMS": "100000"},
    ),
}


def compare(bench: Bench, python: Path, total: int) -> CaseFound:
    """As case ``rest_api``: both load all records from one mock, each into a database of its own."""
    ours = Figure(what="scrapy crawl bench.records", unit="records/s", reach=_FASTER)
    peers = {way: Figure(what=what, unit="records/s") for way, (what, _) in _WAYS.items()}
    with Feed(total, "--prepare") as feed, tempfile.TemporaryDirectory(prefix="datasync-bench-sources-") as directory:

        def measure_ours() -> str:
            with bench.server.fresh() as url:
                return _note(ours, total, by_file(FIRST, feed, url, Path(directory)).process)

        def measuring(way: str) -> Callable[[], str]:
            return lambda: _note(peers[way], total, _loaded(bench, python, feed, way))

        bench.take_turns({ours.what: measure_ours, **{figure.what: measuring(way) for way, figure in peers.items()}})
    ours.ratios = ratios(ours.samples, [max(both) for both in _rounds(*(peer.samples for peer in peers.values()))])
    memory = Figure(what="… peak memory", unit="MB", reach=_OF_MEMORY, at_least=False, samples=list(ours.peak_mb))
    memory.ratios = ratios(memory.samples, [min(both) for both in _rounds(*(peer.peak_mb for peer in peers.values()))])
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=[ours, memory, *peers.values()])


def _rounds(*samples: list[float]) -> list[tuple[float, ...]]:
    return list(zip(*samples, strict=True))


def _loaded(bench: Bench, python: Path, feed: Feed, way: str) -> Finished:
    with bench.server.fresh() as url:
        process = load(python, _PROGRAM, feed.base_url, url, way, **_WAYS[way][1])
        found = query(url, "SELECT count(*) FROM peer.records")[0][0]
    if found != feed.total:
        raise RuntimeError(f"dlt stored {found} records of {feed.total}")
    return process


def _note(figure: Figure, total: int, process: Finished) -> str:
    """Whole processes on both sides: what a peer does before its first request is not ours to take off."""
    figure.samples.append(total / process.wall_seconds)
    figure.cpu_seconds.append(process.cpu_seconds)
    figure.peak_mb.append(process.peak_mb)
    return f"{figure.samples[-1]:,.0f} records/s, {process.cpu_seconds:.1f} s CPU, {process.peak_mb:.0f} MB"

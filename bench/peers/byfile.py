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
TITLE = "pages of 5,000, a root list with a nested id and a nested time; whole processes, ratios: the crawl to dlt"
_FASTER, _OF_MEMORY = 8.0, 0.5
_PROGRAM = Path(__file__).with_name("rest_api_load.py")
_WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "plain": ("dlt's rest_api, as its documentation begins", {}),
    "nested": ("dlt's rest_api, nested members as JSON", {}),
    # Two processes on two cores; files small enough that both have some.
    "tuned": (
        "dlt's rest_api, nested members as JSON, by COPY, two processes",
        {"NORMALIZE__WORKERS": "2", "DATA_WRITER__FILE_MAX_ITEMS": "100000"},
    ),
}


def compare(bench: Bench, python: Path, total: int) -> CaseFound:
    """As case ``rest_api``: both load all records from one mock, each into a database of its own."""
    ours = Figure(what="scrapy crawl bench.records", unit="records/s")
    peers = {way: Figure(what=what, unit="records/s") for way, (what, _) in _WAYS.items()}
    with Feed(total, "--prepare") as feed, tempfile.TemporaryDirectory(prefix="datasync-bench-sources-") as directory:

        def measure_ours() -> str:
            with bench.server.fresh() as url:
                return _note(ours, total, by_file(FIRST, feed, url, Path(directory)).process)

        def measuring(way: str) -> Callable[[], str]:
            return lambda: _note(peers[way], total, _loaded(bench, python, feed, way))

        bench.take_turns({ours.what: measure_ours, **{figure.what: measuring(way) for way, figure in peers.items()}})
    figures = [ours, *(figure for peer in peers.values() for figure in _judged(ours, peer))]
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=figures)


def _judged(ours: Figure, peer: Figure) -> list[Figure]:
    """The peer's figure, and its memory as one of its own: of both the crawl's is a share, and is judged."""
    memory = Figure(what="… peak memory", unit="MB", target=_OF_MEMORY, at_least=False, samples=list(peer.peak_mb))
    memory.ratios = ratios(ours.peak_mb, peer.peak_mb)
    peer.ratios, peer.target = ratios(ours.samples, peer.samples), _FASTER
    return [peer, memory]


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

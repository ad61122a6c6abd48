"""``python -m bench peers``: the same feed with dlt, by append and by merge, in turns with the crawl.

The first call makes an environment for the peers below .datasync, from pins of its own; nothing is installed into ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.bench import Bench
from bench.crawl import crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure, ratios
from bench.measuring import positive
from bench.peers.environment import peer_python, peer_version
from bench.peers.loading import load
from bench.processes import Finished
from bench.reports import begin, save
from bench.server import Server, query
from bench.table import text_table

EVENTS, QUICK_EVENTS = 200_000, 10_000
_PROGRAM = Path(__file__).with_name("dlt_load.py")


def compare_peers(arguments: Sequence[str]) -> int:
    """Exit code 0: there is nothing to judge."""
    parser = argparse.ArgumentParser(prog="python -m bench peers", description=__doc__)
    parser.add_argument("--rounds", type=positive, default=2, help="how often each takes its turn (2)")
    parser.add_argument("--quick", action="store_true", help="a smaller feed: shows that it works, not how fast it is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to this file")
    options = parser.parse_args(arguments)
    python = peer_python()
    with Server() as server:
        report = begin("peers", ["peers", *arguments], server)
        report.machine.versions["dlt"] = peer_version(python, "dlt")
        report.cases.append(_compare(Bench(server, options.rounds, options.quick), python))
    print(text_table(report))
    if options.json is not None:
        save(report, options.json)
    return 0


def _compare(bench: Bench, python: Path) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    ours = Figure(what="scrapy crawl events", unit="events/s")
    peers = {mode: Figure(what=f"dlt, {mode}", unit="events/s") for mode in ("append", "merge")}

    with Feed(total, "--prepare") as feed:

        def measure_ours() -> str:
            with bench.server.fresh() as url:
                return _note(ours, total, crawl(feed, url).process)

        def measure_peer(mode: str) -> str:
            with bench.server.fresh() as url:
                process = load(python, _PROGRAM, feed.base_url, url, mode)
                found = query(url, "SELECT count(DISTINCT event_id) FROM peer.ingested_events")[0][0]
            if found != total:
                raise RuntimeError(f"dlt stored {found} events of {total}")
            return _note(peers[mode], total, process)

        bench.take_turns(
            {
                ours.what: measure_ours,
                peers["append"].what: lambda: measure_peer("append"),
                peers["merge"].what: lambda: measure_peer("merge"),
            }
        )
    for peer in peers.values():
        peer.ratios = ratios(peer.samples, ours.samples)
    return CaseFound(
        name="peers",
        title="pages of 5,000, API without latency, empty table; whole processes, the ratio is to the crawl",
        rounds=bench.rounds,
        events=total,
        figures=[ours, *peers.values()],
    )


def _note(figure: Figure, total: int, process: Finished) -> str:
    """Whole processes on both sides: what a peer does before its first request is not ours to take off."""
    figure.samples.append(total / process.wall_seconds)
    figure.cpu_seconds.append(process.cpu_seconds)
    figure.peak_mb.append(process.peak_mb)
    return f"{figure.samples[-1]:,.0f} events/s, {process.cpu_seconds:.1f} s CPU, {process.peak_mb:.0f} MB"

"""``python -m bench sources``: a source by its file, beside the events and beside dlt's rest_api.

The first call makes an environment for dlt below .datasync, from pins of its own; nothing is installed into ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.bench import Bench, say
from bench.cases import sources
from bench.measuring import positive
from bench.peers import byfile
from bench.peers.environment import peer_python, peer_version
from bench.reports import begin, save
from bench.server import Server
from bench.table import text_table

RECORDS, QUICK_RECORDS = 1_000_000, 10_000


def measure_sources(arguments: Sequence[str]) -> int:
    """Exit code 0: every target is passed; 1: some are not."""
    parser = argparse.ArgumentParser(prog="python -m bench sources", description=__doc__)
    parser.add_argument("--rounds", type=positive, default=1, help="how often each takes its turn (1)")
    parser.add_argument("--records", type=positive, help=f"how many are loaded beside dlt ({RECORDS:,})")
    parser.add_argument("--quick", action="store_true", help="a smaller feed: shows that it works, not how fast it is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to this file")
    options = parser.parse_args(arguments)
    python = peer_python()
    with Server() as server:
        report = begin("sources", ["sources", *arguments], server)
        report.machine.versions["dlt"] = peer_version(python, "dlt")
        bench = Bench(server, options.rounds, options.quick)
        say(f"{sources.NAME}: {sources.TITLE}")
        report.cases.append(sources.run(bench))
        say(f"{byfile.NAME}: {byfile.TITLE}")
        total = options.records or bench.size(RECORDS, QUICK_RECORDS)
        report.cases.append(byfile.compare(bench, python, total))
    print(text_table(report))
    if options.json is not None:
        save(report, options.json)
    return 0 if all(figure.passed is not False for case in report.cases for figure in case.figures) else 1

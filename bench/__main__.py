"""``python -m bench [--case NAME]… [--rounds N] [--quick] [--json FILE]``: the crawl beside what the machine can do.

Exit code 0: every reach is met. 1: some are not. Nothing of a user's is touched: server, database and logs are
temporary ones.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.bench import Bench, say
from bench.cases import database
from bench.figures import Report
from bench.machine import commit, this_machine
from bench.server import Server
from bench.table import text_table

CASES = {case.NAME: case for case in (database,)}


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's text."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="only this one; repeatable")
    parser.add_argument("--rounds", type=int, default=3, help="how often each subject takes its turn (3)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: shows that it works, not how fast it is")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    options = parser.parse_args(given)
    with Server() as server:
        report = Report(
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=shlex.join(["python", "-m", "bench", *given]),
            commit=commit(),
            machine=this_machine(server.version()),
        )
        bench = Bench(server, options.rounds, options.quick)
        for name in options.case or CASES:
            say(f"{name}: {CASES[name].TITLE}")
            report.cases.append(CASES[name].run(bench))
    print(text_table(report))
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    return 0 if all(figure.is_met is not False for case in report.cases for figure in case.figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())

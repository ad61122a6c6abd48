"""``python -m bench [--case NAME]… [--rounds N] [--quick]``: the crawl beside what the machine can do.

Runs every case in turns with its limit, prints a table, and with --json keeps every sample. Nothing of a user's is
touched: server, databases and logs are temporary ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.bench import Bench, say
from bench.cases import (
    budget,
    chain,
    crowded,
    database,
    duplicates,
    many,
    memory,
    pages,
    rate,
    reread,
    rounds,
    shifted,
    sliced,
    sources,
    start,
)
from bench.compare import comparison_table
from bench.reports import begin, load, save
from bench.server import Server
from bench.table import text_table

_ALL = (
    database,
    reread,
    duplicates,
    shifted,
    sliced,
    chain,
    rate,
    budget,
    pages,
    sources,
    start,
    many,
    rounds,
    crowded,
    memory,
)
CASES = {case.NAME: case for case in _ALL}


def measure(arguments: Sequence[str]) -> int:
    """Exit code 0: every target is passed; 1: some are not."""
    options = _parser().parse_args(arguments)
    # Read first: a mistyped name must not cost the minutes before it.
    earlier = None if options.compare is None else load(options.compare)
    with Server() as server:
        report = begin("cases", arguments, server)
        bench = Bench(server, options.rounds, options.quick, options.profile)
        for name in options.case or CASES:
            say(f"{name}: {CASES[name].TITLE}")
            report.cases.append(CASES[name].run(bench))
            if options.json is not None:
                # After each case, so that an end halfway loses nothing that was measured.
                save(report, options.json)
    print(text_table(report))
    if earlier is not None:
        print(f"\n{comparison_table(earlier, report)}")
    return 0 if all(figure.passed is not False for case in report.cases for figure in case.figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="also: bench sources | peers | growth | slices | report, each with --help. Exit code 1: not all met.",
    )
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this one; repeatable")
    parser.add_argument("--rounds", type=positive, default=3, help="how often each subject takes its turn (3)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: shows that it works, not how fast it is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to this file")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="and beside it what an earlier --json says")
    parser.add_argument(
        "--profile", type=Path, metavar="DIR", help="leave a flame graph of one more crawl of each case in DIR"
    )
    return parser


def positive(text: str) -> int:
    """A type of option."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return number

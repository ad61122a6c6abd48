"""``python -m bench slices``: what 100 to 10,000 slices cost, a slice, so that it is seen which limit comes first.

Small slices, so that it is the slices that cost, and not their records: a first sync, then rounds with nothing new, by
``scrapy sync`` in one process and by ``scrapy fleet --local 2``; and what looking at all of them takes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from bench.bench import say
from bench.figures import CaseFound, Figure
from bench.measuring import positive
from bench.reports import begin, save
from bench.scale.looking import look_at_all
from bench.scale.stage import FEED, Round, Stage, figure
from bench.server import Server
from bench.table import wide_text_table
from bench.tenants import Tenants

SIZES = (100, 1_000, 10_000)
_AT_ONCE = 8
_SYNC = ("sync", "--concurrency", str(_AT_ONCE))
# As many at once.
_FLEET = ("fleet", "--local", "2", "--concurrency", str(_AT_ONCE // 2))
_ANSWER_MS = 50
_OWN_TABLES = ("ingestion_state", "ingestion_due", "ingestion_runs", "ingestion_pages")


def measure_slices(arguments: Sequence[str]) -> int:
    """Exit code 0: there is nothing to judge."""
    parser = argparse.ArgumentParser(prog="python -m bench slices", description=__doc__)
    usual = ", ".join(f"{size:,}" for size in SIZES)
    parser.add_argument(
        "--slices", type=positive, action="append", metavar="N", help=f"so many in all; repeatable ({usual})"
    )
    parser.add_argument("--without-fleet", action="store_true", help="leave out the fleet, which is half of the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to this file")
    options = parser.parse_args(arguments)
    with Server() as server, Tenants(FEED) as tenants:
        tenants.wait(_ANSWER_MS)
        report = begin("slices", ["slices", *arguments], server)
        for size in sorted(set(options.slices or SIZES)):
            with Stage(server, tenants, size) as stage:
                say(f"{stage.slices:,} slices")
                figures = _measure(stage, with_fleet=not options.without_fleet)
            if not report.cases:
                with Stage(server, tenants, size) as stage:
                    figures += _count_statements(stage, with_fleet=not options.without_fleet)
            report.cases.append(_case(stage, figures))
            if options.json is not None:
                # After each size, so that an end halfway loses nothing that was measured.
                save(report, options.json)
    print(wide_text_table(report))
    return 0


def _case(stage: Stage, figures: list[Figure]) -> CaseFound:
    title = (
        f"{stage.sources} sources of {stage.streams} streams; first {FEED.records} records each in pages of"
        f" {FEED.page}, then rounds with nothing new; {_ANSWER_MS} ms an answer, {_AT_ONCE} at once, the start of the"
        " processes included"
    )
    return CaseFound(name=f"{stage.slices:,}", title=title, rounds=1, events=stage.slices, figures=figures)


def _measure(stage: Stage, *, with_fleet: bool) -> list[Figure]:
    first = stage.sync("first sync", _SYNC)
    stored = stage.table_bytes()
    by_sync = stage.sync("a round by scrapy sync", _SYNC)
    after = stage.table_bytes()
    by_fleet = [stage.sync("a round by scrapy fleet", _FLEET)] if with_fleet else []

    def stored_in(what: str, size: int) -> Figure:
        return figure(f"{what}, a slice", size / 1000 / stage.slices, "kB")

    return [
        *first.figures("first sync", stage.slices),
        *by_sync.figures("round", stage.slices),
        *(each for found in by_fleet for each in found.figures("round of a fleet", stage.slices)),
        *(stored_in(name, stored[name]) for name in _OWN_TABLES),
        stored_in("tables of records", sum(size for name, size in stored.items() if stage.is_of_records(name))),
        stored_in("a round adds", sum(after.values()) - sum(stored.values())),
        *look_at_all(stage),
        _by_cpu("a round of all, by CPU alone", by_sync),
        *(_by_cpu("a round of all by a fleet, by CPU alone", found) for found in by_fleet),
    ]


def _by_cpu(what: str, found: Round) -> Figure:
    """How long it would take if nothing but the processors kept it waiting, the API's aside."""
    cores = os.cpu_count() or 1
    return figure(f"{what}, {cores} cores", (found.cpu_seconds + found.server.cpu_seconds) / cores, "s")


def _count_statements(stage: Stage, *, with_fleet: bool) -> list[Figure]:
    """Of each kind, with a log of all of them, which would be a part of any other figure."""
    stage.log_statements()
    found = []
    kinds = [("first sync", _SYNC), ("round", _SYNC), *([("round of a fleet", _FLEET)] if with_fleet else [])]
    for what, command in kinds:
        counted = stage.statements_of(what, command)
        found.append(figure(f"{what}: statements a slice", counted / stage.slices, ""))
    return found

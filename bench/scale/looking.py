"""What looking at all slices takes: the page's poll and its list, its machines, ``scrapy status``."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from bench.figures import Figure
from bench.scale.stage import Stage, figure
from bench.server import execute
from datasync_spider.faces.dashboard.linerow import OVER, lines_page
from datasync_spider.faces.dashboard.machinerow import machines_page
from datasync_spider.faces.dashboard.snapshot import present
from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.dashboard import read_overview
from datasync_spider.storage.lines import LineQuestion, read_lines
from datasync_spider.storage.machines import read_fleets, read_machines

_LOOKS = 5


def look_at_all(stage: Stage) -> list[Figure]:
    """The fastest of some looks each: what else the machine does only ever adds to it."""
    # As autovacuum would have left it by the time that someone looks.
    execute(stage.url, "VACUUM ANALYZE")
    found = []
    with connected(stage.url) as connection:
        for what, look in (
            ("the page's poll", _poll),
            ("the page's list of slices", _lines),
            ("its machines", _machines),
        ):
            seconds, size = min(_timed(look, connection) for _ in range(_LOOKS))
            found += [figure(f"{what}: bytes", float(size), ""), figure(f"{what}: takes", 1000 * seconds, "ms")]
    return [*found, figure("scrapy status", stage.status().wall_seconds, "s")]


def _timed(look: Callable[[Connection], bytes], connection: Connection) -> tuple[float, int]:
    started = time.perf_counter()
    size = len(look(connection))
    seconds = time.perf_counter() - started
    connection.rollback()
    return seconds, size


def _poll(connection: Connection) -> bytes:
    return msgspec.json.encode(present(read_overview(connection, OVER, max_runs=10), "a database", "1"))


def _lines(connection: Connection) -> bytes:
    return msgspec.json.encode(lines_page(read_lines(connection, LineQuestion(level="slices"), OVER), 0))


def _machines(connection: Connection) -> bytes:
    found = read_machines(connection, after=0, limit=50)
    return msgspec.json.encode(machines_page(found, read_fleets(connection), 0))

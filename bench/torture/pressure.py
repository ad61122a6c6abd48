"""``python -m bench.torture.pressure CASE``: one crawl under a load that lasts, and what it does to the memory.

slow-database   the feed is fast, and the database takes 2 MB/s a connection: what is fetched must wait
slow-api        the database is idle most of the time
largest-page    pages of 60 MB, nearly API_MAX_BODY_BYTES: every 86th event is one of a megabyte
many-events     one pass over a large feed, by default ten million events, compared id by id
outage          PostgreSQL loses power in the middle of it all and comes back after five minutes

Prints the resident size over time. Exit code 1 where it grew: where the second half of the crawl took over a sixth more
than its first half, an outage apart; or where what is stored is not what was served.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.served import PROJECT
from bench.torture.oracle import compare_totals
from bench.torture.world import Crawl, Database, Mock

_LOOK_SECONDS = 0.25
_HAS_LEDGER = "SELECT to_regclass('ingestion_pages') IS NOT NULL"
_MAY_GROW = 7 / 6
_SEED = 7


@dataclass(frozen=True, slots=True)
class Case:
    """``events`` None: as many as it takes, and the crawl is asked to stop after its time.

    ``truth``: how the mock's list of events is to be asked for, beside their number.
    """

    mock: Sequence[str]
    settings: dict[str, str]
    truth: Sequence[str] = ("--ids",)
    bytes_per_second: int | None = None
    events: int | None = None
    outage_seconds: float = 0.0


_HUGE = 1 / 86
_FAST = ["--memory-mb", "200"]
CASES = {
    "slow-database": Case(_FAST, {}, bytes_per_second=2_000_000),
    "slow-api": Case(["--latency-ms", "1000"], {}),
    "largest-page": Case(
        ["--fault", f"malformed_events=1,density={_HUGE},kinds=huge_payload"],
        {},
        truth=["--malformed", str(_HUGE), "--kinds", "huge_payload"],
        events=60_000,
    ),
    "many-events": Case([], {}, events=10_000_000),
    "outage": Case(_FAST, {}, events=1_000_000, outage_seconds=300.0),
}


@dataclass(slots=True)
class Measured:
    """What the crawl's process took, as (seconds since its start, bytes)."""

    resident: list[tuple[float, int]]
    exit_code: int = 0

    def peak_bytes(self, since: float, until: float) -> int:
        return max((size for at, size in self.resident if since <= at < until), default=0)

    @property
    def seconds(self) -> float:
        return self.resident[-1][0]

    @property
    def growth(self) -> float:
        """The second half's peak by the first half's."""
        half = self.seconds / 2
        return self.peak_bytes(half, self.seconds + 1) / max(1, self.peak_bytes(0, half))


def watch(crawl: Crawl, seconds: float | None) -> Measured:
    """Looks at the crawl until it ends; after ``seconds`` it is asked to stop."""
    measured, started, is_given = Measured([]), time.monotonic(), False
    process = psutil.Process(crawl.process.pid)
    while crawl.code is None:
        now = time.monotonic() - started
        try:
            measured.resident.append((now, process.memory_info().rss))
        except psutil.NoSuchProcess:
            break
        if seconds is not None and now > seconds and not is_given:
            is_given = True
            crawl.send(signal.SIGTERM)
        time.sleep(_LOOK_SECONDS)
    measured.exit_code = crawl.process.wait()
    return measured


def go_away(database: Database, seconds: float) -> None:
    """The server dies as soon as there is something to lose."""
    while not (database.query(_HAS_LEDGER)[0][0] and database.query("SELECT count(*) > 20 FROM ingestion_pages")[0][0]):
        time.sleep(_LOOK_SECONDS)
    database.lose_power()
    time.sleep(seconds)
    database.come_back()


def ids_differ(database: Database, truth: Sequence[str], directory: Path) -> bool:
    """Whether the stored ids are not exactly the mock's."""
    sorting = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TMPDIR": str(directory)}
    names = [directory / "served", directory / "stored"]
    served = [sys.executable, "-m", "mock_api", "events", "--seed", str(_SEED), *truth]
    with names[0].open("wb") as file:
        making = subprocess.Popen(served, cwd=PROJECT, stdout=subprocess.PIPE)
        # An event begins with its id, and the list of ids is of ids alone.
        cutting = subprocess.Popen(
            ["sed", "-E", 's/^\\{"id":"([^"]*)".*/\\1/'], stdin=making.stdout, stdout=subprocess.PIPE
        )
        subprocess.run(["sort", "-S", "200M"], stdin=cutting.stdout, stdout=file, env=sorting, check=True)
        if making.wait() or cutting.wait():
            raise RuntimeError("the mock's list of events could not be made")
    with names[1].open("wb") as file:
        database.copy_out('SELECT event_id FROM ingested_events ORDER BY event_id COLLATE "C"', file)
    return subprocess.run(["cmp", *map(str, names)], check=False).returncode != 0


def play(name: str, minutes: float, events: int | None) -> int:
    case = CASES[name]
    total = events or case.events or 30_000_000
    database = Database()
    with TemporaryDirectory(prefix="datasync-pressure-") as directory:
        mock = None
        try:
            database.fresh()
            mock = Mock(["--total", str(total), "--seed", str(_SEED), *case.mock])
            database.proxy.throttle(case.bytes_per_second)
            url = database.direct_url if case.bytes_per_second is None else database.proxied_url
            settings = {"API_BASE_URL": mock.base_url, "DATABASE_URL": url, **case.settings}
            crawl = Crawl(settings, Path(directory) / "crawl.log")
            if case.outage_seconds:
                threading.Thread(target=go_away, args=(database, case.outage_seconds), daemon=True).start()
            is_whole = case.events is not None
            measured = watch(crawl, None if is_whole else minutes * 60)
            wrong = compare_totals(database.direct_url).wrong
            if measured.exit_code != (0 if is_whole else 5):
                wrong.append(f"exit code {measured.exit_code}:\n{(Path(directory) / 'crawl.log').read_text()[-2000:]}")
            if is_whole and ids_differ(database, ["--total", str(total), *case.truth], Path(directory)):
                wrong.append("the stored ids are not those that were served")
            stored = database.query("SELECT count(*) FROM ingested_events")[0][0]
        finally:
            if mock is not None:
                mock.close()
            database.close()
    if measured.growth > _MAY_GROW and not case.outage_seconds:
        wrong.append("the memory grew")
    return report(name, measured, stored, wrong)


def report(name: str, measured: Measured, stored: int, wrong: list[str]) -> int:
    seconds = measured.seconds
    print(f"{name}: {stored:,} events in {seconds:.0f} s, {stored / seconds:,.0f} events/s")
    step = seconds / 10
    for since, until in itertools.pairwise(step * index for index in range(11)):
        print(f"  until {until:6.0f} s: {measured.peak_bytes(since, until) / 1e6:7.1f} MB at most")
    print(f"  the second half took {measured.growth:.2f} times what the first took")
    for finding in wrong:
        print(f"WRONG: {finding}")
    return 1 if wrong else 0


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m bench.torture.pressure", description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--minutes", type=float, default=3.0, help="for a feed without end (3)")
    parser.add_argument("--events", type=int, help="for a feed that ends, how many")
    options = parser.parse_args()
    return play(options.case, options.minutes, options.events)


if __name__ == "__main__":
    raise SystemExit(main())

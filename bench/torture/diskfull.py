"""``python -m bench.torture.diskfull``, as root: the database's disk is full, twice, and nothing is lost.

The tables lie on a file system of their own, of 64 MB. A run that is given no time to wait fails when it is full; the
next one meets a full disk again, waits, and is given room. What is stored then is compared with what was served.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.torture.oracle import compare, compare_totals, served
from bench.torture.world import Crawl, Database, Mock

_EVENTS = 200_000
_SEED = 7
_PATIENCE_SECONDS = 300.0


def _mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)


def play(database: Database, place: Path, logs: Path) -> list[str]:
    """What was found wrong."""
    owner = (database.home / "postgres" / "data").stat().st_uid
    os.chown(place, owner, owner)
    database.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    database.fresh("small")
    mock = Mock(["--total", str(_EVENTS), "--seed", str(_SEED)])
    settings = {"API_BASE_URL": mock.base_url, "DATABASE_URL": database.direct_url}
    try:
        failing = Crawl({**settings, "WRITE_RETRY_BUDGET_MS": "2000"}, logs / "failing.log")
        wrong = _expect(failing, 1, logs / "failing.log", "No space left")
        print(f"full: {_count(database):,} of {_EVENTS:,} events are stored, the run has failed", flush=True)
        wrong += compare_totals(database.direct_url).wrong
        waiting = Crawl(settings, logs / "waiting.log")
        _wait_for(logs / "waiting.log", "No space left", waiting)
        print("full again: the next run waits for room", flush=True)
        _mount(place, "remount,size=2g")
        wrong += _expect(waiting, 0, logs / "waiting.log", "ingestion complete")
        print(f"with room: {_count(database):,} events are stored", flush=True)
        return wrong + compare(database.direct_url, served(_EVENTS, _SEED, None)).wrong
    finally:
        mock.close()
        # A server without its tablespace would not stop in peace.
        database.drop()
        database.execute("DROP TABLESPACE small")


def _expect(crawl: Crawl, code: int, log: Path, words: str) -> list[str]:
    found = crawl.process.wait(_PATIENCE_SECONDS)
    reported = words in log.read_text()
    return (
        [] if found == code and reported else [f"exit code {found} instead of {code}; {words!r} reported: {reported}"]
    )


def _wait_for(log: Path, words: str, crawl: Crawl) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while words not in log.read_text():
        if crawl.code is not None or time.monotonic() > deadline:
            raise TimeoutError(f"{words!r} was not reported:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _count(database: Database) -> int:
    return int(database.query("SELECT count(*) FROM ingested_events")[0][0])


def main() -> int:
    """Exit code 0: nothing was found wrong; 1: something was; 2: it cannot be tried here."""
    if os.geteuid() != 0:
        print("diskfull: only root may mount the small file system that this needs", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="datasync-diskfull-") as directory:
        place, logs = Path(directory) / "tables", Path(directory) / "logs"
        place.mkdir()
        logs.mkdir()
        Path(directory).chmod(0o711)
        _mount(place, "size=64m")
        try:
            database = Database()
            try:
                wrong = play(database, place, logs)
            finally:
                database.close()
        finally:
            subprocess.run(["umount", str(place)], check=True)
    for finding in wrong[:20]:
        print(f"WRONG: {finding}")
    print("nothing was lost, nothing came twice" if not wrong else f"{len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

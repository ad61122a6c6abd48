"""Scenarios of many slices in ``scrapy sync``, each the shortest way to make one kind of mistake show."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.torture.many.sources import stream_of
from bench.torture.many.world import World
from bench.torture.oracle import compare_totals
from bench.torture.scenario import Stage

_SEED = 7
_SLICES = 12
_RECORDS = 400
_PATIENCE_SECONDS = 120.0
# A gap is there for a moment alone, where there may be one at all.
_HAS_GAP = "SELECT FROM ingestion_pages GROUP BY run_id HAVING max(page_number) > count(*)"
_UNDER_WAY = f"""
    SELECT EXISTS ({_HAS_GAP}) OR count(*) >= 40 AND count(DISTINCT slice_id) >= 2 FROM ingestion_pages
"""
_COMPLETE = """
    SELECT min(complete) >= 2 FROM (
        SELECT count(run.run_id) AS complete FROM ingestion_due AS due
        LEFT JOIN ingestion_state AS state USING (stream, slice)
        LEFT JOIN ingestion_runs AS run ON run.slice_id = state.id AND run.status = 'complete'
        WHERE (due.stream, due.slice) <> ('{stream}', '{slice}')
        GROUP BY due.stream, due.slice) AS one
"""


@contextmanager
def _world(stage: Stage, every: int = 3_600) -> Iterator[World]:
    """In which nothing fails by chance."""
    with TemporaryDirectory(prefix="datasync-torture-many-") as directory:
        world = World(stage.database, Path(directory), _SEED, _SLICES, every, stage.mutant)
        try:
            world.apis.control("well", {})
            yield world
        finally:
            world.close()
            with stage.log_path.open("ab") as log:
                for path in sorted(Path(directory).glob("*.log")):
                    log.write(path.read_bytes())


def two_processes_with_one_credential(stage: Stage) -> None:
    """Slices of a source whose API admits 20 requests in 2 s, and says nothing of it."""
    with _world(stage) as world:
        ledger = [feed for feed in world.feeds if feed.startswith("ledger/")]
        world.grow(dict.fromkeys(ledger, (_RECORDS, 0)))
        half = len(ledger) // 2
        syncs = [world.sync(*(str(stream_of(feed)) for feed in part)) for part in (ledger[:half], ledger[half:])]
        for sync in syncs:
            code = sync.process.wait(_PATIENCE_SECONDS)
            stage.check(code == 0, f"a sync ended with exit code {code}")
        over = sum(one["kind"] == "over" for one in world.counts()["breaches"])
        stage.check(over == 0, f"{over} requests were too many")
        stage.wrong += world.judge(ledger).wrong


def killed_while_batches_of_slices_are_behind(stage: Stage) -> None:
    with _world(stage) as world:
        shelf = [feed for feed in world.feeds if feed.startswith("shelf/")]
        world.grow(dict.fromkeys(shelf, (_RECORDS, 0)))
        sync = world.sync("shelf", WRITE_CONCURRENCY="2", WRITE_BATCH_SIZE="40")
        stage.wait_for(_UNDER_WAY, sync)
        sync.send(signal.SIGKILL)
        sync.process.wait(_PATIENCE_SECONDS)
        stage.wrong += compare_totals(stage.database.direct_url).wrong
        code = world.sync("shelf").process.wait(_PATIENCE_SECONDS)
        stage.check(code == 0, f"the last sync ended with exit code {code}")
        stage.wrong += compare_totals(stage.database.direct_url).wrong + world.judge(shelf).wrong


def one_slice_that_always_fails(stage: Stage) -> None:
    """The others are kept fresh beside it."""
    with _world(stage, every=1) as world:
        world.grow(dict.fromkeys(world.feeds, (30, 0)))
        sick = world.feeds[-1]
        world.apis.control("sick", [sick])
        sync = world.sync("--follow")
        stage.wait_for("SELECT count(*) > 0 FROM ingestion_runs WHERE status = 'failed'", sync)
        stream = stream_of(sick)
        stage.wait_for(_COMPLETE.format(stream=stream.name, slice=stream.slice), sync)
        stage.check(sync.code is None, f"the process ended by itself, with exit code {sync.code}")
        sync.send(signal.SIGTERM)
        code = sync.process.wait(_PATIENCE_SECONDS)
        stage.check(code == 5, f"a process that was asked to stop ended with exit code {code}")
        world.apis.control("well", {})
        # Twice: a pass that was stopped is gone on with, and a further one sees that nothing has come since.
        codes = [world.sync("ledger", "people", "shelf").process.wait(_PATIENCE_SECONDS) for _ in range(2)]
        stage.check(codes == [0, 0], f"the last syncs ended with exit codes {codes}")
        stage.wrong += world.judge().wrong

"""Scenarios, each the shortest way to make one kind of mistake show.

A scenario hurts a crawl at the place where a certain mistake would lose or double something, lets later runs go on to
the end, and gives what the oracle has against the result. With the code as it is that must be nothing; with a mutant,
something. Most feeds here report no total, so that the oracle is tried and not the run's own comparison with it.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from bench.torture.many import scenarios as many
from bench.torture.oracle import EVENTS, Stream
from bench.torture.pairs import PAIRS
from bench.torture.proxy import Betrayal
from bench.torture.scenario import Scenario, Stage
from bench.torture.world import Crawl, Database

_PATIENCE_SECONDS = 60.0
_NO_TOTAL = ["--shape", "flat"]
_SLOW = ["--fault", "slow=1,delay_ms=40"]


def killed_in_the_middle_of_copy(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL)
    stage.ended(stage.crawl(DATASYNC_FAILPOINT="mid_copy@3=kill"))
    stage.finish()
    stage.judge(2000)


def frozen_past_its_lease(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL, *_SLOW)
    zombie = stage.crawl(DATASYNC_FAILPOINT="before_checkpoint@3=stop")
    stage.wait_until(lambda: _is_frozen(zombie))
    stage.wait_until(lambda: bool(stage.value("SELECT lease_expires_at < now() FROM ingestion_state")))
    stage.finish()
    zombie.send(signal.SIGCONT)
    stage.ended(zombie)
    stage.judge(2000)


def killed_while_a_batch_is_behind(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL)
    crawl = stage.crawl(WRITE_CONCURRENCY="2")
    stage.wait_for("SELECT count(*) >= 4 FROM ingestion_pages", crawl)
    crawl.send(signal.SIGKILL)
    stage.ended(crawl)
    stage.finish()
    stage.judge(2000)


def undisturbed(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL)
    stage.finish()
    stage.judge(2000)


def killed_in_an_incremental_pass_whose_cursor_expires(stage: Stage) -> None:
    mock = stage.serve(1000, *_NO_TOTAL, "--cursor-ttl-ms", "1500", *_SLOW)
    stage.finish()
    mock.control("grow?by=1500", "POST")
    crawl = stage.crawl(WRITE_BATCH_SIZE="100")
    stage.wait_for("SELECT count(*) >= 3 FROM ingestion_pages WHERE pass_number = 2", crawl)
    crawl.send(signal.SIGKILL)
    stage.ended(crawl)
    # The cursor that was stored with the last page lives no longer than this.
    has_expired = "SELECT now() - updated_at > interval '1.6 seconds' FROM ingestion_state"
    stage.wait_until(lambda: bool(stage.value(has_expired)))
    stage.finish()
    stage.judge(2500)


def hostile_events_read_twice(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL, "--fault", "malformed_events=1,density=0.05", "--fault", "expired_cursor=0.1")
    stage.ended(stage.crawl(DATASYNC_FAILPOINT="after_commit@4=kill"))
    stage.finish()
    stage.judge(2000, 0.05)


def reported_to_stop(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL, *_SLOW)
    crawl = stage.crawl()
    stage.wait_for("SELECT count(*) >= 4 FROM ingestion_pages", crawl)
    crawl.send(signal.SIGTERM)
    code = stage.ended(crawl)
    stage.check(code == 5, f"a run that was asked to stop ended with exit code {code}")
    if stage.value("SELECT count(*) FROM ingestion_runs WHERE status = 'complete'"):
        stage.judge(2000)


def a_commit_that_never_arrives(stage: Stage) -> None:
    stage.serve(2000, *_NO_TOTAL, *_SLOW)
    # The heartbeat commits as well; with this lease it is not heard of.
    crawl = stage.crawl(LEASE_TTL_MS="60000")
    stage.wait_for("SELECT count(*) >= 4 FROM ingestion_pages", crawl)
    stage.database.proxy.betray(b"COMMIT\0", Betrayal.MESSAGE_LOST)
    code = stage.ended(crawl)
    stage.check(code == 0, f"the run ended with exit code {code}")
    stage.check(stage.database.proxy.sprung.is_set(), "no COMMIT was lost")
    stage.judge(2000)


def a_feed_that_ends_short(stage: Stage) -> None:
    stage.serve(2000, "--claim-total", "2100")
    code = stage.ended(stage.crawl())
    complete = stage.value("SELECT count(*) FROM ingestion_runs WHERE status = 'complete'")
    stage.check(
        code == 3 and complete == 0, f"100 of 2,100 events are missing, and the run ended with exit code {code}"
    )


def reported_to_wait(stage: Stage) -> None:
    mock = stage.serve(2000, *_NO_TOTAL)
    mock.control("faults", "POST", [{"name": "rate_limit_burst", "requests": [3, 8], "wait_ms": 2000}])
    stage.finish()
    early = mock.control("stats")["early_requests"]
    stage.check(early == 0, f"{early} requests came earlier than a 429 allowed")
    stage.judge(2000)


def two_slices_that_grow(stage: Stage) -> None:
    """What the one has stored and dated stands in the way of the other wherever a statement forgets whose it is."""
    _let_both_grow(stage, PAIRS["slices"])


def two_slices_of_equal_records(stage: Stage) -> None:
    """Where a record differs from the one of that id it is looked at once more; these do not."""
    _let_both_grow(stage, [replace(stream, edition=0) for stream in PAIRS["slices"]])


def _let_both_grow(stage: Stage, streams: Sequence[Stream]) -> None:
    mocks = [stage.serve(1000, *_NO_TOTAL, stream=stream) for stream in streams]
    for stream in streams:
        stage.finish(stream)
        stage.judge(1000, stream=stream)
    # No whole number of pages, so that new records and known ones meet in a batch.
    for mock in mocks:
        mock.control("grow?by=1550", "POST")
    for stream in streams:
        stage.finish(stream)
    for stream in streams:
        stage.judge(2550, stream=stream)


def two_streams_of_equal_dead_letters(stage: Stage) -> None:
    for stream in PAIRS["streams"]:
        stage.serve(1000, *_NO_TOTAL, "--fault", "malformed_events=1,density=0.05", stream=stream)
    for stream in PAIRS["streams"]:
        stage.finish(stream)
    for stream in PAIRS["streams"]:
        stage.judge(1000, 0.05, stream=stream)


def _is_frozen(crawl: Crawl) -> bool:
    return crawl.code is None and psutil.Process(crawl.process.pid).status() == psutil.STATUS_STOPPED


def three_with_one_credential(stage: Stage) -> None:
    """Its window is 10 requests of all three."""
    streams = [EVENTS, Stream("second"), Stream("third")]
    mock = stage.serve(1500, "--rate-limit", "10", "--rate-window-ms", "2000")
    for crawl in [stage.crawl(stream, API_BASE_URL=mock.base_url, LEASE_TTL_MS="30000") for stream in streams]:
        code = crawl.process.wait(_PATIENCE_SECONDS)
        stage.check(code == 0, f"a run ended with exit code {code}")
    refused = sum(each.get("429", 0) for each in mock.control("stats")["by_endpoint"].values())
    stage.check(refused == 0, f"{refused} requests were too many")
    for stream in streams:
        stage.judge(1500, stream=stream)


SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "cursor_in_a_transaction_of_its_own": (killed_in_the_middle_of_copy,),
    "rows_flushed_after_the_cursor": (killed_in_the_middle_of_copy,),
    "fence_not_checked": (frozen_past_its_lease,),
    "batches_commit_in_any_order": (killed_while_a_batch_is_behind, many.killed_while_batches_of_slices_are_behind),
    "a_page_never_reaches_copy": (undisturbed,),
    "known_ground_is_any_stored_page": (killed_in_an_incremental_pass_whose_cursor_expires,),
    "rejected_events_are_dropped": (hostile_events_read_twice,),
    "a_rejected_event_is_kept_each_time_that_it_is_read": (hostile_events_read_twice,),
    "whatever_ends_is_complete": (reported_to_stop,),
    "a_commit_of_unknown_end_is_taken_for_granted": (a_commit_that_never_arrives,),
    "a_short_feed_is_complete": (a_feed_that_ends_short,),
    "a_429_is_answered_early": (reported_to_wait,),
    "a_budget_is_each_processs_own": (three_with_one_credential, many.two_processes_with_one_credential),
    "known_ground_is_any_slices": (two_slices_that_grow,),
    "a_row_of_any_slice_is_a_stored_one": (two_slices_of_equal_records,),
    "dead_letters_of_any_stream_are_counted": (two_streams_of_equal_dead_letters,),
    "one_failing_slice_ends_the_process": (many.one_slice_that_always_fails,),
}
"""Which of them make which mutant show: each by itself."""


def play(scenario: Scenario, database: Database, log_path: Path, mutant: str | None) -> list[str]:
    """What was found wrong, and nothing else."""
    stage = Stage(database, log_path, mutant)
    try:
        scenario(stage)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        stage.wrong.append(f"it did not come to its end: {error}")
    finally:
        stage.close()
    return stage.wrong

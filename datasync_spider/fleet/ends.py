"""How a crawl has ended, made from what it reports of itself and from its run's row.

Invariant: what the row says counts. Scrapy calls a crawl finished whose every write failed; a crawl that leaves no
readable row has failed, unless it was refused the lease or stopped before it had a run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datasync_spider.errors import (
    ConfigurationError,
    ExportRefused,
    LeaseHeld,
    ObjectsInTheWay,
    Stalled,
    Stopped,
    StorageError,
    StreamChanged,
    StreamPaused,
    WronglyCalled,
)
from datasync_spider.faces.exitreport import summary
from datasync_spider.faces.exitreport.printing import End
from datasync_spider.observe import exitcodes
from datasync_spider.sources import streamnames
from datasync_spider.storage.pool import Use, looking_on
from datasync_spider.storage.retrying import AT_END, patiently
from datasync_spider.storage.runs import end_open_run, read_run
from datasync_spider.storage.standstill import standstill_text
from datasync_spider.storage.status import read_state

if TYPE_CHECKING:
    from datasync_spider.storage.pool import Line, Pool
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.syncs import Reported

logger = logging.getLogger(__name__)

_READ_END_SECONDS = 5.0
# After a signal, no one wants to wait for a database that does not answer.
_READ_END_AFTER_SIGNAL_SECONDS = 2.0
_ASK_WHY_SECONDS = 2.0
_REFUSED_AS_CONFIGURED = frozenset({StreamChanged.reason, StreamPaused.reason})
_REPORTED = (
    *("run_id", "stream", "slice", "status", "reason", "detail", "expected_total"),
    *("pages", "events", "inserted", "duplicates", "rejected", "filtered", "retries", "waited_ms"),
)


def called_wrongly(why: str) -> End:
    """There is no such spider, slice or argument."""
    return End(exitcodes.BAD_CONFIGURATION, summary.not_started(why, "usage"))


def end_of_error(error: ConfigurationError | StorageError | Stalled | Stopped) -> End:
    """Of what could not even be begun."""
    match error:
        case WronglyCalled():
            return called_wrongly(str(error))
        case ConfigurationError():
            return End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused(str(error)))
        case Stopped():
            return End(exitcodes.STOPPED, summary.stopped_early(str(error)))
        case LeaseHeld():
            return End(exitcodes.LEASE_HELD, summary.not_started(str(error), error.reason))
        case ObjectsInTheWay():
            return End(exitcodes.BAD_CONFIGURATION, summary.not_started(str(error), error.reason))
    return End(exitcodes.FAILED, summary.not_started(str(error), error.reason))


def not_begun(left: Sequence[str], ends: Sequence[End], signal_name: str | None) -> list[End]:
    """What is to be added of slices whose turn did not come: those before them may all be complete, the whole is not.

    ``left``: how they are called. A signal is not said again where one of ``ends`` says it.
    """
    if not left:
        return []
    if signal_name is not None:
        is_given = any(end.code == exitcodes.STOPPED for end in ends)
        return [] if is_given else [End(exitcodes.STOPPED, summary.stopped_early(signal_name))]
    return [End(exitcodes.FAILED, summary.not_started(f"{', '.join(left)}: no crawl could be begun, see above"))]


def is_at_hand(reported: Reported | None) -> bool:
    """Whether the end can be said without the database."""
    return reported is not None and reported.finished is not None and reported.finished.is_over


def end_of(reported: Reported | None, plan: SyncPlan, pool: Pool, signal_name: str | None) -> End:
    """``reported``: by the crawl; None where there could be none."""
    if reported is None:
        return End(exitcodes.FAILED, summary.not_started("the spider could not be made, see above"))
    if reported.run_id is not None:
        source, finished = None if plan.is_built_in else plan.source.name, reported.finished
        if finished is not None and finished.run is not None and finished.is_over:
            return _of_many(finished.run, reported.exports_failed)
        return _end_of_run(reported.run_id, pool, signal_name, reported.exports_failed, source)
    label = streamnames.label(plan.spec.name, plan.spec.slice)
    return _without_run(reported.refused, reported.detail, label, signal_name)


def _without_run(refused: str | None, detail: str | None, stream: str, signal_name: str | None) -> End:
    if refused == ExportRefused.reason:
        return End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused("an export cannot be made, see above"))
    if detail is not None and refused in _REFUSED_AS_CONFIGURED:
        return End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused(detail, refused))
    if refused == "lease_held":
        return End(exitcodes.LEASE_HELD, summary.lease_held(stream))
    if signal_name is not None:
        return End(exitcodes.STOPPED, summary.stopped_early(signal_name))
    return End(exitcodes.FAILED, summary.not_started(detail or "no run could be opened, see above", refused))


def _end_of_run(
    run_id: int, pool: Pool, signal_name: str | None, exports_failed: Mapping[str, str], source: str | None
) -> End:
    """By the run's row. A database that connects and then says no more is not waited for."""
    ends: list[End] = []
    lines: list[Line] = []
    seconds = _READ_END_SECONDS if signal_name is None else _READ_END_AFTER_SIGNAL_SECONDS

    def read() -> None:
        ends.append(_read_end(run_id, pool, lines, signal_name, exports_failed, source))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(seconds)
    if ends:
        return ends[0]
    # After a signal there is no time to ask why.
    why = standstill_text(looking_on(pool), run_id, _ASK_WHY_SECONDS) if signal_name is None else None
    for line in lines:
        pool.hang_up(line)
    return _unreadable(run_id, f"PostgreSQL did not answer within {seconds:g} s" + (f": {why}" if why else ""))


def _read_end(
    run_id: int,
    pool: Pool,
    lines: list[Line],
    signal_name: str | None,
    exports_failed: Mapping[str, str],
    source: str | None,
) -> End:
    """``lines`` is given what may have to be hung up on."""

    def read() -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        with pool.lent(Use.ASKING, connect_timeout_seconds=2) as line:
            lines.append(line)
            row = read_run(line.connection, run_id)
            if row is not None and (row["status"] == "running" or row["holds_lease"]):
                end_open_run(line.connection, run_id, signal_name)
                row = read_run(line.connection, run_id)
            return row, read_state(line.connection, row["slice_id"]) if row else None

    try:
        row, state = patiently(read, AT_END)
    except StorageError as error:
        return _unreadable(run_id, str(error))
    except Exception as error:
        # It is said as what it is: whoever waits for this thread could only say that nothing answered.
        logger.exception("the end of run %d cannot be read", run_id)
        return _unreadable(run_id, f"{type(error).__name__}: {error}")
    if row is None:
        return _unreadable(run_id, "its row is gone")
    return _report(row, state or {}, exports_failed, source)


def _unreadable(run_id: int, why: str) -> End:
    return End(exitcodes.FAILED, summary.unreadable(run_id, why), {"run_id": run_id})


def _of_many(row: Mapping[str, Any], exports_failed: Mapping[str, str]) -> End:
    """Where one line is said of each."""
    code = exitcodes.exit_code(row["status"], export_failed=bool(exports_failed))
    fields = {name: row[name] for name in (*_REPORTED, "stored")}
    return End(code, [summary.headline(row)], {**fields, "exports_failed": dict(exports_failed)})


def _report(
    row: Mapping[str, Any], state: Mapping[str, Any], exports_failed: Mapping[str, str], source: str | None
) -> End:
    """``source``: of a stream that a file describes; None for the API that comes with the project."""
    stored, rejected = state.get("total_ingested"), state.get("total_rejected")
    fields = {name: row[name] for name in _REPORTED}
    lines = summary.summary(row, stored, rejected, exports_failed, source, state)
    code = exitcodes.exit_code(row["status"], export_failed=bool(exports_failed))
    return End(code, lines, {**fields, "stored": stored, "exports_failed": dict(exports_failed)})

"""Records how the run has ended, in its row.

Invariant: nothing depends on it, and no secret is in it. A row that goes on saying running belongs to a process that is
gone, which the next run sees and corrects.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeAlias

from datasync_spider import failpoints
from datasync_spider.errors import StorageError
from datasync_spider.logs.redaction import Redactor
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.storage.connection import connected
from datasync_spider.storage.retrying import AT_END, patiently
from datasync_spider.storage.runs import OpenRun, finish_run

if TYPE_CHECKING:
    from datasync_spider.storage.batch import Counts
    from datasync_spider.syncplan import SyncPlan
    from datasync_spider.workers import Worker

logger = logging.getLogger(__name__)


Outcome: TypeAlias = tuple[str, str, str | None]
"""Status, reason and detail, as :class:`~datasync_spider.pipelines.ending.Ending` gives them."""


async def record_end(
    worker: Worker,
    plan: SyncPlan,
    run: OpenRun,
    outcome: Outcome,
    spent: Counts,
    closed: Closed,
    timeout_seconds: float,
) -> None:
    """Returns when it is recorded, or cannot be within the time, which is logged."""
    status, reason, detail = outcome
    if run.note:
        detail = f"{detail}; {run.note}" if detail else run.note
    if detail is not None:
        # The API's own words may be in it, and an API may say a key aloud.
        detail = Redactor(plan.secrets).redact(detail)

    def finish() -> None:
        failpoints.reach("before_finish")
        patiently(finish_once, AT_END)

    def finish_once() -> None:
        with connected(plan.config.database_url_text, connect_timeout_seconds=2) as connection:
            finish_run(connection, run, status, reason, detail, spent.retries, spent.waited_ms, closed)

    finishing = worker.submit(finish)
    try:
        async with asyncio.timeout(timeout_seconds):
            await finishing
    except StorageError as error:
        logger.error("the end of the run could not be recorded: %s", error)
    except TimeoutError:
        logger.error("the end of the run could not be recorded: PostgreSQL took longer than %g s", timeout_seconds)

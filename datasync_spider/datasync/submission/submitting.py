"""The whole of ``scrapy submit send``, from the database to the receipt, with a person asked in between.

Invariant: whatever can refuse does so before the person is asked, and the person before anything is recorded or sent.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from datasync_spider.datasync.submission.files import scratch
from datasync_spider.datasync.submission.fingerprint import key_fingerprint
from datasync_spider.datasync.submission.idtext import prepare
from datasync_spider.datasync.submission.overview import Overview, look_over
from datasync_spider.datasync.submission.quota import check_tries
from datasync_spider.datasync.submission.refusal import SubmissionRefused
from datasync_spider.datasync.submission.reporter import Reporter
from datasync_spider.datasync.submission.repository import check_repository
from datasync_spider.datasync.submission.sending import Order, Outcome, Sender
from datasync_spider.datasync.submission.uploadprogress import Steps
from datasync_spider.storage.event_ids import id_snapshot
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.submissions import AttemptInProgress
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.transport.apiclient import ApiClient


class Terms(Struct, frozen=True):
    """What the user says on the command line. ``confirm`` asks a question and gives the answer; None: do not ask."""

    repo: str
    timeout_seconds: float
    anyway: bool
    dry_run: bool
    last_try: bool
    confirm: Callable[[str], bool] | None


def submit_prepared(
    database_url: str, plan: SyncPlan, slice_: Slice, terms: Terms, reporter: Reporter
) -> Outcome | None:
    """Gives what became of it; None after a dry run.

    Raises SubmissionRefused, AttemptInProgress, NotRecorded, Stopped or StorageError.
    """
    repo = check_repository(terms.repo)
    with scratch(plan.config.home) as file:
        with id_snapshot(database_url, slice_) as snapshot:
            prepared = prepare(snapshot, file, anyway=terms.anyway)
        file.seek(0)
        overview = survey(database_url, plan)
        reporter.prepared(prepared, overview, repo)
        if overview.in_progress:
            raise AttemptInProgress(overview.in_progress)
        check_tries(overview.tries, last_try=terms.last_try)
        if terms.dry_run:
            reporter.end("dry run: nothing was recorded, and nothing was sent")
            return None
        question = f"send {prepared.text.count:,} ids to {plan.base_url_text}? It uses up a try."
        if terms.confirm is not None and not terms.confirm(question):
            raise SubmissionRefused("not confirmed: nothing was sent")
        order = Order(
            stream=slice_.stream,
            repo=repo,
            key_fingerprint=key_fingerprint(plan.authorization.key, plan.base_url_text),
            text=prepared.text,
            timeout_seconds=terms.timeout_seconds,
            reported_left=overview.tries.reported_left,
            last_try=terms.last_try,
        )
        sender = Sender(
            database_url,
            ApiClient.of(plan, timeout_seconds=terms.timeout_seconds),
            plan.config.write_retry_budget_ms / 1000,
            reporter=lambda outcome: reporter.outcome(outcome, plan.secrets),
            progress=Steps(prepared.text.size),
            secrets=plan.secrets,
        )
        return sender.send(order, file)


def survey(database_url: str, plan: SyncPlan) -> Overview:
    """What this database and the API know of the configured key's submissions."""
    fingerprint = key_fingerprint(plan.authorization.key, plan.base_url_text)
    return look_over(database_url, ApiClient.of(plan), fingerprint)

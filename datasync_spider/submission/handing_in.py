"""The whole of ``scrapy submit send``, from the database to the receipt, with a person asked in between.

Invariant: whatever can refuse does so before the person is asked, and the person before anything is recorded or sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from datasync_spider.apiclient import ApiClient
from datasync_spider.config import Config
from datasync_spider.storage.event_ids import id_snapshot
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.submissions import AttemptInProgress
from datasync_spider.submission.files import scratch
from datasync_spider.submission.fingerprint import key_fingerprint
from datasync_spider.submission.overview import Overview, look_over
from datasync_spider.submission.preparing import prepare
from datasync_spider.submission.progress import Steps
from datasync_spider.submission.quota import check_tries
from datasync_spider.submission.refusal import SubmissionRefused
from datasync_spider.submission.repository import check_repository
from datasync_spider.submission.sending import Order, Outcome, Sender
from datasync_spider.submission.telling import Telling


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user says on the command line. ``confirm`` asks a question and gives the answer; None: do not ask."""

    repo: str
    timeout_seconds: float
    anyway: bool
    dry_run: bool
    last_try: bool
    confirm: Callable[[str], bool] | None


def hand_in(database_url: str, config: Config, slice_: Slice, terms: Terms, tell: Telling) -> Outcome | None:
    """Gives what became of it; None after a dry run.

    Raises SubmissionRefused, AttemptInProgress, NotRecorded, Stopped or StorageError.
    """
    repo = check_repository(terms.repo)
    with scratch(config.home) as file:
        with id_snapshot(database_url, slice_) as snapshot:
            prepared = prepare(snapshot, file, anyway=terms.anyway)
        file.seek(0)
        overview = survey(database_url, config)
        tell.prepared(prepared, overview, repo)
        if overview.in_progress:
            raise AttemptInProgress(overview.in_progress)
        check_tries(overview.tries, last_try=terms.last_try)
        if terms.dry_run:
            tell.end("dry run: nothing was recorded, and nothing was sent")
            return None
        question = f"send {prepared.text.count:,} ids to {config.base_url_text}? It uses up a try."
        if terms.confirm is not None and not terms.confirm(question):
            raise SubmissionRefused("not confirmed: nothing was sent")
        order = Order(
            stream=slice_.stream,
            repo=repo,
            key_fingerprint=key_fingerprint(config.api_key, config.base_url_text),
            text=prepared.text,
            timeout_seconds=terms.timeout_seconds,
            told_left=overview.tries.told_left,
            last_try=terms.last_try,
        )
        sender = Sender(
            database_url,
            _client(config, terms.timeout_seconds),
            config.write_retry_budget_ms / 1000,
            tell=lambda outcome: tell.outcome(outcome, config.secrets),
            progress=Steps(prepared.text.size),
            secrets=config.secrets,
        )
        return sender.send(order, file)


def survey(database_url: str, config: Config) -> Overview:
    """What this database and the API know of the configured key's submissions."""
    fingerprint = key_fingerprint(config.api_key, config.base_url_text)
    return look_over(database_url, _client(config, config.timeout_seconds), fingerprint)


def _client(config: Config, timeout_seconds: float) -> ApiClient:
    return ApiClient(
        config.base_url_text,
        config.api_key,
        config.user_agent,
        timeout_seconds,
        config.max_body_bytes,
        is_direct=config.is_bundled_mock,
    )

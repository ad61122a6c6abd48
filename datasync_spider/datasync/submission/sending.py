"""Sends the prepared text, once, between two commits: that it leaves, and what became of it.

Invariant: when the first byte leaves, the database knows. An answer that did not come is never asked for by sending
again: the attempt is then unknown, and counts as used. What became of it is reported to the caller before it is
recorded, so that a database that is away then cannot take the knowledge along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO
from urllib.parse import urlencode

from msgspec import Struct

from datasync_spider.datasync.submission.idtext import Text
from datasync_spider.datasync.submission.overview import submissions_url
from datasync_spider.datasync.submission.quota import Tries, check_tries
from datasync_spider.datasync.submission.receipt import Receipt, read_receipt
from datasync_spider.datasync.submission.refusal import NotRecorded
from datasync_spider.errors import Stopped, StorageError
from datasync_spider.observe.display import shown_value, without_secrets
from datasync_spider.sources.urls import origin
from datasync_spider.storage.connection import connected
from datasync_spider.storage.retrying import RetryPolicy, patiently
from datasync_spider.storage.submissions import Ending, Plan, end_attempt, mark_sent, plan_attempt, resolve_abandoned
from datasync_spider.transport.apiclient import AnswerLost, ApiClient, NothingSent, Upload

# Between the end of the time limit for sending and the latest moment at which the sender has surely given up.
_GRACE_MS = 120_000
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0


class Order(Struct, frozen=True):
    """What to send, and on which terms. ``reported_left``: tries left by the API's count, None where it gives none."""

    stream: str
    repo: str
    key_fingerprint: str
    text: Text
    timeout_seconds: float
    reported_left: int | None
    last_try: bool


class Outcome(Struct, frozen=True):
    """``left``: tries left, by the receipt where it says so. ``receipt`` None: no answer came."""

    attempt_id: int
    ending: Ending
    receipt: Receipt | None
    left: int

    @property
    def is_whole(self) -> bool:
        """Whether it was accepted with exactly what was sent, as far as the receipt says."""
        return self.ending.status == "accepted" and self.receipt is not None and not self.receipt.differs


class Sender:
    """``record_within_seconds``: how long an unreachable database is waited for with the outcome in hand.

    ``secrets`` are masked where the API's answer says them.
    """

    def __init__(
        self,
        database_url: str,
        client: ApiClient,
        record_within_seconds: float,
        reporter: Callable[[Outcome], None],
        progress: Callable[[int], None] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._database_url = database_url
        self._client = client
        self._record_within_seconds = record_within_seconds
        self._reporter = reporter
        self._progress = progress
        self._secrets = secrets

    def send(self, order: Order, file: BinaryIO) -> Outcome:
        """Sends what ``file`` holds from where it stands.

        Raises SubmissionRefused or AttemptInProgress where it may not, with nothing recorded; Stopped where a signal
        came before anything left; NotRecorded where the outcome, which was reported, could not be recorded.
        """
        attempt_id, used_before = self._plan(order)
        left = Tries(used_before + 1, None if order.reported_left is None else order.reported_left - 1).left
        try:
            outcome = self._post(order, file, attempt_id, left)
        except Stopped:
            self._record(attempt_id, Ending("planned", "stopped by a signal before anything was sent"))
            raise
        try:
            self._reporter(outcome)
        finally:
            # Also where no one is left to hear of it.
            self._record_outcome(outcome)
        return outcome

    def _plan(self, order: Order) -> tuple[int, int]:
        used: list[int] = []

        def allow(used_here: int) -> None:
            used.append(used_here)
            check_tries(Tries(used_here, order.reported_left), last_try=order.last_try)

        plan = Plan(
            stream=order.stream,
            api=origin(self._client.base_url),
            key_fingerprint=order.key_fingerprint,
            repo=order.repo,
            event_count=order.text.count,
            body_bytes=order.text.size,
            sha256=order.text.sha256,
            lasts_ms=round(order.timeout_seconds * 1000) + _GRACE_MS,
        )
        with connected(self._database_url) as connection:
            resolve_abandoned(connection, order.key_fingerprint)
            attempt_id = plan_attempt(connection, plan, allow)
            mark_sent(connection, attempt_id)
        return attempt_id, used[0]

    def _post(self, order: Order, file: BinaryIO, attempt_id: int, left: int) -> Outcome:
        url = f"{submissions_url(self._client.base_url)}?{urlencode({'github_repo': order.repo})}"
        upload = Upload(file, order.text.size, "text/plain; charset=utf-8", self._progress)
        try:
            answer = self._client.post(url, upload)
        except NothingSent as error:
            ending = Ending("planned", f"nothing was sent, and no try is used: {error}")
            return Outcome(attempt_id, ending, None, left + 1)
        except AnswerLost as error:
            return Outcome(
                attempt_id, Ending("unknown", f"sent at least in part, and no answer came: {error}"), None, left
            )
        receipt = read_receipt(answer.status, answer.body, order.text.count)
        detail = without_secrets(receipt.detail, self._secrets)
        ending = Ending(receipt.status, detail, answer.status, shown_value(receipt.content, self._secrets))
        return Outcome(attempt_id, ending, receipt, left if receipt.left is None else min(left, receipt.left))

    def _record_outcome(self, outcome: Outcome) -> None:
        try:
            self._record(outcome.attempt_id, outcome.ending)
        except StorageError as error:
            raise NotRecorded(
                f"attempt {outcome.attempt_id} could not be recorded as {outcome.ending.status} ({error}): keep what"
                " was reported of it, the table of attempts will call it unknown"
            ) from error

    def _record(self, attempt_id: int, ending: Ending) -> None:
        policy = RetryPolicy(self._record_within_seconds, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        try:
            patiently(lambda: self._record_once(attempt_id, ending), policy)
        except Stopped:
            # A signal ends the patience, not the duty.
            self._record_once(attempt_id, ending)
            raise

    def _record_once(self, attempt_id: int, ending: Ending) -> None:
        with connected(self._database_url) as connection:
            end_attempt(connection, attempt_id, ending)

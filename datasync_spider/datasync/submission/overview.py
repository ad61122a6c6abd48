"""What is known of earlier attempts: from this database, and from the API where it answers.

The API is asked once and only listened to; that it is silent, or answers in an unknown form, is no error.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from datasync_spider.datasync.submission.quota import Tries
from datasync_spider.datasync.submission.remotestatus import RemoteStatus, read_remote_status
from datasync_spider.errors import ConnectionTrouble
from datasync_spider.storage.connection import connected
from datasync_spider.storage.submissions import AttemptInProgress, count_used, read_attempts, resolve_abandoned
from datasync_spider.transport.apiclient import ApiClient


class Overview(Struct, frozen=True):
    """``in_progress``: the process that submits now, or None. ``trouble``: why the API could not be asked, or None."""

    tries: Tries
    attempts: list[dict[str, Any]]
    remote_status: RemoteStatus | None
    trouble: str | None
    in_progress: str | None


def submissions_url(base_url: str) -> str:
    """Where submissions are listed, and submitted."""
    return f"{base_url.rstrip('/')}/submissions"


def look_over(database_url: str, client: ApiClient, fingerprint: str) -> Overview:
    """Both sides' view; attempts whose process has died are ended on the way."""
    remote_status, trouble = _ask(client)
    in_progress = None
    with connected(database_url) as connection:
        try:
            resolve_abandoned(connection, fingerprint)
        except AttemptInProgress as error:
            in_progress = str(error)
        used = count_used(connection, fingerprint)
        attempts = read_attempts(connection, fingerprint)
    tries = Tries(used, remote_status.reported_left if remote_status else None)
    return Overview(tries, attempts, remote_status, trouble, in_progress)


def _ask(client: ApiClient) -> tuple[RemoteStatus | None, str | None]:
    try:
        answer = client.get(submissions_url(client.base_url))
    except ConnectionTrouble as error:
        return None, str(error)
    return read_remote_status(answer.status, answer.body), None

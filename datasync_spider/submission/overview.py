"""What is known of earlier attempts: from this database, and from the API where it answers.

The API is asked once and only listened to; that it is silent, or answers in an unknown form, is no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasync_spider.apiclient import ApiClient
from datasync_spider.errors import ConnectionTrouble
from datasync_spider.storage.connection import connected
from datasync_spider.storage.submissions import AttemptInProgress, count_used, read_attempts, settle_abandoned
from datasync_spider.submission.knowledge import Knowledge, read_knowledge
from datasync_spider.submission.quota import Tries


@dataclass(frozen=True, slots=True)
class Overview:
    """``in_progress``: who is handing in right now, or None. ``trouble``: why the API could not be asked, or None."""

    tries: Tries
    attempts: list[dict[str, Any]]
    knowledge: Knowledge | None
    trouble: str | None
    in_progress: str | None


def submissions_url(base_url: str) -> str:
    """Where submissions are listed, and handed in."""
    return f"{base_url.rstrip('/')}/submissions"


def look_over(database_url: str, client: ApiClient, fingerprint: str) -> Overview:
    """Both sides' view; attempts whose process has died are ended on the way."""
    knowledge, trouble = _ask(client)
    in_progress = None
    with connected(database_url) as connection:
        try:
            settle_abandoned(connection, fingerprint)
        except AttemptInProgress as error:
            in_progress = str(error)
        used = count_used(connection, fingerprint)
        attempts = read_attempts(connection, fingerprint)
    tries = Tries(used, knowledge.told_left if knowledge else None)
    return Overview(tries, attempts, knowledge, trouble, in_progress)


def _ask(client: ApiClient) -> tuple[Knowledge | None, str | None]:
    try:
        answer = client.get(submissions_url(client.base_url))
    except ConnectionTrouble as error:
        return None, str(error)
    return read_knowledge(answer.status, answer.body), None

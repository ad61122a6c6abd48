"""Why something is not done: errors of this package, which the command prints."""

from __future__ import annotations

from datasync_spider.errors import DatasyncError


class SubmissionRefused(DatasyncError):
    """It is not sent, or not prepared, and nothing has changed. The message says what to do about it."""


class NotRecorded(DatasyncError):
    """It was sent, and what became of it was reported, but could not be written down."""

"""Reports how a submission goes: lines as things happen, or one JSON object when all is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from datasync_spider.datasync.submission.idtext import Prepared
from datasync_spider.datasync.submission.overview import Overview
from datasync_spider.datasync.submission.rendering import outcome_lines, outcome_report, prepared_lines, prepared_report
from datasync_spider.datasync.submission.sending import Outcome


class Reporter:
    """``write`` gets whole lines."""

    def __init__(self, write: Callable[[str], None], *, as_json: bool) -> None:
        self._write = write
        self._as_json = as_json
        self._report: dict[str, Any] = {}

    def prepared(self, prepared: Prepared, overview: Overview, repo: str) -> None:
        """What would be sent, and the tries."""
        tries = overview.tries
        reported = {"used": tries.used, "left": tries.left, "told_by_api": tries.reported_left}
        self._report = {"prepared": prepared_report(prepared), "repo": repo, "tries": reported, "outcome": None}
        self._lines([*prepared_lines(prepared), f"for {repo}", f"this key: {tries}"])
        if overview.trouble:
            self._lines([f"the API could not be asked what it has: {overview.trouble}"])

    def outcome(self, outcome: Outcome, secrets: Iterable[str]) -> None:
        """What became of it; nothing is reported after this."""
        known = tuple(secrets)
        self._report["outcome"] = outcome_report(outcome, known)
        self._lines(outcome_lines(outcome, known))
        self._object()

    def end(self, text: str) -> None:
        """Why nothing was sent; nothing is reported after this."""
        self._lines([text])
        self._object()

    def _lines(self, lines: list[str]) -> None:
        if not self._as_json:
            self._write("\n".join(lines))

    def _object(self) -> None:
        if self._as_json:
            self._write(json.dumps(self._report))

"""Tells how a crawl ended, as the last thing that it says: to a person as it stands, to a program as one JSON object.

Invariant: it is told whatever the log's level, to standard error, with every secret taken out. What is told is
:mod:`datasync_spider.progress.summary`'s business.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datasync_spider import exitcodes
from datasync_spider.logs import LogHandler

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class End:
    """``fields``: what ``lines`` tell, for programs."""

    code: int
    lines: list[str]
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> int:
        if self.code == exitcodes.COMPLETE:
            return logging.INFO
        return logging.WARNING if self.code == exitcodes.STOPPED else logging.ERROR


def say(end: End, *, as_json: bool, log_file: str | None) -> None:
    """A log in a file gets the words too, since it is what is kept."""
    if as_json:
        _log(end)
        return
    if log_file:
        logger.log(end.level, "%s", "\n".join(end.lines))
    sys.stderr.write(_redacted("\n".join(end.lines)) + "\n")


def _log(end: End) -> None:
    headline, *others = end.lines
    told = dict(line.strip().split(": ", 1) for line in others)
    # Past the handlers' levels: an end is told even where nothing below an error is.
    record = logger.makeRecord(
        logger.name,
        end.level,
        __file__,
        0,
        headline,
        (),
        None,
        extra={"datasync": {"exit_code": end.code, **end.fields, "summary": told}},
    )
    for handler in _handlers():
        handler.emit(record)


def _redacted(text: str) -> str:
    for handler in _handlers():
        text = handler.redactor.redact(text)
    return text


def _handlers() -> list[LogHandler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, LogHandler)]

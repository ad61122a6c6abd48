"""Reports how a crawl ended, as the last thing that it says: to a person as it stands, to a program as one JSON object.

Invariant: it is reported whatever the log's level, to standard error, with every secret taken out. What is reported is
:mod:`datasync_spider.faces.exitreport.summary`'s business.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct, field

from datasync_spider.logs import LogHandler
from datasync_spider.observe import exitcodes

logger = logging.getLogger(__name__)


class End(Struct, frozen=True):
    """``fields``: what ``lines`` say, for programs."""

    code: int
    lines: list[str]
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> int:
        if self.code == exitcodes.COMPLETE:
            return logging.INFO
        return logging.WARNING if self.code == exitcodes.STOPPED else logging.ERROR


def say(end: End, *, as_json: bool, is_seen: bool = True) -> None:
    """A log in a file gets the words too, since it is what is kept; alone where they are not to be ``is_seen``."""
    if as_json:
        headline, *others = end.lines
        reported = dict(line.strip().split(": ", 1) for line in others)
        _log(end, headline, _handlers(), {"exit_code": end.code, **end.fields, "summary": reported})
        return
    text = "\n".join(end.lines)
    _log(end, text, [handler for handler in _handlers() if handler.writes_file], {})
    if not is_seen:
        return
    with suppress(OSError):
        # The exit code says it, too, to whoever is left.
        sys.stderr.write(redacted(text) + "\n")


def _log(end: End, message: str, handlers: list[LogHandler], fields: dict[str, Any]) -> None:
    extra = {"datasync": fields}
    record = logger.makeRecord(logger.name, end.level, __file__, 0, message, (), None, extra=extra)
    for handler in handlers:
        # Past the handler's level: an end is reported even where nothing below an error is.
        handler.emit(record)


def redacted(text: str) -> str:
    """With every secret taken out that the process knows."""
    for handler in _handlers():
        text = handler.redactor.redact(text)
    return text


def _handlers() -> list[LogHandler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, LogHandler)]

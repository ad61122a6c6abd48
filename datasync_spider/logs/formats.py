"""How a record becomes a line: text for people, or one JSON object.

Invariant: the text that is returned is redacted, whatever it was made of, and one record cannot look like two: in text,
continuation lines are indented and control characters are escaped; JSON has no line ends inside.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from datasync_spider.logs import context
from datasync_spider.logs.redaction import MASK, Redactor

# What callers hand over as extra={"datasync": {...}}.
_FIELDS = "datasync"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z INFO     logger: message [page_number=7]``."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items() if value is not None)
        shown = f" [{fields.strip()}]" if fields else ""
        message = f"{time_of(record)} {record.levelname:8} {record.name}: {record.getMessage()}{shown}"
        parts = [message, exception_of(self, record), self.formatStack(record.stack_info or "")]
        text = "\n".join(part for part in parts if part)
        # Once before, since a secret may hold a line end; and once as a last look at what is really printed.
        text = self._redactor.redact(text)
        return self._redactor.redact(_CONTROL.sub(_escaped, text).replace("\n", "\n    "))


class JsonFormatter(logging.Formatter):
    """The record's own fields win over a caller's of the same name."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line = {**line, **context.present(), **fields_of(record), **line}
        if exception := exception_of(self, record):
            line["exception"] = exception
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        # In ASCII: a program reads the same out of it, and no terminal or pipe can damage it.
        clean = json.dumps(self._clean(line))
        redacted = self._redactor.redact(clean)
        return redacted if redacted == clean or _is_json(redacted) else self._bare(record)

    def _clean(self, value: Any) -> Any:
        """Masks inside the values, where it cannot break the JSON, and makes text of what JSON does not know."""
        if isinstance(value, Mapping):
            return {self._redactor.redact(str(key)): self._clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        redacted = self._redactor.redact(text)
        finite_number = isinstance(value, int) or (isinstance(value, float) and abs(value) < float("inf"))
        return value if finite_number and redacted == text else redacted

    def _bare(self, record: logging.LogRecord) -> str:
        """For the record whose very punctuation, next to its values, reads like a secret."""
        return json.dumps({"time": time_of(record), "level": record.levelname, "message": MASK})


def time_of(record: logging.LogRecord) -> str:
    """UTC with milliseconds."""
    instant = datetime.fromtimestamp(record.created, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that the caller gave."""
    fields = getattr(record, _FIELDS, None)
    return {str(name): value for name, value in fields.items()} if isinstance(fields, Mapping) else {}


def exception_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback, or nothing. The record's cache for it is left alone: other handlers would print ours from it."""
    if record.exc_info and record.exc_info[0] is not None:
        return formatter.formatException(record.exc_info)
    return record.exc_text or ""


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

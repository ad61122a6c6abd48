"""Puts the handler on the root logger, and beside it the one of the copy where one is wanted.

Invariant: there is at most one of ours for each; installing again replaces them. Scrapy is told to install none of its
own, which would print what ours redacts.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from scrapy.settings import default_settings

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError
from datasync_spider.logs.formats import JsonFormatter, TextFormatter
from datasync_spider.logs.quiet import is_worth_a_line
from datasync_spider.logs.redaction import Redactor
from datasync_spider.logs.tracebacks import install_excepthook

_ABOVE_ALL = logging.CRITICAL + 1


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, or to a file of its own. ``redactor`` takes secrets that become known later."""

    def __init__(self, redactor: Redactor, file: Path | None = None) -> None:
        self.writes_file = file is not None
        self._file = file
        super().__init__(_opened(file) if file else sys.stderr)
        self.redactor = redactor

    def emit(self, record: logging.LogRecord) -> None:
        # Scrapy configures logging after us, and logging.config closes every handler that it finds.
        if self._file is not None and self.stream.closed:
            self.stream = _opened(self._file)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A record that cannot be formatted: logging itself would print its arguments as they are."""
        if logging.raiseExceptions and sys.stderr is not None:
            text = f"a log record of {record.pathname}:{record.lineno} could not be written\n{traceback.format_exc()}"
            # Where standard error has gone too, as with a terminal that was closed, whoever logs is not to blame.
            with suppress(OSError, ValueError):
                sys.stderr.write(self.redactor.redact(text))

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self.stream.close()


def _opened(file: Path) -> TextIO:
    """What cannot be encoded must not cost the line, nor the crawl."""
    return file.open("a", encoding="utf-8", errors="backslashreplace")


def _made(redactor: Redactor, setting: str, file: Path | None) -> LogHandler:
    try:
        return LogHandler(redactor, file)
    except OSError as error:
        why = f"the file cannot be opened: {error.strerror}; allowed: a file that can be written"
        raise ConfigurationError(f"{setting} is {str(file)!r}: {why}") from error


def install_logging(config: Config, log_file: str | None, enabled: bool) -> LogHandler:
    """The installed handler, which is not the copy's. Raises ConfigurationError where a file cannot be opened.

    ``enabled`` False (``--nolog``) keeps everything out of it; hooks and redaction work even so.
    """
    redactor = Redactor(config.secrets)
    level = logging.getLevelNamesMapping()[config.log_level]
    handler = _made(redactor, "LOG_FILE", Path(log_file) if log_file else None)
    handler.setLevel(level if enabled or log_file else _ABOVE_ALL)
    handlers = [handler]
    if config.log_copy_file is not None:
        handlers.append(_made(redactor, "LOG_COPY_FILE", config.log_copy_file))
        handlers[-1].setLevel(level)
    for made in handlers:
        made.setFormatter(JsonFormatter(redactor) if config.log_format == "json" else TextFormatter(redactor))
        if level > logging.DEBUG:
            made.addFilter(is_worth_a_line)
    root = logging.getLogger()
    for former in [former for former in root.handlers if isinstance(former, LogHandler)]:
        root.removeHandler(former)
        former.close()
    for made in handlers:
        root.addHandler(made)
    root.setLevel(level)
    logging.captureWarnings(True)
    install_excepthook(redactor)
    return handler


def scrapy_log_settings(config: Config) -> dict[str, Any]:
    """What Scrapy must find under its own names, which are ours too, with values that it does not understand."""
    return {
        "LOG_INSTALL_ROOT_HANDLER": False,
        "LOG_LEVEL": config.log_level,
        "LOG_FORMAT": default_settings.LOG_FORMAT,
    }

"""Puts the handler on the root logger, and beside it the one of the copy where one is wanted.

Invariant: there is at most one of ours for each; installing again replaces them. Scrapy is asked to install none of its
own, which would print what ours redacts.
"""

from __future__ import annotations

import io
import logging
import sys
import traceback
from collections.abc import Iterable
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
from datasync_spider.process.standardstreams import Lossy, descriptor_of

_ABOVE_ALL = logging.CRITICAL + 1


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, or to a file of its own. ``redactor`` takes secrets that become known later.

    A line that cannot be written is no error of its writer: such lines are left out, and it is said how many.
    """

    def __init__(self, redactor: Redactor, file: Path | None = None) -> None:
        self.writes_file = file is not None
        self._file = file
        self._own_stream = _opened(file) if file else sys.stderr
        super().__init__(self._own_stream)
        self.redactor = redactor
        self._is_failing = False
        self._said_left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        # Scrapy configures logging after us, and logging.config closes every handler that it finds.
        if self._file is not None and self.stream.closed and not self._opened_again(self._file):
            return
        below = descriptor_of(self._own_stream)
        if not isinstance(below, Lossy):
            super().emit(record)
            return
        left_out = below.left_out
        super().emit(record)
        if below.left_out > left_out:
            self._fail(below.failure)
        elif left_out > self._said_left_out:
            self._is_failing = False
            self._say_left_out(left_out - self._said_left_out, below.failure)
            self._said_left_out = left_out

    def _opened_again(self, file: Path) -> bool:
        try:
            self.stream = self._own_stream = _opened(file)
        except OSError as error:
            self._fail(error)
            return False
        self._said_left_out = 0
        return True

    def _fail(self, error: OSError | None) -> None:
        """Once, until it can be written again. What is wrong with standard error cannot be said at all."""
        if self._file is not None and not self._is_failing and error is not None:
            text = f"the log file {self._file} cannot be written: {error.strerror}; what it cannot take is left out\n"
            sys.stderr.write(self.redactor.redact(text))
        self._is_failing = True

    def _say_left_out(self, lines: int, error: OSError | None) -> None:
        why = error.strerror if error is not None else "no one read them"
        message, arguments = "%d log lines were left out here: %s", (lines, why)
        logger = logging.getLogger(__name__)
        super().emit(logger.makeRecord(logger.name, logging.WARNING, __file__, 0, message, arguments, None))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A record that cannot be formatted: logging itself would print its arguments as they are."""
        if logging.raiseExceptions and sys.stderr is not None:
            text = f"a log record of {record.pathname}:{record.lineno} could not be written\n{traceback.format_exc()}"
            with suppress(OSError, ValueError):
                sys.stderr.write(self.redactor.redact(text))

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self.stream.close()


def _opened(file: Path) -> TextIO:
    """What cannot be encoded or written must not cost the crawl. A line is one write, so that it is lost whole."""
    lossy = Lossy(str(file), "ab", closefd=True)
    return io.TextIOWrapper(lossy, encoding="utf-8", errors="backslashreplace", write_through=True)


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


def also_redact(
    secrets: Iterable[str] = (),
    headers: Iterable[str] = (),
    parameters: Iterable[str] = (),
    passing: Iterable[str] = (),
) -> None:
    """What became known of a source: its secrets, and where they travel. For whatever this process logs from now on.

    ``passing``: secrets that are replaced by others before long.
    """
    known, for_a_while = tuple(secrets), tuple(passing)
    redactors = {handler.redactor for handler in logging.getLogger().handlers if isinstance(handler, LogHandler)}
    for redactor in redactors:
        redactor.add_secrets(known)
        redactor.add_passing(for_a_while)
        for header in headers:
            redactor.add_header(header)
        for parameter in parameters:
            redactor.add_parameter(parameter)


def scrapy_log_settings(config: Config) -> dict[str, Any]:
    """What Scrapy must find under its own names, which are ours too, with values that it does not understand."""
    return {
        "LOG_INSTALL_ROOT_HANDLER": False,
        "LOG_LEVEL": config.log_level,
        "LOG_FORMAT": default_settings.LOG_FORMAT,
    }

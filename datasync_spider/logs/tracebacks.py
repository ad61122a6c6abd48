"""Redacts the tracebacks that Python itself prints: uncaught exceptions, in threads too, and unraisable ones.

Invariant: they still go to standard error, and the process's exit code stays what it was.
"""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

from datasync_spider.logs.redaction import Redactor


def install_excepthook(redactor: Redactor) -> None:
    """Replaces the three hooks of this process."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _print(redactor, "", kind, error, trace)

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not SystemExit:
            name = arguments.thread.name if arguments.thread else "that is gone"
            _print(redactor, f"Exception in thread {name}:\n", *_parts(arguments))

    def unraisable(arguments: sys.UnraisableHookArgs) -> None:
        prefix = f"{arguments.err_msg or 'Exception ignored in'}: {arguments.object!r}\n"
        _print(redactor, prefix, *_parts(arguments))

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable


def _parts(
    arguments: threading.ExceptHookArgs | sys.UnraisableHookArgs,
) -> tuple[type[BaseException], BaseException | None, TracebackType | None]:
    return arguments.exc_type, arguments.exc_value, arguments.exc_traceback


def _print(
    redactor: Redactor,
    prefix: str,
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    if sys.stderr is not None:
        text = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(redactor.redact(prefix + text))
        sys.stderr.flush()

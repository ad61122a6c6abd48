"""Runs Scrapy's command line in this process, and writes down what of ours one page passes.

The window begins when the last page's answer, which has come whole, is given to the first of the package's downloader
middlewares, and ends when the COMMIT of its batch has been answered, each page being a batch; so no request follows it.
Noted are the modules of the package of which a function ran, on any thread, and the classes of the package of which an
object that was made in the window stood in such a function. A class made of a library's (a cursor), or what lends one
(a connection's), is a tool, and no form of the page.

Invariant: it looks at frames and changes nothing; what C code does with a page shows only by what it gives back.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from scrapy.cmdline import execute

_PACKAGE = "datasync_spider"
# What stands beside a page's way and looks at it.
_WATCHING = (
    *(f"{_PACKAGE}.{name}." for name in ("logs", "faces", "extensions", "observe")),
    *(
        f"{_PACKAGE}.{name}"
        for name in ("failpoints", "process.standardstreams", "process.throttle", "spiders.reporting")
    ),
    *(f"{_PACKAGE}.{name}" for name in ("storage.fields", "sources.fieldsample", "sources.drift")),
)
_HEAD_IS_READ = "allHeadersReceived"
_ANSWER_IS_TAKEN = "process_response"
_COMMIT = "commit"
# What it lends is a connection, which is a tool as a cursor is.
_LENDER = f"{_PACKAGE}.storage.pool"
_WRITER = f"{_PACKAGE}.storage.writer"
# Where what data is made of comes from.
_PLAIN = {_PACKAGE, "builtins", "msgspec", "typing", "collections", "enum"}


class Trace:
    """``pages``: how many answers there are, the traced one being the last."""

    def __init__(self, pages: int) -> None:
        self._answers_left = self._commits_left = pages
        self._is_open = self._is_over = False
        self._known: set[int] = set()
        self.modules: dict[str, str] = {}
        self.watching: dict[str, str] = {}
        self.types: dict[str, str] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self._is_over:
            return
        name = str(frame.f_globals.get("__name__", ""))
        if event == "c_return" and name == _WRITER and getattr(argument, "__name__", "") == _COMMIT:
            self._commits_left -= 1
            self._is_over = self._commits_left == 0
        if not self._is_open:
            self._look_for_the_answer(name, frame.f_code.co_name, event)
        elif event in {"call", "return"} and name.startswith(f"{_PACKAGE}."):
            if _is_watched_from(frame):
                self.watching.setdefault(name, frame.f_code.co_qualname)
                return
            self.modules.setdefault(name, frame.f_code.co_qualname)
            for value in (argument, *frame.f_locals.values()):
                self._note(value, name)

    def _look_for_the_answer(self, module: str, function: str, event: str) -> None:
        if event != "call":
            return
        if function == _HEAD_IS_READ:
            self._answers_left -= 1
        elif function == _ANSWER_IS_TAKEN and self._answers_left <= 0 and module.startswith(f"{_PACKAGE}."):
            self._known = _living()
            self._is_open = True

    def _note(self, value: Any, where: str) -> None:
        kind = type(value)
        if _is_ours(kind) and id(value) not in self._known:
            self.types.setdefault(f"{kind.__module__}.{kind.__qualname__}", where)


def _is_watched_from(frame: FrameType | None) -> bool:
    """Whether the function is a watcher's, or one of those that called it."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_WATCHING):
            return True
        frame = frame.f_back
    return False


def _is_ours(kind: type[Any]) -> bool:
    """Whether it is a form of data of the package: of no library's class, and no exception."""
    if not kind.__module__.startswith(f"{_PACKAGE}.") or kind.__module__.startswith(_WATCHING):
        return False
    if issubclass(kind, BaseException) or kind.__module__ == _LENDER:
        return False
    return all(base is object or base.__module__.split(".")[0] in _PLAIN for base in kind.__mro__)


def _living() -> set[int]:
    """What serves more than one page: all that lives, and what that holds which the collector does not follow."""
    found = {id(thing): thing for thing in gc.get_objects()}
    left = list(found.values())
    while left:
        held = [thing for thing in gc.get_referents(*left) if id(thing) not in found and not isinstance(thing, str)]
        left = []
        for thing in held:
            if id(thing) not in found:
                found[id(thing)] = thing
                left.append(thing)
    return set(found)


def main(arguments: list[str]) -> None:
    """``arguments``: where to write to, how many pages there are, and the command."""
    found, pages, *command = arguments
    trace = Trace(int(pages))
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        execute(command)
    finally:
        sys.setprofile(None)
        Path(found).write_text(
            json.dumps({"modules": trace.modules, "types": trace.types, "watching": trace.watching}), encoding="utf-8"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

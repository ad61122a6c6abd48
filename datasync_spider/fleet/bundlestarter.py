"""``python -m datasync_spider.fleet.bundlestarter FD``: starts the processes of bundles, for one worker.

A process that syncs would spend a second and a half of a processor on imports, which is more than most of its slices
cost. So this one imports what they need, once, and a fork of it becomes each. States, and what a crash in each leaves:

importing  its worker is given nothing yet; orders that come all the same, since another one has died, wait
waiting    for the next order; it ends when its worker does, since no one else has the other end of the socket. What it
           has started ends by pipes of its own
forked     the process has its standard output, its pipe and its names, and is where ``datasync sync`` would be

Invariant: nothing has begun when it forks: no thread, no event loop, no connection. Files of sources have been read,
and count where they still say the same; settings and secrets are read by the fork. Of a process that it cannot start,
the worker sees an output that ends without a word.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from scrapy.utils.project import get_project_settings

import datasync_spider
from datasync_spider.process.bundlepipe import PIPE
from datasync_spider.sync.planning import source_files

HEADER_BYTES = 8
"""Before each order: its length, and with it the descriptors of a pipe and of a standard output."""

READY = b"!"
"""What it says once, when it has imported."""

_LEFT_OUT = ("datasync_spider.fleet.dask", "datasync_spider.fleet.bundlestarter")
_PACKAGES = (
    *("commands", "downloadermiddlewares", "extensions", "fleet", "pipelines", "spiders"),
    *("records", "storage", "sync", "transport"),
)
# What Scrapy imports by name when a crawl begins.
_SCRAPYS = (
    *("scrapy.cmdline", "scrapy.core.downloader.handlers", "scrapy.core.engine", "scrapy.core.scraper"),
    *("scrapy.core.downloader.contextfactory", "scrapy.extensions.corestats", "scrapy.extensions.closespider"),
    *("scrapy.extensions.feedexport", "scrapy.downloadermiddlewares.httpproxy", "scrapy.spiderloader"),
    *("scrapy.statscollectors", "scrapy_fake_useragent.providers", "twisted.internet.asyncioreactor", "uvloop"),
)


def order_of(arguments: Sequence[str], variables: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The header and the text of an order: to run ``datasync`` with these arguments and variables."""
    text = json.dumps({"arguments": list(arguments), "variables": dict(variables)}).encode()
    return len(text).to_bytes(HEADER_BYTES, "big"), text


def import_everything() -> None:
    """What the processes need, and no more than importing it."""
    names = list(_SCRAPYS)
    root = Path(datasync_spider.__file__).parent
    for package in _PACKAGES:
        paths = sorted((root / package).rglob("*.py"))
        found = (".".join(path.relative_to(root.parent).with_suffix("").parts) for path in paths)
        names += [name.removesuffix(".__init__") for name in found if not name.startswith(_LEFT_OUT)]
    for name in names:
        importlib.import_module(name)


def serve(control: socket.socket) -> list[str] | None:
    """Returns in a fork, with its arguments; None in the starter itself, when its worker has ended."""
    with suppress(OSError):
        control.sendall(READY)
    # No one waits for those that have ended: their output says it.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        header, descriptors, _, _ = socket.recv_fds(control, HEADER_BYTES, 2)
        text = _read(control, int.from_bytes(header, "big"))
        if len(header) < HEADER_BYTES or text is None:
            return None
        _read_sources()
        if os.fork() == 0:
            control.close()
            return _become(json.loads(text), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _read_sources() -> None:
    """Once for all forks: of thousands of slices it takes longer than to sync a bundle of them."""
    # What is wrong with them is said by the fork that wants them.
    with suppress(Exception):
        source_files(get_project_settings())


def _read(control: socket.socket, length: int) -> bytes | None:
    read = b""
    while len(read) < length:
        if not (more := control.recv(length - len(read))):
            return None
        read += more
    return read


def _become(order: dict[str, Any], pipe: int, output: int) -> list[str]:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(output, sys.stdout.fileno())
    os.close(output)
    os.environ |= {**order["variables"], PIPE: str(pipe)}
    arguments: list[str] = order["arguments"]
    return arguments


def _leave(code: object) -> None:
    """Ends a fork without taking all modules to pieces, which costs more than all else about it."""
    logging.shutdown()
    with suppress(OSError, ValueError):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    import_everything()
    # The forks look through none of it again.
    gc.collect()
    gc.freeze()
    if (given := serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        sys.argv[1:] = given
        try:
            runpy.run_module("datasync_spider", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            _leave(end.code)

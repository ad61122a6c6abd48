"""Takes the metrics' port before anything else begins, so that one in use is a wrong setting and not a broken run.

The crawl's own extension serves on it later; until then the system keeps those who connect waiting.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterator

from scrapy.settings import BaseSettings

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError

LISTENING_SOCKET = "DATASYNC_METRICS_SOCKET"
_BACKLOG = 16


def family_of(host: str) -> socket.AddressFamily:
    """IPv4 or IPv6, by the address."""
    return socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET


@contextlib.contextmanager
def reserved_port(settings: BaseSettings, config: Config) -> Iterator[None]:
    """While the context lasts, the setting DATASYNC_METRICS_SOCKET holds a listening socket's number, if a port is set.

    Raises ConfigurationError where the port cannot be had.
    """
    host, port = config.metrics_host, config.metrics_port
    if port is None:
        yield
        return
    try:
        listening = socket.create_server((host, port), family=family_of(host), backlog=_BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigurationError(
            f"METRICS_PORT is {port}, and {host} port {port} cannot be listened on: {reason};"
            " allowed: a port that is free, or 0 for any"
        ) from error
    with listening:
        listening.setblocking(False)
        settings.set(LISTENING_SOCKET, listening.fileno(), priority="cmdline")
        yield

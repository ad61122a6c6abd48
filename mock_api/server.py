"""Puts a server together from its options and runs it until a signal ends it.

The only place that knows the global reactor, standard output and exit statuses.
"""

import sys
from typing import Any

from twisted.internet import task
from twisted.internet.error import CannotListenError
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from mock_api.control import Control
from mock_api.eventsapi import EventsApi
from mock_api.faultplan import FaultPlan
from mock_api.feed import Feed
from mock_api.httpserver import ApiFactory
from mock_api.limits import RateLimits
from mock_api.options import Options
from mock_api.parent import watch_parent
from mock_api.router import BASE_PATH, Router
from mock_api.stats import Stats
from mock_api.submissions import Submissions


def build_router(options: Options, feed: Feed) -> Router:
    """The endpoints of one server, joined."""
    limits = RateLimits(options.limits)
    plan = FaultPlan(options.fault_seed, options.rules)
    stats = Stats()
    return Router(
        EventsApi(options.feed, feed, limits, plan),
        Submissions(options.submission_quota, plan, limits),
        Control(feed, plan, stats) if options.control else None,
        stats,
        options.api_key,
    )


def run(options: Options, parent: int) -> int:
    """Serve until SIGINT or SIGTERM, or until `parent` is gone; return the exit status."""
    # Imported here: the first import installs a reactor, which a test that only builds a router must not.
    from twisted.internet import reactor as installed  # noqa: PLC0415

    reactor: Any = installed
    _log_warnings()
    status = 0
    feed = Feed(options.feed.seed, options.total, options.memory_bytes)
    factory = ApiFactory(build_router(options, feed), reactor)

    def give_up(reason: object) -> None:
        nonlocal status
        status = 1
        print(f"mock_api: {reason}", file=sys.stderr)
        reactor.stop()

    def listen(_prepared: object) -> None:
        try:
            port = reactor.listenTCP(options.port, factory, backlog=512, interface=options.host)
        except CannotListenError as exc:
            give_up(exc)
            return
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"http://{host}:{port.getHost().port}{BASE_PATH}", flush=True)

    def start() -> None:
        if options.exit_with_parent:
            watch_parent(parent, reactor, reactor.stop)
        # In steps of the reactor, so that a signal ends the preparation as well.
        prepared = task.cooperate(feed.prepare() if options.prepare else iter(()))
        prepared.whenDone().addCallback(listen).addErrback(give_up)

    reactor.callWhenRunning(start)
    reactor.run()
    return status


def _log_warnings() -> None:
    """What goes wrong in the server shows on standard error."""
    worth_showing: Any = [LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)]
    to_stderr: Any = textFileLogObserver(sys.stderr)
    # Untyped because the checker cannot see that these classes implement the interfaces asked for.
    observer: Any = FilteringLogObserver(to_stderr, worth_showing)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)

"""Puts a server together from its options and runs it until a signal ends it.

The only place that knows the listening socket, signals, standard output and exit statuses.
"""

import asyncio
import signal
import socket
import sys

from mock_api.apis.all import PublicApis
from mock_api.control import Control
from mock_api.eventsapi import EventsApi
from mock_api.faultplan import FaultPlan
from mock_api.feed import Feed
from mock_api.httpserver import ApiServer
from mock_api.limits import RateLimits
from mock_api.oauth import OAuth
from mock_api.options import Options
from mock_api.parent import watch_parent
from mock_api.profiles import Profiles
from mock_api.records import Records
from mock_api.router import BASE_PATH, Router
from mock_api.stats import Stats
from mock_api.submissions import Submissions

_BACKLOG = 512


def build_router(options: Options, feed: Feed) -> Router:
    """The endpoints of one server, joined."""
    limits = RateLimits(options.limits)
    plan = FaultPlan(options.fault_seed, options.rules)
    stats = Stats()
    records = Records(options.feed.seed, options.records)
    apis = PublicApis(options.feed.seed, options.records)
    profiles = Profiles(records, feed, options.feed.max_limit, limits, plan, options.feed.latency_ms)
    return Router(
        EventsApi(options.feed, feed, limits, plan),
        profiles,
        OAuth(profiles, limits, plan, options.token_ttl_ms),
        Submissions(options.submission_quota, plan, limits),
        apis,
        Control(feed, records, apis, plan, stats) if options.control else None,
        stats,
        options.api_key,
    )


def run(options: Options, parent: int) -> int:
    """Serve until SIGINT or SIGTERM, or until `parent` is gone; return the exit status."""
    return asyncio.run(_serve(options, parent))


async def _serve(options: Options, parent: int) -> int:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in _signals():
        loop.add_signal_handler(number, stopping.set)
    watching = asyncio.create_task(watch_parent(parent, stopping.set)) if options.exit_with_parent else None
    feed = Feed(options.feed.seed, options.total, options.memory_bytes, options.edition)
    for _ in feed.prepare() if options.prepare else ():
        # In steps of the event loop, so that what ends the server ends the preparation as well.
        await asyncio.sleep(0)
        if stopping.is_set():
            return 0
    server = ApiServer(build_router(options, feed), loop)
    try:
        listening = await loop.create_server(
            server.connection, sock=_bound(options.host, options.port), backlog=_BACKLOG
        )
    except OSError as error:
        print(f"mock_api: cannot listen on {_authority(options.host, options.port)}: {error}", file=sys.stderr)
        return 1
    port = listening.sockets[0].getsockname()[1]
    print(f"http://{_authority(options.host, port)}{BASE_PATH}", flush=True)
    await stopping.wait()
    listening.close()
    server.close()
    if watching is not None:
        watching.cancel()
    return 0


def _signals() -> list[signal.Signals]:
    # A shell without job control starts what runs in its background deaf to Ctrl-C, and means it.
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return [signal.SIGTERM] if deaf else [signal.SIGTERM, signal.SIGINT]


def _bound(host: str, port: int) -> socket.socket:
    """Not left to asyncio: it would bind each address of a name, to ports of their own, and `::` without IPv4."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

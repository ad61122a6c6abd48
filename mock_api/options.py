"""The server's options: the command line over the environment over the defaults, each checked.

The invariant: what `parse` returns is complete and valid; everything else ends with status 2 and the reason. Nothing is
read from the environment at import, and nothing is started here.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mock_api.events import EDITIONS, MAX_EVENTS
from mock_api.eventsapi import FeedSettings
from mock_api.faults import FAULTS, Rule, rule_from_text
from mock_api.limits import LimitSettings
from mock_api.pages import SHAPES
from mock_api.rateheaders import RATE_HEADER_STYLES, RETRY_AFTER_STYLES

DEFAULT_MEMORY_MB = 64
DEFAULT_TOTAL = 100_000
DEFAULT_SEED = 1

_ENVIRONMENT = {
    "host": "MOCK_HOST",
    "port": "MOCK_PORT",
    "total": "MOCK_TOTAL_EVENTS",
    "seed": "MOCK_SEED",
    "api_key": "MOCK_API_KEY",
    "rate_limit": "MOCK_RATE_LIMIT",
    "rate_window_ms": "MOCK_RATE_WINDOW_MS",
}

_EPILOG = """\
Ground truth: 'python -m mock_api events --help' prints the events that a server with equal options serves.

Faults (--fault NAME=RATE[,PARAMETER=VALUE...], RATE being the share of requests):
"""


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that a server is started with."""

    host: str
    port: int
    total: int
    edition: int
    records: int
    feed: FeedSettings
    limits: LimitSettings
    api_key: str | None
    token_ttl_ms: int
    submission_quota: int
    memory_bytes: int
    prepare: bool
    rules: tuple[Rule, ...]
    fault_seed: int
    control: bool
    exit_with_parent: bool


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options, or SystemExit with status 2."""
    given = _parser(environment).parse_args(arguments)
    return Options(
        host=given.host,
        port=given.port,
        total=given.total,
        edition=given.edition,
        records=given.records,
        feed=FeedSettings(
            seed=given.seed,
            shape=given.shape,
            max_limit=given.max_limit,
            cursor_ttl_ms=given.cursor_ttl_ms,
            honour_since=given.honour_since,
            honour_until=given.honour_until,
            until_step_ms=given.until_step_ms,
            claim_total=given.claim_total,
            latency_ms=given.latency_ms,
            cache=given.cache,
        ),
        limits=LimitSettings(given.rate_limit, given.rate_window_ms, given.rate_headers, given.retry_after_style),
        api_key=given.api_key or None,
        token_ttl_ms=given.token_ttl_ms,
        submission_quota=given.submission_quota,
        memory_bytes=_memory_bytes(given.memory_mb, prepare=given.prepare),
        prepare=given.prepare,
        rules=tuple(given.fault),
        fault_seed=given.fault_seed,
        control=given.control,
        exit_with_parent=given.exit_with_parent,
    )


def _memory_bytes(memory_mb: int | None, *, prepare: bool) -> int:
    if memory_mb is None:
        return sys.maxsize if prepare else DEFAULT_MEMORY_MB * 1_000_000
    return memory_mb * 1_000_000


def _parser(environment: Mapping[str, str]) -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m mock_api",
        description="Serve an imitation of the events API. The first line of output is its base address.",
        epilog=_EPILOG + "\n".join(_fault_lines()),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )

    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--host", default=environment_default(environment, "host", "127.0.0.1"), help="address to bind [MOCK_HOST]"
    )
    serving.add_argument(
        "--port",
        type=whole(0, 65_535),
        default=environment_default(environment, "port", 0),
        help="0: any free port [MOCK_PORT]",
    )
    serving.add_argument(
        "--api-key", default=environment_default(environment, "api_key", None), help="demand this key [MOCK_API_KEY]"
    )
    serving.add_argument("--latency-ms", type=whole(0), default=0, help="delay of every page")
    serving.add_argument("--no-control", dest="control", action="store_false", help="leave out /__control")
    serving.add_argument("--exit-with-parent", action="store_true", help="end when the starting process has ended")

    add_feed_options(parser, environment)
    pages = parser.add_argument_group("pages")
    pages.add_argument("--shape", choices=SHAPES, default="nested", help="shape of a page (nested)")
    pages.add_argument("--max-limit", type=whole(1), default=5_000, help="largest page; more is cut silently (5000)")
    pages.add_argument("--cursor-ttl-ms", type=whole(1), default=120_000, help="a cursor's life (120000)")
    pages.add_argument("--honour-since", action="store_true", help="obey since (otherwise it is ignored)")
    pages.add_argument("--honour-until", action="store_true", help="obey until (otherwise it is ignored)")
    pages.add_argument("--until-step-ms", type=whole(1), default=1, help="round until down to a multiple of this (1)")
    pages.add_argument("--claim-total", type=whole(0), help="say this in meta.total instead of the truth")
    pages.add_argument("--cache", action="store_true", help="answer an identical request within 30 s from a cache")
    pages.add_argument("--prepare", action="store_true", help="make all events before the first request")
    pages.add_argument(
        "--memory-mb",
        type=whole(1),
        help=f"memory for made events, 0.35 MB per 1000 ({DEFAULT_MEMORY_MB}; with --prepare: whatever all need)",
    )

    profiles = parser.add_argument_group("other ways of paging")
    profiles.add_argument(
        "--records",
        type=whole(0),
        default=1_000,
        help="records of each of these and of /apis/ (1000)",
    )

    profiles.add_argument("--token-ttl-ms", type=whole(1), default=3_600_000, help="life of an OAuth2 token (3600000)")

    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--rate-limit",
        type=whole(0),
        default=environment_default(environment, "rate_limit", 0),
        help="requests per window and key; 0: no limit (0) [MOCK_RATE_LIMIT]",
    )
    limits.add_argument(
        "--rate-window-ms",
        type=whole(1),
        default=environment_default(environment, "rate_window_ms", 60_000),
        help="length of the window (60000) [MOCK_RATE_WINDOW_MS]",
    )
    limits.add_argument("--rate-headers", choices=RATE_HEADER_STYLES, default="legacy", help="generation (legacy)")
    limits.add_argument("--retry-after-style", choices=RETRY_AFTER_STYLES, default="seconds", help="on a 429 (seconds)")
    limits.add_argument("--submission-quota", type=whole(0), default=5, help="submissions per key (5)")

    faults = parser.add_argument_group("faults")
    faults.add_argument("--fault", action="append", type=_rule, default=[], metavar="NAME=RATE", help="repeatable")
    faults.add_argument("--fault-seed", type=whole(0), default=1, help="which requests the rates choose (1)")
    return parser


def environment_default(environment: Mapping[str, str], name: str, default: object) -> object:
    """The variable's text, which then goes through the option's type; an empty variable is an unset one."""
    return environment.get(_ENVIRONMENT[name]) or default


def add_feed_options(parser: ArgumentParser, environment: Mapping[str, str]) -> None:
    """The options that decide which events there are."""
    feed = parser.add_argument_group("feed")
    total = environment_default(environment, "total", DEFAULT_TOTAL)
    seed = environment_default(environment, "seed", DEFAULT_SEED)
    feed.add_argument(
        "--total", type=whole(0, MAX_EVENTS), default=total, help=f"events ({DEFAULT_TOTAL}) [MOCK_TOTAL_EVENTS]"
    )
    feed.add_argument("--seed", type=whole(0), default=seed, help=f"which events ({DEFAULT_SEED}) [MOCK_SEED]")
    feed.add_argument(
        "--edition", type=whole(0, EDITIONS - 1), default=0, help="another one: equal ids and times, other content (0)"
    )


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type of option: a whole number in a range."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            # Kubernetes sets MOCK_PORT=tcp://… by itself where a service is called mock.
            note = (
                ": Kubernetes sets NAME_PORT for a service called NAME, see enableServiceLinks" if "://" in text else ""
            )
            raise ArgumentTypeError(f"{text!r} is not a whole number{note}") from None
        if number < least or (most is not None and number > most):
            raise ArgumentTypeError(f"{number} is not in {least} to {'...' if most is None else most}")
        return number

    return convert


def _rule(text: str) -> Rule:
    try:
        return rule_from_text(text)
    except ValueError as exc:
        raise ArgumentTypeError(str(exc)) from None


def _fault_lines() -> list[str]:
    lines = []
    for name, (place, defaults) in FAULTS.items():
        params = " ".join(f"{key}={value!r}" for key, value in defaults.items())
        lines.append(f"  {name:<19}{place:<25}{params}".rstrip())
    return lines

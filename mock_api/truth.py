"""`python -m mock_api events`: prints what a server with equal options serves, one event a line.

The invariant: computed in this process from the options alone, never asked of a server.
"""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from mock_api.feed import Feed
from mock_api.hostile import ALL_KINDS, HostileEvents, woven
from mock_api.options import DEFAULT_MEMORY_MB, add_feed_options, whole

_STEP = 1_000
_BETWEEN_EVENTS = b',{"id":"'


def print_events(arguments: Sequence[str], environment: Mapping[str, str], out: BinaryIO) -> None:
    """Write the events that the arguments ask for, newest first."""
    parser = _parser(environment)
    given = parser.parse_args(arguments)
    if given.kinds and not given.malformed:
        parser.error("--kinds needs --malformed")
    if given.only_malformed and not given.malformed:
        parser.error("--only-malformed needs --malformed")
    stop = given.total if given.stop is None else min(given.stop, given.total)
    if given.ids and given.malformed:
        parser.error("--ids lists real events; it cannot be combined with --malformed")
    try:
        hostile = HostileEvents(given.malformed, given.kinds) if given.malformed else None
    except ValueError as exc:
        parser.error(str(exc))
    # Positions count from the newest event, ages from the oldest.
    ages = range(given.total - stop, given.total - min(given.start, stop))
    feed = Feed(given.seed, given.total, DEFAULT_MEMORY_MB * 1_000_000, given.edition)
    for line in _lines(feed, ages, hostile, only_hostile=given.only_malformed):
        out.write(_id_of(line) if given.ids else line)
        out.write(b"\n")


def _lines(feed: Feed, ages: range, hostile: HostileEvents | None, *, only_hostile: bool) -> Iterator[bytes]:
    if hostile is not None and only_hostile:
        yield from map(hostile.after, hostile.ages_in(ages.start, ages.stop))
        return
    for stop in range(ages.stop, ages.start, -_STEP):
        some = range(max(ages.start, stop - _STEP), stop)
        if hostile is None:
            chunks = feed.chunks(some.start, some.stop)
        else:
            chunks, _ = woven(feed.chunks, some, hostile)
        for chunk in chunks:
            first, *others = chunk.split(_BETWEEN_EVENTS)
            yield first
            for other in others:
                yield _BETWEEN_EVENTS[1:] + other


def _id_of(event: bytes) -> bytes:
    return event.split(b'"', 4)[3]


def _parser(environment: Mapping[str, str]) -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m mock_api events",
        description="Print the events of a feed, newest first, one a line, exactly as they are served.",
        epilog=f"Kinds of hostile events: {', '.join(ALL_KINDS)}.",
        allow_abbrev=False,
    )
    add_feed_options(parser, environment)
    parser.add_argument("--start", type=whole(0), default=0, help="first position, 0 being the newest event (0)")
    parser.add_argument("--stop", type=whole(0), help="position after the last (the end)")
    parser.add_argument("--ids", action="store_true", help="print the ids only")
    parser.add_argument(
        "--malformed",
        type=_density,
        metavar="DENSITY",
        help="with the hostile events of malformed_events=1,density=...",
    )
    parser.add_argument("--only-malformed", action="store_true", help="those alone")
    parser.add_argument("--kinds", type=lambda text: text.split("+"), default=[], help="kinds of them, joined by +")
    return parser


def _density(text: str) -> float:
    try:
        density = float(text)
    except ValueError:
        density = 0.0
    if not 0 < density <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number above 0 and up to 1")
    return density

"""Many streams in one database: what is read of one of them, beside a database that has it alone.

What the commands and the page read is measured, and not the start of their processes, which is the same for all and
would hide it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.bench import Bench
from bench.crowd import MEASURED, gather
from bench.figures import CaseFound, Figure, ratios
from bench.streams import READER
from datasync_spider.faces.dashboard.linerow import OVER
from datasync_spider.ops.verification.allchecks import check_all
from datasync_spider.ops.verification.deadletterchecks import look_through
from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.dashboard import (
    count_events,
    read_chosen,
    read_overview,
    read_rejected,
    read_runs,
    read_runs_by_id,
    read_streams,
)
from datasync_spider.storage.deadletters import Chosen, read_groups, read_list
from datasync_spider.storage.registry import Slice, find_slice
from datasync_spider.storage.status import read_last_runs, read_state
from datasync_spider.storage.verification import read_facts, snapshot

NAME = "many"
TITLE = "one stream of 300, with a stream of 1,000 slices beside them, and the same one alone in its database"
_STREAMS, _QUICK_STREAMS = 300, 20
_SLICES, _QUICK_SLICES = 1_000, 30
_RUNS, _QUICK_RUNS = 1_000, 30
_DEAD_LETTERS, _QUICK_LETTERS = 50, 5
_REPEATED = 7
# What else a stream has lies between what others have, so a row of its is a block to be read: the price of turns.
_TARGET = 3.0


@dataclass(slots=True)
class _Look:
    """One kind of looking, as seconds a look."""

    what: str
    look: Callable[[Connection, Slice], None]
    connected: Callable[[str], AbstractContextManager[Connection]] = connected
    alone: list[float] = field(default_factory=list)
    among_many: list[float] = field(default_factory=list)


def run(bench: Bench) -> CaseFound:
    runs = bench.size(_RUNS, _QUICK_RUNS)
    dead_letters = bench.size(_DEAD_LETTERS, _QUICK_LETTERS)
    streams, slices = bench.size(_STREAMS, _QUICK_STREAMS), bench.size(_SLICES, _QUICK_SLICES)
    urls = {name: bench.server.make_template(f"bench_{name}") for name in ("alone", "crowd")}
    gather(urls["alone"], streams=1, runs=runs, dead_letters=dead_letters, slices=0)
    gather(urls["crowd"], streams=streams, runs=runs, dead_letters=dead_letters, slices=slices)
    looks = [
        _Look("scrapy status of one", _status),
        _Look("the page of one", _page),
        _Look("scrapy rejected of one", _rejected),
        _Look("scrapy verify of one", _verify, snapshot),
    ]
    polls = _Look("the page's poll", _poll)

    def measure(name: str) -> Callable[[], str]:
        def measured() -> str:
            for look in (*looks, polls):
                samples = look.alone if name == "alone" else look.among_many
                samples.append(_seconds(look, urls[name]))
            return ", ".join(f"{look.what} {_last(look, name) * 1000:.1f} ms" for look in (*looks, polls))

        return measured

    bench.take_turns({name: measure(name) for name in urls})
    figures = [figure for look in looks for figure in _figures(look)]
    figures += [
        Figure(what=f"{polls.what}, alone", unit="ms", samples=[1000 * each for each in polls.alone]),
        Figure(what=f"{polls.what}, among many", unit="ms", samples=[1000 * each for each in polls.among_many]),
    ]
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=2 * runs, figures=figures)


def _figures(look: _Look) -> list[Figure]:
    return [
        Figure(what=f"{look.what}, alone", unit="ms", samples=[1000 * each for each in look.alone]),
        Figure(
            what=f"{look.what}, among many",
            unit="ms",
            samples=[1000 * each for each in look.among_many],
            ratios=ratios(look.among_many, look.alone),
            target=_TARGET,
            at_least=False,
        ),
    ]


def _last(look: _Look, name: str) -> float:
    return (look.alone if name == "alone" else look.among_many)[-1]


def _seconds(look: _Look, url: str) -> float:
    """The fastest of some, over one connection: what else the machine does only ever adds to it."""
    taken = []
    with look.connected(url) as connection:
        slice_ = find_slice(connection, MEASURED, READER)
        assert slice_ is not None
        for _ in range(_REPEATED):
            started = time.perf_counter()
            look.look(connection, slice_)
            taken.append(time.perf_counter() - started)
    return min(taken)


def _status(connection: Connection, slice_: Slice) -> None:
    read_state(connection, slice_.slice_id)
    runs = read_last_runs(connection, slice_.slice_id, 6)
    read_runs_by_id(connection, [runs[0]["run_id"]])


def _page(connection: Connection, slice_: Slice) -> None:
    chosen = read_chosen(connection, slice_.stream, None)
    assert chosen is not None
    assert chosen.table is not None
    numbers = chosen.slice_ids
    read_streams(connection, slice_ids=numbers, text=None, after=0, limit=51)
    read_runs(connection, slice_ids=numbers, status=None, before=None, limit=26)
    read_rejected(connection, slice_ids=numbers, reason=None, before=None, limit=21, limit_bytes=2_048)
    count_events(connection, chosen.table, since=None, until=None, max_bytes=2**26, limit=1_000)


def _poll(connection: Connection, _: Slice) -> None:
    read_overview(connection, OVER, max_runs=10)


def _rejected(connection: Connection, slice_: Slice) -> None:
    read_groups(connection, Chosen(slice_), 200)
    read_list(connection, Chosen(slice_), 20, 200)


def _verify(connection: Connection, slice_: Slice) -> None:
    facts = read_facts(connection, slice_)
    dead_letters = look_through(connection, slice_, facts.events.recorded_ids)
    if wrong := [check.text for check in check_all(facts, dead_letters, None) if not check.holds]:
        raise RuntimeError(f"what was made for this case does not verify: {wrong}")

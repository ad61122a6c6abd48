"""Machines as the page shows them, and the fleets that are at work, with where Dask's own pages are. Pure.

Invariant: a line's size is bounded, whatever is in it; so is a page's. An address that a fleet has left is a link only
where it is one of the web, without a name or a password in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from datasync_spider.faces.dashboard.visible import line
from datasync_spider.observe.columns import MACHINE, values
from datasync_spider.sources.addresses import check_base_url
from datasync_spider.storage.dashboard import Row
from datasync_spider.storage.machines import Machines

_LONGEST = 200


class MachineView(msgspec.Struct, frozen=True):
    """``worker`` None: no fleet has started what ran there. ``machine``: both in one, as a slice's line has it.

    ``values``: by the keys of the columns.
    """

    host: str
    worker: str | None
    machine: str
    state: str
    values: dict[str, Any]


class FleetView(msgspec.Struct, frozen=True):
    """A driver that is at work. ``dashboard_url``: of Dask's own page, where it is served."""

    host: str
    places: int
    dashboard_url: str | None


class AllMachines(msgspec.Struct, frozen=True):
    """What they come to together."""

    hosts: int
    values: dict[str, Any]


class MachinesPage(msgspec.Struct, frozen=True):
    """``count``: how many lines there are; ``after`` of them come before these, ``next_after`` continues the list."""

    at: datetime
    whole: AllMachines
    machines: list[MachineView]
    fleets: list[FleetView]
    count: int
    after: int
    next_after: int | None


def machines_page(found: Machines, fleets: Sequence[Row], after: int) -> MachinesPage:
    """The page that begins behind ``after`` lines."""
    whole = found.whole
    shown = after + len(found.lines)
    return MachinesPage(
        at=whole["read_at"],
        whole=AllMachines(whole["hosts"], values(MACHINE, whole)),
        machines=[_machine_view(row) for row in found.lines],
        fleets=[FleetView(_line(row["host"]), row["places"], _web_address(row["dashboard_url"])) for row in fleets],
        count=whole["lines"],
        after=after,
        next_after=shown if found.lines and shown < whole["lines"] else None,
    )


def _machine_view(row: Row) -> MachineView:
    return MachineView(
        host=_line(row["host"]),
        worker=line(row["worker"], _LONGEST),
        machine=_line(row["machine"]),
        state=row["state"],
        values=values(MACHINE, row),
    )


def _web_address(text: str | None) -> str | None:
    if text is None or len(text) > _LONGEST:
        return None
    try:
        check_base_url(text)
    except ValueError:
        return None
    return text


def _line(text: str) -> str:
    return line(text, _LONGEST) or ""

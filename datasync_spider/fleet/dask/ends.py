"""How slices have ended, from what a bundle's process has printed of them. Pure.

Invariant: of a slice of which nothing is printed it is said why, as far as the process has said anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from datasync_spider.faces.exitreport.printing import End
from datasync_spider.observe import exitcodes
from datasync_spider.observe.exitcodes import worst

_OF_THE_LINE = frozenset({"exit_code", "seconds", "stream", "slice", "status", "detail"})


class SliceEnd(Struct, frozen=True):
    """``seconds`` None: it was not begun."""

    end: End
    seconds: float | None


def ends_of(found: Mapping[str, Any], names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], SliceEnd]:
    """Of each of these slices, by its stream and its own name. ``found``: what a worker gives of the bundle."""
    where = {"worker": found["host"]}
    printed = {(one["stream"], one["slice"]): one for one in found["ends"] if "stream" in one}
    others = [one for one in found["ends"] if "stream" not in one]
    ends: dict[tuple[str, str], SliceEnd] = {}
    for key in names:
        if (one := printed.get(key)) is not None:
            ends[key] = SliceEnd(_end_of(one, where), float(one["seconds"]))
            continue
        said = [str(other["detail"]) for other in others]
        code = worst(int(other["exit_code"]) for other in others) if others else exitcodes.FAILED
        why = "; ".join(said) or "its process ended without a word, see the log of its worker"
        ends[key] = SliceEnd(End(code, [f"on {found['host']}: {why}"], where), None)
    return ends


def _end_of(one: Mapping[str, Any], where: Mapping[str, Any]) -> End:
    code = int(one["exit_code"])
    if one.get("run_id") is None:
        return End(code, [str(one.get("detail"))], where)
    return End(code, [str(one.get("detail") or one["status"])], {**one, **where} | {"exit_code": code})

"""How each of many syncs has ended, in a line, and all of them together, in another. Pure.

Invariant: a line says the same to a person and to a program, and a whole is never better than its worst part.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from datasync_spider.faces.exitreport.printing import End
from datasync_spider.faces.progress.texts import counted
from datasync_spider.observe import exitcodes
from datasync_spider.observe.exitcodes import worst
from datasync_spider.sources.streamnames import label

_WITHOUT_RUN = {
    exitcodes.BAD_CONFIGURATION: "refused",
    exitcodes.LEASE_HELD: "lease held",
    exitcodes.STOPPED: "stopped",
}


def status_of(end: End) -> str:
    """In a word or two: the run's, or why there was none."""
    return str(end.fields.get("status") or _WITHOUT_RUN.get(end.code, "failed"))


def line_of(end: End, stream: str, slice_name: str, seconds: float) -> str:
    """For people."""
    fields = end.fields
    line = f"{label(stream, slice_name)}: {status_of(end)} in {seconds:.1f} s"
    if "pages" in fields:
        known = ("duplicates", "rejected", "filtered", "retries")
        more = "".join(f", {fields[name]:,} {name}" for name in known if fields[name])
        line += f"; {counted(fields['pages'], 'page')}, {fields['inserted']:,} new{more}"
    if end.code == exitcodes.COMPLETE:
        return line
    why = why_of(end)
    return f"{line}; {why}" if why else line


def why_of(end: End) -> str:
    """Of one that is not complete: the run's reason, or what there is to be said without one."""
    if not end.fields.get("reason"):
        return end.lines[0] if end.lines else ""
    return f"{end.fields['reason']}" + (f" ({end.fields['detail']})" if end.fields.get("detail") else "")


def object_of(end: End, stream: str, slice_name: str, seconds: float) -> dict[str, Any]:
    """The same for programs."""
    fields = {"stream": stream, "slice": slice_name, "status": status_of(end), **end.fields}
    said = {} if end.fields.get("status") else {"detail": end.lines[0] if end.lines else None}
    return {**fields, **said, "exit_code": end.code, "seconds": round(seconds, 3)}


class Total:
    """Of all ends so far."""

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.inserted = 0
        self._codes: Counter[int] = Counter()

    def add(self, end: End, *, is_slice: bool = True) -> None:
        """``is_slice`` False: of something that ended no slice, such as a file that is no source."""
        self._codes[end.code] += 1
        if is_slice:
            self.by_status[status_of(end)] += 1
            self.inserted += end.fields.get("inserted") or 0

    @property
    def stopped(self) -> list[End]:
        """An end as stopped, where a signal has ended any."""
        return [End(exitcodes.STOPPED, [])] if self._codes[exitcodes.STOPPED] else []

    @property
    def code(self) -> int:
        return worst(+self._codes or (exitcodes.COMPLETE,))

    def line(self, seconds: float) -> str:
        syncs = self.by_status.total()
        if not syncs:
            return "sync: nothing was synced"
        states = ", ".join(f"{count:,} {status}" for status, count in self.by_status.most_common())
        return f"sync: {counted(syncs, 'sync')} in {seconds:.1f} s: {states}; {self.inserted:,} new"

    def as_object(self, seconds: float) -> dict[str, Any]:
        whole = {"syncs": self.by_status.total(), "by_status": dict(self.by_status), "inserted": self.inserted}
        return {"total": {**whole, "exit_code": self.code, "seconds": round(seconds, 3)}}

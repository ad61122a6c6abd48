"""Says how each of many syncs has ended, as it ends, and what all of them come to: in words, or as lines of JSON.

Invariant: every end is counted, and the whole is never better than its worst part.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from datasync_spider.faces.exitreport.printing import End, redacted, say
from datasync_spider.faces.exitreport.several import Total, line_of, object_of
from datasync_spider.observe import exitcodes

_IDLE_SEEN = 20


class Ends:
    """``as_json``: on standard output, for programs; else to standard error.

    ``sums_up``: of many that are complete and have brought nothing new, standard error gets the first few.
    """

    def __init__(self, *, as_json: bool, logs_json: bool, sums_up: bool = False) -> None:
        self.total = Total()
        self._as_json = as_json
        self._logs_json = logs_json
        self._sums_up = sums_up
        self._idle = 0
        self._began = time.monotonic()

    @property
    def stopped(self) -> list[End]:
        """An end as stopped, where a signal has ended any."""
        return self.total.stopped

    def synced(self, end: End, stream: str, slice_name: str, seconds: float) -> None:
        """Of a slice."""
        self.total.add(end)
        if self._as_json:
            self._print(object_of(end, stream, slice_name, seconds))
        else:
            line = line_of(end, stream, slice_name, seconds)
            say(End(end.code, [line], end.fields), as_json=self._logs_json, is_seen=not self._is_summed_up(end))

    def _is_summed_up(self, end: End) -> bool:
        """Those that are few are seen one by one."""
        if not self._sums_up or end.code != exitcodes.COMPLETE or end.fields.get("inserted"):
            return False
        self._idle += 1
        if self._idle == _IDLE_SEEN + 1:
            say(
                End(exitcodes.COMPLETE, ["further syncs that bring nothing new are counted, and not named"]),
                as_json=False,
            )
        return self._idle > _IDLE_SEEN

    def others(self, ends: Sequence[End]) -> None:
        """Of what is no slice's sync."""
        for end in ends:
            self.total.add(end, is_slice=False)
            if self._as_json:
                self._print({"exit_code": end.code, "detail": end.lines[0]})
            else:
                say(End(end.code, end.lines[:1]), as_json=self._logs_json)

    def whole(self) -> None:
        """Of all of them together."""
        seconds = time.monotonic() - self._began
        if self._as_json:
            self._print(self.total.as_object(seconds))
        else:
            say(End(self.total.code, [self.total.line(seconds)]), as_json=self._logs_json)

    def _print(self, fields: dict[str, Any]) -> None:
        print(redacted(json.dumps(fields)), flush=True)  # noqa: T201 - it is what a command prints

"""The answers under ``/api/``, ``/healthz`` and ``/metrics``: a path and its parameters in, JSON or metrics out.

For the page, for curl and for Prometheus.

Invariant: nothing that was asked for comes back in an answer, and every list is bounded and continued by ``before``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from datasync_spider.errors import StorageError
from datasync_spider.faces.dashboard.curves import Ledger
from datasync_spider.faces.dashboard.exposition import MEASURED, exposition
from datasync_spider.faces.dashboard.heavycounts import EventCounter, GroupCounter, Question
from datasync_spider.faces.dashboard.kept import Kept
from datasync_spider.faces.dashboard.linerow import OVER, lines_page
from datasync_spider.faces.dashboard.machinerow import machines_page
from datasync_spider.faces.dashboard.poller import Poller
from datasync_spider.faces.dashboard.questions import Busy, Reader
from datasync_spider.faces.dashboard.rejections import HEAD_BYTES, RejectedPage, rejected_page
from datasync_spider.faces.dashboard.replies import Refused, Reply, encoded_reply, json_reply
from datasync_spider.faces.dashboard.runrow import STATUSES, RunsPage, RunView, run_view, runs_page
from datasync_spider.faces.dashboard.streamrow import StreamsPage, streams_page
from datasync_spider.observe.states import STATES
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.dashboard import (
    read_chosen,
    read_recent_pages,
    read_rejected,
    read_runs,
    read_runs_by_id,
    read_streams,
)
from datasync_spider.storage.lines import Level, LineQuestion, Sort, read_lines, read_measures
from datasync_spider.storage.machines import read_fleets, read_machines

_NUMBER = re.compile(r"[0-9]{1,18}")
_LONGEST_TEXT = 200
_LONGEST_SLICE = 1_000
_MOST_LISTED = 200
_MOST_LINES = 50
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_STREAMS_LISTED = 50
_RUNS_LISTED = 25
_REJECTED_LISTED = 20

Parameters = Mapping[str, str]
Handler = Callable[[Parameters], Awaitable[Reply]]


class Api:
    """``reader`` answers what is asked on demand; the others keep what they have read.

    ``per_slice``: metrics have a label for each slice.
    """

    def __init__(
        self,
        poller: Poller,
        reader: Reader,
        ledger: Ledger,
        events: EventCounter,
        groups: GroupCounter,
        *,
        per_slice: bool,
    ) -> None:
        self._poller = poller
        self._reader = reader
        self._per_slice = per_slice
        self._kept_lines = Kept(self._read_lines)
        self._kept_machines = Kept(self._read_machines)
        self._ledger = ledger
        self._events = events
        self._groups = groups
        self._fixed: dict[str, Handler] = {
            "/healthz": self._health,
            "/metrics": self._metrics,
            "/api/state.json": self._state,
            "/api/lines.json": self._lines,
            "/api/machines.json": self._machines,
            "/api/streams.json": self._streams,
            "/api/runs.json": self._runs,
            "/api/events.json": self._event_counts,
            "/api/rejected.json": self._rejected,
            "/api/rejected/groups.json": self._rejected_groups,
        }
        self._of_run: list[tuple[re.Pattern[str], Callable[[int], Awaitable[Reply]]]] = [
            (re.compile(r"/api/runs/([0-9]{1,18})\.json"), self._run),
            (re.compile(r"/api/runs/([0-9]{1,18})/series\.json"), self._series),
        ]

    async def answer(self, path: str, parameters: Parameters) -> Reply:
        """Raises Refused."""
        try:
            if (handler := self._fixed.get(path)) is not None:
                return await handler(parameters)
            for pattern, of_run in self._of_run:
                if (match := pattern.fullmatch(path)) is not None:
                    return await of_run(int(match[1]))
        except StorageError as error:
            raise Refused(503, "The database cannot be read at the moment.", {"Retry-After": "5"}) from error
        except Busy as error:
            raise Refused(503, "Too many questions at once.", {"Retry-After": "2"}) from error
        raise Refused(404, "There is nothing under this address.")

    async def _health(self, _: Parameters) -> Reply:
        """Whether this process answers; a database that is away is reported by the page, and is no reason to end it."""
        return json_reply({"status": "ok", "viewers": self._poller.listeners})

    async def _metrics(self, _: Parameters) -> Reply:
        rows = await self._reader.read(
            lambda connection: read_measures(connection, MEASURED, per_slice=self._per_slice)
        )
        return Reply(200, _TEXT, exposition(rows, per_slice=self._per_slice))

    async def _state(self, _: Parameters) -> Reply:
        return encoded_reply(await self._poller.message())

    async def _lines(self, parameters: Parameters) -> Reply:
        question = LineQuestion(
            level=_one_of(parameters, "level", get_args(Level)),
            source=_text(parameters, "source"),
            stream=_text(parameters, "stream"),
            text=_text(parameters, "find"),
            state=_one_of(parameters, "state", tuple(STATES)),
            sort=_one_of(parameters, "sort", get_args(Sort)) or "state",
            after=_number(parameters, "after") or 0,
            limit=min(_limit(parameters, _MOST_LINES), _MOST_LINES),
        )
        return encoded_reply(await self._kept_lines.answer(question))

    async def _read_lines(self, question: LineQuestion) -> bytes:
        found = await self._reader.read(lambda connection: read_lines(connection, question, OVER))
        return msgspec.json.encode(lines_page(found, question.after))

    async def _machines(self, parameters: Parameters) -> Reply:
        after, limit = _number(parameters, "after") or 0, min(_limit(parameters, _MOST_LINES), _MOST_LINES)
        return encoded_reply(await self._kept_machines.answer((after, limit)))

    async def _read_machines(self, question: tuple[int, int]) -> bytes:
        after, limit = question

        def read(connection: Connection) -> bytes:
            found = read_machines(connection, after=after, limit=limit)
            return msgspec.json.encode(machines_page(found, read_fleets(connection), after))

        return await self._reader.read(read)

    async def _streams(self, parameters: Parameters) -> Reply:
        of, text = _chosen(parameters), _text(parameters, "find")
        after, limit = _number(parameters, "after") or 0, _limit(parameters, _STREAMS_LISTED)

        def read(connection: Connection) -> StreamsPage:
            slice_ids = _slice_ids(connection, of)
            return streams_page(
                read_streams(connection, slice_ids=slice_ids, text=text, after=after, limit=limit + 1), limit
            )

        return json_reply(await self._reader.read(read))

    async def _runs(self, parameters: Parameters) -> Reply:
        of, status = _chosen(parameters), _one_of(parameters, "status", STATUSES)
        before, limit = _number(parameters, "before"), _limit(parameters, _RUNS_LISTED)

        def read(connection: Connection) -> RunsPage:
            slice_ids = _slice_ids(connection, of)
            rows = read_runs(connection, slice_ids=slice_ids, status=status, before=before, limit=limit + 1)
            running = [row["run_id"] for row in rows if row["status"] == "running"]
            return runs_page(rows, read_recent_pages(connection, running), limit)

        return json_reply(await self._reader.read(read))

    async def _run(self, run_id: int) -> Reply:
        def read(connection: Connection) -> RunView | None:
            rows = read_runs_by_id(connection, [run_id])
            return run_view(rows[0], read_recent_pages(connection, [run_id]).get(run_id)) if rows else None

        return _found(await self._reader.read(read), "run")

    async def _series(self, run_id: int) -> Reply:
        return _found(await self._ledger.series(run_id), "run")

    async def _event_counts(self, parameters: Parameters) -> Reply:
        of = _chosen(parameters) or (None, None)
        view = await self._events.counts(Question(_number(parameters, "run"), *of))
        return _found(view, "run or stream")

    async def _rejected_groups(self, parameters: Parameters) -> Reply:
        return json_reply(await self._groups.groups(*_chosen(parameters) or (None, None)))

    async def _rejected(self, parameters: Parameters) -> Reply:
        of, reason = _chosen(parameters), _text(parameters, "reason")
        before, limit = _number(parameters, "before"), _limit(parameters, _REJECTED_LISTED)

        def read(connection: Connection) -> RejectedPage:
            slice_ids = _slice_ids(connection, of)
            rows = read_rejected(
                connection, slice_ids=slice_ids, reason=reason, before=before, limit=limit + 1, limit_bytes=HEAD_BYTES
            )
            return rejected_page(rows, limit)

        return json_reply(await self._reader.read(read))


def _found(view: object, what: str) -> Reply:
    if view is None:
        raise Refused(404, f"There is no such {what}.")
    return json_reply(view)


def _chosen(parameters: Parameters) -> tuple[str, str | None] | None:
    """The stream, and one of its slices or all of them; None: everything."""
    stream, slice_name = _text(parameters, "stream"), _text(parameters, "slice", _LONGEST_SLICE)
    if stream is None and slice_name is not None:
        raise Refused(400, "slice is one of a stream: name that as well.")
    return None if stream is None else (stream, slice_name)


def _slice_ids(connection: Connection, of: tuple[str, str | None] | None) -> list[int] | None:
    """By number, since a name is for people alone: none where there is no such stream, None for all."""
    if of is None:
        return None
    found = read_chosen(connection, *of)
    return found.slice_ids if found else []


def _text(parameters: Parameters, name: str, longest: int = _LONGEST_TEXT) -> str | None:
    """A filter; an empty one filters nothing."""
    text = parameters.get(name) or None
    if text is not None and (len(text) > longest or "\0" in text):
        raise Refused(400, f"{name} is not of a form that any {name} has.")
    return text


def _one_of(parameters: Parameters, name: str, allowed: Sequence[str]) -> Any:
    text = _text(parameters, name)
    if text is not None and text not in allowed:
        raise Refused(400, f"{name} is one of {', '.join(allowed)}.")
    return text


def _number(parameters: Parameters, name: str) -> int | None:
    text = parameters.get(name) or None
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise Refused(400, f"{name} must be a whole number.")
    return int(text)


def _limit(parameters: Parameters, usual: int) -> int:
    asked = _number(parameters, "limit")
    return usual if asked is None else min(max(asked, 1), _MOST_LISTED)

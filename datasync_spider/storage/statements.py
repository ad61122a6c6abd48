"""The named statements, and the table of a stream with those that touch its rows.

A statement stands in a file of ``sql/`` and starts at ``-- name: identifier``; comment lines under it
say what it promises. Parameters are psycopg2's ``%(name)s``.

Of a mutable stream also how two versions of a record compare. A version is the record's time, or what a path leads to
in its payload: numbers as numbers, texts that are times (RFC 3339, so with an offset) as times to the last digit, other
texts by their bytes. Whatever is none of these, or not there, is no version and earlier than any. So are times than
texts, and numbers than times: what an API mixes has an order all the same, and the same one at each look.

Invariant: no statement of ours touches rows but through here, so none can forget whose they are. Names reach the text
as quoted identifiers, a slice's number as a literal, and nothing else does.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct
from psycopg2 import sql

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)

# What the first migration has made; the stream that has it keeps it as it is.
SEED_TABLE = "ingested_events"
# Shorter than the suffix of a history, which the names of tables leave room for.
_VIEW = "_typed"

_DIGEST_CHARACTERS = 12
_COLUMNS = "event_id, occurred_at, payload"

_VERSION_BY_TIME = "coalesce(occurred_at, '-infinity')"
# A row of the kind and of what is compared within it: number, second, and the digits behind it or the text. Reckoned by
# hand, since a cast fails where a text looks like a time and is none, such as the 30th of February.
_VERSION_BY_PATH = """(
    SELECT CASE
        WHEN kind = 'number' THEN ROW(1, text::numeric, '-infinity'::timestamp, ''::bytea)
        WHEN part IS NOT NULL THEN ROW(
            2, 0::numeric,
            '0001-01-01'::timestamp
            + make_interval(years => part[1]::int - 1, months => part[2]::int - 1, days => part[3]::int - 1)
            + make_interval(hours => part[4]::int, mins => part[5]::int, secs => part[6]::int)
            - make_interval(hours => concat(part[8], coalesce(part[9], '0'))::int,
                            mins => concat(part[8], coalesce(part[10], '0'))::int),
            convert_to(rtrim(coalesce(part[7], ''), '0'), 'UTF8')
        )
        WHEN kind = 'string' THEN ROW(3, 0::numeric, '-infinity'::timestamp, convert_to(text, 'UTF8'))
        ELSE ROW(0, 0::numeric, '-infinity'::timestamp, ''::bytea)
    END
    FROM (
        SELECT jsonb_typeof(payload #> %(version_path)s::text[]) AS kind, payload #>> %(version_path)s::text[] AS text,
               regexp_match(payload #>> %(version_path)s::text[], %(time_pattern)s) AS part
    ) AS looked_at
)"""
_TIME_PATTERN = (
    r"^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))$"
)
_IS_DELETION = "payload #> %(tombstone_path)s::text[] = %(tombstone)s::jsonb"


def marked_name(name: str, what: str, longest_bytes: int) -> str:
    """The name with a digest of ``what`` behind it, cut so that it has at most so many bytes."""
    mark = "_" + hashlib.sha256(what.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return name.encode()[: longest_bytes - len(mark)].decode(errors="ignore") + mark


@cache
def _statements() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted((files(__package__) / "sql").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"statement {name} is defined twice, the second time in {file.name}")
            found[name] = _without_comments(text)
    return found


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip().removesuffix(";")


def statement(name: str) -> str:
    """The text of the statement ``name``. Raises KeyError where no file defines it."""
    return _statements()[name]


def names() -> frozenset[str]:
    """All names, for the test that each is used."""
    return frozenset(_statements())


class Versions(Struct, frozen=True):
    """How a mutable stream is written. ``path``: to the version, in the payload; None: it is the record's time.

    ``keeps_history``: what is replaced goes to the history table. ``tombstone``: a path and a JSON text; a version
    whose payload has that there says that its record is deleted.
    """

    path: tuple[str, ...] | None = None
    keeps_history: bool = False
    tombstone: tuple[tuple[str, ...], str] | None = None


class StreamTable(Struct, frozen=True):
    """``schema``: None for the one of all other tables. ``slice_id``: None where the stream has no slices.

    ``history``: the table of replaced versions, where there is one. ``versions``: None where records do not change.
    ``unseen``: its column that says when a record was marked as deleted, where it has one. ``timeline``: the view of
    all versions.
    """

    name: str
    schema: str | None = None
    slice_id: int | None = None
    history: str | None = None
    versions: Versions | None = None
    unseen: str | None = None
    timeline: str | None = None

    def statement(self, name: str) -> sql.Composed:
        """The named statement, for the rows of this slice alone.

        ``{table}``, its ``{columns}`` and its ``{key}``, the condition ``{of_slice}``, and ``{staged}``: the columns as
        they are read from ``staged_events``. ``{history}`` and its ``{slice_column}``, and ``{timeline}``.
        ``{version}`` of what has a time and a payload, and ``{is_deletion}`` of what has a payload; one with these
        needs :attr:`version_values`.
        ``{unseen}``: the column of marks, ``{marked}``: the time in it, NULL where there is none.
        """
        is_sliced = self.slice_id is not None
        number = sql.Literal(self.slice_id)
        return sql.SQL(statement(name)).format(
            table=self.identifier,
            history=self._identifier(self.history) if self.history else sql.SQL(""),
            timeline=self._identifier(self.timeline) if self.timeline else sql.SQL(""),
            version=sql.SQL(_VERSION_BY_TIME if not self.versions or self.versions.path is None else _VERSION_BY_PATH),
            is_deletion=sql.SQL(_IS_DELETION if self.versions and self.versions.tombstone else "false"),
            unseen=sql.Identifier(self.unseen) if self.unseen else sql.SQL(""),
            marked=sql.Identifier(self.unseen) if self.unseen else sql.SQL("NULL::timestamptz"),
            columns=sql.SQL(f"slice_id, {_COLUMNS}" if is_sliced else _COLUMNS),
            key=sql.SQL("event_id, slice_id" if is_sliced else "event_id"),
            slice_column=sql.SQL("slice_id        BIGINT NOT NULL,\n    " if is_sliced else ""),
            of_slice=sql.SQL("slice_id = {}").format(number) if is_sliced else sql.SQL("true"),
            staged=sql.SQL("{}::bigint, " + _COLUMNS).format(number) if is_sliced else sql.SQL(_COLUMNS),
        )

    @property
    def version_values(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if self.versions and self.versions.path is not None:
            values |= {"version_path": list(self.versions.path), "time_pattern": _TIME_PATTERN}
        if self.versions and self.versions.tombstone is not None:
            path, value = self.versions.tombstone
            values |= {"tombstone_path": list(path), "tombstone": value}
        return values

    @property
    def keeps_history(self) -> bool:
        """Whether each version that was in the table stays known, and from when to when it was."""
        return self.versions is not None and self.versions.keeps_history

    @property
    def identifier(self) -> sql.Identifier:
        return self._identifier(self.name)

    def _identifier(self, name: str) -> sql.Identifier:
        return sql.Identifier(name) if self.schema is None else sql.Identifier(self.schema, name)

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


def view_name(table: str) -> str:
    """What the view with typed columns of a stream's table is called; it is in the table's schema."""
    return f"{table}{_VIEW}"

"""Sources, streams and slices as lines of a list: how each is, a page at a time.

Invariant: a page is one statement, and what it gives is bounded by its limit, however many slices there are. Of several
slices together a column is their sum, or the worst of them, as the caller says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from psycopg2 import sql

from datasync_spider.observe.states import STATES
from datasync_spider.storage.connection import Connection, RowCursor, translated
from datasync_spider.storage.statements import statement

Row = dict[str, Any]
_OVER = {
    **{how: f"{how}({{of}}) AS {{name}}" for how in ("sum", "max", "min")},
    "only": "CASE WHEN min({of}) = max({of}) THEN min({of}) WHEN min({of}) IS NOT NULL THEN 'several' END AS {name}",
}
"""How several slices make one value."""

Level = Literal["sources", "streams", "slices"]
Sort = Literal["state", "lag", "name", "machine"]


class LineQuestion(NamedTuple):
    """``level`` None: the finest of which all lines fit. ``text``: what a name, or its machine's, holds.

    ``state``: lines with such a slice. ``after``: so many lines are passed over.
    """

    level: Level | None = None
    source: str | None = None
    stream: str | None = None
    text: str | None = None
    state: str | None = None
    sort: Sort = "state"
    after: int = 0
    limit: int = 50


class Lines(Struct, frozen=True):
    """``whole``: one row of all slices that are meant, whatever their state."""

    whole: Row
    lines: list[Row]


class SliceNames(NamedTuple):
    """A slice by its names."""

    source: str
    stream: str
    slice: str


def read_lines(
    connection: Connection,
    question: LineQuestion,
    over: Mapping[str, str],
    among: Sequence[SliceNames] | None = None,
) -> Lines:
    """``over``: of each column how several slices make one value. ``among``: no others are meant."""
    values = {
        **question._asdict(),
        "states": list(STATES),
        "streams": None if among is None else [one.stream for one in among],
        "slices": None if among is None else [one.slice for one in among],
    }
    is_of_state = sql.SQL("false" if question.state is None else "{} > 0").format(sql.Identifier(question.state or ""))
    query = sql.SQL(statement("read_lines")).format(
        states=_counts(), columns=_over(((key,), how) for key, how in over.items()), is_of_state=is_of_state
    )
    rows = _all(connection, query, values)
    return Lines(rows[0], rows[1:])


def read_measures(connection: Connection, over: Mapping[tuple[str, str], str], *, per_slice: bool = False) -> list[Row]:
    """A row for each stream, or for each slice. ``over``: by relation (``state``, ``facts``, ``run``) and column.

    A value is under both, as ``run.pages``; how many slices are in each state, under the state.
    """
    query = sql.SQL(statement("read_measures")).format(states=_counts(), columns=_over(over.items()))
    return _all(connection, query, {"per_slice": per_slice})


def read_slices(connection: Connection, among: Sequence[SliceNames]) -> list[Row]:
    """What is known of each of these, by name."""
    values = {"streams": [one.stream for one in among], "slices": [one.slice for one in among]}
    return _all(connection, sql.SQL(statement("read_slices")), values)


def read_line_names(connection: Connection) -> list[SliceNames]:
    """Of all slices that there are lines of."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_names_of_lines"))
        return [SliceNames(*row) for row in cursor.fetchall()]


def _counts() -> sql.Composable:
    one = sql.SQL("count(*) FILTER (WHERE state = {}) AS {}")
    return sql.SQL(", ").join(one.format(sql.Literal(state), sql.Identifier(state)) for state in STATES)


def _over(columns: Iterable[tuple[tuple[str, ...], str]]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL(_OVER[how]).format(of=sql.Identifier(*of), name=sql.Identifier(".".join(of))) for of, how in columns
    )


def _all(connection: Connection, query: sql.Composable, values: Row) -> list[Row]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(query, values)
        return [dict(_plain(row.items())) for row in cursor.fetchall()]


def _plain(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    """PostgreSQL's sums of whole numbers are of a type of their own."""
    return ((name, int(value) if isinstance(value, Decimal) else value) for name, value in items)

"""What resolving conflicts costs must not grow with the table."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from psycopg2 import sql

from datasync_spider.storage.connection import connected
from datasync_spider.storage.statements import StreamTable, Versions, statement
from tests.support.runs import EVENTS

_FILL = """
INSERT INTO ingested_events (event_id, occurred_at, payload)
SELECT md5(number::text), now(), jsonb_build_object('number', number, 'text', repeat('x', 300))
FROM generate_series(1, 20000) AS number
"""
_STAGE = "INSERT INTO staged_events SELECT event_id, occurred_at, payload FROM ingested_events LIMIT 2000"


_MUTABLE = ["keep_replaced", "replace_stored", "keep_earlier", "keep_contradicting", "find_unproven"]
_BY_TIME, _BY_PATH = (
    replace(EVENTS.table, history="kept", versions=Versions(path, keeps_history=True)) for path in (None, ("number",))
)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("keep_newcomers", EVENTS.table),
        ("compare_staged", EVENTS.table),
        *((name, table) for name in _MUTABLE for table in (_BY_TIME, _BY_PATH)),
    ],
)
def test_stored_versions_are_looked_up_by_their_keys_though_the_staged_table_has_no_statistics(
    database_url: str, name: str, table: StreamTable
) -> None:
    with connected(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(_FILL)
        cursor.execute("ANALYZE ingested_events")
        cursor.execute(_BY_TIME.statement("create_history"))
        cursor.execute(statement("create_staging"))
        cursor.execute(_STAGE)
        explain = sql.SQL("EXPLAIN ") + table.statement(name)
        values = {"slice_id": 1, "stream": "events", "run_id": 1, "before": "now", **table.version_values}
        cursor.execute(explain, values)
        before = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute(statement("look_up_by_key"))
        cursor.execute(explain, values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    # Where the staged rows are made few by DISTINCT, the planner may find the way by itself.
    assert "Seq Scan on ingested_events" in before or name in ("keep_replaced", "replace_stored")
    assert "Seq Scan on ingested_events" not in plan
    assert "ingested_events_pkey" in plan


@pytest.mark.parametrize("is_analysed", [True, False])
def test_known_keys_are_found_by_the_index_whatever_the_planner_believes_of_the_table(
    database_url: str, is_analysed: bool
) -> None:
    with connected(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(_FILL)
        if is_analysed:
            cursor.execute("ANALYZE ingested_events")
        cursor.execute(statement("look_up_by_key"))
        cursor.execute(
            sql.SQL("EXPLAIN ") + EVENTS.table.statement("find_known"), {"event_ids": "a,b,c", "separator": ","}
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "ingested_events_pkey" in plan

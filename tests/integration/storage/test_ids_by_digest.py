"""A digest is equal exactly where PostgreSQL holds two records to be one value, and storing one twice stores one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasync_spider.records.canonical import digest
from datasync_spider.storage.connection import connected
from tests.unit.records.jsontexts import objects, storable_text, written

NUMBERS = ["0", "-0", "0.0", "1", "1.0", "1.00", "10e-1", "1e0", "100", "1e2", "1E+2", "0.1", "1e-1", "-1", "-1.0e0"]
NUMBERS += ["12345678901234567890", "12345678901234567890.0", "1234567890123456789e1", "1e30", "1" + "0" * 30, "1.5"]
numbers = st.sampled_from(NUMBERS)
texts = st.sampled_from(['{"a":%s}', '{"a":[%s,{"b":%s}]}', '{"b":1,"a":%s}', '{"a":2,"a":%s}', '{ "a" : "%s" }'])


@st.composite
def small(draw: st.DrawFn) -> bytes:
    text = draw(texts)
    return (text % tuple(draw(numbers) for _ in range(text.count("%s")))).encode()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(small() | written(objects(storable_text)), min_size=2, max_size=12))
def test_digests_are_equal_where_postgresql_finds_records_equal(database_url: str, records: list[bytes]) -> None:
    with connected(database_url) as connection, connection.cursor() as cursor:
        listed: list[Any] = [record.decode() for record in records]
        cursor.execute(
            "SELECT dense_rank() OVER (ORDER BY record::jsonb) FROM unnest(%s::text[]) WITH ORDINALITY AS t(record, n)"
            " ORDER BY n",
            (listed,),
        )
        ranks = [rank for (rank,) in cursor.fetchall()]
    found = [digest(record, ()) for record in records]
    for one, rank in zip(found, ranks, strict=True):
        assert [one == other for other in found] == [rank == other for other in ranks], json.dumps(listed)

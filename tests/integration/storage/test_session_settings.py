"""What a role, a database, a file or the environment sets for a session reaches nothing that is stored or read."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from psycopg2 import extensions

from datasync_spider.errors import StorageError
from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.connection import connect, connected
from datasync_spider.storage.dashboard import ReadOnlySession, read_streams
from datasync_spider.storage.event_ids import id_snapshot
from datasync_spider.storage.migrate import migrate
from datasync_spider.storage.passdepth import read_pass_depth
from datasync_spider.storage.status import read_last_runs, read_state
from datasync_spider.storage.verification import read_facts, snapshot
from tests.support.database import execute_outside, rows, value
from tests.support.pages import event, page
from tests.support.runs import EVENTS, open_test_run, run_writer

ODD_ID = "évt-\\-'-\N{SNOWMAN}-\U0001f600"
RAW = b'{"id":"\xc3\xa9","a":"\\\\x00\'"}'
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

SETTINGS = [
    "client_encoding=LATIN1",
    "client_encoding=SQL_ASCII",
    "TimeZone=America/New_York",
    "TimeZone=Pacific/Kiritimati",
    "DateStyle=SQL, DMY",
    "DateStyle=German",
    "DateStyle=Postgres, MDY",
    "IntervalStyle=sql_standard",
    "extra_float_digits=-15",
    "bytea_output=escape",
    "standard_conforming_strings=off",
    "backslash_quote=off",
    "escape_string_warning=off",
    "array_nulls=off",
    "transform_null_equals=on",
    "quote_all_identifiers=on",
    "default_transaction_isolation=serializable",
    "default_transaction_isolation=repeatable read",
    "default_transaction_read_only=on",
    "default_transaction_deferrable=on",
    "statement_timeout=500",
    "lock_timeout=500",
    "idle_in_transaction_session_timeout=500",
    "transaction_timeout=1000",
    "row_security=off",
    "session_replication_role=replica",
    "synchronous_commit=off",
    "search_path=",
    "search_path=nowhere",
    "search_path=pg_catalog, public",
    "search_path=pg_temp, public",
    "check_function_bodies=off",
    "xmloption=document",
    "xmlbinary=hex",
    "plan_cache_mode=force_generic_plan",
    "client_min_messages=debug1",
    "enable_seqscan=off",
]


def by_role(url: str, setting: str) -> str:
    """A role of the same rights with the setting; its name begins so that it is cleared away."""
    role = f"role_{uuid.uuid4().hex[:12]}"
    execute_outside(url, f"CREATE ROLE {role} LOGIN SUPERUSER")
    execute_outside(url, f"ALTER ROLE {role} SET {_assignment(setting)}")
    return re.sub(r"//[^@]*@", f"//{role}@", url)


def by_database(url: str, setting: str) -> str:
    execute_outside(url, f"ALTER DATABASE {extensions.parse_dsn(url)['dbname']} SET {_assignment(setting)}")
    return url


def by_environment(url: str, setting: str) -> str:
    os.environ["PGOPTIONS"] = "-c " + setting.replace(" ", "\\ ")
    return url


def _assignment(setting: str) -> str:
    name, _, wanted = setting.partition("=")
    if name == "search_path" and wanted:
        # A list of names, which quotes would make one.
        return f"{name} = {wanted}"
    return f"{name} = '{wanted}'"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> Iterator[None]:
    monkeypatch.setenv("PGOPTIONS", "")
    yield
    monkeypatch.setenv("PGOPTIONS", "")
    for (role,) in rows(postgres_url, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'role~_%' ESCAPE '~'"):
        execute_outside(postgres_url, f"DROP ROLE {role}")


def write(url: str) -> None:
    """Two batches: one with events at both ends of time, and one that meets them again with other content."""
    ends = [event(ODD_ID, LAST_US, f'{{"id":"{ODD_ID[:3]}"}}'.encode()), event("b", FIRST_US), event("c", None)]
    with run_writer(url) as run:
        run.write(page(1, ends, rejected=[RejectedEvent(3, "no_id", RAW, "é\\'")], expected_total=5))
        other = event(ODD_ID, LAST_US, b'{"id":"other"}')
        run.write(page(2, [other, event("d")], ends_pass="last_page"))


def stored(url: str) -> dict[str, list[tuple[object, ...]]]:
    """As a plain client reads it: text in the encoding of the database, times in UTC."""
    asked = {
        "events": "SELECT convert_to(event_id, 'UTF8')::text, occurred_at, payload FROM ingested_events ORDER BY 1",
        "rejected": "SELECT raw::text, detail, reason FROM rejected_events",
        "conflicts": "SELECT event_id, occurred_at, payload FROM event_conflicts",
        "pages": "SELECT page_number, events, inserted, newest_at, oldest_at FROM ingestion_pages ORDER BY 1",
        "state": "SELECT total_ingested, total_rejected, newest_occurred_at, oldest_occurred_at, newest_event_id,"
        " oldest_event_id, pass_status FROM ingestion_state",
        "runs": "SELECT status, inserted, rejected, conflicts FROM ingestion_runs",
    }
    return {name: [tuple(_instant(v) for v in row) for row in rows(url, sql)] for name, sql in asked.items()}


TABLES = ("events", "rejected", "conflicts", "pages")


def in_tables(url: str) -> dict[str, list[tuple[object, ...]]]:
    """What reading, and opening the next run, leaves as it is."""
    found = stored(url)
    return {name: found[name] for name in TABLES}


def _instant(found: object) -> object:
    if isinstance(found, memoryview):
        return bytes(found)
    return found.astimezone(UTC) if isinstance(found, datetime) else found


def read_everything(url: str) -> None:
    """By every way that a command reads it."""
    with connected(url) as connection:
        stream = read_state(connection, 1)
        assert stream is not None
        assert (stream["oldest_occurred_at"], stream["newest_occurred_at"]) == (FIRST, LAST)
        assert len(read_last_runs(connection, 1, 5)) == 1
        depth = read_pass_depth(connection, EVENTS)
        assert (depth.oldest_ms, depth.newest_ms) == (None, LAST_US // 1000)
        migrate(connection)
    session = ReadOnlySession(url)
    found = session.run(lambda connection: read_streams(connection, slice_ids=None, text=None, after=0, limit=5), 60.0)
    assert found.streams[0]["newest_occurred_at"] == LAST
    session.close()
    with snapshot(url) as connection:
        facts = read_facts(connection, EVENTS)
    assert facts is not None
    ends, recorded = facts.events.ends, facts.events.recorded_ends
    assert ends == recorded
    assert ends.oldest is not None
    assert ends.newest is not None
    assert (ends.oldest.us, ends.newest.us, ends.newest.event_id.decode()) == (FIRST_US, LAST_US, ODD_ID)
    with id_snapshot(url, EVENTS) as ids:
        assert [event_id for batch in ids.batches() for event_id in batch] == ["b", "c", "d", ODD_ID]
    # The next run opens.
    assert open_test_run(url).resume.newest_ms == LAST_US // 1000


@pytest.fixture(scope="module")
def plain(postgres_url: str) -> dict[str, list[tuple[object, ...]]]:
    """What is stored where no one has set anything: the oracle."""
    from tests.support.database import fresh_database

    with fresh_database(postgres_url) as url:
        write(url)
        return stored(url)


def test_the_whole_range_of_ids_and_times_is_stored_as_it_came(plain: dict[str, list[tuple[object, ...]]]) -> None:
    ids = {str(row[0]): row[1:] for row in plain["events"]}
    assert ids["\\x" + ODD_ID.encode().hex()] == (LAST, {"id": ODD_ID[:3]})
    assert ids["\\x62"][0] == FIRST
    assert plain["rejected"] == [("\\x" + RAW.hex(), "é\\'", "no_id")]
    assert plain["state"][0][-1] == "complete"


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_role_changes_nothing(
    database_url: str, plain: dict[str, list[tuple[object, ...]]], setting: str
) -> None:
    url = by_role(database_url, setting)
    write(url)
    assert stored(database_url) == plain
    read_everything(url)


@pytest.mark.parametrize("set_", [by_database, by_environment])
@pytest.mark.parametrize(
    "setting",
    [
        "client_encoding=LATIN1",
        "TimeZone=America/New_York",
        "DateStyle=German",
        "default_transaction_isolation=serializable",
        "search_path=nowhere",
        "statement_timeout=500",
    ],
)
def test_nor_does_one_of_the_database_or_of_the_environment(
    database_url: str, plain: dict[str, list[tuple[object, ...]]], set_: Callable[[str, str], str], setting: str
) -> None:
    url = set_(database_url, setting)
    write(url)
    read_everything(url)
    os.environ["PGOPTIONS"] = ""
    execute_outside(database_url, f"ALTER DATABASE {extensions.parse_dsn(database_url)['dbname']} RESET ALL")
    assert in_tables(database_url) == {name: plain[name] for name in TABLES}


@pytest.mark.parametrize(
    ("variable", "wanted"),
    [("PGCLIENTENCODING", "LATIN1"), ("PGTZ", "Asia/Kathmandu"), ("PGDATESTYLE", "SQL, DMY"), ("PGGEQO", "off")],
)
def test_nor_does_a_variable_of_libpq(
    database_url: str,
    plain: dict[str, list[tuple[object, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    wanted: str,
) -> None:
    monkeypatch.setenv(variable, wanted)
    write(database_url)
    read_everything(database_url)
    monkeypatch.delenv(variable)
    assert in_tables(database_url) == {name: plain[name] for name in TABLES}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_fresh_database_is_migrated_whatever_is_set(empty_database_url: str, setting: str) -> None:
    url = by_role(empty_database_url, setting)
    with connected(url) as connection:
        migrate(connection)
    assert value(empty_database_url, "SELECT count(*) FROM public.schema_migrations") > 0


def test_nothing_of_it_stays_on_the_session(database_url: str) -> None:
    # A pooler would hand it on.
    with connected(by_role(database_url, "TimeZone=Asia/Kathmandu")) as connection:
        read_state(connection, 1)
        with extensions.connection.cursor(connection, cursor_factory=extensions.cursor) as plain_cursor:
            plain_cursor.execute(
                "SELECT current_setting('TimeZone'), current_setting('search_path'), current_setting('row_security')"
            )
            assert plain_cursor.fetchone() == ("Asia/Kathmandu", '"$user", public', "on")


def test_no_other_cursor_can_be_had(database_url: str) -> None:
    with connected(database_url) as connection, pytest.raises(TypeError, match="cursor begins transactions"):
        connection.cursor(cursor_factory=extensions.cursor)


def test_each_transaction_of_a_connection_begins_with_our_settings(database_url: str) -> None:
    connection = connect(by_role(database_url, "TimeZone=Asia/Kathmandu"))
    try:
        with connection.cursor() as cursor:
            for end in (connection.commit, connection.rollback, connection.commit):
                cursor.execute("SHOW TimeZone")
                assert cursor.fetchone() == ("UTC",)
                end()
    finally:
        connection.close()


def test_isolation_access_and_limits_are_ours(database_url: str) -> None:
    wanted = {
        "transaction_isolation": ("default_transaction_isolation=serializable", "read committed"),
        "transaction_read_only": ("default_transaction_read_only=on", "off"),
        "transaction_deferrable": ("default_transaction_deferrable=on", "off"),
        "statement_timeout": ("statement_timeout=60000", "0"),
        "lock_timeout": ("lock_timeout=60000", "10s"),
        "idle_in_transaction_session_timeout": ("idle_in_transaction_session_timeout=60000", "10s"),
        "transaction_timeout": ("transaction_timeout=60000", "0"),
    }
    for name, (setting, ours) in wanted.items():
        with connected(by_role(database_url, setting)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (ours,), name


def test_rows_that_a_policy_hides_are_an_error_and_not_missing(database_url: str) -> None:
    execute_outside(database_url, "ALTER TABLE ingestion_state ENABLE ROW LEVEL SECURITY")
    role = f"role_{uuid.uuid4().hex[:12]}"
    execute_outside(database_url, f"CREATE ROLE {role} LOGIN")
    execute_outside(database_url, f"GRANT SELECT ON ingestion_state TO {role}")
    url = re.sub(r"//[^@]*@", f"//{role}@", database_url)
    with connected(url) as connection, pytest.raises(StorageError, match="row-level security"):
        read_state(connection, 1)
    execute_outside(database_url, f"DROP OWNED BY {role}")

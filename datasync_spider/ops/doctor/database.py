"""What a database's facts mean for a crawl. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datasync_spider.errors import StorageError, StorageUnavailable
from datasync_spider.ops.doctor.finding import Finding, fine, problem, warning
from datasync_spider.sources import streamnames
from datasync_spider.storage.inspection import DatabaseFacts, ServerFacts
from datasync_spider.storage.shape import REMEDY

PART = "database"
_OLDEST_VERSION = 130000
# "2 (a, b)", "FIRST 2 (a, b)", "ANY 2 (a, b)"; a bare list asks for one.
_STANDBYS = re.compile(r"(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(", re.IGNORECASE)


def check_database(facts: DatabaseFacts, label: str) -> list[Finding]:
    """``label``: which database, for people."""
    server = facts.server
    reached = fine(
        PART, f"{label} answers: PostgreSQL {server.version}, as {server.role}, {server.database_bytes / 1e6:,.0f} MB"
    )
    return [reached, *_fitness(server), *_rights(facts), *_schema(facts), *_durability(server)]


def check_stream(stream: str, known: Sequence[str]) -> list[Finding]:
    """``known``: the streams that the database has."""
    text = streamnames.new(stream, known)
    return [] if text is None else [warning(PART, text, "correct STREAM, or leave it if a further stream is meant")]


def check_variables(ignored: Sequence[str], counting: Sequence[str]) -> list[Finding]:
    """The environment's variables for libpq: those without effect, and those that count besides DATABASE_URL."""
    found = []
    if ignored:
        found.append(
            fine(PART, f"{', '.join(ignored)} of the environment are ignored: DATABASE_URL alone names a database")
        )
    if counting:
        found.append(fine(PART, f"{', '.join(counting)} of the environment count for connections"))
    return found


def unreachable(error: StorageError, label: str) -> Finding:
    """For a database that could not be looked at."""
    if isinstance(error, StorageUnavailable):
        remedy = "start it, or correct DATABASE_URL: host, port, database, user and password; then look again"
    else:
        remedy = "correct DATABASE_URL, or ask who runs the database"
    return problem(PART, f"{label} cannot be used: {error}", remedy)


def _fitness(server: ServerFacts) -> list[Finding]:
    found = []
    if server.version_number < _OLDEST_VERSION:
        found.append(problem(PART, f"PostgreSQL {server.version} is too old", "use version 13 or newer"))
    if server.encoding != "UTF8":
        remedy = "create the database with ENCODING 'UTF8': others cannot hold every event"
        found.append(problem(PART, f"the database's encoding is {server.encoding}", remedy))
    if server.is_read_only:
        remedy = "name the primary in DATABASE_URL, or have it made writable"
        found.append(problem(PART, "the server takes no writes: it is a standby or read-only", remedy))
    elif server.is_read_only_by_default:
        remedy = "if nothing is to be written there, name another database: a crawl writes all the same"
        found.append(warning(PART, "default_transaction_read_only is on for this role and database", remedy))
    return found


def _rights(facts: DatabaseFacts) -> list[Finding]:
    server = facts.server
    found = []
    if facts.missing_rights:
        remedy = f"let the owner of the tables GRANT them to {server.role}"
        found.append(problem(PART, f"rights are missing: {', '.join(facts.missing_rights)}", remedy))
    if not server.may_create_temporary:
        remedy = f"GRANT TEMPORARY ON DATABASE {server.database} TO {server.role}"
        found.append(problem(PART, "no temporary tables may be made, which merging batches needs", remedy))
    if facts.pending:
        found += _rights_to_migrate(facts)
    return found or [fine(PART, "the rights that a crawl needs are there")]


def _rights_to_migrate(facts: DatabaseFacts) -> list[Finding]:
    server = facts.server
    found = []
    if not server.may_create:
        where = f"schema {server.schema}" if server.schema else "any schema of the search path"
        remedy = f"GRANT CREATE ON that SCHEMA TO {server.role}, or let a role that may run 'scrapy migrate'"
        found.append(problem(PART, f"migrations are pending, and no tables may be made in {where}", remedy))
    if facts.alien_tables:
        remedy = "let their owner run 'scrapy migrate'"
        found.append(problem(PART, f"migrations are pending, and others own {', '.join(facts.alien_tables)}", remedy))
    return found


def _schema(facts: DatabaseFacts) -> list[Finding]:
    if facts.table_faults:
        return [problem(PART, fault, REMEDY) for fault in facts.table_faults]
    if facts.alien_schema is not None:
        remedy = "use the version that made this schema, or another database"
        return [problem(PART, facts.alien_schema, remedy)]
    if facts.pending:
        remedy = "run 'scrapy migrate'; a crawl does so by itself"
        return [warning(PART, f"{len(facts.pending)} migrations are pending: {', '.join(facts.pending)}", remedy)]
    if "SELECT on schema_migrations" in facts.missing_rights:
        return []
    return [fine(PART, "the schema is up to date")]


def _standbys_needed(server: ServerFacts) -> int:
    """How many standbys must confirm a commit before it is answered."""
    names = server.synchronous_standby_names.strip()
    if not names or server.synchronous_commit in {"off", "local"}:
        return 0
    number = _STANDBYS.match(names)
    return int(number[1]) if number else 1


def _durability(server: ServerFacts) -> list[Finding]:
    unsafe = [name for name in ("fsync", "full_page_writes") if getattr(server, name) != "on"]
    found = []
    if unsafe:
        remedy = "switch on in postgresql.conf: what is called committed may be lost or torn when the machine fails"
        found.append(warning(PART, f"{' and '.join(unsafe)} {'is' if len(unsafe) == 1 else 'are'} off", remedy))
    if server.synchronous_commit == "off":
        remedy = "set synchronous_commit to on: the last moments before a crash of the server may be lost"
        found.append(warning(PART, "synchronous_commit is off", remedy))
    if server.standbys < _standbys_needed(server):
        names = server.synchronous_standby_names
        remedy = "start it, or have that set otherwise: until then every commit waits, and crawls stall"
        found.append(problem(PART, f"synchronous_standby_names is {names!r}, and no such standby is connected", remedy))
    return found or [fine(PART, "commits are durable (fsync, full_page_writes, synchronous_commit)")]

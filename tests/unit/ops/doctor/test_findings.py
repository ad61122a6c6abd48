"""What facts mean: each thing amiss is found, is graded, and comes with a remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.ops.doctor.clock import check_clock
from datasync_spider.ops.doctor.compiledcode import check_compiled
from datasync_spider.ops.doctor.configuration import InForce
from datasync_spider.ops.doctor.database import check_database, unreachable
from datasync_spider.ops.doctor.diagnosis import as_lines, as_report
from datasync_spider.ops.doctor.disk import check_disk, free_bytes
from datasync_spider.ops.doctor.finding import Finding, Level, fine, has_problems, problem, warning
from datasync_spider.storage.inspection import DatabaseFacts, ServerFacts

SERVER = ServerFacts(
    version_number=180001,
    version="18.1",
    encoding="UTF8",
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    synchronous_standby_names="",
    standbys=0,
    is_read_only=False,
    is_read_only_by_default=False,
    role="datasync",
    database="events",
    schema="public",
    may_create=True,
    may_create_temporary=True,
    database_bytes=8_000_000,
    now_epoch=1_700_000_000.0,
)
FACTS = DatabaseFacts(server=SERVER, missing_rights=(), alien_tables=(), pending=(), alien_schema=None)


def amiss(facts: DatabaseFacts) -> list[Finding]:
    return [finding for finding in check_database(facts, "the database") if finding.level is not Level.OK]


def with_server(**changed: object) -> DatabaseFacts:
    return replace(FACTS, server=replace(SERVER, **changed))


def test_a_database_that_is_as_it_should_be_has_nothing_amiss() -> None:
    assert amiss(FACTS) == []


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (with_server(version_number=120022, version="12.22"), Level.PROBLEM, "12.22 is too old"),
        (with_server(encoding="SQL_ASCII"), Level.PROBLEM, "SQL_ASCII"),
        (with_server(is_read_only=True), Level.PROBLEM, "no writes"),
        (with_server(is_read_only_by_default=True), Level.WARNING, "default_transaction_read_only is on"),
        (with_server(synchronous_standby_names="a"), Level.PROBLEM, "synchronous_standby_names is 'a'"),
        (with_server(synchronous_standby_names="ANY 2 (a, b)", standbys=1), Level.PROBLEM, "no such standby"),
        (with_server(fsync="off"), Level.WARNING, "fsync is off"),
        (with_server(fsync="off", full_page_writes="off"), Level.WARNING, "fsync and full_page_writes are off"),
        (with_server(synchronous_commit="off"), Level.WARNING, "synchronous_commit is off"),
        (with_server(may_create_temporary=False), Level.PROBLEM, "temporary tables"),
        (replace(FACTS, missing_rights=("INSERT on ingested_events",)), Level.PROBLEM, "INSERT on ingested_events"),
        (replace(FACTS, pending=("0006_submissions",)), Level.WARNING, "0006_submissions"),
        (replace(FACTS, alien_schema="migration 0002 was edited"), Level.PROBLEM, "was edited"),
    ],
)
def test_what_is_amiss_is_found_and_comes_with_a_remedy(facts: DatabaseFacts, level: Level, words: str) -> None:
    (finding,) = amiss(facts)
    assert finding.level is level
    assert words in finding.text
    assert finding.remedy


def test_rights_to_create_are_only_missed_where_migrations_are_pending() -> None:
    assert amiss(with_server(may_create=False)) == []
    pending = replace(with_server(may_create=False), pending=("0006_submissions",), alien_tables=("ingestion_state",))
    assert [finding.level for finding in amiss(pending)] == [Level.PROBLEM, Level.PROBLEM, Level.WARNING]


def test_a_database_that_cannot_be_looked_at_is_a_problem_with_a_remedy() -> None:
    for error in (StorageUnavailable("connection refused"), StorageRefused("no such database", "3D000")):
        finding = unreachable(error, "postgresql://host/events")
        assert finding.level is Level.PROBLEM
        assert "DATABASE_URL" in (finding.remedy or "")


@pytest.mark.parametrize(
    ("difference", "uncertain", "level"),
    [
        (0.0, 0.0, Level.OK),
        (4.9, 0.0, Level.OK),
        (-5.5, 1.0, Level.OK),
        (6.0, 0.0, Level.WARNING),
        (-6.5, 1.0, Level.WARNING),
        (301.0, 0.5, Level.PROBLEM),
        (-7200.0, 0.5, Level.PROBLEM),
    ],
)
def test_clocks_are_judged_by_the_difference_that_no_uncertainty_explains(
    difference: float, uncertain: float, level: Level
) -> None:
    finding = check_clock("the API", 1_700_000_000 + difference, 1_700_000_000, uncertain)
    assert finding.level is level
    assert (finding.remedy is None) == (level is Level.OK)


def test_a_difference_is_reported_with_its_direction() -> None:
    assert "60 s ahead of" in check_clock("the API", 1060, 1000, 0).text
    assert "60 s behind" in check_clock("the API", 940, 1000, 0).text


@pytest.mark.parametrize(
    ("free", "embedded", "level"),
    [
        (500_000_000, True, Level.PROBLEM),
        (3_000_000_000, True, Level.WARNING),
        (50_000_000_000, True, Level.OK),
        (100_000_000, False, Level.WARNING),
        (3_000_000_000, False, Level.OK),
    ],
)
def test_the_embedded_database_needs_more_room_than_the_files_beside_a_server(
    free: int, embedded: bool, level: Level
) -> None:
    assert check_disk(Path("/home/x"), free, embedded=embedded).level is level


def test_the_room_of_a_directory_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "there") > 0


def test_only_problems_keep_a_crawl_from_starting() -> None:
    assert not has_problems([fine("a", "b"), warning("a", "b", "c")])
    assert has_problems([fine("a", "b"), problem("a", "b", "c")])


def test_a_report_holds_settings_findings_and_the_verdict_but_no_secret() -> None:
    settings = [InForce("API_MODE", "live", "environment"), InForce("METRICS_PORT", None, "unset")]
    findings = [fine("api", "well\x1b"), problem("database", "refused for s3cret", "correct it")]
    report = as_report(settings, findings, ("s3cret",))
    assert report["ok"] is False
    assert "s3cret" not in json.dumps(report)
    lines = as_lines(report)
    assert "  METRICS_PORT=-  (unset)" in lines
    assert any("-> correct it" in line for line in lines)
    assert lines[-1].startswith("1 to put right")
    assert as_lines(as_report([], [fine("api", "well")]))[-1] == "ready to crawl"


def test_events_that_are_read_without_compiled_code_are_a_warning_and_no_problem() -> None:
    assert check_compiled(True).level is Level.OK
    finding = check_compiled(False)
    assert finding.level is Level.WARNING
    assert finding.remedy is not None
    assert "gcc and python3-dev" in finding.remedy

"""docs/reference/reasons.md lists what the code can write, and nothing else."""

from __future__ import annotations

from tests.unit.docs import slugs
from tests.unit.docs.pages import DOCS, names, read

PATH = DOCS / "reference" / "reasons.md"


def listed(*titles: str) -> list[str]:
    return [name for title in titles for name in names(read(PATH).section(title).rows())]


def test_every_reason_of_a_run_is_listed_and_no_other() -> None:
    told = listed("Why a run ended", "Why a crawl had no run")
    assert sorted(told) == sorted(slugs.run_reasons() | slugs.close_reasons())


def test_every_reason_to_ask_again_is_listed_and_no_other() -> None:
    assert sorted(listed("Why a page was asked for again")) == sorted(slugs.retry_reasons())


def test_every_other_reason_to_wait_is_listed() -> None:
    assert sorted(listed("Why the crawl waited")) == sorted(slugs.wait_reasons() - slugs.retry_reasons())


def test_every_reason_to_reject_an_event_is_listed_and_no_other() -> None:
    assert sorted(listed("Why an event was rejected")) == sorted(slugs.rejection_reasons())


def test_every_declared_slug_is_collected_by_one_of_the_ways_that_these_tests_know() -> None:
    assert set(slugs.declared_constants().values()) <= slugs.retry_reasons() | slugs.rejection_reasons()


def test_no_statement_writes_a_run_reason_that_these_tests_do_not_know() -> None:
    assert slugs.statements_that_set_a_run_reason() == {
        *("advance_run", "end_open_run", "end_run_unmodified", "finish_run", "supersede_runs")
    }


def test_every_reason_is_explained() -> None:
    assert [row for row in read(PATH).rows() if not all(row)] == []

"""docs/reference/reasons.md lists the declared reasons, and nothing else; what the code gives for one is declared."""

from __future__ import annotations

import signal
from importlib import import_module
from pkgutil import walk_packages

import datasync_spider
from datasync_spider.downloadermiddlewares import pace, retry
from datasync_spider.errors import DatasyncError
from datasync_spider.faces.dashboard.remedies import REJECTION_REASONS, RUN_REASONS
from datasync_spider.local.shutdown import stop_signals
from datasync_spider.observe import reasons
from datasync_spider.pacing import book
from datasync_spider.transport.exchange import TROUBLE
from tests.unit.docs.pages import DOCS, names, read

PATH = DOCS / "reference" / "reasons.md"


def listed(*titles: str) -> list[str]:
    return [name for title in titles for name in names(read(PATH).section(title).rows())]


def error_kinds() -> list[type[DatasyncError]]:
    for module in walk_packages(datasync_spider.__path__, "datasync_spider."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found: list[type[DatasyncError]] = [DatasyncError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("datasync_spider.")]


def test_every_reason_of_a_run_is_listed_and_no_other() -> None:
    assert sorted(listed("Why a run ended")) == sorted(reasons.RUN_REASONS)


def test_every_reason_to_have_no_run_is_listed_and_no_other() -> None:
    assert sorted(listed("Why a crawl had no run")) == sorted(reasons.NO_RUN_REASONS)


def test_every_reason_to_ask_again_is_listed_and_no_other() -> None:
    assert sorted(listed("Why a page was asked for again")) == sorted(reasons.RETRY_REASONS | {"status_NNN"})


def test_every_other_reason_to_wait_is_listed() -> None:
    assert sorted(listed("Why the crawl waited")) == sorted(reasons.WAIT_REASONS)


def test_every_reason_to_reject_an_event_is_listed_and_no_other() -> None:
    reported = listed("Why an event was rejected")
    assert sorted(reported) == sorted(reasons.REJECTION_REASONS | {"refused_by_postgresql_SSSSS"})


def test_every_reason_that_is_named_is_one_to_ask_again_or_to_reject_an_event() -> None:
    named = {word for name, word in vars(reasons).items() if name.isupper() and isinstance(word, str)}
    assert "empty_body" in named
    assert named <= reasons.RETRY_REASONS | reasons.REJECTION_REASONS


def test_the_reason_of_every_error_is_declared() -> None:
    given = {kind.__name__: kind.__dict__["reason"] for kind in error_kinds() if "reason" in kind.__dict__}
    assert {"FencedOff", "CertificateRefused", "ExportRefused"} <= given.keys()
    declared = reasons.RUN_REASONS | reasons.NO_RUN_REASONS
    assert {kind: reason for kind, reason in given.items() if isinstance(reason, str) and reason not in declared} == {}


def test_the_reason_of_every_trouble_on_the_way_is_declared() -> None:
    assert {*TROUBLE.values(), *retry._CONNECTION_TROUBLE.values()} <= reasons.RETRY_REASONS
    assert {pace._REASON, book.DECLARED, book.REPORTED} == reasons.WAIT_REASONS


def test_the_signals_that_end_a_run_are_declared() -> None:
    assert {number.name for number in (*stop_signals(), signal.SIGHUP)} <= reasons.RUN_REASONS


def test_the_dashboard_has_words_for_what_a_rows_reason_may_be_and_for_nothing_undeclared() -> None:
    assert REJECTION_REASONS.keys() == reasons.REJECTION_REASONS
    assert reasons.RUN_REASONS <= RUN_REASONS.keys() <= reasons.RUN_REASONS | reasons.NO_RUN_REASONS


def test_every_reason_is_explained() -> None:
    assert [row for row in read(PATH).rows() if not all(row)] == []

"""What is said of streams: in columns, for programs, and before something goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from datasync_spider.ops.registry.streamlist import as_lines, as_report, done_line, loss_lines
from datasync_spider.storage.owner import Owner
from datasync_spider.storage.removal import Target
from datasync_spider.storage.statements import StreamTable

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    plain = {
        "source": "datasync",
        "stream": "orders",
        "slice": "{}",
        "is_sliced": False,
        "table_schema": "public",
        "table_name": "datasync__orders",
        "total_ingested": 1_234_567,
        "total_rejected": 2,
        "total_filtered": 0,
        "total_unseen": 0,
        "late_seconds": 0.0,
        "drifted": 0,
        "pass_number": 3,
        "pass_kind": "full",
        "pass_status": "complete",
        "completed_at": NOON,
        "floor_at": None,
        "kept_floor_at": None,
        "paused_at": None,
        "every_seconds": None,
        "due_at": None,
        "lease_owner": None,
        "lease_run_id": None,
        "lease_expires_at": None,
        "lease_expired": True,
        "slices": 1,
        "run_id": 7,
        "status": "complete",
        "reason": "last_page",
    }
    return {**plain, **changes}


def target(**changes: Any) -> Target:
    plain: dict[str, Any] = {
        "stream_id": 2,
        "stream": "orders",
        "slice_name": None,
        "table": StreamTable("datasync__orders"),
        "slices": 1,
        "rows": 1234,
        "rejected": 5,
        "paused": 0,
        "foreign_keys": ("k of notes",),
    }
    return Target(**{**plain, **changes})


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    head, first, second = as_lines([row(slices=2), row(slices=2, stream="a", total_ingested=0, paused_at=NOON)])
    assert head == "source    stream  table                       stored  rejected  pass              last run"
    assert first == "datasync  orders  public.datasync__orders  1,234,567         2  3 full: complete  complete (run 7)"
    same = "datasync  a       public.datasync__orders          0         2  3 full: complete  complete (run 7)"
    assert second == f"{same}  paused since 2026-11-29 12:00:00 UTC"


def test_when_a_slice_is_due_and_how_late_it_is_is_said_where_something_says_how_often() -> None:
    (head, line) = as_lines([row(every_seconds=300.0, due_at=NOON, late_seconds=90.0)])
    assert "late" in head
    assert "1 min 30 s" in line
    assert line.endswith("  every 5 min 00 s, due 2026-11-29 12:00:00 UTC")


def test_who_runs_a_slice_is_named_and_a_name_cannot_move_the_cursor() -> None:
    owner = Owner("evil\x1b[2J", "boot", 7, 1.0).to_text()
    held = row(slice='{"n":"\x1b[1m"}', lease_owner=owner, lease_run_id=9, lease_expired=False)
    (_, line) = as_lines([held])
    assert line.endswith("held by process 7 on evil\\x1b[2J (run 9)")
    assert 'orders {"n":"\\x1b[1m"}' in line
    assert "an unknown process (run 9)" in as_lines([{**held, "lease_owner": "?"}])[1]


def test_a_stream_without_a_slice_or_a_table_is_listed_all_the_same() -> None:
    bare = row(slice=None, table_name=None)
    assert as_lines([bare])[1] == "datasync  orders  -           -         -  -     -"
    assert as_report([bare])["slices"] == [{"source": "datasync", "stream": "orders", "slice": None, "table": None}]
    assert as_lines([]) == ["no stream is registered: the first crawl begins one"]
    assert as_report([]) == {"slices": [], "more": 0}


def test_programs_are_given_all_of_it() -> None:
    owner = Owner("host", "boot", 7, 1.0).to_text()
    report = as_report([row(slices=5, lease_owner=owner, lease_run_id=9, lease_expires_at=NOON, lease_expired=False)])
    assert json.loads(json.dumps(report)) == {
        "slices": [
            {
                "source": "datasync",
                "stream": "orders",
                "slice": "{}",
                "table": "public.datasync__orders",
                "total_ingested": 1_234_567,
                "total_rejected": 2,
                "total_filtered": 0,
                "total_unseen": 0,
                "late_seconds": 0.0,
                "drifted": 0,
                "pass": {"number": 3, "kind": "full", "status": "complete"},
                "completed_at": "2026-11-29T12:00:00+00:00",
                "floor_at": None,
                "run": {"id": 7, "status": "complete", "reason": "last_page"},
                "lease": {
                    "held_by": "process 7 on host",
                    "run_id": 9,
                    "expires_at": "2026-11-29T12:00:00+00:00",
                    "expired": False,
                },
                "paused_at": None,
                "every_seconds": None,
                "due_at": None,
            }
        ],
        "more": 4,
    }


def test_what_goes_is_said_beforehand() -> None:
    assert loss_lines("reset", target(slices=3)) == [
        "stream orders of 3 slices: 1,234 rows by the totals in datasync__orders, 5 dead letters",
        "all that is forgotten, and so is the position; runs and pages stay as history",
        "to read everything again and keep what is stored: scrapy streams resync orders --full",
        "a foreign key leads to these rows: k of notes",
    ]
    assert loss_lines("drop", target())[1:] == [
        "all that goes, with its table, its positions, its runs and its pages",
    ]
    assert loss_lines("drop", target(slice_name="eu"))[:2] == [
        "stream orders eu: 1,234 rows by the totals in datasync__orders, 5 dead letters",
        "all that goes, with its position, its runs and its pages; the table stays for other slices",
    ]


def test_what_was_done_is_said_and_that_a_paused_stream_stays_so() -> None:
    assert done_line("drop", target(slice_name="eu")) == "stream orders eu is dropped"
    assert done_line("reset", target()) == "stream orders is reset: the next crawl reads all of it anew"
    assert done_line("reset", target(paused=1)).endswith("anew; it stays paused")


def test_tokens_that_stay_are_named() -> None:
    assert not any("tokens" in line for line in loss_lines("drop", target()))
    for action in ("reset", "drop"):
        assert any("the tokens of its source stay" in line for line in loss_lines(action, target(tokens=1)))

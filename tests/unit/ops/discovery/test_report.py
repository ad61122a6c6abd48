"""A discovery for people and programs: complete, safe to print, and without secrets."""

from __future__ import annotations

import json

from datasync_spider.ops.discovery.discovered import as_lines, as_report, summary
from datasync_spider.ops.discovery.examine import examine
from tests.support.sources import PAGES

KEY = "s3cret-key"
HEADERS = [("X-API-Key", KEY), ("X-Echo", f"key {KEY}"), ("Content-Type", "application/json"), ("X-Evil", "\x1b[2J")]
BODY = json.dumps(
    {
        "data": [
            {"id": "a-1", "timestamp": 1_769_541_612_369, "name": f"{KEY}\x1b[31m\u202e"},
            {"timestamp": 5},
        ],
        "hasMore": True,
        "nextCursor": "c",
    }
).encode()


def test_no_secret_and_no_control_character_is_in_a_report() -> None:
    report = as_report(examine(PAGES, "http://127.0.0.1/events", 200, HEADERS, BODY, 0.0, 5), (KEY,))
    text = "\n".join(as_lines(report))
    assert KEY not in text
    assert KEY not in json.dumps(report)
    assert all(line.isprintable() for line in as_lines(report))
    assert summary(report).isprintable()


def test_samples_are_shown_as_they_would_be_stored() -> None:
    report = as_report(examine(PAGES, "http://127.0.0.1/events", 200, [], BODY, 0.0, 5))
    (sample,) = report["samples"]
    assert sample["event_id"] == "a-1"
    assert sample["occurred_at"] == "2026-01-27T19:20:12.369000+00:00"
    assert sample["payload"]["timestamp"] == 1_769_541_612_369


def test_rejected_events_are_listed_with_what_does_not_fit() -> None:
    report = as_report(examine(PAGES, "http://127.0.0.1/events", 200, [], BODY, 0.0, 5))
    assert report["rejected_count"] == 1
    assert report["rejected"][0]["raw"] == '{"timestamp": 5}'
    assert any("event 1 (" in line for line in as_lines(report))


def test_an_answer_that_is_no_page_still_makes_a_whole_report() -> None:
    report = as_report(examine(PAGES, "http://127.0.0.1/events", 503, [("Retry-After", "5")], b"<html>", 0.0, 5))
    assert report["readable"] is False
    assert report["samples"] == []
    assert "no page of events" in summary(report)
    assert any("503" in line for line in as_lines(report))


def test_a_report_can_be_written_as_json_whatever_the_answer_was() -> None:
    for body in (BODY, b"", b"\xff\xfe", b'{"data":[null,1,[]],"hasMore":false}'):
        json.dumps(as_report(examine(PAGES, "http://127.0.0.1/events", 200, HEADERS, body, 0.0, 5)))


def test_a_secret_that_is_a_word_of_the_report_itself_breaks_nothing() -> None:
    report = as_report(examine(PAGES, "http://127.0.0.1/events", 200, HEADERS, BODY, 0.0, 5), ("e",))
    assert report["samples"][0]["event_id"] == "a-1"
    assert as_lines(report)
    assert summary(report)

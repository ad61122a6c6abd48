"""What an API sent is made safe to look at."""

from __future__ import annotations

from datetime import UTC, datetime

from datasync_spider.ops.deadletters.listing import HEAD_BYTES, as_lines, as_report, shown
from datasync_spider.storage.deadletters import Chosen, DeadLetterCount, DeadLetterGroup, ListedDeadLetter
from tests.support.runs import EVENTS

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHOSEN = Chosen(EVENTS)


def listed(raw: bytes, *, detail: str | None = None, position: int = 3, reason: str = "no_id") -> ListedDeadLetter:
    return ListedDeadLetter(7, 2, 5, position, reason, detail, raw[:HEAD_BYTES], len(raw), WHEN, None)


def group(raw: bytes) -> DeadLetterGroup:
    return DeadLetterGroup("no_id", 12, 0, 480, WHEN, WHEN, 7, raw[:HEAD_BYTES], len(raw))


def test_controls_escapes_and_bidi_marks_are_made_visible() -> None:
    hostile = "a\x1b[31mred\x07\r\n\x9b2J\u202eevil\u2066\u200b\ufeff"
    assert shown(hostile.encode()) == ("a\\x1b[31mred\\x07\\r\\n\\x9b2J\\u202eevil\\u2066\\u200b\\ufeff")


def test_bytes_that_are_no_utf_8_are_made_visible() -> None:
    assert shown(b'{"a":"\xff\xc3"}') == '{"a":"\\xff\\xc3"}'


def test_a_long_text_is_cut_and_says_so_also_where_its_characters_take_four_bytes() -> None:
    raw = ("\N{GRINNING FACE}" * 5_000).encode()
    assert shown(raw[:HEAD_BYTES]) == "\N{GRINNING FACE}" * 200 + "…"


def test_a_text_that_fits_is_not_cut() -> None:
    assert shown(b"x" * 200) == "x" * 200


def test_no_line_holds_anything_that_a_terminal_would_obey() -> None:
    entry = listed(b"\x1b]0;title\x07", detail="\x1b[2J", reason="no\nid")
    for line in as_lines(CHOSEN, DeadLetterCount(1, 0), [group(b"\x1b[5m")], [entry]):
        assert line.isprintable()


def test_a_listed_event_tells_run_page_position_reason_detail_and_size() -> None:
    lines = as_lines(CHOSEN, DeadLetterCount(1, 0), [], [listed(b"{}", detail="number out of range")])
    assert "#7 run 2, page 5, position 3: no_id (number out of range), 2 bytes" in lines


def test_a_position_that_is_not_known_is_not_reported_as_a_number() -> None:
    entry = listed(b"{}", position=-1)
    assert "position unknown" in as_lines(CHOSEN, DeadLetterCount(1, 0), [], [entry])[-2]
    assert as_report(CHOSEN, DeadLetterCount(1, 0), [], [entry])["events"][0]["position"] is None


def test_a_group_tells_its_number_its_times_and_its_newest_event() -> None:
    lines = as_lines(CHOSEN, DeadLetterCount(12, 0), [group(b'{"x":1}')], [])
    assert lines[-1].split() == ["12", "no_id", "2026-01-02", "03:04:05", "2026-01-02", "03:04:05", "#7", '{"x":1}']


def test_what_is_left_out_is_said() -> None:
    assert "3 were resolved by a replay; --all lists them too" in as_lines(CHOSEN, DeadLetterCount(1, 3), [], [])[0]
    chosen = Chosen(EVENTS, "no_id", 4)
    assert as_lines(chosen, DeadLetterCount(1, 0), [], []) == ["stream events, reason no_id, run 4: 1 rejected events"]

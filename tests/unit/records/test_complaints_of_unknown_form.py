"""What a server says about an answer that is no page, where it says it in words that no one knows."""

from __future__ import annotations

from datasync_spider.records.complaint import read_complaint


def test_what_an_answer_says_in_words_that_no_one_knows_is_shown_as_it_is() -> None:
    reported = read_complaint("application/json", b'{"errors": {"page_info": "Invalid value."}}')
    assert (reported.code, reported.message, reported.text) == (None, None, "")
    assert reported.said == '{"errors":{"page_info":"Invalid value."}}'
    assert read_complaint("application/json", b"[]").said is None
    assert len(read_complaint("application/json", b'{"a": "' + b"x" * 9_000 + b'"}').said or "") == 300

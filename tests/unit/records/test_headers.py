"""Headers as pairs and as plain text, compared with what Scrapy's own methods make of them."""

from __future__ import annotations

from scrapy.http import Headers

from datasync_spider.records.headers import fill_headers, header_pairs, plain_headers, plain_pairs

PAIRS = [
    (b"content-type", b"application/json"),
    (b"X-RateLimit-Limit", b"10"),
    (b"SET-COOKIE", b"a"),
    (b"set-cookie", b"b"),
]


def test_they_are_filled_as_scrapy_fills_them() -> None:
    ours, scrapys = Headers({"Server": "before"}), Headers({"Server": "before"})
    fill_headers(ours, PAIRS)
    scrapys.update(PAIRS)
    assert dict(ours) == dict(scrapys)
    assert ours.getlist("Set-Cookie") == [b"a", b"b"]


def test_pairs_are_what_scrapy_would_send() -> None:
    headers = Headers({"accept": "application/json", "X-Two": ["1", "2"]})
    assert header_pairs(headers) == [(name, value) for name, values in headers.items() for value in values]


def test_plain_headers_have_lower_case_names_and_the_last_value() -> None:
    headers = Headers(PAIRS)
    headers["X-Empty"] = None
    assert plain_headers(headers) == {"content-type": "application/json", "x-ratelimit-limit": "10", "set-cookie": "b"}


def test_of_what_speaks_of_waits_and_limits_every_line_counts() -> None:
    pairs = [("Retry-After", "1"), ("Date", "a"), ("retry-after", "120"), ("X-RateLimit-Reset", "3"), ("date", "b")]
    expected = {"retry-after": "1, 120", "date": "b", "x-ratelimit-reset": "3"}
    assert plain_pairs(pairs) == expected
    headers = Headers()
    fill_headers(headers, [(name.encode(), value.encode()) for name, value in pairs])
    assert plain_headers(headers) == expected

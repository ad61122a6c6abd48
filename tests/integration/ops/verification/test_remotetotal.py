"""What asking the API for its total comes to, over real HTTP."""

from __future__ import annotations

import pytest

from datasync_spider.ops.verification.completeness import RemoteTotal
from datasync_spider.ops.verification.remotetotal import ask_total
from tests.support.feed import Reply, serving
from tests.support.plans import plan_for


def asked(body: object) -> RemoteTotal:
    with serving(answer=lambda _: Reply(body)) as feed:
        return ask_total(plan_for(feed.base_url), 0.0)


@pytest.mark.parametrize("written", [b"30", b"30.0", b'"3e1"'])
def test_a_total_is_had_however_it_is_written(written: bytes) -> None:
    assert asked(b'{"data":[],"hasMore":false,"meta":{"total":' + written + b"}}") == RemoteTotal(30)


def test_a_total_that_is_not_given_is_no_trouble() -> None:
    assert asked({"data": [], "hasMore": False}) == RemoteTotal(None)


@pytest.mark.parametrize("total", ["thirty", -1, 30.5])
def test_a_total_that_cannot_be_read_is_not_taken_for_none(total: object) -> None:
    remote_total = asked({"data": [], "hasMore": False, "total": total})
    assert remote_total.trouble == f"it gave one that cannot be read as a count of events: {total!r}"
    assert remote_total.remedy


def test_an_error_in_a_200_is_trouble() -> None:
    remote_total = asked({"data": [], "hasMore": False, "total": 0, "error": {"code": "UPSTREAM_TIMEOUT"}})
    assert remote_total.trouble == "error_in_page: UPSTREAM_TIMEOUT"

"""What the APIs of the torture's many slices hold against a client, and what their feeds say is in them."""

from __future__ import annotations

import json

from bench.torture.many.api import BUDGET, ManyApis, key_of
from bench.torture.many.feeds import Changing, Growing
from mock_api.calls import Call, Moment
from mock_api.replies import Reply
from mock_api.upload import Upload

TENANTS = {"ledger": ["t0", "t1"], "people": ["t0"], "shelf": ["t0", "t1"]}


def asked(apis: ManyApis, feed: str, at_ms: float, key: str | None = None) -> int:
    source, tenant = feed.split("/")
    header = b"x-api-key" if source == "shelf" else b"authorization"
    fields = {header: key_of(source, tenant) if key is None else key}
    params = {"limit": "20", "per_page": "20", "offset": "0"}
    call = Call("GET", f"/{feed}", Moment(int(at_ms), at_ms), params, fields=fields)
    return answered(apis, call).status


def controlled(apis: ManyApis, action: str, body: object) -> None:
    upload = Upload()
    upload.write(json.dumps(body).encode())
    answered(apis, Call("POST", f"/__control/{action}", Moment(0, 0.0), upload=upload))


def answered(apis: ManyApis, call: Call) -> Reply:
    reply, _ = apis.answer(call)
    call.upload.close()
    return reply


def quiet() -> ManyApis:
    apis = ManyApis(TENANTS, 1)
    controlled(apis, "well", {})
    return apis


def test_a_request_over_the_declared_budget_is_refused_and_kept_as_a_breach() -> None:
    apis = quiet()
    requests, seconds = BUDGET
    statuses = [asked(apis, f"ledger/t{n % 2}", 1_000.0 + n) for n in range(requests + 1)]
    assert statuses == [200] * requests + [429]
    assert [(one.kind, one.feed) for one in apis.breaches] == [("over", "ledger/t0")]
    assert asked(apis, "ledger/t1", 1_001.0 + seconds * 1_000) == 200


def test_a_request_before_a_refusal_ends_is_early_of_who_has_heard_it_and_not_yet_of_another() -> None:
    apis = quiet()
    for n in range(BUDGET[0] + 1):
        asked(apis, "ledger/t0", 1_000.0 + n)
    apis.breaches.clear()
    asked(apis, "ledger/t1", 1_100.0)
    assert [one.kind for one in apis.breaches] == ["over"]
    asked(apis, "ledger/t0", 1_200.0)
    assert [one.kind for one in apis.breaches] == ["over", "early", "over"]


def test_another_tenants_key_is_wrong_and_a_sick_tenant_is_refused() -> None:
    apis = quiet()
    assert asked(apis, "people/t0", 1_000.0, key_of("people", "t1")) == 401
    assert [one.kind for one in apis.breaches] == ["wrong key"]
    controlled(apis, "sick", ["shelf/t1"])
    assert [asked(apis, "shelf/t0", 2_000.0), asked(apis, "shelf/t1", 2_000.0)] == [200, 403]


def test_a_feed_that_changes_has_each_record_once_as_it_is_and_the_latest_change_last() -> None:
    feed = Changing("people/t0")
    feed.grow(30, 0)
    feed.grow(0, 7)
    records = [json.loads(text) for text in feed.truth()]
    assert sorted(record["id"] for record in records) == sorted(f"n-{n}" for n in range(30))
    assert [record["at"] for record in records] == sorted(record["at"] for record in records)
    assert sum(record["version"] > 0 for record in records[-7:]) == 7


def test_a_feed_that_grows_keeps_what_it_had_and_its_hostile_records_are_all_different_or_without_content() -> None:
    feed = Growing("ledger/t0", 0.1)
    feed.grow(100, 0)
    before = feed.truth()
    feed.grow(100, 5)
    assert feed.truth()[-len(before) :] == before
    assert len(feed.truth()) > feed.total == 205

"""The other ways of paging over HTTP: links in a header, and offsets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mock_api.records import link_record, offset_record
from tests.mock_api.client import Answer, Server

Serve = Callable[..., Server]

_LINK = re.compile(r'<([^>]*)>; title="(?:[^"\\]|\\.)*"; rel="(\w+)"')


def links(answer: Answer) -> dict[str, str]:
    """The references by their relation; nothing of the header may be left over."""
    header = answer.headers["Link"] or ""
    assert _LINK.sub("", header).replace(", ", "") == ""
    return {relation: reference for reference, relation in _LINK.findall(header)}


def path_of(server: Server, url: str) -> str:
    own = "http://{}:{}".format(*server.address)
    assert url.startswith(f"{own}{server.base_path}/link/records?")
    return url.removeprefix(own)


def walk_links(server: Server, path: str) -> list[Any]:
    found = []
    while path:
        answer = server.ask(path)
        assert answer.status == 200
        found.append(answer.json())
        path = path_of(server, following) if (following := links(answer).get("next")) else ""
    return found


def walk_offsets(server: Server, limit: int) -> list[Any]:
    found: list[Any] = []
    while True:
        page = server.ask(f"{{base}}/offset/records?offset={len(found)}&limit={limit}").json()
        assert page["meta"] == {"count": 250}
        if not page["result"]["items"]:
            return found
        found += page["result"]["items"]


@pytest.fixture
def records(serve: Serve) -> Server:
    return serve("--records", "250")


def test_links_lead_through_all_records_from_the_newest_on(records: Server) -> None:
    pages = walk_links(records, "{base}/link/records?per_page=40")
    assert [len(page) for page in pages] == [40] * 6 + [10]
    assert [record for page in pages for record in page] == [link_record(1, age) for age in range(249, -1, -1)]


def test_offsets_lead_through_all_records_from_the_newest_on(records: Server) -> None:
    assert walk_offsets(records, 40) == [offset_record(1, age) for age in range(249, -1, -1)]


def test_links_are_those_that_the_page_has(records: Server) -> None:
    def relations(page: int) -> list[str]:
        return list(links(records.ask(f"{{base}}/link/records?per_page=100&page={page}")))

    assert relations(1) == ["next", "last"]
    assert relations(2) == ["prev", "next", "last", "first"]
    assert relations(3) == relations(4) == ["prev", "first"]


def test_a_single_page_has_no_links(serve: Serve) -> None:
    server = serve("--records", "5")
    answer = server.ask("{base}/link/records")
    assert (len(answer.json()), answer.headers["Link"]) == (5, None)


def test_no_records_are_an_empty_page(serve: Serve) -> None:
    server = serve("--records", "0")
    assert server.ask("{base}/link/records").json() == []
    assert server.ask("{base}/offset/records").json() == {"meta": {"count": 0}, "result": {"items": []}}


def test_titles_hold_what_a_careless_client_splits_at(records: Server) -> None:
    header = records.ask("{base}/link/records?per_page=100").headers["Link"]
    assert '; title="page 2 of 3, <not/this>; rel=\\"next\\""; rel="next"' in header


def test_links_hold_all_that_was_asked_for(records: Server) -> None:
    answer = records.ask("{base}/link/records?q=a%20%26%2B%C3%BC&per_page=100&page=1&token=s")
    assert links(answer)["next"].endswith("?q=a%20%26%2B%C3%BC&per_page=100&page=2&token=s")


def test_a_page_has_at_most_100_records(records: Server) -> None:
    assert len(records.ask("{base}/link/records?per_page=1000").json()) == 100
    assert len(records.ask("{base}/offset/records?limit=1000").json()["result"]["items"]) == 100


def test_without_a_size_pages_are_small(records: Server) -> None:
    assert len(records.ask("{base}/link/records").json()) == 30
    assert len(records.ask("{base}/offset/records").json()["result"]["items"]) == 20


@pytest.mark.parametrize("number", ["250", "999999999999999"])
def test_behind_the_last_record_pages_are_empty(records: Server, number: str) -> None:
    assert records.ask(f"{{base}}/link/records?page={number}").json() == []
    assert records.ask(f"{{base}}/offset/records?offset={number}").json()["result"]["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "link/records?page=0",
        "link/records?page=-1",
        "link/records?page=one",
        "link/records?per_page=0",
        "link/records?page=1e3",
        "offset/records?offset=-1",
        "offset/records?offset=9223372036854775807",
        "offset/records?limit=0",
        "offset/records?limit=",
    ],
)
def test_a_number_that_makes_no_sense_is_refused(records: Server, query: str) -> None:
    answer = records.ask(f"{{base}}/{query}")
    assert (answer.status, answer.code()) == (400, "BAD_PARAMETER")


def test_the_key_is_demanded_if_one_is_set(serve: Serve) -> None:
    server = serve("--api-key", "right")
    for path in ("{base}/link/records", "{base}/offset/records"):
        assert server.ask(path).status == 401
        assert server.ask(path, X_API_Key="right").status == 200


def test_the_rate_window_is_that_of_the_key(serve: Serve) -> None:
    server = serve("--rate-limit", "2")
    first = server.ask("{base}/link/records")
    assert (first.status, first.headers["X-RateLimit-Remaining"]) == (200, "1")
    assert server.ask("{base}/offset/records").status == 200
    for path in ("{base}/link/records", "{base}/offset/records", "{base}/events"):
        assert server.ask(path).status == 429
    stats = server.stats()
    assert stats["by_endpoint"]["link"] == {"200": 1, "429": 1}
    assert stats["by_endpoint"]["offset"] == {"200": 1, "429": 1}
    # All but the first of the refused ones came sooner than they had been asked to.
    assert stats["early_requests"] == 2


@pytest.mark.parametrize("profile", ["link", "offset"])
def test_faults_befall_the_profile_that_they_name(records: Server, profile: str) -> None:
    path = f"{{base}}/{profile}/records"
    records.fault("status_503", count=1, endpoint=profile)
    assert records.ask("{base}/events").status == 200
    assert records.ask(path).status == 503
    good = records.ask(path)
    records.fault("truncated_json", count=1, endpoint=profile)
    assert records.ask(path).body == good.body[: len(good.body) // 2]
    records.fault("rate_limit_burst", count=1, endpoint=profile)
    assert records.ask(path).status == 429
    assert records.ask(path).body == good.body


def test_a_fault_of_an_events_page_cannot_befall_other_records(records: Server) -> None:
    answer = records.ask("/__control/faults", "POST", b'{"name": "cursor_loop", "count": 1, "endpoint": "link"}')
    assert answer.status == 400


def test_growth_adds_newer_records_to_both_and_changes_none(records: Server) -> None:
    assert records.control("grow?by=3&of=records", "POST") == {"total": 253}
    assert records.ask("{base}/link/records?per_page=4").json() == [link_record(1, age) for age in range(252, 248, -1)]
    assert records.ask("{base}/offset/records").json()["meta"]["count"] == 253
    assert records.page(1).json()["meta"]["total"] == 100_000
    assert records.ask("/__control/grow?by=1&of=nothing", "POST").status == 400


def test_a_seed_has_its_own_records(serve: Serve) -> None:
    server = serve("--records", "3", "--seed", "7")
    assert server.ask("{base}/link/records").json() == [link_record(7, age) for age in (2, 1, 0)]
    assert link_record(7, 0) != link_record(1, 0)


def test_a_client_that_names_no_host_gets_links_without_one(records: Server) -> None:
    connection = records.connect()
    connection.putrequest("GET", f"{records.base_path}/link/records?per_page=100", skip_host=True)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.headers["Link"] or "").startswith(f"<{records.base_path}/link/records?per_page=100&page=2>")


def test_the_events_lie_within_objects_in_a_list_and_links_lead_through_all_of_them(serve: Serve) -> None:
    server = serve("--total", "2300")
    found: list[Any] = []
    path = "{base}/nested/records?limit=700"
    sizes = []
    while path:
        answer = server.ask(path)
        page = answer.json()
        assert all(list(record) == ["event"] for record in page)
        sizes.append(len(page))
        found += [record["event"] for record in page]
        match = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers["Link"] or "")
        path = match[1] if match else ""
    events = server.ask("{base}/events?limit=5000").json()["data"]
    assert sizes == [700, 700, 700, 200]
    assert found == events
    assert server.ask("{base}/nested/records?limit=0").status == 400
    assert server.ask("{base}/nested/records?before=1").json()[0]["event"] == events[-1]

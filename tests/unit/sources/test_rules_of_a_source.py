"""What the keys of ``[source]`` may be: address, credential, meanings, budget; and that no secret is shown."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import BasicAuth, Budget, HeadersAuth, MeaningRow, QueryAuth, Source
from tests.support.sourcetexts import changed, only_mistake, plain, read, without_slices


def source(key: str, value: Any) -> Source:
    return read(changed(without_slices(), f"source.{key}", value))


def reported(key: str, value: Any) -> str:
    text = only_mistake(changed(without_slices(), f"source.{key}", value))
    assert text.startswith("[source] ")
    assert "allowed: " in text
    assert "hunter" not in text
    return text.removeprefix("[source] ")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://host/api/", "https://host/api"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://host/api/?version=2", "https://host/api?version=2"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_a_base_url_is_http_and_may_have_a_query(written: str, meant: str) -> None:
    made = changed(without_slices(), "source.base_url", written)
    del made["source"]["allow_hosts"]

    assert read(made).base_url == meant


@pytest.mark.parametrize(
    "wrong",
    [
        "host/api", "ftp://host", "https://u:hunter2@host", "https://host/#hunter2", "https://host/?token=hunter2",
        "https://host/?x=secret:HUNTER", "https://", "https://ho st", "https://host:99999", "https://host/../a", "", 5,
    ],
)  # fmt: skip
def test_another_base_url_is_refused_without_what_may_be_a_key(wrong: Any) -> None:
    assert reported("base_url", wrong).startswith("base_url is ")


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 63])
def test_a_name_is_letters_digits_hyphens_and_underscores(name: str) -> None:
    assert source("name", name).name == name


@pytest.mark.parametrize("wrong", ["", "a b", "a.b", "ä", "x" * 64, 5])
def test_another_name_is_refused(wrong: Any) -> None:
    assert reported("name", wrong).startswith("name is ")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"type": "none"}, None),
        ({"type": "bearer", "token": "secret:T"}, HeadersAuth(headers={"Authorization": "Bearer secret:T"})),
        (
            {"type": "headers", "headers": {"X-Key": "secret:A", "Authorization": "Bot secret:B"}},
            HeadersAuth(headers={"X-Key": "secret:A", "Authorization": "Bot secret:B"}),
        ),
        (
            {"type": "basic", "user": "me@example.com/token", "password": "secret:P"},
            BasicAuth(user="me@example.com/token", password="secret:P"),
        ),
        ({"type": "basic", "user": "secret:K"}, BasicAuth(user="secret:K")),
        ({"type": "basic", "user": "secret:K", "password": ""}, BasicAuth(user="secret:K")),
        ({"type": "query", "query": {"api_key": "secret:K"}}, QueryAuth(query={"api_key": "secret:K"})),
    ],
)
def test_the_credential_is_one_of_these(written: Any, meant: Any) -> None:
    assert source("auth", written).auth == meant


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("hunter2", "auth is ***: it is no table"),
        ({}, "auth.type is missing"),
        ({"type": "beare"}, 'auth.type is "beare": it is none of these (did you mean bearer?)'),
        ({"type": "oauth2", "client_secret": "hunter2"}, "auth.type is "),
        ({"type": "body", "body": {"k": "hunter2"}}, "auth.body.k is ***: a secret itself belongs"),
        ({"type": "bearer", "token": "hunter2"}, "auth.token is ***: a secret itself belongs into no file"),
        ({"type": "bearer", "token": "Bearer secret:T"}, "auth.token is ***"),
        ({"type": "bearer", "token": "secret:"}, "auth.token is ***"),
        ({"type": "bearer", "token": "secret:MY-TOKEN"}, "auth.token is ***"),
        ({"type": "bearer", "token": "secret:9A"}, "auth.token is ***"),
        ({"type": "bearer", "token": "secret:T", "user": "hunter2"}, "auth.user is no key of this table"),
        ({"type": "headers"}, "auth.headers is missing or empty"),
        ({"type": "headers", "headers": {}}, "auth.headers is missing or empty"),
        ({"type": "headers", "headers": {"X-Key": "hunter2"}}, "auth.headers.X-Key is ***: a secret itself belongs"),
        ({"type": "headers", "headers": {"X-Key": "secret:A\nhunter2"}}, "auth.headers.X-Key is ***: no header"),
        ({"type": "headers", "headers": {"X Key": "secret:A"}}, 'auth.headers."X Key" is no header'),
        ({"type": "basic", "user": "me", "password": "hunter2"}, "auth.password is ***: a secret itself belongs"),
        ({"type": "basic", "user": "hunter2"}, "auth.password is missing, and user names no secret"),
        ({"type": "basic", "user": "me:hunter2", "password": "secret:P"}, "auth.user is ***: it holds a colon"),
        ({"type": "basic", "user": "me", "password": ["hunter2"]}, "auth.password is ***: it is a list and no text"),
        ({"type": "query", "query": {"api_key": "hunter2"}}, "auth.query.api_key is ***: a secret itself belongs"),
        ({"type": "query"}, "auth.query is missing or empty"),
    ],
)
def test_a_literal_where_a_secrets_name_belongs_is_refused_without_being_shown(wrong: Any, place: str) -> None:
    assert reported("auth", wrong).startswith(place)


@pytest.mark.parametrize(
    "name", ["Authorization", "Cookie", "X-API-Key", "PRIVATE-TOKEN", "X-Auth-Token", "DD-API-KEY"]
)
def test_a_header_that_is_called_like_a_credential_names_a_secret(name: str) -> None:
    made = changed(without_slices(), "source.auth", {"type": "none"})
    text = only_mistake(changed(made, "source.headers", {name: "hunter2"}))
    assert text.startswith(f"[source] headers.{name} is ***: a secret itself belongs into no file")
    assert "hunter2" not in text
    assert read(changed(made, "source.headers", {name: "Token secret:A"})).headers == {name: "Token secret:A"}


@pytest.mark.parametrize("name", ["Accept", "X-Atlassian-Token", "Notion-Version", "X-Sort-Key", "Idempotency-Key"])
def test_other_headers_are_texts(name: str) -> None:
    assert source("headers", {name: "no-check"}).headers == {name: "no-check"}


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"Host": "x"}, "headers.Host is a header that the client sets by itself"),
        ({"accept-encoding": "br"}, "headers.accept-encoding is a header that the client sets by itself"),
        ({"Accept": "a", "ACCEPT": "b"}, "headers.ACCEPT stands there twice"),
        ({"Accept": ""}, "headers.Accept is ***: it is empty"),
        ({"Accept": " a"}, "headers.Accept is ***: no header can carry it"),
        ({"Accept": 5}, "headers.Accept is ***: it is a number and no text"),
        ({"authorization": "Bot secret:B"}, "headers.authorization is a header that auth sets, too"),
        ({"X-A": "{since}"}, "headers.X-A holds {since}"),
        ({"X-A": "{slice.team}"}, "headers.X-A holds {slice.team}, and [streams.issues] has no slices"),
    ],
)
def test_a_header_that_cannot_be_sent_so_is_refused(headers: Any, place: str) -> None:
    assert reported("headers", headers).startswith(place)


def test_a_parameter_that_auth_sets_stands_in_no_query() -> None:
    made = changed(without_slices(), "source.auth", {"type": "query", "query": {"limit": "secret:K"}})

    assert only_mistake(made).startswith("[streams.issues] query.limit is a parameter that auth sets, too")


@pytest.mark.parametrize("name", ["api_key", "access_token", "key", "client_secret", "password"])
def test_a_credential_in_a_query_is_refused_without_being_shown(name: str) -> None:
    for value in ("hunter2", "secret:HUNTER"):
        text = only_mistake(changed(without_slices(), f"streams.issues.query.{name}", value))
        assert text.startswith(f"[streams.issues] query.{name} is ***: a credential belongs into auth")


def test_a_secret_named_in_any_parameter_is_refused() -> None:
    text = only_mistake(changed(without_slices(), "streams.issues.query.x", "secret:X"))

    assert text.startswith("[streams.issues] query.x is ***: a credential belongs into auth")


def test_hosts_become_origins_of_the_sources_own_scheme() -> None:
    hosts = ["Files.example.com", "b.example.com:8443", "https://c.example.com"]

    assert source("allow_hosts", hosts).allow_hosts == (
        "https://files.example.com",
        "https://b.example.com:8443",
        "https://c.example.com",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "files.example.com", ["a/b"], ["https://c.example.com/x"], ["http://c.example.com"], ["a b"], ["*.example.com"],
        ["u:hunter2@c.example.com"], ["https://u:hunter2@c.example.com"], ["a:0"], [""], ["a", "a"], [5],
    ],
)  # fmt: skip
def test_other_hosts_are_refused(wrong: Any) -> None:
    assert reported("allow_hosts", wrong).startswith("allow_hosts is ")


def test_meanings_keep_their_order() -> None:
    rows = [{"status": 403, "means": "throttled"}, {"path": "error.code", "value": "E7", "means": "page"}]

    assert source("meanings", [{"substring": "try later", "means": "retry"}]).meanings == (
        MeaningRow(means="retry", substring="try later"),
    )
    assert source("meanings", rows).meanings == (
        MeaningRow(means="throttled", status=403),
        MeaningRow(means="page", path=parse_path("error.code"), value="E7"),
    )


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"means": "fatal"}, "meanings is a table: it is no list of tables"),
        ([{"means": "fatal"}], "meanings[0].status is missing, and so are path and substring"),
        ([{"status": 200, "path": "a", "means": "fatal"}], "meanings[0].value is missing beside path"),
        ([{"status": 200, "value": 1, "means": "fatal"}], "meanings[0].path is missing beside value"),
        ([{"status": 200}], "meanings[0].means is missing"),
        ([{"status": 99, "means": "fatal"}], "meanings[0].status is 99"),
        ([{"status": 200, "means": "throtled"}], 'meanings[0].means is "throtled": it is none of these (did you mean'),
        ([{"path": "a", "value": 1, "substring": "a", "means": "end"}], "meanings[0].substring stands beside value"),
        ([{"status": 400, "substring": "", "means": "end"}], 'meanings[0].substring is "": it is empty'),
    ],
)
def test_a_meaning_that_is_none_is_refused_by_its_number(wrong: Any, place: str) -> None:
    assert reported("meanings", wrong).startswith(place)


def test_a_budget_is_requests_and_seconds() -> None:
    assert source("budget", {"requests": 5, "seconds": 0.5}).budget == Budget(requests=5, seconds=0.5)
    for wrong in ({"requests": 0, "seconds": 1}, {"requests": 1, "seconds": 0}, {"requests": 1, "seconds": True}, 5):
        assert reported("budget", wrong).startswith("budget")
    assert reported("budget", {"requests": 5}) == "budget.seconds is missing beside requests; allowed: both or neither"
    assert reported("budget", {"seconds": 5}) == "budget.requests is missing beside seconds; allowed: both or neither"


def test_a_budget_may_say_in_which_words_an_api_speaks_of_its_rate() -> None:
    given = {"concurrency": 2, "limit": "X-L", "remaining": "X-Left", "reset": "X-R", "retry_after": "X-W"}
    given |= {"poll_interval": "X-Poll", "unit": "epoch-ms", "body_wait": "error.wait"}

    budget = source("budget", given).budget

    assert budget == Budget(
        concurrency=2,
        limit="X-L",
        remaining="X-Left",
        reset="X-R",
        retry_after="X-W",
        poll_interval="X-Poll",
        unit="epoch-ms",
        body_wait=parse_path("error.wait"),
    )


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"concurrency": 0}, "budget.concurrency is 0"),
        ({"reset": "X Reset"}, 'budget.reset is "X Reset": it is no name of a header'),
        ({"unit": "minutes", "reset": "X-R"}, 'budget.unit is "minutes": it is none of these'),
        ({"unit": "s"}, "budget.unit stands alone"),
        ({"body_wait": "@"}, 'budget.body_wait is "@"'),
        ({"wait": "a"}, "budget.wait is no key of this table"),
    ],
)
def test_what_is_no_word_for_a_rate_is_refused(wrong: dict[str, Any], place: str) -> None:
    assert reported("budget", wrong).startswith(place)


@pytest.mark.parametrize("table", ["source", "streams.issues"])
def test_a_time_limit_and_retries_are_those_of_the_settings_in_other_words(table: str) -> None:
    made = read(changed(changed(plain(), f"{table}.timeout", "1m"), f"{table}.retries", 0))
    place = made if table == "source" else made.streams["issues"]
    assert (place.timeout_seconds, place.retries) == (60.0, 0)
    for key, wrong in [
        ("timeout", 0.05),
        ("timeout", "2h"),
        ("timeout", "soon"),
        ("retries", -1),
        ("retries", 1_001),
        ("every", 0),
        ("every", 0.5),
        ("every", "367d"),
        ("every", "daily"),
        ("every", True),
    ]:
        mistake = only_mistake(changed(plain(), f"{table}.{key}", wrong))
        assert f"[{table}] {key} is " in mistake


def test_a_slot_of_the_source_is_a_name_that_the_slices_of_all_streams_have() -> None:
    made = plain()
    made["streams"]["pulls"] = {**made["streams"]["issues"], "slices": [{"repo": "a"}], "headers": {}}

    assert only_mistake(made).startswith(
        "[source] base_url holds {slice.team}, and [streams.pulls] has repo; allowed: "
    )


def test_secrets_may_be_named_by_slices() -> None:
    auth = {"type": "bearer", "token": "secret:TOKEN_{slice.team}"}

    assert read(changed(plain(), "source.auth", auth)).auth == HeadersAuth(
        headers={"Authorization": "Bearer secret:TOKEN_{slice.team}"}
    )
    assert only_mistake(changed(without_slices(), "source.auth", auth)).startswith("[source] auth holds {slice.team}")


@pytest.mark.parametrize(
    ("base_url", "value", "is_right"),
    [
        ("https://{slice.team}.example.com", "acme-1", True),
        ("http://{slice.team}/v1", "127.0.0.1:8080", True),
        ("http://127.0.0.1:{slice.team}/v1", "8080", True),
        ("https://{slice.team}.example.com", "a/b", False),
        ("https://{slice.team}.example.com", "evil.com#", False),
        ("https://{slice.team}.example.com", "u@evil.com", False),
        ("http://127.0.0.1:{slice.team}/v1", "http", False),
        ("https://example.com/{slice.team}", "a/b", True),
        ("https://example.com/{slice.team}", "..", False),
    ],
)
def test_a_slices_value_makes_a_part_of_the_address_and_cannot_change_the_rest(
    base_url: str, value: str, is_right: bool
) -> None:
    made = changed(plain(), "source.base_url", base_url)
    made["streams"]["issues"]["slices"] = [{"team": value}]
    del made["source"]["allow_hosts"]
    del made["streams"]["issues"]["headers"]

    if is_right:
        assert read(made).base_url == base_url
    else:
        assert only_mistake(made).startswith("[streams.issues] slices[0] does not fit into base_url of [source]: ")

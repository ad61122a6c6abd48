"""A stream with three slices by a file: all by one command, one after the other, each with a credential of its own."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.filesources import assert_hidden, assert_totals, whole_database, write_sources
from tests.support.tenants import TenantsApi, tenants_api, tenants_file
from tests.support.waiting import eventually

TOKENS = {name: f"token-of-{name}-4711" for name in "abc"}
SECRETS = {f"SHOP_TOKEN_{name}": token for name, token in TOKENS.items()}
SETTINGS = {"API_MAX_RETRIES": "2", "API_RETRY_BASE_MS": "20", **SECRETS}
AUTH = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
COUNTS = """
    SELECT state.slice, count(*) FROM shop__records JOIN ingestion_state AS state ON state.id = slice_id
    WHERE payload->>'tenant' = state.slice::json->>'tenant' GROUP BY 1
"""

StartCrawl = Callable[..., Crawl]


@pytest.fixture
def api() -> Iterator[TenantsApi]:
    with tenants_api(TOKENS) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, api: TenantsApi) -> dict[str, str]:
    text = tenants_file(api.base_url, AUTH, 'X-Tenant = "{slice.tenant}"')
    return {**SETTINGS, **write_sources(tmp_path / "sources", shop=text)}


def slice_of(tenant: str) -> str:
    return json.dumps({"tenant": tenant}, separators=(",", ":"))


def test_all_are_crawled_each_with_its_own_end_and_the_worst_of_them_is_the_exit_code(
    api: TenantsApi, settings: dict[str, str], tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    api.tokens["b"] = "another"
    # One that cannot be stored, for the commands below.
    api.records["c"].append({"tenant": "c", "at": 1})
    crawl = start_crawl("", spider="shop.records", **settings)
    assert crawl.wait() == 1, crawl.log
    assert api.tenants() == ["a", "b", "c"]
    ends = [line for line in crawl.log.splitlines() if line.startswith("ingestion ")]
    assert [line.split(":")[0] for line in ends] == ["ingestion complete", "ingestion failed", "ingestion complete"]
    assert [slice_of(tenant) in line for tenant, line in zip("abc", ends, strict=True)] == [True] * 3, ends

    # One by its name, however its JSON is written.
    api.tokens["b"] = TOKENS["b"]
    api.asked.clear()
    one = start_crawl("", "-a", 'slice={ "tenant" : "b" }', spider="shop.records", **settings)
    assert one.wait() == 0, one.log
    assert api.tenants() == ["b"]
    assert dict(rows(database_url, COUNTS)) == {slice_of(tenant): 25 for tenant in "abc"}
    assert_totals(database_url, "shop__records", "shop.records")
    # Each was asked with what is its own.
    for asked in api.asked:
        assert asked.headers["authorization"] == [f"Bearer {TOKENS[asked.tenant]}"]
        assert asked.headers["x-tenant"] == [asked.tenant]

    api.asked.clear()
    unknown = start_crawl("", "-a", 'slice={"tenant":"d"}', spider="shop.records", **settings)
    assert unknown.wait() == 2, unknown.log
    assert f"no slice {slice_of('d')}; it has {', '.join(map(slice_of, 'abc'))}" in unknown.log
    assert api.asked == []

    def command(*arguments: str, tenant: str = "c", code: int = 0) -> str:
        done = scrapy(*arguments, DATABASE_URL=database_url, STREAM="shop.records", SLICE=slice_of(tenant), **settings)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    status = json.loads(command("status", "--json"))
    assert (status["stream"], status["slice"], status["total_ingested"]) == ("shop.records", slice_of("c"), 25)
    assert "ledger" in command("verify", "--no-api")
    assert json.loads(command("rejected", "--json"))["open"] == 1
    assert json.loads(command("rejected", "--json", tenant="a"))["open"] == 0
    command("replay")
    assert "ok" in command("doctor")
    assert "it has" in command("status", tenant="d", code=2)
    # Without a slice no one knows which.
    unnamed = scrapy("status", DATABASE_URL=database_url, STREAM="shop.records", **settings)
    assert unnamed.returncode == 2
    assert "has 3 slices: name one in SLICE" in unnamed.stderr
    listed = json.loads(scrapy("streams", "--json", DATABASE_URL=database_url, **settings).stdout)["slices"]
    of_shop = {entry["slice"] for entry in listed if entry["stream"] == "shop.records"}
    assert of_shop == {slice_of(tenant) for tenant in "abc"}
    dashboard = DashboardProcess(database_url, tmp_path / "home")
    try:
        with urllib.request.urlopen(f"{dashboard.url}/api/streams.json", timeout=30) as answer:
            shown = json.loads(answer.read())
    finally:
        dashboard.end()
    for tenant in "abc":
        assert json.dumps(slice_of(tenant))[1:-1] in json.dumps(shown)
    assert_hidden(TOKENS.values(), crawl.log, one.log, unknown.log, whole_database(database_url))


def test_after_a_signal_during_the_second_the_third_is_not_begun_and_the_next_crawl_ends_all(
    api: TenantsApi, settings: dict[str, str], start_crawl: StartCrawl, database_url: str
) -> None:
    api.held.add("b")
    crawl = start_crawl("", spider="shop.records", **settings)
    eventually(lambda: sum(asked.tenant == "b" for asked in api.asked) > 1, what="the second page of the second slice")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait(45) == 5, crawl.log
    api.release()
    assert api.tenants() == ["a", "b"]
    ends = [line.split(":")[0] for line in crawl.log.splitlines() if line.startswith("ingestion ")]
    assert ends == ["ingestion complete", "ingestion stopped"]

    again = start_crawl("", spider="shop.records", **settings)
    assert again.wait() == 0, again.log
    assert dict(rows(database_url, COUNTS)) == {slice_of(tenant): 25 for tenant in "abc"}

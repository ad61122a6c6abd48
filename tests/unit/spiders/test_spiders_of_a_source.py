"""The name of a source means its streams: its only one where Scrapy wants one spider, all of them for a crawl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import BaseSettings, Settings

from datasync_spider.errors import ConfigurationError, SourceRefused
from datasync_spider.spiders.loader import StreamSpiderLoader
from datasync_spider.sync.plan import SyncPlan
from tests.support.filesources import HUB, SHELF, write_sources
from tests.support.tenants import tenants_file

SECOND = '\n[streams.others]\nurl = "/others"\nrecords = "@"\nid = "id"\norder = "none"\n'
WAY = 'next = { from = "link:next", to = "url" }\nend = ["no-next"]\n'


def loader(directory: Path, **texts: str) -> StreamSpiderLoader:
    settings = {"SPIDER_MODULES": ["datasync_spider.spiders"], **write_sources(directory / "sources", **texts)}
    return StreamSpiderLoader(Settings(settings, priority="cmdline"))


def test_a_source_of_one_stream_is_that_stream(tmp_path: Path) -> None:
    spiders = loader(tmp_path, hub=HUB.format(base_url="http://127.0.0.1"))
    assert spiders.names_of("hub") == ("hub.records",)
    assert spiders.load("hub").name == "hub.records"


def test_a_source_of_two_streams_is_both_in_the_files_order_and_no_single_spider(tmp_path: Path) -> None:
    spiders = loader(tmp_path, hub=HUB.format(base_url="http://127.0.0.1") + SECOND + WAY)
    assert spiders.names_of("hub") == ("hub.records", "hub.others")
    assert spiders.names_of("hub.others") == ("hub.others",)
    with pytest.raises(KeyError):
        spiders.load("hub")


def test_spiders_of_the_project_keep_their_names_and_unknown_ones_stay_unknown(tmp_path: Path) -> None:
    # A source may be called as a spider is; its streams are then crawled by their own names.
    text = SHELF.format(base_url="http://127.0.0.1").replace('"shelf"', '"events"')
    spiders = loader(tmp_path, events=text)
    assert spiders.names_of("events") == ("events",)
    assert spiders.load("events").name == "events"
    assert spiders.names_of("nothing") == ("nothing",)
    with pytest.raises(KeyError):
        spiders.load("nothing")


def test_a_broken_file_says_why_also_by_its_sources_name(tmp_path: Path) -> None:
    spiders = loader(tmp_path, hub="[source]\n")
    with pytest.raises(SourceRefused):
        spiders.names_of("hub")


def test_a_slice_that_is_not_meant_is_not_planned_and_needs_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
    spider: Any = loader(tmp_path, shop=tenants_file("http://127.0.0.1", auth)).load("shop")
    settings = Settings({"SOURCES_DIR": str(tmp_path / "sources")}, priority="cmdline")
    monkeypatch.setenv("SHOP_TOKEN_b", "token-of-b-4711")
    asked: list[Sequence[str]] = []

    def second(names: Sequence[str]) -> Sequence[str]:
        asked.append(names)
        return names[1:2]

    assert [plan.spec.slice for plan in spider.plans_meant(settings, {}, second)] == ['{"tenant":"b"}']
    assert asked == [['{"tenant":"a"}', '{"tenant":"b"}', '{"tenant":"c"}']]
    with pytest.raises(ConfigurationError, match="SHOP_TOKEN_a"):
        spider.make_plans(settings, {})

    class PlansByItself(spider):  # type: ignore[misc]
        @classmethod
        def make_plans(cls, settings: BaseSettings, arguments: Mapping[str, str]) -> list[SyncPlan]:
            made: list[SyncPlan] = spider.plans_meant(settings, arguments, lambda names: names[1:2])
            return made

    assert [plan.spec.slice for plan in PlansByItself.plans_meant(settings, {}, lambda names: names)] == [
        '{"tenant":"b"}'
    ]

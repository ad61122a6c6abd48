"""The name of a source means its streams: its only one where Scrapy wants one spider, all of them for a crawl."""

from __future__ import annotations

from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.errors import SourceRefused
from datasync_spider.spiders.loader import StreamSpiderLoader
from tests.support.filesources import HUB, SHELF, write_sources

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

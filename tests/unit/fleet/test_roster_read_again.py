"""The files of sources are read again: whose has changed is crawled anew, and no one else."""

from __future__ import annotations

from pathlib import Path

from scrapy.settings import Settings

from datasync_spider.fleet.roster import Roster, read_roster
from datasync_spider.storage.pool import Pool

CATALOG = Path(__file__).resolve().parents[3] / "datasync_spider/sources/catalog"
LOADER = "datasync_spider.spiders.loader.StreamSpiderLoader"


def read(directory: Path) -> Roster:
    given = {"SPIDER_LOADER_CLASS": LOADER, "SOURCES_DIR": str(directory)}
    settings = Settings(given, priority="cmdline")
    # No slice is looked for in a database.
    return read_roster(settings, (), Pool("postgresql:///nowhere", 3), is_elsewhere=True)


def test_only_the_streams_of_a_file_that_has_changed_get_another_spider(tmp_path: Path) -> None:
    for path in CATALOG.glob("*.toml"):
        text = path.read_text(encoding="utf-8").replace("[source]\n", '[source]\nevery = "1h"\n')
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    first, again = read(tmp_path), read(tmp_path)
    assert len({turn.plan.source.name for turn in first.turns.values()}) > 5, first.ends
    again.keep_spiders(first)
    assert again.turns.keys() == first.turns.keys()
    for key, turn in again.turns.items():
        assert turn.spider is first.turns[key].spider, key

    stripe = tmp_path / "stripe.toml"
    stripe.write_text(stripe.read_text().replace("default = 100", "default = 50"), encoding="utf-8")
    changed = read(tmp_path)
    changed.keep_spiders(again)
    anew = {turn.plan.source.name for key, turn in changed.turns.items() if turn.spider is not again.turns[key].spider}
    assert anew == {"stripe"}

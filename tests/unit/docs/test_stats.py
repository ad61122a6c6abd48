"""docs/reference/stats.md lists the stats that this project adds to Scrapy's."""

from __future__ import annotations

from datasync_spider.observe import stats
from tests.unit.docs.pages import DOCS, names, read

PATH = DOCS / "reference" / "stats.md"


def test_every_stat_is_listed_once_and_no_other() -> None:
    declared = [value for name, value in vars(stats).items() if name.isupper()]
    assert sorted(names(read(PATH).rows())) == sorted(declared)


def test_every_stat_is_explained() -> None:
    assert all(all(row) for row in read(PATH).rows())

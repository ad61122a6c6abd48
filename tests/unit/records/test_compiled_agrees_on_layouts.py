"""The compiled reading of pages of any layout: what it takes, the one in Python takes too, and reads the same."""

from __future__ import annotations

import random

import pytest

from datasync_spider.records import compiled
from datasync_spider.records.recovery import PageSplitter
from datasync_spider.records.strictparser import StrictParser
from datasync_spider.sources.paths import Path
from tests.support.compiling import needs_compiled
from tests.unit.records.rawlayouts import LAYOUTS, Writer
from tests.unit.records.rawpages import damaged

pytestmark = needs_compiled

_PAGES = 400


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
def test_thousands_of_pages_of_a_layout_are_read_alike(number: int) -> None:
    layout, pick = LAYOUTS[number], random.Random(100 + number)
    writer, scanner = Writer(layout, pick), compiled.Scanner(layout.records, layout.ids, layout.times)
    records, ids, times = (tuple(map(Path, paths)) for paths in (layout.records, layout.ids, layout.times))
    splitter, strict = PageSplitter(records), StrictParser(ids, times)
    taken = 0
    for _ in range(_PAGES):
        whole = writer.page()
        for text in (whole, damaged(pick.choice, whole)):
            found = scanner.split(text)
            if found is None:
                continue
            taken += 1
            events, start, end = found
            raw, rest = splitter.split(text)
            assert raw is not None
            assert [bytes(each) for each in raw] == list(events)
            assert rest == b"".join((text[:start], b"[]", text[end:]))
            for event, id_, time_us in zip(events, *events.columns()[:2], strict=True):
                assert id_ is None or (id_, time_us) == strict.parse_strictly(event)
    assert taken > _PAGES / 2

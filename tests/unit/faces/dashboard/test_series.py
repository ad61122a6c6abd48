from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.faces.dashboard.series import MOST_POINTS, WIDTHS, Series, width_for

START = 1_700_000_000.0


def row(bucket: int, page: int, **columns: int) -> dict[str, Any]:
    names = ("events", "inserted", "duplicates", "rejected", "filtered", "fetch_ms", "fetch_max_ms", "write_ms")
    zeros = dict.fromkeys((*names, "write_max_ms", "waited_ms", "retries"), 0)
    return {"bucket": bucket, "pages": 1, "last_page": page, **zeros, **columns}


@given(st.floats(min_value=0, max_value=10 * 365 * 86_400))
def test_a_run_has_few_enough_points_however_long_it_is(seconds: float) -> None:
    assert seconds / width_for(seconds) <= MOST_POINTS


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60), st.sampled_from(WIDTHS[1:9]))
def test_wider_buckets_hold_the_same_as_if_they_had_been_wide_from_the_start(buckets: list[int], width: int) -> None:
    narrow, wide = Series(1), Series(width)
    rows = [row(b, n, inserted=n, fetch_ms=n * 3, fetch_max_ms=n * 2) for n, b in enumerate(sorted(buckets), 1)]
    narrow.add(rows)
    wide.add([{**each, "bucket": each["bucket"] // width} for each in rows])
    narrow.widen(width)
    end = START + 401
    assert narrow.view(1, START, end) == wide.view(1, START, end)
    assert narrow.last_page == len(buckets)


def test_widening_to_something_narrower_changes_nothing() -> None:
    series = Series(60)
    series.widen(10)
    assert series.width_seconds == 60


def test_pages_that_come_later_are_added_to_what_is_known() -> None:
    series = Series(10)
    series.add([row(0, 1, inserted=100, fetch_ms=200, fetch_max_ms=200)])
    series.add([row(0, 2, inserted=300, fetch_ms=400, fetch_max_ms=400), row(2, 3, inserted=50)])
    view = series.view(1, START, START + 30)
    assert view.inserted_per_second[:3] == [40, 0, 5]
    assert view.fetch_mean_ms[:3] == [300, None, 0]
    assert view.fetch_max_ms[0] == 400
    assert view.pages == 3
    assert view.time[:3] == [START, START + 10, START + 20]


def test_the_last_bucket_is_as_long_as_it_has_lasted() -> None:
    series = Series(10)
    series.add([row(0, 1, inserted=100), row(1, 2, inserted=50)])
    assert series.view(1, START, START + 15).inserted_per_second == [10, 10]


def test_a_moment_is_not_blown_up_into_a_rate() -> None:
    series = Series(10)
    series.add([row(0, 1, inserted=100)])
    assert series.view(1, START, START + 0.001).inserted_per_second == [40]


def test_a_clock_that_was_set_does_not_draw_centuries() -> None:
    series = Series(1)
    series.add([row(0, 1, inserted=5), row(10**12, 2, inserted=7)])
    view = series.view(1, START, START + 3)
    assert len(view.time) <= 6
    assert view.pages == 2
    assert (view.inserted_per_second[-1] or 0) > 0


def test_what_may_be_on_its_way_is_not_called_nothing() -> None:
    series = Series(1)
    series.add([row(0, 1, inserted=100), row(2, 2, inserted=100)])
    running = series.view(1, START, START + 8, is_running=True)
    assert running.inserted_per_second[:3] == [100, 50, 50]
    assert running.inserted_per_second[3:] == [None] * 6
    assert series.view(1, START, START + 8).inserted_per_second[3:] == [0] * 6
    later = series.view(1, START, START + 60, is_running=True)
    assert later.inserted_per_second[3:] == [0] * 58


def test_a_wait_is_drawn_where_it_was() -> None:
    series = Series(1)
    series.add([row(0, 1, inserted=100), row(20, 2, inserted=30, fetch_ms=1_000, waited_ms=17_000)])
    view = series.view(1, START, START + 21)
    assert view.waited_seconds[3:20] == [1] * 17
    assert view.waited_seconds[:3] == [0] * 3
    assert sum(view.waited_seconds) == 17
    assert view.inserted_per_second[18:21] == [10] * 3

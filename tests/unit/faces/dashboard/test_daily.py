from datetime import UTC, datetime
from typing import Any

from datasync_spider.faces.dashboard.daily import EventsView, events_view
from datasync_spider.storage.dashboard import EventCounts

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def counted(percent: float, days: dict[str | None, int], types: dict[str | None, int], recorded: int = 0) -> EventsView:
    """Days newest first, as the database gives them."""
    rows: list[dict[str, Any]] = [{"kind": "all", "day": None, "type": None, "events": sum(days.values())}]
    rows += [{"kind": "day", "day": day, "type": None, "events": events} for day, events in days.items()]
    rows += [{"kind": "type", "day": None, "type": name, "events": events} for name, events in types.items()]
    return events_view(EventCounts(percent, rows), NOW, recorded)


def test_a_whole_count_is_exact() -> None:
    view = counted(100, {"2024-04-02": 7, "2024-04-01": 3}, {"click": 10})
    assert (view.status, view.events, view.percent) == ("ready", 10, 100)
    assert [(day.name, day.events) for day in view.days] == [("2024-04-01", 3), ("2024-04-02", 7)]


def test_a_sample_is_scaled_up_and_says_how_large_it_was() -> None:
    view = counted(10, {"2024-04-01": 400}, {"click": 300, "view": 100})
    assert (view.events, view.percent) == (4_000, 10)
    assert [type_.events for type_ in view.types] == [3_000, 1_000]


def test_a_sample_gives_the_proportions_of_what_the_totals_count() -> None:
    view = counted(10, {"2024-04-01": 400}, {"click": 300, "view": 100}, recorded=3_600)
    assert (view.events, view.percent) == (3_600, 10)
    assert [type_.events for type_ in view.types] == [2_700, 900]


def test_totals_that_cannot_be_about_these_events_are_left_alone() -> None:
    assert counted(10, {"2024-04-01": 400}, {"click": 400}, recorded=300).events == 4_000
    assert counted(10, {"2024-04-01": 400}, {"click": 400}, recorded=9_000).events == 4_000


def test_a_whole_count_is_what_was_counted_whatever_the_totals_say() -> None:
    assert counted(100, {"2024-04-01": 400}, {"click": 400}, recorded=399).events == 400


def test_a_sample_with_hardly_an_event_says_nothing() -> None:
    assert counted(1, {"2024-04-01": 12}, {"click": 12}).status == "too_few"
    assert counted(100, {"2024-04-01": 12}, {"click": 12}).status == "ready"


def test_an_empty_table_is_counted_too() -> None:
    view = counted(100, {}, {})
    assert (view.status, view.events, view.days, view.types) == ("ready", 0, [], [])


def test_days_without_events_are_shown_between_days_but_not_ages_of_them() -> None:
    view = counted(100, {"2024-04-03": 1, "2024-04-01": 1, "1970-01-01": 1}, {})
    assert [day.name for day in view.days] == ["1970-01-01", "2024-04-01", "2024-04-02", "2024-04-03"]


def test_what_has_no_day_or_type_is_reported_apart() -> None:
    view = counted(100, {None: 2, "2024-04-01": 5}, {None: 3, "click": 4})
    assert (view.without_day, view.without_type, view.earlier_days) == (2, 3, 0)


def test_what_is_not_listed_is_summed_up() -> None:
    days: dict[str | None, int] = {f"2024-{month:02}-{day:02}": 1 for month in (4, 3, 2, 1) for day in range(28, 0, -1)}
    types: dict[str | None, int] = {f"type-{n}": 1 for n in range(112)}
    view = counted(100, days, types)
    assert sum(day.events for day in view.days) + view.earlier_days == 112
    assert sum(type_.events for type_ in view.types) + view.other_types == 112


def test_names_of_types_are_cut_and_made_visible() -> None:
    (only,) = counted(100, {"2024-04-01": 1}, {"x\u202e" + "y" * 190: 1}).types
    assert only.name.startswith("x⟨U+202E⟩y")
    assert len(only.name) < 100

import pytest

from datasync_spider.faces.dashboard.phrases import counted, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 seconds"),
        (0.9, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (185, "3 minutes 5 seconds"),
        (3_600, "1 hour"),
        (3_600 + 59, "1 hour"),
        (7_260, "2 hours 1 minute"),
        (86_400 * 9 + 3_600 * 5, "9 days 5 hours"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_one_is_singular_and_thousands_are_grouped() -> None:
    assert counted(1, "page") == "1 page"
    assert counted(1_200, "page") == "1,200 pages"

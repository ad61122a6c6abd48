from __future__ import annotations

import pytest

from datasync_spider.sources.files.kinds import duration


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (30, 30.0),
        (0.5, 0.5),
        (0, 0.0),
        ("30s", 30.0),
        ("5m", 300.0),
        ("2h", 7_200.0),
        ("1d", 86_400.0),
        ("1.5 h", 5_400.0),
        ("250ms", 0.25),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_seconds_or_a_number_with_a_unit(given: object, seconds: float) -> None:
    assert duration().read(given) == seconds


@pytest.mark.parametrize(
    "given",
    [
        "30",
        "s",
        "",
        "-5s",
        "5 weeks",
        "1h30m",
        "٣s",
        -1,
        True,
        None,
        [],
        {},
        float("nan"),
        float("inf"),
        2**80,
        "99999d",
    ],
)
def test_what_is_no_duration_is_refused_without_being_repeated(given: object) -> None:
    with pytest.raises(ValueError, match=r"^it is [a-z ]+$"):
        duration().read(given)

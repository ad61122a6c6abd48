from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.storage.passdepth import epoch_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
def test_milliseconds_are_whole_ones_before_the_instant_in_every_year(instant: datetime) -> None:
    milliseconds = epoch_ms(instant)
    assert milliseconds is not None
    since = instant - (EPOCH + timedelta(milliseconds=milliseconds))
    assert timedelta(0) <= since < timedelta(milliseconds=1)


def test_no_instant_is_none() -> None:
    assert epoch_ms(None) is None

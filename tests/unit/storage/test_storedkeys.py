from datasync_spider.storage.storedkeys import StoredKeys
from tests.support.runs import EVENTS


class _Connection:
    """No connection: a test in which it is used fails."""


def test_an_empty_table_and_a_large_one_are_never_read() -> None:
    for stored_rows in (0, 250_001, 10**9):
        keys = StoredKeys(EVENTS.table, stored_rows)
        keys.asked(2 * 10**9)
        keys.read_if_worth(_Connection())  # type: ignore[arg-type] # it is not to be used
        assert keys.among(["a"]) is None


def test_a_table_is_not_read_before_asking_has_cost_as_much() -> None:
    keys = StoredKeys(EVENTS.table, 100)
    keys.asked(99)
    keys.read_if_worth(_Connection())  # type: ignore[arg-type] # it is not to be used
    assert keys.among(["a"]) is None

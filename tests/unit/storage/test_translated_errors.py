import pytest
from psycopg2 import errorcodes

from datasync_spider.errors import RowsRejected, StorageError, StorageRefused, StorageUnavailable
from datasync_spider.storage.connection import classify

CODES = sorted(
    value
    for name, value in vars(errorcodes).items()
    if not name.startswith(("_", "CLASS_")) and isinstance(value, str) and len(value) == 5
)


def test_every_code_that_postgresql_has_is_one_of_three_kinds() -> None:
    assert len(CODES) > 200
    for code in CODES:
        assert classify(code) in {StorageUnavailable, RowsRejected, StorageRefused}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (None, StorageUnavailable),
        (errorcodes.ADMIN_SHUTDOWN, StorageUnavailable),
        (errorcodes.CANNOT_CONNECT_NOW, StorageUnavailable),
        (errorcodes.DISK_FULL, StorageUnavailable),
        (errorcodes.TOO_MANY_CONNECTIONS, StorageUnavailable),
        (errorcodes.DEADLOCK_DETECTED, StorageUnavailable),
        (errorcodes.LOCK_NOT_AVAILABLE, StorageUnavailable),
        (errorcodes.SERIALIZATION_FAILURE, StorageUnavailable),
        (errorcodes.UNTRANSLATABLE_CHARACTER, RowsRejected),
        (errorcodes.INVALID_TEXT_REPRESENTATION, RowsRejected),
        (errorcodes.NUMERIC_VALUE_OUT_OF_RANGE, RowsRejected),
        (errorcodes.PROGRAM_LIMIT_EXCEEDED, RowsRejected),
        (errorcodes.STATEMENT_TOO_COMPLEX, RowsRejected),
        (errorcodes.INSUFFICIENT_PRIVILEGE, StorageRefused),
        (errorcodes.UNDEFINED_TABLE, StorageRefused),
        (errorcodes.INVALID_PASSWORD, StorageRefused),
    ],
)
def test_what_the_caller_must_do_follows_from_the_code(code: str | None, kind: type[StorageError]) -> None:
    assert classify(code) is kind

"""Random UUIDs, one for each request.

Made by the hundred, which costs a tenth of making them one by one. They follow from no seed: servers with equal options
serve equal events, but never an equal request id.
"""

import os
from collections.abc import Iterator

from mock_api.uuids import UUID_BYTES, UUID_CHARACTERS, columns_of, uuid_rows

_AT_ONCE = 256


def request_ids() -> Iterator[str]:
    """One after the other, without end."""
    while True:
        rows = uuid_rows(columns_of(os.urandom(UUID_BYTES * _AT_ONCE), _AT_ONCE)).decode()
        for start in range(0, len(rows), UUID_CHARACTERS):
            yield rows[start : start + UUID_CHARACTERS]

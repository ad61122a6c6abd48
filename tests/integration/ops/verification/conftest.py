"""A sound database for each test, copied from one that is made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import parse_dsn

from tests.support.database import fresh_database
from tests.support.verifying import make_sound


@pytest.fixture(scope="module")
def sound_template(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        make_sound(url)
        yield parse_dsn(url)["dbname"]


@pytest.fixture
def sound(postgres_url: str, sound_template: str) -> Iterator[str]:
    """Every number of it is right."""
    with fresh_database(postgres_url, sound_template) as url:
        yield url

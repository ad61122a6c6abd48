"""Fixtures of the acceptance tests that do something to a crawl in its middle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded_postgres.starting import start_embedded
from tests.support.memory import quick_directory
from tests.support.mock import MockApi
from tests.support.postgres import OwnServer


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server that this test may freeze or kill."""
    place = tempfile.TemporaryDirectory(prefix="datasync-own-", dir=quick_directory())
    with place as home, start_embedded(Path(home)) as server:
        yield OwnServer(Path(home), server.url)


@pytest.fixture
def slow_mock(start_mock_api: Callable[..., MockApi]) -> MockApi:
    """8,000 events; each page takes 30 ms longer than it had to, so that a crawl has a middle."""
    mock = start_mock_api("--total", "8000")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 30})
    return mock

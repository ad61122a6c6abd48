"""A mock for each test that asks for one, as a process, over loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.mock_api.client import Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """One server with a small feed for the tests of a file that change nothing for the others."""
    server = Server("--total", "2500")
    yield server
    assert server.close() == 0


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """The shared one, without faults of another test."""
    yield shared
    shared.control("faults", "DELETE")

"""``scrapy dashboard`` as a process of its own, and plain HTTP to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.crawl import clean_environment
from tests.support.starting import start


class Answer(NamedTuple):
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class DashboardProcess:
    """Started by the constructor, which returns when it listens."""

    def __init__(self, database_url: str, home: Path, *arguments: str, port: int = 0, **settings: str) -> None:
        environment = clean_environment(DATABASE_URL=database_url, DATASYNC_HOME=str(home), **settings)
        descriptor, self._log_path = tempfile.mkstemp(".log", "dashboard-", home.parent)
        self._log = os.fdopen(descriptor, "wb")
        self.process = start(
            *("scrapy", "dashboard", "--port", str(port)),
            *arguments,
            environment=environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()
        assert self.greeting.startswith("dashboard: http://"), self.log
        self.url = self.greeting.split()[1].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        return Path(self._log_path).read_text(errors="replace")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            reported = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, reported, answer.read())
        finally:
            connection.close()

    def state(self) -> Any:
        return self.ask("/api/state.json").json

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code; a second call does nothing. It ends at once; a crowded machine takes its time for that."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(60)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self._log.close()


class LiveConnection:
    """A viewer that reads server-sent events one by one."""

    def __init__(self, dashboard: DashboardProcess) -> None:
        self._connection = dashboard.connect()
        self._connection.request("GET", "/api/live", headers={"Accept": "text/event-stream"})
        self.answer = self._connection.getresponse()

    def message(self) -> Any:
        """The next one."""
        while True:
            line = self.answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                return json.loads(line[6:])

    def close(self) -> None:
        self.answer.close()
        self._connection.close()

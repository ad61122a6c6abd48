"""nginx before a server: few requests a second, and a 429 that says nothing but that.

Beyond the rate it answers with its own page of HTML and no Retry-After, as a proxy does that no one has configured for
programs. What it answered is read from its access log, so that how politely it was asked can be judged from its side.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers.running import RealServer, free_port

_CONFIGURATION = """
daemon off;
# One process, which keeps this user: root's would give the log to another one.
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format reported '$msec $status $request_uri';
  access_log {place}/access.log reported;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  limit_req_status 429;
  {zone}
  server {{
    listen 127.0.0.1:{port};
    {wait}
    location = /nginx-is-ready {{ access_log off; return 204; }}
    location / {{
      {limit}
      proxy_pass {upstream};
      {host}
    }}
  }}
}}
"""


_SHORTEST_WAIT_SECONDS = 0.9


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the access log: ``time`` in seconds since 1970, with milliseconds, when the answer was sent."""

    time: float
    status: int
    uri: str


def impatient(answers: list[Answer], killed_at: float | None) -> list[Answer]:
    """Those that were asked for less than our shortest wait after a 429 without a word.

    ``killed_at``: when a run was killed. The next one does not know of a refusal that said nothing, and begins at once.
    """
    after = itertools.pairwise(answers)
    return [
        following
        for refused, following in after
        if refused.status == 429
        and following.time - refused.time < _SHORTEST_WAIT_SECONDS
        and not (killed_at is not None and refused.time <= killed_at <= following.time)
    ]


def nginx_program() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/local/bin:/usr/sbin")
    assert found, "nginx is not installed (Debian: its package nginx; .ci/run unpacks it)"
    return found


class Nginx:
    """``rate`` as nginx writes it, such as ``"5r/s"``, with ``burst`` more let through at once; without it no limit.

    ``keep_host=False`` is the careless one that hands its upstream another Host than it was asked by.
    ``retry_after`` seconds are said with a 429, by a header. A context manager, which stops it.
    """

    def __init__(
        self,
        upstream_url: str,
        rate: str | None = None,
        *,
        burst: int = 0,
        keep_host: bool = True,
        retry_after: int | None = None,
    ) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="datasync-nginx-")
        place = Path(self._home.name)
        port = free_port()
        allowance = f" burst={burst} nodelay" if burst else ""
        wait = f"error_page 429 @busy; location @busy {{ add_header Retry-After {retry_after} always; return 429; }}"
        configuration = place / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                place=place,
                port=port,
                upstream=upstream_url,
                zone=f"limit_req_zone $binary_remote_addr zone=lab:1m rate={rate};" if rate else "",
                limit=f"limit_req zone=lab{allowance};" if rate else "",
                wait="" if retry_after is None else wait,
                host="proxy_set_header Host $http_host;" if keep_host else "",
            ),
            encoding="utf-8",
        )
        self._access = place / "access.log"
        self._server = RealServer(
            "nginx",
            [nginx_program(), "-p", str(place), "-c", str(configuration), "-e", str(place / "error.log")],
            f"http://127.0.0.1:{port}/nginx-is-ready",
            cwd=place,
            log_path=place / "output.log",
        )
        self.url = self._server.url

    def answers(self) -> list[Answer]:
        """In the order in which they were sent."""
        lines = self._access.read_text(encoding="utf-8", errors="replace").splitlines()
        parts = (line.split(" ", 2) for line in lines)
        return [Answer(float(time), int(status), uri) for time, status, uri in parts]

    def stop(self) -> None:
        self._server.stop()
        self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

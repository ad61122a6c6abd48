"""An API of several tenants that wants a credential of each, and repeats in its links whatever it was asked with.

``GET /api/TENANT/records?page=N&limit=SIZE`` answers with a list at the root and a ``Link`` header. A tenant's token
comes as a bearer or as the parameter ``token``; whoever brings another one is refused, and hears his own words again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

_NEWEST_S = 1_769_541_612


def tenant_records(tenant: str, count: int) -> list[dict[str, Any]]:
    """Newest first. Their ids are the same for all tenants."""
    return [{"id": f"r-{n:03}", "tenant": tenant, "at": _NEWEST_S - n} for n in range(count)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: ``query`` with repeats, ``headers`` with lower-case names, each with all of its values."""

    tenant: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, Sequence[str]]


class TenantsApi:
    """``tokens`` by tenant; ``records`` by tenant may be changed while it serves.

    ``held``: tenants whose second and later pages are not answered before :meth:`release`. ``asked``: all requests.
    ``instead``: by tenant what a page is answered with, status, headers and body, or None for the page itself.
    """

    def __init__(self, tokens: Mapping[str, str], count: int = 25) -> None:
        self.tokens = dict(tokens)
        self.records = {tenant: tenant_records(tenant, count) for tenant in tokens}
        self.held: set[str] = set()
        self.asked: list[Asked] = []
        self.instead: dict[str, Callable[[int], tuple[int, dict[str, str], Any] | None]] = {}
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api"

    def tenants(self) -> list[str]:
        """Those that were asked, in the order in which they were first."""
        return list(dict.fromkeys(asked.tenant for asked in self.asked))

    def release(self) -> None:
        """Answers what is held, and holds nothing any more."""
        self.held.clear()
        self._released.set()

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, asked: Asked, path: str) -> tuple[int, dict[str, str], Any]:
        query = dict(asked.query)
        token = query.get("token") or asked.headers.get("authorization", [""])[0].removeprefix("Bearer ")
        if token != self.tokens.get(asked.tenant):
            return 403, {}, {"error": {"message": f"the token {token} is not {asked.tenant}'s", "code": "denied"}}
        page, size = int(query.get("page", "1")), int(query["limit"])
        if page > 1 and asked.tenant in self.held:
            self._released.wait(60)
        if asked.tenant in self.instead and (answer := self.instead[asked.tenant](page)) is not None:
            return answer
        records = self.records[asked.tenant]
        headers = {}
        if page * size < len(records):
            link = urlencode([*((name, value) for name, value in asked.query if name != "page"), ("page", page + 1)])
            headers["Link"] = f'<{self.base_url.removesuffix("/api")}{path}?{link}>; rel="next"'
        return 200, headers, records[(page - 1) * size : page * size]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, fields, answer = 404, dict[str, str](), {"error": "there is no such thing"}
                if parts.path.endswith("/records"):
                    headers = {name.lower(): self.headers.get_all(name, []) for name in self.headers}
                    tenant = parts.path.split("/")[-2]
                    asked = Asked(tenant, parse_qsl(parts.query, keep_blank_values=True), headers)
                    api.asked.append(asked)
                    status, fields, answer = api._answer(asked, parts.path)
                body = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **fields}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def tenants_api(tokens: Mapping[str, str], count: int = 25) -> Iterator[TenantsApi]:
    """The API as long as the context lasts."""
    api = TenantsApi(tokens, count)
    try:
        yield api
    finally:
        api.close()


def tenants_file(base_url: str, auth: str, headers: str = "", slices: Sequence[str] = ("a", "b", "c")) -> str:
    """The file of the source ``shop`` with the stream ``shop.records``; without slices its tenant is ``a``."""
    listed = ", ".join(f'{{ tenant = "{name}" }}' for name in slices)
    tenant = "{slice.tenant}" if slices else "a"
    return f"""
[source]
name = "shop"
base_url = "{base_url}"
auth = {auth}
headers = {{ {headers} }}

[streams.records]
url = "/{tenant}/records"
query = {{ limit = "{{page_size}}" }}
page_size = 5
records = "@"
id = "id"
time = "at"
order = "newest-first"
next = {{ from = "link:next", to = "url" }}
end = ["no-next"]
incremental = {{ type = "known" }}
{f"slices = [{listed}]" if slices else ""}
"""

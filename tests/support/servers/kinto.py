"""Kinto with its memory backend: filled, changed and read back by its own API, by another client than ours."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.support.servers.installing import pip_server
from tests.support.servers.running import RealServer, free_port

USER, PASSWORD = "lab", "kinto-password-4711"
BATCH = 200
_CONFIGURATION = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}

[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = lab
multiauth.policies = basicauth
multiauth.policy.basicauth.use = kinto.core.authentication.BasicAuthAuthenticationPolicy
kinto.paginate_by = 500
kinto.batch_max_requests = {batch}
kinto.bucket_create_principals = system.Authenticated
"""
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def identity(number: int) -> str:
    return str(uuid5(NAMESPACE_URL, str(number)))


class Kinto:
    """One bucket; each collection is a stream's."""

    def __init__(self, server: RealServer) -> None:
        self.url = server.url

    def seed(self, collection: str, numbers: range) -> None:
        """Each number is a record, in this order by ``last_modified``, which the server sets."""
        self._call("PUT", "/v1/buckets/b")
        self._call("PUT", f"/v1/buckets/b/collections/{collection}")
        for start in range(numbers.start, numbers.stop, BATCH):
            requests = [
                {"path": self._path(collection, n), "body": {"data": {"number": n, "state": "new"}}}
                for n in range(start, min(start + BATCH, numbers.stop))
            ]
            answer = self._call("POST", "/v1/batch", {"defaults": {"method": "PUT"}, "requests": requests})
            assert all(one["status"] == 201 for one in answer["responses"])

    def change(self, collection: str, *numbers: int) -> None:
        for number in numbers:
            changed = {"data": {"number": number, "state": "changed"}}
            self._call("PUT", self._path(collection, number), changed)

    def delete(self, collection: str, *numbers: int) -> None:
        for number in numbers:
            self._call("DELETE", self._path(collection, number))

    def truth(self, collection: str) -> dict[str, Any]:
        """All living records in pages of 500 by id, which do not move."""
        found: dict[str, Any] = {}
        greatest = ""
        while True:
            more = f"&gt_id=%22{greatest}%22" if greatest else ""
            page = self._call("GET", f"/v1/buckets/b/collections/{collection}/records?_sort=id&_limit=500{more}")
            if not page["data"]:
                return found
            found.update({record["id"]: record for record in page["data"]})
            greatest = page["data"][-1]["id"]

    def _path(self, collection: str, number: int) -> str:
        return f"/v1/buckets/b/collections/{collection}/records/{identity(number)}"

    def _call(self, method: str, path: str, body: object = None) -> Any:
        credential = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {credential}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with _DIRECTLY.open(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def serving(place: Path) -> Iterator[Kinto]:
    port = free_port()
    configuration = place / "kinto.ini"
    configuration.write_text(_CONFIGURATION.format(port=port, batch=BATCH), encoding="utf-8")
    with RealServer(
        "kinto",
        [str(pip_server("kinto") / "bin" / "kinto"), "start", "--ini", str(configuration)],
        f"http://127.0.0.1:{port}/v1/__heartbeat__",
        cwd=place,
        log_path=place / "kinto.log",
    ) as server:
        yield Kinto(server)

"""Synapse: a room of messages, filled by an application service, and read by a user whose tokens last for seconds."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.servers.installing import outer_environment, pip_server
from tests.support.servers.running import RealServer, free_port

SERVICE_TOKEN = "lab-as-token"
API = "/_matrix/client/v3"
LIFETIME_SECONDS = 8
_EARLIEST_MS = 1_704_067_200_000
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SERVER = """
server_name: lab
report_stats: false
signing_key_path: {home}/lab.signing.key
log_config: {home}/log.yaml
media_store_path: {home}/media
pid_file: {home}/hs.pid
database: {{name: sqlite3, args: {{database: {home}/hs.db}}}}
listeners: [{{port: {port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, resources: [{{names: [client]}}]}}]
app_service_config_files: [{home}/as.yaml]
trusted_key_servers: []
macaroon_secret_key: lab
refreshable_access_token_lifetime: {lifetime}s
"""
_SERVICE = f"""
id: lab
url: null
as_token: {SERVICE_TOKEN}
hs_token: lab-hs-token
sender_localpart: lab
rate_limited: false
namespaces: {{users: [{{exclusive: false, regex: '@.*'}}], aliases: [], rooms: []}}
"""
_LOG = """
version: 1
handlers: {console: {class: logging.StreamHandler}}
root: {level: WARNING, handlers: [console]}
disable_existing_loggers: false
"""


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{API}{path}", content, headers, method=method)
    with _DIRECTLY.open(request, timeout=60) as answer:
        return json.loads(answer.read())


def create_room(url: str) -> str:
    return str(ask(url, "POST", "/createRoom", {"preset": "public_chat"})["room_id"])


def login(url: str, user: str, room: str) -> str:
    """A user in the room. Returns the refresh token, whose first access token is as short-lived as all others."""
    service = "m.login.application_service"
    ask(url, "POST", "/register", {"type": service, "username": user, "inhibit_login": True})
    ask(url, "POST", f"/join/{quote(room)}?user_id=%40{user}%3Alab", {})
    identifier = {"type": "m.id.user", "user": user}
    found = ask(url, "POST", "/login", {"type": service, "identifier": identifier, "refresh_token": True})
    return str(found["refresh_token"])


def send(url: str, room: str, numbers: range) -> dict[str, dict[str, Any]]:
    """Message ``number`` is of ``number`` seconds after the beginning of 2024. Returns type, time and content by id."""
    sent = {}
    for n in numbers:
        content = {"msgtype": "m.text", "body": f"message {n}"}
        time = _EARLIEST_MS + 1000 * n
        path = f"/rooms/{quote(room)}/send/m.room.message/t{n}?ts={time}"
        event_id = ask(url, "PUT", path, content)["event_id"]
        sent[event_id] = {"type": "m.room.message", "origin_server_ts": time, "content": content}
    return sent


def ids(home: Path) -> set[str]:
    """What the server's own database holds."""
    with closing(sqlite3.connect(f"file:{home / 'hs.db'}?mode=ro", uri=True, timeout=30)) as database:
        return {key for (key,) in database.execute("SELECT event_id FROM events WHERE type = 'm.room.message'")}


@contextmanager
def serving(home: Path) -> Iterator[RealServer]:
    port = free_port()
    (home / "hs.yaml").write_text(_SERVER.format(home=home, port=port, lifetime=LIFETIME_SECONDS), encoding="utf-8")
    (home / "as.yaml").write_text(_SERVICE, encoding="utf-8")
    (home / "log.yaml").write_text(_LOG, encoding="utf-8")
    python = str(pip_server("synapse") / "bin" / "python")
    command = [python, "-m", "synapse.app.homeserver", "-c", str(home / "hs.yaml")]
    subprocess.run([*command, "--generate-keys"], cwd=home, env=outer_environment(), check=True, capture_output=True)
    ready = f"http://127.0.0.1:{port}/_matrix/client/versions"
    with RealServer("synapse", command, ready, cwd=home, log_path=home / "synapse.log") as server:
        yield server

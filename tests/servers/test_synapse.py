"""Synapse: tokens of pages that are good for later, and credentials that end in the middle of a chain."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import execute_outside, rows
from tests.support.filesources import assert_hidden, whole_database
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.synapse import API, LIFETIME_SECONDS, create_room, ids, login, send, serving
from tests.support.servers.syncing import StartCrawl, kill_in_midchain, stored, sync

pytestmark = pytest.mark.all_servers

TOTAL = 300
STREAM = "synapse.messages"
KEY = b64encode(bytes(range(32))).decode()

LAST_RUN = """
SELECT r.pass_kind, r.status, coalesce(sum(p.inserted), 0)::int
FROM ingestion_runs r LEFT JOIN ingestion_pages p USING (run_id)
GROUP BY r.run_id, r.pass_kind, r.status ORDER BY r.run_id DESC LIMIT 1
"""

# A message never changes but by being redacted, which no later page of its room brings; an edit is an event of its own.
_FILE = """
[source]
name = "synapse"
base_url = "URL"

[source.auth]
type = "oauth2-refresh"
token_url = "/refresh"
refresh_token = "secret:MATRIX_REFRESH_TOKEN"
encoding = "json"
answer = { expires_in = "expires_in_ms", unit = "ms" }

[streams.messages]
url = "/rooms/{slice.room}/messages"
query = { dir = "f", limit = "{page_size}", filter = '{"types":["m.room.message"]}' }
page_size = 10
records = "chunk"
id = "event_id"
time = { path = "origin_server_ts", format = "ms" }
order = "oldest-first"
next = { from = "body:end", to = "query:from" }
end = ["no-next", "resumable"]
incremental = { type = "resume" }
slices = [{ room = "ROOM" }]
"""


@dataclass
class Room:
    url: str
    home: Path
    id: str
    sent: dict[str, dict[str, Any]]

    def source(self, url: str) -> str:
        return _FILE.replace("URL", url + API).replace("ROOM", self.id)

    def assert_exact(self, database_url: str) -> None:
        found = stored(database_url, "synapse__messages")
        assert set(found) == ids(self.home)
        # How long ago it was is another with each answer.
        assert {key: {name: one[name] for name in self.sent[key]} for key, one in found.items()} == self.sent


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    home = tmp_path_factory.mktemp("synapse")
    with serving(home) as server:
        room = create_room(server.url)
        yield Room(server.url, home, room, send(server.url, room, range(TOTAL)))


def test_tokens_that_end_in_mid_chain_a_kill_and_refusals_lose_nothing_and_the_last_position_goes_on(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, room: Room
) -> None:
    secrets = {"MATRIX_REFRESH_TOKEN": login(room.url, "reader", room.id), "TOKEN_ENCRYPTION_KEY": KEY}
    with Nginx(room.url, "2r/s", burst=2) as nginx:
        file = room.source(nginx.url)
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            STREAM,
            database_url=database_url,
            table="synapse__messages",
            MATRIX_REFRESH_TOKEN=secrets["MATRIX_REFRESH_TOKEN"],
            TOKEN_ENCRYPTION_KEY=KEY,
        )
        assert end.code == 0, end.log
        room.assert_exact(database_url)
        assert_hidden(secrets.values(), end.log, whole_database(database_url))
        answers = nginx.answers()
        assert answers[-1].time - answers[0].time > LIFETIME_SECONDS
        assert sum(answer.uri.endswith("/refresh") and answer.status == 200 for answer in answers) >= 3
        refused = [n for n, answer in enumerate(answers) if answer.status == 429]
        assert 1 <= len(refused) <= TOTAL / 10 + 1
        assert impatient(answers, end.killed_at) == []

        room.sent.update(send(room.url, room.id, range(TOTAL, TOTAL + 25)))
        asked = len(answers)
        later = sync(start_crawl, tmp_path, file, STREAM, **secrets)
        assert later.code == 0, later.log
        room.assert_exact(database_url)
        assert rows(database_url, LAST_RUN) == [("incremental", "complete", 25)]
        # What is new, and the empty page behind it.
        pages = [answer for answer in nginx.answers()[asked:] if answer.status == 200 and "/messages" in answer.uri]
        assert len(pages) <= 5


def test_a_token_of_a_page_that_it_does_not_know_is_no_end(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, room: Room
) -> None:
    secrets = {"MATRIX_REFRESH_TOKEN": login(room.url, "other", room.id), "TOKEN_ENCRYPTION_KEY": KEY}
    end = kill_in_midchain(
        start_crawl,
        tmp_path,
        room.source(room.url),
        STREAM,
        database_url=database_url,
        table="synapse__messages",
        between=lambda: execute_outside(database_url, "UPDATE ingestion_state SET cursor = 'nonsense'"),
        MATRIX_REFRESH_TOKEN=secrets["MATRIX_REFRESH_TOKEN"],
        TOKEN_ENCRYPTION_KEY=KEY,
    )
    assert end.code == 0, end.log
    assert "the stored position is given up" in end.log
    room.assert_exact(database_url)

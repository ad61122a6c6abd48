"""The example of docs/sources/add-a-source.md, against an API that behaves as the prose beside it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.apiserver import serving_api
from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.unknownapis import Asked, Said
from tests.unit.docs.pages import DOCS, read

KEY = "desk-4711-of-some-length"
START = datetime(2026, 1, 1, tzinfo=UTC)


def the_file(base_url: str) -> str:
    (block,) = [block for block in read(DOCS / "sources" / "add-a-source.md").blocks if 'name = "desk"' in block.lines]
    return "\n".join(block.lines).replace("https://desk.example.com", base_url)


def ticket(number: int, minutes: int, state: str = "open") -> dict[str, Any]:
    """Each number is there at two desks."""
    at = (START + timedelta(minutes=minutes)).isoformat()
    return {"number": number // 2, "desk": f"d{number % 2}", "state": state, "changed_at": at}


class Desk:
    def __init__(self) -> None:
        self.tickets = [ticket(number, number) for number in range(1_400)]
        self.odd_answers: list[tuple[int, Said]] = [
            (2, Said({"error": {"code": "busy"}})),
            (3, Said({"error": {"code": "rate"}}, 429, {"X-Desk-Wait": "1"})),
            (5, Said({"error": {"code": "cursor_expired"}}, 400)),
        ]
        self.requests = 0

    def __call__(self, asked: Asked) -> Said:
        self.requests += 1
        if self.odd_answers and self.odd_answers[0][0] == self.requests:
            return self.odd_answers.pop(0)[1]
        since = asked.query.get("updated_since")
        from_time = datetime.fromisoformat(since) if since else START
        found = [each for each in self.tickets if datetime.fromisoformat(each["changed_at"]) >= from_time]
        start, limit = asked.number("cursor", 0), min(asked.number("limit", 50), 500)
        following = str(start + limit) if start + limit < len(found) else None
        return Said({"tickets": found[start : start + limit], "meta": {"next": following}})


def test_a_file_that_is_written_from_the_prose_alone_reads_such_an_api(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    desk = Desk()
    with serving_api(desk) as api:
        (tmp_path / "desk.toml").write_text(the_file(api.url), encoding="utf-8")
        settings = {"SOURCES_DIR": str(tmp_path), "DESK_KEY": KEY, "DATABASE_URL": database_url}
        first = start_crawl("", spider="desk", **settings)
        first.wait()
        assert first.process.returncode == 0, first.log
        assert not desk.odd_answers
        assert {headers["x-desk-key"] for headers in api.headers} == {KEY}

        # One is changed, one is removed, one is new.
        changed, removed, new = ticket(7, 2_000, "closed"), ticket(8, 2_001, "removed"), ticket(1_400, 2_002)
        desk.tickets = [each for number, each in enumerate(desk.tickets) if number not in {7, 8}] + [
            changed,
            removed,
            new,
        ]
        before = desk.requests
        later = start_crawl("", spider="desk", **settings)
        later.wait()
        assert later.process.returncode == 0, later.log
        assert desk.requests - before == 1

    stored = {
        (payload["desk"], payload["number"]): (payload["state"], is_gone)
        for payload, is_gone in rows(database_url, "SELECT payload, deleted_at IS NOT NULL FROM desk__tickets")
    }
    wanted = {(each["desk"], each["number"]): (each["state"], each["state"] == "removed") for each in desk.tickets}
    assert stored == wanted
    assert len(stored) == 1_401

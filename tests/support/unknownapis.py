"""APIs that nothing is known of: answers of real servers, kept, and small ones that page in a way of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.investigating import investigate
from datasync_spider.ops.discovery.url.probe import Seen, Wish, seen
from datasync_spider.ops.discovery.url.target import make_target

ANSWERS = Path(__file__).parents[1] / "fixtures" / "answers"
URL = "http://api.invalid/v1/things"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as such an API reads it: ``body`` is the JSON, ``query`` its last values by name."""

    method: str
    url: str
    query: Mapping[str, str]
    body: Any = None

    def number(self, name: str, default: int) -> int:
        given = self.query.get(name, "")
        return int(given) if given.isdigit() else default


@dataclass(frozen=True, slots=True)
class Said:
    """``body`` as JSON, but for a text, which is sent as it is."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Api = Callable[[Asked], Said]


def records(count: int = 25, *, newest_first: bool = False, **more: Any) -> list[dict[str, Any]]:
    """With an id and a time, a minute apart."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    found = [
        {"id": f"r{n:03}", "created_at": (start + timedelta(minutes=n)).isoformat(), "kind": "lab", **more}
        for n in range(count)
    ]
    return found[::-1] if newest_first else found


def looked_at(
    api: Api, url: str = URL, method: str | None = None, data: Any = None, headers: Sequence[str] = ()
) -> tuple[Findings, list[Asked]]:
    """What an investigation of the API finds, and what it asked for that."""
    target = make_target(url, method, headers, None if data is None else json.dumps(data))
    asked: list[Asked] = []

    def answer(wish: Wish) -> Seen:
        one = Asked(wish.method, wish.url, dict(parse_qsl(urlsplit(wish.url).query)), wish.data)
        asked.append(one)
        said = api(one)
        body = said.body if isinstance(said.body, str) else json.dumps(said.body)
        headers = {"content-type": "application/json", **{name.lower(): text for name, text in said.headers.items()}}
        return seen(wish, said.status, {name: [text] for name, text in headers.items()}, body.encode())

    return _carried_out(investigate(target), answer), asked


def kept(name: str) -> tuple[Findings, list[str]]:
    """What is found from the answers that a real server gave, each to the request that it was given to."""
    text = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    target = make_target(text["url"], None, text["headers"], None)
    answers = {one["url"]: one for one in text["exchanges"]}
    asked: list[str] = []

    def answer(wish: Wish) -> Seen:
        asked.append(wish.url)
        one = answers[wish.url]
        headers: dict[str, list[str]] = {}
        for header, value in one["headers"]:
            headers.setdefault(header.lower(), []).append(value)
        return seen(wish, one["status"], headers, one["body"].encode())

    return _carried_out(investigate(target), answer), asked


def _carried_out(investigation: Any, answer: Callable[[Wish], Seen]) -> Findings:
    try:
        wish = next(investigation)
        while True:
            wish = investigation.send(answer(wish))
    except StopIteration as end:
        found: Findings = end.value
        return found

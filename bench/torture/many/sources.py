"""The files of the three sources, and the secrets that they name."""

from __future__ import annotations

import json
from pathlib import Path

from bench.torture.many.api import BUDGET, PAGE, key_of
from bench.torture.oracle import Stream

_LEDGER = """
[source]
name = "ledger"
base_url = "{base_url}/ledger"
every = "{every}s"
auth = {{ type = "bearer", token = "secret:LEDGER_KEY" }}
budget = {{ requests = {requests}, seconds = {seconds} }}
meanings = [{{ status = 400, path = "code", value = "CURSOR_EXPIRED", means = "cursor-expired" }}]

[streams.entries]
url = "/{{slice.tenant}}"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = {page}, max = {page} }}
records = "data"
id = "id"
time = "at"
order = "newest-first"
next = {{ from = "body:next", to = "query:cursor" }}
end = ["no-next"]
incremental = {{ type = "known" }}
slices = {slices}
"""
_PEOPLE = """
[source]
name = "people"
base_url = "{base_url}/people"
every = "{every}s"
auth = {{ type = "bearer", token = "secret:PEOPLE_KEY_{{slice.tenant}}" }}

[streams.persons]
url = "/{{slice.tenant}}"
query = {{ per_page = "{{page_size}}" }}
page_size = {{ default = {page}, max = {page} }}
records = "@"
id = "id"
time = "at"
order = "oldest-first"
mutable = true
next = {{ from = "link:next", to = "url" }}
end = ["no-next"]
incremental = {{ type = "since", param = "since" }}
slices = {slices}
"""
_SHELF = """
[source]
name = "shelf"
base_url = "{base_url}/shelf"
every = "{every}s"
auth = {{ type = "headers", headers = {{ X-Api-Key = "secret:SHELF_KEY" }} }}

[streams.books]
url = "/{{slice.tenant}}"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = {page}, max = {page} }}
records = "items"
id = "id"
time = "at"
total = "meta.count"
order = "newest-first"
next = {{ from = "counter:offset", to = "query:offset" }}
end = ["empty", "short"]
incremental = {{ type = "known" }}
slices = {slices}
"""
_FILES = {"ledger": _LEDGER, "people": _PEOPLE, "shelf": _SHELF}
_STREAMS = {"ledger": "ledger.entries", "people": "people.persons", "shelf": "shelf.books"}


def tenants_of(slices: int) -> dict[str, list[str]]:
    """So many in all, as evenly as it goes."""
    names = list(_FILES)
    return {name: [f"t{n}" for n in range(len(range(place, slices, len(names))))] for place, name in enumerate(names)}


def stream_of(feed: str) -> Stream:
    """The slice that reads the feed."""
    source, _, tenant = feed.partition("/")
    return Stream(_STREAMS[source], json.dumps({"tenant": tenant}, separators=(",", ":")))


def write_files(directory: Path, base_url: str, tenants: dict[str, list[str]], every: int) -> None:
    directory.mkdir()
    for name, text in _FILES.items():
        if not tenants.get(name):
            continue
        slices = ", ".join(f'{{ tenant = "{tenant}" }}' for tenant in tenants[name])
        requests, seconds = BUDGET
        (directory / f"{name}.toml").write_text(
            text.format(
                base_url=base_url, every=every, requests=requests, seconds=seconds, page=PAGE, slices=f"[{slices}]"
            )
        )


def secrets_of(tenants: dict[str, list[str]]) -> dict[str, str]:
    """As the environment has them."""
    people = {
        f"PEOPLE_KEY_{name}": key_of("people", name).removeprefix("Bearer ") for name in tenants.get("people", ())
    }
    ledger = key_of("ledger", "").removeprefix("Bearer ")
    return {"LEDGER_KEY": ledger, "SHELF_KEY": key_of("shelf", ""), **people}

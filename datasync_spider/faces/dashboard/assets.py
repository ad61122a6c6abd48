"""The page's own files, in this package or made of it: nothing is fetched from anywhere else.

Invariant: what can be asked for is the list of files that was found at the start; no path of a request reaches a file
system.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

import msgspec
from msgspec import Struct

from datasync_spider.faces.dashboard.replies import Reply
from datasync_spider.observe.columns import LINE, MACHINE, RUN, STREAM
from datasync_spider.observe.states import MACHINE_STATES, STATES

COLUMNS = "columns.js"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


class Asset(Struct, frozen=True):
    """One file, with the tag by which a browser asks whether its copy is still the same."""

    content_type: str
    body: bytes
    etag: str

    def reply(self, if_none_match: str | None) -> Reply:
        headers = {"Cache-Control": "no-cache", "ETag": self.etag}
        if if_none_match == self.etag:
            return Reply(304, self.content_type, b"", headers)
        return Reply(200, self.content_type, self.body, headers)


def load_assets() -> dict[str, Asset]:
    """All files by their names."""
    found: dict[str, Asset] = {}
    for file in (files("datasync_spider.faces.dashboard") / "assets").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _TYPES:
            found[file.name] = _asset(kind, file.read_bytes())
    found[COLUMNS] = _asset("js", _columns())
    return found


def _asset(kind: str, body: bytes) -> Asset:
    return Asset(_TYPES[kind], body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _columns() -> bytes:
    """The registry, as a module that the page's own import: a label or a format is written nowhere else."""
    exported = {
        "STATES": STATES,
        "MACHINE_STATES": MACHINE_STATES,
        "COLUMNS": {"stream": STREAM, "line": LINE, "machine": MACHINE, "run": RUN},
    }
    parts = ["// Made of datasync_spider/observe/columns.py and states.py."]
    for name, made in exported.items():
        parts.append(f"export const {name} = {msgspec.json.format(msgspec.json.encode(made), indent=2).decode()};")
    return ("\n\n".join(parts) + "\n").encode()

"""What was found out about an unknown API: all that a file needs, and how sure it is."""

from __future__ import annotations

from msgspec import Struct, field

from datasync_spider.ops.discovery.url.counts import SizeParameter
from datasync_spider.ops.discovery.url.fields import Identity, TimeField
from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.proposal import Proposal
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import Path


class Findings(Struct):
    """``is_tried``: the second page was asked for as ``next`` says, and held other records.

    ``largest``: the most records that a page had, ``is_largest`` where the API gave no more though asked. ``end``: as a
    file has it. ``doubts``: by the key of a file that they are about, in sentences; under an empty key of all.
    """

    target: Target
    layout: Layout
    is_lines: bool
    identity: Identity
    times: list[TimeField]
    order: str
    next: Proposal
    is_tried: bool
    end: list[str]
    size: SizeParameter | None = None
    largest: int | None = None
    total: Path | None = None
    rate: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    records: int = 0
    doubts: dict[str, list[str]] = field(default_factory=dict)

    def doubt(self, key: str, text: str) -> None:
        """Notes what is not sure."""
        self.doubts.setdefault(key, []).append(text)

"""How the pages may follow each other: all ways that an answer hints at, the likeliest first.

Invariant: a proposal says where it was seen. Whether it is right is for the second page to say.
"""

from __future__ import annotations

from msgspec.structs import replace

from datasync_spider.ops.discovery.url.counted import counters_of, guessed_counters, last_records
from datasync_spider.ops.discovery.url.flags import find_flags
from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.links import linked, urls_in_body, urls_in_headers
from datasync_spider.ops.discovery.url.nexttokens import merged_objects, tokens_in_body, tokens_in_headers
from datasync_spider.ops.discovery.url.probe import Seen
from datasync_spider.ops.discovery.url.proposal import Proposal
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import Path

_EARLY_TRIES = 2


def proposals(target: Target, page: Seen, layout: Layout, id_path: Path | None) -> list[Proposal]:
    """``id_path``: of what distinguishes records, where that is one member."""
    flags = find_flags(page.body, layout.path)
    found = [
        *linked(page),
        *urls_in_body(page, layout),
        *urls_in_headers(page),
        *merged_objects(target, page, layout),
        *tokens_in_body(target, page, layout),
        *tokens_in_headers(target, page),
        *counters_of(target, page, layout),
        *last_records(target, layout, id_path, flags),
        *guessed_counters(target, layout),
    ]
    unlike: dict[tuple[str, str | None], Proposal] = {}
    for one in found:
        unlike.setdefault((one.source, one.to), replace(one, flags=flags))
    return _mixed(list(unlike.values()))


def _mixed(ways: list[Proposal]) -> list[Proposal]:
    """Of what was seen, two tries for each place before a third one for any; guesses last."""
    tries: dict[str, int] = {}
    early: list[Proposal] = []
    late: list[Proposal] = []
    guesses: list[Proposal] = []
    for way in ways:
        tries[way.source] = tries.get(way.source, 0) + 1
        (guesses if way.is_guess else early if tries[way.source] <= _EARLY_TRIES else late).append(way)
    return [*early, *late, *guesses]

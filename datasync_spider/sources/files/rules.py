"""What must hold between the parts of a stream, and between a source and its streams.

Invariant: nothing here looks at one key alone. A finding names the keys that it is about, so that nobody is bothered
with what follows from another mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from datasync_spider.sources.files.tables import key_text
from datasync_spider.sources.slicevalues import slice_names
from datasync_spider.sources.slots import PAGE_SIZE, SLICE, TIMES, slots
from datasync_spider.sources.spec import Stream


class Finding(NamedTuple):
    """``key`` is where a person would mend it; ``also``: other keys that it depends on."""

    key: str
    text: str
    also: frozenset[str] = frozenset()


def findings_in(stream: Stream) -> Iterator[Finding]:
    """All that does not go together within a stream."""
    yield from _versions(stream)
    yield from _ends(stream)
    yield from _parameters(stream)
    for key, text in _texts(stream):
        yield from _slots(stream, key, text)
    if stream.incremental.type == "known" and stream.order != "newest-first":
        yield Finding(
            "incremental",
            f"is known, and order is {stream.order}: only where the newest come first is what follows a known record"
            " known, too; allowed: known with newest-first, or none",
            frozenset({"order"}),
        )


def slice_slots(text: str) -> frozenset[str]:
    """The names of a slice's values that a text asks for."""
    return frozenset(name.removeprefix(SLICE) for name in slots(text) if name.startswith(SLICE))


def _versions(stream: Stream) -> Iterator[Finding]:
    given = {
        "version": stream.version is not None,
        "tombstone": stream.tombstone is not None,
        "keep_history": stream.keep_history,
    }
    if stream.mutable and not given["version"] and not stream.time:
        yield Finding(
            "mutable",
            "is true, and nothing says which of two versions is the later one; allowed: true with version or time",
            frozenset({"version", "time"}),
        )
    if not stream.mutable:
        for key, is_given in given.items():
            if is_given:
                yield Finding(key, "goes with mutable = true only; allowed: no such key", frozenset({"mutable"}))


def _ends(stream: Stream) -> Iterator[Finding]:
    end, is_counted = stream.end, stream.next.source == "counter"
    if end.short and stream.page_size is None:
        text = "holds short, and there is no page_size; allowed: short with page_size"
        yield Finding("end", text, frozenset({"page_size"}))
    if is_counted and end.no_next and not (end.empty or end.short or end.flags):
        yield Finding(
            "end",
            "is no-next alone, and a counter can always go on; allowed: empty, short or flag:PATH=VALUE with it",
            frozenset({"next"}),
        )
    if is_counted and not _tells_page_size(stream):
        yield Finding(
            "next.from",
            "is counter:offset, and the API is not asked for a size of pages; allowed: a counter with page_size, and"
            " {page_size} in query",
            frozenset({"query", "url", "page_size", "headers"}),
        )


def _tells_page_size(stream: Stream) -> bool:
    return stream.page_size is not None and any(PAGE_SIZE in slots(text) for _, text in _texts(stream))


def _parameters(stream: Stream) -> Iterator[Finding]:
    own, step = {name for name, _ in stream.query}, stream.next
    for name in step.keep or ():
        if name not in own:
            text = f"holds {key_text(name)}, which is no parameter of query; allowed: names of query"
            yield Finding("next.keep", text, frozenset({"query"}))
    # A text of query is what the first page is asked with, as in cursor=*; a slot or a counter is meant for all pages.
    has_slots = any(slots(text) for name, text in stream.query if name == step.parameter)
    if step.to == "query" and (has_slots or (step.source == "counter" and step.parameter in own)):
        name = key_text(step.parameter)
        text = f"sets {name}, which is a parameter of query, too; allowed: a parameter of its own"
        yield Finding("next.to", text, frozenset({"query"}))


def _slots(stream: Stream, key: str, text: str) -> Iterator[Finding]:
    known = slice_names(stream)
    names = set(known or ())
    for slot in dict.fromkeys(slots(text)):
        if slot in TIMES:
            if not key.startswith("query."):
                yield Finding(key, f"holds {{{slot}}}; allowed: {{{slot}}} in query only")
        elif slot == PAGE_SIZE:
            if stream.page_size is None:
                text = "holds {page_size}, and there is no page_size; allowed: {page_size} with page_size"
                yield Finding(key, text, frozenset({"page_size"}))
        elif not slot.startswith(SLICE) or (known is not None and slot.removeprefix(SLICE) not in names):
            yield Finding(key, f"holds {{{slot}}}; allowed: {allowed_slots(names)}", frozenset({"slices"}))


def allowed_slots(names: set[str]) -> str:
    """The slots that a stream's texts may hold, whose slices have these names."""
    of_slices = ", ".join(f"{{{SLICE}{name}}}" for name in sorted(names)) or f"no {{{SLICE}NAME}} without slices"
    return f"{{page_size}}, {{since}}, {{until}}, {of_slices}"


def _texts(stream: Stream) -> Iterator[tuple[str, str]]:
    yield "url", stream.url
    yield from ((f"query.{key_text(name)}", text) for name, text in stream.query)
    yield from ((f"headers.{key_text(name)}", text) for name, text in stream.headers.items())

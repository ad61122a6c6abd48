"""What must hold between the parts of a stream, and between a source and its streams.

Invariant: nothing here looks at one key alone. A finding names the keys that it is about, so that no one is bothered
with what follows from another mistake.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from datasync_spider.sources.files.tables import key_text
from datasync_spider.sources.paths import Path
from datasync_spider.sources.requests import with_value
from datasync_spider.sources.shifting import can_shift
from datasync_spider.sources.slicevalues import slice_names
from datasync_spider.sources.slots import PAGE_SIZE, SLICE, TIMES, NoValue, slots, slots_of_body
from datasync_spider.sources.spec import Body, FormBody, JsonBody, Next, Stream

_LOOKS_LIKE_A_SLOT = re.compile(r"\{[A-Za-z_][\w.-]*\}")


class Finding(NamedTuple):
    """``key`` is where a person would mend it; ``also``: other keys that it depends on."""

    key: str
    text: str
    also: frozenset[str] = frozenset()


def findings_in(stream: Stream) -> Iterator[Finding]:
    """All that does not go together within a stream."""
    yield from _versions(stream)
    yield from _ends(stream)
    yield from _within_records(stream)
    yield from _lines(stream)
    yield from _parameters(stream)
    yield from _bodies(stream)
    yield from _bookmarks(stream)
    yield from _windows(stream)
    yield from _deletions(stream)
    for key, text in _texts(stream):
        yield from _slots(stream, key, text)
    yield from _times_asked_from(stream)
    if stream.incremental.conditional and stream.method != "GET":
        text = f"is conditional, and method is {stream.method}: only a GET has something to compare with; allowed: GET"
        yield Finding("incremental", text, frozenset({"method"}))
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
        "history": stream.keep_history,
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


def _lines(stream: Stream) -> Iterator[Finding]:
    """What a body of lines has no place for."""
    if stream.mutable and stream.id_kind == "hash" and not stream.id:
        text = "is true, and id is a hash of the whole record, so that each version is another one; allowed: false"
        yield Finding("mutable", f"{text}, or hash with without", frozenset({"id"}))
    if stream.format != "ndjson":
        return
    also = frozenset({"format"})
    if stream.shape.kind in {"map", "columns"}:
        text = f"has the shape {stream.shape.kind}, and format is ndjson: each line is an element"
        yield Finding("records", f"{text}; allowed: list, wrapped:PATH, scalars or python:…", also)
    elif stream.records != (Path(),):
        yield Finding("records", 'is no place in a body of lines, since format is ndjson; allowed: "@", or none', also)
    if stream.shape.kind == "python":
        return
    if stream.next.source in {"body", "object"}:
        text = "is within a body, and format is ndjson: all its lines are records; allowed: header:, link: or last:"
        yield Finding("next.from", text, also)
    if stream.end.flags:
        text = "holds a flag within a body, and format is ndjson: all its lines are records; allowed: no flag"
        yield Finding("end", text, also)


def _ends(stream: Stream) -> Iterator[Finding]:
    end, is_counted = stream.end, stream.next.source == "counter"
    can_end = end.empty or end.short or end.flags or end.statuses
    if end.short and stream.page_size is None:
        text = "holds short, and there is no page_size; allowed: short with page_size"
        yield Finding("end", text, frozenset({"page_size"}))
    if is_counted and (end.no_next or end.repeat) and not can_end:
        yield Finding(
            "end",
            f"is {'repeat' if end.repeat else 'no-next'} alone, and a counter can always go on; allowed: empty, short,"
            " status:NUMBER or flag:PATH=VALUE with it",
            frozenset({"next"}),
        )
    if stream.next.source == "counter" and stream.next.name == "offset" and not _names_page_size(stream):
        yield Finding(
            "next.from",
            "is counter:offset, and the API is not asked for a size of pages; allowed: a counter with page_size, and"
            " {page_size} in query or body",
            frozenset({"query", "url", "page_size", "headers", "body"}),
        )


def _within_records(stream: Stream) -> Iterator[Finding]:
    """What is looked for in a record, by a way that sees a page without its records."""
    if len(stream.records) != 1 or stream.shape.kind == "python":
        return
    (records,) = stream.records
    steps = [("next.from", path) for step in (stream.next, *stream.next.beside) for path in _body_paths(step)]
    for key, path in (*steps, *(("end", flag.path) for flag in stream.end.flags)):
        beyond = path.steps[len(records.steps) :]
        if path.steps[: len(records.steps)] == records.steps and beyond and isinstance(beyond[0], int):
            text = (
                f"holds {path}, which is within the records; allowed: what stands beside them, or next from last:PATH"
            )
            yield Finding(key, text, frozenset({"records"}))


def _body_paths(step: Next) -> tuple[Path, ...]:
    return step.paths if step.source in {"body", "object"} else ()


def _times_asked_from(stream: Stream) -> Iterator[Finding]:
    """What a stream needs that asks for what is not older than a time."""
    way = stream.incremental
    if way.type != "since":
        return
    if not stream.time:
        text = "is since, and no record has a time; allowed: since with time"
        yield Finding("incremental", text, frozenset({"time"}))
    asked = [key for key, text in _texts(stream) if "since" in slots(text)]
    if not asked and "{since}" not in repr(stream.body):
        yield Finding(
            "incremental",
            "is since, and nothing says where the time goes; allowed: param with the name of a parameter, or {since} in"
            " query, url or body",
            frozenset({"query", "url", "body"}),
        )
    if "url" in asked and way.start is None:
        text = "is missing, and url holds {since}, which the first sync has to fill, too; allowed: start with a time"
        yield Finding("incremental.start", text, frozenset({"url"}))
    names = [name for name, _ in stream.query]
    for name in {name for name, text in stream.query if "since" in slots(text) and names.count(name) > 1}:
        twice = f"is asked from by {key_text(name)}, which stands in query more than once; allowed: once"
        yield Finding("incremental", twice, frozenset({"query"}))


def _bookmarks(stream: Stream) -> Iterator[Finding]:
    resumes = stream.incremental.type == "resume"
    if resumes and not stream.end.resumable:
        text = "is resume, and end does not say resumable; allowed: resume with resumable in end"
        yield Finding("incremental", text, frozenset({"end"}))
    if stream.end.resumable and not resumes:
        text = "holds resumable, and nothing goes on from there; allowed: resumable with incremental of the type resume"
        yield Finding("end", text, frozenset({"incremental"}))
    if resumes and stream.tail is None and stream.order == "newest-first":
        yield Finding(
            "incremental",
            "is resume, and order is newest-first: what follows the last page is older than all that was read; allowed:"
            " resume with another order, or with a tail of its own",
            frozenset({"order", "tail"}),
        )


def _windows(stream: Stream) -> Iterator[Finding]:
    if stream.incremental.type != "window":
        return
    asked = {slot for _, text in _texts(stream) for slot in slots(text)}
    if stream.body is not None:
        asked |= {name for name in TIMES if f"{{{name}}}" in repr(stream.body)}
    for slot, key in (("since", "from"), ("until", "to")):
        if slot not in asked:
            yield Finding(
                f"incremental.{key}",
                f"is missing, and {{{slot}}} stands nowhere: no window can be asked for; allowed: the name of the"
                f" parameter, or {{{slot}}} in query",
                frozenset({"query", "url", "body"}),
            )
    names = [name for name, _ in stream.query]
    for name, text in stream.query:
        if TIMES.intersection(slots(text)) and names.count(name) > 1:
            why = f"names {key_text(name)}, which is a parameter of query, too; allowed: one of both"
            yield Finding("incremental", why, frozenset({"query"}))


def _deletions(stream: Stream) -> Iterator[Finding]:
    """What keeps a full sync from finding what is not there any more."""
    if not stream.marks_deleted:
        return
    way, also = stream.incremental, frozenset({"incremental"})
    if way.type == "window":
        text = "is full-sync, and incremental is window: a record that changes meanwhile may be in none of the windows"
        yield Finding("deletions", f"{text}; allowed: incremental of another type, or no deletions", also)
    elif way.start is not None:
        text = "is full-sync, and incremental has a start: what is older would be taken for deleted"
        yield Finding("deletions", f"{text}; allowed: no start, or no deletions", also)
    if can_shift(stream) and not stream.total:
        why = "a record that goes meanwhile takes the places of those behind it with it"
        if stream.next.source != "counter":
            why = "a record that changes meanwhile goes to the head, where the sync has been"
        text = f"is full-sync, and no total says whether all records were met: {why}; allowed: full-sync with total"
        yield Finding("deletions", text, frozenset({"total", "next", "mutable", "order", "version", "time"}))


def _names_page_size(stream: Stream) -> bool:
    return stream.page_size is not None and any(PAGE_SIZE in _slots_in(key, text) for key, text in _texts(stream))


def _parameters(stream: Stream) -> Iterator[Finding]:
    own = {name for name, _ in stream.query}
    # A durable token stays beside its pages, or does not, as the stream's own parameters do.
    kept = own if stream.tail is None else {*own, stream.tail.parameter or str(stream.tail.path)}
    steps = (stream.next, *stream.next.beside)
    members = _members(stream)
    places = (
        (kept, "parameter of query", "query") if any(step.to != "body" for step in steps) else None,
        (members, "member of body", "body") if any(step.to == "body" for step in steps) else None,
    )
    known = [place for place in places if place is not None]
    for name in stream.next.keep or ():
        if not any(name in names for names, _, _ in known):
            what, where = " and no ".join(of for _, of, _ in known), " or ".join(key for _, _, key in known)
            text = f"holds {key_text(name)}, which is no {what}; allowed: names of {where}"
            yield Finding("next.keep", text, frozenset({"query", "body"}))
    for step in steps:
        if step.to == "query":
            yield from _own_parameter(stream, step, own)
    names = [str(step.path) if step.path else step.parameter for step in steps if step.to != "url"]
    if len(names) > len(set(names)):
        yield Finding("next.to", "holds the same place twice; allowed: a place of its own for each")


def _own_parameter(stream: Stream, step: Next, own: set[str]) -> Iterator[Finding]:
    # A text of query is what the first page is asked with, as in cursor=*; a slot or a counter is meant for all pages.
    has_slots = any(slots(text) for name, text in stream.query if name == step.parameter)
    is_own = step.parameter in own
    if has_slots or (step.source == "counter" and is_own):
        name = key_text(step.parameter)
        text = f"sets {name}, which is a parameter of query, too; allowed: a parameter of its own"
        yield Finding("next.to", text, frozenset({"query"}))
    elif step.first is not None and is_own:
        name = key_text(step.parameter)
        text = f"is what {name} begins with, and query says so, too; allowed: one of the two"
        yield Finding("next.first", text, frozenset({"query"}))


def _bodies(stream: Stream) -> Iterator[Finding]:
    steps = [step for step in (stream.next, *stream.next.beside) if step.path is not None]
    if stream.method == "GET":
        if stream.body is not None:
            text = "goes with another method than GET; allowed: a body with method POST, PUT or PATCH"
            yield Finding("body", text, frozenset({"method"}))
        if steps:
            text = "leads into a body, and method is GET; allowed: body:PATH with method POST, PUT or PATCH"
            yield Finding("next.to", text, frozenset({"method", "body"}))
        return
    for step in steps:
        path = step.path
        if path is not None and (why := _why_no_place(stream.body, path)) is not None:
            yield Finding("next.to", f"holds body:{path}: {why}", frozenset({"body"}))


def _why_no_place(body: Body | None, path: Path) -> str | None:
    if isinstance(body, FormBody):
        if len(path.steps) > 1:
            return "a form has fields and nothing within them; allowed: body: with one name"
        return None
    value = {} if body is None else copy.deepcopy(body.value)
    try:
        with_value(value, path.steps, "")
    except NoValue as error:
        return f"{error}; allowed: a path that the body has, or names alone"
    if isinstance(value, list) and isinstance(path.steps[0], str):
        return "the body is a list; allowed: a path that begins with [0] or another element"
    return None


def _members(stream: Stream) -> set[str]:
    match stream.body:
        case FormBody(fields=fields):
            return {name for name, _ in fields}
        case JsonBody(value=dict() as value):
            return set(value)
    return set()


def _slots(stream: Stream, key: str, text: str) -> Iterator[Finding]:
    known = slice_names(stream)
    names = set(known or ())
    for slot in dict.fromkeys(_slots_in(key, text)):
        if slot in TIMES:
            asks_from = stream.incremental.type == "since" and slot == "since"
            if not key.startswith(("query.", "body.")) and not (asks_from and key == "url"):
                text = f"holds {{{slot}}}; allowed: {{{slot}}} in query and body only"
                yield Finding(key, text, frozenset({"incremental"}))
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
    match stream.body:
        case FormBody(fields=fields):
            yield from ((f"body.form.{key_text(name)}", text) for name, text in fields)
        case JsonBody(value=value):
            yield from _texts_within(value, "body.json")


def _texts_within(value: Any, key: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield key, value
        case dict():
            for name, one in value.items():
                yield from _texts_within(one, f"{key}.{key_text(name)}")
        case list():
            for index, one in enumerate(value):
                yield from _texts_within(one, f"{key}[{index}]")


def _slots_in(key: str, text: str) -> tuple[str, ...]:
    """In a body a brace means something only where a slot is, or where a whole text looks like one."""
    if not key.startswith("body."):
        return slots(text)
    found = slots_of_body(text)
    return found if found or not _LOOKS_LIKE_A_SLOT.fullmatch(text) else (text[1:-1],)

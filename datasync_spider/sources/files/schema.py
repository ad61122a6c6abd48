"""The JSON Schema of a source's file, from which editors complete and check one while it is written.

Invariant: its keys are those of :mod:`datasync_spider.sources.files.keys`, table by table; what a key's value may be is
said here once more, as far as a schema can. What must hold between keys is left to :mod:`load`, whose word counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

from datasync_spider.sources.columns import TYPES
from datasync_spider.sources.files import keys
from datasync_spider.sources.files.keys import Keys
from datasync_spider.sources.spec import Meaning

Schema: TypeAlias = dict[str, Any]

# A command that writes a source's file puts the schema beside it, where there is none, so this line is true anywhere.
SCHEMA_FILE = "source.schema.json"
SCHEMA_LINE = f"#:schema ./{SCHEMA_FILE}"

_NAME = r"^[A-Za-z0-9_-]{1,63}$"
_SECRET = r"secret:[A-Za-z_{]"
_TEXT: Schema = {"type": "string", "minLength": 1}
_TRUTH: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_PATHS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True}]}
_DURATION: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s?(ms|s|m|h|d)$"},
    ],
    "description": 'A number of seconds, or a text such as "30s", "5m", "2h", "1d".',
}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}
_SECRETS: Schema = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "pattern": _SECRET},
}
_PAIRS: Schema = {
    "anyOf": [
        _TEXTS,
        {
            "type": "array",
            "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["string", "integer"]}},
        },
    ]
}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def _named(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _several(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1, "uniqueItems": True}]}


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


_SECRET_NAME = _named(r"^secret:[A-Za-z_{]")
_AUTH: Mapping[str, Schema] = {
    "headers": _SECRETS,
    "token": _SECRET_NAME,
    "user": _TEXT,
    "password": {"type": "string"},
    "query": _SECRETS,
    "body": _SECRETS,
    "token_url": _TEXT,
    "client_id": _TEXT,
    "client_secret": _SECRET_NAME,
    "refresh_token": _SECRET_NAME,
    "scope": {"type": "string"},
    "audience": {"type": "string"},
    "send": _one_of("basic", "form"),
    "leeway": _DURATION,
    "fields": _PAIRS,
    "secrets": _SECRETS,
    "encoding": _one_of("form", "json"),
}
_AUTH_NEEDS: Mapping[str, tuple[str, ...]] = {
    "headers": ("headers",),
    "bearer": ("token",),
    "basic": ("user",),
    "query": ("query",),
    "body": ("body",),
    "oauth2-client-credentials": ("token_url", "client_id"),
    "oauth2-refresh": ("token_url", "refresh_token"),
}
_MEANING: Mapping[str, Schema] = {
    "status": {"type": "integer", "minimum": 100, "maximum": 599},
    "path": _TEXT,
    "value": _SCALAR,
    "substring": _TEXT,
    "means": _one_of(*get_args(Meaning)),
}
_BUDGET: Mapping[str, Schema] = {
    "requests": {"type": "integer", "minimum": 1},
    "seconds": {"type": "number", "exclusiveMinimum": 0},
    "concurrency": {"type": "integer", "minimum": 1},
    **dict.fromkeys(("limit", "remaining", "reset", "retry_after", "poll_interval"), _TEXT),
    "unit": _one_of("auto", "s", "ms", "epoch-s", "epoch-ms", "iso", "http-date"),
    "body_wait": _TEXT,
}
_NEXT_FROM = _named(r"^(body|header|link|last|object):.+$|^counter:(offset|page)$|^python:[\w.]+:\w+$")
_NEXT_TO = _named(r"^(query|body|header):.+$|^url$")
_NEXT: Mapping[str, Schema] = {
    "from": _described(_several(_NEXT_FROM), "Where an answer says what follows."),
    "to": _described(_several(_NEXT_TO), "Where that goes in the next request."),
    "first": {"type": ["string", "integer"]},
    "base": _described(_named(r"^body:.+$"), "Where the body says what a relative URL goes behind."),
    "keep": _either(_one_of("all", "none"), {"type": "array", "items": _TEXT, "uniqueItems": True}),
}
_TIME_FORMAT = _described(_TEXT, "auto, iso, s, ms, us, ns, rfc2822, or a pattern of strptime.")
_TIME: Mapping[str, Schema] = {
    "path": _TEXT,
    "any": _PATHS,
    "format": _TIME_FORMAT,
    "zone": _TEXT,
    "missing": _one_of("received"),
}
_SHAPE = _named(r"^(list|map|scalars)$|^(wrapped|columns):.+$|^python:[\w.]+:\w+$")
_RECORDS: Mapping[str, Schema] = {"path": _PATHS, "shape": _SHAPE, "key": _TEXT, "null": _one_of("empty")}
_ID: Mapping[str, Schema] = {"any": _PATHS, "all": _PATHS, "hash": _TRUTH, "without": _PATHS}
_END = _named(r"^(no-next|empty|short|repeat|final|resumable)$|^flag:.+=.+$|^status:[1-5][0-9]{2}$")
_INCREMENTAL: Mapping[str, Schema] = {
    "type": _one_of("known", "since", "resume", "window", "conditional", "none"),
    "format": _described(_TEXT, "iso, s, ms, us, ns, or a pattern of strftime."),
    "param": _TEXT,
    "start": {},
    **dict.fromkeys(("overlap", "lag", "step"), _DURATION),
    **dict.fromkeys(("inclusive", "conditional"), _TRUTH),
    **dict.fromkeys(("from", "to"), _TEXT),
    "parallel": {"type": "integer", "minimum": 1},
}
_COLUMN: Mapping[str, Schema] = {
    "path": _described(_TEXT, "Where in a record the value is."),
    "name": {"type": "string", "minLength": 1, "maxLength": 63},
    "type": _one_of(*TYPES),
    "mask": _described(_TRUTH, "Whether examples of it are hidden."),
    "index": _described(_TRUTH, "Whether an index finds records by it."),
}
_SIZE: Schema = {"type": "integer", "minimum": 1}


def _table(known: Keys, values: Mapping[str, Schema], *needed: str) -> Schema:
    """A table with these keys and no others. Raises KeyError for a key of which nothing is said here."""
    table: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: values[key] for key in known.known},
    }
    return {**table, "required": list(needed)} if needed else table


def _auth() -> Schema:
    answer = dict.fromkeys(("access_token", "refresh_token", "expires_in"), _TEXT)
    of_token = _table(keys.TOKEN_ANSWER, {**answer, "unit": _TEXT})
    kinds = []
    for kind, known in keys.AUTH.items():
        named: Schema = _named(r"^python:[\w.]+:\w+$") if kind == "python" else {"const": kind}
        kinds.append(_table(known, {**_AUTH, "type": named, "answer": of_token}, "type", *_AUTH_NEEDS.get(kind, ())))
    return _described(
        {"oneOf": kinds}, "Who the source says it is. Secrets stand here by their names only: secret:NAME."
    )


def _slices() -> Schema:
    values: Schema = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["string", "integer"]}}
    commands: Schema = {"type": "array", "items": _TEXT, "minItems": 1}
    places: Schema = {"type": "object", "minProperties": 1, "additionalProperties": _TEXT}
    elsewhere = _table(keys.SLICES, {"command": commands, "stream": _TEXT, "values": places})
    one_of = {"oneOf": [{"required": ["command"]}, {"required": ["stream", "values"]}]}
    return _either({"type": "array", "items": values, "minItems": 1}, {**elsewhere, **one_of})


def _source() -> Schema:
    values = {
        "name": _described(_named(_NAME), "Its streams are called NAME.STREAM."),
        "base_url": _described(_named(r"^https?://"), "What the streams' URLs follow."),
        "headers": _TEXTS,
        "auth": _auth(),
        "allow_hosts": _described(
            {"type": "array", "items": _TEXT, "uniqueItems": True}, "Where links may lead besides."
        ),
        "meanings": {"type": "array", "items": _table(keys.MEANING, _MEANING, "means")},
        "budget": _table(keys.BUDGET, _BUDGET),
        "timeout": _DURATION,
        "retries": _COUNT,
        "every": _DURATION,
    }
    return _table(keys.SOURCE, values, "name", "base_url")


def _stream() -> Schema:
    size = _either(_SIZE, _table(keys.PAGE_SIZE, {"default": _SIZE, "max": _SIZE}, "default"))
    body = _table(keys.BODY, {"json": {}, "form": _PAIRS})
    column = _table(keys.COLUMN, _COLUMN, "path")
    tombstone = _table(keys.TOMBSTONE, {"path": _TEXT, "value": _SCALAR}, "path", "value")
    values = {
        "method": _one_of("GET", "POST", "PUT", "PATCH"),
        "url": _described({"type": "string"}, "What follows base_url, or an address of its own."),
        "query": _described(_PAIRS, "Parameters; {page_size}, {since}, {until} and {slice.NAME} are filled in."),
        "headers": _TEXTS,
        "body": body,
        "page_size": _described(size, "How many records are asked for at a time."),
        "format": _one_of("json", "ndjson"),
        "records": _described(
            _either(_PATHS, _table(keys.RECORDS, _RECORDS)), "Where in the body the records are; @ for the body itself."
        ),
        "id": _described(_either(_PATHS, _table(keys.ID, _ID)), "What is unique within the stream."),
        "time": _described(_either(_PATHS, _table(keys.TIME, _TIME)), "When a record happened."),
        **dict.fromkeys(("total", "returned", "request_id", "cursor_seconds"), _PATHS),
        "order": _described(_one_of("newest-first", "oldest-first", "none"), "Which records come first."),
        "next": _described(_table(keys.NEXT, _NEXT, "from"), "Where an answer says what follows."),
        "end": _described(
            {"type": "array", "items": _END, "minItems": 1, "uniqueItems": True}, "What makes a page the last."
        ),
        "tail": _tail(),
        "incremental": _table(keys.INCREMENTAL, _INCREMENTAL, "type"),
        "slices": _described(_slices(), "What the stream is asked for once each."),
        "mutable": _described(_TRUTH, "Whether a record can change after it was first given."),
        "version": _TEXT,
        "tombstone": tombstone,
        "history": _described(
            _TRUTH, "Whether versions that are replaced stay known, with the time in which each was valid."
        ),
        "keep_history": _described(_TRUTH, "The older name of history."),
        "deletions": _one_of("full-sync"),
        "on_drift": _described(
            _one_of("report", "fail"), "What a field that appears, vanishes or changes its type does."
        ),
        "conditional": _TRUTH,
        "timeout": _DURATION,
        "retries": _COUNT,
        "columns": _described(
            _either({"const": "auto"}, {"type": "array", "items": _either({"const": "auto"}, column), "minItems": 1}),
            "Columns of the view with typed columns; auto: each crawl keeps it up.",
        ),
        "every": _DURATION,
    }
    table = _table(keys.STREAM, values, "url", "id", "order", "next", "end")
    # Lines are the records themselves.
    lines: Schema = {"properties": {"format": {"const": "ndjson"}}, "required": ["format"]}
    return {**table, "anyOf": [{"required": ["records"]}, lines]}


def _tail() -> Schema:
    place = _several(_named(r"^(body|header|link):.+$|^next$"))
    table = _table(keys.TAIL, {"from": place, "to": _NEXT_TO}, "from", "to")
    return _described(_either(place, table), "Where the last page has the token that the next sync goes on from.")


def schema() -> Schema:
    """Of a whole file."""
    streams: Schema = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": _stream(),
    }
    whole = _table(keys.FILE, {"source": _source(), "streams": streams}, "source", "streams")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A source: an API whose pages are followed, and its streams",
        **whole,
    }


def schema_text() -> str:
    """As it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"

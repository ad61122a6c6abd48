"""A source and its parts as frozen values: what a file in SOURCES_DIR says, or a plug-in gives in Python.

Invariant: what is wrong with a file is found before there is a value (:mod:`datasync_spider.sources.files.load`), and
what is wrong with a value made in Python when it is first crawled (:mod:`datasync_spider.sources.inpython`). No value
here holds a secret: secrets are named, and read when a crawl starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from datasync_spider.sources.paths import Path

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names and texts in their order, repeats allowed. A text may hold slots such as ``{page_size}``."""

SliceValues: TypeAlias = Mapping[str, str | int]
"""What makes a slice: its names with texts and whole numbers. Their canonical JSON is its name in storage."""

Order: TypeAlias = Literal["newest-first", "oldest-first", "none"]
Meaning: TypeAlias = Literal["throttled", "retry", "cursor-expired", "cursor-invalid", "denied", "fatal", "page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadersAuth:
    """Each header's value with ``secret:NAME`` where a secret goes: ``{"Authorization": "Bearer secret:TOKEN"}``."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """User and password, each a text or ``secret:NAME``."""

    user: str
    password: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAuth:
    """Parameters of the query, each with ``secret:NAME``. They are taken out of whatever the API links to."""

    query: Mapping[str, str]


Auth: TypeAlias = HeadersAuth | BasicAuth | QueryAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """Records asked for by page; ``most``: what the API gives at most."""

    default: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Where an answer says what follows, and where that goes in the next request.

    ``source``: ``body``, ``header``, ``link`` or ``counter``. ``paths``: of ``body``, all places that may say it; those
    that do must agree. ``name``: of a header, the ``rel`` of a link, or what is counted (``offset``). ``to``: ``query``
    or ``url``. ``parameter``: of the query. ``first``: a counter's first value. ``keep``: the stream's own parameters
    that stay beside it; None for all.
    """

    source: Literal["body", "header", "link", "counter"]
    to: Literal["query", "url"]
    paths: tuple[Path, ...] = ()
    name: str = ""
    parameter: str = ""
    first: int = 0
    keep: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFlag:
    """The page is the last where the value at ``path`` is ``value``. All flags of a page that are there must agree."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What makes a page the last: any of these.

    ``no_next``: nothing says what follows. ``empty``: no record. ``short``: fewer records than were asked for. Where a
    flag is there, its word counts and not the others.
    """

    no_next: bool = False
    empty: bool = False
    short: bool = False
    flags: tuple[EndFlag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeaningRow:
    """An answer with this status, and this value at ``path`` of its body where a path is given, means that."""

    means: Meaning
    status: int | None = None
    path: Path | None = None
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """So many requests in so many seconds, whatever else the API's headers say."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Incremental:
    """How a sync after the first one is shorter.

    ``known``: it stops at ground that is proven. ``none``: each one is a full one. ``format``: how ``{since}`` and
    ``{until}`` are written where the query has them.
    """

    type: Literal["known", "none"] = "none"
    format: Literal["iso", "s", "ms", "us", "ns"] = "iso"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A record is a deletion where the JSON value at ``path`` is ``value``."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One resource of a source. Its records go to a table of their own.

    ``url``: relative to the source's ``base_url``, or absolute. ``records``, ``id``, ``time``, ``total``, ``returned``,
    ``request_id``, ``cursor_seconds``: paths, of which more than one may be given for APIs that have more than one
    dialect. ``id`` and ``time`` take the first that is there and not null.
    """

    name: str
    url: str
    records: tuple[Path, ...]
    id: tuple[Path, ...]
    order: Order
    next: Next
    end: End
    query: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    page_size: PageSize | None = None
    time: tuple[Path, ...] = ()
    total: tuple[Path, ...] = ()
    returned: tuple[Path, ...] = ()
    request_id: tuple[Path, ...] = ()
    cursor_seconds: tuple[Path, ...] = ()
    mutable: bool = False
    version: Path | None = None
    tombstone: Tombstone | None = None
    keep_history: bool = False
    incremental: Incremental = field(default_factory=Incremental)
    slices: tuple[SliceValues, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One API with one credential, or one for each slice where ``{slice.NAME}`` stands in what it is made of.

    ``allow_hosts``: origins besides that of ``base_url`` to which its links may lead. ``meanings``: in their order, the
    first that fits counts.
    """

    name: str
    base_url: str
    streams: Mapping[str, Stream]
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None
    allow_hosts: tuple[str, ...] = ()
    meanings: tuple[MeaningRow, ...] = ()
    budget: Budget | None = None

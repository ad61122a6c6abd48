"""A source and its parts as frozen values: what a file in SOURCES_DIR says, or a plug-in gives in Python.

Invariant: what is wrong with a file is found before there is a value (:mod:`datasync_spider.sources.files.load`), and
what is wrong with a value made in Python when it is first crawled (:mod:`datasync_spider.sources.inpython`). No value
here holds a secret: secrets are named, and read when a crawl starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from datasync_spider.sources.columns import Column
from datasync_spider.sources.paths import Path

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names and texts in their order, repeats allowed. A text may hold slots such as ``{page_size}``."""

SliceValues: TypeAlias = Mapping[str, str | int]
"""What makes a slice: its names with texts and whole numbers. Their canonical JSON is its name in storage."""

Order: TypeAlias = Literal["newest-first", "oldest-first", "none"]
Meaning: TypeAlias = Literal[
    "throttled",
    "retry",
    "cursor-expired",
    "cursor-invalid",
    "resync",
    "token-expired",
    "denied",
    "window-too-large",
    "empty",
    "end",
    "fatal",
    "page",
]
WaitUnit: TypeAlias = Literal["auto", "s", "ms", "epoch-s", "epoch-ms", "iso", "http-date"]


class HeadersAuth(Struct, frozen=True, kw_only=True):
    """Each header's value with ``secret:NAME`` where a secret goes: ``{"Authorization": "Bearer secret:TOKEN"}``."""

    headers: Mapping[str, str]


class BasicAuth(Struct, frozen=True, kw_only=True):
    """User and password, each a text or ``secret:NAME``."""

    user: str
    password: str = ""


class QueryAuth(Struct, frozen=True, kw_only=True):
    """Parameters of the query, each with ``secret:NAME``. They are taken out of whatever the API links to."""

    query: Mapping[str, str]


class BodyAuth(Struct, frozen=True, kw_only=True):
    """Members of the body of each request, by the path to each: ``{"auth.key": "secret:NAME"}``."""

    body: Mapping[str, str]


class OAuth2(Struct, frozen=True, kw_only=True):
    """A token that is asked for at ``token_url``, and sent as ``Authorization: Bearer``.

    ``grant``: ``client-credentials``, or ``refresh`` with a first ``refresh_token``, which the API may replace at each
    use. ``client_secret`` and ``refresh_token`` are ``secret:NAME``. ``send``: where the client's id and secret go.
    ``leeway_seconds``: so long before a token's end another one is asked for, a quarter of its life at most.
    ``fields``: what the form has besides. ``encoding``: what the form is sent as. ``answer``: where an answer has
    ``access_token``, ``refresh_token`` and ``expires_in``, of those that have other names; ``unit``: of the last one.
    """

    grant: Literal["client-credentials", "refresh"]
    token_url: str
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    scope: str = ""
    audience: str = ""
    send: Literal["basic", "form"] = "basic"
    leeway_seconds: float = 60.0
    fields: Pairs = ()
    encoding: Literal["form", "json"] = "form"
    answer: Mapping[str, Path] = field(default_factory=dict)
    unit: Literal["s", "ms"] = "s"


class PythonAuth(Struct, frozen=True, kw_only=True):
    """A class of the user's: ``place`` is ``package.module:Class``. ``secrets``: the names that it is given."""

    place: str
    secrets: Mapping[str, str] = field(default_factory=dict)


Auth: TypeAlias = HeadersAuth | BasicAuth | QueryAuth | BodyAuth | OAuth2 | PythonAuth


class JsonBody(Struct, frozen=True, kw_only=True):
    """``value``: JSON, in whose texts slots may stand. A text that is one slot and nothing else takes its type."""

    value: Any


class FormBody(Struct, frozen=True, kw_only=True):
    """Names and texts, as an HTML form sends them."""

    fields: Pairs


Body: TypeAlias = JsonBody | FormBody


class PageSize(Struct, frozen=True, kw_only=True):
    """Records asked for by page; ``most``: what the API gives at most."""

    default: int
    most: int


class Next(Struct, frozen=True, kw_only=True):
    """Where an answer says what follows, and where that goes in the next request.

    ``source``: ``body``, ``header``, ``link``, ``last``, ``counter``, ``object`` or ``python``. ``paths``: of ``body``,
    all places that may say it, and those that do must agree; of ``last``, one of the page's last record; of ``object``,
    the map that is merged into the query. ``name``: of a header, the ``rel`` of a link, what is counted (``offset`` or
    ``page``), or ``package.module:Class``. ``to``: ``query``, ``body``, ``header`` or ``url``. ``parameter``: of the
    query, or the header's name. ``path``: where in the body. ``first``: what the first page is asked for with, which a
    counter counts from; None for nothing (a counter's 0 or 1). ``keep``: the stream's own parameters that stay beside
    it; None for all. ``beside``: further ones, which make one position together with this one. ``base``: with ``url``,
    where the body says what a relative URL goes behind; None for what relative URLs mean by themselves.
    """

    source: Literal["body", "header", "link", "last", "counter", "object", "python"]
    to: Literal["query", "body", "header", "url"]
    paths: tuple[Path, ...] = ()
    name: str = ""
    parameter: str = ""
    path: Path | None = None
    first: str | int | None = None
    keep: tuple[str, ...] | None = None
    beside: tuple[Next, ...] = ()
    base: Path | None = None


class EndFlag(Struct, frozen=True, kw_only=True):
    """The page is the last where the value at ``path`` is ``value``. All flags of a page that are there must agree."""

    path: Path
    value: Any


class End(Struct, frozen=True, kw_only=True):
    """What makes a page the last: any of these.

    ``no_next``: nothing says what follows. ``empty``: no record. ``short``: fewer records than were asked for.
    ``repeat``: what follows is what was asked for. ``statuses``: of answers that end a chain without a page, as 204.
    Where a flag is there, its word counts and not the others. ``resumable``: the end is one for now, and its last page
    has a durable token that a later sync goes on from.
    """

    no_next: bool = False
    empty: bool = False
    short: bool = False
    repeat: bool = False
    statuses: tuple[int, ...] = ()
    flags: tuple[EndFlag, ...] = ()
    resumable: bool = False


class MeaningRow(Struct, frozen=True, kw_only=True):
    """An answer with this status, and this value at ``path`` of its body where a path is given, means that.

    ``substring``: in place of ``value``, a text within the text at ``path``, or within the whole body without a path.
    """

    means: Meaning
    status: int | None = None
    path: Path | None = None
    value: Any = None
    substring: str | None = None


class Budget(Struct, frozen=True, kw_only=True):
    """So many requests in so many seconds, whatever else the API's headers say; and in which words those say it.

    ``requests`` and ``seconds`` None: nothing is declared. ``concurrency``: requests in flight at most. ``limit``,
    ``remaining``, ``reset``, ``retry_after``, ``poll_interval``: names of headers, beside those that are known anyhow.
    ``unit``: of what ``reset`` and ``retry_after`` say. ``body_wait``: a path to a wait in the body, in ``unit`` too.
    """

    requests: int | None = None
    seconds: float | None = None
    concurrency: int | None = None
    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    retry_after: str | None = None
    poll_interval: str | None = None
    unit: WaitUnit = "auto"
    body_wait: Path | None = None


class Incremental(Struct, frozen=True, kw_only=True):
    """How a sync after the first one is shorter.

    ``known``: it stops at ground that is proven. ``since``: it asks for what is at or after the floor. ``resume``: it
    goes on from the durable token that the last one ended with. ``window``: it asks for one span of time after another,
    from the floor to now. ``none``: each one is a full one.

    ``format``: how ``{since}`` and ``{until}`` are written: ``iso``, ``s``, ``ms``, ``us``, ``ns`` or a pattern of
    ``strftime``. ``start``: where the first sync begins, a time or None for
    the API's own beginning. ``inclusive``: whether a record of the very time ``{since}`` comes. ``overlap_seconds``: so
    far before the floor is asked again. ``lag_seconds``: the floor stays so far behind now, since what is younger may
    still be missing. ``step_seconds``: of a window. ``parallel``: so many windows side by side. ``conditional``: the
    first page is asked for with the validator (ETag) that the last complete sync began with; it goes with any type.
    """

    type: Literal["known", "since", "resume", "window", "none"] = "none"
    format: str = "iso"
    start: str | None = None
    inclusive: bool = True
    overlap_seconds: float = 0.0
    lag_seconds: float = 0.0
    step_seconds: float | None = None
    parallel: int = 1
    conditional: bool = False


class Tombstone(Struct, frozen=True, kw_only=True):
    """A record is a deletion where the JSON value at ``path`` is ``value``."""

    path: Path
    value: Any


class Shape(Struct, frozen=True, kw_only=True):
    """How the records stand at their path.

    ``list``: one after the other. ``map``: under keys, each of which is kept in its record under ``key``. ``wrapped``:
    each within an object, at ``path`` of it. ``scalars``: texts and numbers, each of which becomes ``{"value": …}``.
    ``columns``: as lists beside a list of their names at ``path`` of the body. ``python``: as ``place`` says, which is
    ``package.module:Class``. ``null_is_empty``: null in place of all of them means that there are none.
    """

    kind: Literal["list", "map", "wrapped", "scalars", "columns", "python"] = "list"
    path: Path | None = None
    key: str = "key"
    place: str = ""
    null_is_empty: bool = False


class SlicesFromCommand(Struct, frozen=True, kw_only=True):
    """Slices are what a command prints: a JSON object with texts and whole numbers in each line."""

    command: tuple[str, ...]


class OfSlice(Struct, frozen=True, kw_only=True):
    """A value of the slice that a record is of."""

    name: str


class SlicesFromStream(Struct, frozen=True, kw_only=True):
    """A slice for each stored record of another stream of the source: ``values`` are names, and where in it each is."""

    stream: str
    values: Mapping[str, Path | OfSlice]


SliceSource: TypeAlias = SlicesFromCommand | SlicesFromStream


class Stream(Struct, frozen=True, kw_only=True):
    """One resource of a source. Its records go to a table of their own.

    ``url``: relative to the source's ``base_url``, or absolute. ``records``, ``id``, ``time``, ``total``, ``returned``,
    ``request_id``, ``cursor_seconds``: paths, of which more than one may be given for APIs that have more than one
    dialect. ``time`` takes the first that is there and not null, and so does ``id`` where ``id_kind`` is ``any``;
    ``all``: all of them together are the id; ``hash``: a digest of the record without the members ``id``.

    ``time_format``: ``auto``, ``iso``, ``s``, ``ms``, ``us``, ``ns``, ``rfc2822`` or a pattern of ``strptime``;
    ``time_zone``: of times that name none; ``time_missing``: ``received`` gives a record without a usable time the one
    at which its page came. ``tail``: where the last page of a resumable stream has its durable token,
    and where that goes in the first request of the next sync; None: what follows it by ``next`` is the token.
    ``marks_deleted``: a record that a full sync has not met is marked as deleted. ``slices_from``: what the slices are
    made of when a crawl starts, in place of ``slices``. ``timeout_seconds`` and ``retries`` stand for the settings.
    ``columns``: of its view, which has others besides. ``keeps_view``: a crawl makes the view, and keeps it up.
    ``every_seconds``: so long after one sync of a slice began the next one is due.
    """

    name: str
    url: str
    records: tuple[Path, ...]
    id: tuple[Path, ...]
    order: Order
    next: Next
    end: End
    method: Literal["GET", "POST", "PUT", "PATCH"] = "GET"
    query: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    format: Literal["json", "ndjson"] = "json"
    timeout_seconds: float | None = None
    retries: int | None = None
    page_size: PageSize | None = None
    shape: Shape = field(default_factory=Shape)
    id_kind: Literal["any", "all", "hash"] = "any"
    time: tuple[Path, ...] = ()
    time_format: str = "auto"
    time_zone: str | None = None
    time_missing: Literal["", "received"] = ""
    total: tuple[Path, ...] = ()
    returned: tuple[Path, ...] = ()
    request_id: tuple[Path, ...] = ()
    cursor_seconds: tuple[Path, ...] = ()
    mutable: bool = False
    version: Path | None = None
    tombstone: Tombstone | None = None
    keep_history: bool = False
    marks_deleted: bool = False
    fails_on_drift: bool = False
    incremental: Incremental = field(default_factory=Incremental)
    tail: Next | None = None
    slices: tuple[SliceValues, ...] = ()
    slices_from: SliceSource | None = None
    columns: tuple[Column, ...] = ()
    keeps_view: bool = False
    every_seconds: float | None = None


class Source(Struct, frozen=True, kw_only=True):
    """One API with one credential, or one for each slice where ``{slice.NAME}`` stands in what it is made of.

    ``allow_hosts``: origins besides that of ``base_url`` to which its links may lead. ``meanings``: in their order, the
    first that fits counts. ``timeout_seconds`` and ``retries``: of all streams that say nothing themselves.
    """

    name: str
    base_url: str
    streams: Mapping[str, Stream]
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None
    allow_hosts: tuple[str, ...] = ()
    meanings: tuple[MeaningRow, ...] = ()
    budget: Budget | None = None
    timeout_seconds: float | None = None
    retries: int | None = None
    every_seconds: float | None = None

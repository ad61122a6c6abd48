"""One sync of one slice as it is to be done: whose pages, asked for how, read how, and where they go.

Made once for a crawl or a command, out of the process's settings and a source, and handed to whoever takes part.
Invariant: whoever sends a request for the stream, reads an answer or opens a run goes by this, and by nothing else that
knows an API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from msgspec import structs
from w3lib.url import safe_url_string

from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.errors import ConfigurationError
from datasync_spider.records.headers import merged_pairs
from datasync_spider.records.page import Asked, PageReader
from datasync_spider.sources.auth import Authorization, authorize
from datasync_spider.sources.credential import Credential
from datasync_spider.sources.files.load import BUILT_IN
from datasync_spider.sources.limits import Limit, every_of, retries_of, timeout_of
from datasync_spider.sources.oauth import TokenCache
from datasync_spider.sources.paginators.choose import stream_paginator
from datasync_spider.sources.paginators.protocol import Paginator
from datasync_spider.sources.paths import Path
from datasync_spider.sources.requests import PageRequest, page_request
from datasync_spider.sources.secretnames import put_header, secrets_of
from datasync_spider.sources.shifting import can_shift
from datasync_spider.sources.slicenames import canonical
from datasync_spider.sources.slots import SLICE, fill_url, slot_values
from datasync_spider.sources.spec import Incremental, Next, PageSize, Pairs, SliceValues, Source, Stream
from datasync_spider.sources.streamnames import NO_SLICE
from datasync_spider.sources.timetexts import instant_ms, unit_us, written, written_us
from datasync_spider.storage.registry import Deletions, StreamSpec, Tombstone
from datasync_spider.storage.since import Since

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from datasync_spider.config import Config

_FIRST = "events"
ACCEPT: Final[Pairs] = (("Accept", "application/json"),)
"""Which form an API is asked for, where its source does not say."""
ACCEPT_LINES: Final[Pairs] = (("Accept", "application/x-ndjson, application/jsonl, application/json;q=0.5"),)
"""The same where each line of an answer is a record."""
API_KEY = "DATASYNC_API_KEY"
"""The setting that fills the secret of the API that comes with the project."""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """``base_url`` None: the bundled mock's, which is not started yet. ``page_size`` None: nothing is said of it.

    ``values``: what makes the slice. ``headers``: those of source and stream, filled, each name once.
    ``authorization``: what each request carries besides. ``named_secrets``: all that the source's names stand for.
    ``since_ms``, ``until_ms``: only records of that time are asked for. ``tokens``: those of all that crawl with the
    source's credentials in this process.
    """

    config: Config
    source: Source
    stream: Stream
    spec: StreamSpec
    pages: PageReader
    base_url: str | None
    page_size: int | None
    values: SliceValues
    headers: Pairs = field(repr=False)
    authorization: Authorization
    paginator: Paginator
    named_secrets: tuple[str, ...] = field(default=(), repr=False)
    since_ms: int | None = None
    until_ms: int | None = None
    is_bundled_mock: bool = False
    tokens: TokenCache = field(default_factory=TokenCache, repr=False)

    @property
    def is_built_in(self) -> bool:
        """Whether the API is the one that comes with the project, which there is more of than its file."""
        return self.source.name == BUILT_IN

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed."""
        known = (*self.config.secrets, *self.named_secrets, *self.authorization.secrets, *self.tokens.secrets)
        return tuple(dict.fromkeys(known))

    @property
    def base_url_text(self) -> str:
        """For those who run when the API's address is known."""
        assert self.base_url is not None
        return self.base_url

    @property
    def origins(self) -> tuple[str, ...]:
        """URLs of the origins that may be asked: the API's own, and those that its source allows besides."""
        return (self.base_url_text, *self.source.allow_hosts)

    @property
    def timeout(self) -> Limit[float]:
        """How long one request may take, in seconds."""
        return timeout_of(self.source, self.stream, Limit(self.config.timeout_seconds, "API_TIMEOUT_MS"))

    @property
    def retries(self) -> Limit[int]:
        """How often a page is asked for again after errors."""
        return retries_of(self.source, self.stream, Limit(self.config.max_retries, "API_MAX_RETRIES"))

    @property
    def every_seconds(self) -> float | None:
        """How often a slice is to be synced; None: nothing says it."""
        return every_of(self.source, self.stream)

    @property
    def is_kept_fresh(self) -> bool:
        """Whether someone asks how its syncs end, be it for when the next one is due: a backfill is no sync."""
        return not self.is_backfill and (self.config.notify_url is not None or self.every_seconds is not None)

    @property
    def requests_at_once(self) -> int | None:
        """How many may be under way at most, by what the source declares. None: it declares nothing."""
        budget = self.source.budget
        if budget is None or budget.concurrency is None:
            return None
        return budget.concurrency if budget.requests is None else min(budget.concurrency, budget.requests)

    @property
    def is_backfill(self) -> bool:
        """Whether a window of time is asked for, which moves no position."""
        return self.since_ms is not None or self.until_ms is not None

    @property
    def parallel(self) -> int:
        """How many requests may be under way at once: of a window of time each."""
        if self.stream.incremental.type != "window" or self.is_backfill:
            return 1
        budget = self.source.budget
        most = None if budget is None else budget.concurrency
        return min(self.stream.incremental.parallel, most or self.stream.incremental.parallel)

    @property
    def start_ms(self) -> int | None:
        """Where the first sync begins; None for the API's own beginning."""
        start = self.stream.incremental.start
        return None if start is None else instant_ms(start)

    def beginning(self, now_ms: int) -> SyncPlan:
        """What a first sync asks for at first: of a stream of windows the first one, as no request is without one."""
        way, start_ms = self.stream.incremental, self.start_ms
        if way.type != "window" or way.step_seconds is None or start_ms is None or self.is_backfill:
            return self
        step_ms = max(1, int(way.step_seconds)) * 1_000
        return replace(self, since_ms=start_ms, until_ms=max(start_ms, min(start_ms + step_ms, now_ms)))

    def takes(self, bound: str) -> bool:
        """Whether the API can be asked for what lies ``since`` or ``until`` a time."""
        return f"{{{bound}}}" in repr((self.stream.url, self.stream.query, self.stream.body))

    def request(
        self,
        position: str | None,
        *,
        since_us: int | None = None,
        until_ms: int | None = None,
        page_size: int | None = None,
    ) -> PageRequest:
        """What asks for the page at the position, credentials of query and body included.

        ``since_us``, ``until_ms``: from and up to this time, where the plan says nothing else.
        """
        form = self.stream.incremental.format
        values = slot_values(
            self.values,
            page_size=None if self.page_size is None else page_size or self.page_size,
            since=self._since(since_us),
            until=written(self.until_ms if until_ms is None else until_ms, form),
        )
        return page_request(
            self.stream,
            self.base_url_text,
            self.paginator.ask(position),
            values,
            self.authorization,
            numbers=frozenset(f"{SLICE}{name}" for name, value in self.values.items() if isinstance(value, int)),
            has_content_type=any(name.lower() == "content-type" for name, _ in self.headers),
        )

    def _since(self, since_us: int | None) -> str | None:
        """What ``{since}`` is filled with: the time that was named for this crawl stands before all others."""
        form = self.stream.incremental.format
        if self.since_ms is not None:
            return written(self.since_ms, form)
        if since_us is None and self.spec.since is not None:
            since_us = self.spec.since.start_us
        if since_us is None and self.stream.incremental.type == "resume" and self.start_ms is not None:
            since_us = self.start_ms * 1_000
        return None if since_us is None else written_us(since_us, form)

    def first_request_digest(self, since_us: int | None) -> str:
        """Distinguishes what first pages are asked for with. No secret goes into it."""
        stream = self.stream
        asked = (self.base_url, stream.method, stream.url, stream.query, stream.body, sorted(stream.headers.items()))
        facts = (
            *asked,
            sorted(self.values.items()),
            self.page_size,
            self._since(since_us),
            sorted(self.spec.facts.items()),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def asked(self, url: str, position: str | None) -> Asked:
        """What an answer to the request is read with."""
        return Asked(url, position, self.page_size)


def config_of(crawler: Crawler) -> Config:
    """What the crawl's process has set. Raises ConfigurationError where the spider is none of this project's."""
    config = getattr(crawler.spider, "config", None)
    if config is None:
        raise ConfigurationError(
            f"the spider {getattr(crawler.spider, 'name', None)} has no source: spiders of this project subclass"
            " datasync_spider.plugin.StreamSpider"
        )
    found: Config = config
    return found


def plan_built_in(config: Config) -> SyncPlan:
    """The API that comes with the project, filled from the settings, and the stream and slice that they name."""
    source = built_in_source()
    stream = structs.replace(
        source.streams[_FIRST],
        name=config.stream,
        page_size=PageSize(default=config.page_limit, most=config.page_limit),
        mutable=config.conflict_rule == "last",
        keep_history=config.keep_history,
        every_seconds=config.sync_every_seconds,
    )
    auth = source.auth if config.api_key is not None else None
    secrets = {name: config.api_key for name in (API_KEY,) if config.api_key is not None}
    return _plan(
        config,
        structs.replace(source, auth=auth),
        stream,
        name=config.stream,
        slice_name=config.slice,
        base_url=config.base_url,
        values={},
        secrets=secrets,
        is_bundled_mock=config.is_bundled_mock,
    )


def name_of(values: SliceValues) -> str:
    """The slice's, as all else calls it."""
    return canonical(values) if values else NO_SLICE


def plan_sync(
    config: Config,
    source: Source,
    stream: str,
    values: SliceValues,
    secrets: Mapping[str, str] | None,
    like: SyncPlan | None = None,
) -> SyncPlan:
    """A slice of a stream of any source. ``secrets``: all that it needs; None for those who send no request.

    ``like``: the plan of another slice of the stream. Its readers serve this one as well, since they know no slices.
    Raises ConfigurationError where a slice's value goes where it cannot stand.
    """
    try:
        return _plan(
            config,
            source,
            source.streams[stream],
            name=f"{source.name}.{stream}",
            slice_name=name_of(values),
            base_url=fill_url(source.base_url, slot_values(values)),
            values=values,
            secrets=secrets,
            like=like,
        )
    except ValueError as error:
        raise ConfigurationError(f"source {source.name}, stream {stream}, slice {canonical(values)}: {error}") from None


def _plan(
    config: Config,
    source: Source,
    stream: Stream,
    *,
    name: str,
    slice_name: str,
    base_url: str | None,
    values: SliceValues,
    secrets: Mapping[str, str] | None,
    is_bundled_mock: bool = False,
    like: SyncPlan | None = None,
) -> SyncPlan:
    page_size = None if stream.page_size is None else stream.page_size.default
    slots = slot_values(values, page_size=page_size)
    authorization = Authorization()
    accept = ACCEPT if stream.format == "json" else ACCEPT_LINES
    headers = accept
    named_secrets: tuple[str, ...] = ()
    if secrets is not None:
        known = secrets
        named_secrets = tuple(known[wanted.name] for wanted in secrets_of(source, stream, slots))
        authorization = authorize(source.auth, slots, known, base_url)
        texts = merged_pairs(accept, source.headers.items(), stream.headers.items())
        headers = tuple((key, put_header(text, slots, known)) for key, text in texts)
    if like is not None and like.authorization.parameters == authorization.parameters:
        way, pages = like.paginator, like.pages
    else:
        way = stream_paginator(stream, authorization.parameters)
        pages = PageReader(stream, way, source.meanings, source.budget)
    tombstone = stream.tombstone
    spec = StreamSpec(
        name,
        pages.records,
        slice_name,
        source.name,
        schema=config.database_schema,
        fingerprint=fingerprint(stream),
        credential=Credential.of(None if is_bundled_mock else base_url, authorization.key),
        is_mutable=stream.mutable,
        version=None if stream.version is None else steps(stream.version),
        keeps_history=stream.keep_history,
        tombstone=None if tombstone is None else Tombstone(steps(tombstone.path), tombstone.value),
        order=stream.order,
        is_incremental=stream.incremental.type == "known",
        # Windows have a chain each, and a total that counts one of them.
        is_counted=stream.next.source == "counter" and stream.incremental.type != "window",
        since=_since(stream.incremental),
        has_bookmarks=stream.incremental.type in {"resume", "window"},
        deletions=Deletions(needs_total=can_shift(stream)) if stream.marks_deleted else None,
        fails_on_drift=stream.fails_on_drift,
    )
    return SyncPlan(
        config=config,
        source=source,
        stream=stream,
        spec=spec,
        pages=pages,
        paginator=way,
        base_url=None if base_url is None else safe_url_string(base_url),
        page_size=page_size,
        values=values,
        headers=headers,
        authorization=authorization,
        named_secrets=named_secrets,
        is_bundled_mock=is_bundled_mock,
    )


def fingerprint(stream: Stream) -> dict[str, str]:
    """How the stream's pages are read, as the facts that decide what a stored record means.

    It changes where a record would be stored under another id or time, or a chain would be followed otherwise, and
    nowhere else: whoever has stored records by other facts is asked to begin anew.
    """
    return {
        "records": _records_fact(stream),
        "id": _id_fact(stream),
        "time": _time_fact(stream),
        "order": stream.order,
        "next": " and ".join(_leads(stream, step) for step in (stream.next, *stream.next.beside)),
    }


def _leads(stream: Stream, step: Next) -> str:
    """From where to where a position leads. Places of the body may change: they name the same."""
    name = step.name
    if step.source == "last":
        name = ",".join(map(str, step.paths))
    elif step.source == "counter" and step.name == "page" and stream.page_size is not None:
        # Pages of another size have other numbers.
        name = f"page of {stream.page_size.default}"
    target = step.parameter if step.path is None else str(step.path)
    return f"{_named(step.source, name)} to {_named(step.to, target)}"


def _since(way: Incremental) -> Since | None:
    """How a stream is asked for what is not older than a time; None where it is not asked so."""
    if way.type != "since":
        return None
    return Since(
        start_us=None if way.start is None else instant_ms(way.start) * 1_000,
        overlap_us=round(way.overlap_seconds * 1_000_000),
        lag_us=round(way.lag_seconds * 1_000_000),
        unit_us=unit_us(way.format),
        is_inclusive=way.inclusive,
    )


def steps(path: Path) -> tuple[str, ...]:
    """The path as PostgreSQL takes one."""
    return tuple(map(str, path.steps))


def _records_fact(stream: Stream) -> str:
    shape = stream.shape
    more = {
        "map": f" by {shape.key}",
        "wrapped": f" within {shape.path}",
        "columns": f" named by {shape.path}",
        "python": f" of {shape.place}",
    }
    fact = _either(stream.records) if shape.kind == "list" else _either(stream.records) + f" as {shape.kind}"
    return f"{fact}{more.get(shape.kind, '')}{' in lines' if stream.format == 'ndjson' else ''}"


def _id_fact(stream: Stream) -> str:
    match stream.id_kind:
        case "all":
            return " and ".join(map(str, stream.id))
        case "hash":
            return f"hash without {' and '.join(map(str, stream.id)) or 'nothing'}"
    return _either(stream.id)


def _time_fact(stream: Stream) -> str:
    form = "" if stream.time_format == "auto" else f" as {stream.time_format}"
    return f"{_either(stream.time)}{form}{'' if stream.time_zone is None else f' in {stream.time_zone}'}"


def _either(paths: tuple[Path, ...]) -> str:
    return " or ".join(map(str, paths))


def _named(what: str, name: str) -> str:
    return f"{what}:{name}" if name else what

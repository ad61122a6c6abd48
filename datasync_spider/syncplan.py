"""One sync of one slice as it is to be done: whose pages, asked for how, read how, and where they go.

Made once for a crawl or a command, out of the process's settings and a source, and handed to whoever takes part.
Invariant: whoever sends a request for the stream, reads an answer or opens a run goes by this, and by nothing else that
knows an API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from w3lib.url import safe_url_string

from datasync_spider.api.credential import Credential
from datasync_spider.api.page import Asked, PageReader
from datasync_spider.errors import ConfigurationError
from datasync_spider.headers import merged_pairs
from datasync_spider.sourcefiles import built_in_source
from datasync_spider.sources.auth import Authorization, authorize
from datasync_spider.sources.files.load import BUILT_IN
from datasync_spider.sources.limits import Limit, retries_of, timeout_of
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import Paginator
from datasync_spider.sources.paths import Path
from datasync_spider.sources.requests import PageRequest, page_request
from datasync_spider.sources.secretnames import put_header, put_secrets, secrets_of
from datasync_spider.sources.slicenames import canonical
from datasync_spider.sources.slots import fill_url, slot_values
from datasync_spider.sources.spec import PageSize, Pairs, SliceValues, Source, Stream
from datasync_spider.sources.timetexts import written
from datasync_spider.storage.registry import StreamSpec, Tombstone
from datasync_spider.streamnames import NO_SLICE

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from datasync_spider.config import Config

_FIRST = "events"
ACCEPT: Final[Pairs] = (("Accept", "application/json"),)
"""Which form an API is asked for, where its source does not say."""
API_KEY = "DATASYNC_API_KEY"
"""The setting that fills the secret of the API that comes with the project."""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """``base_url`` None: the bundled mock's, which is not started yet. ``page_size`` None: nothing is said of it.

    ``values``: what makes the slice. ``headers``: those of source and stream, filled, each name once.
    ``authorization``: what each request carries besides. ``named_secrets``: all that the source's names stand for.
    ``since_ms``, ``until_ms``: only records of that time are asked for.
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

    @property
    def is_built_in(self) -> bool:
        """Whether the API is the one that comes with the project, which there is more of than its file."""
        return self.source.name == BUILT_IN

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed."""
        return tuple(dict.fromkeys((*self.config.secrets, *self.named_secrets, *self.authorization.secrets)))

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

    def takes(self, bound: str) -> bool:
        """Whether the API can be asked for what lies ``since`` or ``until`` a time."""
        return f"{{{bound}}}" in repr((self.stream.query, self.stream.body))

    def request(
        self,
        position: str | None,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        page_size: int | None = None,
    ) -> PageRequest:
        """What asks for the page at the position, credentials of query and body included.

        ``since_ms``, ``until_ms``: from and up to this time, where the plan says nothing else.
        """
        form = self.stream.incremental.format
        values = slot_values(
            self.values,
            page_size=None if self.page_size is None else page_size or self.page_size,
            since=written(self.since_ms if since_ms is None else since_ms, form),
            until=written(self.until_ms if until_ms is None else until_ms, form),
        )
        ask = self.paginator.ask(position)
        return page_request(self.stream, self.base_url_text, ask, values, self.authorization)

    def asked(self, url: str, position: str | None) -> Asked:
        """What an answer to the request is read with."""
        return Asked(url, position, self.page_size)


def plan_of(crawler: Crawler) -> SyncPlan:
    """The plan of the crawl's spider. Raises ConfigurationError where that is none of this project's."""
    plan = getattr(crawler.spider, "plan", None)
    if isinstance(plan, SyncPlan):
        return plan
    raise ConfigurationError(
        f"the spider {getattr(crawler.spider, 'name', None)} has no source: spiders of this project subclass"
        " datasync_spider.plugin.StreamSpider"
    )


def plan_built_in(config: Config) -> SyncPlan:
    """The API that comes with the project, filled from the settings, and the stream and slice that they name."""
    source = built_in_source()
    stream = replace(
        source.streams[_FIRST],
        name=config.stream,
        page_size=PageSize(default=config.page_limit, most=config.page_limit),
        mutable=config.conflict_rule == "last",
        keep_history=config.keep_history,
    )
    auth = source.auth if config.api_key is not None else None
    secrets = {name: config.api_key for name in (API_KEY,) if config.api_key is not None}
    return _plan(
        config,
        replace(source, auth=auth),
        stream,
        name=config.stream,
        slice_name=config.slice,
        base_url=config.base_url,
        values={},
        secrets=secrets,
        is_bundled_mock=config.is_bundled_mock,
    )


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
            slice_name=canonical(values) if values else NO_SLICE,
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
    headers = ACCEPT
    named_secrets: tuple[str, ...] = ()
    if secrets is not None:
        known = secrets
        named_secrets = tuple(known[wanted.name] for wanted in secrets_of(source, stream, slots))
        authorization = authorize(source.auth, lambda text: put_secrets(text, slots, known))
        texts = merged_pairs(ACCEPT, source.headers.items(), stream.headers.items())
        headers = tuple((key, put_header(text, slots, known)) for key, text in texts)
    if like is not None and like.authorization.parameters == authorization.parameters:
        way, pages = like.paginator, like.pages
    else:
        way = paginator(stream.next, authorization.parameters)
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
        is_counted=stream.next.source == "counter",
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
    next_ = stream.next
    return {
        "records": _either(stream.records),
        "id": _either(stream.id),
        "time": _either(stream.time),
        "order": stream.order,
        "next": f"{_named(next_.source, next_.name)} to {_named(next_.to, next_.parameter)}",
    }


def steps(path: Path) -> tuple[str, ...]:
    """The path as PostgreSQL takes one."""
    return tuple(map(str, path.steps))


def _either(paths: tuple[Path, ...]) -> str:
    return " or ".join(map(str, paths))


def _named(what: str, name: str) -> str:
    return f"{what}:{name}" if name else what

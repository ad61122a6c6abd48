"""A chain of pages that the conformance kit plays with an author's server, and a crawl's way through it.

Invariant: which records there are and on which page is decided here; the server gives them its API's shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from datasync_spider.errors import RetryableError
from datasync_spider.sources.auth import Authorization
from datasync_spider.sources.paginators.protocol import Answer, Ask, Paginator, direction
from datasync_spider.sources.paths import Path
from datasync_spider.sources.requests import PageRequest, page_request
from datasync_spider.sources.spec import Body, End, Next, Pairs, Stream

PAGE_SIZE = 3
"""Records on a full page of the kit: for ``Answer.page_size``, where a page that has fewer is the last."""


class NotConforming(AssertionError):
    """What the paginator did, and what it should have done."""


class Server(Protocol):
    """How an API is asked and answers. Derive from it; only the first two methods must be written.

    ``base_url``, ``url``, ``method``, ``own`` (the query), ``body``: as of a source and its stream. ``end``: what makes
    a page the last; of a status that does, the answer is not asked for. ``first``: what a first page is asked with in
    place of a position. ``names``: by what a page is asked for: any ``text`` that the API likes, the ``offset`` of its
    first record, or the number of the ``page``, which is 1 for the first. ``names_from_empty_pages``: whether a page
    without a record can say what follows, which one can not whose last record says it.
    """

    base_url: str = "https://api.example.com/v1"
    url: str = "/records"
    method: Literal["GET", "POST", "PUT", "PATCH"] = "GET"
    own: Pairs = ()
    body: Body | None = None
    end: End = End(no_next=True)
    first: str | None = None
    names: Literal["text", "offset", "page"] = "text"
    names_from_empty_pages: bool = True

    def asked(self, request: PageRequest) -> str | None:
        """Which page a request asks for, decoded as your API does it; None for the first."""
        ...

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        """What answers it with so many records; ``following`` names the next page, None after the last."""
        ...

    def can_name(self, name: str) -> bool:
        """Whether a page of your API may have this name: a header carries none that is not ASCII."""
        return True

    def contradictions(self, request: PageRequest) -> Iterable[Answer]:
        """Answers that name two pages at once, if your API can say such a thing."""
        return ()

    def unreadable(self, request: PageRequest) -> Iterable[Answer]:
        """Answers whose next page cannot be understood or stored: a list for a token, a NUL within one."""
        return ()


class Page(Struct, frozen=True):
    """``following``: the name of the next page; None behind the last."""

    records: Sequence[int]
    following: str | None


Chain: TypeAlias = Mapping[str | None, Page]


class Visit(Struct, frozen=True):
    """``position``: at which the page was asked for. ``following``: where the paginator would go on."""

    position: str | None
    page: Page
    following: str | None
    answer: Answer


def plain_chain(server: Server) -> Chain:
    """Four pages, the last of which is not full."""
    return chain_of(server, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]])


def chain_of(server: Server, pages: list[list[int]]) -> Chain:
    """Those pages, named as the API names them. Where an empty page may be the end, one stands there."""
    if server.end.empty or server.end.statuses:
        pages = [*pages, []]
    names = [_name(server, pages, number) for number in range(len(pages))]
    chain: dict[str | None, Page] = {
        name: Page(page, following) for name, page, following in zip(names, pages, [*names[1:], None], strict=True)
    }
    return {None: chain[names[0]], **chain}


def _name(server: Server, pages: list[list[int]], number: int) -> str:
    match server.names:
        case "offset":
            return str(sum(map(len, pages[:number])))
        case "page":
            return str(number + 1)
    return f"page-{number}"


def all_records(chain: Chain) -> list[int]:
    """The chain's records. The first page has a name, too, under which it stands once more."""
    return [record for name, page in chain.items() for record in page.records if name is not None]


def walk(paginator: Paginator, server: Server, chain: Chain, position: str | None = None) -> Iterator[Visit]:
    """All pages from the position on, as a crawl visits them. Raises NotConforming where there is no end."""
    for _ in range(2 * len(chain)):
        visit = visit_page(paginator, server, chain, position)
        yield visit
        if server.end.statuses and visit.page.following is None:
            return
        try:
            asked = server.first if position is None else position
            position = direction(server.end, visit.answer, visit.following, asked)
        except RetryableError as error:
            raise NotConforming(f"behind position {visit.position!r}: {error}, although the answer was good") from error
        if position is None:
            return
    raise NotConforming(f"{2 * len(chain)} pages were asked for, and there are {len(chain)}: it never comes to the end")


def visit_page(paginator: Paginator, server: Server, chain: Chain, position: str | None) -> Visit:
    """The page at the position, asked for and answered."""
    request = request_of(server, paginator.ask(position))
    # Whatever an author gives.
    name: object = server.asked(request)
    page = chain.get(name) if name is None or isinstance(name, str) else None
    if page is None:
        raise NotConforming(f"position {position!r} asks for a page {shown(name)}, which the API never named")
    answer = server.answer(request, len(page.records), page.following)
    try:
        following = paginator.following(position, answer)
    except RetryableError as error:
        raise NotConforming(f"behind position {position!r}: {error}, although the answer was good") from error
    require(following is None or _is_storable(following), f"the position {following!r} cannot be stored as a text")
    return Visit(position, page, following, answer)


def request_of(server: Server, ask: Ask) -> PageRequest:
    """As a crawl makes it."""
    stream = Stream(
        name="records",
        url=server.url,
        method=server.method,
        query=server.own,
        body=server.body,
        records=(Path(),),
        id=(Path(("id",)),),
        order="none",
        next=Next(source="link", to="url", name="next"),
        end=server.end,
    )
    return page_request(stream, server.base_url, ask, {}, Authorization())


def records_of(visits: Iterable[Visit]) -> list[int]:
    """What these visits brought."""
    return [record for visit in visits for record in visit.page.records]


def _is_storable(position: object) -> bool:
    """Whether PostgreSQL takes it: some text, without NUL and without half of a surrogate pair."""
    if not isinstance(position, str) or "\0" in position:
        return False
    return position.encode(errors="replace").decode() == position


def shown(name: object) -> str:
    """For a message; not longer than one can bear."""
    if isinstance(name, str) and len(name) > 80:
        return f"{name[:80]!r}… of {len(name):,} characters"
    return repr(name)[:200]


def require(holds: bool, otherwise: str) -> None:
    """Like ``assert``, which Python leaves out where it is asked to."""
    if not holds:
        raise NotConforming(otherwise)

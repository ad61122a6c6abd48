"""Tests any paginator: ``check_paginator(make, server)`` returns, or raises NotConforming, which says what broke.

The kit knows which records there are and which page has which; a :class:`Server` of yours says how your API is asked
and how it answers. Requests are built as a crawl builds them, and nothing is sent.

Invariant: each check begins with paginators of its own, as a crawl does that goes on where another one has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from datasync_spider.errors import PageContradiction, PageUnreadable, RetryableError
from datasync_spider.sources.paginators.protocol import Answer, Paginator
from datasync_spider.sources.requests import PageRequest
from datasync_spider.testing.chains import (
    PAGE_SIZE,
    Chain,
    NotConforming,
    Page,
    Server,
    all_records,
    chain_of,
    plain_chain,
    records_of,
    request_of,
    require,
    shown,
    visit_page,
    walk,
)

__all__ = ["PAGE_SIZE", "Make", "NotConforming", "PageRequest", "Server", "check_paginator"]

Make: TypeAlias = Callable[[], Paginator]

# What gets lost or changed where a text is escaped twice, not at all, or as a form.
_ODD_CHARACTERS = "+/=%&#?;,\"'<>\\:@"
_ODD_WORDS = (
    "a+b",
    "a%2Bb",
    "%25",
    "a b",
    "a=b&c=d",
    "x#y",
    "../z",
    "ü",
    "漢字",
    "😀",
    '{"id":1}',
    "0",
    "null",
    "x" * 5_000,
)


def check_paginator(make: Make, server: Server) -> None:
    """``make``: makes a paginator of the stream; called many times. Raises NotConforming."""
    for check in _CHECKS:
        check(make, server)


def _every_record_comes_once_and_in_order(make: Make, server: Server) -> None:
    chain = plain_chain(server)
    found = records_of(walk(make(), server, chain))
    require(found == all_records(chain), f"of the records {all_records(chain)} came {found}")


def _a_crawl_goes_on_from_each_position(make: Make, server: Server) -> None:
    chain = plain_chain(server)
    visits = list(walk(make(), server, chain))
    for number, visit in enumerate(visits):
        found, wanted = records_of(walk(make(), server, chain, visit.position)), records_of(visits[number:])
        require(found == wanted, f"from position {visit.position!r} on came {found}, and not the rest, {wanted}")


def _equal_positions_ask_for_equal_things(make: Make, server: Server) -> None:
    paginator = make()
    for visit in walk(paginator, server, plain_chain(server)):
        again, other = paginator.ask(visit.position), make().ask(visit.position)
        require(again == other, f"position {visit.position!r} asks for {again!r} and for {other!r}")
        require(
            not (again.url and (again.query or again.body)),
            f"{again!r}: to a URL that is sent as it is nothing can be added",
        )
        reported = {paginator.following(visit.position, visit.answer), make().following(visit.position, visit.answer)}
        require(reported == {visit.following}, f"one answer leads to {visit.following!r} and to {reported!r}")


def _a_page_that_comes_again_is_seen(make: Make, server: Server) -> None:
    """The guard of a crawl compares positions, and nothing else."""
    if server.names == "page":
        return
    if server.names == "offset":
        paginator, chain = make(), plain_chain(server)
        position = visit_page(paginator, server, chain, None).following
        request = request_of(server, paginator.ask(position))
        following = paginator.following(position, server.answer(request, 0, server.asked(request)))
        require(following == position, f"a page without a record leads from position {position!r} to {following!r}")
        return
    pages = {None: Page([0], "A"), "A": Page([1], "B"), "B": Page([2], "A")}
    _require_circle(make, server, pages, 2, "A, B, A")
    _require_circle(make, server, {None: Page([0], "A"), "A": Page([1], "A")}, 1, "A, A")


def _require_circle(make: Make, server: Server, chain: Chain, length: int, names: str) -> None:
    paginator, position = make(), None
    found: list[str | None] = []
    for _ in range(length + 2):
        position = visit_page(paginator, server, chain, position).following
        found.append(position)
    require(found[0] == found[length], f"pages {names} have the positions {found!r}, which do not show the circle")


def _an_answer_that_names_two_pages_is_refused(make: Make, server: Server) -> None:
    request = request_of(server, make().ask(None))
    for answer in server.contradictions(request):
        _require_error(make(), answer, PageContradiction)
    for answer in server.unreadable(request):
        _require_error(make(), answer, PageUnreadable)


def _an_empty_page_in_the_middle_is_gone_through(make: Make, server: Server) -> None:
    ends_by_count = server.end.empty or server.end.short or server.end.statuses
    if server.names != "text" or ends_by_count or not server.names_from_empty_pages:
        return
    chain = chain_of(server, [[], [0, 1], [], [], [2], []])
    found = records_of(walk(make(), server, chain))
    require(
        found == all_records(chain), f"of the records {all_records(chain)}, which lie between empty pages, came {found}"
    )


def _a_name_of_any_characters_arrives_as_it_is(make: Make, server: Server) -> None:
    if server.names != "text":
        return
    for token in filter(server.can_name, (*_ODD_CHARACTERS, *_ODD_WORDS)):
        chain = {None: Page([0], token), token: Page([1], None)}
        position = visit_page(make(), server, chain, None).following
        require(position is not None, f"the page {shown(token)} is taken for none")
        asked = server.asked(request_of(server, make().ask(position)))
        require(asked == token, f"the page {shown(token)} was asked for as {shown(asked)}")


def _pages_that_are_not_full_lose_and_skip_nothing(make: Make, server: Server) -> None:
    if server.end.short:
        return
    chain = chain_of(server, [[0], [1, 2, 3], [4, 5]])
    found = records_of(walk(make(), server, chain))
    require(found == all_records(chain), f"of the records {all_records(chain)}, on pages of any length, came {found}")


_CHECKS = (
    _every_record_comes_once_and_in_order,
    _a_crawl_goes_on_from_each_position,
    _equal_positions_ask_for_equal_things,
    _a_page_that_comes_again_is_seen,
    _an_answer_that_names_two_pages_is_refused,
    _an_empty_page_in_the_middle_is_gone_through,
    _pages_that_are_not_full_lose_and_skip_nothing,
    _a_name_of_any_characters_arrives_as_it_is,
)


def _require_error(paginator: Paginator, answer: Answer, kind: type[RetryableError]) -> None:
    try:
        following = paginator.following(None, answer)
    except kind:
        return
    raise NotConforming(f"an answer that must raise {kind.__name__} led to {following!r}: {answer!r}")

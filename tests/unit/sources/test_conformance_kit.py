"""The conformance kit finds each way in which a paginator can be broken, and says what broke."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from msgspec.structs import replace

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paginators.member import MemberPaginator
from datasync_spider.sources.paginators.offset import OffsetPaginator
from datasync_spider.sources.paginators.page import PagePaginator
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.spec import End
from datasync_spider.testing.paginators import NotConforming, check_paginator
from tests.unit.sources.pagingapis import CursorApi, OffsetApi, PagesApi, SearchApi

_COUNTER = itertools.count()


class Cursor(CursorPaginator):
    """A good one for the broken ones to break."""

    def __init__(self) -> None:
        super().__init__(CursorApi.next_)


class AlwaysTheFirst(Cursor):
    def ask(self, position: str | None) -> Ask:
        return Ask()


class NeverEnds(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        return super().following(position, answer) or "page-1"


class EndsEarly(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        return None if position == "page-2" else super().following(position, answer)


class GuessesNames(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        following = super().following(position, answer)
        return following and f"{following}-1"


class Remembers(Cursor):
    """Where it is, it knows from what it was asked before."""

    def __init__(self) -> None:
        super().__init__()
        self._last: str | None = None

    def ask(self, position: str | None) -> Ask:
        return super().ask(self._last)

    def following(self, position: str | None, answer: Answer) -> str | None:
        self._last = super().following(position, answer)
        return self._last


class GivesANumber(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        return answer.records  # type: ignore[return-value]


class GivesANul(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        return "\0"


class GivesHalfOfAPair(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        return "\ud800"


class AsksAtRandom(Cursor):
    def ask(self, position: str | None) -> Ask:
        ask = super().ask(position)
        return replace(ask, query=(*ask.query, ("nonce", str(next(_COUNTER)))))


class AsksForBoth(Cursor):
    def ask(self, position: str | None) -> Ask:
        ask = super().ask(position)
        return ask if position is None else replace(ask, url=f"?limit=3&kind=a+b&cursor={position}")


class CountsItsAnswers(Cursor):
    """A position of its own for each visit, so that no circle is ever seen."""

    def ask(self, position: str | None) -> Ask:
        return super().ask(position and position.partition(":")[2])

    def following(self, position: str | None, answer: Answer) -> str | None:
        number = int((position or "0").partition(":")[0])
        following = super().following(position, answer)
        return following and f"{number + 1}:{following}"


class TakesTheFirstOfTwo(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        try:
            return super().following(position, answer)
        except PageContradiction:
            return str(answer.body["page"]["next"])


class TakesAnything(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        try:
            return super().following(position, answer)
        except PageUnreadable:
            return repr(answer.body["page"]["next"])


class StopsAtEmptyPages(Cursor):
    def following(self, position: str | None, answer: Answer) -> str | None:
        return super().following(position, answer) if answer.records else None


def cursor_through(change: Callable[[str], str]) -> type[Cursor]:
    class Changes(Cursor):
        def ask(self, position: str | None) -> Ask:
            return super().ask(position and change(position))

    return Changes


class CountsPages(OffsetPaginator):
    """By what was asked for, and not by what came."""

    def __init__(self) -> None:
        super().__init__(OffsetApi.next_)

    def following(self, position: str | None, answer: Answer) -> str | None:
        return str(int(position or "0") + 3)


@pytest.mark.parametrize(
    ("broken", "reported"),
    [
        (AlwaysTheFirst, "never comes to the end"),
        (EndsEarly, "has_more_without_cursor, although the answer was good"),
        (GuessesNames, "'page-1-1', which the API never named"),
        (Remembers, "from position 'page-1' on came"),
        (GivesANumber, "the position 3 cannot be stored"),
        (GivesANul, r"the position '\x00' cannot be stored"),
        (GivesHalfOfAPair, r"the position '\ud800' cannot be stored"),
        (AsksAtRandom, "position None asks for"),
        (AsksForBoth, "nothing can be added"),
        (CountsItsAnswers, "do not show the circle"),
        (TakesTheFirstOfTwo, "must raise PageContradiction led to 'a'"),
        (TakesAnything, "must raise PageUnreadable led to"),
        (StopsAtEmptyPages, "although the answer was good"),
        (cursor_through(lambda text: quote(text, safe="")), "was asked for as"),
        (cursor_through(quote_plus), "was asked for as"),
        (cursor_through(str.lower), "asks for a page 'a', which the API never named"),
        (cursor_through(lambda text: text.replace("+", " ")), "the page '+' was asked for as ' '"),
        (cursor_through(lambda text: text[:255]), "of 5,000 characters was asked for as"),
        (cursor_through(lambda text: text.encode("ascii", "ignore").decode()), "the page 'ü' was asked for as ''"),
    ],
)
def test_a_broken_paginator_is_found(broken: type[Cursor], reported: str) -> None:
    with pytest.raises(NotConforming, match=re.escape(reported)):
        check_paginator(broken, CursorApi())


class NoFlags(CursorApi):
    """Only the cursor says whether there is more."""

    end = End(no_next=True)


def test_an_end_that_comes_early_or_never_is_found_where_nothing_else_says_that_there_is_more() -> None:
    with pytest.raises(NotConforming, match=r"of the records \[0, 1, 2, 3, 4, 5, 6, 7, 8, 9\] came"):
        check_paginator(EndsEarly, NoFlags())
    with pytest.raises(NotConforming, match="it never comes to the end"):
        check_paginator(NeverEnds, NoFlags())
    with pytest.raises(NotConforming, match="lie between empty pages, came"):
        check_paginator(StopsAtEmptyPages, NoFlags())


def test_an_offset_that_counts_what_was_asked_for_is_found() -> None:
    with pytest.raises(NotConforming, match="which the API never named"):
        check_paginator(CountsPages, OffsetApi())


class SkipsBehindFewRecords(PagePaginator):
    """It takes a page that is not full for two."""

    def __init__(self) -> None:
        super().__init__(PagesApi.next_)

    def following(self, position: str | None, answer: Answer) -> str | None:
        return str(int(position or "1") + (1 if answer.records in {0, 3} else 2))


class LosesTheType(MemberPaginator):
    """What was given as text goes back as a number where it looks like one."""

    def __init__(self) -> None:
        super().__init__(SearchApi.next_)

    def ask(self, position: str | None) -> Ask:
        ask = super().ask(position)
        return replace(ask, body=tuple((path, 0 if value == "0" else value) for path, value in ask.body))


def test_a_page_that_is_skipped_and_a_type_that_is_lost_are_found() -> None:
    with pytest.raises(NotConforming, match="which the API never named"):
        check_paginator(SkipsBehindFewRecords, PagesApi())
    with pytest.raises(NotConforming, match="the page '0' was asked for as 0"):
        check_paginator(LosesTheType, SearchApi())


class RepeatsNothing(OffsetPaginator):
    """It goes on behind a page without a record."""

    def __init__(self) -> None:
        super().__init__(OffsetApi.next_)

    def following(self, position: str | None, answer: Answer) -> str | None:
        return str(int(position or "0") + max(answer.records, 1))


def test_an_offset_that_moves_without_a_record_is_found() -> None:
    with pytest.raises(NotConforming, match="a page without a record leads from position '3' to '4'"):
        check_paginator(RepeatsNothing, OffsetApi())

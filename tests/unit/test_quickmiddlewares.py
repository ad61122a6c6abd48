"""Middlewares are called as Scrapy's own manager calls them: each test asks both, and the outcome is the same."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request, Spider
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.crawler import Crawler
from scrapy.exceptions import ScrapyDeprecationWarning, _InvalidOutput
from scrapy.http import Response
from twisted.internet.defer import Deferred, succeed

from datasync_spider.quickmiddlewares import QuickMiddlewares

Manage: TypeAlias = Callable[..., DownloaderMiddlewareManager]

ASKED = Request("http://api.test/asked")
OTHER = Request("http://api.test/other")
ANSWER = Response("http://api.test/asked", status=200)
ANOTHER = Response("http://api.test/asked", status=404)
RUBBISH = ["", 0, False, b"x", [], {"url": "x"}]
METHODS = ("process_request", "process_response", "process_exception")


def _scrapys(*middlewares: object) -> DownloaderMiddlewareManager:
    crawler = Crawler(Spider)
    crawler.spider = Spider("anybody")
    return DownloaderMiddlewareManager(*middlewares, crawler=crawler)


def _ours(*middlewares: object) -> DownloaderMiddlewareManager:
    scrapys = _scrapys(*middlewares)
    assert scrapys.crawler is not None
    return QuickMiddlewares.of(scrapys, scrapys.crawler)


@pytest.fixture(params=[_scrapys, _ours], ids=["scrapys", "ours"])
def manage(request: pytest.FixtureRequest) -> Manage:
    """Both, in turn: what a test says holds for both."""
    return request.param  # type: ignore[no-any-return]


class Gives:
    """A middleware with these methods: each notes that it was called, and gives back or raises what it is told to."""

    def __init__(self, trail: list[str], name: str, *, is_coroutine: bool = False, **results: Any) -> None:
        for method, result in results.items():
            assert method in METHODS
            plain = self._method(trail, f"{name}.{method.removeprefix('process_')}", result)
            setattr(self, method, self._coroutine(plain) if is_coroutine else plain)

    @staticmethod
    def _method(trail: list[str], told: str, result: object) -> Callable[..., Any]:
        def called(**given: Any) -> Any:
            trail.append(told)
            if isinstance(result, Exception):
                raise result
            return given.get("response") if result == "the same" else result

        called.__qualname__ = told
        return called

    @staticmethod
    def _coroutine(plain: Callable[..., Any]) -> Callable[..., Any]:
        async def called(**given: Any) -> Any:
            await asyncio.sleep(0)
            return plain(**given)

        called.__qualname__ = plain.__qualname__
        return called


def passing(trail: list[str], name: str, *, is_coroutine: bool = False) -> Gives:
    results = {"process_request": None, "process_response": "the same", "process_exception": None}
    return Gives(trail, name, is_coroutine=is_coroutine, **results)


def run(manager: DownloaderMiddlewareManager, trail: list[str], downloaded: Any = ANSWER) -> Any:
    async def download(request: Request) -> Response:
        trail.append("download")
        if isinstance(downloaded, Exception):
            raise downloaded
        response: Response = downloaded
        return response

    return asyncio.run(manager.download_async(download, ASKED))


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_requests_go_in_order_and_responses_the_other_way_round(manage: Manage, is_coroutine: bool) -> None:
    trail: list[str] = []
    manager = manage(passing(trail, "a"), passing(trail, "b", is_coroutine=is_coroutine), passing(trail, "c"))
    assert run(manager, trail) is ANSWER
    assert trail == ["a.request", "b.request", "c.request", "download", "c.response", "b.response", "a.response"]


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_response_to_a_request_takes_the_place_of_the_download(manage: Manage, is_coroutine: bool) -> None:
    trail: list[str] = []
    gives = Gives(trail, "b", is_coroutine=is_coroutine, process_request=ANOTHER)
    assert run(manage(passing(trail, "a"), gives, passing(trail, "c")), trail) is ANOTHER
    assert trail == ["a.request", "b.request", "c.response", "a.response"]


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_request_in_the_place_of_a_request_is_the_outcome(manage: Manage, is_coroutine: bool) -> None:
    trail: list[str] = []
    gives = Gives(trail, "b", is_coroutine=is_coroutine, process_request=OTHER)
    assert run(manage(passing(trail, "a"), gives, passing(trail, "c")), trail) is OTHER
    assert trail == ["a.request", "b.request"]


@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize(("given_back", "rest"), [(OTHER, []), (ANOTHER, ["a.response"])])
def test_what_is_made_of_a_response_goes_on_if_it_is_one(
    manage: Manage, is_coroutine: bool, given_back: Request | Response, rest: list[str]
) -> None:
    trail: list[str] = []
    gives = Gives(trail, "b", is_coroutine=is_coroutine, process_response=given_back)
    assert run(manage(passing(trail, "a"), gives, passing(trail, "c")), trail) is given_back
    assert trail == ["a.request", "c.request", "download", "c.response", "b.response", *rest]


@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_in_the_place_of_a_request_is_refused_by_name(
    manage: Manage, is_coroutine: bool, rubbish: object
) -> None:
    trail: list[str] = []
    gives = Gives(trail, "b", is_coroutine=is_coroutine, process_request=rubbish)
    said = f"Middleware b.request must return None, Response or Request, got {type(rubbish).__name__}"
    with pytest.raises(_InvalidOutput, match=f"^{said}$"):
        run(manage(passing(trail, "a"), gives, passing(trail, "c")), trail)
    assert trail == ["a.request", "b.request", "c.exception", "a.exception"]


@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize("rubbish", [None, *RUBBISH])
def test_rubbish_in_the_place_of_a_response_is_refused_by_name(
    manage: Manage, is_coroutine: bool, rubbish: object
) -> None:
    trail: list[str] = []
    gives = Gives(trail, "b", is_coroutine=is_coroutine, process_response=rubbish)
    said = rf"Middleware b.response must return Response or Request, got .*{type(rubbish).__name__}"
    with pytest.raises(_InvalidOutput, match=f"^{said}"):
        run(manage(passing(trail, "a"), gives, passing(trail, "c")), trail)
    assert trail[-2:] == ["c.response", "b.response"]


def test_a_download_of_nothing_is_refused_before_a_middleware_sees_it(manage: Manage) -> None:
    trail: list[str] = []
    with pytest.raises(TypeError, match="Received None"):
        run(manage(passing(trail, "a")), trail, downloaded=None)
    assert trail == ["a.request", "download"]


@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize(
    ("given_back", "rest"), [(ANOTHER, ["c.response", "a.response"]), (OTHER, []), (None, ["a.exception"])]
)
def test_an_error_of_a_request_or_of_the_download_may_be_mended(
    manage: Manage, is_coroutine: bool, given_back: Request | Response | None, rest: list[str]
) -> None:
    error = ZeroDivisionError("a bug")
    for raises, way in ((Gives([], "d", process_request=error), []), (Gives([], "d"), ["download"])):
        trail: list[str] = []
        mends = Gives(trail, "b", is_coroutine=is_coroutine, process_exception=given_back)
        manager = manage(passing(trail, "a"), mends, passing(trail, "c"), raises)
        if given_back is None:
            with pytest.raises(ZeroDivisionError) as caught:
                run(manager, trail, downloaded=error)
            assert caught.value is error
        else:
            assert run(manager, trail, downloaded=error) is given_back
        assert trail == ["a.request", "c.request", *way, "c.exception", "b.exception", *rest]


def test_an_error_of_a_response_is_nobodys_to_mend(manage: Manage) -> None:
    trail: list[str] = []
    raises = Gives(trail, "b", process_response=ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        run(manage(passing(trail, "a"), raises, passing(trail, "c")), trail)
    assert trail == ["a.request", "c.request", "download", "c.response", "b.response"]


class Defers:
    def process_request(self, request: Request) -> Deferred[None]:
        return succeed(None)

    def process_response(self, request: Request, response: Response) -> Deferred[Response]:
        return succeed(ANOTHER)


def test_a_deferred_is_awaited_and_warned_of(manage: Manage) -> None:
    with pytest.warns(ScrapyDeprecationWarning, match="returned a Deferred") as warned:
        assert run(manage(Defers()), []) is ANOTHER
    told = [str(warning.message).partition(" returned")[0] for warning in warned]
    assert told == [f"{__name__}.Defers.process_request", f"{__name__}.Defers.process_response"]


class Futures:
    """Awaitable, and no coroutine."""

    def process_request(self, request: Request) -> asyncio.Future[None]:
        return self._soon(None)

    def process_response(self, request: Request, response: Response) -> asyncio.Future[Response]:
        return self._soon(ANOTHER)

    @staticmethod
    def _soon(result: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.get_loop().call_soon(future.set_result, result)
        return future


def test_whatever_can_be_awaited_is(manage: Manage) -> None:
    trail: list[str] = []
    assert run(manage(Futures()), trail) is ANOTHER
    assert trail == ["download"]


class WantsSpider:
    def __init__(self) -> None:
        self.spiders: list[str] = []

    def process_request(self, request: Request, spider: Spider) -> None:
        self.spiders.append(spider.name)

    async def process_response(self, request: Request, response: Response, spider: Spider) -> Response:
        self.spiders.append(spider.name)
        return response

    def process_exception(self, request: Request, exception: Exception, spider: Spider | None = None) -> None:
        assert spider is None


def test_a_method_that_insists_on_the_spider_gets_it_and_is_warned_of(manage: Manage) -> None:
    wants = WantsSpider()
    with pytest.warns(ScrapyDeprecationWarning, match="requires a spider argument") as warned:
        manager = manage(wants)
    told = {str(warning.message).partition("(")[0] for warning in warned}
    assert told == {"WantsSpider.process_request", "WantsSpider.process_response"}
    assert run(manager, []) is ANSWER
    assert wants.spiders == ["anybody", "anybody"]
    with pytest.raises(ZeroDivisionError):
        run(manager, [], downloaded=ZeroDivisionError())


_RESULTS = st.sampled_from([None, ANSWER, ANOTHER, OTHER, 7, "", "raises"])
_MIDDLEWARE = st.tuples(st.booleans(), st.dictionaries(st.sampled_from(METHODS), _RESULTS | st.just("the same")))


@given(st.lists(_MIDDLEWARE, max_size=4), st.sampled_from([ANSWER, None, "raises"]))
def test_whatever_middlewares_give_back_the_way_and_the_outcome_are_scrapys(
    middlewares: list[tuple[bool, dict[str, Any]]], downloaded: Any
) -> None:
    def outcome(manage: Manage) -> tuple[list[str], Any]:
        trail: list[str] = []
        made = []
        for place, (is_coroutine, results) in enumerate(middlewares):
            given = {method: KeyError(place) if result == "raises" else result for method, result in results.items()}
            made.append(Gives(trail, str(place), is_coroutine=is_coroutine, **given))
        try:
            return trail, run(manage(*made), trail, ZeroDivisionError() if downloaded == "raises" else downloaded)
        except Exception as error:  # noqa: BLE001 - whichever it is, both have to raise it
            return trail, (type(error), str(error).partition(", got ")[0])

    assert outcome(_ours) == outcome(_scrapys)


@pytest.mark.parametrize("name", ["_process_request", "_process_response"])
def test_what_is_overridden_is_what_scrapy_calls(name: str) -> None:
    # Were it renamed there, the override would silently no longer be used.
    ours, scrapys = vars(QuickMiddlewares)[name], vars(DownloaderMiddlewareManager)[name]
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(scrapys).parameters)
    assert name in DownloaderMiddlewareManager.download_async.__code__.co_names


@pytest.mark.parametrize("middleware", [Gives([], "a", process_request=None), passing([], "a", is_coroutine=True)])
def test_coroutines_and_nothing_are_not_made_awaitable(middleware: Gives, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("datasync_spider.quickmiddlewares.ensure_awaitable", lambda *given, **_: asked.append(given))
    assert run(_ours(middleware), []) is ANSWER
    assert asked == []

"""A paginator of the user's: made of its stream, looked at when a plan is made, and held to what a crawl relies on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datasync_spider.errors import ConfigurationError, PageUnreadable
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import Answer, Paginator
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.spec import Next
from datasync_spider.testing.paginators import check_paginator
from tests.unit.sources.pagingapis import CursorApi, answer
from tests.unit.sources.streams import stream

URL = "https://api.example.com/records"
GOOD = """
from datasync_spider.plugin import Answer, Ask, PageUnreadable, Stream

class ByName:
    def __init__(self, stream: Stream) -> None:
        self._parameter = stream.headers.get("X-Parameter", "cursor")

    def ask(self, position):
        return Ask() if position is None else Ask(query=((self._parameter, position),))

    def following(self, position, answer: Answer):
        page = answer.body["page"] if isinstance(answer.body, dict) else {}
        places = {value for value in (page.get("next"), answer.body.get("next.token")) if value}
        return %s
"""

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module where Python finds it, and gives its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(text: str) -> str:
        name = f"paging_of_{tmp_path.name}_{len(list(tmp_path.iterdir()))}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return written


def made(place: str) -> Paginator:
    return paginator(Next(source="python", to="query", name=place), stream=stream("url", "/records"))


def refused(place: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        made(place)
    assert str(caught.value).startswith(f"python:{place}: ")
    return str(caught.value)


class NoDoubt(CursorApi):
    """Whose answers contradict nothing."""

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        return iter(())

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        return iter(())


def test_a_good_one_keeps_all_promises(write: Write) -> None:
    place = f"{write(GOOD % 'places.pop() if places else None')}:ByName"
    assert stream("next", {"from": f"python:{place}"}).next == Next(source="python", to="query", name=place)

    check_paginator(lambda: made(place), NoDoubt())


def test_a_file_is_read_without_its_class(write: Write) -> None:
    assert stream("next", {"from": "python:no.such.module:Class"}).next.name == "no.such.module:Class"


def test_what_is_not_there_is_named_with_what_to_do(write: Write) -> None:
    name = write("import no_such_thing_at_all")
    assert "there is no module no_such: it must lie where Python finds it, such as beside scrapy.cfg" in refused(
        "no_such.module:Class"
    )
    assert f"the module {name} cannot be imported: ModuleNotFoundError: No module named" in refused(f"{name}:Class")
    broken = write("1 / 0")
    assert f"the module {broken} cannot be imported: ZeroDivisionError" in refused(f"{broken}:Class")
    empty = write("Class = 5")
    assert "has something else than a class called Class" in refused(f"{empty}:Class")
    assert "has no such class: correct the name, or write it" in refused(f"{empty}:Klass")


def test_a_class_that_is_no_paginator_is_refused_before_anything_is_asked(write: Write) -> None:
    name = write("class A:\n    def __init__(self, stream): self.ask = 5\nclass B: pass\n")
    assert "the class has no method ask and following: write what docs/sources/add-a-paginator.md says" in refused(
        f"{name}:A"
    )
    assert "the class cannot be made of the Stream that it is given: TypeError" in refused(f"{name}:B")


@pytest.mark.parametrize("wrong", ["5", "b'a'", "'\\0'", "'\\ud800'", "True"])
def test_what_is_no_position_ends_the_run_and_is_not_stored(write: Write, wrong: str) -> None:
    place = f"{write(GOOD % wrong)}:ByName"
    with pytest.raises(ConfigurationError, match=r"following gave no position: it must be None, or text without NUL"):
        made(place).following(None, answer(URL, {"page": {}}))


def test_an_error_of_the_class_is_named_and_one_on_purpose_is_what_it_is(write: Write) -> None:
    raising = GOOD.replace("return %s", 'raise PageUnreadable("odd_page") if position else KeyError("https://secret")')
    found = made(f"{write(raising)}:ByName")

    with pytest.raises(PageUnreadable):
        found.following("a", answer(URL, {"page": {}}))
    with pytest.raises(ConfigurationError) as caught:
        found.following(None, answer(URL, {"page": {}}))
    assert str(caught.value).endswith(":ByName: following raised KeyError")
    lying = GOOD.replace("Ask() if position is None else Ask", "None if position is None else Ask") % "None"
    with pytest.raises(ConfigurationError, match="ask gave NoneType, and not an Ask"):
        made(f"{write(lying)}:ByName").ask(None)

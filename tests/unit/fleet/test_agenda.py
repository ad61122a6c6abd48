"""What is crawled one after the other: a child when its parent has been crawled, all else planned before anything."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.errors import ConfigurationError, StorageUnavailable
from datasync_spider.fleet.agenda import Agenda
from datasync_spider.observe import exitcodes
from datasync_spider.spiders.stream import StreamSpider
from datasync_spider.sync.plan import SyncPlan
from tests.support.plans import plan_for
from tests.support.sourcetexts import read

PLAN = plan_for("http://127.0.0.1:1/api/v1")


def spider(stream: str, slices: Any = None) -> type[StreamSpider]:
    """Of a source in which all streams have others' records for slices, as given."""
    plain: dict[str, Any] = {"url": "/x", "records": "@", "id": "id", "order": "none", "end": ["no-next"]}
    plain["next"] = {"from": "body:next", "to": "url"}
    streams = {name: dict(plain) for name in ("a", "b", "c", stream)}
    if slices is not None:
        streams[stream]["slices"] = slices
    source = read({"source": {"name": "s", "base_url": "https://s.example.com"}, "streams": streams})
    return type("Some", (StreamSpider,), {"name": f"s.{stream}", "source": source, "stream": stream})


A = spider("a")
B = spider("b", {"stream": "a", "values": {"n": "n"}})
C = spider("c", {"stream": "b", "values": {"n": "n"}})


class Plans:
    """Notes who was planned, and gives so many plans or what is to be raised."""

    def __init__(self, **of_stream: int | Exception) -> None:
        self.asked: list[str] = []
        self._of_stream = of_stream

    def __call__(self, spider: type[StreamSpider]) -> list[SyncPlan]:
        self.asked.append(spider.stream)
        found = self._of_stream.get(spider.stream, 1)
        if isinstance(found, Exception):
            raise found
        return [PLAN] * found


def crawled(agenda: Agenda, plans: Plans) -> list[str]:
    """Which are crawled, each with who was planned by then."""
    done = []
    while agenda.goes_on():
        done.append(f"{agenda.next()[0].stream} {''.join(plans.asked)}")
    return done


def test_children_come_after_their_parents_and_are_planned_no_earlier() -> None:
    plans = Plans(b=2)
    agenda = Agenda([C, B, A], plans)
    assert agenda.left == ["events", "s.b", "s.c"]
    assert crawled(agenda, plans) == ["a a", "b ab", "b ab", "c abc"]
    assert (agenda.left, agenda.ends) == ([], [])


def test_a_child_whose_parent_is_not_crawled_is_planned_at_once() -> None:
    plans = Plans()
    assert crawled(Agenda([C, A], plans), plans) == ["c ca", "a ca"]
    with pytest.raises(ConfigurationError):
        Agenda([B], Plans(b=ConfigurationError("never crawled")))


def test_what_cannot_be_planned_in_between_is_an_end_of_its_own_and_costs_no_other() -> None:
    plans = Plans(a=0, b=ConfigurationError("no"), c=StorageUnavailable("gone"))
    agenda = Agenda([A, B, C], plans)
    assert crawled(agenda, plans) == []
    codes = [exitcodes.COMPLETE, exitcodes.BAD_CONFIGURATION, exitcodes.FAILED]
    assert [end.code for end in agenda.ends] == codes
    assert "nothing to crawl: s.a has no slices" in agenda.ends[0].lines[0]


def test_a_child_that_a_bug_keeps_from_being_planned_is_failed_and_not_forgotten() -> None:
    plans = Plans(b=KeyError("n"))
    agenda = Agenda([C, B, A], plans)
    assert crawled(agenda, plans) == ["a a", "c abc"]
    (end,) = agenda.ends
    assert end.code == exitcodes.FAILED
    assert "s.b could not be planned: KeyError" in end.lines[0]

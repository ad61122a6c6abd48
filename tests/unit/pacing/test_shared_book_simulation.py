"""Many processes with one book against a simulated server: nothing too many, all of it used, and no one forgotten."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from datasync_spider.pacing.book import REPORTED, Answer, Ask, Book, Declared, resolve, take
from datasync_spider.pacing.headers import RateHeaders
from datasync_spider.pacing.slots import HOLD_SECONDS, HeldSlots, Report
from datasync_spider.pacing.window import RateWindow

REQUESTS, SECONDS = 10, 4.0
DECLARED = Declared(REQUESTS, SECONDS)
REPORT_SECONDS = 0.25
ROUNDINGS: dict[str, Callable[[float], float]] = {"floored": math.floor, "ceiled": math.ceil, "exact": float}


@dataclass
class World:
    """Time, a server with fixed windows, and the one book. ``rounding`` None: nothing is reported."""

    chance: random.Random
    declared: Declared | None
    rounding: str | None = None
    on_the_clock: bool = False
    seconds: float = SECONDS
    now: float = 1_000.0
    book: Book = field(default_factory=Book)
    arrivals: list[float] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    exchanges: int = 0
    lost: float = 0.0
    _ends_at: float = 0.0
    _used: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, do))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, do = heapq.heappop(self._events)
            do()

    def answer(self) -> RateHeaders:
        if self.now >= self._ends_at:
            full = (math.floor(self.now / self.seconds) + 1) * self.seconds
            self._ends_at = full if self.on_the_clock else self.now + self.seconds
            self._used = 0
        self.arrivals.append(self.now)
        self._used += 1
        self.refused += self._used > REQUESTS
        if self.rounding is None:
            return RateHeaders()
        reset = float(ROUNDINGS[self.rounding](self._ends_at - self.now))
        return RateHeaders(REQUESTS, max(0, REQUESTS - self._used), reset, reset_is_whole=self.rounding != "exact")


class Process:
    """One request after the other, by a clock of its own. ``pause``: before a request; ``far``: to the book."""

    def __init__(self, world: World, place: int, pause: float = 0.005, far: float = 0.001) -> None:
        self.world = world
        self.place = place
        self.pause = pause
        self.far = far
        self.is_dead = False
        self._skew = world.chance.uniform(-1e6, 1e6)
        self._slots = HeldSlots(str(world.chance.random()))
        self._window = RateWindow(declared=world.declared)
        self._governs = world.declared is not None or bool(world.book.windows)
        self._is_asking = False
        self._will_report = False
        self._limit: int | None = None
        self._sent = 0
        world.after(world.chance.random() / 10, self.step)

    @property
    def clock(self) -> float:
        return self.world.now + self._skew

    def step(self) -> None:
        if self.is_dead:
            return
        if (held := self._window.held_seconds(self.clock)) > 0:
            self.world.after(held, self.step)
        elif self._governs and not self._slots.at_hand(self.clock):
            if self._is_asking:
                self.world.after(0.01, self.step)
            else:
                self._exchange(Ask(*self._slots.next_ask(self.clock), self._limit))
        else:
            self._send()

    def _send(self) -> None:
        self._sent += 1
        which = self._sent
        if self._governs:
            self._slots.request_sent(which)
        self._window.request_sent(self.clock)
        way = self.world.chance.choice([0.001, 0.003, 0.05])
        self.world.after(way, lambda: self._arrived(which, way))

    def _arrived(self, which: int, way: float) -> None:
        # What a process has sent before it was killed comes all the same.
        headers = self.world.answer()
        self.world.after(way, lambda: self._answered(which, headers))

    def _answered(self, which: int, headers: RateHeaders) -> None:
        if self.is_dead:
            return
        self._window.observe(headers, self.clock)
        if (reported := self._window.reported) is not None:
            self._governs, self._limit = True, reported[0]
            self._slots.heard(which, *reported)
        self._slots.request_ended(which, self.clock)
        self.world.answered[self.place] += 1
        if not self._will_report:
            self._will_report = True
            self.world.after(REPORT_SECONDS, self._report)
        self.world.after(self.pause * self.world.chance.random() * 2, self.step)

    def _report(self) -> None:
        self._will_report = False
        if not self.is_dead and not self._is_asking and not self._slots.is_reported:
            self._exchange(None)

    def _exchange(self, ask: Ask | None) -> None:
        self._is_asking = True
        report, asked_at, way = self._slots.report(), self.clock, self.far * self.world.chance.choice([1, 2, 20])
        lost = self.world.chance.random()
        if lost < self.world.lost / 2:
            self.world.after(0.1, lambda: self._failed(ask))
        else:
            self.world.after(way, lambda: self._written(report, ask, asked_at, way, is_lost=lost < self.world.lost))

    def _written(self, report: Report, ask: Ask | None, asked_at: float, way: float, *, is_lost: bool) -> None:
        world = self.world
        world.exchanges += 1
        resolve(world.book, report, world.declared, world.now, asked_at)
        answer = Answer() if ask is None else take(world.book, report.who, ask, world.declared, world.now)
        if is_lost:
            world.after(0.1, lambda: self._failed(ask))
        else:
            world.after(way, lambda: self._received(report, ask, answer, asked_at))

    def _failed(self, ask: Ask | None) -> None:
        self._is_asking = False
        if ask is not None:
            self.step()

    def _received(self, report: Report, ask: Ask | None, answer: Answer, asked_at: float) -> None:
        self._is_asking = False
        self._slots.received(report)
        if ask is None:
            return
        self._governs = answer.is_limited
        self._slots.given(ask.number, answer.slots if answer.is_limited else 0, asked_at)
        if answer.reason == REPORTED:
            self._window.held_by_others(answer.wait_seconds, self.clock)
        self.world.after(answer.wait_seconds, self.step)


def most_in_any_window(arrivals: list[float], seconds: float) -> int:
    """Of closed windows, each of which may as well begin with an arrival."""
    return max(sum(start <= at <= start + seconds for at in arrivals) for start in arrivals)


@pytest.mark.parametrize("processes", [1, 3, 20])
@pytest.mark.parametrize("lost", [0.0, 0.1])
def test_a_declared_budget_holds_in_any_window_and_is_used_in_full(processes: int, lost: float) -> None:
    world = World(random.Random(processes), DECLARED, lost=lost)
    for place in range(processes):
        Process(world, place)
    world.run(200)
    assert most_in_any_window(world.arrivals, SECONDS) <= REQUESTS
    assert len(world.arrivals) >= (0.96 if not lost else 0.85) * 200 / SECONDS * REQUESTS


def test_who_waits_has_his_turn() -> None:
    """Also beside one that is nearer to the database, and asks again whenever it was answered."""
    world = World(random.Random(1), Declared(1, 1.0))
    for place, (pause, far) in enumerate([(0.0, 0.0001), (0.3, 0.005)]):
        Process(world, place, pause, far)
    world.run(150)
    assert most_in_any_window(world.arrivals, 1.0) == 1
    assert min(world.answered.values()) > 0.8 * max(world.answered.values())


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("on_the_clock", [False, True])
@pytest.mark.parametrize("seconds", [4.0, 60.0])
def test_a_window_that_the_api_reports_is_shared_without_a_request_too_many(
    rounding: str, on_the_clock: bool, seconds: float
) -> None:
    world = World(random.Random(2), None, rounding, on_the_clock, seconds)
    for place in range(3):
        Process(world, place)
    world.run(50 * seconds)
    assert world.refused == 0
    # Ends in whole seconds may cost a second and the allowance for it.
    assert len(world.arrivals) >= 0.96 * 50 * REQUESTS * seconds / (seconds + (0.0 if rounding == "exact" else 1.1))


@pytest.mark.parametrize("seconds", [1.0, 1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("rounding", ["ceiled", "floored"])
@pytest.mark.parametrize("on_the_clock", [False, True])
def test_nothing_is_too_much_where_requests_lie_on_both_sides_of_an_end_that_is_not_known_exactly(
    seconds: float, rounding: str, on_the_clock: bool
) -> None:
    for pause in (0.1, 0.2, 0.3, 0.5):
        world = World(random.Random(5), None, rounding, on_the_clock, seconds)
        for place in range(3):
            Process(world, place, pause)
        world.run(100)
        assert world.refused == 0


@pytest.mark.parametrize("rounding", [None, "ceiled", "floored"])
def test_processes_that_are_killed_and_begun_anew_never_lead_to_one_too_many(rounding: str | None) -> None:
    chance = random.Random(3)
    world = World(chance, DECLARED, rounding)
    running = [Process(world, place) for place in range(3)]

    def kill() -> None:
        place = chance.randrange(3)
        running[place].is_dead = True
        running[place] = Process(world, place)
        world.after(chance.random() * 4, kill)

    world.after(1.0, kill)
    world.run(200)
    assert most_in_any_window(world.arrivals, SECONDS) <= REQUESTS
    # What a killed one held is used again a while later.
    assert len(world.arrivals) >= 0.6 * 200 / SECONDS * REQUESTS


def test_slots_are_asked_for_in_portions_where_requests_leave_fast() -> None:
    world = World(random.Random(4), Declared(10_000, 60.0))
    Process(world, 0, 0.0)
    world.run(60)
    assert len(world.arrivals) > 1_000
    # An ask and a report that goes by itself, each a few times a second at most.
    assert world.exchanges < 60 * 8


def test_what_is_not_used_is_given_back_at_once_and_what_a_dead_one_held_when_its_hold_is_over() -> None:
    book, declared = Book(), Declared(40, 3600.0)
    first = HeldSlots("first")
    number, _ = first.next_ask(0.0)
    resolve(book, first.report(), declared, 100.0, 0.0)
    assert take(book, "first", Ask(number, 2), declared, 100.0).slots == 2
    first.given(number, 2, 0.0)
    first.request_sent("a")
    first.request_ended("a", 1.0)
    first.return_all()
    resolve(book, first.report(), declared, 101.0, 1.0)
    assert book.under_way == 0
    assert sum(count for _, count in book.used) == 1
    take(book, "dead", Ask(1, 1), declared, 101.0)
    other = HeldSlots("other")
    resolve(book, other.report(), declared, 101.0 + HOLD_SECONDS - 0.1, 0.0)
    assert book.under_way == 1
    resolve(book, other.report(), declared, 101.0 + HOLD_SECONDS, 0.0)
    assert book.under_way == 0
    assert sum(count for _, count in book.used) == 2


def test_what_is_reported_twice_counts_once_and_what_was_given_in_a_lost_answer_not_at_all() -> None:
    book, declared, slots = Book(), Declared(40, 3600.0), HeldSlots("one")
    resolve(book, slots.report(), declared, 100.0, 0.0)
    slots.given(1, take(book, "one", Ask(1, 2), declared, 100.0).slots, 0.0)
    assert book.under_way == 2
    slots.request_sent("a")
    slots.request_ended("a", 1.0)
    resolve(book, slots.report(), declared, 101.0, 1.0)
    # Its answer is lost, and so is the one that gives this slot.
    assert take(book, "one", Ask(2, 1), declared, 101.0).slots == 1
    assert book.under_way == 2
    slots.request_sent("b")
    for _ in range(2):
        resolve(book, slots.report(), declared, 102.0, 2.0)
        assert (book.under_way, sum(count for _, count in book.used)) == (1, 1)
    slots.request_ended("b", 3.0)
    resolve(book, slots.report(), declared, 103.0, 3.0)
    assert (book.under_way, sum(count for _, count in book.used)) == (0, 2)


def test_a_window_that_the_api_does_not_speak_of_any_more_holds_no_one_back() -> None:
    book, slots = Book(), HeldSlots("one")
    slots.heard("a", 2, 0, 5.0, 6.0)
    resolve(book, slots.report(), None, 100.0, 0.0)
    slots.received(slots.report())
    refused = take(book, "one", Ask(1, 1), None, 100.0)
    assert (refused.slots, refused.reason) == (0, REPORTED)
    assert refused.wait_seconds == pytest.approx(6.02)
    # The next window is taken to be as long as this one was, at least.
    assert take(book, "one", Ask(2, 1), None, 106.1).slots == 1
    assert not take(book, "one", Ask(3, 1), None, 120.0).is_limited

"""The window against a simulated server: the limit is used in full, and no request is refused."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from datasync_spider.pacing.headers import RateHeaders
from datasync_spider.pacing.window import RateWindow

ROUNDINGS: dict[str, Callable[[float], float]] = {
    "floored": math.floor,
    "ceiled": math.ceil,
    "rounded": round,
    "exact": lambda seconds: seconds,
}
LIMIT = 10
HOURS = 2 * 3600.0


@dataclass
class Server:
    """A fixed window that opens with the first request after the last one's end, or on the clock's full windows."""

    rounding: str = "ceiled"
    window_seconds: float = 60.0
    on_the_clock: bool = False
    tells_policy: bool = False
    ends_at: float = -math.inf
    used: int = 0
    admitted: int = 0
    refused: int = 0

    def take(self, now: float) -> bool:
        if now >= self.ends_at:
            full_windows = math.floor(now / self.window_seconds) + 1
            self.ends_at = full_windows * self.window_seconds if self.on_the_clock else now + self.window_seconds
            self.used = 0
        if self.used >= LIMIT:
            return False
        self.used += 1
        return True

    def answer(self, now: float) -> RateHeaders:
        if self.take(now):
            self.admitted += 1
        else:
            self.refused += 1
        reset = float(ROUNDINGS[self.rounding](self.ends_at - now))
        policy = self.window_seconds if self.tells_policy else None
        return RateHeaders(LIMIT, LIMIT - self.used, reset, policy, reset_is_whole=self.rounding != "exact")


@dataclass
class Client:
    """One request after the other. ``latency``: from sending to the headers; ``way_there``: which share of it is before
    the server counts the request.
    """

    server: Server
    latency: Callable[[random.Random], float]
    way_there: float = 0.5
    window: RateWindow = field(default_factory=RateWindow)
    random: random.Random = field(default_factory=lambda: random.Random(7))
    now: float = 1_000_000.3

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.request()

    def request(self) -> None:
        while (wait := self.window.wait_seconds(self.now)) > 0:
            self.now += wait
        self.window.request_sent(self.now)
        latency = self.latency(self.random)
        headers = self.server.answer(self.now + latency * self.way_there)
        self.now += latency
        self.window.observe(headers, self.now)


def constant(seconds: float) -> Callable[[random.Random], float]:
    return lambda _: seconds


def between(least: float, most: float) -> Callable[[random.Random], float]:
    return lambda numbers: numbers.uniform(least, most)


@pytest.mark.parametrize("latency", [0.05, 0.3, 1.0, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("way_there", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_window_that_opens_with_the_first_request_is_used_in_full(
    rounding: str, way_there: float, latency: float
) -> None:
    server = Server(rounding)
    Client(server, constant(latency), way_there).run(HOURS)
    # A client that waits for each answer and must not be early can do no better: it learns of an end that lies one
    # answer's time back at worst.
    best = LIMIT * HOURS / (server.window_seconds + latency)
    assert server.refused == 0
    assert server.admitted >= 0.98 * best


@pytest.mark.parametrize("latency", [0.05, 0.3, 1.0, 2.0, 3.0, 5.5])
@pytest.mark.parametrize("way_there", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_windows_on_the_clock_are_used_in_full(rounding: str, way_there: float, latency: float) -> None:
    server = Server(rounding, on_the_clock=True)
    Client(server, constant(latency), way_there).run(HOURS)
    assert server.refused == 0
    assert server.admitted >= 0.98 * LIMIT * HOURS / server.window_seconds


@pytest.mark.parametrize("on_the_clock", [False, True])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("seed", range(5))
def test_no_request_is_refused_whatever_the_answers_take(rounding: str, on_the_clock: bool, seed: int) -> None:
    server = Server(rounding, on_the_clock=on_the_clock)
    client = Client(server, between(0.05, 6.0), way_there=seed / 4, random=random.Random(seed))
    client.run(HOURS)
    assert server.refused == 0
    assert server.admitted >= 0.93 * LIMIT * HOURS / server.window_seconds


@pytest.mark.parametrize("window_seconds", [10.0, 20.0, 30.0, 60.0])
@pytest.mark.parametrize("rounding", ["floored", "ceiled"])
def test_windows_of_the_usual_lengths_lose_nothing_to_rounding(rounding: str, window_seconds: float) -> None:
    server = Server(rounding, window_seconds)
    Client(server, constant(0.05)).run(HOURS)
    assert server.refused == 0
    assert server.admitted >= 0.985 * LIMIT * HOURS / window_seconds


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_reported_policy_makes_any_length_exact(rounding: str) -> None:
    server = Server(rounding, window_seconds=7.0, tells_policy=True)
    Client(server, constant(0.05)).run(HOURS)
    assert server.refused == 0
    assert server.admitted >= 0.98 * LIMIT * HOURS / server.window_seconds


@dataclass
class MomentServer(Server):
    """Gives the end of its window as an epoch in whole seconds, and its own time by a Date or not at all."""

    gives_date: bool = False

    def answer(self, now: float) -> RateHeaders:
        reported = super().answer(now)
        moment = ROUNDINGS[self.rounding](self.ends_at)
        reset = max(0.0, moment - (math.floor(now) if self.gives_date else now))
        return RateHeaders(reported.limit, reported.remaining, reset, reset_is_whole=True, reset_is_moment=True)


@pytest.mark.parametrize("window_seconds", [2.0, 4.0, 7.0, 20.0, 60.0])
@pytest.mark.parametrize("gives_date", [False, True])
@pytest.mark.parametrize("on_the_clock", [False, True])
@pytest.mark.parametrize("rounding", ["floored", "ceiled", "rounded"])
def test_a_window_whose_end_is_given_in_whole_seconds_costs_one_second_more_at_most(
    rounding: str, on_the_clock: bool, gives_date: bool, window_seconds: float
) -> None:
    server = MomentServer(rounding, window_seconds, on_the_clock, gives_date=gives_date)
    client = Client(server, constant(0.0005), way_there=0.5)
    started, windows = client.now, 200
    for _ in range(LIMIT * windows):
        client.request()
    assert server.refused == 0
    assert client.now - started <= windows * (window_seconds + 1.1)


@pytest.mark.parametrize("window_seconds", [55.5, 56.0, 57.3, 59.0, 60.4, 60.9, 61.0, 64.5, 65.5])
@pytest.mark.parametrize("on_the_clock", [False, True])
@pytest.mark.parametrize("rounding", ["floored", "ceiled", "rounded"])
def test_a_wrong_guess_of_an_odd_length_costs_one_refusal_at_most(
    rounding: str, on_the_clock: bool, window_seconds: float
) -> None:
    server = Server(rounding, window_seconds, on_the_clock)
    client = Client(server, constant(0.05))
    while client.now < 1_000_000 + HOURS:
        refused = server.refused
        client.request()
        if server.refused > refused:
            client.window.rate_limited(max(1.0, round(server.ends_at - client.now)), client.now)
    assert server.refused <= 1
    assert server.admitted >= 0.96 * LIMIT * HOURS / window_seconds


@pytest.mark.parametrize("rounding", ["floored", "ceiled"])
@pytest.mark.parametrize("seed", range(3))
def test_another_client_that_takes_from_the_budget_is_made_room_for(rounding: str, seed: int) -> None:
    server = Server(rounding)
    client = Client(server, between(0.05, 2.0), random=random.Random(seed))
    others = random.Random(seed + 100)
    taken_by_others = 0
    while client.now < 1_000_000 + HOURS:
        if others.random() < 0.2:
            taken_by_others += server.take(client.now)
        refused = server.refused
        client.request()
        if server.refused > refused:
            # What no one could foresee: the budget was gone before our request came.
            client.window.rate_limited(float(math.ceil(server.ends_at - client.now)), client.now)
    windows = HOURS / server.window_seconds
    # Never more than one vain request a window, and between the two of them the limit is used.
    assert server.refused <= windows
    assert server.admitted + taken_by_others >= 0.9 * LIMIT * windows


def test_a_stranger_who_empties_every_window_at_its_opening_is_not_fought() -> None:
    server = Server("floored")
    client = Client(server, constant(0.1))
    for _ in range(50):
        while client.window.wait_seconds(client.now) > 0:
            client.now += client.window.wait_seconds(client.now)
        for _ in range(LIMIT):
            server.take(client.now)
        client.request()
    # One question a window, each answered with "nothing remains".
    assert client.now - 1_000_000 >= 49 * server.window_seconds

"""Handlers of signals, and what comes of telling them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from twisted.python.failure import Failure

Handler = Callable[..., Any]

SIGNAL = object()
OTHER = object()


class Sender:
    """In the place of a crawler."""


class Ear:
    """Handlers of every kind. Each notes its name and what it was given."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def anything(self, **given: Any) -> str:
        self.heard.append(("anything", given))
        return "anything's"

    def some(self, request: object, response: object = None) -> str:
        self.heard.append(("some", request, response))
        return "some's"

    def some_and_the_rest(self, request: object, **rest: Any) -> str:
        self.heard.append(("some_and_the_rest", request, rest))
        return "both's"

    def nothing(self) -> None:
        self.heard.append("nothing")

    def the_sender(self, sender: object, signal: object) -> None:
        self.heard.append(("the_sender", sender, signal))

    def wants_more(self, request: object, missing: object) -> None:
        raise AssertionError("cannot be called")

    @classmethod
    def of_the_class(cls, **given: Any) -> tuple[str, Any]:
        return cls.__name__, given.get("request")

    @staticmethod
    def of_nobody(request: object) -> object:
        return request


class Called:
    """A callable object with arguments of its own choice."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __call__(self, request: object) -> str:
        self.heard.append(request)
        return "called"


class Unhashable:
    """pydispatch keeps handlers in a table, and this one cannot be put there."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, **given: Any) -> str:
        raise AssertionError("nobody calls it")


def told(answers: list[tuple[Any, Any]]) -> list[Any]:
    """What came of it; failures by their exceptions."""
    return [answer.value if isinstance(answer, Failure) else answer for _, answer in answers]


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]

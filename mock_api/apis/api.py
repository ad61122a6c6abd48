"""What every imitation of a public API has: records that can grow and change, planned faults, and what was asked.

The invariant: an imitation answers as its API's documentation says and knows nothing of who asks; its records depend on
the seed and what was done through the controls alone, so that a test can say what must be stored.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

BASE_TIME_S = 1_735_689_600
"""1 January 2025: the time of the first record of all imitations."""

Record = dict[str, Any]


@dataclass(slots=True)
class _Planned:
    """A fault that befalls `times` requests, after so many others."""

    name: str
    after: int
    times: int


class PublicApi(ABC):
    """One API. `records` are all that there are, by stream, the oldest first; those deleted are gone from it."""

    name: ClassVar[str]
    faults: ClassVar[tuple[str, ...]] = ()
    """Those that :meth:`faulty` knows."""

    def __init__(self, seed: int, total: int) -> None:
        self.seed = seed
        self.asked: list[dict[str, Any]] = []
        self._planned: list[_Planned] = []
        self.records: dict[str, list[Record]] = {
            stream: [self.made(stream, number) for number in range(total)] for stream in self.streams()
        }

    @abstractmethod
    def streams(self) -> tuple[str, ...]:
        """Names of what it has records of, as the file of the catalog calls them."""

    @abstractmethod
    def made(self, stream: str, number: int) -> Record:
        """The record that was made as the `number`th, from 0."""

    @abstractmethod
    def page(self, call: Call, path: str) -> Reply:
        """The answer to a request that nothing befalls. `path`: what follows `/apis/NAME`."""

    @abstractmethod
    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        """The answer that the fault makes of the request."""

    def changed(self, record: Record, at: datetime) -> Record:
        """The record after a change at that time. Those of which no test changes one stay as they are."""
        raise ValueError(f"no record of {self.name} changes")

    def answer(self, call: Call, path: str) -> Reply:
        """A planned fault's answer, or the page."""
        self.asked.append({"method": call.method, "target": call.target, "body": call.upload.content().decode()})
        fault = self._due()
        return self.page(call, path) if fault is None else self.faulty(fault, call, path)

    def control(self, action: str, given: Mapping[str, Any]) -> Any:
        """Carry out what a test asks for. Raises ValueError."""
        match action:
            case "truth":
                return self.records
            case "asked":
                return self.asked
            case "fault":
                return self._plan(given)
            case "change":
                return self._change(str(given["stream"]), int(given["number"]))
            case "grow":
                return {stream: self._grow(stream, int(given["by"])) for stream in self._named(given)}
        raise ValueError(f"no such control of an imitation: {action!r}")

    def base(self, call: Call) -> str:
        """The address of the API, as the client calls it."""
        return f"http://{call.host}/apis/{self.name}"

    def _plan(self, given: Mapping[str, Any]) -> Any:
        name = str(given["fault"])
        if name not in self.faults:
            raise ValueError(f"fault must be one of {', '.join(self.faults)}, not {name!r}")
        self._planned.append(_Planned(name, int(given.get("after", 0)), int(given.get("times", 1))))
        return {"planned": len(self._planned)}

    def _due(self) -> str | None:
        for planned in self._planned:
            if planned.after > 0:
                planned.after -= 1
            elif planned.times > 0:
                planned.times -= 1
                return planned.name
        return None

    def _named(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        stream = given.get("stream")
        return self.streams() if stream is None else (str(stream),)

    def _change(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S, UTC) + timedelta(days=100, seconds=number)
        self.records[stream][number] = self.changed(self.records[stream][number], at)
        return self.records[stream][number]

    def _grow(self, stream: str, by: int) -> int:
        records = self.records[stream]
        records.extend(self.made(stream, number) for number in range(len(records), len(records) + by))
        return len(records)


def pairs(call: Call) -> list[tuple[str, str]]:
    """The query with its repeats, in order."""
    return parse_qsl(call.target.partition("?")[2], keep_blank_values=True)


def body_of(call: Call) -> Any:
    """The JSON of the request; an empty object where there is none."""
    return json.loads(call.upload.content() or b"{}")


def refused(status: int, content: Any, *headers: tuple[str, str]) -> Reply:
    """An error in the API's own form."""
    reply = json_reply(content, status)
    reply.headers += headers
    return reply

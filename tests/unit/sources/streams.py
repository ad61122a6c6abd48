"""One key of a stream at a time: the stream that it makes, or what is said of it."""

from __future__ import annotations

from typing import Any

from datasync_spider.sources.spec import Stream
from tests.support.sourcetexts import changed, only_mistake, read, without_slices


def issues(key: str, value: Any, **more: Any) -> dict[str, Any]:
    """The plain source with other values in its stream."""
    made = changed(without_slices(), f"streams.issues.{key}", value)
    for other, its_value in more.items():
        made = changed(made, f"streams.issues.{other}", its_value)
    return made


def stream(key: str, value: Any, **more: Any) -> Stream:
    return read(issues(key, value, **more)).streams["issues"]


def reported(key: str, value: Any, **more: Any) -> str:
    text = only_mistake(issues(key, value, **more))
    assert text.startswith("[streams.issues] ")
    assert "allowed: " in text
    return text.removeprefix("[streams.issues] ")

"""A paginator of the user's, with what a crawl relies on looked at.

Invariant: what comes out is a position that can be stored, or an error; whatever else the class raises ends the run as
what it is, a mistake in that class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from datasync_spider.errors import ConfigurationError, DatasyncError
from datasync_spider.sources.paginators.protocol import Answer, Ask, Paginator
from datasync_spider.sources.spec import Next, Stream
from datasync_spider.sources.userclasses import PYTHON, make_instance

T = TypeVar("T")

_PROTOCOL = "docs/sources/add-a-paginator.md"


class UserPaginator:
    """``next_``: from ``python``. Raises ConfigurationError where there is no such class, or it is no paginator."""

    def __init__(self, next_: Next, stream: Stream) -> None:
        self._name = f"{PYTHON}{next_.name}"
        self._theirs: Paginator = make_instance(next_.name, stream, methods=("ask", "following"), protocol=_PROTOCOL)

    def ask(self, position: str | None) -> Ask:
        """Raises ConfigurationError where the class does not give one, and what the class raises on purpose."""
        found = self._called("ask", lambda: self._theirs.ask(position))
        if not isinstance(found, Ask):
            raise ConfigurationError(f"{self._name}: ask gave {type(found).__name__}, and not an Ask")
        return found

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises ConfigurationError where the class does not give one, and what the class raises on purpose."""
        found = self._called("following", lambda: self._theirs.following(position, answer))
        if found is not None and not _is_storable(found):
            raise ConfigurationError(
                f"{self._name}: following gave no position: it must be None, or text without NUL and half surrogates"
            )
        return found

    def _called(self, method: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except DatasyncError:
            raise
        except Exception as error:
            # Its text may hold what a URL does.
            raise ConfigurationError(f"{self._name}: {method} raised {type(error).__name__}") from error


def _is_storable(position: object) -> bool:
    if not isinstance(position, str) or "\0" in position:
        return False
    return position.encode(errors="replace").decode() == position

"""What a record reader is: a class of the user's that knows the form in which an API writes its pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class BodyReader(Protocol):
    """Made once a run with the :class:`~datasync_spider.sources.spec.Stream`, its only argument.

    Both methods are pure: the same body gives the same. An exception says that the body is no page: it is asked for
    again, and in the end the run has failed.
    """

    def records(self, body: bytes) -> Sequence[bytes]:
        """The page's records in their order, a JSON text each."""
        ...

    def rest(self, body: bytes) -> Any:
        """What the page says besides, as JSON would be decoded: what ``next``, ``end`` and ``total`` look at."""
        ...

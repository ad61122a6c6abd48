"""Notes how syncs end, and delivers the messages that follow from that.

Whoever has ended a sync calls :meth:`Notifier.sync_ended`; whoever goes on for long calls :meth:`Notifier.deliver` now
and then, so that what could not be delivered is tried again, and what is late is noticed, though no run ends.

Invariant: no sync fails by it, and none ends later by more than ``LONGEST_SECONDS``. What is not delivered by then
stays in the database, for the next call in any process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from datasync_spider import __version__, failpoints
from datasync_spider.config import Config
from datasync_spider.config.proxies import proxy_for
from datasync_spider.errors import ConfigurationError, StorageError
from datasync_spider.fleet.notices.message import body_of, headers_of, pause_after
from datasync_spider.observe.columns import duration
from datasync_spider.sources.streamnames import label
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.due import SliceKey, ended, note_late
from datasync_spider.storage.notices import (
    MOST_ATTEMPTS,
    Notice,
    notice_delivered,
    notice_refused,
    take_notices,
)
from datasync_spider.sync.services import Services
from datasync_spider.transport.errors import HttpError

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 5.0
"""What the end of a run, or one call of :meth:`Notifier.deliver`, may take."""

USER_AGENT = f"datasync-ingestion/{__version__}"

_CONNECT_SECONDS = 2
# Of all that time, for one request.
_SHARE_OF_A_REQUEST = 0.6
_MOST_ANSWER_BYTES = 1 << 20
_AT_ONCE = 20
_GOOD = range(200, 300)


class Notifier:
    """``longest_seconds``: what a call may take."""

    def __init__(self, config: Config, services: Services, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._pool = services.pool
        self._url = config.notify_url
        self._secret = config.notify_secret
        self._worker = services.worker()
        self._longest_seconds = longest_seconds

    async def sync_ended(self, key: SliceKey, *, run_id: int | None = None, refused: str | None = None) -> None:
        """The run, or the refusal, that a sync of the slice has ended with; see :func:`~.storage.due.ended`."""
        notifies = self._url is not None
        await self._work(lambda connection: ended(connection, key, run_id=run_id, refused=refused, notifies=notifies))

    async def deliver(self) -> None:
        """What is late is noticed, and what is to be delivered now is."""
        await self._work(lambda _: None)

    async def _work(self, note: Callable[[Connection], None]) -> None:
        try:
            async with asyncio.timeout(self._longest_seconds):
                for notice in await self._worker.submit(partial(self._note_and_take, note)):
                    why = await self._post(notice)
                    await self._worker.submit(partial(self._resolve, notice, why))
                    if why is not None:
                        # The others are free again in a moment, for whoever comes then.
                        return
        except TimeoutError:
            logger.warning("not everything was noted, and posted to NOTIFY_URL, within %g s", self._longest_seconds)
        except StorageError as error:
            logger.warning("how the sync has ended could not be noted for the next one: %s", error)

    def _note_and_take(self, note: Callable[[Connection], None]) -> list[Notice]:
        with self._connected() as connection:
            note(connection)
            if self._url is None:
                return []
            for late in note_late(connection):
                logger.warning(
                    "%s is late: it has been due for %s, and is to be synced every %s",
                    label(late.stream, late.slice),
                    duration(late.late_seconds),
                    duration(late.every_seconds),
                )
            return take_notices(connection, _AT_ONCE)

    async def _post(self, notice: Notice) -> str | None:
        """Why it was not taken; None: it was."""
        from datasync_spider.transport.exchange import Exchange, proxy_choice, said_of  # noqa: PLC0415 - where there is one

        assert self._url is not None
        seconds = self._longest_seconds * _SHARE_OF_A_REQUEST
        body = body_of(notice)
        headers = headers_of(notice, body, self._secret, time.time(), USER_AGENT)
        try:
            exchange = Exchange(seconds, _MOST_ANSWER_BYTES, proxy_choice(proxy_for(self._url)))
            answer = await exchange.ask("POST", self._url, tuple(headers), body)
        except ConfigurationError as error:
            return str(error)
        except (HttpError, TimeoutError, OSError) as error:
            return said_of(error, seconds)[1]
        failpoints.reach("notice_posted")
        return None if answer.status in _GOOD else f"status {answer.status}"

    def _resolve(self, notice: Notice, why: str | None) -> None:
        what = f"stream.{notice.kind} of {label(notice.stream, notice.slice)}"
        with self._connected() as connection:
            if why is None:
                notice_delivered(connection, notice)
                logger.info("NOTIFY_URL has taken %s", what)
            elif notice.attempts >= MOST_ATTEMPTS:
                notice_delivered(connection, notice)
                logger.error("NOTIFY_URL has not taken %s, which is given up: %s", what, why)
            else:
                notice_refused(connection, notice, pause_after(notice.attempts))
                logger.warning("NOTIFY_URL has not taken %s, which is tried later: %s", what, why)

    def _connected(self) -> AbstractContextManager[Connection]:
        return self._pool.connected(connect_timeout_seconds=_CONNECT_SECONDS)

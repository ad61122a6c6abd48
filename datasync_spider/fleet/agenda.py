"""Which slices a command crawls, and in which order: those of one stream, or of several.

Invariant: a stream whose slices are made of another one's records is planned when that one has been crawled, where both
are on the agenda; all others are planned before the first crawl, so that what is wrong with them costs no request.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from datasync_spider.errors import ConfigurationError, StorageError, WronglyCalled
from datasync_spider.faces.exitreport import summary
from datasync_spider.faces.exitreport.printing import End
from datasync_spider.observe import exitcodes
from datasync_spider.sources.streamnames import label
from datasync_spider.sync.plan import SyncPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

    from datasync_spider.storage.pool import Pool
    from datasync_spider.sync.planning import MeantSlices

logger = logging.getLogger(__name__)


def plans_of(
    spider: type[Any],
    settings: BaseSettings,
    arguments: Mapping[str, str],
    pool: Pool,
    meant: MeantSlices | None = None,
) -> list[SyncPlan]:
    """Those of a stream, or what is meant of them, with room for a connection where slices are to be found first."""
    with pool.place() if spider.finds_slices() else nullcontext():
        made: list[SyncPlan] = (
            spider.make_plans(settings, arguments) if meant is None else spider.plans_meant(settings, arguments, meant)
        )
    return made


class Agenda:
    """``spiders``: classes of streams; ``plan`` makes the plans of one.

    Raises what that raises for those that are planned at once; ``forgives``: where that is about one stream, and the
    command was not called wrongly, it costs that stream alone. ``ends``: of streams that are not crawled at all.
    """

    def __init__(
        self, spiders: Sequence[type[Any]], plan: Callable[[type[Any]], list[SyncPlan]], *, forgives: bool = False
    ) -> None:
        self.ends: list[End] = []
        self._plan = plan
        self._planned: deque[tuple[type[Any], SyncPlan]] = deque()
        names = {spider.name for spider in spiders}
        waiting = [spider for spider in spiders if spider.parent() in names]
        for spider in spiders:
            if spider in waiting:
                continue
            if forgives:
                self._try(spider)
            else:
                self._take(spider)
        self._later = deque(sorted(waiting, key=lambda spider: _depth(spider, waiting)))

    @property
    def left(self) -> list[str]:
        """How those are called whose turn has not come."""
        planned = [label(plan.spec.name, plan.spec.slice) for _, plan in self._planned]
        return [*planned, *(spider.name for spider in self._later)]

    @property
    def left_count(self) -> int:
        """How many that are, where a stream that is not planned yet counts as one."""
        return len(self._planned) + len(self._later)

    @property
    def is_ready(self) -> bool:
        """Whether there is a next one that waits for nothing."""
        return bool(self._planned)

    def goes_on(self) -> bool:
        """Whether there is a next one. To be asked when all that were begun have ended: it may be made of theirs."""
        while not self._planned and self._later:
            self._try(self._later.popleft(), is_late=True)
        return bool(self._planned)

    def next(self) -> tuple[type[Any], SyncPlan]:
        """The spider and its plan, taken from the agenda."""
        return self._planned.popleft()

    def put_back(self, spider: type[Any], plan: SyncPlan) -> None:
        """It is the next one again."""
        self._planned.appendleft((spider, plan))

    def _try(self, spider: type[Any], *, is_late: bool = False) -> None:
        try:
            self._take(spider)
        except WronglyCalled as error:
            if not is_late:
                raise
            self.ends.append(End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused(str(error))))
        except ConfigurationError as error:
            self.ends.append(End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused(str(error))))
        except StorageError as error:
            self.ends.append(End(exitcodes.FAILED, summary.not_started(str(error), error.reason)))
        except Exception as error:
            # No caller would hear of it, and a stream that is on no list any more would be taken for crawled.
            logger.exception("the slices of %s cannot be planned", spider.name)
            why = f"{spider.name} could not be planned: {type(error).__name__}: {error}"
            self.ends.append(End(exitcodes.FAILED, summary.not_started(why)))

    def _take(self, spider: type[Any]) -> None:
        plans = self._plan(spider)
        self._planned.extend((spider, plan) for plan in plans)
        if not plans:
            self.ends.append(End(exitcodes.COMPLETE, summary.nothing_to_crawl(spider.name)))


def _depth(spider: type[Any], waiting: Sequence[type[Any]]) -> int:
    """How many of those that wait come before it: a source's file has no circle of them."""
    parents = [one for one in waiting if one.name == spider.parent()]
    return 1 + _depth(parents[0], waiting) if parents else 0

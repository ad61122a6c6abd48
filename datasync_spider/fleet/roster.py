"""What a process can keep fresh: the slices of all streams that say how often, as settings and source files are now.

Invariant: what is wrong with one stream costs that one. A source of which not all could be read is registered with what
could, and nothing of it is taken for gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from datasync_spider.errors import ConfigurationError, StorageError, WronglyCalled
from datasync_spider.faces.exitreport.printing import End
from datasync_spider.fleet.agenda import plans_of
from datasync_spider.fleet.ends import end_of_error
from datasync_spider.fleet.naming import Meant, Streams
from datasync_spider.ops.command import check_way
from datasync_spider.storage.due import Rhythm, SliceKey
from datasync_spider.sync.planning import source_plans

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from datasync_spider.storage.pool import Pool
    from datasync_spider.sync.plan import SyncPlan


class Turn(Struct, frozen=True):
    """A slice that is to be synced. ``is_claimed``: what is due in the database was asked for it."""

    spider: type[Any]
    plan: SyncPlan
    is_claimed: bool = False

    @property
    def key(self) -> SliceKey:
        return SliceKey(self.plan.source.name, self.plan.spec.name, self.plan.spec.slice)


class Registered(Struct):
    """Of one source. ``is_all``: no stream of it may be missing."""

    rhythms: list[Rhythm] = field(default_factory=list)
    is_all: bool = True


class Roster(Struct):
    """``turns`` by stream and slice. ``ends``: of what could not be read. ``finds``: slices may change."""

    turns: dict[tuple[str, str], Turn] = field(default_factory=dict)
    sources: dict[str, Registered] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)
    finds: bool = False

    def keep_spiders(self, before: Roster) -> None:
        """Streams of which the source says what it said keep their spiders, and so the crawls that go on for them."""
        former = {turn.spider.name: turn.spider for turn in before.turns.values()}
        read = {turn.spider.name: turn.spider for turn in self.turns.values()}
        kept = {
            name: former[name]
            for name, spider in read.items()
            if name in former and spider.source is not None and former[name].source == spider.source
        }
        for key, turn in self.turns.items():
            self.turns[key] = replace(turn, spider=kept.get(turn.spider.name, turn.spider))


def read_roster(
    settings: BaseSettings,
    names: Sequence[str],
    pool: Pool,
    *,
    is_elsewhere: bool = False,
    is_first: bool = False,
) -> Roster:
    """``names``: of what is meant; all where there are none. Raises ConfigurationError.

    ``is_first``: who has named a slice that there is not hears of it. Later it may have gone, and come again.
    ``is_elsewhere``: it is synced by processes that have secrets, and ways to the APIs, of their own.
    """
    streams = Streams(settings)
    meant = streams.meant(names) if names else None
    roster = Roster()
    for refusal in () if names else streams.refused.values():
        assert isinstance(refusal, ConfigurationError)
        roster.ends.append(end_of_error(refusal))
    for spider in streams.spiders.values() if meant is None else meant.spiders:
        roster.finds |= spider.finds_slices()
        try:
            plans = plans_for_others(spider, settings) if is_elsewhere else plans_of(spider, settings, {}, pool)
            _add(roster, spider, plans, meant, is_elsewhere=is_elsewhere)
        except (ConfigurationError, StorageError) as error:
            if is_first and isinstance(error, WronglyCalled) and not spider.finds_slices():
                raise
            roster.ends.append(end_of_error(error))
            if spider.source is not None:
                roster.sources.setdefault(spider.source.name, Registered()).is_all = False
    return roster


def plans_for_others(spider: type[Any], settings: BaseSettings) -> list[SyncPlan]:
    """What is to be synced by others, who need no secrets of this process. Raises ConfigurationError."""
    if spider.source is None:
        return list(spider.make_plans(settings, {}))
    return source_plans(settings, spider.source, spider.stream, {}, with_secrets=False)


def _add(roster: Roster, spider: type[Any], plans: list[SyncPlan], meant: Meant | None, *, is_elsewhere: bool) -> None:
    for plan in plans[:1]:
        source = roster.sources.setdefault(plan.source.name, Registered())
        # Of the API that comes with the project each process has the one stream that its settings name.
        source.is_all &= meant is None and not plan.is_built_in
        source.rhythms.append(Rhythm(plan.spec.name, [one.spec.slice for one in plans], plan.every_seconds))
        if plan.every_seconds is None:
            return
        if not is_elsewhere:
            check_way(plan)
    if not plans and spider.source is not None:
        roster.sources.setdefault(spider.source.name, Registered()).is_all &= meant is None
    for plan in plans if meant is None else meant.of(spider, plans):
        roster.turns[plan.spec.name, plan.spec.slice] = Turn(spider, plan, is_claimed=True)


def signature(directory: Path) -> dict[str, tuple[int, int]]:
    """Distinguishes the files of sources from what they were; a directory that cannot be listed has none."""
    found: dict[str, tuple[int, int]] = {}
    try:
        for path in directory.glob("*.toml"):
            facts = path.stat()
            found[path.name] = facts.st_mtime_ns, facts.st_size
    except OSError:
        return {}
    return found

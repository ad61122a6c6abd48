"""Which streams and slices are meant by names on a command line: of sources, streams and slices, or patterns of them.

Invariant: a name that matches nothing is answered with what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scrapy.spiderloader import get_spider_loader

from datasync_spider.config import Config
from datasync_spider.config.kinds import slice_name
from datasync_spider.errors import WronglyCalled
from datasync_spider.sources.files.load import BUILT_IN
from datasync_spider.sources.streamnames import is_pattern, like, not_registered, not_there
from datasync_spider.sync.planning import source_files

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from datasync_spider.sync.plan import SyncPlan

_LONGEST_SLICE_BYTES = 1_000
_ANY = "*"


class Streams:
    """All streams of a project, as classes of spiders by their names. ``refused``: files that are no sources."""

    def __init__(self, settings: BaseSettings) -> None:
        loader = get_spider_loader(settings)
        found = {name: loader.load(name) for name in loader.list()}
        self._files = source_files(settings)
        self._built_in = Config.from_settings(settings).stream
        self.spiders: Mapping[str, type[Any]] = {n: one for n, one in found.items() if hasattr(one, "make_plans")}

    @property
    def refused(self) -> Mapping[str, Exception]:
        return self._files.refused

    def names_of(self, spider: type[Any]) -> tuple[str, ...]:
        """All by which the stream may be called: its own, and its source's."""
        source = BUILT_IN if spider.source is None else spider.source.name
        return (spider.name, source, *((self._built_in,) if spider.source is None else ()))

    def meant(self, names: Sequence[str]) -> Meant:
        """Raises WronglyCalled, and SourceRefused where the file of a source that is meant is the reason."""
        chosen: dict[str, list[str]] = {}
        for name in names:
            stream, _, part = name.partition(" ")
            found = [key for key, spider in self.spiders.items() if like(stream, self.names_of(spider))]
            if not found:
                if (refusal := self._files.refusal_of(stream.partition(".")[0])) is not None:
                    raise refusal
                raise WronglyCalled(not_there(name, list(self.spiders)))
            for key in found:
                chosen.setdefault(key, []).append(part or _ANY)
        return Meant(self.spiders, chosen)


class Meant:
    """What is meant of the streams: ``chosen`` has names and patterns of slices by streams' names."""

    def __init__(self, spiders: Mapping[str, type[Any]], chosen: Mapping[str, list[str]]) -> None:
        self.spiders = [spiders[key] for key in spiders if key in chosen]
        self._chosen = chosen

    def of(self, spider: type[Any], plans: list[SyncPlan]) -> list[SyncPlan]:
        """Those that are meant. Raises WronglyCalled for a slice that there is not."""
        wanted = self.slices(spider, [plan.spec.slice for plan in plans])
        return [plan for plan in plans if plan.spec.slice in wanted]

    def slices(self, spider: type[Any], slices: Sequence[str]) -> set[str]:
        """Those of the stream's slices that are meant. Raises WronglyCalled for one that there is not."""
        wanted: set[str] = set()
        for part in self._chosen[spider.name]:
            found = like(_read(part), slices)
            if not found and part != _ANY:
                raise WronglyCalled(not_registered(spider.name, part, [spider.name], slices))
            wanted.update(found)
        return wanted


def _read(part: str) -> str:
    """The name of a slice however its JSON is written."""
    if is_pattern(part):
        return part
    try:
        return str(slice_name(_LONGEST_SLICE_BYTES).read(part))
    except ValueError:
        return part

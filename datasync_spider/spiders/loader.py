"""Where Scrapy finds spiders: those of SPIDER_MODULES, and one for each stream of a file in SOURCES_DIR.

Invariant: a file that is no source costs its own streams: all other spiders are listed and crawled, and whoever asks
for one of its own is shown what is wrong with it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from scrapy.spiderloader import SpiderLoader

from datasync_spider.errors import ConfigurationError
from datasync_spider.sync.planning import source_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy import Spider
    from scrapy.settings import BaseSettings

    from datasync_spider.config.sourcefiles import SourceFiles


class StreamSpiderLoader(SpiderLoader):
    """In Scrapy's setting SPIDER_LOADER_CLASS."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._files: SourceFiles | None = None

    def list(self) -> list[str]:
        """The names of all spiders; what is wrong with files of sources goes to standard error."""
        try:
            files = self._read()
        except ConfigurationError as error:
            sys.stderr.write(f"{error}\n")
            return super().list()
        for refusal in files.refused.values():
            sys.stderr.write(f"{refusal}\n")
        return [*super().list(), *files.stream_names]

    def names_of(self, name: str) -> Sequence[str]:
        """The spiders that are meant: that of this name, or those of all streams of the source that has it.

        Raises ConfigurationError where the source's file is wrong.
        """
        if "." in name or name in super().list():
            return (name,)
        files = self._read()
        if (refusal := files.refusal_of(name)) is not None and name not in files.sources:
            raise refusal
        source = files.sources.get(name)
        return (name,) if source is None else tuple(f"{name}.{stream}" for stream in source.streams)

    def load(self, spider_name: str) -> type[Spider]:
        """The spider of a stream, which the name of a source means as well that has no other one.

        Raises KeyError where there is no such spider, ConfigurationError where its source's file is wrong.
        """
        try:
            return super().load(spider_name)
        except KeyError:
            names = self.names_of(spider_name)
            if "." not in names[0] or names[1:]:
                raise
        spider_name = names[0]
        files = self._read()
        source_name, _, stream = spider_name.partition(".")
        source = files.sources.get(source_name)
        if source is not None and stream in source.streams:
            from datasync_spider.spiders.stream import StreamSpider  # noqa: PLC0415 - a start that needs none is spared

            return type("SourceSpider", (StreamSpider,), {"name": spider_name, "source": source, "stream": stream})
        if (refusal := files.refusal_of(source_name)) is not None:
            raise refusal
        raise KeyError(f"Spider not found: {spider_name}")

    def _read(self) -> SourceFiles:
        if self._files is None:
            self._files = source_files(self._settings)
        return self._files

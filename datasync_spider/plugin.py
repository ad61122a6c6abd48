"""For plug-ins: an API described in Python, and a spider of one's own for it.

A spider subclasses :class:`StreamSpider` and says what it crawls by two attributes::

    class Posts(StreamSpider):
        name = "blog.posts"
        source = Source(name="blog", base_url="https://blog.example/api", streams={"posts": Stream(...)})
        stream = "posts"

``scrapy list`` prints it and ``scrapy crawl blog.posts`` runs it once its module is among Scrapy's SPIDER_MODULES.

Invariant: what this module exports keeps its names and meanings; all else of the package may change with any version.
"""

from __future__ import annotations

from datasync_spider.errors import (
    ConfigurationError,
    PageContradiction,
    PageUnreadable,
    PositionRefused,
    SourceRefused,
)
from datasync_spider.sources.bodyreader import BodyReader
from datasync_spider.sources.columns import Column
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.paginators.protocol import Answer, Ask, Paginator
from datasync_spider.sources.paths import MISSING, Path, parse_path
from datasync_spider.sources.signing import RequestAuth
from datasync_spider.sources.spec import (
    BasicAuth,
    BodyAuth,
    Budget,
    End,
    EndFlag,
    FormBody,
    HeadersAuth,
    Incremental,
    JsonBody,
    MeaningRow,
    Next,
    OAuth2,
    OfSlice,
    PageSize,
    PythonAuth,
    QueryAuth,
    Shape,
    SlicesFromCommand,
    SlicesFromStream,
    Source,
    Stream,
    Tombstone,
)
from datasync_spider.spiders.stream import StreamSpider

__all__ = [
    "MISSING",
    "Answer",
    "Ask",
    "BasicAuth",
    "BodyAuth",
    "BodyReader",
    "Budget",
    "Column",
    "ConfigurationError",
    "End",
    "EndFlag",
    "FormBody",
    "HeadersAuth",
    "Incremental",
    "JsonBody",
    "MeaningRow",
    "Next",
    "OAuth2",
    "OfSlice",
    "PageContradiction",
    "PageSize",
    "PageUnreadable",
    "Paginator",
    "Path",
    "PositionRefused",
    "PythonAuth",
    "QueryAuth",
    "RequestAuth",
    "Shape",
    "SlicesFromCommand",
    "SlicesFromStream",
    "Source",
    "SourceRefused",
    "Stream",
    "StreamSpider",
    "Tombstone",
    "parse_path",
    "read_source",
]

"""Scrapy's settings for this project: which components stand in which slot, and what is switched off.

What a user configures is in :mod:`datasync_spider.config`, not here. Invariant: nothing of Scrapy's that opens a
port, runs submitted code, follows a redirect or reads another scheme is on.

Scrapy reads it before it does or says anything, which makes it the place where a process of ours begins.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.process.memory import collect_rarely
from datasync_spider.process.standardstreams import guard

guard()
collect_rarely()

BOT_NAME = "datasync"
SPIDER_MODULES = ["datasync_spider.spiders"]
SPIDER_LOADER_CLASS = "datasync_spider.spiders.loader.StreamSpiderLoader"
COMMANDS_MODULE = "datasync_spider.commands"
ADDONS = {"datasync_spider.addon.ConfigAddon": 100}

# A request is a dozen turns of it, and it costs half as much a turn as asyncio's own.
ASYNCIO_EVENT_LOOP = "uvloop.Loop"

# Telnet is a shell into the process, remote control runs code that it is sent; both are on by default.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
REDIRECT_ENABLED = False
COOKIES_ENABLED = False
ROBOTSTXT_OBEY = False
DOWNLOAD_VERIFY_CERTIFICATES = True
# API_MAX_BODY_BYTES is the limit; below it no size is worth a warning.
DOWNLOAD_WARNSIZE = 0

_HTTP = "datasync_spider.transport.handler.HttpDownloadHandler"
DOWNLOAD_HANDLERS: dict[str, str | None] = {
    "http": _HTTP,
    "https": _HTTP,
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}

# One chain of cursors: one request at a time.
CONCURRENT_REQUESTS = 1
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_DELAY = 0
# Scrapy makes this many tasks for each response, and a response of ours holds a single item.
CONCURRENT_ITEMS = 1
# For one host. Scrapy's default makes and names a queue for each request, since its queue of this host is always empty.
SCHEDULER_PRIORITY_QUEUE = "scrapy.pqueues.ScrapyPriorityQueue"
# How many bytes of responses may wait for the writer before fetching pauses; at least one page passes in any case.
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 5_000_000

# Scrapy's own components are named here one by one or not at all: it would import those that are merely switched off.
DOWNLOADER_MIDDLEWARES_BASE: dict[str, int | None] = {}
DOWNLOADER_MIDDLEWARES: dict[str, int | None] = {
    "datasync_spider.downloadermiddlewares.auth.AuthMiddleware": 300,
    "datasync_spider.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
    "datasync_spider.downloadermiddlewares.retry.RetryMiddleware": 550,
    "datasync_spider.downloadermiddlewares.proxy.ProxyChoiceMiddleware": 740,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    "datasync_spider.downloadermiddlewares.ratelimit.RateLimitMiddleware": 860,
    "datasync_spider.downloadermiddlewares.tokens.TokenMiddleware": 880,
}
# Opaque cursors may be longer than the URL length limit allows; depth and referrer mean nothing in a chain.
SPIDER_MIDDLEWARES_BASE: dict[str, int | None] = {}
ITEM_PIPELINES = {"datasync_spider.pipelines.postgres.PostgresPipeline": 900}
EXTENSIONS: dict[str, int | None] = {
    "datasync_spider.faces.progress.feed.ProgressFeed": 50,
    "datasync_spider.extensions.heartbeat.HeartbeatExtension": 100,
    "datasync_spider.extensions.progress.ProgressExtension": 200,
    "datasync_spider.extensions.liveview.LiveViewExtension": 210,
    "datasync_spider.extensions.metrics.MetricsExtension": 300,
    "datasync_spider.extensions.stallguard.StallGuardExtension": 310,
    "datasync_spider.extensions.discovery.DiscoveryExtension": 300,
    "datasync_spider.extensions.typedview.TypedViewExtension": 900,
    "datasync_spider.extensions.notices.NoticesExtension": 400,
    "datasync_spider.extensions.indexes.IndexesExtension": 910,
}
EXTENSIONS_BASE: dict[str, int | None] = {
    "scrapy.extensions.corestats.CoreStats": 0,
    "scrapy.extensions.logcount.LogCount": 0,
    "scrapy.extensions.closespider.CloseSpider": 0,
    "datasync_spider.extensions.exports.FeedExporter": 0,
}

_WHOLE_FILE = "datasync_spider.extensions.wholefile.WholeFileStorage"
_STORAGES = "scrapy.extensions.feedexport"
FEED_STORAGES_BASE: dict[str, str | None] = {
    "": _WHOLE_FILE,
    "file": _WHOLE_FILE,
    "ftp": f"{_STORAGES}.FTPFeedStorage",
    "ftps": f"{_STORAGES}.FTPFeedStorage",
    "gs": f"{_STORAGES}.GCSFeedStorage",
    "s3": f"{_STORAGES}.S3FeedStorage",
    "stdout": f"{_STORAGES}.StdoutFeedStorage",
}

_EXPORTERS = "datasync_spider.extensions.exporters"
FEED_EXPORTERS: dict[str, Any] = {
    "jsonlines": f"{_EXPORTERS}.JsonLinesEventExporter",
    "jsonl": f"{_EXPORTERS}.JsonLinesEventExporter",
    "jl": f"{_EXPORTERS}.JsonLinesEventExporter",
    "json": f"{_EXPORTERS}.JsonEventExporter",
    "csv": f"{_EXPORTERS}.CsvEventExporter",
    "xml": f"{_EXPORTERS}.XmlEventExporter",
    # They serialise Python objects, and a page is none that a reader elsewhere could load.
    "pickle": None,
    "marshal": None,
}
FEED_EXPORT_ENCODING = "utf-8"

# The project installs its own root handler, which redacts secrets.
LOG_INSTALL_ROOT_HANDLER = False
LOG_FORMATTER = "datasync_spider.logs.scrapylines.PageLogFormatter"
# Warned about by Scrapy where a callback both yields and returns a value, at the cost of parsing the source.
WARN_ON_GENERATOR_RETURN_VALUE = False

"""Scrapy's settings for this project: which components stand in which slot, and what is switched off.

What a user configures is in :mod:`datasync_spider.config`, not here. Invariant: nothing of Scrapy's that opens a
port, runs submitted code, follows a redirect or reads another scheme is on.
"""

from __future__ import annotations

from typing import Any

BOT_NAME = "datasync"
SPIDER_MODULES = ["datasync_spider.spiders"]
COMMANDS_MODULE = "datasync_spider.commands"
ADDONS = {"datasync_spider.addon.ConfigAddon": 100}

# Telnet is a shell into the process, remote control runs code that it is sent; both are on by default.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
REDIRECT_ENABLED = False
COOKIES_ENABLED = False
ROBOTSTXT_OBEY = False
DOWNLOAD_VERIFY_CERTIFICATES = True

_HTTP = "datasync_spider.downloadhandler.HttpDownloadHandler"
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
SCHEDULER = "datasync_spider.scheduler.ChainScheduler"
# How many bytes of responses may wait for the writer before fetching pauses; at least one page passes in any case.
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 8_000_000

DOWNLOADER_MIDDLEWARES: dict[str, int | None] = {
    "datasync_spider.downloadermiddlewares.auth.AuthMiddleware": 300,
    "datasync_spider.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
    "datasync_spider.downloadermiddlewares.retry.RetryMiddleware": 550,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    "datasync_spider.downloadermiddlewares.ratelimit.RateLimitMiddleware": 860,
    # What serves an API client nothing, or is done by one of the above.
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": None,
    "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": None,
    "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": None,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    "scrapy.downloadermiddlewares.stats.DownloaderStats": None,
    "scrapy.downloadermiddlewares.httpcache.HttpCacheMiddleware": None,
}
# Opaque cursors may be longer than the URL length limit allows; depth and referrer mean nothing in a chain.
SPIDER_MIDDLEWARES: dict[str, int | None] = {
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
ITEM_PIPELINES = {"datasync_spider.pipelines.postgres.PostgresPipeline": 900}
EXTENSIONS: dict[str, int | None] = {
    "datasync_spider.extensions.heartbeat.HeartbeatExtension": 100,
    "datasync_spider.extensions.logcontext.LogContextExtension": 110,
    "datasync_spider.extensions.progress.ProgressExtension": 200,
    "datasync_spider.extensions.liveview.LiveViewExtension": 210,
    "datasync_spider.extensions.metrics.MetricsExtension": 300,
    "datasync_spider.extensions.stallguard.StallGuardExtension": 310,
    "datasync_spider.extensions.discovery.DiscoveryExtension": 300,
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.remote_control.RemoteControl": None,
    "scrapy.extensions.logstats.LogStats": None,
    "scrapy.extensions.memusage.MemoryUsage": None,
    "scrapy.extensions.throttle.AutoThrottle": None,
    "scrapy.extensions.spiderstate.SpiderState": None,
}

_EXPORTERS = "datasync_spider.exporters"
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
# Warned about by Scrapy where a callback both yields and returns a value, at the cost of parsing the source.
WARN_ON_GENERATOR_RETURN_VALUE = False

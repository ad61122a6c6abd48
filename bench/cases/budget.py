"""One budget for three crawls with one credential. What the windows allow is known; nothing else has to be measured.

The API counts in fixed windows. Once it says nothing of them, and the file's budget is all that is known; once it gives
their end in whole seconds.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.crawl import crawl_environment, scrapy_command
from bench.feed import Asked, Feed
from bench.figures import CaseFound, Figure
from bench.processes import Measured
from bench.served import PROJECT
from bench.server import query

NAME = "budget"
TITLE = "three crawls with one credential: 10 requests in 4 s"
_REQUESTS, _SECONDS = 10, 4
_CRAWLS = 3
_PAGE_EVENTS = 100
# Three times so many pages are one request more than 5 windows hold, or 2: it opens another one.
_PAGES, _QUICK_PAGES = 17, 7
_TARGET = 0.95

_SOURCE = """
[source]
name = "shared"
base_url = "{base_url}"
budget = {{ requests = {requests}, seconds = {seconds} }}
"""
_STREAM = """
[streams.s{number}]
url = "/events"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = {size}, max = {size} }}
records = "data"
id = "id"
time = ["timestamp", "occurredAt", "occurred_at"]
order = "newest-first"
next = {{ from = "body:pagination.nextCursor", to = "query:cursor" }}
end = ["flag:pagination.hasMore=false"]
"""


def run(bench: Bench) -> CaseFound:
    pages = bench.size(_PAGES, _QUICK_PAGES)
    allowed_seconds = _CRAWLS * pages // _REQUESTS * _SECONDS
    styles = {"none": "ends not reported", "legacy": "ends in whole seconds"}
    spans = {style: Figure(what=f"3 crawls, {what}", unit="s", target=_TARGET) for style, what in styles.items()}
    many = {
        style: Figure(what=f"requests too many, {what}", unit="", target=0.0, at_least=False)
        for style, what in styles.items()
    }

    def measure(style: str) -> str:
        asked, cpu_seconds = _crawled(bench, style, pages)
        span, refused = spans[style], many[style]
        span.samples.append(asked.last_request - asked.first_request)
        span.ratios.append(allowed_seconds / span.samples[-1])
        span.cpu_seconds.append(cpu_seconds)
        refused.samples.append(float(asked.refused))
        return f"{span.samples[-1]:.2f} s of at least {allowed_seconds} s, {asked.refused} × 429"

    bench.take_turns({what: partial(measure, style) for style, what in styles.items()})
    figures = [figure for style in styles for figure in (spans[style], many[style])]
    allowed = Figure(what=f"{allowed_seconds // _SECONDS} windows", unit="s", samples=[float(allowed_seconds)])
    total = _CRAWLS * pages * _PAGE_EVENTS
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=[allowed, *figures])


def _crawled(bench: Bench, style: str, pages: int) -> tuple[Asked, float]:
    """What three crawls at once asked, and the processor time of one."""
    limits = ("--rate-limit", str(_REQUESTS), "--rate-window-ms", str(_SECONDS * 1_000), "--rate-headers", style)
    home = Path(tempfile.mkdtemp(prefix="datasync-bench-budget-"))
    total = pages * _PAGE_EVENTS
    try:
        with Feed(total, "--prepare", *limits) as feed, bench.server.fresh() as url:
            text = _SOURCE.format(base_url=feed.base_url, requests=_REQUESTS, seconds=_SECONDS)
            text += "".join(_STREAM.format(number=number, size=_PAGE_EVENTS) for number in range(_CRAWLS))
            (home / "shared.toml").write_text(text)
            crawls = []
            for number in range(_CRAWLS):
                environment = crawl_environment(feed.base_url, url, home / str(number), SOURCES_DIR=str(home))
                command = [*scrapy_command(), "crawl", f"shared.s{number}"]
                crawls.append(Measured(command, home / f"{number}.log", cwd=PROJECT, env=environment))
            cpu_seconds = [crawl.wait().cpu_seconds for crawl in crawls]
            stored = query(url, "SELECT sum(total_ingested) FROM ingestion_state WHERE stream LIKE 'shared.%'")[0][0]
            if stored != _CRAWLS * total:
                raise RuntimeError(f"the crawls stored {stored} events of {_CRAWLS * total}")
            return feed.asked(), sum(cpu_seconds) / _CRAWLS
    finally:
        shutil.rmtree(home)

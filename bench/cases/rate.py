"""Rate-bound: ten requests a window. What the window allows is known, so nothing else has to be measured.

One crawl, for little here depends on chance. A window is as short as any reported of the API: what the first one
costs, whose length nothing has shown yet, is the same for every length.
"""

from __future__ import annotations

from bench.bench import Bench
from bench.crawl import crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure

NAME = "rate"
TITLE = "rate-bound: 10 requests a window"
_REQUESTS = 10
_PAGE_EVENTS = 1_000
_WINDOWS, _QUICK_WINDOWS = 4, 2
_WINDOW_MS, _QUICK_WINDOW_MS = 20_000, 2_000


def run(bench: Bench) -> CaseFound:
    windows, window_ms = bench.size(_WINDOWS, _QUICK_WINDOWS), bench.size(_WINDOW_MS, _QUICK_WINDOW_MS)
    # One more than the windows hold: its arrival is the earliest that the last window's end allows.
    total = (_REQUESTS * windows + 1) * _PAGE_EVENTS
    allowed_seconds = windows * window_ms / 1000
    ours = Figure(what="scrapy crawl events", unit="s", target=0.98)
    refused = Figure(what="answers of 429", unit="", target=0.0, at_least=False)

    arguments = ("--prepare", "--rate-limit", str(_REQUESTS), "--rate-window-ms", str(window_ms))

    def measure_ours() -> str:
        # A mock of its own each time: the last crawl's window would be open still.
        with Feed(total, *arguments) as feed, bench.server.fresh() as url:
            crawled = crawl(feed, url, API_PAGE_LIMIT=str(_PAGE_EVENTS))
        asked = crawled.asked
        ours.samples.append(asked.last_request - asked.first_request)
        ours.ratios.append(allowed_seconds / ours.samples[-1])
        ours.cpu_seconds.append(crawled.process.cpu_seconds)
        ours.peak_mb.append(crawled.process.peak_mb)
        refused.samples.append(float(asked.refused))
        return f"{ours.samples[-1]:.2f} s of at least {allowed_seconds:.0f} s, {asked.refused} × 429"

    bench.take_turns({ours.what: measure_ours}, rounds=1)
    allowed = Figure(what=f"{windows} windows of {window_ms / 1000:.0f} s", unit="s", samples=[allowed_seconds])
    title = f"{TITLE} of {window_ms / 1000:.0f} s"
    return CaseFound(name=NAME, title=title, rounds=1, events=total, figures=[allowed, ours, refused])

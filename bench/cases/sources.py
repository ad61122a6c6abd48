"""A source by its file beside the API that comes with the project, in turns: the same events in another layout."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.bench import Bench
from bench.crawl import Crawled, crawl
from bench.feed import Feed
from bench.figures import CaseFound, Figure, ratios

NAME = "sources"
TITLE = "pages of 5,000: a root list with a nested id and a nested time, by a file, beside scrapy crawl events"
EVENTS, QUICK_EVENTS = 600_000, 20_000
_TARGET = 0.8
_FILE = """
[source]
name = "bench"
base_url = "{base_url}"

[streams.records]
url = "/nested/records"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = 5000, max = 5000 }}
records = "@"
id = {id}
time = {time}
order = "newest-first"
next = {{ from = "link:next", to = "url" }}
end = ["no-next"]
incremental = {{ type = "known" }}
"""
_TIME = '"event.timestamp"'
# Id and time of each. Lists with names on the way are read by compiled code; of the last one nothing is asked.
_FILES = {
    "its time as it is recognised": ('"event.id"', _TIME),
    "its time declared as iso": ('"event.id"', f'{{ path = {_TIME}, format = "iso" }}'),
    "its id of two parts, in Python": ('{ all = ["event.id", "event.type"] }', _TIME),
}
_IN_PYTHON = "its id of two parts, in Python"
FIRST = next(iter(_FILES))
"""The file that other measurements take."""


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    events = Figure(what="scrapy crawl events", unit="events/s")
    figures = {
        name: Figure(what=f"a source, {name}", unit="events/s", target=None if name == _IN_PYTHON else _TARGET)
        for name in _FILES
    }

    with Feed(total, "--prepare") as feed, tempfile.TemporaryDirectory(prefix="datasync-bench-sources-") as directory:

        def measure_events() -> str:
            with bench.server.fresh() as url:
                return _kept(events, crawl(feed, url), total)

        def measure_file(name: str, graph: Path | None = None) -> Crawled:
            with bench.server.fresh() as url:
                return by_file(name, feed, url, Path(directory), graph)

        def measuring(name: str) -> Callable[[], str]:
            return lambda: _kept(figures[name], measure_file(name), total)

        bench.take_turns(
            {events.what: measure_events, **{figure.what: measuring(name) for name, figure in figures.items()}}
        )
        for graph in bench.flame_graphs(NAME):
            measure_file(FIRST, graph)
    for figure in figures.values():
        figure.ratios = ratios(figure.samples, events.samples)
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=[events, *figures.values()])


def by_file(name: str, feed: Feed, database_url: str, directory: Path, graph: Path | None = None) -> Crawled:
    """Crawls the whole feed by this file, which is written below the directory."""
    return crawl(
        feed,
        database_url,
        spider="bench.records",
        table="bench__records",
        flame_graph=graph,
        SOURCES_DIR=str(_written(directory, feed, name)),
    )


def _written(directory: Path, feed: Feed, name: str) -> Path:
    """The directory of sources that holds this file and no other."""
    sources = directory / str(list(_FILES).index(name))
    sources.mkdir(exist_ok=True)
    id_, time = _FILES[name]
    text = _FILE.format(base_url=feed.base_url, id=id_, time=time)
    (sources / "bench.toml").write_text(text, encoding="utf-8")
    return sources


def _kept(figure: Figure, crawled: Crawled, total: int) -> str:
    figure.samples.append(total / crawled.seconds)
    figure.cpu_seconds.append(crawled.process.cpu_seconds)
    figure.peak_mb.append(crawled.process.peak_mb)
    return f"{figure.samples[-1]:,.0f} events/s, {crawled.cost}"

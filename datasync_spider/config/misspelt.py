"""Finds names that were meant for us but are none of ours.

Invariant: only warnings come from here; a name that is not ours may well be another program's. Never looks at a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from scrapy.settings import default_settings

from datasync_spider.config.sources import DotEnv, Sources
from datasync_spider.config.table import MOCK_PREFIX, SETTINGS

# No other program's names begin like this.
_OWN_PREFIX = "DATASYNC_"
# Lets one typing error in a name of nine letters pass for that name, and WRITE_CONCURRENCY not for CONCURRENT_ITEMS.
_CLOSE = 0.85


def known_names() -> list[str]:
    """Every name that is read, those of secret files included."""
    return [name for setting in SETTINGS for name in (setting.name, setting.by_file) if name]


def misspelt(sources: Sources) -> Iterator[str]:
    """A warning for each suspicious name in ``.env`` and on the command line."""
    yield from _in_dotenv(sources.dotenv)
    scrapy_names = {name for name in dir(default_settings) if name.isupper()}
    given = (name for name in sources.names_given_to_scrapy() if name not in scrapy_names)
    yield from (f"command line, -s: {text}" for text in _suspicious(given))


def _in_dotenv(dotenv: DotEnv) -> Iterator[str]:
    for name, found in dotenv.found.items():
        yield from (f"{found.source}: {text}" for text in _suspicious([name]))


def _suspicious(names: Iterable[str]) -> Iterator[str]:
    known = known_names()
    for name in names:
        if name in known or name.startswith(MOCK_PREFIX):
            continue
        close = get_close_matches(name.upper(), known, n=1, cutoff=_CLOSE)
        if close:
            yield f"{name} is no setting of ours and has no effect; did you mean {close[0]}?"
        elif name.startswith(_OWN_PREFIX):
            yield f"{name} is no setting of ours and has no effect"

"""``python -m datasync_spider.config.documents [--write]``: what is made of the table of settings.

The tables of ``docs/reference/settings.md``, all of ``.env.example``, and the names in ``docker-compose.yml`` that are
handed over as they are set. Without ``--write`` it exits 1 where one of them differs.

Invariant: a setting's help stands in ``table.py`` alone, but for those of the mock, which shares no code with us.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from datasync_spider import __version__
from datasync_spider.config import table as settings
from datasync_spider.config.table import SETTINGS, Setting
from datasync_spider.observe.markdown import table, with_table

Row = tuple[str, str, str, str]
"""Name, default, what is allowed, help."""

SECTIONS: dict[str, Sequence[Setting]] = {
    "API": settings.API,
    "Database": settings.DATABASE,
    "Writing": settings.WRITING,
    "Running": settings.RUNNING,
    "Sources": settings.SOURCES,
    "Observing": settings.OBSERVING,
    "Notifying": settings.NOTIFYING,
    "Logging": settings.LOGGING,
}
MOCK_SECTION = "The bundled mock"
MOCK: tuple[Row, ...] = (
    ("MOCK_TOTAL_EVENTS", "100000", "a whole number", "How many events it serves."),
    ("MOCK_SEED", "1", "a whole number", "Which events: equal seeds give equal events."),
    ("MOCK_RATE_LIMIT", "0", "a whole number", "Requests per window and key; 0: no limit. The real API allows 10."),
    ("MOCK_RATE_WINDOW_MS", "60000", "a whole number from 1", "The length of that window."),
    (
        "MOCK_API_KEY",
        "",
        "text",
        "The key that it demands; the crawl needs the same in DATASYNC_API_KEY. Unset: any key, or none.",
    ),
    ("MOCK_HOST", "127.0.0.1", "an address", "Where it listens when it is started by itself (python -m mock_api)."),
    ("MOCK_PORT", "0", "0 to 65535", "The same; 0: any free port."),
)
_HEAD = ("name", "default", "allowed", "what it does")
_RULES = (
    "remove the # before what you change. The command line (-s NAME=value) and the environment win over this file; an"
    " empty value counts as unset; ${NAME} is not expanded. Each line shows the default."
)
_WIDTH = 118
# Compose gives these a value of its own, or hands them to some of its services alone.
_COMPOSE_OWN = frozenset(
    {
        *("API_MODE", "API_BASE_URL", "DATASYNC_API_KEY", "DATABASE_URL", "DATASYNC_HOME", "SOURCES_DIR"),
        *("METRICS_PORT", "METRICS_HOST", "LOG_COPY_FILE"),
    }
)
_COMPOSE_FROM = "  # Made by python -m datasync_spider.config.documents --write.\n"
_COMPOSE_TO = "  # The files in sources/"


def rows(group: Sequence[Setting]) -> Iterator[Row]:
    """A row a setting, and one for the name of a file that may hold it. The version is named, so that it may change."""
    for setting in group:
        yield setting.name, setting.default.replace(__version__, "<version>"), setting.kind.allowed, setting.doc
        if setting.by_file:
            yield setting.by_file, "", "a readable text file", f"A file that holds {setting.name}, instead of it."


def page(old: str) -> str:
    """``docs/reference/settings.md`` with its tables as they are to be."""
    for heading, made in (*((name, tuple(rows(group))) for name, group in SECTIONS.items()), (MOCK_SECTION, MOCK)):
        cells = [(f"`{n}`", f"`{default}`" if default else "unset", allowed, doc) for n, default, allowed, doc in made]
        old = with_table(old, heading, table(_HEAD, cells))
    return old


def example(_: str) -> str:
    """``.env.example``."""
    more = "More on each: docs/reference/settings.md"
    return _every_setting(_remark(f"Copy to .env beside scrapy.cfg and {_RULES}") + _remark(more))


def dotenv() -> str:
    """The ``.env`` that a new project begins with: all comments, so that the file as it is changes nothing."""
    return _every_setting(_remark(_RULES[0].upper() + _RULES[1:]))


def _every_setting(head: str) -> str:
    parts = [head]
    for heading, group in SECTIONS.items():
        parts.append(f"# --- {heading} ---\n")
        parts += ["".join(_example_lines(setting)) for setting in group]
    parts.append(f"# --- {MOCK_SECTION} ---\n")
    parts += [f"{_remark(doc)}#{name}={default}\n" for name, default, _, doc in MOCK]
    return "\n".join(parts)


def _example_lines(setting: Setting) -> Iterator[str]:
    for name, default, allowed, doc in rows((setting,)):
        yield _remark(doc)
        if name == setting.name:
            yield f"# Allowed: {allowed}.\n"
        yield f"#{name}={default}\n"


def _remark(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, _WIDTH, break_long_words=False))


def compose(old: str) -> str:
    """``docker-compose.yml`` with the names that come from the shell or from .env."""
    before, _, rest = old.partition(_COMPOSE_FROM)
    _, _, after = rest.partition(_COMPOSE_TO)
    given_names = [setting for setting in SETTINGS if setting.name not in _COMPOSE_OWN]
    names = "".join(f"  {name}:\n" for name, *_ in rows(given_names))
    return f"{before}{_COMPOSE_FROM}{names}{_COMPOSE_TO}{after}"


MADE: dict[str, Callable[[str], str]] = {
    "docs/reference/settings.md": page,
    ".env.example": example,
    "docker-compose.yml": compose,
}

if __name__ == "__main__":
    for path, make in MADE.items():
        text = Path(path).read_text(encoding="utf-8")
        new = make(text)
        if "--write" in sys.argv[1:]:
            Path(path).write_text(new, encoding="utf-8")
        elif new != text:
            sys.exit(f"{path} differs: python -m {__spec__.name} --write makes it")

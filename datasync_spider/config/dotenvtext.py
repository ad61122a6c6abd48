"""The text of ``.env.example``, and of the ``.env`` that a new project begins with: every setting, at its default.

Invariant: every line is a comment, so that the file as it is changes nothing. Pure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from datasync_spider import __version__
from datasync_spider.config import table
from datasync_spider.config.table import Setting

_WIDTH = 120
_SECTIONS = (
    ("The API", table.API),
    ("The database", table.DATABASE),
    ("Writing", table.WRITING),
    ("Running", table.RUNNING),
    ("Sources", table.SOURCES),
    ("Observing", table.OBSERVING),
    ("Logging", table.LOGGING),
)
# The mock reads and checks them itself, and shares no code with this.
_MOCK = (
    ("MOCK_TOTAL_EVENTS", "100000", "How many events it serves."),
    ("MOCK_SEED", "1", "Which events: equal seeds give equal events."),
    ("MOCK_RATE_LIMIT", "0", "Requests per window and key; 0: no limit. The real API allows 10."),
    ("MOCK_RATE_WINDOW_MS", "60000", "The length of that window."),
    (
        "MOCK_API_KEY",
        "",
        "The key that it demands; the crawl needs the same in DATASYNC_API_KEY. Unset: any key, or none.",
    ),
    ("MOCK_HOST", "127.0.0.1", "Where it listens when it is started by itself (python -m mock_api)."),
    ("MOCK_PORT", "0", "The same; 0: any free port."),
)
_RULES = (
    "The command line (-s NAME=value) and the environment win over this file; an empty value counts as unset; ${NAME}"
    " is not expanded. Each line shows the default."
)


def example_text() -> str:
    """Of the file that is to be copied."""
    head = "Copy to .env beside scrapy.cfg and remove the # before what you change."
    return _text(f"{head} {_RULES}", "More on each: docs/reference/settings.md")


def dotenv_text() -> str:
    """Of the ``.env`` itself."""
    return _text(f"Remove the # before what you change. {_RULES}")


def _text(*head: str) -> str:
    lines = [line for text in head for line in _comment(text)]
    for title, settings in _SECTIONS:
        lines += ["", f"# --- {title} ---"]
        for setting in settings:
            lines += ["", *_lines(setting)]
    lines += ["", "# --- The bundled mock ---"]
    for name, default, doc in _MOCK:
        lines += ["", *_comment(doc), f"#{name}={default}"]
    return "\n".join([*lines, ""])


def _lines(setting: Setting) -> Iterator[str]:
    yield from _comment(setting.doc)
    yield f"# Allowed: {setting.kind.allowed}."
    # The version is named, so that a new one does not change the text.
    yield f"#{setting.name}={setting.default.replace(__version__, '<version>')}"
    if setting.by_file:
        yield f"# A file that holds {setting.name}, instead of it."
        yield f"#{setting.by_file}="


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)

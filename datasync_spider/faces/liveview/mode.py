"""Whether a run is watched live or reported in lines: one answer for all who ask, so that they cannot disagree."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

# The logger of the progress lines. The live view, which says the same, keeps them off the terminal; a copy gets them.
PROGRESS_LOGGER = "datasync_spider.extensions.progress"
# That of a run's beginning: a line each, where one picture shows many of them.
RUN_LOGGER = "datasync_spider.sync.slicesync"


SIDE_BY_SIDE = "DATASYNC_SIDE_BY_SIDE"
"""The setting by which a command says that the process has several crawls at a time.

None of them has the terminal, or a port, for itself."""
DRAWN = "DATASYNC_DRAWN"
"""The setting by which such a command says that it draws all of them together."""


def wants_live_view(
    *, is_terminal: bool, terminal_type: str, log_format: str, log_file: str | None, log_enabled: bool
) -> bool:
    """``is_terminal``: of standard error, where logs go; ``terminal_type``: the variable TERM, empty where unset.

    A log that goes elsewhere, or is meant for programs, is no company for a picture that is drawn over.
    """
    can_move_its_cursor = is_terminal and terminal_type not in {"", "dumb", "unknown"}
    return can_move_its_cursor and log_format == "text" and not log_file and log_enabled


def may_be_drawn(settings: BaseSettings, log_format: str) -> bool:
    """Whether standard error, as this process has it, is fit for a picture."""
    return wants_live_view(
        is_terminal=sys.stderr.isatty(),
        terminal_type=os.environ.get("TERM", ""),
        log_format=log_format,
        log_file=settings.get("LOG_FILE"),
        log_enabled=settings.getbool("LOG_ENABLED"),
    )


def is_drawn(settings: BaseSettings, log_format: str) -> bool:
    """Whether a crawl with these settings is, by itself or with others."""
    if settings.getbool(SIDE_BY_SIDE):
        return settings.getbool(DRAWN)
    return may_be_drawn(settings, log_format)

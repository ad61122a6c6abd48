"""Whether a run is watched live or reported in lines. Pure, so that the two extensions cannot disagree."""

from __future__ import annotations

# The logger of the progress lines. The live view, which says the same, keeps them off the terminal; a copy gets them.
PROGRESS_LOGGER = "datasync_spider.extensions.progress"


SIDE_BY_SIDE = "DATASYNC_SIDE_BY_SIDE"
"""The setting by which a command says that the process has several crawls at a time.

None of them has the terminal, or a port, for itself."""


def wants_live_view(
    *, is_alone: bool, is_terminal: bool, terminal_type: str, log_format: str, log_file: str | None, log_enabled: bool
) -> bool:
    """``is_alone``: the process has this one crawl.

    ``is_terminal``: of standard error, where logs go; ``terminal_type``: the variable TERM, empty where unset.

    A log that goes elsewhere, or is meant for programs, is no company for a picture that is drawn over.
    """
    can_move_its_cursor = is_terminal and terminal_type not in {"", "dumb", "unknown"}
    return is_alone and can_move_its_cursor and log_format == "text" and not log_file and log_enabled

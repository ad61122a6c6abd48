"""Whether a run is watched live or reported in lines. Pure, so that the two extensions cannot disagree."""

from __future__ import annotations

# The logger of the progress lines. The live view, which says the same, keeps them off the terminal; a copy gets them.
PROGRESS_LOGGER = "datasync_spider.extensions.progress"


def wants_live_view(
    *, is_terminal: bool, terminal_type: str, log_format: str, log_file: str | None, log_enabled: bool
) -> bool:
    """``is_terminal``: of standard error, where logs go; ``terminal_type``: the variable TERM, empty where unset.

    A log that goes elsewhere, or is meant for programs, is no company for a picture that is drawn over.
    """
    can_move_its_cursor = is_terminal and terminal_type not in {"", "dumb", "unknown"}
    return can_move_its_cursor and log_format == "text" and not log_file and log_enabled

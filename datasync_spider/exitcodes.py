"""The exit codes of ``scrapy crawl``, made from the status that the run's row holds."""

from __future__ import annotations

COMPLETE = 0
FAILED = 1
BAD_CONFIGURATION = 2
INCOMPLETE = 3
LEASE_HELD = 4
STOPPED = 5

_BY_STATUS = {"complete": COMPLETE, "incomplete": INCOMPLETE, "stopped": STOPPED}


def exit_code(run_status: str) -> int:
    """The code for a run's status; whatever is not known to be better is a failure."""
    return _BY_STATUS.get(run_status, FAILED)

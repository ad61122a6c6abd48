"""The exit codes of ``scrapy crawl``, made from the status that the run's row holds and from failed exports."""

from __future__ import annotations

from collections.abc import Iterable

COMPLETE = 0
FAILED = 1
BAD_CONFIGURATION = 2
INCOMPLETE = 3
LEASE_HELD = 4
STOPPED = 5
# The run is complete; a file that it was to write besides is not there.
EXPORT_FAILED = 6

# The later, the more it matters when there are several: what no one will put right by running again comes last.
_BY_WEIGHT = (COMPLETE, EXPORT_FAILED, LEASE_HELD, STOPPED, INCOMPLETE, BAD_CONFIGURATION, FAILED)
_BY_STATUS = {"complete": COMPLETE, "incomplete": INCOMPLETE, "stopped": STOPPED}


def worst(codes: Iterable[int]) -> int:
    """The code of a process that has done several things, each with an end of its own."""
    return max(codes, key=_BY_WEIGHT.index)


def exit_code(run_status: str, *, export_failed: bool = False) -> int:
    """The code for a run's status; whatever is not known to be better is a failure.

    What became of the events comes before what became of an export.
    """
    code = _BY_STATUS.get(run_status, FAILED)
    return EXPORT_FAILED if code == COMPLETE and export_failed else code

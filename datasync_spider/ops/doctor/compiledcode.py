"""Whether events are read by compiled code. Pure."""

from __future__ import annotations

from datasync_spider.ops.doctor.finding import Finding, fine, warning

PART = "code"
_REMEDY = (
    "install a C compiler and Python's headers (Debian, Ubuntu: gcc and python3-dev); then the next "
    "'sh run-ingestion.sh' compiles it, or another pip install; an image is built anew by "
    "'docker compose build --no-cache'"
)


def check_compiled(is_compiled: bool) -> Finding:
    """What is stored is the same either way."""
    if is_compiled:
        return fine(PART, "events are read by compiled code")
    return warning(PART, "events are read without compiled code, at about three times the CPU time a page", _REMEDY)

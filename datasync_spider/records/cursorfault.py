"""Whether a refusal is about the cursor: that it has expired, or that the API does not take it at all.

APIs have two things to say, and many spellings: ``CURSOR_EXPIRED``, ``ExpiredCursor``, ``bad-page-token``, sentences.

Invariant: a code decides whatever the status; a sentence decides only where it names the cursor, and with a status that
refuses the caller only where it names no credential.
"""

from __future__ import annotations

import re
from enum import Enum
from http import HTTPStatus

from datasync_spider.records.complaint import Complaint


class CursorFault(Enum):
    """What is wrong with the cursor."""

    EXPIRED = "expired"
    REFUSED = "refused"


_CURSOR = r"cursor|(?:page|paging|pagination|next|continuation|scroll|resume|sync)(?:token|id|key|marker)|bookmark"
_EXPIRED = r"expired|stale|outdated|tooold|nolonger"
_REFUSED = (
    r"invalid|malformed|unknown|bad|notfound|wrong|mismatch|corrupt|illegal|unrecogni|unsupported|unreadable|undecodable"
    r"|notvalid|notavalid|notrecogni|doesnotexist|doesntexist|nosuch|decode|parse|verify"
)
_names_cursor = re.compile(_CURSOR).search
_says_expired = re.compile(_EXPIRED).search
_says_refused = re.compile(_REFUSED).search
_names_credential = re.compile(r"\b(?:api|access|auth|bearer|key|keys|credentials?|session|login|password)\b").search
_separators = re.compile(r"[^a-z]+")
_ABOUT_THE_CALLER = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def cursor_fault(status: int, complaint: Complaint) -> CursorFault | None:
    """What an answer with an error's status says of the cursor, if anything. 5xx are believed by their code alone."""
    by_code = _fault(complaint.code or "")
    if by_code is not None or status >= 500:
        return by_code
    message = (complaint.message or "").lower()
    if status in _ABOUT_THE_CALLER and _names_credential(f"{_spaced(complaint.code or '')} {_spaced(message)}"):
        return None
    return _fault(message)


def _fault(text: str) -> CursorFault | None:
    squashed = _separators.sub("", text.lower())
    if not _names_cursor(squashed):
        return None
    if _says_expired(squashed):
        return CursorFault.EXPIRED
    return CursorFault.REFUSED if _says_refused(squashed) else None


def _spaced(text: str) -> str:
    return _separators.sub(" ", text.lower())

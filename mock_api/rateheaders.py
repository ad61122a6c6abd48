"""How a rate limit is given: the generations of header fields, and the styles of `Retry-After`.

Pure functions from an `Admission` and the time to header fields. Nothing here decides whether a request is admitted.
"""

from email.utils import formatdate
from math import ceil
from typing import Literal, get_args

from mock_api.ratewindow import Admission

Headers = list[tuple[str, str]]
RateHeaderStyle = Literal["legacy", "ietf-draft", "ietf-structured", "epoch", "epoch-ms", "none"]
RetryAfterStyle = Literal["seconds", "date", "fraction", "zero", "past-date", "epoch", "past-epoch", "none"]

RATE_HEADER_STYLES: tuple[str, ...] = get_args(RateHeaderStyle)
RETRY_AFTER_STYLES: tuple[str, ...] = get_args(RetryAfterStyle)

_LONG_AGO_S = 3_600


def reset_seconds(admission: Admission) -> int:
    """The whole seconds until the window ends, never early."""
    return ceil(admission.reset_ms / 1_000)


def rate_headers(style: RateHeaderStyle, admission: Admission, window_ms: int, epoch_ms: int) -> Headers:
    """The fields that describe the window."""
    limit, remaining, seconds = admission.limit, admission.remaining, reset_seconds(admission)
    if style == "none":
        return []
    if style == "ietf-structured":
        return [
            ("RateLimit", f'"default";r={remaining};t={seconds}'),
            ("RateLimit-Policy", f'"default";q={limit};w={ceil(window_ms / 1_000)}'),
        ]
    prefix = "RateLimit" if style == "ietf-draft" else "X-RateLimit"
    reset = seconds
    if style == "epoch":
        reset = ceil((epoch_ms + admission.reset_ms) / 1_000)
    elif style == "epoch-ms":
        reset = ceil(epoch_ms + admission.reset_ms)
    return [(f"{prefix}-Limit", str(limit)), (f"{prefix}-Remaining", str(remaining)), (f"{prefix}-Reset", str(reset))]


def retry_after(style: RetryAfterStyle, admission: Admission, epoch_ms: int) -> tuple[Headers, float]:
    """The field, if the style has one, and the wait in ms that it gives."""
    seconds = reset_seconds(admission)
    ends_s = ceil((epoch_ms + admission.reset_ms) / 1_000)
    match style:
        case "none":
            return [], 0.0
        case "zero":
            return [("Retry-After", "0")], 0.0
        case "past-date":
            return [("Retry-After", formatdate(epoch_ms / 1_000 - _LONG_AGO_S, usegmt=True))], 0.0
        case "past-epoch":
            return [("Retry-After", str(epoch_ms // 1_000 - _LONG_AGO_S))], 0.0
        case "seconds":
            return [("Retry-After", str(seconds))], seconds * 1_000.0
        case "fraction":
            tenths = ceil(admission.reset_ms / 100)
            return [("Retry-After", f"{tenths / 10:.1f}")], tenths * 100.0
        case "date":
            return [("Retry-After", formatdate(ends_s, usegmt=True))], ends_s * 1_000.0 - epoch_ms
        case "epoch":
            return [("Retry-After", str(ends_s))], ends_s * 1_000.0 - epoch_ms

"""Admits requests by the rate window and reports the outcome.

The shell around `ratewindow` and `rateheaders`; the only place where a 429 is made.
"""

from dataclasses import dataclass

from mock_api.calls import Moment
from mock_api.rateheaders import RateHeaderStyle, RetryAfterStyle, rate_headers, reset_seconds, retry_after
from mock_api.ratewindow import Admission, RateWindows
from mock_api.replies import Headers, Reply, json_reply

_LIMIT_OF_A_BURST = 10


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How many requests of a key are admitted, and how that is reported."""

    limit: int
    """0: no limit and no headers."""
    window_ms: int
    headers: RateHeaderStyle = "legacy"
    retry_after: RetryAfterStyle = "seconds"


class RateLimits:
    """The rate windows of the events endpoints."""

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._windows = RateWindows(settings.limit, settings.window_ms)

    def admit(self, key: str, moment: Moment) -> tuple[Headers, Reply | None]:
        """Header fields for the answer, and the answer itself if the request is refused."""
        if not self._settings.limit:
            return [], None
        admission = self._windows.take(key, moment.monotonic_ms)
        if not admission.admitted:
            return [], self._refusal(admission, moment)
        return self._headers(admission, moment), None

    def burst(self, wait_ms: float, moment: Moment) -> Reply:
        """A 429 although the window has room."""
        limit = self._settings.limit or _LIMIT_OF_A_BURST
        return self._refusal(Admission(admitted=False, limit=limit, remaining=0, reset_ms=wait_ms), moment)

    def _headers(self, admission: Admission, moment: Moment) -> Headers:
        return rate_headers(self._settings.headers, admission, self._settings.window_ms, moment.epoch_ms)

    def _refusal(self, admission: Admission, moment: Moment) -> Reply:
        reported = {"limit": admission.limit, "remaining": 0, "reset": reset_seconds(admission)}
        reply = json_reply({"error": "Too Many Requests", "code": "RATE_LIMIT_EXCEEDED", "rateLimit": reported}, 429)
        when, reply.refused_wait_ms = retry_after(self._settings.retry_after, admission, moment.epoch_ms)
        reply.headers = when + self._headers(admission, moment)
        return reply

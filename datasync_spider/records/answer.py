"""What one HTTP answer means: a page, or the error that says what the caller must do about it.

Invariant: every status and every body leads to exactly one outcome, and only a 200 can be a page; one that says of
itself that it is an error is treated as an error status would be. Decided by status and by the API's own ``code``; its
prose is looked at only for what some deployments say in no other way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from datasync_spider.errors import (
    ApiRefused,
    CursorExpired,
    CursorRefused,
    DatasyncError,
    OddAnswer,
    PageUnreadable,
    RateLimited,
    Resync,
    ServerTrouble,
    TokenExpired,
    WindowTooLarge,
)
from datasync_spider.observe.reasons import ERROR_IN_PAGE, NO_DATA_ARRAY, status_reason
from datasync_spider.records.complaint import MAX_CHARACTERS, Complaint, read_complaint
from datasync_spider.records.cursorfault import CursorFault, cursor_fault
from datasync_spider.records.page import Asked, Page, PageReader
from datasync_spider.records.pagefacts import Declared, ErrorInPage, meaning_of_error
from datasync_spider.records.ratelimited import names_rate_limit, says_rate_limited
from datasync_spider.sources.spec import Budget, Meaning
from datasync_spider.sources.urls import origin

# Such as ;jsessionid=…
_PATH_PARAMETERS = re.compile(r";[^/]*")
_IN_A_PATH = "/%:@!$&'()*+,=~"
# What no plain GET over a connection of its own is answered with; another connection may lead elsewhere.
_BESIDE_THE_POINT: dict[int, str] = {
    HTTPStatus.NOT_MODIFIED: "it says that nothing has changed, which was not asked",
    HTTPStatus.MISDIRECTED_REQUEST: "it says that it does not speak for this host",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ADVICE: dict[int, str] = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "a lower API_PAGE_LIMIT may help"}
_TOO_ODD = (ApiRefused, OddAnswer, ServerTrouble)
_TRY_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}


def check_answer(
    pages: PageReader,
    asked: Asked,
    status: int,
    headers: Callable[[], Mapping[str, str]],
    body: bytes,
    header_lists: Mapping[str, Sequence[str]] | None = None,
) -> Page:
    """The page of a good answer.

    ``headers`` gives them with lower-case names: few answers need a look at them. ``header_lists``: all values of each,
    where the way to the next page may stand in one. Raises PageUnreadable, PageContradiction, OddAnswer, ServerTrouble,
    RateLimited (without the wait, which the pacing reads from the headers), CursorExpired, or ApiRefused
    (CursorRefused where that is about the cursor).
    """

    def complaint() -> Complaint:
        return read_complaint(headers().get("content-type", ""), body)

    means = None
    if status != HTTPStatus.OK:
        means = meaning_of_error(pages.meanings, status, body)
        if means is None and status in pages.end_statuses:
            return pages.end(asked)
        if means is None:
            raise _error(status, headers(), complaint(), pages.budget)
    try:
        page = pages.read(body, header_lists or {}, asked, means)
    except Declared as error:
        raise _declared(error.means, status, complaint()) from error
    except ErrorInPage as error:
        raise _error_in_page(error, headers(), pages.budget) from error
    except PageUnreadable as error:
        # What a body says instead of being a page is worth more than where the parser stopped.
        if error.reason == NO_DATA_ARRAY or not body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith((b"{", b"[")):
            detail = complaint().text or error.detail
            raise PageUnreadable(error.reason, detail) from error
        raise
    if page.request_id is None:
        request_id = headers().get("x-request-id", "")
        page.request_id = request_id if request_id and request_id.isprintable() else None
    return page


def _declared(means: Meaning, status: int, complaint: Complaint) -> DatasyncError:
    """What the source says that an answer means, as the error that it leads to."""
    match means:
        case "throttled":
            return RateLimited(complaint.text)
        case "cursor-expired":
            return CursorExpired(complaint.text or f"status {status}")
        case "cursor-invalid":
            return CursorRefused(status, complaint.code, complaint.said)
        case "resync":
            return Resync(f"the API wants all to be read anew: {_said(status, complaint)}")
        case "window-too-large":
            return WindowTooLarge(f"the API gives no more of what is asked for: {_said(status, complaint)}")
        case "token-expired":
            return TokenExpired(f"the API does not take the credential any more: {_said(status, complaint)}")
        case "denied" | "fatal":
            return ApiRefused(status, complaint.code, complaint.said)
    return ServerTrouble(status_reason(status), complaint.text)


def _said(status: int, complaint: Complaint) -> str:
    return f"status {status}, {complaint.text or complaint.body or 'without a word'}"


def _error(status: int, headers: Mapping[str, str], complaint: Complaint, budget: Budget | None) -> DatasyncError:
    if 200 <= status < 300:
        return PageUnreadable(status_reason(status))
    if status in _BESIDE_THE_POINT and cursor_fault(status, complaint) is None:
        why = f"{_BESIDE_THE_POINT[status]}, twice in a row: check API_BASE_URL, and caches and balancers on the way"
        final = ApiRefused(status, complaint.code, _with(complaint, why))
        return OddAnswer(status_reason(status), complaint.text, final)
    if 300 <= status < 400:
        return ApiRefused(status, complaint.code, _redirect_message(headers.get("location", "")))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(complaint.text)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return ApiRefused(status, complaint.code, "a proxy on the way wants a user and a password; see http_proxy")
    fault = cursor_fault(status, complaint)
    if fault is CursorFault.EXPIRED or status == HTTPStatus.GONE:
        return CursorExpired(complaint.text or f"status {status}")
    if says_rate_limited(status, headers, complaint, budget):
        return RateLimited(": ".join(part for part in (status_reason(status), complaint.text) if part))
    if fault is CursorFault.REFUSED:
        return CursorRefused(status, complaint.code, complaint.said)
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return ApiRefused(status, complaint.code, _with(complaint, _ADVICE.get(status)))
    return ServerTrouble(status_reason(status), complaint.text)


def _error_in_page(error: ErrorInPage, headers: Mapping[str, str], budget: Budget | None) -> DatasyncError:
    """What an error in a 200 leads to: whatever its code would with an error status, else another attempt."""
    if error.status == HTTPStatus.TOO_MANY_REQUESTS or names_rate_limit(error.complaint):
        return RateLimited(error.detail)
    status = error.status if error.status < 500 else HTTPStatus.BAD_REQUEST
    verdict = _error(status, headers, error.complaint, budget)
    if isinstance(verdict, CursorExpired | CursorRefused):
        return verdict
    # A 200 with an error is too odd to end a run at once.
    return ServerTrouble(ERROR_IN_PAGE, error.detail) if isinstance(verdict, _TOO_ODD) else verdict


def _with(complaint: Complaint, addition: str | None) -> str | None:
    """The API's own message, and what there is to add."""
    return ": ".join(part for part in (complaint.said, addition) if part) or None


def _redirect_message(location: str) -> str:
    message = "redirects are not followed, because the API key would go with them; check the base URL"
    place = _place(location)
    return f"{message} (this one leads to {place})" if place else message


def _place(location: str) -> str:
    """Where a redirect leads: no userinfo, query or fragment, which may be secret. Empty where that is not plain."""
    reference = re.split(r"[?#]", location, maxsplit=1)[0]
    # Some parsers take it for a slash, and so what stands behind two of them for a user and a host.
    if "\\" in reference:
        return ""
    try:
        parts = urlsplit(reference)
        if parts.scheme:
            return origin(f"{parts.scheme}://{parts.netloc}") + _shown_path(parts.path)
    except ValueError:
        return ""
    # Of the scheme that was asked, which is not known here.
    host = f"//{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    return host + _shown_path(parts.path)


def _shown_path(path: str) -> str:
    """Without parameters, printable, and not longer than a message can bear."""
    plain = quote(_PATH_PARAMETERS.sub("", path), safe=_IN_A_PATH)
    return plain if len(plain) <= MAX_CHARACTERS else plain[: MAX_CHARACTERS - 1] + "…"

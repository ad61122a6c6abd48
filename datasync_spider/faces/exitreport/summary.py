"""The exit report of a crawl, whatever its end: what happened, what is stored, what to do next. Pure.

Invariant: the first line begins with ``ingestion complete`` for a run that the database calls complete, and for nothing
else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from datasync_spider.faces.progress.texts import counted
from datasync_spider.observe.columns import STREAM, duration, sentence, words
from datasync_spider.observe.display import visible
from datasync_spider.sources.drift import in_text
from datasync_spider.sources.streamnames import label
from datasync_spider.storage.resume import BACKFILL

_GO_ON = "run again: it goes on from the stored position"
_ONLY_NEW = "a further run fetches only what is new"
_BEGINS_ANEW = "what it has stored stays; a run for the same window begins it anew, and a plain crawl goes on as before"

# By the reason in the run's row; a reason that is not named here is reported by its detail and "run again".
_NEXT = {
    "short_read": "run again: the whole feed is read once more, since only that finds what is missing",
    "pages_moved": "run again when fewer records come and go: all pages are read once more, and count where they stand"
    " still",
    "api_refused": "see what the API said: with 401 or 403 check DATASYNC_API_KEY, else API_BASE_URL; then run again",
    "certificate_refused": "do what it says above of the certificate (scrapy doctor looks at the way to the API);"
    " then run again",
    "wrong_protocol": "check host, port and scheme in API_BASE_URL, and http_proxy where it is set; then run again",
    "origin_refused": "check API_BASE_URL; then run again",
    "cursor_repeated": f"the API gave a cursor twice, and going on would never end; when it is mended, {_GO_ON}",
    "no_new_records": "the API serves what it has served before, as if it ignored the cursor; when it is mended, run"
    " again: that reads from the head of the feed, over what is stored",
    "filter_ignored": "the API takes no notice of since and until: leave them out, or correct the source's file",
    "resync": "run again: it asks from the beginning; if the API never lets it, look at the meanings of its source",
    "window_too_large": "the API gives no more than it gave: ask for less at a time, by slices or a filter in the"
    " source's file, then run again",
    "token_expired": f"renew the secret that the source's file names; then {_GO_ON}",
    "token_refused": f"correct what is named, or get a new refresh token; then {_GO_ON}",
    "tokens_sealed": f"set TOKEN_ENCRYPTION_KEY to the key that they were stored with; then {_GO_ON}",
    "signing_failed": f"mend the class that the source's auth names; then {_GO_ON}",
    "only_empty_pages": f"the API gives empty pages without an end; {_GO_ON}",
    "cursor_expires_too_fast": "a page takes longer than a cursor lives: lower API_PAGE_LIMIT, then run again",
    "retries_exhausted": "the API was not well, or out of reach, for too long (scrapy doctor looks at the way to it);"
    f" when it is back, {_GO_ON}",
    "wait_too_long": "run again when the API takes requests again, or with a larger API_RATE_LIMIT_WAIT_BUDGET_MS: it"
    " goes on from the stored position",
    "rejected_too_many": "look at what was rejected (scrapy rejected): the feed is not what it was, or"
    " REJECTED_MAX_PERCENT is too low",
    "fields_drifted": "look at the fields that are named, and at what reads them; they are known from now on: run"
    " again, and it goes on from the stored position",
    "storage_unavailable": f"PostgreSQL was away for longer than WRITE_RETRY_BUDGET_MS; when it is back, {_GO_ON}",
    "storage_refused": "PostgreSQL refused: check the rights and the schema (scrapy migrate), then run again",
    "stalled": f"nothing moved for STALL_TIMEOUT_MS; look at the log's last lines, then {_GO_ON}",
    "fenced": "nothing: another run has taken the stream over and goes on (scrapy status shows whose it is)",
}
# The same where a file of a source, and no setting, says what is asked.
_NEXT_OF_FILE = {
    "api_refused": "see what the API said: with 401 or 403 check the secrets that auth names, else url and query; then"
    " run again",
    "wrong_protocol": "check host, port and scheme in base_url, and http_proxy where it is set; then run again",
    "origin_refused": "check base_url and allow_hosts; then run again",
    "cursor_expires_too_fast": "a page takes longer than a cursor lives: lower page_size, then run again",
}
# The last failure that the detail of retries_exhausted names, and those by which an API, or a gateway before it, ends a
# page that takes too long to make or to carry.
_LAST_FAILURE = re.compile(r"; the last failure was ([a-z0-9_]+)")
_MAY_BE_SIZE = frozenset(
    {
        *(
            "timeout",
            "body_cut",
            "truncated_json",
            "status_408",
            "status_500",
            "status_502",
            "status_503",
            "status_504",
        ),
        *("status_507", "status_520", "status_524", "status_598", "status_599"),
    }
)
_SMALLER_PAGES = "; where only large pages fail in this way, lower {}"
_NEXT_BY_STATUS = {
    "complete": f"nothing; {_ONLY_NEW}",
    "incomplete": _NEXT["short_read"],
    "stopped": _GO_ON,
    "fenced": _NEXT["fenced"],
}
# A further run fetches, and so exports, only what is new.
_AFTER_EXPORT = (
    "the events are stored all the same: mend what is named, and take the file from the database (scrapy psql -- -Atc"
    " 'SELECT payload FROM ingested_events' > FILE); a further run exports only what it fetches"
)
_NEXT_AT_START = {
    "usage": "correct the command; scrapy crawl events -h explains its options",
    "storage_unavailable": "check that PostgreSQL runs and that DATABASE_URL leads to it, then run again",
    "storage_refused": "mend what is named above, or check the database user's rights, then run again",
    "stalled": "look at the database: it does not answer, or waits for what is named; then run again",
    "stream_changed": "do what is said above, or set STREAM, SLICE or the source back",
    "stream_paused": "resume it when it is to go on",
    "table_refused": "put right what is named, or rename it, or use another database; scrapy doctor looks again",
    "lease_held": "let the run that is named end, or stop it, then run again; scrapy migrate --check says what will be"
    " done",
    "objects_in_the_way": "drop what is named, run again, and make it again after that; scrapy migrate --check shows"
    " what makes each",
    "migration": "use the version that made this schema, or another database",
}


def summary(
    row: Mapping[str, Any],
    stored: int | None,
    rejected: int | None,
    exports_failed: Mapping[str, str] | None = None,
    source: str | None = None,
    stream: Mapping[str, Any] | None = None,
) -> list[str]:
    """The end of a run by its row in ``ingestion_runs``, and by its stream's totals where they could be read.

    ``exports_failed``: why, by where each was to go. ``source``: of a stream that a file describes.
    ``stream``: all that is known of the stream, where it could be read.
    """
    lines = [headline(row), f"  this run: {sentence(row)}"]
    if row.get("newest_drift"):
        lines.append(f"  fields: {visible(in_text(row['newest_drift'], row['drifted']))}")
    if stored is not None:
        lines.append(f"  stored: {_stored(row, stored, rejected or 0, stream or {})}")
    if exports_failed:
        lines.append(_exports(exports_failed))
    if exports_failed and row["status"] == "complete":
        lines.append(f"  next: {_AFTER_EXPORT}")
    else:
        lines.append(f"  next: {_next(row, rejected or 0, source)}")
    return lines


def exports_failed(why: Mapping[str, str]) -> list[str]:
    """Of exports that are no single run's. ``why``: by where each was to go."""
    return [_exports(why).strip(), f"  next: {_AFTER_EXPORT}"]


def _exports(why: Mapping[str, str]) -> str:
    reported = "; ".join(f"{uri}: {text}" for uri, text in why.items())
    return f"  export: failed, nothing of it is kept: {reported}"


def headline(row: Mapping[str, Any]) -> str:
    """Its first line."""
    run = f"run {row['run_id']} of stream {label(row['stream'], row['slice'])}"
    status, because = row["status"], _because(row)
    match status:
        case "complete":
            return f"ingestion complete: {run}, {_kind(row['pass_kind'])}{_took(row, 'in')}; {because}"
        case "incomplete":
            return f"ingestion incomplete: {run}{_took(row)}; {because}"
        case "stopped":
            return f"ingestion stopped: {run} by {because}{_took(row)}"
        case "failed":
            return f"ingestion failed: {run}{_took(row)}; {because}"
        case "fenced":
            return f"ingestion fenced off: {run}{_took(row)}; {because}"
        case _:
            return f"ingestion ended without a word: {run} is still called {status}"


def _because(row: Mapping[str, Any]) -> str:
    reason = row["reason"] or "no reason given"
    return f"{reason} ({row['detail']})" if row["detail"] else reason


def _kind(pass_kind: str) -> str:
    if pass_kind == BACKFILL:
        return "a backfill"
    return f"an {pass_kind} pass" if pass_kind.startswith("i") else f"a {pass_kind} pass"


def _took(row: Mapping[str, Any], preposition: str = "after") -> str:
    started, ended = row["started_at"], row["ended_at"]
    if not isinstance(started, datetime) or not isinstance(ended, datetime):
        return ""
    return f" {preposition} {duration((ended - started).total_seconds())}"


def _stored(row: Mapping[str, Any], stored: int, rejected: int, stream: Mapping[str, Any]) -> str:
    expected = row["expected_total"]
    reported = f"; the API counts {expected:,}" if expected is not None else ""
    dead = f", {rejected:,} in rejected_events" if rejected else ""
    # The run's own line says what was filtered, and which fields have changed.
    said = {"total_ingested", "total_rejected", "total_filtered", "drifted"}
    besides = [column for column in STREAM if column.key not in said]
    further = "".join(f", {phrase}" for phrase in words(besides, stream))
    return f"{counted(stored, 'event')}{dead}{further}{reported}"


def _next(row: Mapping[str, Any], rejected: int, source: str | None) -> str:
    if source is not None and row["status"] == "failed" and row["reason"] in _NEXT_OF_FILE:
        return f"in the file of the source {source}: {_NEXT_OF_FILE[row['reason']]}"
    if row["pass_kind"] == BACKFILL and row["status"] == "stopped":
        return _BEGINS_ANEW
    if row["pass_kind"] == BACKFILL and row["status"] == "failed":
        return f"mend what is named above; {_BEGINS_ANEW}"
    if row["status"] == "complete" and rejected:
        return f"look at what was rejected ({rejected:,} events: scrapy rejected); {_ONLY_NEW}"
    by_status = _NEXT_BY_STATUS.get(row["status"])
    last = _LAST_FAILURE.search(row["detail"] or "") if row["reason"] == "retries_exhausted" else None
    if by_status is None and last is not None and last[1] in _MAY_BE_SIZE:
        return _NEXT["retries_exhausted"] + _SMALLER_PAGES.format("page_size" if source else "API_PAGE_LIMIT")
    if row["status"] == "incomplete":
        by_status = _NEXT.get(row["reason"] or "", by_status)
    return by_status or _NEXT.get(row["reason"] or "", f"see the log for the cause, then {_GO_ON}")


def not_started(why: str, reason: str | None = None) -> list[str]:
    """A crawl that got no run: nothing was asked of the API, nothing has changed."""
    following = _NEXT_AT_START.get(reason or "", "see the log for the cause, then run again")
    return [f"ingestion not started: {why}", "  stored: nothing has changed", f"  next: {following}"]


def configuration_refused(mistakes: str = "see above", reason: str | None = None) -> list[str]:
    """``mistakes`` name the settings, their sources and what is allowed; ``reason`` where it is known by a word."""
    correct = "correct the settings that are named; docs/reference/settings.md explains each"
    return [
        f"ingestion not started: the configuration is refused: {mistakes}",
        "  stored: nothing has changed",
        f"  next: {_NEXT_AT_START.get(reason or '', correct)}",
    ]


def nothing_to_crawl(stream: str) -> list[str]:
    """A stream whose slices are made of records, of which there is none."""
    return [
        f"nothing to crawl: {stream} has no slices, since none of the records that they are made of is stored",
        "  next: nothing; a further crawl looks again",
    ]


def lease_held(stream: str) -> list[str]:
    """Another run of the stream is active."""
    return [
        f"ingestion not started: another run of stream {stream} is active",
        "  stored: this crawl has changed nothing",
        "  next: let the other run end (scrapy status shows whose it is and when its lease expires), then run again",
    ]


def stopped_early(signal_name: str) -> list[str]:
    """A signal came before there was a run."""
    return [
        f"ingestion stopped: by {signal_name} before the run began",
        "  stored: nothing has changed",
        f"  next: {_GO_ON}",
    ]


def unreadable(run_id: int, why: str) -> list[str]:
    """The database does not answer, so how the run ended is not known here."""
    return [
        f"ingestion ended, but how cannot be read: run {run_id}; {why}",
        "  stored: what was committed stays",
        f"  next: when PostgreSQL is back, scrapy status shows what is stored; {_GO_ON}",
    ]

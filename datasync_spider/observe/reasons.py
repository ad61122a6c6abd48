"""The slugs that say why: a page or a record is refused, a crawl waits, a run ends, a crawl has none. All in one place.

They are stored in tables and counted in stats, and people search for them: once released, a slug keeps its meaning.
"""

from __future__ import annotations

from typing import Final

# PageUnreadable: a body that is no page.
EMPTY_BODY: Final = "empty_body"
TRUNCATED_JSON: Final = "truncated_json"
NOT_JSON: Final = "not_json"
NOT_AN_OBJECT: Final = "not_an_object"
"""Of a page and of an event alike."""
NO_DATA_ARRAY: Final = "no_data_array"
COLUMNS_UNREADABLE: Final = "columns_unreadable"
RECORD_READER_FAILED: Final = "record_reader_failed"
RETURNED_MISMATCH: Final = "returned_mismatch"
HAS_MORE_WRONG_TYPE: Final = "has_more_wrong_type"
CURSOR_WRONG_TYPE: Final = "cursor_wrong_type"
CURSOR_NUL: Final = "cursor_nul"
LAST_RECORD_WITHOUT_CURSOR: Final = "last_record_without_cursor"
NEXT_URL_REFUSED: Final = "next_url_refused"
LINK_UNREADABLE: Final = "link_unreadable"
NO_TOKEN: Final = "no_token"
"""Of the answer to a request for a token."""

# ServerTrouble: a 200 that says of itself that it is an error.
ERROR_IN_PAGE: Final = "error_in_page"

# PageContradiction: a page that denies itself.
HAS_MORE_WITHOUT_CURSOR: Final = "has_more_without_cursor"
NEITHER_HAS_MORE_NOR_CURSOR: Final = "neither_has_more_nor_cursor"
TWO_HAS_MORES: Final = "two_has_mores"
TWO_CURSORS: Final = "two_cursors"

# RejectedEvent: an event that cannot be stored.
NO_ID: Final = "no_id"
ID_INCOMPLETE: Final = "id_incomplete"
ID_WRONG_TYPE: Final = "id_wrong_type"
ID_EMPTY: Final = "id_empty"
ID_TOO_LONG: Final = "id_too_long"
ID_NUL: Final = "id_nul"
NUL_CHARACTER: Final = "nul_character"
LONE_SURROGATE: Final = "lone_surrogate"
INVALID_UTF8: Final = "invalid_utf8"
TOO_DEEP: Final = "too_deep"
TIME_WRONG_TYPE: Final = "time_wrong_type"
TIME_OUT_OF_RANGE: Final = "time_out_of_range"
MALFORMED_JSON: Final = "malformed_json"

# RejectedEvent: what stands where a record should, and cannot be made into one.
NOT_WRAPPED: Final = "not_wrapped"
KEY_TAKEN: Final = "key_taken"
NOT_A_SCALAR: Final = "not_a_scalar"
NOT_A_ROW: Final = "not_a_row"
ROW_LENGTH: Final = "row_length"
NOT_A_MEMBER: Final = "not_a_member"
NEVER_RECORDS: Final = frozenset({NOT_WRAPPED, KEY_TAKEN, NOT_A_SCALAR, NOT_A_ROW, ROW_LENGTH, NOT_A_MEMBER})
"""Of pieces of a page: their bytes are no record's, and are never read as one."""


def status_reason(status: int) -> str:
    """The slug of an answer that is named by its status alone, such as ``status_503``."""
    return f"status_{status}"


# All that each place may hold: a new word gets its line here and in docs/reference/reasons.md. A status and a SQLSTATE
# make words of their own (``status_503``, ``refused_by_postgresql_22003``), which no set can list.

RETRY_REASONS: Final = frozenset(
    {
        *(EMPTY_BODY, TRUNCATED_JSON, NOT_JSON, NOT_AN_OBJECT, NO_DATA_ARRAY, COLUMNS_UNREADABLE, RECORD_READER_FAILED),
        *(RETURNED_MISMATCH, HAS_MORE_WRONG_TYPE, CURSOR_WRONG_TYPE, CURSOR_NUL, LAST_RECORD_WITHOUT_CURSOR),
        *(NEXT_URL_REFUSED, LINK_UNREADABLE, NO_TOKEN, ERROR_IN_PAGE),
        *(HAS_MORE_WITHOUT_CURSOR, NEITHER_HAS_MORE_NOR_CURSOR, TWO_HAS_MORES, TWO_CURSORS),
        *("rate_limited", "timeout", "host_not_found", "tls_failed", "proxy_refused", "connection_refused"),
        *("connection_failed", "body_too_large", "body_cut", "no_http", "bad_http"),
    }
)
"""Why a page is asked for again."""

WAIT_REASONS: Final = frozenset({"declared_budget", "rate_window"})
"""Why a crawl waits, beside those."""

REJECTION_REASONS: Final = NEVER_RECORDS | {
    *(NO_ID, ID_INCOMPLETE, ID_WRONG_TYPE, ID_EMPTY, ID_TOO_LONG, ID_NUL, NUL_CHARACTER, LONE_SURROGATE, INVALID_UTF8),
    *(TOO_DEEP, TIME_WRONG_TYPE, TIME_OUT_OF_RANGE, MALFORMED_JSON, NOT_AN_OBJECT),
}
"""Why an event is not stored."""

RUN_REASONS: Final = frozenset(
    {
        *("last_page", "reached_known", "not_modified", "backfilled", "replayed", "short_read", "pages_moved"),
        *("SIGTERM", "SIGINT", "SIGHUP", "api_refused", "certificate_refused", "wrong_protocol", "origin_refused"),
        *("retries_exhausted", "position_refused", "cursor_repeated", "no_new_records", "filter_ignored"),
        *("resync", "window_too_large", "token_expired", "token_refused", "tokens_sealed", "signing_failed"),
        *("only_empty_pages", "wait_too_long", "cursor_expires_too_fast", "rejected_too_many", "page_lost"),
        *("fields_drifted", "stalled", "ended_early", "ended_abruptly", "lost", "storage_unavailable"),
        *("storage_refused", "rows_refused", "storage_failed", "failed", "fenced"),
    }
)
"""What the ``reason`` of a run's row may be."""

NO_RUN_REASONS: Final = frozenset(
    {
        *("lease_held", "migration", "table_refused", "objects_in_the_way", "stream_changed", "stream_paused"),
        *("export_refused", "submission_in_progress", "stopped", "no_run"),
    }
)
"""Why a crawl had none: in the stat ``datasync/refused``, or Scrapy's ``finish_reason``."""

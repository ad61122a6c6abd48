"""Every error that this package raises on purpose, grouped by what the caller must do.

DatasyncError
├── ConfigurationError        refuse to start: exit code 2, before any request
│   ├── ExportRefused         an export that is asked for cannot be made
│   ├── WronglyCalled         a command line names what there is not
│   └── SourceRefused         a source's file is wrong: its streams cannot be crawled, others can
├── RetryableError            ask again after a pause; the position is unchanged
│   ├── PageUnreadable        a 200 whose body is no page: truncated, empty, HTML, no data array
│   ├── PageContradiction     a page that denies itself: more to come but no cursor; retried briefly
│   ├── ServerTrouble         5xx, 408, 425: the server says that it is not well
│   ├── ConnectionTrouble     refused, reset, timed out, cut in mid-body
│   ├── RateLimited           429 and its like: waits are the server's to say and use up no attempt
│   └── OddAnswer             421, 304, no HTTP at all: a fresh connection may mend it, and nothing else
├── RestartFromHead           this position is gone, the stream is not
│   └── CursorExpired
├── NotModified               the API says that nothing has changed, as it was asked to
├── FatalError                stop the run as failed with the position kept
│   ├── ApiRefused            4xx that no repetition mends
│   │   └── CursorRefused     the API does not know, or cannot read, the cursor
│   ├── CertificateRefused    no one vouches for the API's certificate, or not for this host
│   ├── WrongProtocol         what answers speaks no HTTP, or no TLS
│   ├── OriginRefused         a URL outside the configured origin
│   ├── PositionRefused       a stored position that the stream's way of paging cannot have made
│   ├── CursorRepeated        the feed goes in a circle
│   ├── NoNewRecords          page after page, and all of them known
│   ├── OnlyEmptyPages        page after page, and none with a record
│   ├── FilterIgnored         a window of time is asked for, and what comes is from another one
│   ├── Resync                the API wants all to be read anew: no position of before leads on
│   ├── WindowTooLarge        the API gives no more of what is asked for: a smaller part of it must be asked for
│   ├── TokenExpired          the API does not take the credential any more, and would take a renewed one
│   ├── TokenRefused          who gives tokens gives none for this credential
│   ├── TokensSealed          stored tokens cannot be decrypted with the key at hand
│   ├── SigningFailed         a class of the user's could not sign a request
│   ├── RetriesExhausted      attempts or budget used up
│   ├── WaitTooLong           the API asks for a longer wait than the budget allows
│   ├── RejectedTooMany       the share of rejected events says that the feed is not what we think
│   ├── FieldsDrifted         the fields of the records are not those of before, and the stream's file says: fail
│   ├── PageLost              an item pipeline lost or broke a page on its way to the writer
│   └── Stalled               nothing moves and nothing excuses that
├── StorageError
│   ├── StorageUnavailable    connection lost, server restarting, lock not had: retry on a fresh connection
│   ├── RowsRefused           PostgreSQL refuses data: find the rows and quarantine them
│   ├── StorageRefused        PostgreSQL refuses us (rights, missing table): nothing to retry
│   ├── LeaseHeld             another run of this stream is active: exit code 4
│   ├── FencedOff             this run has lost its lease and must write nothing more
│   ├── MigrationError        the schema is not one that these migrations made
│   ├── TableRefused          a table is not ours, or was altered by hand
│   ├── ObjectsInTheWay       others' views or keys depend on what a migration changes: exit code 2
│   ├── StreamChanged         a stream is read otherwise than what is stored of it: exit code 2
│   └── StreamPaused          someone has paused the slice: exit code 2
└── Stopped                   a signal asked us to end; not an error of anything

Facts are attributes, so that no caller parses a message. No secret may enter a message: URLs are given without
their userinfo, and headers never.
"""

from __future__ import annotations

from collections.abc import Iterable


class DatasyncError(Exception):
    """Base of all; never raised itself."""


class ConfigurationError(DatasyncError):
    """A setting is missing or wrong. The message names it, its value, its source and what is allowed."""


class ExportRefused(ConfigurationError):
    """A file that is asked for besides could not even be begun."""

    reason = "export_refused"


class WronglyCalled(ConfigurationError):
    """What is to be corrected is the command, and not a setting."""


class SourceRefused(ConfigurationError):
    """A file does not describe a source. ``mistakes`` are all that were found, each with file, table and key."""

    def __init__(self, file: str, mistakes: Iterable[str]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        super().__init__("\n  ".join([f"{file} describes no source, for {count}:", *self.mistakes]))


class RetryableError(DatasyncError):
    """The same request may succeed later.

    ``reason`` is a short stable slug for logs, stats and tables, such as ``truncated_json`` or ``status_503``.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class PageUnreadable(RetryableError):
    """A response with status 200 whose body is not a page."""


class PageContradiction(RetryableError):
    """A page that parses but does not say where the feed goes on, or says two things about it."""


class ServerTrouble(RetryableError):
    """The server answered that it cannot answer now."""


class ConnectionTrouble(RetryableError):
    """There was no whole answer."""


class RateLimited(RetryableError):
    """429, or another status that says the same. How long to wait, the pacing reads from the answer."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("rate_limited", detail)


class OddAnswer(RetryableError):
    """No answer to what was asked. It is asked again over a fresh connection; a second one in a row is ``final``."""

    def __init__(self, reason: str, detail: str, final: FatalError) -> None:
        super().__init__(reason, detail)
        self.final = final


class RestartFromHead(DatasyncError):
    """The position is lost to the server; the chain goes on from the head of the feed."""


class CursorExpired(RestartFromHead):
    """The server no longer honours the cursor."""


class NotModified(DatasyncError):
    """The first page is as it was when the last complete pass began: there is nothing to fetch, and nothing wrong."""


class FatalError(DatasyncError):
    """The run ends as failed; what is committed stays, and so does the position.

    ``reason`` is a short stable slug for the run's row.
    """

    reason = "failed"


class ApiRefused(FatalError):
    """The API answered 4xx with its own ``code`` and ``message``."""

    reason = "api_refused"

    def __init__(self, status: int, code: str | None, message: str | None) -> None:
        super().__init__(f"the API refused with status {status}, code {code or 'none'}: {message or 'no message'}")
        self.status = status
        self.code = code
        self.message = message


class CursorRefused(ApiRefused):
    """The API says that the cursor is invalid, malformed or unknown: this position is worth nothing to it."""


class CertificateRefused(FatalError):
    """The API could not prove who it is; no repetition mends that."""

    reason = "certificate_refused"


class WrongProtocol(FatalError):
    """What answers at the API's address is something else."""

    reason = "wrong_protocol"


class OriginRefused(FatalError):
    """A request would leave the API's own origin, and the API key with it."""

    reason = "origin_refused"


class PositionRefused(FatalError):
    """A position means nothing to the paginator that is to go on from it. The message does not hold it."""

    reason = "position_refused"


class CursorRepeated(FatalError):
    """A cursor came a second time, so following it would never end."""

    reason = "cursor_repeated"


class NoNewRecords(FatalError):
    """The API gives pages that hold nothing new, as if it ignored the cursor. The position leads nowhere."""

    reason = "no_new_records"


class OnlyEmptyPages(FatalError):
    """The API gives empty pages, each with a cursor to another one. The position may lead on some day."""

    reason = "only_empty_pages"


class FilterIgnored(FatalError):
    """The API takes no notice of the time that it is asked for."""

    reason = "filter_ignored"


class Resync(FatalError):
    """The API has forgotten what a position goes on from. It ends the run where no one begins anew."""

    reason = "resync"


class WindowTooLarge(FatalError):
    """More is asked for than the API gives in one chain. It ends the run where no one asks for less."""

    reason = "window_too_large"


class TokenExpired(FatalError):
    """The credential's life is over. It ends the run where no one renews it."""

    reason = "token_expired"


class TokenRefused(FatalError):
    """Client, secret, scope or refresh token is not accepted; no repetition mends that."""

    reason = "token_refused"


class TokensSealed(FatalError):
    """TOKEN_ENCRYPTION_KEY is missing, or is another one than that with which the tokens were stored."""

    reason = "tokens_sealed"


class SigningFailed(FatalError):
    """What is wrong is the user's code: the same request would fail again."""

    reason = "signing_failed"


class RetriesExhausted(FatalError):
    """The last of the allowed attempts failed. ``last_reason`` is that attempt's slug, ``last_detail`` its words."""

    reason = "retries_exhausted"

    def __init__(self, last_reason: str, detail: str, last_detail: str = "") -> None:
        last = f"{last_reason}: {last_detail}" if last_detail else last_reason
        super().__init__(f"gave up after {detail}; the last failure was {last}")
        self.last_reason = last_reason


class WaitTooLong(FatalError):
    """The API asks for a wait that would end after the budget: it is not begun. Nothing is wrong but the time."""

    reason = "wait_too_long"


class RejectedTooMany(FatalError):
    """More events were rejected than the configured share allows."""

    reason = "rejected_too_many"


class FieldsDrifted(FatalError):
    """Fields have appeared, vanished or changed their type, of a stream that is to fail for it."""

    reason = "fields_drifted"


class PageLost(FatalError):
    """A page did not reach the writer, so the position may not move past it."""

    reason = "page_lost"


class Stalled(FatalError):
    """Nothing was committed for longer than allowed, and no announced pause excuses it."""

    reason = "stalled"


class StorageError(DatasyncError):
    """PostgreSQL. ``sqlstate`` is its five-character code where it gave one."""

    reason = "storage_failed"

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class StorageUnavailable(StorageError):
    """It may work on a fresh connection, a little later."""

    reason = "storage_unavailable"


class ConnectionsBusy(StorageUnavailable):
    """This process has others to do with all connections that it may have: PostgreSQL was not even asked."""


class RowsRejected(StorageError):
    """Some row of the batch is not acceptable to PostgreSQL."""

    reason = "rows_refused"


class StorageRefused(StorageError):
    """PostgreSQL answered, and no repetition changes the answer."""

    reason = "storage_refused"


class LeaseHeld(StorageError):
    """Another run of this stream is active."""

    reason = "lease_held"


class FencedOff(StorageError):
    """The stream's fence is no longer ours."""

    reason = "fenced"


class MigrationError(StorageError):
    """The database's migrations are not a prefix of ours, or one was edited."""

    reason = "migration"


class TableRefused(StorageError):
    """A table is not as the migrations have made it: rows could be lost, doubled or changed. The message names each."""

    reason = "table_refused"


class ObjectsInTheWay(StorageError):
    """What others have built on our tables depends on what a migration is to change. The message names each."""

    reason = "objects_in_the_way"


class StreamChanged(StorageError):
    """What is stored of the stream was read otherwise than its source says now. The message names the way out."""

    reason = "stream_changed"


class StreamPaused(StorageError):
    """No run of the slice begins until someone lets it."""

    reason = "stream_paused"


class Stopped(DatasyncError):
    """A signal asked the run to end while it was waiting or fetching."""

"""Why a run ended, in plain words, and what to do about it.

Invariant: every reason that this project writes into a run's row has its words here; a test looks for reasons in the
code and finds each one in this table. An unknown reason, such as one of a newer version, is named and not guessed at.
"""

from __future__ import annotations

import msgspec

from datasync_spider.faces.dashboard.visible import line


class Explanation(msgspec.Struct, frozen=True):
    """``advice`` is empty where there is nothing to do."""

    words: str
    advice: str = ""


_GOES_ON = "Start it again: the next run goes on from the stored position."

RUN_REASONS: dict[str, Explanation] = {
    # Ends as complete.
    "last_page": Explanation("It read the feed to its last page, and nothing that the API counts is missing."),
    "reached_known": Explanation(
        "It read back to events that an earlier pass had proven, so everything newer is stored."
    ),
    "not_modified": Explanation(
        "It asked whether the first page has changed since the last complete pass, and it has not: nothing is new."
    ),
    "backfilled": Explanation(
        "It fetched a window of the feed, as far as the API gave it; position and pass are as they were."
    ),
    "replayed": Explanation("It tried rejected events again, as many as it was asked to."),
    # Ends as incomplete.
    "short_read": Explanation(
        "The feed ended, but the API counts more events than are accounted for.",
        "Run again: the next run reads the whole feed and finds what is missing, if the API serves it.",
    ),
    # Ends as stopped.
    "SIGTERM": Explanation("It was asked to stop; what it had fetched is committed.", _GOES_ON),
    "SIGHUP": Explanation("Its terminal went away; what it had fetched is committed.", _GOES_ON),
    "SIGINT": Explanation("It was stopped at the keyboard; what it had fetched is committed.", _GOES_ON),
    # Ends as fenced.
    "fenced": Explanation(
        "Another run took the stream over while this one was stopped or cut off; it wrote nothing after that.",
        "See that only one crawl of this stream is scheduled. Nothing needs to be repaired.",
    ),
    # Ends as failed: the process.
    "lost": Explanation(
        "Its process ended without a word, and a later run took the stream over.",
        "Look into that process's log for a crash or a kill. What it had committed stays.",
    ),
    "ended_abruptly": Explanation("Its process left the crawl without ending the run properly.", _GOES_ON),
    "ended_early": Explanation(
        "The crawl ended before the feed did, without an error of its own.",
        "Look into the log of the process, then start it again: it goes on from the stored position.",
    ),
    "failed": Explanation("It failed for a reason without a name of its own.", "The detail and the log say more."),
    "page_lost": Explanation(
        "A fetched page did not reach the database, so the position was not moved past it.",
        "Look for an item pipeline of yours that raises or loses pages, then start it again.",
    ),
    "stalled": Explanation(
        "Nothing moved for longer than STALL_TIMEOUT_MS, although nothing was being waited for.",
        "Look at the last lines of its log, then start it again: it goes on from the stored position.",
    ),
    # Ends as failed: the API.
    "api_refused": Explanation(
        "The API refused a request in a way that no repetition mends.",
        "401 or 403: check the API key and its age. Otherwise the detail holds the API's own words.",
    ),
    "certificate_refused": Explanation(
        "The API could not prove who it is: its certificate was refused.",
        "The detail says what to do: SSL_CERT_FILE, the clock, or the host in API_BASE_URL.",
    ),
    "wrong_protocol": Explanation(
        "What answers at the API's address speaks no HTTP, or no TLS.",
        "Check host, port and scheme in API_BASE_URL, and the proxy where there is one.",
    ),
    "origin_refused": Explanation(
        "A request would have left the API's own address, and the key with it.",
        "Check API_BASE_URL; the API may have begun to redirect.",
    ),
    "position_refused": Explanation(
        "The stored position is none that this stream's way of paging can have made: its source has changed.",
        "Forget what is stored with scrapy streams reset, or change the source back.",
    ),
    "cursor_repeated": Explanation(
        "The feed led back to a page that this chain had seen, so following it would never end.",
        "Start it again later. If it repeats, tell the API's operators the cursor in the log.",
    ),
    "no_new_records": Explanation(
        "The API served again what it had served before, page after page, each time with another cursor.",
        "Tell the API's operators, then start it again: it reads from the head, over what is stored.",
    ),
    "filter_ignored": Explanation(
        "The API took no notice of the time that it was asked for: no record of the first page was of that time.",
        "Leave the backfill, or correct since and until in the source's file; nothing was stored.",
    ),
    "pages_moved": Explanation(
        "Records came or went while pages were asked for by number, so that some may have been missed.",
        "Start it again, best when little changes: all pages are read once more.",
    ),
    "resync": Explanation(
        "The API wanted all to be read anew, and said so again when that had begun.",
        "Start it again: it asks from the beginning. If that never ends, look at the meanings of its source.",
    ),
    "window_too_large": Explanation(
        "The API gives no more of what is asked for in one chain of pages.",
        "Ask for less at a time, by slices or a filter in the source's file.",
    ),
    "token_expired": Explanation(
        "The API does not take the credential any more: its life is over.",
        "Renew the secret that the source's file names, then start it again.",
    ),
    "token_refused": Explanation(
        "Who gives tokens for the API gave none: client, secret, scope or refresh token are not accepted.",
        "The run's detail says which; correct it, or put a new refresh token where the source's secret is.",
    ),
    "tokens_sealed": Explanation(
        "The stored tokens are encrypted with another key than TOKEN_ENCRYPTION_KEY has.",
        "Set it to that key, or put that one behind the new one.",
    ),
    "signing_failed": Explanation(
        "A class of your own, which signs the requests, failed.",
        "The run's detail has its error; mend it, then start it again.",
    ),
    "only_empty_pages": Explanation(
        "The API gave empty pages without an end, each with a cursor to another one.",
        "Start it again: it goes on behind them. If that never ends, tell the API's operators.",
    ),
    "cursor_expires_too_fast": Explanation(
        "Cursors expired again and again before a page was through.",
        "Make pages smaller with API_PAGE_LIMIT, or see what makes the API or the database slow.",
    ),
    "retries_exhausted": Explanation(
        "The API kept failing for longer than the allowed attempts.",
        "Wait until the API is well, then start it again: it goes on from the stored position.",
    ),
    "wait_too_long": Explanation(
        "The API asked it to wait for longer than API_RATE_LIMIT_WAIT_BUDGET_MS allows for a page.",
        "The detail says until when. Start it again after that, or raise the budget.",
    ),
    "rejected_too_many": Explanation(
        "So many events were rejected that the feed is probably not what it should be.",
        "Look at the rejected events. If they are acceptable, raise REJECTED_MAX_PERCENT and start it again.",
    ),
    "fields_drifted": Explanation(
        "Fields of its records have appeared, vanished or changed their type, and its source says that it fails then.",
        "Look at the fields that the detail names, and at what reads them. Started again, it goes on from the stored"
        " position.",
    ),
    # Ends as failed: the database.
    "storage_failed": Explanation("Writing to PostgreSQL failed.", "The detail and the log say more."),
    "storage_unavailable": Explanation(
        "PostgreSQL could not be reached for longer than WRITE_RETRY_BUDGET_MS.",
        "See that the database is up, then start it again: it goes on from the stored position.",
    ),
    "storage_refused": Explanation(
        "PostgreSQL refused the statement, and no repetition changes that.",
        "Check the user's rights, the free disk and the schema: scrapy migrate --check.",
    ),
    "rows_refused": Explanation(
        "PostgreSQL refused rows that could not be distinguished from the others.",
        "The detail holds its words. The page will be tried again by the next run.",
    ),
    "lease_held": Explanation("Another run of this stream was active.", "Wait for it to end, or stop it."),
    "table_refused": Explanation(
        "A table of one of our names was made by another program, or was altered by hand.",
        "scrapy doctor names what is wrong, and what is expected.",
    ),
    "objects_in_the_way": Explanation(
        "A migration would change what a view, a foreign key or the like of yours needs.",
        "scrapy migrate --check names each, with what makes it again: drop it, migrate, make it again.",
    ),
    "stream_changed": Explanation(
        "The stream is read otherwise than what is stored of it was.",
        "The log says what has changed: scrapy streams reset forgets what is stored, or give the stream another name.",
    ),
    "stream_paused": Explanation("Someone has paused it.", "scrapy streams resume lets it go on."),
    "export_refused": Explanation(
        "An export that was asked for cannot be made.", "Correct the crawl's options -o and -O, or FEEDS."
    ),
    "migration": Explanation(
        "The database's schema is not one that this version knows.",
        "Run the version that made it, or a newer one.",
    ),
}

REJECTION_REASONS: dict[str, Explanation] = {
    "no_id": Explanation("It has no id under any known name."),
    "id_wrong_type": Explanation("Its id is neither text nor a whole number."),
    "id_empty": Explanation("Its id is empty, or holds only characters that do not show."),
    "id_nul": Explanation("Its id holds a NUL character, which PostgreSQL cannot keep."),
    "id_too_long": Explanation("Its id is longer than an index of PostgreSQL can hold."),
    "nul_character": Explanation("It holds a NUL character, which PostgreSQL's JSON cannot keep."),
    "lone_surrogate": Explanation("It holds half a character, which no text may."),
    "invalid_utf8": Explanation("Its bytes are not UTF-8."),
    "malformed_json": Explanation("It is not JSON."),
    "not_an_object": Explanation("It is JSON, but no object."),
    "too_deep": Explanation("It is nested too deep."),
    "id_incomplete": Explanation("A part of its id is missing or null."),
    "not_wrapped": Explanation("Nothing stands at the place within it where the record should be."),
    "not_a_member": Explanation("It is no object that a key could be kept in."),
    "key_taken": Explanation("It has a member of its own under the name that its key would be kept under."),
    "not_a_scalar": Explanation("It is an object or a list, where texts and numbers are expected."),
    "not_a_row": Explanation("It is no list of values."),
    "row_length": Explanation("It has more or fewer values than there are names."),
    "time_wrong_type": Explanation("An item pipeline gave it a time that is not a whole number."),
    "time_out_of_range": Explanation("An item pipeline gave it a time outside of the years 1 to 9999."),
}
_REFUSED_BY_POSTGRESQL = "refused_by_postgresql_"


def explain_run(reason: str | None) -> Explanation:
    """The words for a run's reason; an unknown one is shown as it is."""
    if reason is None:
        return Explanation("It says no reason.")
    unknown = Explanation(f"Its reason is “{line(reason, 200)}”.", "The detail and the log say more.")
    return RUN_REASONS.get(reason, unknown)


def explain_rejection(reason: str) -> Explanation:
    """The words for a dead letter's reason; an unknown one is shown as it is."""
    if reason.startswith(_REFUSED_BY_POSTGRESQL):
        code = line(reason.removeprefix(_REFUSED_BY_POSTGRESQL).upper(), 20)
        return Explanation(f"PostgreSQL refuses it with code {code}.")
    return REJECTION_REASONS.get(reason, Explanation(f"Its reason is “{line(reason, 200)}”."))

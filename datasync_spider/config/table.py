"""The settings, one row each: parsing, the reference page and ``.env.example`` all follow this table.

Invariant: a name stands here once, and its default is written the way a user would write it. No parsing and no I/O.
"""

from __future__ import annotations

from msgspec import Struct

from datasync_spider import __version__
from datasync_spider.config import kinds
from datasync_spider.config.kinds import Kind

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Setting(Struct, frozen=True):
    """``default`` is text, empty where there is none; ``attribute`` is the field of ``Config`` that holds the value.

    ``by_file`` names the variable that may name a file with the value instead: secrets are often handed over so.
    """

    name: str
    attribute: str
    default: str
    kind: Kind
    doc: str
    secret: bool = False
    by_file: str | None = None


API = (
    Setting(
        "API_MODE",
        "api_mode",
        "mock",
        kinds.choice("mock", "live"),
        "Where events come from: the bundled mock or a real API.",
    ),
    Setting(
        "API_BASE_URL",
        "base_url",
        "",
        kinds.base_url(),
        "The API's address. Unset in mock mode: the bundled mock is started. Required in live mode.",
    ),
    Setting(
        "DATASYNC_API_KEY",
        "api_key",
        "",
        kinds.header_value(),
        "The key sent as X-API-Key. Required in live mode.",
        secret=True,
        by_file="DATASYNC_API_KEY_FILE",
    ),
    Setting("API_PAGE_LIMIT", "page_limit", "5000", kinds.whole_number(1, 5000), "Events asked for per page."),
    Setting(
        "API_TIMEOUT_MS",
        "timeout_ms",
        "30000",
        kinds.whole_number(100, _HOUR_MS),
        "How long one request may take, body included.",
    ),
    Setting(
        "API_MAX_RETRIES",
        "max_retries",
        "30",
        kinds.whole_number(0, 1000),
        "How often one page is asked for again after errors; waits of 429 do not count.",
    ),
    Setting(
        "API_RETRY_BASE_MS",
        "retry_base_ms",
        "200",
        kinds.whole_number(1, _HOUR_MS),
        "The first pause after an error; it doubles with each further one.",
    ),
    Setting(
        "API_RETRY_MAX_MS",
        "retry_max_ms",
        "30000",
        kinds.whole_number(1, _HOUR_MS),
        "The longest pause after an error; not below API_RETRY_BASE_MS.",
    ),
    Setting(
        "API_RATE_LIMIT_WAIT_BUDGET_MS",
        "rate_limit_wait_budget_ms",
        "3600000",
        kinds.whole_number(0, 7 * _DAY_MS),
        "How long one page may be held back by waits that the API asks for, whatever the status, before the run fails.",
    ),
    Setting(
        "API_MAX_BODY_BYTES",
        "max_body_bytes",
        "67108864",
        kinds.whole_number(1024, 1_073_741_824),
        "The largest response body that is read.",
    ),
    Setting(
        "USER_AGENT",
        "user_agent",
        f"datasync-ingestion/{__version__}",
        kinds.header_text(),
        "What the client calls itself.",
    ),
    Setting(
        "USER_AGENT_ROTATION",
        "user_agent_rotation",
        "false",
        kinds.boolean(),
        "Send a browser's name, drawn anew for each request, instead of USER_AGENT.",
    ),
)
DATABASE = (
    Setting(
        "DATABASE_URL",
        "database_url",
        "",
        kinds.database_url(),
        "The PostgreSQL to write to. Unset: an embedded one is started in DATASYNC_HOME.",
        secret=True,
        by_file="DATABASE_URL_FILE",
    ),
    Setting(
        "DATABASE_CONNECTIONS",
        "database_connections",
        "8",
        kinds.whole_number(3, 1_000),
        "How many connections a process that crawls has at most, however many slices it syncs at once; half of eight"
        " write.",
    ),
    Setting(
        "DATASYNC_HOME",
        "home",
        ".datasync",
        kinds.path(),
        "The directory of the embedded database and of the local services' logs.",
    ),
)
WRITING = (
    Setting(
        "WRITE_BATCH_SIZE",
        "write_batch_size_rows",
        "25000",
        kinds.whole_number(1, 1_000_000),
        "The most rows per transaction; batches get smaller, down to a tenth, while commits take over two seconds."
        " A page is never split, and a kilobyte counts as a row.",
    ),
    Setting(
        "WRITE_CONCURRENCY",
        "write_concurrency",
        "2",
        kinds.whole_number(1, 8),
        "Connections that write at once; commits keep the order of pages.",
    ),
    Setting(
        "WRITE_RETRY_BUDGET_MS",
        "write_retry_budget_ms",
        "360000",
        kinds.whole_number(0, _DAY_MS),
        "How long an unreachable database is waited for before the run fails.",
    ),
    Setting(
        "CONFLICT_RULE",
        "conflict_rule",
        "first",
        kinds.choice("first", "last"),
        "Which of two versions of an event is stored: the first one, or the one that occurred last.",
    ),
    Setting(
        "KEEP_HISTORY",
        "keep_history",
        "true",
        kinds.boolean(),
        "With CONFLICT_RULE=last: keep the versions that are not stored, in a table of their own.",
    ),
    Setting(
        "REJECTED_MAX_PERCENT",
        "rejected_max_percent",
        "5",
        kinds.percentage(),
        "The share of rejected events above which the run fails.",
    ),
)
RUNNING = (
    Setting(
        "STREAM",
        "stream",
        "events",
        kinds.pattern(
            r"[a-z0-9_-]{1,63}|[A-Za-z0-9_-]{1,63}\.[A-Za-z0-9_-]{1,63}",
            "1 to 63 of a-z, 0-9, _ and -, or SOURCE.STREAM",
        ),
        "The stream's name; each has its own table, position and lease. SOURCE.STREAM: for commands that look at a"
        " stream of another source.",
    ),
    Setting(
        "SLICE",
        "slice",
        "{}",
        kinds.slice_name(1_000),
        "Which slice of the stream: its values as a JSON object, or its name; each has its own position and lease.",
    ),
    Setting(
        "SYNC_EVERY",
        "sync_every_seconds",
        "",
        kinds.duration(1, 366 * 86_400),
        "How often the stream is to be synced: seconds, or 5m, 1h, 1d. Unset: nothing says when it is due. Streams of"
        " other sources have every in their file.",
    ),
    Setting(
        "DATABASE_SCHEMA",
        "database_schema",
        "",
        kinds.pattern(
            r"(?!pg_)[A-Za-z_][A-Za-z0-9_-]{0,62}", "1 to 63 of A-Z, a-z, 0-9, _ and -, not beginning with pg_"
        ),
        "Where the table of a new stream is made; unset: beside the other tables.",
    ),
    Setting(
        "LIVE_DISCOVERY_ON_RESUME",
        "live_discovery_on_resume",
        "false",
        kinds.boolean(),
        "Log what the API reports of itself also when a live run resumes, not only with a stream's first page.",
    ),
    Setting(
        "LEASE_TTL_MS",
        "lease_ttl_ms",
        "60000",
        kinds.whole_number(1000, _HOUR_MS),
        "How long a run that fell silent keeps its stream from others.",
    ),
    Setting(
        "STALL_TIMEOUT_MS",
        "stall_timeout_ms",
        "600000",
        kinds.whole_number(1000, _DAY_MS),
        "How long a run may make no progress, deliberate waits aside, before it fails.",
    ),
)
SOURCES = (
    Setting(
        "SOURCES_DIR",
        "sources_dir",
        "sources",
        kinds.path(),
        "The directory with a TOML file for each source; one that is not set need not be there.",
    ),
    Setting(
        "TOKEN_ENCRYPTION_KEY",
        "token_encryption_keys",
        "",
        kinds.encryption_keys(),
        "The key with which refreshed OAuth2 tokens are stored; the first of several encrypts, all decrypt. Unset: they"
        " are stored as they are.",
        secret=True,
        by_file="TOKEN_ENCRYPTION_KEY_FILE",
    ),
)
OBSERVING = (
    Setting(
        "METRICS_PORT",
        "metrics_port",
        "",
        kinds.whole_number(0, 65535),
        "Where a crawl, or scrapy sync for all that it syncs, serves /metrics, /livez and /readyz; 0: a free port,"
        " reported in the log. Unset: nowhere.",
    ),
    Setting(
        "METRICS_HOST",
        "metrics_host",
        "127.0.0.1",
        kinds.listen_address(),
        "The address for METRICS_PORT; anything but loopback also answers requests with foreign Host headers.",
    ),
    Setting(
        "METRICS_PER_SLICE",
        "metrics_per_slice",
        "false",
        kinds.boolean(),
        "Metrics of scrapy dashboard have the label slice besides source and stream, and a line for each slice.",
    ),
)
NOTIFYING = (
    Setting(
        "NOTIFY_URL",
        "notify_url",
        "",
        kinds.webhook_url(),
        "Where a JSON message is posted when a stream fails, recovers or is late. Unset: nowhere.",
        secret=True,
        by_file="NOTIFY_URL_FILE",
    ),
    Setting(
        "NOTIFY_SECRET",
        "notify_secret",
        "",
        kinds.signing_secret(),
        "What these messages are signed with, so that their receiver knows who has sent them. Unset: they are not.",
        secret=True,
        by_file="NOTIFY_SECRET_FILE",
    ),
)
LOGGING = (
    Setting(
        "LOG_LEVEL",
        "log_level",
        "INFO",
        kinds.choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        "The least severe messages that are logged.",
    ),
    Setting(
        "LOG_FORMAT", "log_format", "text", kinds.choice("text", "json"), "Lines for people, or one JSON object a line."
    ),
    Setting(
        "LOG_COPY_FILE",
        "log_copy_file",
        "",
        kinds.path(),
        "A file that gets, at its end, a copy of all that is logged, wherever else that goes. Unset: none.",
    ),
    Setting(
        "PROGRESS_LOG_INTERVAL_MS",
        "progress_log_interval_ms",
        "5000",
        kinds.whole_number(100, _DAY_MS),
        "How often a running crawl logs its progress.",
    ),
)

SETTINGS = (*API, *DATABASE, *WRITING, *RUNNING, *SOURCES, *OBSERVING, *NOTIFYING, *LOGGING)
# The bundled mock's own settings; it reads and checks them itself.
MOCK_PREFIX = "MOCK_"

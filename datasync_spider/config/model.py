"""The configuration as one frozen value.

Invariant: what is printed of it (``repr``, :attr:`Config.database_label`) holds no secret. It knows nothing of sources.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from scrapy.settings import BaseSettings
from scrapy.utils.conf import closest_scrapy_cfg

from datasync_spider.config.database_url import database_label, database_secrets
from datasync_spider.config.misspelt import misspelt
from datasync_spider.config.reading import Reading
from datasync_spider.config.sources import DotEnv, Sources, given_texts, read_dotenv
from datasync_spider.config.table import MOCK_PREFIX
from datasync_spider.sources.credential import Credential


def project_directory() -> Path:
    """Where ``scrapy.cfg`` is: at or above the working directory, as for Scrapy. Else it is the working directory.

    Where this package lies does not matter: it may be installed for many projects.
    """
    closest = closest_scrapy_cfg()
    return Path(closest).resolve().parent if closest else Path.cwd()


_PROJECT = project_directory()
_DOTENV = _PROJECT / ".env"
_SHORTEST_SECRET = 8
BUNDLED_MOCK_URL = "BUNDLED_MOCK_URL"
"""Scrapy's setting in which the command that starts the bundled mock says where it is; nothing else sets it."""


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """Every setting under its attribute (see ``table.py``); None where it is unset and has no default.

    ``is_sources_dir_given``: then the directory must be there. ``is_slice_given``: STREAM or SLICE says which is meant.
    """

    api_mode: str
    base_url: str | None
    api_key: str | None
    page_limit: int
    timeout_ms: int
    max_retries: int
    retry_base_ms: int
    retry_max_ms: int
    rate_limit_wait_budget_ms: int
    max_body_bytes: int
    user_agent: str
    user_agent_rotation: bool
    database_url: str | None
    database_connections: int
    home: Path
    write_batch_size_rows: int
    write_concurrency: int
    write_retry_budget_ms: int
    conflict_rule: Literal["first", "last"]
    keep_history: bool
    rejected_max_percent: float
    stream: str
    slice: str
    sync_every_seconds: float | None
    database_schema: str | None
    live_discovery_on_resume: bool
    lease_ttl_ms: int
    stall_timeout_ms: int
    sources_dir: Path
    token_encryption_keys: tuple[bytes, ...] | None
    metrics_port: int | None
    metrics_host: str
    metrics_per_slice: bool
    notify_url: str | None
    notify_secret: str | None
    log_level: str
    log_format: str
    log_copy_file: Path | None
    progress_log_interval_ms: int
    is_sources_dir_given: bool
    is_slice_given: bool
    mock_environ: Mapping[str, str]
    bundled_mock_url: str | None
    warnings: tuple[str, ...]

    @classmethod
    def from_settings(
        cls,
        settings: BaseSettings,
        environ: Mapping[str, str] = os.environ,
        env_file: Path | None = _DOTENV,
        project: Path = _PROJECT,
    ) -> Config:
        """Reads every source; ``env_file=None`` leaves that one out. Relative paths start at ``project``.

        Raises ConfigurationError with everything that is wrong.
        """
        sources = Sources(settings, environ, read_dotenv(env_file) if env_file else DotEnv({}))
        reading = Reading(sources, project)
        reading.read_all()
        copy_file = reading.values["log_copy_file"]
        values = {
            **reading.values,
            "home": project / reading.values["home"],
            "sources_dir": project / reading.values["sources_dir"],
            "log_copy_file": project / copy_file if copy_file else None,
        }
        warnings = (*sources.dotenv.warnings, *misspelt(sources), *reading.warnings)
        return cls(
            **values,
            is_sources_dir_given="sources_dir" in reading.given,
            is_slice_given=not reading.given.isdisjoint({"stream", "slice"}),
            mock_environ=dict(given_texts(sources, MOCK_PREFIX)),
            bundled_mock_url=settings.get(BUNDLED_MOCK_URL),
            warnings=warnings,
        )

    @property
    def is_live(self) -> bool:
        return self.api_mode == "live"

    @property
    def is_bundled_mock(self) -> bool:
        """Whether the API is the mock that this process has started: it is on this machine, and behind no proxy."""
        return self.base_url is not None and self.base_url == self.bundled_mock_url

    @property
    def base_url_text(self) -> str:
        """For those who run when the API's address is known, be it the user's or the started mock's."""
        assert self.base_url is not None
        return self.base_url

    @property
    def credential(self) -> Credential:
        """What the API counts requests by."""
        return Credential.of(None if self.is_bundled_mock else self.base_url, self.api_key)

    @property
    def database_url_text(self) -> str:
        """For those who run when the database's address is known, be it the user's or the embedded server's."""
        assert self.database_url is not None
        return self.database_url

    @property
    def database_label(self) -> str:
        """Which database, for people."""
        return database_label(self.database_url) if self.database_url else f"the embedded PostgreSQL in {self.home}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed: keys, and the passwords in the database's URL in each written form."""
        keys = tuple(filter(None, (self.api_key, self.notify_secret, *_secrets_of_url(self.notify_url))))
        for key in self.token_encryption_keys or ():
            keys += (base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode())
        return keys + (database_secrets(self.database_url) if self.database_url else ())

    @property
    def timeout_seconds(self) -> float:
        return self.timeout_ms / 1000

    @property
    def progress_log_interval_seconds(self) -> float:
        return self.progress_log_interval_ms / 1000

    @property
    def stall_timeout_seconds(self) -> float:
        return self.stall_timeout_ms / 1000

    @property
    def lease_ttl_seconds(self) -> float:
        return self.lease_ttl_ms / 1000

    def __repr__(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("api_key", "token_encryption_keys", "notify_url", "notify_secret"):
            shown[name] = "***" if shown[name] else None
        shown["database_url"] = self.database_label if self.database_url else None
        return f"Config({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _secrets_of_url(url: str | None) -> tuple[str, ...]:
    """The whole, and what is behind the host, which alone may be what is secret and what someone logs."""
    if url is None:
        return ()
    parts = urlsplit(url)
    behind = urlunsplit(("", "", parts.path, parts.query, ""))
    return (url, behind) if len(behind) > _SHORTEST_SECRET else (url,)

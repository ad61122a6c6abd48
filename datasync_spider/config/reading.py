"""From texts to values: every setting is read, every mistake is collected, and all are reported together.

Invariant: no message made here shows the value of a secret. Rules that join several settings live here too, since they
are part of what "wrong" means; what the values are for does not.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datasync_spider.config.mangled import has_quote_at_an_end, hint, is_enclosed, is_orchestrated, key_doubts
from datasync_spider.config.secretfiles import find_with_file
from datasync_spider.config.sources import Found, Sources
from datasync_spider.config.table import SETTINGS, Setting
from datasync_spider.errors import ConfigurationError

_MASK = "***"
_KEY = "api_key"
# A quote at one end alone is a part of an address by mistake, while a path or a name may end with one.
_ADDRESSES = frozenset({"base_url", "database_url"})


class Reading:
    """One pass over the table. ``values``: what could be read, by attribute; ``given``: those that are no default."""

    def __init__(self, sources: Sources, project: Path) -> None:
        self._sources = sources
        self._project = project
        self.values: dict[str, Any] = {}
        self.given: set[str] = set()
        self.warnings: list[str] = []
        self._mistakes: list[str] = []

    def read_all(self) -> None:
        """Raises ConfigurationError, with all that is wrong, unless everything is right."""
        for setting in SETTINGS:
            self.values[setting.attribute] = self._read(setting)
            if self._sources.stands_in_project_settings(setting.name) and setting.name not in _SCRAPY_NAMES:
                self.warnings.append(
                    f"{setting.name} in the project's settings.py is not read: put it into .env or the environment"
                )
        self._check_live_mode()
        self._check_retry_pauses()
        if self._mistakes:
            count = "1 setting is wrong" if len(self._mistakes) == 1 else f"{len(self._mistakes)} settings are wrong"
            raise ConfigurationError("\n  ".join([f"{count}:", *self._mistakes]))

    def _read(self, setting: Setting) -> Any:
        found = self._find(setting)
        if found is None:
            return setting.kind.read(setting.default) if setting.default else None
        self.given.add(setting.attribute)
        doubts = _doubts(setting, found.text)
        try:
            value = setting.kind.read(found.text)
            _refuse_what_came_along(setting, found.text)
        except ValueError as error:
            shown = _MASK if setting.secret else setting.kind.show(found.text)
            refusal = f"{setting.name} is {shown} ({found.source}): {error}; allowed: {setting.kind.allowed}"
            self._mistake("; ".join([refusal, *doubts]))
            return None
        self.warnings.extend(f"{setting.name} ({found.source}): {doubt}" for doubt in doubts)
        return value

    def _find(self, setting: Setting) -> Found | None:
        if setting.by_file is None:
            return self._sources.find(setting.name)
        try:
            return find_with_file(self._sources, self._project, setting.name, setting.by_file)
        except ValueError as error:
            self._mistake(str(error))
            return None

    def _check_live_mode(self) -> None:
        if self.values["api_mode"] != "live":
            return
        for name, attribute in (("API_BASE_URL", "base_url"), ("DATASYNC_API_KEY", "api_key")):
            if self.values[attribute] is None and not self._reported(name):
                also = " (or DATASYNC_API_KEY_FILE)" if attribute == "api_key" else ""
                self._mistake(
                    f"{name} is missing, and API_MODE is live: looked for it{also} on the command line (-s),"
                    " in the environment and in .env"
                )
        base_url = self.values["base_url"]
        if base_url is not None and base_url.startswith("http:") and not _is_loopback(base_url):
            self.warnings.append(
                f"the API key travels unencrypted: API_BASE_URL is {base_url}; use https where the API has it"
            )

    def _check_retry_pauses(self) -> None:
        base, longest = self.values["retry_base_ms"], self.values["retry_max_ms"]
        if base is not None and longest is not None and longest < base:
            sources = " and ".join(
                f"{name} ({found.source if found else 'default'})"
                for name in ("API_RETRY_MAX_MS", "API_RETRY_BASE_MS")
                for found in [self._sources.find(name)]
            )
            self._mistake(f"API_RETRY_MAX_MS is {longest}, below API_RETRY_BASE_MS, which is {base}: {sources}")

    def _mistake(self, text: str) -> None:
        self._mistakes.append(text)

    def _reported(self, name: str) -> bool:
        return any(text.startswith(name) for text in self._mistakes)


# Scrapy has settings of these names, so a value in settings.py is meant for Scrapy.
_SCRAPY_NAMES = frozenset({"LOG_LEVEL", "LOG_FORMAT", "USER_AGENT"})


def _doubts(setting: Setting, text: str) -> list[str]:
    """What looks odd about a text, whether it can be read or not; nothing of it is shown."""
    if setting.attribute == _KEY:
        return list(key_doubts(text))
    doubt = hint(setting.name, text)
    return [] if doubt is None else [doubt]


def _refuse_what_came_along(setting: Setting, text: str) -> None:
    """What a kind accepts as text although it is none of the value's own. Raises ValueError."""
    if setting.attribute == _KEY:
        return
    if is_enclosed(text) or (setting.attribute in _ADDRESSES and has_quote_at_an_end(text)):
        raise ValueError("it begins or ends with a quote")
    if is_orchestrated(text):
        raise ValueError("it is an address of another kind")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

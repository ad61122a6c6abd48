"""The settings as they are in force, each with the place that it comes from.

Invariant: no secret is in what comes out: a key is masked whole, a database's URL is shown by its label.
"""

from __future__ import annotations

from msgspec import Struct

from datasync_spider.config import SETTINGS, Config, Setting
from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.config.sources import Sources
from datasync_spider.ops.doctor.finding import Finding, fine, warning

PART = "configuration"
_MASK = "***"


class InForce(Struct, frozen=True):
    """``value`` None: unset, without a default."""

    name: str
    value: str | None
    source: str


def settings_in_force(sources: Sources, config: Config) -> list[InForce]:
    """One entry a setting, in the table's order."""
    return [_in_force(setting, sources, config) for setting in SETTINGS]


def _in_force(setting: Setting, sources: Sources, config: Config) -> InForce:
    found = sources.find(setting.name)
    pointer = sources.find(setting.by_file) if setting.by_file else None
    if pointer is not None:
        source = f"the file {pointer.text}, named by {setting.by_file} ({pointer.source})"
    else:
        source = found.source if found else "default" if setting.default else "unset"
    value = getattr(config, setting.attribute)
    if value is None:
        return InForce(setting.name, None, source)
    if setting.attribute == "database_url":
        return InForce(setting.name, config.database_label, source)
    return InForce(setting.name, _MASK if setting.secret else _text(value), source)


def check_configuration(config: Config) -> list[Finding]:
    """What can be said of a configuration that is valid."""
    findings = [
        warning(PART, text, "put it right where it stands, or leave it if it is meant") for text in config.warnings
    ]
    (feed,) = built_in_source().streams.values()
    if config.base_url is not None and config.base_url.endswith(feed.url):
        remedy = f"leave the {feed.url} at its end out: it is added"
        findings.append(warning(PART, f"API_BASE_URL is {config.base_url}, which seems to be the feed itself", remedy))
    count = len(SETTINGS)
    return [fine(PART, f"all {count} settings can be read; API_MODE is {config.api_mode}"), *findings]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""The reference page and ``.env.example`` list exactly the settings that there are."""

from __future__ import annotations

import re

import pytest
from scrapy.settings import Settings

from datasync_spider import __version__
from datasync_spider.config import SETTINGS, Config
from datasync_spider.config.dotenvtext import example_text
from mock_api import options
from tests.unit.docs.pages import DOCS, PROJECT, Page, first_code, read

EXAMPLE = PROJECT / ".env.example"
MOCK_SECTION = "The bundled mock"


def documented(default: str) -> str:
    """The version is named, so that a new one does not change the page."""
    return default.replace(__version__, "<version>")


def expected() -> list[tuple[str, str, str]]:
    """Name, default and what is allowed, in the order of the table."""
    rows = []
    for setting in SETTINGS:
        rows.append((setting.name, documented(setting.default), setting.kind.allowed))
        if setting.by_file:
            rows.append((setting.by_file, "", "a readable text file"))
    return rows


def mock_defaults() -> dict[str, str]:
    """What the mock makes of an empty environment."""
    made = options.parse([], {})
    return {
        "MOCK_TOTAL_EVENTS": str(made.total),
        "MOCK_SEED": str(made.feed.seed),
        "MOCK_RATE_LIMIT": str(made.limits.limit),
        "MOCK_RATE_WINDOW_MS": str(made.limits.window_ms),
        "MOCK_API_KEY": made.api_key or "",
        "MOCK_HOST": made.host,
        "MOCK_PORT": str(made.port),
    }


def default_of(cell: str) -> str:
    return "" if cell == "unset" else first_code(cell)


@pytest.fixture(scope="module")
def page() -> Page:
    return read(DOCS / "reference" / "settings.md")


def test_the_page_lists_every_setting_with_its_default_and_what_is_allowed(page: Page) -> None:
    rows = [row for section in page.sections if section.title != MOCK_SECTION for row in section.rows()]

    assert [(first_code(name), default_of(default), allowed) for name, default, allowed, _ in rows] == expected()


def test_the_page_lists_every_setting_of_the_mock(page: Page) -> None:
    rows = page.section(MOCK_SECTION).rows()

    assert {first_code(name): default_of(default) for name, default, *_ in rows} == mock_defaults()
    assert mock_defaults().keys() == set(options._ENVIRONMENT.values())


def test_the_example_shows_every_setting_at_its_default_and_sets_none() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    shown = [match.groups() for line in lines if (match := re.fullmatch(r"#([A-Z_]+)=(.*)", line))]
    assert shown == [(name, default) for name, default, _ in expected()] + list(mock_defaults().items())
    assert all(line.startswith("#") for line in lines if line)


def test_the_example_says_of_every_setting_what_is_allowed() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    for setting in SETTINGS:
        assert f"# Allowed: {setting.kind.allowed}.\n#{setting.name}=" in text


def test_the_example_is_made_of_the_table() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example_text()


def test_the_example_changes_nothing_when_it_is_copied() -> None:
    without = Config.from_settings(Settings(), {}, None, PROJECT)

    assert Config.from_settings(Settings(), {}, EXAMPLE, PROJECT) == without

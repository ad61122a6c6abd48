"""The reference page, ``.env.example`` and ``docker-compose.yml`` are what the table of settings makes of them."""

from __future__ import annotations

import pytest
from scrapy.settings import Settings

from datasync_spider.config import SETTINGS, Config
from datasync_spider.config.documents import MADE, MOCK, SECTIONS
from mock_api import options
from tests.unit.docs.pages import PROJECT

EXAMPLE = PROJECT / ".env.example"


@pytest.mark.parametrize("path", MADE)
def test_what_is_made_of_the_table_is_as_it_is_made(path: str) -> None:
    text = (PROJECT / path).read_text(encoding="utf-8")

    assert MADE[path](text) == text, "python -m datasync_spider.config.documents --write"


def test_every_setting_is_in_a_section_of_the_page() -> None:
    assert [setting for group in SECTIONS.values() for setting in group] == list(SETTINGS)


def test_the_settings_of_the_mock_are_all_that_it_has_with_its_own_defaults() -> None:
    made = options.parse([], {})

    assert {name: default for name, default, *_ in MOCK} == {
        "MOCK_TOTAL_EVENTS": str(made.total),
        "MOCK_SEED": str(made.feed.seed),
        "MOCK_RATE_LIMIT": str(made.limits.limit),
        "MOCK_RATE_WINDOW_MS": str(made.limits.window_ms),
        "MOCK_API_KEY": made.api_key or "",
        "MOCK_HOST": made.host,
        "MOCK_PORT": str(made.port),
    }
    assert {name for name, *_ in MOCK} == set(options._ENVIRONMENT.values())


def test_the_example_sets_nothing() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    assert all(line.startswith("#") for line in lines if line)


def test_the_example_changes_nothing_when_it_is_copied() -> None:
    without = Config.from_settings(Settings(), {}, None, PROJECT)

    assert Config.from_settings(Settings(), {}, EXAMPLE, PROJECT) == without

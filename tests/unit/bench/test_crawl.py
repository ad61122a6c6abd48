"""The environment of a measured crawl: this process's, without what would change what is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.crawl import crawl_environment
from datasync_spider.config.table import MOCK_PREFIX, SETTINGS


def environment(**settings: str) -> dict[str, str]:
    return crawl_environment("http://api.test", "postgresql://db.test/x", Path("/home/of/it"), **settings)


def test_a_crawl_keeps_its_byte_code_whatever_this_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert "PYTHONDONTWRITEBYTECODE" not in environment()
    assert environment()["PYTHONHASHSEED"] == "7"


def test_a_crawl_has_no_setting_but_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name for setting in SETTINGS for name in (setting.name, setting.by_file) if name is not None}
    for name in ours:
        monkeypatch.setenv(name, "of this process")
    monkeypatch.setenv(f"{MOCK_PREFIX}PORT", "1")
    made = environment(API_PAGE_LIMIT="100")
    assert {name: value for name, value in made.items() if name in ours or name.startswith(MOCK_PREFIX)} == {
        "API_BASE_URL": "http://api.test",
        "DATABASE_URL": "postgresql://db.test/x",
        "DATASYNC_HOME": "/home/of/it",
        "API_PAGE_LIMIT": "100",
    }

"""The settings in force, each with its source; secrets only ever masked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scrapy.settings import Settings

from datasync_spider.config import SETTINGS, Config
from datasync_spider.config.sources import DotEnv, Sources, read_dotenv
from datasync_spider.ops.doctor.configuration import InForce, check_configuration, settings_in_force
from datasync_spider.ops.doctor.finding import Level


def look(environ: Mapping[str, str], tmp_path: Path, env_file: Path | None = None) -> tuple[dict[str, InForce], Config]:
    settings = Settings()
    config = Config.from_settings(settings, environ, env_file, tmp_path)
    sources = Sources(settings, environ, read_dotenv(env_file) if env_file else DotEnv({}))
    return {item.name: item for item in settings_in_force(sources, config)}, config


def test_every_setting_is_reported_with_the_place_that_it_comes_from(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("STREAM=from-dotenv\n")
    found, _ = look({"API_PAGE_LIMIT": "100"}, tmp_path, env_file)
    assert found.keys() == {setting.name for setting in SETTINGS}
    assert found["API_PAGE_LIMIT"] == InForce("API_PAGE_LIMIT", "100", "environment")
    assert found["STREAM"].value == "from-dotenv"
    assert "line 1" in found["STREAM"].source
    assert found["API_TIMEOUT_MS"].source == "default"
    assert found["DATABASE_URL"] == InForce("DATABASE_URL", None, "unset")
    assert found["USER_AGENT_ROTATION"].value == "false"


def test_a_key_and_a_password_are_masked_wherever_they_come_from(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("file-key\n")
    environ = {"DATASYNC_API_KEY_FILE": str(key_file), "DATABASE_URL": "postgresql://me:hunter2@host/events"}
    found, _ = look(environ, tmp_path)
    assert found["DATASYNC_API_KEY"].value == "***"
    assert str(key_file) in found["DATASYNC_API_KEY"].source
    assert found["DATABASE_URL"].value == "postgresql://me@host/events"
    assert "hunter2" not in repr(found)
    assert "file-key" not in repr(found)


def test_warnings_of_the_configuration_are_findings_with_a_remedy(tmp_path: Path) -> None:
    environ = {"API_MODE": "live", "API_BASE_URL": "http://api.example.com/api/v1", "DATASYNC_API_KEY": "k"}
    _, config = look(environ, tmp_path)
    levels = [finding.level for finding in check_configuration(config)]
    assert levels == [Level.OK, Level.WARNING]


def test_an_address_that_is_the_feed_itself_is_noticed(tmp_path: Path) -> None:
    _, config = look({"API_BASE_URL": "https://api.example.com/api/v1/events"}, tmp_path)
    assert any("the feed itself" in finding.text for finding in check_configuration(config))

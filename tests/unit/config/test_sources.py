"""Which of the places where a setting may stand wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError


def load(
    tmp_path: Path,
    command_line: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    dotenv: str = "",
    priority: str = "cmdline",
) -> Config:
    settings = Settings()
    settings.setdict(command_line or {}, priority=priority)
    env_file = tmp_path / ".env"
    env_file.write_text(dotenv, encoding="utf-8")
    return Config.from_settings(settings, environ or {}, env_file, tmp_path)


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    config = Config.from_settings(Settings(), {}, None, tmp_path)

    assert (config.api_mode, config.page_limit, config.write_batch_size_rows) == ("mock", 5000, 25_000)
    assert (config.base_url, config.api_key, config.database_url) == (None, None, None)
    assert config.home == tmp_path / ".datasync"
    assert config.warnings == ()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    environ = {"API_PAGE_LIMIT": "20", "WRITE_CONCURRENCY": "4"}
    dotenv = "API_PAGE_LIMIT=30\nWRITE_CONCURRENCY=5\nAPI_MAX_RETRIES=6\n"

    config = load(tmp_path, {"API_PAGE_LIMIT": "10"}, environ, dotenv)

    assert (config.page_limit, config.write_concurrency, config.max_retries) == (10, 4, 6)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_falls_through_to_the_next_place(tmp_path: Path, empty: str) -> None:
    config = load(tmp_path, {"API_PAGE_LIMIT": empty}, {"API_PAGE_LIMIT": empty}, "API_PAGE_LIMIT=30")

    assert config.page_limit == 30
    assert load(tmp_path, dotenv="API_PAGE_LIMIT=").page_limit == 5000


def test_a_spiders_custom_settings_count_like_the_command_line(tmp_path: Path) -> None:
    config = load(
        tmp_path, {"API_PAGE_LIMIT": 7, "USER_AGENT_ROTATION": True}, {"API_PAGE_LIMIT": "20"}, priority="spider"
    )

    assert config.page_limit == 7
    assert config.user_agent_rotation is True


def test_a_value_in_settings_py_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    config = load(tmp_path, {"API_PAGE_LIMIT": 7, "LOG_LEVEL": "DEBUG", "USER_AGENT": "x"}, priority="project")

    assert (config.page_limit, config.log_level) == (5000, "INFO")
    assert [warning.split()[0] for warning in config.warnings] == ["API_PAGE_LIMIT"]


def test_scrapys_own_defaults_of_the_same_names_are_not_ours(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert (config.log_level, config.log_format) == ("INFO", "text")
    assert config.user_agent.startswith("datasync-ingestion/")


def test_the_environment_of_the_process_is_read_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "STREAM", "orders")

    assert Config.from_settings(Settings(), env_file=None, project=tmp_path).stream == "orders"


def test_the_file_may_have_quotes_comments_exports_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeff# comment\nexport STREAM=\"a-b\" # trailing\n\nUSER_AGENT='two words ${HOME}'\r\nAPI_PAGE_LIMIT = 5\n"

    config = load(tmp_path, dotenv=text)

    assert (config.stream, config.user_agent, config.page_limit) == ("a-b", "two words ${HOME}", 5)


def test_a_missing_file_is_no_file(tmp_path: Path) -> None:
    assert Config.from_settings(Settings(), {}, tmp_path / "none", tmp_path).page_limit == 5000


def test_a_file_that_is_no_text_is_refused_by_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.env"
    broken.write_bytes(b"STREAM=\xff\xfe\n")

    with pytest.raises(ConfigurationError, match=r"broken\.env cannot be read: it is not UTF-8 text"):
        Config.from_settings(Settings(), {}, broken, tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        Config.from_settings(Settings(), {}, tmp_path, tmp_path)


def test_a_line_that_assigns_nothing_is_refused_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.env, line 3: not of the form NAME=value"):
        load(tmp_path, dotenv="STREAM=a\n\nAPI_PAGE_LIMIT='5\n")


def test_a_name_that_stands_twice_in_the_file_is_warned_about_and_the_last_counts(tmp_path: Path) -> None:
    config = load(tmp_path, dotenv="STREAM=a\n\n\nSTREAM=b\n")

    assert config.stream == "b"
    [warning] = config.warnings
    assert "line 4: STREAM stands in line 1 too" in warning


def test_a_relative_home_starts_at_the_project_and_a_tilde_at_the_users_home(tmp_path: Path) -> None:
    assert load(tmp_path, environ={"DATASYNC_HOME": "var/db"}).home == tmp_path / "var" / "db"
    assert load(tmp_path, environ={"DATASYNC_HOME": "/srv/db"}).home == Path("/srv/db")
    assert load(tmp_path, environ={"DATASYNC_HOME": "~/db"}).home == Path.home() / "db"


def test_the_mocks_settings_are_gathered_from_every_place(tmp_path: Path) -> None:
    config = load(
        tmp_path, {"MOCK_A": 1}, {"MOCK_A": "2", "MOCK_B": "3", "OTHER": "4"}, "MOCK_B=5\nMOCK_C=6\nMOCK_D=\n"
    )

    assert config.mock_environ == {"MOCK_A": "1", "MOCK_B": "3", "MOCK_C": "6"}
    assert config.warnings == ()


def test_a_misspelt_name_in_the_file_is_answered_with_the_right_one(tmp_path: Path) -> None:
    config = load(tmp_path, dotenv="WRITE_BATCHSIZE=5\nPATH=/bin\nDATASYNC_COLOUR=red\nHTTP_TIMEOUT=4\n")

    assert [warning.partition(".env, ")[2] for warning in config.warnings] == [
        "line 1: WRITE_BATCHSIZE is no setting of ours and has no effect; did you mean WRITE_BATCH_SIZE?",
        "line 3: DATASYNC_COLOUR is no setting of ours and has no effect",
    ]


def test_a_misspelt_name_on_the_command_line_is_answered_too(tmp_path: Path) -> None:
    config = load(tmp_path, {"API_PAGELIMIT": "5", "CONCURRENT_REQUESTS": "1", "LOG_FILE": "x"})

    assert config.warnings == (
        "command line, -s: API_PAGELIMIT is no setting of ours and has no effect; did you mean API_PAGE_LIMIT?",
    )

"""What each kind of value may be, and how a refusal is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config import SETTINGS, Config, Setting
from datasync_spider.errors import ConfigurationError


def load(**environ: str) -> Config:
    return Config.from_settings(Settings(), environ, None, Path("/project"))


def refusal(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(**environ)
    return str(caught.value)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_default_is_a_value_that_is_allowed(setting: Setting) -> None:
    config = load()

    assert hasattr(config, setting.attribute)


@pytest.mark.parametrize("text", ["9000", "0", "-1", "5_000", "5e3", "5000.0", "５", "five", "1" * 30])
def test_a_page_limit_is_a_whole_number_from_1_to_5000(text: str) -> None:
    message = refusal(API_PAGE_LIMIT=text)

    assert f"API_PAGE_LIMIT is {text!r} (environment)" in message
    assert message.endswith("allowed: a whole number from 1 to 5000")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("API_MAX_RETRIES", 0, 1000),
        ("WRITE_BATCH_SIZE", 1, 1_000_000),
        ("WRITE_CONCURRENCY", 1, 8),
        ("LEASE_TTL_MS", 1000, 3_600_000),
    ],
)
def test_both_ends_of_a_range_are_allowed_and_nothing_beyond(name: str, low: int, high: int) -> None:
    load(**{name: str(low)})
    load(**{name: str(high)})
    for beyond in (low - 1, high + 1):
        assert name in refusal(**{name: str(beyond)})


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("100", 100.0), ("0.25", 0.25)])
def test_a_percentage_may_have_decimals(text: str, value: float) -> None:
    assert load(REJECTED_MAX_PERCENT=text).rejected_max_percent == value


@pytest.mark.parametrize("text", ["100.1", "-1", "nan", "inf", "5%"])
def test_a_percentage_lies_between_0_and_100(text: str) -> None:
    assert "allowed: a number from 0 to 100" in refusal(REJECTED_MAX_PERCENT=text)


@pytest.mark.parametrize(("text", "value"), [("TRUE", True), ("Yes", True), ("1", True), ("off", False), ("no", False)])
def test_a_truth_value_has_the_usual_spellings(text: str, value: bool) -> None:
    assert load(USER_AGENT_ROTATION=text).user_agent_rotation is value


def test_a_truth_value_is_nothing_else() -> None:
    assert "neither true nor false" in refusal(USER_AGENT_ROTATION="maybe")


def test_choices_are_taken_in_any_case() -> None:
    config = load(LOG_LEVEL="warning", LOG_FORMAT="JSON", API_MODE="Mock")

    assert (config.log_level, config.log_format, config.api_mode) == ("WARNING", "json", "mock")
    assert "allowed: DEBUG, INFO, WARNING, ERROR or CRITICAL, in any case" in refusal(LOG_LEVEL="TRACE")


@pytest.mark.parametrize("text", ["Events", "a b", "a/b", "x" * 64])
def test_a_stream_name_is_short_and_plain(text: str) -> None:
    assert "1 to 63 of a-z, 0-9, _ and -" in refusal(STREAM=text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://api.example/v1/", "https://api.example/v1"),
        ("https://api.example//", "https://api.example"),
        ("http://[::1]:8080/api/v1", "http://[::1]:8080/api/v1"),
        ("HTTPS://api.example/v1", "https://api.example/v1"),
    ],
)
def test_a_base_url_loses_the_slashes_at_its_end(text: str, value: str) -> None:
    assert load(API_BASE_URL=text).base_url_text == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://api.example", "scheme"),
        ("api.example/v1", "scheme"),
        ("https:///v1", "no host"),
        ("https://user:pw@api.example/v1", "a user or a password"),
        ("https://api.example/v1?limit=5", "a query or a fragment"),
        ("https://api.example/v1?", "a query or a fragment"),
        ("https://api.example/v1#top", "a query or a fragment"),
        ("https://api.example:99999/v1", "host or port"),
        ("https://api.example:0/v1", "host or port"),
        ("https://api.example:x/v1", "host or port"),
        ("https://[::1/v1", "host or port"),
        ("https://api.exa mple/v1", "characters"),
        ("https://api.example\\v1", "characters"),
    ],
)
def test_a_base_url_is_an_origin_with_a_path_and_no_more(text: str, reason: str) -> None:
    assert reason in refusal(API_BASE_URL=text)


def test_metrics_are_off_unless_a_port_is_named() -> None:
    assert load().metrics_port is None
    assert (load(METRICS_PORT="9464").metrics_port, load(METRICS_PORT="9464").metrics_host) == (9464, "127.0.0.1")


@pytest.mark.parametrize(("text", "value"), [("localhost", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1")])
def test_a_server_listens_on_an_address(text: str, value: str) -> None:
    assert load(METRICS_HOST=text).metrics_host == value


@pytest.mark.parametrize("text", ["example.org", "127.0.0.1:9464", "1.2.3", "[::1]"])
def test_a_server_listens_on_nothing_else(text: str) -> None:
    assert refusal(METRICS_HOST=text).endswith("no IP address; allowed: an IP address or localhost")


def test_live_mode_needs_an_address_and_a_key_and_says_where_it_looked() -> None:
    message = refusal(API_MODE="live")

    assert message.startswith("2 settings are wrong:")
    assert "API_BASE_URL is missing, and API_MODE is live" in message
    assert "DATASYNC_API_KEY is missing" in message
    assert "command line (-s), in the environment and in .env" in message


def test_a_refused_key_is_not_called_missing_as_well() -> None:
    message = refusal(API_MODE="live", API_BASE_URL="https://api.example/v1", DATASYNC_API_KEY="two words")

    assert message.startswith("1 setting is wrong:")


def test_live_mode_over_plain_http_is_warned_about_unless_it_stays_on_the_machine() -> None:
    live = {"API_MODE": "live", "DATASYNC_API_KEY": "key"}

    [warning] = load(API_BASE_URL="http://api.example/v1", **live).warnings
    assert "unencrypted" in warning
    for local in ("http://127.0.0.1:8080/v1", "http://localhost/v1", "http://[::1]/v1", "https://api.example/v1"):
        assert load(API_BASE_URL=local, **live).warnings == ()


def test_the_longest_pause_is_not_below_the_first() -> None:
    message = refusal(API_RETRY_BASE_MS="500", API_RETRY_MAX_MS="400")

    assert "API_RETRY_MAX_MS is 400, below API_RETRY_BASE_MS, which is 500" in message
    assert "API_RETRY_MAX_MS (environment)" in message


def test_everything_that_is_wrong_is_reported_at_once(tmp_path: Path) -> None:
    settings = Settings()
    settings.set("WRITE_CONCURRENCY", "0", priority="cmdline")
    env_file = tmp_path / ".env"
    env_file.write_text("\nLOG_LEVEL=loud\n", encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        Config.from_settings(settings, {"API_PAGE_LIMIT": "x"}, env_file, tmp_path)

    header, *mistakes = str(caught.value).splitlines()
    assert header == "3 settings are wrong:"
    assert "API_PAGE_LIMIT is 'x' (environment)" in mistakes[0]
    assert "WRITE_CONCURRENCY is '0' (command line, -s)" in mistakes[1]
    assert f"LOG_LEVEL is 'loud' ({env_file}, line 2)" in mistakes[2]


def test_durations_are_given_in_seconds_too() -> None:
    config = load(API_TIMEOUT_MS="1500", LEASE_TTL_MS="2500")

    assert (config.timeout_seconds, config.lease_ttl_seconds) == (1.5, 2.5)
    assert (config.progress_log_interval_seconds, config.stall_timeout_seconds) == (5.0, 600.0)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load().stream = "other"  # type: ignore[misc]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5", 1.5), ("5m", 300), ("1h", 3_600), ("1d", 86_400)])
def test_how_often_is_written_as_in_a_file(text: str, seconds: float) -> None:
    assert load(SYNC_EVERY=text).sync_every_seconds == seconds


@pytest.mark.parametrize("text", ["0", "0.5", "5 min", "daily", "-5", "367d", "1e3"])
def test_another_rhythm_is_refused(text: str) -> None:
    assert f"SYNC_EVERY is {text!r} (environment): " in refusal(SYNC_EVERY=text)

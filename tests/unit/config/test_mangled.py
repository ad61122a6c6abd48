"""Values that were changed on their way into a setting: reported at the start, and without showing a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.config.mangled import key_doubts
from datasync_spider.errors import ConfigurationError

KEY = "ds_live_0123456789"


def load(project: Path = Path("/project"), /, **environ: str) -> Config:
    return Config.from_settings(Settings(), environ, None, project)


def refusal(project: Path = Path("/project"), /, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(project, **environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (f"'{KEY}'", "quote"),
        (f'"{KEY}"', "quote"),
        (f"`{KEY}`", "quote"),
        (f'{KEY}"', "quote"),
        (f"'{KEY}", "quote"),
        (f"Bearer:{KEY}", "scheme"),
        (f"DATASYNC_API_KEY={KEY}", "name of the setting or of the header"),
        (f"X-API-Key:{KEY}", "name of the setting or of the header"),
        (f"'api_key={KEY}'", "name of the setting or of the header"),
        ("${DATASYNC_API_KEY}", "another variable"),
        ("prefix-${SECRET:-}", "another variable"),
        ("$DATASYNC_API_KEY", "another variable"),
        ("$(cat,key)", "another variable"),
        ("%DATASYNC_API_KEY%", "another variable"),
        ("{{key}}", "another variable"),
        ("changeme", "placeholder"),
        ("CHANGE_ME", "placeholder"),
        ("your-key-here", "placeholder"),
        ("your_api_key", "placeholder"),
        ("'YOUR-API-KEY-HERE'", "placeholder"),
        ("<your-key>", "placeholder"),
        ("[key]", "placeholder"),
        ("********", "placeholder"),
        ("xxxx-xxxx", "placeholder"),
        ("null", "placeholder"),
        (f"{KEY}\\n", "line end"),
        (f"{KEY}%0A", "line end"),
    ],
)
def test_a_key_that_looks_mangled_is_warned_about_and_sent_as_it_is(text: str, about: str) -> None:
    config = load(DATASYNC_API_KEY=text)

    assert config.api_key == text
    assert any(
        warning.startswith("DATASYNC_API_KEY (environment): ") and about in warning for warning in config.warnings
    )
    assert all(text not in warning and KEY not in warning for warning in config.warnings)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "key-0123456789abcdef",
        "a'b",
        "x" * 8 + "1",
        "sk-ant-api03-AbC_dEf==",
        "00000000-0000-4000-8000-00000000000a",
    ],
)
def test_a_key_that_looks_like_one_is_not_doubted(text: str) -> None:
    assert list(key_doubts(text)) == []
    assert load(DATASYNC_API_KEY=text).warnings == ()


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (f"“{KEY}”", "quote"),
        (f"‘{KEY}’", "quote"),
        (f"Bearer {KEY}", "Bearer"),
        (f"'Bearer {KEY}'", "Bearer"),
        (f"{KEY}\N{ZERO WIDTH SPACE}", "invisible"),
        (f"\N{ZERO WIDTH NO-BREAK SPACE}{KEY}", "invisible"),
        ("your key here", "placeholder"),
        ("…", "placeholder"),
    ],
)
def test_a_key_that_no_header_carries_is_refused_with_what_may_have_happened_to_it(text: str, about: str) -> None:
    message = refusal(DATASYNC_API_KEY=text)

    assert "DATASYNC_API_KEY is *** (environment)" in message
    assert about in message
    assert text not in message
    assert KEY not in message


@pytest.mark.parametrize("text", [f"  {KEY}\t", f"{KEY}\r", f"{KEY}\r\n", f"\N{NO-BREAK SPACE}{KEY} "])
def test_blanks_around_a_key_are_no_part_of_it(text: str) -> None:
    config = load(DATASYNC_API_KEY=text)

    assert (config.api_key, config.warnings) == (KEY, ())


def test_a_key_in_a_file_is_looked_at_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f'"{KEY}"\r\n', encoding="utf-8")

    (warning,) = load(tmp_path, DATASYNC_API_KEY_FILE="key").warnings
    assert warning.startswith(f"DATASYNC_API_KEY (file {tmp_path / 'key'}): it begins or ends with a quote")
    assert KEY not in warning


@pytest.mark.parametrize("quotes", ["''", '""', "“”", "‘’", "``", "«»"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_MODE", "live"),
        ("API_BASE_URL", "https://api.example/v1"),
        ("DATABASE_URL", "postgresql://u:hunter2@db/x"),
        ("STREAM", "events"),
        ("API_PAGE_LIMIT", "100"),
        ("REJECTED_MAX_PERCENT", "5"),
        ("USER_AGENT_ROTATION", "true"),
        ("DATASYNC_HOME", "/data"),
        ("LOG_COPY_FILE", "copy.log"),
        ("METRICS_HOST", "127.0.0.1"),
        ("USER_AGENT", "agent 1"),
    ],
)
def test_quotes_that_became_a_part_of_a_setting_are_named(name: str, value: str, quotes: str) -> None:
    message = refusal(**{name: f"{quotes[0]}{value}{quotes[1]}"})

    assert message.startswith(f"1 setting is wrong:\n  {name} is ")
    assert "the quote belongs to the value: leave the quotes out" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("API_BASE_URL", "https://api.example/v1'"),
        ("DATABASE_URL", 'postgresql://u:hunter2@db/x"'),
        ("API_PAGE_LIMIT", "100'"),
        ("STREAM", "'events"),
    ],
)
def test_half_a_pair_of_quotes_is_named_too(name: str, text: str) -> None:
    message = refusal(**{name: text})

    assert "the quote belongs to the value" in message
    assert "hunter2" not in message


def test_a_quoted_name_of_a_secret_file_is_reported_by_its_quotes(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")

    assert "the quote belongs to the value" in refusal(tmp_path, DATASYNC_API_KEY_FILE="'key'")


def test_a_quote_inside_a_value_is_the_values_own() -> None:
    assert load(USER_AGENT='agent "blue"').user_agent == 'agent "blue"'
    assert load(DATABASE_URL="postgresql://u:it's@db/x").warnings == ()


@pytest.mark.parametrize("scheme", ["tcp", "udp", "TCP"])
@pytest.mark.parametrize(
    "name", ["METRICS_PORT", "STREAM", "API_BASE_URL", "DATABASE_URL", "DATASYNC_HOME", "LOG_LEVEL"]
)
def test_an_address_that_an_orchestrator_put_into_a_variable_says_where_it_comes_from(name: str, scheme: str) -> None:
    message = refusal(**{name: f"{scheme}://10.0.0.1:9108"})

    assert message.startswith(f"1 setting is wrong:\n  {name} is ")
    for word in ("Kubernetes", "enableServiceLinks: false", f"set {name} for this container"):
        assert word in message


def test_the_service_whose_variable_it_is_is_named() -> None:
    assert "a service called NAME: rename the service metrics," in refusal(METRICS_PORT="tcp://10.0.0.1:9108")


@pytest.mark.parametrize(
    ("name", "text"), [("API_BASE_URL", "https://${API_HOST}/v1"), ("API_PAGE_LIMIT", "$LIMIT"), ("STREAM", "${S}")]
)
def test_a_name_that_nothing_replaced_is_reported_with_the_refusal(name: str, text: str) -> None:
    assert "it looks like the name of another variable" in refusal(**{name: text})


def test_a_name_that_nothing_replaced_is_warned_about_where_it_can_be_read() -> None:
    (warning,) = load(DATABASE_URL="postgresql://u:${PASSWORD}@db/x").warnings
    assert warning.startswith("DATABASE_URL (environment): it looks like the name of another variable")
    assert "PASSWORD" not in warning

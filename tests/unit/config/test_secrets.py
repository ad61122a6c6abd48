"""Secrets: where they may stand, and that nothing shows them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError
from datasync_spider.logs.redaction import Redactor

KEY = "ds_live_0123456789"


def load(project: Path = Path("/project"), **environ: str) -> Config:
    return Config.from_settings(Settings(), environ, None, project)


def refusal(project: Path = Path("/project"), **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(project, **environ)
    return str(caught.value)


def test_a_key_file_gives_the_key_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"\n{KEY}\r\n", encoding="utf-8")

    assert load(DATASYNC_API_KEY_FILE=str(tmp_path / "key")).api_key == KEY
    assert load(tmp_path, DATASYNC_API_KEY_FILE="key").api_key == KEY


def test_a_database_url_file_gives_the_url(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:p@db/x\n", encoding="utf-8")

    assert load(tmp_path, DATABASE_URL_FILE="url").database_url_text == "postgresql://u:p@db/x"


def test_a_value_and_a_file_for_it_are_one_too_many(tmp_path: Path) -> None:
    message = refusal(tmp_path, DATASYNC_API_KEY=KEY, DATASYNC_API_KEY_FILE="key")

    assert "DATASYNC_API_KEY (environment) and DATASYNC_API_KEY_FILE (environment) are both set" in message
    assert KEY not in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    assert "is './none' (environment): the file cannot be read: No such file" in refusal(
        tmp_path, DATASYNC_API_KEY_FILE="./none"
    )
    assert "the file is empty" in refusal(tmp_path, DATASYNC_API_KEY_FILE="empty")
    assert "UTF-8" in refusal(tmp_path, DATASYNC_API_KEY_FILE="binary")
    assert "UTF-8" in refusal(tmp_path, DATASYNC_API_KEY_FILE="a\0b")


@pytest.mark.parametrize("name", ["DATASYNC_API_KEY_FILE", "DATABASE_URL_FILE"])
@pytest.mark.parametrize(
    "secret", [KEY, "c2VjcmV0/a2V5", "postgresql://u:hunter2@db/x", "s" * 5000, "~hunter2/x"], ids=range(5)
)
def test_a_secret_in_the_place_of_its_file_is_not_shown(tmp_path: Path, name: str, secret: str) -> None:
    message = refusal(tmp_path, **{name: secret})

    assert f"{name} is *** (environment): the file cannot be read" in message
    assert secret not in message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:hunter2@h/x", "https://***@h/x"),
        ("https://u:hunt?hunter2@h/x", "https://***@h/x"),
        ("https://u:a://hunter2@h/x", "https://***@h/x"),
        ("u:hunter2@h/x", "***@h/x"),
        ("u:hunter2@https://h", "***@https://h"),
        ("https://h/x?key=hunter2", "https://h/x?***"),
        ("https://h/x#hunter2", "https://h/x#***"),
        ("ftp://h/x", "ftp://h/x"),
    ],
)
def test_a_refused_api_address_is_shown_without_what_may_be_a_key(url: str, shown: str) -> None:
    message = refusal(API_BASE_URL=url)

    assert f"API_BASE_URL is {shown!r} (environment)" in message
    assert "hunt" not in message


def test_a_bad_value_from_a_file_is_reported_by_the_files_path_and_masked(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("two words", encoding="utf-8")

    message = refusal(tmp_path, DATASYNC_API_KEY_FILE="key")

    assert f"DATASYNC_API_KEY is *** (file {tmp_path / 'key'})" in message
    assert "two words" not in message


@pytest.mark.parametrize("key", ["with space", "line\nfeed", "umläut"])
def test_a_key_that_no_header_can_carry_is_refused_and_masked(key: str) -> None:
    message = refusal(DATASYNC_API_KEY=key)

    assert "DATASYNC_API_KEY is *** (environment)" in message
    assert key not in message


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@db/x",
        "db/x?password=hunter2",
        "postgresql://u:hunter2 @db/x",
        "postgresql://u:hunt@er2@db/x",
        "postgresql://u:hunter/2@db/x",
        "postgresql://u:hunter?2@db/x",
        "postgresql://u:hunt@er/2@db/x",
        "postgresql://u:hunter%2@db/x",
        "postgresql://u:hunter2%00@db/x",
    ],
)
def test_a_database_url_that_is_not_plainly_one_is_refused_and_masked(url: str) -> None:
    message = refusal(DATABASE_URL=url)

    assert "DATABASE_URL is *** (environment)" in message
    assert "hunt" not in message


@pytest.mark.parametrize(
    ("url", "label", "secrets"),
    [
        ("postgresql://u:p%40ss@db:5432/x?sslmode=require", "postgresql://u@db:5432/x", ("p%40ss", "p@ss")),
        ("postgres://u:p#w@db/x", "postgresql://u@db/x", ("p#w",)),
        ("postgresql://u:p:w@db1:1,db2:2/x", "postgresql://u@db1:1,db2:2/x", ("p:w",)),
        ("postgresql:///x?host=%2Frun&password=pw&user=u", "postgresql:///x?host=/run", ("pw",)),
        ("postgresql://db/x?application_name=a@b", "postgresql://db/x", ()),
        ("postgresql://u@/x", "postgresql://u@/x", ()),
        ("postgresql://db", "postgresql://db", ()),
    ],
)
def test_a_database_url_is_shown_without_its_password(url: str, label: str, secrets: tuple[str, ...]) -> None:
    config = load(DATABASE_URL=url)

    assert config.database_label == label
    assert config.secrets == secrets
    assert all(secret not in repr(config) for secret in secrets)


def test_the_label_of_the_embedded_database_says_where_it_is() -> None:
    assert load().database_label == "the embedded PostgreSQL in /project/.datasync"


def test_nothing_printed_of_a_configuration_shows_a_secret() -> None:
    config = load(DATASYNC_API_KEY=KEY, DATABASE_URL="postgresql://u:hunter2@db/x?sslpassword=hunter3")

    assert config.secrets == (KEY, "hunter2", "hunter3")
    for text in (repr(config), str(config), f"{config!r:>10}", config.database_label):
        assert all(secret not in text for secret in config.secrets)


def test_keys_of_tokens_are_32_bytes_each_in_either_alphabet_and_shown_nowhere() -> None:
    first, second = bytes(range(220, 252)), bytes(range(32))
    texts = [base64.b64encode(first).decode(), base64.urlsafe_b64encode(first).decode()]
    for text in texts:
        config = load(TOKEN_ENCRYPTION_KEY=f"{text}, {base64.b64encode(second).decode()}")
        assert config.token_encryption_keys == (first, second)
        assert set(texts) < set(config.secrets)
        assert not any(shown in repr(config) for shown in (*texts, repr(first)))
    assert load().token_encryption_keys is None
    for wrong, why in (
        ("hunter2", "not in base64"),
        (texts[0][:20], "bytes and not 32"),
        (f"{texts[0]},{texts[1]}", "twice"),
    ):
        message = refusal(TOKEN_ENCRYPTION_KEY=wrong)
        assert "TOKEN_ENCRYPTION_KEY is *** (environment)" in message
        assert why in message
        assert wrong not in message


def test_where_messages_are_posted_to_and_what_signs_them_is_secret_in_whole_and_in_part(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hooks.example.com/T0/xoxb-1?token=a\n", encoding="utf-8")
    config = load(tmp_path, NOTIFY_URL_FILE="url", NOTIFY_SECRET="whsec_aGVsbG8=")

    assert config.notify_url == "https://hooks.example.com/T0/xoxb-1?token=a"
    redacted = Redactor(config.secrets).redact(f"POST {config.notify_url} /T0/xoxb-1?token=a {config.notify_secret}")
    assert redacted == "POST *** *** ***"
    assert "xoxb" not in repr(config)
    assert "aGVsbG8" not in repr(config)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("NOTIFY_URL", "https://user:hunter2@hooks.example.com/hunter2"),
        ("NOTIFY_URL", "ftp://hooks.example.com/hunter2"),
        ("NOTIFY_URL", "https://hooks.example.com/hunter2#x"),
        ("NOTIFY_SECRET", "whsec_hunter2!"),
        ("NOTIFY_SECRET", "hunter2 hunter2"),
    ],
)
def test_a_wrong_one_of_them_is_refused_and_not_shown(name: str, wrong: str) -> None:
    message = refusal(Path("/project"), **{name: wrong})

    assert f"{name} is *** (environment): " in message
    assert "hunter2" not in message

"""The secrets that sources name are found where settings are, and whatever is wrong with them is reported together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config.secrets import Secrets, read_secrets
from datasync_spider.config.sources import Sources, read_dotenv
from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.secretnames import Wanted

TOKEN = Wanted("GITHUB_TOKEN", "auth (header Authorization) of source github", is_header=True)
PASSWORD = Wanted("SHOP_PASSWORD", "auth.password of source shop", is_header=False)


def looked_up(
    project: Path, environ: Mapping[str, str], *wanted: Wanted, settings: dict[str, str] | None = None
) -> Secrets:
    given = Settings()
    for name, value in (settings or {}).items():
        given.set(name, value, priority="cmdline")
    return read_secrets(wanted, Sources(given, environ, read_dotenv(project / ".env")), project)


def refusal(project: Path, environ: Mapping[str, str], *wanted: Wanted) -> str:
    with pytest.raises(ConfigurationError) as caught:
        looked_up(project, environ, *wanted)
    return str(caught.value)


def test_a_secret_is_read_from_the_environment_from_dotenv_or_from_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\r\n", encoding="utf-8")
    (tmp_path / ".env").write_text("GITHUB_TOKEN='from-dotenv'\n", encoding="utf-8")

    assert looked_up(tmp_path, {"GITHUB_TOKEN": " from-env\n"}, TOKEN).values == {"GITHUB_TOKEN": "from-env"}
    assert looked_up(tmp_path, {}, TOKEN).values == {"GITHUB_TOKEN": "from-dotenv"}
    assert looked_up(tmp_path, {}, TOKEN, settings={"GITHUB_TOKEN": "given"}).values == {"GITHUB_TOKEN": "given"}
    (tmp_path / ".env").write_text("GITHUB_TOKEN_FILE=token\n", encoding="utf-8")
    assert looked_up(tmp_path, {}, TOKEN).values == {"GITHUB_TOKEN": "from-file"}


def test_all_that_are_missing_are_reported_with_where_they_were_looked_for_and_what_wants_them(tmp_path: Path) -> None:
    second = Wanted("GITHUB_TOKEN", "headers.X-Token of source mirror", is_header=True)

    message = refusal(tmp_path, {"GITHUB_TOKEN": " \n"}, TOKEN, PASSWORD, second)

    looked = "on the command line (-s), in the environment and in .env"
    users = "auth (header Authorization) of source github, headers.X-Token of source mirror"
    assert message.splitlines() == [
        "2 secrets are missing or wrong:",
        f"  GITHUB_TOKEN is missing: looked for it and for GITHUB_TOKEN_FILE {looked}; wanted for {users}",
        f"  SHOP_PASSWORD is missing: looked for it and for SHOP_PASSWORD_FILE {looked}; wanted for {PASSWORD.place}",
    ]


def test_a_value_and_its_file_together_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"GITHUB_TOKEN": "hunter2", "GITHUB_TOKEN_FILE": "token"}, TOKEN)

    assert "GITHUB_TOKEN (environment) and GITHUB_TOKEN_FILE (environment) are both set: keep one" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("content", ["", " \n", None])
def test_a_file_without_a_secret_is_refused_by_its_name(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content, encoding="utf-8")

    assert "GITHUB_TOKEN_FILE is './token' (environment): the file " in refusal(
        tmp_path, {"GITHUB_TOKEN_FILE": "./token"}, TOKEN
    )


def test_a_secret_where_the_name_of_its_file_belongs_is_not_shown(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"GITHUB_TOKEN_FILE": "hunter2"}, TOKEN)

    assert "GITHUB_TOKEN_FILE is *** (environment)" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("wanted", "value"),
    [(TOKEN, "hunt\ner2"), (TOKEN, "hunt\u00e4r2"), (PASSWORD, "hunt\ner2"), (PASSWORD, "hunt\0er2")],
)
def test_a_secret_that_its_place_cannot_carry_is_refused_and_not_shown(
    tmp_path: Path, wanted: Wanted, value: str
) -> None:
    message = refusal(tmp_path, {wanted.name: value}, wanted)

    assert f"{wanted.name} is *** (environment): not of this form; allowed: " in message
    assert "hunt" not in message


def test_a_password_may_be_any_text(tmp_path: Path) -> None:
    assert looked_up(tmp_path, {"SHOP_PASSWORD": "pä ss"}, PASSWORD).values == {"SHOP_PASSWORD": "pä ss"}


@pytest.mark.parametrize("value", ["'hunter2'", "Bearer hunter2", "${hunter2}", "changeme"])
def test_a_secret_that_looks_mangled_is_taken_with_a_warning_that_shows_nothing_of_it(
    tmp_path: Path, value: str
) -> None:
    found = looked_up(tmp_path, {"GITHUB_TOKEN": value}, TOKEN)

    assert found.values == {"GITHUB_TOKEN": value}
    (warning,) = found.warnings
    assert warning.startswith("GITHUB_TOKEN (environment): it ")
    assert "hunter2" not in warning


def test_nothing_printed_of_the_secrets_shows_one(tmp_path: Path) -> None:
    assert "hunter2" not in repr(looked_up(tmp_path, {"GITHUB_TOKEN": "hunter2"}, TOKEN))

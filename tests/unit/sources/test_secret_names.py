"""Which secrets a source needs, where each travels, and how they are put into texts."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sources.secretnames import (
    SecretPlaces,
    Wanted,
    is_reference,
    put_header,
    put_secrets,
    references,
    secret_places,
    secrets_of,
)
from datasync_spider.sources.slots import slot_values
from tests.support.sourcetexts import changed, plain, read

SECRETS = {"A": "aaa{page_size}", "B_9": "secret:A", "TOKEN_red": "rrr"}


@pytest.mark.parametrize(
    ("text", "put"),
    [
        ("secret:A", "aaa{page_size}"),
        ("Bearer secret:A", "Bearer aaa{page_size}"),
        ("secret:A:secret:B_9", "aaa{page_size}:secret:A"),
        ("no-secret", "no-secret"),
        ("secret:TOKEN_{slice.team} of {slice.team}", "rrr of red"),
    ],
)
def test_secrets_are_put_in_once_and_never_read_again(text: str, put: str) -> None:
    assert put_secrets(text, slot_values({"team": "red"}), SECRETS) == put


@pytest.mark.parametrize("text", ["secret:", "secret: A", "secret:9", "secret:A-B", "secret:A{page_size}"])
def test_what_begins_as_a_name_and_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="secret: is followed by a name"):
        references(text)


def test_a_reference_is_a_name_and_nothing_else() -> None:
    assert is_reference("secret:A_{slice.team}")
    assert not is_reference("Bearer secret:A")
    assert not is_reference("secret:A secret:B")
    assert not is_reference("A")


def test_a_secret_that_no_header_can_carry_is_an_error_that_does_not_hold_it() -> None:
    with pytest.raises(ValueError, match="no header can carry it") as caught:
        put_header("Bearer secret:A", {}, {"A": "hunter2\r\nX: y"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["a b", "a=b", "a\nb", "a\0"])
def test_a_slices_value_that_no_name_can_hold_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="variable's name"):
        put_secrets("secret:A_{slice.team}", slot_values({"team": value}), {})


def source_with(auth: dict[str, Any]) -> Any:
    made = changed(plain(), "source.auth", auth)
    return read(changed(made, "source.headers", {"X-Second": "secret:SECOND", "Accept": "a"}))


@pytest.mark.parametrize(
    ("auth", "wanted", "places"),
    [
        ({"type": "none"}, [], SecretPlaces(frozenset({"X-Second"}), frozenset())),
        (
            {"type": "bearer", "token": "secret:T_{slice.team}"},
            [Wanted("T_red", "auth (header Authorization) of source plain", is_header=True)],
            SecretPlaces(frozenset({"X-Second", "Authorization"}), frozenset()),
        ),
        (
            {"type": "basic", "user": "me", "password": "secret:P"},
            [Wanted("P", "auth.password of source plain", is_header=False)],
            SecretPlaces(frozenset({"X-Second", "Authorization"}), frozenset()),
        ),
        (
            {"type": "query", "query": {"k": "secret:K"}},
            [Wanted("K", "auth (parameter k) of source plain", is_header=False)],
            SecretPlaces(frozenset({"X-Second"}), frozenset({"k"})),
        ),
    ],
)
def test_a_source_says_which_secrets_it_needs_what_for_and_where_they_travel(
    auth: dict[str, Any], wanted: list[Wanted], places: SecretPlaces
) -> None:
    source = source_with(auth)
    second = Wanted("SECOND", "headers.X-Second of source plain", is_header=True)

    found = secrets_of(source, source.streams["issues"], slot_values({"team": "red"}))

    assert found == (*wanted, second)
    assert secret_places(source) == places


def test_a_header_of_a_stream_may_carry_a_secret_too() -> None:
    source = read(changed(plain(), "streams.issues.headers", {"X-Own": "secret:OWN"}))

    found = secrets_of(source, source.streams["issues"], slot_values({"team": "red"}))

    assert found[-1] == Wanted("OWN", "[streams.issues] headers.X-Own of source plain", is_header=True)
    assert secret_places(source).headers == {"Authorization", "X-Own"}

"""Which requests an API counts together, and that no one learns a key from how that is remembered."""

from __future__ import annotations

import pytest

from datasync_spider.sources.credential import NO_KEY, Credential

SALT = "a salt"
ORIGIN = "https://api.example"
OWN = Credential.of(f"{ORIGIN}/api/v1", "key-1").fingerprint(SALT)


@pytest.mark.parametrize(
    "spelt",
    [ORIGIN, f"{ORIGIN}/", f"{ORIGIN}:443/api/v2/", "HTTPS://API.Example/api/v1?a=b", "https://u:p@api.example"],
)
def test_one_key_at_one_origin_is_one_credential_however_it_is_spelt(spelt: str) -> None:
    assert Credential.of(spelt, "key-1").fingerprint(SALT) == OWN


def test_another_key_no_key_another_origin_and_another_salt_are_others() -> None:
    others = {
        Credential.of(ORIGIN, "key-2"),
        Credential.of(ORIGIN, None),
        Credential.of(ORIGIN, ""),
        Credential.of("http://api.example", "key-1"),
        Credential.of("https://api.example:8443", "key-1"),
        Credential.of("https://api2.example", "key-1"),
        Credential.of("https://api2.example", None),
        NO_KEY,
    }
    fingerprints = {other.fingerprint(SALT) for other in others}
    assert len(fingerprints) == len(others)
    assert OWN not in fingerprints
    assert Credential.of(ORIGIN, "key-1").fingerprint("another salt") != OWN


def test_no_part_of_two_credentials_can_be_moved_from_one_into_the_other() -> None:
    assert Credential("a", "b").fingerprint(SALT) != Credential('a", "b', None).fingerprint(SALT)
    assert Credential("a", 'b", "c').fingerprint(SALT) != Credential('a", "b', "c").fingerprint(SALT)


def test_a_key_of_any_text_has_a_fingerprint_and_is_never_shown() -> None:
    credential = Credential.of(ORIGIN, "gehe\u0000im\ud800ß")
    assert len(credential.fingerprint(SALT)) == 32
    assert "gehe" not in repr(credential)
    assert "key-1" not in OWN


def test_a_process_pays_for_a_fingerprint_once() -> None:
    # The very same text: made anew it would be an equal one.
    assert Credential.of(f"{ORIGIN}/api/v2", "key-1").fingerprint(SALT) is OWN

"""Distinguishes keys in the table of attempts without keeping them."""

from __future__ import annotations

from hashlib import sha256

from datasync_spider.sources.urls import origin

# Makes the digests useless beside those that others may have made of the same keys.
_SALT = b"datasync submission attempts, key: "
_SALT_WITHOUT_KEY = b"datasync submission attempts, no key, at: "
_HEX_DIGITS = 16


def key_fingerprint(api_key: str | None, base_url: str) -> str:
    """The same for one key, at whichever address the API is reached; without a key, the same for one origin."""
    salted = _SALT_WITHOUT_KEY + origin(base_url).encode() if api_key is None else _SALT + api_key.encode()
    return sha256(salted).hexdigest()[:_HEX_DIGITS]

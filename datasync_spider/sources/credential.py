"""A credential: a key, the API that it opens, and with both the budget of requests that goes with them. Pure.

Invariants: one key at one origin is one credential, however its address is spelt; the same key at another origin is
another one, and so is no key at all. A fingerprint leads back to no key, and trying keys against one is slow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import scrypt

from datasync_spider.sources.urls import origin

# About ten milliseconds and four megabytes a try, once a credential in a process. Keys should be long and random; one
# that is a word must not be found by trying all words.
_TRIES_COST = 2**12
_BLOCK_SIZE = 8
_DIGEST_BYTES = 16
# A process may sync as many tenants again and again, each with a key of its own.
_REMEMBERED = 4_096
_BUNDLED_MOCK = "the bundled mock API"


@dataclass(frozen=True, slots=True)
class Credential:
    """``api``: whose requests are counted. ``key`` None: the API counts all that come without one as well."""

    api: str
    key: str | None = field(repr=False)

    @classmethod
    def of(cls, base_url: str | None, key: str | None) -> Credential:
        """``base_url`` None: the mock that comes with this project, which is at another port each time."""
        return cls(_BUNDLED_MOCK if base_url is None else origin(base_url), key)

    def fingerprint(self, salt: str) -> str:
        """The same for the same credential and salt, 32 hexadecimal digits."""
        # As JSON, so that no two pairs are one text.
        return _digest(json.dumps([self.api, self.key]), salt)


@lru_cache(_REMEMBERED)
def _digest(text: str, salt: str) -> str:
    digest = scrypt(text.encode(), salt=salt.encode(), n=_TRIES_COST, r=_BLOCK_SIZE, p=1, dklen=_DIGEST_BYTES)
    return digest.hex()


NO_KEY = Credential.of(None, None)
"""That of the bundled mock."""

"""Encrypts what may be stored only so: tokens, by the keys of TOKEN_ENCRYPTION_KEY.

The first key encrypts, all of them decrypt, so that a key is replaced by putting the new one in front. Invariant: what
was sealed with a key that is not at hand is an error that says so, and never taken for anything else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from datasync_spider.errors import TokensSealed

_NAME_DIGITS = 8


class Sealing:
    """``keys``: each of 32 bytes; none: nothing is encrypted."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._names = [hashlib.sha256(b"name:" + key).hexdigest()[:_NAME_DIGITS] for key in keys]
        encoded = [Fernet(base64.urlsafe_b64encode(key)) for key in keys]
        self._fernet = MultiFernet(encoded) if encoded else None

    @property
    def name(self) -> str | None:
        """That of the key that encrypts, which leads back to no key; None where nothing is encrypted."""
        return self._names[0] if self._names else None

    def seal(self, text: str) -> str:
        return text if self._fernet is None else self._fernet.encrypt(text.encode()).decode()

    def open(self, text: str, sealed_by: str | None) -> str:
        """What :meth:`seal` was given. Raises TokensSealed."""
        if sealed_by is None:
            return text
        if self._fernet is None:
            raise TokensSealed(
                f"the stored tokens are encrypted (key {sealed_by}), and TOKEN_ENCRYPTION_KEY is not set: set it to the"
                " key that they were stored with"
            )
        try:
            return self._fernet.decrypt(text.encode()).decode()
        except InvalidToken:
            raise TokensSealed(
                f"the stored tokens are encrypted with another key (key {sealed_by}) than TOKEN_ENCRYPTION_KEY has (key"
                f" {', '.join(self._names)}): put that key behind the new one, with a comma between them"
            ) from None

"""Tests any class that signs requests: ``check_auth(make, server)`` returns, or raises NotConforming.

The kit makes requests such as crawls make; a :class:`Verifier` of yours says whether your API would take them. Nothing
is sent.

Invariant: each check begins with a class of its own, as each crawl does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from datasync_spider.errors import ConfigurationError, SigningFailed
from datasync_spider.sources.signing import Signer
from datasync_spider.testing.chains import NotConforming, require

__all__ = ["MakeAuth", "NotConforming", "Verifier", "check_auth"]

MakeAuth: TypeAlias = Callable[[Mapping[str, str]], object]

_REQUESTS: tuple[tuple[str, str, bytes], ...] = (
    ("GET", "https://api.example.com/v1/records", b""),
    ("GET", "https://api.example.com/v1/records?limit=100&cursor=a%2Bb%3D%3D&tag=a&tag=b", b""),
    ("GET", "https://api.example.com/v1/a%20b/%C3%BC?q=%E6%BC%A2&empty=", b""),
    ("POST", "https://api.example.com/v1/search?page=2", b'{"query":"\xc3\xbc","after":null}'),
    ("PUT", "https://api.example.com:8443/v1/search", b"a=1&b=%2B"),
)
_BESIDE = "-not-the-right-one"


class Verifier(Protocol):
    """Your API's side. ``secrets``: such as the class is given, by the names that it expects."""

    secrets: Mapping[str, str]

    def accepts(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the API would take the request. ``headers``: those that the class has added, by lower-case name."""
        ...


def check_auth(make: MakeAuth, verifier: Verifier) -> None:
    """``make``: the class, or what makes one of its secrets; called many times. Raises NotConforming."""
    for method, url, body in _REQUESTS:
        what = f"{method} {url}"
        signer = _signer(make, verifier.secrets)
        require(_is_accepted(signer, verifier, method, url, body), f"the API does not take {what} as it was signed")
        require(
            _is_accepted(signer, verifier, method, url, body),
            f"the API does not take {what} as it was signed for the second time: each attempt is signed anew",
        )
        require(not verifier.accepts(method, url, {}, body), f"the API takes {what} without a signature: test yours")
        for name in verifier.secrets:
            wrong = {**verifier.secrets, name: verifier.secrets[name] + _BESIDE}
            require(
                not _is_accepted(_signer(make, wrong), verifier, method, url, body),
                f"the API takes {what} although it was signed with another {name}",
            )


def _signer(make: MakeAuth, secrets: Mapping[str, str]) -> Signer:
    made = make(dict(secrets))
    try:
        return Signer.around("the class", made)
    except ConfigurationError as error:
        raise NotConforming(str(error)) from error


def _is_accepted(signer: Signer, verifier: Verifier, method: str, url: str, body: bytes) -> bool:
    try:
        signed, headers = signer.sign(method, url, body)
    except SigningFailed as error:
        raise NotConforming(f"{method} {url}: {error}") from error
    require(signed.startswith(url), f"{method} {url} became {signed}: parameters are added behind those that are there")
    return verifier.accepts(method, signed, {name.lower(): value for name, value in headers}, body)

"""Whom a server's certificate must be vouched for by: the system's authorities, or those that the environment names.

OpenSSL reads ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` by itself, and passes in silence over what it cannot read; all that
is then seen is a certificate that no one vouches for. So they are looked at before. Invariant: verification is never
weakened, and nothing connects here.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from datasync_spider.config.mangled import hint
from datasync_spider.errors import ConfigurationError

_FILE, _DIRECTORY = "SSL_CERT_FILE", "SSL_CERT_DIR"
# Other programs' variables for the same, which OpenSSL does not know.
_FOREIGN = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE")
_OR_NONE = "or unset it to trust the system's authorities"
# OpenSSL's numbers, x509_vfy.h.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = frozenset({62, 63, 64})


def tls_context() -> ssl.SSLContext:
    """For HTTP/1.1, with certificates and host names verified."""
    context = ssl.create_default_context()
    # Python 3.13 refuses authorities that are not made by the book, as private ones often are. OpenSSL's own measure
    # is the one that counts here, under every version.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_authorities(environ: Mapping[str, str] = os.environ) -> None:
    """Raises ConfigurationError where the environment names authorities that cannot be read."""
    if file := environ.get(_FILE):
        _check_file(file)
    if directories := environ.get(_DIRECTORY):
        _check_directories(directories)


def remedy(error: ssl.SSLCertVerificationError | None, environ: Mapping[str, str] = os.environ) -> str:
    """What to do where a server's certificate was refused; None: why is not known."""
    code = getattr(error, "verify_code", 0)
    if code in _OTHER_NAME:
        return "the certificate is another host's: correct the host in API_BASE_URL"
    if code in {_NOT_YET_VALID, _EXPIRED}:
        return "check this machine's clock; where it is right, the API's owner must renew the certificate"
    named = next((f"{name} is {environ[name]}" for name in (_FILE, _DIRECTORY) if environ.get(name)), None)
    foreign = next((name for name in _FOREIGN if environ.get(name)), None)
    reported = f" ({named})" if named else f" ({foreign} is not read)" if foreign else ""
    return (
        f"name the certificate of the authority that vouches for the API in {_FILE}{reported}; check API_BASE_URL, too"
    )


def _check_file(text: str) -> None:
    path = Path(text)
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        note = f": name it in {_DIRECTORY}" if path.is_dir() else ""
        raise _mistake(
            _FILE, text, f"it cannot be read: {reason}{note}", "a readable file of PEM certificates"
        ) from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        reason = "it holds no certificates in PEM form, or a broken one"
        raise _mistake(_FILE, text, reason, "a readable file of PEM certificates") from error


def _check_directories(text: str) -> None:
    for name in text.split(os.pathsep):
        try:
            next(Path(name or os.devnull).iterdir(), None)
        except (OSError, ValueError):
            continue
        return
    raise _mistake(_DIRECTORY, text, "there is no directory that can be read", "a directory of PEM certificates")


def _mistake(name: str, text: str, reason: str, allowed: str) -> ConfigurationError:
    because = hint(name, text)
    note = f"; {because}" if because is not None else ""
    return ConfigurationError(f"{name} is {text!r} (environment): {reason}; allowed: {allowed}, {_OR_NONE}{note}")

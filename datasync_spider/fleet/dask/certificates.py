"""An authority of a fleet's own, and certificates for its scheduler, its workers and its driver.

Invariant: who shows no certificate of this authority is spoken to by none of them. No file can be read by others, and
none that is there is replaced: a deleted one is made anew, by the same authority.
"""

from __future__ import annotations

import datetime as dt
import os
import ssl
from pathlib import Path
from typing import Any, Final

import distributed
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from datasync_spider.errors import ConfigurationError

AUTHORITY: Final = "authority"
DRIVER: Final = "driver"
ROLES: Final = ("scheduler", "worker", DRIVER)

_VALID_FOR = dt.timedelta(days=3650)
# A clock may be behind the one of the machine on which it was made.
_EARLIER = dt.timedelta(days=1)
# As Dask calls them.
_DASKS_ROLES = {"scheduler": "scheduler", "worker": "worker", DRIVER: "client"}


def make_certificates(directory: Path) -> list[Path]:
    """The files that were missing, and are there now. Raises ConfigurationError where they cannot be made."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _make(directory)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no certificates can be made in {directory}: {error}") from error


def _make(directory: Path) -> list[Path]:
    certificate_path, key_path = _paths(directory, AUTHORITY)
    made: list[Path] = []
    if certificate_path.exists():
        authority = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = _certificate(AUTHORITY, key.public_key(), key, None)
        made += [_write_key(key_path, key), _write(certificate_path, _pem(authority))]
    missing = [role for role in ROLES if not all(path.exists() for path in _paths(directory, role))]
    if missing:
        # It may be kept elsewhere: a process that has its certificate does not need it.
        signing = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(signing, ec.EllipticCurvePrivateKey)
        for role in missing:
            path, own_path = _paths(directory, role)
            own = ec.generate_private_key(ec.SECP256R1())
            for old in (path, own_path):
                old.unlink(missing_ok=True)
            made += [
                _write_key(own_path, own),
                _write(path, _pem(_certificate(role, own.public_key(), signing, authority))),
            ]
    return made


def security_of(directory: Path, role: str) -> Any:
    """What a process of the role shows, and whom it trusts, for Dask.

    Raises ConfigurationError where a file is missing or is none of the authority's.
    """
    authority, _ = _paths(directory, AUTHORITY)
    certificate, key = _paths(directory, role)
    if missing := [str(path) for path in (authority, certificate, key) if not path.exists()]:
        raise ConfigurationError(
            f"a {role} of a fleet needs {', '.join(missing)}: 'scrapy fleet certificates --certificates {directory}'"
            " makes them, once for all machines"
        )
    name = _DASKS_ROLES[role]
    security = distributed.Security(
        require_encryption=True,
        tls_ca_file=str(authority),
        tls_min_version=ssl.TLSVersion.TLSv1_3,
        **{f"tls_{name}_cert": str(certificate), f"tls_{name}_key": str(key)},
    )
    try:
        security.get_connection_args(name)
    except OSError as error:
        raise ConfigurationError(f"the certificates in {directory} cannot be used: {error}") from error
    return security


def _paths(directory: Path, name: str) -> tuple[Path, Path]:
    return directory / f"{name}.pem", directory / f"{name}-key.pem"


def _certificate(
    name: str, of: ec.EllipticCurvePublicKey, signing: ec.EllipticCurvePrivateKey, authority: x509.Certificate | None
) -> x509.Certificate:
    """``authority`` None: it vouches for itself, and for others."""
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"datasync fleet {name}")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own if authority is None else authority.subject)
        .public_key(of)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(of), critical=False)
    )
    if authority is not None:
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if name != DRIVER:
            # It connects to others, and no one connects to it.
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        builder = builder.add_extension(signer, critical=False)
    return builder.sign(signing, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _write(path, text)


def _write(path: Path, text: bytes) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    return path

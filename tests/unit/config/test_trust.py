"""What the environment says of authorities is looked at before a certificate fails for it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from datasync_spider.config.trust import check_authorities, remedy, tls_context
from datasync_spider.errors import ConfigurationError
from tests.support.tls import make_certificate

MANGLED = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def mistake(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_authorities(environ)
    return str(caught.value)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    make_certificate(path, tmp_path / "key.pem")
    return path


def test_what_can_be_read_is_fine(certificate: Path) -> None:
    check_authorities({})
    check_authorities({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""})
    check_authorities({"SSL_CERT_FILE": str(certificate), "SSL_CERT_DIR": str(certificate.parent)})


def test_a_directory_among_several_is_enough(tmp_path: Path) -> None:
    check_authorities({"SSL_CERT_DIR": os.pathsep.join([str(tmp_path / "none"), "", str(tmp_path)])})


def test_a_file_of_authorities_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none.pem")
    text = mistake(SSL_CERT_FILE=path)
    assert text.startswith(f"SSL_CERT_FILE is {path!r} (environment): it cannot be read: No such file")
    assert "a readable file of PEM certificates, or unset it" in text


def test_a_directory_in_the_place_of_a_file_says_where_it_belongs(tmp_path: Path) -> None:
    assert "Is a directory: name it in SSL_CERT_DIR" in mistake(SSL_CERT_FILE=str(tmp_path))


@pytest.mark.parametrize("content", ["", "no certificate", MANGLED, "\0\1\2"])
def test_a_file_without_a_certificate_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.pem").write_text(content, encoding="utf-8")
    assert "no certificates in PEM form" in mistake(SSL_CERT_FILE=str(tmp_path / "odd.pem"))


def test_a_certificate_in_binary_form_and_a_key_are_no_authorities(certificate: Path) -> None:
    binary = certificate.with_suffix(".der")
    binary.write_bytes(ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii")))
    assert "no certificates in PEM form" in mistake(SSL_CERT_FILE=str(binary))
    assert "no certificates in PEM form" in mistake(SSL_CERT_FILE=str(certificate.parent / "key.pem"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(certificate: Path) -> None:
    certificate.chmod(0)
    assert "Permission denied" in mistake(SSL_CERT_FILE=str(certificate))


def test_quotes_around_the_files_name_are_reported(certificate: Path) -> None:
    assert "the quote belongs to the value" in mistake(SSL_CERT_FILE=f"'{certificate}'")


@pytest.mark.parametrize("name", ["none", "certificate.pem"])
def test_a_directory_of_authorities_that_is_none_is_named(certificate: Path, name: str) -> None:
    assert mistake(SSL_CERT_DIR=str(certificate.parent / name)).startswith("SSL_CERT_DIR is ")


def refused(verify_code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = verify_code
    return error


@pytest.mark.parametrize(
    ("verify_code", "word"),
    [
        (9, "clock"),
        (10, "clock"),
        (18, "SSL_CERT_FILE"),
        (20, "SSL_CERT_FILE"),
        (62, "API_BASE_URL"),
        (64, "API_BASE_URL"),
    ],
)
def test_the_remedy_is_that_of_what_was_wrong(verify_code: int, word: str) -> None:
    assert word in remedy(refused(verify_code), {})


def test_the_remedy_names_what_the_environment_says_and_what_is_not_read() -> None:
    assert "(SSL_CERT_FILE is /a.pem)" in remedy(refused(20), {"SSL_CERT_FILE": "/a.pem", "CURL_CA_BUNDLE": "/b.pem"})
    assert "(REQUESTS_CA_BUNDLE is not read)" in remedy(refused(20), {"REQUESTS_CA_BUNDLE": "/b.pem"})


def test_an_authority_that_is_not_made_by_the_book_is_taken_under_every_python(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Python 3.13 makes it.
    strict = ssl.create_default_context()
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    monkeypatch.setattr(ssl, "create_default_context", lambda: strict)
    context = tls_context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_where_the_reason_is_not_known_the_remedy_names_what_it_may_be() -> None:
    assert "SSL_CERT_FILE" in remedy(None, {})

"""An HTTPS server with a certificate of its own making, that serves one page to whoever trusts it."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PAGE = {
    "data": [{"id": "the-only-one", "timestamp": 1769541612369}],
    "pagination": {"hasMore": False, "nextCursor": None},
    "meta": {"total": 1, "returned": 1},
}


class TlsServer:
    """``certificate`` is the file that a client would have to trust; ``headers`` has the names of each request's.

    ``address`` is whose certificate it has, and it ends after ``ends_after``.
    """

    def __init__(
        self, directory: Path, *, address: str = "127.0.0.1", ends_after: dt.timedelta = dt.timedelta(hours=1)
    ) -> None:
        self.certificate = directory / "certificate.pem"
        key = directory / "key.pem"
        make_certificate(self.certificate, key, address, ends_after)
        self.requests: list[str] = []
        self.headers: list[list[str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                server.headers.append(self.headers.keys())
                body = json.dumps(_PAGE).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Quiet."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.base_url = f"https://127.0.0.1:{self._server.server_address[1]}/api/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def make_certificate(
    certificate_path: Path,
    key_path: Path,
    address: str = "127.0.0.1",
    ends_after: dt.timedelta = dt.timedelta(hours=1),
) -> None:
    """A certificate that vouches for itself, and the key to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=2))
        .not_valid_after(now + ends_after)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )

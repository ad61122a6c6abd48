"""The one-shot client over real sockets: what it promises about where it goes, how long it waits, and what it knows."""

from __future__ import annotations

import io
import os
import signal
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from datasync_spider.errors import OriginRefused, Stopped
from datasync_spider.transport.apiclient import AnswerLost, ApiClient, NothingSent, Upload
from tests.support.mock import MockApi
from tests.support.rawserver import RESET, raw_server, response
from tests.support.waiting import eventually

KEY = "s3cret-key"


def client(origin: str, *, key: str | None = KEY, seconds: float = 10.0, most: int = 1_000_000) -> ApiClient:
    headers = () if key is None else (("X-API-Key", key),)
    return ApiClient(f"{origin}/api/v1", headers, "datasync-ingestion/test", seconds, most)


def upload(body: bytes) -> Upload:
    return Upload(io.BytesIO(body), len(body), "text/plain")


def test_a_request_carries_the_key_and_an_honest_name_and_the_answer_comes_whole() -> None:
    with raw_server(response(200, b"body", X_A="1", X_B="2")) as server:
        answer = client(server.origin).get(f"{server.origin}/api/v1/events?limit=5")
    assert (answer.status, answer.body) == (200, b"body")
    assert answer.plain_headers()["x-b"] == "2"
    (request,) = server.requests
    assert request.startswith(b"GET /api/v1/events?limit=5 HTTP/1.1\r\n")
    assert b"x-api-key: s3cret-key\r\n" in request.lower()
    assert b"User-Agent: datasync-ingestion/test\r\n" in request


def test_without_a_key_none_is_sent() -> None:
    with raw_server(response(200, b"")) as server:
        client(server.origin, key=None).get(f"{server.origin}/health")
    assert b"x-api-key" not in server.requests[0].lower()


def test_a_body_is_streamed_with_its_length_declared_and_in_no_chunked_form() -> None:
    body = os.urandom(3_000_000)
    handed_over: list[int] = []
    with raw_server(response(200, b"{}")) as server:
        sent = Upload(io.BytesIO(body), len(body), "text/plain", handed_over.append)
        answer = client(server.origin).post(f"{server.origin}/api/v1/submissions", sent)
    assert answer.status == 200
    head, _, received = server.requests[0].partition(b"\r\n\r\n")
    assert received == body
    assert b"Content-Length: 3000000" in head
    assert b"transfer-encoding" not in head.lower()
    assert handed_over[-1] == len(body)
    assert len(handed_over) > 5


def test_another_origin_is_refused_before_anything_leaves() -> None:
    with raw_server(response(200, b"")) as server, pytest.raises(OriginRefused):
        client("http://127.0.0.1:1").get(f"{server.origin}/api/v1/events")
    assert server.requests == []


def test_a_redirect_is_an_answer_like_any_other_and_is_not_followed() -> None:
    with raw_server(response(200, b"")) as elsewhere:
        with raw_server(response(302, b"", Location=f"{elsewhere.origin}/x")) as server:
            assert client(server.origin).get(f"{server.origin}/x").status == 302
        assert elsewhere.requests == []


def test_a_body_larger_than_allowed_is_not_taken() -> None:
    with raw_server(response(200, b"x" * 2000)) as server, pytest.raises(AnswerLost) as lost:
        client(server.origin, most=1000).get(f"{server.origin}/x")
    assert lost.value.reason == "body_too_large"


def test_a_body_larger_than_allowed_is_not_taken_compressed_either() -> None:
    import gzip

    bomb = gzip.compress(b"x" * 5_000_000)
    answer = response(200, bomb, Content_Encoding="gzip")
    with raw_server(answer) as server, pytest.raises(AnswerLost) as lost:
        client(server.origin, most=1_000_000).get(f"{server.origin}/x")
    assert lost.value.reason == "body_too_large"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf"])
def test_the_time_limit_covers_headers_and_body(answer: bytes) -> None:
    with raw_server(answer, keep=True) as server, pytest.raises(AnswerLost) as lost:
        client(server.origin, seconds=0.3).get(f"{server.origin}/x")
    assert lost.value.reason == "timeout"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf", b"", b"garbage\r\n\r\n", RESET])
def test_a_request_without_a_whole_answer_may_have_been_carried_out(answer: bytes | None) -> None:
    with raw_server(answer) as server, pytest.raises(AnswerLost):
        client(server.origin).post(f"{server.origin}/x", upload(b"ids"))
    assert len(server.requests) == 1


def test_nothing_is_asked_twice_even_where_a_repetition_would_be_harmless() -> None:
    with raw_server(RESET) as server, pytest.raises(AnswerLost):
        client(server.origin).get(f"{server.origin}/x")
    assert len(server.requests) == 1


def test_where_no_one_listens_nothing_was_sent() -> None:
    with raw_server(b"") as server:
        origin = server.origin
    with pytest.raises(NothingSent) as trouble:
        client(origin).post(f"{origin}/x", upload(b"ids"))
    assert trouble.value.reason == "connection_refused"


def test_a_host_that_does_not_exist_is_reported_as_such_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(NothingSent) as trouble:
        client("http://nowhere.invalid").get("http://nowhere.invalid/x")
    assert trouble.value.reason == "host_not_found"


def test_an_answer_that_comes_before_the_body_was_read_is_heard() -> None:
    body = b"x" * 200_000
    with raw_server(response(413, b"too large"), reads_body=False, keep=True) as server:
        answer = client(server.origin).post(f"{server.origin}/x", upload(body * 200))
    assert (answer.status, answer.body) == (413, b"too large")


def test_a_server_that_takes_the_body_no_further_is_not_waited_for_beyond_the_limit() -> None:
    with raw_server(b"", reads_body=False, keep=True) as server, pytest.raises(AnswerLost) as lost:
        client(server.origin, seconds=0.5).post(f"{server.origin}/x", upload(b"x" * 40_000_000))
    assert lost.value.reason == "timeout"


def test_a_file_that_is_shorter_than_it_said_is_no_whole_request() -> None:
    short = Upload(io.BytesIO(b"x" * 10), 20, "text/plain")
    with raw_server(response(200, b"{}")) as server, pytest.raises(AnswerLost):
        client(server.origin, seconds=5).post(f"{server.origin}/x", short)


def test_a_certificate_that_no_one_vouches_for_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with raw_server(response(200, b""), tls=_self_signed(tmp_path)) as server, pytest.raises(NothingSent) as trouble:
        client(server.origin).get(f"{server.origin}/x")
    assert trouble.value.reason == "tls_failed"
    assert server.requests == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_and_the_handlers_are_as_before(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with raw_server(b"", keep=True) as server:
        _signal_when(lambda: bool(server.requests), number)
        with pytest.raises(Stopped):
            client(server.origin).get(f"{server.origin}/x")
    assert signal.getsignal(number) is before


def test_a_signal_in_the_middle_of_sending_leaves_the_outcome_open() -> None:
    with raw_server(b"", keep=True) as server:
        _signal_when(lambda: bool(server.requests), signal.SIGTERM)
        with pytest.raises(AnswerLost) as lost:
            client(server.origin).post(f"{server.origin}/x", upload(b"ids"))
    assert lost.value.reason == "stopped"


def test_the_key_is_in_no_message(start_mock_api: Callable[..., MockApi]) -> None:
    mock = start_mock_api("--api-key", KEY)
    mock.control("faults", "POST", {"name": "reset", "count": 1})
    origin = mock.base_url.removesuffix("/api/v1")
    with pytest.raises(AnswerLost) as lost:
        client(origin).get(f"{mock.base_url}/events")
    assert KEY not in str(lost.value)
    assert KEY not in repr(lost.value.__cause__)


def _signal_when(ready: Callable[[], bool], number: signal.Signals) -> None:
    """Sends this process a signal, from a thread, once ``ready`` is true."""

    def send() -> None:
        eventually(ready, what="the request to arrive")
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()


def _self_signed(directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = directory / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context

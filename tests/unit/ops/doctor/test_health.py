"""What the answer to /health says of the API, also where it says with status 200 that it is not well."""

from __future__ import annotations

import pytest

from datasync_spider.ops.doctor.finding import Level
from datasync_spider.ops.doctor.reachability import health_of

BASE_URL = "https://api.example.com/api/v1"
HOST = "https://api.example.com:443"


@pytest.mark.parametrize("body", [b'{"status":"ok"}', b"", b"OK", b"[]", b'{"code":"UP"}', b'{"error":null}', b"\xff"])
def test_a_success_without_an_error_in_it_is_fine(body: bytes) -> None:
    assert health_of(200, body, HOST, BASE_URL).level is Level.OK


@pytest.mark.parametrize(
    ("body", "sign"),
    [
        (b'{"status":"error"}', "status is 'error'"),
        (b'{"error":{"code":"DOWN"}}', "error is {'code': 'DOWN'}"),
        (b'{"success":false}', "success is False"),
    ],
)
def test_a_success_with_an_error_in_it_is_a_warning_that_says_so(body: bytes, sign: str) -> None:
    finding = health_of(200, body, HOST, BASE_URL)
    assert finding.level is Level.WARNING
    assert finding.text == f"{HOST} answers to /health with status 200, and says that it is not well: {sign}"
    assert finding.remedy

"""The mock's tokens over HTTP: both grants, rotation, revocation, and a resource that wants one."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlencode

from mock_api.records import offset_record
from tests.mock_api.client import Answer, Server
from tests.support.waiting import eventually

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(server: Server, **fields: str) -> Answer:
    return server.ask("{base}/oauth/token", "POST", urlencode(fields).encode(), **FORM)


def records(server: Server, token: str, query: str = "offset=0&limit=2") -> Answer:
    return server.ask(f"{{base}}/protected/records?{query}", Authorization=f"Bearer {token}")


def test_a_client_gets_a_token_that_opens_the_records_for_a_while(serve: Callable[..., Server]) -> None:
    server = serve("--records", "5", "--token-ttl-ms", "300")
    pair = b64encode(b"a:secret-of-a").decode()
    body = urlencode({"grant_type": "client_credentials"}).encode()
    given = server.ask("{base}/oauth/token", "POST", body, Authorization=f"Basic {pair}", **FORM).json()
    assert given["expires_in"] == 0.3
    assert "refresh_token" not in given
    page = records(server, given["access_token"]).json()
    assert page["result"]["items"] == [offset_record(1, 4), offset_record(1, 3)]
    assert records(server, given["access_token"], "client=b").status == 403
    started = time.monotonic()
    eventually(lambda: records(server, given["access_token"]).status == 401, what="the token to expire")
    assert time.monotonic() - started < 5
    refused = records(server, given["access_token"])
    assert "expired" in (refused.headers["WWW-Authenticate"] or "")
    assert refused.json() == {"detail": "Authentication credentials were not provided."}
    assert records(server, "none").status == 401
    assert ask(server, grant_type="client_credentials", client_id="a", client_secret="b").json()["error"] == (
        "invalid_client"
    )


def test_a_refresh_token_is_replaced_and_one_that_comes_again_revokes_all(server: Server) -> None:
    def refresh(token: str) -> Answer:
        given = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": "r",
            "client_secret": "secret-of-r",
        }
        return server.ask(
            "{base}/oauth/token", "POST", json.dumps(given).encode(), **{"Content-Type": "application/json"}
        )

    first = refresh("refresh-of-r").json()
    second = refresh(first["refresh_token"]).json()
    assert records(server, second["access_token"]).status == 200
    assert refresh("refresh-of-r").json()["error"] == "invalid_grant"
    assert refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert records(server, second["access_token"]).status == 401

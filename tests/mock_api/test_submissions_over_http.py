"""Submissions: counted, receipted, and few."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256

import psutil
import pytest

from tests.mock_api.client import Answer, Server

Serve = Callable[..., Server]
REPOSITORY = "https://github.com/somebody/something"
TARGET = f"{{base}}/submissions?github_repo={REPOSITORY}"


def submit(server: Server, body: bytes | Iterator[bytes], key: str = "k", content_type: str = "text/plain") -> Answer:
    return server.ask(TARGET, "POST", body, X_API_Key=key, Content_Type=content_type)


def test_a_receipt_says_what_was_taken_in(serve: Serve) -> None:
    server = serve("--total", "10")
    answer = submit(server, b"one\ntwo\n\n three\r\nfour")
    receipt = answer.json()
    assert (answer.status, receipt["success"]) == (200, True)
    data = receipt["data"]
    assert list(data) == [
        "submissionId",
        "eventCount",
        "githubRepoUrl",
        "submittedAt",
        "timeToSubmit",
        "submissionNumber",
        "remainingSubmissions",
    ]
    assert (data["eventCount"], data["githubRepoUrl"]) == (4, REPOSITORY)
    assert (data["submissionNumber"], data["remainingSubmissions"]) == (1, 4)
    assert data["submittedAt"].endswith("Z")
    assert data["timeToSubmit"].keys() == {"ms", "formatted"}


def test_json_is_taken_in_as_well(serve: Serve) -> None:
    server = serve("--total", "10")
    body = json.dumps({"ids": "one\ntwo\n", "githubRepoUrl": REPOSITORY}).encode()
    answer = server.ask("{base}/submissions", "POST", body, Content_Type="application/json")
    assert (answer.json()["data"]["eventCount"], answer.json()["data"]["githubRepoUrl"]) == (2, REPOSITORY)


def test_every_attempt_uses_up_one_of_five_also_a_malformed_one_and_one_whose_answer_is_lost(serve: Serve) -> None:
    server = serve("--total", "10")
    assert submit(server, b"one").status == 200
    assert submit(server, b" \n").status == 400
    assert submit(server, b"{", content_type="application/json").status == 400
    server.fault("reset", count=1, endpoint="submissions")
    with pytest.raises(ConnectionError):
        submit(server, b"one")
    assert submit(server, b"one").json()["data"]["remainingSubmissions"] == 0
    refused = submit(server, b"one")
    assert (refused.status, refused.code()) == (403, "SUBMISSION_LIMIT_EXCEEDED")
    assert submit(server, b"one", key="another").status == 200


@pytest.mark.parametrize("target", ["{base}/submissions", "{base}/submissions?github_repo=http://example.com/a"])
def test_a_repository_is_demanded(serve: Serve, target: str) -> None:
    answer = serve("--total", "10").ask(target, "POST", b"one")
    assert (answer.status, answer.code()) == (400, "INVALID_SUBMISSION")


def test_earlier_submissions_are_listed_for_their_key_alone(serve: Serve) -> None:
    server = serve("--total", "10")
    submit(server, b"one\ntwo")
    submit(server, b"")
    (listed,) = server.ask("{base}/submissions", X_API_Key="k").json()["data"]
    assert (listed["eventCount"], listed["bodySha256"]) == (2, sha256(b"one\ntwo").hexdigest())
    assert server.ask("{base}/submissions", X_API_Key="other").json()["data"] == []


@pytest.mark.parametrize("chunked", [False, True])
def test_three_million_ids_pass_through_without_being_kept(serve: Serve, chunked: bool) -> None:
    server = serve("--total", "10")
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    lines = b"56a349b5-5f9b-4c8a-9b0b-0123456789ab\n" * 30_000

    def body() -> Iterator[bytes]:
        for _ in range(100):
            yield lines

    if chunked:
        answer = submit(server, body())
    else:
        answer = server.ask(TARGET, "POST", body(), Content_Length=str(100 * len(lines)), Content_Type="text/plain")
    assert answer.json()["data"]["eventCount"] == 3_000_000
    assert process.memory_info().rss - before < 20_000_000

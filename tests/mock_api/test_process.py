"""The server as a process: its first line, its end, its ground truth."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mock_api.client import PROJECT, Server, ground_truth
from tests.support.waiting import eventually

Serve = Callable[..., Server]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(serve: Serve, number: signal.Signals) -> None:
    server = serve("--total", "10")
    server.fault("stalled")
    with server.raw("{base}/events") as answer:
        assert answer.read()
        server.process.send_signal(number)
        assert server.process.wait(60) == 0
    assert server.close() == 0


def test_the_first_line_is_the_base_address(serve: Serve) -> None:
    assert serve("--total", "10").base_url.startswith("http://127.0.0.1:")
    assert serve("--total", "10").base_url.endswith("/api/v1")


@pytest.mark.parametrize("host", ["::1", "::", "localhost"])
def test_it_listens_where_it_is_asked_to(serve: Serve, host: str) -> None:
    server = serve("--total", "10", "--host", host)
    shown = f"[{host}]" if ":" in host else host
    assert server.base_url.startswith(f"http://{shown}:")
    assert server.ask("/health").status == 200
    if host == "::":
        server.address = ("127.0.0.1", server.address[1])
        assert server.ask("/health").status == 200


def test_a_signal_ends_the_preparation_as_well() -> None:
    # 300 MB of events: made in two seconds, while the signal comes at once.
    command = [sys.executable, "-m", "mock_api", "--prepare", "--total", "4000000", "--memory-mb", "300"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        status = Path(f"/proc/{process.pid}/status")
        caught = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)

        def hears_it() -> bool:
            found = caught.search(status.read_text())
            return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)

        eventually(hears_it, what="the handler of the signal")
        process.terminate()
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0


def test_a_port_that_is_taken_ends_it_with_status_1(serve: Serve) -> None:
    taken = serve("--total", "10").address[1]
    command = [sys.executable, "-m", "mock_api", "--port", str(taken)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr


def test_nonsense_ends_it_with_status_2() -> None:
    command = [sys.executable, "-m", "mock_api", "--total", "many"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'many' is not a whole number" in done.stderr


def test_it_ends_with_its_parent() -> None:
    # A parent that starts a mock on its own standard output and then only waits to be killed.
    parent = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'mock_api', '--exit-with-parent'])"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://")
        process.kill()
        # The end of the output is the end of the last process that holds it.
        assert process.communicate(timeout=60)[0] == ""


def test_the_ground_truth_can_be_cut_and_reduced_to_ids() -> None:
    whole = ground_truth("--total", "1500")
    assert len(whole) == 1_500
    assert ground_truth("--total", "1500", "--start", "990", "--stop", "1010") == whole[990:1_010]
    assert ground_truth("--total", "1500", "--start", "1499", "--stop", "9999") == whole[1_499:]
    assert ground_truth("--total", "1500", "--start", "2000") == []
    assert ground_truth("--total", "1500", "--ids") == [json.loads(line)["id"].encode() for line in whole]


def test_the_ground_truth_obeys_the_environment() -> None:
    command = [sys.executable, "-m", "mock_api", "events", "--ids"]
    environment = {**os.environ, "MOCK_TOTAL_EVENTS": "12", "MOCK_SEED": "9"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, check=True)
    assert done.stdout.splitlines() == ground_truth("--total", "12", "--seed", "9", "--ids")


def test_the_ground_truth_ends_quietly_when_its_reader_leaves() -> None:
    command = [sys.executable, "-m", "mock_api", "events", "--total", "100000"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--kinds", "null"],
        ["--only-malformed"],
        ["--malformed", "0"],
        ["--malformed", "0.1", "--ids"],
        ["--malformed", "0.1", "--kinds", "odd"],
    ],
)
def test_the_ground_truth_refuses_nonsense(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "mock_api", "events", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")

"""The bundled mock as a process that lives and dies with the one that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.local.mock_process import start_mock
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[3]
SMALL = {"PATH": os.environ["PATH"], "MOCK_TOTAL_EVENTS": "7", "MOCK_SEED": "3"}

# Starts a mock, prints its address and process id, and stays until it is killed.
HOLDER = """
import os, sys, signal
from pathlib import Path
from datasync_spider.local.mock_process import start_mock
mock = start_mock(Path(sys.argv[1]), Path(sys.argv[2]), os.environ)
print(mock.base_url, mock.pid, flush=True)
signal.pause()
"""


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def get(url: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return json.load(answer)


def test_it_serves_events_as_its_settings_say(tmp_path: Path) -> None:
    with start_mock(PROJECT, tmp_path, SMALL) as mock:
        page = get(f"{mock.base_url}/events?limit=5000")

    assert mock.base_url.startswith("http://127.0.0.1:")
    assert len(page["data"]) == 7


def test_closing_ends_it_and_may_be_repeated(tmp_path: Path) -> None:
    mock = start_mock(PROJECT, tmp_path, SMALL)

    mock.close()
    mock.close()

    assert is_gone(mock.pid)


def test_of_the_environment_it_gets_its_own_settings_and_no_key_of_a_real_api(tmp_path: Path) -> None:
    environ = {
        **SMALL,
        "DATASYNC_API_KEY": "ds_live",
        "DATABASE_URL": "postgresql://u:p@h/d",
        "MOCK_API_KEY": "mock-key",
    }

    with start_mock(PROJECT, tmp_path, environ) as mock:
        process = psutil.Process(mock.pid)
        seen, command_line = process.environ(), process.cmdline()
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            get(f"{mock.base_url}/events")
        refused.value.close()
        get(f"{mock.base_url}/events", **{"X-API-Key": "mock-key"})

    assert "DATASYNC_API_KEY" not in seen
    assert "DATABASE_URL" not in seen
    assert "mock-key" not in " ".join(command_line)


def test_it_does_not_hear_the_terminals_ctrl_c(tmp_path: Path) -> None:
    with start_mock(PROJECT, tmp_path, SMALL) as mock:
        assert os.getsid(mock.pid) != os.getsid(0)
        assert os.getpgid(mock.pid) != os.getpgid(0)


def test_a_bad_setting_is_reported_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ended with exit code 2") as refused:
        start_mock(PROJECT, tmp_path, {**SMALL, "MOCK_TOTAL_EVENTS": "many"})

    assert "'many' is not a whole number" in str(refused.value)
    assert str(tmp_path / "mock.log") in str(refused.value)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_it_ends_with_the_process_that_started_it_however_that_ends(tmp_path: Path, number: signal.Signals) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(PROJECT), str(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, **SMALL},
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        base_url, pid = holder.stdout.readline().split()
        assert get(f"{base_url}/events")["data"]

        holder.send_signal(number)
        holder.wait()

        eventually(lambda: is_gone(int(pid)), what="the end of the mock")

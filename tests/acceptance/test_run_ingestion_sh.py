"""run-ingestion.sh --local as a person runs it: in a fresh copy of the checkout, with the services it starts itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.database import value
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, serving
from tests.support.memory import quick_directory
from tests.support.mock import MockApi
from tests.support.redirecting import pipe_without_reader
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
# What a developer has set for other purposes must not reach the scripts.
_PREFIXES = ("API_", "DATABASE_", "DATASYNC_", "LEASE_", "LOG_", "MOCK_", "PG", "STREAM", "WRITE_")


@pytest.fixture(scope="module")
def unmodified() -> Iterator[Path]:
    """A copy of this checkout for who changes nothing in it, with its modules compiled: each copy has them, too.

    Not in pytest's temporary directory: each session closes that to other users again, and where root runs the tests
    the database's user is another one.
    """
    with tempfile.TemporaryDirectory(prefix="datasync-sh-", dir=quick_directory()) as place:
        yield copy_of_the_checkout(Path(place) / "checkout")


@pytest.fixture
def checkout(unmodified: Path) -> Iterator[Path]:
    """A copy of this test's own, with an embedded database of its own to come."""
    with tempfile.TemporaryDirectory(prefix="datasync-sh-", dir=quick_directory(), ignore_cleanup_errors=True) as place:
        subprocess.run(["cp", "-a", str(unmodified), place], check=True)
        yield Path(place) / "checkout"


def copy_of_the_checkout(folder: Path) -> Path:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    packages = [str(folder / name) for name in ("datasync_spider", "embedded_postgres", "mock_api")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *packages], check=True)
    return folder


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
    if Path(sys.prefix, ".datasync-stamp").exists():
        kept["DATASYNC_VENV"] = sys.prefix
    return kept | more


def run(checkout: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(checkout / "run-ingestion.sh"), *arguments],
        cwd=checkout.parent,  # it finds its checkout by itself
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def last_lines(text: str, count: int) -> list[str]:
    return text.splitlines()[-count:]


def type_of_readme(checkout: Path, words: str) -> list[list[str]]:
    """Types the README's line with these words, in an activated environment; what psql prints, row by row."""
    (line,) = [line for line in (checkout / "README.md").read_text().splitlines() if words in line]
    command = line.partition("&& ")[2] + " --tuples-only --no-align"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=checkout, env=environment(PATH=path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [row.split("|") for row in done.stdout.split()]


def test_the_whole_job_is_done_from_nothing_and_again_with_nothing_to_do(checkout: Path) -> None:
    first = run(checkout, "--local", MOCK_TOTAL_EVENTS="12345")
    assert first.returncode == 0, first.stderr
    assert last_lines(first.stdout, 2) == ["INGESTION COMPLETE!", "Total events: 12345"]

    second = run(checkout, "--local", MOCK_TOTAL_EVENTS="12345")
    assert second.returncode == 0, second.stderr
    assert last_lines(second.stdout, 2) == ["INGESTION COMPLETE!", "Total events: 12345"]

    counted = type_of_readme(checkout, "ingested_events_typed")
    assert sum(int(count) for _, count in counted) == 12_345
    assert "page_view" in dict(counted)

    logs = sorted((checkout / ".datasync/logs").glob("ingestion-*.log"))
    assert len(logs) == 2
    for log in logs:
        assert "ingestion complete: run" in log.read_text()


def test_arguments_behind_two_dashes_are_the_crawls_and_only_the_latest_logs_are_kept(checkout: Path) -> None:
    logs = checkout / ".datasync/logs"
    logs.mkdir(parents=True)
    for day in range(1, 31):
        (logs / f"ingestion-202001{day:02}T000000Z-1.log").touch()

    result = run(checkout, "--local", "--", "-O", "events.jsonl", MOCK_TOTAL_EVENTS="1000")

    assert result.returncode == 0, result.stderr
    assert len((checkout / "events.jsonl").read_text().splitlines()) == 1000
    kept = sorted(path.name for path in logs.iterdir())
    assert len(kept) == 20
    assert kept[0] == "ingestion-20200112T000000Z-1.log"
    assert kept[-1].startswith("ingestion-202")


def test_settings_of_the_crawl_also_lead_to_its_result(checkout: Path) -> None:
    settings = ["--set=STREAM=other", "-s", "DATASYNC_HOME=my home", "-sMOCK_TOTAL_EVENTS=700"]
    result = run(checkout, "--local", "--", "-O", "events.jsonl", *settings)

    assert result.returncode == 0, result.stderr
    assert last_lines(result.stdout, 2) == ["INGESTION COMPLETE!", "Total events: 700"]
    assert (checkout / "my home").is_dir()


def test_live_mode_without_a_key_is_refused_before_anything_is_started(unmodified: Path) -> None:
    result = run(unmodified, "--local", API_MODE="live")

    assert result.returncode == 2
    assert "DATASYNC_API_KEY is missing" in result.stderr
    assert "INGESTION NOT STARTED" in result.stderr
    assert "INGESTION COMPLETE" not in result.stdout


def test_a_crawl_that_cannot_reach_its_database_is_reported_as_failed(checkout: Path) -> None:
    result = run(checkout, "--local", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert result.returncode == 1
    assert "INGESTION FAILED" in result.stderr
    assert "INGESTION COMPLETE" not in result.stdout


def test_an_export_that_fails_is_reported_though_every_event_is_stored(checkout: Path) -> None:
    result = run(checkout, "--local", "--", "-O", "/dev/full:jsonl", MOCK_TOTAL_EVENTS="1000")

    assert result.returncode == 6, result.stderr
    assert "INGESTION COMPLETE, EXPORT FAILED" in result.stderr
    assert "Events stored so far: 1000" in result.stderr
    assert "INGESTION COMPLETE!" not in result.stdout


def signal_script(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def signal_group_as_a_terminal_does(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("interrupt", [signal_script, signal_group_as_a_terminal_does])
def test_ctrl_c_saves_the_position_and_the_next_run_goes_on(
    checkout: Path, interrupt: Callable[[subprocess.Popen[str]], None]
) -> None:
    total = 30_000
    # The rate limit keeps the crawl from being done before it is interrupted.
    slow = {"MOCK_RATE_LIMIT": "20", "MOCK_RATE_WINDOW_MS": "3000", "API_PAGE_LIMIT": "100"}
    process = subprocess.Popen(
        ["sh", str(checkout / "run-ingestion.sh"), "--local"],
        env=environment(MOCK_TOTAL_EVENTS=str(total), PROGRESS_LOG_INTERVAL_MS="100", **slow),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    stored = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if "progress: " in line and "progress: 0 " not in line:
                stored.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert stored.wait(180), "".join(lines)
        interrupt(process)
        assert process.wait(timeout=120) == 5, "".join(lines)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        reader.join()
    assert process.stdout is not None
    with process.stdout as out:
        assert "INGESTION COMPLETE" not in out.read()
    assert process.stderr is not None
    process.stderr.close()
    assert "INGESTION STOPPED: the position is saved" in "".join(lines)

    rest = run(checkout, "--local", MOCK_TOTAL_EVENTS=str(total))
    assert rest.returncode == 0, rest.stderr
    assert last_lines(rest.stdout, 2) == ["INGESTION COMPLETE!", f"Total events: {total}"]


def test_help_says_what_the_exit_codes_mean(unmodified: Path) -> None:
    result = run(unmodified, "--help")

    assert result.returncode == 0
    assert "--docker" in result.stdout
    assert "exit codes: 0 complete" in result.stdout


def test_an_unknown_argument_is_refused(unmodified: Path) -> None:
    result = run(unmodified, "--lokal")

    assert result.returncode == 2
    assert "unknown argument: --lokal" in result.stderr


@pytest.mark.parametrize("option", ["-o", "-O", "--output", "--overwrite-output"])
def test_a_container_is_not_asked_to_keep_an_export(unmodified: Path, option: str) -> None:
    result = run(unmodified, "--docker", "--", option, "events.jsonl")

    assert result.returncode == 2
    assert f"{option} events.jsonl: a container keeps no file; use --local for exports" in result.stderr


@pytest.mark.parametrize("redirections", ["<&- >&- 2>&-", ">/dev/full 2>&1", "a pipe without a reader"])
def test_its_exit_code_is_the_runs_who_reads_what_it_says(checkout: Path, database_url: str, redirections: str) -> None:
    with serving() as feed, pipe_without_reader() as pipe:
        done = subprocess.run(
            ["sh", "-c", f"exec sh run-ingestion.sh --local {redirections if '>' in redirections else ''}"],
            cwd=checkout,
            env=environment(DATABASE_URL=database_url, API_BASE_URL=feed.base_url, **FEED_SETTINGS),
            stdout=pipe,
            stderr=pipe,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0
    assert_feed_is_stored(database_url, feed.events)


def test_a_terminal_that_goes_away_twice_stops_the_crawl_once(
    checkout: Path, database_url: str, slow_mock: MockApi
) -> None:
    script = subprocess.Popen(
        ["sh", "run-ingestion.sh", "--local"],
        cwd=checkout,
        env=environment(DATABASE_URL=database_url, API_BASE_URL=slow_mock.base_url, API_PAGE_LIMIT="100"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: value(database_url, "SELECT count(*) > 0 FROM ingestion_pages"), what="a committed page")
    for _ in range(2):
        script.send_signal(signal.SIGHUP)
    _, reported = script.communicate(timeout=60)
    assert script.returncode == 5, reported
    assert "INGESTION STOPPED" in reported
    (log,) = (checkout / ".datasync/logs").glob("ingestion-*.log")
    assert log.read_text().count("received SIGTERM") == 1
    assert value(database_url, "SELECT status FROM ingestion_runs") == "stopped"

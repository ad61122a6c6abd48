"""The benchmark by itself, on a feed that is too small to say anything about speed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.reports import load
from datasync_spider.records.compiled import IS_COMPILED
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_case_measures_the_crawl_beside_its_limit_and_keeps_every_sample(tmp_path: Path) -> None:
    saved = tmp_path / "cases.json"
    done = bench("--case", "database", "--quick", "--rounds", "1", "--json", str(saved))
    assert done.returncode in (0, 1), done.stderr
    report = load(saved)
    # What is compared with it later may be without.
    assert report.machine.versions["events read by"] == ("compiled code" if IS_COMPILED else "Python")
    (case,) = report.cases
    limit, ours, whole, mock, cost, others = case.figures
    assert all(len(figure.samples) == 1 for figure in case.figures)
    assert limit.samples[0] > 0
    assert mock.samples[0] > ours.samples[0]
    # The start of a process takes time, and a crawl some of the processor's.
    assert 0 < whole.samples[0] < ours.samples[0]
    assert ours.ratios == [ours.samples[0] / limit.samples[0]]
    assert cost.samples[0] == ours.cpu_seconds[0] / case.events * 1e6 > 0
    assert ours.peak_mb[0] > 20
    assert others.samples == [0.0]
    assert done.returncode == (0 if all(figure.passed is not False for figure in case.figures) else 1)
    assert "scrapy crawl events" in done.stdout


def test_many_slices_are_measured_by_what_the_api_and_the_kernel_say_of_one_process(tmp_path: Path) -> None:
    saved = tmp_path / "cases.json"
    done = bench("--case", "rounds", "--case", "crowded", "--quick", "--rounds", "1", "--json", str(saved))
    assert done.returncode in (0, 1), done.stderr
    rounds, crowded = load(saved).cases
    start, whole, cost, requests, memory, connections = rounds.figures
    assert 0 < start.cpu_seconds[0] < whole.cpu_seconds[0]
    assert cost.samples[0] * 7 == pytest.approx(1000 * (whole.cpu_seconds[0] - start.cpu_seconds[0]))
    assert requests.samples == [1.0]
    assert memory.samples == whole.peak_mb
    assert connections.samples[0] >= 1
    one, slices, last = crowded.figures
    assert slices.ratios == [slices.samples[0] / one.samples[0]]
    assert last.ratios[0] >= 1.0
    assert [figure.target for figure in (whole, cost, memory, connections, slices, last)] == [30, 10, 350, 8, 0.85, 1.2]


def test_what_slices_cost_is_told_by_each_side_of_a_sync_of_all_of_them(tmp_path: Path) -> None:
    saved = tmp_path / "slices.json"
    done = bench("slices", "--slices", "20", "--without-fleet", "--json", str(saved))
    assert done.returncode == 0, done.stderr
    report = load(saved)
    (case,) = report.cases
    assert (report.kind, case.name, case.events) == ("slices", "20", 20)
    found = {figure.what: figure.samples[0] for figure in case.figures}
    for what in ("first sync", "round"):
        assert found[f"{what}: CPU of ours a slice"] > 1
        assert found[f"{what}: CPU of PostgreSQL a slice"] > 0
        assert found[f"{what}: transactions a slice"] >= 1
        # BEGIN and COMMIT are two of them.
        assert found[f"{what}: statements a slice"] > 2 * found[f"{what}: transactions a slice"] - 2
        assert 0 < found[f"{what}: until the first request"] < found[f"{what}: from start to end"]
        assert found[f"{what}: connections, at most"] >= 1
    assert found["tables of records, a slice"] > 20 * 0.3
    assert found["the page's list of slices: bytes"] > 20 * 100
    assert "a round of all, by CPU alone" in done.stdout


def test_a_file_to_compare_with_is_read_before_anything_is_measured(tmp_path: Path) -> None:
    done = bench("--compare", str(tmp_path / "nothing.json"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "nothing.json cannot be read: No such file or directory" in done.stderr


def test_a_benchmark_that_is_asked_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    # For root the server runs under another account, which has to reach its directory.
    tmp_path.chmod(0o711)
    command = [sys.executable, "-m", "bench", "--case", "start", "--rounds", "1000"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    started = next(line for line in process.stderr if "until the first request" in line)
    assert started
    eventually(lambda: list(tmp_path.glob("datasync-bench-crawl-*")), what="the first crawl")
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    process.stderr.close()
    assert list(tmp_path.glob("datasync-bench-*")) == []
    assert [
        each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(each.info["cmdline"] or [])
    ] == []

"""A log file that cannot be written: whoever logs is not held up, and what is missing is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.crawl import PROJECT

PROLOGUE = """
import logging, resource, sys
from pathlib import Path
from scrapy.settings import Settings
from datasync_spider.config import Config
from datasync_spider.logs import install_logging
def limit(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
log = logging.getLogger("datasync_spider.some")
handler = install_logging(Config.from_settings(Settings(), env_file=None), sys.argv[1], True)
"""


def run(code: str, file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + code, str(file)],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_lines_that_a_full_disk_did_not_take_are_counted_when_it_takes_lines_again(tmp_path: Path) -> None:
    file = tmp_path / "log"
    code = "limit(0); log.info('a'); log.info('b'); limit(resource.RLIM_INFINITY); log.info('c'); log.info('d')"
    done = run(code, file, LOG_FORMAT="json")
    assert done.returncode == 0
    assert done.stderr == f"the log file {file} cannot be written: File too large; what it cannot take is left out\n"
    lines = [json.loads(line)["message"] for line in file.read_text().splitlines()]
    assert lines == ["c", "2 log lines were left out here: File too large", "d"]


def test_each_time_that_the_disk_is_full_is_said_once(tmp_path: Path) -> None:
    once = "limit(0); log.info('a'); log.info('b'); limit(resource.RLIM_INFINITY); log.info('c')\n"
    done = run(once + once.replace("limit(0)", "limit(1)"), tmp_path / "log")
    assert len(done.stderr.splitlines()) == 2


def test_a_file_that_can_not_be_opened_again_costs_its_lines_alone(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "log"
    file.parent.mkdir()
    code = "handler.close(); Path(sys.argv[1]).unlink(); Path(sys.argv[1]).parent.rmdir(); log.info('a'); log.info('b')"
    done = run(code, file)
    assert done.returncode == 0
    assert done.stderr.startswith(f"the log file {file} cannot be written: No such file or directory")
    assert len(done.stderr.splitlines()) == 1


def test_a_json_line_is_whole_on_a_stream_that_knows_ascii_alone(tmp_path: Path) -> None:
    code = "install_logging(Config.from_settings(Settings(), env_file=None), None, True); log.info('\\xfc \\u20ac')"
    done = run(code, tmp_path / "log", LOG_FORMAT="json", PYTHONIOENCODING="ascii:backslashreplace")
    assert json.loads(done.stderr)["message"] == "ü €"

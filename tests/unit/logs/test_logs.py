"""What the log shows, what it hides, and what it leaves out."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from datasync_spider.logs import Redactor
from datasync_spider.logs.formats import JsonFormatter, TextFormatter
from datasync_spider.logs.quiet import is_worth_a_line

PROJECT = Path(__file__).resolve().parents[3]
KEY = "ds_live_0123456789"
AWKWARD = "p@ss/w\"o'r\\d ü€😀+%&="

# Installs the log as the commands do and then runs the text that follows.
PROLOGUE = """
import logging, sys, threading, warnings
from pathlib import Path
from scrapy.settings import Settings
from datasync_spider.config import Config
from datasync_spider.logs import install_logging
config = Config.from_settings(Settings(), env_file=None)
handler = install_logging(config, sys.argv[1] or None, sys.argv[2] == "enabled")
log = logging.getLogger("datasync_spider.some")
"""


def run(code: str, *, log_file: str = "", enabled: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + code, log_file, "enabled" if enabled else "disabled"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "DATASYNC_API_KEY": KEY, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def record(message: str, *args: object, name: str = "datasync_spider.some", **attributes: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, "file.py", 7, message, args, None)
    made.__dict__.update({"created": 1_700_000_000.1234, **attributes})
    return made


def caught(error: Exception) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_a_text_line_has_time_level_logger_message_and_fields() -> None:
    made = record("page %d is in", 7, datasync={"page_number": 7, "request_id": None, "stream": "events"})

    assert TextFormatter(Redactor()).format(made) == (
        "2023-11-14T22:13:20.123Z INFO     datasync_spider.some: page 7 is in [page_number=7 stream=events]"
    )


def test_a_json_line_is_one_object_with_the_callers_fields() -> None:
    fields = {
        "run_id": 3,
        "rate": 1.5,
        "bad": float("nan"),
        "path": Path("/x"),
        "list": [1, (2,)],
        "message": "not mine",
    }

    line = JsonFormatter(Redactor()).format(record("a\nb %s", "ü", datasync=fields))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.123Z",
        "level": "INFO",
        "logger": "datasync_spider.some",
        "message": "a\nb ü",
        "run_id": 3,
        "rate": 1.5,
        "bad": "nan",
        "path": "/x",
        "list": [1, [2]],
    }


def test_an_exception_is_part_of_its_record_in_both_formats() -> None:
    made = record("failed", exc_info=caught(ValueError("the reason")))

    text = TextFormatter(Redactor()).format(made)
    line = json.loads(JsonFormatter(Redactor()).format(made))

    assert text.splitlines()[1] == "    Traceback (most recent call last):"
    assert text.endswith("    ValueError: the reason")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: the reason")


def test_what_a_server_says_cannot_forge_a_line_or_drive_the_terminal() -> None:
    text = TextFormatter(Redactor()).format(
        record("it said %s", "x\r\n2023-11-14T22:13:20.123Z ERROR forged \x1b[2J\x9b")
    )

    first, second = text.split("\n")
    assert first.endswith(r"it said x\r")
    assert second == r"    2023-11-14T22:13:20.123Z ERROR forged \x1b[2J\x9b"


@pytest.mark.parametrize("secret", [KEY, AWKWARD, "pw1", "postgres", "läng😀er"])
@pytest.mark.parametrize(
    "spelling",
    [
        lambda secret: secret,
        lambda secret: quote(secret, safe=""),
        lambda secret: quote(secret).replace("%2F", "%2f"),
        quote_plus,
        repr,
        lambda secret: repr([{"a": secret}]),
        lambda secret: repr(secret.encode()),
        json.dumps,
        lambda secret: json.dumps(secret, ensure_ascii=False),
        lambda secret: json.dumps(repr(secret)),
        ascii,
        lambda secret: f"key%3D{quote(secret)}%26",
        lambda secret: repr(f"\n{secret}\n"),
    ],
)
def test_a_secret_is_found_in_every_spelling(secret: str, spelling: Any) -> None:
    written = spelling(secret)

    redacted = Redactor([secret]).redact(f"before {written} after")

    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "***" in redacted
    assert secret not in redacted
    assert redacted.replace("***", "").count("0123456789") == 0


@pytest.mark.parametrize("others", [0, 1_000])
@pytest.mark.parametrize(
    ("secret", "written"),
    [
        # What stands before it looks like the beginning of a code.
        ("1bcdefghijk", "%61bcdefghijk"),
        ("1bcdefghijk", "%61%62cdefghijk"),
        ("61bcdefghij", "%61bcdefghi%6a"),
        # It holds what looks like one, or a sign that is one in another place.
        ("with%41sign-and-more", "with%41sign-and-more"),
        ("with%41sign-and-more", "with%2541sign-and-more"),
        ("a word+another one", "a+word+another%20one"),
        ("///+++", "%2F\\/%2f+%2b+"),
        ('\\"\\', '\\\\\\"%5C'),
    ],
)
def test_a_secret_is_found_whatever_stands_before_it_and_however_many_there_are(
    secret: str, written: str, others: int
) -> None:
    redactor = Redactor([*(f"{number:08}-of-another-tenant" for number in range(others)), secret])

    assert "***" in redactor.redact(written)


def test_a_line_costs_as_much_with_thousands_of_secrets_as_with_a_few() -> None:
    redactor = Redactor(f"{number:08x}/token+of={number}" for number in range(5_000))
    began = time.process_time()

    for number in range(1_000):
        line = f"page {number} at 35 %: GET /x?cursor=abc%3D%3D&since=2024-01-01T00:00:00+00:00"
        assert redactor.redact(line) == line
    assert redactor.redact("a+00000fff%2Ftoken%2Bof%3D4095") == "a+***"

    # A second here; where each line is searched for all of them it takes minutes.
    assert time.process_time() - began < 30


def test_a_long_secret_is_found_inside_a_word_and_a_short_one_only_as_a_word() -> None:
    assert Redactor([KEY]).redact(f"x{KEY}x") == "x***x"
    assert Redactor(["postgres"]).redact("postgresql of postgres") == "postgresql of ***"


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    assert Redactor(["a-long-secret", "a-long-secret-and-more"]).redact("a-long-secret-and-more") == "***"


def test_a_secret_may_become_known_later_and_an_empty_one_is_none() -> None:
    redactor = Redactor([""])
    assert redactor.redact(f"a {KEY}") == f"a {KEY}"

    redactor.add_secrets([KEY])

    assert redactor.redact(f"a {KEY}") == "a ***"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("at postgresql://user:hunter2@db:5432/x", "at postgresql://user:***@db:5432/x"),
        ("at http://:hunter2@proxy/", "at http://:***@proxy/"),
        ("at http://127.0.0.1:8080/a@b", "at http://127.0.0.1:8080/a@b"),
        ("Proxy-Authorization: Basic aHVudGVyMg==", "Proxy-Authorization: Basic ***"),
        ("host=db password=hunter2 user=u", "host=db password=*** user=u"),
        (r"password='hunt er\'2' user=u", "password=*** user=u"),
        ("the word password alone", "the word password alone"),
    ],
)
def test_credentials_that_no_one_has_named_are_found_by_the_words_around_them(text: str, redacted: str) -> None:
    assert Redactor().redact(text) == redacted


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
@pytest.mark.parametrize("secret", [KEY, AWKWARD, "5432", "two\nlines"])
def test_no_part_of_a_record_shows_a_secret(formatter: Any, secret: str) -> None:
    made = record(
        f"in the message {secret.replace('%', '%%')}, in an argument %s and in its repr %r",
        secret,
        {"key": secret},
        exc_info=caught(ValueError(f"in the exception {secret}")),
        stack_info=f"in the stack {secret}",
        datasync={"field": secret, secret: 1, "number": 5432, "nested": {"a": [secret]}},
    )

    text = formatter(Redactor([secret])).format(made)

    assert secret not in text
    assert secret not in text.replace("\n    ", "\n").replace("\\n", "\n")
    assert json.dumps(secret)[1:-1] not in text
    if formatter is JsonFormatter:
        assert json.loads(text)["nested"] == {"a": ["***"]}


def test_a_secret_that_looks_like_jsons_own_punctuation_costs_the_line_and_shows_nothing() -> None:
    line = JsonFormatter(Redactor(['"INFO", "logger":'])).format(record("x"))

    assert json.loads(line)["message"] == "***"


@pytest.mark.parametrize(
    ("name", "message", "shown"),
    [
        ("scrapy.middleware", "Enabled %(componentname)ss:\n%(enabledlist)s", False),
        ("scrapy.crawler", "Overridden settings:\n%(settings)s", False),
        ("scrapy.crawler", "Received %(signame)s, shutting down gracefully.", True),
        ("scrapy.utils.log", "Versions:\n{}", False),
        ("scrapy.addons", "Enabled addons:\n%(addons)s", False),
        ("scrapy_fake_useragent.middleware", "Using '<class 'x'>' as the User-Agent provider", False),
        ("scrapy_fake_useragent.middleware", "Error occurred during setup", True),
        ("scrapy.core.engine", "Spider opened", True),
    ],
)
def test_scrapys_lists_are_left_out_and_nothing_else(name: str, message: str, shown: bool) -> None:
    made = record(message, name=name)
    assert is_worth_a_line(made) is shown

    made.levelno = logging.WARNING
    assert is_worth_a_line(made) is True


def test_the_installed_log_writes_to_standard_error_from_its_level_on() -> None:
    done = run("log.info('shown'); log.debug('hidden'); logging.getLogger('scrapy.x').info('%s', 'other')")

    assert [line.split(None, 1)[1] for line in done.stderr.splitlines()] == [
        "INFO     datasync_spider.some: shown",
        "INFO     scrapy.x: other",
    ]


def test_the_installed_log_redacts_also_through_scrapys_own_set_up() -> None:
    done = run(
        "from scrapy.utils.log import configure_logging\n"
        "from datasync_spider.logs import scrapy_log_settings\n"
        "configure_logging(scrapy_log_settings(config))\n"
        f"log.info('x-%s', '{KEY}')\n"
        f"logging.getLogger('scrapy.core').debug('{KEY}')",
        LOG_LEVEL="debug",
    )

    assert done.stderr.count("***") == 2
    assert KEY not in done.stderr


def test_warnings_reach_the_log() -> None:
    done = run("warnings.warn('mind the gap', UserWarning)", LOG_FORMAT="json")

    [line] = done.stderr.splitlines()
    assert json.loads(line)["logger"] == "py.warnings"
    assert "mind the gap" in json.loads(line)["message"]


def test_a_log_file_takes_the_lines_and_is_appended_to(tmp_path: Path) -> None:
    target = tmp_path / "crawl.log"
    for _ in range(2):
        done = run("log.info('\\udc80 %s', 'ü')", log_file=str(target))
        assert done.stderr == ""

    assert [line.partition(": ")[2] for line in target.read_text(encoding="utf-8").splitlines()] == [r"\udc80 ü"] * 2


def test_a_log_that_is_switched_off_says_nothing() -> None:
    assert run("log.critical('x')", enabled=False).stderr == ""


def test_installing_again_replaces_the_handler() -> None:
    done = run("install_logging(config, None, True); log.info('once')")

    assert len(done.stderr.splitlines()) == 1


def test_a_secret_that_becomes_known_later_is_hidden_from_then_on() -> None:
    done = run("handler.redactor.add_secrets(['late-secret-1']); log.info('late-secret-1')")

    assert done.stderr.endswith(": ***\n")


def test_a_record_that_cannot_be_formatted_shows_no_argument() -> None:
    done = run(f"log.info('%d', '{KEY}'); log.info('next')")

    assert "could not be written" in done.stderr
    assert "next" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("raise ValueError('it was {key}')", 1),
        ("thread = threading.Thread(target=lambda: 1 / len('{key}'[:0])); thread.start(); thread.join()", 0),
        ("class Bad:\n    def __del__(self): raise ValueError('{key}')\nBad()", 0),
    ],
    ids=["uncaught", "in a thread", "unraisable"],
)
def test_a_traceback_that_python_prints_shows_no_secret(tmp_path: Path, code: str, exit_code: int) -> None:
    # From a file: only then does a traceback quote the line.
    script = tmp_path / "script.py"
    script.write_text(PROLOGUE + code.format(key=KEY), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, script, "", "enabled"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "DATASYNC_API_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == exit_code
    assert "Error" in done.stderr
    assert "***" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize("text", ["a", "\\", "a://", "x-api-key", 'password="\\a', "'", "%5C", "authorization:(["])
def test_long_and_strange_texts_are_redacted_in_time_that_grows_with_their_length(text: str) -> None:
    redactor = Redactor([KEY, "\\'begins and ends strangely\\\\"])

    began = time.process_time()
    redactor.redact(text * (200_000 // len(text)))

    # Seconds here; a search that began anew at each character would take minutes.
    assert time.process_time() - began < 20

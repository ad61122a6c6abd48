"""What becomes known of a source is masked in the log: its secrets, and whatever stands behind their places' names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.logs.install import LogHandler, also_redact, install_logging
from datasync_spider.logs.redaction import Redactor
from datasync_spider.sources.secretnames import secret_places


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("PRIVATE-TOKEN: hunter2", "PRIVATE-TOKEN: ***"),
        ("private-token: SSWS hunter2, two\nnext", "private-token: ***\nnext"),
        ("{b'Private-Token': [b'Bot hunter2'], b'A': [b'1']}", "{b'Private-Token': [b'***'], b'A': [b'1']}"),
        ("[(b'Private-Token', b'hunter2')]", "[(b'Private-Token', b'***')]"),
        ('{"PRIVATE-TOKEN": "Bot hunter2", "A": "1"}', '{"PRIVATE-TOKEN": "***", "A": "1"}'),
        (r"{\"PRIVATE-TOKEN\": \"Bot hunter2\", \"A\": 1}", r"{\"PRIVATE-TOKEN\": \"***\", \"A\": 1}"),
        (r"{'PRIVATE-TOKEN': 'it\'s hunter2', 'A': 1}", "{'PRIVATE-TOKEN': '***', 'A': 1}"),
        ('{"PRIVATE-TOKEN": 1234, "A": 1}', '{"PRIVATE-TOKEN": ***, "A": 1}'),
        ("PRIVATE-TOKEN=hunter2 A=1", "PRIVATE-TOKEN=*** A=1"),
        ("the header PRIVATE-TOKEN is missing", "the header PRIVATE-TOKEN is missing"),
        ("X-PRIVATE-TOKEN-2: 5", "X-PRIVATE-TOKEN-2: 5"),
        ("PRIVATE-TOKEN: ***", "PRIVATE-TOKEN: ***"),
    ],
)
def test_what_stands_behind_a_headers_name_is_masked_whatever_it_is(text: str, redacted: str) -> None:
    redactor = Redactor()
    redactor.add_header("Private-Token")

    assert redactor.redact(text) == redacted
    assert redactor.redact(redacted) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("GET https://h/a?key=hunter2&a=1 failed", "GET https://h/a?key=***&a=1 failed"),
        ("https://h/a?a=1&key=hunt%20er2", "https://h/a?a=1&key=***"),
        ("{'key': 'hunter2'}", "{'key': '***'}"),
        ("[('key', 'hunter2'), ('a', '1')]", "[('key', '***'), ('a', '1')]"),
        ("it wants a key: see its documentation", "it wants a key: see its documentation"),
        ("https://h/?sort_key=a&monkey=b", "https://h/?sort_key=a&monkey=b"),
    ],
)
def test_what_stands_behind_a_parameters_name_is_masked_and_no_sentence_about_it(text: str, redacted: str) -> None:
    redactor = Redactor()
    redactor.add_parameter("key")

    assert redactor.redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("X-API-Key: hunter2", "X-API-Key: ***"),
        ("x-api-key=hunter2&a=1", "x-api-key=***&a=1"),
        ("{b'X-Api-Key': [b'hunter2'], b'A': [b'1']}", "{b'X-Api-Key': [b'***'], b'A': [b'1']}"),
        ("[(b'X-Api-Key', b'hunter2')]", "[(b'X-Api-Key', b'***')]"),
        ('{"X-API-Key": "hunter2", "A": "1"}', '{"X-API-Key": "***", "A": "1"}'),
        (r"{\"X-API-Key\": \"hunter2\"}", r"{\"X-API-Key\": \"***\"}"),
    ],
)
def test_the_header_of_the_api_that_comes_with_the_project_is_one_of_them(text: str, redacted: str) -> None:
    redactor = Redactor()
    for name in secret_places(built_in_source()).headers:
        redactor.add_header(name)

    assert redactor.redact(text) == redacted


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    former, level = list(root.handlers), root.level
    config = Config.from_settings(Settings(), {"LOG_COPY_FILE": str(tmp_path / "copy.log")}, None, tmp_path)
    install_logging(config, str(tmp_path / "log"), enabled=True)
    yield tmp_path / "log"
    for handler in [handler for handler in root.handlers if isinstance(handler, LogHandler)]:
        root.removeHandler(handler)
        handler.close()
    root.handlers[:] = former
    root.setLevel(level)
    logging.captureWarnings(False)


def test_what_is_learned_later_is_masked_in_the_log_of_this_process_and_in_its_copy(log_file: Path) -> None:
    also_redact(secrets=["token-of-a-source"], headers=["X-Own"], parameters=["sig"])

    logging.getLogger("test").info("token-of-a-source, X-Own: abc, https://h/?sig=def")

    for file in (log_file, log_file.with_name("copy.log")):
        assert file.read_text(encoding="utf-8").endswith("test: ***, X-Own: ***\n")


def test_of_secrets_that_are_replaced_again_and_again_the_last_ones_are_masked() -> None:
    redactor = Redactor(["a-lasting-one"])
    redactor.add_passing(f"passing-{n:04}" for n in range(100))
    assert redactor.redact("passing-0099 passing-0040 passing-0001 a-lasting-one") == "*** *** passing-0001 ***"

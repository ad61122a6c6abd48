"""What Scrapy is told, where it is decided by more than a constant."""

from __future__ import annotations

import pytest

from datasync_spider.settings import commands_module

ALL = "datasync_spider.commands"


@pytest.mark.parametrize("command", ["crawl", "status", "verify"])
def test_a_command_is_loaded_without_the_others(command: str) -> None:
    assert commands_module(["scrapy", command, "--help"]) == f"{ALL}.{command}"


@pytest.mark.parametrize("words", [[], ["-h"], ["shell"], ["nothing"], ["no.such"], ["tests/unit"], ["__init__.x"]])
def test_all_are_loaded_where_the_first_word_is_none_of_ours(words: list[str]) -> None:
    assert commands_module(["scrapy", *words]) == ALL

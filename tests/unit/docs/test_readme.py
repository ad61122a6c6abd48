"""The README is short, and what it gives people to type exists."""

from __future__ import annotations

import argparse
import pkgutil
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from scrapy.commands import ScrapyCommand
from scrapy.settings import Settings

import datasync_spider.commands
from datasync_spider.sources.files.load import read_source
from datasync_spider.spiders.events import EventsSpider
from tests.unit.docs.pages import PROJECT, markdown_files, read

README = PROJECT / "README.md"
SCRAPYS_OWN = {"list"}
"""Commands that pages give to type, and that are not ours."""
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def typed(path: Path) -> Iterator[list[str]]:
    """What a page gives to type: the lines of its shell blocks, and code spans that begin like a command."""
    page = read(path)
    for block in page.blocks:
        if block.language == "sh":
            yield from (words(line) for line in block.lines)
    for span in page.code_spans():
        if span.startswith(("sh ", "scrapy ")):
            yield words(span)


def words(line: str) -> list[str]:
    """A command without the settings before it and the comment behind it."""
    found = shlex.split(line.removeprefix("$ "), comments=True)
    while found and _ASSIGNMENT.fullmatch(found[0]):
        found.pop(0)
    return found


@cache
def our_commands() -> dict[str, type[ScrapyCommand]]:
    return {
        module.name: import_module(f"datasync_spider.commands.{module.name}").Command
        for module in pkgutil.iter_modules(datasync_spider.commands.__path__)
    }


def complaint(command: list[str]) -> str | None:
    """What is wrong with a command that people are given to type, or None."""
    match command:
        case ["sh", script, *arguments]:
            if not (PROJECT / script).is_file():
                return f"there is no {script}"
            text = (PROJECT / script).read_text(encoding="utf-8")
            own = arguments[: arguments.index("--")] if "--" in arguments else arguments
            unknown = [word for word in own if word.startswith("--") and word not in text]
            return f"{script} knows no {unknown[0]}" if unknown else None
        case ["scrapy", "list"]:
            # Scrapy's own, which takes nothing.
            return None
        case ["scrapy", name, *arguments]:
            if name in SCRAPYS_OWN:
                return None
            return parse(name, arguments) if name in our_commands() else f"there is no scrapy {name}"
        case _:
            return None


@cache
def parser_of(name: str) -> argparse.ArgumentParser:
    """The command's own, as Scrapy would make it."""
    command = our_commands()[name]()
    command.settings = Settings()
    parser = argparse.ArgumentParser(conflict_handler="resolve", exit_on_error=False)
    command.add_options(parser)
    return parser


def parse(name: str, arguments: list[str]) -> str | None:
    try:
        _, rest = parser_of(name).parse_known_args(arguments)
    except argparse.ArgumentError as error:
        return str(error)
    own = rest[: rest.index("--")] if "--" in rest else rest
    unknown = [word for word in own if word.startswith("-") and "--" not in arguments]
    return f"unknown: {unknown[0]}" if unknown else None


def test_the_readme_has_less_than_200_lines() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_command_that_a_page_gives_to_type_exists(path: Path) -> None:
    assert [(command, wrong) for command in typed(path) if (wrong := complaint(command))] == []


def test_the_source_that_the_readme_shows_is_one() -> None:
    (block,) = [block for block in read(README).blocks if block.language == "toml"]
    source = read_source("\n".join(block.lines), "sources/github.toml")
    assert list(source.streams) == ["issues"]
    assert ["scrapy", "crawl", f"{source.name}.issues"] in list(typed(README))


def test_the_readme_names_the_two_commands_and_the_crawl() -> None:
    reported = list(typed(README))
    assert ["sh", "run-ingestion.sh"] in reported
    assert ["sh", "run-tests.sh"] in reported
    assert ["scrapy", "crawl", EventsSpider.name] in reported


@pytest.mark.parametrize(
    "line",
    [
        "sh missing.sh",
        "sh run-ingestion.sh --dokcer",
        "scrapy crwal events",
        "scrapy status --jsno",
        "scrapy status --expect well",
    ],
)
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    assert complaint(words(line)) is not None


@pytest.mark.parametrize(
    "line",
    ["A=1 sh run-ingestion.sh -- -O x.jsonl", "scrapy psql -- -c 'SELECT 1'", "scrapy status --json  # for programs"],
)
def test_a_command_that_exists_is_let_pass(line: str) -> None:
    assert complaint(words(line)) is None

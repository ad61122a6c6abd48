"""What the operations page and the README show of logs and of a crawl's exit report are lines that the code writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from datasync_spider import errors
from tests.unit.docs.pages import DOCS, PROJECT, read

PACKAGE = PROJECT / "datasync_spider"
_LOG_LINE = re.compile(r"(?:\S+Z )?(DEBUG|INFO|WARNING|ERROR) +datasync_spider[\w.]*: (.*)")
# Fields for programs stand behind the message in brackets.
_FIELDS = re.compile(r" \[\w+=[^\]]*\]$")
_LEVELS = {"debug", "info", "warning", "error"}
_DIRECTIVE = re.compile(r"%[-+ #0]*[\d.]*([sdrfgi%])")
# A message that is another program's text altogether.
_ANYTHING = ".*"
_SHOWN_ELSEWHERE = ("API_", "DATASYNC_", "DATABASE_", "*/30 ")


def as_pattern(template: str) -> str:
    """A message of :mod:`logging` as a regular expression."""
    parts, end = [], 0
    for match in _DIRECTIVE.finditer(template):
        numeric = r"[-+\d.e]+" if match[1] in "dfgi" else ".*"
        parts += [re.escape(template[end : match.start()]), "%" if match[1] == "%" else numeric]
        end = match.end()
    return "".join(parts) + re.escape(template[end:])


@cache
def templates() -> dict[str, set[str]]:
    """The messages that modules log, by level; ``*`` for a level that is chosen as it runs."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if ast.unparse(node.func.value) != "logger":
                continue
            level, arguments = node.func.attr, node.args
            if level == "log":
                level, arguments = "*", arguments[1:]
            if level in {*_LEVELS, "*"} and isinstance(arguments[0], ast.Constant):
                found.setdefault(level, set()).add(as_pattern(str(arguments[0].value)))
    return found


def text_pattern(node: ast.JoinedStr) -> str:
    """An f-string as a regular expression."""
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in node.values)


@cache
def raised() -> list[str]:
    """The messages of our errors as regular expressions: some are logged as they are."""
    kinds = {name for name in vars(errors) if name[0].isupper()}
    return [
        text_pattern(node.args[0])
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in kinds
        if node.args and isinstance(node.args[0], ast.JoinedStr)
    ]


@cache
def progress_texts() -> list[str]:
    """What a progress line begins and ends with is put together from parts; its beginning is enough."""
    tree = ast.parse((PACKAGE / "faces" / "progress" / "texts.py").read_text(encoding="utf-8"))
    return [
        text_pattern(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and ast.unparse(node)[2:].startswith("progress: ")
    ]


@cache
def exit_report() -> list[str]:
    """The lines that a crawl may end with, and those that run-ingestion.sh adds, as regular expressions."""
    tree = ast.parse((PACKAGE / "faces" / "exitreport" / "summary.py").read_text(encoding="utf-8"))
    found = [
        text_pattern(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and re.match(r"ingestion |  [\w ]+: ", ast.unparse(node)[2:])
    ]
    script = (PROJECT / "run-ingestion.sh").read_text(encoding="utf-8")
    said = re.findall(r"""^ *echo (?:'([^']+)'|"([^"]+)")$""", script, re.MULTILINE)
    return found + [re.sub(r"\\\$\w+", ".*", re.escape(single or double)) for single, double in said]


def is_written(line: str) -> bool:
    match = _LOG_LINE.fullmatch(line)
    if match is None:
        return any(re.fullmatch(pattern, line) for pattern in exit_report())
    level, message = match.groups()
    known = {*templates().get(level.lower(), ()), *templates().get("*", ())}
    if _ANYTHING in known:
        known = {*(known - {_ANYTHING}), *raised(), *progress_texts()}
    return any(re.fullmatch(pattern, _FIELDS.sub("", message)) for pattern in known)


def shown_lines() -> Iterator[str]:
    for path in (DOCS / "operate" / "operations.md", PROJECT / "README.md"):
        for block in read(path).blocks:
            if block.language == "text":
                yield from (line for line in block.lines if not line.startswith(_SHOWN_ELSEWHERE))


def test_every_line_that_is_shown_is_one_that_the_code_writes() -> None:
    assert [line for line in shown_lines() if not is_written(line)] == []


def test_each_trouble_of_the_runbook_shows_what_is_written_in_it() -> None:
    page = read(DOCS / "operate" / "operations.md")
    troubles = [section.title for section in page.sections if section.level == 3]
    shown = [line for line in shown_lines() if _LOG_LINE.fullmatch(line) or line.startswith("ingestion ")]
    assert len(troubles) == 12
    assert len(shown) >= len(troubles)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR    datasync_spider.process.waiting: waiting for better days",
        "DEBUG    datasync_spider.pipelines.postgres: took over stream events: the level is another one",
        "ingestion almost complete: run 1",
    ],
)
def test_a_line_that_nothing_writes_would_be_found(line: str) -> None:
    assert not is_written(line)

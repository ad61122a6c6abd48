"""Reads the project's Markdown as its tests need it: sections, tables, links and code blocks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
DOCS = PROJECT / "docs"

_HEADING = re.compile(r"(#{1,6}) +(.+?) *$")
_FENCE = re.compile(r"```(\w*) *$")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code; ``line`` is where its fence stands."""

    language: str
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the prose under it, up to the next heading of any level; code blocks are not part of it."""

    level: int
    title: str
    lines: tuple[str, ...]

    def rows(self) -> list[list[str]]:
        """The cells of the tables in it, without their heads."""
        found: list[list[str]] = []
        rule_seen = False
        for line in self.lines:
            if not line.startswith("|"):
                rule_seen = False
            elif set(line) <= set("|-: "):
                rule_seen = True
            elif rule_seen:
                found.append([cell.strip().replace(r"\|", "|") for cell in _CELL_END.split(line)[1:-1]])
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """One file. Sections and code blocks are apart, so that a comment in a shell block is no heading."""

    path: Path
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]

    def section(self, title: str) -> Section:
        """The only section of this title. Raises ValueError where there is none, or a second one."""
        (found,) = [section for section in self.sections if section.title == title]
        return found

    def rows(self) -> list[list[str]]:
        return [row for section in self.sections for row in section.rows()]

    def anchors(self) -> set[str]:
        """What a link may name behind ``#``, made from headings the way GitHub makes it."""
        made: set[str] = set()
        for section in self.sections:
            anchor = re.sub(r"[^\w\- ]", "", section.title.lower().replace("`", "")).replace(" ", "-")
            number = next(n for n in range(1000) if (f"{anchor}-{n}" if n else anchor) not in made)
            made.add(f"{anchor}-{number}" if number else anchor)
        return made

    def links(self) -> Iterator[str]:
        for section in self.sections:
            for line in (section.title, *section.lines):
                yield from _LINK.findall(_CODE_SPAN.sub("", line))

    def code_spans(self) -> Iterator[str]:
        for section in self.sections:
            for line in section.lines:
                yield from _CODE_SPAN.findall(line)


@cache
def read(path: Path) -> Page:
    """The page in the file ``path``; what stands above its first heading is a section without a title."""
    sections: list[Section] = []
    blocks: list[Block] = []
    level, title, prose = 0, "", list[str]()
    fence: tuple[str, int] | None = None
    code: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if fence is not None:
            if line.strip() == "```":
                blocks.append(Block(*fence, tuple(code)))
                fence, code = None, []
            else:
                code.append(line)
        elif match := _FENCE.fullmatch(line.strip()):
            fence = (match[1], number)
        elif match := _HEADING.fullmatch(line):
            sections.append(Section(level, title, tuple(prose)))
            level, title, prose = len(match[1]), match[2], []
        else:
            prose.append(line)
    if fence is not None:
        raise ValueError(f"{path}, line {fence[1]}: a code block that does not end")
    sections.append(Section(level, title, tuple(prose)))
    return Page(path, tuple(sections), tuple(blocks))


def first_code(cell: str) -> str:
    """The first code span of a table's cell. Raises ValueError where the cell has none."""
    match = _CODE_SPAN.search(cell)
    if match is None:
        raise ValueError(f"no name in code style: {cell!r}")
    return match[1]


def names(rows: list[list[str]]) -> list[str]:
    """What the first column of a table lists."""
    return [first_code(row[0]) for row in rows]


@cache
def markdown_files() -> tuple[Path, ...]:
    """Every page of the checkout, new ones included, but not what lies there by chance."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (PROJECT / name for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.exists()))

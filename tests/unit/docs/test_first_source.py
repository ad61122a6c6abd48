"""docs/sources/first-source.md: its commands are ours, and the line that it changes is one that discover writes."""

from __future__ import annotations

import inspect
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

from datasync_spider.ops.discovery.url import sourcetext
from tests.unit.docs.pages import DOCS, read

PAGE = read(DOCS / "sources" / "first-source.md")
TYPED = [line for block in PAGE.blocks if block.language == "sh" for line in block.lines]


def test_every_command_of_scrapy_is_one_of_ours_or_its_own() -> None:
    named = {name for line in TYPED for name in re.findall(r"\bscrapy (\w+)", line)}
    assert {"discover", "doctor", "crawl", "status", "psql", "dashboard", "list"} <= named
    theirs = {name for name in named if find_spec(f"scrapy.commands.{name}")}
    assert {name for name in named if find_spec(f"datasync_spider.commands.{name}")} | theirs == named


def test_the_line_that_is_taken_into_use_is_one_that_discover_writes(tmp_path: Path) -> None:
    (command,) = [line for line in TYPED if line.startswith("sed ")]
    (written,) = re.findall(r"'(# incremental = .*)'", inspect.getsource(sourcetext))
    file = tmp_path / "sources" / "shop.toml"
    file.parent.mkdir()
    file.write_text(f"{written}\n", encoding="utf-8")

    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)

    assert file.read_text(encoding="utf-8") == f"{written.removeprefix('# ')}\n"

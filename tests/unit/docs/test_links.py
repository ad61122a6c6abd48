"""No page of this project leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.pages import DOCS, PROJECT, markdown_files, read


def broken_links(path: Path) -> list[str]:
    broken: list[str] = []
    for link in read(path).links():
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists():
            broken.append(f"{link}: there is no such file")
        elif anchor and (target.suffix != ".md" or anchor not in read(target).anchors()):
            broken.append(f"{link}: there is no such heading")
    return broken


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_every_page_under_docs_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    todo = [PROJECT / "README.md"]
    while todo:
        path = todo.pop()
        if path in reached:
            continue
        reached.add(path)
        targets = [(path.parent / link.partition("#")[0]).resolve() for link in read(path).links() if "://" not in link]
        todo += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert [str(path) for path in markdown_files() if DOCS in path.parents and path not in reached] == []


def test_a_link_to_nothing_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Here `now`\n")
    page = tmp_path / "page.md"
    page.write_text("[a](other.md) [b](other.md#here-now) [c](missing.md) [d](other.md#there) `[e](code.md)`\n")
    assert broken_links(page) == ["missing.md: there is no such file", "other.md#there: there is no such heading"]

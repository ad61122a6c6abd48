"""The page's files as text: what may not be in them, and that nothing is missing."""

import hashlib
import re
from html.parser import HTMLParser

import pytest

from datasync_spider.faces.dashboard.assets import load_assets

ASSETS = load_assets()
OURS = sorted(name for name in ASSETS if name.endswith(".js") and not name.startswith("uPlot"))
# Whatever makes markup or code out of a string.
MAKES_MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc|setHTML"
    r"|\beval\b|new Function|setTimeout\(['\"`]|javascript:"
)
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)


def text(name: str) -> str:
    return ASSETS[name].body.decode()


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.inside: list[str] = []
        self.inline = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name))
            if name in {"src", "href"} and value:
                self.references.append(value)

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] in {"script", "style"}:
            self.inline += data


@pytest.mark.parametrize("name", OURS)
def test_no_script_of_ours_makes_markup_from_text(name: str) -> None:
    assert MAKES_MARKUP.findall(COMMENT.sub("", text(name)).replace("^on|^style$|^srcdoc$", "")) == []


def test_the_page_has_nothing_inline_and_loads_only_its_own_files() -> None:
    page = Page()
    page.feed(text("index.html"))
    assert page.inline.strip() == ""
    assert not [name for _, name in page.attributes if name.startswith("on") or name == "style"]
    files = [reference for reference in page.references if not reference.startswith("#")]
    assert files
    for reference in files:
        assert reference.removeprefix("/assets/") in ASSETS, reference


@pytest.mark.parametrize("name", OURS)
def test_every_import_is_a_file_of_the_page(name: str) -> None:
    for imported in re.findall(r'from "\./([^"]+)"', text(name)):
        assert imported in ASSETS


@pytest.mark.parametrize("name", [*OURS, "base.css", "parts.css", "index.html"])
def test_nothing_points_to_another_server(name: str) -> None:
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", COMMENT.sub("", text(name)))
    assert "@import" not in text(name)


def test_uplot_is_the_one_that_was_released_and_comes_with_its_licence() -> None:
    script = ASSETS["uPlot.iife.min.js"].body
    assert hashlib.sha256(script).hexdigest() == "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
    assert b"v1.6.32" in script[:80]
    assert "The MIT License" in text("uPlot.LICENSE.txt")


def test_a_browser_that_has_a_file_is_not_sent_it_again() -> None:
    asset = ASSETS["app.js"]
    assert asset.reply(None).status == 200
    again = asset.reply(asset.etag)
    assert (again.status, again.body) == (304, b"")

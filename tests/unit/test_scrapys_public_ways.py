"""The package goes by what Scrapy makes public: a new version of Scrapy may change the rest without a word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "datasync_spider"
_OWNERS = {"crawler", "engine", "downloader", "scraper", "slot", "scheduler", "signals", "stats", "settings"}
# The engine's own parts. What a setting may name is elsewhere: scrapy.core.scheduler, each module of handlers.
_INSIDE = {
    *("scrapy.core.engine", "scrapy.core.scraper", "scrapy.core.downloader", "scrapy.core.downloader.middleware"),
    "scrapy.core.downloader.handlers",
}


_PIPELINES = "from scrapy.pipelines import ItemPipelineManager\nclass A(ItemPipelineManager):\n"
_STATS = "from scrapy.statscollectors import StatsCollector\nclass A(StatsCollector):\n"


def test_nothing_private_to_scrapy_is_used() -> None:
    found = [f"{path.relative_to(PACKAGE.parent)}:{what}" for path in PACKAGE.rglob("*.py") for what in _private(path)]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from scrapy.exceptions import _InvalidOutput\n", "1: imports _InvalidOutput from scrapy.exceptions"),
        ("import scrapy.core.downloader.handlers._aiohttp\n", "1: imports scrapy.core.downloader.handlers._aiohttp"),
        ("from scrapy.core.downloader import Downloader\n", "1: imports from scrapy.core.downloader"),
        ("a.handlers.__class__ = int\n", "1: sets a class"),
        ("x = crawler.engine._slot\n", "1: _slot of crawler.engine"),
        ("x = self._crawler.engine.downloader._get_slot\n", "1: _get_slot of self._crawler.engine.downloader"),
        ("crawler.signals = 1\n", "1: puts something in the place of crawler.signals"),
        (_PIPELINES + "    def _process_chain(self): ...\n", "3: overrides _process_chain of ItemPipelineManager"),
        (_PIPELINES + "    def a(self): return self._mw_methods\n", None),
        (
            _PIPELINES + "    def a(self): return self._mw_methods_requiring_spider\n",
            "3: _mw_methods_requiring_spider of ItemPipelineManager",
        ),
        (
            "from scrapy import Spider\nclass A(Spider):\n    def a(self): A()._set_crawler(1)\n",
            "3: _set_crawler of Spider",
        ),
        (
            _STATS + "    __getattribute__ = object.__getattribute__\n",
            "3: overrides __getattribute__ of StatsCollector",
        ),
    ],
)
def test_what_is_private_is_found(source: str, found: str | None, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert list(_private(path)) == ([] if found is None else [found])


def _private(path: Path) -> Iterator[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    known: dict[str, object] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and _is_scrapys(node.module):
            yield from _imported(node, known)
        elif isinstance(node, ast.Import):
            yield from _imported_whole(node, known)
        elif isinstance(node, ast.Assign):
            yield from _assigned(node)
        elif isinstance(node, ast.Attribute):
            yield from _read(node)
    for made in nodes:
        if isinstance(made, ast.ClassDef):
            for base in (_named(base, known) for base in made.bases):
                if isinstance(base, type):
                    yield from _of_a_subclass(made, base)


def _imported_whole(node: ast.Import, known: dict[str, object]) -> Iterator[str]:
    for alias in node.names:
        if _is_scrapys(alias.name):
            if _has_private_part(alias.name):
                yield f"{node.lineno}: imports {alias.name}"
            known[alias.asname or alias.name] = import_module(alias.name)


def _imported(node: ast.ImportFrom, known: dict[str, object]) -> Iterator[str]:
    assert node.module is not None
    if node.module in _INSIDE:
        yield f"{node.lineno}: imports from {node.module}"
    for alias in node.names:
        if _has_private_part(f"{node.module}.{alias.name}"):
            yield f"{node.lineno}: imports {alias.name} from {node.module}"
        module = import_module(node.module)
        thing = getattr(module, alias.name, None)
        if thing is None and find_spec(f"{node.module}.{alias.name}") is not None:
            thing = import_module(f"{node.module}.{alias.name}")
        known[alias.asname or alias.name] = thing


def _assigned(node: ast.Assign) -> Iterator[str]:
    for target in node.targets:
        if isinstance(target, ast.Attribute):
            if target.attr == "__class__":
                yield f"{node.lineno}: sets a class"
            owner = ast.unparse(target.value)
            if owner.rpartition(".")[2].lstrip("_") in {"crawler", "engine"}:
                yield f"{node.lineno}: puts something in the place of {owner}.{target.attr}"


def _read(node: ast.Attribute) -> Iterator[str]:
    if not _is_private(node.attr):
        return
    owner = ast.unparse(node.value)
    last = owner.rpartition(".")[2].lstrip("_")
    if last in _OWNERS:
        yield f"{node.lineno}: {node.attr} of {owner}"


def _of_a_subclass(node: ast.ClassDef, base: type) -> Iterator[str]:
    """What it overrides, or reads of itself or another object, that is a private name of the base."""
    private = _private_names(base)
    own = set()
    for part in node.body:
        names = [part.name] if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) else []
        if isinstance(part, ast.Assign):
            names = [target.id for target in part.targets if isinstance(target, ast.Name)]
        own.update(names)
        for name in names:
            if name in private or name == "__getattribute__":
                yield f"{part.lineno}: overrides {name} of {base.__name__}"
    for used in ast.walk(node):
        if isinstance(used, ast.Attribute) and used.attr in private - own:
            yield f"{used.lineno}: {used.attr} of {base.__name__}"


@cache
def _private_names(base: type) -> frozenset[str]:
    """Of methods and class attributes, and of what methods assign to ``self``."""
    names: set[str] = set()
    for kind in base.__mro__:
        if _is_scrapys(kind.__module__):
            spec = find_spec(kind.__module__)
            assert spec is not None
            assert spec.origin is not None
            names.update(name for name in vars(kind) if _is_private(name))
            for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
                if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                    names.update(
                        part.attr
                        for part in ast.walk(node)
                        if isinstance(part, ast.Attribute)
                        and isinstance(part.value, ast.Name)
                        and part.value.id == "self"
                        and _is_private(part.attr)
                    )
    return frozenset(names)


def _named(node: ast.expr, known: dict[str, object]) -> object:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_named(node.value, known), node.attr, None)
    return None


def _is_scrapys(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == "scrapy"


def _has_private_part(name: str) -> bool:
    return any(_is_private(part) for part in name.split("."))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))

"""The files for public APIs that come with this program, of which a project takes one by a copy.

Invariant: nothing here is crawled; the caller gets a file's text.
"""

from __future__ import annotations

from importlib.resources import files

from msgspec import Struct

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.secretnames import auth_texts, references
from datasync_spider.sources.spec import Source

_SUFFIX = ".toml"


class CatalogFile(Struct, frozen=True):
    """``secrets``: the names of those that it wants, with slots where each slice has its own."""

    name: str
    text: str
    streams: tuple[str, ...]
    secrets: tuple[str, ...]


def catalog_names() -> list[str]:
    """Of all its files."""
    found = (files("datasync_spider.sources") / "catalog").iterdir()
    return sorted(file.name.removesuffix(_SUFFIX) for file in found if file.name.endswith(_SUFFIX))


def catalog_file(name: str) -> CatalogFile:
    """Raises ConfigurationError, which says what there is."""
    there_are = catalog_names()
    if name not in there_are:
        raise ConfigurationError(f"the catalog has no {name!r}; allowed: {', '.join(there_are)}")
    file = f"{name}{_SUFFIX}"
    text = (files("datasync_spider.sources") / "catalog" / file).read_text(encoding="utf-8")
    source = read_source(text, file)
    return CatalogFile(name, text, tuple(f"{source.name}.{stream}" for stream in source.streams), _secrets(source))


def _secrets(source: Source) -> tuple[str, ...]:
    texts = [text for _, text, _ in auth_texts(source.auth)]
    for headers in (source.headers, *(stream.headers for stream in source.streams.values())):
        texts += headers.values()
    return tuple(dict.fromkeys(name for text in texts for name in references(text)))

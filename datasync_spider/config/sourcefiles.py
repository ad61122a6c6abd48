"""The sources of a project: the one that comes with this program, and a TOML file for each other one in SOURCES_DIR.

Invariant: a broken file costs its own streams and no one else's. Of two files with one source's name neither is taken,
since the streams of both would be the same ones in the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from msgspec import Struct, field

from datasync_spider.errors import ConfigurationError, SourceRefused
from datasync_spider.sources.files.load import BUILT_IN, read_source
from datasync_spider.sources.inpython import know_as_read
from datasync_spider.sources.spec import Source

_MOST_FILES = 1_024


class SourceFiles(Struct, frozen=True):
    """``sources`` by their names, ``refused`` by the names of their files, such as ``github.toml``."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    refused: Mapping[str, SourceRefused] = field(default_factory=dict)

    @property
    def stream_names(self) -> list[str]:
        """All streams of sources that can be read, as they are crawled: ``github.issues``."""
        return [f"{source.name}.{stream}" for source in self.sources.values() for stream in source.streams]

    def refusal_of(self, source: str) -> SourceRefused | None:
        """Why there is no such source, where a file that should be named for it is the reason."""
        return self.refused.get(f"{source}.toml")


@cache
def built_in_source() -> Source:
    """The DataSync API, as its file says; settings fill in what they name."""
    name = f"{BUILT_IN}.toml"
    text = files("datasync_spider.datasync").joinpath(name).read_text(encoding="utf-8")
    return read_source(text, name, is_built_in=True)


def read_source_files(directory: Path, *, is_given: bool) -> SourceFiles:
    """Every ``*.toml`` of the directory, hidden ones excepted.

    ``is_given``: SOURCES_DIR names it, so that it must be there. Raises ConfigurationError where it cannot be listed.
    """
    read: dict[str, Source] = {}
    refused: dict[str, SourceRefused] = {}
    for path in _toml_files(directory, is_given=is_given):
        try:
            read[path.name] = _source_of(_text_of(path), str(path))
        except SourceRefused as refusal:
            refused[path.name] = refusal
    by_name: dict[str, list[str]] = {}
    for file, source in read.items():
        by_name.setdefault(source.name, []).append(file)
    for name, doubled in by_name.items():
        if doubled[1:]:
            refused |= {file: _one_of_several(directory, file, name, doubled) for file in doubled}
    return SourceFiles({source.name: source for file, source in read.items() if file not in refused}, refused)


@lru_cache(maxsize=_MOST_FILES)
def _source_of(text: str, file: str) -> Source:
    """A process reads its files several times, and looks at what each of thousands of slices makes of them."""
    source = read_source(text, file)
    know_as_read(source)
    return source


def _toml_files(directory: Path, *, is_given: bool) -> list[Path]:
    try:
        found = [path for path in directory.iterdir() if path.suffix == ".toml" and not path.name.startswith(".")]
    except FileNotFoundError:
        if is_given:
            raise _not_listed(directory, "there is no such directory") from None
        return []
    except OSError as error:
        raise _not_listed(directory, error.strerror or "it cannot be listed") from error
    return sorted(found)


def _not_listed(directory: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"SOURCES_DIR is {str(directory)!r}: {why}; allowed: a directory that can be read")


def _text_of(path: Path) -> str:
    """Raises SourceRefused."""
    why = "it is no file"
    try:
        # Anything else, such as a pipe, could be waited for without end.
        if path.is_file():
            return path.read_bytes().decode("utf-8-sig")
        if path.is_symlink():
            why = "its link leads to no file"
    except OSError as error:
        why = error.strerror or "no reason is known"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        why = f"it is not UTF-8 text, for the first time in line {line}: save it in that encoding"
    raise SourceRefused(str(path), [f"{path}: it cannot be read: {why}; allowed: a TOML file in UTF-8"])


def _one_of_several(directory: Path, file: str, name: str, doubled: list[str]) -> SourceRefused:
    others = " and ".join(str(directory / other) for other in doubled if other != file)
    path = str(directory / file)
    mistake = f'{path}: [source] name is "{name}": {others} has that name, too; allowed: one file for each source'
    return SourceRefused(path, [mistake])

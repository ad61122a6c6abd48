"""Where a setting's text may stand, and which place wins: ``-s``, then the environment, then ``.env``.

Invariant: an empty text is no text, wherever it stands, so that ``NAME=`` falls through to the next place. What a text
means is not known here.

Scrapy's settings count only above the priority of a project's ``settings.py``: the command line (40), a spider's
``custom_settings`` (30), and code that sets a value with one of these. What stands in ``settings.py`` itself belongs to
Scrapy, which has settings of the same names with other meanings.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv.parser import Binding, parse_stream
from msgspec import Struct
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

from datasync_spider.errors import ConfigurationError

_PROJECT = SETTINGS_PRIORITIES["project"]
_SPIDER = SETTINGS_PRIORITIES["spider"]
_COMMAND_LINE = SETTINGS_PRIORITIES["cmdline"]


class Found(Struct, frozen=True):
    """A setting's text; ``source``: where it stands, for people."""

    text: str
    source: str


class DotEnv(Struct, frozen=True):
    """The lines of a ``.env`` file: ``found`` by name, and what deserves a warning."""

    found: Mapping[str, Found]
    warnings: tuple[str, ...] = ()


class Sources(Struct, frozen=True):
    """All the places together."""

    settings: BaseSettings
    environ: Mapping[str, str]
    dotenv: DotEnv

    def find(self, name: str) -> Found | None:
        given = _as_text(self.settings.get(name)) if self._outranks_project(name) else ""
        if given:
            return Found(given, self._settings_source(name))
        if text := _as_utf8(self.environ.get(name, "")).strip():
            return Found(text, "environment")
        return self.dotenv.found.get(name)

    def names_with_prefix(self, prefix: str) -> list[str]:
        names = {*self.settings, *self.environ, *self.dotenv.found}
        return sorted(name for name in names if name.startswith(prefix))

    def names_given_to_scrapy(self) -> list[str]:
        """The names on the command line, or set by code as if they were."""
        return [name for name in self.settings if self._priority(name) >= _COMMAND_LINE]

    def stands_in_project_settings(self, name: str) -> bool:
        return self._priority(name) == _PROJECT and bool(_as_text(self.settings.get(name)))

    def _priority(self, name: str) -> int:
        priority = self.settings.getpriority(name)
        return -1 if priority is None else priority

    def _outranks_project(self, name: str) -> bool:
        return self._priority(name) > _PROJECT

    def _settings_source(self, name: str) -> str:
        priority = self._priority(name)
        if priority >= _COMMAND_LINE:
            return "command line, -s"
        return "the spider's custom_settings" if priority >= _SPIDER else f"Scrapy settings of priority {priority}"


def read_dotenv(path: Path) -> DotEnv:
    """What stands in ``path``, taken literally: ``${NAME}`` is not expanded. Nothing where there is no such file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        bindings = list(parse_stream(io.StringIO(text, newline=None)))
    except FileNotFoundError:
        return DotEnv({})
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        why = f"it is not UTF-8 text, for the first time in line {line}: save it in that encoding"
        raise ConfigurationError(f"{path} cannot be read: {why}") from error
    return _collect(path, bindings)


def _collect(path: Path, bindings: list[Binding]) -> DotEnv:
    found: dict[str, Found] = {}
    warnings: list[str] = []
    first_lines: dict[str, int] = {}
    for binding in bindings:
        line = _line_of(binding)
        if binding.error:
            raise ConfigurationError(f"{path}, line {line}: not of the form NAME=value (is a quote left open?)")
        if binding.key is None:
            continue
        if binding.key in first_lines:
            warnings.append(
                f"{path}, line {line}: {binding.key} stands in line {first_lines[binding.key]} too; the last counts"
            )
        first_lines[binding.key] = line
        found[binding.key] = Found((binding.value or "").strip(), f"{path}, line {line}")
    return DotEnv({name: text for name, text in found.items() if text.text}, tuple(warnings))


def _line_of(binding: Binding) -> int:
    """Blank lines before a binding count as its own in the parser's eyes."""
    text = binding.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return binding.original.line + blank.count("\n")


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return _as_utf8(str(value)).strip()


def _as_utf8(text: str) -> str:
    """What the process was given as bytes, read as UTF-8, also where the locale knows of ASCII alone.

    Such bytes as are no UTF-8 stay what Python makes of them, so that they still name a file.
    """
    try:
        return os.fsencode(text).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # It was given by code, as the text that it is.
        return text


def given_texts(sources: Sources, prefix: str) -> Iterator[tuple[str, str]]:
    """Name and winning text of every name with ``prefix``."""
    for name in sources.names_with_prefix(prefix):
        if (found := sources.find(name)) is not None:
            yield name, found.text

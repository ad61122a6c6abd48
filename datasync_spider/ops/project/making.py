"""Puts the files of a new project into its folder.

Invariant: a file that is there stays, as does a link that leads nowhere; ``.env`` is its owner's alone from its first
byte on, and holds names only.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from msgspec import Struct, field

from datasync_spider.config.documents import dotenv
from datasync_spider.errors import ConfigurationError
from datasync_spider.ops.project.catalog import CatalogFile
from datasync_spider.sources.files.schema import SCHEMA_FILE, SCHEMA_LINE, schema_text

PROJECT_FILE = "scrapy.cfg"
_PROJECT = "# `scrapy` and `datasync` work in this folder.\n[settings]\ndefault = datasync_spider.settings\n"
_IGNORED = "# secrets\n/.env\n# the embedded database and logs\n/.datasync/\n__pycache__/\n"
_FOR_ALL, _FOR_ITS_OWNER = 0o666, 0o600


class Made(Struct):
    """What is new, and what was there before."""

    written: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)


def make_project(folder: Path, taken: CatalogFile | None) -> Made:
    """``taken``: the source that it begins with, which is all that a project gets that is there already.

    Raises ConfigurationError where a file cannot be written.
    """
    made = Made()
    name = "example" if taken is None else taken.name
    source = folder / "sources" / f"{name}.toml"
    schema = source.with_name(SCHEMA_FILE)
    text = f"{SCHEMA_LINE}\n\n{_example() if taken is None else taken.text}"
    if taken is not None and (folder / PROJECT_FILE).exists():
        _write(made, source, text)
        if not os.path.lexists(schema):
            _write(made, schema, schema_text())
        return made
    _write(made, folder / PROJECT_FILE, _PROJECT)
    _write(made, folder / ".env", dotenv() + _secret_lines(taken), _FOR_ITS_OWNER)
    _write(made, folder / ".gitignore", _IGNORED)
    _write(made, source, text)
    _write(made, schema, schema_text())
    return made


def _example() -> str:
    return (files(__package__) / "example.toml").read_text(encoding="utf-8")


def _secret_lines(taken: CatalogFile | None) -> str:
    if taken is None or not taken.secrets:
        return ""
    names = [f"#{name}=" for name in taken.secrets]
    return "\n".join(["", f"# --- Secrets of sources/{taken.name}.toml ---", "", *names, ""])


def _write(made: Made, file: Path, text: str, mode: int = _FOR_ALL) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        if not os.path.lexists(file):
            raise ConfigurationError(f"{file.parent} is no folder: name another one") from None
        made.left.append(file)
        return
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror or error}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    made.written.append(file)

"""A text that may stand in a file of its own: NAME, or the file that NAME_FILE names. Secrets are often handed over so.

Invariant: no message made here shows what a file holds, nor a file's name that may be the secret itself.
"""

from __future__ import annotations

from pathlib import Path

from datasync_spider.config.kinds import file_path
from datasync_spider.config.mangled import hint
from datasync_spider.config.sources import Found, Sources

_MASK = "***"
# A secret file is a line; something larger is not what was meant.
_SECRET_FILE_BYTES = 65_536


def find_with_file(sources: Sources, project: Path, name: str, by_file: str) -> Found | None:
    """The text, which never is empty; None where neither name is set. Raises ValueError with what is wrong.

    A relative path starts at ``project``.
    """
    found, pointer = sources.find(name), sources.find(by_file)
    if pointer is None:
        return found
    if found is not None:
        raise ValueError(f"{name} ({found.source}) and {by_file} ({pointer.source}) are both set: keep one")
    return _read(by_file, pointer, project)


def _read(name: str, pointer: Found, project: Path) -> Found:
    shown = repr(pointer.text) if _leads_somewhere(project, pointer.text) else _MASK
    where = f"{name} is {shown} ({pointer.source})"
    try:
        path = project / file_path(pointer.text)
        with path.open(encoding="utf-8-sig") as stream:
            text = stream.read(_SECRET_FILE_BYTES).strip()
    except OSError as error:
        unseen = ", and it is not shown, since it may be the secret itself" if shown == _MASK else ""
        because = hint(name, pointer.text)
        raise ValueError(
            f"{where}: the file cannot be read: {error.strerror}{unseen}; allowed: a readable text file"
            + (f"; {because}" if because is not None else "")
        ) from None
    except (ValueError, RuntimeError):
        raise ValueError(f"{where}: the file cannot be read as UTF-8 text; allowed: a readable text file") from None
    if not text:
        raise ValueError(f"{where}: the file is empty; allowed: a file that holds the value")
    return Found(text, f"file {path}")


def _leads_somewhere(project: Path, pointer: str) -> bool:
    """Whether this is plainly a path. People also put the secret itself where the name of its file belongs."""
    try:
        path = project / file_path(pointer)
        return path.exists() or ("/" in pointer and path.parent.is_dir())
    except (OSError, ValueError, RuntimeError):
        return False

"""The secrets that sources name: looked for where settings are, when a crawl starts.

Invariant: no message made here shows a secret. A secret that is given is one that its place can carry; all that are
missing or wrong are reported together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from datasync_spider.config import kinds
from datasync_spider.config.mangled import key_doubts
from datasync_spider.config.secretfiles import find_with_file
from datasync_spider.config.sources import Found, Sources
from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.secretnames import Wanted

# Basic credentials and parameters are encoded on their way, so that all but control characters can stand in them.
_ANY_TEXT = kinds.pattern(r"[^\x00-\x1f\x7f]+", "text without line ends and control characters")
_SCHEME_ADVICE = "leave it out where the source's file has it, too"


@dataclass(frozen=True, slots=True)
class Secrets:
    """``values`` by the secrets' names; ``warnings`` say what looks odd about one, and show nothing of it."""

    values: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()


def read_secrets(wanted: Iterable[Wanted], sources: Sources, project: Path) -> Secrets:
    """What is wanted, each under its name. Relative paths of files start at ``project``.

    Raises ConfigurationError with all that are missing or wrong, and what each is wanted for.
    """
    places: dict[str, list[Wanted]] = {}
    for one in wanted:
        places.setdefault(one.name, []).append(one)
    values: dict[str, str] = {}
    mistakes: list[str] = []
    warnings: list[str] = []
    for name, users in places.items():
        try:
            found = _find(name, sources, project)
            values[name] = _checked(name, found, users)
        except ValueError as error:
            mistakes.append(f"{error}; wanted for {_listed(users)}")
            continue
        warnings += [f"{name} ({found.source}): {doubt}" for doubt in key_doubts(found.text, _SCHEME_ADVICE)]
    if mistakes:
        count = (
            "1 secret is missing or wrong" if len(mistakes) == 1 else f"{len(mistakes)} secrets are missing or wrong"
        )
        raise ConfigurationError("\n  ".join([f"{count}:", *mistakes]))
    return Secrets(values, tuple(warnings))


def _find(name: str, sources: Sources, project: Path) -> Found:
    by_file = f"{name}_FILE"
    found = find_with_file(sources, project, name, by_file)
    if found is None:
        raise ValueError(
            f"{name} is missing: looked for it and for {by_file} on the command line (-s), in the environment and in"
            " .env"
        )
    return found


def _checked(name: str, found: Found, users: list[Wanted]) -> str:
    kind = kinds.header_text() if any(user.is_header for user in users) else _ANY_TEXT
    try:
        return str(kind.read(found.text))
    except ValueError as error:
        raise ValueError(f"{name} is *** ({found.source}): {error}; allowed: {kind.allowed}") from None


def _listed(users: list[Wanted]) -> str:
    return ", ".join(dict.fromkeys(user.place for user in users))

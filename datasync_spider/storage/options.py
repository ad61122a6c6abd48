"""The part of DATABASE_URL that libpq hands to the server as it is: ``options``, without what each transaction says.

Transaction-pooling proxies refuse options, since one session serves many, or leave them out where they are set to,
and say nothing. The search path decides in which schema the tables are, so it is never left to them: it is taken out
of the options, and set by each transaction of ours, as all else is that matters. Pure.
"""

from __future__ import annotations

import re

# As the server splits them: at white space, which a backslash keeps.
_WORD = re.compile(r"(?:\\.|\S)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNSUPPORTED = re.compile(r"unsupported startup parameter(?: in options)?: (\w+)")


def split_path(options: str) -> tuple[str, str | None]:
    """The options without ``search_path``, and what it is set to, which may be nothing; None where it is not set."""
    kept: list[str] = []
    path = None
    words = iter(_WORD.findall(options))
    for word in words:
        pieces = [word, next(words, "")] if word == "-c" else [word]
        assignment = pieces[-1] if word == "-c" else word.removeprefix("-c").removeprefix("--")
        name, _, value = assignment.partition("=")
        if word.startswith(("-c", "--")) and name.lower().replace("-", "_") == "search_path":
            path = _ESCAPED.sub(r"\1", value)
        else:
            kept += pieces
    return " ".join(kept), path


def refused_parameter(message: str) -> str | None:
    """The parameter that a pooler takes from no one, by the message of a failed connection."""
    found = _UNSUPPORTED.search(message)
    return found[1] if found else None

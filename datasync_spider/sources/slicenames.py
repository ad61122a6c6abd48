"""The name of a slice that is made of values: one text for them, in whatever order they are given. Pure.

Invariant: equal values give equal names, wherever they come from, be it a setting, a command line or a source's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping


def canonical(values: Mapping[str, str | int | bool]) -> str:
    """JSON with sorted keys and no blanks. Raises ValueError for a text that cannot be stored."""
    name = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    try:
        name.encode()
    except UnicodeEncodeError:
        # Python's own message repeats the text.
        raise ValueError("half a character, which is no text") from None
    if "\\u0000" in name:
        raise ValueError("a character that no database can hold")
    return name

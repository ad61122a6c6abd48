"""JSON as text, with its numbers digit by digit: for positions, and for the bodies of requests.

Invariant: what was read is written as the same value, however large a number is and however many digits it has; a
canonical text is equal where the values are.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, NoReturn

from datasync_spider.sources.paths import exact_number


def read_json(text: str) -> Any:
    """What the text means. Raises ValueError for what is no JSON, or too deep."""
    try:
        return json.loads(text, parse_float=exact_number, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is too deep") from None


def written_json(value: Any, *, is_canonical: bool = False) -> str:
    """Without a blank; ``is_canonical``: members by their names. Raises ValueError for what JSON cannot say."""
    match value:
        case dict():
            members = sorted(value.items()) if is_canonical else value.items()
            texts = (f"{json.dumps(name, ensure_ascii=False)}:{_nested(one, is_canonical)}" for name, one in members)
            return f"{{{','.join(texts)}}}"
        case list() | tuple():
            return f"[{','.join(_nested(one, is_canonical) for one in value)}]"
        case Decimal():
            return str(value)
        case float() if not math.isfinite(value):
            raise ValueError("it is no number of JSON")
    return json.dumps(value, ensure_ascii=False)


def _nested(value: Any, is_canonical: bool) -> str:
    return written_json(value, is_canonical=is_canonical)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

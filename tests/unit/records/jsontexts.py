"""JSON for property tests: values, the many ways to write them down, and a strict reader that is not ours."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from hypothesis import strategies as st

# Text that PostgreSQL can store, and text that JSON can carry though PostgreSQL cannot store it.
storable_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
any_text = st.text(st.characters(exclude_categories=[]), max_size=8) | st.sampled_from(
    ["\0", "\\u0000", "\ud83d", "\\"]
)

scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)


def values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=8,
    )


def objects(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts, values(texts), max_size=5)


@st.composite
def written(draw: st.DrawFn, contents: st.SearchStrategy[Any]) -> bytes:
    """A value as text: with or without escapes and white space."""
    value = draw(contents)
    separators = draw(st.sampled_from([None, (",", ":"), (" ,\n", "\t: ")]))
    # Half a surrogate pair has no UTF-8, so it can only be written as an escape.
    has_utf8 = "\\ud" not in json.dumps(value).lower()
    ensure_ascii = draw(st.booleans()) or not has_utf8
    return json.dumps(value, ensure_ascii=ensure_ascii, separators=separators).encode()


def read_strictly(text: bytes) -> Any:
    """Raises ValueError for everything that RFC 8259 does not allow. Another implementation than the one under test."""
    return json.loads(text.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)

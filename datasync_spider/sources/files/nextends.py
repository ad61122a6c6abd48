"""Reads how a stream's pages follow each other, and what makes one the last.

Invariant: of what sources can be in a later version, nothing is taken for what this one does.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple, NoReturn

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import path_of, text_of, unlike, whole_number
from datasync_spider.sources.files.tables import Kind, NotYet, Table, guess
from datasync_spider.sources.paths import Path
from datasync_spider.sources.slots import slots
from datasync_spider.sources.spec import End, EndFlag, Next

_NEXT = 'a table such as { from = "body:meta.next", to = "query:cursor" }'
_FROM = "body:PATH or a list of these, header:NAME, link:REL or counter:offset"
_TO = "query:NAME or url"
_END = "a list of no-next, empty, short and flag:PATH=VALUE, at least one, and final or resumable with them"
_LATER_FROM = ("last:", "object:", "python:", "counter:page")
_LATER_TO = ("body:", "header:")
_LATER_END = ("repeat", "status:")
_WORDS = ("final", "resumable")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_KIND = re.compile(r"body|header|link|counter")
# Up to the first = outside of quotes.
_FLAG = re.compile(r"""(?P<path>(?:"(?:[^"\\]|\\.)*"|[^"=])+)=(?P<value>.+)""", re.DOTALL)


class _From(NamedTuple):
    source: Literal["body", "header", "link", "counter"]
    paths: tuple[Path, ...] = ()
    name: str = ""


class _To(NamedTuple):
    to: Literal["query", "url"]
    parameter: str = ""


# What stands where something is wrong: the file is refused for it.
NO_NEXT = Next(source="link", to="url", name="next")


def read_next(table: Table) -> Next:
    """Whether its parts go together is looked at here; whether they fit to the stream is not."""
    inner = table.table("next", keys.NEXT, _NEXT)
    if inner is None:
        if "next" not in table:
            table.note("next", f"is missing; allowed: {_NEXT}")
        return NO_NEXT
    source = inner.need("from", Kind(read_from, _FROM), None)
    to = inner.need("to", Kind(read_to, _TO), None)
    keep = inner.take("keep", Kind(_read_keep, 'all, none, or a list of names such as ["limit"]'), None)
    first = inner.take("first", whole_number(), None)
    if source is None or to is None:
        return NO_NEXT
    _check_parts(inner, source, to)
    return Next(
        source=source.source,
        to=to.to,
        paths=source.paths,
        name=source.name,
        parameter=to.parameter,
        first=first,
        # Beside a URL nothing is kept in any case.
        keep=None if to.to == "url" else keep,
    )


def read_end(table: Table) -> End:
    """Which of its rules can ever hold for the stream is not looked at here."""
    return table.need("end", Kind(_read_end, _END), End())


def _check_parts(inner: Table, source: _From, to: _To) -> None:
    if source.source == "link" and to.to != "url":
        inner.refuse("to", "a link is a URL", "url", f'"query:{to.parameter}"')
    if source.source == "counter" and to.to != "query":
        inner.refuse("to", "a counter is no URL", "query:NAME", '"url"')
    if source.source != "counter" and "first" in inner:
        inner.note("first", "is understood with counter:offset only by this version; allowed: no first")
    if to.to == "url" and inner.raw("keep") not in (None, "none"):
        inner.note("keep", "does not go with url, which is sent as it is written; allowed: none, or no keep")


def read_from(value: Any) -> _From:
    """The place that a text, or a list of them, names. Raises ValueError."""
    if isinstance(value, list):
        if not value:
            raise ValueError("it is an empty list")
        if not all(isinstance(text, str) and text.startswith("body:") for text in value):
            raise ValueError("a list holds places in the body only")
        return _From("body", unlike([path_of(text.removeprefix("body:")) for text in value]))
    text = text_of(value)
    if text.startswith(_LATER_FROM):
        raise NotYet
    kind, _, rest = text.partition(":")
    match kind:
        case "body":
            return _From("body", (path_of(rest),))
        case "header" if _TOKEN.fullmatch(rest):
            return _From("header", name=rest)
        case "link" if rest and rest.isprintable() and not re.search(r'[\s",;]', rest):
            return _From("link", name=rest)
        case "counter" if rest == "offset":
            return _From("counter", name=rest)
    raise _none_of(text, rest, ("body:", "header:", "link:", "counter:offset"))


def read_to(value: Any) -> _To:
    """Where a text says that a position goes. Raises ValueError."""
    text = text_of(value)
    if text.startswith(_LATER_TO):
        raise NotYet
    if text == "url":
        return _To("url")
    kind, _, name = text.partition(":")
    if slots(name):
        raise ValueError("a parameter's name holds no slot")
    if kind == "query" and name:
        return _To("query", name)
    raise _none_of(text, name, ("query:", "url"))


def _none_of(text: str, rest: str, known: tuple[str, ...]) -> ValueError:
    if any(text.startswith(name) for name in known if name.endswith(":")):
        return ValueError("what follows the colon is none of these" if rest else "what follows the colon is missing")
    return ValueError(f"it is none of these{guess(text, known)}")


def _read_keep(value: Any) -> tuple[str, ...] | None:
    match value:
        case "all":
            return None
        case "none":
            return ()
        case list():
            return unlike([text_of(name) for name in value])
    raise ValueError("it is none of these")


def _read_end(value: Any) -> End:
    if not isinstance(value, list) or not value:
        raise ValueError("it is an empty list" if value == [] else "it is no list")
    texts = [text_of(text) for text in value]
    for text in unlike(texts):
        _check_rule(text)
    if all(text in _WORDS for text in texts):
        raise ValueError("it does not say what makes a page the last")
    if all(word in texts for word in _WORDS):
        raise ValueError("it holds final and resumable, of which an end is one")
    flags = tuple(_flag(text.removeprefix("flag:")) for text in texts if text.startswith("flag:"))
    if len({flag.path for flag in flags}) < len(flags):
        raise ValueError("two flags are of one path, and could never agree")
    return End(
        no_next="no-next" in texts,
        empty="empty" in texts,
        short="short" in texts,
        flags=flags,
        resumable="resumable" in texts,
    )


def _check_rule(text: str) -> None:
    known = ("no-next", "empty", "short", *_WORDS)
    if text.startswith(_LATER_END):
        raise NotYet
    if text not in known and not text.startswith("flag:"):
        raise ValueError(f"it holds what is none of these{guess(text, (*known, 'flag:'))}")


def _flag(text: str) -> EndFlag:
    match = _FLAG.fullmatch(text)
    if match is None:
        raise ValueError('a flag is of the form flag:PATH=VALUE, such as "flag:meta.more=false"')
    return EndFlag(path=path_of(match["path"]), value=_json_or_text(match["value"]))


def _json_or_text(text: str) -> Any:
    """A text that is no JSON means itself, so that ``flag:state=done`` needs no quotes."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, list | dict):
        raise ValueError("a flag's value is a text, a number, true, false or null")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

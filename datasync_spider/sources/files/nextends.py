"""Reads how a stream's pages follow each other, and what makes one the last.

Invariant: of what sources can be in a later version, nothing is taken for what this one does.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from msgspec.structs import replace

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import path_of, text_of, unlike
from datasync_spider.sources.files.nextplaces import FROM, TO, From, To, read_from, read_to
from datasync_spider.sources.files.tables import Kind, Table, guess, shown
from datasync_spider.sources.paths import Path
from datasync_spider.sources.slots import is_header_text
from datasync_spider.sources.spec import End, EndFlag, Next

_NEXT = 'a table such as { from = "body:meta.next", to = "query:cursor" }'
_END = (
    "a list of no-next, empty, short, repeat, status:NUMBER and flag:PATH=VALUE, at least one, and final or resumable"
    " with them"
)
_NO_URL = "query:NAME, body:PATH or header:NAME"
_BASE = "body:PATH"
_FIRST = 'a text such as "*", or a whole number from 0'
_BASE_ALONE = "goes with a URL in the body or a header only; allowed: no base, or to = url"
_RULES = ("no-next", "empty", "short", "repeat")
_WORDS = ("final", "resumable")
# Up to the first = outside of quotes.
_FLAG = re.compile(r"""(?P<path>(?:"(?:[^"\\]|\\.)*"|[^"=])+)=(?P<value>.+)""", re.DOTALL)
_STATUS = "status:"
# Who asks, and how fast, is never the end of a feed; neither is what a server says of itself, nor that it has moved.
_NEVER_AN_END = frozenset({401, 403, 407, 408, 425, 429})
_END_STATUSES = frozenset({*range(201, 300), *range(400, 500)}) - _NEVER_AN_END

# What stands where something is wrong: the file is refused for it.
NO_NEXT = Next(source="link", to="url", name="next")


def read_next(table: Table) -> Next:
    """Whether its parts go together is looked at here; whether they fit to the stream is not."""
    inner = table.table("next", keys.NEXT, _NEXT)
    if inner is None:
        if "next" not in table:
            table.note("next", f"is missing; allowed: {_NEXT}")
        return NO_NEXT
    sources = inner.need("from", Kind(read_from, FROM), None)
    keep = inner.take("keep", Kind(_read_keep, 'all, none, or a list of names such as ["limit"]'), None)
    first = inner.take("first", Kind(_read_first, _FIRST), None)
    base = inner.take("base", Kind(_read_base, _BASE), None)
    if sources is None:
        inner.take("to", Kind(read_to, TO), None)
        return NO_NEXT
    if sources[0].source in {"object", "python"}:
        return _without_to(inner, sources[0], keep)
    targets = inner.need("to", Kind(read_to, TO), None)
    if targets is None or not _go_together(inner, sources, targets):
        return NO_NEXT
    if isinstance(inner.raw("to"), list):
        steps = [_step(source, target) for source, target in zip(sources, targets, strict=True)]
        return _several(steps, keep)
    # Several places in the body for one token; several members of the last record for one list.
    paths = tuple(path for source in sources for path in source.paths)
    step = _step(sources[0], targets[0])
    # Beside a URL nothing is kept in any case.
    kept = None if step.to == "url" else keep
    return replace(step, paths=paths or step.paths, first=first, keep=kept, base=base)


def read_end(table: Table) -> End:
    """Which of its rules can ever hold for the stream is not looked at here."""
    return table.need("end", Kind(_read_end, _END), End())


def _step(source: From, target: To) -> Next:
    return Next(
        source=source.source,
        to=target.to,
        paths=source.paths,
        name=source.name,
        parameter=target.parameter,
        path=target.path,
    )


def _without_to(inner: Table, source: From, keep: tuple[str, ...] | None) -> Next:
    """Of what says by itself where it goes."""
    allowed = "no such key"
    goes = "goes into the query by its own names" if source.source == "object" else "says by itself what is asked"
    beside = ("to", "first", "base") if source.source == "object" else ("to", "first", "keep", "base")
    for key in beside:
        if key in inner:
            inner.note(key, f"does not go with from = {source.source}:…, which {goes}; allowed: {allowed}")
    return Next(source=source.source, to="query", paths=source.paths, name=source.name, keep=keep)


def _several(steps: list[Next], keep: tuple[str, ...] | None) -> Next:
    return replace(steps[0], keep=keep, beside=tuple(steps[1:]))


def _go_together(inner: Table, sources: tuple[From, ...], targets: tuple[To, ...]) -> bool:
    """Notes what does not."""
    before = len(inner.mistakes.texts)
    kinds: set[str] = {source.source for source in sources}
    if isinstance(inner.raw("to"), list):
        _check_several(inner, sources, targets)
    else:
        _check_one(inner, kinds, len(sources), targets[0])
    return len(inner.mistakes.texts) == before


def _check_several(inner: Table, sources: tuple[From, ...], targets: tuple[To, ...]) -> None:
    if len(sources) != len(targets) or len(targets) < 2:
        inner.note(
            "to", f"is a list of {len(targets)}, and from names {len(sources)}; allowed: as many as from, two or more"
        )
    for source in sources:
        if source.source not in {"body", "header", "last"}:
            text = f"holds {source.source}, which goes with no other; allowed: body:PATH, header:NAME and last:PATH"
            inner.note("from", text)
    if any(target.to == "url" for target in targets):
        inner.note("to", "holds url, which goes with no other; allowed: query:NAME, body:PATH and header:NAME")
    if "first" in inner:
        inner.note("first", "goes with one token only, and to is a list; allowed: no first")
    if "base" in inner:
        inner.note("base", _BASE_ALONE)


def _check_one(inner: Table, kinds: set[str], count: int, target: To) -> None:
    raw = shown(inner.raw("to"))
    if count > 1 and (kinds != {"body"} and not (kinds == {"last"} and target.to == "body")):
        inner.refuse(
            "from",
            "a list that leads to one place holds places in the body only, or members of the last record for a body",
            "body:PATH, several of these, or a list in to with a place for each",
            shown(inner.raw("from")),
        )
    elif "link" in kinds and target.to != "url":
        inner.refuse("to", "a link is a URL", "url", raw)
    elif kinds & {"counter", "last"} and target.to == "url":
        inner.refuse("to", f"a {'counter' if 'counter' in kinds else 'value of a record'} is no URL", _NO_URL, raw)
    if "base" in inner and (target.to != "url" or "link" in kinds):
        inner.note("base", _BASE_ALONE)
    if target.to == "url":
        if "first" in inner:
            inner.note("first", "does not go with url; allowed: no first")
        if inner.raw("keep") not in (None, "none"):
            inner.note("keep", "does not go with url, which is sent as it is written; allowed: none, or no keep")
    elif "counter" in kinds and isinstance(inner.raw("first"), str):
        inner.refuse("first", "a counter counts", "a whole number from 0", shown(inner.raw("first")))
    elif target.to == "header" and isinstance(inner.raw("first"), str) and not is_header_text(inner.raw("first")):
        inner.refuse("first", "no header can carry it", "visible ASCII characters", shown(inner.raw("first")))


def _read_first(value: Any) -> str | int:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("it is neither")
    if value < 0:
        raise ValueError("it is below 0")
    return value


def _read_base(value: Any) -> Path:
    kind, _, rest = text_of(value).partition(":")
    if kind != "body":
        raise ValueError("it is no place in the body")
    return path_of(rest)


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
        repeat="repeat" in texts,
        statuses=tuple(int(text.removeprefix(_STATUS)) for text in texts if text.startswith(_STATUS)),
        flags=flags,
        resumable="resumable" in texts,
    )


def _check_rule(text: str) -> None:
    if text.startswith(_STATUS):
        number = text.removeprefix(_STATUS)
        if not re.fullmatch("[0-9]{3}", number) or int(number) not in _END_STATUSES:
            never = ", ".join(map(str, sorted(_NEVER_AN_END)))
            raise ValueError(f"a status that ends is one from 201 to 299 or from 400 to 499, and none of {never}")
    elif text not in (*_RULES, *_WORDS) and not text.startswith("flag:"):
        raise ValueError(f"it holds what is none of these{guess(text, (*_RULES, *_WORDS, 'flag:', _STATUS))}")


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

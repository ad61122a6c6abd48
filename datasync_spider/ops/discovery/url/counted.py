"""Next pages that the client works out itself: by counting pages or records, or from the last record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datasync_spider.ops.discovery.url.flags import Flag
from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.names import plain
from datasync_spider.ops.discovery.url.parameters import counters
from datasync_spider.ops.discovery.url.probe import Seen
from datasync_spider.ops.discovery.url.proposal import Proposal
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import MISSING, Path, parse_path

_KEYSET = frozenset(
    {
        *(
            "startingafter",
            "afterid",
            "after",
            "sinceid",
            "since",
            "startafter",
            "lastid",
            "beforeid",
            "before",
            "maxid",
        ),
    }
)


def counters_of(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    """Counters that stand in the URL, in the data, or in the answer."""
    for kind, to, first, why in counters(target, page.body, layout.path):
        yield counting(target, kind, to, first, len(layout.records), why)


def counting(
    target: Target, kind: str, to: str, first: int | None, records: int, why: str, *, is_guess: bool = False
) -> Proposal:
    """A page or an offset as a parameter, asked for the second time. ``first`` None: 1 is tried for pages."""
    begins = first if first is not None else (1 if kind == "page" else 0)
    following = begins + (1 if kind == "page" else records)
    where, _, name = to.partition(":")
    wish = target.wish({name: str(following)}) if where == "query" else target.wish(body={parse_path(name): following})
    drops = (name,) if where == "query" and any(own == name for own, _ in target.query) else ()
    return Proposal(f"counter:{kind}", to, wish, why, kind, first, drops, is_guess=is_guess)


def last_records(target: Target, layout: Layout, id_path: Path | None, flags: Sequence[Flag]) -> Iterator[Proposal]:
    """The last record's id, or what it is sorted by."""
    if not layout.records:
        return
    last = layout.records[-1]
    sort = last.get("sort") if isinstance(last, dict) else None
    if isinstance(sort, list) and sort and target.data is not None:
        wish = target.wish(body={Path(("search_after",)): sort})
        yield Proposal("last:sort", "body:search_after", wish, "each record has a member sort")
    value = MISSING if id_path is None else id_path.read(last)
    if value is MISSING or (target.method != "GET" and target.data is None and target.form is None):
        return
    why = (
        "more follows, and nothing in the body says from where" if flags else "nothing in the answer says what follows"
    )
    names = ("starting_after", "after_id", "after", "since_id", "last_id", "cursor") if flags else ("starting_after",)
    own = [name for name, _ in target.query if plain(name) in _KEYSET or plain(name).endswith(("idgt", "idlt"))]
    sorted_by = f"{id_path}__gt" if layout.shape == "map" else None
    for name in (*own, *((sorted_by,) if sorted_by else ()), *names):
        to = f"query:{name}" if target.data is None else f"body:{name}"
        wish = target.wish({name: str(value)}) if target.data is None else target.wish(body={Path((name,)): value})
        yield Proposal(f"last:{id_path}", to, wish, why, is_guess=True)


def guessed_counters(target: Target, layout: Layout) -> Iterator[Proposal]:
    """Of what many APIs count by, where nothing else is known."""
    count = len(layout.records)
    if not count:
        return
    why = "nothing in the answer says what follows"
    where = "query" if target.data is None else "body"
    yield counting(target, "page", f"{where}:page", None, count, why, is_guess=True)
    yield counting(target, "offset", f"{where}:offset", 0, count, why, is_guess=True)

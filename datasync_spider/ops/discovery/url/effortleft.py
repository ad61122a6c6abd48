"""What the steps of an investigation share: the requests that are left, and whether a page is another one."""

from __future__ import annotations

from collections.abc import Generator

from msgspec.structs import replace

from datasync_spider.ops.discovery.url.counts import SizeParameter
from datasync_spider.ops.discovery.url.fields import Identity
from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.probe import Seen, Wish
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import parse_path


class RequestsLeft:
    """Gives wishes as long as requests are left, and counts them."""

    def __init__(self, target: Target, most: int) -> None:
        self.target = target
        self.asked = 0
        self._left = most

    def ask(self, wish: Wish) -> Generator[Wish, Seen | None, Seen | None]:
        """None where no request is left."""
        if not self._left:
            return None
        self._left -= 1
        answer = yield wish
        if answer is None:
            self._left = 0
        else:
            self.asked += 1
        return answer

    def with_size(self, size: SizeParameter) -> Target:
        """The same asked for in pages of this size."""
        where, _, name = size.to.partition(":")
        if where == "query":
            kept = tuple((own, text) for own, text in self.target.query if own != name)
            return replace(self.target, query=(*kept, (name, str(size.size))))
        wish = self.target.wish(body={parse_path(name): size.size})
        return replace(self.target, data=wish.data, form=wish.form)

    def with_next(self, to: str | None, value: int) -> Wish:
        """The same with a counter at this number."""
        where, _, name = (to or "").partition(":")
        if where == "query":
            return self.target.wish({name: str(value)})
        return self.target.wish(body={parse_path(name): value})


def advances(answer: Seen, layout: Layout, identity: Identity) -> bool:
    """Whether the page holds other records than the first one, and not just a few of them."""
    records = layout.read(answer.body) if answer.is_good else None
    if not records:
        return False
    known = {identity.of(record) for record in layout.records}
    ids = [identity.of(record) for record in records]
    if identity.kind != "hash" and None in ids:
        return False
    new = [one for one in ids if one not in known]
    return len(new) * 2 > len(ids)

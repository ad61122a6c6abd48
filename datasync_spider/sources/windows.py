"""The windows of a pass that asks for one span of time after another: which there are, how far each has come. Pure.

States of a window, and what is left of it where the pass is broken off:

not cut     behind ``next``                        it is cut when its turn comes
waiting     one of two halves                      it is begun when its turn comes
open        asked for; the position of its chain   its chain goes on there
split       too large: two waiting halves instead  the whole, until a page of any window is saved: it is split again
finished    in no list any more                    nothing: it lies below the floor, or will

The floor is the beginning of the lowest window that is not finished: below it all is read. All of it is one text, which
is saved with each page. Times are whole seconds since 1970-01-01 UTC; a window is half-open, from ``begin`` up to
``end``, and one in which both are the same is a moment.

Invariant: the windows that are finished, open, waiting and not cut cover the time from where the pass began up to
``until`` once, in whatever order pages, splits and new beginnings come. Each chain has a number that no other chain of
the pass has.
"""

from __future__ import annotations

import json
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

_SMALLEST_SECONDS = 1


class Window(Struct, frozen=True):
    """``chain``: the number of its chain. ``position``: where that goes on; None is its first page."""

    begin: int
    end: int
    chain: int
    position: str | None = None


class Windows:
    """Of one pass. ``parallel``: so many may be under way at once."""

    def __init__(self, unfinished: list[Window], following: int, until: int, chain: int) -> None:
        self._unfinished = {window.chain: window for window in unfinished}
        self._under_way: set[int] = set()
        self._next = following
        self._until = until
        self._chain = chain

    @classmethod
    def begin(cls, floor: int, until: int, chain: int) -> Self:
        """``chain``: the first of its chains has this number. Where no time has passed, the moment is asked for."""
        if until <= floor:
            return cls([Window(floor, floor, chain)], floor, floor, chain)
        return cls([], floor, until, chain - 1)

    @classmethod
    def read(cls, text: str) -> Self:
        """What :meth:`text` has made. Raises ValueError for anything else."""
        try:
            state = json.loads(text)
            unfinished = [
                Window(_whole(begin), _whole(end), _whole(chain), None if position is None else _text(position))
                for begin, end, chain, position in state["open"]
            ]
            return cls(unfinished, _whole(state["next"]), _whole(state["until"]), _whole(state["walk"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("it holds no windows") from error

    @property
    def floor(self) -> int:
        """All that is older is read."""
        return min((window.begin for window in self._unfinished.values()), default=self._next)

    @property
    def is_finished(self) -> bool:
        return not self._unfinished and self._next >= self._until

    def position_of(self, chain: int) -> str | None:
        """Where the chain of this number goes on; None where it is at its window's first page, or is no more."""
        window = self._unfinished.get(chain)
        return None if window is None else window.position

    def take(self, step: int, parallel: int) -> list[Window]:
        """The windows that are to be asked for now, the oldest first; they are under way from here on."""
        taken = []
        while len(self._under_way) < parallel and (window := self._following(step)) is not None:
            self._under_way.add(window.chain)
            taken.append(window)
        return taken

    def move(self, chain: int, position: str | None) -> None:
        """A page of the window has come; ``position``: what follows it, None where it is the window's last one."""
        if position is None:
            del self._unfinished[chain]
            self._under_way.discard(chain)
        else:
            self._unfinished[chain] = replace(self._unfinished[chain], position=position)

    def begin_anew(self, chain: int) -> int:
        """Its chain leads nowhere: another one begins at the window's first page. Gives that one's number."""
        window = self._unfinished.pop(chain)
        self._under_way.discard(chain)
        self._chain += 1
        self._unfinished[self._chain] = replace(window, chain=self._chain, position=None)
        self._under_way.add(self._chain)
        return self._chain

    def split(self, chain: int) -> bool:
        """Two windows stand in its place. False where it is as small as one can be, and stays."""
        window = self._unfinished[chain]
        middle = (window.begin + window.end) // 2
        if window.end - window.begin <= _SMALLEST_SECONDS:
            return False
        del self._unfinished[chain]
        self._under_way.discard(chain)
        for begin, end in ((window.begin, middle), (middle, window.end)):
            self._chain += 1
            self._unfinished[self._chain] = Window(begin, end, self._chain)
        return True

    def text(self) -> str:
        """Canonical JSON."""
        unfinished = sorted(self._unfinished.values(), key=lambda window: window.begin)
        state = {
            "floor": self.floor,
            "next": self._next,
            "open": [[window.begin, window.end, window.chain, window.position] for window in unfinished],
            "until": self._until,
            "walk": self._chain,
        }
        return json.dumps(state, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def _following(self, step: int) -> Window | None:
        waiting = [window for chain, window in self._unfinished.items() if chain not in self._under_way]
        if waiting:
            return min(waiting, key=lambda window: window.begin)
        if self._next >= self._until:
            return None
        self._chain += 1
        window = Window(self._next, min(self._next + step, self._until), self._chain)
        self._unfinished[window.chain] = window
        self._next = window.end
        return window


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value

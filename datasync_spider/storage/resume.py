"""Where a run starts, decided from the stream's row alone.

A pass reads the feed from its head to its end (``full``) or to ground that an earlier pass has proven
(``incremental``). Runs come and go within a pass. States of ``pass_status`` and what a new run does in each:

new       never started             begin a full pass at the head
open      a run ended on the way    go on from the cursor (or at the head where nothing was committed yet)
complete  proven                    begin an incremental pass at the head, where the stream has such passes
short     ended without the proof   begin a full pass: something is missing, and only a full sync finds it

A pass of a stream that can be asked for what is not older than a time is incremental where it asks from the floor
(:mod:`datasync_spider.storage.floor`), and full where there is none: the first one, and what follows a short one.

Known ground ends a pass only where newer records come first, and where the stream's source says that it may. Of any
other stream each pass is full; an incremental one that is open, from before its source said so, is given up for a full
one.

A stream that can be resumed has incremental passes of another kind: they begin with the bookmark that the last complete
pass has left, and end where their chain ends. Where there is no bookmark, or where the API has no use for it any more,
the pass is a full one.

A backfill is a run beside the passes: it begins where its window begins, whatever the state, and leaves it as it is.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

FULL: Final = "full"
"""The kind of a pass that begins where the stream does."""
BACKFILL: Final = "backfill"
"""The kind of a run that belongs to no pass, as the table of runs spells it."""


class ContinuePass(Struct, frozen=True):
    """Go on in the pass that is open."""


class BeginPass(Struct, frozen=True):
    """Start a new pass at the head of the feed."""

    kind: str


def decide_start(
    pass_status: str,
    pass_kind: str,
    *,
    is_incremental: bool = True,
    is_blurred: bool = False,
    is_other_kind: bool = False,
) -> ContinuePass | BeginPass:
    """What a run does with a stream in this state. Raises ValueError for a state that no version has written.

    ``is_incremental``: the stream's passes may be shorter than full. ``is_blurred``: the last pass cannot be
    distinguished from what a backfill has stored meanwhile. ``is_other_kind``: an open incremental pass was begun in a
    way that is not the stream's any more.
    """
    match pass_status:
        case "open":
            gives_up = pass_kind == "incremental" and (is_other_kind or not is_incremental)
            return BeginPass("full") if gives_up else ContinuePass()
        case "new" | "short":
            return BeginPass("full")
        case "complete":
            return BeginPass("incremental" if is_incremental and not is_blurred else "full")
        case _:
            raise ValueError(f"ingestion_state.pass_status is {pass_status!r}, which no version of this program writes")

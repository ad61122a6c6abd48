"""Where a run starts, decided from the stream's row alone.

A pass walks the feed from its head to its end (``full``) or to ground that an earlier pass has proven
(``incremental``). Runs come and go within a pass. States of ``pass_status`` and what a new run does in each:

new       never started             begin a full pass at the head
open      a run ended on the way    go on from the cursor (or at the head where nothing was committed yet)
complete  proven                    begin an incremental pass at the head
short     ended without the proof   begin a full pass: something is missing, and only a whole walk finds it
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContinuePass:
    """Go on in the pass that is open."""


@dataclass(frozen=True, slots=True)
class BeginPass:
    """Start a new pass at the head of the feed."""

    kind: str


def decide_start(pass_status: str) -> ContinuePass | BeginPass:
    """What a run does with a stream in this state. Raises ValueError for a state that no version has written."""
    match pass_status:
        case "open":
            return ContinuePass()
        case "new" | "short":
            return BeginPass("full")
        case "complete":
            return BeginPass("incremental")
        case _:
            raise ValueError(f"ingestion_state.pass_status is {pass_status!r}, which no version of this program writes")

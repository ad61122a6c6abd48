"""The words for how a slice is: two that need someone, then what runs, then all others. Pure.

Invariant: each is one that the view ``ingestion_slice_states`` gives, and it gives no other; a test compares both. So
it is with those for machines and ``ingestion_machines``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATES: Final[Mapping[str, str]] = {
    "failing": "Its last sync has failed, or ended incomplete, or its process has died.",
    "late": "It has been due, and not begun, for longer than twice its `every`.",
    "running": "A run of it is under way.",
    "paused": "Someone has paused it.",
    "stopped": "Its last run was stopped before it was through, or fenced off.",
    "new": "It is named, and no sync of it has begun yet.",
    "fine": "Its last sync is complete.",
}
TROUBLES: Final = ("failing", "late")
"""Those that someone should look at."""

MACHINE_STATES: Final[Mapping[str, str]] = {
    "silent": "A lease of its has expired, and no one has taken the slice over yet: it is dead, or cut off.",
    "late": "It has slices under way, and two of three heartbeats are missing.",
    "lost": "What it had under way last was taken over by others.",
    "running": "It has slices under way, and is heard.",
    "idle": "It has ended syncs within the last hour, and has none under way.",
}
"""Of machines, and of a fleet's workers; those that someone should look at come first."""

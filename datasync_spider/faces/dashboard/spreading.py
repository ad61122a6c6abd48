"""Where in time the ledger's sums belong: a page is recorded when it is committed, but was made before that. Pure.

A batch holds what came since the commit before it, and a pause lies before the page that ended it. Recorded at their
commit, a fast crawl looks like a saw and a long wait like a needle.

Invariant: spreading moves amounts to earlier points and changes no sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

# Commits of a crawl that works lie closer together than this; what is longer is a standstill, and is drawn as one.
LONGEST_GAP_SECONDS = 10


def origins(pages: Sequence[int], waited_seconds: Sequence[float], width: float) -> list[int]:
    """For each point the first one that its commits were made in: its own, or the one behind the commit before it.

    Time that was spent waiting is left out, and so is a gap that is too long for work.
    """
    found = []
    previous = -1
    for place, count in enumerate(pages):
        first = place
        if count:
            waited = int(waited_seconds[place] // width)
            if (place - previous - 1) * width < LONGEST_GAP_SECONDS + waited * width:
                first = min(place, previous + 1 + waited)
            previous = place
        found.append(first)
    return found


def over_work(amounts: Sequence[int], lengths: Sequence[float], first: Sequence[int]) -> list[float]:
    """Rates: each point's amount evenly over the time from ``first`` to itself."""
    until = [0.0, *accumulate(lengths)]
    rates = [0.0] * len(amounts)
    for place, amount in enumerate(amounts):
        lasted = until[place + 1] - until[first[place]]
        for earlier in range(first[place], place + 1):
            rates[earlier] += amount / lasted
    return rates


def over_waits(waited_seconds: Sequence[float], fetch_seconds: Sequence[float], width: float) -> list[float]:
    """Seconds waited in each point: as much as it holds, the rest in the ones before it.

    ``fetch_seconds``: how long the page behind the wait took, which lies between the wait and the commit.
    """
    spread = [0.0] * len(waited_seconds)
    for place, waited in enumerate(waited_seconds):
        left = waited
        for earlier in range(max(0, place - int(fetch_seconds[place] // width)), -1, -1):
            fits = min(left, max(0.0, width - spread[earlier]))
            spread[earlier] += fits
            left -= fits
            if left <= 0:
                break
        # Longer than the run: a clock was set.
        spread[place] += left
    return spread

"""How many tries are left, from what this database knows and what the API reports. The lower number counts."""

from __future__ import annotations

from msgspec import Struct

from datasync_spider.datasync.submission.refusal import SubmissionRefused

QUOTA = 5


class Tries(Struct, frozen=True):
    """``used_here``: attempts of this key in this database. ``reported_left``: the API's count, None if it has none."""

    used_here: int
    reported_left: int | None = None

    @property
    def left(self) -> int:
        """Never more than either source allows, never below 0."""
        here = QUOTA - self.used_here
        return max(0, here if self.reported_left is None else min(here, self.reported_left))

    @property
    def used(self) -> int:
        return QUOTA - self.left

    def __str__(self) -> str:
        reported = (
            "the API reports nothing of it"
            if self.reported_left is None
            else f"the API reports {self.reported_left} left"
        )
        return f"{self.used} of {QUOTA} tries used, {self.left} left ({self.used_here} sent from here; {reported})"


def check_tries(tries: Tries, *, last_try: bool) -> None:
    """Raises SubmissionRefused where no try is left, or only the last one is and ``last_try`` is not given."""
    if tries.left == 0:
        raise SubmissionRefused(f"no try is left for this key: {tries}")
    if tries.left == 1 and not last_try:
        raise SubmissionRefused(f"this would be the key's last try: say --last-try if it is to be made ({tries})")

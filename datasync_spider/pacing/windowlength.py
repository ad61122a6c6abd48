"""How long a rate window lasts, where the server says so or where it shows.

The first answer of a window of 60 s reports 60 where the server rounds up, and 60 or 59 where it rounds down; that
alone leaves a second of doubt. But windows last 10, 20, 30 or 60 s, not 59, so that answer gives the length away.
Invariant: a guess is only taken from the first answer of a window that we waited for, and a refusal after it ends all
guessing.
"""

from __future__ import annotations

_STEP_SECONDS = 5.0
_QUICK_ANSWER_SECONDS = 1.0


class WindowLength:
    """``seconds`` is None while the length is not known."""

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._may_guess = True
        self._is_guess = False

    def was_reported(self, seconds: float) -> None:
        """The server said it."""
        self.seconds, self._is_guess = seconds, False

    def window_opened(self, reported_reset_seconds: float, answer_seconds: float) -> None:
        """The first answer of a window that no one else has used reported this many whole seconds until its end.

        An answer that took long reports a moment too uncertain to conclude from.
        """
        if not self._may_guess or answer_seconds > _QUICK_ANSWER_SECONDS or (self.seconds and not self._is_guess):
            return
        lasts = (reported_reset_seconds, reported_reset_seconds + 1.0)
        self.seconds = next((length for length in lasts if length and length % _STEP_SECONDS == 0.0), None)
        self._is_guess = self.seconds is not None

    def was_refused(self) -> None:
        """The server refused a request: whatever was guessed may have been too short."""
        if self._is_guess:
            self.seconds, self._is_guess, self._may_guess = None, False, False

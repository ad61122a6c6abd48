"""Reports in the log how far a long upload has come, a step at a time."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

_STEPS = 10


class Steps:
    """Called with the bytes handed over so far; logs each tenth once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._step = 0

    def __call__(self, done: int) -> None:
        step = done * _STEPS // self._size if self._size else _STEPS
        if step > self._step:
            self._step = step
            logger.info("sent %d %% of %s bytes", step * 100 // _STEPS, f"{self._size:,}")

"""Imports while something else is waited for: a start is half imports, and the database is asked several times in it.

Invariant: a caller that needs a module imports it as ever, and waits for it where it is on its way. Nothing of what is
imported here may do more than define things.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module


@contextmanager
def imported_meanwhile(*modules: str) -> Iterator[None]:
    """Imports them in their order beside what the context does, and is done with them at its end."""

    def import_all() -> None:
        # The import of the module itself shows what is wrong with it.
        with suppress(Exception):
            for module in modules:
                import_module(module)

    importing = threading.Thread(target=import_all, name="datasync-importing", daemon=True)
    importing.start()
    try:
        yield
    finally:
        importing.join()

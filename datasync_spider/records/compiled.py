"""The compiled reading of pages and writing of rows (the folder ``compiled``), where it could be compiled.

Invariant: what runs in its place does the same, more slowly. The caller asks ``IS_COMPILED`` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasync_columns import Events, InFlight, Rows, Scanner, encode_rows, join, listed

    IS_COMPILED: bool
else:
    try:
        from datasync_columns import Events, InFlight, Rows, Scanner, encode_rows, join, listed

        IS_COMPILED = True
    except ImportError:
        IS_COMPILED = False

__all__ = ["IS_COMPILED", "Events", "InFlight", "Rows", "Scanner", "encode_rows", "join", "listed"]

"""How the API's pages are read, as the facts that decide what a stored record means. Pure.

Invariant: changes where a record would be stored under another id, or a walk would end elsewhere, and nowhere else:
whoever has stored records by other facts is asked to begin anew.
"""

from __future__ import annotations

from datasync_spider.api.scrutiny import ID_NAMES

FINGERPRINT = {
    "records": "data or events",
    "id": " or ".join(ID_NAMES),
    "order": "newest-first",
    "next": "nextCursor",
}

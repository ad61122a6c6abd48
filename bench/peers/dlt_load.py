"""The pipeline that dlt's documentation leads to: ``dlt_load.py BASE_URL HOST PORT DATABASE append|merge``.

Run by the peers' own interpreter, and imports nothing of the project. One resource follows the cursors over a
keep-alive session and yields pages of rows; the payload goes into one JSON column, as ours does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers import requests
from dlt_destination import destination

_LIMIT = 5_000


def main(base_url: str, host: str, port: str, database: str, disposition: str) -> None:
    """Loads the whole feed."""

    def events() -> Iterator[list[dict[str, Any]]]:
        session = requests.Client().session
        cursor: str | None = None
        while True:
            asked = {"limit": str(_LIMIT), **({"cursor": cursor} if cursor else {})}
            page = session.get(f"{base_url}/events", params=asked).json()
            yield [
                {"event_id": event["id"], "occurred_at": _seconds(event["timestamp"]), "payload": event}
                for event in page["data"]
            ]
            cursor = page["pagination"]["nextCursor"]
            if not page["pagination"]["hasMore"]:
                return

    resource = dlt.resource(
        events,
        name="ingested_events",
        write_disposition="merge" if disposition == "merge" else "append",
        primary_key="event_id",
        columns={"payload": {"data_type": "json"}, "occurred_at": {"data_type": "timestamp"}},
        max_table_nesting=0,
    )
    pipeline = dlt.pipeline("bench", destination=destination(host, port, database), dataset_name="peer")
    pipeline.run(resource).raise_on_failed_jobs()


def _seconds(timestamp: str | int) -> str | float:
    return timestamp / 1000 if isinstance(timestamp, int) else timestamp


if __name__ == "__main__":
    main(*sys.argv[1:6])

"""Databases that know a part of the feed before the crawl begins, as an earlier, short chain would have left them."""

from __future__ import annotations

from bench.bench import Bench
from bench.limits.psql_copy import copy_rows
from bench.server import execute


def know(bench: Bench, template: str, total: int, every: int) -> str:
    """A template whose table holds every nth event of the feed, and whose totals say so; its name."""
    url = bench.server.make_template(template)
    copy_rows(bench.rows(total), url, total)
    # Ids are random, so a tenth of them by their order is a tenth of every page.
    execute(
        url,
        "DELETE FROM ingested_events AS event"
        " USING (SELECT event_id, row_number() OVER (ORDER BY event_id) AS number FROM ingested_events) AS counted"
        f" WHERE counted.event_id = event.event_id AND counted.number % {every} <> 0",
    )
    execute(url, "UPDATE ingestion_state SET total_ingested = (SELECT count(*) FROM ingested_events)")
    # As autovacuum would have left it by the time that someone reads the feed again.
    execute(url, "VACUUM (FULL, ANALYZE) ingested_events")
    return template

"""Feed exporters that write one event a record, though an item is a page of events.

An export shows what passed through the pipelines; what is saved is reported by the database alone. A JSON line holds
the payload's very bytes (line ends between tokens become spaces), so no number changes its digits on the way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scrapy.exporters import CsvItemExporter, JsonItemExporter, JsonLinesItemExporter, XmlItemExporter

from datasync_spider.items import EventPage

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


def _records(page: EventPage) -> Iterator[dict[str, Any]]:
    for event in page.events:
        yield {
            "event_id": event.event_id,
            "occurred_at": event.occurred_at.isoformat() if event.occurred_at else None,
            "payload": event.payload.decode("utf-8"),
        }


class JsonLinesEventExporter(JsonLinesItemExporter):
    """One line an event: ``{"event_id": …, "occurred_at": …, "payload": {…}}``."""

    def export_item(self, item: Any) -> None:
        if not isinstance(item, EventPage):
            super().export_item(item)
            return
        lines = []
        for event in item.events:
            occurred_at = json.dumps(event.occurred_at.isoformat() if event.occurred_at else None)
            head = f'{{"event_id": {json.dumps(event.event_id)}, "occurred_at": {occurred_at}, "payload": '
            lines += [head.encode(), event.payload.translate(_LINE_ENDS), b"}\n"]
        self.file.write(b"".join(lines))


class _Expanding:
    """Gives the exporter one record an event, the payload as JSON text."""

    def export_item(self, item: Any) -> None:
        for record in _records(item) if isinstance(item, EventPage) else [item]:
            super().export_item(record)  # type: ignore[misc]


class JsonEventExporter(_Expanding, JsonItemExporter):
    """One array of records."""


class CsvEventExporter(_Expanding, CsvItemExporter):
    """One row an event."""


class XmlEventExporter(_Expanding, XmlItemExporter):
    """One element an event."""

"""The stream of a run, as its settings describe it.

Invariant: whatever opens a run of the API's stream, be it a crawl or a replay, describes it by this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider.api.fingerprint import FINGERPRINT
from datasync_spider.storage.registry import StreamSpec

if TYPE_CHECKING:
    from datasync_spider.config import Config


def stream_spec(config: Config) -> StreamSpec:
    """The slice that STREAM and SLICE name, and what becomes of versions of one event."""
    return StreamSpec(
        config.stream,
        config.slice,
        schema=config.database_schema,
        fingerprint=FINGERPRINT,
        credential=config.credential,
        is_mutable=config.conflict_rule == "last",
        keeps_history=config.keep_history,
    )

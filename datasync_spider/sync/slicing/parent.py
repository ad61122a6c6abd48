"""Slices that are made of the stored records of another stream: one for each different set of values.

Invariant: what marks a record as deleted leaves it out, and a record without usable values is counted and said. What a
crawl of that other stream stores meanwhile is for the next one.
"""

from __future__ import annotations

import json
import logging

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.slicevalues import DistinctSlices, TooManySlices, checked_values
from datasync_spider.sources.spec import OfSlice, SlicesFromStream, SliceValues
from datasync_spider.storage.connection import connected
from datasync_spider.storage.parents import read_parent_values

logger = logging.getLogger(__name__)


def slices_of_parent(origin: SlicesFromStream, source: str, stream: str, database_url: str) -> list[SliceValues]:
    """In the order of their values; none where the parent is stored and has no records.

    Raises ConfigurationError where it has never been crawled.
    """
    parent = f"{source}.{origin.stream}"
    places = {name: place for name, place in origin.values.items() if not isinstance(place, OfSlice)}
    of_slice = {name: place.name for name, place in origin.values.items() if isinstance(place, OfSlice)}
    with connected(database_url) as connection:
        found = read_parent_values(connection, parent, list(places.values()))
    if found is None:
        raise ConfigurationError(
            f"the slices of {stream} are made of the records of {parent}, which has never been crawled: run"
            f" scrapy crawl {parent} first"
        )
    if found.unproven and not found.values:
        raise ConfigurationError(
            f"the slices of {stream} are made of the records of {parent}, of which none is stored and no crawl was"
            f" complete: run scrapy crawl {parent} first"
        )
    if found.unproven:
        logger.warning("%s is not known to be complete: %s may have slices that are not seen yet", parent, stream)
    slices, unusable = DistinctSlices(), 0
    for parent_slice, values, count in found.values:
        of_parent = json.loads(parent_slice)
        made = dict(zip(places, values, strict=True)) | {name: of_parent.get(key) for name, key in of_slice.items()}
        try:
            slices.add(checked_values(made))
        except TooManySlices as error:
            raise ConfigurationError(f"the slices of {stream} are made of the records of {parent}: {error}") from None
        except ValueError:
            unusable += count
    if unusable:
        logger.warning(
            "%d records of %s make no slice of %s: each value must be a text or a whole number",
            unusable,
            parent,
            stream,
        )
    return list(slices)

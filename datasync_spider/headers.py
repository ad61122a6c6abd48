"""Scrapy's headers as the plain mapping that the pure layers take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import ItemsView

    from scrapy.http import Headers


def plain_headers(headers: Headers) -> dict[str, str]:
    """Text by lower-case name; of a repeated header the last value."""
    # As the dictionary that they are: their own items() looks each name up again.
    items: ItemsView[bytes, list[bytes]] = dict.items(headers)
    return {name.decode("latin-1").lower(): values[-1].decode("latin-1") for name, values in items if values}

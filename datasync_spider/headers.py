"""Scrapy's headers as the plain mapping that the pure layers take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.http import Headers


def plain_headers(headers: Headers) -> dict[str, str]:
    """Text by lower-case name; of a repeated header the last value."""
    return {name.decode("latin-1").lower(): values[-1].decode("latin-1") for name, values in headers.items() if values}

"""JSON as it stands in a body, numbers exact."""

from __future__ import annotations

from typing import Any

import msgspec

from datasync_spider.sources.paths import exact_number

REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for what is no JSON, or none that it can take."""

decode = msgspec.json.Decoder(float_hook=exact_number).decode


def decoded(body: bytes) -> Any:
    """What the body is read as; None, which has no members, where it is no JSON."""
    try:
        return decode(body)
    except REFUSALS:
        return None

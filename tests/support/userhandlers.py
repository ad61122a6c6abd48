"""A download handler as a user might write it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

logger = logging.getLogger(__name__)


class MadeAtOnce:
    """Reports when it is made, which is before anyone asks for its scheme, and when it is closed."""

    lazy = False

    def __init__(self) -> None:
        logger.warning("a handler was made")

    async def download_request(self, request: Request) -> Response:
        raise NotImplementedError("no one asks for its scheme")

    async def close(self) -> None:
        logger.warning("a handler was closed")

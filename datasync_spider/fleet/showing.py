"""Shows what a process with many syncs does: over HTTP where there is a port, and drawn where there is a terminal.

Invariant: it begins with the event loop and ends with it, and where nothing is shown the database is asked nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from datasync_spider.faces.liveview.mode import DRAWN, PROGRESS_LOGGER, RUN_LOGGER
from datasync_spider.faces.metrics.listening import LISTENING_SOCKET

if TYPE_CHECKING:
    from rich.console import RenderableType
    from scrapy.settings import BaseSettings

    from datasync_spider.config import Config
    from datasync_spider.faces.liveview.drawing import Drawing
    from datasync_spider.faces.liveview.panel import Warned
    from datasync_spider.fleet.supplies import Supply
    from datasync_spider.fleet.watching import Watching


@contextmanager
def shown(
    watching: Watching, supply: Supply, settings: BaseSettings, config: Config, *, serves: bool
) -> Iterator[None]:
    """While the context lasts. The setting DATASYNC_DRAWN says whether it is drawn."""
    is_drawn = settings.getbool(DRAWN)
    drawings: list[Drawing] = []

    def begin() -> None:
        watching.ask_for_ever()
        if serves:
            _serve(watching, settings, config)
        if is_drawn:
            drawings.append(_draw(watching, supply))

    if serves or is_drawn:
        asyncio.get_event_loop().call_soon(begin)
    try:
        yield
    finally:
        for drawing in drawings:
            drawing.end()


def _serve(watching: Watching, settings: BaseSettings, config: Config) -> None:
    # A tenth of a second, for those who ask.
    from datasync_spider.faces.metrics.process import registry_of  # noqa: PLC0415
    from datasync_spider.faces.metrics.site import render_metrics, serve  # noqa: PLC0415

    assert config.metrics_port is not None
    registry = registry_of(watching.many)
    serve(
        lambda accept: render_metrics(registry, accept),
        watching.readiness,
        config.metrics_host,
        config.metrics_port,
        settings.get(LISTENING_SOCKET),
    )


def _draw(watching: Watching, supply: Supply) -> Drawing:
    # As above.
    from datasync_spider.faces.liveview.drawing import Drawing  # noqa: PLC0415
    from datasync_spider.faces.liveview.manypanel import Ahead, manypanel  # noqa: PLC0415

    def picture(warned: Warned | None) -> RenderableType:
        ahead = Ahead(supply.left_count, len(supply.kept))
        return manypanel(watching.many, ahead, warned, time.monotonic())

    return Drawing(picture, {PROGRESS_LOGGER, RUN_LOGGER})

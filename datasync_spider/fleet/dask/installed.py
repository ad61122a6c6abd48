"""Whether Dask is there, and how to get it. Nothing else of the fleet can be imported without it."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from datasync_spider.errors import ConfigurationError

# Which has lines of its own for people who look at a cluster, and handlers that write them past ours.
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "bokeh", "tornado", "tornado.application")


def check_installed(dashboard: str | None = None) -> None:
    """Imports it. ``dashboard``: its page is wanted. Raises ConfigurationError where something is missing for that."""
    try:
        import distributed  # noqa: F401, PLC0415 - heavy, and missing where no one wants it
    except ImportError as error:
        raise ConfigurationError(
            f"a fleet needs dask.distributed, which cannot be imported ({error}):"
            " pip install 'datasync-ingestion[fleet]', or in a checkout"
            " pip install --require-hashes -r requirements-fleet.txt; scrapy sync needs nothing"
        ) from error
    if dashboard is not None and find_spec("bokeh") is None:
        raise ConfigurationError("Dask's page needs bokeh, which is not installed: pip install 'bokeh>=3.1'")
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)

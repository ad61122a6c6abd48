"""The end of a scheduler's or worker's process, whatever Dask has left behind in it."""

from __future__ import annotations

import subprocess
import sys

DEAF = """
import asyncio
from contextlib import suppress

from datasync_spider.fleet.dask.nodes import run_to_the_end


async def serve(stopped):
    async def deaf():
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    tasks.append(asyncio.ensure_future(deaf()))
    await asyncio.sleep(0)


tasks = []
run_to_the_end(serve)
"""


def test_a_task_that_does_not_end_keeps_no_process() -> None:
    assert subprocess.run([sys.executable, "-c", DEAF], check=False, timeout=60).returncode == 5
